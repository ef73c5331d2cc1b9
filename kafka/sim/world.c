/* SPDX-License-Identifier: Apache-2.0
 *
 * Worlds: a clock, a seed and clusters, found again by the name that stands for their brokers.
 *
 * Ordinary pass: a call on a handle first settles: everything that was due by the clock happens, earliest first (records
 * that arrive, transactions and sessions that expire, rebalances that are waited for no longer). Then the call does its
 * own work, at once. A call that has to wait moves the clock from one due time to the next.
 * Failing pass: the clock jumped far: the order of what happens is still that of the due times.
 *
 * Invariants: due_us is never later than the first due time; whoever makes something due says so (sim_due). A due time
 * may move away (a heartbeat), then the next settling finds nothing and looks up the new one.
 * Threads: the registry is each thread's own, so worlds of two threads know nothing of each other. A call from a thread that
 * did not open the world ends the process: it would be a race, and no run could be repeated.
 */
#include "kafka/sim/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

#define START_MONO_US (1 * AQ_SEC)
#define START_WALL_US (1704067200LL * AQ_SEC) /* 2024-01-01T00:00:00Z */
#define PREFIX        "sim:"

_Thread_local char sim_thread_mark;
static _Thread_local struct kc_sim *worlds;
static _Thread_local uint32_t last_id;

/* ---- open and close ------------------------------------------------------------------------------------------------- */

struct kc_sim *kc_sim_open(uint64_t seed)
{
    struct kc_sim *sim = aq_calloc(1, sizeof(*sim));
    aq_arena_init(&sim->arena, 4096);
    sim->clock = (struct aq_virtual_clock){.mono_us = START_MONO_US, .wall_us = START_WALL_US};
    sim->thread = sim_this_thread();
    sim->rng = seed;
    sim->due_us = SIM_NEVER;
    sim->next = worlds;
    worlds = sim;
    return sim;
}

void kc_sim_close(struct kc_sim *sim)
{
    if (!sim) return;
    AQ_ASSERT(sim->handles == 0);
    struct kc_sim **at = &worlds;
    while (*at != sim) {
        AQ_ASSERT(*at);
        at = &(*at)->next;
    }
    *at = sim->next;
    while (sim->clusters) {
        struct sim_cluster *cluster = sim->clusters;
        sim->clusters = cluster->next;
        AQ_ASSERT(!cluster->producers && !cluster->members);
        sim_txns_finish(cluster);
        sim_groups_finish(cluster);
        sim_topics_finish(cluster);
        free(cluster->name);
        free(cluster);
    }
    aq_arena_finish(&sim->arena);
    free(sim);
}

struct aq_virtual_clock *kc_sim_clock(struct kc_sim *sim)
{
    return &sim->clock;
}

void kc_sim_set_latency(struct kc_sim *sim, int64_t us)
{
    AQ_ASSERT(us >= 0);
    sim->latency_us = us;
}

void kc_sim_keep_order(struct kc_sim *sim, bool keep)
{
    sim->keep_order = keep;
}

void kc_sim_cluster(struct kc_sim *sim, const char *name, struct kc_cluster *ret)
{
    AQ_ASSERT(name);
    struct sim_cluster *cluster = sim->clusters;
    while (cluster && strcmp(cluster->name, name) != 0) cluster = cluster->next;
    if (!cluster) {
        cluster = aq_calloc(1, sizeof(*cluster));
        cluster->sim = sim;
        cluster->id = ++last_id;
        cluster->name = aq_strdup(name);
        cluster->next_producer_id = 1000;
        sim_random_id(sim, cluster->cluster_id);
        kc_cluster_from_brokers(name, aq_arena_printf(&sim->arena, PREFIX "%u", cluster->id), &sim->arena,
                                &cluster->face);
        cluster->next = sim->clusters;
        sim->clusters = cluster;
    }
    *ret = cluster->face;
}

struct sim_cluster *sim_cluster_of(const struct kc_cluster *cluster, struct aq_err *err)
{
    for (struct kc_sim *sim = worlds; sim; sim = sim->next) {
        for (struct sim_cluster *one = sim->clusters; one; one = one->next) {
            if (strcmp(one->face.brokers, cluster->brokers) != 0) continue;
            sim_settle(one);
            return one;
        }
    }
    aq_fail(err, AQ_E_UNREACHABLE, "cluster %s: there is no simulated cluster '%s'", cluster->name,
            cluster->brokers);
    return NULL;
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_due(const struct kc_sim *sim)
{
    int64_t due = SIM_NEVER;
    for (const struct sim_cluster *cluster = sim->clusters; cluster; cluster = cluster->next) {
        due = earlier(due, sim_producers_due(cluster));
        due = earlier(due, sim_txns_due(cluster));
        due = earlier(due, sim_groups_due(cluster));
    }
    return due;
}

void sim_settle_due(struct kc_sim *sim)
{
    int64_t due;
    while ((due = next_due(sim)) <= sim->clock.mono_us) {
        for (struct sim_cluster *cluster = sim->clusters; cluster; cluster = cluster->next) {
            sim_producers_fire(cluster, due);
            sim_txns_fire(cluster, due);
            sim_groups_fire(cluster, due);
        }
    }
    sim->due_us = due;
}

bool sim_wait(struct sim_cluster *cluster, int64_t until_us)
{
    struct kc_sim *sim = cluster->sim;
    int64_t now = sim->clock.mono_us;
    if (now >= until_us) return false;
    int64_t to = earlier(until_us, next_due(sim));
    AQ_ASSERT(to > now);
    aq_clock_advance(&sim->clock, to - now);
    sim_settle(cluster);
    return true;
}

void kc_sim_advance(struct kc_sim *sim, int64_t us)
{
    aq_clock_advance(&sim->clock, us);
    sim_settle_due(sim);
}

int64_t kc_sim_next_us(struct kc_sim *sim)
{
    sim_settle_due(sim);
    return sim->due_us;
}

bool kc_sim_quiescent(struct kc_sim *sim)
{
    sim_settle_due(sim);
    for (struct sim_cluster *cluster = sim->clusters; cluster; cluster = cluster->next)
        if (sim_producers_busy(cluster) || sim_members_busy(cluster)) return false;
    return true;
}

/* ---- the seed ------------------------------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t sim_random(struct kc_sim *sim)
{
    sim->rng += 0x9e3779b97f4a7c15u;
    uint64_t z = sim->rng;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sim_random_below(struct kc_sim *sim, uint64_t bound)
{
    AQ_ASSERT(bound > 0);
    return sim_random(sim) % bound;
}

void sim_random_id(struct kc_sim *sim, char ret[KC_ID_MAX])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (int i = 0; i < 22; i++) ret[i] = letters[sim_random_below(sim, sizeof(letters) - 1)];
    ret[22] = 0;
}
