/* SPDX-License-Identifier: Apache-2.0
 *
 * One death at one named crash point (base/crash.def), for the tests that go through all of them: the first instance of a
 * herd of two is armed, dies there while records flow, and is started again.
 *
 * Most points lie on the way of every cycle and are hit by running. Two kinds need a push: an abort comes when an
 * instance is frozen beyond its session with a transaction open and then goes on; a revocation comes when a second
 * instance joins. A point that is not hit fails: a crash test that does not crash proves nothing.
 *
 * The herd's configuration has a session timeout of 2 s. Only in builds with crash points (every preset but release).
 */
#ifndef AQ_TESTS_LIB_CRASH_POINT_H
#define AQ_TESTS_LIB_CRASH_POINT_H

#include "tests/lib/cluster.h"
#include "tests/lib/herd.h"

/* The transaction timeout of the configuration, in seconds: short, except where one must outlive a freeze. */
int t_crash_transaction_s(int point);

/* Starts the first instance armed and returns when it has its tasks. Records begin to flow only then: were they there
 * before, it would process all of them in fewer cycles than it is armed for. */
void t_crash_arm(struct t_herd *herd, int point);

/* Returns when it has died there and is started again, unarmed. `topic` of `cluster` is where its output goes. */
void t_crash_hit(struct t_herd *herd, int point, struct t_cluster *cluster, const char *topic);

#endif
