/* class_pattern.c - see class_pattern.h. */
#include "text/class_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { LAST_CODE = 0x10ffff };

/* --- Classes ----------------------------------------------------------------------------------------------------- */

/* A class while it is read. */
typedef struct {
    CodeRange *range;
    size_t n, capacity;
} Ranges;

static void add_range(Ranges *r, uint32_t first, uint32_t last)
{
    GROW(r->range, r->n, r->capacity);
    r->range[r->n++] = (CodeRange){ first, last };
}

static int by_first(const void *a, const void *b)
{
    const CodeRange *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Ascending, with what overlaps or touches joined. */
static void sort_ranges(Ranges *r)
{
    if (r->n == 0) return;
    qsort(r->range, r->n, sizeof *r->range, by_first);
    size_t n = 1;
    for (size_t i = 1; i < r->n; i++) {
        CodeRange *last = &r->range[n - 1];
        if (r->range[i].first > last->last + 1)
            r->range[n++] = r->range[i];
        else if (r->range[i].last > last->last)
            last->last = r->range[i].last;
    }
    r->n = n;
}

static void complement(Ranges *r)
{
    Ranges out = { 0 };
    uint32_t next = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->range[i].first > next) add_range(&out, next, r->range[i].first - 1);
        next = r->range[i].last + 1;
    }
    if (next <= LAST_CODE) add_range(&out, next, LAST_CODE);
    free(r->range);
    *r = out;
}

static void add_white(Ranges *r)
{
    for (uint32_t cp = 0; cp <= 0x3000; cp++)
        if (unicode_is_white(cp)) add_range(r, cp, cp);
}

/* Takes the ranges over. The number of the class, -1 if there is no room for one more. */
static int table_add(ClassTable *t, Ranges *r)
{
    for (int c = 0; c < t->n; c++) {
        if (t->class[c].n == r->n && memcmp(t->class[c].range, r->range, r->n * sizeof *r->range) == 0) {
            free(r->range);
            return c;
        }
    }
    if (t->n == MAX_CLASSES) {
        free(r->range);
        return -1;
    }
    for (size_t i = 0; i < r->n; i++)
        for (uint32_t cp = r->range[i].first; cp <= r->range[i].last && cp < 0x10000; cp++)
            t->bmp[cp] |= (uint16_t)(1u << t->n);
    t->class[t->n].range = r->range;
    t->class[t->n].n = r->n;
    return t->n++;
}

void class_table_free(ClassTable *t)
{
    for (int c = 0; c < t->n; c++) free(t->class[c].range);
    t->n = 0;
}

static bool in_ranges(const CodeRange *range, size_t n, uint32_t cp)
{
    size_t lo = 0;
    while (lo < n) {
        const size_t mid = lo + (n - lo) / 2;
        if (cp < range[mid].first)
            n = mid;
        else if (cp > range[mid].last)
            lo = mid + 1;
        else
            return true;
    }
    return false;
}

static uint16_t bits_beyond_bmp(const ClassTable *t, uint32_t cp)
{
    uint16_t bits = 0;
    for (int c = 0; c < t->n; c++)
        if (in_ranges(t->class[c].range, t->class[c].n, cp)) bits |= (uint16_t)(1u << c);
    return bits;
}

/* --- Reading a pattern ------------------------------------------------------------------------------------------- */

/* Reads \x at *s (past the backslash) into r: \s, \p{L}, \r \n \t, or an escaped ASCII mark that stands for itself.
 * *single: the character, or UINT32_MAX where it is a class of several; *negated: r holds what it is not. */
static bool read_escape(const char **s, Ranges *r, uint32_t *single, bool *negated)
{
    const char c = *(*s)++;
    *single = UINT32_MAX;
    *negated = c == 'S' || c == 'P';
    if (c == 's' || c == 'S') return add_white(r), true;
    if (c == 'p' || c == 'P') {
        const char *end = **s == '{' ? strchr(*s, '}') : NULL;
        UnicodeClass class;
        if (!end || !unicode_class_find(*s + 1, (size_t)(end - *s - 1), &class)) return false;
        size_t n;
        const CodeRange *range = unicode_class_ranges(class, &n);
        for (size_t i = 0; i < n; i++) add_range(r, range[i].first, range[i].last);
        *s = end + 1;
        return true;
    }
    if (c == 'r')
        *single = '\r';
    else if (c == 'n')
        *single = '\n';
    else if (c == 't')
        *single = '\t';
    else if (c != 0 && strchr("!\"#$%&'()*+,-./:;=?@[\\]^_`{|}~ ", c))
        *single = (unsigned char)c;
    return *single != UINT32_MAX;
}

