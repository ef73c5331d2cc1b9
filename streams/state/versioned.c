/* SPDX-License-Identifier: Apache-2.0
 *
 * Versioned stores (streams/state/versioned.h).
 *
 * An ordinary pass of a put: the version that is valid at its time is looked up, and whether there is a newer one; the new one is
 * put beside them, and what the history no longer reaches is deleted. A failing pass: the store cannot be read: nothing was put.
 *
 * Invariant: among the versions of one key at most one was no longer valid at the beginning of the history, as of the last put of that
 * key.
 */
#include "streams/state/versioned.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"

#define REST_LEN 8
#define GONE     0
#define THERE    1

struct st_store_conf st_versioned_conf(void)
{
    return (struct st_store_conf){.rest_len = REST_LEN, .uncached = true};
}

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

static struct aq_slice put_rest(char bytes[REST_LEN], int64_t time_ms)
{
    AQ_ASSERT(time_ms >= 0);
    aq_be64_put(bytes, (uint64_t)time_ms);
    return aq_slice_of(bytes, REST_LEN);
}

static int64_t time_of(struct aq_slice rest)
{
    AQ_ASSERT(rest.len == REST_LEN);
    return (int64_t)aq_be64_get(rest.ptr);
}

static int read_value(struct aq_slice kept, struct aq_slice *ret, struct aq_err *err)
{
    if (kept.len < 1 || (kept.ptr[0] != GONE && kept.ptr[0] != THERE))
        return aq_fail(err, AQ_E_CORRUPT, "a versioned store holds %zu bytes that are no version", kept.len);
    *ret = kept.ptr[0] == GONE ? AQ_NULL_SLICE
           : kept.len == 1     ? AQ_LIT("")
                               : aq_slice_of(kept.ptr + 1, kept.len - 1);
    return 0;
}

static void put_value(struct st_state *state, struct aq_slice key, int64_t time_ms, struct aq_slice value)
{
    char rest[REST_LEN], gone = GONE, room[256];
    struct aq_slice bytes = aq_slice_of(&gone, 1);
    char *at = value.len < sizeof(room) ? room : aq_malloc(value.len + 1);
    if (!aq_slice_is_null(value)) {
        at[0] = THERE;
        if (value.len) memcpy(at + 1, value.ptr, value.len);
        bytes = aq_slice_of(at, value.len + 1);
    }
    st_state_put(state, key, put_rest(rest, time_ms), bytes);
    if (at != room) free(at);
}

/* ---- the latest time ---------------------------------------------------------------------------------------------- */

#define CLOCK_REST AQ_LIT("\xff\xff\xff\xff\xff\xff\xff\xff")

/* -1: nothing was put yet. */
static int read_clock(struct st_state *state, int64_t *ret_ms, struct aq_err *err)
{
    struct aq_slice kept;
    *ret_ms = -1;
    int rc = st_state_get(state, AQ_LIT(""), CLOCK_REST, &kept, err);
    if (rc != 0 || aq_slice_is_null(kept)) return rc;
    if (kept.len != REST_LEN) return aq_fail(err, AQ_E_CORRUPT, "the time of a versioned store is no time");
    *ret_ms = time_of(kept);
    return 0;
}

