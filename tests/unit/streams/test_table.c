/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of a store: single rules by hand, and all of them together against a model. In the model the store is an array of
 * what is committed, a cycle is a whole copy of the array, and taking back is forgetting the copy.
 */
#include "streams/state/table.h"

#include "base/mem.h"
#include "tests/lib/check.h"

#define KEYS  6
#define RESTS 4
#define CELLS (KEYS * RESTS)

static struct aq_slice text(const char *s)
{
    return aq_slice_str(s);
}

static void put(struct st_table *table, const char *key, const char *value)
{
    st_table_put(table, text(key), AQ_NULL_SLICE, value ? text(value) : AQ_NULL_SLICE);
}

/* "?" for a key that nothing is known of, "-" for one that is not there. */
static const char *get(struct st_table *table, const char *key)
{
    static char buf[64];
    struct aq_slice value;
    if (!st_table_get(table, text(key), AQ_NULL_SLICE, &value)) return "?";
    if (aq_slice_is_null(value)) return "-";
    snprintf(buf, sizeof(buf), "%.*s", (int)value.len, value.ptr);
    return buf;
}

static void a_change_is_seen_at_once_and_taken_back_by_an_abort(void **state)
{
    (void)state;
    struct st_table table;
    st_table_init(&table);
    assert_string_equal(get(&table, "k"), "?");
    st_table_learn(&table, text("k"), AQ_NULL_SLICE, text("one"));
    put(&table, "k", "two");
    put(&table, "k", "a longer three");
    assert_string_equal(get(&table, "k"), "a longer three");
    assert_int_equal(st_table_changes(&table)->n, 1);
    st_table_abort_open(&table);
    assert_string_equal(get(&table, "k"), "one");
    assert_int_equal(st_table_changes(&table)->n, 0);
    st_table_finish(&table);
}

static void what_nothing_was_known_of_is_asked_for_again_after_an_abort(void **state)
{
    (void)state;
    struct st_table table;
    st_table_init(&table);
    put(&table, "k", "new");
    st_table_learnt_all(&table, text("k"));
    st_table_abort_open(&table);
    assert_string_equal(get(&table, "k"), "?");
    st_table_finish(&table);
}

static void an_empty_value_is_not_a_missing_one(void **state)
{
    (void)state;
    struct st_table table;
    st_table_init(&table);
    put(&table, "k", "");
    assert_string_equal(get(&table, "k"), "");
    put(&table, "k", NULL);
    assert_string_equal(get(&table, "k"), "-");
    st_table_finish(&table);
}

static void the_sealed_cycle_keeps_its_values_while_the_next_one_changes_them(void **state)
{
    (void)state;
    struct st_table table;
    st_table_init(&table);
    put(&table, "k", "first");
    st_table_seal(&table);
    put(&table, "k", "second");
    const struct st_changes *sealed = st_table_sealed(&table);
    assert_int_equal(sealed->n, 1);
    assert_true(aq_slice_equal(st_table_sealed_value(&table, st_change_at(sealed, 0)), text("first")));
    st_table_abort_open(&table);
    assert_string_equal(get(&table, "k"), "first");
    st_table_committed(&table);
    assert_string_equal(get(&table, "k"), "first");
    st_table_finish(&table);
}

static void what_is_too_old_is_forgotten_unless_a_cycle_has_it(void **state)
{
    (void)state;
    struct st_table table;
    st_table_init(&table);
    st_table_learn(&table, text("k"), text("old"), text("one"));
    st_table_learn(&table, text("k"), text("new"), text("two"));
    st_table_learnt_all(&table, text("k"));
    uint64_t bytes = table.bytes;
    uint32_t n;
    bool whole;
    assert_true(st_table_forget(&table, text("k"), text("old")));
    assert_true(st_table_forget(&table, text("k"), text("never there")));
    assert_true(table.bytes < bytes);
    st_table_bucket(&table, text("k"), &n, &whole);
    assert_true(n == 1 && whole);
    st_table_put(&table, text("k"), text("new"), text("three"));
    assert_false(st_table_forget(&table, text("k"), text("new")));
    st_table_seal(&table);
    assert_false(st_table_forget(&table, text("k"), text("new")));
    st_table_committed(&table);
    assert_true(st_table_forget(&table, text("k"), text("new")));
    st_table_finish(&table);
}

