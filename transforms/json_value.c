/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of documents (transforms/json_value.h). Nothing is kept between two calls.
 */
#include "transforms/json_value.h"

#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/json_text.h"

/* 2 to the 63rd, which is a double and the first number beyond the integers. */
#define BEYOND 0x1p63

struct aq_slice json_trim(struct aq_slice text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ') text = aq_slice_of(text.ptr + 1, text.len - 1);
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ') text.len--;
    return text;
}

bool json_read_integer(struct aq_slice text, int64_t *ret)
{
    AQ_DASSERT(text.len > 0);
    const char *p = text.ptr, *end = text.ptr + text.len;
    bool negative = *p == '-';
    uint64_t limit = (uint64_t)INT64_MAX + negative, n = 0;
    for (p += negative; p < end; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (digit > 9 || n > (limit - digit) / 10) return false;
        n = n * 10 + digit;
    }
    *ret = (int64_t)(negative ? 0 - n : n);
    return true;
}

double json_read_real(struct aq_slice text)
{
    char buf[64];
    if (text.len < sizeof(buf)) {
        memcpy(buf, text.ptr, text.len);
        buf[text.len] = '\0';
        return strtod(buf, NULL);
    }
    /* So many digits are rare enough for an allocation. */
    char *copy = aq_strndup(text.ptr, text.len);
    double real = strtod(copy, NULL);
    free(copy);
    return real;
}

bool json_real_is_integer(double real, int64_t *ret)
{
    if (!(real >= -BEYOND && real < BEYOND) || real != trunc(real)) return false;
    *ret = (int64_t)real;
    return true;
}

static struct aq_slice decode_string(struct aq_slice raw, struct aq_arena *arena)
{
    AQ_DASSERT(raw.len >= 2);
    struct aq_slice text = {raw.ptr + 1, raw.len - 2};
    if (text.len == 0 || !memchr(text.ptr, '\\', text.len)) return text;
    return json_unquote(arena, raw);
}

struct json_value json_value_of(enum json_type type, struct aq_slice text, struct aq_arena *arena)
{
    struct json_value value = {.type = type, .text = text};
    if (type == JS_NUMBER) {
        value.is_integer = json_read_integer(text, &value.integer);
        if (!value.is_integer) value.real = json_read_real(text);
    } else if (type == JS_STRING) {
        value.string = decode_string(text, arena);
    }
    return value;
}

int json_value_read(struct aq_slice text, struct aq_arena *arena, struct json_value *ret,
                    struct json_error *ret_error)
{
    struct json_fields none = {0}; /* only objects have any */
    enum json_type type;
    AQ_ASSERT(text.ptr);
    struct aq_slice inner = json_trim(text);
    if (inner.len > 0 && (inner.ptr[0] == '{' || inner.ptr[0] == '[')) {
        type = inner.ptr[0] == '{' ? JS_OBJECT : JS_ARRAY;
    } else {
        int rc = json_scan(text, &none, &type, ret_error);
        if (rc < 0) return rc;
    }
    *ret = json_value_of(type, inner, arena);
    return 0;
}

static int write_number(const struct json_value *value, struct aq_arena *arena, struct aq_slice *ret,
                        struct aq_err *err)
{
    if (!value->is_integer && !isfinite(value->real))
        return aq_fail(err, AQ_E_BAD_RECORD, "%f has no JSON form", value->real);
    *ret = value->is_integer ? json_int(arena, value->integer) : json_real(arena, value->real);
    return 0;
}

int json_value_write(const struct json_value *value, struct aq_arena *arena, struct aq_slice *ret,
                     struct aq_err *err)
{
    if (!aq_slice_is_null(value->text)) {
        *ret = value->text;
        return 0;
    }
    switch (value->type) {
    case JS_NULL: *ret = AQ_LIT("null"); return 0;
    case JS_FALSE: *ret = AQ_LIT("false"); return 0;
    case JS_TRUE: *ret = AQ_LIT("true"); return 0;
    case JS_NUMBER: return write_number(value, arena, ret, err);
    case JS_STRING: *ret = json_quote(arena, value->string); return 0;
    case JS_ARRAY:
    case JS_OBJECT: break;
    }
    AQ_ASSERT(!"an array or an object has its text");
    return AQ_E_INVALID;
}

/* Not by making a double of the integer, which would make neighbours equal. NaN is the caller's. */
static int compare_mixed(int64_t integer, double real)
{
    if (real >= BEYOND) return -1;
    if (real < -BEYOND) return 1;
    int64_t whole = (int64_t)real;
    if (integer != whole) return integer < whole ? -1 : 1;
    double rest = real - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static bool is_nan(const struct json_value *value)
{
    return !value->is_integer && isnan(value->real);
}

static bool compare_numbers(const struct json_value *a, const struct json_value *b, int *ret)
{
    if (is_nan(a) || is_nan(b)) return false;
    if (a->is_integer && b->is_integer)
        *ret = (a->integer > b->integer) - (a->integer < b->integer);
    else if (a->is_integer)
        *ret = compare_mixed(a->integer, b->real);
    else if (b->is_integer)
        *ret = -compare_mixed(b->integer, a->real);
    else
        *ret = (a->real > b->real) - (a->real < b->real);
    return true;
}

bool json_value_compare(const struct json_value *a, const struct json_value *b, int *ret)
{
    if (a->type != b->type) return false;
    if (a->type == JS_NUMBER) return compare_numbers(a, b, ret);
    if (a->type != JS_STRING) return false;
    size_t shared = a->string.len < b->string.len ? a->string.len : b->string.len;
    int order = shared ? memcmp(a->string.ptr, b->string.ptr, shared) : 0;
    *ret = order ? order : (a->string.len > b->string.len) - (a->string.len < b->string.len);
    return true;
}
