/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays about partitions as logs: what is written and read back, where they begin and end, what they refuse.
 */
#include "tests/lib/kc_plays.h"
#include "tests/lib/kc_scene.h"

void kc_play_produce_and_consume(void *arg)
{
    struct scene *scene = arg;
    const char *topic = make_topic(scene, "plain", 2, NULL, 0);
    struct kc_producer *producer = open_producer(scene, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 8);
    add_record(scene, &batch, topic, 0, "a", "one");
    struct aq_record *rec = add_record(scene, &batch, topic, 0, NULL, "two");
    aq_record_add_header(rec, AQ_LIT("h"), AQ_LIT("x"));
    aq_record_add_header(rec, AQ_LIT("n"), AQ_NULL_SLICE);
    add_record(scene, &batch, topic, 1, "b", "three");
    add_record(scene, &batch, topic, 0, "c", NULL);
    add_record(scene, &batch, topic, 0, "", "");
    add_record(scene, &batch, topic, 0, "d", "dropped")->flags |= AQ_REC_DROPPED;
    add_record(scene, &batch, topic, 0, "e", "epoch")->timestamp = 0;
    deliver(scene, producer, &batch);
    /* Which partition answers last is nobody's promise. */
    bool told = batch.sink_offset == (batch.sink_partition == 0 ? 4 : 0);
    fprintf(scene->out, "sink told %d failure %d in flight %" PRIu64 "\n", told,
            scene->ops->producer_failure(producer)->code, scene->ops->producer_in_flight(producer, NULL));
    aq_batch_finish(&batch);
    observe(scene, topic, 0, 0, true, true);
    observe(scene, topic, 1, KC_OFFSET_EARLIEST, false, true);
    observe(scene, topic, 0, 3, true, false);
    close_producer(scene, producer);
}

void kc_play_watermarks_and_times(void *arg)
{
    struct scene *scene = arg;
    struct aq_err err = {0};
    const char *topic = make_topic(scene, "plain", 1, NULL, 0);
    observe_watermarks(scene, topic, 0);
    struct kc_producer *producer = open_producer(scene, NULL);
    send_values(scene, producer, topic, 3, "x");
    observe_watermarks(scene, topic, 0);
    observe_watermarks(scene, topic, 1);
    observe_watermarks(scene, name_of(scene, "none"), 0);
    for (int64_t ms = 1700000000000; ms <= 1700000000004; ms += 2) {
        int64_t offset = -1;
        must(scene->ops->admin_offset_for_time(scene->admin, topic, 0, ms, TIMEOUT_MS, &offset, &err), &err,
             "time");
        fprintf(scene->out, "time: %" PRId64 "\n", offset);
    }
    struct kc_end ends[] = {{.topic = topic, .partition = 0},
                            {.topic = topic, .partition = 1},
                            {.topic = name_of(scene, "none")}};
    must(scene->ops->admin_ends(scene->admin, ends, 3, TIMEOUT_MS, &err), &err, "ends");
    fprintf(scene->out, "ends: %" PRId64 " %" PRId64 " %" PRId64 "\n", ends[0].end, ends[1].end, ends[2].end);
    must(scene->ops->admin_grow_topic(scene->admin, topic, 2, TIMEOUT_MS, &err), &err, "grow");
    observe_watermarks(scene, topic, 1);
    close_producer(scene, producer);
}

void kc_play_offsets_out_of_range(void *arg)
{
    struct scene *scene = arg;
    const char *topic = make_topic(scene, "plain", 1, NULL, 0);
    struct kc_producer *producer = open_producer(scene, NULL);
    send_values(scene, producer, topic, 3, "x");
    observe(scene, topic, 0, 3, true, false);
    observe(scene, topic, 0, 100, true, false);
    observe(scene, topic, 0, 2, true, false);
    observe(scene, topic, 5, 0, true, false);
    close_producer(scene, producer);
}

void kc_play_refused_records(void *arg)
{
    struct scene *scene = arg;
    struct aq_err err = {0};
    const struct kc_config_entry configs[] = {{"max.message.bytes", "2000"}};
    const char *topic = make_topic(scene, "small", 1, configs, 1);
    struct kc_config_entry asked[] = {{.name = "max.message.bytes"}, {.name = "segment.ms"}};
    must(scene->ops->admin_topic_configs(scene->admin, topic, asked, 2, &scene->arena, TIMEOUT_MS, &err),
         &err, "configs");
    fprintf(scene->out, "configs: %s %s\n", asked[0].value, asked[1].value ? asked[1].value : "default");
    struct kc_producer *producer = open_producer(scene, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 8);
    char *large = aq_arena_alloc(&scene->arena, 5000);
    memset(large, 'x', 5000);
    add_record(scene, &batch, topic, 0, "k", NULL)->value = aq_slice_of(large, 5000);
    deliver(scene, producer, &batch);
    const struct kc_failure *failure = scene->ops->producer_failure(producer);
    fprintf(scene->out, "large: %s, named %d\n", code_name(failure->code), failure->rec == &batch.records[0]);
    scene->ops->producer_forget_failure(producer);
    aq_batch_finish(&batch);
    aq_batch_init(&batch, 8);
    add_record(scene, &batch, topic, 0, "k", "fits");
    add_record(scene, &batch, topic, 7, "k", "nowhere");
    int code = scene->ops->producer_send(producer, &batch, &err);
    fprintf(scene->out, "partition: %s at %u\n", code_name(code), batch.produced);
    batch.records[1].flags |= AQ_REC_DROPPED;
    deliver(scene, producer, &batch);
    fprintf(scene->out, "failure: %s\n", code_name(scene->ops->producer_failure(producer)->code));
    aq_batch_finish(&batch);
    observe(scene, topic, 0, 0, true, false);
    const struct kc_topic_spec again = {.name = topic, .partitions = 1, .replication_factor = 1};
    code = scene->ops->admin_create_topic(scene->admin, &again, TIMEOUT_MS, &err);
    fprintf(scene->out, "again: %s\n", code_name(code));
    code = scene->ops->admin_grow_topic(scene->admin, topic, 1, TIMEOUT_MS, &err);
    fprintf(scene->out, "grow: %s\n", code_name(code));
    close_producer(scene, producer);
}
