/* SPDX-License-Identifier: Apache-2.0
 *
 * The script of a run of chaos (chaos.h).
 *
 * A run: some workers start; a few hundred steps follow, drawn from the seed: records are written, workers turned (all, or one that gets
 * ahead), the clock moved by a little or by more than a session, workers killed, frozen, woken, started, stopped in order, records
 * delayed. After every step the invariants are checked. Then everything is let come to rest: no more chaos, every worker turned and
 * the clock moving, until the output is complete and the positions stand at the ends; the workers are stopped in order, the
 * same is checked again, and the world is closed, which finds any handle or batch that was left behind.
 *
 * A run that fails writes the seed and its script, so that AQUEDUCT_CHAOS_SEED=… repeats it: one seed, one run.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "tests/sim/chaos.h"

#define SCRIPT_MAX  65536
#define SLOW_RUN_S  60 /* far more than any run takes, also under a sanitizer */
#define REST_ROUNDS 20000
#define REST_STEP   (5 * AQ_MS)
#define PAUSE_US    (2 * AQ_MS)
#define LOOK_EVERY \
    13 /* rounds between two looks at the positions; not in step with the ticks, which commit */
#define LONGEST_FREEZE \
    (19 *              \
     AQ_SEC) /* with a stall on top still below what makes a commit that was under way count as hanging, which ends the process */

/* ---- what was done ------------------------------------------------------------------------------------------------ */

static char script[SCRIPT_MAX];
static size_t script_len;

__attribute__((format(printf, 1, 0))) static void add_line(const char *format, va_list args)
{
    size_t room = SCRIPT_MAX - script_len;
    if (room < 256) return;
    int n = snprintf(script + script_len, room, "%10.3f ", (double)aq_mono_us() / (double)AQ_SEC);
    n += vsnprintf(script + script_len + n, room - (size_t)n - 2, format, args);
    script_len += (size_t)n < room - 2 ? (size_t)n : room - 2;
    script[script_len++] = '\n';
}

void chaos_note(const struct chaos *world, const char *format, ...)
{
    (void)world;
    va_list args;
    va_start(args, format);
    add_line(format, args);
    va_end(args);
}

void chaos_fail(const struct chaos *world, const char *format, ...)
{
    (void)world;
    va_list args;
    va_start(args, format);
    add_line(format, args);
    va_end(args);
    abort();
}

static void tell_script(int number)
{
    ssize_t ignored = write(STDERR_FILENO, script, script_len);
    (void)ignored;
    signal(number, SIG_DFL);
    raise(number);
}

void chaos_watch(void)
{
    signal(SIGABRT, tell_script);
    signal(SIGALRM, tell_script);
}

static void note_beginning(const struct chaos *world)
{
    const struct st_settings *s = &world->settings;
    script_len = 0;
    chaos_note(world, "seed %llu, %s, shape %d: %u records", (unsigned long long)world->seed,
               world->exactly_once ? "exactly_once" : "at_least_once", (int)world->shape, world->to_write);
    chaos_note(
        world,
        "slots %lld, commit %lld ms, session %lld ms, transaction %lld ms, in_flight %lld, batch %lld, purge %lld ms",
        (long long)s->slots, (long long)s->commit_interval_ms, (long long)s->session_timeout_ms,
        (long long)s->transaction_timeout_ms, (long long)s->in_flight_bytes, (long long)s->batch_bytes,
        (long long)s->repartition_purge_interval_ms);
}

/* ---- steps -------------------------------------------------------------------------------------------------------- */

static struct chaos_place *draw_place(struct chaos *world)
{
    size_t alive = chaos_alive(world);
    return alive > 0 ? chaos_pick(world, chaos_draw(world, alive)) : NULL;
}

static int64_t draw_us(struct chaos *world, int64_t most_us)
{
    return (int64_t)chaos_draw(world, (uint64_t)most_us);
}

static void step_rounds(struct chaos *world)
{
    for (uint64_t n = 1 + chaos_draw(world, 4); n > 0; n--) chaos_round(world, PAUSE_US);
}

