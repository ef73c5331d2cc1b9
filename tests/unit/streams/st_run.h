/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the first sub-topology of a builder's topology as one task, record by record, without a broker: what programs' callbacks see and
 * send is then a text.
 */
#ifndef AQ_TESTS_ST_RUN_H
#define AQ_TESTS_ST_RUN_H

#include "base/mem.h"
#include "streams/api/builder.h"
#include "streams/task.h"

#include "tests/lib/check.h"

struct run {
    const struct st_topology *topology;
    struct st_plan *plan;
    struct st_serde_flow *flow;
    struct aq_names names;
    struct st_settings settings;
    struct st_outbox outbox;
    struct st_shop shop;
    struct st_feed feed; /* of the first source */
    struct st_task *task;
    int64_t offset;
    struct aq_err err;
};

static void free_batch(void *ctx, struct aq_batch *batch)
{
    (void)ctx;
    aq_batch_finish(batch);
    free(batch);
}

/* 0, or why the task did not start. Sources without serdes read bytes. */
__attribute__((unused)) static int run_start(struct run *run, const struct st_topology *topology)
{
    *run = (struct run){.topology = topology};
    run->plan = st_plan_create(topology, &run->err);
    T_CHECK(run->plan != NULL, "%s", run->err.text);
    const struct st_serde *bytes = st_serde_find("bytes", NULL);
    struct st_findings findings;
    st_findings_init(&findings);
    run->flow = st_serde_flow_create(run->plan, (struct st_serdes){bytes, bytes}, &findings);
    T_CHECK(run->flow != NULL, "%zu findings", findings.count);
    st_findings_finish(&findings);
    aq_names_init(&run->names);
    run->settings = (struct st_settings){.threads = 1,
                                         .in_flight_bytes = 64 << 20,
                                         .application_id = "app",
                                         .buffered_records_per_partition = 1000,
                                         .queue_bytes = 1 << 20};
    st_outbox_init(&run->outbox, free_batch, NULL);
    run->shop = (struct st_shop){.settings = &run->settings,
                                 .topology = topology,
                                 .names = &run->names,
                                 .outbox = &run->outbox,
                                 .serdes = run->flow,
                                 .wall_ms = 1000};
    const struct st_subtopology *sub = &run->plan->subtopologies[0];
    run->feed = (struct st_feed){.topic = aq_names_intern(&run->names, aq_slice_str("in")),
                                 .partition = 3,
                                 .source = sub->sources[0],
                                 .committed = {.next = 0, .time_ms = ST_NO_TIME}};
    struct st_feed *feeds[] = {&run->feed};
    return st_task_create(&run->shop, sub, 3, 0, feeds, 1, NULL, &run->task, &run->err);
}

__attribute__((unused)) static void run_stop(struct run *run)
{
    st_task_destroy(run->task);
    st_outbox_finish(&run->outbox);
    aq_names_finish(&run->names);
    st_serde_flow_destroy(run->flow);
    st_plan_destroy(run->plan);
}

/* One record through the task, with a header h=1: how many were processed, or the code it ended with. */
__attribute__((unused)) static int run_record(struct run *run, struct aq_slice key, struct aq_slice value,
                                              int64_t timestamp)
{
    struct aq_batch *batch = aq_calloc(1, sizeof(*batch));
    aq_batch_init(batch, 1);
    batch->topic = run->feed.topic;
    batch->partition = run->feed.partition;
    struct aq_record *rec = aq_batch_add(batch);
    rec->key = aq_arena_copy(&batch->arena, key);
    rec->value = aq_arena_copy(&batch->arena, value);
    rec->timestamp = timestamp;
    rec->time_type = AQ_TIME_CREATE;
    rec->offset = run->offset++;
    rec->flags = AQ_REC_HEADERS_LOADED;
    aq_record_add_header(rec, aq_slice_str("h"), aq_slice_str("1"));
    st_task_add(run->task, &run->feed, batch);
    int64_t until_us;
    return st_task_run(run->task, 1, 0, &until_us, &run->err);
}

__attribute__((unused)) static int run_text(struct run *run, const char *key, const char *value,
                                            int64_t timestamp)
{
    return run_record(run, aq_slice_str(key), aq_slice_str(value), timestamp);
}

__attribute__((unused)) static void print_part(FILE *out, struct aq_slice part)
{
    if (aq_slice_is_null(part)) fputs("null", out);
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] >= ' ' && part.ptr[i] <= '~')
            fputc(part.ptr[i], out);
        else
            fprintf(out, "\\%02x", (unsigned char)part.ptr[i]);
    }
}

/* Everything that reached sinks: "topic key=value@timestamp{h=1}", one a line. The caller frees it. */
__attribute__((unused)) static char *run_output(const struct run *run)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    const struct aq_batch *batch = &run->outbox.open->batch;
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct aq_record *rec = &batch->records[i];
        fprintf(out, "%s ", rec->topic->text);
        print_part(out, rec->key);
        fputc('=', out);
        print_part(out, rec->value);
        fprintf(out, "@%lld{", (long long)rec->timestamp);
        for (uint16_t h = 0; h < rec->n_headers; h++) {
            fprintf(out, "%s%s=", h ? "," : "", rec->headers[h].name.ptr);
            print_part(out, rec->headers[h].value);
        }
        fputs("}\n", out);
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

__attribute__((unused)) static void expect_output(const struct run *run, const char *expected)
{
    char *text = run_output(run);
    assert_string_equal(text, expected);
    free(text);
}

#endif
