/* SPDX-License-Identifier: Apache-2.0
 *
 * Record choice beside a model that looks at everything anew each time: thousands of random steps with ties, timestamps out of
 * order and negative ones, bounds, and partitions that come and go. A failure names the seed.
 */
#include "base/log.h"
#include "tests/unit/streams/st_choice.h"

#define SEEDS       120
#define STEPS       400
#define BOUND       12
#define BYTES_BOUND 100
#define BATCH_MAX   6
#define MODEL_MAX   (BOUND + BATCH_MAX)
#define NO_WAIT     (-1)

enum model_extractor { MODEL_FAIL, MODEL_SKIP, MODEL_PARTITION_TIME };

/* A partition in full: what waits, and all that the rules ask about. */
struct model_part {
    bool open;
    enum model_extractor extractor;
    struct {
        int64_t offset;
        int64_t timestamp;
    } waiting[MODEL_MAX];
    size_t n;
    int64_t fetched;
    int64_t end;
    bool paused;
    int64_t partition_ms;
    int64_t deadline_us; /* NO_WAIT: none is running */
    bool told_pause;
    int64_t last_given; /* offset, over all its openings */
};

struct model {
    struct world w;
    uint64_t random;
    uint64_t seed;
    int64_t idle_ms;
    struct model_part parts[PARTS];
    int64_t stream_ms;
    uint64_t skipped;
    uint64_t given;
};

#define HOLDS(m, condition) T_CHECK(condition, "seed %llu", (unsigned long long)(m)->seed)

static size_t draw(struct model *m, size_t limit)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (size_t)((m->random >> 11) % limit);
}

/* The log of a partition is a function of the offset, so that what was revoked can be read again. -2: no record there. */
static int64_t log_time(const struct model *m, size_t index, int64_t offset)
{
    uint64_t h = (m->seed * 1000003 + index) * 0x9E3779B97F4A7C15u + (uint64_t)offset * 0xC2B2AE3D27D4EB4Fu;
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    h ^= h >> 32;
    if (h % 7 == 0) return -2;
    if (h % 41 == 1) return -1;
    return offset + (int64_t)((h >> 8) % 9); /* grows, out of order, with many ties between partitions */
}

static void model_open(struct model *m, size_t index)
{
    static const struct st_extractor *const extractors[] = {&ST_FAIL_ON_INVALID_TIMESTAMP,
                                                            &ST_LOG_AND_SKIP_ON_INVALID_TIMESTAMP,
                                                            &ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP};
    struct model_part *p = &m->parts[index];
    /* The first time at 0, which is a time; after that where it was left, with the time it had. */
    p->open = true;
    p->extractor = draw(m, 5) == 0 ? MODEL_FAIL : 1 + (enum model_extractor)draw(m, 2);
    p->n = 0;
    p->fetched = m->w.parts[index].next;
    p->end = ST_END_UNKNOWN;
    p->paused = false;
    p->deadline_us = NO_WAIT;
    p->told_pause = false;
    open_with(&m->w, index, *extractors[p->extractor], p->partition_ms);
}

static void model_close(struct model *m, size_t index)
{
    m->w.parts[index].next = st_choice_position(&m->w.choice, index);
    close_part(&m->w, index);
    m->parts[index].open = false;
}

static void model_add(struct model *m, size_t index)
{
    struct model_part *p = &m->parts[index];
    struct part *part = &m->w.parts[index];
    if (p->told_pause || p->paused) return;
    struct aq_batch *batch = new_batch(&m->w, index);
    for (size_t want = draw(m, BATCH_MAX + 1); want > 0; part->next++) {
        int64_t timestamp = log_time(m, index, part->next);
        if (timestamp == -2) continue;
        put_record(batch, part->next, timestamp);
        HOLDS(m, p->n < MODEL_MAX);
        p->waiting[p->n].offset = part->next;
        p->waiting[p->n++].timestamp = timestamp;
        want--;
    }
    if (batch->n > 0) {
        p->fetched = part->next;
        p->deadline_us = NO_WAIT;
    }
    m->w.may_release = batch->n == 0;
    add(&m->w, index, batch);
    m->w.may_release = false;
}

static bool model_behind(const struct model_part *p)
{
    return p->end == ST_END_UNKNOWN || p->fetched < p->end;
}

