/* pretokenize.c - the pre-tokenizers Split, Digits, ByteLevel and Sequence, as the `tokenizers` library runs them.
 *
 * A sequence is a list of steps. Each step cuts every piece that the steps before it left, each piece on its own: an
 * anchor or a lookahead sees the end of the piece, not of the text. A step finds its matches and the stretches
 * between them; its behavior says which of those become pieces, and which are joined. Empty pieces vanish.
 *
 * Patterns are Oniguruma's. Those that class_pattern.h can read are matched there, with the same result; the others
 * by Oniguruma itself, with two differences from handing it the pattern as it stands: \p{L} and its like are written
 * out as ranges (see unicode_class.h), and a search that goes back too often ends in an error. */
#include "text/pretokenize.h"

#include <oniguruma.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"
#include "text/class_pattern.h"
#include "text/shown.h"
#include "text/unicode_class.h"

enum {
    MAX_STEPS = 64,
    MAX_PATTERN = 1 << 20,          /* bytes */
    MAX_RETRIES = 20 * 1000 * 1000, /* of one search: about a second */
    MAX_STACK =
        8 * 1000 * 1000 /* entries of the stack of one match: a run of white space takes one for each character */
};

/* What a ByteLevel step with use_regex cuts at. */
static const char gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

typedef enum { STEP_SPLIT, STEP_DIGITS, STEP_PREFIX_SPACE } StepKind;
typedef enum { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS, N_BEHAVIORS } Behavior;

