/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder (streams/api/builder.h) and the calls of aqueduct/topology.h.
 *
 * An ordinary pass: a call looks whether the builder is open, makes what its node needs in the topology's arena, and adds the node.
 * A failing pass: the sentence of the call that failed stays in builder->err, and from then on every call returns its code. So
 * the reason a program prints is the first one and not one of its consequences.
 *
 * Threads: one at a time.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/api/api_kinds.h"
#include "streams/api/builder.h"
#include "streams/ops/op_suppress.h"
#include "streams/settings.h"
#include "streams/topology/describe.h"

/* ---- the builder -------------------------------------------------------------------------------------------------- */

struct aq_streams_builder *aq_streams_builder_create(const char *application_id)
{
    struct aq_streams_builder *builder = aq_calloc(1, sizeof(*builder));
    builder->topology = st_topology_create(application_id, &builder->err);
    return builder;
}

void aq_streams_builder_destroy(struct aq_streams_builder *builder)
{
    if (!builder) return;
    st_topology_destroy(builder->topology);
    free(builder);
}

bool st_builder_is_open(const struct aq_streams_builder *builder)
{
    AQ_ASSERT(builder);
    return builder->err.code == 0;
}

int st_builder_verdict(const struct aq_streams_builder *builder, struct aq_err *err)
{
    if (st_builder_is_open(builder)) return 0;
    return aq_fail(err, builder->err.code, "%s", builder->err.text);
}

static int check_suppress(const struct st_node *node, const struct st_settings *settings, struct aq_err *err)
{
    const struct st_suppress *op = node->user;
    if (op->idle_close_ms == 0 || op->idle_close_ms > settings->commit_interval_ms) return 0;
    return aq_fail(
        err, AQ_E_CONFIG,
        "suppress '%s': close_idle_ms is %lld; results come with commits, so it has to be longer than "
        "commit.interval.ms, which is %lld ms",
        node->name, (long long)op->idle_close_ms, (long long)settings->commit_interval_ms);
}

int st_builder_suits(const struct aq_streams_builder *builder, const struct st_settings *settings,
                     struct aq_err *err)
{
    int rc = st_builder_verdict(builder, err);
    if (rc == 0 && settings->compat_kafka_streams && !builder->compat)
        rc = aq_fail(
            err, AQ_E_CONFIG,
            "compat: operators are built to do as Kafka Streams or not; call aq_streams_compat() on the "
            "builder before they are added");
    for (size_t i = 0; rc == 0 && i < builder->topology->n_nodes; i++) {
        const struct st_node *node = builder->topology->nodes[i];
        if (node->type == ST_PROCESSOR && node->kind == &st_suppress_kind)
            rc = check_suppress(node, settings, err);
    }
    return rc;
}

int aq_streams_compat(struct aq_streams_builder *builder)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    if (builder->topology->n_nodes > 0)
        return aq_fail(&builder->err, AQ_E_CONFIG,
                       "compat: call aq_streams_compat() before anything is added");
    builder->compat = true;
    return 0;
}

void *st_builder_alloc(struct aq_streams_builder *builder, size_t size)
{
    AQ_ASSERT(st_builder_is_open(builder));
    return aq_arena_zalloc(&builder->topology->arena, size);
}

const char *aq_streams_error(const struct aq_streams_builder *builder)
{
    if (!st_builder_is_open(builder)) return builder->err.text;
    return builder->check_err.code < 0 ? builder->check_err.text : NULL;
}

int aq_streams_describe(struct aq_streams_builder *builder, FILE *out)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    aq_err_clear(&builder->check_err);
    struct st_plan *plan = st_plan_create(builder->topology, &builder->check_err);
    if (!plan) return builder->check_err.code;
    st_describe(plan, out);
    st_plan_destroy(plan);
    return 0;
}

/* ---- serdes ------------------------------------------------------------------------------------------------------- */

static int set_serdes(struct aq_streams_builder *builder, const char *name, const char *key,
                      const char *value)
{
    struct aq_err *err = &builder->err;
    const struct st_serde *key_serde = key ? st_serde_find(key, err) : NULL;
    if (key && !key_serde) return aq_err_in(err, "'%s': key", name ? name : "");
    const struct st_serde *value_serde = value ? st_serde_find(value, err) : NULL;
    if (value && !value_serde) return aq_err_in(err, "'%s': value", name ? name : "");
    return st_set_serdes(builder->topology, name, key_serde, value_serde, err);
}

int aq_topology_serdes(struct aq_streams_builder *builder, const char *name, const char *key_serde,
                       const char *value_serde)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    return set_serdes(builder, name, key_serde, value_serde);
}

/* ---- sources ------------------------------------------------------------------------------------------------------ */

