/* SPDX-License-Identifier: Apache-2.0
 *
 * Exit codes (sysexits.h), and which error ends in which. The table is printed in the man page.
 */
#ifndef AQ_CLI_EXIT_H
#define AQ_CLI_EXIT_H

#include <stddef.h>

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 64,
    CLI_UNREACHABLE = 69,
    CLI_RETRY = 75,
    CLI_DENIED = 77,
    CLI_CONFIG = 78,
};

struct cli_exit_row {
    int code;
    const char *text;
};

extern const struct cli_exit_row cli_exit_rows[];
extern const size_t cli_exit_count;

/* The exit code for an error of base/err.def; 0 for 0. */
int cli_exit_for(int code);

#endif
