/* vocab_json.c - see vocab_json.h. */
#include "text/vocab_json.h"

#include <inttypes.h>
#include <string.h>

#include "text/shown.h"

typedef struct {
    const char *at, *end;
} Cursor;

static void skip_space(Cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')) c->at++;
}

static bool take(Cursor *c, char mark)
{
    skip_space(c);
    if (c->at == c->end || *c->at != mark) return false;
    c->at++;
    return true;
}

/* --- Finding the lists ------------------------------------------------------------------------------------------- */

static bool skip_string(Cursor *c)
{
    if (!take(c, '"')) return false;
    for (; c->at < c->end; c->at++) {
        if (*c->at == '"') return c->at++, true;
        if (*c->at == '\\' && c->at + 1 < c->end) c->at++;
    }
    return false;
}

/* Goes over a value by counting brackets; a plain one ends where a comma or the bracket around it stands. */
static bool skip_value(Cursor *c)
{
    size_t depth = 0;
    while (c->at < c->end) {
        switch (*c->at) {
        case '"':
            if (!skip_string(c)) return false;
            continue;
        case '{':
        case '[': depth++; break;
        case '}':
        case ']':
            if (depth == 0) return true;
            if (--depth == 0) return c->at++, true;
            break;
        case ',':
            if (depth == 0) return true;
            break;
        default: break;
        }
        c->at++;
    }
    return false;
}

/* Enters an object, or goes on in it, up to the value of its next member. */
static bool next_member(Cursor *c, char before, JsonPart *name)
{
    if (!take(c, before)) return false;
    skip_space(c);
    name->text = c->at;
    if (!skip_string(c)) return false;
    name->n = (size_t)(c->at - name->text);
    if (!take(c, ':')) return false;
    skip_space(c);
    return c->at < c->end;
}

static bool is_named(JsonPart name, const char *key)
{
    return name.n == strlen(key) + 2 && memcmp(name.text + 1, key, name.n - 2) == 0;
}

static bool find_model(Cursor *c)
{
    JsonPart name;
    for (char before = '{'; next_member(c, before, &name); before = ',') {
        if (is_named(name, "model")) return true;
        if (!skip_value(c)) return false;
    }
    return false;
}

static void find_lists(Cursor model, JsonPart *vocab, JsonPart *merges)
{
    JsonPart name;
    for (char before = '{'; next_member(&model, before, &name); before = ',') {
        const char *begin = model.at;
        if (!skip_value(&model)) return;
        const JsonPart value = { begin, (size_t)(model.at - begin) };
        if (is_named(name, "vocab") && *begin == '{' && vocab->n == 0) *vocab = value;
        if (is_named(name, "merges") && *begin == '[' && merges->n == 0) *merges = value;
    }
}

static size_t count_lines(const char *s, const char *end)
{
    size_t n = 0;
    for (; (s = memchr(s, '\n', (size_t)(end - s))); s++) n++;
    return n;
}

/* Copies the file up to the part, and the part's brackets with its line ends between them. */
static void copy_without(Str *out, const char **from, JsonPart part)
{
    if (part.n == 0) return;
    str_add(out, *from, (size_t)(part.text - *from));
    str_putc(out, part.text[0]);
    for (size_t i = count_lines(part.text, part.text + part.n); i > 0; i--) str_putc(out, '\n');
    str_putc(out, part.text[part.n - 1]);
    *from = part.text + part.n;
}

void vocab_json_split(VocabJson *j, const char *json, size_t n)
{
    Cursor c = { json, json + n };
    const char *from = json;
    *j = (VocabJson){ 0 };
    if (n >= 3 && memcmp(json, "\xef\xbb\xbf", 3) == 0) c.at += 3;
    if (find_model(&c)) find_lists(c, &j->vocab, &j->merges);
    const bool vocab_first = j->vocab.text < j->merges.text;
    copy_without(&j->rest, &from, vocab_first ? j->vocab : j->merges);
    copy_without(&j->rest, &from, vocab_first ? j->merges : j->vocab);
    str_add(&j->rest, from, (size_t)(json + n - from));
}

void vocab_json_free(VocabJson *j)
{
    str_free(&j->rest);
    *j = (VocabJson){ 0 };
}

/* --- Reading them ------------------------------------------------------------------------------------------------ */

static int hex4(const char *s)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef",
                   *d = s[i] ? strchr(digits, s[i] | (s[i] >= 'A' && s[i] <= 'F' ? 0x20 : 0)) : 0;
        if (!d) return -1;
        value = value * 16 + (int)(d - digits);
    }
    return value;
}

/* \uXXXX, past the u; a pair of surrogates is one character. */
static bool read_unicode_escape(Cursor *c, Str *out)
{
    char utf8[4];
    int cp = c->end - c->at >= 4 ? hex4(c->at) : -1;
    if (cp < 0 || (cp >= 0xdc00 && cp <= 0xdfff)) return false;
    c->at += 4;
    if (cp >= 0xd800 && cp <= 0xdbff) {
        const int low = c->end - c->at >= 6 && c->at[0] == '\\' && c->at[1] == 'u' ? hex4(c->at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff) return false;
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
        c->at += 6;
    }
    str_add(out, utf8, (size_t)utf8_encode((uint32_t)cp, utf8));
    return true;
}

static bool read_escape(Cursor *c, Str *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    c->at++;
    if (c->at == c->end) return false;
    const char name = *c->at++;
    if (name == 'u') return read_unicode_escape(c, out);
    const char *found = name ? strchr(names, name) : NULL;
    if (!found) return false;
    str_putc(out, values[found - names]);
    return true;
}

