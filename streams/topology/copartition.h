/* SPDX-License-Identifier: Apache-2.0
 *
 * Co-partitioning groups of a plan (the rule is in streams/tasks.h). Only streams/tasks.c calls this.
 */
#ifndef AQ_STREAMS_TOPOLOGY_COPARTITION_H
#define AQ_STREAMS_TOPOLOGY_COPARTITION_H

#include "streams/tasks.h"

/* Fills tasks->groups from the inputs. */
void st_copartition_find(struct st_tasks *tasks);

/* Reports groups whose known counts differ; the others hand theirs to their repartition topics of unknown count. */
void st_copartition_check(struct st_tasks *tasks, struct st_findings *findings);

/* Raises all counts of a group to its largest; true when one was raised. After the check only groups of nothing but
 * repartition topics without partitions of their own can have something to raise. */
bool st_copartition_level(struct st_tasks *tasks);

#endif
