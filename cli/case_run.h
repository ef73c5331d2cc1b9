/* SPDX-License-Identifier: Apache-2.0
 *
 * One case of a test file, run on a simulated cluster of its own: a route on bridge/driver.h, an application on
 * streams/driver.h.
 */
#ifndef AQ_CLI_CASE_RUN_H
#define AQ_CLI_CASE_RUN_H

#include "cli/case.h"
#include "cli/config.h"

/* False: the case does not fit the configuration; why is said to diags, at the case's line of the file at `path`.
 * True: it was run. *ret_report then is NULL when it passed, else what differs, in lines (malloc). */
bool cli_case_run(const struct cli_config *config, const char *path, const struct cli_case *one,
                  struct conf_diags *diags, char **ret_report);

#endif
