/* SPDX-License-Identifier: Apache-2.0
 *
 * What a store has on disk, held against its changelog: both must end in the same rows.
 */
#ifndef AQ_TESTS_LIB_STORED_H
#define AQ_TESTS_LIB_STORED_H

#include <stdbool.h>
#include <stdint.h>

struct t_stored_found {
    int64_t rows; /* that the changelog ends with */
    int64_t
        different; /* missing on disk, there with another value or time, or there though the changelog has none */
};

/* Of a key-value store with timestamps. `folder` is state_dir/APPLICATION_ID, which no process may have open, and must have been brought up
 * to date in all partitions. Says the first few differences on stderr. */
struct t_stored_found t_stored_check(const char *brokers, const char *folder, const char *application,
                                     const char *store);

#endif
