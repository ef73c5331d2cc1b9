/* SPDX-License-Identifier: Apache-2.0
 *
 * A processor with a store, for tests of the engine: counts the records of each key. What it sends on is the count, as text.
 */
#ifndef AQ_TESTS_ST_COUNT_H
#define AQ_TESTS_ST_COUNT_H

#include <stdlib.h>

#include "streams/state/state.h"
#include "tests/unit/streams/st_engine.h"

static inline int count_process(struct st_context *context, void *state, struct aq_record *rec,
                                struct aq_err *err)
{
    (void)state;
    struct aq_slice old;
    char text[32] = "0";
    int rc = st_state_get(st_store(context, 0), rec->key, AQ_LIT(""), &old, err);
    if (rc != 0) return rc;
    if (!aq_slice_is_null(old)) snprintf(text, sizeof(text), "%.*s", (int)old.len, old.ptr);
    rec->value = aq_slice_str(aq_arena_printf(st_arena(context), "%d", atoi(text) + 1));
    st_state_put(st_store(context, 0), rec->key, AQ_LIT(""), rec->value);
    return st_store_is_cached(context, 0) ? 0 : st_forward(context, rec, err);
}

static inline int count_each(struct st_context *context, void *state, struct aq_slice bucket,
                             struct aq_slice rest, struct aq_slice value, struct aq_slice old, bool known,
                             struct aq_err *err)
{
    (void)state;
    assert_true(known && rest.len == 0);
    struct aq_record rec = st_new_record(context);
    rec.key = aq_arena_copy(st_arena(context), bucket);
    rec.value = aq_arena_copy(st_arena(context), value);
    const struct st_row row = {.old = old, .known = known, .is_latest = true};
    return st_forward_row(context, &rec, &row, err);
}

static inline int count_flush(struct st_context *context, void *state, struct aq_err *err)
{
    return st_store_is_cached(context, 0) ? st_each_change(context, 0, state, count_each, err) : 0;
}

static const struct st_processor_kind counting = {
    .name = "count", .needs_key = true, .process = count_process, .flush = count_flush};

/* The processor "count" behind `parent`, with the store "counts". */
static inline void engine_count(struct engine *e, const char *parent, const struct st_store_conf *store)
{
    engine_processor(e, "count", &counting, parent);
    engine_good(e, st_add_store(e->topology, "counts", store, &e->err));
    engine_good(e, st_connect_store(e->topology, "count", "counts", &e->err));
}

#endif
