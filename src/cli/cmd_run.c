/* cmd_run.c - `vl2 run`: one answer. */
#include <jansson.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

typedef struct {
    const char *boxes;
    bool json, special;
} ResultArgs;

typedef struct {
    EngineArgs engine;
    QuestionArgs question;
    PictureArgs picture;
    SamplingArgs sampling;
    ResultArgs result;
    NoteArgs notes;
} RunArgs;

#define T ResultArgs
static const Option RESULT_OPTIONS[] = {
    OPTION_TEXT(
        T, boxes, "boxes", 0, "OUT",
        "Draw the answer's boxes with their labels on the picture, written to OUT (.png, .jpg or .svg); with boxes "
        "on several pictures, picture N goes to OUT-N. Default: none."),
    OPTION_FLAG(
        T, json, "json", 0,
        "One line of JSON instead of the text: prompt_ids, output_ids, text, finish_reason, boxes (label, box in "
        "0-999, pixels, picture), repairs, timings. Default: off."),
    OPTION_FLAG(T, special, "special", 0,
                "The official display form: the prompt as formatted, then the answer with its special tokens. Default: "
                "the answer alone, with grounding tags."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "Question", QUESTION_OPTIONS, offsetof(RunArgs, question) },
                                { "Answer", SAMPLING_OPTIONS, offsetof(RunArgs, sampling) },
                                { "Result", RESULT_OPTIONS, offsetof(RunArgs, result) },
                                { "Pictures", PICTURE_OPTIONS, offsetof(RunArgs, picture) },
                                { "Model and machine", ENGINE_OPTIONS, offsetof(RunArgs, engine) },
                                { "Speed", SPEED_OPTIONS, offsetof(RunArgs, engine) },
                                { "Notes", NOTE_OPTIONS, offsetof(RunArgs, notes) },
                                { 0 } };

/* ---- JSON ---- */

static json_t *json_ids(const int32_t *id, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, json_integer(id[i]));
    return list;
}

static json_t *json_four(const int v[4])
{
    return json_pack("[iiii]", v[0], v[1], v[2], v[3]);
}

static json_t *json_boxes(const Vl2Result *a)
{
    json_t *list = json_array();
    for (int i = 0; i < a->n_boxes; i++) {
        const Vl2Box *b = &a->box[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:o, s:o, s:i}", "label", b->label, "group", b->group, "box",
                                        json_four(b->norm), "pixels", json_four(b->pixel), "picture", b->picture));
    }
    return list;
}

static void print_json(const Vl2Result *a)
{
    json_t *timings = json_pack("{s:f, s:f, s:f, s:f}", "pictures", a->seconds_pictures, "vision", a->seconds_vision,
                                "prefill", a->seconds_prefill, "decode", a->seconds_decode);
    json_t *o = json_object();
    json_object_set_new(o, "prompt_ids", json_ids(a->prompt_id, a->n_prompt));
    json_object_set_new(o, "output_ids", json_ids(a->output_id, a->n_output));
    json_object_set_new(o, "text", json_stringn(a->text, a->n_text));
    json_object_set_new(o, "finish_reason", a->finish_reason ? json_string(a->finish_reason) : json_null());
    json_object_set_new(o, "boxes", json_boxes(a));
    json_object_set_new(o, "repairs", json_string(a->box_repairs));
    json_object_set_new(o, "image_tokens", json_integer(a->n_image_tokens));
    json_object_set_new(o, "tiles", json_integer(a->n_tiles));
    json_object_set_new(o, "timings", timings);
    print_json_line(o);
}

/* ---- the command ---- */

static bool check(const RunArgs *a, int n_operands, Error *e)
{
    if (n_operands == 0 && !a->question.conversation)
        return fail(e, ERR_USAGE,
                    "a PROMPT is missing (or --conversation FILE; - reads the prompt from standard input)");
    if (n_operands == 0 && a->question.image.n > 0)
        return fail(e, ERR_USAGE, "-i adds pictures to a PROMPT, and there is none; --conversation names its own");
    return !a->result.boxes || boxes_path_check(a->result.boxes, e);
}

/* Prints what the request brings; the exit status, or -1 with *e. */
static int print_answer(Vl2Request *r, const RunArgs *a, const Dialogue *d, Error *e)
{
    if (a->result.special && !a->result.json) {
        const char *prompt = vl2_result(r)->sft_format;
        print_untrusted(prompt, strlen(prompt));
        putchar(' ');
    }
    answer_take(r, !a->result.json, &a->notes);
    const Vl2Result *result = vl2_result(r);
    if (a->result.json)
        print_json(result);
    else
        putchar('\n');
    const int written = finish_output();
    if (written != EXIT_OK) return written;
    if (a->notes.verbose) answer_note_timings(result);
    if (*result->box_repairs && !a->notes.quiet) note("boxes, repaired: %s", result->box_repairs);
    if (a->result.boxes && !boxes_save(result, d, &a->picture, a->result.boxes, &a->notes, e)) return -1;
    return interrupt_seen() ? EXIT_INTERRUPTED : EXIT_OK;
}

static int work(RunArgs *a, const char *prompt, Dialogue *d, Error *e)
{
    int status = -1;
    if (!dialogue_from_args(d, &a->question, prompt, e)) return -1;
    interrupt_install(true);
    Vl2Engine *engine = open_engine(&a->engine, &a->notes, e);
    if (!engine) return -1;
    Vl2Sampling sampling = sampling_of(&a->sampling);
    sampling.show_special = a->result.special;
    Vl2Request *r = dialogue_submit(d, engine, &a->question, &a->picture, &sampling, e);
    if (r) status = print_answer(r, a, d, e);
    vl2_release(r);
    vl2_close(engine);
    return status;
}

static int run(const Command *self, int argc, char **argv)
{
    RunArgs a = { .engine = ANSWERING_ENGINE_DEFAULTS, .picture = PICTURE_DEFAULTS, .sampling = SAMPLING_DEFAULTS };
    Dialogue d = { 0 };
    Error e;
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    status = check(&a, n, &e) ? work(&a, n ? argv[1] : NULL, &d, &e) : -1;
    dialogue_free(&d);
    args_free(self->group, &a);
    return status < 0 ? args_report(self, &e) : status;
}

const Command CMD_RUN = {
    .name = "run",
    .summary = "one answer to a prompt and pictures",
    .usage = (const char *const[]){ "run [-m MODEL] [-i FILE]... [options] PROMPT",
                                    "run [-m MODEL] --conversation FILE [options] [PROMPT]", NULL },
    .about =
        "The answer goes to standard output as it is made. PROMPT may hold <image> where a picture belongs, "
        "<|ref|>...<|/ref|> around a thing to find, <|grounding|> in front to get boxes with the answer. With "
        "--conversation the last answer of the file is continued, or PROMPT is asked after it. Ctrl-C ends the answer "
        "with what there is; twice ends at once.",
    .group = GROUPS,
    .example =
        (const char *const[]){ "What is in a picture", "vl2 run -m deepseek-vl2-tiny -i cat.jpg 'What is this?'",
                               "Find something, draw the box",
                               "vl2 run -m deepseek-vl2-tiny -i zoo.jpg '<|ref|>The giraffe at the back.<|/ref|>.' "
                               "--boxes out.jpg",
                               "A conversation, as the official example prints it",
                               "vl2 run -m deepseek-vl2-small --conversation talk.json --special", NULL },
    .max_operands = 1,
    .run = run,
};
