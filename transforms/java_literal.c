/* SPDX-License-Identifier: Apache-2.0
 *
 * Connect's guessing of header literals: null, a date or time, a number; anything else is a string. Of a number only
 * the first token counts (up to one of , : [ ] { } " or \), so "1,2" becomes 1. Runs when a configuration is read.
 */
#include "transforms/java_literal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "base/assert.h"
#include "transforms/java_date.h"
#include "transforms/java_number.h"
#include "transforms/json_scan.h"

#define DAY_MS 86400000ll

/* Digits, literal characters and their places as in pattern: '0' stands for a digit. */
static bool has_shape(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++) {
        if (*pattern == '0' ? !isdigit((unsigned char)*text) : *text != *pattern) return false;
    }
    return *text == '\0';
}

static int64_t number_at(const char *text, int at, int digits)
{
    int64_t v = 0;
    for (int i = 0; i < digits; i++) v = v * 10 + (text[at + i] - '0');
    return v;
}

static int64_t time_at(const char *text, int at)
{
    return number_at(text, at, 2) * 3600000 + number_at(text, at + 3, 2) * 60000 +
           number_at(text, at + 6, 2) * 1000 + number_at(text, at + 9, 3);
}

static int64_t date_at(const char *text)
{
    return java_days(number_at(text, 0, 4), number_at(text, 5, 2), number_at(text, 8, 2)) * DAY_MS;
}

/* A date or time is written back by its magnitude, whatever it was read as: below a day as a time, whole days as a
 * date. */
static bool read_temporal(const char *text, struct aq_arena *arena, struct aq_slice *ret)
{
    int64_t ms;
    if (has_shape(text, "0000-00-00T00:00:00.000Z"))
        ms = date_at(text) + time_at(text, 11);
    else if (has_shape(text, "0000-00-00"))
        ms = date_at(text);
    else if (has_shape(text, "00:00:00.000Z"))
        ms = time_at(text, 0);
    else
        return false;
    const char *format = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";
    if (ms < DAY_MS)
        format = "HH:mm:ss.SSS'Z'";
    else if (ms % DAY_MS == 0)
        format = "yyyy-MM-dd";
    struct java_date date;
    char buf[64];
    int rc = java_date_parse(&date, format, arena, NULL);
    AQ_ASSERT(rc == 0);
    size_t len = java_date_format(&date, ms, buf, sizeof(buf));
    *ret = aq_arena_copy(arena, aq_slice_of(buf, len));
    return true;
}

/* 1 with *ret set, 0 when the token is no number, AQ_E_CONFIG for one whose text is not imitated. */
static int read_number(const char *token, struct aq_arena *arena, struct aq_slice *ret, struct aq_err *err)
{
    struct java_decimal d = java_decimal_read(token);
    if (!d.valid) return 0;
    char buf[32];
    float narrow = (float)d.real;
    if (!d.fraction && d.fits) {
        *ret = aq_slice_str(aq_arena_printf(arena, "%lld", (long long)d.whole));
    } else if (d.scale != 0 && !isinf(narrow)) {
        *ret = aq_slice_str(aq_arena_strdup(arena, java_float_text(narrow, buf)));
    } else if (d.scale != 0 && !isinf(d.real)) {
        *ret = aq_slice_str(aq_arena_strdup(arena, java_double_text(d.real, buf)));
    } else if (d.scale ==
               0) { /* an integer beyond 64 bits stays as it is written, but for a plus and zeros */
        bool negative = *token == '-';
        token += strspn(token, "+-0");
        *ret = aq_slice_str(aq_arena_printf(arena, "%s%s", negative ? "-" : "", token));
    } else {
        return aq_fail(err, AQ_E_CONFIG, "'%s' is beyond a double; use literal = \"raw\"", token);
    }
    return 1;
}

/* The first token, trimmed. */
static char *first_token(const char *text, struct aq_arena *arena)
{
    size_t len = strcspn(text, ",:[]{}\"\\");
    while (len && isspace((unsigned char)text[len - 1])) len--;
    return (char *)aq_arena_copy(arena, aq_slice_of(text, len)).ptr;
}

static char *trimmed(const char *text, struct aq_arena *arena)
{
    while (isspace((unsigned char)*text)) text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1])) len--;
    return (char *)aq_arena_copy(arena, aq_slice_of(text, len)).ptr;
}

static bool is_json_container(const char *text)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    bool ok = (*text == '[' || *text == '{') && json_scan(aq_slice_str(text), &fields, &type, &error) == 0;
    json_fields_finish(&fields);
    return ok;
}

int java_literal(const char *text, struct aq_arena *arena, struct aq_slice *ret_value, struct aq_err *err)
{
    const char *whole = trimmed(text, arena);
    const char *token = first_token(whole, arena);
    unsigned char first = (unsigned char)*token;
    if (is_json_container(whole)) {
        return aq_fail(err, AQ_E_CONFIG,
                       "Connect re-formats lists and maps; use literal = \"raw\" for these bytes");
    }
    if (strcmp(whole, "null") == 0) {
        *ret_value = AQ_NULL_SLICE;
        return 0;
    }
    *ret_value = aq_slice_str(whole);
    bool digit = isdigit(first);
    if (digit && (read_temporal(whole, arena, ret_value) || read_temporal(token, arena, ret_value))) return 0;
    if (!digit && first != '+' && first != '-') return 0;
    int rc = read_number(token, arena, ret_value, err);
    return rc < 0 ? rc : 0;
}
