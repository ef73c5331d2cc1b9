/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands: one descriptor each, listed in commands.def. The table drives parsing (getopt_long), --help, the
 * pages of `aqueduct help`, the man page and the test that nothing is left undescribed.
 */
#ifndef AQ_CLI_COMMAND_H
#define AQ_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "conf/node.h"

struct cli_option {
    const char *name;     /* long form; NULL ends the list */
    char letter;          /* 0: no short form */
    const char *argument; /* what it takes, in capitals; NULL: nothing */
    const char *help;     /* one or two sentences, ends with a full stop */
};

/* One use of an option on the command line; value is NULL where the option takes none. */
struct cli_use {
    const struct cli_option *option;
    const char *value;
};

struct cli_call;

struct cli_command {
    const char *name;
    const char *usage;   /* what follows the name: "[--connect] [FILE]" */
    const char *summary; /* a few words for the list of commands */
    const char
        *text; /* paragraphs, separated by an empty line; lines that start with two blanks stay as they are */
    const struct cli_option *options;
    int max_args; /* of plain arguments; -1: any number */
    int (*run)(struct cli_call *call);
};

struct cli_call {
    const struct cli_command *command;
    struct cli_use *uses;
    size_t n_uses;
    char **args;
    int n_args;
    /* the common options */
    const char *file; /* -c */
    struct conf_override *overrides;
    size_t n_overrides;
    enum aq_log_format log_format;
    bool quiet;
};

extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;
extern const struct cli_option cli_common_options[];

const struct cli_command *cli_find_command(const char *name);

/* The last use's value, or NULL; a flag's value is "". */
const char *cli_value(const struct cli_call *call, const char *option);
bool cli_has(const struct cli_call *call, const char *option);

/* Prints "aqueduct COMMAND: …" and where help is; returns the usage exit code. */
int cli_usage_error(const struct cli_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The whole program. */
int cli_main(int argc, char **argv);

#endif
