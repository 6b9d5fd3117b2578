/* make_tokenizer.c - learns byte pairs from the texts of records: a small tokenizer.json in the published format, for the model
 * that comes with vl2.
 *
 * Begins with one token for each byte. The pair of neighbours that is most frequent becomes a token, again and again, inside of
 * the pieces that the published pre-tokenizer cuts; digits stay single, so that a number is read digit by digit. Among equally
 * frequent pairs the one with smaller ids wins: the same texts give the same file. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "byte_tokenizer.h"
#include "format/json.h"
#include "text/pretokenize.h"

static const char USAGE[] =
    "usage: make_tokenizer [options] -o tokenizer.json FILE.jsonl...\n"
    "Learns tokens from the messages of records as `vl2 train` takes them; what stands in <> is left out.\n\n"
    "  --tokens N      most tokens. Default: 1000\n"
    "  --least N       how often a pair occurs at least, to become one. Default: 20\n";

enum { FIRST_BYTE = 3, FIRST_MERGED = FIRST_BYTE + 256, MOST_TOKENS = 4096 };

/* A piece of text that occurs `count` times, as tokens. */
typedef struct {
    char *text;
    int *id;
    int n;
    int64_t count;
} Piece;

typedef struct {
    int left, right;
} Pair;

typedef struct {
    Piece *piece;
    int n, capacity;
    json_t *index; /* text -> place in piece */
    Pair merge[MOST_TOKENS];
    int n_tokens;
    Pretokenizer *cutter;
    PretokenizeWork work;
} Learner;

/* ---- texts ---- */

static bool is_digit(const char *text, size_t n)
{
    return n > 0 && strspn(text, "0123456789") >= n;
}

static void count_piece(Learner *l, const char *text, size_t n)
{
    if (n < 2 || is_digit(text, n)) return;
    char *key = xstrndup(text, n);
    const json_t *at = json_object_get(l->index, key);
    if (at) {
        l->piece[json_integer_value(at)].count++;
        free(key);
        return;
    }
    json_object_set_new(l->index, key, json_integer(l->n));
    GROW(l->piece, l->n, l->capacity);
    Piece *p = &l->piece[l->n++];
    *p = (Piece){ .text = key, .id = xcalloc(n, sizeof *p->id), .n = (int)n, .count = 1 };
    for (size_t i = 0; i < n; i++) p->id[i] = FIRST_BYTE + (unsigned char)text[i];
}

static bool count_text(Learner *l, const char *text, size_t n, Error *e)
{
    if (!pretokenize(l->cutter, text, n, &l->work, e)) return false;
    for (size_t i = 0; i < l->work.pieces.n; i++) {
        const Span s = l->work.pieces.span[i];
        count_piece(l, l->work.text + s.begin, s.end - s.begin);
    }
    return true;
}

/* What stands between tags; a box counts as what it becomes. */
static bool count_message(Learner *l, const char *text, Error *e)
{
    static const char box[] = "[[1, 2]]";
    while (*text) {
        const size_t n = strcspn(text, "<");
        if (n > 0 && !count_text(l, text, n, e)) return false;
        text += n;
        if (*text == '<') {
            if (strncmp(text, "<bbox>", 6) == 0 && !count_text(l, box, sizeof box - 1, e)) return false;
            text += strcspn(text, ">");
            text += *text == '>';
        }
    }
    return true;
}

static bool count_texts_of(Learner *l, const json_t *list, const char *key, Error *e)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(key ? json_object_get(item, key) : item);
        if (text && !count_message(l, text, e)) return false;
    }
    return true;
}

static bool count_file(Learner *l, const char *path, Error *e)
{
    FILE *f = fopen(path, "rb");
    if (!f) return fail(e, ERR_SYSTEM, "%s: cannot read", path);
    char *line = NULL;
    size_t room = 0;
    bool ok = true;
    for (ssize_t n; ok && (n = getline(&line, &room, f)) > 0;) {
        json_t *record = json_parse(line, (size_t)n, path, e);
        ok = record && count_texts_of(l, json_object_get(record, "messages"), "content", e) &&
             count_texts_of(l, json_object_get(json_object_get(record, "objects"), "ref"), NULL, e);
        json_decref(record);
    }
    free(line);
    fclose(f);
    return ok;
}

/* ---- merging ---- */

