/* SPDX-License-Identifier: Apache-2.0
 *
 * suppress on random input against a model that looks at everything that is held back.
 */
#include "tests/unit/streams/suppress_world.h"

#define CELLS 40 /* keys and windows, or keys */

struct cell {
    char key[16];
    int64_t time; /* -1: nothing is held back */
    int64_t value, value_time;
};

struct model {
    const struct st_suppress *suppress;
    struct cell cells[CELLS];
    int64_t stream;
    uint64_t random;
    char told[8192];
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

static bool is_final(const struct model *m)
{
    return m->suppress->until != ST_SUPPRESS_TIME_LIMIT;
}

static struct cell *oldest(struct model *m)
{
    struct cell *first = NULL;
    for (int i = 0; i < CELLS; i++) {
        struct cell *cell = &m->cells[i];
        if (cell->time < 0) continue;
        if (!first || cell->time < first->time ||
            (cell->time == first->time && strcmp(cell->key, first->key) < 0))
            first = cell;
    }
    return first;
}

static void let_one_go(struct model *m, struct cell *cell)
{
    char value[24] = "-";
    if (cell->value >= 0) snprintf(value, sizeof(value), "%d", (int)cell->value);
    size_t at = strlen(m->told);
    snprintf(m->told + at, sizeof(m->told) - at, "%s%s=%s@%" PRId64, at ? " " : "", cell->key, value,
             cell->value_time);
    cell->time = -1;
}

static int held_back(const struct model *m)
{
    int n = 0;
    for (int i = 0; i < CELLS; i++) n += m->cells[i].time >= 0;
    return n;
}

/* value -1: null. end: of the window. */
static void model_row(struct model *m, struct cell *cell, int64_t end, int64_t value, int64_t time)
{
    bool past =
        m->suppress->until == ST_SUPPRESS_SLIDING_WINDOW || m->suppress->until == ST_SUPPRESS_SESSION_WINDOW;
    if (time > m->stream) m->stream = time;
    if (cell->time < 0) cell->time = is_final(m) ? end : time;
    cell->value = value;
    cell->value_time = time;
    if (is_final(m) && value < 0) cell->time = -1;
    for (struct cell *first = oldest(m); first; first = oldest(m)) {
        int64_t due = first->time + m->suppress->wait_ms + (past ? 1 : 0);
        bool full = m->suppress->max_records > 0 && held_back(m) > (int)m->suppress->max_records;
        if (due > m->stream && !full) return;
        let_one_go(m, first);
    }
}

static void random_row(struct world *w, struct model *m, int i, int64_t *now)
{
    int key = (int)draw(m, 4), window = (int)draw(m, CELLS / 4);
    int64_t size = w->suppress.size_ms, end = window * 3 + size;
    struct cell *cell = &m->cells[key * (CELLS / 4) + window];
    char value[16];
    bool session = w->suppress.until == ST_SUPPRESS_SESSION_WINDOW;
    snprintf(cell->key, sizeof(cell->key), is_final(m) ? session ? "%c@%d/%d" : "%c@%d" : "%c%02d", 'a' + key,
             window * 3, (int)end);
    *now += draw(m, 3) ? 0 : draw(m, 3);
    int64_t time = *now - (draw(m, 3) ? 0 : (int64_t)draw(m, 5));
    if (time < 0) time = 0;
    bool gone = draw(m, 5) == 0;
    snprintf(value, sizeof(value), "%d", i);
    m->told[0] = '\0';
    model_row(m, cell, end, gone ? -1 : i, time);
    engine_good(&w->engine, pipe_row(w, cell->key, gone ? NULL : value, time));
    EXPECT(w, m->told);
}

static void what_comes_out_is_what_the_rule_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w = {.show_old = false};
        struct model m = {.random = seed * 0x9e3779b97f4a7c15u, .stream = -1};
        enum st_suppress_until until = (enum st_suppress_until)draw(&m, 4);
        bool windows = until != ST_SUPPRESS_TIME_LIMIT;
        w.suppress = (struct st_suppress){
            .until = until, .size_ms = windows ? 1 + draw(&m, 8) : 0, .wait_ms = draw(&m, 12)};
        if (!windows && draw(&m, 2)) {
            w.suppress.max_records = 1 + draw(&m, 5);
            w.suppress.emit_early = true;
        }
        open_suppress(&w);
        m.suppress = &w.suppress;
        for (int i = 0; i < CELLS; i++) m.cells[i].time = -1;
        int64_t now = 0;
        for (int i = 0; i < 150; i++) random_row(&w, &m, i, &now);
        close_suppress(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_comes_out_is_what_the_rule_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
