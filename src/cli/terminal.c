/* terminal.c - see terminal.h. Pictures: kitty takes raw RGB in base64 pieces of at most 4096 characters inside
 * ESC _G ... ESC \; iTerm2 takes the encoded file in one ESC ]1337;File= ... BEL. Inside tmux or screen neither arrives
 * whole, so none is sent. */
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "image/resize.h"

enum { SHOWN_SIDE = 480, KITTY_PIECE = 4096, BAR = 24 };

bool is_terminal(FILE *f)
{
    return isatty(fileno(f));
}

int terminal_columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* C0, DEL and C1: what a terminal would act on. */
static bool is_control(uint32_t cp)
{
    return (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0);
}

static uint32_t symbol_of(uint32_t control)
{
    if (control < 0x20) return 0x2400 + control;
    return control == 0x7f ? 0x2421 : 0xfffd;
}

void add_visible(Str *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        char symbol[4];
        const int length = utf8_decode(text + i, n - i, &cp);
        if (length > 0 && !is_control(cp))
            str_add(out, text + i, (size_t)length);
        else
            str_add(out, symbol, (size_t)utf8_encode(length > 0 ? symbol_of(cp) : 0xfffd, symbol));
        i += (size_t)(length > 0 ? length : -length);
    }
}

void print_untrusted(const char *text, size_t n)
{
    if (!is_terminal(stdout)) {
        fwrite(text, 1, n, stdout);
        return;
    }
    Str visible = { 0 };
    add_visible(&visible, text, n);
    fwrite(visible.text, 1, visible.n, stdout);
    str_free(&visible);
}

void print_json_line(json_t *value)
{
    char *line = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (line) print_untrusted(line, strlen(line));
    putchar('\n');
    free(line);
    json_decref(value);
}

void note(const char *fmt, ...)
{
    char text[2048];
    Str line = { 0 };
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    str_puts(&line, "vl2: ");
    add_visible(&line, text, strlen(text));
    fprintf(stderr, "%s\n", line.text);
    str_free(&line);
}

/* ---- progress ---- */

/* "reading  512/1316 [#########...............] 12 s left", cut to the width of the terminal. */
static void draw_progress(const Progress *p, int done, int total)
{
    char line[160];
    const int filled = total > 0 ? (int)((long)BAR * done / total) : 0;
    const double passed = p->last - p->since, left = done > 0 ? passed * (total - done) / done : 0;
    int n = snprintf(line, sizeof line, "%s %d/%d [%.*s%.*s]", p->what, done, total, filled, "########################",
                     BAR - filled, "........................");
    if (passed > 1 && done < total) n += snprintf(line + n, sizeof line - (size_t)n, " %.0f s left", left);
    fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1 < n ? terminal_columns() - 1 : n, line);
}

void progress_show(Progress *p, const char *what, int done, int total)
{
    if (!p->shown || (!p->drawn && done >= total)) return; /* over before it could be seen */
    const double now = clock_now();
    const bool same = p->what == what;
    if (!same) p->since = now;
    if (same && done < total && now - p->last < 0.1) return;
    p->what = what;
    p->last = now;
    p->drawn = true;
    draw_progress(p, done, total);
}

void progress_wipe(Progress *p)
{
    if (p->drawn) fputs("\r\033[K", stderr);
    p->drawn = false;
}

/* ---- pictures ---- */

typedef enum { PICTURES_NONE, PICTURES_KITTY, PICTURES_ITERM } PictureProtocol;

static bool environment_is(const char *name, const char *value)
{
    const char *found = getenv(name);
    return found && !strcmp(found, value);
}

static PictureProtocol picture_protocol(void)
{
    if (!is_terminal(stdout) || getenv("TMUX") || getenv("STY")) return PICTURES_NONE;
    if (getenv("KITTY_WINDOW_ID") || environment_is("TERM", "xterm-kitty") || environment_is("TERM_PROGRAM", "ghostty"))
        return PICTURES_KITTY;
    if (environment_is("TERM_PROGRAM", "iTerm.app") || environment_is("TERM_PROGRAM", "WezTerm") ||
        environment_is("LC_TERMINAL", "iTerm2"))
        return PICTURES_ITERM;
    return PICTURES_NONE;
}

static void send_iterm(const void *bytes, size_t n)
{
    Str data = { 0 };
    base64_add(&data, bytes, n);
    printf("\033]1337;File=inline=1;preserveAspectRatio=1;height=12;size=%zu:%s\a\n", n, data.text);
    str_free(&data);
}

static void send_kitty(const Image *i)
{
    Str data = { 0 };
    base64_add(&data, i->rgb, (size_t)i->w * (size_t)i->h * 3);
    for (size_t at = 0; at < data.n; at += KITTY_PIECE) {
        const int more = at + KITTY_PIECE < data.n;
        const int n = more ? KITTY_PIECE : (int)(data.n - at);
        if (at == 0)
            printf("\033_Ga=T,f=24,s=%d,v=%d,q=2,m=%d;", i->w, i->h, more);
        else
            printf("\033_Gm=%d;", more);
        printf("%.*s\033\\", n, data.text + at);
    }
    putchar('\n');
    str_free(&data);
}

/* Scaled so that the longer side is SHOWN_SIDE at most. */
static bool shrink(const Image *in, Image *out, Error *e)
{
    const int longer = in->w > in->h ? in->w : in->h;
    if (longer <= SHOWN_SIDE) return image_resize(in, in->w, in->h, out, e);
    const int w = (int)((long)in->w * SHOWN_SIDE / longer), h = (int)((long)in->h * SHOWN_SIDE / longer);
    return image_resize(in, w > 0 ? w : 1, h > 0 ? h : 1, out, e);
}

bool show_picture(const Image *decoded, const void *bytes, size_t n)
{
    const PictureProtocol protocol = picture_protocol();
    Image small;
    Error e;
    if (protocol == PICTURES_NONE) return false;
    if (protocol == PICTURES_ITERM) {
        send_iterm(bytes, n);
        return true;
    }
    if (!shrink(decoded, &small, &e)) return false;
    send_kitty(&small);
    image_free(&small);
    return true;
}
