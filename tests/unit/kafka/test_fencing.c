/* SPDX-License-Identifier: Apache-2.0
 *
 * Fencing writers that are gone, over the simulation: whose transactions end, and whose do not.
 */
#include "tests/unit/kafka/sim_stage.h"

#include "base/log.h"
#include "kafka/fencing.h"
#include "kafka/identity.h"
#include "kafka/position.h"

#define GROUP "app"
#define STATE "app-state"
#define OURS  0x11111111
#define DEAD  "app.host.22222222.0.a"
#define OTHER "app.host.22222222.0.b" /* the same worker's */

/* We are a member; the writer DEAD has an open transaction with a record in "t", for which it began after a snapshot of time 1. */
struct scene {
    struct stage stage;
    struct kc_flow flow;
    struct kc_fencing *fencing;
    struct kc_member *member;
    struct kc_producer *dead;
    char self[KC_TRANSACTIONAL_ID_MAX];
};

static struct kc_member *join(struct scene *s, const char *name, const char *instance_id)
{
    struct kc_member *member = NULL;
    const struct kc_member_conf conf = {.client_id = name,
                                        .group_id = GROUP,
                                        .topic = STATE,
                                        .instance_id = instance_id,
                                        .session_timeout_ms = 60000,
                                        .max_poll_interval_ms = 60000};
    assert_int_equal(ops->member_open(&s->stage.cluster, &conf, &member, &s->stage.err), 0);
    next_change(&s->stage, member);
    return member;
}

static struct kc_producer *leave_open(struct scene *s, const char *id, const char *topic)
{
    struct kc_producer *producer = add_ready_producer(&s->stage, id);
    assert_int_equal(ops->txn_begin(producer, &s->stage.err), 0);
    assert_int_equal(send_value(&s->stage, producer, topic, 0, "lost"), 0);
    return producer;
}

static void open_as(struct scene *s, bool member, const char *instance_id)
{
    char name[KC_MEMBER_NAME_MAX];
    *s = (struct scene){0};
    stage_open(&s->stage);
    s->flow = (struct kc_flow){.noun = "application",
                               .name = "app",
                               .group = GROUP,
                               .state_topic = STATE,
                               .sink = &s->stage.cluster,
                               .tasks = 2,
                               .exactly_once = true,
                               .transactional_prefix = "app",
                               .transaction_timeout_ms = 10000,
                               .instance_id = instance_id};
    add_topic(&s->stage, STATE, 2);
    add_topic(&s->stage, "t", 1);
    add_topic(&s->stage, "u", 1);
    char *static_id = instance_id ? aq_arena_printf(&s->stage.arena, "%s-0", instance_id) : NULL;
    kc_identity_member(&s->flow, "aqueduct-me-1-0", OURS, name);
    if (member) s->member = join(s, name, static_id);
    kc_identity_transactional(&s->flow, OURS, 0, 0, s->self);
    s->fencing = kc_fencing_create(&kc_sim_ops, &s->flow, s->stage.admin, "test", s->self);
    s->dead = leave_open(s, DEAD, "t");
}

static void set_up(struct scene *s)
{
    open_as(s, true, NULL);
}

static void tear_down(struct scene *s)
{
    kc_fencing_destroy(s->fencing);
    if (s->member) ops->member_close(s->member, 0);
    if (s->dead) end_producer(s->dead);
    stage_close(&s->stage);
}

/* Steps every few milliseconds, until it has nothing to do; how long that took. */
static int64_t steps(struct scene *s)
{
    int64_t ms = 0;
    for (; kc_fencing_step(s->fencing) && ms < 30000; ms += 5) pass_ms(&s->stage, 5);
    return ms;
}

static bool is_open(struct scene *s, const char *topic)
{
    return strcmp(read_from(&s->stage, topic, 0, true), "|end 0") == 0;
}

/* ---- whose transactions end ------------------------------------------------------------------------------------------- */

