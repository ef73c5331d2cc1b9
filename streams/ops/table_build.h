/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of tables that take more than one node. Each call adds all of them, under names that begin with the operator's own: the node of
 * that name is the one to read results from.
 *
 *   group_by           NAME-select, NAME (a repartition)
 *   join of tables     NAME-left, NAME-right, NAME
 *   foreign key join   NAME-subscribe, NAME-subscription-registration (a repartition), NAME-subscriptions, NAME-foreign,
 *                      NAME-subscription-response (a repartition), NAME-respond, NAME, NAME-unmatched (not in an inner join of compat)
 *
 * Ownership: what `user` points to belongs to the caller and outlives the topology; texts are copied. Threads and errors: as in
 * streams/topology/topology.h, but a call that fails may have added some of its nodes: the topology is then good for nothing but
 * st_topology_destroy().
 */
#ifndef AQ_STREAMS_OPS_TABLE_BUILD_H
#define AQ_STREAMS_OPS_TABLE_BUILD_H

#include "streams/ops/op_foreign.h"
#include "streams/ops/op_table.h"
#include "streams/topology/topology.h"

/* A table that is there: who hands its changes on, and where its rows are. */
struct st_table_ref {
    const char *node;
    const char *store;
};

/* Nobody knows what the table's rows were: the results of a foreign key join that are kept nowhere, and what is worked out of them without
 * a store. Such a table cannot be grouped. */
bool st_table_forgets(const struct st_node *table);

/* The aggregation goes behind `name`. key_serde: of the groups' keys; NULL: that of the table's. partitions 0: as many as the topics in
 * front have. */
int st_add_table_group(struct st_topology *topology, const char *name, const char *table,
                       const struct st_table_group *user, const struct st_serde *key_serde,
                       int32_t partitions, struct aq_err *err);

/* value_serde: of the results; NULL: that of the rows, which then is one for both tables. store: where they are kept, one that has been added; NULL: nowhere. */
int st_add_table_join(struct st_topology *topology, const char *name, struct st_table_ref left,
                      struct st_table_ref right, const struct st_table_join *user,
                      const struct st_serde *value_serde, const char *store, struct aq_err *err);

/* What the sides write; NULL: as streams/serde/serde_flow.c finds it. */
struct st_foreign_key_serdes {
    const struct st_serde *key;         /* keys of the left table */
    const struct st_serde *foreign_key; /* keys of the right table */
    const struct st_serde *value;       /* of the results; NULL: that of the left table's rows */
};

/* store: where results are kept, one that has been added; NULL: nowhere, and nobody below can know what they were. */
int st_add_foreign_key_join(struct st_topology *topology, const char *name, struct st_table_ref left,
                            struct st_table_ref right, const struct st_foreign_key_join *user,
                            const struct st_foreign_key_serdes *serdes, const char *store,
                            struct aq_err *err);

#endif
