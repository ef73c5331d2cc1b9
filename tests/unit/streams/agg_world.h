/* SPDX-License-Identifier: Apache-2.0
 *
 * One aggregator as a configuration makes it, fed by hand: rows are kept as a store keeps them, in bytes of their own. Runs in a
 * task of source "in", node "x" and sink "out".
 */
#ifndef AQ_TESTS_AGG_WORLD_H
#define AQ_TESTS_AGG_WORLD_H

#include "streams/forms/form_aggregator.h"
#include "tests/unit/streams/op_world.h"

struct agg_conf {
    struct st_aggregate_conf aggregate;
    struct st_limits limits;
};

struct reduce_conf {
    struct st_reduce_conf reduce;
    struct st_limits limits;
};

static const struct opt_row agg_rows[] = {
    ST_AGGREGATE_ROWS(struct agg_conf), ST_LIMIT_ROWS(struct agg_conf), {.name = NULL}};
static const struct opt_row reduce_rows[] = {
    ST_REDUCE_ROWS(struct reduce_conf), ST_LIMIT_ROWS(struct reduce_conf), {.name = NULL}};

/* A group of options, read. */
struct agg_forming {
    struct conf_diags diags;
    struct conf_doc *doc;
    struct aq_arena arena;
    struct st_forming forming;
    struct agg_conf conf;
    struct reduce_conf reducer;
    struct st_aggregator aggregator;
};

/* "reduce = …" makes a reducer, everything else an aggregator. False after complaints. */
static inline bool agg_form(struct agg_forming *f, const char *options)
{
    memset(f, 0, sizeof(*f));
    conf_diags_init(&f->diags);
    aq_arena_init(&f->arena, 256);
    int rc = conf_load_text("t.conf", options, NULL, 0, &f->diags, &f->doc);
    T_CHECK(rc == 0, "%s", options);
    f->forming = (struct st_forming){.arena = &f->arena,
                                     .diags = &f->diags,
                                     .what = "streams.topology.x",
                                     .name = "x",
                                     .group = f->doc->root};
    bool reduces = strncmp(options, "reduce", 6) == 0;
    void *target = reduces ? (void *)&f->reducer : (void *)&f->conf;
    size_t errors = opt_read(reduces ? reduce_rows : agg_rows, f->doc->root, f->forming.what, NULL, &f->arena,
                             target, &f->diags);
    if (errors > 0) return false;
    return reduces ? st_form_reducer(&f->forming, &f->reducer.reduce, f->reducer.limits, &f->aggregator)
                   : st_form_aggregator(&f->forming, &f->conf.aggregate, f->conf.limits, &f->aggregator);
}

static inline void agg_form_close(struct agg_forming *f)
{
    conf_doc_destroy(f->doc);
    conf_diags_finish(&f->diags);
    aq_arena_finish(&f->arena);
}

struct agg_world {
    struct world w;
    struct agg_forming formed;
    struct st_context *context;
    const struct st_aggregator_kind *kind;
    void *running;
    const struct st_serde *result_serde;
    struct aq_batch batch;
    bool same; /* the last change gave back the row it was given */
    struct aq_err err;
    char text[1 << 16];
};

/* A row outside of the aggregator: bytes of its own; null is none. */
struct agg_row {
    struct aq_slice acc;
};

static inline void agg_row_free(struct agg_row *row)
{
    free((char *)row->acc.ptr);
    row->acc = AQ_NULL_SLICE;
}

/* As a store does it: exactly as many bytes as there are, so that a sanitizer sees every step beyond. */
static inline void agg_row_put(struct agg_row *row, struct aq_slice acc)
{
    char *copy = NULL;
    if (!aq_slice_is_null(acc)) {
        copy = aq_malloc(acc.len ? acc.len : 1);
        memcpy(copy, acc.ptr, acc.len);
    }
    free((char *)row->acc.ptr);
    row->acc = (struct aq_slice){copy, acc.len};
}

static inline void agg_start(struct agg_world *a, const char *value_serde,
                             const struct st_aggregator *aggregator)
{
    char *topology = t_printf("in = { type = \"source\"; topics = [\"in\"]; value_serde = \"%s\"; };\n"
                              "x = { type = \"filter\"; from = \"in\"; where = \"true\"; };\n"
                              "out = { type = \"sink\"; from = \"x\"; topic = \"out\"; };\n",
                              value_serde);
    world_open(&a->w, topology);
    free(topology);
    for (size_t i = 0; i < a->w.task->n_started; i++) {
        struct st_context *context = &a->w.task->contexts[i];
        if (strcmp(context->node->name, "x") == 0) a->context = context;
    }
    T_CHECK(a->context, "there is no node x");
    a->kind = aggregator->kind;
    a->result_serde = aggregator->value_serde ? aggregator->value_serde : a->context->value_serde;
    a->running = NULL;
    int rc = a->kind->start(a->context, aggregator->user, &a->running, &a->err);
    T_CHECK(rc == 0, "%s", a->err.text);
    aq_batch_init(&a->batch, 1);
    a->batch.topic = a->w.feed.topic;
}