static uint32_t read_character(const char **s)
{
    uint32_t cp;
    *s += utf8_decode(*s, strlen(*s), &cp);
    return cp;
}

/* One end of a range, or a class inside of brackets. */
static bool read_member(const char **s, Ranges *r, uint32_t *single)
{
    bool negated = false;
    if (**s == 0 || **s == '[' || **s == '-' || strncmp(*s, "&&", 2) == 0) return false;
    if (**s != '\\') return *single = read_character(s), true;
    (*s)++;
    return read_escape(s, r, single, &negated) && !negated;
}

/* What stands between brackets, past the opening one. */
static bool read_set(const char **s, Ranges *r)
{
    const bool negated = **s == '^';
    if (negated) (*s)++;
    if (**s == ']') return false; /* a set without members, or one that begins with a bracket */
    while (**s != ']') {
        uint32_t first, last;
        if (!read_member(s, r, &first)) return false;
        last = first;
        if (**s == '-') {
            (*s)++;
            if (!read_member(s, r, &last)) return false;
        }
        if ((first == UINT32_MAX) != (last == UINT32_MAX) || first > last) return false;
        if (first != UINT32_MAX) add_range(r, first, last);
    }
    (*s)++;
    sort_ranges(r);
    if (negated) complement(r);
    return true;
}

static bool read_class_ranges(const char **s, Ranges *r)
{
    uint32_t single = UINT32_MAX;
    bool negated = false;
    if (**s == '[') return (*s)++, read_set(s, r);
    if (**s == '\\') {
        (*s)++;
        if (!read_escape(s, r, &single, &negated)) return false;
    } else {
        if (**s == 0 || strchr(".^$*+?()]{}|", **s)) return false;
        single = read_character(s);
    }
    if (single != UINT32_MAX) add_range(r, single, single);
    sort_ranges(r);
    if (negated) complement(r);
    return true;
}

static bool read_class(const char **s, ClassTable *t, int *class)
{
    Ranges r = { 0 };
    if (!read_class_ranges(s, &r)) {
        free(r.range);
        return false;
    }
    *class = table_add(t, &r);
    return *class >= 0;
}

/* {m}, {m,} or {m,n} past the opening brace. */
static bool read_interval(const char **s, Item *item)
{
    char *end;
    if (**s < '0' || **s > '9') return false;
    const unsigned long min = strtoul(*s, &end, 10);
    unsigned long max = min;
    if (*end == ',' && end[1] == '}')
        max = UINT32_MAX, end++;
    else if (*end == ',' && end[1] >= '0' && end[1] <= '9')
        max = strtoul(end + 1, &end, 10);
    if (*end != '}' || min > max || min > 1000 || (max > 1000 && max != UINT32_MAX)) return false;
    item->min = (uint32_t)min;
    item->max = (uint32_t)max;
    *s = end + 1;
    return true;
}

static bool read_quantifier(const char **s, Item *item)
{
    item->min = item->max = 1;
    switch (**s) {
    case '?': item->min = 0; break;
    case '*': item->min = 0, item->max = UINT32_MAX; break;
    case '+': item->max = UINT32_MAX; break;
    case '{': (*s)++; return read_interval(s, item) && !(**s && strchr("?*+{", **s));
    default: return true;
    }
    (*s)++;
    return !(**s && strchr("?*+{", **s)); /* lazy, possessive or repeated twice */
}

static bool read_item(const char **s, ClassTable *t, Item *item)
{
    *item = (Item){ 0 };
    if (**s == '$') {
        (*s)++;
        item->kind = ITEM_LINE_END;
        return !(**s && strchr("?*+{", **s));
    }
    if (strncmp(*s, "(?!", 3) == 0) {
        *s += 3;
        item->kind = ITEM_NOT_AHEAD;
        if (!read_class(s, t, &item->class) || **s != ')') return false;
        (*s)++;
        return !(**s && strchr("?*+{", **s));
    }
    return read_class(s, t, &item->class) && read_quantifier(s, item);
}

/* Which characters an alternative can begin with: those of its items up to the first that must be there. */
static void find_starts(ClassPattern *p, int a)
{
    p->starts_with[a] = 0;
    p->may_be_empty[a] = false;
    for (const Item *i = &p->item[p->first[a]];; i++) {
        if (i->kind != ITEM_CLASS) {
            p->may_be_empty[a] = true;
            return;
        }
        p->starts_with[a] |= (uint16_t)(1u << i->class);
        if (i->min > 0) return;
    }
}

