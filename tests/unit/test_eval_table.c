/* test_eval_table.c - tables of benchmarks: read as pandas reads them, errors that name row and column; what rows ask. */
#include "base/base64.h"
#include "eval/answer_log.h"
#include "eval/eval_run.h"
#include "eval/tsv.h"

#include "image/image.h"
#include "temp_folder.h"

typedef struct {
    TempFolder folder;
    Tsv t;
    TsvCells c;
    Error e;
} Table;

static bool open_text(Table *x, const char *text, const TsvOptions *o)
{
    x->folder = temp_open();
    temp_write(&x->folder, "t.tsv", text, strlen(text));
    return tsv_open(&x->t, temp_path(&x->folder, "t.tsv"), o, &x->e);
}

static void close_table(Table *x)
{
    tsv_close(&x->t);
    tsv_cells_free(&x->c);
    temp_close(&x->folder);
}

static void assert_cell(Table *x, size_t row, const char *column, const char *wanted)
{
    assert_true(row < x->t.n);
    assert_true(tsv_read(&x->t, row, &x->c, &x->e));
    const char *found = tsv_cell(&x->t, &x->c, column, NULL);
    if (wanted)
        assert_string_equal(found ? found : "(missing)", wanted);
    else
        assert_null(found);
}

static void cells_are_read_as_pandas_reads_them(void **state)
{
    Table x = { 0 };
    (void)state;
    assert_true(open_text(&x,
                          "\xef\xbb\xbfindex\ta\tb\r\n"
                          "1\tplain\tx y\r\n"
                          "\n"
                          "2\t\"with\ttab, \"\"quotes\"\"\nand a line\"\tlast\n"
                          "3\tin\"side\t\"quoted\" and more\r"
                          "4\tshort\n"
                          "5\tNA\tNone\n"
                          "6\t\"\"\tlast line",
                          &(TsvOptions){ 0 }));
    assert_int_equal(x.t.n, 6);
    assert_int_equal(x.t.n_columns, 3);
    assert_cell(&x, 0, "a", "plain");
    assert_cell(&x, 0, "b", "x y");
    assert_cell(&x, 1, "a", "with\ttab, \"quotes\"\nand a line");
    assert_cell(&x, 1, "b", "last");
    assert_cell(&x, 2, "a", "in\"side");
    assert_cell(&x, 2, "b", "quoted and more");
    assert_cell(&x, 3, "b", NULL);
    assert_cell(&x, 4, "a", NULL);
    assert_cell(&x, 4, "b", NULL);
    assert_cell(&x, 5, "a", NULL);
    assert_cell(&x, 5, "b", "last line");
    assert_cell(&x, 0, "no such column", NULL);
    assert_int_equal(x.t.row[2].line, 6);
    size_t row;
    assert_true(tsv_find(&x.t, "4", &row) && row == 3);
    assert_false(tsv_find(&x.t, "7", &row));
    close_table(&x);
}

