/* embed_font.c - writes GNU Unifont's plane 0 as C tables: embed_font FOLDER > font_table.h
 *
 * FOLDER/unifont.hex: a line "4E2D:" and 32 or 64 hexadecimal digits for each code point: 16 rows of 8 or 16 pixels from
 * the top, the leftmost pixel in the highest bit. FOLDER/plane00-combining.txt: a line "0301:-8" for each mark that is
 * drawn over the character before it, with the pixels to move from where the pen stands then. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODES = 65536, DIGITS = 64 };

typedef struct {
    char digits[DIGITS + 1]; /* "": there is no such character */
} Glyph;

static FILE *open_in(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (f) return f;
    fprintf(stderr, "embed_font: cannot open %s (Debian package: unifont)\n", path);
    exit(1);
}

static void read_glyphs(FILE *f, Glyph *glyph)
{
    unsigned code;
    char digits[DIGITS + 1];
    int n;
    while ((n = fscanf(f, "%4x:%64[0-9A-Fa-f]\n", &code, digits)) == 2) {
        const size_t length = strlen(digits);
        if (length != 32 && length != 64) break;
        strcpy(glyph[code].digits, digits);
    }
    if (n == EOF && feof(f)) return;
    fprintf(stderr, "embed_font: unifont.hex has a line that is no glyph of 8 x 16 or 16 x 16 pixels\n");
    exit(1);
}

static void write_glyphs(const Glyph *glyph)
{
    puts("static const uint64_t FONT_ROWS[65536][4] = {");
    for (int i = 0; i < CODES; i++) {
        const char *d = glyph[i].digits;
        if (!*d)
            printf("{0},\n");
        else if (strlen(d) == 32)
            printf("{0x%.16s,0x%.16s},\n", d, d + 16);
        else
            printf("{0x%.16s,0x%.16s,0x%.16s,0x%.16s},\n", d, d + 16, d + 32, d + 48);
    }
    puts("};\nstatic const uint8_t FONT_CELLS[65536] = {");
    for (int i = 0; i < CODES; i++) printf("%d,%s", (int)strlen(glyph[i].digits) / 32, i % 32 == 31 ? "\n" : "");
    puts("};");
}

static void write_marks(FILE *f)
{
    unsigned code;
    int shift, n;
    puts("static const FontMark FONT_MARKS[] = {");
    while ((n = fscanf(f, "%4x:%d\n", &code, &shift)) == 2) printf("{0x%04x,%d},\n", code, shift);
    puts("};");
    if (n == EOF && feof(f)) return;
    fprintf(stderr, "embed_font: plane00-combining.txt has a line that is not code:shift\n");
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: embed_font FOLDER > font_table.h\n");
        return 2;
    }
    Glyph *glyph = calloc(CODES, sizeof *glyph);
    if (!glyph) return 1;
    FILE *hex = open_in(argv[1], "unifont.hex"), *marks = open_in(argv[1], "plane00-combining.txt");
    read_glyphs(hex, glyph);
    puts("/* Made by tools/embed_font.c from GNU Unifont. */");
    write_glyphs(glyph);
    write_marks(marks);
    fclose(hex);
    fclose(marks);
    free(glyph);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
