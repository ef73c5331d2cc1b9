/* SPDX-License-Identifier: Apache-2.0
 *
 * One Lua program on one record, without a chain. Include after cmocka.h.
 */
#ifndef AQ_TESTS_LUA_TEST_H
#define AQ_TESTS_LUA_TEST_H

#include "tests/unit/transforms/xf_test.h"
#include "transforms/lua_engine.h"
#include "transforms/views.h"

struct lt {
    struct lua_program program;
    struct lua_engine *engine;
    struct xf_views views;
    struct xf_step step;
    struct aq_names names;
    struct aq_batch batch;
    struct aq_record *rec;
    struct lua_result result;
    struct aq_err err;
};

static inline void lt_open(struct lt *t, enum lua_form form, const char *text)
{
    *t = (struct lt){.program = {.form = form,
                                 .name = "where",
                                 .text = aq_slice_str(text),
                                 .call = "transform",
                                 .instruction_limit = 100000,
                                 .memory_limit = 1 << 20}};
    t->engine = lua_engine_start(&t->program);
    xf_views_init(&t->views);
    t->step = (struct xf_step){.name = "x", .views = &t->views, .names = &t->names};
    aq_names_init(&t->names);
    aq_batch_init(&t->batch, 1);
    t->batch.topic = aq_names_intern(&t->names, AQ_LIT("orders"));
    t->batch.partition = 3;
}

static inline void lt_close(struct lt *t)
{
    lua_engine_stop(t->engine);
    aq_batch_finish(&t->batch);
    xf_views_finish(&t->views);
    aq_names_finish(&t->names);
}

static inline void lt_record(struct lt *t, struct aq_slice key, struct aq_slice value)
{
    aq_batch_release(&t->batch);
    t->rec = aq_batch_add(&t->batch);
    t->rec->key = key;
    t->rec->value = value;
    t->rec->offset = 981;
    t->rec->timestamp = 1582981323456;
    t->rec->time_type = AQ_TIME_CREATE;
}

/* A new record; what lua_engine_run() returned. */
static inline int lt_run_slices(struct lt *t, struct aq_slice key, struct aq_slice value)
{
    lt_record(t, key, value);
    int rc = lua_engine_run(t->engine, &t->step, t->rec, &t->result, &t->err);
    xf_views_write(&t->views);
    return rc;
}

static inline int lt_run(struct lt *t, const char *key, const char *value)
{
    return lt_run_slices(t, aq_slice_str(key), aq_slice_str(value));
}

/* An expression on a value: the result as text, or what it fails with. */
struct lt_case {
    const char *expression;
    const char *value;
    const char *want;
    const char *error;
};

static inline void lt_case_run(const struct lt_case *c)
{
    struct lt t;
    char *text = aq_asprintf("tostring(%s)", c->expression);
    lt_open(&t, LUA_EXPRESSION, text);
    int rc = lt_run(&t, NULL, c->value);
    if (c->error) {
        if (rc != AQ_E_BAD_RECORD) fail_msg("%s did not fail", c->expression);
        if (!strstr(t.err.text, c->error)) fail_msg("%s: %s, want %s", c->expression, t.err.text, c->error);
    } else {
        if (rc < 0) fail_msg("%s: %s", c->expression, t.err.text);
        if (!aq_slice_equal(t.result.text, aq_slice_str(c->want)))
            fail_msg("%s on %s is %s, want %s", c->expression, c->value, t.result.text.ptr, c->want);
    }
    xt_expect(t.rec->value, c->value);
    lt_close(&t);
    free(text);
}

#endif
