/* SPDX-License-Identifier: Apache-2.0
 *
 * The application of the streams engine's fault tests, and the checker of what it makes: orders (tests/lib/orders.h) are read
 * from `source`, get a new key, pass a repartition topic, get a mark behind their value, and are written to `sink`. The value
 * of an output carries the source partition, the number within it and the order's id, so that the checker can tell what is
 * lost, doubled, altered or out of place. On request it counts the outputs of each new key as well, in a store, and writes every
 * count to a topic of its own.
 */
#ifndef AQ_TESTS_LIB_REKEY_H
#define AQ_TESTS_LIB_REKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/process.h"

#define T_REKEY_MIDDLE 4 /* partitions of the repartition topic */

/* A configuration for `aqueduct streams`; `more` is further settings of its streams section, "" for none; counts: the topic of the
 * counts, NULL for none. Memory of the caller. */
char *t_rekey_config(const char *brokers, const char *application, const char *source, const char *sink,
                     const char *counts, bool exactly_once, const char *more);

/* Starts the generator, which makes the topic (partitions 0: it is there): `records` orders at `rate` a second. Its stdout says "produced=N". */
struct t_process *t_rekey_generate(const char *brokers, const char *source, int partitions, int64_t records,
                                   int64_t rate, uint64_t seed);
/* Waits for its end; how many it produced. Fails the test when it failed. */
int64_t t_rekey_produced(struct t_process *generator);

struct t_rekey_found {
    int64_t source, sink;
    int64_t lost, duplicated;
    int64_t altered;   /* neither of a source record, nor under its key */
    int64_t reordered; /* behind a later record of the same source partition and new key */
};

/* Reads both topics read_committed to their ends. Says on stderr where the first few faults are, when told to; not
 * exactly once: duplicates and their order are none. */
struct t_rekey_found t_rekey_check(const char *brokers, const char *source, const char *sink,
                                   bool exactly_once, bool tell);
/* How many counts are wrong: exactly once, each must be one more than the one before of its key; in any case the last one of a key
 * must not be less than there are records, and exactly once not more. */
int64_t t_rekey_miscounted(const char *brokers, const char *source, const char *counts, bool exactly_once,
                           bool tell);
/* exactly once: nothing is wrong; else: nothing is lost or altered. */
bool t_rekey_is_right(const struct t_rekey_found *found, bool exactly_once);

#endif