/* A string, unescaped, into *out. False: not one, or not UTF-8. */
static bool read_string(Cursor *c, Str *out)
{
    str_clear(out);
    if (!take(c, '"')) return false;
    for (int all = 0;;) { /* negative once there was a byte that is not ASCII */
        const char *begin = c->at;
        while (c->at < c->end && *c->at != '"' && *c->at != '\\' && (unsigned char)*c->at >= 0x20) all |= *c->at++;
        str_add(out, begin, (size_t)(c->at - begin));
        if (c->at == c->end) return false;
        if (*c->at == '"') return c->at++, all >= 0 || utf8_is_valid(out->text, out->n);
        if (*c->at != '\\' || !read_escape(c, out)) return false;
    }
}

enum { HUGE_DIGITS = 15 };

/* Digits behind the 15th are left out: a number of so many is over every limit. */
static bool read_id(Cursor *c, int64_t *id)
{
    skip_space(c);
    const bool negative = c->at < c->end && *c->at == '-';
    c->at += negative;
    const char *begin = c->at;
    for (*id = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (c->at - begin < HUGE_DIGITS) *id = *id * 10 + (*c->at - '0');
    if (negative) *id = -*id;
    if (c->at - begin > 1 && *begin == '0') return false;
    return c->at > begin && !(c->at < c->end && strchr(".eE", *c->at));
}

static bool bad_entry(const char *where, const char *list, size_t index, const char *expected, Error *e)
{
    return fail(e, ERR_FORMAT, "%s: model.%s, entry %zu: expected %s", where, list, index, expected);
}

/* Adds the entry that begins at the cursor. */
static bool read_entry(Cursor *c, Str *spelling, Vocab *v, size_t index, const char *expected, const char *where,
                       Error *e)
{
    char buf[SHOWN_BYTES];
    int64_t id;
    if (!read_string(c, spelling) || !take(c, ':') || !read_id(c, &id))
        return bad_entry(where, "vocab", index, expected, e);
    if (id < 0 || id >= MAX_TOKENS)
        return fail(e, ERR_FORMAT, "%s: the token \"%s\" has the id %" PRId64 ", expected 0 to %d", where,
                    shown(spelling->text, spelling->n, buf), id, MAX_TOKENS - 1);
    return vocab_add(v, spelling->text, spelling->n, (int32_t)id, where, e);
}

bool vocab_json_read(JsonPart part, Vocab *v, const char *where, Error *e)
{
    static const char expected[] = "\"token\": id, in UTF-8, with a comma or the closing brace behind it";
    Cursor c = { part.text + 1, part.text + part.n };
    Str spelling = { 0 };
    bool ok = true, ended = take(&c, '}');
    for (size_t i = 0; ok && !ended; i++) {
        ok = read_entry(&c, &spelling, v, i, expected, where, e);
        ended = ok && take(&c, '}');
        if (ok && !ended && !take(&c, ',')) ok = bad_entry(where, "vocab", i, expected, e);
    }
    str_free(&spelling);
    return ok;
}

/* One merge: ["a", "b"], or "a b" with a single blank. *both gets the two parts joined, n_left the length of the
 * first. */
static bool read_merge(Cursor *c, Str *both, Str *right, size_t *n_left)
{
    if (take(c, '[')) {
        if (!read_string(c, both) || !take(c, ',') || !read_string(c, right) || !take(c, ']')) return false;
        *n_left = both->n;
        str_add(both, right->text, right->n);
        return true;
    }
    if (!read_string(c, both)) return false;
    char *blank = memchr(both->text, ' ', both->n);
    if (!blank) return false;
    *n_left = (size_t)(blank - both->text);
    both->n--;
    memmove(blank, blank + 1, both->n - *n_left);
    return !memchr(blank, ' ', both->n - *n_left);
}

static bool find_part(const Vocab *v, const char *s, size_t n, uint32_t rank, const char *where, int32_t *id, Error *e)
{
    char buf[SHOWN_BYTES];
    *id = vocab_find(v, s, n);
    return *id >= 0 || fail(e, ERR_FORMAT, "%s: merge %u needs \"%s\", which is not in the vocabulary", where, rank,
                            shown(s, n, buf));
}

static bool add_merge(const Vocab *v, Bpe *b, const Str *both, size_t n_left, uint32_t rank, const char *where,
                      Error *e)
{
    int32_t left, right, joined;
    if (!find_part(v, both->text, n_left, rank, where, &left, e) ||
        !find_part(v, both->text + n_left, both->n - n_left, rank, where, &right, e) ||
        !find_part(v, both->text, both->n, rank, where, &joined, e))
        return false;
    bpe_add_merge(b, left, right, joined, rank);
    return true;
}

bool merges_json_read(JsonPart part, const Vocab *v, Bpe *b, const char *where, Error *e)
{
    static const char expected[] =
        "\"left right\" or [\"left\", \"right\"], in UTF-8, with a comma or the closing bracket behind it";
    Cursor c = { part.text + 1, part.text + part.n };
    Str both = { 0 }, right = { 0 };
    size_t n_left;
    bool ok = true, ended = take(&c, ']');
    for (uint32_t rank = 0; ok && !ended; rank++) {
        if (!read_merge(&c, &both, &right, &n_left))
            ok = bad_entry(where, "merges", rank, expected, e);
        else
            ok = add_merge(v, b, &both, n_left, rank, where, e);
        ended = ok && take(&c, ']');
        if (ok && !ended && !take(&c, ',')) ok = bad_entry(where, "merges", rank, expected, e);
    }
    str_free(&both);
    str_free(&right);
    return ok;
}
