/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting with a deadline. A test never sleeps for a time it hopes to be long enough: it asks until the answer is yes.
 */
#ifndef AQ_TESTS_LIB_WAIT_H
#define AQ_TESTS_LIB_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* T_WAIT(5000, t_partitions(c, topic) == 3): true as soon as the expression is; asks every 20 ms. */
#define T_WAIT(timeout_ms, expression)                                                \
    ({                                                                                \
        int64_t t_deadline_ = t_now_ms() + (timeout_ms);                              \
        bool t_true_;                                                                 \
        while (!(t_true_ = (expression)) && t_now_ms() < t_deadline_) t_sleep_ms(20); \
        t_true_;                                                                      \
    })

int64_t t_now_ms(void); /* monotonic */
int64_t t_now_us(void);
int64_t t_wall_ms(void);
void t_sleep_ms(int64_t ms);

#endif
