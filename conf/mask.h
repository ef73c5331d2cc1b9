/* SPDX-License-Identifier: Apache-2.0
 *
 * Which bytes of a line of text are secret, for those who print it. Internal to conf/.
 */
#ifndef AQ_CONF_MASK_H
#define AQ_CONF_MASK_H

#include "conf/secret.h"

/* Sets hide[i] for every byte of the line that belongs to a remembered secret (conf/secret.h). */
void conf_mask_bytes(const char *line, size_t len, bool *hide);

/* The same, and for literals whose name looks like a secret's (`password = "…"`, "sasl.password=…") and passwords in
 * URLs: for source lines and command line overrides. */
void conf_mask_line(const char *line, size_t len, bool *hide);

/* The line with each hidden run as ***, zero-terminated, from the arena; *column (from 1; may be NULL) moves along. */
char *conf_mask_render(const char *line, size_t len, const bool *hide, int *column, struct aq_arena *arena);

/* conf_mask_bytes() or conf_mask_line() and rendering in one. */
char *conf_mask_copy(const char *text, struct aq_arena *arena);
char *conf_mask_line_copy(const char *text, struct aq_arena *arena);

/* The source line at pos, without its end; false when it is not known. */
bool conf_diags_line(const struct conf_diags *diags, const struct conf_pos *pos, const char **ret_line,
                     size_t *ret_len);

#endif