static void model_progress(struct model *m, size_t index)
{
    struct model_part *p = &m->parts[index];
    p->end = draw(m, 6) == 0 ? ST_END_UNKNOWN : p->fetched + (int64_t)(draw(m, 3) / 2);
    if (model_behind(p)) p->deadline_us = NO_WAIT;
    st_choice_progress(&m->w.choice, index, p->fetched, p->end);
}

static void model_pause(struct model *m, size_t index)
{
    struct model_part *p = &m->parts[index];
    p->paused = !p->paused;
    p->deadline_us = NO_WAIT;
    st_choice_pause(&m->w.choice, index, p->paused);
}

static void model_pop(struct model_part *p)
{
    p->n--;
    memmove(&p->waiting[0], &p->waiting[1], p->n * sizeof(p->waiting[0]));
}

/* The timestamp of the head; -1 when the extractor fails. */
static int64_t model_head_time(const struct model_part *p)
{
    if (p->waiting[0].timestamp >= 0 || p->extractor == MODEL_FAIL) return p->waiting[0].timestamp;
    return p->partition_ms;
}

static void model_skip(struct model *m, struct model_part *p)
{
    while (p->n > 0 && p->extractor == MODEL_SKIP && p->waiting[0].timestamp < 0) {
        model_pop(p);
        m->skipped++;
    }
}

/* Until when the empty partitions hold the task back. */
static int64_t model_wait(struct model *m)
{
    int64_t until = m->w.now_us;
    for (size_t i = 0; i < PARTS; i++) {
        struct model_part *p = &m->parts[i];
        if (!p->open || p->n > 0 || p->paused) continue;
        if (model_behind(p)) {
            until = ST_NO_DEADLINE;
            continue;
        }
        if (p->deadline_us == NO_WAIT) p->deadline_us = m->w.now_us + m->idle_ms * AQ_MS;
        if (p->deadline_us > until) until = p->deadline_us;
    }
    return m->idle_ms < 0 ? m->w.now_us : until;
}

/* The open partition whose head has the smallest timestamp; PARTS: none has a record. *ret_failing: one that fails. */
static size_t model_choose(struct model *m, bool *ret_failing)
{
    size_t best = PARTS;
    *ret_failing = false;
    for (size_t i = 0; i < PARTS; i++) {
        struct model_part *p = &m->parts[i];
        if (!p->open) continue;
        model_skip(m, p);
        if (p->n == 0) continue;
        if (model_head_time(p) < 0) *ret_failing = true;
        if (best == PARTS || model_head_time(p) < model_head_time(&m->parts[best])) best = i;
    }
    return best;
}

static void model_compare_given(struct model *m, size_t index)
{
    struct model_part *p = &m->parts[index];
    const struct st_chosen *chosen = &m->w.chosen;
    int64_t timestamp = model_head_time(p);
    HOLDS(m, chosen->index == index && chosen->record->offset == p->waiting[0].offset);
    HOLDS(m, chosen->timestamp_ms == timestamp);
    HOLDS(m, chosen->record->timestamp == p->waiting[0].timestamp);
    HOLDS(m, chosen->record->offset > p->last_given);
    /* What lies between this one and the last was nothing, or had no timestamp. */
    for (int64_t offset = p->last_given + 1; offset < chosen->record->offset; offset++)
        HOLDS(m, log_time(m, index, offset) < 0);
    p->last_given = chosen->record->offset;
    if (timestamp > p->partition_ms) p->partition_ms = timestamp;
    if (timestamp > m->stream_ms) m->stream_ms = timestamp;
    model_pop(p);
    m->given++;
}

/* The partition that the error names goes, and comes back behind the record that nobody can read. */
static void model_drop_failing(struct model *m)
{
    for (size_t i = 0; i < PARTS; i++) {
        struct model_part *p = &m->parts[i];
        if (!p->open || p->n == 0 || model_head_time(p) >= 0) continue;
        char *place = t_printf("t%zu[%zu]@%lld: ", i, i, (long long)p->waiting[0].offset);
        bool named = strncmp(m->w.err.text, place, strlen(place)) == 0;
        free(place);
        if (!named) continue;
        model_close(m, i);
        HOLDS(m, m->w.parts[i].next == p->waiting[0].offset);
        m->w.parts[i].next++;
        model_open(m, i);
        return;
    }
    T_FAIL("seed %llu: %s", (unsigned long long)m->seed, m->w.err.text);
}

