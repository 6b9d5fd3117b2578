/* box_match.c - see box_match.h. */
#include "eval/box_match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "eval/python_text.h"
#include "text/grounding.h"

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* [-+]?\d*\.?\d+([eE][-+]?\d+)? */
static bool take_number(const char **at, const char *end, double *out)
{
    const char *p = *at;
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *const digits = p;
    while (is_digit(p, end)) p++;
    const bool whole = p > digits;
    if (p < end && *p == '.' && is_digit(p + 1, end))
        for (p++; is_digit(p, end); p++) {}
    else if (!whole)
        return false;
    const char *power = p;
    if (power < end && (*power == 'e' || *power == 'E')) {
        power++;
        if (power < end && (*power == '-' || *power == '+')) power++;
        if (is_digit(power, end))
            for (p = power; is_digit(p, end); p++) {}
    }
    if (!python_float(*at, (size_t)(p - *at), out)) return false;
    *at = p;
    return true;
}

static bool take_blanks(const char **p, const char *end)
{
    const char *const begin = *p;
    while (*p < end && (**p == ' ' || (**p >= '\t' && **p <= '\r'))) ++*p;
    return *p > begin;
}

static bool take_separator(const char **p, const char *end)
{
    const bool blank = take_blanks(p, end);
    if (*p == end || **p != ',') return blank;
    ++*p;
    take_blanks(p, end);
    return true;
}

/* At a '['. */
static bool take_list(const char *p, const char *end, double box[4])
{
    p++;
    take_blanks(&p, end);
    for (int i = 0; i < 4; i++)
        if ((i > 0 && !take_separator(&p, end)) || !take_number(&p, end, &box[i])) return false;
    take_blanks(&p, end);
    return p < end && *p == ']';
}

bool box_from_text(const char *s, size_t n, double box[4])
{
    const char *const end = s + n;
    for (const char *p = s; p < end; p++)
        if (*p == '[' && take_list(p, end, box)) return true;
    int found = 0;
    for (const char *p = s; p < end && found < 4;) {
        if (take_number(&p, end, &box[found]))
            found++;
        else
            p++;
    }
    return found == 4;
}

static double clip(double v, double most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

static void order(double *a, double *b)
{
    const double first = *a;
    if (*b >= first) return;
    *a = *b;
    *b = first;
}

bool box_to_pixels(double box[4], double w, double h, int scale)
{
    double largest = 0;
    if (!(w > 0) || !(h > 0)) return false;
    for (int i = 0; i < 4; i++) largest = fmax(largest, fabs(box[i]));
    const double unit = largest <= 1.5 ? 1 : largest <= 1000 ? scale : 0;
    for (int i = 0; i < 4; i++) {
        const double side = i % 2 ? h : w;
        box[i] = clip(unit > 0 ? box[i] / unit * side : box[i], side);
    }
    order(&box[0], &box[2]);
    order(&box[1], &box[3]);
    return true;
}

double box_iou(const double a[4], const double b[4])
{
    const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    if (w <= 0 || h <= 0) return 0;
    const double both = w * h;
    const double either =
        fmax(a[2] - a[0], 0) * fmax(a[3] - a[1], 0) + fmax(b[2] - b[0], 0) * fmax(b[3] - b[1], 0) - both;
    return either > 0 ? both / either : 0;
}

static const char *without_article(const char *label)
{
    static const char *const ARTICLES[] = { "the ", "an ", "a " };
    for (int i = 0; i < 3; i++)
        if (strncasecmp(label, ARTICLES[i], strlen(ARTICLES[i])) == 0) return label + strlen(ARTICLES[i]);
    return label;
}

static bool agree(const Box *a, const Box *b, bool labels)
{
    return box_iou(a->norm, b->norm) >= 0.5 &&
           (!labels || strcasecmp(without_article(a->label), without_article(b->label)) == 0);
}

double box_agreement(const char *reference, size_t n_reference, const char *s, size_t n, bool labels)
{
    Grounding wanted, given;
    size_t matched = 0;
    const bool is_reference = grounding_parse_tolerant(reference, n_reference, &wanted);
    const bool both = grounding_parse_tolerant(s, n, &given) && is_reference; /* both lists are filled and freed */
    bool *taken = xcalloc(given.n + 1, sizeof *taken);
    for (size_t i = 0; both && i < wanted.n; i++)
        for (size_t k = 0; k < given.n; k++) {
            if (taken[k] || !agree(&wanted.box[i], &given.box[k], labels)) continue;
            taken[k] = true;
            matched++;
            break;
        }
    const size_t more = wanted.n > given.n ? wanted.n : given.n;
    free(taken);
    grounding_free(&wanted);
    grounding_free(&given);
    return more ? (double)matched / (double)more : 0;
}
