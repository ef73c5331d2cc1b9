/* SPDX-License-Identifier: Apache-2.0
 *
 * The orders chain, the plain way: walk over the top-level fields of the object, write each one out, changed or not.
 * It understands as much JSON as that takes: strings with escapes, nested brackets, everything else up to the next
 * comma or bracket. It must stay independent of the scanner in transforms/, or both could be wrong together.
 */
#include "tests/lib/expect.h"

#include "tests/lib/check.h"

struct member {
    struct aq_slice name;  /* between the quotes */
    struct aq_slice value; /* as it stands */
};

static const char *blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

/* Past the closing quote of the string that opens at `at`; NULL when there is none. */
static const char *past_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            return at + 1;
    }
    return NULL;
}

static const char *past_value(const char *at, const char *end)
{
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            if (!(at = past_string(at, end))) return NULL;
            if (!depth) return at;
            continue;
        }
        if (depth == 0 && (*at == ',' || *at == '}' || *at == ']')) return at;
        if (*at == '{' || *at == '[') depth++;
        if ((*at == '}' || *at == ']') && --depth == 0) return at + 1;
        at++;
    }
    return NULL;
}

/* The member at `at`, which stands after '{' or ','; where it ends. NULL at '}' or at what is not JSON. */
static const char *next_member(const char *at, const char *end, struct member *ret)
{
    at = blank(at, end);
    if (at >= end || *at != '"') return NULL;
    const char *after = past_string(at, end);
    if (!after) return NULL;
    ret->name = aq_slice_of(at + 1, (size_t)(after - at) - 2);
    at = blank(after, end);
    if (at >= end || *at != ':') return NULL;
    at = blank(at + 1, end);
    after = past_value(at, end);
    if (!after) return NULL;
    ret->value = aq_slice_of(at, (size_t)(after - at));
    return blank(after, end);
}

static bool is(struct aq_slice name, const char *text)
{
    return aq_slice_equal(name, aq_slice_str(text));
}

static char *put(char *at, struct aq_slice text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

struct aq_slice t_expect_orders(struct t_expect *expect, struct aq_slice value)
{
    if (!value.ptr) return value;
    if (expect->room < value.len + 128) {
        expect->room = value.len + 4096;
        expect->text = t_realloc(expect->text, expect->room);
    }
    const char *at = value.ptr, *end = value.ptr + value.len;
    char *out = expect->text;
    T_CHECK(value.len >= 2 && *at == '{', "not an object: %.*s", (int)value.len, value.ptr);
    *out++ = '{';
    struct member member;
    bool first = true;
    while ((at = next_member(at + 1, end, &member)) != NULL) {
        if (!is(member.name, "debug")) {
            out = put(out, first ? AQ_LIT("\"") : AQ_LIT(",\""));
            out = put(out, is(member.name, "cust") ? AQ_LIT("customer_id") : member.name);
            out = put(out, AQ_LIT("\":"));
            bool masked = is(member.name, "email") || is(member.name, "ssn");
            out = put(out, masked ? AQ_LIT("\"***\"") : member.value);
            first = false;
        }
        if (at >= end || *at != ',') break;
    }
    T_CHECK(at == end - 1 && *at == '}', "not a compact object: %.*s", (int)value.len, value.ptr);
    out = put(out, first ? AQ_LIT("\"origin\":\"dc1\"}") : AQ_LIT(",\"origin\":\"dc1\"}"));
    return aq_slice_of(expect->text, (size_t)(out - expect->text));
}

void t_expect_finish(struct t_expect *expect)
{
    free(expect->text);
    *expect = (struct t_expect){0};
}

struct aq_slice t_expect_order_id(struct aq_slice value)
{
    if (value.len < 2 || value.ptr[0] != '{') return AQ_NULL_SLICE;
    const char *at = value.ptr, *end = value.ptr + value.len;
    struct member member;
    while ((at = next_member(at + 1, end, &member)) != NULL) {
        if (is(member.name, "order_id")) return member.value;
        if (at >= end || *at != ',') break;
    }
    return AQ_NULL_SLICE;
}
