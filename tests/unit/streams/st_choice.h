/* SPDX-License-Identifier: Apache-2.0
 *
 * A record choice for tests: partitions by index, batches in few words, a clock that the test holds, and a watch over
 * whose batch is whose.
 */
#ifndef AQ_TESTS_ST_CHOICE_H
#define AQ_TESTS_ST_CHOICE_H

#include "streams/choice.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tests/lib/check.h"

#define PARTS 6

/* A partition as the test sees it. */
struct part {
    const struct aq_name *topic;
    uint64_t added;    /* batches */
    uint64_t released; /* of these */
    uint64_t numbered; /* batches with records: these come back in the order of adding */
    uint64_t expected; /* number of the one that comes back next */
    uint64_t bytes;    /* of those that are not released */
    int64_t next;      /* offset of the record that is added next */
};

struct world {
    struct aq_names names;
    struct st_choice choice;
    struct part parts[PARTS];
    bool may_release;
    int64_t now_us;
    int64_t wall_ms;
    struct st_chosen chosen;
    struct aq_err err;
};

/* A batch that knows its partition and its number there. */
struct tracked {
    struct aq_batch batch;
    struct part *part;
    uint64_t number;
};

__attribute__((unused)) static void take_back(void *user, struct aq_batch *batch)
{
    struct world *w = user;
    struct tracked *t = batch->owner;
    assert_true(w->may_release);
    assert_null(batch->next);
    if (batch->n > 0) assert_true(t->number == t->part->expected++);
    t->part->released++;
    t->part->bytes -= batch->bytes;
    aq_batch_finish(batch);
    free(t);
}

__attribute__((unused)) static void begin(struct world *w, int64_t idle_ms, uint32_t records, uint64_t bytes)
{
    *w = (struct world){.wall_ms = 5000};
    aq_names_init(&w->names);
    for (size_t i = 0; i < PARTS; i++) {
        char *name = t_printf("t%zu", i);
        w->parts[i].topic = aq_names_intern(&w->names, aq_slice_str(name));
        free(name);
    }
    struct st_choice_conf conf = {
        .max_task_idle_ms = idle_ms,
        .buffered_records_per_partition = records,
        .buffered_bytes_per_partition = bytes,
        .stream_ms = ST_NO_TIME,
        .release = take_back,
        .user = w,
    };
    st_choice_init(&w->choice, &conf);
}

__attribute__((unused)) static void open_with(struct world *w, size_t index, struct st_extractor extractor,
                                              int64_t partition_ms)
{
    struct st_choice_partition conf = {
        .topic = w->parts[index].topic,
        .partition = (int32_t)index,
        .extractor = extractor,
        .position = w->parts[index].next,
        .partition_ms = partition_ms,
    };
    st_choice_open(&w->choice, index, &conf);
}

__attribute__((unused)) static void open_part(struct world *w, size_t index)
{
    open_with(w, index, ST_FAIL_ON_INVALID_TIMESTAMP, ST_NO_TIME);
}

__attribute__((unused)) static void begin_two(struct world *w, int64_t idle_ms)
{
    begin(w, idle_ms, 1000, 1 << 20);
    open_part(w, 0);
    open_part(w, 1);
}

__attribute__((unused)) static void close_part(struct world *w, size_t index)
{
    w->may_release = true;
    st_choice_close(&w->choice, index);
    w->may_release = false;
    assert_true(w->parts[index].released == w->parts[index].added && w->parts[index].bytes == 0);
}

__attribute__((unused)) static void finish(struct world *w)
{
    w->may_release = true;
    st_choice_finish(&w->choice);
    for (size_t i = 0; i < PARTS; i++) assert_true(w->parts[i].released == w->parts[i].added);
    aq_names_finish(&w->names);
}

__attribute__((unused)) static struct aq_batch *new_batch(struct world *w, size_t index)
{
    struct tracked *t = aq_calloc(1, sizeof(*t));
    t->part = &w->parts[index];
    aq_batch_init(&t->batch, 4);
    t->batch.topic = t->part->topic;
    t->batch.partition = (int32_t)index;
    t->batch.owner = t;
    return &t->batch;
}

__attribute__((unused)) static void put_record(struct aq_batch *batch, int64_t offset, int64_t timestamp)
{
    struct aq_record *rec = aq_batch_add(batch);
    rec->offset = offset;
    rec->timestamp = timestamp;
    rec->time_type = AQ_TIME_CREATE;
    batch->bytes += 10;
}

__attribute__((unused)) static void add(struct world *w, size_t index, struct aq_batch *batch)
{
    struct tracked *t = batch->owner;
    t->part->added++;
    if (batch->n > 0) t->number = t->part->numbered++;
    t->part->bytes += batch->bytes;
    st_choice_add(&w->choice, index, batch);
}

/* One batch with these timestamps, "30 10 20", 10 bytes each. */
__attribute__((unused)) static void feed(struct world *w, size_t index, const char *timestamps)
{
    struct aq_batch *batch = new_batch(w, index);
    const char *rest = timestamps;
    char *end;
    for (long long ms = strtoll(rest, &end, 10); end != rest; ms = strtoll(rest, &end, 10)) {
        put_record(batch, w->parts[index].next++, ms);
        rest = end;
    }
    add(w, index, batch);
}

/* All that was produced has been fetched. */
__attribute__((unused)) static void caught_up(struct world *w, size_t index)
{
    st_choice_progress(&w->choice, index, w->parts[index].next, w->parts[index].next);
}

__attribute__((unused)) static int next(struct world *w)
{
    w->may_release = true;
    int rc = st_choice_next(&w->choice, w->now_us, w->wall_ms, &w->chosen, &w->err);
    w->may_release = false;
    return rc;
}

/* What comes until no record does: "1@15 0@30 wait". */
__attribute__((unused)) static void expect(struct world *w, const char *text)
{
    char log[1024] = "";
    int rc;
    while ((rc = next(w)) == ST_CHOICE_RECORD)
        t_note(log, sizeof(log), "%zu@%lld", w->chosen.index, (long long)w->chosen.timestamp_ms);
    T_CHECK(rc >= 0, "%s", w->err.text);
    t_note(log, sizeof(log), "%s", rc == ST_CHOICE_WAIT ? "wait" : "empty");
    assert_string_equal(log, text);
}

#endif
