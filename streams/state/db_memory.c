/* SPDX-License-Identifier: Apache-2.0
 *
 * Families in memory (streams/state/db.h): a skip list each, gone with the process. What is lost is read from the changelog again.
 *
 * An ordinary pass: a batch is a list of changes, applied in its order when it is written; the list is emptied and its memory used
 * again. A cursor has to show the family as it was, so a family that is written while one is open is an error of the caller: the
 * thread that owns the family holds no cursor over a commit.
 *
 * Nothing fails here but memory, and that ends the process (base/mem.h).
 *
 * Invariants: nodes are sorted by key, each key once; level 0 links all of them both ways.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/mem.h"
#include "streams/state/db.h"
#include "streams/serde/serde.h"

#define LEVELS 16 /* enough for 4^16 keys */

struct node {
    char *value;
    uint32_t key_len, value_len;
    uint32_t levels;
    struct node *before;
    struct node *next[]; /* one for each level, the key behind them */
};

struct st_family {
    struct st_db *db;
    char *name;
    bool open;
    struct node *head; /* no key; linked on every level */
    struct node *last; /* NULL: empty */
    uint64_t random;
    uint64_t bytes;
    uint32_t cursors;
    struct st_family *sibling;
};

struct st_db {
    pthread_mutex_t lock; /* the list of families */
    struct st_family *families;
};

struct st_cursor {
    struct st_family *family;
    struct node *at;
};

struct change {
    struct st_family *family;
    struct aq_slice key, value; /* of a range: from, to */
    bool range;
};

struct st_db_batch {
    struct change *list;
    size_t n, cap;
    struct aq_arena arena;
};

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

static struct aq_slice key_of(const struct node *node)
{
    const char *key = (const char *)&node->next[node->levels];
    return aq_slice_of(key, node->key_len);
}

static struct aq_slice value_of(const struct node *node)
{
    return node->value_len ? aq_slice_of(node->value, node->value_len) : AQ_LIT("");
}

/* The last node below the key on every level, from which to link or unlink; returns the first one that is not below. */
static struct node *find(const struct st_family *family, struct aq_slice key, struct node *before[LEVELS])
{
    struct node *node = family->head;
    for (int level = LEVELS - 1; level >= 0; level--) {
        while (node->next[level] && st_key_compare(key_of(node->next[level]), key) < 0)
            node = node->next[level];
        before[level] = node;
    }
    return node->next[0];
}

/* Each level holds a quarter of the one below. */
static uint32_t draw_levels(struct st_family *family)
{
    uint32_t levels = 1;
    family->random ^= family->random << 13;
    family->random ^= family->random >> 7;
    family->random ^= family->random << 17;
    for (uint64_t bits = family->random; levels < LEVELS && (bits & 3) == 0; bits >>= 2) levels++;
    return levels;
}

static uint64_t cost_of(const struct node *node)
{
    return sizeof(*node) + node->levels * sizeof(struct node *) + node->key_len + node->value_len;
}

static void set_value(struct node *node, struct aq_slice value)
{
    if (value.len > node->value_len) node->value = aq_realloc(node->value, value.len);
    if (value.len > 0) memcpy(node->value, value.ptr, value.len);
    node->value_len = (uint32_t)value.len;
}

static struct node *make_node(uint32_t levels, struct aq_slice key)
{
    AQ_ASSERT(key.len <= UINT32_MAX);
    struct node *node = aq_calloc(1, sizeof(*node) + levels * sizeof(struct node *) + key.len);
    node->levels = levels;
    node->key_len = (uint32_t)key.len;
    if (key.len > 0) memcpy(&node->next[levels], key.ptr, key.len);
    return node;
}

static void free_node(struct node *node)
{
    free(node->value);
    free(node);
}

static void put(struct st_family *family, struct aq_slice key, struct aq_slice value)
{
    struct node *before[LEVELS];
    struct node *node = find(family, key, before);
    if (node && st_key_compare(key_of(node), key) == 0) {
        family->bytes -= cost_of(node);
        set_value(node, value);
        family->bytes += cost_of(node);
        return;
    }
    node = make_node(draw_levels(family), key);
    set_value(node, value);
    for (uint32_t level = 0; level < node->levels; level++) {
        node->next[level] = before[level]->next[level];
        before[level]->next[level] = node;
    }
    node->before = before[0] == family->head ? NULL : before[0];
    if (node->next[0])
        node->next[0]->before = node;
    else
        family->last = node;
    family->bytes += cost_of(node);
}

