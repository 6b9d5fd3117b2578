/* train_support.h - for tests of training data: the rules of a golden model, and data written to a folder of the test's own. */
#ifndef VL2_TESTS_TRAIN_SUPPORT_H
#define VL2_TESTS_TRAIN_SUPPORT_H

#include "model/model.h"
#include "train/dataset.h"

#include "support.h"
#include "temp_folder.h"

typedef struct {
    Config config;
    Tokenizer *tokenizer;
    SampleRules rules;
} Rules;

static inline void open_rules(Rules *r, const char *model)
{
    Error e;
    char name[128];
    *r = (Rules){ 0 };
    snprintf(name, sizeof name, "%s/config.json", model);
    golden_or_skip(name);
    ModelSource *source = model_source_open(golden_path(model), &e);
    if (!source || !config_read(&r->config, source, &e) ||
        !(r->tokenizer = model_tokenizer(source, r->config.processor.pad_token, &e)))
        fail_msg("%s", e.text);
    model_source_close(source);
    r->rules = (SampleRules){ .config = &r->config,
                              .tokenizer = r->tokenizer,
                              .added = ADDED_ALL,
                              .mask_prompt = true,
                              .max_length = 4096,
                              .pictures = IMAGE_DEFAULTS };
}

static inline void close_rules(Rules *r)
{
    tokenizer_close(r->tokenizer);
    config_free(&r->config);
}

/* A picture of w x h pixels in one colour. */
static inline void write_picture(TempFolder *t, const char *name, int w, int h)
{
    Image i;
    Error e;
    if (!image_new(&i, w, h, &e)) fail_msg("%s", e.text);
    memset(i.rgb, 90, (size_t)w * (size_t)h * 3);
    if (!image_save(&i, temp_path(t, name), &e)) fail_msg("%s", e.text);
    image_free(&i);
}

static inline void write_text(TempFolder *t, const char *name, const char *text)
{
    temp_write(t, name, text, strlen(text));
}

static inline bool open_dataset(Dataset *d, TempFolder *t, const char *name, Error *e)
{
    const char *path = temp_path(t, name);
    return dataset_open(d, &path, 1, &(DatasetOptions){ 0 }, e);
}

static inline void open_good(Dataset *d, TempFolder *t, const char *name)
{
    Error e;
    if (!open_dataset(d, t, name, &e)) fail_msg("%s", e.text);
}

static inline void take_good(Sample *s, const Dataset *d, size_t i, const SampleRules *rules, SampleDepth depth)
{
    Error e;
    Fault fault;
    if (!dataset_sample(d, i, rules, depth, s, &fault, &e)) fail_msg("%s (%s)", e.text, fault_name(fault));
}

#endif
