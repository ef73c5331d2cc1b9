/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text pieces. Everything here was validated by the scanner before (unquote) or comes from the configuration
 * (quote), so there is nothing to fail.
 */
#include "transforms/json_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static const char hex_digits[] = "0123456789abcdef";

/* The letter behind the backslash for bytes that have a short escape, else 0. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

struct aq_slice json_quote(struct aq_arena *arena, struct aq_slice text)
{
    AQ_ASSERT(text.ptr);
    char *out = aq_arena_reserve(arena, text.len * 6 + 2);
    char *o = out;
    *o++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        char letter = short_escape(c);
        if (letter) {
            *o++ = '\\';
            *o++ = letter;
        } else if (c < 0x20) {
            memcpy(o, "\\u00", 4);
            o[4] = hex_digits[c >> 4];
            o[5] = hex_digits[c & 15];
            o += 6;
        } else {
            *o++ = (char)c;
        }
    }
    *o++ = '"';
    aq_arena_keep(arena, (size_t)(o - out));
    return aq_slice_of(out, (size_t)(o - out));
}

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
        AQ_DASSERT(digit < 16);
        v = v << 4 | digit;
    }
    return v;
}

static char *put_utf8(char *o, unsigned c)
{
    if (c < 0x80) {
        *o++ = (char)c;
    } else if (c < 0x800) {
        *o++ = (char)(0xc0 | c >> 6);
        *o++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *o++ = (char)(0xe0 | c >> 12);
        *o++ = (char)(0x80 | (c >> 6 & 0x3f));
        *o++ = (char)(0x80 | (c & 0x3f));
    } else {
        *o++ = (char)(0xf0 | c >> 18);
        *o++ = (char)(0x80 | (c >> 12 & 0x3f));
        *o++ = (char)(0x80 | (c >> 6 & 0x3f));
        *o++ = (char)(0x80 | (c & 0x3f));
    }
    return o;
}

/* p is at the backslash; writes the character and returns the place behind the escape. */
static const char *unescape(const char *p, const char *end, char **o)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p[1] != 'u') {
        const char *at = strchr(from, p[1]);
        AQ_ASSERT(at && *at);
        *(*o)++ = to[at - from];
        return p + 2;
    }
    unsigned c = hex4(p + 2);
    p += 6;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        unsigned low = hex4(p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
    }
    *o = put_utf8(*o, c);
    return p;
}

struct aq_slice json_unquote(struct aq_arena *arena, struct aq_slice raw)
{
    AQ_ASSERT(raw.len >= 2 && raw.ptr[0] == '"' && raw.ptr[raw.len - 1] == '"');
    char *out = aq_arena_reserve(arena, raw.len);
    char *o = out;
    const char *end = raw.ptr + raw.len - 1;
    for (const char *p = raw.ptr + 1; p < end;) {
        if (*p == '\\') {
            p = unescape(p, end, &o);
        } else {
            *o++ = *p++;
        }
    }
    AQ_ASSERT((size_t)(o - out) <= raw.len);
    aq_arena_keep(arena, (size_t)(o - out));
    return aq_slice_of(out, (size_t)(o - out));
}

struct aq_slice json_unquote_text(struct aq_arena *arena, struct aq_slice raw)
{
    return aq_arena_copy(arena, json_unquote(arena, raw));
}

struct aq_slice json_field_name(struct aq_arena *arena, struct aq_slice text, const struct json_field *field)
{
    AQ_ASSERT(field->name_len >= 2);
    return json_unquote_text(arena, aq_slice_of(text.ptr + field->name_at, field->name_len));
}

struct aq_slice json_field_value(struct aq_slice text, const struct json_field *field)
{
    return aq_slice_of(text.ptr + field->value_at, field->value_len);
}

struct aq_slice json_int(struct aq_arena *arena, int64_t value)
{
    char text[24];
    char *p = text + sizeof(text);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) *--p = '-';
    size_t len = (size_t)(text + sizeof(text) - p);
    char *out = aq_arena_reserve(arena, len);
    memcpy(out, p, len);
    aq_arena_keep(arena, len);
    return aq_slice_of(out, len);
}

struct aq_slice json_real(struct aq_arena *arena, double value)
{
    AQ_ASSERT(isfinite(value));
    char text[40];
    /* Up to 15 digits survive the way there and back, %g leaves zeros at the end out, and so 15 find all that are
     * shorter; the smallest numbers have less precision than that. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return aq_arena_copy(arena, aq_slice_str(strpbrk(text, ".e") ? text : strcat(text, ".0")));
}
