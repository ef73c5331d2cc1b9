/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that wait for stream time (streams/ops/delay.h).
 *
 * An ordinary pass: a record is put into the queue of its store; then those whose time has come are taken out of it one by one and
 * handed on. A failing pass: the store cannot be read, or a record that is handed on fails: it is out of the queue, those behind it stay
 * there, and the code goes up.
 */
#include "streams/ops/delay.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/ops/held_record.h"
#include "streams/ops/time_queue.h"

#define NUMBER_LEN 8
#define MARK       'q'
#define NOTE       AQ_LIT("n"), AQ_LIT("")
#define NO_TIME    (-1)

struct st_delay {
    struct st_context *context;
    struct st_state *store;
    struct st_time_queue queue;
    int64_t grace_ms;
    int64_t newest_ms;
    uint64_t next_number;
    char *tail; /* room for one */
    size_t room;
};

struct st_store_conf st_delay_conf(void)
{
    return (struct st_store_conf){.rest_len = ST_REST_VARIES};
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static int read_note(struct st_delay *delay, struct aq_err *err)
{
    struct aq_slice note;
    delay->newest_ms = NO_TIME;
    int rc = st_state_get(delay->store, NOTE, &note, err);
    if (rc != 0 || aq_slice_is_null(note)) return rc;
    if (note.len != 2 * NUMBER_LEN)
        return aq_fail(err, AQ_E_CORRUPT, "the store of records that wait has a note of %zu bytes", note.len);
    delay->newest_ms = (int64_t)aq_be64_get(note.ptr);
    delay->next_number = aq_be64_get(note.ptr + NUMBER_LEN);
    return 0;
}

static void write_note(struct st_delay *delay)
{
    char note[2 * NUMBER_LEN];
    aq_be64_put(note, (uint64_t)delay->newest_ms);
    aq_be64_put(note + NUMBER_LEN, delay->next_number);
    st_state_put(delay->store, NOTE, aq_slice_of(note, sizeof(note)));
}

int st_delay_start(struct st_context *context, size_t store, int64_t grace_ms, struct st_delay **ret,
                   struct aq_err *err)
{
    AQ_ASSERT(grace_ms > 0);
    struct st_delay *delay = aq_calloc(1, sizeof(*delay));
    delay->context = context;
    delay->store = st_store(context, store);
    delay->grace_ms = grace_ms;
    int rc = st_time_queue_open(&delay->queue, delay->store, MARK, grace_ms, err);
    if (rc == 0) rc = read_note(delay, err);
    *ret = rc == 0 ? delay : NULL;
    if (rc != 0) st_delay_stop(delay);
    return rc;
}

void st_delay_stop(struct st_delay *delay)
{
    if (!delay) return;
    st_time_queue_close(&delay->queue);
    free(delay->tail);
    free(delay);
}

/* ---- coming and going --------------------------------------------------------------------------------------------- */

static struct aq_slice make_tail(struct st_delay *delay, struct aq_slice key)
{
    size_t len = key.len + NUMBER_LEN;
    if (len > delay->room) {
        delay->room = 2 * len;
        delay->tail = aq_realloc(delay->tail, delay->room);
    }
    if (key.len) memcpy(delay->tail, key.ptr, key.len);
    aq_be64_put(delay->tail + key.len, delay->next_number++);
    return aq_slice_of(delay->tail, len);
}

bool st_delay_put(struct st_delay *delay, struct aq_record *rec)
{
    AQ_ASSERT(!aq_slice_is_null(rec->key) && !aq_slice_is_null(rec->value));
    if (delay->newest_ms != NO_TIME && rec->timestamp < delay->newest_ms - delay->grace_ms) return false;
    if (rec->timestamp > delay->newest_ms) delay->newest_ms = rec->timestamp;
    const struct st_held held = st_held_of(rec);
    st_time_queue_put(&delay->queue, rec->timestamp, make_tail(delay, rec->key),
                      st_held_encode(&held, st_arena(delay->context)));
    write_note(delay);
    return true;
}

static int release_one(struct st_delay *delay, const struct st_due *due, st_delay_each *each, void *user,
                       struct aq_err *err)
{
    struct st_held held;
    if (due->tail.len < NUMBER_LEN)
        return aq_fail(err, AQ_E_CORRUPT, "the store of records that wait has a tail of %zu bytes",
                       due->tail.len);
    int rc = st_held_decode(due->value, st_arena(delay->context), &held, err);
    if (rc != 0) return rc;
    struct aq_record rec = st_new_record(delay->context);
    size_t key_len = due->tail.len - NUMBER_LEN;
    rec.key = key_len ? aq_slice_of(due->tail.ptr, key_len) : AQ_LIT("");
    rec.value = held.value;
    rec.timestamp = held.time_ms;
    rec.headers = held.headers;
    rec.n_headers = held.n_headers;
    return each(delay->context, user, &rec, err);
}

int st_delay_release(struct st_delay *delay, st_delay_each *each, void *user, struct aq_err *err)
{
    AQ_ASSERT(delay && each);
    int64_t until_ms = delay->newest_ms - delay->grace_ms;
    if (!st_time_queue_may_be_due(&delay->queue, until_ms)) return 0;
    st_time_queue_begin(&delay->queue);
    struct st_due due;
    int rc;
    while ((rc = st_time_queue_peek(&delay->queue, until_ms, st_arena(delay->context), &due, err)) == 1) {
        st_time_queue_take(&delay->queue);
        rc = release_one(delay, &due, each, user, err);
        if (rc != 0) return rc;
    }
    return rc;
}
