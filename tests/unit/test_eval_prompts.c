/* test_eval_prompts.c - what rows ask, bit for bit as VLMEvalKit's wrapper of DeepSeek-VL2 does: tables of cases worked out from its
 * rules, quirks named; pictures; errors that name row and column. */
#include "eval/question.h"

#include "eval_support.h"

enum { LEAST_CASES = 15 };

/* A row: the columns behind index and image, and its cells, apart by tabs. */
typedef struct {
    const char *data;
    int pictures;
    const char *columns, *cells, *content, *why;
} Prompt;

static void open_prompt(Table *x, const Prompt *p)
{
    Str text = { 0 };
    str_printf(&text, "index\timage\t%s\n1\t", p->columns);
    for (int i = 0; i < p->pictures; i++)
        str_puts(&text, p->pictures == 1 ? "%P" : i == 0 ? "['%P'" : i + 1 < p->pictures ? ", '%P'" : ", '%P']");
    str_printf(&text, "\t%s\n", p->cells);
    open_row(x, text.text);
    str_free(&text);
}

/* `asked`: pictures of the question; 0: those of the row. */
static void check_prompt(const Prompt *p, int asked)
{
    Table x;
    Question q;
    const Task *task = task_find(p->data);
    assert_non_null(task);
    const Asking a = asking_of(task, p->data);
    open_prompt(&x, p);
    if (!question_build(&a, &x.t, 0, &x.c, 0, &q, &x.e)) fail_msg("%s: %s", p->why, x.e.text);
    if (strcmp(q.content.text, p->content) != 0) print_message("# %s: %s\n", p->data, p->why);
    assert_string_equal(q.content.text, p->content);
    assert_int_equal(q.n_pictures, asked ? asked : p->pictures);
    question_free(&q);
    close_table(&x);
}

static void check_prompts(const Prompt *p, size_t n)
{
    assert_true(n >= LEAST_CASES);
    for (size_t i = 0; i < n; i++) check_prompt(&p[i], 0);
}
#define CHECK(cases) check_prompts(cases, sizeof(cases) / sizeof *(cases))

#define SHORT(question) "<image>\n" question "\nAnswer the question using a single word or phrase."

static void questions_that_want_a_word_or_a_phrase(void **state)
{
    static const Prompt CASES[] = {
        { "DocVQA_VAL", 1, "question", "What?", SHORT("What?"), "DocVQA" },
        { "DocVQA_TEST", 1, "question", "What?", SHORT("What?"), "without answers" },
        { "InfoVQA_VAL", 1, "question", "What?", SHORT("What?"), "InfoVQA" },
        { "ChartQA_TEST", 1, "question", "What?", SHORT("What?"), "ChartQA" },
        { "TextVQA_VAL", 1, "question", "What?", SHORT("What?"), "TextVQA" },
        { "OCRVQA_TESTCORE", 1, "question", "What?", SHORT("What?"), "OCRVQA" },
        { "GQA_TestDev_Balanced", 1, "question", "What?", SHORT("What?"), "GQA" },
        { "DocVQA_VAL", 2, "question", "What?", "<image>\n" SHORT("What?"), "pictures come first, each on its line" },
        { "DocVQA_VAL", 3, "question", "What?", "<image>\n<image>\n" SHORT("What?"), "three of them" },
        { "DocVQA_VAL", 1, "question", " What? ", SHORT(" What? "), "blanks stay" },
        { "DocVQA_VAL", 1, "question", "\"Who?\nWhat?\"", SHORT("Who?\nWhat?"), "and so do lines" },
        { "DocVQA_VAL", 1, "question", "\"A \"\"B\"\"?\"", SHORT("A \"B\"?"), "quotes are those of the table" },
        { "DocVQA_VAL", 1, "question", "", SHORT("nan"), "a missing question is nan: a quirk" },
        { "DocVQA_VAL", 1, "question", "None", SHORT("nan"), "and so is None: a quirk of pandas" },
        { "DocVQA_VAL", 1, "hint\tquestion\tA\tB", "Look.\tWhat?\tx\ty", SHORT("What?"), "no hint, no options" },
        { "DocVQA_VAL", 1, "question", "\xe4\xbb\x80\xe4\xb9\x88\xef\xbc\x9f",
          SHORT("\xe4\xbb\x80\xe4\xb9\x88\xef\xbc\x9f"), "Chinese gets the same English request" },
    };
    (void)state;
    CHECK(CASES);
}

