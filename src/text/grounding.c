/* grounding.c - see grounding.h.
 *
 * Strict, as the official function: all <|ref|>..<|/ref|> and, separately, all <|det|>..<|/det|> are found, each
 * within one line and as short as can be; there must be as many of both, and the i-th of one belongs to the i-th of
 * the other. The tags themselves are removed from what was found. From the text of a det the first and the last
 * character are removed, and what then stands between each [ and the next ] is a list of at least four numbers as
 * Python writes them, of which the first four count. One list that is not ends it all. */
#include "text/grounding.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/shown.h"

typedef struct {
    const char *s;
    size_t n;
} Part;

typedef struct {
    const char *open, *close;
} TagPair;

static const TagPair ref_tags = { "<|ref|>", "<|/ref|>" }, det_tags = { "<|det|>", "<|/det|>" };

static const char *find(Part text, const char *what)
{
    return memmem(text.s, text.n, what, strlen(what));
}

static bool begins_with(Part text, const char *what)
{
    return text.n >= strlen(what) && memcmp(text.s, what, strlen(what)) == 0;
}

static Part after(Part text, const char *at)
{
    return (Part){ at, text.n - (size_t)(at - text.s) };
}

static void add_box(Grounding *g, const char *label, size_t n_label, int group, const double v[4])
{
    /* Boxes of a group share the label of its first one. */
    const bool shares = g->n > 0 && g->box[g->n - 1].group == group;
    char *owned = shares ? g->box[g->n - 1].label : xstrndup(label, n_label);
    g->box = xrealloc(g->box, g->n + 1, sizeof *g->box);
    g->box[g->n++] = (Box){ owned, group, { v[0], v[1], v[2], v[3] } };
}

void grounding_free(Grounding *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (i == 0 || g->box[i].group != g->box[i - 1].group) free(g->box[i].label);
    free(g->box);
    str_free(&g->repairs);
    *g = (Grounding){ 0 };
}

/* --- Numbers ----------------------------------------------------------------------------------------------------- */

static void skip_blanks(Part *p)
{
    while (p->n > 0 && (*p->s == ' ' || *p->s == '\t' || *p->s == '\f')) p->s++, p->n--;
}

static size_t count_digits(Part p)
{
    size_t n = 0;
    while (n < p.n && p.s[n] >= '0' && p.s[n] <= '9') n++;
    return n;
}

static Part skip(Part p, size_t n)
{
    return (Part){ p.s + n, p.n - n };
}

static bool is_mark(Part p, const char *marks)
{
    return p.n > 0 && *p.s && strchr(marks, *p.s);
}

/* Length of a number as Python writes it, without sign: 12, 1.5, 1., .5, 1e3; 0 if there is none. An integer must not
 * begin with a zero, unless it is all zeros. */
static size_t number_length(Part p)
{
    const Part begin = p;
    const size_t whole = count_digits(p);
    size_t fraction = 0;
    p = skip(p, whole);
    const bool has_point = is_mark(p, ".");
    if (has_point) {
        fraction = count_digits(skip(p, 1));
        p = skip(p, 1 + fraction);
    }
    if (whole + fraction == 0) return 0;
    bool has_exponent = false;
    if (is_mark(p, "eE")) {
        const size_t sign = is_mark(skip(p, 1), "+-");
        const size_t digits = count_digits(skip(p, 1 + sign));
        has_exponent = digits > 0;
        if (has_exponent) p = skip(p, 1 + sign + digits);
    }
    size_t zeros = 0;
    while (zeros < whole && begin.s[zeros] == '0') zeros++;
    if (!has_point && !has_exponent && zeros > 0 && zeros < whole) return 0;
    return begin.n - p.n;
}

/* Signs and a number. */
static bool read_number(Part *p, double *v)
{
    bool negative = false;
    for (; is_mark(*p, "+-"); *p = skip(*p, 1), skip_blanks(p)) negative ^= *p->s == '-';
    const size_t n = number_length(*p);
    char digits[64];
    if (n == 0 || n >= sizeof digits) return false;
    memcpy(digits, p->s, n);
    digits[n] = 0;
    *v = strtod(digits, NULL);
    if (negative) *v = -*v;
    *p = skip(*p, n);
    return isfinite(*v);
}

