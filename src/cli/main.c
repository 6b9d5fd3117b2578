/* main.c - picks the subcommand. Exit status: 0, 1 the work failed, 2 misuse, 130 ended by Ctrl-C. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "vl2.h"

const Command *const COMMANDS[] = { &CMD_RUN,   &CMD_CHAT,     &CMD_SERVE,   &CMD_INFO,       &CMD_TOKENIZE, &CMD_TILES,
                                    &CMD_TRACE, &CMD_QUANTIZE, &CMD_CONVERT, &CMD_TRAIN,      &CMD_PLOT,     &CMD_MERGE,
                                    &CMD_EVAL,  &CMD_SELFTEST, &CMD_BENCH,   &CMD_COMPLETION, NULL };

static const Command *find_command(const char *name)
{
    for (const Command *const *c = COMMANDS; *c; c++)
        if (!strcmp((*c)->name, name)) return *c;
    return NULL;
}

static void print_overview(void)
{
    puts("vl2 - DeepSeek-VL2: asks a vision-language model about pictures\n\nUsage\n  vl2 COMMAND "
         "[options]\n\nCommands");
    for (const Command *const *c = COMMANDS; *c; c++) printf("  %-12s %s\n", (*c)->name, (*c)->summary);
    puts("  help         what a command takes: vl2 help COMMAND, or vl2 COMMAND -h\n\n"
         "Options\n  -h, --help   This text.\n  --version    The version.\n\n"
         "Results go to standard output, progress and notes to standard error.\n"
         "Exit status: 0, 1 when the work failed, 2 for misuse, 130 after Ctrl-C.");
}

static int misused(const char *typed)
{
    const char *names[32] = { "help" };
    for (int i = 0; COMMANDS[i]; i++) names[i + 1] = COMMANDS[i]->name;
    const char *near = nearest_name(typed, names);
    if (near)
        note("there is no command '%s'; did you mean '%s'?", typed, near);
    else
        note("there is no command '%s'; 'vl2 help' lists them", typed);
    return EXIT_MISUSE;
}

static int help(int argc, char **argv)
{
    if (argc < 3) {
        print_overview();
        return EXIT_OK;
    }
    const Command *c = find_command(argv[2]);
    if (!c) return misused(argv[2]);
    args_print_help(c);
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    /* Line editing needs to know that the terminal speaks UTF-8; numbers stay as in the C locale. */
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 2) {
        print_overview();
        return EXIT_MISUSE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "-h") || !strcmp(name, "--help") || !strcmp(name, "help")) return help(argc, argv);
    if (!strcmp(name, "--version") || !strcmp(name, "version")) {
        printf("vl2 %s\n", vl2_version());
        return EXIT_OK;
    }
    const Command *c = find_command(name);
    if (!c) return misused(name);
    return c->run(c, argc - 1, argv + 1);
}