static void questions_as_they_are_stored(void **state)
{
    static const Prompt CASES[] = {
        { "OCRBench", 1, "question", "Read it.", "<image>\nRead it.", "OCRBench" },
        { "MME", 1, "question", "Is it? Please answer yes or no.", "<image>\nIs it? Please answer yes or no.", "MME" },
        { "POPE", 1, "question", "Is it?", "<image>\nIs it?", "POPE: nothing is asked for" },
        { "HallusionBench", 1, "question", "Is it?", "<image>\nIs it?", "HallusionBench" },
        { "MathVista_MINI", 1, "question", "Hint: Answer.", "<image>\nHint: Answer.", "the hint is in the question" },
        { "RefCOCO", 1, "question", "Locate the cat.", "<image>\nLocate the cat.", "RefCOCO: no grounding tags" },
        { "MME", 2, "question", "Is it?", "<image>\n<image>\nIs it?", "pictures come first" },
        { "MME", 3, "question", "Is it?", "<image>\n<image>\n<image>\nIs it?", "all of them" },
        { "MME", 1, "question", " Is it? ", "<image>\n Is it? ", "blanks stay" },
        { "MME", 1, "question", "\"Is it?\n\"", "<image>\nIs it?\n", "and so does a line end" },
        { "MME", 1, "question", "\"a\tb\"", "<image>\na\tb", "and a tab" },
        { "MME", 1, "question", "NA", "<image>\nnan", "a missing question is nan: a quirk" },
        { "MME", 1, "question\thint", "Is it?\tLook.", "<image>\nIs it?", "hints are not told" },
        { "MathVista_MINI", 1, "question\tchoices", "Which?\t['a', 'b']", "<image>\nWhich?", "nor are choices" },
        { "POPE", 1, "question\tA\tB", "Is it?\tyes\tno", "<image>\nIs it?", "nor options" },
        { "RefCOCO", 1, "question", "<ref>a</ref>", "<image>\n<ref>a</ref>", "marks of other models are text" },
    };
    (void)state;
    CHECK(CASES);
}

#define ASKED(question) "<image>\nQuestion: " question "\n"
#define SELECT          "Please select the correct answer from the options above. \n"

static void questions_with_options(void **state)
{
    static const Prompt CASES[] = {
        { "MMStar", 1, "question\tA\tB", "Which?\tone\ttwo", ASKED("Which?") "Options:\nA. one\nB. two\n" SELECT,
          "two options" },
        { "AI2D_TEST", 1, "question\tA\tB\tC\tD", "Which?\ta\tb\tc\td",
          ASKED("Which?") "Options:\nA. a\nB. b\nC. c\nD. d\n" SELECT, "four" },
        { "MMBench_DEV_EN", 1, "hint\tquestion\tA\tB", "Look.\tWhich?\ta\tb",
          "<image>\nHint: Look.\nQuestion: Which?\nOptions:\nA. a\nB. b\n" SELECT, "a hint comes first" },
        { "MMBench_DEV_EN_V11", 1, "hint\tquestion\tA", "\tWhich?\ta", ASKED("Which?") "Options:\nA. a\n" SELECT,
          "an empty one is none" },
        { "MMBench_DEV_EN", 1, "hint\tquestion\tA", "nan\tWhich?\ta", ASKED("Which?") "Options:\nA. a\n" SELECT,
          "nor is nan" },
        { "MMBench_DEV_CN", 1, "question\tA\tB\tC", "Which?\tone\t\tthree",
          ASKED("Which?") "Options:\nA. one\nC. three\n" SELECT, "a missing option keeps its letter" },
        { "MMStar", 1, "question\tA\tB", "Which?\tNone\ttwo", ASKED("Which?") "Options:\nB. two\n" SELECT,
          "the option None is lost: a quirk of pandas" },
        { "MMStar", 1, "question\tA\tB", "Which?\tNA\tnull", ASKED("Which?"),
          "so are NA and null, and with them the request" },
        { "RealWorldQA", 1, "question\tA", "Why?\t", ASKED("Why?"), "without options no request" },
        { "RealWorldQA", 1, "question\tA", "Why?\ta", ASKED("Why?") "Options:\nA. a\n" SELECT, "one is enough" },
        { "SEEDBench_IMG", 1, "question\tB\tA", "Which?\ttwo\tone", ASKED("Which?") "Options:\nA. one\nB. two\n" SELECT,
          "by letter, not by column" },
        { "ScienceQA_VAL", 1, "question\tA\ta", "Which?\tone\tsmall", ASKED("Which?") "Options:\nA. one\n" SELECT,
          "columns with small letters are none" },
        { "MMT-Bench_VAL_MI", 2, "question\tA\tB", "Which?\tone\ttwo",
          "<image>\n" ASKED("Which?") "Options:\nA. one\nB. two\n" SELECT, "several pictures" },
        { "CCBench", 1, "question\tA\tB", "\xe5\x93\xaa\tone\ttwo",
          ASKED("\xe5\x93\xaa") "Options:\nA. one\nB. two\n" SELECT, "Chinese gets the English words, too" },
        { "MMStar", 1, "question\tA", "\"Which\none?\"\t\"a\nb\"", ASKED("Which\none?") "Options:\nA. a\nb\n" SELECT,
          "lines inside stay" },
        { "MMStar", 1, "question\tA\tZ", "Which?\tfirst\tlast", ASKED("Which?") "Options:\nA. first\nZ. last\n" SELECT,
          "up to Z" },
        { "MMStar", 1, "question\tA", "See <image 1>\ta", ASKED("See <image 1>") "Options:\nA. a\n" SELECT,
          "names of pictures are for MMMU alone" },
    };
    (void)state;
    CHECK(CASES);
}

