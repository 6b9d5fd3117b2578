/* commands.h - the subcommands; each lives in its own cmd_*.c. */
#ifndef VL2_CLI_COMMANDS_H
#define VL2_CLI_COMMANDS_H

#include "cli/args.h"

extern const Command CMD_RUN, CMD_CHAT, CMD_INFO, CMD_TOKENIZE, CMD_TILES, CMD_TRACE, CMD_QUANTIZE, CMD_CONVERT,
    CMD_BENCH, CMD_TRAIN, CMD_PLOT, CMD_MERGE, CMD_SERVE, CMD_EVAL, CMD_SELFTEST, CMD_COMPLETION;

extern const Command *const COMMANDS[]; /* in the order of the help; ended by NULL */

#endif