bool class_pattern_open(ClassPattern *p, ClassTable *t, const char *pattern)
{
    const char *s = pattern;
    *p = (ClassPattern){ 0 };
    do {
        p->first[p->n_alternatives++] = p->n_items;
        while (*s && *s != '|') {
            if (p->n_items + 2 > MAX_ITEMS || !read_item(&s, t, &p->item[p->n_items])) return false;
            p->n_items++;
        }
        if (p->n_items + 1 > MAX_ITEMS) return false;
        p->item[p->n_items++] = (Item){ .kind = ITEM_DONE };
        find_starts(p, p->n_alternatives - 1);
    } while (*s++ == '|');
    return true;
}

/* --- Searching --------------------------------------------------------------------------------------------------- */

typedef struct {
    const ClassTable *table;
    const char *text;
    uint32_t end;
    uint32_t budget; /* steps back that are left; at 0 nothing matches any more */
} Matcher;

/* The classes of the character at `at` < end, and where the next one begins. The text is known to be valid. */
static inline uint16_t bits_at(const Matcher *m, uint32_t at, uint32_t *next)
{
    const unsigned char *s = (const unsigned char *)m->text + at;
    if (s[0] < 0x80) return *next = at + 1, m->table->bmp[s[0]];
    if (s[0] < 0xe0) return *next = at + 2, m->table->bmp[(s[0] & 0x1fu) << 6 | (s[1] & 0x3fu)];
    if (s[0] < 0xf0) return *next = at + 3, m->table->bmp[(s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu)];
    *next = at + 4;
    return bits_beyond_bmp(m->table, (s[0] & 7u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu));
}

static uint32_t character_before(const char *text, uint32_t at)
{
    do at--;
    while (((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* Goes over characters of the item's class, at most item->max; how many. */
static uint32_t run_of(const Matcher *m, const Item *item, uint32_t *at)
{
    uint32_t n = 0, next;
    while (n<item->max && * at<m->end && bits_at(m, *at, &next)>> item->class & 1) {
        *at = next;
        n++;
    }
    return n;
}

static bool match_items(Matcher *m, const Item *item, uint32_t at, uint32_t *match_end)
{
    uint32_t next;
    switch (item->kind) {
    case ITEM_DONE: return *match_end = at, true;
    case ITEM_LINE_END: return (at == m->end || m->text[at] == '\n') && match_items(m, item + 1, at, match_end);
    case ITEM_NOT_AHEAD:
        if (at < m->end && bits_at(m, at, &next) >> item->class & 1) return false;
        return match_items(m, item + 1, at, match_end);
    case ITEM_CLASS: break;
    }
    for (uint32_t n = run_of(m, item, &at); n >= item->min; n--) {
        if (match_items(m, item + 1, at, match_end)) return true;
        if (n == 0 || m->budget == 0) return false;
        m->budget--;
        at = character_before(m->text, at);
    }
    return false;
}

/* After a failure at `at`: the next place worth a try. Where the pattern is one alternative that begins with class+ or
 * class*, a later start within the same run could only end where this one has failed already; without that, a long run
 * of white space would take a time that is its length squared. */
static uint32_t next_start(const Matcher *m, const ClassPattern *p, uint32_t at, uint32_t next)
{
    const Item *i = &p->item[0];
    if (p->n_alternatives != 1 || i->kind != ITEM_CLASS || i->max != UINT32_MAX || i->min > 1) return next;
    run_of(m, i, &at);
    return at > next ? at : next;
}

SearchResult class_pattern_search(const ClassPattern *p, const ClassTable *t, const char *text, uint32_t from,
                                  uint32_t end, uint32_t limit, uint32_t *match_begin, uint32_t *match_end)
{
    Matcher m = { t, text, end, limit };
    uint16_t starts = 0;
    bool anywhere = false;
    for (int a = 0; a < p->n_alternatives; a++) {
        starts |= p->starts_with[a];
        anywhere |= p->may_be_empty[a];
    }
    for (uint32_t at = from, next; at <= end; at = next) {
        next = at + 1;
        const uint16_t bits = at < end ? bits_at(&m, at, &next) : 0;
        if (!(bits & starts) && !anywhere) continue;
        for (int a = 0; a < p->n_alternatives; a++) {
            if (!(bits & p->starts_with[a]) && !p->may_be_empty[a]) continue;
            if (match_items(&m, &p->item[p->first[a]], at, match_end)) return *match_begin = at, SEARCH_FOUND;
        }
        if (m.budget == 0) return SEARCH_GAVE_UP;
        next = next_start(&m, p, at, next);
    }
    return SEARCH_NONE;
}
