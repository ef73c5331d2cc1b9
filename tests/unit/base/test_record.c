/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/record.h"

static int loads, restores, releases;

static void load_headers(struct aq_record *rec)
{
    loads++;
    rec->headers = aq_arena_alloc(&rec->batch->arena, 3 * sizeof(*rec->headers));
    rec->headers[0] = (struct aq_header){AQ_LIT("trace"), AQ_LIT("1")};
    rec->headers[1] = (struct aq_header){AQ_LIT("null"), AQ_NULL_SLICE};
    rec->headers[2] = (struct aq_header){AQ_LIT("trace"), AQ_LIT("2")};
    rec->n_headers = 3;
}

static void restore(struct aq_record *rec)
{
    restores++;
    rec->key = AQ_LIT("original");
}

static void release(struct aq_batch *batch)
{
    releases++;
    assert_true(batch->n > 0 || releases > 1);
}

static const struct aq_batch_source source = {load_headers, restore, release};
static int pin;

static int setup(void **state)
{
    static struct aq_batch batch;
    aq_batch_init(&batch, 1);
    batch.source = &source;
    loads = restores = releases = 0;
    *state = &batch;
    return 0;
}

static int teardown(void **state)
{
    aq_batch_finish(*state);
    return 0;
}

static void test_add_grows_and_clears(void **state)
{
    struct aq_batch *batch = *state;
    struct aq_names names;
    aq_names_init(&names);
    batch->topic = aq_names_intern(&names, AQ_LIT("orders"));
    for (int i = 0; i < 1000; i++) {
        struct aq_record *rec = aq_batch_add(batch);
        assert_ptr_equal(rec->batch, batch);
        assert_ptr_equal(rec->topic, batch->topic);
        assert_int_equal(rec->flags, 0);
        assert_int_equal(rec->partition, -1);
        assert_int_equal(rec->leader_epoch, -1);
        assert_null(rec->key.ptr);
        assert_null(rec->headers);
        rec->offset = i;
        rec->flags = AQ_REC_DROPPED;
        rec->headers = (struct aq_header *)&pin;
    }
    assert_int_equal(batch->n, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(batch->records[i].offset, i);
    aq_batch_release(batch);
    assert_int_equal(batch->n, 0);
    assert_int_equal(aq_batch_add(batch)->flags, 0);
    aq_names_finish(&names);
}

static void test_headers_load_once_and_only_with_origin(void **state)
{
    struct aq_record *rec = aq_batch_add(*state);
    uint16_t n = 99;
    assert_null(aq_record_headers(rec, &n));
    assert_int_equal(n, 0);
    assert_int_equal(loads, 0);

    rec = aq_batch_add(*state);
    rec->origin = &pin;
    aq_record_headers(rec, &n);
    struct aq_header *headers = aq_record_headers(rec, NULL);
    assert_int_equal(loads, 1);
    assert_int_equal(n, 3);
    assert_null(headers[1].value.ptr);
    assert_false(rec->flags & AQ_REC_HEADERS_CHANGED);
}

static void test_add_header_copies_on_write(void **state)
{
    struct aq_record *rec = aq_batch_add(*state);
    rec->origin = &pin;
    struct aq_header *before = aq_record_headers(rec, NULL);
    aq_record_add_header(rec, AQ_LIT("aq.from"), AQ_LIT("dc1"));
    uint16_t n;
    struct aq_header *after = aq_record_headers(rec, &n);
    assert_int_equal(n, 4);
    assert_ptr_not_equal(before, after);
    assert_true(aq_slice_equal(after[0].value, AQ_LIT("1")));
    assert_true(aq_slice_equal(after[3].name, AQ_LIT("aq.from")));
    assert_true(rec->flags & AQ_REC_HEADERS_CHANGED);
}

static void test_drop_headers(void **state)
{
    struct aq_record *rec = aq_batch_add(*state);
    rec->origin = &pin;
    assert_int_equal(aq_record_drop_headers(rec, AQ_LIT("absent")), 0);
    assert_false(rec->flags & AQ_REC_HEADERS_CHANGED);
    assert_int_equal(aq_record_drop_headers(rec, AQ_LIT("trace")), 2);
    assert_int_equal(rec->n_headers, 1);
    assert_true(aq_slice_equal(rec->headers[0].name, AQ_LIT("null")));
    assert_int_equal(aq_record_drop_headers(rec, AQ_LIT("null")), 1);
    assert_int_equal(rec->n_headers, 0);
    aq_record_add_header(rec, AQ_LIT("new"), AQ_NULL_SLICE);
    assert_int_equal(rec->n_headers, 1);
}

static void test_header_limit_fails_the_record(void **state)
{
    struct aq_batch *batch = *state;
    struct aq_record *rec = aq_batch_add(batch);
    rec->headers = aq_arena_zalloc(&batch->arena, UINT16_MAX * sizeof(*rec->headers));
    rec->n_headers = UINT16_MAX;
    rec->flags = AQ_REC_HEADERS_LOADED;
    aq_record_add_header(rec, AQ_LIT("one-more"), AQ_NULL_SLICE);
    assert_int_equal(rec->n_headers, UINT16_MAX);
    assert_true(rec->flags & AQ_REC_FAILED);
}

static void test_first_failure_stays(void **state)
{
    struct aq_record *rec = aq_batch_add(*state);
    aq_record_fail(rec, "mask", "no field '%s'", "email");
    aq_record_fail(rec, "trim", "later");
    assert_true(rec->flags & AQ_REC_FAILED);
    assert_string_equal(rec->fail_step, "mask");
    assert_string_equal(rec->fail_reason, "no field 'email'");
}

static void test_restore(void **state)
{
    struct aq_record *rec = aq_batch_add(*state);
    rec->key = AQ_LIT("changed");
    aq_record_restore(rec);
    assert_int_equal(restores, 0);
    assert_true(aq_slice_equal(rec->key, AQ_LIT("changed")));

    rec->origin = &pin;
    aq_record_add_header(rec, AQ_LIT("x"), AQ_NULL_SLICE);
    aq_record_restore(rec);
    assert_int_equal(restores, 1);
    assert_true(aq_slice_equal(rec->key, AQ_LIT("original")));
    assert_false(rec->flags & AQ_REC_HEADERS_CHANGED);
    uint16_t n;
    aq_record_headers(rec, &n);
    assert_int_equal(n, 3);
    assert_int_equal(loads, 2);
}

static void test_release_empties(void **state)
{
    struct aq_batch *batch = *state;
    aq_batch_add(batch);
    batch->bytes = 100;
    batch->produced = 1;
    aq_arena_alloc(&batch->arena, 100);
    aq_batch_release(batch);
    assert_int_equal(releases, 1);
    assert_int_equal(batch->n + batch->produced + batch->bytes + batch->arena.used, 0);
    assert_ptr_equal(batch->source, &source);
}

/* What a source may keep behind the batch. */
struct larger {
    struct aq_batch base;
    uint64_t own;
};

static void test_a_pool_uses_its_batches_again(void **state)
{
    struct aq_batch_pool pool = {.source = &source, .size = sizeof(struct larger), .most = 2};
    struct aq_names names;
    int owner;
    (void)state;
    aq_names_init(&names);
    const struct aq_name *topic = aq_names_intern(&names, AQ_LIT("orders"));
    struct aq_batch *first = aq_batch_take(&pool, topic, 3, &owner);
    struct aq_batch *second = aq_batch_take(&pool, topic, 4, &owner);
    assert_ptr_not_equal(first, second);
    assert_int_equal(((struct larger *)first)->own, 0);
    assert_ptr_equal(first->topic, topic);
    assert_int_equal(first->partition, 3);
    assert_ptr_equal(first->owner, &owner);
    assert_int_equal(pool.out, 2);

    aq_batch_add(first);
    first->alone_us = 5;
    first->sink_topic = topic;
    first->sink_offset = 7;
    aq_batch_release(first);
    assert_int_equal(releases, 1);
    assert_int_equal(pool.out, 1);
    assert_null(first->owner);
    assert_ptr_equal(aq_batch_take(&pool, topic, 5, NULL), first);
    assert_int_equal(first->partition, 5);
    assert_int_equal(first->n, 0);
    assert_int_equal(first->alone_us, 0);
    assert_null(first->sink_topic);
    assert_int_equal(first->sink_offset, -1);

    aq_batch_release(second);
    aq_batch_release(first);
    assert_int_equal(pool.out, 0);
    assert_int_equal(releases, 3);
    aq_batch_pool_finish(&pool); /* what was released is not released again */
    assert_int_equal(releases, 3);
    assert_null(pool.free);
    aq_names_finish(&names);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_add_grows_and_clears),
        TEST(test_headers_load_once_and_only_with_origin),
        TEST(test_add_header_copies_on_write),
        TEST(test_drop_headers),
        TEST(test_header_limit_fails_the_record),
        TEST(test_first_failure_stays),
        TEST(test_restore),
        TEST(test_release_empties),
        TEST(test_a_pool_uses_its_batches_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
