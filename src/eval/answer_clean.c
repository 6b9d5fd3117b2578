/* answer_clean.c - see answer_clean.h. The contractions are those of the VQA evaluation; keys with capitals, which never match a
 * text in lower case, are left out. */
#include "eval/answer_clean.h"

#include <stdlib.h>
#include <string.h>

#include "eval/python_text.h"

static const char *const NUMBERS[][2] = {
    { "none", "0" }, { "zero", "0" }, { "one", "1" },   { "two", "2" },   { "three", "3" }, { "four", "4" },
    { "five", "5" }, { "six", "6" },  { "seven", "7" }, { "eight", "8" }, { "nine", "9" },  { "ten", "10" },
};

static const char *const CONTRACTIONS[][2] = {
    { "aint", "ain't" },
    { "arent", "aren't" },
    { "cant", "can't" },
    { "couldve", "could've" },
    { "couldnt", "couldn't" },
    { "couldn'tve", "couldn't've" },
    { "couldnt've", "couldn't've" },
    { "didnt", "didn't" },
    { "doesnt", "doesn't" },
    { "dont", "don't" },
    { "hadnt", "hadn't" },
    { "hadnt've", "hadn't've" },
    { "hadn'tve", "hadn't've" },
    { "hasnt", "hasn't" },
    { "havent", "haven't" },
    { "hed", "he'd" },
    { "hed've", "he'd've" },
    { "he'dve", "he'd've" },
    { "hes", "he's" },
    { "howd", "how'd" },
    { "howll", "how'll" },
    { "hows", "how's" },
    { "isnt", "isn't" },
    { "itd", "it'd" },
    { "itd've", "it'd've" },
    { "it'dve", "it'd've" },
    { "itll", "it'll" },
    { "maam", "ma'am" },
    { "mightnt", "mightn't" },
    { "mightnt've", "mightn't've" },
    { "mightn'tve", "mightn't've" },
    { "mightve", "might've" },
    { "mustnt", "mustn't" },
    { "mustve", "must've" },
    { "neednt", "needn't" },
    { "notve", "not've" },
    { "oclock", "o'clock" },
    { "oughtnt", "oughtn't" },
    { "ow's'at", "'ow's'at" },
    { "'ows'at", "'ow's'at" },
    { "'ow'sat", "'ow's'at" },
    { "shant", "shan't" },
    { "shed've", "she'd've" },
    { "she'dve", "she'd've" },
    { "shouldve", "should've" },
    { "shouldnt", "shouldn't" },
    { "shouldnt've", "shouldn't've" },
    { "shouldn'tve", "shouldn't've" },
    { "somebody'd", "somebodyd" },
    { "somebodyd've", "somebody'd've" },
    { "somebody'dve", "somebody'd've" },
    { "somebodyll", "somebody'll" },
    { "somebodys", "somebody's" },
    { "someoned", "someone'd" },
    { "someoned've", "someone'd've" },
    { "someone'dve", "someone'd've" },
    { "someonell", "someone'll" },
    { "someones", "someone's" },
    { "somethingd", "something'd" },
    { "somethingd've", "something'd've" },
    { "something'dve", "something'd've" },
    { "somethingll", "something'll" },
    { "thats", "that's" },
    { "thered", "there'd" },
    { "thered've", "there'd've" },
    { "there'dve", "there'd've" },
    { "therere", "there're" },
    { "theres", "there's" },
    { "theyd", "they'd" },
    { "theyd've", "they'd've" },
    { "they'dve", "they'd've" },
    { "theyll", "they'll" },
    { "theyre", "they're" },
    { "theyve", "they've" },
    { "twas", "'twas" },
    { "wasnt", "wasn't" },
    { "wed've", "we'd've" },
    { "we'dve", "we'd've" },
    { "weve", "we've" },
    { "werent", "weren't" },
    { "whatll", "what'll" },
    { "whatre", "what're" },
    { "whats", "what's" },
    { "whatve", "what've" },
    { "whens", "when's" },
    { "whered", "where'd" },
    { "wheres", "where's" },
    { "whereve", "where've" },
    { "whod", "who'd" },
    { "whod've", "who'd've" },
    { "who'dve", "who'd've" },
    { "wholl", "who'll" },
    { "whos", "who's" },
    { "whove", "who've" },
    { "whyll", "why'll" },
    { "whyre", "why're" },
    { "whys", "why's" },
    { "wont", "won't" },
    { "wouldve", "would've" },
    { "wouldnt", "wouldn't" },
    { "wouldnt've", "wouldn't've" },
    { "wouldn'tve", "wouldn't've" },
    { "yall", "y'all" },
    { "yall'll", "y'all'll" },
    { "y'allll", "y'all'll" },
    { "yall'd've", "y'all'd've" },
    { "y'alld've", "y'all'd've" },
    { "y'all'dve", "y'all'd've" },
    { "youd", "you'd" },
    { "youd've", "you'd've" },
    { "you'dve", "you'd've" },
    { "youll", "you'll" },
    { "youre", "you're" },
    { "youve", "you've" },
};

