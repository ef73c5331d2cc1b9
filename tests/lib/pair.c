/* SPDX-License-Identifier: Apache-2.0
 *
 * The clusters under test, and the script that stops and starts their brokers ($AQUEDUCT_CLUSTERS_CMD).
 */
#include "tests/lib/pair.h"

#include "tests/lib/check.h"

#define CLUSTERS_MS 150000

void t_pair_open(struct t_pair *pair)
{
    const char *brokers = getenv("AQUEDUCT_CLUSTERS_BROKERS");
    *pair =
        (struct t_pair){.source = getenv("AQUEDUCT_SOURCE"), .sink = getenv("AQUEDUCT_SINK"), .brokers = 1};
    /* Never a skip: a test that did not run must not look like one that passed. */
    if (!pair->source || !pair->sink)
        T_FAIL("no clusters: ./dev clusters up && eval \"$(./dev clusters env)\"");
    if (brokers) pair->brokers = atoi(brokers);
    pair->src = t_cluster_open(pair->source);
    pair->dst = t_cluster_open(pair->sink);
}

void t_pair_close(struct t_pair *pair)
{
    t_cluster_close(pair->src);
    t_cluster_close(pair->dst);
    *pair = (struct t_pair){0};
}

struct t_process *t_clusters_start(const char *command, const char *cluster, int node)
{
    const char *script = getenv("AQUEDUCT_CLUSTERS_CMD");
    if (!script) T_FAIL("AQUEDUCT_CLUSTERS_CMD is not set: eval \"$(./dev clusters env)\"");
    char number[12];
    snprintf(number, sizeof number, "%d", node);
    const char *argv[] = {script, command, cluster, node > 0 ? number : NULL, NULL};
    return t_start(argv, NULL);
}

void t_clusters(const char *command, const char *cluster, int node)
{
    struct t_process *process = t_clusters_start(command, cluster, node);
    int code = t_wait_exit(process, CLUSTERS_MS);
    if (code != 0) T_FAIL("clusters %s %s %d: exit %d\n%s", command, cluster, node, code, t_stderr(process));
    t_process_free(process);
}
