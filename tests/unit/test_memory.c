/* test_memory.c - what `vl2 info` says about memory holds: the plan against the peak of a process that uses all of it, and no
 * more scratch for a picture of many tiles. */
int make_model_main(int argc, char **argv);
#define main make_model_main
#include "../../tools/make_model.c"
#undef main

#include <sys/wait.h>

#include "engine/engine.h"

#include "temp_folder.h"
#include "support.h"

/* 0.25 GB in 8 bits: enough that the program itself, 10 MB, does not count. */
static const char *const middling[] = { "make_model",
                                        "--shape",
                                        "micro-mla",
                                        "--gguf",
                                        "q8",
                                        "--set",
                                        "language_config.hidden_size=1024",
                                        "--set",
                                        "projector_config.n_embed=1024",
                                        "--set",
                                        "language_config.num_hidden_layers=6",
                                        "--set",
                                        "language_config.n_routed_experts=16",
                                        "--set",
                                        "language_config.moe_intermediate_size=896",
                                        "--set",
                                        "vision_config.image_size=112",
                                        "-o" };
enum { MIDDLING_ARGS = sizeof middling / sizeof *middling, SIDE = 112, PROMPT_TOKENS = 900 };

static const char *middling_model(TempFolder *s)
{
    char *argv[MIDDLING_ARGS + 1];
    Options o;
    Error e = { 0 };
    for (int i = 0; i < MIDDLING_ARGS; i++) argv[i] = (char *)(uintptr_t)middling[i];
    const char *const path = temp_path(s, "m.gguf");
    argv[MIDDLING_ARGS] = (char *)(uintptr_t)path;
    if (!take_options(&o, MIDDLING_ARGS + 1, argv, &e) || !make_model(&o, &e)) fail_msg("%s", e.text);
    return path;
}

static Vl2Engine *engine_of(const char *path)
{
    Error e;
    Vl2Engine *engine = vl2_open(&(Vl2Options){ .model = path, .context = 1024, .threads = 2 }, &e);
    if (!engine) fail_msg("%s", e.text);
    return engine;
}

/* A picture of across x down tiles, as a PPM. Caller frees. */
static unsigned char *picture_of(int across, int down, size_t *n)
{
    const int w = across * SIDE, h = down * SIDE;
    unsigned char *p = malloc((size_t)w * (size_t)h * 3 + 32);
    assert_non_null(p);
    const int head = sprintf((char *)p, "P6 %d %d 255\n", w, h);
    *n = (size_t)head + (size_t)w * (size_t)h * 3;
    for (size_t i = (size_t)head; i < *n; i++) p[i] = (unsigned char)rng_at(1, i);
    return p;
}

static void run_request(Vl2Request *r)
{
    for (Vl2Event event; vl2_next(r, &event);) {}
}

static void ask_about_picture(Vl2Engine *e, int across, int down, int tiles)
{
    Error err;
    size_t n;
    unsigned char *bytes = picture_of(across, down, &n);
    const Vl2Picture picture = { .bytes = bytes, .n = n, .name = "picture.ppm" };
    const Vl2Message message = { .role = "user", .content = "What is this?", .picture = &picture, .n_pictures = 1 };
    Vl2Sampling two = VL2_GREEDY;
    two.max_tokens = 2;
    Vl2Request *r = vl2_submit(e, &(Vl2Prompt){ .message = &message, .n_messages = 1 }, &two, &err);
    if (!r) fail_msg("%s", err.text);
    run_request(r);
    assert_int_equal(vl2_result(r)->n_tiles, tiles);
    vl2_release(r);
    free(bytes);
}

/* A prompt that leaves no expert out and fills most of the context. */
static void read_long_prompt(Vl2Engine *e)
{
    Error err;
    int32_t id[PROMPT_TOKENS];
    Vl2Sampling two = VL2_GREEDY;
    two.max_tokens = 2;
    for (int i = 0; i < PROMPT_TOKENS; i++) id[i] = (int32_t)(rng_at(2, (uint64_t)i) % 200) + 10;
    Vl2Request *r = vl2_submit(e, &(Vl2Prompt){ .id = id, .n_ids = PROMPT_TOKENS }, &two, &err);
    if (!r) fail_msg("%s", err.text);
    run_request(r);
    vl2_release(r);
}

/* "VmHWM:   1234 kB", in bytes; 0: this system has none. */
static double peak_memory(void)
{
    double kilobytes = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lf kB", &kilobytes) == 1) break;
    if (f) fclose(f);
    return 1024 * kilobytes;
}

typedef struct {
    double peak, planned;
} Memory;

/* In a process of its own, whose peak nobody else has raised. */
static Memory memory_of_a_process(const char *path)
{
    int out[2];
    Memory m = { 0 };
    assert_int_equal(pipe(out), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        Vl2Engine *e = engine_of(path);
        ask_about_picture(e, 3, 3, 10);
        read_long_prompt(e);
        m = (Memory){ peak_memory(), (double)e->plan.total };
        _exit(write(out[1], &m, sizeof m) == sizeof m ? 0 : 1);
    }
    int status;
    close(out[1]);
    assert_int_equal(read(out[0], &m, sizeof m), sizeof m);
    close(out[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return m;
}

static void the_plan_is_the_peak_of_the_process(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    printf("# skip: the sanitizer's own memory would count\n");
    skip();
#endif
    if (peak_memory() <= 0) {
        printf("# skip: /proc/self/status does not tell the peak\n");
        skip();
    }
    TempFolder s = temp_open();
    const Memory m = memory_of_a_process(middling_model(&s));
    printf("# peak %.1f MB, planned %.1f MB\n", 1e-6 * m.peak, 1e-6 * m.planned);
    assert_within("part by which the plan is off", fabs(m.planned / m.peak - 1), 0.1);
    temp_close(&s);
}

/* Tiles are encoded one at a time: ten take the scratch of two. */
static void ten_tiles_take_the_scratch_of_two(void **state)
{
    (void)state;
    size_t peak[2];
    TempFolder s = temp_open();
    const char *const path = middling_model(&s);
    for (int i = 0; i < 2; i++) {
        Vl2Engine *e = engine_of(path);
        e->chunk = 16; /* the language model's steps shall not hide vision's */
        ask_about_picture(e, i ? 3 : 1, i ? 3 : 2, i ? 10 : 3);
        peak[i] = e->step.peak;
        vl2_close(e);
    }
    printf("# step arena: %zu bytes with 3 tiles, %zu with 10\n", peak[0], peak[1]);
    assert_true(peak[1] <= peak[0]);
    temp_close(&s);
}

TEST_MAIN(TEST(the_plan_is_the_peak_of_the_process), TEST(ten_tiles_take_the_scratch_of_two))
