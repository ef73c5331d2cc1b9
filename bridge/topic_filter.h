/* SPDX-License-Identifier: Apache-2.0
 *
 * Which source topics a route takes. An entry that starts with '^' is a regular expression that must match the whole
 * name (PCRE2); any other entry is a name. exclude wins over topics. Internal topics (those starting with "__", and
 * our own "aqueduct.*.state") are never taken by a regular expression, only by name ("__" ones); state topics never.
 */
#ifndef AQ_BRIDGE_TOPIC_FILTER_H
#define AQ_BRIDGE_TOPIC_FILTER_H

#include "conf/opt.h"

struct br_topic_filter;

/* Bad expressions go to diags at their place; NULL is returned then. */
struct br_topic_filter *br_topic_filter_create(const struct opt_strings *include,
                                               const struct opt_strings *exclude, struct conf_diags *diags);
void br_topic_filter_destroy(struct br_topic_filter *filter);
bool br_topic_filter_takes(const struct br_topic_filter *filter, const char *topic);
/* The names given literally, for "topic does not exist" messages. */
size_t br_topic_filter_literals(const struct br_topic_filter *filter, const char *const **ret_names);

#endif
