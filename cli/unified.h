/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that people compare: JSON in a form that has one way to be written, and the unified diff of two texts.
 */
#ifndef AQ_CLI_UNIFIED_H
#define AQ_CLI_UNIFIED_H

#include <stdio.h>

#include "base/slice.h"

/* JSON (valid) over several lines, two blanks a level. Two texts of the same meaning become the same: fields are
 * sorted by name (those of the outermost object stay as they are), strings are escaped in one way, 5.0 and 5e0 are 5.
 * No newline at the end. */
void cli_json_pretty(struct aq_slice text, FILE *out);

/* In the form of `diff -u`, with three lines of context; nothing for equal texts. */
void cli_unified_diff(const char *expected, const char *got, FILE *out);

#endif