static const struct st_extractor *make_extractor(struct aq_streams_builder *builder,
                                                 const struct aq_consumed *consumed)
{
    struct st_api_op *op = st_builder_alloc(builder, sizeof(*op));
    op->extract = consumed->extractor;
    op->user = consumed->extractor_user;
    struct st_extractor *extractor = st_builder_alloc(builder, sizeof(*extractor));
    *extractor = (struct st_extractor){.extract = st_api_extract, .user = op};
    return extractor;
}

/* NULL: the application's, or (with an error in the builder) none. */
static const struct st_extractor *find_extractor(struct aq_streams_builder *builder, const char *name,
                                                 const struct aq_consumed *consumed)
{
    if (consumed->extractor && consumed->timestamp == AQ_TIMESTAMP_DEFAULT)
        return make_extractor(builder, consumed);
    if (consumed->extractor)
        aq_fail(&builder->err, AQ_E_CONFIG,
                "source '%s': it has a timestamp rule and an extractor; leave one out", name ? name : "");
    switch (consumed->timestamp) {
    case AQ_TIMESTAMP_DEFAULT: return NULL;
    case AQ_TIMESTAMP_FAIL: return &ST_FAIL_ON_INVALID_TIMESTAMP;
    case AQ_TIMESTAMP_SKIP: return &ST_LOG_AND_SKIP_ON_INVALID_TIMESTAMP;
    case AQ_TIMESTAMP_PARTITION_TIME: return &ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP;
    case AQ_TIMESTAMP_WALL_CLOCK: return &ST_WALLCLOCK_TIMESTAMP;
    }
    aq_fail(&builder->err, AQ_E_CONFIG, "source '%s': %d is no timestamp rule", name ? name : "",
            (int)consumed->timestamp);
    return NULL;
}

int aq_topology_add_source(struct aq_streams_builder *builder, const char *name,
                           const struct aq_consumed *consumed)
{
    AQ_ASSERT(consumed && (consumed->topics || consumed->n_topics == 0));
    if (!st_builder_is_open(builder)) return builder->err.code;
    struct st_source_conf conf = {.topics = consumed->topics,
                                  .n_topics = consumed->n_topics,
                                  .pattern = consumed->pattern,
                                  .reset = consumed->reset == AQ_RESET_LATEST ? ST_LATEST : ST_EARLIEST,
                                  .extractor = find_extractor(builder, name, consumed)};
    if (!st_builder_is_open(builder)) return builder->err.code;
    int rc = st_add_source(builder->topology, name, &conf, &builder->err);
    return rc < 0 ? rc : set_serdes(builder, name, consumed->key_serde, consumed->value_serde);
}

/* ---- processors, sinks, repartitions ------------------------------------------------------------------------------ */

static struct st_parents parents_of(const char *const *names, size_t count)
{
    AQ_ASSERT(names || count == 0);
    return (struct st_parents){.names = names, .count = count, .more_later = count == 0};
}

int aq_topology_add_processor(struct aq_streams_builder *builder, const char *name,
                              const struct aq_processor *processor, void *user, const char *const *parents,
                              size_t n_parents)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    if (st_api_check_processor(processor, &builder->err) < 0)
        return aq_err_in(&builder->err, "processor '%s'", name ? name : "");
    struct st_api_processor *op = st_builder_alloc(builder, sizeof(*op));
    *op = (struct st_api_processor){.processor = *processor, .user = user};
    return st_add_processor(builder->topology, name,
                            processor->keeps_key ? &st_api_process_values : &st_api_process, op,
                            parents_of(parents, n_parents), &builder->err);
}

int aq_topology_add_sink(struct aq_streams_builder *builder, const char *name, const char *topic,
                         const char *const *parents, size_t n_parents)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    return st_add_sink(builder->topology, name, topic, parents_of(parents, n_parents), &builder->err);
}

int aq_topology_add_sink_by(struct aq_streams_builder *builder, const char *name, aq_topic_chooser choose,
                            void *user, const char *const *parents, size_t n_parents)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    if (!choose)
        return aq_fail(&builder->err, AQ_E_CONFIG, "sink '%s': there is no function to choose its topic",
                       name ? name : "");
    int rc = st_add_sink(builder->topology, name, ST_BY_VALUE, parents_of(parents, n_parents), &builder->err);
    if (rc < 0) return rc;
    struct st_api_op *op = st_builder_alloc(builder, sizeof(*op));
    op->choose = choose;
    op->user = user;
    return st_set_chooser(builder->topology, name, &st_api_chooser, op, &builder->err);
}

int aq_topology_add_repartition(struct aq_streams_builder *builder, const char *name, int32_t partitions,
                                const char *const *parents, size_t n_parents)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    return st_add_repartition(builder->topology, name, partitions, parents_of(parents, n_parents),
                              &builder->err);
}

int aq_topology_connect(struct aq_streams_builder *builder, const char *from, const char *to)
{
    if (!st_builder_is_open(builder)) return builder->err.code;
    return st_add_edge(builder->topology, from, to, &builder->err);
}
