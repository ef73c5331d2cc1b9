/* SPDX-License-Identifier: Apache-2.0
 *
 * Join of two tables by a foreign key (streams/ops/op_foreign.h).
 *
 * An ordinary pass: a left row comes, or refers to another right row than before: the old subscription is deleted, a new one goes to the
 * partition of the foreign key. There it is remembered, and answered with the right row. The answer comes back to the left row, which
 * still has the hash the answer carries: both are joined. When the right row changes, all subscriptions of its key are answered.
 *
 * A left row that refers to nothing needs no answer: what its result is, or that there is none any more, goes on at once (`unmatched`),
 * in a node of its own because its records have other serdes than subscriptions. Answers to what that row said before are on their way
 * at most, and then their hash is an old one.
 *
 * Answers come late, and one whose hash is an old one is dropped. So a result that is no more must not depend on an answer that may be
 * dropped: the last subscription of a row that may have had a result is always answered, with null if need be.
 *
 * A failing pass: the function that finds the foreign key fails: nothing was sent, and the processing error handler decides.
 *
 * A tombstone may come for a row that had no result, as in Kafka Streams: who deletes a subscription does not know whether its answer
 * had a row in it.
 */
#include "streams/ops/op_foreign.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/rows.h"

/* ---- subscribe ---------------------------------------------------------------------------------------------------- */

struct subscribing {
    const struct st_foreign_key_join *conf;
    struct st_row_running foreign_key;
};

/* What a changed left row referred to, and refers to; null: to nothing. */
struct keys {
    struct aq_slice was, is;
};

static void start_key(struct subscribing *s, struct st_context *context)
{
    AQ_ASSERT(s->conf);
    st_row_function_start(&s->foreign_key, context, &s->conf->foreign_key, context->key_serde);
}

static int start_keys(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_foreign_key_join *conf = user;
    struct subscribing *s = aq_calloc(1, sizeof(*s));
    s->conf = conf;
    start_key(s, context);
    *ret_state = s;
    return 0;
}

static void stop_keys(struct st_context *context, void *state)
{
    (void)context;
    struct subscribing *s = state;
    st_row_function_stop(&s->foreign_key);
    free(s);
}

static int find_key(struct subscribing *s, const struct aq_record *rec, struct aq_slice value,
                    struct aq_slice *ret, struct aq_err *err)
{
    *ret = AQ_NULL_SLICE;
    return aq_slice_is_null(value) ? 0 : st_row_function_eval(&s->foreign_key, rec, value, ret, err);
}

static int send(struct st_context *context, const struct aq_record *rec, struct aq_slice foreign_key,
                enum st_foreign_instruction instruction, struct aq_err *err)
{
    AQ_ASSERT(!aq_slice_is_null(foreign_key));
    const struct st_subscription subscription = {
        .instruction = instruction, .hash = st_row_hash_of(rec->value), .primary_key = rec->key};
    struct aq_record made = *rec;
    made.key = foreign_key;
    made.value = st_subscription_encode(&subscription, st_arena(context));
    return st_forward(context, &made, err);
}

/* The row refers to `is` now. In an inner join one that did not refer to anything before has no result that would have to be deleted
 * for want of a right row. */
static int subscribe(struct subscribing *s, struct st_context *context, const struct aq_record *rec,
                     const struct keys *keys, struct aq_err *err)
{
    bool referred = !aq_slice_is_null(keys->was), moved = referred && !aq_slice_equal(keys->was, keys->is);
    int rc = moved ? send(context, rec, keys->was, ST_DELETE_KEY_NO_PROPAGATE, err) : 0;
    if (rc != 0) return rc;
    bool may_have_had = s->conf->left || (s->conf->compat ? moved : referred);
    return send(
        context, rec, keys->is,
        may_have_had ? ST_PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE : ST_PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE, err);
}

static int process_left(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct subscribing *s = state;
    const struct st_row row = st_row(context);
    struct keys keys;
    AQ_ASSERT(!aq_slice_is_null(rec->key));
    if (!row.is_latest) {
        st_drop(context);
        return 0;
    }
    if (!row.known)
        return aq_fail(err, AQ_E_CONFIG, "the left table does not know what its rows were: give it a store");
    int rc = find_key(s, rec, row.old, &keys.was, err);
    if (rc == 0) rc = find_key(s, rec, rec->value, &keys.is, err);
    if (rc != 0) return rc;
    if (!aq_slice_is_null(keys.is)) return subscribe(s, context, rec, &keys, err);
    /* In an inner join a row that should refer to something and does not is dropped. */
    if (!s->conf->left && !aq_slice_is_null(rec->value)) st_drop(context);
    if (aq_slice_is_null(keys.was)) return 0;
    return send(context, rec, keys.was,
                s->conf->left || !s->conf->compat ? ST_DELETE_KEY_NO_PROPAGATE : ST_DELETE_KEY_AND_PROPAGATE,
                err);
}

