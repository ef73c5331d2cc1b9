/* SPDX-License-Identifier: Apache-2.0
 *
 * A bench for chain tests: configuration text in, one batch of records through the chain, results out. Include after
 * cmocka.h.
 */
#ifndef AQ_TESTS_XF_TEST_H
#define AQ_TESTS_XF_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "transforms/chain.h"

struct xt {
    struct conf_diags diags;
    struct conf_doc *doc;
    struct xf_library *library;
    struct xf_chain *chain;
    struct xf_run *run;
    struct aq_names names;
    struct aq_batch batch;
    const char *items[16];
    struct opt_strings list;
    char *list_text;
};

/* Parses and reads the library; diags hold the complaints. */
static inline void xt_load(struct xt *t, const char *text, enum xf_compat compat)
{
    *t = (struct xt){0};
    conf_diags_init(&t->diags);
    conf_load_text("test.conf", text, NULL, 0, &t->diags, &t->doc);
    if (!t->doc) fail_msg("does not parse: %s", t->diags.count ? t->diags.list[0].text : "?");
    struct conf_node *root = t->doc->root;
    xf_library_load(conf_get(root, "transforms"), conf_get(root, "predicates"), compat, &t->diags,
                    &t->library);
    aq_names_init(&t->names);
    aq_batch_init(&t->batch, 4);
    t->batch.topic = aq_names_intern(&t->names, AQ_LIT("orders"));
    t->batch.partition = 3;
}

/* chain: step names separated by blanks. */
static inline int xt_build(struct xt *t, const char *chain, enum xf_format key, enum xf_format value,
                           bool keep_partition)
{
    char *rest = t->list_text = aq_strdup(chain), *word;
    while ((word = strsep(&rest, " "))) {
        if (*word) t->items[t->list.count++] = word;
    }
    t->list.items = t->items;
    int rc = xf_chain_build(t->library, &t->list, key, value, keep_partition, &t->diags, &t->chain);
    if (rc == 0) t->run = xf_run_create(t->chain, &t->names);
    return rc;
}

static inline void xt_close(struct xt *t)
{
    aq_batch_finish(&t->batch);
    xf_run_destroy(t->run);
    xf_chain_destroy(t->chain);
    xf_library_destroy(t->library);
    conf_doc_destroy(t->doc);
    conf_diags_finish(&t->diags);
    aq_names_finish(&t->names);
    free(t->list_text);
}

/* A chain of JSON parts without complaints. */
static inline void xt_open(struct xt *t, const char *text, const char *chain, enum xf_compat compat)
{
    xt_load(t, text, compat);
    xt_build(t, chain, XF_JSON, XF_JSON, false);
    for (size_t i = 0; i < t->diags.count; i++) {
        if (t->diags.list[i].severity == CONF_ERROR) fail_msg("%s", t->diags.list[i].text);
    }
    assert_non_null(t->run);
}

/* NULL is Kafka's null. */
static inline struct aq_record *xt_add(struct xt *t, const char *key, const char *value)
{
    struct aq_record *rec = aq_batch_add(&t->batch);
    rec->key = aq_slice_str(key);
    rec->value = aq_slice_str(value);
    rec->offset = 981;
    rec->timestamp = 1582981323456; /* 2020-02-29T13:02:03.456Z */
    rec->time_type = AQ_TIME_CREATE;
    return rec;
}

static inline void xt_run(struct xt *t)
{
    xf_run_batch(t->run, &t->batch);
}

static inline void xt_expect(struct aq_slice got, const char *want)
{
    if (!aq_slice_equal(got, aq_slice_str(want))) {
        fail_msg("got %.*s, want %s", (int)got.len, got.ptr ? got.ptr : "(null)", want ? want : "(null)");
    }
}

/* One complaint holds this text, at this severity. */
static inline void xt_complaint(const struct xt *t, enum conf_severity severity, const char *text)
{
    for (size_t i = 0; i < t->diags.count; i++) {
        if (t->diags.list[i].severity == severity && strstr(t->diags.list[i].text, text)) return;
    }
    fail_msg("no complaint '%s'; first of %zu: %s", text, t->diags.count,
             t->diags.count ? t->diags.list[0].text : "(none)");
}

/* One transform, one value: the usual table row. error set: the record must fail with it. */
struct xt_case {
    const char *options; /* of the transform "x", type included */
    const char *in;
    const char *out;
    const char *error;
};

static inline void xt_case_run(const struct xt_case *c, enum xf_compat compat)
{
    struct xt t;
    char *text = aq_asprintf("transforms = { x = { %s }; };", c->options);
    xt_open(&t, text, "x", compat);
    struct aq_record *rec = xt_add(&t, NULL, c->in);
    xt_run(&t);
    const struct xf_counters *counters = xf_run_counters(t.run, 0);
    assert_int_equal(aq_counter_get(&counters->records), 1);
    assert_int_equal(aq_counter_get(&counters->errors), c->error != NULL);
    if (c->error) {
        if (!(rec->flags & AQ_REC_FAILED)) fail_msg("%s on %s did not fail", c->options, c->in);
        assert_string_equal(rec->fail_step, "x");
        if (!strstr(rec->fail_reason, c->error)) fail_msg("%s, want %s", rec->fail_reason, c->error);
        xt_expect(rec->value, c->in);
    } else {
        if (rec->flags & AQ_REC_FAILED) fail_msg("%s on %s: %s", c->options, c->in, rec->fail_reason);
        xt_expect(rec->value, c->out);
    }
    xt_close(&t);
    free(text);
}

/* A transform whose group must be refused with this text. */
static inline void xt_refused(const char *options, enum xf_compat compat, const char *error)
{
    struct xt t;
    char *text = aq_asprintf("transforms = { x = { %s }; };", options);
    xt_load(&t, text, compat);
    assert_true(t.diags.errors > 0);
    xt_complaint(&t, CONF_ERROR, error);
    xt_close(&t);
    free(text);
}

static inline void xt_warned(const char *options, enum xf_compat compat, const char *warning)
{
    struct xt t;
    char *text = aq_asprintf("transforms = { x = { %s }; };", options);
    xt_load(&t, text, compat);
    assert_int_equal(t.diags.errors, 0);
    xt_complaint(&t, CONF_WARNING, warning);
    xt_close(&t);
    free(text);
}

#endif