static void a_writer_that_is_gone_is_fenced(void **state)
{
    (void)state;
    struct scene s;
    set_up(&s);
    struct kc_producer *second = leave_open(&s, OTHER, "u");
    assert_false(kc_fencing_step(s.fencing));
    assert_true(is_open(&s, "t") && is_open(&s, "u"));
    kc_fencing_suspect(s.fencing, DEAD, 1);
    assert_in_range(steps(&s), 1, 100);
    assert_string_equal(read_from(&s.stage, "t", 0, true), "|end 2"); /* aborted */
    assert_string_equal(read_from(&s.stage, "u", 0, true), "|end 2");
    assert_int_equal(abort_now(&s.stage, s.dead), AQ_E_FENCED); /* should it wake up */
    end_producer(second);
    tear_down(&s);
}

static void a_writer_that_is_a_member_is_left_alone(void **state)
{
    (void)state;
    struct scene s;
    set_up(&s);
    struct kc_member *living = join(&s, "aqueduct-host-7-0.22222222@h:1", NULL);
    kc_fencing_suspect(s.fencing, DEAD, 1);
    assert_int_equal(steps(&s), 0);
    assert_true(is_open(&s, "t"));
    assert_int_equal(abort_now(&s.stage, s.dead), 0);
    ops->member_close(living, 0);
    tear_down(&s);
}

static void a_member_that_does_not_say_who_it_is_protects_all(void **state)
{
    (void)state;
    struct scene s;
    set_up(&s);
    struct kc_member *older = join(&s, "aqueduct-host-7-0", NULL);
    kc_fencing_suspect(s.fencing, DEAD, 1);
    assert_int_equal(steps(&s), 0);
    assert_true(is_open(&s, "t"));
    ops->member_close(older, 0);
    tear_down(&s);
}

static void strangers_and_ourselves_are_left_alone(void **state)
{
    (void)state;
    struct scene s;
    char self[KC_TRANSACTIONAL_ID_MAX];
    set_up(&s);
    kc_fencing_suspect(s.fencing, kc_identity_transactional(&s.flow, OURS, 0, 1, self), 1);
    kc_fencing_suspect(s.fencing, "app2.host.22222222.0.a", 1);
    kc_fencing_suspect(s.fencing, "", 1);
    assert_false(kc_fencing_step(s.fencing));
    tear_down(&s);
}

/* Not in the list ourselves: it is not the list of those who may have given us the task. */
static void a_group_that_does_not_know_us_decides_nothing(void **state)
{
    (void)state;
    struct scene s;
    open_as(&s, false, NULL);
    kc_fencing_suspect(s.fencing, DEAD, 1);
    for (int ms = 0; ms < 9000; ms += 5) {
        assert_true(kc_fencing_step(s.fencing));
        pass_ms(&s.stage, 5);
    }
    assert_true(is_open(&s, "t"));
    assert_in_range(steps(&s), 900, 1500); /* then the brokers end it themselves */
    tear_down(&s);
}

static void an_earlier_life_of_a_static_member_is_fenced(void **state)
{
    (void)state;
    struct scene s;
    open_as(&s, true, "app-1");
    struct kc_producer *before = leave_open(&s, "app.app-1.33333333.0.a", "u");
    kc_fencing_suspect(s.fencing, "app.app-1.33333333.0.a", 1);
    steps(&s);
    assert_false(is_open(&s, "u"));
    end_producer(before);
    tear_down(&s);
}

static void a_writer_is_fenced_again_only_if_it_has_written_since(void **state)
{
    (void)state;
    struct scene s;
    set_up(&s);
    kc_fencing_suspect(s.fencing, DEAD, 5);
    steps(&s);
    end_producer(s.dead);
    /* It was frozen, and came back for a while. */
    s.dead = leave_open(&s, DEAD, "u");
    kc_fencing_suspect(s.fencing, DEAD, 4);
    kc_fencing_suspect(s.fencing, OTHER, 5);
    assert_false(kc_fencing_step(s.fencing));
    assert_true(is_open(&s, "u"));
    kc_fencing_suspect(s.fencing, OTHER, 6);
    steps(&s);
    assert_false(is_open(&s, "u"));
    tear_down(&s);
}

