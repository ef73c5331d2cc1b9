/* SPDX-License-Identifier: Apache-2.0
 *
 * The application of the tests of stores on a real cluster: it counts the records of each key in exactly_once, and every count goes on. Keys
 * are k0, k1, …; what is counted is 'x' with the key, so that the records pass a repartition topic.
 *
 * It runs on the first of the two clusters (tests/lib/pair.h). Everything waits T_COUNTING_MS at most, and then fails the test.
 */
#ifndef AQ_TESTS_LIB_COUNTING_H
#define AQ_TESTS_LIB_COUNTING_H

#include "tests/lib/cluster.h"
#include "tests/lib/process.h"

#define T_COUNTING_MS 60000

struct t_counting {
    struct t_name app, in, out;
    int keys, partitions; /* partitions of `in` */
    char folder[64];      /* of this run, for state folders in it; t_counting_finish() deletes it */
};

/* Makes the topics and the folder. */
struct t_counting t_counting_make(int keys, int partitions);
void t_counting_finish(const struct t_counting *c);

/* A configuration whose state_dir is this path in the folder; more: further settings of its streams section, "" for none. The path of the
 * file, for the life of the program. */
const char *t_counting_file(const struct t_counting *c, const char *state_dir, const char *more);
struct t_process *t_counting_start(const char *file);

/* `n` records, one key after the other, again and again. */
void t_counting_produce(const struct t_counting *c, int n);
/* Until there are this many counts. */
void t_counting_wait(const struct t_counting *c, int64_t n);
/* Each key was counted from 1 to `each`, in order. */
void t_counting_expect(const struct t_counting *c, int64_t each);

/* How many changelog records were read, over all "stores restored" lines of what it said. */
int64_t t_counting_restored(const char *words);
/* The sum of the numbers behind `number` in all lines with the message; number NULL: how many such lines there are. */
int64_t t_counting_sum(const char *words, const char *message, const char *number);

#endif
