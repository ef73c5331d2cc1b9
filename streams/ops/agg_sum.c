/* SPDX-License-Identifier: Apache-2.0
 *
 * sum and avg.
 *
 * Integers and doubles are summed apart: the integers exactly, the doubles with what rounding lost beside them (Neumaier's summation). So
 * a sum of integers is an integer, one into which a double came is a double, and when the last double leaves a row of a table its
 * sum is an integer again, the very one.
 *
 * An ordinary pass: the accumulator is read into a total, the record's number goes into it, and the total is written. The shortest
 * form that holds it is written: 8 bytes as long as only integers came.
 *
 * A failing pass: integers whose sum leaves 64 bits, a value that is no number, a sum without a JSON form. The row stays.
 *
 * sum goes down to 0 and stays; of avg nothing is left when its last value leaves. Accumulators: streams/ops/aggregators.h.
 */
#include <inttypes.h>
#include <math.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "streams/ops/agg_parts.h"
#include "transforms/json_text.h"

__extension__ typedef __int128 wide;

struct total {
    int64_t n;     /* values; avg only */
    int64_t reals; /* doubles among them */
    wide whole;    /* sum of the integers */
    double real;   /* of the doubles */
    double lost;   /* what rounding took from it */
};

enum { SUM_INTEGERS = 8, SUM_DOUBLE = 24, SUM_JSON = 32, AVG = 48 };

static enum st_value_type output_of(const struct st_agg *agg)
{
    AQ_ASSERT(agg->serde);
    return st_serde_type(agg->serde);
}

/* ---- totals as bytes ---------------------------------------------------------------------------------------------- */

static int64_t get(const char *at)
{
    return (int64_t)aq_be64_get(at);
}

static void get_reals(const char *at, struct total *ret)
{
    ret->reals = get(at);
    ret->real = st_agg_double(aq_be64_get(at + 8));
    ret->lost = st_agg_double(aq_be64_get(at + 16));
}

static void put_reals(char *at, const struct total *total)
{
    aq_be64_put(at, (uint64_t)total->reals);
    aq_be64_put(at + 8, st_agg_bits(total->real));
    aq_be64_put(at + 16, st_agg_bits(total->lost));
}

static int read_sum(const struct st_agg *agg, struct aq_slice acc, struct total *ret, struct aq_err *err)
{
    enum st_value_type out = output_of(agg);
    *ret = (struct total){0};
    if (aq_slice_is_null(acc)) return 0;
    if (acc.len == SUM_INTEGERS && out != ST_VALUE_DOUBLE) {
        ret->whole = get(acc.ptr);
    } else if (acc.len == SUM_DOUBLE && out == ST_VALUE_DOUBLE) {
        get_reals(acc.ptr, ret);
    } else if (acc.len == SUM_JSON && out == ST_VALUE_JSON) {
        ret->whole = get(acc.ptr);
        get_reals(acc.ptr + 8, ret);
    } else {
        return st_agg_foreign(agg, acc, err);
    }
    return 0;
}

static struct aq_slice write_sum(const struct st_agg *agg, const struct total *total, struct aq_arena *arena)
{
    size_t size = output_of(agg) == ST_VALUE_DOUBLE ? SUM_DOUBLE : total->reals ? SUM_JSON : SUM_INTEGERS;
    char *at = aq_arena_alloc(arena, size);
    if (size == SUM_DOUBLE) {
        put_reals(at, total);
    } else {
        aq_be64_put(at, (uint64_t)(int64_t)total->whole);
        if (size == SUM_JSON) put_reals(at + 8, total);
    }
    return aq_slice_of(at, size);
}

static int read_avg(const struct st_agg *agg, struct aq_slice acc, struct total *ret, struct aq_err *err)
{
    *ret = (struct total){0};
    if (aq_slice_is_null(acc)) return 0;
    if (acc.len != AVG) return st_agg_foreign(agg, acc, err);
    ret->n = get(acc.ptr);
    ret->reals = get(acc.ptr + 8);
    ret->whole = (wide)get(acc.ptr + 16) * ((wide)1 << 64) + (wide)aq_be64_get(acc.ptr + 24);
    ret->real = st_agg_double(aq_be64_get(acc.ptr + 32));
    ret->lost = st_agg_double(aq_be64_get(acc.ptr + 40));
    return 0;
}

static struct aq_slice write_avg(const struct total *total, struct aq_arena *arena)
{
    char *at = aq_arena_alloc(arena, AVG);
    aq_be64_put(at, (uint64_t)total->n);
    aq_be64_put(at + 8, (uint64_t)total->reals);
    aq_be64_put(at + 16, (uint64_t)(int64_t)(total->whole >> 64));
    aq_be64_put(at + 24, (uint64_t)total->whole);
    aq_be64_put(at + 32, st_agg_bits(total->real));
    aq_be64_put(at + 40, st_agg_bits(total->lost));
    return aq_slice_of(at, AVG);
}

