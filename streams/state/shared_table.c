/* SPDX-License-Identifier: Apache-2.0
 *
 * A table that is read while it is written (streams/state/shared_table.h).
 *
 * It is a hash table of chains. A row's key, value and time are one block that never changes. To replace a row the writer makes a new
 * block, lets it point to what follows the old one, and stores its address where the old one's was: one atomic store, so a
 * reader finds the old row or the new one and nothing between. The old block is retired: it still points into its chain, for the
 * reader that stands on it.
 *
 * A retired block is freed when every reader has rested since. The writer counts epochs: after a number of puts it moves to the
 * next one, and what it retired before belongs to that one. A reader that rests notes the epoch it sees; it holds nothing of what was
 * retired before that epoch began. The smallest note tells what may be freed. A reader that does not rest lets memory grow, and nothing
 * else: readers wait for nobody, and nobody waits for them.
 *
 * When the table has become too small all its blocks are made anew, with the chains of a larger array, and the array is replaced by one
 * store as well. A copy of every row is the price, once for each doubling; moving blocks from chain to chain would send readers astray.
 *
 * Why not a lock: taken for every look-up it costs as much as the look-up, and workers share its cache line; taken once a turn it makes
 * the writer wait for the longest turn, and every worker for the writer. bench/micro_global.c measures all three: 38, 20 and 18 ns a
 * look-up, and 19, 37 and 51 million look-ups a second of two readers, with 20,000 changes a second in 100,000 rows on two cores.
 *
 * Invariants: blocks are written before their address is stored (release) and read after it is loaded (acquire); only the writer
 * stores addresses; a block is freed at least one epoch after no address leads to it.
 */
#include "streams/state/shared_table.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/mem.h"

#define FIRST_SLOTS 64
#define BLOCK_COST  16

struct block {
    _Atomic(struct block *) next; /* in its chain */
    uint64_t hash;
    int64_t time_ms;
    uint32_t key_len, value_len;
    char bytes[]; /* key, value */
};

struct st_shared_slots {
    size_t n; /* a power of two */
    _Atomic(struct block *) heads[];
};

/* What waits to be freed: a block or an array. */
struct st_retired {
    struct st_retired *next;
    void *what;
    uint64_t epoch; /* readers that rested in it or later hold it no more */
};

/* ---- readers ------------------------------------------------------------------------------------------------------ */

void st_readers_init(struct st_readers *readers)
{
    *readers = (struct st_readers){.list = NULL};
    atomic_init(&readers->epoch, 1);
    pthread_mutex_init(&readers->lock, NULL);
}

void st_readers_finish(struct st_readers *readers)
{
    AQ_ASSERT(!readers->list);
    pthread_mutex_destroy(&readers->lock);
}

struct st_reader *st_readers_join(struct st_readers *readers)
{
    struct st_reader *reader = aq_calloc(1, sizeof(*reader));
    pthread_mutex_lock(&readers->lock);
    atomic_init(&reader->seen, atomic_load(&readers->epoch));
    reader->next = readers->list;
    readers->list = reader;
    pthread_mutex_unlock(&readers->lock);
    return reader;
}

void st_reader_leave(struct st_readers *readers, struct st_reader *reader)
{
    if (!reader) return;
    pthread_mutex_lock(&readers->lock);
    struct st_reader **link = &readers->list;
    while (*link != reader) link = &(*link)->next;
    *link = reader->next;
    pthread_mutex_unlock(&readers->lock);
    free(reader);
}