static void unlink_node(struct st_family *family, struct node *node, struct node *before[LEVELS])
{
    for (uint32_t level = 0; level < node->levels; level++) {
        AQ_ASSERT(before[level]->next[level] == node);
        before[level]->next[level] = node->next[level];
    }
    if (node->next[0])
        node->next[0]->before = node->before;
    else
        family->last = node->before;
    family->bytes -= cost_of(node);
    free_node(node);
}

static void delete_key(struct st_family *family, struct aq_slice key)
{
    struct node *before[LEVELS];
    struct node *node = find(family, key, before);
    if (node && st_key_compare(key_of(node), key) == 0) unlink_node(family, node, before);
}

static void delete_range(struct st_family *family, struct aq_slice from, struct aq_slice to)
{
    struct node *before[LEVELS];
    struct node *node = find(family, from, before);
    while (node && st_key_compare(key_of(node), to) < 0) {
        struct node *next = node->next[0];
        unlink_node(family, node, before);
        node = next;
    }
}

/* ---- families ----------------------------------------------------------------------------------------------------- */

static struct st_family **find_family(struct st_db *db, const char *name)
{
    struct st_family **link = &db->families;
    while (*link && strcmp((*link)->name, name) != 0) link = &(*link)->sibling;
    return link;
}

static void free_family(struct st_family *family)
{
    AQ_ASSERT(!family->open && family->cursors == 0);
    for (struct node *next, *node = family->head; node; node = next) {
        next = node->next[0];
        free_node(node);
    }
    free(family->name);
    free(family);
}

static int memory_family_open(struct st_db *db, const char *name, struct st_family **ret, struct aq_err *err)
{
    (void)err;
    pthread_mutex_lock(&db->lock);
    struct st_family *family = *find_family(db, name);
    if (!family) {
        family = aq_calloc(1, sizeof(*family));
        *family = (struct st_family){
            .db = db, .name = aq_strdup(name), .random = 0x9E3779B97F4A7C15u, .sibling = db->families};
        family->head = make_node(LEVELS, AQ_LIT(""));
        db->families = family;
    }
    AQ_ASSERT(!family->open);
    family->open = true;
    pthread_mutex_unlock(&db->lock);
    *ret = family;
    return 0;
}

static void memory_family_close(struct st_family *family)
{
    pthread_mutex_lock(&family->db->lock);
    AQ_ASSERT(family->open && family->cursors == 0);
    family->open = false;
    pthread_mutex_unlock(&family->db->lock);
}

static int memory_family_drop(struct st_db *db, const char *name, struct aq_err *err)
{
    (void)err;
    pthread_mutex_lock(&db->lock);
    struct st_family **link = find_family(db, name);
    struct st_family *family = *link;
    if (family) *link = family->sibling;
    pthread_mutex_unlock(&db->lock);
    if (family) free_family(family);
    return 0;
}

static void memory_families(struct st_db *db, void (*each)(void *ctx, const char *name), void *ctx)
{
    pthread_mutex_lock(&db->lock);
    for (const struct st_family *family = db->families; family; family = family->sibling)
        each(ctx, family->name);
    pthread_mutex_unlock(&db->lock);
}

static int memory_open(const struct st_db_conf *conf, struct st_db **ret, struct aq_err *err)
{
    (void)conf;
    (void)err;
    struct st_db *db = aq_calloc(1, sizeof(*db));
    pthread_mutex_init(&db->lock, NULL);
    *ret = db;
    return 0;
}

static void memory_close(struct st_db *db)
{
    for (struct st_family *next, *family = db->families; family; family = next) {
        next = family->sibling;
        free_family(family);
    }
    pthread_mutex_destroy(&db->lock);
    free(db);
}

