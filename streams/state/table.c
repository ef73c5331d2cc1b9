/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a store is in memory (streams/state/table.h). It is three things at once: the record cache that users of Kafka Streams know, the
 * writes of the cycle that is open, and those of the cycle that is being committed.
 *
 * An ordinary pass: a processor asks for a key; what is not known is read from the store and learnt. It writes the new value: the first
 * change of an entry in a cycle puts its old value aside, later ones overwrite in place and allocate nothing. At the cycle's end
 * its changes, one for each entry, become changelog records, and the cycle is sealed; the next one opens on top of it. When the
 * sealed one is committed its values go to the store, and its entries are ordinary cache again, to be forgotten when room is
 * needed.
 *
 * A failing pass: the open cycle is taken back by putting the old values back, then the sealed one if it did not become durable. An
 * entry of which nothing was known before is forgotten, so that the store is asked again. State is then what is committed.
 *
 * Why old values and not new ones are put aside: the newest value is what is asked for, on every record; the older ones are
 * wanted once a cycle, or never.
 *
 * Invariants: an entry that belongs to a cycle which is not over is never forgotten; entry->change >= 0 exactly when it is in the open
 * cycle's list; entry->pending counts the lists it is in; a bucket's entries are sorted by their rests, each once; `bytes` is the
 * sum over buckets, `pinned_bytes` that over those with a pending entry.
 */
#include "streams/state/table.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/serde/serde.h"

#define FIRST_SLOTS 64
#define UNCHANGED   (-1)

/* Allocator overhead and rounding, so that the bound on memory is one. */
#define BLOCK_COST 16

struct st_bucket {
    struct st_bucket *next; /* in its slot */
    struct st_bucket *newer, *older;
    uint64_t hash;
    struct st_entry first; /* most stores have one entry a bucket: it needs no block of its own */
    bool first_used;
    bool whole;       /* every entry of the store in this bucket is known */
    uint32_t pending; /* entries that belong to a cycle which is not over */
    struct st_entry *single[1];
    struct st_entry **entries; /* `single`, or a block */
    uint32_t n, cap;
    uint64_t bytes;
    uint32_t key_len;
    char key[];
};

/* ---- buckets ------------------------------------------------------------------------------------------------------ */

static void cost(struct st_table *table, struct st_bucket *bucket, int64_t delta)
{
    bucket->bytes = (uint64_t)((int64_t)bucket->bytes + delta);
    table->bytes = (uint64_t)((int64_t)table->bytes + delta);
    if (bucket->pending > 0) table->pinned_bytes = (uint64_t)((int64_t)table->pinned_bytes + delta);
}

static uint64_t hash_of(struct aq_slice key)
{
    return XXH3_64bits(key.ptr, key.len);
}

static struct st_bucket **slot_of(const struct st_table *table, uint64_t hash)
{
    return &table->slots[hash & (table->n_slots - 1)];
}

static bool has_key(const struct st_bucket *bucket, struct aq_slice key)
{
    return bucket->key_len == key.len && (key.len == 0 || memcmp(bucket->key, key.ptr, key.len) == 0);
}

static struct st_bucket *find_bucket(const struct st_table *table, struct aq_slice key)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    uint64_t hash = hash_of(key);
    for (struct st_bucket *bucket = *slot_of(table, hash); bucket; bucket = bucket->next)
        if (bucket->hash == hash && has_key(bucket, key)) return bucket;
    return NULL;
}

static void unlink_use(struct st_table *table, struct st_bucket *bucket)
{
    *(bucket->newer ? &bucket->newer->older : &table->newest) = bucket->older;
    *(bucket->older ? &bucket->older->newer : &table->oldest) = bucket->newer;
}

static void link_newest(struct st_table *table, struct st_bucket *bucket)
{
    bucket->newer = NULL;
    bucket->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = bucket;
    table->newest = bucket;
}