/* The most frequent pair of neighbours, and how often it occurs. */
static int64_t best_pair(const Learner *l, int64_t *count, Pair *out)
{
    const size_t side = (size_t)l->n_tokens;
    int64_t best = 0;
    memset(count, 0, side * side * sizeof *count);
    for (int i = 0; i < l->n; i++)
        for (int k = 0; k + 1 < l->piece[i].n; k++)
            count[(size_t)l->piece[i].id[k] * side + (size_t)l->piece[i].id[k + 1]] += l->piece[i].count;
    for (size_t i = 0; i < side * side; i++)
        if (count[i] > best) {
            best = count[i];
            *out = (Pair){ (int)(i / side), (int)(i % side) };
        }
    return best;
}

static void join(Learner *l, Pair pair)
{
    for (int i = 0; i < l->n; i++) {
        Piece *p = &l->piece[i];
        int n = 0;
        for (int k = 0; k < p->n; k++) {
            const bool joined = k + 1 < p->n && p->id[k] == pair.left && p->id[k + 1] == pair.right;
            p->id[n++] = joined ? l->n_tokens : p->id[k];
            k += joined;
        }
        p->n = n;
    }
    l->merge[l->n_tokens++] = pair;
}

static void learn(Learner *l, int tokens, int64_t least)
{
    int64_t *count = xcalloc((size_t)tokens * (size_t)tokens, sizeof *count);
    Pair pair = { 0 };
    l->n_tokens = FIRST_MERGED;
    while (l->n_tokens < tokens && best_pair(l, count, &pair) >= least) join(l, pair);
    free(count);
}

/* ---- the file ---- */

static void spell(const Learner *l, int id, Str *out)
{
    if (id >= FIRST_MERGED) {
        spell(l, l->merge[id].left, out);
        spell(l, l->merge[id].right, out);
        return;
    }
    char symbol[5] = { 0 };
    utf8_encode(byte_symbol(id - FIRST_BYTE), symbol);
    str_puts(out, symbol);
}

static bool write_tokenizer(const Learner *l, const char *path, Error *e)
{
    json_t *t = byte_tokenizer(), *model = json_object_get(t, "model");
    json_t *vocab = json_object_get(model, "vocab"), *merges = json_object_get(model, "merges");
    Str text = { 0 };
    for (int id = FIRST_MERGED; id < l->n_tokens; id++) {
        str_clear(&text);
        spell(l, id, &text);
        json_object_set_new(vocab, text.text, json_integer(id));
        str_clear(&text);
        spell(l, l->merge[id].left, &text);
        str_putc(&text, ' ');
        spell(l, l->merge[id].right, &text);
        json_array_append_new(merges, json_string(text.text));
    }
    str_free(&text);
    const bool ok = json_dump_file(t, path, JSON_INDENT(1)) == 0 || fail(e, ERR_SYSTEM, "%s: cannot write", path);
    json_decref(t);
    return ok;
}

static void free_learner(Learner *l)
{
    for (int i = 0; i < l->n; i++) {
        free(l->piece[i].text);
        free(l->piece[i].id);
    }
    free(l->piece);
    json_decref(l->index);
    pretokenize_work_free(&l->work);
    pretokenizer_close(l->cutter);
}

static bool open_learner(Learner *l, Error *e)
{
    json_t *t = byte_tokenizer();
    l->index = json_object();
    l->cutter = pretokenizer_open(json_object_get(t, "pre_tokenizer"), false, "make_tokenizer", e);
    json_decref(t);
    return l->cutter != NULL;
}

int main(int argc, char **argv)
{
    Error e;
    static Learner l;
    const char *out = NULL;
    int tokens = 1000, least = 20;
    bool ok = open_learner(&l, &e);
    for (int i = 1; ok && i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            out = argv[++i];
        else if (strcmp(argv[i], "--tokens") == 0 && i + 1 < argc)
            tokens = atoi(argv[++i]);
        else if (strcmp(argv[i], "--least") == 0 && i + 1 < argc)
            least = atoi(argv[++i]);
        else if (argv[i][0] == '-')
            ok = fail(&e, ERR_USAGE, "%s", USAGE);
        else
            ok = count_file(&l, argv[i], &e);
    }
    if (ok && (!out || l.n == 0 || tokens <= FIRST_MERGED || tokens > MOST_TOKENS || least < 1))
        ok = fail(&e, ERR_USAGE, "%s", USAGE);
    if (ok) {
        learn(&l, tokens, least);
        ok = write_tokenizer(&l, out, &e);
    }
    free_learner(&l);
    if (ok) return 0;
    fprintf(stderr, "make_tokenizer: %s\n", e.text);
    return e.code == ERR_USAGE ? 2 : 1;
}
