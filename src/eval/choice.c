/* choice.c - see choice.h. */
#include "eval/choice.h"

#include <string.h>

#include "eval/python_text.h"

static bool holds(const char *s, size_t n, const char *part)
{
    return memmem(s, n, part, strlen(part)) != NULL;
}

static bool is_refusal(const char *s, size_t n)
{
    static const char *const REFUSALS[] = { "Sorry, I can't help with images of people yet.",
                                            "I can't process this file.", "I'm sorry, but without the image provided",
                                            "Cannot determine the answer" };
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++)
        if (holds(s, n, REFUSALS[i])) return true;
    return false;
}

/* Where each letter first stands as a word of its own; -1: nowhere. */
typedef struct {
    int first[CHOICES];
    int words;
} Letters;

static Letters find_letters(const char *s, size_t n)
{
    static const char BLANKS[] = ".()[],:;!*#{}";
    Letters l = { .words = 0 };
    Str plain = { 0 };
    const char *word;
    size_t n_word;
    for (int i = 0; i < CHOICES; i++) l.first[i] = -1;
    for (size_t i = 0; i < n; i++) str_putc(&plain, s[i] && strchr(BLANKS, s[i]) ? ' ' : s[i]);
    str_add(&plain, "", 0);
    const char *rest = plain.text;
    size_t n_rest = plain.n;
    for (; python_word(&rest, &n_rest, &word, &n_word); l.words++)
        if (n_word == 1 && *word >= 'A' && *word <= 'Z' && l.first[*word - 'A'] < 0) l.first[*word - 'A'] = l.words;
    str_free(&plain);
    return l;
}

static void skip_blanks(const char **p, const char *end)
{
    while (*p < end && (**p == ' ' || (**p >= '\t' && **p <= '\r'))) ++*p;
}

/* "answer is X", in any case, with stars around X, which is one of A to D. */
static char after_answer_is(const char *s, size_t n)
{
    for (const char *at = s, *end = s + n; end - at >= 6; at++) {
        if (strncasecmp(at, "answer", 6) != 0) continue;
        const char *p = at + 6, *const gap = p;
        skip_blanks(&p, end);
        if (p == gap || end - p < 2 || strncasecmp(p, "is", 2) != 0) continue;
        const char *const second = p += 2;
        skip_blanks(&p, end);
        if (p == second) continue;
        while (p < end && *p == '*') p++;
        const char letter = p < end ? (char)(*p & ~0x20) : 0;
        if (letter >= 'A' && letter <= 'D') return letter;
    }
    return 0;
}

char choice_by_letter(const Choices *c, const char *s, size_t n)
{
    enum { LAST_WORDS = 4 };
    int present = 0, only = 0;
    if (holds(s, n, "Failed to obtain answer via API")) return 0;
    if (is_refusal(s, n)) return 'Z';
    const Letters l = find_letters(s, n);
    for (int i = 0; i < CHOICES; i++)
        if (c->text[i] && l.first[i] >= 0) present++, only = i;
    if (present == 1 && l.first[only] >= l.words - LAST_WORDS) return (char)('A' + only);
    if (present == 0 && l.first['Z' - 'A'] >= 0) return 'Z';
    const char said = after_answer_is(s, n);
    return said && c->text[said - 'A'] ? said : 0;
}

char choice_by_text(const Choices *c, const char *s, size_t n)
{
    Str answer = { 0 };
    size_t total = 0;
    char found = 0;
    int matching = 0;
    for (int i = 0; i < CHOICES; i++)
        if (c->text[i]) total += python_length(c->text[i], c->n[i]);
    python_lower(&answer, s, n);
    if (python_length(answer.text, answer.n) <= 2 * total)
        for (int i = 0; i < CHOICES; i++) {
            Str option = { 0 };
            if (!c->text[i]) continue;
            python_lower(&option, c->text[i], c->n[i]);
            if (memmem(answer.text, answer.n, option.text, option.n)) matching++, found = (char)('A' + i);
            str_free(&option);
        }
    str_free(&answer);
    return matching == 1 ? found : 0;
}

char choice_infer(const Choices *c, const char *s, size_t n)
{
    const char letter = choice_by_letter(c, s, n);
    return letter ? letter : choice_by_text(c, s, n);
}
