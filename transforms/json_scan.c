/* SPDX-License-Identifier: Apache-2.0
 *
 * The span scanner.
 *
 * What it is: a cursor that runs once over the bytes. Every skip_* function takes the place where its piece starts and
 * returns the place behind it, or NULL after noting the error; nobody allocates except the field list, which grows to
 * the widest document seen and stays.
 *
 * An ordinary pass: json_scan() skips white space, sees '{', and scan_object() records name and value spans while
 * skip_value() steps over each value. Inside containers skip_container() keeps one bit per level (object or array)
 * instead of recursing, so a hostile document costs 64 bytes of stack, not the process. Strings, which are most of a
 * typical record, are crossed 16 bytes at a time.
 *
 * A failing pass: {"a":1,,"b":2} : after the comma scan_object() wants a quote, sees ',' and notes "unexpected" with
 * the offset. Anything behind the document other than white space is an error too: such a record is usually two
 * documents glued together, and forwarding half of it would be a silent loss.
 *
 * Invariants: no byte at or behind s->end is read; fields are in document order; a span never overlaps another.
 *
 * Threads: none of its own; everything is in the caller's structs.
 */
#include "transforms/json_scan.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"

struct scan {
    const char *start;
    const char *end;
    struct json_error error;
};

static const char *scan_fail(struct scan *s, const char *what, const char *at)
{
    AQ_DASSERT(at >= s->start && at <= s->end);
    s->error.what = what;
    s->error.at = (size_t)(at - s->start);
    s->error.byte = at < s->end ? (unsigned char)*at : -1;
    return NULL;
}

static const char *unexpected(struct scan *s, const char *at)
{
    return scan_fail(s, "unexpected", at);
}

/* The byte at p, or -1 at the end. */
static inline int peek(const struct scan *s, const char *p)
{
    return p < s->end ? (unsigned char)*p : -1;
}

static inline const char *skip_space(const struct scan *s, const char *p)
{
    while (p < s->end && (unsigned char)*p <= ' ') {
        if (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') return p;
        p++;
    }
    return p;
}

/* First byte at or behind p that ends a plain stretch of a string: quote, backslash or control byte; else the end. */
static inline const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_max_epu8(v, control), control));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask) return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p > 0x1f) p++;
    return p;
}

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* p is at the backslash. Lone surrogates pass: the grammar allows them and their bytes are forwarded as they are. */
static const char *skip_escape(struct scan *s, const char *p)
{
    switch (peek(s, p + 1)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 2;
    case 'u':
        for (int i = 2; i < 6; i++) {
            if (!is_hex(peek(s, p + i))) return scan_fail(s, "incomplete \\u escape, found", p + i);
        }
        return p + 6;
    case -1: return scan_fail(s, "string is not closed, found", p + 1);
    default: return scan_fail(s, "unknown escape, found", p + 1);
    }
}

/* p is behind the opening quote; returns the place behind the closing one. */
static inline const char *skip_string(struct scan *s, const char *p, bool *ret_escaped)
{
    for (;;) {
        p = skip_plain(p, s->end);
        if (p == s->end) return scan_fail(s, "string is not closed, found", p);
        if (*p == '"') return p + 1;
        if (*p != '\\') return scan_fail(s, "control byte in a string,", p);
        *ret_escaped = true;
        p = skip_escape(s, p);
        if (!p) return NULL;
    }
}

static inline bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline const char *skip_digits(const struct scan *s, const char *p)
{
    while (p < s->end && is_digit((unsigned char)*p)) p++;
    return p;
}

static inline const char *skip_number(struct scan *s, const char *p)
{
    if (*p == '-') p++;
    int c = peek(s, p);
    if (!is_digit(c)) return unexpected(s, p);
    if (c == '0') {
        p++;
        if (is_digit(peek(s, p))) return scan_fail(s, "number with a leading zero,", p);
    } else {
        p = skip_digits(s, p);
    }
    if (peek(s, p) == '.') {
        p++;
        if (!is_digit(peek(s, p))) return scan_fail(s, "digit expected after the point, found", p);
        p = skip_digits(s, p);
    }
    c = peek(s, p);
    if (c == 'e' || c == 'E') {
        p++;
        c = peek(s, p);
        if (c == '+' || c == '-') p++;
        if (!is_digit(peek(s, p))) return scan_fail(s, "digit expected in the exponent, found", p);
        p = skip_digits(s, p);
    }
    return p;
}

static const char *skip_word(struct scan *s, const char *p, const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (peek(s, p + i) != word[i]) return unexpected(s, p + i);
    }
    return p + len;
}

