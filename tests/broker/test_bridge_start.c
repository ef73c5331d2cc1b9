/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting at a bad moment: instances are started one after the other while the sink's brokers stop in order and come
 * back. Each of them must be running soon after the brokers are, and a stop must end each of them soon.
 *
 * What made it fail: metadata of a moment in which partitions had no leader any more was remembered by the client, and
 * the start went on asking its memory until connect_timeout, deaf to SIGTERM.
 */
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/herd.h"
#include "tests/lib/pair.h"
#include "tests/lib/wait.h"

#define INSTANCES  12
#define APART_MS   100
#define BROKERS_MS 120000
#define START_MS   20000
#define STOP_MS    15000

static bool all_started(const struct t_herd *herd)
{
    for (int i = 0; i < INSTANCES; i++)
        if (!t_stderr_has(herd->list[i].process, "route started")) return false;
    return true;
}

static void an_instance_that_starts_while_brokers_stop_runs_soon_after(void **state)
{
    (void)state;
    struct t_name topic = t_unique("start"), route = t_unique("start");
    t_topic_create(t_pair.src, topic.text, 3, NULL);
    char *config =
        t_config(t_pair.source, t_pair.sink, "", "name = \"%s\"; topics = [\"%s\"];", route.text, topic.text);
    /* The state topic is there already: a route that runs for the first time creates it and asks otherwise. */
    struct t_process *first = t_bridge(config, NULL);
    T_CHECK(T_WAIT(START_MS, t_stderr_has(first, "tasks assigned")), "%s", t_stderr(first));
    t_bridge_stop(first, STOP_MS);

    struct t_herd herd;
    t_herd_open(&herd, "bridge", config, INSTANCES);
    struct t_process *restart = t_clusters_start("restart", "sink", 0);
    for (int i = 0; i < INSTANCES; i++) {
        t_herd_start(&herd, i, -1, 0);
        t_sleep_ms(APART_MS);
    }
    T_CHECK(t_wait_exit(restart, BROKERS_MS) == 0, "restart: %s", t_stderr(restart));
    t_process_free(restart);
    bool started = T_WAIT(START_MS, all_started(&herd));
    bool ended = t_herd_stop(&herd, STOP_MS);
    t_herd_close(&herd, !started || !ended);
    T_CHECK(started, "an instance has not started %d s after the brokers", START_MS / 1000);
    T_CHECK(ended, "%s", herd.last_words);
    t_topic_delete(t_pair.src, topic.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(an_instance_that_starts_while_brokers_stop_runs_soon_after),
    };
    return cmocka_run_group_tests_name("starting at a bad moment", tests, NULL, NULL);
}