static void use(struct st_table *table, struct st_bucket *bucket)
{
    if (table->newest == bucket) return;
    unlink_use(table, bucket);
    link_newest(table, bucket);
}

static void grow_slots(struct st_table *table)
{
    uint32_t n_old = table->n_slots;
    struct st_bucket **old = table->slots;
    AQ_ASSERT(n_old < (1u << 31));
    table->n_slots = n_old * 2;
    table->slots = aq_calloc(table->n_slots, sizeof(struct st_bucket *));
    for (uint32_t i = 0; i < n_old; i++) {
        for (struct st_bucket *next, *bucket = old[i]; bucket; bucket = next) {
            struct st_bucket **slot = slot_of(table, bucket->hash);
            next = bucket->next;
            bucket->next = *slot;
            *slot = bucket;
        }
    }
    free(old);
}

static struct st_bucket *make_bucket(struct st_table *table, struct aq_slice key)
{
    AQ_ASSERT(key.len <= UINT32_MAX);
    if (table->n_buckets == table->n_slots) grow_slots(table);
    struct st_bucket *bucket = aq_calloc(1, sizeof(*bucket) + key.len);
    bucket->hash = hash_of(key);
    bucket->key_len = (uint32_t)key.len;
    if (key.len > 0) memcpy(bucket->key, key.ptr, key.len);
    bucket->entries = bucket->single;
    bucket->cap = 1;
    struct st_bucket **slot = slot_of(table, bucket->hash);
    bucket->next = *slot;
    *slot = bucket;
    link_newest(table, bucket);
    table->n_buckets++;
    /* A slot is part of the price: there are as many as buckets, or twice that. */
    cost(table, bucket, (int64_t)(sizeof(*bucket) + key.len + BLOCK_COST + 2 * sizeof(void *)));
    return bucket;
}

static void drop_bucket(struct st_table *table, struct st_bucket *bucket)
{
    AQ_ASSERT(bucket->pending == 0);
    struct st_bucket **link = slot_of(table, bucket->hash);
    while (*link != bucket) link = &(*link)->next;
    *link = bucket->next;
    unlink_use(table, bucket);
    for (uint32_t i = 0; i < bucket->n; i++) {
        free(bucket->entries[i]->bytes);
        if (bucket->entries[i] != &bucket->first) free(bucket->entries[i]);
    }
    if (bucket->entries != bucket->single) free(bucket->entries);
    table->bytes -= bucket->bytes;
    table->n_buckets--;
    free(bucket);
}

/* ---- entries ------------------------------------------------------------------------------------------------------ */

struct aq_slice st_entry_key(const struct st_entry *entry)
{
    return aq_slice_of(entry->bucket->key, entry->bucket->key_len);
}

struct aq_slice st_entry_rest(const struct st_entry *entry)
{
    return entry->rest_len ? aq_slice_of(entry->bytes, entry->rest_len) : AQ_LIT("");
}

struct aq_slice st_entry_value(const struct st_entry *entry)
{
    if (!entry->present) return AQ_NULL_SLICE;
    if (entry->value_len == 0) return AQ_LIT("");
    return aq_slice_of(entry->bytes + entry->rest_len, entry->value_len);
}

