/* test_eval_metrics.c - the rules that answers are scored by: cases worked out from VLMEvalKit's definitions, its quirks named. */
#include "eval/answer_clean.h"
#include "eval/box_match.h"
#include "eval/choice.h"
#include "eval/metric.h"

#include <math.h>

#include "support.h"

#define N(table) (sizeof(table) / sizeof *(table))

typedef struct {
    const char *reference[10], *answer;
    double score;
    const char *why;
} Case;

typedef double Metric(const PythonList *reference, const char *s, size_t n);

static void check_cases(const char *what, Metric *metric, const Case *c, size_t n)
{
    double worst = 0;
    assert_true(n >= 15);
    for (size_t i = 0; i < n; i++) {
        char *text[10];
        size_t n_text[10];
        PythonList l = { .text = text, .n_text = n_text };
        for (; l.n < 10 && c[i].reference[l.n]; l.n++) {
            text[l.n] = (char *)(uintptr_t)c[i].reference[l.n];
            n_text[l.n] = strlen(text[l.n]);
        }
        const double error = fabs(metric(&l, c[i].answer, strlen(c[i].answer)) - c[i].score);
        if (error > 1e-12) print_message("# %s: case %zu, \"%s\": %s\n", what, i, c[i].answer, c[i].why);
        if (error > worst) worst = error;
    }
    assert_within(what, worst, 1e-12); /* sums and quotients of small whole numbers */
}

/* ---- metrics ---- */

static void anls(void **state)
{
    static const Case CASES[] = {
        { { "hello" }, "hello", 1, "the same" },
        { { "Hello" }, "hELLO", 1, "case is nothing" },
        { { "hello" }, "hallo", 0.8, "one of five" },
        { { "hello" }, "hell", 0.8, "one missing" },
        { { "ab" }, "ac", 0.5, "one half still counts" },
        { { "abc" }, "axy", 0, "a third is below the threshold" },
        { { "abcd" }, "abxy", 0.5, "exactly the threshold" },
        { { "x", "hello" }, "hello", 1, "the nearest reference" },
        { { "hello", "hellos" }, "hellos", 1, "any order" },
        { { "a  b" }, "a b", 1, "white space is joined" },
        { { "$ 12" }, "$12", 0.75, "but not taken out: 1 of 4" },
        { { " ab " }, "ac", 0.75, "the raw length divides: 1 of 4" },
        { { "ab\tc" }, "ab c", 1, "a tab is white space" },
        { { "" }, "", 1, "two empty texts" },
        { { "" }, "a", 0, "all of it is wrong" },
        { { "a" }, "", 0, "nothing said" },
        { { "\xc3\x89t\xc3\xa9" }, "\xc3\xa9t\xc3\xa9", 1, "case of every script" },
        { { "\xe4\xb8\xad\xe6\x96\x87" }, "\xe4\xb8\xad\xe5\x9b\xbd", 0.5, "code points are counted, not bytes" },
        { { "12%" }, "12", 2.0 / 3, "punctuation counts" },
        { { "kitten" }, "sitting", 4.0 / 7, "three edits of seven" },
    };
    (void)state;
    check_cases("ANLS", metric_anls, CASES, N(CASES));
}

static void relaxed_accuracy(void **state)
{
    static const Case CASES[] = {
        { { "10" }, "10", 1, "the same" },
        { { "100" }, "105", 1, "exactly 5 %" },
        { { "100" }, "105.1", 0, "more" },
        { { "100" }, "95", 1, "below as well" },
        { { "-100" }, "-96", 1, "of the absolute value" },
        { { "100" }, "-100", 0, "the sign counts" },
        { { "0" }, "0", 1, "0 is compared as text" },
        { { "0" }, "0.0", 0, "so this is another" },
        { { "0" }, "0.01", 0, "and nothing is near it" },
        { { "25%" }, "0.25", 1, "percent divides" },
        { { "25%" }, "25", 0, "on one side alone it is 100 times as much" },
        { { "25%%" }, "0.25", 1, "all percent signs go, one division" },
        { { "Yes" }, "yes", 1, "texts in lower case" },
        { { "Yes" }, "yes.", 0, "texts must be the same" },
        { { "blue" }, " blue ", 1, "the answer is stripped" },
        { { " blue" }, "blue", 0, "the reference is not" },
        { { "2014", "7" }, "7", 1, "any reference" },
        { { "2014" }, "2100", 1, "years are numbers: 4.3 %" },
        { { "1e3" }, "1000", 1, "Python's float" },
        { { "1000" }, "1_000", 1, "with its underscores" },
        { { "1,000" }, "1000", 0, "but no commas" },
        { { "inf" }, "inf", 0, "infinity less infinity is no number" },
        { { "nan" }, "nan", 0, "nan is a number that nothing is near to" },
        { { "ten" }, "10", 0, "words are texts" },
    };
    (void)state;
    check_cases("relaxed accuracy", metric_relaxed, CASES, N(CASES));
}

