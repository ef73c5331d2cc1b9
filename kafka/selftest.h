/* SPDX-License-Identifier: Apache-2.0
 *
 * The start-up self-test of exactly_once: offers the sink's coordinator a commit under a generation that cannot be
 * current. A coordinator that accepts it does not fence (too old, or another implementation), and the flow is refused
 * with that reason before a record was sent. Runs once a worker, after its first assignment.
 */
#ifndef AQ_KAFKA_SELFTEST_H
#define AQ_KAFKA_SELFTEST_H

#include <stdint.h>

struct kc_ownership;

void kc_selftest_turn(struct kc_ownership *own, int64_t now);

/* Closes what the test still has open. */
void kc_selftest_finish(struct kc_ownership *own);

#endif
