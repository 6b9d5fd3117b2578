/* test_train_log.c - the log of training: what is written is read back, what chance left in the file does no harm. */
#include "train/train_history.h"
#include "train/train_log.h"

#include <math.h>

#include "base/str.h"
#include "temp_folder.h"

static void log_steps(TrainLog *log, int from, int to, double loss)
{
    Error e;
    for (int i = from; i <= to; i++)
        assert_true(train_log_step(log,
                                   &(LoggedStep){ .step = i,
                                                  .epoch = i / 10,
                                                  .loss = loss / i,
                                                  .grad_norm = 1.5,
                                                  .rate = 1e-4,
                                                  .tokens = 100 * i,
                                                  .samples = 16,
                                                  .labels = 30,
                                                  .seconds = 0.5,
                                                  .has_experts = i % 2 == 0,
                                                  .balance = 0.001,
                                                  .busiest = 2.5 },
                                   &e));
}

static void read_text(TrainHistory *h, TempFolder *t, const char *text, size_t n)
{
    Error e;
    temp_write(t, "x.jsonl", text, n);
    train_history_open(h, temp_path(t, "x.jsonl"));
    assert_true(train_history_update(h, &e));
}

static void assert_point(const TrainHistory *h, SeriesKind k, int i, int64_t step, double value)
{
    assert_true(i < h->series[k].n);
    assert_int_equal(h->series[k].point[i].step, step);
    assert_true(h->series[k].point[i].value == value);
}

static void log_is_read_back_as_written(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainLog *log;
    TrainHistory h;
    Error e;
    assert_true(train_log_open(&log, temp_path(&t, "a.jsonl"), &e));
    assert_true(train_log_run(log, 20, "some/tiny", json_pack("{s:i}", "rank", 8), &e));
    log_steps(log, 1, 4, 2.5);
    assert_true(train_log_held_out(log, 4, 1.25, &e));
    assert_true(train_log_samples(log, 4, json_pack("[{s:s}]", "answer", "yes"), &e));
    train_history_open(&h, temp_path(&t, "a.jsonl"));
    assert_true(train_history_update(&h, &e)); /* while the writer is open */
    assert_int_equal(h.series[SERIES_LOSS].n, 4);
    assert_int_equal(h.series[SERIES_BUSIEST].n, 2);
    assert_point(&h, SERIES_LOSS, 0, 1, 2.5);
    assert_point(&h, SERIES_LOSS, 3, 4, 2.5 / 4);
    assert_point(&h, SERIES_BUSIEST, 1, 4, 2.5);
    assert_point(&h, SERIES_RATE, 0, 1, 1e-4);
    assert_point(&h, SERIES_TOKENS, 2, 3, 300);
    assert_point(&h, SERIES_HELD_OUT, 0, 4, 1.25);
    assert_string_equal(h.model, "some/tiny");
    assert_int_equal(h.steps, 20);
    assert_int_equal(h.runs, 1);
    assert_int_equal(h.shown_at, 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(h.samples, 0), "answer")), "yes");
    assert_int_equal(h.bad_lines, 0);
    train_log_close(log);
    train_history_close(&h);
    temp_close(&t);
}

static void log_keeps_every_bit_of_a_float(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainLog *log;
    TrainHistory h;
    Error e;
    const float loss[] = { 0.1F, 1.0F / 3, 3.4e-38F, 2.71828183F, 16777217.0F };
    assert_true(train_log_open(&log, temp_path(&t, "a.jsonl"), &e));
    for (int i = 0; i < 5; i++) assert_true(train_log_step(log, &(LoggedStep){ .step = i + 1, .loss = loss[i] }, &e));
    train_log_close(log);
    train_history_open(&h, temp_path(&t, "a.jsonl"));
    assert_true(train_history_update(&h, &e));
    assert_int_equal(h.series[SERIES_LOSS].n, 5);
    for (int i = 0; i < 5; i++) assert_true((float)h.series[SERIES_LOSS].point[i].value == loss[i]);
    train_history_close(&h);
    temp_close(&t);
}

