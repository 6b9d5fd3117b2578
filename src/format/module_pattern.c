/* module_pattern.c - see module_pattern.h. Nearly all keys are names: those are compared from their ends, so that thousands of
 * them cost nothing; the others are Oniguruma's to search, with a limit. */
#include "format/module_pattern.h"

#include <oniguruma.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { MAX_KEY = 1024, MAX_KEYS = 1 << 17, MAX_RETRIES = 1000000 };

typedef struct {
    char *name;     /* a key without special signs but dots; else NULL */
    regex_t *regex; /* of all others */
    double value;
} Pattern;

struct ModulePatterns {
    Pattern *pattern;
    int n;
    char *where;
};

/* ---- opening ---- */

static bool is_name(const char *key)
{
    static const char signs[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return key[strspn(key, signs)] == 0;
}

static void start_oniguruma(void)
{
    OnigEncoding used[] = { ONIG_ENCODING_UTF8 };
    onig_initialize(used, 1);
}

/* Oniguruma keeps tables of its own, filled once for the process. */
static pthread_once_t oniguruma_started = PTHREAD_ONCE_INIT;

static regex_t *compile(const char *key, const char *where, Error *e)
{
    OnigErrorInfo info;
    regex_t *regex = NULL;
    Str s = { 0 };
    pthread_once(&oniguruma_started, start_oniguruma);
    str_printf(&s, "(.*\\.)?(%s)$", key);
    const OnigUChar *p = (const OnigUChar *)s.text;
    const int rc = onig_new(&regex, p, p + s.n, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_PYTHON, &info);
    str_free(&s);
    if (rc == ONIG_NORMAL) return regex;
    OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
    onig_error_code_to_str(why, rc, &info);
    fail(e, ERR_FORMAT, "%s: the key \"%s\" is no regular expression: %s", where, key, (const char *)why);
    return NULL;
}

static bool add_pattern(ModulePatterns *p, const char *key, double value, Error *e)
{
    if (strlen(key) > MAX_KEY)
        return fail(e, ERR_LIMIT, "%s: a key of %zu bytes, at most %d are taken", p->where, strlen(key), MAX_KEY);
    Pattern *to = &p->pattern[p->n];
    *to = (Pattern){ .value = value };
    if (is_name(key))
        to->name = xstrdup(key);
    else if (!(to->regex = compile(key, p->where, e)))
        return false;
    p->n++;
    return true;
}

ModulePatterns *module_patterns_open(const json_t *object, double lo, double hi, const char *where, Error *e)
{
    ModulePatterns *p = xcalloc(1, sizeof *p);
    const char *key;
    const json_t *v;
    bool ok = true;
    p->where = xstrdup(where);
    p->pattern = xcalloc(json_object_size(object) + 1, sizeof *p->pattern);
    if (json_object_size(object) > MAX_KEYS)
        ok = fail(e, ERR_LIMIT, "%s: %zu keys, at most %d are taken", where, json_object_size(object), MAX_KEYS);
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        if (!ok) break;
        if (!json_is_number(v) || !(json_number_value(v) >= lo && json_number_value(v) <= hi))
            ok = fail(e, ERR_FORMAT, "%s: \"%s\" is not a number from %g to %g", where, key, lo, hi);
        else
            ok = add_pattern(p, key, json_number_value(v), e);
    }
    if (ok) return p;
    module_patterns_close(p);
    return NULL;
}

void module_patterns_close(ModulePatterns *p)
{
    if (!p) return;
    for (int i = 0; i < p->n; i++) {
        free(p->pattern[i].name);
        if (p->pattern[i].regex) onig_free(p->pattern[i].regex);
    }
    free(p->pattern);
    free(p->where);
    free(p);
}

/* ---- finding ---- */

/* The key, in which a dot stands for any sign, is the module's name or its end behind a dot. */
static bool name_fits(const char *key, const char *module)
{
    const size_t n = strlen(key), all = strlen(module);
    if (n > all || (n < all && module[all - n - 1] != '.')) return false;
    for (size_t i = n; i-- > 0;)
        if (key[i] != '.' && key[i] != module[all - n + i]) return false;
    return true;
}

static int search(regex_t *regex, const char *module)
{
    const OnigUChar *s = (const OnigUChar *)module, *end = s + strlen(module);
    OnigMatchParam *limits = onig_new_match_param();
    onig_initialize_match_param(limits);
    onig_set_retry_limit_in_match_of_match_param(limits, MAX_RETRIES);
    const int rc = onig_match_with_param(regex, s, end, s, NULL, ONIG_OPTION_NONE, limits);
    onig_free_match_param(limits);
    return rc;
}

bool module_patterns_find(const ModulePatterns *p, const char *module, double *out, Error *e)
{
    for (int i = 0; i < p->n; i++) {
        const Pattern *q = &p->pattern[i];
        const int found = q->name ? (name_fits(q->name, module) ? 0 : ONIG_MISMATCH) : search(q->regex, module);
        if (found < ONIG_MISMATCH) return fail(e, ERR_LIMIT, "%s: a pattern gave up on %s", p->where, module);
        if (found != ONIG_MISMATCH) return *out = q->value, true;
    }
    return true;
}