static void bad_tables_name_row_and_column(void **state)
{
    static const char *const CASES[][2] = {
        { "", "t.tsv: is empty, expected a header" },
        { "a\tb\n1\t2\n", "t.tsv: the column 'index' is missing; there are a, b" },
        { "index\ta\ta\n", "t.tsv: two columns are called 'a'" },
        { "index\ta\n1\t2\n1\t3\n", "t.tsv: row 2 (line 3), column index: '1' is also the index of row 1" },
        { "index\ta\n1\t2\t3\n", "t.tsv: row 1 (line 2): 3 cells, the header has 2" },
        { "index\ta\n1\t2\n\t3\n", "t.tsv: row 2 (line 3), column index: is empty, expected what names the row" },
        { "index\ta\n1\t\"2\n3\n", "t.tsv: row 1 (line 2) begins a quote that is never closed" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Table x = { 0 };
        assert_false(open_text(&x, CASES[i][0], &(TsvOptions){ 0 }));
        assert_non_null(strstr(x.e.text, CASES[i][1]));
        close_table(&x);
    }
}

static void a_cell_over_the_limit_is_refused(void **state)
{
    Table x = { 0 };
    (void)state;
    assert_false(open_text(&x, "index\tab\n1\t123456\n", &(TsvOptions){ .max_cell = 5 }));
    assert_non_null(strstr(x.e.text, "t.tsv: row 1 (line 2), column ab: longer than the limit of 5 bytes"));
    close_table(&x);
}

static void bad_rows_are_kept_apart_when_asked(void **state)
{
    Table x = { 0 };
    (void)state;
    assert_true(open_text(&x, "index\ta\n1\t2\n1\t3\n2\t3\t4\n3\tx\n", &(TsvOptions){ .keep_bad = true }));
    assert_int_equal(x.t.n, 4);
    assert_null(x.t.row[0].bad);
    assert_non_null(strstr(x.t.row[1].bad, "row 2 (line 3), column index: '1' is also the index of row 1"));
    assert_non_null(strstr(x.t.row[2].bad, "row 3 (line 4): 3 cells, the header has 2"));
    assert_null(x.t.row[3].bad);
    size_t row;
    assert_true(tsv_find(&x.t, "1", &row) && row == 0);
    close_table(&x);
}

static void thousands_of_rows_are_found_by_index(void **state)
{
    Str text = { 0 };
    Table x = { 0 };
    char name[16];
    (void)state;
    str_puts(&text, "index\n");
    for (int i = 0; i < 5000; i++) str_printf(&text, "r%d\n", i * 7);
    assert_true(open_text(&x, text.text, &(TsvOptions){ 0 }));
    for (int i = 0; i < 5000; i++) {
        size_t row;
        snprintf(name, sizeof name, "r%d", i * 7);
        assert_true(tsv_find(&x.t, name, &row) && row == (size_t)i);
    }
    str_free(&text);
    close_table(&x);
}

/* The chunks that a file is read in end inside of cells, quotes and line ends. */
static void cells_of_megabytes(void **state)
{
    enum { LONG = 3 << 20 };
    Str text = { 0 };
    Table x = { 0 };
    size_t n;
    (void)state;
    str_puts(&text, "index\ta\tb\n1\t\"");
    for (int i = 0; i < LONG; i++) str_puts(&text, i % 1000 == 999 ? "\"\"" : i % 100 == 99 ? "\n" : "x");
    str_puts(&text, "\"\tend\r\n2\tsecond\tend\r\n");
    assert_true(open_text(&x, text.text, &(TsvOptions){ 0 }));
    assert_int_equal(x.t.n, 2);
    assert_true(tsv_read(&x.t, 0, &x.c, &x.e));
    const char *cell = tsv_cell(&x.t, &x.c, "a", &n);
    assert_int_equal(n, LONG);
    assert_true(cell[999] == '"' && cell[99] == '\n' && cell[LONG - 1] == 'x');
    assert_cell(&x, 1, "a", "second");
    str_free(&text);
    close_table(&x);
}

static void written_cells_are_read_again(void **state)
{
    static const char *const CELLS[] = { "plain",     "tab\there", "a \"quote\"", "\"",
                                         "line\nend", "return\r",  " blank ",     "" };
    Str text = { 0 };
    Table x = { 0 };
    (void)state;
    str_puts(&text, "index\ta\tb\n");
    for (int i = 0; i < 8; i++) {
        str_printf(&text, "%d\t", i);
        tsv_add_cell(&text, CELLS[i], strlen(CELLS[i]));
        str_puts(&text, "\tz\n");
    }
    assert_true(open_text(&x, text.text, &(TsvOptions){ 0 }));
    for (size_t i = 0; i < 7; i++) assert_cell(&x, i, "a", CELLS[i]);
    assert_cell(&x, 7, "a", NULL);
    str_free(&text);
    close_table(&x);
}

/* ---- base64 ---- */

static void base64_there_and_back(void **state)
{
    static const char *const CASES[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" },
                                            { "\xff\xfe\xfd", "//79" } };
    Error e;
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Str there = { 0 }, back = { 0 };
        base64_add(&there, CASES[i][0], strlen(CASES[i][0]));
        str_add(&there, "", 0);
        assert_string_equal(there.text, CASES[i][1]);
        assert_true(base64_decode(there.text, there.n, &back, &e));
        assert_int_equal(back.n, strlen(CASES[i][0]));
        assert_memory_equal(back.text ? back.text : "", CASES[i][0], back.n);
        str_free(&there);
        str_free(&back);
    }
}