const struct st_processor_kind st_foreign_subscribe_kind = {.name = "foreign_key_subscribe",
                                                            .changes_key = true,
                                                            .start = start_keys,
                                                            .process = process_left,
                                                            .stop = stop_keys};

/* ---- unmatched ---------------------------------------------------------------------------------------------------- */

struct unmatched {
    struct subscribing keys;
    void *joiner;
};

static int start_unmatched(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_foreign_key_join *conf = user;
    AQ_ASSERT(conf->left || !conf->compat);
    struct unmatched *u = aq_calloc(1, sizeof(*u));
    u->keys.conf = conf;
    int rc = st_joiner_start(&conf->joiner, context, &u->joiner, err);
    if (rc != 0) {
        free(u);
        return rc;
    }
    start_key(&u->keys, context);
    *ret_state = u;
    return 0;
}

static void stop_unmatched(struct st_context *context, void *state)
{
    (void)context;
    struct unmatched *u = state;
    st_joiner_stop(&u->keys.conf->joiner, u->joiner);
    st_row_function_stop(&u->keys.foreign_key);
    free(u);
}

static int process_unmatched(struct st_context *context, void *state, struct aq_record *rec,
                             struct aq_err *err)
{
    struct unmatched *u = state;
    const struct st_foreign_key_join *conf = u->keys.conf;
    const struct st_row row = st_row(context);
    struct keys keys;
    bool gone = aq_slice_is_null(rec->value);
    if (!row.is_latest || !row.known || (gone && aq_slice_is_null(row.old))) return 0;
    int rc = find_key(&u->keys, rec, rec->value, &keys.is, err);
    if (rc != 0 || !aq_slice_is_null(keys.is)) return rc;
    if (!conf->left) {
        rc = find_key(&u->keys, rec, row.old, &keys.was, err);
        if (rc != 0 || aq_slice_is_null(keys.was)) return rc;
        rec->value = AQ_NULL_SLICE;
    } else if (!gone) {
        rc = st_join(&conf->joiner, context, u->joiner, rec->key, rec->value, AQ_NULL_SLICE, AQ_NULL_SLICE,
                     &rec->value, err);
    }
    return rc == 0 ? st_forward(context, rec, err) : rc;
}

const struct st_processor_kind st_foreign_unmatched_kind = {.name = "foreign_key_unmatched",
                                                            .start = start_unmatched,
                                                            .process = process_unmatched,
                                                            .stop = stop_unmatched};

/* ---- subscriptions, at the right table ---------------------------------------------------------------------------- */

static int answer(struct st_context *context, const struct aq_record *rec, struct aq_slice primary_key,
                  const struct st_row_hash *hash, struct aq_slice value, struct aq_err *err)
{
    const struct st_response response = {.hash = *hash, .value = value};
    struct aq_record made = *rec;
    made.key = primary_key;
    made.value = st_response_encode(&response, st_arena(context));
    return st_forward(context, &made, err);
}

static int start_subscriptions(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_foreign_key_join *conf = user;
    struct st_lookup *right = aq_calloc(1, sizeof(*right));
    *right = (struct st_lookup){.store = st_store(context, 1), .history_ms = conf->right_history_ms};
    *ret_state = right;
    return 0;
}

static int process_subscription(struct st_context *context, void *state, struct aq_record *rec,
                                struct aq_err *err)
{
    const struct st_lookup *right = state;
    struct st_subscription s;
    struct st_looked_up row;
    st_settle(context, rec);
    AQ_ASSERT(!aq_slice_is_null(rec->key));
    int rc = st_subscription_decode(rec->value, &s, err);
    if (rc != 0) return rc;
    bool ends = s.instruction == ST_DELETE_KEY_NO_PROPAGATE || s.instruction == ST_DELETE_KEY_AND_PROPAGATE;
    struct aq_slice hash = ends ? AQ_NULL_SLICE : aq_slice_of(s.hash.bytes, ST_ROW_HASH_LEN);
    st_state_put(st_store(context, 0), rec->key, s.primary_key, hash);
    if (s.instruction == ST_DELETE_KEY_NO_PROPAGATE) return 0;
    rc = st_look_up(right, rec->key, &row, err);
    if (rc != 0) return rc;
    bool has_row = !aq_slice_is_null(row.value);
    if (!has_row && s.instruction == ST_PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE) return 0;
    if (has_row && row.time_ms > rec->timestamp) rec->timestamp = row.time_ms;
    return answer(context, rec, s.primary_key, &s.hash, ends ? AQ_NULL_SLICE : row.value, err);
}

