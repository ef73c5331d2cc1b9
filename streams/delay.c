/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that wait for stream time (streams/delay.h).
 *
 * An ordinary pass: a record is written into the store, and what finds it there goes into a heap by time; then those at the top
 * whose time has come are taken out, sorted, read from the store, deleted there and handed on. A failing pass: the store cannot be
 * read, or a record that is handed on fails: the ones behind it go back into the heap, and the code goes up.
 *
 * Why a heap beside the store: a store has no cheap way to say with each record which of its entries is the oldest.
 *
 * Invariant: between calls the heap holds an item for each entry of the store and no other.
 */
#include "streams/delay.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/heap.h"
#include "streams/serde.h"
#include "streams/state.h"

#define NUMBER_LEN 8
#define NULL_LEN   UINT32_MAX
#define NO_TIME    (-1)

/* Where a record that waits is in the store. */
struct waiting {
    struct st_heap_item item; /* by time */
    uint64_t number;
    uint32_t key_len;
    char rest[]; /* the key and the number behind it */
};

struct st_delay {
    struct st_context *context;
    struct st_state *store;
    int64_t grace_ms;
    int64_t newest_ms;
    uint64_t next_number;
    struct st_heap heap;
    struct waiting **due; /* taken out of the heap */
    size_t n_due, cap_due;
};

struct st_store_conf st_delay_conf(void)
{
    return (struct st_store_conf){.rest_len = ST_REST_VARIES};
}

/* ---- what waits --------------------------------------------------------------------------------------------------- */

static struct aq_slice put_time(char bytes[NUMBER_LEN], int64_t time_ms)
{
    AQ_ASSERT(time_ms >= 0);
    aq_be64_put(bytes, (uint64_t)time_ms);
    return aq_slice_of(bytes, NUMBER_LEN);
}

static struct aq_slice rest_of(const struct waiting *w)
{
    return aq_slice_of(w->rest, w->key_len + NUMBER_LEN);
}

static struct waiting *make_waiting(struct st_delay *delay, int64_t time_ms, struct aq_slice key,
                                    uint64_t number)
{
    AQ_ASSERT(key.len <= UINT32_MAX - NUMBER_LEN);
    struct waiting *w = aq_malloc(sizeof(*w) + key.len + NUMBER_LEN);
    *w = (struct waiting){
        .item = {.key = time_ms, .tie = number}, .number = number, .key_len = (uint32_t)key.len};
    w->item.owner = w;
    if (key.len) memcpy(w->rest, key.ptr, key.len);
    aq_be64_put(w->rest + key.len, number);
    if (delay->heap.count == delay->heap.cap) st_heap_reserve(&delay->heap, delay->heap.cap * 2 + 64);
    st_heap_push(&delay->heap, &w->item);
    return w;
}

static int find_one(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                    struct aq_err *err)
{
    struct st_delay *delay = ctx;
    if (bucket.len == 0 && rest.len == 0 && value.len == NUMBER_LEN) {
        delay->newest_ms = (int64_t)aq_be64_get(value.ptr);
        return 0;
    }
    if (bucket.len != NUMBER_LEN || rest.len < NUMBER_LEN)
        return aq_fail(err, AQ_E_CORRUPT, "the store of records that wait holds a key of %zu and %zu bytes",
                       bucket.len, rest.len);
    size_t key_len = rest.len - NUMBER_LEN;
    uint64_t number = aq_be64_get(rest.ptr + key_len);
    make_waiting(delay, (int64_t)aq_be64_get(bucket.ptr), aq_slice_of(rest.ptr, key_len), number);
    if (number >= delay->next_number) delay->next_number = number + 1;
    return 0;
}

