/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs in the chaos tests (chaos.h).
 *
 * The values say where a record came from, and no processor changes them; keys are changed on the way so that repartitions
 * really move records. All records of one source partition and key take one way through one partition of each topic, so they must
 * come out in their order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "streams/processor.h"
#include "tests/sim/chaos.h"

#define TICK_MS 40

/* ---- processors --------------------------------------------------------------------------------------------------- */

static int key_number(struct aq_slice key)
{
    AQ_ASSERT(key.len >= 2);
    return (int)strtol((const char *)key.ptr + 1, NULL, 10);
}

static void change_key(struct st_context *context, struct aq_record *rec, char letter, int number)
{
    rec->key = aq_slice_str(aq_arena_printf(st_arena(context), "%c%d.", letter, number));
}

static int middle_number(int32_t partition, int key)
{
    return key / 2 + 10 * (partition % 2);
}

/* Several keys of the source meet in one. */
static int to_middle(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    change_key(context, rec, 'm', middle_number(rec->partition, key_number(rec->key)));
    return st_forward(context, rec, err);
}

static int to_last(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    change_key(context, rec, 'z', key_number(rec->key) % 10);
    return st_forward(context, rec, err);
}

static int split(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return st_forward_child(context, (size_t)(key_number(rec->key) % 2), rec, err);
}

static int tick(struct st_context *context, void *state, int64_t now_ms, struct aq_err *err)
{
    (void)state;
    struct aq_record rec = st_new_record(context);
    rec.key = AQ_LIT("tick");
    rec.value = aq_slice_str(aq_arena_printf(st_arena(context), "%" PRId64, now_ms));
    return st_forward_to(context, "ticks", &rec, err);
}

static int start_ticking(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)user;
    *ret_state = NULL;
    return st_schedule(context, ST_WALL_CLOCK, TICK_MS, ST_DEFAULT_START, tick, err) ? 0 : err->code;
}

static int pass_on(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return st_forward_to(context, "to-last", rec, err);
}

static const struct st_processor_kind middle_kind = {
    .name = "middle", .changes_key = true, .process = to_middle};
static const struct st_processor_kind last_kind = {.name = "last", .changes_key = true, .process = to_last};
static const struct st_processor_kind split_kind = {.name = "split", .process = split};
static const struct st_processor_kind ticker_kind = {
    .name = "ticker", .start = start_ticking, .process = pass_on};

void chaos_output_key(enum chaos_shape shape, int partition, int key, char *buf, size_t size)
{
    if (shape == CHAOS_ONE_REPARTITION)
        snprintf(buf, size, "m%d.", middle_number(partition, key));
    else
        snprintf(buf, size, "z%d.", (key % 2 ? key : middle_number(partition, key)) % 10);
}

/* ---- topologies --------------------------------------------------------------------------------------------------- */

static struct st_parents one(const char *const *name)
{
    return (struct st_parents){.names = name, .count = 1};
}

static void must(int rc, const struct aq_err *err)
{
    if (rc == 0) return;
    fprintf(stderr, "chaos topology: %s\n", err->text);
    abort();
}

static void add_processor(struct st_topology *topology, const char *name,
                          const struct st_processor_kind *kind, const char *parent)
{
    struct aq_err err = {0};
    must(st_add_processor(topology, name, kind, NULL, one(&parent), &err), &err);
}

static void add_repartition(struct st_topology *topology, const char *name, int32_t partitions,
                            struct st_parents parents)
{
    struct aq_err err = {0};
    must(st_add_repartition(topology, name, partitions, parents, &err), &err);
}

static void add_sink(struct st_topology *topology, const char *name, const char *topic, const char *parent)
{
    struct aq_err err = {0};
    must(st_add_sink(topology, name, topic, one(&parent), &err), &err);
}

static void add_source(struct st_topology *topology)
{
    static const char *const topics[] = {CHAOS_INPUT};
    struct aq_err err = {0};
    const struct st_source_conf conf = {.topics = topics, .n_topics = 1};
    must(st_add_source(topology, "in", &conf, &err), &err);
}

/* in -> to-middle -> middle(4) -> output */
static void build_one(struct st_topology *topology)
{
    const char *parent = "to-middle";
    add_processor(topology, "to-middle", &middle_kind, "in");
    add_repartition(topology, "middle", 4, one(&parent));
    add_sink(topology, "out", CHAOS_OUTPUT, "middle");
}

/* in -> split: even keys -> to-middle -> middle(4) -> ticker -> to-last -> last(3)
 *              odd keys -> direct -> last(3) -> output
 *       ticker besides, by the wall clock -> ticks */
static void build_two(struct st_topology *topology)
{
    static const char *const ends[] = {"to-last", "direct"};
    const char *parent = "to-middle";
    add_processor(topology, "split", &split_kind, "in");
    add_processor(topology, "to-middle", &middle_kind, "split");
    add_processor(topology, "direct", &last_kind, "split");
    add_repartition(topology, "middle", 4, one(&parent));
    add_processor(topology, "ticker", &ticker_kind, "middle");
    add_processor(topology, "to-last", &last_kind, "ticker");
    add_sink(topology, "ticks", "ticks", "ticker");
    add_repartition(topology, "last", 3, (struct st_parents){.names = ends, .count = 2});
    add_sink(topology, "out", CHAOS_OUTPUT, "last");
}

void chaos_app_init(struct chaos_app *app, enum chaos_shape shape)
{
    struct aq_err err = {0};
    *app = (struct chaos_app){0};
    app->topology = st_topology_create("app", &err);
    AQ_ASSERT(app->topology);
    add_source(app->topology);
    if (shape == CHAOS_ONE_REPARTITION)
        build_one(app->topology);
    else
        build_two(app->topology);
    app->plan = st_plan_create(app->topology, &err);
    if (!app->plan) must(err.code, &err);
    struct st_findings findings;
    st_findings_init(&findings);
    const struct st_serdes defaults = {st_serde_find("string", &err), st_serde_find("string", &err)};
    app->serdes = st_serde_flow_create(app->plan, defaults, &findings);
    if (!app->serdes) must(st_findings_verdict(&findings, &err), &err);
    st_findings_finish(&findings);
    app->settings = (struct st_settings){.application_id = "app",
                                         .threads = 1,
                                         .task_timeout_ms = 300000,
                                         .refresh_interval_ms = 500,
                                         .replication_factor = -1,
                                         .create_topics = true,
                                         .compression = "none",
                                         .key_serde = defaults.key,
                                         .value_serde = defaults.value};
    app->settings.flow = (struct kc_flow){.noun = "application",
                                          .name = "app",
                                          .group = "app",
                                          .state_topic = "app" ST_STATE_SUFFIX,
                                          .transactional_prefix = "app",
                                          .delivery_timeout_ms = 120000,
                                          .batch_bytes = 1 << 20,
                                          .compression = "none",
                                          .replication_factor = -1,
                                          .workers = 1,
                                          .reset_command = "aqueduct streams reset",
                                          .at_least_once_hint = "processing_guarantee = \"at_least_once\""};
}

void chaos_app_finish(struct chaos_app *app)
{
    st_serde_flow_destroy(app->serdes);
    st_plan_destroy(app->plan);
    st_topology_destroy(app->topology);
}
