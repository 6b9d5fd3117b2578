/* args.c - see args.h. Long options "--name value" and "--name=value", short ones "-x value", "-xvalue", flags of one
 * letter in a bunch; "--" ends the options, "-" alone is an operand. A later value of an option replaces an earlier
 * one, unless the option collects. */
#include "cli/args.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/terminal.h"

enum { HELP_WIDTH = 79, HELP_INDENT = 2, HELP_COLUMN = 28, MAX_NAMES = 128 };

typedef struct {
    const Option *option; /* NULL: there is none of that name */
    void *field;
} Found;

static bool takes_value(const Option *o)
{
    return o->kind != ARG_FLAG;
}

static Found find_long(const Group *groups, void *values, const char *name, size_t n)
{
    for (const Group *g = groups; g->title; g++)
        for (const Option *o = g->option; o->name; o++)
            if ((strlen(o->name) == n && !strncmp(o->name, name, n)) ||
                (o->alias && strlen(o->alias) == n && !strncmp(o->alias, name, n)))
                return (Found){ o, (char *)values + g->offset + o->offset };
    return (Found){ 0 };
}

static Found find_letter(const Group *groups, void *values, char letter)
{
    for (const Group *g = groups; g->title; g++)
        for (const Option *o = g->option; o->name; o++)
            if (o->letter == letter) return (Found){ o, (char *)values + g->offset + o->offset };
    return (Found){ 0 };
}

/* ---- values ---- */

static bool parse_integer(const Option *o, const char *text, int *out, Error *e)
{
    char *end;
    errno = 0;
    const long v = strtol(text, &end, 10);
    if (end == text || *end || errno || (double)v < o->lo || (double)v > o->hi)
        return fail(e, ERR_USAGE, "--%s: found '%s', expected a whole number from %.0f to %.0f", o->name, text, o->lo,
                    o->hi);
    *out = (int)v;
    return true;
}

static bool parse_number(const Option *o, const char *text, float *out, Error *e)
{
    char *end;
    const double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || v < o->lo || v > o->hi)
        return fail(e, ERR_USAGE, "--%s: found '%s', expected a number from %g to %g", o->name, text, o->lo, o->hi);
    *out = (float)v;
    return true;
}

static bool parse_seed(const Option *o, const char *text, uint64_t *out, Error *e)
{
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (end == text || *end || errno || strchr(text, '-'))
        return fail(e, ERR_USAGE, "--%s: found '%s', expected a whole number from 0 to 18446744073709551615", o->name,
                    text);
    *out = v;
    return true;
}

static bool parse_choice(const Option *o, const char *text, const char **out, Error *e)
{
    const size_t n = strlen(text);
    for (const char *c = o->choices; n && *c;) {
        const size_t m = strcspn(c, "|");
        if (m == n && !strncmp(c, text, n)) {
            *out = text;
            return true;
        }
        c += m + (c[m] == '|');
    }
    return fail(e, ERR_USAGE, "--%s: found '%s', expected one of %s", o->name, text, o->choices);
}

static bool store(Found f, const char *text, Error *e)
{
    switch (f.option->kind) {
    case ARG_FLAG: *(bool *)f.field = true; return true;
    case ARG_TEXT: *(const char **)f.field = text; return true;
    case ARG_TEXTS: {
        Texts *t = f.field;
        GROW(t->text, t->n, t->capacity);
        t->text[t->n++] = text;
        return true;
    }
    case ARG_INTEGER: return parse_integer(f.option, text, f.field, e);
    case ARG_INTEGERS: {
        Integers *t = f.field;
        int v = 0;
        if (!parse_integer(f.option, text, &v, e)) return false;
        GROW(t->value, t->n, t->capacity);
        t->value[t->n++] = v;
        return true;
    }
    case ARG_SEED: return parse_seed(f.option, text, f.field, e);
    case ARG_NUMBER: return parse_number(f.option, text, f.field, e);
    case ARG_CHOICE: return parse_choice(f.option, text, f.field, e);
    }
    return false;
}

/* ---- names that are nearly right ---- */

/* Levenshtein distance; names longer than the row are far from everything. */
static int edit_distance(const char *a, const char *b)
{
    int row[64];
    const int n = (int)strlen(b);
    if (n >= 64) return 64;
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            const int replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            const int skip = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replace < skip ? replace : skip;
        }
    }
    return row[n];
}

