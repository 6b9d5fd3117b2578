/* cmd_trace.c - `vl2 trace`: the intermediate tensors of a forward pass, or the gradients of a batch, whole, in one
 * safetensors file. What is collected and how it is written: engine/trace.h, train/gradient_trace.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "engine/trace.h"
#include "train/gradient_trace.h"

typedef struct {
    const char *out, *only;
    int greedy;
} TraceOwnArgs;

typedef struct {
    bool gradients;
    const char *data;
    int adamw;
} GradientArgs;

typedef struct {
    EngineArgs engine;
    QuestionArgs question;
    PictureArgs picture;
    TraceOwnArgs own;
    GradientArgs gradient;
    NoteArgs notes;
} TraceArgs;

#define T TraceOwnArgs
static const Option OWN_OPTIONS[] = {
    OPTION_TEXT(T, out, "output", 'o', "OUT", "The safetensors file to write. Required."),
    OPTION_TEXT(T, only, "only", 0, "NAMES",
                "Keep only these, apart by commas: a name (attn_out: all layers) or one layer's (attn_out.3). Default: "
                "everything."),
    OPTION_INTEGER(T, greedy, "greedy", 0, "N", 0, 1 << 16,
                   "Generate up to N tokens greedily and add gen_ids and gen_logits. Default: 0."),
    OPTIONS_END
};
#undef T

#define T GradientArgs
static const Option GRADIENT_OPTIONS[] = {
    OPTION_FLAG(T, gradients, "gradients", 0,
                "Loss and gradients of training samples instead of a prompt's tensors. Default: off."),
    OPTION_TEXT(T, data, "data", 0, "FILE",
                "The samples, as `vl2 train` reads them; all records are one batch. Required with --gradients."),
    OPTION_INTEGER(T, adamw, "adamw", 0, "N", 0, 1 << 16,
                   "Repeat the batch for N steps of AdamW and add after.<parameter>. Default: 0."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "Question", QUESTION_OPTIONS, offsetof(TraceArgs, question) },
                                { "Trace", OWN_OPTIONS, offsetof(TraceArgs, own) },
                                { "Gradients", GRADIENT_OPTIONS, offsetof(TraceArgs, gradient) },
                                { "Pictures", PICTURE_OPTIONS, offsetof(TraceArgs, picture) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(TraceArgs, engine) },
                                { "Notes", NOTE_OPTIONS, offsetof(TraceArgs, notes) },
                                { 0 } };

static const char *const TRACED_NAMES[] = { "input_ids",    "images_seq_mask", "images_spatial_crop", "pixels",
                                            "vision_block", "vision_out",      "projector_out",       "inputs_embeds",
                                            "attn_out",     "mlp_out",         "layer_out",           "final_norm",
                                            "logits",       "moe_ids",         "moe_weights",         NULL };

/* Every name of "a,b.3" is one that there is, with or without a layer. */
static bool check_names(const char *only, Error *e)
{
    bool ok = true;
    for (const char *s = only; ok && s && *s; s += strcspn(s, ","), s += *s == ',') {
        char *name = xstrndup(s, strcspn(s, ",."));
        ok = false;
        for (const char *const *known = TRACED_NAMES; *known; known++) ok = ok || !strcmp(*known, name);
        const char *near = ok ? NULL : nearest_name(name, TRACED_NAMES);
        if (near)
            fail(e, ERR_USAGE, "--only: there is no tensor '%s'; did you mean '%s'?", name, near);
        else if (!ok)
            fail(e, ERR_USAGE, "--only: there is no tensor '%s'", name);
        free(name);
    }
    return ok;
}

static bool check_gradients(const TraceArgs *a, int n_operands, Error *e)
{
    if (!a->gradient.data) return fail(e, ERR_USAGE, "--gradients: --data FILE is missing");
    if (n_operands > 0 || a->question.conversation || a->question.image.n > 0)
        return fail(e, ERR_USAGE, "--gradients takes its samples from --data alone, not a prompt");
    if (a->engine.lora.n > 1) return fail(e, ERR_USAGE, "--gradients takes one --lora, %d are given", a->engine.lora.n);
    return true;
}

static bool check(const TraceArgs *a, int n_operands, Error *e)
{
    if (!a->own.out) return fail(e, ERR_USAGE, "-o OUT is missing");
    if (a->gradient.gradients) return check_gradients(a, n_operands, e);
    if (a->gradient.data || a->gradient.adamw) return fail(e, ERR_USAGE, "--data and --adamw need --gradients");
    if (n_operands == 0 && !a->question.conversation)
        return fail(e, ERR_USAGE, "a PROMPT or --conversation is missing");
    if (n_operands == 0 && a->question.image.n > 0)
        return fail(e, ERR_USAGE, "-i adds pictures to a PROMPT, and there is none; --conversation names its own");
    return check_names(a->own.only, e);
}

