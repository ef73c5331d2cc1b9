/* SPDX-License-Identifier: Apache-2.0
 *
 * The windows that are not over yet, of all keys, in the order in which they will be: by end, then start, then the bytes of the
 * key. Essay: streams/ops/closing.c.
 *
 * Ownership: keys are copied. Threads: the worker's own.
 */
#ifndef AQ_STREAMS_OPS_CLOSING_H
#define AQ_STREAMS_OPS_CLOSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct st_closing_node;

/* An all-zero set is an empty one. */
struct st_closing {
    struct st_closing_node *root;
    size_t n;
    uint64_t bytes; /* what it costs */
    uint32_t random;
};

struct st_open_window {
    int64_t end, start;
    struct aq_slice key;
};

void st_closing_finish(struct st_closing *closing);

/* False when it was there already. */
bool st_closing_add(struct st_closing *closing, const struct st_open_window *window);
/* False when it was not there. */
bool st_closing_remove(struct st_closing *closing, const struct st_open_window *window);
/* The one that is over first; false when there is none. Its key is valid until that window is removed. */
bool st_closing_first(const struct st_closing *closing, struct st_open_window *ret);

#endif
