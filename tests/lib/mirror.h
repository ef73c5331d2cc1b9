/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of the bridge say again and again: this topic is the copy of that one, byte for byte; the program said
 * this; the metric stands there.
 */
#ifndef AQ_TESTS_LIB_MIRROR_H
#define AQ_TESTS_LIB_MIRROR_H

#include "tests/lib/pair.h"
#include "tests/lib/read.h"

/* Fails, with the place of the first difference, unless both hold the same records in the same order: partition, key,
 * value (null is not empty), headers with their order and, unless told otherwise, timestamp. Offsets do not count. */
void t_same_records(const struct t_log *expected, const struct t_log *got, bool timestamps);

/* The sink topic holds exactly what the source topic holds, both read_committed. */
void t_expect_mirror(const struct t_pair *pair, const char *topic);
void t_expect_mirror_as(const struct t_pair *pair, const char *source_topic, const char *sink_topic,
                        bool timestamps);

/* The same by the program mirror_check, for topics too large to be kept; it fails with what the program said. */
void t_check_mirror(const struct t_pair *pair, const char *topic, int64_t timeout_ms);

/* Waits until the sink topic has `partitions` partitions and at least n read_committed records; fails otherwise. */
void t_wait_mirrored(const struct t_pair *pair, const char *topic, int partitions, int64_t n,
                     int64_t timeout_ms);

/* Waits until a running process has written the text to stderr; fails, showing what it wrote instead. */
void t_wait_words(struct t_process *process, const char *text, int64_t timeout_ms);

/* Runs the bridge to its end, expecting the exit code, and returns everything it said (memory of the caller). */
char *t_bridge_words(const char *config, int expected, int64_t timeout_ms);
/* The same for a bridge that is running already; frees the process. */
char *t_end_words(struct t_process *process, int expected, int64_t timeout_ms);
/* `aqueduct ARG...` (ended by NULL) with that exit code; everything it said. */
char *t_aqueduct_words(int expected, ...) __attribute__((sentinel));
/* Fails unless every text (ended by NULL) is part of `words`. */
void t_expect_words(const char *words, ...) __attribute__((sentinel));

/* The value of a sample of /metrics, its labels written as the program writes them: "aqueduct_up{route=\"r\"}". With a
 * name ending in '{' or ' ' left open, all samples that start so are added up. -1 when nobody answers or there is none. */
double t_metric(int port, const char *sample);

#endif