static void base64_takes_white_space_and_names_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *bytes, *error;
    } CASES[] = {
        { " Zm9v\nYmFy ", "foobar", NULL },
        { "Zm8", "fo", NULL },
        { "Zg", "f", NULL },
        { "Zm9v!", NULL, "'!' at character 5" },
        { "Zm9vY", NULL, "cut off after 5 characters" },
        { "Zg=", NULL, "cut off" },
        { "=Zg", NULL, "'=' at character 1" },
        { "Zg==Zg==", NULL, "'Z' at character 5" },
        { "Zg===", NULL, "'=' at character 5" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Str out = { 0 };
        Error e = { 0 };
        assert_int_equal(base64_decode(CASES[i].text, strlen(CASES[i].text), &out, &e), CASES[i].bytes != NULL);
        if (CASES[i].bytes)
            assert_string_equal(out.text, CASES[i].bytes);
        else
            assert_non_null(strstr(e.text, CASES[i].error));
        str_free(&out);
    }
}

/* ---- questions ---- */

/* A PNG of one colour, long enough not to be taken for a reference. */
static void add_png(Str *out, int side, uint8_t gray)
{
    Image i;
    Str png = { 0 };
    Error e;
    assert_true(image_new(&i, side, side, &e));
    memset(i.rgb, gray, (size_t)side * (size_t)side * 3);
    assert_true(image_encode(&i, IMAGE_PNG, &png, &e));
    base64_add(out, png.text, png.n);
    str_free(&png);
    image_free(&i);
}

/* One row: its columns and cells, with %P for a picture. */
static void open_row(Table *x, const char *text)
{
    Str whole = { 0 };
    for (const char *s = text; *s; s++) {
        if (s[0] == '%' && s[1] == 'P')
            add_png(&whole, 8, 200), s++;
        else
            str_putc(&whole, *s);
    }
    *x = (Table){ 0 };
    if (!open_text(x, whole.text, &(TsvOptions){ 0 })) fail_msg("%s", x->e.text);
    assert_true(tsv_read(&x->t, 0, &x->c, &x->e));
    str_free(&whole);
}