const char *nearest_name(const char *typed, const char *const *names)
{
    const char *best = NULL;
    int least = (int)strlen(typed) / 3 + 2; /* farther than this is a guess, not a typing mistake */
    for (; *names; names++) {
        const int d = edit_distance(typed, *names);
        if (d < least) {
            least = d;
            best = *names;
        }
    }
    return best;
}

static bool fail_unknown(const Group *groups, const char *name, Error *e)
{
    const char *names[MAX_NAMES];
    int n = 0;
    for (const Group *g = groups; g->title; g++)
        for (const Option *o = g->option; o->name && n < MAX_NAMES - 3; o++) {
            names[n++] = o->name;
            if (o->alias) names[n++] = o->alias;
        }
    names[n++] = "help";
    names[n] = NULL;
    const char *near = nearest_name(name, names);
    if (near) return fail(e, ERR_USAGE, "there is no option --%s; did you mean --%s?", name, near);
    return fail(e, ERR_USAGE, "there is no option --%s", name);
}

/* ---- parsing ---- */

static bool parse_long(const Group *groups, void *values, int argc, char **argv, int *i, Error *e)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    const size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const Found f = find_long(groups, values, name, n);
    if (!f.option) {
        char *typed = xstrndup(name, n);
        fail_unknown(groups, typed, e);
        free(typed);
        return false;
    }
    if (!takes_value(f.option)) {
        if (equals) return fail(e, ERR_USAGE, "--%s takes no value, found '%s'", f.option->name, equals + 1);
        return store(f, NULL, e);
    }
    if (equals) return store(f, equals + 1, e);
    if (*i + 1 >= argc) return fail(e, ERR_USAGE, "--%s: the value %s is missing", f.option->name, f.option->value);
    return store(f, argv[++*i], e);
}

static bool parse_short(const Group *groups, void *values, int argc, char **argv, int *i, Error *e)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        const Found f = find_letter(groups, values, *c);
        if (!f.option) return fail(e, ERR_USAGE, "there is no option -%c", *c);
        if (!takes_value(f.option)) {
            if (!store(f, NULL, e)) return false;
            continue;
        }
        if (c[1]) return store(f, c + 1, e);
        if (*i + 1 >= argc) return fail(e, ERR_USAGE, "-%c: the value %s is missing", *c, f.option->value);
        return store(f, argv[++*i], e);
    }
    return true;
}

static bool is_help(const char *arg)
{
    return !strcmp(arg, "-h") || !strcmp(arg, "--help");
}

ArgsResult args_parse(const Command *c, void *values, int argc, char **argv, int *n_operands, Error *e)
{
    int n = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        bool ok = true;
        if (options && is_help(arg)) return ARGS_HELP;
        if (options && !strcmp(arg, "--"))
            options = false;
        else if (options && arg[0] == '-' && arg[1] == '-')
            ok = parse_long(c->group, values, argc, argv, &i, e);
        else if (options && arg[0] == '-' && arg[1])
            ok = parse_short(c->group, values, argc, argv, &i, e);
        else
            argv[1 + n++] = argv[i];
        if (!ok) return ARGS_MISUSE;
    }
    *n_operands = n;
    if (c->max_operands >= 0 && n > c->max_operands) {
        fail(e, ERR_USAGE, "'%s' is one argument too many", argv[1 + c->max_operands]);
        return ARGS_MISUSE;
    }
    return ARGS_OK;
}

void args_free(const Group *groups, void *values)
{
    for (const Group *g = groups; g->title; g++)
        for (const Option *o = g->option; o->name; o++) {
            void *field = (char *)values + g->offset + o->offset;
            if (o->kind == ARG_TEXTS) {
                Texts *t = field;
                free(t->text);
                *t = (Texts){ 0 };
            } else if (o->kind == ARG_INTEGERS) {
                Integers *t = field;
                free(t->value);
                *t = (Integers){ 0 };
            }
        }
}

bool args_begin(const Command *c, void *values, int argc, char **argv, int *n_operands, int *status)
{
    Error e;
    const ArgsResult r = args_parse(c, values, argc, argv, n_operands, &e);
    if (r == ARGS_OK) return true;
    if (r == ARGS_HELP) args_print_help(c);
    *status = r == ARGS_HELP ? EXIT_OK : args_report(c, &e);
    args_free(c->group, values);
    return false;
}

