/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said about a topology without a cluster. All findings of one run, rule by rule, within a rule in the order
 * of adding:
 *
 *   errors    no source at all; a cycle; a node without parents; a node no source leads to; a topic that two sources
 *             read, by name or by pattern; a store no processor uses; a processor that needs the key (kind->needs_key)
 *             behind one that changes it, without a repartition between
 *   warnings  a repartition of records that are partitioned by the same key already; a global table nothing looks into
 *
 * Which topics exist, and how many partitions they have, is checked by st_tasks_create() (streams/tasks.h).
 */
#ifndef AQ_STREAMS_TOPOLOGY_TOPOLOGY_CHECK_H
#define AQ_STREAMS_TOPOLOGY_TOPOLOGY_CHECK_H

#include "streams/topology/finding.h"

/* Adds to findings; true when it added no error. */
bool st_topology_check(const struct st_topology *topology, struct st_findings *findings);

#endif