/* A value that is not a container. */
static inline const char *skip_scalar(struct scan *s, const char *p, uint8_t *ret_type)
{
    bool escaped = false;
    switch (peek(s, p)) {
    case '"': *ret_type = JS_STRING; return skip_string(s, p + 1, &escaped);
    case 't': *ret_type = JS_TRUE; return skip_word(s, p, "true", 4);
    case 'f': *ret_type = JS_FALSE; return skip_word(s, p, "false", 5);
    case 'n': *ret_type = JS_NULL; return skip_word(s, p, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': *ret_type = JS_NUMBER; return skip_number(s, p);
    default: return unexpected(s, p);
    }
}

/* One bit per open level: 1 object, 0 array. */
struct levels {
    uint64_t bits[JSON_DEPTH_MAX / 64];
    unsigned depth;
};

static inline void levels_push(struct levels *l, bool object)
{
    uint64_t bit = 1ull << (l->depth % 64);
    uint64_t *word = &l->bits[l->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    l->depth++;
}

static inline bool levels_in_object(const struct levels *l)
{
    return l->bits[(l->depth - 1) / 64] >> ((l->depth - 1) % 64) & 1;
}

/* From the quote of a name to the place where its value starts. */
static inline const char *skip_name(struct scan *s, const char *p, bool *ret_escaped,
                                    const char **ret_name_end)
{
    if (peek(s, p) != '"') return unexpected(s, p);
    p = skip_string(s, p + 1, ret_escaped);
    if (!p) return NULL;
    *ret_name_end = p;
    p = skip_space(s, p);
    if (peek(s, p) != ':') return unexpected(s, p);
    return skip_space(s, p + 1);
}

/* From behind an opening bracket, white space skipped, to the first value; *ret_empty when there is none and the
 * returned place is the closing bracket. */
static inline const char *enter_level(struct scan *s, const char *p, const struct levels *l, bool *ret_empty)
{
    bool escaped;
    const char *name_end;
    bool object = levels_in_object(l);
    *ret_empty = peek(s, p) == (object ? '}' : ']');
    if (*ret_empty || !object) return p;
    return skip_name(s, p, &escaped, &name_end);
}

/* Behind a value: closes as many levels as end here. Returns the start of the next value, or, with l->depth == base,
 * the place behind the outermost bracket. */
static inline const char *leave_value(struct scan *s, const char *p, struct levels *l, unsigned base)
{
    bool escaped;
    const char *name_end;
    for (;;) {
        p = skip_space(s, p);
        bool object = levels_in_object(l);
        int c = peek(s, p);
        if (c == ',') {
            p = skip_space(s, p + 1);
            return object ? skip_name(s, p, &escaped, &name_end) : p;
        }
        if (c != (object ? '}' : ']')) return unexpected(s, p);
        p++;
        if (--l->depth == base) return p;
    }
}

/* p is at the opening bracket; depth levels are open around it. */
static const char *skip_container(struct scan *s, const char *p, unsigned depth)
{
    struct levels l = {.depth = depth};
    uint8_t type;
    bool empty;
    for (;;) {
        int c = peek(s, p);
        if (c == '{' || c == '[') {
            if (l.depth == JSON_DEPTH_MAX) return scan_fail(s, "nested too deeply,", p);
            levels_push(&l, c == '{');
            p = enter_level(s, skip_space(s, p + 1), &l, &empty);
            if (!p) return NULL;
            if (!empty) continue;
            p++;
            if (--l.depth == depth) return p;
        } else {
            p = skip_scalar(s, p, &type);
            if (!p) return NULL;
        }
        p = leave_value(s, p, &l, depth);
        if (!p || l.depth == depth) return p;
    }
}

static inline const char *skip_value(struct scan *s, const char *p, unsigned depth, uint8_t *ret_type)
{
    int c = peek(s, p);
    if (c != '{' && c != '[') return skip_scalar(s, p, ret_type);
    *ret_type = c == '{' ? JS_OBJECT : JS_ARRAY;
    return skip_container(s, p, depth);
}

__attribute__((noinline, cold)) static void grow_fields(struct json_fields *fields)
{
    AQ_ASSERT(fields->cap <= UINT32_MAX / 2);
    fields->cap = fields->cap ? fields->cap * 2 : 64;
    fields->list = aq_realloc(fields->list, fields->cap * sizeof(*fields->list));
}

void json_fields_add(struct json_fields *fields, struct json_field field)
{
    if (fields->n == fields->cap) grow_fields(fields);
    fields->list[fields->n++] = field;
}

/* The top-level object: as skip_container(), and its fields are noted. p is behind the brace. */
static const char *scan_object(struct scan *s, const char *p, struct json_fields *fields)
{
    fields->body_at = (uint32_t)(p - s->start);
    p = skip_space(s, p);
    if (peek(s, p) == '}') return p + 1;
    for (;;) {
        struct json_field f = {.name_at = (uint32_t)(p - s->start)};
        const char *name_end;
        p = skip_name(s, p, &f.name_escaped, &name_end);
        if (!p) return NULL;
        f.name_len = (uint32_t)(name_end - s->start) - f.name_at;
        f.value_at = (uint32_t)(p - s->start);
        p = skip_value(s, p, 1, &f.type);
        if (!p) return NULL;
        f.value_len = (uint32_t)(p - s->start) - f.value_at;
        json_fields_add(fields, f);
        p = skip_space(s, p);
        int c = peek(s, p);
        if (c == '}') return p + 1;
        if (c != ',') return unexpected(s, p);
        p = skip_space(s, p + 1);
    }
}

/* p is behind the document, or NULL when it is bad. */
static int end_scan(struct scan *s, const char *p, struct json_fields *fields, struct json_error *ret_error)
{
    if (p) p = skip_space(s, p);
    if (p && p != s->end) p = scan_fail(s, "the document ends, but more follows:", p);
    if (p) return 0;
    fields->n = 0;
    *ret_error = s->error;
    return AQ_E_BAD_RECORD;
}

int json_scan(struct aq_slice text, struct json_fields *fields, enum json_type *ret_type,
              struct json_error *ret_error)
{
    AQ_ASSERT(text.ptr);
    struct scan s = {.start = text.ptr, .end = text.ptr + text.len};
    uint8_t type = JS_OBJECT;
    fields->n = 0;
    if (text.len > UINT32_MAX) {
        *ret_error = (struct json_error){.what = "document of 4 GiB or more,", .at = UINT32_MAX, .byte = -1};
        return AQ_E_BAD_RECORD;
    }
    const char *p = skip_space(&s, s.start);
    p = peek(&s, p) == '{' ? scan_object(&s, p + 1, fields) : skip_value(&s, p, 0, &type);
    int rc = end_scan(&s, p, fields, ret_error);
    if (rc == 0) *ret_type = type;
    return rc;
}

/* As scan_object(), for the elements of an array. p is behind the bracket. */
static const char *scan_elements(struct scan *s, const char *p, struct json_fields *fields)
{
    fields->body_at = (uint32_t)(p - s->start);
    p = skip_space(s, p);
    if (peek(s, p) == ']') return p + 1;
    for (;;) {
        struct json_field f = {.name_at = (uint32_t)(p - s->start), .value_at = (uint32_t)(p - s->start)};
        p = skip_value(s, p, 1, &f.type);
        if (!p) return NULL;
        f.value_len = (uint32_t)(p - s->start) - f.value_at;
        json_fields_add(fields, f);
        p = skip_space(s, p);
        int c = peek(s, p);
        if (c == ']') return p + 1;
        if (c != ',') return unexpected(s, p);
        p = skip_space(s, p + 1);
    }
}

int json_scan_array(struct aq_slice text, struct json_fields *fields, struct json_error *ret_error)
{
    AQ_ASSERT(text.ptr && text.len <= UINT32_MAX);
    struct scan s = {.start = text.ptr, .end = text.ptr + text.len};
    fields->n = 0;
    const char *p = skip_space(&s, s.start);
    p = peek(&s, p) == '[' ? scan_elements(&s, p + 1, fields) : unexpected(&s, p);
    return end_scan(&s, p, fields, ret_error);
}

void json_fields_finish(struct json_fields *fields)
{
    free(fields->list);
    *fields = (struct json_fields){0};
}

const char *json_error_text(const struct json_error *error, char *buf, size_t size)
{
    AQ_ASSERT(error->what && size > 0);
    char byte[16];
    if (error->byte < 0) {
        snprintf(byte, sizeof(byte), "end");
    } else if (error->byte >= 0x20 && error->byte < 0x7f) {
        snprintf(byte, sizeof(byte), "'%c'", error->byte);
    } else {
        snprintf(byte, sizeof(byte), "0x%02X", (unsigned)error->byte);
    }
    snprintf(buf, size, "%s %s at byte %zu", error->what, byte, error->at);
    return buf;
}

const char *json_type_name(enum json_type type)
{
    switch (type) {
    case JS_NULL: return "null";
    case JS_FALSE:
    case JS_TRUE: return "a boolean";
    case JS_NUMBER: return "a number";
    case JS_STRING: return "a string";
    case JS_ARRAY: return "an array";
    case JS_OBJECT: return "an object";
    }
    AQ_ASSERT(!"unknown JSON type");
    return "";
}
