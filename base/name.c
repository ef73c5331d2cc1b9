/* SPDX-License-Identifier: Apache-2.0
 *
 * Interned names: an open-addressing table of pointers into an arena.
 *
 * Ordinary pass: hash, probe from hash & mask, compare hash then bytes, hit. On a miss the text is copied to the arena
 * and its pointer put in the empty slot. The table doubles at three quarters; names themselves never move, which is
 * what lets the hot path compare addresses. The hash is Kafka's murmur2, so a topic's task number comes for free.
 *
 * Invariants: mask + 1 is a power of two, at least one slot is empty. Threads: one owner.
 */
#include "base/name.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

#define FIRST_SLOTS 64u

void aq_names_init(struct aq_names *names)
{
    aq_arena_init(&names->arena, 4096);
    names->slots = aq_calloc(FIRST_SLOTS, sizeof(*names->slots));
    names->count = 0;
    names->mask = FIRST_SLOTS - 1;
}

void aq_names_finish(struct aq_names *names)
{
    aq_arena_finish(&names->arena);
    free(names->slots);
    *names = (struct aq_names){0};
}

static void grow(struct aq_names *names)
{
    AQ_ASSERT(names->mask < UINT32_MAX / 4);
    uint32_t mask = names->mask * 2 + 1;
    const struct aq_name **slots = aq_calloc((size_t)mask + 1, sizeof(*slots));
    for (uint32_t i = 0; i <= names->mask; i++) {
        if (!names->slots[i]) continue;
        uint32_t at = names->slots[i]->hash & mask;
        while (slots[at]) at = (at + 1) & mask;
        slots[at] = names->slots[i];
    }
    free(names->slots);
    names->slots = slots;
    names->mask = mask;
}

const struct aq_name *aq_names_intern(struct aq_names *names, struct aq_slice text)
{
    AQ_ASSERT(names->slots && !aq_slice_is_null(text));
    uint32_t hash = aq_murmur2(text);
    uint32_t at = hash & names->mask;
    for (; names->slots[at]; at = (at + 1) & names->mask) {
        const struct aq_name *name = names->slots[at];
        if (name->hash == hash && name->len == text.len && memcmp(name->text, text.ptr, text.len) == 0)
            return name;
    }

    struct aq_name *name = aq_arena_alloc(&names->arena, sizeof(*name) + text.len + 1);
    name->len = (uint32_t)text.len;
    name->hash = hash;
    if (text.len) memcpy(name->text, text.ptr, text.len);
    name->text[text.len] = '\0';
    names->slots[at] = name;
    names->count++;
    if (names->count > (names->mask + 1) / 4 * 3) grow(names);
    return name;
}
