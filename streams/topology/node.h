/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that add nodes share. Only streams/topology/topology.c, source.c and global_table.c call this.
 */
#ifndef AQ_STREAMS_TOPOLOGY_NODE_H
#define AQ_STREAMS_TOPOLOGY_NODE_H

#include "streams/topology/topology.h"

/* Puts "sink 'out': " before the sentence; hands the code on even when nobody wants the sentence. */
int st_refused(struct aq_err *err, const char *what, const char *name, int rc);

/* Name and parents (not looked at for a source) of a node that is about to be made. */
int st_check_new_node(const struct st_topology *topology, enum st_node_type type, const char *name,
                      const struct st_parents *parents, struct aq_err *err);

/* A checked node with its edges, everything else zero. parents NULL: none. */
struct st_node *st_make_node(struct st_topology *topology, enum st_node_type type, const char *name,
                             const struct st_parents *parents);

/* The node of this name, or NULL after "unknown WHAT 'name'; did you mean …". */
struct st_node *st_need_node(const struct st_topology *topology, const char *name, const char *what,
                             struct aq_err *err);

/* One more at the end of a list in the topology's arena. */
void st_append_node(struct st_topology *topology, struct st_node ***list, size_t *count,
                    struct st_node *node);

#endif