/* All but the split that the wrapper knows: pictures where the question names them. */
static void questions_of_mmmu(void **state)
{
    static const struct {
        Prompt p;
        int asked;
    } CASES[] = {
        { { "MMMU_TEST", 1, "question\tA", "Which?\tyes", ASKED("Which?") "Options:\nA. yes\n" SELECT,
            "none is named: they come first" },
          1 },
        { { "MMMU_TEST", 2, "question\tA", "Which?\tyes", "<image>\n" ASKED("Which?") "Options:\nA. yes\n" SELECT,
            "both" },
          2 },
        { { "MMMU_TEST", 1, "question\tA", "Is <image 1> it?\tyes",
            "Question: Is <image>\n it?\nOptions:\nA. yes\n" SELECT, "in its place, with a line end" },
          1 },
        { { "MMMU_TEST", 2, "question\tA", "Is <image 2> like <image 1>?\tyes",
            "Question: Is <image>\n like <image>\n?\nOptions:\nA. yes\n" SELECT, "in the order of the text" },
          2 },
        { { "MMMU_TEST", 2, "question\tA", "Is it <image 2>?\tyes",
            "Question: Is it <image>\n?\nOptions:\nA. yes\n" SELECT, "a picture that is not named is not shown" },
          1 },
        { { "MMMU_TEST", 1, "question\tA", "<image 1> and <image 1>\tyes",
            "Question: <image>\n and <image>\n\nOptions:\nA. yes\n" SELECT, "one named twice is shown twice" },
          2 },
        { { "MMMU_TEST", 2, "question\tA\tB", "Which?\t<image 1>\t<image 2>",
            "Question: Which?\nOptions:\nA. <image>\n\nB. <image>\n\n" SELECT, "options name them as well" },
          2 },
        { { "MMMU_TEST", 1, "hint\tquestion\tA", "See <image 1>.\tWhich?\tyes",
            "Hint: See <image>\n.\nQuestion: Which?\nOptions:\nA. yes\n" SELECT, "and so do hints" },
          1 },
        { { "MMMU_TEST", 1, "question", "Why <image 1>?", "Question: Why <image>\n?\n", "an open question" }, 1 },
        { { "MMMU_TEST", 2, "question", "Why <image 0>?", "Question: Why <image>\n?\n",
            "picture 0 is the last one: a quirk of Python" },
          1 },
        { { "MMMU_TEST", 1, "question", "<image 1>", "Question: <image>\n\n", "nothing but a picture" }, 1 },
        { { "MMMU_TEST", 3, "question", "<image 1><image 2><image 3>", "Question: <image>\n<image>\n<image>\n\n",
            "three side by side" },
          3 },
        { { "MMMU_TEST", 1, "question\tA", "Is <image1> it?\tyes", ASKED("Is <image1> it?") "Options:\nA. yes\n" SELECT,
            "without the blank it is text" },
          1 },
        { { "MMMU_TEST", 1, "question", "", ASKED("nan"), "a missing question is nan: a quirk" }, 1 },
        { { "MMMU_TEST", 2, "question", "\"See\n<image 2>\"", "Question: See\n<image>\n\n", "on a line of its own" },
          1 },
    };
    (void)state;
    assert_true(sizeof CASES / sizeof *CASES >= LEAST_CASES);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) check_prompt(&CASES[i].p, CASES[i].asked);
}

