/* SPDX-License-Identifier: Apache-2.0
 *
 * Interned names (topics): equal text has one address within one aq_names, so that the hot path compares pointers.
 * Threads: one owner (a worker); names live until aq_names_finish().
 */
#ifndef AQ_BASE_NAME_H
#define AQ_BASE_NAME_H

#include "base/arena.h"

struct aq_name {
    uint32_t len;
    uint32_t hash;
    char text[]; /* zero-terminated */
};

struct aq_names {
    struct aq_arena arena;
    const struct aq_name **slots;
    uint32_t count;
    uint32_t mask; /* slots - 1 */
};

void aq_names_init(struct aq_names *names);
void aq_names_finish(struct aq_names *names);
const struct aq_name *aq_names_intern(struct aq_names *names, struct aq_slice text);

#endif