/* --- Strict ------------------------------------------------------------------------------------------------------ */

/* Finds the next pair of tags with no line end in it; the tags are part of *found. */
static bool next_tagged(Part *text, const TagPair *tags, Part *found)
{
    for (const char *open; (open = find(*text, tags->open));) {
        const Part inner = after(*text, open + strlen(tags->open));
        const char *close = find(inner, tags->close), *line_end = inner.n ? memchr(inner.s, '\n', inner.n) : NULL;
        *text = inner;
        if (!close) return false;
        if (line_end && line_end < close) continue;
        const char *end = close + strlen(tags->close);
        *found = (Part){ open, (size_t)(end - open) };
        *text = after(*text, end);
        return true;
    }
    return false;
}

static int count_tagged(Part text, const TagPair *tags)
{
    Part found;
    int n = 0;
    while (next_tagged(&text, tags, &found)) n++;
    return n;
}

static void without_tags(Part text, const TagPair *tags, Str *out)
{
    str_clear(out);
    while (text.n > 0) {
        const bool opens = begins_with(text, tags->open), closes = begins_with(text, tags->close);
        if (opens)
            text = skip(text, strlen(tags->open));
        else if (closes)
            text = skip(text, strlen(tags->close));
        else {
            str_putc(out, *text.s);
            text = skip(text, 1);
        }
    }
}

/* The text without its first and its last character, which may have several bytes. */
static Part inside(Part text)
{
    if (text.n > 0) text = skip(text, 1);
    while (text.n > 0 && ((unsigned char)*text.s & 0xc0) == 0x80) text = skip(text, 1);
    while (text.n > 0 && ((unsigned char)text.s[text.n - 1] & 0xc0) == 0x80) text.n--;
    if (text.n > 0) text.n--;
    return text;
}

/* "1, 2, 3, 4" and further numbers, a comma behind the last one allowed. */
static bool read_list(Part list, double v[4])
{
    int n = 0;
    for (;;) {
        double number;
        skip_blanks(&list);
        if (list.n == 0) return n >= 4; /* the list ended with a comma */
        if (!read_number(&list, &number)) return false;
        if (n < 4) v[n] = number;
        n++;
        skip_blanks(&list);
        if (list.n == 0) return n >= 4;
        if (*list.s != ',') return false;
        list = skip(list, 1);
    }
}

/* The next [..] in *text: what stands between. */
static bool next_list(Part *text, Part *list)
{
    const char *open = text->n ? memchr(text->s, '[', text->n) : NULL;
    if (!open) return false;
    const Part rest = after(*text, open + 1);
    const char *close = rest.n ? memchr(rest.s, ']', rest.n) : NULL;
    if (!close) return false;
    *list = (Part){ rest.s, (size_t)(close - rest.s) };
    *text = after(rest, close + 1);
    return true;
}

static bool read_strict(Part text, Grounding *g, Str *label, Str *lists)
{
    Part refs = text, dets = text, ref, det, list;
    if (count_tagged(text, &ref_tags) != count_tagged(text, &det_tags)) return false;
    for (int group = 0; next_tagged(&refs, &ref_tags, &ref) && next_tagged(&dets, &det_tags, &det); group++) {
        without_tags(ref, &ref_tags, label);
        without_tags(det, &det_tags, lists);
        for (Part rest = inside((Part){ lists->text, lists->n }); next_list(&rest, &list);) {
            double v[4];
            if (!read_list(list, v)) return false;
            add_box(g, label->text, label->n, group, v);
        }
    }
    return g->n > 0;
}

bool grounding_parse_strict(const char *text, size_t n, Grounding *out)
{
    Str label = { 0 }, lists = { 0 };
    *out = (Grounding){ 0 };
    const bool ok = read_strict((Part){ text, n }, out, &label, &lists);
    str_free(&label);
    str_free(&lists);
    if (!ok) grounding_free(out);
    return ok;
}

/* --- Tolerant ---------------------------------------------------------------------------------------------------- */

enum { MAX_NORM = 999 };

typedef struct {
    Grounding *out;
    Str label; /* of the ref that waits for its det */
    bool has_label;
    int group;
} Tolerant;

