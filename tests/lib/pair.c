/* SPDX-License-Identifier: Apache-2.0
 *
 * The clusters under test, and the script that stops and starts their brokers ($AQUEDUCT_CLUSTERS_CMD).
 */
#include "tests/lib/pair.h"

#include "tests/lib/check.h"

#define CLUSTERS_MS 150000

struct t_pair t_pair;

int t_pair_setup(void **state)
{
    (void)state;
    const char *brokers = getenv("AQUEDUCT_CLUSTERS_BROKERS");
    t_pair =
        (struct t_pair){.source = getenv("AQUEDUCT_SOURCE"), .sink = getenv("AQUEDUCT_SINK"), .brokers = 1};
    /* Never a skip: a test that did not run must not look like one that passed. */
    if (!t_pair.source || !t_pair.sink)
        T_FAIL("no clusters: ./dev clusters up && eval \"$(./dev clusters env)\"");
    if (brokers) t_pair.brokers = atoi(brokers);
    t_pair.src = t_cluster_open(t_pair.source);
    t_pair.dst = t_cluster_open(t_pair.sink);
    return 0;
}

int t_pair_teardown(void **state)
{
    (void)state;
    t_cluster_close(t_pair.src);
    t_cluster_close(t_pair.dst);
    t_pair = (struct t_pair){0};
    return 0;
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

/* Transactions that have not ended, each described; the log of transactions itself; the ends of the brokers' logs. */
static const char evidence[] =
    "folder=$1 sink=$2\n"
    "tool() { \"$AQUEDUCT_CLUSTERS_CMD\" tool kafka-transactions --bootstrap-server \"$sink\" \"$@\"; }\n"
    "tool list >\"$folder/transactions\"\n"
    "grep -E 'Ongoing|Prepare' \"$folder/transactions\" | while read -r id rest; do\n"
    "    tool describe --transactional-id \"$id\"; done >>\"$folder/transactions\"\n"
    "for node in $(seq \"$AQUEDUCT_CLUSTERS_BROKERS\"); do\n"
    "    tool find-hanging --broker-id \"$node\"; done >>\"$folder/transactions\"\n"
    "cd \"$AQUEDUCT_CLUSTERS_DIR/$AQUEDUCT_CLUSTERS_NAME\" || exit\n"
    "for log in */*/broker.log; do tail -n 20000 \"$log\" >\"$folder/${log//\\//-}\"; done\n"
    "tar czf \"$folder/transaction-logs.tar.gz\" sink/*/data/__transaction_state-*\n";

void t_pair_keep_evidence(const struct t_pair *pair, const char *folder)
{
    const char *argv[] = {"bash", "-c", evidence, "evidence", folder, pair->sink, NULL};
    struct t_process *process = t_start(argv, NULL);
    int code = t_wait_exit(process, CLUSTERS_MS);
    if (code != 0) fprintf(stderr, "evidence is incomplete (%d): %s", code, t_stderr(process));
    t_process_free(process);
}