static inline void agg_open(struct agg_world *a, const char *value_serde, const char *options)
{
    memset(a, 0, sizeof(*a));
    bool good = agg_form(&a->formed, options);
    T_CHECK(good, "%s: %s", options, a->formed.diags.count ? a->formed.diags.list[0].text : "");
    agg_start(a, value_serde, &a->formed.aggregator);
}

static inline void agg_close(struct agg_world *a)
{
    a->kind->stop(a->running);
    aq_batch_finish(&a->batch);
    world_close(&a->w);
    if (a->formed.doc) agg_form_close(&a->formed);
}

static inline struct aq_record *agg_record(struct agg_world *a, struct aq_slice key, struct aq_slice value)
{
    aq_batch_release(&a->batch);
    struct aq_record *rec = aq_batch_add(&a->batch);
    rec->key = aq_arena_copy(&a->batch.arena, key);
    rec->value = aq_arena_copy(&a->batch.arena, value);
    rec->timestamp = 1000;
    rec->time_type = AQ_TIME_CREATE;
    rec->flags = AQ_REC_HEADERS_LOADED;
    return rec;
}

/* sign '+' adds, '-' subtracts. What the call returned; the row is changed when that is 0. */
static inline int agg_change(struct agg_world *a, struct agg_row *row, char sign, struct aq_slice value)
{
    struct aq_record *rec = agg_record(a, AQ_LIT("k"), value);
    struct aq_slice acc = AQ_LIT("untouched");
    aq_err_clear(&a->err);
    int rc = (sign == '+' ? a->kind->add : a->kind->subtract)(a->context, a->running, rec, row->acc, &acc,
                                                              &a->err);
    a->same = acc.ptr == row->acc.ptr;
    if (rc == 0) agg_row_put(row, acc);
    xf_views_close(st_views(a->context));
    return rc;
}

/* Adds values divided by spaces. */
static inline void agg_fill(struct agg_world *a, struct agg_row *row, const char *values)
{
    while (*values) {
        size_t len = strcspn(values, " ");
        int rc = agg_change(a, row, '+', aq_slice_of(values, len));
        T_CHECK(rc == 0, "%s", a->err.text);
        values += len + (values[len] == ' ');
    }
}

static inline int agg_merge(struct agg_world *a, struct agg_row *row, const struct agg_row *b)
{
    struct aq_slice acc = AQ_LIT("untouched");
    aq_err_clear(&a->err);
    int rc = a->kind->merge(a->context, a->running, AQ_LIT("k"), row->acc, b->acc, &acc, &a->err);
    if (rc == 0) agg_row_put(row, acc);
    return rc;
}

/* The bytes of the result; null without a row. */
static inline struct aq_slice agg_result(struct agg_world *a, const struct agg_row *row)
{
    struct aq_slice result = row->acc;
    if (aq_slice_is_null(row->acc) || !a->kind->result) return result;
    int rc = a->kind->result(a->context, a->running, row->acc, &result, &a->err);
    T_CHECK(rc == 0, "%s", a->err.text);
    return result;
}

/* The result written out by its serde, null as "-". */
static inline const char *agg_text(struct agg_world *a, const struct agg_row *row)
{
    struct aq_slice bytes = agg_result(a, row);
    struct st_value value;
    struct json_fields fields = {0};
    if (aq_slice_is_null(bytes)) return "-";
    int rc = st_serde_read(a->result_serde, bytes, &fields, &value, &a->err);
    T_CHECK(rc == 0, "%s", a->err.text);
    json_fields_finish(&fields);
    if (value.type == ST_VALUE_INT64)
        snprintf(a->text, sizeof(a->text), "%" PRId64, value.integer);
    else if (value.type == ST_VALUE_DOUBLE)
        snprintf(a->text, sizeof(a->text), "%.17g", value.number);
    else
        snprintf(a->text, sizeof(a->text), "%.*s", (int)value.slice.len, value.slice.ptr);
    return a->text;
}

#endif