static void __attribute__((format(printf, 2, 3))) repaired(Tolerant *t, const char *fmt, ...)
{
    char line[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    str_puts(&t->out->repairs, line);
    str_putc(&t->out->repairs, '\n');
}

/* "box 3 of "cat"" for a message; boxes are counted from 1. */
typedef struct {
    char text[SHOWN_BYTES + 32];
} BoxName;

static BoxName box_name(const Tolerant *t, size_t number)
{
    char label[SHOWN_BYTES];
    BoxName b;
    snprintf(b.text, sizeof b.text, "box %zu of \"%s\"", number,
             shown(t->has_label ? t->label.text : "", t->label.n, label));
    return b;
}

/* Parts of the picture, 0 to 1, in place of 0 to 999: as four integers they would be a box of one point. */
static bool is_fractions(const double v[4])
{
    bool has_fraction = false;
    for (int i = 0; i < 4; i++) {
        if (v[i] < 0 || v[i] > 1) return false;
        has_fraction |= v[i] != floor(v[i]);
    }
    return has_fraction;
}

static void put_in_order(Tolerant *t, const BoxName *b, double *low, double *high, char axis)
{
    if (*low <= *high) return;
    repaired(t, "%s: %c1 = %g is over %c2 = %g, exchanged", b->text, axis, *low, axis, *high);
    const double swap = *low;
    *low = *high;
    *high = swap;
}

static void repair_box(Tolerant *t, size_t number, double v[4])
{
    const BoxName b = box_name(t, number);
    if (is_fractions(v)) {
        repaired(t, "%s: parts of 1, taken as parts of %d", b.text, MAX_NORM);
        for (int i = 0; i < 4; i++) v[i] *= MAX_NORM;
    }
    for (int i = 0; i < 4; i++) {
        const double in_range = v[i] < 0 ? 0 : v[i] > MAX_NORM ? MAX_NORM : v[i];
        if (in_range != v[i]) repaired(t, "%s: %g, taken as %g", b.text, v[i], in_range);
        v[i] = in_range;
    }
    put_in_order(t, &b, &v[0], &v[2], 'x');
    put_in_order(t, &b, &v[1], &v[3], 'y');
}

/* The numbers of one list: boxes of four each, or the first four. */
static void take_numbers(Tolerant *t, double *v, size_t n)
{
    const BoxName b = box_name(t, t->out->n + 1);
    if (n == 0) return;
    if (n < 4) {
        repaired(t, "%s: %zu numbers, expected 4: left out", b.text, n);
        return;
    }
    const size_t boxes = n % 4 == 0 ? n / 4 : 1;
    if (n != 4) repaired(t, "%s: %zu numbers in a list, expected 4: taken as %zu", b.text, n, boxes);
    for (size_t i = 0; i < boxes; i++) {
        repair_box(t, t->out->n + 1, v + 4 * i);
        add_box(t->out, t->label.text, t->label.n, t->group, v + 4 * i);
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A decimal number at p.s; 0 if there is none. A minus right behind a digit is a dash, digits right behind a letter are
 * part of a name as "x1". */
static size_t loose_number(const char *begin, Part p, double *v)
{
    const char before = p.s > begin ? p.s[-1] : ' ';
    const bool behind_digit = before >= '0' && before <= '9';
    const size_t sign = is_mark(p, "-") && !behind_digit;
    const size_t whole = count_digits(skip(p, sign));
    if (whole == 0) return 0;
    const Part rest = skip(p, sign + whole);
    const size_t fraction = is_mark(rest, ".") ? count_digits(skip(rest, 1)) : 0;
    const size_t n = sign + whole + (fraction ? 1 + fraction : 0);
    char digits[64];
    if (n >= sizeof digits || is_letter(before)) return 0;
    memcpy(digits, p.s, n);
    digits[n] = 0;
    *v = strtod(digits, NULL);
    return n;
}

/* Reads all numbers of a det, whatever stands between them. A bracket ends a list; two lists of two are two corners. */
static void take_det(Tolerant *t, Part det)
{
    double *v = NULL;
    size_t n = 0, capacity = 0;
    const size_t before = t->out->n;
    for (Part rest = det; rest.n > 0;) {
        GROW(v, n, capacity);
        const size_t length = loose_number(det.s, rest, &v[n]);
        if (length > 0)
            n++;
        else if (*rest.s == ']' && n != 2)
            take_numbers(t, v, n), n = 0;
        const size_t digits = count_digits(rest);
        rest = skip(rest, length ? length : digits ? digits : 1);
    }
    take_numbers(t, v, n);
    if (t->out->n == before) repaired(t, "%s: no box is given", box_name(t, before + 1).text);
    free(v);
}

/* Text up to the closing tag, or up to whatever comes before it: another tag that opens, or the end. */
static Part take_tagged(Tolerant *t, Part *text, const TagPair *tags, const char *what)
{
    const char *close = find(*text, tags->close), *ref = find(*text, ref_tags.open), *det = find(*text, det_tags.open);
    const char *end = text->s + text->n;
    if (ref) end = ref;
    if (det && det < end) end = det;
    const bool is_closed = close && close < end;
    if (is_closed)
        end = close;
    else
        repaired(t, "a %s is not closed", what);
    const Part found = { text->s, (size_t)(end - text->s) };
    *text = after(*text, is_closed ? close + strlen(tags->close) : end);
    return found;
}

static void drop_label(Tolerant *t)
{
    char label[SHOWN_BYTES];
    if (t->has_label) repaired(t, "\"%s\" has no det: left out", shown(t->label.text, t->label.n, label));
    t->has_label = false;
}

static void take_label(Tolerant *t, Part label)
{
    strip_space(&label.s, &label.n);
    drop_label(t);
    str_clear(&t->label);
    str_add(&t->label, label.s, label.n);
    t->has_label = true;
}

static void read_tolerant(Tolerant *t, Part text)
{
    for (;;) {
        const char *ref = find(text, ref_tags.open), *det = find(text, det_tags.open);
        if (!ref && !det) break;
        if (ref && (!det || ref < det)) {
            text = after(text, ref + strlen(ref_tags.open));
            take_label(t, take_tagged(t, &text, &ref_tags, "ref"));
            continue;
        }
        text = after(text, det + strlen(det_tags.open));
        const Part inner = take_tagged(t, &text, &det_tags, "det");
        if (!t->has_label) {
            repaired(t, "a det has no ref: its label is empty");
            str_clear(&t->label);
        }
        take_det(t, inner);
        t->has_label = false;
        t->group++;
    }
    drop_label(t);
}

/* What the strict form gave may still be out of range or out of order. */
static void repair_boxes(Tolerant *t)
{
    t->has_label = true;
    for (size_t i = 0; i < t->out->n; i++) {
        str_clear(&t->label);
        str_puts(&t->label, t->out->box[i].label);
        repair_box(t, i + 1, t->out->box[i].norm);
    }
}

bool grounding_parse_tolerant(const char *text, size_t n, Grounding *out)
{
    Tolerant t = { .out = out };
    if (grounding_parse_strict(text, n, out))
        repair_boxes(&t);
    else
        read_tolerant(&t, (Part){ text, n });
    str_free(&t.label);
    return out->n > 0;
}

/* --- Pixels ------------------------------------------------------------------------------------------------------ */

int grounding_pixel(double v, int size)
{
    const double pixel = v / MAX_NORM * size;
    return pixel >= INT_MAX ? INT_MAX : pixel <= INT_MIN ? INT_MIN : (int)pixel;
}

int grounding_norm(double pixel, double size)
{
    return (int)(pixel / size * MAX_NORM + 0.5);
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

void grounding_add_ref(Str *out, const char *label, size_t n)
{
    str_puts(out, ref_tags.open);
    str_add(out, label, n);
    str_puts(out, ref_tags.close);
}

void grounding_add_det(Str *out, const int (*box)[4], int n)
{
    str_puts(out, det_tags.open);
    for (int i = 0; i < n; i++)
        str_printf(out, "%s[%d, %d, %d, %d]", i ? ", " : "[", box[i][0], box[i][1], box[i][2], box[i][3]);
    str_puts(out, "]");
    str_puts(out, det_tags.close);
}
