/* SPDX-License-Identifier: Apache-2.0
 *
 * The two real clusters a broker or fault test works with, as `./dev clusters env` tells them, and the means to hurt
 * them.
 */
#ifndef AQ_TESTS_LIB_PAIR_H
#define AQ_TESTS_LIB_PAIR_H

#include "tests/lib/cluster.h"
#include "tests/lib/process.h"

struct t_pair {
    const char *source; /* bootstrap servers */
    const char *sink;
    int brokers; /* per cluster */
    struct t_cluster *src;
    struct t_cluster *dst;
};

/* The clusters of the running program; empty while they are not open. */
extern struct t_pair t_pair;

/* Opens both and closes both, as set-up and tear-down of a test or of a group, or called by one: they leave the test's
 * state alone and return 0. The set-up fails when no clusters are given. */
int t_pair_setup(void **state);
int t_pair_teardown(void **state);

/* A line of a program's list of tests: with the clusters open around this test alone. */
#define T_WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, t_pair_setup, t_pair_teardown)

/* `clusters COMMAND CLUSTER [NODE]`: restart, stop, start, kill, pause, cont; node 0: all. Returns when it is done and
 * fails the test when it goes wrong. */
void t_clusters(const char *command, const char *cluster, int node);
/* The same without waiting: t_wait_exit and t_process_free are the caller's. */
struct t_process *t_clusters_start(const char *command, const char *cluster, int node);

/* What the sink knows of its transactions and what the brokers logged last, into files in `folder`: for a round that
 * failed, while the brokers still are as they were. Says what could not be had. */
void t_pair_keep_evidence(const struct t_pair *pair, const char *folder);

#endif