static const char *const behavior_names[N_BEHAVIORS] = {
    [REMOVED] = "Removed",
    [ISOLATED] = "Isolated",
    [MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
    [MERGED_WITH_NEXT] = "MergedWithNext",
    [CONTIGUOUS] = "Contiguous",
};

typedef struct {
    StepKind kind;
    Behavior behavior;
    bool invert; /* the stretches between the matches count as the matches */
    /* of STEP_SPLIT, one of them: */
    ClassPattern *classes;
    regex_t *regex;
} Step;

struct Pretokenizer {
    Step step[MAX_STEPS];
    int n_steps;
    bool has_byte_level;
    bool only_oniguruma;
    ClassTable table;
};

/* --- Opening ----------------------------------------------------------------------------------------------------- */

static void add_ranges(Str *out, UnicodeClass c, bool negated)
{
    size_t n;
    const CodeRange *r = unicode_class_ranges(c, &n);
    str_puts(out, negated ? "[^" : "[");
    for (size_t i = 0; i < n; i++) str_printf(out, "\\x{%x}-\\x{%x}", (unsigned)r[i].first, (unsigned)r[i].last);
    str_puts(out, "]");
}

/* If s is \p{X}, \P{X} or \p{^X} with a class of ours, adds its ranges; the length of what was read, or 0. A set within
 * a set is their union, so the same text serves inside and outside of brackets. */
static size_t add_class(Str *out, const char *s)
{
    if (s[0] != '\\' || (s[1] != 'p' && s[1] != 'P') || s[2] != '{') return 0;
    const bool caret = s[3] == '^';
    const char *name = s + 3 + caret, *end = strchr(name, '}');
    UnicodeClass c;
    if (!end || !unicode_class_find(name, (size_t)(end - name), &c)) return 0;
    add_ranges(out, c, caret != (s[1] == 'P'));
    return (size_t)(end + 1 - s);
}

static void write_out_classes(Str *out, const char *pattern)
{
    while (*pattern) {
        size_t n = add_class(out, pattern);
        if (n == 0) {
            n = pattern[0] == '\\' && pattern[1] ? 2 : 1; /* an escaped backslash does not escape what follows it */
            str_add(out, pattern, n);
        }
        pattern += n;
    }
}

static void start_oniguruma(void)
{
    OnigEncoding used[] = { ONIG_ENCODING_UTF8 };
    onig_initialize(used, 1);
}

/* Oniguruma keeps tables of its own, filled once for the process. */
static pthread_once_t oniguruma_started = PTHREAD_ONCE_INIT;

static regex_t *compile(const char *pattern, const char *where, Error *e)
{
    if (strlen(pattern) > MAX_PATTERN) {
        fail(e, ERR_LIMIT, "%s: a pattern of %zu bytes, at most %d are taken", where, strlen(pattern), MAX_PATTERN);
        return NULL;
    }
    pthread_once(&oniguruma_started, start_oniguruma);
    Str s = { 0 };
    str_puts(&s, "");
    write_out_classes(&s, pattern);
    regex_t *regex = NULL;
    OnigErrorInfo info;
    const OnigUChar *p = (const OnigUChar *)s.text;
    const int rc = onig_new(&regex, p, p + s.n, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
    if (rc != ONIG_NORMAL) {
        OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
        char buf[SHOWN_BYTES];
        onig_error_code_to_str(why, rc, &info);
        fail(e, ERR_FORMAT, "%s: the pattern \"%s\" does not compile: %s", where, shown(pattern, strlen(pattern), buf),
             (const char *)why);
        regex = NULL;
    }
    str_free(&s);
    return regex;
}

static bool add_step(Pretokenizer *p, Step step, const char *where, Error *e)
{
    if (p->has_byte_level)
        return fail(e, ERR_UNSUPPORTED, "%s: a pre-tokenizer after ByteLevel, expected ByteLevel to be the last",
                    where);
    if (p->n_steps == MAX_STEPS) return fail(e, ERR_LIMIT, "%s: more than %d pre-tokenizers", where, MAX_STEPS);
    p->step[p->n_steps++] = step;
    return true;
}

static void free_patterns(Step *step)
{
    free(step->classes);
    if (step->regex) onig_free(step->regex);
}

/* Every pattern is compiled by Oniguruma, so that what is an error does not depend on what we can read ourselves. */
static bool add_split(Pretokenizer *p, const char *pattern, Behavior behavior, bool invert, const char *where, Error *e)
{
    Step step = { STEP_SPLIT, behavior, invert, NULL, compile(pattern, where, e) };
    if (!step.regex) return false;
    ClassPattern classes;
    if (!p->only_oniguruma && class_pattern_open(&classes, &p->table, pattern)) {
        step.classes = xmalloc(sizeof classes);
        *step.classes = classes;
    }
    if (add_step(p, step, where, e)) return true;
    free_patterns(&step);
    return false;
}

static bool behavior_find(const char *name, Behavior *out)
{
    for (int b = 0; b < N_BEHAVIORS; b++)
        if (strcmp(behavior_names[b], name) == 0) return *out = (Behavior)b, true;
    return false;
}

/* A literal string as a pattern. */
static void escape_literal(Str *out, const char *literal)
{
    for (const char *c = literal; *c; c++) {
        if (strchr("\\^$.|?*+()[]{}#-&~ ", *c)) str_putc(out, '\\');
        str_putc(out, *c);
    }
}

static bool open_split(Pretokenizer *p, const json_t *config, const char *where, Error *e)
{
    const char *regex = NULL, *literal = NULL, *behavior_name = "";
    bool invert = false;
    json_t *pattern;
    Behavior behavior;
    if (!json_take_node(config, "pattern", JSON_OBJECT, &pattern, where, e) ||
        !json_take_string(config, "behavior", &behavior_name, where, e) ||
        !json_take_bool(config, "invert", &invert, where, e))
        return false;
    if (!json_take_string(pattern, "Regex", &regex, where, e) ||
        !json_take_string(pattern, "String", &literal, where, e))
        return false;
    if (!regex == !literal || (literal && !*literal))
        return fail(e, ERR_FORMAT, "%s: the pattern of Split is not one Regex or one String", where);
    if (!behavior_find(behavior_name, &behavior))
        return fail(e, ERR_UNSUPPORTED,
                    "%s: Split has the behavior \"%s\", expected Removed, Isolated, "
                    "MergedWithPrevious, MergedWithNext or Contiguous",
                    where, behavior_name);
    if (regex) return add_split(p, regex, behavior, invert, where, e);
    Str escaped = { 0 };
    escape_literal(&escaped, literal);
    const bool ok = add_split(p, escaped.text, behavior, invert, where, e);
    str_free(&escaped);
    return ok;
}

static bool open_digits(Pretokenizer *p, const json_t *config, const char *where, Error *e)
{
    bool individual = false;
    if (!json_take_bool(config, "individual_digits", &individual, where, e)) return false;
    return add_step(p, (Step){ .kind = STEP_DIGITS, .behavior = individual ? ISOLATED : CONTIGUOUS }, where, e);
}

/* trim_offsets only moves the offsets that the library reports, not the pieces. */
static bool open_byte_level(Pretokenizer *p, const json_t *config, const char *where, Error *e)
{
    bool prefix_space = true, use_regex = true;
    if (!json_take_bool(config, "add_prefix_space", &prefix_space, where, e) ||
        !json_take_bool(config, "use_regex", &use_regex, where, e))
        return false;
    if (prefix_space && !add_step(p, (Step){ .kind = STEP_PREFIX_SPACE }, where, e)) return false;
    if (use_regex && !add_split(p, gpt2_pattern, ISOLATED, false, where, e)) return false;
    if (p->has_byte_level) return fail(e, ERR_UNSUPPORTED, "%s: ByteLevel twice", where);
    p->has_byte_level = true;
    return true;
}

static bool open_steps(Pretokenizer *p, const json_t *config, const char *where, Error *e)
{
    const char *type = "";
    if (!json_take_string(config, "type", &type, where, e)) return false;
    if (strcmp(type, "Split") == 0) return open_split(p, config, where, e);
    if (strcmp(type, "Digits") == 0) return open_digits(p, config, where, e);
    if (strcmp(type, "ByteLevel") == 0) return open_byte_level(p, config, where, e);
    if (strcmp(type, "Sequence") != 0)
        return fail(e, ERR_UNSUPPORTED, "%s: the pre-tokenizer \"%s\", expected Split, Digits, ByteLevel or Sequence",
                    where, type);
    json_t *list;
    if (!json_take_node(config, "pretokenizers", JSON_ARRAY, &list, where, e)) return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!open_steps(p, json_array_get(list, i), where, e)) return false;
    return true;
}

Pretokenizer *pretokenizer_open(const json_t *config, bool only_oniguruma, const char *where, Error *e)
{
    Pretokenizer *p = xcalloc(1, sizeof *p);
    p->only_oniguruma = only_oniguruma;
    if (!json_is_object(config)) {
        fail(e, ERR_UNSUPPORTED, "%s: \"pre_tokenizer\" is %s, expected an object with ByteLevel in it", where,
             json_type_name(config));
        goto failed;
    }
    if (!open_steps(p, config, where, e)) goto failed;
    if (!p->has_byte_level) {
        fail(e, ERR_UNSUPPORTED, "%s: no ByteLevel in \"pre_tokenizer\": only byte-level tokenizers are known", where);
        goto failed;
    }
    return p;
failed:
    pretokenizer_close(p);
    return NULL;
}

void pretokenizer_close(Pretokenizer *p)
{
    if (!p) return;
    for (int i = 0; i < p->n_steps; i++) free_patterns(&p->step[i]);
    class_table_free(&p->table);
    free(p);
}

/* --- Cutting ----------------------------------------------------------------------------------------------------- */

static const Span no_match = { UINT32_MAX, UINT32_MAX };

static void add_span(Spans *s, uint32_t begin, uint32_t end)
{
    GROW(s->span, s->n, s->capacity);
    s->span[s->n++] = (Span){ begin, end };
}

static bool gave_up(Span piece, const char *why, Error *e)
{
    return fail(e, ERR_LIMIT, "the pre-tokenizer's pattern gave up on %u bytes of text: %s", piece.end - piece.begin,
                why);
}

static bool search_oniguruma(const Step *step, Span piece, uint32_t from, PretokenizeWork *w, Span *match, Error *e)
{
    const OnigUChar *s = (const OnigUChar *)w->text;
    const int at = onig_search_with_param(step->regex, s + piece.begin, s + piece.end, s + from, s + piece.end,
                                          w->region, ONIG_OPTION_NONE, w->limits);
    if (at == ONIG_MISMATCH) return *match = no_match, true;
    if (at < 0) {
        OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
        onig_error_code_to_str(why, at);
        return gave_up(piece, (const char *)why, e);
    }
    *match = (Span){ piece.begin + (uint32_t)w->region->beg[0], piece.begin + (uint32_t)w->region->end[0] };
    return true;
}

/* The next match at or after `from` in the piece, no_match if there is none. False: the search gave up. */
static bool search(const Pretokenizer *p, const Step *step, Span piece, uint32_t from, PretokenizeWork *w, Span *match,
                   Error *e)
{
    if (!step->classes) return search_oniguruma(step, piece, from, w, match, e);
    switch (class_pattern_search(step->classes, &p->table, w->text, from, piece.end, MAX_RETRIES, &match->begin,
                                 &match->end)) {
    case SEARCH_FOUND: return true;
    case SEARCH_NONE: return *match = no_match, true;
    case SEARCH_GAVE_UP: break;
    }
    return gave_up(piece, "too many steps back", e);
}

static uint32_t next_character(const char *text, uint32_t at, uint32_t end)
{
    do at++;
    while (at < end && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* All matches of a pattern in a piece. An empty match right behind a match does not count. */
static bool find_matches(const Pretokenizer *p, const Step *step, Span piece, PretokenizeWork *w, Error *e)
{
    uint32_t from = piece.begin, last_end = UINT32_MAX;
    while (from <= piece.end) {
        Span match;
        if (!search(p, step, piece, from, w, &match, e)) return false;
        if (match.begin == no_match.begin) break;
        if (match.begin == match.end && match.end == last_end) {
            from = next_character(w->text, match.end, piece.end);
            continue;
        }
        add_span(&w->found, match.begin, match.end);
        from = last_end = match.end;
    }
    return true;
}

/* char::is_numeric of Unicode 17.0, which is what the library has; the rest is as of 16.0. */
static bool is_numeric(uint32_t cp)
{
    return unicode_in_class(CLASS_NUMBER, cp) || (cp >= 0x11de0 && cp <= 0x11de9) || (cp >= 0x16ff4 && cp <= 0x16ff6);
}

static void find_digits(Span piece, PretokenizeWork *w)
{
    for (uint32_t at = piece.begin; at < piece.end;) {
        uint32_t cp;
        const uint32_t next = at + (uint32_t)utf8_decode(w->text + at, piece.end - at, &cp);
        if (is_numeric(cp)) add_span(&w->found, at, next);
        at = next;
    }
}

/* What the stretches of a piece become. They arrive from left to right; `previous` is whether the last one matched. */
typedef struct {
    Spans *out;
    Behavior behavior;
    size_t first; /* of this piece in *out */
    bool previous;
} Joiner;

static void join(Joiner *j, uint32_t begin, uint32_t end, bool is_match)
{
    if (j->behavior == REMOVED && is_match) return;
    const bool joins = (j->behavior == MERGED_WITH_PREVIOUS && is_match && !j->previous) ||
                       (j->behavior == MERGED_WITH_NEXT && !is_match && j->previous) ||
                       (j->behavior == CONTIGUOUS && is_match == j->previous);
    j->previous = is_match;
    if (joins && j->out->n > j->first)
        j->out->span[j->out->n - 1].end = end;
    else
        add_span(j->out, begin, end);
}

static void drop_empty(Spans *s, size_t from)
{
    size_t n = from;
    for (size_t i = from; i < s->n; i++)
        if (s->span[i].begin < s->span[i].end) s->span[n++] = s->span[i];
    s->n = n;
}

/* Adds to w->cut what the matches in w->found make of the piece. */
static void cut_at_matches(const Step *step, Span piece, PretokenizeWork *w)
{
    Joiner j = { &w->cut, step->behavior, w->cut.n, false };
    uint32_t at = piece.begin;
    for (size_t i = 0; i < w->found.n; i++) {
        const Span m = w->found.span[i];
        if (at < m.begin) join(&j, at, m.begin, step->invert);
        join(&j, m.begin, m.end, !step->invert);
        at = m.end;
    }
    if (at < piece.end) join(&j, at, piece.end, step->invert);
    drop_empty(&w->cut, j.first);
}

static bool cut_pieces(const Pretokenizer *p, const Step *step, PretokenizeWork *w, Error *e)
{
    w->cut.n = 0;
    for (size_t i = 0; i < w->pieces.n; i++) {
        const Span piece = w->pieces.span[i];
        w->found.n = 0;
        if (step->kind == STEP_DIGITS)
            find_digits(piece, w);
        else if (!find_matches(p, step, piece, w, e))
            return false;
        if (w->found.n == 0 && !step->invert)
            add_span(&w->cut, piece.begin, piece.end);
        else
            cut_at_matches(step, piece, w);
    }
    const Spans old = w->pieces;
    w->pieces = w->cut;
    w->cut = old;
    return true;
}

/* Puts a space in front of every piece that does not begin with one: the text is written anew. */
static void prefix_spaces(PretokenizeWork *w)
{
    Str s = { 0 };
    str_puts(&s, "");
    for (size_t i = 0; i < w->pieces.n; i++) {
        Span *piece = &w->pieces.span[i];
        const uint32_t begin = (uint32_t)s.n;
        if (w->text[piece->begin] != ' ') str_putc(&s, ' ');
        str_add(&s, w->text + piece->begin, piece->end - piece->begin);
        *piece = (Span){ begin, (uint32_t)s.n };
    }
    str_free(&w->spaced);
    w->spaced = s;
    w->text = s.text;
}

static bool start_work(PretokenizeWork *w, Error *e)
{
    if (w->limits) return true;
    w->region = onig_region_new();
    w->limits = onig_new_match_param();
    if (!w->region || !w->limits) return fail(e, ERR_MEMORY, "no memory to match patterns with");
    onig_initialize_match_param(w->limits);
    onig_set_retry_limit_in_match_of_match_param(w->limits, MAX_RETRIES);
    onig_set_retry_limit_in_search_of_match_param(w->limits, MAX_RETRIES);
    onig_set_match_stack_limit_size_of_match_param(w->limits, MAX_STACK);
    return true;
}

bool pretokenize(const Pretokenizer *p, const char *text, size_t n, PretokenizeWork *w, Error *e)
{
    if (!start_work(w, e)) return false;
    w->text = text;
    w->pieces.n = 0;
    if (n > 0) add_span(&w->pieces, 0, (uint32_t)n);
    for (int i = 0; i < p->n_steps; i++) {
        if (p->step[i].kind == STEP_PREFIX_SPACE)
            prefix_spaces(w);
        else if (!cut_pieces(p, &p->step[i], w, e))
            return false;
    }
    return true;
}

void pretokenize_work_free(PretokenizeWork *w)
{
    free(w->pieces.span);
    free(w->cut.span);
    free(w->found.span);
    str_free(&w->spaced);
    if (w->region) onig_region_free(w->region, 1);
    if (w->limits) onig_free_match_param(w->limits);
    *w = (PretokenizeWork){ 0 };
}