static int advance_clock(struct st_state *state, int64_t time_ms, int64_t *ret_ms, struct aq_err *err)
{
    int rc = read_clock(state, ret_ms, err);
    if (rc != 0 || time_ms <= *ret_ms) return rc;
    char bytes[REST_LEN];
    st_state_put(state, AQ_LIT(""), CLOCK_REST, put_rest(bytes, time_ms));
    *ret_ms = time_ms;
    return 0;
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

struct found {
    struct st_version version;
    bool any;
};

static int take_version(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                        struct aq_err *err)
{
    (void)bucket;
    struct found *found = ctx;
    found->any = true;
    found->version.valid_from = time_of(rest);
    int rc = read_value(value, &found->version.value, err);
    return rc != 0 ? rc : 1;
}

/* The version that is valid at that time. */
static int find_valid(struct st_state *state, struct aq_slice key, int64_t time_ms, struct found *ret,
                      struct aq_err *err)
{
    char to[REST_LEN];
    const struct st_state_range range = {.to = put_rest(to, time_ms), .backwards = true};
    *ret = (struct found){.version = {.value = AQ_NULL_SLICE, .valid_from = -1}};
    return st_state_bucket(state, key, &range, take_version, ret, err);
}

int st_versioned_latest(struct st_state *state, struct aq_slice key, struct st_version *ret,
                        struct aq_err *err)
{
    AQ_ASSERT(state && ret && !aq_slice_is_null(key));
    struct found found;
    int rc = find_valid(state, key, INT64_MAX, &found, err);
    *ret = found.version;
    return rc;
}

int st_versioned_get(struct st_state *state, int64_t history_ms, struct aq_slice key, int64_t as_of_ms,
                     struct st_version *ret, struct aq_err *err)
{
    AQ_ASSERT(state && ret && !aq_slice_is_null(key) && history_ms > 0);
    struct found found = {.version = {.value = AQ_NULL_SLICE, .valid_from = -1}};
    int64_t latest_ms;
    int rc = read_clock(state, &latest_ms, err);
    if (rc == 0 && as_of_ms >= latest_ms - history_ms) {
        rc = as_of_ms >= 0 ? find_valid(state, key, as_of_ms, &found, err) : 0;
    } else if (rc == 0) {
        /* Of a row that has not changed since, its one version says what it was. */
        rc = find_valid(state, key, INT64_MAX, &found, err);
        if (found.version.valid_from > as_of_ms) found.version = (struct st_version){AQ_NULL_SLICE, -1};
    }
    *ret = found.version;
    return rc;
}

/* ---- putting ------------------------------------------------------------------------------------------------------ */

/* Versions of a key that were valid before a time, the oldest first. */
struct past {
    int64_t *times;
    size_t n, cap;
    bool last_is_gone;
};

static int note_past(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                     struct aq_err *err)
{
    (void)bucket;
    struct past *past = ctx;
    struct aq_slice ignored;
    int rc = read_value(value, &ignored, err);
    if (rc != 0) return rc;
    if (past->n == past->cap) {
        past->cap = past->cap ? past->cap * 2 : 16;
        past->times = aq_realloc(past->times, past->cap * sizeof(*past->times));
    }
    past->times[past->n++] = time_of(rest);
    past->last_is_gone = aq_slice_is_null(ignored);
    return 0;
}

/* The last version from before the history is valid where it begins; those in front of it are not, and that a row was gone then needs
 * no version. */
static int forget_past(struct st_state *state, struct aq_slice key, int64_t begin_ms, struct aq_err *err)
{
    if (begin_ms < 0) return 0;
    char rest[REST_LEN];
    struct past past = {0};
    const struct st_state_range range = {.to = put_rest(rest, begin_ms)};
    int rc = st_state_bucket(state, key, &range, note_past, &past, err);
    size_t forget = past.n == 0 ? 0 : past.last_is_gone ? past.n : past.n - 1;
    for (size_t i = 0; rc == 0 && i < forget; i++)
        st_state_put(state, key, put_rest(rest, past.times[i]), AQ_NULL_SLICE);
    free(past.times);
    return rc;
}

static int has_newer(struct st_state *state, struct aq_slice key, int64_t time_ms, bool *ret,
                     struct aq_err *err)
{
    char from[REST_LEN], to[REST_LEN];
    struct found found = {0};
    *ret = false;
    if (time_ms == INT64_MAX) return 0;
    /* The end keeps the store's time out, which lies in a bucket that may be a row's, too. */
    const struct st_state_range range = {.from = put_rest(from, time_ms + 1), .to = put_rest(to, INT64_MAX)};
    int rc = st_state_bucket(state, key, &range, take_version, &found, err);
    *ret = found.any;
    return rc;
}

int st_versioned_put(struct st_state *state, int64_t history_ms, struct aq_slice key, struct aq_slice value,
                     int64_t time_ms, struct aq_arena *arena, struct aq_slice *ret_old,
                     enum st_versioned_answer *ret, struct aq_err *err)
{
    AQ_ASSERT(state && ret && !aq_slice_is_null(key) && history_ms > 0 && time_ms >= 0);
    int64_t latest_ms;
    struct found before;
    bool newer;
    *ret = ST_VERSION_EXPIRED;
    if (arena) *ret_old = AQ_NULL_SLICE;
    int rc = read_clock(state, &latest_ms, err);
    if (rc != 0 || time_ms < latest_ms - history_ms) return rc;
    rc = find_valid(state, key, time_ms, &before, err);
    if (rc == 0 && arena) *ret_old = aq_arena_copy(arena, before.version.value);
    if (rc == 0) rc = has_newer(state, key, time_ms, &newer, err);
    if (rc == 0) rc = advance_clock(state, time_ms, &latest_ms, err);
    if (rc != 0) return rc;
    put_value(state, key, time_ms, value);
    *ret = newer ? ST_VERSION_HISTORY : ST_VERSION_LATEST;
    return forget_past(state, key, latest_ms - history_ms, err);
}
