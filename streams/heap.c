/* SPDX-License-Identifier: Apache-2.0
 *
 * A binary heap with known places: parent of i is (i - 1) / 2, and every move writes the item's new place into it.
 */
#include "streams/heap.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define LEAST_CAP 8

void st_heap_finish(struct st_heap *heap)
{
    free(heap->items);
    *heap = (struct st_heap){0};
}

void st_heap_reserve(struct st_heap *heap, size_t cap)
{
    if (cap <= heap->cap) return;
    size_t grown = heap->cap ? heap->cap : LEAST_CAP;
    while (grown < cap) grown *= 2;
    heap->items = aq_realloc(heap->items, grown * sizeof(struct st_heap_item *));
    heap->cap = grown;
}

static bool before(const struct st_heap_item *a, const struct st_heap_item *b)
{
    if (a->key != b->key) return a->key < b->key;
    return a->tie < b->tie;
}

static void place(struct st_heap *heap, size_t at, struct st_heap_item *item)
{
    heap->items[at] = item;
    item->at = at;
}

static void sift_up(struct st_heap *heap, size_t at, struct st_heap_item *item)
{
    for (; at > 0; at = (at - 1) / 2) {
        struct st_heap_item *parent = heap->items[(at - 1) / 2];
        if (!before(item, parent)) break;
        place(heap, at, parent);
    }
    place(heap, at, item);
}

static void sift_down(struct st_heap *heap, size_t at, struct st_heap_item *item)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child])) child++;
        if (!before(heap->items[child], item)) break;
        place(heap, at, heap->items[child]);
        at = child;
    }
    place(heap, at, item);
}

void st_heap_push(struct st_heap *heap, struct st_heap_item *item)
{
    AQ_ASSERT(heap->count < heap->cap);
    heap->count++;
    sift_up(heap, heap->count - 1, item);
}

struct st_heap_item *st_heap_top(const struct st_heap *heap)
{
    return heap->count > 0 ? heap->items[0] : NULL;
}

void st_heap_remove(struct st_heap *heap, struct st_heap_item *item)
{
    size_t at = item->at;
    AQ_ASSERT(at < heap->count && heap->items[at] == item);
    heap->count--;
    if (at == heap->count) return;
    /* The last item fills the hole; it came from another branch, so it may have to go either way. */
    struct st_heap_item *last = heap->items[heap->count];
    if (before(last, item))
        sift_up(heap, at, last);
    else
        sift_down(heap, at, last);
}
