/* test_fuzz_log.c - logs of training that chance has changed: each gives a history whose series are in order, a summary and
 * a chart that is well-formed, never a crash (run it under the sanitizers). The same logs at every run; VL2_FUZZ_ROUNDS
 * multiplies them. */
#include <math.h>

#include "base/rng.h"
#include "base/str.h"
#include "fuzz_support.h"
#include "temp_folder.h"
#include "train/curves.h"

static const char *const words[] = { "\"",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     ",",
                                     "\n",
                                     "\\u0000",
                                     "\xff",
                                     "\x1b[2J",
                                     "-1",
                                     "1e308",
                                     "1e-320",
                                     "-1e30",
                                     "1e30",
                                     "NaN",
                                     "9007199254740992",
                                     "999999999999999999999",
                                     "[[[[[[[[",
                                     "null",
                                     "\"step\": 3,",
                                     "\"loss\": 0,",
                                     "\"busiest\": 1e30,",
                                     "{\"run\": {}}\n",
                                     "{\"step\": 0, \"loss\": 1}\n",
                                     "</svg>" };
enum { N_WORDS = sizeof words / sizeof *words };

static const char whole[] =
    "{\"run\": {\"steps\": 4, \"model\": \"tiny\", \"settings\": {\"rank\": 8}}}\n"
    "{\"step\": 1, \"loss\": 2.5, \"grad_norm\": 1.5, \"rate\": 0.0001, \"tokens\": 800, \"balance\": 0.001, "
    "\"busiest\": 2}\n"
    "{\"step\": 2, \"loss\": 2.25, \"grad_norm\": 1.5, \"rate\": 0.0002, \"tokens\": 700, \"balance\": 0.002, "
    "\"busiest\": 3}\n"
    "{\"step\": 2, \"held_out_loss\": 2.75}\n"
    "{\"step\": 2, \"samples_shown\": [{\"prompt\": \"a\", \"answer\": \"b\", \"picture\": \"c.svg\"}]}\n"
    "{\"run\": {\"steps\": 8, \"model\": \"tiny\"}}\n"
    "{\"step\": 2, \"loss\": 0.03, \"grad_norm\": 200, \"rate\": 0, \"seconds\": 2}\n";

static void mutate(Rng *r, Str *s)
{
    mutate_text(r, s, words, N_WORDS, 4);
}

static int check_series(const TrainHistory *h)
{
    int points = 0;
    for (int k = 0; k < SERIES_KINDS; k++) {
        const Series *s = &h->series[k];
        points += s->n;
        for (int i = 0; i < s->n; i++) {
            require(fabs(s->point[i].value) <= 1e30 && s->point[i].step >= 0);
            require(i == 0 || s->point[i].step > s->point[i - 1].step);
        }
    }
    return points;
}

/* No number that an SVG has no word for, no text that is markup. */
static void check_chart(const TrainHistory *h)
{
    Figure f;
    Str svg = { 0 };
    curves_draw(h, 1, &f);
    figure_svg(&f, &svg);
    require(!strstr(svg.text, "nan") && !strstr(svg.text, "inf"));
    require(strstr(svg.text, "</svg>") == svg.text + svg.n - strlen("</svg>\n"));
    str_free(&svg);
    figure_close(&f);
}

static void changed_logs_give_histories_and_charts(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    Rng rng = { .seed = 47 };
    const int n = test_rounds(3000 * fuzz_rounds());
    int64_t points = 0, bad = 0;
    for (int i = 0; i < n; i++) {
        TrainHistory h;
        Error e;
        Str s = { 0 };
        str_puts(&s, whole);
        mutate(&rng, &s);
        temp_write(&t, "log.jsonl", s.text, s.n);
        train_history_open(&h, temp_path(&t, "log.jsonl"));
        require(train_history_update(&h, &e));
        points += check_series(&h);
        bad += h.bad_lines;
        check_chart(&h);
        json_t *summary = train_history_summary(&h);
        require(json_is_object(json_object_get(summary, "series")));
        json_decref(summary);
        train_history_close(&h);
        str_free(&s);
    }
    printf("# %d logs: %lld points, %lld bad lines\n", n, (long long)points, (long long)bad);
    assert_true(points > n && bad > 0);
    temp_close(&t);
}

TEST_MAIN(TEST(changed_logs_give_histories_and_charts))
