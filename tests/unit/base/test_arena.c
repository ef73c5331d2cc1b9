/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"

static void test_alloc_is_aligned_and_apart(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 256);
    unsigned char *last = NULL;
    for (size_t size = 0; size < 200; size++) {
        unsigned char *p = aq_arena_alloc(&arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        assert_ptr_not_equal(p, last);
        memset(p, (int)size, size);
        if (last && size > 1) assert_int_equal(last[0], size - 1);
        last = p;
    }
    aq_arena_finish(&arena);
    assert_int_equal(arena.total, 0);
}

static void test_text_keeps_null_and_empty_apart(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 64);
    assert_true(aq_slice_is_null(aq_arena_copy(&arena, AQ_NULL_SLICE)));
    struct aq_slice empty = aq_arena_copy(&arena, AQ_LIT(""));
    assert_false(aq_slice_is_null(empty));
    assert_int_equal(empty.len, 0);
    struct aq_slice s = aq_arena_copy(&arena, aq_slice_of("a\0b", 3));
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.ptr, "a\0b", 4);
    assert_string_equal(aq_arena_strdup(&arena, "hello"), "hello");
    assert_string_equal(aq_arena_printf(&arena, "%s[%d]", "orders", 7), "orders[7]");
    assert_memory_equal(s.ptr, "a\0b", 4);
    aq_arena_finish(&arena);
}

static void test_zalloc_clears_reused_memory(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    memset(aq_arena_alloc(&arena, 500), 0xEE, 500);
    aq_arena_reset(&arena);
    unsigned char *p = aq_arena_zalloc(&arena, 500);
    for (int i = 0; i < 500; i++) assert_int_equal(p[i], 0);
    aq_arena_finish(&arena);
}

static void test_reserve_then_keep(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 256);
    char *p = aq_arena_reserve(&arena, 1000);
    memcpy(p, "kept", 4);
    aq_arena_keep(&arena, 4);
    char *q = aq_arena_reserve(&arena, 100);
    assert_ptr_equal(q, p + 4);
    memset(q, 'x', 100);
    aq_arena_keep(&arena, 0);
    assert_ptr_equal(aq_arena_reserve(&arena, 1), p + 4);
    assert_memory_equal(p, "kept", 4);
    aq_arena_finish(&arena);
}

/* A batch that is reused for the same traffic stops allocating. */
static void test_reset_settles(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 100; i++) aq_arena_alloc(&arena, 333);
        aq_arena_reset(&arena);
    }
    struct aq_arena_chunk *settled = arena.head;
    size_t total = arena.total;
    assert_non_null(settled);
    for (int i = 0; i < 100; i++) aq_arena_alloc(&arena, 333);
    assert_ptr_equal(arena.head, settled);
    assert_int_equal(arena.total, total);
    aq_arena_finish(&arena);
}

static void test_reset_gives_up_a_giant(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    aq_arena_alloc(&arena, 10);
    memset(aq_arena_alloc(&arena, 50 << 20), 1, 50 << 20);
    assert_true(arena.total > (50u << 20));
    aq_arena_reset(&arena);
    assert_true(arena.total <= (256u << 10));
    aq_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_is_aligned_and_apart),
        cmocka_unit_test(test_text_keeps_null_and_empty_apart),
        cmocka_unit_test(test_zalloc_clears_reused_memory),
        cmocka_unit_test(test_reserve_then_keep),
        cmocka_unit_test(test_reset_settles),
        cmocka_unit_test(test_reset_gives_up_a_giant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
