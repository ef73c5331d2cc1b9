/* SPDX-License-Identifier: Apache-2.0
 *
 * Several instances of `aqueduct bridge` or `aqueduct streams` with one configuration, to be killed, frozen, crashed and started again. A
 * herd knows which deaths were ordered; every other one is a fault of the program and is counted with its last words.
 */
#ifndef AQ_TESTS_LIB_HERD_H
#define AQ_TESTS_LIB_HERD_H

#include "base/crash.h"
#include "tests/lib/process.h"

#define T_HERD_MAX 12

enum t_herd_state { T_HERD_DOWN, T_HERD_UP, T_HERD_FROZEN, T_HERD_LEAVING };

struct t_instance {
    struct t_process *process;
    enum t_herd_state state;
    int crash; /* number of the crash point it is armed with, -1: none */
    int starts;
    int64_t leave_by; /* T_HERD_LEAVING: when it must be gone */
};

struct t_herd {
    const char *command; /* of the program: "bridge", "streams" */
    char *config;
    int n;
    struct t_instance list[T_HERD_MAX];
    char folder[64];          /* stderr of every life of every instance */
    int unexpected;           /* deaths nobody ordered */
    int hits[AQ_CRASH_COUNT]; /* deaths at a crash point */
    char last_words[2048];    /* of the latest unexpected death */
};

/* An environment variable that each instance finds, for its configuration: a folder of its own, which survives its deaths. */
#define T_HERD_STATE_DIR "AQUEDUCT_STATE_DIR"

/* n instances of `aqueduct COMMAND -c FILE`. Takes `config` over (it is freed). Nothing runs yet. */
void t_herd_open(struct t_herd *herd, const char *command, char *config, int n);
/* crash: number of a crash point to arm, hit at its count-th passing; -1: none. */
void t_herd_start(struct t_herd *herd, int i, int crash, int count);
void t_herd_kill(struct t_herd *herd, int i);
/* SIGTERM; t_herd_look sees it end, and counts a fault unless that is with 0 and within half a minute. */
void t_herd_leave(struct t_herd *herd, int i);
void t_herd_freeze(struct t_herd *herd, int i);
void t_herd_thaw(struct t_herd *herd, int i);
/* Notices who has died; call it often. Returns the number of instances that are not down. */
int t_herd_look(struct t_herd *herd);
/* SIGTERM to all; true when every one exits 0 within timeout_ms (one armed with a crash point may die at it). */
bool t_herd_stop(struct t_herd *herd, int64_t timeout_ms);
/* Kills what still runs. Keeps the logs and names their folder when asked to. */
void t_herd_close(struct t_herd *herd, bool keep_logs);

#endif