/* ---- adding ------------------------------------------------------------------------------------------------------- */

static void add_real(struct total *total, double x)
{
    double sum = total->real + x;
    if (isfinite(sum))
        total->lost += fabs(total->real) >= fabs(x) ? (total->real - sum) + x : (x - sum) + total->real;
    total->real = sum;
}

/* Without doubles there is nothing that rounding could have lost. */
static void clear_reals(struct total *total)
{
    if (total->reals != 0) return;
    total->real = 0;
    total->lost = 0;
}

/* sign: 1, or -1 to take it out again. */
static void add_number(struct total *total, const struct json_value *value, int sign)
{
    AQ_ASSERT(value->type == JS_NUMBER);
    total->n += sign;
    if (value->is_integer) {
        total->whole += sign * (wide)value->integer;
        return;
    }
    total->reals += sign;
    add_real(total, sign * value->real);
    clear_reals(total);
}

static void add_total(struct total *total, const struct total *other)
{
    total->n += other->n;
    total->whole += other->whole;
    total->reals += other->reals;
    add_real(total, other->real);
    if (isfinite(other->lost)) total->lost += other->lost;
}

/* The operand, which must be a number. As st_agg_read(). */
static int read_number(struct st_agg *agg, struct aq_record *rec, struct aq_arena *arena, struct aq_slice acc,
                       struct json_value *ret_value, struct aq_slice *ret, struct aq_err *err)
{
    int rc = st_agg_read(agg, rec, arena, acc, ret_value, ret, err);
    if (rc != 0 || ret_value->type == JS_NUMBER) return rc;
    return aq_fail(err, AQ_E_BAD_RECORD,
                   "%s: of is %s and must be a number; of = \"tonumber(...)\" makes one of a string",
                   agg->name, json_type_name(ret_value->type));
}

static double real_of(const struct total *total)
{
    return (double)total->whole + (total->real + total->lost);
}

/* JSON has no text for what is not finite. */
static int check_finite(const struct st_agg *agg, double real, struct aq_err *err)
{
    if (isfinite(real) || output_of(agg) != ST_VALUE_JSON) return 0;
    return aq_fail(err, AQ_E_BAD_RECORD, "%s: it would be %f, which has no JSON form; use as = \"double\"",
                   agg->name, real);
}

/* ---- sum ---------------------------------------------------------------------------------------------------------- */

/* The number as the sum is kept. */
static int fit(const struct st_agg *agg, struct json_value *value, struct aq_err *err)
{
    if (output_of(agg) == ST_VALUE_DOUBLE && value->is_integer) {
        double real = (double)value->integer;
        *value = (struct json_value){.type = JS_NUMBER, .real = real};
    } else if (output_of(agg) == ST_VALUE_INT64 && !value->is_integer) {
        int64_t integer;
        if (!json_real_is_integer(value->real, &integer))
            return aq_fail(err, AQ_E_BAD_RECORD,
                           "%s: %.17g is no integer of 64 bits; use as = \"json\" or \"double\"", agg->name,
                           value->real);
        *value = (struct json_value){.type = JS_NUMBER, .is_integer = true, .integer = integer};
    }
    return 0;
}

/* Writes the new sum when it can be told. */
static int keep_sum(struct st_agg *agg, const struct total *total, struct aq_arena *arena,
                    struct aq_slice *ret, struct aq_err *err)
{
    if (total->whole < INT64_MIN || total->whole > INT64_MAX)
        return aq_fail(
            err, AQ_E_BAD_RECORD,
            "%s: the integers come to %.17g, which is more than 64 bits hold; use as = \"double\" to go on "
            "with rounded numbers",
            agg->name, (double)total->whole);
    int rc = check_finite(agg, real_of(total), err);
    if (rc == 0) *ret = st_rooms_made(&agg->rooms, write_sum(agg, total, arena));
    return rc;
}

/* How a total lies in a row, and what must be so before it does. */
struct form {
    int (*read)(const struct st_agg *agg, struct aq_slice acc, struct total *ret, struct aq_err *err);
    int (*keep)(struct st_agg *agg, const struct total *total, struct aq_arena *arena, struct aq_slice *ret,
                struct aq_err *err);
    bool fits; /* values first become what the result is made of */
};

static int change(struct st_agg *agg, const struct form *form, struct aq_record *rec, struct aq_slice acc,
                  int sign, struct aq_slice *ret, struct aq_err *err)
{
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct json_value value;
    struct total total;
    int rc = read_number(agg, rec, arena, acc, &value, ret, err);
    if (rc != 0) return st_agg_code(rc);
    if (form->fits) rc = fit(agg, &value, err);
    if (rc == 0) rc = form->read(agg, acc, &total, err);
    if (rc < 0) return rc;
    add_number(&total, &value, sign);
    return form->keep(agg, &total, arena, ret, err);
}

