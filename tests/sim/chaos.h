/* SPDX-License-Identifier: Apache-2.0
 *
 * Chaos: several workers of one application in one simulated world, turned from one thread, while a seeded script kills, freezes, starts
 * and stops them. The essay is on top of chaos_script.c.
 *
 * A check that fails ends the process by abort(), as an assertion of the code under test does; either way the seed and the script so
 * far are written to stderr first.
 *
 * Threads: one. Everything belongs to the world.
 */
#ifndef AQ_TESTS_CHAOS_H
#define AQ_TESTS_CHAOS_H

#include "kafka/sim.h"
#include "streams/worker.h"

#define CHAOS_WORKERS      5
#define CHAOS_PARTITIONS   6
#define CHAOS_KEYS         7 /* of a source partition */
#define CHAOS_INPUT        "input"
#define CHAOS_OUTPUT       "output"
#define CHAOS_VALUE_MAX    128
#define CHAOS_TIME(number) (1700000000000 + (int64_t)(number))

enum chaos_shape {
    CHAOS_ONE_REPARTITION,
    CHAOS_TWO_REPARTITIONS, /* and branches, and a wall clock punctuation */
    CHAOS_SHAPES,
};

/* ---- what runs (chaos_topology.c) --------------------------------------------------------------------------------- */

struct chaos_app {
    struct st_topology *topology;
    struct st_plan *plan;
    struct st_serde_flow *serdes;
    struct st_settings settings; /* without what a seed decides */
};

void chaos_app_init(struct chaos_app *app, enum chaos_shape shape);
void chaos_app_finish(struct chaos_app *app);

/* The key that records of a source partition and key number have in the output. */
void chaos_output_key(enum chaos_shape shape, int partition, int key, char *buf, size_t size);

/* ---- a world (chaos_world.c) -------------------------------------------------------------------------------------- */

/* A place for a worker. */
struct chaos_place {
    struct st_worker *worker; /* NULL: empty */
    struct st_catalog *catalog;
    int64_t frozen_until_us; /* 0: not frozen */
    int64_t deaf_until_us;   /* it hears nothing of the group before */
    int64_t heard_us;        /* of the group */
    int64_t refreshed_us;
};

struct chaos_output {
    uint32_t *times;  /* by sequence number, how often it was read */
    uint32_t written; /* to the input */
    uint32_t cap;
    uint32_t next; /* expected, exactly_once */
};

struct chaos {
    uint64_t seed;
    uint64_t rng;
    enum chaos_shape shape;
    bool exactly_once;
    const struct chaos_app *app;
    struct st_settings settings;
    struct kc_sim *sim;
    struct kc_cluster cluster;
    struct aq_virtual_clock *clock_before;
    struct chaos_place places[CHAOS_WORKERS];
    int made;          /* workers so far */
    uint32_t to_write; /* records */
    uint32_t written;
    uint32_t read;    /* different ones */
    size_t read_from; /* of the output */
    size_t largest;   /* record */
    struct chaos_output outputs[CHAOS_PARTITIONS][CHAOS_KEYS];
};

void chaos_open(struct chaos *world, uint64_t seed, const struct chaos_app *app, enum chaos_shape shape,
                bool exactly_once);
/* Every worker has ended. Whatever was left behind (a handle, a batch) fails here. */
void chaos_close(struct chaos *world);

uint64_t chaos_draw(struct chaos *world, uint64_t below);
void chaos_advance(struct chaos *world, int64_t us);
void chaos_write(struct chaos *world, uint32_t n);

size_t chaos_alive(const struct chaos *world);
/* The one of this number among those alive, frozen ones included. */
struct chaos_place *chaos_pick(struct chaos *world, size_t number);
void chaos_start(struct chaos *world);
void chaos_kill(struct chaos *world, struct chaos_place *place);
/* For so long the group does not hear of it, nor it of the group. */
void chaos_deafen(struct chaos *world, struct chaos_place *place, int64_t us);
/* One turn, unless it is frozen; a worker that has ended is cleared away. */
void chaos_turn(struct chaos *world, struct chaos_place *place);
/* Everyone once, in an order the seed decides, with up to `pause_us` between two. */
void chaos_round(struct chaos *world, int64_t pause_us);
void chaos_refresh(struct chaos *world, struct chaos_place *place);

/* The value of a record: where it came from, and some padding that follows from that. */
void chaos_value(int partition, int key, uint32_t number, char buf[CHAOS_VALUE_MAX]);

/* ---- what must hold (chaos_check.c) ------------------------------------------------------------------------------- */

/* What holds after every step. */
void chaos_check(struct chaos *world);
/* Reads what is new in the output and checks it; true when every record has been seen. */
bool chaos_check_output(struct chaos *world);
/* True when the group's offsets and the positions in the state topic stand at the ends of what is read. Else *ret_why says which
 * does not. */
bool chaos_positions_at_ends(struct chaos *world, char *ret_why, size_t size);

/* ---- the script (chaos_script.c) ---------------------------------------------------------------------------------- */

/* One run of one seed, to its end. */
void chaos_run(uint64_t seed, const struct chaos_app *app, enum chaos_shape shape, bool exactly_once);

/* A line of the script, kept until the run is over. */
__attribute__((format(printf, 2, 3))) void chaos_note(const struct chaos *world, const char *format, ...);
__attribute__((format(printf, 2, 3))) _Noreturn void chaos_fail(const struct chaos *world, const char *format,
                                                                ...);
/* Once in a process: on SIGABRT and SIGALRM (a run that does not end) the script is told. */
void chaos_watch(void);

#endif