static const char *lookup(const char *const (*table)[2], size_t rows, const char *word)
{
    for (size_t i = 0; i < rows; i++)
        if (strcmp(table[i][0], word) == 0) return table[i][1];
    return NULL;
}

void clean_generated(Str *out, const char *s, size_t n)
{
    static const char *const TAGS[] = { "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>" };
    const size_t begin = out->n;
    for (size_t i = 0; i < n;) {
        size_t skip = 0;
        for (size_t k = 0; k < sizeof TAGS / sizeof *TAGS && !skip; k++)
            if (n - i >= strlen(TAGS[k]) && memcmp(s + i, TAGS[k], strlen(TAGS[k])) == 0) skip = strlen(TAGS[k]);
        if (!skip) str_putc(out, s[i]);
        i += skip ? skip : 1;
    }
    while (out->n > begin && out->text[out->n - 1] == '.') out->text[--out->n] = 0;
    str_add(out, "", 0);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_digit_comma_digit(const char *s, size_t n)
{
    for (size_t i = 1; i + 1 < n; i++)
        if (s[i] == ',' && is_digit(s[i - 1]) && is_digit(s[i + 1])) return true;
    return false;
}

static bool stands_at_blank(char mark, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] == mark && ((i > 0 && s[i - 1] == ' ') || (i + 1 < n && s[i + 1] == ' '))) return true;
    return false;
}

void clean_punctuation(Str *out, const char *s, size_t n)
{
    enum { MOST_STOPS = 32 };
    static const char MARKS[] = ";/[]\"{}()=+\\_-><@`,?!";
    const bool grouped = has_digit_comma_digit(s, n);
    bool deleted[sizeof MARKS];
    Str kept = { 0 };
    for (size_t k = 0; MARKS[k]; k++) deleted[k] = grouped || stands_at_blank(MARKS[k], s, n);
    for (size_t i = 0; i < n; i++) {
        const char *mark = s[i] ? strchr(MARKS, s[i]) : NULL;
        if (!mark)
            str_putc(&kept, s[i]);
        else if (!deleted[mark - MARKS])
            str_putc(&kept, ' ');
    }
    int stops = 0;
    for (size_t i = 0; i < kept.n; i++) {
        const bool stop = kept.text[i] == '.' && !(i + 1 < kept.n && is_digit(kept.text[i + 1]));
        if (!stop || stops++ >= MOST_STOPS) str_putc(out, kept.text[i]);
    }
    str_add(out, "", 0);
    str_free(&kept);
}

static void add_words(Str *out, const char *s, size_t n)
{
    const char *word;
    size_t n_word, begin = out->n;
    while (python_word(&s, &n, &word, &n_word)) {
        Str w = { 0 };
        str_add(&w, word, n_word);
        const char *number = lookup(NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, w.text);
        const char *as = number ? number : lookup(CONTRACTIONS, sizeof CONTRACTIONS / sizeof *CONTRACTIONS, w.text);
        if (strcmp(w.text, "a") != 0 && strcmp(w.text, "an") != 0 && strcmp(w.text, "the") != 0) {
            if (out->n > begin) str_putc(out, ' ');
            str_puts(out, as ? as : w.text);
        }
        str_free(&w);
    }
    str_add(out, "", 0);
}

void clean_vqa(Str *out, const char *s, size_t n)
{
    Str blank = { 0 }, plain = { 0 }, lower = { 0 };
    for (size_t i = 0; i < n; i++) str_putc(&blank, s[i] == '\n' || s[i] == '\t' ? ' ' : s[i]);
    str_add(&blank, "", 0);
    const char *inner = blank.text;
    size_t n_inner = blank.n;
    strip_space(&inner, &n_inner);
    clean_punctuation(&plain, inner, n_inner);
    python_lower(&lower, plain.text, plain.n);
    add_words(out, lower.text, lower.n);
    str_free(&blank);
    str_free(&plain);
    str_free(&lower);
}

YesNo clean_yes_no(const char *s, size_t n)
{
    Str lower = { 0 }, plain = { 0 };
    bool yes = false, no = false;
    const char *word;
    size_t n_word;
    python_lower(&lower, s, n);
    clean_punctuation(&plain, lower.text, lower.n);
    const char *rest = plain.text;
    size_t n_rest = plain.n;
    while (python_word(&rest, &n_rest, &word, &n_word)) {
        yes |= n_word == 3 && memcmp(word, "yes", 3) == 0;
        no |= n_word == 2 && memcmp(word, "no", 2) == 0;
    }
    str_free(&lower);
    str_free(&plain);
    return yes == no ? YES_NO_UNKNOWN : yes ? YES_NO_YES : YES_NO_NO;
}

const char *yes_no_name(YesNo v)
{
    return v == YES_NO_YES ? "Yes" : v == YES_NO_NO ? "No" : "Unknown";
}
