/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping at a bad moment: a broker of the sink dies while instances start, and they are told to stop before it is
 * back. Each must end soon and in order, whichever broker it was: the one that leads the state topic's first partition,
 * the group's coordinator, the transactions', or just the one that was asked.
 *
 * What made it fail: the client's watermark query waits for a leader that is away, whatever timeout it was given.
 */
#include <signal.h>
#include <stdio.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/herd.h"
#include "tests/lib/pair.h"
#include "tests/lib/wait.h"

#define INSTANCES  8
#define APART_MS   100
#define BROKERS_MS 120000
#define START_MS   20000
#define STOP_MS    20000

static void finish(struct t_process *clusters)
{
    T_CHECK(t_wait_exit(clusters, BROKERS_MS) == 0, "clusters: %s", t_stderr(clusters));
    t_process_free(clusters);
}

/* Until it waits for signals, SIGTERM ends it as it ends any process, and it has nothing to put in order. */
static bool waits_for_signals(const struct t_process *process)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)t_pid(process));
    FILE *status = fopen(path, "re");
    unsigned long long blocked = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "SigBlk: %llx", &blocked) == 1) break;
    if (status) fclose(status);
    return blocked >> (SIGTERM - 1) & 1;
}

static void start_and_stop_while_away(struct t_herd *herd, int node)
{
    struct t_process *kill = t_clusters_start("kill", "sink", node);
    for (int i = 0; i < INSTANCES; i++) {
        t_herd_start(herd, i, -1, 0);
        t_sleep_ms(APART_MS);
    }
    for (int i = 0; i < INSTANCES; i++)
        T_CHECK(T_WAIT(START_MS, waits_for_signals(herd->list[i].process)), "instance %d does not start", i);
    finish(kill);
    if (!t_herd_stop(herd, STOP_MS)) {
        t_herd_close(herd, true);
        T_FAIL("without broker %d: %s", node, herd->last_words);
    }
    finish(t_clusters_start("start", "sink", node));
}

static void a_stop_does_not_wait_for_a_broker_that_is_away(void **state)
{
    (void)state;
    struct t_name topic = t_unique("stop"), route = t_unique("stop");
    t_topic_create(t_pair.src, topic.text, 3, NULL);
    char *config =
        t_config(t_pair.source, t_pair.sink, "", "name = \"%s\"; topics = [\"%s\"];", route.text, topic.text);
    struct t_process *first = t_bridge(config, NULL);
    T_CHECK(T_WAIT(START_MS, t_stderr_has(first, "tasks assigned")), "%s", t_stderr(first));
    t_bridge_stop(first, STOP_MS);
    struct t_herd herd;
    t_herd_open(&herd, "bridge", config, INSTANCES);
    for (int node = 1; node <= t_pair.brokers; node++) start_and_stop_while_away(&herd, node);
    t_herd_close(&herd, false);
    t_topic_delete(t_pair.src, topic.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(a_stop_does_not_wait_for_a_broker_that_is_away),
    };
    return cmocka_run_group_tests_name("stopping at a bad moment", tests, NULL, NULL);
}
