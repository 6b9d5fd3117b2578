/* test_eval_table.c - tables of benchmarks: read as pandas reads them, errors that name row and column; answers kept and gone on with. */
#include "eval/answer_log.h"

#include "eval_support.h"

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
          TEST(answers_are_gone_on_with), TEST(answers_to_other_data_are_refused))
