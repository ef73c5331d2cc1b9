/* SPDX-License-Identifier: Apache-2.0
 *
 * Between load.c and override.c. Internal to conf/.
 */
#ifndef AQ_CONF_LOAD_H
#define AQ_CONF_LOAD_H

#include "conf/node.h"

/* Adds the children of a small text ("value = [1, 2];") to the document; every place in it is `origin`. Returns the
 * first child, or NULL when the text cannot be read. */
struct conf_node *conf_load_snippet(struct conf_doc *doc, const char *text, const char *origin);

/* Applies one -s; errors go to diags. */
void conf_override_apply(struct conf_doc *doc, const struct conf_override *override,
                         struct conf_diags *diags);

/* Expands ${…} in one string node, in place. */
void conf_load_expand(struct conf_doc *doc, struct conf_node *node, struct conf_diags *diags);

#endif
