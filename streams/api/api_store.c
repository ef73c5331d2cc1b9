/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores of programs and plugins (aqueduct/store.h) over the engine's own: struct aq_store is the struct st_state of the task.
 */
#include "aqueduct/store.h"

#include "base/assert.h"
#include "streams/api/api_context.h"
#include "streams/api/builder.h"
#include "streams/state/stamped.h"
#include "streams/state/state.h"

int aq_topology_add_store(struct aq_streams_builder *builder, const char *name,
                          const struct aq_store_options *options)
{
    struct st_store_conf conf = {.uncached = true};
    if (!st_builder_is_open(builder)) return builder->err.code;
    if (options) {
        conf.in_memory = options->in_memory;
        conf.without_changelog = options->without_changelog;
    }
    return st_add_store(builder->topology, name, &conf, &builder->err);
}

int aq_topology_connect_store(struct aq_streams_builder *builder, const char *processor, const char *store)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    return st_connect_store(builder->topology, processor, store, &builder->err);
}

/* True when the callback at hand may look into stores. */
static bool may_look(struct aq_processor_context *ctx)
{
    AQ_ASSERT(ctx->phase != ST_API_IDLE);
    if (ctx->phase == ST_API_STARTING || ctx->phase == ST_API_PROCESSING) return true;
    aq_processor_fail(ctx, "stores can be used in init(), process() and punctuations only");
    return false;
}

struct aq_store *aq_processor_store(struct aq_processor_context *ctx, const char *name)
{
    if (!may_look(ctx)) return NULL;
    const struct st_node *node = ctx->st->node->node;
    for (size_t i = 0; i < node->n_stores; i++) {
        if (strcmp(node->stores[i]->name, name) != 0) continue;
        if (node->stores[i]->conf.rest_len == 0) return (struct aq_store *)st_store(ctx->st, i);
        aq_processor_fail(ctx, "the store '%s' is not of keys and values: its operator alone can read it",
                          name);
        return NULL;
    }
    aq_processor_fail(ctx, "'%s' is connected to no store '%s' (aq_topology_connect_store())", node->name,
                      name);
    return NULL;
}

/* Keys of a foreign store's shape would come apart wrongly. */
static bool is_fine(struct aq_processor_context *ctx, const struct st_state *state, struct aq_slice key)
{
    if (!may_look(ctx)) return false;
    AQ_ASSERT(state && state->conf.rest_len == 0);
    if (!aq_slice_is_null(key)) return true;
    aq_processor_fail(ctx, "a store has no null key");
    return false;
}

/* The store when it is that of a table, whose values have times in front (streams/state/stamped.h); else NULL. */
static const struct st_store *table_of(const struct aq_processor_context *ctx, const struct st_state *state)
{
    const struct st_node *node = ctx->st->node->node;
    for (size_t i = 0; i < node->n_stores; i++)
        if (st_store(ctx->st, i) == state) return node->stores[i]->conf.timestamped ? node->stores[i] : NULL;
    AQ_ASSERT(!"a store that the processor is connected to");
    return NULL;
}

int aq_store_get(struct aq_processor_context *ctx, struct aq_store *store, struct aq_slice key,
                 struct aq_slice *ret_value)
{
    struct st_state *state = (struct st_state *)store;
    if (!is_fine(ctx, state, key)) return ctx->rc;
    int rc = st_state_get(state, key, AQ_LIT(""), ret_value, ctx->err);
    if (rc == 0 && table_of(ctx, state)) *ret_value = st_stamped_value(*ret_value);
    return rc == 0 ? 0 : (ctx->rc = rc);
}

int aq_store_put(struct aq_processor_context *ctx, struct aq_store *store, struct aq_slice key,
                 struct aq_slice value)
{
    struct st_state *state = (struct st_state *)store;
    if (!is_fine(ctx, state, key)) return ctx->rc;
    const struct st_store *table = table_of(ctx, state);
    if (table)
        return aq_processor_fail(ctx, "the store '%s' is that of a table, which alone writes it",
                                 table->name);
    /* It may be what the store itself has returned. */
    st_state_put(state, key, AQ_LIT(""), aq_arena_copy(st_arena(ctx->st), value));
    return 0;
}

struct walk {
    aq_store_each each;
    void *user;
    bool stamped;
};

static int step(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                struct aq_err *err)
{
    (void)rest;
    (void)err;
    const struct walk *walk = ctx;
    return walk->each(walk->user, bucket, walk->stamped ? st_stamped_value(value) : value) != 0;
}

int aq_store_range(struct aq_processor_context *ctx, struct aq_store *store, struct aq_slice from,
                   struct aq_slice to, aq_store_each each, void *user)
{
    struct st_state *state = (struct st_state *)store;
    if (!is_fine(ctx, state, AQ_LIT(""))) return ctx->rc;
    struct walk walk = {.each = each, .user = user, .stamped = table_of(ctx, state) != NULL};
    const struct st_state_range range = {.from = from, .to = to};
    int rc = st_state_all(state, &range, step, &walk, ctx->err);
    return rc == 0 ? 0 : (ctx->rc = rc);
}
