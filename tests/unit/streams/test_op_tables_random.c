/* SPDX-License-Identifier: Apache-2.0
 *
 * What tables make of changes against a recomputation of everything: two tables, the left one filtered, joined, grouped by what the result
 * begins with, and counted. Every record changes either table or both, once or twice, in the same cycle; every store is cached or not.
 * The count of each group must be right behind every record: that takes that each result is taken back as what it was.
 */
#include <stdlib.h>

#include "tests/unit/streams/table_world.h"

#define KEYS   4
#define GROUPS 128
#define STEPS  150
#define SEEDS  120

struct plan {
    enum keeping left, even, right, joined, counts;
    bool keeps_results, left_alone, right_alone;
    int32_t partitions;
};

struct model {
    char left[KEYS], right[KEYS]; /* 0: no row */
    int counted[GROUPS];          /* what came out last, by group */
    uint64_t random;
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

/* ---- processors --------------------------------------------------------------------------------------------------- */

/* The value is "LR LR": what becomes of the left row and of the right one, twice. '.': nothing, '-': it is gone. */
static int take_part(struct st_context *context, struct aq_record *rec, size_t part, struct aq_err *err)
{
    for (size_t i = part; i < rec->value.len; i += 3) {
        const char *at = rec->value.ptr + i;
        struct aq_record copy = *rec;
        if (*at == '.') continue;
        copy.value = *at == '-' ? AQ_NULL_SLICE : aq_slice_of(at, 1);
        int rc = st_forward(context, &copy, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static int take_left(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return take_part(context, rec, 0, err);
}

static int take_right(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return take_part(context, rec, 1, err);
}

static const struct st_processor_kind left_part = {.name = "left", .process = take_left};
static const struct st_processor_kind right_part = {.name = "right", .process = take_right};

static int is_even(struct st_context *context, void *user, const struct aq_record *row, struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    return row->value.ptr[0] % 2 == 0;
}

static int first_char(struct st_context *context, void *user, const struct aq_record *row,
                      struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    *ret = aq_slice_of(row->value.ptr, 1);
    return 0;
}

static int count(struct st_context *context, struct aq_slice acc, int by, struct aq_slice *ret)
{
    char text[16] = "0";
    if (!aq_slice_is_null(acc)) snprintf(text, sizeof(text), "%.*s", (int)acc.len, acc.ptr);
    *ret = aq_slice_str(aq_arena_printf(st_arena(context), "%d", atoi(text) + by));
    return 0;
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    (void)running;
    (void)rec;
    (void)err;
    return count(context, acc, 1, ret);
}

static int subtract(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    (void)running;
    (void)rec;
    (void)err;
    return count(context, acc, -1, ret);
}

/* ---- the topology ------------------------------------------------------------------------------------------------- */

static const struct st_table_filter even = {.where = {.test = is_even}};
static const struct st_table_group by_first = {.key = {.call = first_char}};
static const struct st_aggregator_kind counting = {.name = "count", .add = add, .subtract = subtract};
static const struct st_aggregator counts = {.kind = &counting};

static struct st_table_ref part(struct engine *e, const char *name, const struct st_processor_kind *kind,
                                const char *process, enum keeping keeping)
{
    engine_processor(e, process, kind, "in");
    engine_good(e, st_add_processor(e->topology, name, &st_table_source_kind, (void *)&plain_table,
                                    engine_parent(process), &e->err));
    table_store(e, name, name, keeping);
    return (struct st_table_ref){.node = name, .store = name};
}

static void build(struct engine *e, const struct plan *p, struct st_table_join *join)
{
    *join = (struct st_table_join){
        .joiner = {.kind = &st_joiner_pair}, .left_alone = p->left_alone, .right_alone = p->right_alone};
    table_init(e);
    e->partitions = p->partitions;
    engine_source(e, "in", "T");
    part(e, "L", &left_part, "take-left", p->left);
    struct st_table_ref right = part(e, "R", &right_part, "take-right", p->right);
    engine_good(e, st_add_processor(e->topology, "even", &st_table_filter_kind, (void *)&even,
                                    engine_parent("L"), &e->err));
    table_store(e, "even", "even", p->even);
    if (p->keeps_results) table_store(e, "joined", NULL, p->joined);
    engine_good(e, st_add_table_join(e->topology, "joined",
                                     (struct st_table_ref){.node = "even", .store = "even"}, right, join,
                                     NULL, p->keeps_results ? "joined" : NULL, &e->err));
    engine_good(e, st_add_table_group(e->topology, "grouped", "joined", &by_first, NULL, 3, &e->err));
    engine_good(e, st_add_processor(e->topology, "counts", &st_table_aggregate_kind, (void *)&counts,
                                    engine_parent("grouped"), &e->err));
    engine_good(e, st_set_serdes(e->topology, "counts", NULL, e->settings.value_serde, &e->err));
    table_store(e, "counts", "counts", p->counts);
    engine_sink(e, "sink", "out", "counts");
    engine_start(e);
}

static struct plan draw_plan(struct model *m)
{
    struct plan p = {.left = draw(m, 2),
                     .even = draw(m, 2),
                     .right = draw(m, 2),
                     .joined = draw(m, 2),
                     .counts = draw(m, 2),
                     .keeps_results = draw(m, 2),
                     .left_alone = draw(m, 3) > 0,
                     .partitions = 1 + (int32_t)draw(m, 3)};
    p.right_alone = p.left_alone && draw(m, 2);
    return p;
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static char draw_change(struct model *m, char *row)
{
    uint32_t what = draw(m, 10);
    if (what < 3) return '.';
    *row = what < 5 ? 0 : (char)('1' + draw(m, 6));
    return *row ? *row : '-';
}

static void expect_counts(const struct model *m, const struct plan *p, const char *value)
{
    int expected[GROUPS] = {0};
    for (int k = 0; k < KEYS; k++) {
        char left = m->left[k] % 2 == 0 ? m->left[k] : 0, right = m->right[k];
        if (left && (right || p->left_alone)) expected[(int)left]++;
        if (!left && right && p->right_alone) expected['n']++; /* "null-…" */
    }
    for (int g = 0; g < GROUPS; g++)
        T_CHECK(
            m->counted[g] == expected[g],
            "'%c' has %d, not %d, behind %s (left %d even %d right %d joined %d,%d counts %d alone %d,%d)", g,
            m->counted[g], expected[g], value, p->left, p->even, p->right, p->keeps_results, p->joined,
            p->counts, p->left_alone, p->right_alone);
}

static void read_counts(struct engine *e, struct model *m)
{
    struct kc_sim_record rec;
    while (st_driver_read(e->driver, "out", &rec)) {
        char text[16];
        assert_true(rec.key.len == 1 && rec.value.ptr);
        snprintf(text, sizeof(text), "%.*s", (int)rec.value.len, rec.value.ptr);
        m->counted[(int)rec.key.ptr[0]] = atoi(text);
    }
}

static void counts_are_right_behind_every_record(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model m = {.random = seed * 0x9E3779B97F4A7C15u};
        struct plan p = draw_plan(&m);
        struct st_table_join join;
        struct engine e;
        build(&e, &p, &join);
        for (int i = 0; i < STEPS; i++) {
            char key[8], value[8] = "-- --";
            uint32_t k = draw(&m, KEYS);
            snprintf(key, sizeof(key), "k%u", k);
            for (int at = 0; at < 5; at += 3) {
                value[at] = draw_change(&m, &m.left[k]);
                value[at + 1] = draw_change(&m, &m.right[k]);
            }
            engine_pipe(&e, "T", key, value, draw(&m, 1000));
            read_counts(&e, &m);
            expect_counts(&m, &p, value);
        }
        engine_stop(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_are_right_behind_every_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
