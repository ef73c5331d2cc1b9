/* SPDX-License-Identifier: Apache-2.0
 *
 * A binary heap of items that live elsewhere: the smallest key is on top, equal keys by the smaller `tie`, so that the
 * order never depends on the order of pushing. Each item knows where it stands, so any of them can be taken out.
 *
 * Cost: push, pop and remove O(log n), top O(1). Only st_heap_reserve() allocates.
 * Ownership: the heap owns its array of pointers; the items, and `owner` in them, belong to whoever pushed them and stay
 * where they are while they are in a heap. Threads: one owner.
 */
#ifndef AQ_STREAMS_HEAP_H
#define AQ_STREAMS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct st_heap_item {
    int64_t key; /* both fixed while the item is in a heap */
    uint64_t tie;
    void *owner; /* what the item stands for */
    size_t at;   /* in the heap's array; the heap's own */
};

struct st_heap {
    struct st_heap_item **items;
    size_t count;
    size_t cap;
};

/* An all-zero heap is an empty one. */
void st_heap_finish(struct st_heap *heap);

/* Room for this many items in all. */
void st_heap_reserve(struct st_heap *heap, size_t cap);

/* There must be room. */
void st_heap_push(struct st_heap *heap, struct st_heap_item *item);

/* The smallest; NULL when there is none. */
struct st_heap_item *st_heap_top(const struct st_heap *heap);

/* item must be in this heap. */
void st_heap_remove(struct st_heap *heap, struct st_heap_item *item);

#endif