static int merge(struct st_agg *agg, const struct form *form, struct aq_slice a, struct aq_slice b,
                 struct aq_slice *ret, struct aq_err *err)
{
    struct total total, other;
    int rc = form->read(agg, a, &total, err);
    if (rc == 0) rc = form->read(agg, b, &other, err);
    if (rc < 0) return rc;
    add_total(&total, &other);
    return form->keep(agg, &total, st_rooms_next(&agg->rooms), ret, err);
}

static const struct form sums = {.read = read_sum, .keep = keep_sum, .fits = true};

static int add_sum(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                   struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    return change(running, &sums, rec, acc, 1, ret, err);
}

static int subtract_sum(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                        struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    AQ_ASSERT(!aq_slice_is_null(acc));
    return change(running, &sums, rec, acc, -1, ret, err);
}

static int merge_sum(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                     struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    return merge(running, &sums, a, b, ret, err);
}

static struct aq_slice double_bytes(struct aq_arena *arena, double real)
{
    char *at = aq_arena_alloc(arena, 8);
    aq_be64_put(at, st_agg_bits(st_double(real).number));
    return aq_slice_of(at, 8);
}

static int sum_result(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                      struct aq_err *err)
{
    const struct st_agg *agg = running;
    struct total total;
    int rc = read_sum(agg, acc, &total, err);
    if (rc < 0) return rc;
    AQ_ASSERT(output_of(agg) != ST_VALUE_INT64);
    if (output_of(agg) == ST_VALUE_DOUBLE)
        *ret = double_bytes(st_arena(context), real_of(&total));
    else
        *ret = total.reals ? json_real(st_arena(context), real_of(&total))
                           : json_int(st_arena(context), (int64_t)total.whole);
    return 0;
}

/* ---- avg ---------------------------------------------------------------------------------------------------------- */

/* Writes the new total; without values there is no average. */
static int keep_avg(struct st_agg *agg, const struct total *total, struct aq_arena *arena,
                    struct aq_slice *ret, struct aq_err *err)
{
    int rc = check_finite(agg, real_of(total), err);
    if (rc < 0) return rc;
    *ret = total->n == 0 ? AQ_NULL_SLICE : st_rooms_made(&agg->rooms, write_avg(total, arena));
    return 0;
}

static const struct form averages = {.read = read_avg, .keep = keep_avg};

static int add_avg(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                   struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    return change(running, &averages, rec, acc, 1, ret, err);
}

static int subtract_avg(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                        struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    AQ_ASSERT(!aq_slice_is_null(acc));
    return change(running, &averages, rec, acc, -1, ret, err);
}

static int merge_avg(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                     struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    return merge(running, &averages, a, b, ret, err);
}

static int avg_result(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                      struct aq_err *err)
{
    const struct st_agg *agg = running;
    struct total total;
    int rc = read_avg(agg, acc, &total, err);
    if (rc < 0) return rc;
    if (total.n == 0) return st_agg_foreign(agg, acc, err);
    double real = real_of(&total) / (double)total.n;
    bool json = output_of(agg) == ST_VALUE_JSON;
    *ret = json ? json_real(st_arena(context), real) : double_bytes(st_arena(context), real);
    return 0;
}

/* ---- what they are ------------------------------------------------------------------------------------------------ */

static const struct st_aggregator_kind sum_kind = {.name = "sum",
                                                   .start = st_agg_start,
                                                   .stop = st_agg_stop,
                                                   .add = add_sum,
                                                   .subtract = subtract_sum,
                                                   .merge = merge_sum,
                                                   .result = sum_result};

/* What is kept of integers is the result, as Kafka Streams keeps it for its LongSerde, so rows can be looked up. */
static const struct st_aggregator_kind sum_int64_kind = {.name = "sum",
                                                         .start = st_agg_start,
                                                         .stop = st_agg_stop,
                                                         .add = add_sum,
                                                         .subtract = subtract_sum,
                                                         .merge = merge_sum};

static const struct st_aggregator_kind avg_kind = {.name = "avg",
                                                   .start = st_agg_start,
                                                   .stop = st_agg_stop,
                                                   .add = add_avg,
                                                   .subtract = subtract_avg,
                                                   .merge = merge_avg,
                                                   .result = avg_result};

static const char *const sum_as[] = {"json", "int64", "double", NULL};
static const char *const avg_as[] = {"double", "json", NULL};

const struct st_function st_agg_sum = {.name = "sum",
                                       .summary = "The sum of numbers: of integers exactly.",
                                       .kind = &sum_kind,
                                       .as_int64 = &sum_int64_kind,
                                       .takes = ST_TAKES_OF,
                                       .as = sum_as};

const struct st_function st_agg_avg = {.name = "avg",
                                       .summary = "The average of numbers.",
                                       .kind = &avg_kind,
                                       .takes = ST_TAKES_OF,
                                       .as = avg_as};