static void resumed_run_takes_the_place_of_what_it_repeats(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainLog *log;
    TrainHistory h;
    Error e;
    assert_true(train_log_open(&log, temp_path(&t, "a.jsonl"), &e));
    assert_true(train_log_run(log, 20, "m", NULL, &e));
    log_steps(log, 1, 5, 2);
    assert_true(train_log_held_out(log, 5, 9, &e));
    log_steps(log, 6, 10, 2);
    assert_true(train_log_held_out(log, 10, 8, &e));
    train_log_close(log);
    assert_true(train_log_open(&log, temp_path(&t, "a.jsonl"), &e)); /* from the checkpoint behind step 5 */
    assert_true(train_log_run(log, 30, "m", NULL, &e));
    log_steps(log, 6, 7, 84);
    train_log_close(log);
    train_history_open(&h, temp_path(&t, "a.jsonl"));
    assert_true(train_history_update(&h, &e));
    assert_int_equal(h.series[SERIES_LOSS].n, 7);
    assert_point(&h, SERIES_LOSS, 4, 5, 2.0 / 5);
    assert_point(&h, SERIES_LOSS, 5, 6, 14);
    assert_point(&h, SERIES_LOSS, 6, 7, 12);
    assert_int_equal(h.series[SERIES_HELD_OUT].n, 1);
    assert_point(&h, SERIES_HELD_OUT, 0, 5, 9);
    assert_int_equal(h.runs, 2);
    assert_int_equal(h.steps, 30);
    train_history_close(&h);
    temp_close(&t);
}

static void cut_last_line_waits_for_its_end(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainHistory h;
    Error e;
    const char text[] = "{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"loss\": 2}\n{\"step\": 3, \"loss\": 1}\n";
    const size_t second = strlen("{\"step\": 1, \"loss\": 3}\n");
    for (size_t n = 0; n < sizeof text; n++) {
        read_text(&h, &t, text, n);
        assert_int_equal(h.series[SERIES_LOSS].n, n / second);
        assert_int_equal(h.bad_lines, 0);
        temp_write(&t, "x.jsonl", text, sizeof text - 1);
        assert_true(train_history_update(&h, &e));
        assert_int_equal(h.series[SERIES_LOSS].n, 3);
        train_history_close(&h);
    }
    temp_close(&t);
}

static void writer_ends_a_line_that_was_cut(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainLog *log;
    TrainHistory h;
    Error e;
    const char cut[] = "{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"lo";
    temp_write(&t, "a.jsonl", cut, sizeof cut - 1);
    assert_true(train_log_open(&log, temp_path(&t, "a.jsonl"), &e));
    log_steps(log, 2, 3, 2);
    train_log_close(log);
    train_history_open(&h, temp_path(&t, "a.jsonl"));
    assert_true(train_history_update(&h, &e));
    assert_int_equal(h.series[SERIES_LOSS].n, 3);
    assert_int_equal(h.bad_lines, 1);
    train_history_close(&h);
    temp_close(&t);
}

