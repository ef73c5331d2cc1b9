/* SPDX-License-Identifier: Apache-2.0
 *
 * The box by which questions reach a worker, and asks that are answered, refused and left behind.
 */
#include "base/clock.h"
#include "streams/query/ask.h"
#include "streams/query/directory.h"
#include "tests/lib/check.h"

static struct st_ask *numbered(int32_t number)
{
    struct st_ask *ask = st_ask_create();
    ask->question.partition = number;
    return ask;
}

static void the_oldest_is_taken_first(void **state)
{
    (void)state;
    struct st_mailbox box;
    struct st_ask *asks[3];
    st_mailbox_init(&box);
    assert_true(st_mailbox_is_empty(&box));
    assert_null(st_mailbox_take(&box));
    for (int32_t i = 0; i < 3; i++) {
        asks[i] = numbered(i);
        assert_true(st_mailbox_post(&box, asks[i]));
    }
    assert_false(st_mailbox_is_empty(&box));
    struct st_ask *list = st_mailbox_take(&box);
    assert_true(st_mailbox_is_empty(&box));
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(list->question.partition, i);
        struct st_ask *next = list->next;
        st_ask_answered(list);
        list = next;
    }
    assert_null(list);
    for (int32_t i = 0; i < 3; i++) {
        assert_true(st_ask_wait(asks[i], 1));
        st_ask_unref(asks[i]);
    }
}

static void a_closed_box_takes_nothing(void **state)
{
    (void)state;
    struct st_mailbox box;
    struct st_ask *early = numbered(1), *late = numbered(2);
    st_mailbox_init(&box);
    assert_true(st_mailbox_post(&box, early));
    struct st_ask *left = st_mailbox_close(&box);
    assert_ptr_equal(left, early);
    assert_null(left->next);
    assert_false(st_mailbox_post(&box, late));
    assert_null(st_mailbox_take(&box));
    assert_null(st_mailbox_close(&box));
    st_ask_refuse(left, ST_HERE_STOPPED, "it is %s", "over");
    st_ask_answered(left);
    assert_true(st_ask_wait(early, 1));
    assert_int_equal(early->reply.here, ST_HERE_STOPPED);
    assert_string_equal(early->reply.why, "it is over");
    st_ask_unref(early);
    st_ask_unref(late);
}

/* Under a sanitizer this shows who frees what. */
static void who_does_not_wait_leaves_the_ask_to_the_worker(void **state)
{
    (void)state;
    struct st_mailbox box;
    st_mailbox_init(&box);
    struct st_ask *ask = numbered(1);
    assert_true(st_mailbox_post(&box, ask));
    int64_t began = aq_mono_us();
    assert_false(st_ask_wait(ask, 20 * AQ_MS));
    assert_true(aq_mono_us() - began >= 20 * AQ_MS);
    st_ask_unref(ask);
    struct st_ask *taken = st_mailbox_take(&box);
    st_ask_row(taken, AQ_LIT("k"), AQ_LIT(""), AQ_LIT("v"));
    st_ask_answered(taken);
}

#define POSTERS 4
#define EACH    5000

static void *post_many(void *arg)
{
    struct st_mailbox *box = arg;
    for (int32_t i = 0; i < EACH; i++) {
        struct st_ask *ask = numbered(i);
        if (!st_mailbox_post(box, ask)) abort();
        st_ask_unref(ask);
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    struct st_mailbox box;
    pthread_t threads[POSTERS];
    int64_t sum = 0, seen = 0, until = aq_mono_us() + 60 * AQ_SEC;
    st_mailbox_init(&box);
    for (int i = 0; i < POSTERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, post_many, &box), 0);
    while (seen < POSTERS * EACH && aq_mono_us() < until) {
        for (struct st_ask *next, *ask = st_mailbox_take(&box); ask; ask = next) {
            next = ask->next;
            sum += ask->question.partition;
            seen++;
            st_ask_answered(ask);
        }
    }
    for (int i = 0; i < POSTERS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(seen, POSTERS * EACH);
    assert_int_equal(sum, (int64_t)POSTERS * EACH * (EACH - 1) / 2);
}

static void addresses_stand_behind_an_at(void **state)
{
    (void)state;
    assert_null(st_address_of("aqueduct-host-1-0"));
    assert_null(st_address_of("aqueduct-host-1-0@"));
    assert_null(st_address_of("aqueduct-host-1-0@host"));
    assert_null(st_address_of("aqueduct-host-1-0@ho/st:1"));
    assert_string_equal(st_address_of("aqueduct-host-1-0@host:9464"), "host:9464");
    assert_string_equal(st_address_of("aqueduct-host-1-0@[::1]:9464"), "[::1]:9464");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_is_taken_first),
        cmocka_unit_test(a_closed_box_takes_nothing),
        cmocka_unit_test(who_does_not_wait_leaves_the_ask_to_the_worker),
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(addresses_stand_behind_an_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
