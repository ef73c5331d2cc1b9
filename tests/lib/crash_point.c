/* SPDX-License-Identifier: Apache-2.0
 *
 * Arming an instance with a crash point, and what brings it there.
 */
#include "tests/lib/crash_point.h"

#include "tests/lib/check.h"
#include "tests/lib/wait.h"

#define HIT_MS    30000
#define FROZEN_MS 3500 /* beyond the session of 2 s, within the transaction's 10 s */

enum push { PUSH_NONE, PUSH_FREEZE, PUSH_RIVAL };

static enum push push_for(int point)
{
    if (point == AQ_CRASH_BEFORE_ABORT || point == AQ_CRASH_AFTER_ABORT) return PUSH_FREEZE;
    if (point == AQ_CRASH_BEFORE_REVOKE) return PUSH_RIVAL;
    return PUSH_NONE;
}

int t_crash_transaction_s(int point)
{
    return push_for(point) == PUSH_FREEZE ? 10 : 3;
}

static bool died_there(struct t_herd *herd, int point)
{
    t_herd_look(herd);
    return herd->hits[point] > 0;
}

static bool is_assigned(const struct t_herd *herd)
{
    struct t_process *process = herd->list[0].process;
    return process && t_stderr_has(process, "tasks assigned");
}

void t_crash_arm(struct t_herd *herd, int point)
{
    bool once =
        push_for(point) != PUSH_NONE || point == AQ_CRASH_AFTER_ASSIGN || point == AQ_CRASH_AFTER_RESUME;
    t_herd_start(herd, 0, point, once ? 1 : 5);
    T_CHECK(T_WAIT(HIT_MS, is_assigned(herd) || died_there(herd, point)), "no tasks are assigned");
}

/* For a point that needs a push. The self-test at the start aborts transactions too: an instance that died in it is
 * started again with the next count. */
static void wait_for_output(struct t_herd *herd, int point, struct t_cluster *cluster, const char *topic)
{
    int64_t deadline = t_now_ms() + HIT_MS;
    for (int count = 2; t_log_span(cluster, topic) <= 0; t_sleep_ms(20)) {
        T_CHECK(t_now_ms() < deadline, "nothing arrives in %s", topic);
        if (!died_there(herd, point)) continue;
        herd->hits[point] = 0;
        t_herd_start(herd, 0, point, count++);
    }
}

static void push(struct t_herd *herd, enum push kind)
{
    if (kind == PUSH_RIVAL) t_herd_start(herd, 1, -1, 0);
    if (kind != PUSH_FREEZE) return;
    t_herd_freeze(herd, 0);
    t_sleep_ms(FROZEN_MS);
    t_herd_thaw(herd, 0);
}

void t_crash_hit(struct t_herd *herd, int point, struct t_cluster *cluster, const char *topic)
{
    enum push kind = push_for(point);
    if (kind != PUSH_NONE) wait_for_output(herd, point, cluster, topic);
    push(herd, kind);
    if (!T_WAIT(HIT_MS, died_there(herd, point))) {
        t_herd_close(herd, true);
        T_FAIL("%s was never passed", aq_crash_names[point]);
    }
    t_herd_start(herd, 0, -1, 0);
}
