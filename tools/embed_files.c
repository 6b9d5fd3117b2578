/* embed_files.c - makes a C table of the files of a folder and of the named folders in it: embed_files FOLDER [INNER...] >
 * web_files.h. At build time, so that the program is one file. Kinds are told by the name's ending; names are as a browser asks
 * for them, "inner/name.js". */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *ending, *type;
} KIND[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".jpg", "image/jpeg" },
    { ".jpeg", "image/jpeg" },
    { ".webp", "image/webp" },
    { ".json", "application/json" },
    { ".webmanifest", "application/manifest+json" },
    { ".woff2", "font/woff2" },
    { ".ico", "image/x-icon" },
    { ".txt", "text/plain; charset=utf-8" },
};

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < sizeof KIND / sizeof *KIND; i++) {
        const size_t n = strlen(name), m = strlen(KIND[i].ending);
        if (n > m && strcmp(name + n - m, KIND[i].ending) == 0) return KIND[i].type;
    }
    return NULL;
}

static int is_shown(const struct dirent *d)
{
    return type_of(d->d_name) != NULL;
}

typedef struct {
    char name[512]; /* below the outer folder */
} Found;

enum { MOST_FILES = 1000 };

static int print_bytes(const char *folder, const char *name, int index)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) return perror(path), 1;
    printf("static const unsigned char web_file_%d[] = {", index);
    int c, n = 0;
    while ((c = getc(f)) != EOF) printf("%s%d,", n++ % 32 ? "" : "\n", c);
    printf("0 };\n");
    fclose(f);
    return 0;
}

/* Adds the files of `folder`/`inner`, "" for those of `folder` itself, to found[*n]. */
static int list_files(const char *folder, const char *inner, Found *found, int *n)
{
    char path[4096];
    struct dirent **file;
    snprintf(path, sizeof path, "%s/%s", folder, inner);
    const int count = scandir(path, &file, is_shown, alphasort);
    if (count <= 0 || *n + count > MOST_FILES) return fprintf(stderr, "%s: no files, or too many\n", path), 1;
    for (int i = 0; i < count; i++) {
        snprintf(found[*n].name, sizeof found[*n].name, "%s%s%s", inner, *inner ? "/" : "", file[i]->d_name);
        (*n)++;
        free(file[i]);
    }
    free(file);
    return 0;
}

int main(int argc, char **argv)
{
    static Found found[MOST_FILES];
    int n = 0;
    if (argc < 2) return fprintf(stderr, "usage: embed_files FOLDER [INNER...]\n"), 2;
    if (list_files(argv[1], "", found, &n)) return 1;
    for (int i = 2; i < argc; i++)
        if (list_files(argv[1], argv[i], found, &n)) return 1;
    printf(
        "/* Made by tools/embed_files.c; not to be edited. */\n#include <stddef.h>\n"
        "typedef struct {\n    const char *name, *type;\n    const unsigned char *bytes;\n    size_t n;\n} WebFile;\n");
    for (int i = 0; i < n; i++)
        if (print_bytes(argv[1], found[i].name, i)) return 1;
    printf("static const WebFile WEB_FILE[] = {\n");
    for (int i = 0; i < n; i++)
        printf("    { \"%s\", \"%s\", web_file_%d, sizeof web_file_%d - 1 },\n", found[i].name, type_of(found[i].name),
               i, i);
    printf("};\n");
    return 0;
}