static void vqa_score(void **state)
{
    static const Case CASES[] = {
        { { "a", "b", "cat", "cat", "cat", "cat", "x", "y", "z", "w" },
          "cat",
          1,
          "four agree: each leaves three others" },
        { { "a", "b", "c", "cat", "cat", "cat", "x", "y", "z", "w" },
          "cat",
          0.9,
          "three: full marks but where it is one of them" },
        { { "a1", "b", "c", "d", "cat", "cat", "x", "y", "z", "w" }, "cat", 0.6, "two" },
        { { "a1", "b", "c", "d", "e", "cat", "x", "y", "z", "w" }, "cat", 0.3, "one" },
        { { "a1", "b", "c", "d", "e", "f", "x", "y", "z", "w" }, "cat", 0, "none" },
        { { "cat" }, "cat", 0, "a lone reference has no others" },
        { { "cat", "cat" }, "cat", 1.0 / 3, "one other each" },
        { { "cat", "cat", "cat" }, "cat", 2.0 / 3, "two others each" },
        { { "cat", "cat", "cat", "cat" }, "cat", 1, "four are the least for full marks" },
        { { "cat", "cat", "cat", "cat" }, "The Cat.", 1, "cleaned: article, case, full stop" },
        { { "two", "2", "Two", "2" }, "2", 1, "number words are digits" },
        { { "dont", "don't", "dont", "don't" }, "dont", 1, "contractions get their apostrophe" },
        { { "a cat", "cat", "the cat", "cat" }, "cat", 1, "articles go on both sides" },
        { { "red-blue", "red blue", "red blue", "red blue" }, "red blue", 1, "a hyphen becomes a blank" },
        { { "1,000", "1000", "1000", "1000" }, "1000", 1, "a comma between digits is deleted" },
        { { "none", "0", "zero", "0" }, "none", 1, "none is 0" },
        { { "3.5", "3.5", "3.5", "3.5" }, "3.5.", 1, "a full stop before a digit stays, the last goes" },
    };
    (void)state;
    check_cases("VQA score", metric_vqa, CASES, N(CASES));
}

static void exact_match(void **state)
{
    static const Case CASES[] = {
        { { "yes" }, "yes", 1, "the same" },
        { { "Yes" }, "yes", 1, "lower case" },
        { { " yes" }, "yes ", 1, "both stripped" },
        { { "yes" }, "yes.", 0, "no cleaning" },
        { { "yes" }, "no", 0, "another" },
        { { "a", "b" }, "B", 1, "any reference" },
        { { "a", "b" }, "c", 0, "none of them" },
        { { "john smith" }, "John  Smith", 0, "white space inside counts" },
        { { "1990" }, "1990", 1, "digits" },
        { { "1990" }, "1990.0", 0, "as texts" },
        { { "" }, "", 1, "empty texts are the same" },
        { { "" }, " ", 1, "so is a blank" },
        { { "\xc3\x84rzte" }, "\xc3\xa4rzte", 1, "case of every script" },
        { { "two" }, "2", 0, "no number words" },
        { { "the cat" }, "cat", 0, "no articles" },
        { { "science & math" }, "Science & Math", 1, "marks stay" },
    };
    (void)state;
    check_cases("exact match", metric_exact, CASES, N(CASES));
}

