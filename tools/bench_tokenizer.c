/* bench_tokenizer.c - how fast texts become ids, on one thread: bench_tokenizer TOKENIZER.json FILE...
 *
 * Each file is cut into documents of 4 kB, as for the figure of the `tokenizers` library that docs/speed.md compares
 * with; each document is one call. The best of five runs counts. Also the time that opening the file takes, and
 * decoding. Times are those of the processor, not of the clock on the wall: other programs may run beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "text/detokenize.h"
#include "text/tokenizer.h"

enum { DOCUMENT = 4096, RUNS = 5 };

typedef struct {
    double encode, decode; /* seconds, the best run */
    size_t bytes, tokens;
} Result;

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t document_end(const char *text, size_t begin, size_t n)
{
    size_t end = n - begin < DOCUMENT ? n : begin + DOCUMENT;
    while (end < n && ((unsigned char)text[end] & 0xc0) == 0x80) end--;
    return end;
}

static double timed_encode(const Tokenizer *t, const char *text, size_t n, Ids *out, Error *e)
{
    const double start = cpu_now();
    out->n = 0;
    for (size_t at = 0, end; at < n; at = end) {
        end = document_end(text, at, n);
        if (!tokenizer_encode(t, text + at, end - at, ADDED_ALL, out, e)) return -1;
    }
    return cpu_now() - start;
}

static double timed_decode(const Tokenizer *t, const Ids *ids, Str *out)
{
    const double start = cpu_now();
    str_clear(out);
    detokenize(t, ids->id, ids->n, false, out);
    return cpu_now() - start;
}

static bool measure(const Tokenizer *t, const char *path, Result *r, Error *e)
{
    char *text;
    Ids ids = { 0 };
    Str back = { 0 };
    if (!file_read(path, (size_t)1 << 30, &text, &r->bytes, e)) return false;
    r->encode = r->decode = 1e9;
    for (int i = 0; i < RUNS && r->encode > 0; i++) {
        const double encode = timed_encode(t, text, r->bytes, &ids, e), decode = timed_decode(t, &ids, &back);
        if (encode < r->encode) r->encode = encode;
        if (decode < r->decode) r->decode = decode;
    }
    r->tokens = ids.n;
    ids_free(&ids);
    str_free(&back);
    free(text);
    return r->encode > 0;
}

static void print_row(const char *name, const Result *r)
{
    const double mb = (double)r->bytes / 1e6;
    printf("| %s | %.2f | %zu | %.1f | %.0f | %.0f |\n", name, mb, r->tokens, mb / r->encode,
           (double)r->tokens / r->encode / 1e3, mb / r->decode);
}

static Tokenizer *open_timed(const char *path, Error *e)
{
    char *json;
    size_t n;
    Tokenizer *t = NULL;
    double best = 1e9;
    if (!file_read(path, (size_t)1 << 30, &json, &n, e)) return NULL;
    for (int i = 0; i < RUNS; i++) {
        tokenizer_close(t);
        const double start = cpu_now();
        t = tokenizer_open(json, n, NULL, path, e);
        if (!t) break;
        if (cpu_now() - start < best) best = cpu_now() - start;
    }
    free(json);
    if (t) printf("%s: %d tokens, opened in %.0f ms\n\n", path, tokenizer_count(t), best * 1e3);
    return t;
}

int main(int argc, char **argv)
{
    Error e;
    Result all = { 0 };
    if (argc < 3) {
        fprintf(stderr, "usage: bench_tokenizer TOKENIZER.json FILE...\n");
        return 2;
    }
    Tokenizer *t = open_timed(argv[1], &e);
    bool ok = t != NULL;
    if (ok) printf("| text | MB | tokens | MB/s | k tokens/s | decode MB/s |\n|---|--:|--:|--:|--:|--:|\n");
    for (int i = 2; ok && i < argc; i++) {
        Result r;
        ok = measure(t, argv[i], &r, &e);
        if (!ok) break;
        print_row(argv[i], &r);
        all = (Result){ all.encode + r.encode, all.decode + r.decode, all.bytes + r.bytes, all.tokens + r.tokens };
    }
    if (ok)
        print_row("all", &all);
    else
        fprintf(stderr, "bench_tokenizer: %s\n", e.text);
    tokenizer_close(t);
    return ok ? 0 : 1;
}