bool args_set(const Group *groups, void *values, const char *name, const char *value, Error *e)
{
    const Found f = find_long(groups, values, name, strlen(name));
    if (!f.option) return fail_unknown(groups, name, e);
    if (takes_value(f.option) != (value != NULL))
        return fail(e, ERR_USAGE, value ? "--%s takes no value" : "--%s: the value is missing", name);
    return store(f, value, e);
}

void args_show(const Group *group, const void *values, Str *out)
{
    for (const Option *o = group->option; o->name; o++) {
        const void *field = (const char *)values + group->offset + o->offset;
        str_printf(out, "  %-20s ", o->name);
        switch (o->kind) {
        case ARG_FLAG: str_puts(out, *(const bool *)field ? "on" : "off"); break;
        case ARG_TEXT:
        case ARG_CHOICE: {
            const char *text = *(const char *const *)field;
            str_puts(out, text ? text : "-");
            break;
        }
        case ARG_TEXTS: {
            const Texts *t = field;
            for (int i = 0; i < t->n; i++) str_printf(out, "%s'%s'", i ? " " : "", t->text[i]);
            if (!t->n) str_putc(out, '-');
            break;
        }
        case ARG_INTEGER: str_printf(out, "%d", *(const int *)field); break;
        case ARG_INTEGERS: {
            const Integers *t = field;
            for (int i = 0; i < t->n; i++) str_printf(out, "%s%d", i ? " " : "", t->value[i]);
            if (!t->n) str_putc(out, '-');
            break;
        }
        case ARG_SEED: str_printf(out, "%llu", (unsigned long long)*(const uint64_t *)field); break;
        case ARG_NUMBER: str_printf(out, "%g", (double)*(const float *)field); break;
        }
        str_putc(out, '\n');
    }
}

/* ---- help ---- */

/* Prints `text` in lines of at most HELP_WIDTH, from column `at` on; the cursor is at column `at` already. A line end in
 * the text starts a new line. */
static void print_wrapped(const char *text, int at)
{
    int column = at;
    while (*text) {
        const int n = (int)strcspn(text, " \n");
        if (column > at && column + 1 + n > HELP_WIDTH) {
            printf("\n%*s", at, "");
            column = at;
        }
        if (column > at) column += printf(" ");
        column += printf("%.*s", n, text);
        text += n;
        if (*text == '\n') {
            printf("\n%*s", text[1] && text[1] != '\n' ? at : 0, "");
            column = at;
        }
        if (*text) text++;
    }
    putchar('\n');
}

static void print_option(const Option *o)
{
    char left[80];
    int n = 0;
    n += snprintf(left, sizeof left, "%*s", HELP_INDENT, "");
    if (o->letter) n += snprintf(left + n, sizeof left - (size_t)n, "-%c, ", o->letter);
    n += snprintf(left + n, sizeof left - (size_t)n, "--%s", o->name);
    if (o->alias) n += snprintf(left + n, sizeof left - (size_t)n, ", --%s", o->alias);
    if (takes_value(o)) n += snprintf(left + n, sizeof left - (size_t)n, " %s", o->value);
    assert(n < (int)sizeof left);
    if (n + 2 <= HELP_COLUMN)
        printf("%-*s", HELP_COLUMN, left);
    else
        printf("%s\n%*s", left, HELP_COLUMN, "");
    print_wrapped(o->help, HELP_COLUMN);
}

void args_print_help(const Command *c)
{
    static const Option HELP = { .name = "help", .letter = 'h', .help = "This text." };
    printf("vl2 %s - %s\n\nUsage\n", c->name, c->summary);
    for (const char *const *u = c->usage; *u; u++) printf("  vl2 %s\n", *u);
    if (c->about) {
        putchar('\n');
        print_wrapped(c->about, 0);
    }
    for (const Group *g = c->group; g->title; g++) {
        printf("\n%s\n", g->title);
        for (const Option *o = g->option; o->name; o++) print_option(o);
        if (!g[1].title) print_option(&HELP);
    }
    if (!c->example[0]) return;
    puts("\nExamples");
    for (const char *const *x = c->example; *x; x += 2) printf("  %s\n      %s\n", x[0], x[1]);
}

int args_report(const Command *c, const Error *e)
{
    Str text = { 0 };
    add_visible(&text, e->text, strlen(e->text));
    fprintf(stderr, "vl2 %s: %s\n", c->name, text.text);
    str_free(&text);
    if (e->code != ERR_USAGE) return EXIT_WORK_FAILED;
    fprintf(stderr, "'vl2 %s -h' lists the options.\n", c->name);
    return EXIT_MISUSE;
}
