/* SPDX-License-Identifier: Apache-2.0
 *
 * Several records of one (transforms/flatten.h).
 *
 * An ordinary pass: records are copied one after the other into a second array, each source record's results side by side, and
 * the two arrays change places. Arrays and arena have soon grown to the size of the traffic, and nothing is allocated then.
 *
 * Headers: a record that goes out with the headers it came with has them moved by the client from the message that was
 * read to the one that is written, and they are gone with its report. So they are moved only while nobody shares them:
 * as soon as there is a second result, all of them have headers to be built anew.
 *
 * A failing pass: the program is evaluated and encoded as a whole before the first result is seen, so a record that fails is
 * copied as it was, with the reason.
 *
 * Invariants: every record that was in the batch is in it afterwards, or what was made of it; exactly one of a group has
 * the origin; records that were gone before are copied as they are. Threads: the run's.
 */
#include "transforms/flatten.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/views.h"

/* One source record, while results come. */
struct making {
    struct flatten *flatten;
    struct aq_record *source;
    uint32_t first;     /* where its results begin */
    uint64_t own_bytes; /* key and value as they came */
};

void flatten_finish(struct flatten *flatten)
{
    free(flatten->list);
    *flatten = (struct flatten){0};
}

__attribute__((noinline, cold)) static void grow(struct flatten *flatten)
{
    AQ_ASSERT(flatten->cap < UINT32_MAX / 2);
    flatten->cap = flatten->cap ? flatten->cap * 2 : 64;
    flatten->list = aq_realloc(flatten->list, flatten->cap * sizeof(*flatten->list));
}

static struct aq_record *put(struct flatten *flatten, const struct aq_record *rec)
{
    if (__builtin_expect(flatten->n == flatten->cap, 0)) grow(flatten);
    struct aq_record *copy = &flatten->list[flatten->n++];
    *copy = *rec;
    return copy;
}

/* The source's headers, not to be moved away from it. */
static void share_headers(struct aq_record *rec, struct aq_record *source)
{
    rec->headers = aq_record_headers(source, &rec->n_headers);
    rec->flags |= AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED;
}

static void set_headers(struct aq_record *rec, const struct lua_output *out)
{
    /* Nobody changes headers in place: a step that edits them makes an array of its own. */
    rec->headers = (struct aq_header *)out->headers;
    rec->n_headers = out->n_headers;
    rec->flags |= AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED;
}

/* What the batch holds more because of this result: the first takes the place of bytes that were counted as read. */
static uint64_t added_bytes(const struct making *m, const struct aq_record *rec, const struct lua_output *out)
{
    uint64_t bytes = rec->key.len + rec->value.len;
    if (out->has_headers) {
        for (uint16_t i = 0; i < out->n_headers; i++)
            bytes += sizeof(*out->headers) + out->headers[i].name.len + out->headers[i].value.len;
    }
    if (m->flatten->n > m->first + 1) return bytes + sizeof(*rec);
    return bytes > m->own_bytes ? bytes - m->own_bytes : 0;
}

static int take_result(void *user, const struct lua_output *out, struct aq_err *err)
{
    (void)err;
    struct making *m = user;
    AQ_ASSERT(out->has_key && out->has_value && !out->to);
    struct aq_record *rec = put(m->flatten, m->source);
    bool further = m->flatten->n > m->first + 1;
    rec->key = out->key;
    rec->value = out->value;
    if (out->has_timestamp) {
        rec->timestamp = out->timestamp;
        rec->time_type = AQ_TIME_CREATE;
    }
    if (out->has_headers) set_headers(rec, out);
    rec->batch->added += added_bytes(m, rec, out);
    if (!further) return 0;
    struct aq_record *first = &m->flatten->list[m->first];
    if (!(first->flags & AQ_REC_HEADERS_CHANGED)) share_headers(first, m->source);
    if (!out->has_headers) share_headers(rec, m->source);
    rec->origin = NULL;
    rec->batch->grouped = true;
    return 0;
}

static void flatten_record(struct flatten *flatten, struct lua_engine *engine, struct xf_step *step,
                           struct aq_record *rec)
{
    struct making making = {
        .flatten = flatten, .source = rec, .first = flatten->n, .own_bytes = rec->key.len + rec->value.len};
    const struct lua_emit emit = {
        .call = take_result, .user = &making, .arena = &rec->batch->arena, .shape = LUA_CHAIN_RECORDS};
    struct aq_err err = {0};
    int rc = lua_engine_each(engine, step, rec, &emit, &err);
    AQ_ASSERT(rc >= 0 || flatten->n == making.first);
    if (flatten->n > making.first) return;
    if (rc < 0)
        aq_record_fail(rec, step->name, "%s", err.text);
    else
        rec->flags |= AQ_REC_DROPPED;
    put(flatten, rec);
}

static void exchange(struct flatten *flatten, struct aq_batch *batch)
{
    struct aq_record *list = batch->records;
    uint32_t cap = batch->cap;
    batch->records = flatten->list;
    batch->n = flatten->n;
    batch->cap = flatten->cap;
    *flatten = (struct flatten){.list = list, .cap = cap};
}

void flatten_batch(struct flatten *flatten, struct lua_engine *engine, struct xf_step *step,
                   struct aq_batch *batch)
{
    AQ_ASSERT(flatten->n == 0 && batch->produced == 0 && batch->outstanding == 0);
    for (uint32_t i = 0; i < batch->n; i++) {
        struct aq_record *rec = &batch->records[i];
        if (xf_wants(step, rec))
            flatten_record(flatten, engine, step, rec);
        else
            put(flatten, rec);
        /* Views belong to an address, and this one is given to another record. */
        xf_views_close(step->views);
    }
    if (batch->n > 0) exchange(flatten, batch);
    AQ_ASSERT(flatten->n == 0);
}