static void step_ahead(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    for (uint64_t n = 1 + chaos_draw(world, 6); place && place->worker && n > 0; n--)
        chaos_turn(world, place);
}

static void step_write(struct chaos *world)
{
    chaos_write(world, 1 + (uint32_t)chaos_draw(world, world->to_write / 20));
}

static void step_little(struct chaos *world)
{
    chaos_advance(world, draw_us(world, 200 * AQ_MS));
}

static void step_much(struct chaos *world)
{
    int64_t us = draw_us(world, 2 * AQ_SEC);
    chaos_note(world, "the clock moves by %lld ms", (long long)(us / AQ_MS));
    chaos_advance(world, us);
}

/* Nobody is heard of for longer than a session. */
static void step_stall(struct chaos *world)
{
    int64_t us = world->settings.session_timeout_ms * AQ_MS + draw_us(world, 4 * AQ_SEC);
    chaos_note(world, "the clock moves by %lld ms", (long long)(us / AQ_MS));
    chaos_advance(world, us);
}

static void step_kill(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    if (place) chaos_kill(world, place);
}

static void step_freeze(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    if (!place || place->frozen_until_us > 0) return;
    int64_t longest =
        chaos_draw(world, 4) == 0 ? LONGEST_FREEZE : 2 * world->settings.session_timeout_ms * AQ_MS;
    int64_t us = draw_us(world, longest);
    place->frozen_until_us = aq_mono_us() + us;
    chaos_note(world, "worker %d freezes for %lld ms", place->worker->index, (long long)(us / AQ_MS));
}

static void step_deafen(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    if (place) chaos_deafen(world, place, draw_us(world, 2 * world->settings.session_timeout_ms * AQ_MS));
}

static void step_pause(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    if (!place) return;
    bool paused = atomic_load(&place->worker->pause);
    chaos_note(world, "worker %d %s", place->worker->index, paused ? "goes on" : "pauses");
    atomic_store(&place->worker->pause, !paused);
}

static void step_wake(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    if (place && place->frozen_until_us > aq_mono_us()) place->frozen_until_us = aq_mono_us();
}

static void step_start(struct chaos *world)
{
    chaos_start(world);
}

static void step_stop(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    if (!place) return;
    chaos_note(world, "worker %d is to stop", place->worker->index);
    atomic_store(&place->worker->stop, true);
}

static void step_latency(struct chaos *world)
{
    int64_t us =
        chaos_draw(world, 3) == 0 ? 0 : draw_us(world, chaos_draw(world, 5) == 0 ? AQ_SEC : 40 * AQ_MS);
    chaos_note(world, "records take %lld us", (long long)us);
    kc_sim_set_latency(world->sim, us);
}

static void step_refresh(struct chaos *world)
{
    struct chaos_place *place = draw_place(world);
    if (place && place->frozen_until_us == 0) chaos_refresh(world, place);
}

static const struct {
    uint64_t weight;
    void (*step)(struct chaos *world);
} steps[] = {
    {80, step_rounds}, {40, step_ahead},  {30, step_write},  {20, step_little}, {5, step_much},
    {1, step_stall},   {4, step_kill},    {5, step_freeze},  {3, step_wake},    {7, step_start},
    {3, step_stop},    {4, step_latency}, {3, step_refresh}, {4, step_deafen},  {3, step_pause},
};

static void draw_step(struct chaos *world)
{
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) all += steps[i].weight;
    uint64_t drawn = chaos_draw(world, all);
    size_t i = 0;
    while (drawn >= steps[i].weight) drawn -= steps[i++].weight;
    steps[i].step(world);
}

/* ---- a run -------------------------------------------------------------------------------------------------------- */