static void numbers_without_sense_are_left_out(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainLog *log;
    TrainHistory h;
    Error e;
    assert_true(train_log_open(&log, temp_path(&t, "x.jsonl"), &e));
    assert_true(train_log_step(log, &(LoggedStep){ .step = 1, .loss = NAN, .grad_norm = INFINITY, .rate = 1 }, &e));
    train_log_close(log);
    train_history_open(&h, temp_path(&t, "x.jsonl"));
    assert_true(train_history_update(&h, &e));
    assert_int_equal(h.series[SERIES_LOSS].n, 0);
    assert_int_equal(h.series[SERIES_GRAD_NORM].n, 0);
    assert_int_equal(h.series[SERIES_RATE].n, 1);
    assert_int_equal(h.bad_lines, 0);
    train_history_close(&h);
    const char text[] = "{\"step\": 1, \"loss\": 1e300, \"rate\": -1e-300}\n{\"step\": 2, \"loss\": 1e999}\n"
                        "{\"step\": 3, \"loss\": NaN}\n{\"step\": -1, \"loss\": 1}\n{\"step\": 1.5, \"loss\": 1}\n"
                        "{\"step\": 99999999999999999, \"loss\": 1}\n{\"step\": 99999999999999999999, \"loss\": 1}\n"
                        "[1]\nnull\n\n{\"step\": 4, \"loss\": \"1\", \"other\": {}}\n{\"step\": 5, \"loss\": 1}\r\n";
    read_text(&h, &t, text, sizeof text - 1);
    assert_int_equal(h.series[SERIES_LOSS].n, 1);
    assert_point(&h, SERIES_LOSS, 0, 5, 1);
    assert_int_equal(h.series[SERIES_RATE].n, 1);
    assert_int_equal(h.bad_lines, 5); /* 1e999, NaN, a step of 20 digits, an array, null */
    train_history_close(&h);
    temp_close(&t);
}

static void very_long_lines_are_passed_over(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainHistory h;
    Str s = { 0 };
    for (int i = 0; i < 3; i++) {
        str_printf(&s, "{\"step\": %d, \"loss\": 1, \"x\": \"", i + 1);
        for (int k = 0; k < (i == 1 ? 5000000 : 200000); k++) str_putc(&s, 'x');
        str_puts(&s, "\"}\n");
    }
    read_text(&h, &t, s.text, s.n);
    assert_int_equal(h.series[SERIES_LOSS].n, 2);
    assert_point(&h, SERIES_LOSS, 1, 3, 1);
    assert_int_equal(h.bad_lines, 1);
    train_history_close(&h);
    str_free(&s);
    temp_close(&t);
}

static void shorter_file_is_read_from_its_beginning(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainHistory h;
    Error e;
    const char text[] = "{\"step\": 1, \"loss\": 3}\n{\"step\": 2, \"loss\": 2}\n",
               other[] = "{\"step\": 7, \"loss\": 9}\n";
    read_text(&h, &t, text, sizeof text - 1);
    assert_int_equal(h.series[SERIES_LOSS].n, 2);
    temp_write(&t, "x.jsonl", other, sizeof other - 1);
    assert_true(train_history_update(&h, &e));
    assert_int_equal(h.series[SERIES_LOSS].n, 1);
    assert_point(&h, SERIES_LOSS, 0, 7, 9);
    train_history_close(&h);
    temp_close(&t);
}

static void missing_folder_and_full_disk_are_told(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    TrainLog *log;
    Error e = { 0 };
    assert_false(train_log_open(&log, temp_path(&t, "none/a.jsonl"), &e));
    assert_non_null(strstr(e.text, "none/a.jsonl: cannot open the log of training: No such file"));
    assert_null(log);
    assert_false(train_log_open(&log, t.folder, &e));
    assert_non_null(strstr(e.text, "Is a directory"));
    assert_true(train_log_open(&log, "/dev/full", &e));
    assert_false(train_log_held_out(log, 1, 2, &e));
    assert_string_equal(e.text, "/dev/full: cannot write: No space left on device");
    train_log_close(log);
    temp_close(&t);
}

TEST_MAIN(TEST(log_is_read_back_as_written), TEST(log_keeps_every_bit_of_a_float),
          TEST(resumed_run_takes_the_place_of_what_it_repeats), TEST(cut_last_line_waits_for_its_end),
          TEST(writer_ends_a_line_that_was_cut), TEST(numbers_without_sense_are_left_out),
          TEST(very_long_lines_are_passed_over), TEST(shorter_file_is_read_from_its_beginning),
          TEST(missing_folder_and_full_disk_are_told))