static double contains_text(const PythonList *r, const char *s, size_t n)
{
    return metric_contains(r, s, n, false);
}

static void ocrbench_contains(void **state)
{
    static const Case CASES[] = {
        { { "exit" }, "exit", 1, "the same" },
        { { "Exit" }, "It says EXIT here", 1, "a part, in any case" },
        { { "exit" }, "e x i t", 0, "blanks count" },
        { { "exit" }, "exi", 0, "a part the other way round is none" },
        { { "it" }, "exit", 1, "words are not looked at" },
        { { " exit\n" }, "exit", 1, "the reference is stripped" },
        { { "a\nb" }, "a b", 1, "line ends are blanks" },
        { { "a b" }, "a\nb", 1, "on both sides" },
        { { "a b" }, "a  b", 0, "two blanks are not one" },
        { { "x", "exit" }, "exit", 1, "any reference" },
        { { "x", "y" }, "exit", 1, "x is in it" },
        { { "q", "z" }, "exit", 0, "none of them" },
        { { "" }, "anything", 1, "nothing is part of everything" },
        { { "12.50" }, "Total: 12.50 EUR", 1, "digits" },
        { { "12,50" }, "12.50", 0, "marks count" },
        { { "\xc3\x89" }, "caf\xc3\xa9", 1, "case of every script" },
    };
    (void)state;
    check_cases("OCRBench", contains_text, CASES, N(CASES));
}

static double contains_formula(const PythonList *r, const char *s, size_t n)
{
    return metric_contains(r, s, n, true);
}

static void ocrbench_formulas(void **state)
{
    static const Case CASES[] = {
        { { "x + y" }, "x+y", 1, "blanks are nothing" },
        { { "x+y" }, "x + y = z", 1, "a part" },
        { { "X" }, "x", 0, "case counts" },
        { { "x\n+y" }, "x+y", 1, "a line end becomes a blank, which goes" },
        { { "\\frac { 1 } { 2 }" }, "\\frac{1}{2}", 1, "LaTeX" },
        { { "\\frac{1}{2}" }, "$\\frac { 1 } { 2 }$", 1, "inside of dollars" },
        { { "x^2" }, "x^{2}", 0, "braces count" },
        { { "a", "b" }, "b", 1, "any reference" },
        { { "a" }, "", 0, "nothing said" },
        { { "" }, "", 1, "nothing asked" },
        { { "x\ty" }, "xy", 0, "a tab is no blank" },
        { { "x\ty" }, "x\ty", 1, "the same" },
        { { " x " }, "x", 1, "stripped" },
        { { "2x" }, "2 x + 1", 1, "a part" },
        { { "y=2x" }, "y = 3x", 0, "another" },
    };
    (void)state;
    check_cases("OCRBench formulas", contains_formula, CASES, N(CASES));
}

/* ---- texts ---- */

static void vqa_cleaning(void **state)
{
    static const char *const CASES[][3] = {
        { "The cat.", "cat", "article and full stop" },
        { "A cat and an owl", "cat and owl", "all articles" },
        { "none", "0", "none is a number" },
        { "TEN", "10", "in any case" },
        { "eleven", "eleven", "above ten they stay" },
        { "don't", "don't", "an apostrophe is no punctuation" },
        { "dont", "don't", "and is put where it belongs" },
        { "somebody'd", "somebodyd", "this one is taken out: a quirk of the table" },
        { "Ive", "ive", "keys with capitals never match: a quirk" },
        { "its", "its", "not in the table" },
        { "red/blue", "red blue", "a slash becomes a blank" },
        { "red / blue", "red blue", "beside a blank it is deleted; the blanks join" },
        { "a-b c -d", "ab c d", "one hyphen at a blank deletes all of them: a quirk" },
        { "1,000 red-blue", "1000 redblue", "a comma between digits deletes every mark: a quirk" },
        { "3.5", "3.5", "a point before a digit stays" },
        { "3. 5", "3 5", "else it goes" },
        { ".5", ".5", "before a digit it stays" },
        { "U.S.A.", "usa", "points inside words go" },
        { "1.a", "1a", "only what follows counts: a quirk of the pattern" },
        { "x\ny\tz", "x y z", "line ends and tabs are blanks" },
        { "  ", "", "nothing is left" },
        { "what?!", "what", "at the end they become blanks" },
        { "(yes)", "yes", "brackets" },
        { "x@b", "x b", "each mark" },
        { "*bold*", "*bold*", "stars are no marks" },
        { "he said: yes", "he said: yes", "nor are colons" },
    };
    (void)state;
    assert_true(N(CASES) >= 15);
    for (size_t i = 0; i < N(CASES); i++) {
        Str out = { 0 };
        clean_vqa(&out, CASES[i][0], strlen(CASES[i][0]));
        if (strcmp(out.text, CASES[i][1]) != 0) print_message("# %s\n", CASES[i][2]);
        assert_string_equal(out.text, CASES[i][1]);
        str_free(&out);
    }
}

