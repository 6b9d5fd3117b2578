/* args.h - the command line: tables of options say what there is; parsing, help, misuse and completion follow from them.
 *
 * A command keeps its options in a struct of plain values, filled with the defaults beforehand. An Option row names a
 * field of a group's struct, a Group says where that struct lies in the command's. So groups that several commands share
 * are spelled, explained and checked in one place. */
#ifndef VL2_CLI_ARGS_H
#define VL2_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* What repeatable options collect; the texts are those of argv. */
typedef struct {
    const char **text;
    int n, capacity;
} Texts;

typedef struct {
    int32_t *value;
    int n, capacity;
} Integers;

typedef enum {
    ARG_FLAG,     /* bool, becomes true */
    ARG_TEXT,     /* const char * */
    ARG_TEXTS,    /* Texts, repeatable */
    ARG_INTEGER,  /* int, in [lo, hi] */
    ARG_INTEGERS, /* Integers, repeatable, in [lo, hi] */
    ARG_SEED,     /* uint64_t */
    ARG_NUMBER,   /* float, in [lo, hi] */
    ARG_CHOICE    /* const char *, one of `choices` */
} ArgKind;

typedef struct {
    const char *name; /* without dashes; NULL ends a table */
    char letter;      /* a short name, or 0 */
    ArgKind kind;
    size_t offset;     /* of the field in the group's struct */
    const char *value; /* what the help calls the value */
    double lo, hi;
    const char *help;    /* one or two sentences and the default */
    const char *choices; /* "a|b|c" */
    const char *alias;   /* a second long name */
} Option;

/* Rows of a table of options: struct type and field, long name, letter or 0, what is special to the kind, help. */
#define OPTION_FLAG(T, field, name, letter, help)                                                                      \
    {                                                                                                                  \
        name, letter, ARG_FLAG, offsetof(T, field), NULL, 0, 0, help, 0, 0                                             \
    }
#define OPTION_TEXT(T, field, name, letter, value, help)                                                               \
    {                                                                                                                  \
        name, letter, ARG_TEXT, offsetof(T, field), value, 0, 0, help, 0, 0                                            \
    }
#define OPTION_TEXTS(T, field, name, letter, value, help)                                                              \
    {                                                                                                                  \
        name, letter, ARG_TEXTS, offsetof(T, field), value, 0, 0, help, 0, 0                                           \
    }
#define OPTION_INTEGER(T, field, name, letter, value, lo, hi, help)                                                    \
    {                                                                                                                  \
        name, letter, ARG_INTEGER, offsetof(T, field), value, lo, hi, help, 0, 0                                       \
    }
#define OPTION_INTEGERS(T, field, name, letter, value, lo, hi, help)                                                   \
    {                                                                                                                  \
        name, letter, ARG_INTEGERS, offsetof(T, field), value, lo, hi, help, 0, 0                                      \
    }
#define OPTION_SEED(T, field, name, letter, value, help)                                                               \
    {                                                                                                                  \
        name, letter, ARG_SEED, offsetof(T, field), value, 0, 0, help, 0, 0                                            \
    }
#define OPTION_NUMBER(T, field, name, letter, value, lo, hi, help)                                                     \
    {                                                                                                                  \
        name, letter, ARG_NUMBER, offsetof(T, field), value, lo, hi, help, 0, 0                                        \
    }
#define OPTION_CHOICE(T, field, name, letter, value, choices, alias, help)                                             \
    {                                                                                                                  \
        name, letter, ARG_CHOICE, offsetof(T, field), value, 0, 0, help, choices, alias                                \
    }
#define OPTIONS_END                                                                                                    \
    {                                                                                                                  \
        0                                                                                                              \
    }

typedef struct {
    const char *title; /* NULL ends a list */
    const Option *option;
    size_t offset; /* of the group's struct in the command's */
} Group;

typedef struct Command {
    const char *name, *summary;
    const char *const *usage; /* lines after "vl2 ", ended by NULL */
    const char *about;        /* paragraphs, wrapped when printed; may be NULL */
    const Group *group;
    const char *const *example;                                    /* pairs: what it does, the line; ended by NULL */
    int max_operands;                                              /* < 0: any number */
    int (*run)(const struct Command *self, int argc, char **argv); /* the exit status */
} Command;

enum { EXIT_OK = 0, EXIT_WORK_FAILED = 1, EXIT_MISUSE = 2, EXIT_INTERRUPTED = 130 };

typedef enum { ARGS_OK, ARGS_HELP, ARGS_MISUSE } ArgsResult;

/* Fills *values (the command's struct) from argv[1..]. Operands, in order, are moved to the front of argv[1..];
 * *n_operands counts them. ARGS_HELP: -h was given. ARGS_MISUSE: *e says what is wrong. */
ArgsResult args_parse(const Command *c, void *values, int argc, char **argv, int *n_operands, Error *e);

/* The same for a command's start: help goes to standard output, misuse to standard error. False: leave with *status,
 * nothing is to be freed. */
bool args_begin(const Command *c, void *values, int argc, char **argv, int *n_operands, int *status);

/* Frees what repeatable options collected. */
void args_free(const Group *groups, void *values);

/* One option by its name, as `/set` in a chat does. `value` NULL: none was given. */
bool args_set(const Group *groups, void *values, const char *name, const char *value, Error *e);
/* "name value" lines of a group's options as they stand. */
void args_show(const Group *group, const void *values, Str *out);

void args_print_help(const Command *c);
/* Prints "vl2 NAME: text" and where help is; returns the exit status of e->code. */
int args_report(const Command *c, const Error *e);

/* The nearest of `names` (ended by NULL) to a mistyped one; NULL if none is near. */
const char *nearest_name(const char *typed, const char *const *names);

#endif
