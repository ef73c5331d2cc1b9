/* SPDX-License-Identifier: Apache-2.0
 *
 * In which serdes keys and values lie on every edge of a plan. Records flow as bytes; a source says what its bytes
 * are (or the application's defaults do), a node that makes new keys or values says what those are, an aggregation in
 * windows puts its windows around the keys it gets, and everything in between keeps them.
 *
 * Global tables are no nodes of the plan; how theirs lie is what they say, or the defaults.
 *
 * Errors, each located at its node: a source or a global table without a serde and no default; inputs of one node that disagree; a sink
 * that is to write another serde than what reaches it (nothing converts on the way: an int64 read as a string is a
 * bug that a record would show at night).
 *
 * Ownership: points into the plan, which must outlive it. Read-only once made; any thread.
 */
#ifndef AQ_STREAMS_SERDE_SERDE_FLOW_H
#define AQ_STREAMS_SERDE_SERDE_FLOW_H

#include "streams/topology/finding.h"
#include "streams/topology/plan.h"
#include "streams/serde/serde.h"

struct st_serdes {
    const struct st_serde *key;
    const struct st_serde *value;
};

struct st_serde_flow {
    struct st_serdes *in; /* by index of the plan node: what reaches it; of a source what it reads */
    struct st_serdes *out;
    size_t n;
    struct st_serdes *globals; /* of global tables, in the plan's order */
};

/* NULL when it added an error. Defaults may be NULL. */
struct st_serde_flow *st_serde_flow_create(const struct st_plan *plan, struct st_serdes defaults,
                                           struct st_findings *findings);
void st_serde_flow_destroy(struct st_serde_flow *flow);

/* How key and value lie in a global table of the plan. */
struct st_serdes st_serde_flow_of_global(const struct st_serde_flow *flow, const struct st_plan *plan,
                                         const struct st_node *table);

/* What the source or the global table that takes the topic reads; nothing known when none does. */
struct st_serdes st_serde_flow_read_from(const struct st_serde_flow *flow, const struct st_plan *plan,
                                         const char *topic);
/* What the sinks of the topic write; of a topic that only values decide, what the sinks without a topic write. Where
 * they disagree, and when there is none, nothing is known. */
struct st_serdes st_serde_flow_written_to(const struct st_serde_flow *flow, const struct st_plan *plan,
                                          const char *topic);

#endif