/* A flag is passed where the number of replacements belongs, and its value is 32. */
static void only_32_full_stops_are_removed(void **state)
{
    Str in = { 0 }, out = { 0 };
    (void)state;
    for (int i = 0; i < 40; i++) str_puts(&in, "x.");
    clean_vqa(&out, in.text, in.n);
    size_t stops = 0;
    for (size_t i = 0; i < out.n; i++) stops += out.text[i] == '.';
    assert_int_equal(stops, 40 - 32);
    assert_string_equal(out.text + 32, "x.x.x.x.x.x.x.x.");
    str_free(&in);
    str_free(&out);
}

static void generated_answers_lose_tags_and_last_stops(void **state)
{
    static const char *const CASES[][2] = {
        { "cat", "cat" },
        { "cat.", "cat" },
        { "cat...", "cat" },
        { "cat. ", "cat. " }, /* only at the very end */
        { "a. b.", "a. b" },
        { "...", "" },
        { " cat.", " cat" }, /* not stripped */
        { "<|ref|>cat<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>", "cat[[1, 2, 3, 4]]" },
        { "<|ref|>cat<|/ref|>.", "cat" },
        { "<|grounding|>cat", "cat" },
        { "<|other|>", "<|other|>" },
        { "<|ref|", "<|ref|" },
        { "", "" },
        { "3.5", "3.5" },
        { "\xe3\x80\x82", "\xe3\x80\x82" },
    };
    (void)state;
    for (size_t i = 0; i < N(CASES); i++) {
        Str out = { 0 };
        clean_generated(&out, CASES[i][0], strlen(CASES[i][0]));
        assert_string_equal(out.text, CASES[i][1]);
        str_free(&out);
    }
}

static void yes_and_no(void **state)
{
    static const struct {
        const char *text;
        YesNo is;
    } CASES[] = {
        { "Yes", YES_NO_YES },
        { "no", YES_NO_NO },
        { "Yes.", YES_NO_YES },
        { "YES, it is", YES_NO_YES },
        { "No, there is no cat", YES_NO_NO },
        { "yes and no", YES_NO_UNKNOWN },
        { "maybe", YES_NO_UNKNOWN },
        { "", YES_NO_UNKNOWN },
        { "not", YES_NO_UNKNOWN },
        { "There is no cat", YES_NO_NO },
        { "yes/no", YES_NO_UNKNOWN },
        { "yesno", YES_NO_UNKNOWN },
        { "Yes-but", YES_NO_YES },
        { "\"No\"", YES_NO_NO },
        { "answer: yes", YES_NO_YES },
        { "answer:yes", YES_NO_UNKNOWN }, /* a colon is no punctuation here */
        { "*No*", YES_NO_UNKNOWN },       /* nor is a star */
        { "Yes\nit is", YES_NO_YES },
        { "y-es a -b", YES_NO_YES }, /* a hyphen at a blank deletes all hyphens */
    };
    (void)state;
    assert_true(N(CASES) >= 15);
    for (size_t i = 0; i < N(CASES); i++)
        assert_int_equal(clean_yes_no(CASES[i].text, strlen(CASES[i].text)), CASES[i].is);
}

/* ---- choices ---- */

static Choices choices_of(const char *const *option)
{
    Choices c = { .text = { NULL } };
    for (int i = 0; i < 4 && option[i]; i++) c.text[i] = option[i], c.n[i] = strlen(option[i]);
    return c;
}

