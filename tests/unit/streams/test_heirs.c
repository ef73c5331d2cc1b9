/* SPDX-License-Identifier: Apache-2.0
 *
 * Who keeps copies of which slots: against the deal as it is after the loss, for all small groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "streams/heirs.h"

#define MEMBERS 12
#define SLOTS   24

/* The owner of a slot when the processes of a mask are gone; -1: nobody is left. */
static int32_t owner_without(const struct st_heirs *heirs, uint32_t gone, int32_t slot)
{
    int32_t left[MEMBERS], n = 0;
    for (size_t i = 0; i < heirs->members; i++)
        if (!(gone >> heirs->process[i] & 1)) left[n++] = heirs->process[i];
    return n > 0 ? left[slot % n] : -1;
}

static int bits(uint32_t mask)
{
    return __builtin_popcount(mask);
}

static bool would_inherit(const struct st_heirs *heirs, int losses, int32_t slot)
{
    if (owner_without(heirs, 0, slot) == heirs->me) return false;
    for (uint32_t gone = 1; gone < 1U << heirs->processes; gone++) {
        if (bits(gone) > losses || (gone >> heirs->me & 1)) continue;
        if (owner_without(heirs, gone, slot) == heirs->me) return true;
    }
    return false;
}

static void expect_as_by_force(const struct st_heirs *heirs, int losses)
{
    bool keep[SLOTS];
    st_heirs_find(heirs, losses, SLOTS, keep);
    for (int32_t slot = 0; slot < SLOTS; slot++)
        if (keep[slot] != would_inherit(heirs, losses, slot))
            fail_msg("%d processes, %d members, %d losses: slot %d for process %d: %d", (int)heirs->processes,
                     (int)heirs->members, losses, (int)slot, (int)heirs->me, keep[slot]);
}

/* As many members each, side by side. */
static struct st_heirs even(int32_t *process, int32_t processes, int32_t threads, int32_t me)
{
    for (int32_t i = 0; i < processes * threads; i++) process[i] = i / threads;
    return (struct st_heirs){
        .process = process, .members = (size_t)(processes * threads), .processes = processes, .me = me};
}

static void slots_are_kept_that_a_loss_would_bring(void **state)
{
    (void)state;
    int32_t process[MEMBERS];
    for (int32_t processes = 1; processes <= 6; processes++)
        for (int32_t threads = 1; processes * threads <= MEMBERS; threads++)
            for (int32_t me = 0; me < processes; me++)
                for (int losses = 0; losses <= ST_LOSSES_MAX; losses++) {
                    struct st_heirs heirs = even(process, processes, threads, me);
                    expect_as_by_force(&heirs, losses);
                }
}

static void members_may_stand_in_any_order(void **state)
{
    (void)state;
    uint64_t dice = 7;
    int32_t process[MEMBERS];
    for (int round = 0; round < 300; round++) {
        struct st_heirs heirs = {.process = process, .members = MEMBERS, .processes = 5};
        for (int32_t i = 0; i < MEMBERS; i++) {
            dice = dice * 6364136223846793005u + 1442695040888963407u;
            process[i] = i < 5 ? i : (int32_t)((dice >> 33) % 5);
        }
        heirs.me = round % 5;
        expect_as_by_force(&heirs, 1 + round % ST_LOSSES_MAX);
    }
}

/* What the documentation says it costs. */
static void one_loss_costs_two_copies_at_most(void **state)
{
    (void)state;
    int32_t process[MEMBERS];
    for (int32_t processes = 2; processes <= 6; processes++)
        for (int32_t threads = 1; processes * threads <= MEMBERS; threads++) {
            int copies[SLOTS] = {0}, most = 0;
            for (int32_t me = 0; me < processes; me++) {
                bool keep[SLOTS];
                struct st_heirs heirs = even(process, processes, threads, me);
                st_heirs_find(&heirs, 1, SLOTS, keep);
                for (int32_t slot = 0; slot < SLOTS; slot++) copies[slot] += keep[slot];
            }
            for (int32_t slot = 0; slot < SLOTS; slot++) {
                assert_in_range(copies[slot], 1, 2);
                if (copies[slot] > most) most = copies[slot];
            }
            assert_int_equal(most, processes == 2 ? 1 : 2);
        }
}