/* The epoch that every reader has rested in. */
static uint64_t oldest_seen(struct st_readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    uint64_t oldest = atomic_load(&readers->epoch);
    for (struct st_reader *reader = readers->list; reader; reader = reader->next) {
        uint64_t seen = atomic_load(&reader->seen);
        if (seen < oldest) oldest = seen;
    }
    pthread_mutex_unlock(&readers->lock);
    return oldest;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

static struct aq_slice key_of(const struct block *block)
{
    return block->key_len ? aq_slice_of(block->bytes, block->key_len) : AQ_LIT("");
}

static struct aq_slice value_of(const struct block *block)
{
    return block->value_len ? aq_slice_of(block->bytes + block->key_len, block->value_len) : AQ_LIT("");
}

static uint64_t cost_of(const struct block *block)
{
    return sizeof(*block) + block->key_len + block->value_len + BLOCK_COST;
}

static struct block *make_block(uint64_t hash, struct aq_slice key, struct aq_slice value, int64_t time_ms)
{
    AQ_ASSERT(key.len <= UINT32_MAX && value.len <= UINT32_MAX);
    struct block *block = aq_malloc(sizeof(*block) + key.len + value.len);
    atomic_init(&block->next, NULL);
    block->hash = hash;
    block->time_ms = time_ms;
    block->key_len = (uint32_t)key.len;
    block->value_len = (uint32_t)value.len;
    if (key.len) memcpy(block->bytes, key.ptr, key.len);
    if (value.len) memcpy(block->bytes + key.len, value.ptr, value.len);
    return block;
}

static bool is_key(const struct block *block, uint64_t hash, struct aq_slice key)
{
    return block->hash == hash && block->key_len == key.len &&
           (key.len == 0 || memcmp(block->bytes, key.ptr, key.len) == 0);
}

static struct st_shared_slots *make_slots(size_t n)
{
    struct st_shared_slots *slots = aq_malloc(sizeof(*slots) + n * sizeof(slots->heads[0]));
    slots->n = n;
    for (size_t i = 0; i < n; i++) atomic_init(&slots->heads[i], NULL);
    return slots;
}

/* The writer's own look: nobody else stores. */
static struct st_shared_slots *slots_of(const struct st_shared_table *table)
{
    return atomic_load_explicit(&table->slots, memory_order_relaxed);
}

static void retire(struct st_shared_table *table, void *what)
{
    struct st_retired *retired = aq_malloc(sizeof(*retired));
    *retired = (struct st_retired){.what = what, .epoch = atomic_load(&table->readers->epoch) + 1};
    if (table->retired_last)
        table->retired_last->next = retired;
    else
        table->retired = retired;
    table->retired_last = retired;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

void st_shared_table_init(struct st_shared_table *table, struct st_readers *readers)
{
    *table = (struct st_shared_table){.readers = readers};
    atomic_init(&table->slots, make_slots(FIRST_SLOTS));
    atomic_init(&table->rows, 0);
    atomic_init(&table->bytes, FIRST_SLOTS * sizeof(void *));
}

static void free_retired(struct st_shared_table *table, uint64_t seen)
{
    while (table->retired && table->retired->epoch <= seen) {
        struct st_retired *retired = table->retired;
        table->retired = retired->next;
        free(retired->what);
        free(retired);
    }
    if (!table->retired) table->retired_last = NULL;
}

void st_shared_table_finish(struct st_shared_table *table)
{
    struct st_shared_slots *slots = slots_of(table);
    if (!slots) return;
    free_retired(table, UINT64_MAX);
    for (size_t i = 0; i < slots->n; i++) {
        for (struct block *next, *block = atomic_load(&slots->heads[i]); block; block = next) {
            next = atomic_load(&block->next);
            free(block);
        }
    }
    free(slots);
    *table = (struct st_shared_table){0};
}

void st_shared_table_clean(struct st_shared_table *table)
{
    if (!table->retired) return;
    if (table->retired_last->epoch > atomic_load(&table->readers->epoch))
        atomic_fetch_add(&table->readers->epoch, 1);
    free_retired(table, oldest_seen(table->readers));
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

struct aq_slice st_shared_table_get(const struct st_shared_table *table, struct aq_slice key,
                                    int64_t *ret_time_ms)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    uint64_t hash = XXH3_64bits(key.ptr, key.len);
    const struct st_shared_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
    const struct block *block =
        atomic_load_explicit(&slots->heads[hash & (slots->n - 1)], memory_order_acquire);
    while (block && !is_key(block, hash, key))
        block = atomic_load_explicit(&block->next, memory_order_acquire);
    if (!block) return AQ_NULL_SLICE;
    if (ret_time_ms) *ret_time_ms = block->time_ms;
    return value_of(block);
}

int st_shared_table_each(const struct st_shared_table *table,
                         int (*each)(void *ctx, struct aq_slice key, struct aq_slice value, int64_t time_ms),
                         void *ctx)
{
    const struct st_shared_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
    for (size_t i = 0; i < slots->n; i++) {
        const struct block *block = atomic_load_explicit(&slots->heads[i], memory_order_acquire);
        for (; block; block = atomic_load_explicit(&block->next, memory_order_acquire)) {
            int rc = each(ctx, key_of(block), value_of(block), block->time_ms);
            if (rc != 0) return rc;
        }
    }
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void grow(struct st_shared_table *table)
{
    struct st_shared_slots *old = slots_of(table), *slots = make_slots(old->n * 2);
    for (size_t i = 0; i < old->n; i++) {
        for (struct block *block = atomic_load(&old->heads[i]); block; block = atomic_load(&block->next)) {
            struct block *copy = make_block(block->hash, key_of(block), value_of(block), block->time_ms);
            _Atomic(struct block *) *head = &slots->heads[copy->hash & (slots->n - 1)];
            atomic_init(&copy->next, atomic_load(head));
            atomic_init(head, copy);
            retire(table, block);
        }
    }
    atomic_store_explicit(&table->slots, slots, memory_order_release);
    retire(table, old);
    atomic_fetch_add(&table->bytes, (slots->n - old->n) * sizeof(void *));
}

/* Where the address of the key's block is stored, or would be. */
static _Atomic(struct block *) *find_link(struct st_shared_table *table, uint64_t hash, struct aq_slice key)
{
    struct st_shared_slots *slots = slots_of(table);
    _Atomic(struct block *) *link = &slots->heads[hash & (slots->n - 1)];
    for (struct block *block = atomic_load(link); block; block = atomic_load(link)) {
        if (is_key(block, hash, key)) break;
        link = &block->next;
    }
    return link;
}

void st_shared_table_put(struct st_shared_table *table, struct aq_slice key, struct aq_slice value,
                         int64_t time_ms)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    if (atomic_load(&table->rows) >= slots_of(table)->n) grow(table);
    uint64_t hash = XXH3_64bits(key.ptr, key.len);
    _Atomic(struct block *) *link = find_link(table, hash, key);
    struct block *old = atomic_load(link);
    struct block *next = old ? atomic_load(&old->next) : NULL;
    struct block *block = aq_slice_is_null(value) ? NULL : make_block(hash, key, value, time_ms);
    if (!old && !block) return;
    if (block) {
        atomic_init(&block->next, next);
        atomic_fetch_add(&table->bytes, cost_of(block));
    }
    atomic_store_explicit(link, block ? block : next, memory_order_release);
    if (old) {
        atomic_fetch_sub(&table->bytes, cost_of(old));
        retire(table, old);
    }
    if (block && !old) atomic_fetch_add(&table->rows, 1);
    if (old && !block) atomic_fetch_sub(&table->rows, 1);
}
