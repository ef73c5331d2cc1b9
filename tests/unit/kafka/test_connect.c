/* SPDX-License-Identifier: Apache-2.0
 *
 * First contact: how often it is tried, and what ends it.
 */
#include "kafka/connect.h"

#include "base/clock.h"
#include "base/log.h"
#include "tests/lib/check.h"

struct kc_admin {
    int calls;
    int failing;       /* so many calls fail, */
    int code;          /* like this; */
    atomic_bool *stop; /* the last of them sets it */
};

static int scripted_connect(struct kc_admin *admin, int64_t timeout_ms, char ret_cluster_id[KC_ID_MAX],
                            struct aq_err *err)
{
    T_CHECK(timeout_ms >= 100 && timeout_ms <= 3000, "timeout %lld ms", (long long)timeout_ms);
    admin->calls++;
    if (admin->calls == admin->failing && admin->stop) atomic_store(admin->stop, true);
    if (admin->calls <= admin->failing) return aq_fail(err, admin->code, "scripted");
    snprintf(ret_cluster_id, KC_ID_MAX, "cluster-id");
    return 0;
}

static const struct kc_ops ops = {.name = "scripted", .admin_connect = scripted_connect};

static int contact(struct kc_admin *admin, int64_t connect_timeout_ms, atomic_bool *stop, char id[KC_ID_MAX],
                   struct aq_err *err)
{
    const struct kc_cluster cluster = {
        .name = "dc1", .brokers = "127.0.0.1:1", .connect_timeout_ms = connect_timeout_ms};
    const struct kc_flow flow = {.noun = "application", .name = "app", .source = &cluster, .sink = &cluster};
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    return kc_connect(&ops, &flow, &cluster, admin, id, stop, err);
}

static void it_is_tried_until_the_cluster_answers(void **state)
{
    (void)state;
    struct kc_admin admin = {.failing = 2, .code = AQ_E_UNREACHABLE};
    atomic_bool stop = false;
    char id[KC_ID_MAX] = "";
    struct aq_err err = {0};
    int64_t started = aq_mono_us();
    assert_int_equal(contact(&admin, 60000, &stop, id, &err), 0);
    assert_string_equal(id, "cluster-id");
    assert_int_equal(admin.calls, 3);
    assert_true(aq_mono_us() - started >= 290 * AQ_MS); /* pauses of 100 and 200 ms */
}

static void waiting_does_not_mend_a_wrong_password(void **state)
{
    (void)state;
    struct kc_admin admin = {.failing = 100, .code = AQ_E_AUTH};
    atomic_bool stop = false;
    char id[KC_ID_MAX];
    struct aq_err err = {0};
    assert_int_equal(contact(&admin, 60000, &stop, id, &err), AQ_E_AUTH);
    assert_int_equal(admin.calls, 1);
}

static void it_ends_with_the_last_reason_when_the_time_is_over(void **state)
{
    (void)state;
    struct kc_admin admin = {.failing = 100, .code = AQ_E_TIMEOUT};
    atomic_bool stop = false;
    char id[KC_ID_MAX];
    struct aq_err err = {0};
    assert_int_equal(contact(&admin, 150, &stop, id, &err), AQ_E_UNREACHABLE);
    T_CHECK(strstr(err.text, "dc1 (127.0.0.1:1) did not answer within 150 ms: scripted"), "%s", err.text);
    assert_in_range(admin.calls, 2, 4);
}

static void a_stop_is_heard_between_two_tries(void **state)
{
    (void)state;
    atomic_bool stop = false;
    struct kc_admin admin = {.failing = 2, .code = AQ_E_UNREACHABLE, .stop = &stop};
    char id[KC_ID_MAX];
    struct aq_err err = {0};
    assert_int_equal(contact(&admin, 60000, &stop, id, &err), AQ_E_STOPPED);
    assert_int_equal(admin.calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_tried_until_the_cluster_answers),
        cmocka_unit_test(waiting_does_not_mend_a_wrong_password),
        cmocka_unit_test(it_ends_with_the_last_reason_when_the_time_is_over),
        cmocka_unit_test(a_stop_is_heard_between_two_tries),
    };
    return cmocka_run_group_tests_name("first contact", tests, NULL, NULL);
}
