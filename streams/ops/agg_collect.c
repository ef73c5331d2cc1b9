/* SPDX-License-Identifier: Apache-2.0
 *
 * collect: a JSON array of all there is, in the order in which it was processed; of two sessions the elements of the earlier come first.
 *
 * The accumulator is the number of elements, 4 bytes, and the array. A row that would have more than `limit` refuses the record, because
 * every further one would cost the whole array, in the store, in the changelog and downstream.
 *
 * When a row of a table leaves, the first element that is written like it goes; they are all in there, so this is exact. When the last
 * one goes, so does the row.
 */
#include "base/assert.h"
#include "base/big_endian.h"
#include "streams/ops/agg_parts.h"
#include "transforms/json_text.h"

#define HEAD 4 /* bytes of the number */

struct row {
    uint32_t n;
    struct aq_slice elements; /* what is between the brackets */
};

static int read_row(const struct st_agg *agg, struct aq_slice acc, struct row *ret, struct aq_err *err)
{
    *ret = (struct row){.n = 0};
    if (aq_slice_is_null(acc)) return 0;
    if (acc.len < HEAD + 2 || acc.ptr[HEAD] != '[' || acc.ptr[acc.len - 1] != ']')
        return st_agg_foreign(agg, acc, err);
    ret->n = aq_be32_get(acc.ptr);
    ret->elements = aq_slice_of(acc.ptr + HEAD + 1, acc.len - HEAD - 2);
    return 0;
}

static char *put(char *at, struct aq_slice bytes)
{
    if (bytes.len) memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

/* The elements of both, a comma between them unless one is empty. */
static struct aq_slice write_row(uint32_t n, struct aq_slice a, struct aq_slice b, struct aq_arena *arena)
{
    size_t len = HEAD + 3 + a.len + b.len;
    char *bytes = aq_arena_alloc(arena, len), *at = bytes;
    aq_be32_put(at, n);
    at[HEAD] = '[';
    at = put(at + HEAD + 1, a);
    if (a.len && b.len) *at++ = ',';
    at = put(at, b);
    *at++ = ']';
    return aq_slice_of(bytes, (size_t)(at - bytes));
}

static int check_limit(const struct st_agg *agg, uint64_t n, struct aq_err *err)
{
    if (n <= (uint64_t)agg->user->limit) return 0;
    return aq_fail(
        err, AQ_E_BAD_RECORD,
        "%s: the row would have %llu elements, and limit is %lld; raise limit, collect less of each "
        "record, or keep the largest with top_n",
        agg->name, (unsigned long long)n, (long long)agg->user->limit);
}

/* The operand as JSON text. As st_agg_read(). */
static int read_element(struct st_agg *agg, struct aq_record *rec, struct aq_arena *arena,
                        struct aq_slice acc, struct aq_slice *ret_text, struct aq_slice *ret,
                        struct aq_err *err)
{
    struct json_value value;
    int rc = st_agg_read(agg, rec, arena, acc, &value, ret, err);
    if (rc != 0) return rc;
    rc = json_value_write(&value, arena, ret_text, err);
    return rc < 0 ? aq_err_in(err, "%s", agg->name) : 0;
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    struct st_agg *agg = running;
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct aq_slice text;
    struct row row;
    int rc = read_element(agg, rec, arena, acc, &text, ret, err);
    if (rc != 0) return st_agg_code(rc);
    rc = read_row(agg, acc, &row, err);
    if (rc == 0) rc = check_limit(agg, (uint64_t)row.n + 1, err);
    if (rc == 0) *ret = st_rooms_made(&agg->rooms, write_row(row.n + 1, row.elements, text, arena));
    return rc;
}

/* The elements without the i-th; array is what was scanned. */
static struct aq_slice without(struct aq_slice array, const struct json_fields *fields, uint32_t i,
                               struct aq_arena *arena)
{
    const struct json_field *f = &fields->list[i];
    size_t end = array.len - 1;
    struct aq_slice before = {array.ptr + 1, i > 0 ? f[-1].value_at + f[-1].value_len - 1 : 0};
    struct aq_slice behind = AQ_NULL_SLICE;
    if (i + 1 < fields->n) behind = aq_slice_of(array.ptr + f[1].value_at, end - f[1].value_at);
    return write_row(fields->n - 1, before, behind, arena);
}

static int subtract(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    AQ_ASSERT(!aq_slice_is_null(acc));
    struct st_agg *agg = running;
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct aq_slice text;
    struct json_error error;
    struct row row;
    int rc = read_element(agg, rec, arena, acc, &text, ret, err);
    if (rc != 0) return st_agg_code(rc);
    rc = read_row(agg, acc, &row, err);
    if (rc < 0) return rc;
    struct aq_slice array = {acc.ptr + HEAD, acc.len - HEAD};
    if (json_scan_array(array, &agg->fields, &error) < 0) return st_agg_foreign(agg, acc, err);
    *ret = acc; /* one that was never added: it had failed */
    for (uint32_t i = 0; i < agg->fields.n; i++) {
        const struct json_field *f = &agg->fields.list[i];
        if (!aq_slice_equal(json_field_value(array, f), text)) continue;
        *ret = agg->fields.n == 1 ? AQ_NULL_SLICE
                                  : st_rooms_made(&agg->rooms, without(array, &agg->fields, i, arena));
        break;
    }
    return 0;
}

static int merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    struct st_agg *agg = running;
    struct row first, second;
    int rc = read_row(agg, a, &first, err);
    if (rc == 0) rc = read_row(agg, b, &second, err);
    if (rc == 0) rc = check_limit(agg, (uint64_t)first.n + second.n, err);
    if (rc < 0) return rc;
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    *ret = st_rooms_made(&agg->rooms, write_row(first.n + second.n, first.elements, second.elements, arena));
    return 0;
}

static int result(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                  struct aq_err *err)
{
    (void)context;
    struct row row;
    int rc = read_row(running, acc, &row, err);
    if (rc == 0) *ret = aq_slice_of(acc.ptr + HEAD, acc.len - HEAD);
    return rc;
}

static const struct st_aggregator_kind kind = {.name = "collect",
                                               .start = st_agg_start,
                                               .stop = st_agg_stop,
                                               .add = add,
                                               .subtract = subtract,
                                               .merge = merge,
                                               .result = result};

static const char *const as[] = {"json", NULL};

const struct st_function st_agg_collect = {.name = "collect",
                                           .summary = "A JSON array of them all, at most `limit`.",
                                           .kind = &kind,
                                           .takes = ST_TAKES_OF | ST_TAKES_LIMIT,
                                           .as = as};