#define LETTER                                                                                                         \
    "Answer with the option's letter from the given choices directly. Answer the question using a single word or "     \
    "phrase.\n \n"

/* The wrapper's own form: all tags first, then the text with numbers; words of the usual form taken out wherever they stand. */
static void questions_of_the_split_that_the_wrapper_knows(void **state)
{
    static const struct {
        Prompt p;
        int asked;
    } CASES[] = {
        { { "MMMU_DEV_VAL", 1, "question\tA", "Which?\tyes", "<image>\n<image 1> Which?\nA. yes\n" LETTER,
            "none is named: they come first" },
          1 },
        { { "MMMU_DEV_VAL", 2, "question\tA", "Which?\tyes",
            "<image><image>\n<image 1><image 2> Which?\nA. yes\n" LETTER, "both, without line ends" },
          2 },
        { { "MMMU_DEV_VAL", 1, "question\tA", "Is <image 1> it?\tyes", "<image>\n Is <image 1> it?\nA. yes\n" LETTER,
            "in its place by number" },
          1 },
        { { "MMMU_DEV_VAL", 2, "question\tA\tB", "Is <image 2> like <image 1>?\tyes\tno",
            "<image><image>\n Is <image 1> like <image 2>?\nA. yes\nB. no\n" LETTER,
            "numbers anew, in the order of the text: a quirk" },
          2 },
        { { "MMMU_DEV_VAL", 2, "question\tA", "Is it <image 2>?\tyes", "<image>\n Is it <image 1>?\nA. yes\n" LETTER,
            "the second becomes the first: a quirk" },
          1 },
        { { "MMMU_DEV_VAL", 1, "question\tA", "Is <image 1> or <image 1>?\t",
            "<image><image>\n Is <image 1> or <image 2>?\n", "one named twice is two" },
          2 },
        { { "MMMU_DEV_VAL", 2, "question\tA\tB", "Which?\t<image 1>\t<image 2>",
            "<image><image>\n Which?\nA. <image 1>\nB. <image 2>\n" LETTER, "options name them as well" },
          2 },
        { { "MMMU_DEV_VAL", 1, "question", "Why <image 1>?", "<image>\n Why <image 1>?\n",
            "an open question gets no request" },
          1 },
        { { "MMMU_DEV_VAL", 1, "question\tA", "Question: what?\tyes", "<image>\n<image 1>  what?\nA. yes\n" LETTER,
            "\"Question:\" goes everywhere: a quirk" },
          1 },
        { { "MMMU_DEV_VAL", 1, "question\tA", "\"What Options:\nare there?\"\tyes",
            "<image>\n<image 1> What are there?\nA. yes\n" LETTER, "and \"Options:\" before a line end: a quirk" },
          1 },
        { { "MMMU_DEV_VAL", 1, "question\tA", "What Options: are there?\tyes",
            "<image>\n<image 1> What Options: are there?\nA. yes\n" LETTER, "but not elsewhere" },
          1 },
        { { "MMMU_DEV_VAL", 1, "hint\tquestion\tA", "Look.\tWhich?\tyes",
            "<image>\n<image 1>Hint: Look.\n Which?\nA. yes\n" LETTER, "hints stay" },
          1 },
        { { "MMMU_DEV_VAL", 1, "question", "", "<image>\n<image 1> nan\n", "a missing question is nan: a quirk" }, 1 },
        { { "MMMU_DEV_VAL", 3, "question", "<image 3><image 2><image 1>",
            "<image><image><image>\n <image 1><image 2><image 3>\n", "three side by side" },
          3 },
        { { "MMMU_DEV_VAL", 2, "question", "Why <image 0>?", "<image>\n Why <image 1>?\n",
            "picture 0 is the last one: a quirk of Python" },
          1 },
    };
    (void)state;
    assert_true(sizeof CASES / sizeof *CASES >= LEAST_CASES);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) check_prompt(&CASES[i].p, CASES[i].asked);
}