static void trimming_forgets_what_was_used_longest_ago_and_never_a_change(void **state)
{
    (void)state;
    struct st_table table;
    st_table_init(&table);
    st_table_learn(&table, text("old"), AQ_NULL_SLICE, text("1"));
    st_table_learn(&table, text("young"), AQ_NULL_SLICE, text("2"));
    put(&table, "changed", "3");
    uint64_t before = table.bytes;
    (void)get(&table, "old");
    st_table_trim(&table, before - 1);
    assert_string_equal(get(&table, "young"), "?");
    assert_string_equal(get(&table, "old"), "1");
    st_table_trim(&table, 0);
    assert_string_equal(get(&table, "old"), "?");
    assert_string_equal(get(&table, "changed"), "3");
    assert_int_equal(table.bytes, table.pinned_bytes);
    st_table_seal(&table);
    st_table_committed(&table);
    st_table_trim(&table, 0);
    assert_int_equal(table.bytes, 0);
    st_table_finish(&table);
}

/* ---- against a model ---------------------------------------------------------------------------------------------- */

struct cells {
    char value[CELLS][24]; /* "": not there */
};

struct model {
    struct st_table table;
    struct cells store, sealed, open; /* committed; at the end of the sealed cycle; now */
    uint64_t random;
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

static struct aq_slice key_of(uint32_t cell, char buf[16])
{
    snprintf(buf, 16, "key%u", cell / RESTS);
    return text(buf);
}

static struct aq_slice rest_of(uint32_t cell)
{
    static const char *const rests[RESTS] = {"", "a", "ab", "b"};
    return text(rests[cell % RESTS]);
}

static struct aq_slice value_of(const struct cells *cells, uint32_t cell)
{
    return cells->value[cell][0] ? text(cells->value[cell]) : AQ_NULL_SLICE;
}

static void assert_same(struct aq_slice found, struct aq_slice expected)
{
    assert_int_equal(aq_slice_is_null(found), aq_slice_is_null(expected));
    assert_int_equal(found.len, expected.len);
    if (expected.len) assert_memory_equal(found.ptr, expected.ptr, expected.len);
}

/* As a store does it: what is not known is read from what is committed, and learnt. */
static void look(struct model *m, uint32_t cell)
{
    char buf[16];
    struct aq_slice key = key_of(cell, buf), value;
    if (!st_table_get(&m->table, key, rest_of(cell), &value)) {
        /* Nothing that was changed and not committed is ever unknown. */
        assert_string_equal(m->store.value[cell], m->open.value[cell]);
        value = value_of(&m->store, cell);
        st_table_learn(&m->table, key, rest_of(cell), value);
    }
    assert_same(value, value_of(&m->open, cell));
}

static void learn_all(struct model *m, uint32_t cell)
{
    char buf[16];
    uint32_t first = cell / RESTS * RESTS;
    struct aq_slice key = key_of(cell, buf), ignored;
    for (uint32_t i = first; i < first + RESTS; i++) {
        if (!m->store.value[i][0] || st_table_get(&m->table, key, rest_of(i), &ignored)) continue;
        st_table_learn(&m->table, key, rest_of(i), value_of(&m->store, i));
    }
    st_table_learnt_all(&m->table, key);
}

static void look_at_bucket(struct model *m, uint32_t cell)
{
    char buf[16];
    uint32_t n;
    bool whole;
    uint32_t first = cell / RESTS * RESTS, at = 0;
    struct st_entry **entries = st_table_bucket(&m->table, key_of(cell, buf), &n, &whole);
    for (uint32_t i = first; i < first + RESTS; i++) {
        bool here = at < n && aq_slice_equal(st_entry_rest(entries[at]), rest_of(i));
        if (at < n && i % RESTS == 0 && entries[at]->rest_len == 0) here = true;
        if (here)
            assert_same(st_entry_value(entries[at++]), value_of(&m->open, i));
        else if (whole)
            assert_string_equal(m->open.value[i], "");
    }
    assert_int_equal(at, n);
}

static void change(struct model *m, uint32_t cell)
{
    char buf[16];
    char *value = m->open.value[cell];
    value[0] = 0;
    if (draw(m, 4) > 0)
        snprintf(value, sizeof(m->open.value[cell]), "%.*s%u", (int)draw(m, 12), "xxxxxxxxxxxx",
                 draw(m, 1000));
    st_table_put(&m->table, key_of(cell, buf), rest_of(cell), value_of(&m->open, cell));
}

static void commit(struct model *m)
{
    const struct st_changes *sealed = st_table_sealed(&m->table);
    uint32_t differing = 0;
    for (uint32_t i = 0; i < sealed->n; i++) {
        struct aq_slice key = st_entry_key(st_change_at(sealed, i)->entry);
        uint32_t cell = (uint32_t)(key.ptr[3] - '0') * RESTS;
        struct aq_slice rest = st_entry_rest(st_change_at(sealed, i)->entry);
        if (rest.len == 1) cell += rest.ptr[0] == 'a' ? 1 : 3;
        if (rest.len == 2) cell += 2;
        struct aq_slice value = st_table_sealed_value(&m->table, st_change_at(sealed, i));
        assert_same(value, value_of(&m->sealed, cell));
        if (st_change_at(sealed, i)->known)
            assert_same(st_change_at(sealed, i)->old, value_of(&m->store, cell));
        if (strcmp(m->sealed.value[cell], m->store.value[cell]) != 0) differing++;
    }
    for (uint32_t i = 0; i < CELLS; i++)
        if (strcmp(m->sealed.value[i], m->store.value[i]) != 0) differing--;
    assert_int_equal(differing, 0); /* every cell that changed was in the list */
    m->store = m->sealed;
    st_table_committed(&m->table);
}

static void step(struct model *m)
{
    uint32_t cell = draw(m, CELLS);
    switch (draw(m, 16)) {
    case 0:
        if (m->table.sealed) return;
        m->sealed = m->open;
        st_table_seal(&m->table);
        return;
    case 1:
        if (m->table.sealed) commit(m);
        return;
    case 2:
        st_table_abort_open(&m->table);
        m->open = m->table.sealed ? m->sealed : m->store;
        if (!m->table.sealed || draw(m, 2) == 0) return;
        st_table_abort_sealed(&m->table);
        m->open = m->store;
        return;
    case 3: st_table_trim(&m->table, draw(m, 2000)); return;
    case 4: learn_all(m, cell); return;
    case 5: look_at_bucket(m, cell); return;
    case 6:
    case 7:
    case 8:
    case 9: look(m, cell); return;
    default: change(m, cell); return;
    }
}

static void whatever_happens_it_is_what_a_copy_of_everything_would_be(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct model m = {.random = seed * 0x9E3779B97F4A7C15u};
        st_table_init(&m.table);
        for (int i = 0; i < 2000; i++) step(&m);
        for (uint32_t cell = 0; cell < CELLS; cell++) look(&m, cell);
        st_table_abort_open(&m.table);
        if (m.table.sealed) st_table_abort_sealed(&m.table);
        assert_int_equal(m.table.pinned_bytes, 0);
        st_table_trim(&m.table, 0);
        assert_int_equal(m.table.bytes, 0);
        st_table_finish(&m.table);
    }
}

static void many_keys_are_found_again(void **state)
{
    (void)state;
    struct st_table table;
    char key[16], value[16];
    st_table_init(&table);
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        snprintf(value, sizeof(value), "%d", i * 7);
        put(&table, key, value);
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        snprintf(value, sizeof(value), "%d", i * 7);
        assert_string_equal(get(&table, key), value);
    }
    assert_int_equal(st_table_changes(&table)->n, 20000);
    st_table_finish(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_seen_at_once_and_taken_back_by_an_abort),
        cmocka_unit_test(what_nothing_was_known_of_is_asked_for_again_after_an_abort),
        cmocka_unit_test(an_empty_value_is_not_a_missing_one),
        cmocka_unit_test(the_sealed_cycle_keeps_its_values_while_the_next_one_changes_them),
        cmocka_unit_test(what_is_too_old_is_forgotten_unless_a_cycle_has_it),
        cmocka_unit_test(trimming_forgets_what_was_used_longest_ago_and_never_a_change),
        cmocka_unit_test(whatever_happens_it_is_what_a_copy_of_everything_would_be),
        cmocka_unit_test(many_keys_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
