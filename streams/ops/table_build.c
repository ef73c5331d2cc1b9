/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of tables that take more than one node (streams/ops/table_build.h).
 */
#include "streams/ops/table_build.h"

#include <stdio.h>

#include "base/assert.h"
#include "streams/ops/op_suppress.h"
#include "streams/serde/serde.h"
#include "streams/state/state.h"

/* Longer than any legal name, so that one that was cut off is refused for its length. */
#define NAME_ROOM 512

/* One call that adds nodes; after the first failure the others do nothing. */
struct adding {
    struct st_topology *topology;
    const char *name;
    struct aq_err *err;
    int rc;
    char text[NAME_ROOM]; /* the last name of a part */
};

/* "NAME-part"; valid until the next call. */
static const char *part_name(struct adding *a, const char *part)
{
    snprintf(a->text, sizeof(a->text), "%s-%s", a->name, part);
    return a->text;
}

static void processor(struct adding *a, const char *node, const struct st_processor_kind *kind,
                      const void *user, const char *parent)
{
    const struct st_parents parents = {.names = &parent, .count = 1};
    if (a->rc == 0) a->rc = st_add_processor(a->topology, node, kind, (void *)user, parents, a->err);
}

static void more_parents(struct adding *a, const char *node, const char *parent)
{
    if (a->rc == 0) a->rc = st_add_edge(a->topology, parent, node, a->err);
}

static void repartition(struct adding *a, const char *node, int32_t partitions, const char *parent)
{
    const struct st_parents parents = {.names = &parent, .count = 1};
    if (a->rc == 0) a->rc = st_add_repartition(a->topology, node, partitions, parents, a->err);
}

static void connect_store(struct adding *a, const char *node, const char *store)
{
    if (a->rc == 0) a->rc = st_connect_store(a->topology, node, store, a->err);
}

/* NAME-part is a part of NAME. */
static void part_of_all(struct adding *a, const char *part)
{
    const char *node = part_name(a, part);
    if (a->rc == 0) a->rc = st_set_part(a->topology, node, a->name, a->err);
}

static void serdes(struct adding *a, const char *node, const struct st_serde *key,
                   const struct st_serde *value)
{
    if (a->rc == 0) a->rc = st_set_serdes(a->topology, node, key, value, a->err);
}

static const struct st_serde *bytes_serde(struct adding *a)
{
    const struct st_serde *serde = st_serde_find("bytes", a->err);
    AQ_ASSERT(serde);
    return serde;
}

/* ---- group_by ----------------------------------------------------------------------------------------------------- */

bool st_table_forgets(const struct st_node *table)
{
    if (table->kind == &st_table_source_kind) return table->n_stores == 0;
    bool kept =
        table->n_stores > 0 && table->kind != &st_suppress_kind; /* suppress keeps what it holds back */
    bool view = table->kind == &st_table_filter_kind || table->kind == &st_table_map_values_kind ||
                table->kind == &st_suppress_kind;
    return view && !kept && table->n_parents == 1 && st_table_forgets(table->parents[0]);
}

int st_add_table_group(struct st_topology *topology, const char *name, const char *table,
                       const struct st_table_group *user, const struct st_serde *key_serde,
                       int32_t partitions, struct aq_err *err)
{
    AQ_ASSERT(topology && name && user);
    struct adding a = {.topology = topology, .name = name, .err = err};
    const char *select = part_name(&a, "select");
    processor(&a, select, &st_table_group_kind, user, table);
    serdes(&a, select, key_serde, bytes_serde(&a));
    repartition(&a, name, partitions, select);
    part_of_all(&a, "select");
    return a.rc;
}

/* ---- join of tables ----------------------------------------------------------------------------------------------- */

static void add_side(struct adding *a, const char *part, const struct st_processor_kind *kind,
                     const struct st_table_join *user, struct st_table_ref table, const char *other_store,
                     const struct st_serde *value_serde)
{
    const char *node = part_name(a, part);
    processor(a, node, kind, user, table.node);
    connect_store(a, node, table.store);
    if (strcmp(table.store, other_store) != 0) connect_store(a, node, other_store);
    serdes(a, node, NULL, value_serde);
}

