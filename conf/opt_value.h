/* SPDX-License-Identifier: Apache-2.0
 *
 * One option's value: from a node, from text, to text. Internal to conf/ (opt.c, opt_print.c, opt_check.c).
 */
#ifndef AQ_CONF_OPT_VALUE_H
#define AQ_CONF_OPT_VALUE_H

#include "base/err.h"
#include "conf/opt.h"

/* Stores the node's value at row->offset of target. On failure err->text says what is expected, without the option's
 * name; *ret_place is where (the element of a list, or the value). Never puts the value of a secret row into text. */
int opt_take(const struct opt_row *row, const struct conf_node *node, struct aq_arena *arena, void *target,
             struct conf_pos *ret_place, struct aq_err *err);

int opt_parse_int(const char *text, int64_t *ret_value); /* 0 or AQ_E_INVALID */

/* "one of a, b, c" */
char *opt_enum_names(const struct opt_enum *values, const char *separator, struct aq_arena *arena);
/* "1 to 64", "at least 1"; NULL when unchecked. */
char *opt_range_text(const struct opt_row *row, struct aq_arena *arena);
/* A number in the unit of the row's kind. */
char *opt_number_text(enum opt_kind kind, int64_t value, struct aq_arena *arena);
const char *opt_kind_text(enum opt_kind kind);

#endif
