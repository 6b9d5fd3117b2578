/* answer.c - see answer.h. */
#include "cli/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "image/draw.h"

void answer_take(Vl2Request *r, bool print, const NoteArgs *notes)
{
    Progress progress = { .shown = !notes->quiet && is_terminal(stderr) };
    Vl2Event event;
    interrupt_ends(r);
    while (vl2_next(r, &event)) {
        switch (event.kind) {
        case VL2_PROGRESS_VISION: progress_show(&progress, "tiles of pictures", event.done, event.total); break;
        case VL2_PROGRESS_PREFILL: progress_show(&progress, "tokens of the prompt", event.done, event.total); break;
        case VL2_TEXT:
            progress_wipe(&progress);
            if (!print) break;
            print_untrusted(event.text, event.n);
            if (fflush(stdout) != 0) vl2_cancel(r); /* nobody reads on */
            break;
        case VL2_DONE: break;
        }
    }
    progress_wipe(&progress);
    interrupt_ends(NULL);
}

static double rate(int n, double seconds)
{
    return seconds > 0 ? n / seconds : 0;
}

void answer_note_timings(const Vl2Result *a)
{
    if (a->n_tiles > 0)
        note("pictures: read and cut in %.2f s, %d tiles seen in %.2f s", a->seconds_pictures, a->n_tiles,
             a->seconds_vision);
    note("prompt: %d tokens (%d of pictures, %d from the cache) in %.2f s, %.1f tokens/s", a->n_prompt,
         a->n_image_tokens, a->n_reused, a->seconds_prefill, rate(a->n_prompt - a->n_reused, a->seconds_prefill));
    note("answer: %d tokens in %.2f s, %.1f tokens/s; ended: %s", a->n_output, a->seconds_decode,
         rate(a->n_output, a->seconds_decode), a->finish_reason ? a->finish_reason : "no");
    if (a->n_guessed > 0) note("guessed ahead: %d tokens, %d of them came", a->n_guessed, a->n_accepted);
}

int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_OK;
    if (errno != EPIPE) note("standard output: %s", strerror(errno));
    return EXIT_WORK_FAILED;
}

/* ---- boxes ---- */

bool boxes_path_check(const char *path, Error *e)
{
    static const char *const ENDINGS[] = { ".png", ".jpg", ".jpeg", ".svg" };
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++)
        if (str_ends(path, ENDINGS[i])) return true;
    return fail(e, ERR_USAGE, "--boxes: found '%s', expected a name that ends in .png, .jpg, .jpeg or .svg", path);
}

/* "dir/out.jpg", 2 -> "dir/out-2.jpg" */
static char *numbered(const char *path, int number)
{
    Str s = { 0 };
    const char *ending = strrchr(path, '.');
    str_add(&s, path, (size_t)(ending - path));
    str_printf(&s, "-%d%s", number, ending);
    return s.text;
}

/* Draws the boxes of picture `index` into `path`. */
static bool save_picture(const Vl2Result *a, const PictureFile *picture, int index, const ImageOptions *o,
                         const char *path, const NoteArgs *notes, Error *e)
{
    Image image;
    DrawnBox *box = xcalloc((size_t)a->n_boxes, sizeof *box);
    int n = 0;
    for (int i = 0; i < a->n_boxes; i++) {
        const Vl2Box *b = &a->box[i];
        if (b->picture == index)
            box[n++] = (DrawnBox){ b->label, b->pixel[0], b->pixel[1], b->pixel[2], b->pixel[3], b->group };
    }
    bool ok = image_decode(&image, picture->bytes, picture->n, picture->path, o, e);
    if (ok) {
        ok = draw_save(&image, box, n, path, e);
        image_free(&image);
    }
    if (ok && !notes->quiet) note("%s: %d %s on %s", path, n, n == 1 ? "box" : "boxes", picture->path);
    free(box);
    return ok;
}

/* How many pictures have boxes. */
static int pictures_with_boxes(const Vl2Result *a, bool *has_box, int n_pictures)
{
    int n = 0;
    for (int i = 0; i < a->n_boxes; i++) {
        const int p = a->box[i].picture;
        if (p < 0 || p >= n_pictures) continue;
        n += !has_box[p];
        has_box[p] = true;
    }
    return n;
}

bool boxes_save(const Vl2Result *a, const Dialogue *d, const PictureArgs *p, const char *path, const NoteArgs *notes,
                Error *e)
{
    const int n_pictures = dialogue_pictures(d);
    const ImageOptions o = image_options_of(p);
    bool *has_box = xcalloc((size_t)n_pictures + 1, sizeof *has_box), ok = true;
    const int n = pictures_with_boxes(a, has_box, n_pictures);
    if (n == 0 && !notes->quiet) note("%s: not written, there are no boxes in the answer", path);
    for (int i = 0; ok && i < n_pictures; i++) {
        if (!has_box[i]) continue;
        char *name = n == 1 ? xstrdup(path) : numbered(path, i + 1);
        ok = save_picture(a, dialogue_picture(d, i), i, &o, name, notes, e);
        free(name);
    }
    free(has_box);
    return ok;
}