static void multiple_choice(void **state)
{
    static const char *const ANIMALS[] = { "A cat", "a Dog", "the horse", "a bird" };
    static const char *const TWO[] = { "yes", "no", NULL };
    static const struct {
        const char *const *option;
        const char *answer;
        char is;
        const char *why;
    } CASES[] = {
        { ANIMALS, "B", 'B', "a letter" },
        { ANIMALS, "B.", 'B', "marks are blanks" },
        { ANIMALS, "(C)", 'C', "brackets" },
        { ANIMALS, "**D**", 'D', "stars" },
        { ANIMALS, "B: a Dog", 'B', "in the last four words" },
        { ANIMALS, "The answer is B", 'B', "the last word" },
        { ANIMALS, "B is one two three", 0, "fifth from the end, no text" },
        { ANIMALS, "B is one two", 'B', "fourth from the end" },
        { ANIMALS, "A or B", 0, "two letters" },
        { ANIMALS, "A or B? The answer is b", 'B', "then \"answer is\" decides, in any case" },
        { ANIMALS, "the correct answer is **C** not A or so much more", 'C', "with stars" },
        { ANIMALS, "the answer is an owl and so much more", 'A', "\"answer is an\" gives A: a quirk" },
        { ANIMALS, "a dog", 'B', "an option's text" },
        { ANIMALS, "It is a DOG.", 'B', "in any case" },
        { ANIMALS, "a dog and a bird", 0, "two texts" },
        { ANIMALS, "b", 0, "small letters are none" },
        { ANIMALS, "a dog, I think, but I am really quite unsure about this, who knows", 0,
          "longer than twice all options" },
        { ANIMALS, "E", 0, "no such option" },
        { ANIMALS, "Z", 'Z', "the letter of giving up" },
        { ANIMALS, "Sorry, I can't help with images of people yet. B", 'Z', "a refusal" },
        { ANIMALS, "Cannot determine the answer", 'Z', "another" },
        { ANIMALS, "Failed to obtain answer via API", 0, "a failure" },
        { ANIMALS, "", 0, "nothing said" },
        { TWO, "yes", 'A', "a text" },
        { TWO, "no, not at", 'B', "no is in it twice, but it is one option" },
        { TWO, "I know", 'B', "no is part of know: a quirk" },
        { TWO, "the answer is C", 0, "no option C" },
        { TWO, "A A A", 'A', "one letter often" },
    };
    (void)state;
    assert_true(N(CASES) >= 15);
    for (size_t i = 0; i < N(CASES); i++) {
        const Choices c = choices_of(CASES[i].option);
        const char found = choice_infer(&c, CASES[i].answer, strlen(CASES[i].answer));
        if (found != CASES[i].is) print_message("# \"%s\": %s\n", CASES[i].answer, CASES[i].why);
        assert_int_equal(found, CASES[i].is);
    }
}

/* ---- boxes ---- */

static void boxes_are_read(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double box[4];
    } CASES[] = {
        { "[1, 2, 3, 4]", true, { 1, 2, 3, 4 } },
        { "[[1, 2, 3, 4]]", true, { 1, 2, 3, 4 } },
        { "the cat[[580, 270, 999, 900]]", true, { 580, 270, 999, 900 } },
        { "[1 2 3 4]", true, { 1, 2, 3, 4 } },
        { "[ 1,2 , 3\n4 ]", true, { 1, 2, 3, 4 } },
        { "[-1, +2, 3e1, .5]", true, { -1, 2, 30, 0.5 } },
        { "[1, 2, 3] [5, 6, 7, 8]", true, { 5, 6, 7, 8 } },
        { "[1, 2, 3, 4, 5]", true, { 1, 2, 3, 4 } },
        { "1 2 3 4", true, { 1, 2, 3, 4 } },
        { "x1=1, y1=2, x2=3", true, { 1, 1, 1, 2 } }, /* digits of names count: a quirk */
        { "(0.1, 0.2), (0.3, 0.4)", true, { 0.1, 0.2, 0.3, 0.4 } },
        { "[1; 2; 3; 4]", true, { 1, 2, 3, 4 } },
        { "1-2-3-4", true, { 1, -2, -3, -4 } }, /* a hyphen is a sign: a quirk */
        { "1. 2. 3. 4.", true, { 1, 2, 3, 4 } },
        { "[1, 2, 3]", false, { 0 } },
        { "none", false, { 0 } },
        { "", false, { 0 } },
        { "[1e400, 2, 3, 4]", true, { INFINITY, 2, 3, 4 } },
    };
    (void)state;
    for (size_t i = 0; i < N(CASES); i++) {
        double box[4];
        assert_int_equal(box_from_text(CASES[i].text, strlen(CASES[i].text), box), CASES[i].ok);
        for (int k = 0; k < 4 && CASES[i].ok; k++) assert_true(box[k] == CASES[i].box[k]);
    }
}

