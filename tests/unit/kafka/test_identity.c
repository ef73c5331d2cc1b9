/* SPDX-License-Identifier: Apache-2.0
 *
 * What workers are called, and telling from a group's members whether a writer is one of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/identity.h"

static struct kc_flow plain(void)
{
    return (struct kc_flow){.transactional_prefix = "shop.v2", .name = "shop"};
}

static struct kc_writer read(const struct kc_flow *flow, const char *id)
{
    struct kc_writer writer;
    if (!kc_writer_read(flow, id, &writer)) fail_msg("'%s' is not read", id);
    return writer;
}

static void an_id_that_was_made_is_read_back(void **state)
{
    (void)state;
    struct kc_flow flow = plain();
    char first[KC_TRANSACTIONAL_ID_MAX], second[KC_TRANSACTIONAL_ID_MAX];
    kc_identity_transactional(&flow, 0x0000ab12, 17, 0, first);
    kc_identity_transactional(&flow, 0x0000ab12, 17, 1, second);
    assert_memory_equal(first, "shop.v2.", 8);
    assert_string_equal(first + strlen(first) - strlen(".0000ab12.17.a"), ".0000ab12.17.a");
    struct kc_writer writer = read(&flow, first), other = read(&flow, second);
    assert_int_equal(writer.nonce, 0xab12);
    assert_int_equal(writer.index, 17);
    assert_true(kc_writer_is(&writer, &other));
    assert_int_equal(writer.stem, strlen(first) - 1);
    assert_memory_equal(first, second, writer.stem);
}

static void an_instance_id_stands_for_the_host(void **state)
{
    (void)state;
    struct kc_flow flow = plain();
    flow.instance_id = "pod.1-x";
    char id[KC_TRANSACTIONAL_ID_MAX];
    assert_string_equal(kc_identity_transactional(&flow, 1, 0, 1, id), "shop.v2.pod.1-x.00000001.0.b");
    struct kc_writer writer = read(&flow, id);
    assert_true(aq_slice_equal(writer.name, AQ_LIT("pod.1-x")));
}

static void only_ids_of_the_flow_are_read(void **state)
{
    (void)state;
    static const char *const strangers[] = {
        "",
        "shop.v2",
        "shop.v2.",
        "shop.v2.host",
        "shop.v2.00000001.0.a", /* no host */
        "shop.v2..00000001.0.a",
        "shop.v1.host.00000001.0.a",
        "shop.v20.host.00000001.0.a",
        "shop.v2.host.00000001.0.c", /* no such lane */
        "shop.v2.host.00000001.0.a.selftest",
        "shop.v2.host.00000001.0.",
        "shop.v2.host.00000001..a",
        "shop.v2.host.00000001.x.a",
        "shop.v2.host.00000001.1234567890.a",
        "shop.v2.host.1.0.a",
        "shop.v2.host.0000000G.0.a",
        "shop.v2.host.0000000A.0.a",
    };
    struct kc_flow flow = plain();
    struct kc_writer writer;
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        if (kc_writer_read(&flow, strangers[i], &writer)) fail_msg("'%s' is read", strangers[i]);
}

/* Of a group with these members; instance id NULL: dynamic. */
static enum kc_presence among(const char *writer, size_t n, const char *const (*members)[2])
{
    struct kc_group_member list[4];
    struct kc_flow flow = plain();
    struct kc_group group = {.list = list, .count = n};
    for (size_t i = 0; i < n; i++)
        list[i] = (struct kc_group_member){.client_id = members[i][0], .instance_id = members[i][1]};
    struct kc_writer read_back = read(&flow, writer);
    return kc_writer_presence(&read_back, &group);
}

static void a_member_is_known_by_its_nonce(void **state)
{
    (void)state;
    static const char *const members[][2] = {{"aqueduct-host-12-0.00000001", NULL},
                                             {"my-own-host-12-1.00000002@h:9464", NULL}};
    assert_int_equal(among("shop.v2.host.00000001.0.a", 2, members), KC_PRESENT);
    assert_int_equal(among("shop.v2.host.00000002.1.b", 2, members), KC_PRESENT);
    assert_int_equal(among("shop.v2.host.00000003.0.a", 2, members), KC_ABSENT);
    assert_int_equal(among("shop.v2.host.00000001.0.a", 0, members), KC_ABSENT);
}

/* The coordinator keeps the client id of the first life. */
static void a_static_member_is_known_by_its_instance_id(void **state)
{
    (void)state;
    static const char *const members[][2] = {{"aqueduct-host-12-0.00000001", "app-1-0"}};
    assert_int_equal(among("shop.v2.app-1.00000001.0.a", 1, members), KC_PRESENT);
    assert_int_equal(among("shop.v2.app-1.00000002.0.a", 1, members), KC_PRESENT);
    assert_int_equal(among("shop.v2.app-1.00000002.1.a", 1, members), KC_ABSENT);
    assert_int_equal(among("shop.v2.app-2.00000002.0.a", 1, members), KC_ABSENT);
}

static void a_member_that_does_not_say_who_it_is_may_be_anybody(void **state)
{
    (void)state;
    static const char *const members[][2] = {{"aqueduct-host-12-0", NULL},
                                             {"aqueduct-host-13-0.00000001", NULL}};
    static const char *const odd[][2] = {{"x.0000001", NULL}};
    assert_int_equal(among("shop.v2.host.00000001.0.a", 2, members), KC_PRESENT);
    assert_int_equal(among("shop.v2.host.00000002.0.a", 2, members), KC_PRESENCE_UNKNOWN);
    assert_int_equal(among("shop.v2.host.00000002.0.a", 1, odd), KC_PRESENCE_UNKNOWN);
}

static void what_a_worker_is_called_in_the_group_leads_to_its_transactions(void **state)
{
    (void)state;
    static const char *const addresses[] = {NULL, "10.0.0.1:9464"};
    for (int i = 0; i < 2; i++) {
        struct kc_flow flow = plain();
        flow.address = addresses[i];
        char client[KC_CLIENT_ID_MAX], name[KC_MEMBER_NAME_MAX], id[KC_TRANSACTIONAL_ID_MAX];
        uint32_t nonce = kc_identity_nonce();
        kc_identity_member(&flow, kc_identity_client(&flow, 4, client), nonce, name);
        kc_identity_transactional(&flow, nonce, 4, 0, id);
        const char *const members[][2] = {{name, NULL}};
        assert_int_equal(among(id, 1, members), KC_PRESENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_that_was_made_is_read_back),
        cmocka_unit_test(an_instance_id_stands_for_the_host),
        cmocka_unit_test(only_ids_of_the_flow_are_read),
        cmocka_unit_test(a_member_is_known_by_its_nonce),
        cmocka_unit_test(a_static_member_is_known_by_its_instance_id),
        cmocka_unit_test(a_member_that_does_not_say_who_it_is_may_be_anybody),
        cmocka_unit_test(what_a_worker_is_called_in_the_group_leads_to_its_transactions),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
