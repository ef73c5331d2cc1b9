/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of Lua that a configuration names. Threads: start-up only.
 */
#ifndef AQ_TRANSFORMS_SCRIPT_H
#define AQ_TRANSFORMS_SCRIPT_H

#include "base/err.h"
#include "conf/node.h"

/* path as the configuration file means it: beside the file in which the group has this option. */
const char *script_path(const struct conf_node *group, const char *option, const char *path,
                        struct aq_arena *arena);

/* The text of a file of at most 1 MiB. 0, or AQ_E_CONFIG with the path and the reason. */
int script_read(const char *path, struct aq_arena *arena, struct aq_slice *ret_text, struct aq_err *err);

#endif