static void boxes_in_pixels(void **state)
{
    static const struct {
        double box[4], w, h;
        int scale;
        double pixel[4];
    } CASES[] = {
        { { 0, 0, 1000, 1000 }, 200, 100, 1000, { 0, 0, 200, 100 } },
        { { 0, 0, 999, 999 }, 200, 100, 999, { 0, 0, 200, 100 } },
        { { 0, 0, 999, 999 }, 1000, 1000, 1000, { 0, 0, 999, 999 } },
        { { 0, 0, 1000, 1000 }, 200, 100, 999, { 0, 0, 200, 100 } },    /* clipped */
        { { 500, 500, 250, 250 }, 100, 100, 1000, { 25, 25, 50, 50 } }, /* corners in order */
        { { 0.1, 0.2, 0.5, 1 }, 100, 50, 1000, { 10, 10, 50, 50 } },
        { { 0.1, 0.2, 0.5, 1.5 }, 100, 50, 1000, { 10, 10, 50, 50 } }, /* up to 1.5 parts of the whole */
        { { 0, 0, 1.6, 1 }, 1000, 1000, 1000, { 0, 0, 1.6, 1 } },
        { { 0, 0, 1, 1 }, 640, 480, 999, { 0, 0, 640, 480 } },           /* tiny boxes are taken for parts: a quirk */
        { { 10, 20, 1200, 90 }, 2000, 100, 1000, { 10, 20, 1200, 90 } }, /* above 1000: pixels */
        { { 10, 20, 1200, 90 }, 600, 50, 1000, { 10, 20, 600, 50 } },
        { { -10, -20, 500, 500 }, 100, 100, 1000, { 0, 0, 50, 50 } },
        { { 999, 0, 999, 999 }, 100, 100, 999, { 100, 0, 100, 100 } },
        { { 333, 333, 666, 666 }, 999, 999, 999, { 333, 333, 666, 666 } },
        { { 0, 0, 1000.5, 1 }, 2000, 10, 1000, { 0, 0, 1000.5, 1 } },
    };
    double worst = 0, box[4] = { 0, 0, 1, 1 };
    (void)state;
    assert_true(N(CASES) >= 15);
    for (size_t i = 0; i < N(CASES); i++) {
        memcpy(box, CASES[i].box, sizeof box);
        assert_true(box_to_pixels(box, CASES[i].w, CASES[i].h, CASES[i].scale));
        for (int k = 0; k < 4; k++) worst = fmax(worst, fabs(box[k] - CASES[i].pixel[k]));
    }
    assert_within("boxes in pixels", worst, 1e-9); /* one division and one product of doubles */
    assert_false(box_to_pixels(box, 0, 10, 999));
    assert_false(box_to_pixels(box, 10, NAN, 999));
}