static void stop_subscriptions(struct st_context *context, void *state)
{
    (void)context;
    free(state);
}

const struct st_processor_kind st_foreign_subscriptions_kind = {.name = "foreign_key_subscriptions",
                                                                .changes_key = true,
                                                                .copartitioned = true,
                                                                .start = start_subscriptions,
                                                                .process = process_subscription,
                                                                .stop = stop_subscriptions};

/* Who asked for a right row: read first, because a store must not be used while it is walked over. */
struct askers {
    struct aq_arena *arena;
    struct asker {
        struct aq_slice primary_key;
        struct st_row_hash hash;
    } * list;
    size_t n, cap;
};

static int note_asker(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                      struct aq_err *err)
{
    (void)bucket;
    struct askers *askers = ctx;
    if (value.len != ST_ROW_HASH_LEN)
        return aq_fail(err, AQ_E_CORRUPT, "a store of subscriptions holds %zu bytes that are no hash",
                       value.len);
    if (askers->n == askers->cap) {
        askers->cap = askers->cap ? askers->cap * 2 : 16;
        askers->list = aq_realloc(askers->list, askers->cap * sizeof(*askers->list));
    }
    struct asker *asker = &askers->list[askers->n++];
    asker->primary_key = aq_arena_copy(askers->arena, rest);
    asker->hash.has = true;
    memcpy(asker->hash.bytes, value.ptr, ST_ROW_HASH_LEN);
    return 0;
}

static int process_right(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    const struct st_row row = st_row(context);
    struct askers askers = {.arena = st_arena(context)};
    const struct st_state_range all = {.from = AQ_NULL_SLICE};
    AQ_ASSERT(!aq_slice_is_null(rec->key));
    if (!row.is_latest) {
        st_drop(context);
        return 0;
    }
    int rc = st_state_bucket(st_store(context, 0), rec->key, &all, note_asker, &askers, err);
    for (size_t i = 0; rc == 0 && i < askers.n; i++)
        rc = answer(context, rec, askers.list[i].primary_key, &askers.list[i].hash, rec->value, err);
    free(askers.list);
    return rc;
}

const struct st_processor_kind st_foreign_changed_kind = {
    .name = "foreign_key_changed", .changes_key = true, .needs_key = true, .process = process_right};

/* ---- respond ------------------------------------------------------------------------------------------------------ */

struct responding {
    const struct st_foreign_key_join *conf;
    void *joiner;
    struct st_lookup left;
};

static int start_respond(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_foreign_key_join *conf = user;
    struct responding *r = aq_calloc(1, sizeof(*r));
    r->conf = conf;
    r->left = (struct st_lookup){.store = st_store(context, 0), .history_ms = conf->left_history_ms};
    int rc = st_joiner_start(&conf->joiner, context, &r->joiner, err);
    if (rc != 0) {
        free(r);
        return rc;
    }
    *ret_state = r;
    return 0;
}

/* compat: Kafka Streams' answer with an empty row reads as one without a row. */
static bool is_row(const struct responding *r, struct aq_slice value)
{
    return !aq_slice_is_null(value) && (value.len > 0 || !r->conf->compat);
}

static int process_response(struct st_context *context, void *state, struct aq_record *rec,
                            struct aq_err *err)
{
    struct responding *r = state;
    struct st_response response;
    struct st_looked_up left;
    st_settle(context, rec);
    int rc = st_response_decode(rec->value, &response, err);
    if (rc == 0) rc = st_look_up(&r->left, rec->key, &left, err);
    if (rc != 0) return rc;
    struct st_row_hash hash = st_row_hash_of(left.value);
    if (!st_row_hash_equal(&hash, &response.hash)) return 0;
    bool has_left = !aq_slice_is_null(left.value), has_right = is_row(r, response.value);
    if (!has_right) response.value = AQ_NULL_SLICE;
    rec->value = AQ_NULL_SLICE;
    if (has_left && (has_right || r->conf->left))
        rc = st_join(&r->conf->joiner, context, r->joiner, rec->key, left.value, response.value, left.value,
                     &rec->value, err);
    return rc == 0 ? st_forward(context, rec, err) : rc;
}

static void stop_respond(struct st_context *context, void *state)
{
    (void)context;
    struct responding *r = state;
    st_joiner_stop(&r->conf->joiner, r->joiner);
    free(r);
}

const struct st_processor_kind st_foreign_respond_kind = {.name = "foreign_key_respond",
                                                          .copartitioned = true,
                                                          .start = start_respond,
                                                          .process = process_response,
                                                          .stop = stop_respond};