int st_delay_start(struct st_context *context, size_t store, int64_t grace_ms, struct st_delay **ret,
                   struct aq_err *err)
{
    AQ_ASSERT(grace_ms > 0);
    struct st_delay *delay = aq_calloc(1, sizeof(*delay));
    const struct st_state_range all = {.from = AQ_NULL_SLICE};
    delay->context = context;
    delay->store = st_store(context, store);
    delay->grace_ms = grace_ms;
    delay->newest_ms = NO_TIME;
    *ret = NULL;
    int rc = st_state_all(delay->store, &all, find_one, delay, err);
    if (rc == 0)
        *ret = delay;
    else
        st_delay_stop(delay);
    return rc;
}

void st_delay_stop(struct st_delay *delay)
{
    if (!delay) return;
    AQ_ASSERT(delay->n_due == 0);
    for (size_t i = 0; i < delay->heap.count; i++) free(delay->heap.items[i]->owner);
    st_heap_finish(&delay->heap);
    free(delay->due);
    free(delay);
}

/* ---- a record as bytes -------------------------------------------------------------------------------------------- */

static size_t encoded_len(const struct aq_record *rec)
{
    size_t len = 2 + rec->value.len;
    for (uint16_t i = 0; i < rec->n_headers; i++)
        len += 4 + rec->headers[i].name.len + 1 + 4 + rec->headers[i].value.len;
    return len;
}

static char *put_bytes(char *at, struct aq_slice bytes)
{
    aq_be32_put(at, aq_slice_is_null(bytes) ? NULL_LEN : (uint32_t)bytes.len);
    if (bytes.len) memcpy(at + 4, bytes.ptr, bytes.len);
    return at + 4 + bytes.len;
}

static struct aq_slice encode(const struct aq_record *rec, struct aq_arena *arena)
{
    size_t len = encoded_len(rec);
    char *bytes = aq_arena_alloc(arena, len), *at = bytes;
    *at++ = (char)(rec->n_headers >> 8);
    *at++ = (char)(rec->n_headers & 0xff);
    for (uint16_t i = 0; i < rec->n_headers; i++) {
        at = put_bytes(at, rec->headers[i].name);
        *at++ = '\0';
        at = put_bytes(at, rec->headers[i].value);
    }
    if (rec->value.len) memcpy(at, rec->value.ptr, rec->value.len);
    AQ_ASSERT(at + rec->value.len == bytes + len);
    return aq_slice_of(bytes, len);
}

/* Takes a length and its bytes off the front; false when they are not there. */
static bool get_bytes(struct aq_slice *from, struct aq_slice *ret)
{
    if (from->len < 4) return false;
    uint32_t len = aq_be32_get(from->ptr);
    *ret = AQ_NULL_SLICE;
    if (len != NULL_LEN) {
        if (len > from->len - 4) return false;
        *ret = aq_slice_of(from->ptr + 4, len);
    }
    *from = aq_slice_of(from->ptr + 4 + ret->len, from->len - 4 - ret->len);
    return true;
}

static bool get_header(struct aq_slice *from, struct aq_header *ret)
{
    if (!get_bytes(from, &ret->name) || aq_slice_is_null(ret->name) || from->len < 1) return false;
    *from = aq_slice_of(from->ptr + 1, from->len - 1);
    return get_bytes(from, &ret->value);
}

/* bytes lie in the arena. */
static int decode(struct aq_slice bytes, struct aq_arena *arena, struct aq_record *rec, struct aq_err *err)
{
    bool whole = bytes.len >= 2;
    uint16_t n =
        whole ? (uint16_t)((unsigned char)bytes.ptr[0] << 8 | (unsigned char)bytes.ptr[1]) : (uint16_t)0;
    struct aq_slice left = whole ? aq_slice_of(bytes.ptr + 2, bytes.len - 2) : bytes;
    rec->headers = aq_arena_alloc(arena, n * sizeof(*rec->headers));
    for (uint16_t i = 0; whole && i < n; i++) whole = get_header(&left, &rec->headers[i]);
    if (!whole) return aq_fail(err, AQ_E_CORRUPT, "the store of records that wait holds one that is cut off");
    rec->n_headers = n;
    rec->value = left;
    return 0;
}

/* ---- coming and going --------------------------------------------------------------------------------------------- */