static void intersection_over_union(void **state)
{
    static const struct {
        double a[4], b[4], iou;
    } CASES[] = {
        { { 0, 0, 10, 10 }, { 0, 0, 10, 10 }, 1 },       { { 0, 0, 10, 10 }, { 0, 0, 10, 5 }, 0.5 },
        { { 0, 0, 10, 10 }, { 5, 0, 15, 10 }, 1.0 / 3 }, { { 0, 0, 10, 10 }, { 5, 5, 15, 15 }, 25.0 / 175 },
        { { 0, 0, 10, 10 }, { 10, 0, 20, 10 }, 0 }, /* touching is not meeting */
        { { 0, 0, 10, 10 }, { 20, 20, 30, 30 }, 0 },     { { 0, 0, 10, 10 }, { 2, 2, 8, 8 }, 0.36 },
        { { 2, 2, 8, 8 }, { 0, 0, 10, 10 }, 0.36 },      { { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, 0 }, /* no area */
        { { 5, 5, 5, 9 }, { 0, 0, 10, 10 }, 0 },         { { 0, 0, 4, 4 }, { 2, 0, 6, 4 }, 1.0 / 3 },
        { { 0, 0, 3, 1 }, { 1, 0, 4, 1 }, 0.5 },         { { 0, 0, 1, 1 }, { 0, 0, 1, 2 }, 0.5 },
        { { -1, -1, 1, 1 }, { 0, 0, 1, 1 }, 0.25 },      { { 0, 0, 0.5, 0.5 }, { 0.25, 0, 0.75, 0.5 }, 1.0 / 3 },
    };
    double worst = 0;
    (void)state;
    assert_true(N(CASES) >= 15);
    for (size_t i = 0; i < N(CASES); i++) worst = fmax(worst, fabs(box_iou(CASES[i].a, CASES[i].b) - CASES[i].iou));
    assert_within("IoU", worst, 1e-15);
}

#define D(x) "<|det|>" x "<|/det|>"
#define R(x) "<|ref|>" x "<|/ref|>"

static void answers_with_boxes(void **state)
{
    static const struct {
        const char *reference, *answer;
        bool labels;
        double score;
    } CASES[] = {
        { R("cat") D("[[0, 0, 100, 100]]"), R("cat") D("[[0, 0, 100, 100]]"), true, 1 },
        { R("cat") D("[[0, 0, 100, 100]]"), R("cat") D("[[0, 0, 100, 50]]"), true, 1 }, /* IoU 0.5 is enough */
        { R("cat") D("[[0, 0, 100, 100]]"), R("cat") D("[[0, 0, 100, 49]]"), true, 0 },
        { R("cat") D("[[0, 0, 100, 100]]"), R("dog") D("[[0, 0, 100, 100]]"), true, 0 },
        { R("cat") D("[[0, 0, 100, 100]]"), R("dog") D("[[0, 0, 100, 100]]"), false, 1 },
        { R("The cat") D("[[0, 0, 100, 100]]"), R("cat") D("[[0, 0, 100, 100]]"), true, 1 },
        { R("cat") D("[[0, 0, 100, 100]]"), R("Cat") D("[[0, 0, 100, 100]]"), true, 1 },
        { R("cat") D("[[0, 0, 100, 100]]"), "a cat", true, 0 },
        { "a cat", "a cat", true, 0 }, /* no boxes, nothing to agree on */
        { R("cat") D("[[0, 0, 100, 100]]"), "", true, 0 },
        { R("a") D("[[0, 0, 9, 9]]") R("b") D("[[50, 50, 99, 99]]"), R("a") D("[[0, 0, 9, 9]]"), true, 0.5 },
        { R("a") D("[[0, 0, 9, 9]]"), R("a") D("[[0, 0, 9, 9]]") R("b") D("[[50, 50, 99, 99]]"), true, 0.5 },
        { R("a") D("[[0, 0, 9, 9]]") R("b") D("[[50, 50, 99, 99]]"),
          R("b") D("[[50, 50, 99, 99]]") R("a") D("[[0, 0, 9, 9]]"), true, 1 },              /* any order */
        { R("a") D("[[0, 0, 9, 9]]"), R("a") D("[[0, 0, 9, 9], [0, 0, 9, 9]]"), true, 0.5 }, /* each counts once */
        { R("a") D("[[0, 0, 9, 9], [20, 20, 30, 30]]"), R("a") D("[[0, 0, 9, 9], [20, 20, 30, 30]]"), true, 1 },
        { R("a") D("[[0, 0, 9, 9]]"), R("a") "<|det|>[[0, 0, 9, 9", true, 1 }, /* read tolerantly */
    };
    (void)state;
    assert_true(N(CASES) >= 15);
    for (size_t i = 0; i < N(CASES); i++) {
        const double found = box_agreement(CASES[i].reference, strlen(CASES[i].reference), CASES[i].answer,
                                           strlen(CASES[i].answer), CASES[i].labels);
        if (found != CASES[i].score) print_message("# case %zu: %g, expected %g\n", i, found, CASES[i].score);
        assert_true(found == CASES[i].score);
    }
}

/* ---- Python ---- */

static void python_numbers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double value;
    } CASES[] = {
        { "1", true, 1 },      { " 1.5\n", true, 1.5 }, { "1e3", true, 1000 },     { "1_000", true, 1000 },
        { "-.5", true, -0.5 }, { "5.", true, 5 },       { "inf", true, INFINITY }, { "-Infinity", true, -INFINITY },
        { "", false, 0 },      { "1__0", false, 0 },    { "_1", false, 0 },        { "1_", false, 0 },
        { "0x10", false, 0 },  { "1,000", false, 0 },   { "1 2", false, 0 },       { "e5", false, 0 },
        { ".", false, 0 },     { "nan(1)", false, 0 },  { "1e", false, 0 },        { "+ 1", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < N(CASES); i++) {
        double v = 0;
        assert_int_equal(python_float(CASES[i].text, strlen(CASES[i].text), &v), CASES[i].ok);
        assert_true(v == CASES[i].value);
    }
    int64_t whole;
    assert_true(python_int(" -1_0 ", 6, &whole) && whole == -10);
    assert_false(python_int("1.0", 3, &whole));
    assert_false(python_int("99999999999999999999", 20, &whole));
}

