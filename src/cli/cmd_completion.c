/* cmd_completion.c - `vl2 completion bash`: completes commands, options, their choices, and file names, from the same
 * tables that parse them. */
#include <stdio.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/commands.h"

static const Group GROUPS[] = { { 0 } };

static void print_options(const Command *c)
{
    printf("    %s) options='-h --help", c->name);
    for (const Group *g = c->group; g->title; g++)
        for (const Option *o = g->option; o->name; o++) {
            if (o->letter) printf(" -%c", o->letter);
            printf(" --%s", o->name);
            if (o->alias) printf(" --%s", o->alias);
        }
    puts("' ;;");
}

static bool is_new_choice(const Option *o, const Command *before)
{
    for (const Command *const *c = COMMANDS; *c && *c != before; c++)
        for (const Group *g = (*c)->group; g->title; g++)
            for (const Option *p = g->option; p->name; p++)
                if (p->choices && !strcmp(p->name, o->name)) return false; /* a command before has printed it */
    return o->choices != NULL;
}

static void print_choices(const Command *c)
{
    for (const Group *g = c->group; g->title; g++)
        for (const Option *o = g->option; o->name; o++) {
            if (!is_new_choice(o, c)) continue;
            printf("    --%s%s%s) COMPREPLY=($(compgen -W '", o->name, o->alias ? "|--" : "", o->alias ? o->alias : "");
            for (const char *s = o->choices; *s; s++) putchar(*s == '|' ? ' ' : *s);
            puts("' -- \"$word\")); return ;;");
        }
}

static int completion(const Command *self, int argc, char **argv)
{
    int n, status;
    Error e;
    if (!args_begin(self, NULL, argc, argv, &n, &status)) return status;
    if (n != 1 || strcmp(argv[1], "bash") != 0) {
        fail(&e, ERR_USAGE, "expected the name of a shell: bash");
        return args_report(self, &e);
    }
    puts(
        "_vl2() {\n  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=\n  COMPREPLY=()");
    fputs("  if [ \"$COMP_CWORD\" = 1 ]; then\n    COMPREPLY=($(compgen -W '", stdout);
    for (const Command *const *c = COMMANDS; *c; c++) printf("%s ", (*c)->name);
    puts("help --version' -- \"$word\"))\n    return\n  fi\n  case $before in");
    for (const Command *const *c = COMMANDS; *c; c++) print_choices(*c);
    puts("  esac\n  case ${COMP_WORDS[1]} in");
    for (const Command *const *c = COMMANDS; *c; c++) print_options(*c);
    puts("  esac\n  case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}\ncomplete -o filenames -F _vl2 vl2");
    return finish_output();
}

const Command CMD_COMPLETION = {
    .name = "completion",
    .summary = "a script that completes vl2's commands and options in bash",
    .usage = (const char *const[]){ "completion bash", NULL },
    .group = GROUPS,
    .example = (const char *const[]){ "For this shell", "source <(vl2 completion bash)", NULL },
    .max_operands = 1,
    .run = completion,
};
