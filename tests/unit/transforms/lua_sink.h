/* SPDX-License-Identifier: Apache-2.0
 *
 * Where programs under test send records: written down as text, one line each. Include after cmocka.h.
 */
#ifndef AQ_TESTS_LUA_SINK_H
#define AQ_TESTS_LUA_SINK_H

#include "tests/unit/transforms/lua_test.h"

struct sink {
    char text[16384];
    size_t len;
    int fail_after; /* calls; 0: never */
    int calls;
    struct lt *t;
};

static inline void put(struct sink *s, const char *name, bool has, struct aq_slice bytes)
{
    if (!has) return;
    s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len, "%s=%.*s ", name,
                               bytes.ptr ? (int)bytes.len : 4, bytes.ptr ? bytes.ptr : "null");
}

static inline int emit_text(void *user, const struct lua_output *out, struct aq_err *err)
{
    struct sink *s = user;
    if (++s->calls == s->fail_after) return aq_fail(err, AQ_E_TXN_ABORT, "the child said no");
    assert_null(s->t->views.value.rec);
    if (s->len > sizeof(s->text) / 2) return 0; /* enough seen */
    put(s, "key", out->has_key, out->key);
    put(s, "value", out->has_value, out->value);
    if (out->has_timestamp)
        s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len, "timestamp=%lld ",
                                   (long long)out->timestamp);
    if (out->has_headers) put(s, "headers", true, AQ_LIT(""));
    for (uint16_t i = 0; i < out->n_headers; i++)
        put(s, out->headers[i].name.ptr, true, out->headers[i].value);
    if (out->to) put(s, "to", true, aq_slice_str(out->to));
    s->text[s->len - 1] = '\n';
    /* A child works on a record of its own with the same views, and leaves it open. */
    struct aq_record child = (struct aq_record){.value = AQ_LIT("{\"child\":1}"), .batch = &s->t->batch};
    struct doc *doc;
    enum json_type type;
    struct json_error error;
    assert_int_equal(xf_step_view(&s->t->step, &child, XF_PART_VALUE, &doc, &type, &error), XF_OBJECT);
    return 0;
}

static inline struct lua_emit emit_to(struct sink *s, struct lt *t, enum lua_shape shape)
{
    *s = (struct sink){.t = t};
    return (struct lua_emit){.call = emit_text, .user = s, .arena = &t->batch.arena, .shape = shape};
}

#endif