static void model_compare_state(struct model *m)
{
    HOLDS(m, st_choice_stream_ms(&m->w.choice) == m->stream_ms && m->w.choice.skipped == m->skipped);
    for (size_t i = 0; i < PARTS; i++) {
        const struct model_part *p = &m->parts[i];
        if (!p->open) continue;
        HOLDS(m, st_choice_buffered(&m->w.choice, i) == p->n);
        HOLDS(m, st_choice_partition_ms(&m->w.choice, i) == p->partition_ms);
        int64_t position = p->n > 0 ? p->waiting[0].offset : p->fetched;
        HOLDS(m, st_choice_position(&m->w.choice, i) == position);
    }
}

static void model_next(struct model *m)
{
    bool failing;
    size_t best = model_choose(m, &failing);
    int rc = next(&m->w);
    for (; failing; best = model_choose(m, &failing), rc = next(&m->w)) {
        HOLDS(m, rc == AQ_E_BAD_RECORD);
        model_drop_failing(m);
    }
    int64_t until = model_wait(m);
    if (best == PARTS) {
        HOLDS(m, rc == ST_CHOICE_EMPTY);
    } else if (until > m->w.now_us) {
        HOLDS(m, rc == ST_CHOICE_WAIT && m->w.chosen.until_us == until);
    } else {
        HOLDS(m, rc == ST_CHOICE_RECORD);
        model_compare_given(m, best);
    }
    model_compare_state(m);
}

static void model_flow(struct model *m)
{
    size_t index;
    bool pause;
    while (st_choice_flow(&m->w.choice, &index, &pause)) {
        HOLDS(m, m->parts[index].open && m->parts[index].told_pause != pause);
        m->parts[index].told_pause = pause;
    }
    for (size_t i = 0; i < PARTS; i++) {
        const struct model_part *p = &m->parts[i];
        bool over = p->n > BOUND || m->w.parts[i].bytes > BYTES_BOUND;
        HOLDS(m, !p->open || p->told_pause == over);
    }
}

static void model_step(struct model *m)
{
    size_t index = draw(m, PARTS);
    size_t what = draw(m, 40);
    struct model_part *p = &m->parts[index];
    m->w.now_us += (int64_t)draw(m, 3) * AQ_MS;
    if (what == 0 && p->open)
        model_close(m, index);
    else if (what < 4 && !p->open)
        model_open(m, index);
    else if (what < 6 && p->open)
        model_pause(m, index);
    else if (what < 14 && p->open)
        model_progress(m, index);
    else if (what < 22 && p->open)
        model_add(m, index);
    else
        model_next(m);
    if (draw(m, 3) > 0) model_flow(m);
}

/* Nothing is held back any more: every record that is buffered must come, in the model's order. */
static void model_drain(struct model *m)
{
    bool failing;
    do {
        /* Each time: a partition that fails comes back unpaused. */
        for (size_t i = 0; i < PARTS; i++) {
            if (m->parts[i].open && !m->parts[i].paused) model_pause(m, i);
        }
        model_next(m);
    } while (model_choose(m, &failing) < PARTS);
    HOLDS(m, next(&m->w) == ST_CHOICE_EMPTY);
    for (size_t i = 0; i < PARTS; i++) HOLDS(m, m->w.parts[i].released == m->w.parts[i].added);
}

static uint64_t play_model(uint64_t seed, int64_t idle_ms)
{
    struct model *m = t_alloc(sizeof(*m));
    *m = (struct model){.seed = seed, .random = seed * 0x9E3779B97F4A7C15u, .idle_ms = idle_ms};
    m->stream_ms = ST_NO_TIME;
    begin(&m->w, idle_ms, BOUND, BYTES_BOUND);
    for (size_t i = 0; i < PARTS; i++) {
        m->parts[i].last_given = -1;
        if (i % 2 == 0) model_open(m, i);
    }
    for (size_t i = 0; i < STEPS; i++) model_step(m);
    model_drain(m);
    uint64_t given = m->given;
    finish(&m->w);
    free(m);
    return given;
}

static void random_steps_go_as_in_the_model(void **state)
{
    (void)state;
    static const int64_t idle[] = {ST_NEVER_IDLE, 0, 4};
    uint64_t given[3] = {0};
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) given[seed % 3] += play_model(seed, idle[seed % 3]);
    /* The steps must be such that records come through under each of the rules. */
    for (size_t i = 0; i < 3; i++)
        T_CHECK(given[i] > 1000, "%llu with rule %zu", (unsigned long long)given[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_go_as_in_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
