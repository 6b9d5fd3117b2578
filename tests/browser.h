/* browser.h - pages in a real browser without a screen, for tests that look at what a reader sees. */
#ifndef VL2_TESTS_BROWSER_H
#define VL2_TESTS_BROWSER_H

#include "base/file.h"
#include "image/image.h"
#include "temp_folder.h"

/* Debian's name and that of others. Without one the test is skipped, and the folder closed. */
static inline const char *browser_or_skip(TempFolder *f)
{
    static const char *const NAMES[] = { "chromium", "chromium-browser", "google-chrome" };
    for (int i = 0; i < 3; i++) {
        char command[64];
        snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", NAMES[i]);
        if (system(command) == 0) return NAMES[i];
    }
    printf("# skip: chromium is not there (docs/dependencies.md)\n");
    temp_close(f);
    skip();
    return NULL;
}

/* What a window shows of a page once its scripts have had `milliseconds`; kept as build/pictures/KEPT.png. */
static inline void screenshot(TempFolder *f, const char *name, const char *address, Size window, int milliseconds,
                              const char *kept, Image *out)
{
    Str command = { 0 };
    Error e;
    str_printf(
        &command,
        "%s --headless --no-sandbox --disable-gpu --hide-scrollbars --force-color-profile=srgb --window-size=%d,%d "
        "--virtual-time-budget=%d --user-data-dir=%s/profile --screenshot=%s/page.png %s >/dev/null 2>&1",
        name, window.w, window.h, milliseconds, f->folder, f->folder, address);
    if (system(command.text) != 0) fail_msg("%s", command.text);
    if (!image_load(out, temp_path(f, "page.png"), &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
    str_clear(&command);
    str_printf(&command, "build/pictures/%s.png", kept);
    if (!folder_make("build/pictures", &e) || !image_save(out, command.text, &e)) fail_msg("%s", e.text);
    str_clear(&command);
    str_printf(&command, "rm -rf '%s/profile'", f->folder);
    assert_int_equal(system(command.text), 0);
    str_free(&command);
}

/* Pixels that are nearly of this colour. */
static inline int count_colour(const Image *i, int r, int g, int b)
{
    int n = 0;
    for (int k = 0; k < i->w * i->h; k++) {
        const uint8_t *p = i->rgb + 3 * k;
        n += abs(p[0] - r) < 6 && abs(p[1] - g) < 6 && abs(p[2] - b) < 6;
    }
    return n;
}

#endif
