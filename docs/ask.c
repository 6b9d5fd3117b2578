/* ask.c - the library in one page: asks a model about a picture and prints the answer as it comes.
 *
 *     cc ask.c $(pkg-config --cflags --libs vl2) -o ask
 *     ./ask deepseek-vl2-tiny cat.png 'What is this?' */
#include <stdio.h>
#include <vl2.h>

enum { MOST = 64 << 20 };
static char bytes[MOST];

static size_t read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    const size_t n = fread(bytes, 1, MOST, f);
    fclose(f);
    return n;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: ask MODEL_DIR PICTURE QUESTION\n");
        return 2;
    }
    Vl2Error e;
    Vl2Engine *engine = vl2_open(&(Vl2Options){ .model = argv[1] }, &e);
    if (!engine) {
        fprintf(stderr, "ask: %s\n", e.text);
        return 1;
    }
    const Vl2Picture picture = { .bytes = bytes, .n = read_file(argv[2]), .name = argv[2] };
    const Vl2Message question = { .role = "user", .content = argv[3], .picture = &picture, .n_pictures = 1 };
    Vl2Sampling sampling = VL2_GREEDY;
    sampling.max_tokens = 100;
    Vl2Request *r = vl2_submit(engine, &(Vl2Prompt){ .message = &question, .n_messages = 1 }, &sampling, &e);
    if (!r) fprintf(stderr, "ask: %s\n", e.text);
    for (Vl2Event event; r && vl2_next(r, &event);)
        if (event.kind == VL2_TEXT) fwrite(event.text, 1, event.n, stdout);
    if (r) putchar('\n');
    const int status = r ? 0 : 1;
    vl2_release(r);
    vl2_close(engine);
    return status;
}