static bool trace_answer(const TraceArgs *a, const Dialogue *d, Vl2Engine *engine, Error *e)
{
    Trace t;
    Vl2Sampling sampling = VL2_GREEDY;
    sampling.max_tokens =
        a->own.greedy ? a->own.greedy : 1; /* the last prompt row's logits come with the first token */
    trace_open(&t, a->own.only);
    engine_trace(engine, &t.sink, true);
    Vl2Request *r = dialogue_submit(d, engine, &a->question, &a->picture, &sampling, e);
    bool ok = r != NULL;
    if (ok) {
        answer_take(r, false, &a->notes);
        ok = interrupt_seen() ? fail(e, ERR_CANCELLED, "ended by Ctrl-C: %s is not written", a->own.out)
                              : trace_save(&t, r, a->own.greedy > 0, a->own.out, e);
    }
    if (ok && a->notes.verbose) answer_note_timings(vl2_result(r));
    vl2_release(r);
    engine_trace(engine, NULL, false);
    trace_close(&t);
    return ok;
}

static bool trace_gradients(const TraceArgs *a, Error *e)
{
    const GradientTrace g = { .model = model_or_default(a->engine.model),
                              .data = a->gradient.data,
                              .out = a->own.out,
                              .lora = a->engine.lora.n ? a->engine.lora.text[0] : NULL,
                              .cpu = a->engine.cpu,
                              .threads = a->engine.threads,
                              .adam_steps = a->gradient.adamw,
                              .pictures = image_options_of(&a->picture),
                              .added = a->question.raw_special ? ADDED_ALL : ADDED_GROUNDING };
    return gradient_trace(&g, e);
}

static bool work(TraceArgs *a, const char *prompt, Dialogue *d, Error *e)
{
    if (a->gradient.gradients) return trace_gradients(a, e);
    if (!dialogue_from_args(d, &a->question, prompt, e)) return false;
    interrupt_install(true);
    Vl2Engine *engine = open_engine(&a->engine, &a->notes, e);
    const bool ok = engine && trace_answer(a, d, engine, e);
    vl2_close(engine);
    return ok;
}

static int trace(const Command *self, int argc, char **argv)
{
    TraceArgs a = { .engine = ENGINE_DEFAULTS, .picture = PICTURE_DEFAULTS };
    Dialogue d = { 0 };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    const bool ok = check(&a, n, &e) && work(&a, n ? argv[1] : NULL, &d, &e);
    dialogue_free(&d);
    args_free(self->group, &a);
    if (ok) return EXIT_OK;
    status = args_report(self, &e);
    return e.code == ERR_CANCELLED ? EXIT_INTERRUPTED : status;
}

const Command CMD_TRACE = {
    .name = "trace",
    .summary = "the intermediate tensors of a forward pass, as safetensors",
    .usage = (const char *const[]){ "trace [-m MODEL] [-i FILE]... -o OUT [options] PROMPT",
                                    "trace [-m MODEL] --conversation FILE -o OUT [options]",
                                    "trace [-m MODEL] --gradients --data FILE [--lora DIR] [--adamw N] -o OUT", NULL },
    .about =
        "For porting, debugging and comparing. T prompt tokens, n tiles, S pixels a side, P patches, p image tokens of "
        "a "
        "tile, D width, V vocabulary, k experts for each token:\n"
        "input_ids, images_seq_mask [T]; images_spatial_crop [pictures, 2]; pixels [n, 3, S, S]; vision_block.N, "
        "vision_out [n, P, W]; projector_out [n, p, D]; inputs_embeds, attn_out.N, mlp_out.N, layer_out.N, final_norm "
        "[T, D]; moe_ids.N, moe_weights.N [T, k]; logits [T, V]. vision_block.0 is the sum of patch and position "
        "embedding.\n"
        "With --gradients, in f32, one sequence for each sample: input_ids, labels [samples, longest], left-aligned; "
        "loss, "
        "grad_global_norm; aux_loss.N of a layer of experts; grad.<parameter>, with --lora of its matrices alone; "
        "after.<parameter> (AdamW: rate 1e-3, betas 0.9 and 0.999, epsilon 1e-8, decay 0.01, norm clipped to 1).",
    .group = GROUPS,
    .example =
        (const char *const[]){ "Everything, exactly",
                               "vl2 trace -m deepseek-vl2-tiny --conversation talk.json --compute f32 -o t.safetensors",
                               "Logits of the prompt and of 8 greedy steps",
                               "vl2 trace -m deepseek-vl2-tiny -i cat.jpg 'What is this?' --only logits --greedy 8 "
                               "-o t.safetensors",
                               NULL },
    .max_operands = 1,
    .run = trace,
};