static void questions_of_scenes_have_their_tags(void **state)
{
    static const Prompt CASES[] = {
        { "Scenes", 1, "question", "\"<image>\nWhat?\"", "<image>\nWhat?", "one" },
        { "Scenes", 2, "question", "First <image> then <image>?", "First <image> then <image>?", "two" },
        { "Scenes", 1, "question", "\"<image>\n<|ref|>A<|/ref|>.\"", "<image>\n<|ref|>A<|/ref|>.", "grounding" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) check_prompt(&CASES[i], 0);
}

/* Order of appearance, and the first of them twice as large. */
static void pictures_of_mmmu_follow_the_text(void **state)
{
    Str text = { 0 };
    Table x = { 0 };
    Question q;
    Image i;
    (void)state;
    str_puts(&text, "index\timage\tquestion\n1\t['");
    add_png(&text, 8, 10);
    str_puts(&text, "', '");
    add_png(&text, 12, 250);
    str_puts(&text, "']\tIs <image 2> like <image 1>?\n");
    assert_true(open_text(&x, text.text, &(TsvOptions){ 0 }) && tsv_read(&x.t, 0, &x.c, &x.e));
    const Asking a = asking_of(task_find("MMMU_DEV_VAL"), "MMMU_DEV_VAL");
    assert_true(question_build(&a, &x.t, 0, &x.c, 0, &q, &x.e));
    assert_int_equal(q.n_pictures, 2);
    assert_true(image_decode(&i, q.picture[0].bytes, q.picture[0].n, "", &IMAGE_DEFAULTS, &x.e));
    assert_true(i.w == 24 && i.h == 24 && i.rgb[0] == 250);
    image_free(&i);
    assert_true(image_decode(&i, q.picture[1].bytes, q.picture[1].n, "", &IMAGE_DEFAULTS, &x.e));
    assert_true(i.w == 8 && i.rgb[0] == 10);
    image_free(&i);
    question_free(&q);
    str_free(&text);
    close_table(&x);
}

static void bad_pictures_name_row_and_column(void **state)
{
    static const char *const CASES[][2] = {
        { "index\timage\tquestion\n1\tabc\tq\n",
          "row 1 (line 2), column image: 'abc' is neither a picture nor the index" },
        { "index\timage\tquestion\n1\t1\tq\n", "column image: row '1' has no picture that could be used here" },
        { "index\timage\tquestion\n1\t\tq\n", "column image: is empty, expected a picture" },
        { "index\timage\tquestion\n1\t%P!\tq\n", "column image: base64: '!' at character" },
        { "index\timage\tquestion\n1\t['%P', %P]\tq\n", "column image: is not a list of pictures as Python writes it" },
        { "index\timage_path\tquestion\n1\tnowhere.png\tq\n", "column image_path: " },
        { "index\timage\tquestion\n1\t%P\tSee <image 2>\n",
          "column question: names the picture '<image 2>', there are 1" },
        { "index\timage\tquestion\n1\t%P\tSee <image x>\n", "column question: names the picture '<image x>'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Table x;
        Question q;
        const Asking a = asking_of(task_find("MMMU_DEV_VAL"), "MMMU_DEV_VAL");
        open_row(&x, CASES[i][0]);
        assert_false(question_build(&a, &x.t, 0, &x.c, 0, &q, &x.e));
        if (!strstr(x.e.text, CASES[i][1])) fail_msg("%s, expected %s", x.e.text, CASES[i][1]);
        question_free(&q);
        close_table(&x);
    }
}

static void a_picture_may_be_that_of_another_row_or_a_file(void **state)
{
    Table x;
    Question q = { 0 };
    (void)state;
    open_row(&x, "index\timage\tquestion\n7\t%P\ta\n8\t7\tb\n");
    assert_true(tsv_read(&x.t, 1, &x.c, &x.e) && question_pictures(&x.t, 1, &x.c, &q, &x.e));
    assert_int_equal(q.n_pictures, 1);
    question_free(&q);
    close_table(&x);
    open_row(&x, "index\timage_path\tquestion\n7\t['p.bin', 'p.bin']\ta\n");
    temp_write(&x.folder, "p.bin", "abc", 3);
    assert_true(question_pictures(&x.t, 0, &x.c, &q, &x.e));
    assert_int_equal(q.n_pictures, 2);
    assert_memory_equal(q.picture[1].bytes, "abc", 3);
    question_free(&q);
    close_table(&x);
}

TEST_MAIN(TEST(questions_that_want_a_word_or_a_phrase), TEST(questions_as_they_are_stored),
          TEST(questions_with_options), TEST(questions_of_mmmu), TEST(questions_of_the_split_that_the_wrapper_knows),
          TEST(questions_of_scenes_have_their_tags), TEST(pictures_of_mmmu_follow_the_text),
          TEST(bad_pictures_name_row_and_column), TEST(a_picture_may_be_that_of_another_row_or_a_file))
