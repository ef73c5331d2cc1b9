/* SPDX-License-Identifier: Apache-2.0
 *
 * A world of chaos (chaos.h): its cluster, its input, and the life of its workers.
 *
 * An ordinary pass: a worker is made as an application of one thread makes it (a catalog of its own, first contact, open), turned, stopped,
 * turned until it has ended, closed. Every half second of the clock its catalog looks at the cluster, as the discovery thread would.
 * A failing pass: kill leaves the worker's member and producers behind as a process that dies does, and only frees the memory.
 *
 * Invariant: outside of a run the thread has its own clock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/sim/chaos.h"

#define REFRESH_US (500 * AQ_MS)

/* ---- the seed ----------------------------------------------------------------------------------------------------- */

/* SplitMix64, as the simulation's own, from another beginning. */
uint64_t chaos_draw(struct chaos *world, uint64_t below)
{
    AQ_ASSERT(below > 0);
    world->rng += 0x9e3779b97f4a7c15u;
    uint64_t z = world->rng;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

static int64_t draw_from(struct chaos *world, const int64_t *list, size_t n)
{
    return list[chaos_draw(world, n)];
}
#define DRAW(world, ...) \
    draw_from((world), (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* ---- open and close ----------------------------------------------------------------------------------------------- */

static void draw_settings(struct chaos *world)
{
    struct st_settings *settings = &world->settings;
    struct kc_flow *flow = &settings->flow;
    *settings = world->app->settings;
    settings->cluster = flow->source = flow->sink = &world->cluster;
    settings->guarantee = world->exactly_once ? ST_EXACTLY_ONCE : ST_AT_LEAST_ONCE;
    settings->slots = flow->tasks = (int32_t)DRAW(world, 1, 3, 4, 8);
    settings->commit_interval_ms = flow->commit_interval_ms = DRAW(world, 0, 10, 50, 200);
    settings->max_task_idle_ms = DRAW(world, ST_NEVER_IDLE, 0, 30);
    settings->buffered_records_per_partition = DRAW(world, 1, 20, 1000);
    settings->session_timeout_ms = flow->session_timeout_ms = DRAW(world, 1000, 3000, 6000);
    settings->transaction_timeout_ms = flow->transaction_timeout_ms = DRAW(world, 1000, 4000, 10000);
    settings->batch_bytes = DRAW(world, 100, 500, 1 << 20);
    settings->in_flight_bytes = flow->in_flight_bytes = DRAW(world, 1000, 40000, 1 << 20);
    settings->queue_bytes = 1 << 20;
    settings->repartition_purge_interval_ms = DRAW(world, 1, 200, 5000);
    flow->batch_records = DRAW(world, 1, 10, 1000);
    flow->exactly_once = world->exactly_once;
}

void chaos_open(struct chaos *world, uint64_t seed, const struct chaos_app *app, enum chaos_shape shape,
                bool exactly_once)
{
    struct aq_err err = {0};
    *world = (struct chaos){
        .seed = seed, .rng = seed ^ 0x5bd1e995u, .shape = shape, .exactly_once = exactly_once, .app = app};
    world->sim = kc_sim_open(seed);
    kc_sim_cluster(world->sim, "chaos", &world->cluster);
    world->clock_before = aq_clock_use(kc_sim_clock(world->sim));
    draw_settings(world);
    world->to_write = 200 + (uint32_t)chaos_draw(world, 10) * (uint32_t)chaos_draw(world, 200);
    if (kc_sim_create_topic(&world->cluster, CHAOS_INPUT, CHAOS_PARTITIONS, NULL, 0, &err) != 0)
        chaos_fail(world, "input: %s", err.text);
}

void chaos_close(struct chaos *world)
{
    AQ_ASSERT(chaos_alive(world) == 0);
    aq_clock_use(world->clock_before);
    kc_sim_close(world->sim);
    for (int p = 0; p < CHAOS_PARTITIONS; p++)
        for (int k = 0; k < CHAOS_KEYS; k++) free(world->outputs[p][k].times);
}

void chaos_advance(struct chaos *world, int64_t us)
{
    kc_sim_advance(world->sim, us);
}

/* ---- the input ---------------------------------------------------------------------------------------------------- */

static uint32_t number_next(struct chaos_output *output)
{
    if (output->written == output->cap) {
        output->cap = output->cap ? output->cap * 2 : 32;
        output->times = aq_realloc(output->times, output->cap * sizeof(*output->times));
    }
    output->times[output->written] = 0;
    return output->written++;
}

static void write_one(struct chaos *world)
{
    int partition = (int)chaos_draw(world, CHAOS_PARTITIONS), key = (int)chaos_draw(world, CHAOS_KEYS);
    uint32_t number = number_next(&world->outputs[partition][key]);
    char key_text[16], value[CHAOS_VALUE_MAX];
    struct aq_err err;
    snprintf(key_text, sizeof(key_text), "k%d.", key);
    chaos_value(partition, key, number, value);
    struct kc_sim_record rec = {.partition = partition,
                                .key = aq_slice_str(key_text),
                                .value = aq_slice_str(value),
                                .timestamp = CHAOS_TIME(number)};
    if (kc_sim_append(&world->cluster, CHAOS_INPUT, &rec, &err) != 0)
        chaos_fail(world, "input: %s", err.text);
    if (rec.key.len + rec.value.len > world->largest) world->largest = rec.key.len + rec.value.len;
    world->written++;
}

void chaos_write(struct chaos *world, uint32_t n)
{
    for (; n > 0 && world->written < world->to_write; n--) write_one(world);
}

/* ---- workers ------------------------------------------------------------------------------------------------------ */

static size_t number_of(const struct chaos *world, const struct chaos_place *place)
{
    return (size_t)(place - world->places);
}

size_t chaos_alive(const struct chaos *world)
{
    size_t n = 0;
    for (size_t i = 0; i < CHAOS_WORKERS; i++) n += world->places[i].worker != NULL;
    return n;
}

struct chaos_place *chaos_pick(struct chaos *world, size_t number)
{
    for (size_t i = 0; i < CHAOS_WORKERS; i++)
        if (world->places[i].worker && number-- == 0) return &world->places[i];
    return NULL;
}

void chaos_refresh(struct chaos *world, struct chaos_place *place)
{
    struct aq_err err = {0};
    place->refreshed_us = aq_mono_us();
    if (st_catalog_refresh(place->catalog, &err) != 0)
        chaos_fail(world, "worker %d: refresh: %s", place->worker->index, err.text);
}

void chaos_start(struct chaos *world)
{
    static const atomic_bool never = false;
    struct aq_err err = {0};
    struct chaos_place *place = world->places;
    while (place < world->places + CHAOS_WORKERS && place->worker) place++;
    if (place == world->places + CHAOS_WORKERS) return;
    *place = (struct chaos_place){0};
    place->catalog = st_catalog_create(&kc_sim_ops, &world->settings, world->app->plan);
    if (st_catalog_connect(place->catalog, &never, &err) != 0) chaos_fail(world, "connect: %s", err.text);
    const struct st_worker_setup setup = {.ops = &kc_sim_ops,
                                          .settings = &world->settings,
                                          .plan = world->app->plan,
                                          .serdes = world->app->serdes,
                                          .catalog = place->catalog,
                                          .index = world->made++,
                                          .inline_lookup = true};
    place->worker = st_worker_create(&setup);
    place->heard_us = aq_mono_us();
    if (st_worker_open(place->worker, &err) != 0) chaos_fail(world, "open: %s", err.text);
    chaos_note(world, "worker %d starts in place %zu", place->worker->index, number_of(world, place));
}

static void clear_place(struct chaos_place *place)
{
    st_worker_close(place->worker);
    AQ_ASSERT(place->worker->in_flight == 0 && place->worker->outbox.bytes == 0);
    st_worker_destroy(place->worker);
    st_catalog_destroy(place->catalog);
    *place = (struct chaos_place){0};
}

void chaos_kill(struct chaos *world, struct chaos_place *place)
{
    struct kc_ownership *own = &place->worker->own;
    chaos_note(world, "worker %d is killed", place->worker->index);
    for (int i = 0; i < own->lanes.n; i++)
        if (own->lanes.list[i].producer) kc_sim_abandon_producer(own->lanes.list[i].producer);
    if (own->selftest_producer) kc_sim_abandon_producer(own->selftest_producer);
    kc_sim_abandon_member(own->member);
    clear_place(place);
}

void chaos_deafen(struct chaos *world, struct chaos_place *place, int64_t us)
{
    chaos_note(world, "worker %d hears nothing of the group for %lld ms", place->worker->index,
               (long long)(us / AQ_MS));
    kc_sim_deafen_member(place->worker->own.member, us);
    place->deaf_until_us = aq_mono_us() + us;
}

/* What happened meanwhile it hears at once, or after a while in which it goes on as before. */
static void wake(struct chaos *world, struct chaos_place *place)
{
    chaos_note(world, "worker %d wakes", place->worker->index);
    place->frozen_until_us = 0;
    if (chaos_draw(world, 2) == 0) chaos_deafen(world, place, (int64_t)chaos_draw(world, 300 * AQ_MS));
}

void chaos_turn(struct chaos *world, struct chaos_place *place)
{
    struct st_worker *worker = place->worker;
    int64_t now = aq_mono_us();
    if (place->frozen_until_us > now) return;
    if (place->frozen_until_us > 0) wake(world, place);
    if (now - place->refreshed_us >= REFRESH_US || worker->blocked_us != 0) chaos_refresh(world, place);
    now = aq_mono_us();
    if (now >= place->deaf_until_us)
        place->heard_us = now; /* the first thing a turn does, and it may take its time */
    bool alive = st_worker_turn(worker, now, 0);
    if (worker->own.err.code != 0) chaos_fail(world, "worker %d: %s", worker->index, worker->own.err.text);
    if (alive) return;
    chaos_note(world, "worker %d has ended", worker->index);
    clear_place(place);
}

void chaos_round(struct chaos *world, int64_t pause_us)
{
    size_t order[CHAOS_WORKERS];
    for (size_t i = 0; i < CHAOS_WORKERS; i++) {
        size_t at = chaos_draw(world, i + 1);
        order[i] = i;
        order[i] = order[at];
        order[at] = i;
    }
    for (size_t i = 0; i < CHAOS_WORKERS; i++) {
        struct chaos_place *place = &world->places[order[i]];
        if (place->worker) chaos_turn(world, place);
        if (pause_us > 0) chaos_advance(world, (int64_t)chaos_draw(world, (uint64_t)pause_us + 1));
    }
}