static void prompts_are_those_of_vlmevalkit(void **state)
{
    static const struct {
        const char *data, *table, *content;
        int pictures;
    } CASES[] = {
        { "DocVQA_VAL", "index\timage\tquestion\n1\t%P\tWhat?\n",
          "<image>\nWhat?\nAnswer the question using a single word or phrase.", 1 },
        { "TextVQA_VAL", "index\timage\tquestion\n1\t%P\tWhat? \n",
          "<image>\nWhat? \nAnswer the question using a single word or phrase.", 1 },
        { "GQA_TestDev_Balanced", "index\timage\tquestion\n1\t['%P', '%P']\tWhat?\n",
          "<image>\n<image>\nWhat?\nAnswer the question using a single word or phrase.", 2 },
        { "OCRBench", "index\timage\tquestion\n1\t%P\tRead it.\n", "<image>\nRead it.", 1 },
        { "MME", "index\timage\tquestion\n1\t%P\tIs it? Please answer yes or no.\n",
          "<image>\nIs it? Please answer yes or no.", 1 },
        { "RefCOCO", "index\timage\tquestion\n1\t%P\tLocate the cat.\n", "<image>\nLocate the cat.", 1 },
        { "MMStar", "index\timage\tquestion\tA\tB\n1\t%P\tWhich?\tone\ttwo\n",
          "<image>\nQuestion: Which?\nOptions:\nA. one\nB. two\nPlease select the correct answer from the options "
          "above. \n",
          1 },
        { "MMBench_DEV_EN", "index\timage\thint\tquestion\tA\tB\tC\n1\t%P\tLook.\tWhich?\tone\t\tthree\n",
          "<image>\nHint: Look.\nQuestion: Which?\nOptions:\nA. one\nC. three\nPlease select the correct answer from "
          "the options above. \n",
          1 },
        { "AI2D_TEST", "index\timage\tquestion\tA\tB\n1\t%P\tWhich?\tNone\ttwo\n", /* pandas reads None as missing */
          "<image>\nQuestion: Which?\nOptions:\nB. two\nPlease select the correct answer from the options above. \n",
          1 },
        { "RealWorldQA", "index\timage\tquestion\tA\n1\t%P\tWhy?\t\n", "<image>\nQuestion: Why?\n", 1 },
        { "MMMU_TEST", "index\timage\tquestion\tA\n1\t['%P', '%P']\tIs <image 2> like <image 1>?\tyes\n",
          "Question: Is <image>\n like <image>\n?\nOptions:\nA. yes\nPlease select the correct answer from the options "
          "above. \n",
          2 },
        { "MMMU_DEV_VAL", "index\timage\tquestion\tA\tB\n1\t['%P', '%P']\tIs <image 2> like <image 1>?\tyes\tno\n",
          "<image><image>\n Is <image 1> like <image 2>?\nA. yes\nB. no\nAnswer with the option's letter from the "
          "given choices "
          "directly. Answer the question using a single word or phrase.\n \n",
          2 },
        { "MMMU_DEV_VAL", "index\timage\tquestion\tA\n1\t%P\tWhich?\tyes\n",
          "<image>\n<image 1> Which?\nA. yes\nAnswer with the option's letter from the given choices directly. Answer "
          "the "
          "question using a single word or phrase.\n \n",
          1 },
        { "MMMU_DEV_VAL", "index\timage\tquestion\tA\n1\t%P\tIs <image 1> or <image 1>?\t\n",
          "<image><image>\n Is <image 1> or <image 2>?\n", 2 },
        { "MathVista_MINI", "index\timage\tquestion\n1\t%P\tHint: Answer.\n", "<image>\nHint: Answer.", 1 },
        { "Scenes", "index\timage\tquestion\n1\t['%P', '%P']\tFirst <image> then <image>?\n",
          "First <image> then <image>?", 2 },
        { "DocVQA_VAL", "index\timage\tquestion\n1\t%P\t\n",
          "<image>\nnan\nAnswer the question using a single word or phrase.", 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Table x;
        Question q;
        const Asking a = asking_of(task_find(CASES[i].data), CASES[i].data);
        open_row(&x, CASES[i].table);
        if (!question_build(&a, &x.t, 0, &x.c, 0, &q, &x.e)) fail_msg("%s", x.e.text);
        assert_string_equal(q.content.text, CASES[i].content);
        assert_int_equal(q.n_pictures, CASES[i].pictures);
        question_free(&q);
        close_table(&x);
    }
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

/* ---- what a killed run left ---- */

static void add_answers(AnswerLog *l, const Tsv *t, const size_t *rows, int n)
{
    Error e;
    for (int i = 0; i < n; i++) {
        TsvCells c = { 0 };
        assert_true(tsv_read(t, rows[l->n], &c, &e));
        const LoggedAnswer a = { l->n == 1 ? NULL : "tab\tand \"quote\"", "stop", "a reason", 3 };
        assert_true(answer_log_add(l, &c, &a, &e));
        tsv_cells_free(&c);
    }
}

static void answers_are_gone_on_with(void **state)
{
    static const size_t ROWS[] = { 0, 1, 2 };
    Table x = { 0 };
    AnswerLog l;
    char *once, *twice, *table;
    size_t n_once, n_twice, n_table;
    (void)state;
    assert_true(open_text(&x, "index\timage\tquestion\n1\tx\ta\n2\ty\t\"b\nc\"\n3\tz\td\n", &(TsvOptions){ 0 }));
    assert_true(answer_log_open(&l, temp_path(&x.folder, "once.jsonl"), "m", &x.t, ROWS, 3, &x.e));
    add_answers(&l, &x.t, ROWS, 3);
    assert_true(answer_log_write_tsv(&l, temp_path(&x.folder, "out.tsv"), &x.e));
    answer_log_close(&l);
    assert_true(answer_log_open(&l, temp_path(&x.folder, "twice.jsonl"), "m", &x.t, ROWS, 3, &x.e));
    add_answers(&l, &x.t, ROWS, 2);
    fputs("{\"index\":\"3\",\"mod", l.f); /* killed here */
    answer_log_close(&l);
    assert_true(answer_log_open(&l, temp_path(&x.folder, "twice.jsonl"), "m", &x.t, ROWS, 3, &x.e));
    assert_int_equal(l.n, 2);
    assert_int_equal(l.n_bad, 1);
    AnswerLog other;
    assert_false(answer_log_open(&other, temp_path(&x.folder, "twice.jsonl"), "m", &x.t, ROWS, 3, &x.e));
    assert_non_null(strstr(x.e.text, "another run is writing it"));
    answer_log_close(&other);
    add_answers(&l, &x.t, ROWS, 1);
    answer_log_close(&l);
    assert_true(file_read(temp_path(&x.folder, "once.jsonl"), 1 << 20, &once, &n_once, &x.e));
    assert_true(file_read(temp_path(&x.folder, "twice.jsonl"), 1 << 20, &twice, &n_twice, &x.e));
    assert_string_equal(once, twice);
    assert_true(file_read(temp_path(&x.folder, "out.tsv"), 1 << 20, &table, &n_table, &x.e));
    assert_string_equal(
        table, "index\tquestion\tprediction\n1\ta\t\"tab\tand \"\"quote\"\"\"\n3\td\t\"tab\tand \"\"quote\"\"\"\n");
    free(once);
    free(twice);
    free(table);
    close_table(&x);
}

static void answers_to_other_data_are_refused(void **state)
{
    static const size_t ROWS[] = { 0, 1, 2 };
    static const struct {
        const char *log, *error;
    } CASES[] = {
        { "{\"index\":\"2\",\"model\":\"m\",\"question\":\"a\",\"prediction\":\"\"}\n",
          "row 1 (line 2), column index: is '1', " },
        { "{\"index\":\"1\",\"model\":\"m\",\"question\":\"b\",\"prediction\":\"\"}\n",
          "row 1 (line 2), column question: is another question" },
        { "{\"index\":\"1\",\"model\":\"n\",\"question\":\"a\",\"prediction\":\"\"}\n",
          "line 1 is an answer of 'n', expected 'm'" },
        { "{\"index\":\"1\",\"model\":\"m\",\"question\":\"a\"}\n", "line 1 has neither" },
        { "{\"index\":\"1\"\n", "x.jsonl" },
        { "[]\n", "column index: is '1'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Table x = { 0 };
        AnswerLog l;
        assert_true(open_text(&x, "index\timage\tquestion\n1\tx\ta\n2\ty\tb\n3\tz\td\n", &(TsvOptions){ 0 }));
        temp_write(&x.folder, "x.jsonl", CASES[i].log, strlen(CASES[i].log));
        assert_false(answer_log_open(&l, temp_path(&x.folder, "x.jsonl"), "m", &x.t, ROWS, 3, &x.e));
        if (!strstr(x.e.text, CASES[i].error)) fail_msg("%s, expected %s", x.e.text, CASES[i].error);
        answer_log_close(&l);
        close_table(&x);
    }
}

TEST_MAIN(TEST(cells_are_read_as_pandas_reads_them), TEST(bad_tables_name_row_and_column),
          TEST(a_cell_over_the_limit_is_refused), TEST(bad_rows_are_kept_apart_when_asked),
          TEST(thousands_of_rows_are_found_by_index), TEST(cells_of_megabytes), TEST(written_cells_are_read_again),
          TEST(base64_there_and_back), TEST(base64_takes_white_space_and_names_what_is_wrong),
          TEST(prompts_are_those_of_vlmevalkit), TEST(pictures_of_mmmu_follow_the_text),
          TEST(bad_pictures_name_row_and_column), TEST(a_picture_may_be_that_of_another_row_or_a_file),
          TEST(answers_are_gone_on_with), TEST(answers_to_other_data_are_refused))