static void python_lists(void **state)
{
    static const struct {
        const char *text, *item; /* items apart by |; NULL: no list */
    } CASES[] = {
        { "['a', 'b']", "a|b" },
        { "[\"a\", 'b',]", "a|b" },
        { "('a', 'b')", "a|b" },
        { "[]", "" },
        { " [ 'a' ] ", "a" },
        { "['it\\'s', \"it's\"]", "it's|it's" },
        { "['a\\nb', 'c\\\\d', r'e\\nf']", "a\nb|c\\d|e\\nf" },
        { "['\\x41', '\\u00e9', '\\U0001F43C', '\\101']", "A|\xc3\xa9|\xf0\x9f\x90\xbc|A" },
        { "['a' 'b', 'c']", "ab|c" },
        { "['\\q']", "\\q" },
        { "[1, -2.5, True, None]", "1|-2.5|True|None" },
        { "['a'", NULL },
        { "['a]", NULL },
        { "['a' b]", NULL },
        { "[a]", NULL },
        { "['a',, 'b']", NULL },
        { "['a'] x", NULL },
        { "a", NULL },
        { "['\\x4']", NULL },
        { "['\\ud800']", NULL },
        { "[__import__('os')]", NULL },
        { "[1+1]", NULL },
        { "[['a']]", NULL },
    };
    (void)state;
    for (size_t i = 0; i < N(CASES); i++) {
        PythonList l;
        Str joined = { 0 };
        assert_int_equal(python_list(CASES[i].text, strlen(CASES[i].text), &l), CASES[i].item != NULL);
        for (int k = 0; k < l.n; k++) str_printf(&joined, "%s%s", k ? "|" : "", l.text[k]);
        str_add(&joined, "", 0);
        if (CASES[i].item) assert_string_equal(joined.text, CASES[i].item);
        python_list_free(&l);
        str_free(&joined);
    }
}

TEST_MAIN(TEST(anls), TEST(relaxed_accuracy), TEST(vqa_score), TEST(exact_match), TEST(ocrbench_contains),
          TEST(ocrbench_formulas), TEST(vqa_cleaning), TEST(only_32_full_stops_are_removed),
          TEST(generated_answers_lose_tags_and_last_stops), TEST(yes_and_no), TEST(multiple_choice),
          TEST(boxes_are_read), TEST(boxes_in_pixels), TEST(intersection_over_union), TEST(answers_with_boxes),
          TEST(python_numbers), TEST(python_lists))