static void advance(struct st_delay *delay, int64_t time_ms)
{
    char bytes[NUMBER_LEN];
    if (time_ms <= delay->newest_ms) return;
    delay->newest_ms = time_ms;
    st_state_put(delay->store, AQ_LIT(""), AQ_LIT(""), put_time(bytes, time_ms));
}

int st_delay_put(struct st_delay *delay, const struct aq_record *rec, bool *ret_kept, struct aq_err *err)
{
    AQ_ASSERT(!aq_slice_is_null(rec->key) && !aq_slice_is_null(rec->value));
    (void)err;
    *ret_kept = delay->newest_ms == NO_TIME || rec->timestamp >= delay->newest_ms - delay->grace_ms;
    if (!*ret_kept) return 0;
    char time[NUMBER_LEN];
    advance(delay, rec->timestamp);
    const struct waiting *w = make_waiting(delay, rec->timestamp, rec->key, delay->next_number++);
    st_state_put(delay->store, put_time(time, rec->timestamp), rest_of(w),
                 encode(rec, st_arena(delay->context)));
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct waiting *x = *(struct waiting *const *)a, *y = *(struct waiting *const *)b;
    int order = st_key_compare(aq_slice_of(x->rest, x->key_len), aq_slice_of(y->rest, y->key_len));
    return order != 0 ? order : x->number < y->number ? -1 : 1;
}

/* Those of the oldest time, in their order; false when its time has not come. */
static bool take_due(struct st_delay *delay)
{
    AQ_ASSERT(delay->n_due == 0);
    const struct st_heap_item *top = st_heap_top(&delay->heap);
    if (!top || top->key > delay->newest_ms - delay->grace_ms) return false;
    int64_t time_ms = top->key;
    for (struct st_heap_item *item; (item = st_heap_top(&delay->heap)) && item->key == time_ms;) {
        st_heap_remove(&delay->heap, item);
        if (delay->n_due == delay->cap_due) {
            delay->cap_due = delay->cap_due ? delay->cap_due * 2 : 16;
            delay->due = aq_realloc(delay->due, delay->cap_due * sizeof(struct waiting *));
        }
        delay->due[delay->n_due++] = item->owner;
    }
    qsort(delay->due, delay->n_due, sizeof(struct waiting *), by_key);
    return true;
}

static int release_one(struct st_delay *delay, const struct waiting *w, st_delay_each *each, void *user,
                       struct aq_err *err)
{
    struct aq_arena *arena = st_arena(delay->context);
    struct aq_record rec = st_new_record(delay->context);
    struct aq_slice bytes;
    char time[NUMBER_LEN];
    struct aq_slice bucket = put_time(time, w->item.key);
    int rc = st_state_get(delay->store, bucket, rest_of(w), &bytes, err);
    if (rc == 0) rc = decode(aq_arena_copy(arena, bytes), arena, &rec, err);
    if (rc != 0) return rc;
    rec.key = aq_arena_copy(arena, aq_slice_of(w->rest, w->key_len));
    rec.timestamp = w->item.key;
    st_state_put(delay->store, bucket, rest_of(w), AQ_NULL_SLICE);
    return each(delay->context, user, &rec, err);
}

static int release_due(struct st_delay *delay, st_delay_each *each, void *user, struct aq_err *err)
{
    int rc = 0;
    size_t done = 0;
    while (rc == 0 && done < delay->n_due) {
        rc = release_one(delay, delay->due[done], each, user, err);
        free(delay->due[done++]);
    }
    for (size_t i = done; i < delay->n_due; i++) st_heap_push(&delay->heap, &delay->due[i]->item);
    delay->n_due = 0;
    return rc;
}

int st_delay_release(struct st_delay *delay, st_delay_each *each, void *user, struct aq_err *err)
{
    AQ_ASSERT(delay && each);
    int rc = 0;
    while (rc == 0 && take_due(delay)) rc = release_due(delay, each, user, err);
    return rc;
}