/* Where the rest is among the bucket's entries, or would be. */
static uint32_t place_of(const struct st_bucket *bucket, struct aq_slice rest, bool *ret_found)
{
    uint32_t low = 0, high = bucket->n;
    if (aq_slice_is_null(rest)) rest = AQ_LIT("");
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = st_key_compare(st_entry_rest(bucket->entries[middle]), rest);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static struct st_entry *find_entry(const struct st_bucket *bucket, struct aq_slice rest)
{
    bool found;
    uint32_t place = place_of(bucket, rest, &found);
    return found ? bucket->entries[place] : NULL;
}

static void make_room(struct st_table *table, struct st_bucket *bucket)
{
    if (bucket->n < bucket->cap) return;
    uint32_t cap = bucket->cap < 4 ? 4 : bucket->cap * 2;
    bool was_single = bucket->entries == bucket->single;
    bucket->entries = aq_realloc(was_single ? NULL : bucket->entries, cap * sizeof(*bucket->entries));
    if (was_single) bucket->entries[0] = bucket->single[0];
    cost(table, bucket,
         (int64_t)((cap - (was_single ? 0 : bucket->cap)) * sizeof(*bucket->entries)) +
             (was_single ? BLOCK_COST : 0));
    bucket->cap = cap;
}

static struct st_entry *make_entry(struct st_table *table, struct st_bucket *bucket, struct aq_slice rest)
{
    bool found;
    uint32_t place = place_of(bucket, rest, &found);
    AQ_ASSERT(!found && rest.len <= UINT32_MAX);
    make_room(table, bucket);
    struct st_entry *entry = &bucket->first;
    if (bucket->first_used) {
        entry = aq_malloc(sizeof(*entry));
        cost(table, bucket, (int64_t)sizeof(*entry) + BLOCK_COST);
    }
    if (entry == &bucket->first) bucket->first_used = true;
    *entry = (struct st_entry){.bucket = bucket, .rest_len = (uint32_t)rest.len, .change = UNCHANGED};
    if (rest.len > 0) {
        entry->bytes = aq_malloc(rest.len);
        memcpy(entry->bytes, rest.ptr, rest.len);
        cost(table, bucket, (int64_t)(rest.len + BLOCK_COST));
    }
    memmove(&bucket->entries[place + 1], &bucket->entries[place],
            (bucket->n - place) * sizeof(*bucket->entries));
    bucket->entries[place] = entry;
    bucket->n++;
    return entry;
}

static void drop_entry(struct st_table *table, struct st_entry *entry)
{
    AQ_ASSERT(entry->pending == 0 && entry->change == UNCHANGED);
    struct st_bucket *bucket = entry->bucket;
    bool found;
    uint32_t place = place_of(bucket, st_entry_rest(entry), &found);
    AQ_ASSERT(found && bucket->entries[place] == entry);
    bucket->n--;
    memmove(&bucket->entries[place], &bucket->entries[place + 1],
            (bucket->n - place) * sizeof(*bucket->entries));
    if (entry->bytes) cost(table, bucket, -(int64_t)(entry->rest_len + entry->room + BLOCK_COST));
    free(entry->bytes);
    if (entry == &bucket->first) {
        bucket->first_used = false;
        return;
    }
    cost(table, bucket, -((int64_t)sizeof(*entry) + BLOCK_COST));
    free(entry);
}

/* The bytes of a value that is kept at its place are overwritten: what anyone was given of it is gone. */
static void set_value(struct st_table *table, struct st_entry *entry, struct aq_slice value)
{
    AQ_ASSERT(value.len <= UINT32_MAX - entry->rest_len);
    entry->present = !aq_slice_is_null(value);
    entry->value_len = (uint32_t)value.len;
    if (value.len > entry->room) {
        /* Values that grow (lists, texts) grow again. */
        size_t room = entry->room ? value.len + value.len / 4 : value.len;
        if (room > UINT32_MAX - entry->rest_len) room = value.len;
        int64_t more = (int64_t)room - entry->room + (entry->bytes ? 0 : BLOCK_COST);
        entry->bytes = aq_realloc(entry->bytes, entry->rest_len + room);
        entry->room = (uint32_t)room;
        cost(table, entry->bucket, more);
    }
    if (value.len > 0) memmove(entry->bytes + entry->rest_len, value.ptr, value.len);
}

/* ---- lists of changes ---------------------------------------------------------------------------------------------- */

static void add_block(struct st_changes *cycle)
{
    if (cycle->n_blocks == cycle->cap_blocks) {
        cycle->cap_blocks = cycle->cap_blocks ? cycle->cap_blocks * 2 : 4;
        cycle->blocks = aq_realloc(cycle->blocks, cycle->cap_blocks * sizeof(*cycle->blocks));
    }
    cycle->blocks[cycle->n_blocks++] = aq_malloc(ST_CHANGES_A_BLOCK * sizeof(**cycle->blocks));
}

static void drop_blocks(struct st_changes *cycle, uint32_t but)
{
    while (cycle->n_blocks > but) free(cycle->blocks[--cycle->n_blocks]);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

void st_table_init(struct st_table *table)
{
    *table = (struct st_table){.n_slots = FIRST_SLOTS};
    table->slots = aq_calloc(table->n_slots, sizeof(struct st_bucket *));
    for (int i = 0; i < 2; i++) aq_arena_init(&table->cycles[i].arena, 4096);
}

void st_table_finish(struct st_table *table)
{
    for (struct st_bucket *older, *bucket = table->newest; bucket; bucket = older) {
        older = bucket->older;
        bucket->pending = 0;
        drop_bucket(table, bucket);
    }
    AQ_ASSERT(table->bytes == 0 && table->n_buckets == 0);
    for (int i = 0; i < 2; i++) {
        drop_blocks(&table->cycles[i], 0);
        free(table->cycles[i].blocks);
        aq_arena_finish(&table->cycles[i].arena);
    }
    free(table->slots);
    *table = (struct st_table){0};
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

bool st_table_get(struct st_table *table, struct aq_slice key, struct aq_slice rest,
                  struct aq_slice *ret_value)
{
    *ret_value = AQ_NULL_SLICE;
    struct st_bucket *bucket = find_bucket(table, key);
    if (!bucket) return false;
    use(table, bucket);
    const struct st_entry *entry = find_entry(bucket, rest);
    if (!entry) return bucket->whole;
    *ret_value = st_entry_value(entry);
    return true;
}

struct st_entry **st_table_bucket(struct st_table *table, struct aq_slice key, uint32_t *ret_n,
                                  bool *ret_whole)
{
    struct st_bucket *bucket = find_bucket(table, key);
    *ret_n = bucket ? bucket->n : 0;
    *ret_whole = bucket && bucket->whole;
    if (!bucket) return NULL;
    use(table, bucket);
    return bucket->entries;
}

/* ---- changing ----------------------------------------------------------------------------------------------------- */

static struct st_bucket *provide_bucket(struct st_table *table, struct aq_slice key)
{
    struct st_bucket *bucket = find_bucket(table, key);
    if (!bucket) return make_bucket(table, key);
    use(table, bucket);
    return bucket;
}

void st_table_learn(struct st_table *table, struct aq_slice key, struct aq_slice rest, struct aq_slice value)
{
    set_value(table, make_entry(table, provide_bucket(table, key), rest), value);
}

void st_table_learnt_all(struct st_table *table, struct aq_slice key)
{
    provide_bucket(table, key)->whole = true;
}

static void pin(struct st_table *table, struct st_entry *entry)
{
    struct st_bucket *bucket = entry->bucket;
    if (entry->pending++ > 0) return;
    if (bucket->pending++ == 0) table->pinned_bytes += bucket->bytes;
}

static void unpin(struct st_table *table, struct st_entry *entry)
{
    struct st_bucket *bucket = entry->bucket;
    AQ_ASSERT(entry->pending > 0);
    if (--entry->pending > 0) return;
    AQ_ASSERT(bucket->pending > 0);
    if (--bucket->pending == 0) table->pinned_bytes -= bucket->bytes;
}

static void note_change(struct st_table *table, struct st_entry *entry, bool known)
{
    struct st_changes *cycle = &table->cycles[table->open];
    AQ_ASSERT(cycle->n < INT32_MAX);
    if (cycle->n == cycle->n_blocks * ST_CHANGES_A_BLOCK) add_block(cycle);
    entry->change = (int32_t)cycle->n;
    *st_change_at(cycle, cycle->n++) = (struct st_table_change){
        .entry = entry, .old = aq_arena_copy(&cycle->arena, st_entry_value(entry)), .known = known};
    pin(table, entry);
}

void st_table_put(struct st_table *table, struct aq_slice key, struct aq_slice rest, struct aq_slice value)
{
    struct st_bucket *bucket = provide_bucket(table, key);
    struct st_entry *entry = find_entry(bucket, rest);
    bool known = entry || bucket->whole;
    if (!entry) entry = make_entry(table, bucket, rest);
    if (entry->change == UNCHANGED) note_change(table, entry, known);
    set_value(table, entry, value);
}

bool st_table_forget(struct st_table *table, struct aq_slice key, struct aq_slice rest)
{
    struct st_bucket *bucket = find_bucket(table, key);
    struct st_entry *entry = bucket ? find_entry(bucket, rest) : NULL;
    if (!entry) return true;
    if (entry->pending > 0) return false;
    drop_entry(table, entry);
    return true;
}

void st_table_trim(struct st_table *table, uint64_t bytes)
{
    for (uint32_t left = table->n_buckets; left > 0 && table->bytes > bytes; left--) {
        struct st_bucket *bucket = table->oldest;
        if (table->pinned_bytes == table->bytes) return;
        if (bucket->pending > 0)
            use(table, bucket);
        else
            drop_bucket(table, bucket);
    }
}

/* ---- cycles ------------------------------------------------------------------------------------------------------- */

const struct st_changes *st_table_changes(const struct st_table *table)
{
    return &table->cycles[table->open];
}

const struct st_changes *st_table_sealed(const struct st_table *table)
{
    AQ_ASSERT(table->sealed);
    return &table->cycles[!table->open];
}

void st_table_seal(struct st_table *table)
{
    AQ_ASSERT(!table->sealed);
    const struct st_changes *cycle = &table->cycles[table->open];
    for (uint32_t i = 0; i < cycle->n; i++) st_change_at(cycle, i)->entry->change = UNCHANGED;
    table->sealed = true;
    table->open = !table->open;
    AQ_ASSERT(table->cycles[table->open].n == 0);
}

struct aq_slice st_table_sealed_value(const struct st_table *table, const struct st_table_change *change)
{
    const struct st_entry *entry = change->entry;
    if (entry->change == UNCHANGED) return st_entry_value(entry);
    return st_change_at(&table->cycles[table->open], (uint32_t)entry->change)->old;
}

static void forget_changes(struct st_changes *cycle)
{
    cycle->n = 0;
    drop_blocks(cycle, 1);
    aq_arena_reset(&cycle->arena);
}

void st_table_committed(struct st_table *table)
{
    AQ_ASSERT(table->sealed);
    struct st_changes *cycle = &table->cycles[!table->open];
    for (uint32_t i = 0; i < cycle->n; i++) {
        struct st_entry *entry = st_change_at(cycle, i)->entry;
        unpin(table, entry);
        /* Where all is known, one that is not there needs no entry to say so. */
        bool needless = !entry->present && entry->pending == 0 && entry->bucket->whole;
        if (needless) drop_entry(table, entry);
    }
    forget_changes(cycle);
    table->sealed = false;
}

static void take_back(struct st_table *table, struct st_changes *cycle)
{
    for (uint32_t i = cycle->n; i-- > 0;) {
        struct st_table_change *change = st_change_at(cycle, i);
        struct st_entry *entry = change->entry;
        set_value(table, entry, change->old);
        entry->change = UNCHANGED;
        unpin(table, entry);
        if (change->known) continue;
        /* Whoever learnt all of the bucket since took this entry for the answer. */
        entry->bucket->whole = false;
        drop_entry(table, entry);
    }
    forget_changes(cycle);
}

void st_table_abort_open(struct st_table *table)
{
    take_back(table, &table->cycles[table->open]);
}

void st_table_abort_sealed(struct st_table *table)
{
    AQ_ASSERT(table->sealed && table->cycles[table->open].n == 0);
    take_back(table, &table->cycles[!table->open]);
    table->sealed = false;
}
