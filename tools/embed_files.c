/* embed_files.c - makes a C table of the files of a folder: embed_files FOLDER > web_files.h. At build time, so that the
 * program is one file. Kinds are told by the name's ending. */
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

int main(int argc, char **argv)
{
    struct dirent **file;
    if (argc != 2) return fprintf(stderr, "usage: embed_files FOLDER\n"), 2;
    const int n = scandir(argv[1], &file, is_shown, alphasort);
    if (n <= 0) return fprintf(stderr, "%s: no files\n", argv[1]), 1;
    printf(
        "/* Made by tools/embed_files.c; not to be edited. */\n#include <stddef.h>\n"
        "typedef struct {\n    const char *name, *type;\n    const unsigned char *bytes;\n    size_t n;\n} WebFile;\n");
    for (int i = 0; i < n; i++)
        if (print_bytes(argv[1], file[i]->d_name, i)) return 1;
    printf("static const WebFile WEB_FILE[] = {\n");
    for (int i = 0; i < n; i++)
        printf("    { \"%s\", \"%s\", web_file_%d, sizeof web_file_%d - 1 },\n", file[i]->d_name,
               type_of(file[i]->d_name), i, i);
    printf("};\n");
    return 0;
}
