/* trainee.h - for tests that train a micro model: a model with a kernel table and threads, and the reference's training
 * batches as samples. */
#ifndef VL2_TESTS_TRAINEE_H
#define VL2_TESTS_TRAINEE_H

#include "model/model.h"
#include "train/backprop.h"
#include "train/dataset.h"
#include "train/optimizer.h"

#include "golden_model.h"
#include "temp_folder.h"

typedef struct {
    Model model;
    Pool *pool;
    const Kernels *k;
    Dataset data;
    Sample sample[4];
    int n_samples;
} Trainee;

/* `conversations`: a list in the official form, of pictures of the golden set. NULL: no samples. */
static inline void load_samples(Trainee *t, const json_t *conversations)
{
    Error e;
    Fault fault;
    Str lines = { 0 };
    TempFolder folder = temp_open();
    size_t i;
    json_t *v;
    json_array_foreach(conversations, i, v)
    {
        char *line = json_dumps(v, JSON_COMPACT);
        str_printf(&lines, "%s\n", line);
        free(line);
    }
    temp_write(&folder, "data.jsonl", lines.text, lines.n);
    str_free(&lines);
    const char *path = temp_path(&folder, "data.jsonl");
    if (!dataset_open(&t->data, &path, 1, &(DatasetOptions){ golden_or_skip("images"), true }, &e))
        fail_msg("%s", e.text);
    const SampleRules rules = { .config = &t->model.config,
                                .tokenizer = t->model.tokenizer,
                                .added = ADDED_ALL,
                                .mask_prompt = true,
                                .max_length = 1 << 20,
                                .pictures = IMAGE_DEFAULTS };
    for (t->n_samples = 0; t->n_samples < (int)t->data.n_records; t->n_samples++) {
        Sample *s = &t->sample[t->n_samples];
        if (!dataset_sample(&t->data, (size_t)t->n_samples, &rules, SAMPLE_WHOLE, s, &fault, &e))
            fail_msg("%s", e.text);
    }
    temp_close(&folder);
}

static inline void open_trainee(Trainee *t, const char *path, int threads)
{
    Error e;
    CpuLevel level = cpu_best();
    *t = (Trainee){ 0 };
    const char *cpu = tested_cpu();
    if (cpu && !cpu_level_find(cpu, &level, &e)) fail_msg("%s", e.text);
    t->k = kernels_get(level);
    if (!model_open(&t->model, path, &e) || !(t->pool = pool_open(threads, &e))) fail_msg("%s", e.text);
}

static inline void close_trainee(Trainee *t)
{
    for (int i = 0; i < t->n_samples; i++) sample_free(&t->sample[i]);
    dataset_close(&t->data);
    model_close(&t->model);
    pool_close(t->pool);
}

#endif
