/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fault test does to a herd of instances and to the brokers while records flow: a shuffled plan of blows, worked
 * off one after the other, so that each kind comes in every round, and everything set right again. Used by the rounds of
 * the bridge and of the streams engine.
 *
 * The seed replays the plan; the machine's timing it cannot replay.
 *
 *   AQUEDUCT_FAULT_ROUNDS   exactly once rounds (3); a third as many follow in at_least_once
 *   AQUEDUCT_FAULT_RECORDS  records a round (100000)     AQUEDUCT_FAULT_RATE  records/s (3000)
 *   AQUEDUCT_FAULT_SEED     replays a plan
 */
#ifndef AQ_TESTS_LIB_ORDEAL_H
#define AQ_TESTS_LIB_ORDEAL_H

#include "tests/lib/herd.h"
#include "tests/lib/pair.h"

#define T_ORDEAL_BLOWS 64

enum t_blow {
    T_BLOW_KILL,   /* SIGKILL, and back within two seconds */
    T_BLOW_FREEZE, /* SIGSTOP beyond its session */
    T_BLOW_LEAVE,  /* SIGTERM, and back at once */
    T_BLOW_SINK,   /* a broker of that cluster is restarted */
    T_BLOW_SOURCE,
    T_BLOW_CRASH,     /* leaves, and comes back with a crash point armed */
    T_BLOW_MOVE_SINK, /* a broker is killed and stays away for some seconds: its leaders move */
    T_BLOW_MOVE_SOURCE,
    T_BLOW_KINDS
};

struct t_ordeal {
    const struct t_pair *pair;
    struct t_herd *herd;
    bool exactly_once, stores; /* the caller's, before it is opened */
    int64_t session_ms;
    int64_t pause_ms; /* between two blows, on average */
    uint64_t random;
    enum t_blow blows[T_ORDEAL_BLOWS];
    int n, at;
    int done[T_BLOW_KINDS];
    int64_t
        due[T_HERD_MAX];   /* when a killed one starts again, a frozen one thaws, an armed one may be hurt */
    int crash[T_HERD_MAX]; /* what a leaving one starts again with: crash point, -1: nothing */
    struct t_process *clusters; /* a restart under way */
    int script_failures;
    int node_down; /* broker to start again after a leader move, 0: none */
    const char *cluster_down;
    int64_t node_due, next_blow;
};

/* A number from the environment. */
int64_t t_setting(const char *name, int64_t otherwise);

/* Blows of the kinds and numbers of `counts`, in an order of the seed's, spread over flow_ms. In a build with crash points
 * `crashes` of the kind T_BLOW_CRASH come on top. */
void t_ordeal_open(struct t_ordeal *ordeal, const struct t_pair *pair, struct t_herd *herd, uint64_t seed,
                   const int counts[T_BLOW_KINDS], int crashes, int64_t flow_ms);
/* The number of crash blows a round needs so that in `rounds` of them every point has its turn. */
int t_ordeal_crashes(bool exactly_once, int rounds);
/* Tends what is hurt, and strikes the next blow when it is time. Call it often. */
void t_ordeal_turn(struct t_ordeal *ordeal);
/* Every blow is struck and the brokers are well again. */
bool t_ordeal_is_over(const struct t_ordeal *ordeal);
/* Starts the dead and thaws the frozen whose time has come; at_once: whose time has not come, too. */
void t_ordeal_tend(struct t_ordeal *ordeal, bool at_once);
/* No instance is to crash from here on. */
void t_ordeal_disarm(struct t_ordeal *ordeal);
/* Adds the round's deaths at crash points to those of the program's life; returns the round's. */
int t_ordeal_count_hits(const struct t_ordeal *ordeal);
/* One line: how often each point was hit since the program began. */
void t_ordeal_tell_hits(void);

#endif