/* Where everyone stands, for whoever looks for what is stuck. */
static void note_workers(const struct chaos *world)
{
    for (size_t i = 0; i < CHAOS_WORKERS; i++) {
        const struct st_worker *worker = world->places[i].worker;
        if (!worker) continue;
        const struct kc_ownership *own = &worker->own;
        int unsent = 0;
        for (const struct st_flight *flight = worker->outbox.unsent; flight; flight = flight->next) unsent++;
        chaos_note(
            world,
            "worker %d: state %d, tasks %zu, in_flight %llu, outbox %llu, unsent %d, under way %u, blocked %d, more %d, "
            "settled %d, may send %d, revoking %d, fenced %d, cycles %d %d, sending %d",
            worker->index, (int)worker->state, worker->n_tasks, (unsigned long long)worker->in_flight,
            (unsigned long long)worker->outbox.bytes, unsent, worker->outbox.under_way,
            worker->blocked_us != 0, worker->more, kc_ownership_is_settled(own), kc_ownership_may_send(own),
            own->revoking, own->fenced, (int)own->lanes.list[0].cycle.state,
            (int)own->lanes.list[1].cycle.state, (int)(own->lanes.sending - own->lanes.list));
    }
}

/* Frozen, or deaf: it may still write what will be aborted. */
static bool someone_is_away(const struct chaos *world)
{
    for (size_t i = 0; i < CHAOS_WORKERS; i++) {
        const struct chaos_place *place = &world->places[i];
        if (!place->worker) continue;
        if (place->frozen_until_us > 0 || place->heard_us <= place->deaf_until_us) return true;
    }
    return false;
}

static void come_to_rest(struct chaos *world)
{
    char why[256] = "";
    chaos_note(world, "rest");
    kc_sim_set_latency(world->sim, 0);
    chaos_write(world, UINT32_MAX);
    for (size_t i = 0; i < CHAOS_WORKERS; i++)
        if (world->places[i].worker) atomic_store(&world->places[i].worker->pause, false);
    if (chaos_alive(world) == 0) chaos_start(world);
    for (int round = 0; round < REST_ROUNDS; round++) {
        if (chaos_alive(world) == 0) chaos_start(world); /* the last one was to stop */
        chaos_round(world, 0);
        chaos_check(world);
        chaos_advance(world, REST_STEP);
        if (round % LOOK_EVERY != 0 || someone_is_away(world) || !chaos_check_output(world)) continue;
        if (chaos_positions_at_ends(world, why, sizeof(why))) return;
    }
    note_workers(world);
    chaos_fail(world, "does not come to rest: %u of %u records read; %s", world->read, world->written, why);
}

static void stop_all(struct chaos *world)
{
    chaos_note(world, "the end");
    for (size_t i = 0; i < CHAOS_WORKERS; i++)
        if (world->places[i].worker) atomic_store(&world->places[i].worker->stop, true);
    for (int round = 0; round < REST_ROUNDS && chaos_alive(world) > 0; round++) {
        chaos_round(world, 0);
        chaos_advance(world, REST_STEP);
    }
    if (chaos_alive(world) > 0) chaos_fail(world, "%zu workers do not end", chaos_alive(world));
}

void chaos_run(uint64_t seed, const struct chaos_app *app, enum chaos_shape shape, bool exactly_once)
{
    struct chaos world;
    char why[256];
    alarm(SLOW_RUN_S);
    chaos_open(&world, seed, app, shape, exactly_once);
    note_beginning(&world);
    for (uint64_t n = 1 + chaos_draw(&world, 4); n > 0; n--) chaos_start(&world);
    for (uint64_t n = 100 + chaos_draw(&world, 200); n > 0; n--) {
        draw_step(&world);
        chaos_check(&world);
        if (n % LOOK_EVERY == 0) chaos_check_output(&world);
    }
    come_to_rest(&world);
    stop_all(&world);
    if (!chaos_check_output(&world)) chaos_fail(&world, "%u of %u records read", world.read, world.written);
    if (!chaos_positions_at_ends(&world, why, sizeof(why))) chaos_fail(&world, "after the end %s", why);
    chaos_close(&world);
    alarm(0);
}