static void a_process_that_is_not_in_the_group_keeps_nothing(void **state)
{
    (void)state;
    int32_t process[MEMBERS];
    bool keep[SLOTS];
    struct st_heirs heirs = even(process, 3, 2, -1);
    st_heirs_find(&heirs, 1, SLOTS, keep);
    for (int32_t slot = 0; slot < SLOTS; slot++) assert_false(keep[slot]);
}

/* ---- who is who ----------------------------------------------------------------------------------------------------- */

static void members_are_dealt_by_their_ids_and_known_by_their_names(void **state)
{
    (void)state;
    struct kc_group_member list[] = {
        {.member_id = "aqueduct-b-1-0-x", .client_id = "aqueduct-b-1-0"},
        {.member_id = "aqueduct-a-12-1-x", .client_id = "aqueduct-a-12-1"},
        {.member_id = "aqueduct-a-12-0-x", .client_id = "aqueduct-a-12-0"},
        {.member_id = "aqueduct-a-1-0-x", .client_id = "aqueduct-a-1-0"},
    };
    const struct kc_group group = {.stable = true, .list = list, .count = 4};
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    struct st_heirs heirs = st_heirs_of(&group, "aqueduct-a-12-7", &arena);
    assert_int_equal(heirs.members, 4);
    assert_int_equal(heirs.processes, 3);
    assert_int_equal(heirs.me, 1);
    const int32_t expected[] = {0, 1, 1, 2};
    for (size_t i = 0; i < 4; i++) assert_int_equal(heirs.process[i], expected[i]);
    assert_int_equal(st_heirs_of(&group, "aqueduct-c-1-0", &arena).me, -1);
    aq_arena_finish(&arena);
}

/* client_id: processes of one application may each have a prefix of their own, or the same, with dashes in it. */
static void the_prefix_of_client_ids_makes_no_two_processes_one(void **state)
{
    (void)state;
    struct kc_group_member list[] = {
        {.member_id = "1", .client_id = "shop-a-1-0"},     {.member_id = "2", .client_id = "shop-a-1-1@h:1"},
        {.member_id = "3", .client_id = "shop-a-2-0"},     {.member_id = "4", .client_id = "shop-b-1-0@h:2"},
        {.member_id = "5", .client_id = "aqueduct-a-3-0"},
    };
    const struct kc_group group = {.stable = true, .list = list, .count = 5};
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    struct st_heirs heirs = st_heirs_of(&group, "shop-b-1-0", &arena);
    assert_int_equal(heirs.processes, 4);
    assert_int_equal(heirs.me, 2);
    const int32_t expected[] = {0, 0, 1, 2, 3};
    for (size_t i = 0; i < 5; i++) assert_int_equal(heirs.process[i], expected[i]);
    aq_arena_finish(&arena);
}

static void instance_ids_go_before_member_ids(void **state)
{
    (void)state;
    struct kc_group_member list[] = {
        {.member_id = "a", .client_id = "aqueduct-h-1-0", .instance_id = "two-0"},
        {.member_id = "b", .client_id = "aqueduct-h-1-1", .instance_id = "two-1"},
        {.member_id = "c", .client_id = "aqueduct-h-2-0", .instance_id = "one-0"},
    };
    const struct kc_group group = {.stable = true, .list = list, .count = 3};
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    struct st_heirs heirs = st_heirs_of(&group, "two-0", &arena);
    assert_int_equal(heirs.processes, 2);
    assert_int_equal(heirs.me, 1);
    assert_int_equal(heirs.process[0], 0);
    assert_int_equal(heirs.process[1], 1);
    assert_int_equal(heirs.process[2], 1);
    aq_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_kept_that_a_loss_would_bring),
        cmocka_unit_test(members_may_stand_in_any_order),
        cmocka_unit_test(one_loss_costs_two_copies_at_most),
        cmocka_unit_test(a_process_that_is_not_in_the_group_keeps_nothing),
        cmocka_unit_test(members_are_dealt_by_their_ids_and_known_by_their_names),
        cmocka_unit_test(the_prefix_of_client_ids_makes_no_two_processes_one),
        cmocka_unit_test(instance_ids_go_before_member_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