static void many_writers_are_fenced_in_turn(void **state)
{
    (void)state;
    struct scene s;
    struct kc_producer *list[20];
    set_up(&s);
    for (int i = 0; i < 20; i++) {
        char id[64];
        snprintf(id, sizeof(id), "app.host.%08x.0.a", 0x44444400 + i);
        list[i] = leave_open(&s, id, "u");
        kc_fencing_suspect(s.fencing, id, 1);
    }
    assert_in_range(steps(&s), 1, 500);
    assert_false(is_open(&s, "u"));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(abort_now(&s.stage, list[i]), AQ_E_FENCED);
        end_producer(list[i]);
    }
    tear_down(&s);
}

/* ---- a position that is held -------------------------------------------------------------------------------------------- */

static void write_position(struct scene *s, struct kc_producer *producer, int32_t task, const char *writer)
{
    struct kc_ack ack;
    struct kc_drained drained;
    const struct kc_snapshot snapshot = {
        .facts = {.route = "app", .source_id = "c", .sink_id = "c", .tasks = 2, .map_version = 2},
        .task = task,
        .seq = 1,
        .written_ms = 1,
        .writer = writer};
    struct aq_slice value = kc_snapshot_encode(&snapshot, &s->stage.arena);
    assert_int_equal(
        ops->producer_send_own(producer, STATE, task, AQ_LIT(KC_POSITION_KEY), value, &ack, &s->stage.err),
        0);
    ops->producer_drain(producer, 0, &drained);
    assert_true(ack.done && ack.code == 0);
}

static void hold_for(struct scene *s, int32_t task, int64_t most_ms)
{
    for (int64_t ms = 0; ms < most_ms; ms += 20) {
        kc_fencing_held(s->fencing, task);
        kc_fencing_step(s->fencing);
        pass_ms(&s->stage, 20);
    }
}

static void whoever_holds_a_position_is_found_in_the_state_topic(void **state)
{
    (void)state;
    struct scene s;
    set_up(&s);
    write_position(&s, s.dead, 1, DEAD);
    hold_for(&s, 1, 100);
    assert_false(is_open(&s, "t"));
    tear_down(&s);
}

static void a_holder_that_is_a_member_is_left_alone(void **state)
{
    (void)state;
    struct scene s;
    set_up(&s);
    struct kc_member *living = join(&s, "aqueduct-host-7-0.22222222", NULL);
    write_position(&s, s.dead, 0, DEAD);
    hold_for(&s, 0, 5000);
    assert_true(is_open(&s, "t"));
    ops->member_close(living, 0);
    tear_down(&s);
}

static void a_state_partition_without_a_position_names_nobody(void **state)
{
    (void)state;
    struct scene s;
    set_up(&s);
    hold_for(&s, 0, 3000); /* empty */
    put(&s.stage, STATE, 1, "no position");
    hold_for(&s, 1, 3000);
    assert_true(is_open(&s, "t"));
    assert_false(kc_fencing_step(s.fencing));
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_writer_that_is_gone_is_fenced),
        cmocka_unit_test(a_writer_that_is_a_member_is_left_alone),
        cmocka_unit_test(a_member_that_does_not_say_who_it_is_protects_all),
        cmocka_unit_test(strangers_and_ourselves_are_left_alone),
        cmocka_unit_test(a_group_that_does_not_know_us_decides_nothing),
        cmocka_unit_test(an_earlier_life_of_a_static_member_is_fenced),
        cmocka_unit_test(a_writer_is_fenced_again_only_if_it_has_written_since),
        cmocka_unit_test(many_writers_are_fenced_in_turn),
        cmocka_unit_test(whoever_holds_a_position_is_found_in_the_state_topic),
        cmocka_unit_test(a_holder_that_is_a_member_is_left_alone),
        cmocka_unit_test(a_state_partition_without_a_position_names_nobody),
    };
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    return cmocka_run_group_tests_name("fencing", tests, NULL, NULL);
}
