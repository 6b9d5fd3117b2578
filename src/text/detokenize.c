/* detokenize.c - see detokenize.h. Between two tokens at most three bytes are held: the beginning of a character. */
#include "text/detokenize.h"

#include <string.h>

/* Adds bytes behind those that are held, and gives out what is certain. */
static void push_bytes(Detokenizer *d, const char *bytes, size_t n, Str *out)
{
    while (d->n_held > 0 && n > 0) { /* one by one, until the held character is whole or known to be ill-formed */
        d->held[d->n_held++] = *bytes++;
        n--;
        if (utf8_is_partial(d->held, (size_t)d->n_held)) continue;
        uint32_t cp;
        const int k = utf8_decode(d->held, (size_t)d->n_held, &cp);
        const int used = k < 0 ? -k : k;
        str_add_lossy(out, d->held, (size_t)used);
        if (used < d->n_held) bytes--, n++; /* the last byte did not belong to it */
        d->n_held = 0;
    }
    if (n == 0) return;
    size_t keep = 0; /* bytes at the end that begin a character */
    for (size_t k = n < 3 ? n : 3; k > 0 && keep == 0; k--)
        if (utf8_is_partial(bytes + n - k, k)) keep = k;
    str_add_lossy(out, bytes, n - keep);
    memcpy(d->held, bytes + n - keep, keep);
    d->n_held = (int)keep;
}

void detokenize_push(Detokenizer *d, int32_t id, Str *out)
{
    if (d->skip_special && tokenizer_is_special(d->tokenizer, id)) return;
    size_t n;
    const char *bytes = tokenizer_bytes(d->tokenizer, id, &n);
    if (n > 0) push_bytes(d, bytes, n, out);
}

void detokenize_flush(Detokenizer *d, Str *out)
{
    str_add_lossy(out, d->held, (size_t)d->n_held);
    d->n_held = 0;
}

void detokenize(const Tokenizer *t, const int32_t *ids, size_t n, bool skip_special, Str *out)
{
    Detokenizer d = { .tokenizer = t, .skip_special = skip_special };
    for (size_t i = 0; i < n; i++) detokenize_push(&d, ids[i], out);
    detokenize_flush(&d, out);
}
