/* SPDX-License-Identifier: Apache-2.0
 *
 * Many rows for one family (streams/state/bulk.h).
 *
 * An ordinary pass: rows are noted as they come, sorted by key and, of equal keys, by their order of coming, and the last one of each key
 * goes into the batch. Nothing in it can fail.
 */
#include "streams/state/bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/serde/serde.h"

#define CHUNK 65536

/* `head` is the first eight bytes of the key as a number, so that most comparisons look no further. */
struct st_row_in {
    uint64_t head;
    struct aq_slice key, value;
    size_t number;
};

void st_bulk_init(struct st_bulk *bulk)
{
    *bulk = (struct st_bulk){0};
    aq_arena_init(&bulk->arena, CHUNK);
}

void st_bulk_finish(struct st_bulk *bulk)
{
    free(bulk->rows);
    aq_arena_finish(&bulk->arena);
}

static uint64_t head_of(struct aq_slice key)
{
    char bytes[8] = {0};
    if (key.len) memcpy(bytes, key.ptr, key.len < 8 ? key.len : 8);
    return aq_be64_get(bytes);
}

void st_bulk_add(struct st_bulk *bulk, struct aq_slice key, struct aq_slice value)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    if (bulk->n == bulk->cap) {
        bulk->cap = bulk->cap ? bulk->cap * 2 : 256;
        bulk->rows = aq_realloc(bulk->rows, bulk->cap * sizeof(*bulk->rows));
    }
    bulk->rows[bulk->n] =
        (struct st_row_in){.head = head_of(key), .key = key, .value = value, .number = bulk->n};
    bulk->n++;
    bulk->bytes += key.len + value.len;
}

uint64_t st_bulk_cost(const struct st_bulk *bulk)
{
    return bulk->bytes + bulk->n * sizeof(*bulk->rows);
}

void st_bulk_clear(struct st_bulk *bulk)
{
    bulk->n = 0;
    bulk->bytes = 0;
    aq_arena_reset(&bulk->arena);
}

static int by_key(const void *a, const void *b)
{
    const struct st_row_in *left = a, *right = b;
    if (left->head != right->head) return left->head < right->head ? -1 : 1;
    int order = st_key_compare(left->key, right->key);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

void st_bulk_write(struct st_bulk *bulk, const struct st_db_kind *kind, struct st_family *family,
                   struct st_db_batch *batch)
{
    AQ_ASSERT(kind && family && batch);
    if (bulk->n > 1) qsort(bulk->rows, bulk->n, sizeof(*bulk->rows), by_key);
    for (size_t i = 0; i < bulk->n; i++) {
        const struct st_row_in *row = &bulk->rows[i];
        bool last = i + 1 == bulk->n || row[1].head != row->head || !aq_slice_equal(row[1].key, row->key);
        if (last) kind->batch_put(batch, family, row->key, row->value);
    }
    st_bulk_clear(bulk);
}