int st_add_table_join(struct st_topology *topology, const char *name, struct st_table_ref left,
                      struct st_table_ref right, const struct st_table_join *user,
                      const struct st_serde *value_serde, const char *store, struct aq_err *err)
{
    AQ_ASSERT(topology && name && user && user->joiner.kind);
    struct adding a = {.topology = topology, .name = name, .err = err};
    add_side(&a, "left", &st_table_join_left_kind, user, left, right.store, value_serde);
    add_side(&a, "right", &st_table_join_right_kind, user, right, left.store, value_serde);
    processor(&a, name, &st_table_join_kind, user, part_name(&a, "left"));
    more_parents(&a, name, part_name(&a, "right"));
    if (store) connect_store(&a, name, store);
    part_of_all(&a, "left");
    part_of_all(&a, "right");
    return a.rc;
}

/* ---- foreign key join --------------------------------------------------------------------------------------------- */

/* The store of subscriptions: bucket foreign key, rest primary key. */
static void add_subscriptions_store(struct adding *a)
{
    const struct st_store_conf conf = {.rest_len = ST_REST_VARIES};
    if (a->rc == 0) a->rc = st_add_store(a->topology, part_name(a, "subscriptions"), &conf, a->err);
}

static void add_right_side(struct adding *a, struct st_table_ref right,
                           const struct st_foreign_key_join *user, const struct st_serde *key)
{
    char store[NAME_ROOM], registration[NAME_ROOM];
    add_subscriptions_store(a);
    snprintf(store, sizeof(store), "%s", part_name(a, "subscriptions"));
    snprintf(registration, sizeof(registration), "%s", part_name(a, "subscription-registration"));
    processor(a, store, &st_foreign_subscriptions_kind, user, registration);
    connect_store(a, store, store);
    connect_store(a, store, right.store);
    serdes(a, store, key, bytes_serde(a));
    const char *changed = part_name(a, "foreign");
    processor(a, changed, &st_foreign_changed_kind, user, right.node);
    connect_store(a, changed, store);
    serdes(a, changed, key, bytes_serde(a));
}

/* Where the results go on, from the parts that make them. */
static void add_results(struct adding *a, const struct st_foreign_key_join *user, const char *left,
                        const char *respond, const struct st_foreign_key_serdes *of, const char *store)
{
    processor(a, a->name, &st_table_source_kind, NULL, respond);
    if (store) connect_store(a, a->name, store);
    if (!user->left && user->compat) return;
    const char *unmatched = part_name(a, "unmatched");
    processor(a, unmatched, &st_foreign_unmatched_kind, user, left);
    serdes(a, unmatched, NULL, of->value);
    more_parents(a, a->name, unmatched);
    part_of_all(a, "unmatched");
}

int st_add_foreign_key_join(struct st_topology *topology, const char *name, struct st_table_ref left,
                            struct st_table_ref right, const struct st_foreign_key_join *user,
                            const struct st_foreign_key_serdes *of, const char *store, struct aq_err *err)
{
    AQ_ASSERT(topology && name && user && user->joiner.kind && of);
    static const char *const parts[] = {"subscribe", "subscription-registration", "subscriptions", "foreign",
                                        "respond",   "subscription-response"};
    struct adding a = {.topology = topology, .name = name, .err = err};
    char first[NAME_ROOM], second[NAME_ROOM];
    snprintf(first, sizeof(first), "%s", part_name(&a, "subscribe"));
    processor(&a, first, &st_foreign_subscribe_kind, user, left.node);
    serdes(&a, first, of->foreign_key, bytes_serde(&a));
    repartition(&a, part_name(&a, "subscription-registration"), 0, first);
    add_right_side(&a, right, user, of->key);
    snprintf(first, sizeof(first), "%s", part_name(&a, "subscriptions"));
    snprintf(second, sizeof(second), "%s", part_name(&a, "subscription-response"));
    repartition(&a, second, 0, first);
    more_parents(&a, second, part_name(&a, "foreign"));
    snprintf(first, sizeof(first), "%s", part_name(&a, "respond"));
    processor(&a, first, &st_foreign_respond_kind, user, second);
    connect_store(&a, first, left.store);
    serdes(&a, first, NULL, of->value);
    add_results(&a, user, left.node, first, of, store);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) part_of_all(&a, parts[i]);
    return a.rc;
}
