/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of two streams on random input (out of order, late, null, several of one time) against a model that looks at every record
 * there ever was. The model is the rule of streams/ops/op_stream_join.c in the fewest words.
 */
#include "tests/unit/streams/join_world.h"

#define RECORDS 160
#define ROUNDS  60

struct seen {
    char side; /* 'L', 'R' */
    char key;
    int64_t time;
    char value[8];
    bool done; /* it had a partner, or came alone */
};

struct model {
    const struct st_stream_join *join;
    struct seen seen[RECORDS];
    size_t n;
    int64_t stream;
    char told[16384];
    uint64_t random;
    uint64_t late, dropped;
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

static bool is_open(const struct model *m, char side, int64_t time)
{
    int64_t ahead = side == 'L' ? m->join->after_ms : m->join->before_ms;
    return m->stream <= time + (ahead > 0 ? ahead : 0) + m->join->grace_ms;
}

static bool comes_alone(const struct model *m, char side)
{
    return side == 'L' ? m->join->left_alone : m->join->right_alone;
}

static void tell(struct model *m, char key, const char *left, const char *right, int64_t time)
{
    size_t at = strlen(m->told);
    snprintf(m->told + at, sizeof(m->told) - at, "%s%c:%s-%s@%" PRId64, at ? " " : "", key ? key : '-', left,
             right, time);
}

static void tell_alone(struct model *m, char side, char key, const char *value, int64_t time)
{
    tell(m, key, side == 'L' ? value : "null", side == 'L' ? "null" : value, time);
}

/* Time, right before left, key, arrival. */
static bool is_before(const struct seen *a, const struct seen *b)
{
    if (a->time != b->time) return a->time < b->time;
    if (a->side != b->side) return a->side == 'R';
    if (a->key != b->key) return a->key < b->key;
    return a < b;
}

static void model_due(struct model *m)
{
    for (;;) {
        struct seen *first = NULL;
        for (size_t i = 0; i < m->n; i++) {
            struct seen *s = &m->seen[i];
            if (s->done || !comes_alone(m, s->side) || is_open(m, s->side, s->time)) continue;
            if (!first || is_before(s, first)) first = s;
        }
        if (!first) return;
        first->done = true;
        tell_alone(m, first->side, first->key, first->value, first->time);
    }
}

static bool are_near(const struct model *m, const struct seen *left, const struct seen *right)
{
    return right->time >= left->time - m->join->before_ms && right->time <= left->time + m->join->after_ms;
}

static bool is_partner(const struct model *m, const struct seen *a, const struct seen *b)
{
    if (a->side == b->side || a->key != b->key) return false;
    if (comes_alone(m, b->side) && !is_open(m, b->side, b->time)) return false;
    return a->side == 'L' ? are_near(m, a, b) : are_near(m, b, a);
}

static void model_pairs(struct model *m, struct seen *record)
{
    bool used[RECORDS] = {false};
    for (;;) {
        struct seen *first = NULL;
        for (size_t i = 0; i < m->n; i++) {
            struct seen *s = &m->seen[i];
            if (used[i] || !is_partner(m, record, s)) continue;
            if (!first || s->time < first->time) first = s;
        }
        if (!first) return;
        used[first - m->seen] = true;
        first->done = record->done = true;
        bool left = record->side == 'L';
        tell(m, record->key, left ? record->value : first->value, left ? first->value : record->value,
             first->time > record->time ? first->time : record->time);
    }
}

/* key '\0' and value "" are null. */
static void model_record(struct model *m, char side, char key, const char *value, int64_t time)
{
    if (time > m->stream) m->stream = time;
    model_due(m);
    bool alone = !key && comes_alone(m, side);
    if (alone && value[0]) tell_alone(m, side, key, value, time);
    if (alone && value[0]) return;
    bool late = value[0] && key && !is_open(m, side, time);
    m->late += late;
    m->dropped += late || !value[0] || !key;
    if (late || !value[0] || !key) return;
    struct seen record = {.side = side, .key = key, .time = time};
    snprintf(record.value, sizeof(record.value), "%s", value);
    model_pairs(m, &record);
    m->seen[m->n++] = record;
}

static void one_record(struct join_world *w, struct model *m, int i, int64_t *now, int64_t spread)
{
    char side = draw(m, 2) ? 'L' : 'R', key = draw(m, 20) ? (char)('a' + draw(m, 3)) : '\0';
    char value[8] = "", key_text[2] = {key, '\0'};
    if (draw(m, 15)) snprintf(value, sizeof(value), "%d", i);
    *now += draw(m, 8) ? draw(m, 4) : draw(m, 30);
    int64_t time = *now - (draw(m, 3) ? 0 : (int64_t)draw(m, (uint32_t)spread));
    if (time < 0) time = 0;
    m->told[0] = '\0';
    model_record(m, side, key, value, time);
    join_feed(w, side, key ? key_text : NULL, value[0] ? value : NULL, time, NULL);
    const char *told = join_told(w);
    T_CHECK(strcmp(told, m->told) == 0, "record %d: %c %c %s @%" PRId64 ": '%s', not '%s'", i, side,
            key ? key : '-', value, time, told, m->told);
    uint64_t late, dropped;
    join_losses(w, &late, &dropped);
    T_CHECK(late == m->late && dropped == m->dropped, "%d late, %d dropped", (int)late, (int)dropped);
}

static void what_comes_out_is_what_the_rule_says(void **state)
{
    (void)state;
    uint64_t late = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct join_world w;
        struct model m = {.random = seed * 0x9e3779b97f4a7c15u, .stream = -1};
        enum join_type type = (enum join_type)draw(&m, 3);
        int64_t before = draw(&m, 12), after = draw(&m, 12), grace = draw(&m, 3) ? draw(&m, 15) : 0, now = 0;
        if (draw(&m, 8) == 0) after = -(int64_t)draw(&m, (uint32_t)before + 1);
        int64_t spread = 1 + draw(&m, 40);
        join_open(&w, type, before, after, grace, false);
        m.join = &w.join;
        for (int i = 0; i < RECORDS; i++) one_record(&w, &m, i, &now, spread);
        late += m.late;
        join_close(&w);
    }
    T_CHECK(late > 100, "only %d records were late", (int)late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_comes_out_is_what_the_rule_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