static uint64_t memory_memory(struct st_db *db)
{
    uint64_t sum = 0;
    pthread_mutex_lock(&db->lock);
    for (const struct st_family *family = db->families; family; family = family->sibling)
        sum += __atomic_load_n(&family->bytes, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&db->lock);
    return sum;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static int memory_get(struct st_family *family, struct aq_slice key, struct aq_slice *ret, struct aq_err *err)
{
    (void)err;
    struct node *before[LEVELS];
    const struct node *node = find(family, key, before);
    *ret = node && st_key_compare(key_of(node), key) == 0 ? value_of(node) : AQ_NULL_SLICE;
    return 0;
}

static struct st_cursor *memory_cursor(struct st_family *family)
{
    struct st_cursor *cursor = aq_calloc(1, sizeof(*cursor));
    cursor->family = family;
    family->cursors++;
    return cursor;
}

static void memory_cursor_close(struct st_cursor *cursor)
{
    AQ_ASSERT(cursor->family->cursors > 0);
    cursor->family->cursors--;
    free(cursor);
}

static void memory_seek(struct st_cursor *cursor, struct aq_slice key)
{
    struct node *before[LEVELS];
    cursor->at = aq_slice_is_null(key) ? cursor->family->head->next[0] : find(cursor->family, key, before);
}

static void memory_seek_before(struct st_cursor *cursor, struct aq_slice key)
{
    struct node *before[LEVELS];
    cursor->at = cursor->family->last;
    if (aq_slice_is_null(key)) return;
    find(cursor->family, key, before);
    cursor->at = before[0] == cursor->family->head ? NULL : before[0];
}

static void memory_next(struct st_cursor *cursor)
{
    AQ_ASSERT(cursor->at);
    cursor->at = cursor->at->next[0];
}

static void memory_prev(struct st_cursor *cursor)
{
    AQ_ASSERT(cursor->at);
    cursor->at = cursor->at->before;
}

static bool memory_at(const struct st_cursor *cursor, struct aq_slice *ret_key, struct aq_slice *ret_value)
{
    if (!cursor->at) return false;
    *ret_key = key_of(cursor->at);
    *ret_value = value_of(cursor->at);
    return true;
}

static int memory_cursor_error(const struct st_cursor *cursor, struct aq_err *err)
{
    (void)cursor;
    (void)err;
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static struct st_db_batch *memory_batch(struct st_db *db)
{
    (void)db;
    struct st_db_batch *batch = aq_calloc(1, sizeof(*batch));
    aq_arena_init(&batch->arena, 4096);
    return batch;
}

static void memory_batch_destroy(struct st_db_batch *batch)
{
    if (!batch) return;
    aq_arena_finish(&batch->arena);
    free(batch->list);
    free(batch);
}

static void add_change(struct st_db_batch *batch, struct change change)
{
    if (batch->n == batch->cap) {
        batch->cap = batch->cap ? batch->cap * 2 : 64;
        batch->list = aq_realloc(batch->list, batch->cap * sizeof(*batch->list));
    }
    change.key = aq_arena_copy(&batch->arena, change.key);
    change.value = aq_arena_copy(&batch->arena, change.value);
    batch->list[batch->n++] = change;
}

static void memory_batch_put(struct st_db_batch *batch, struct st_family *family, struct aq_slice key,
                             struct aq_slice value)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    add_change(batch, (struct change){.family = family, .key = key, .value = value});
}

static void memory_batch_delete_range(struct st_db_batch *batch, struct st_family *family,
                                      struct aq_slice from, struct aq_slice to)
{
    AQ_ASSERT(!aq_slice_is_null(from) && !aq_slice_is_null(to));
    add_change(batch, (struct change){.family = family, .key = from, .value = to, .range = true});
}

static void apply(const struct change *change)
{
    AQ_ASSERT(change->family->cursors == 0);
    if (change->range)
        delete_range(change->family, change->key, change->value);
    else if (aq_slice_is_null(change->value))
        delete_key(change->family, change->key);
    else
        put(change->family, change->key, change->value);
}

static int memory_batch_write(struct st_db_batch *batch, struct aq_err *err)
{
    (void)err;
    for (size_t i = 0; i < batch->n; i++) apply(&batch->list[i]);
    batch->n = 0;
    aq_arena_reset(&batch->arena);
    return 0;
}

const struct st_db_kind st_db_memory = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .family_open = memory_family_open,
    .family_close = memory_family_close,
    .family_drop = memory_family_drop,
    .families = memory_families,
    .get = memory_get,
    .cursor = memory_cursor,
    .cursor_close = memory_cursor_close,
    .seek = memory_seek,
    .seek_before = memory_seek_before,
    .next = memory_next,
    .prev = memory_prev,
    .at = memory_at,
    .cursor_error = memory_cursor_error,
    .batch = memory_batch,
    .batch_destroy = memory_batch_destroy,
    .batch_put = memory_batch_put,
    .batch_delete_range = memory_batch_delete_range,
    .batch_write = memory_batch_write,
    .memory = memory_memory,
};
