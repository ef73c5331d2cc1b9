/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/name.h"

#define MANY 5000

static void test_equal_text_has_one_address(void **state)
{
    (void)state;
    struct aq_names names;
    aq_names_init(&names);
    static const struct aq_name *first[MANY];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            char text[32];
            int len = snprintf(text, sizeof(text), "topic-%d", i);
            const struct aq_name *name = aq_names_intern(&names, aq_slice_of(text, (size_t)len));
            if (round == 0) first[i] = name;
            assert_ptr_equal(name, first[i]);
            assert_string_equal(name->text, text);
            assert_int_equal(name->len, len);
            assert_int_equal(name->hash, aq_murmur2(aq_slice_str(text)));
        }
    }
    assert_int_equal(names.count, MANY);
    assert_true(names.mask + 1 > MANY);
    aq_names_finish(&names);
}

static void test_prefix_and_zero_bytes_differ(void **state)
{
    (void)state;
    struct aq_names names;
    aq_names_init(&names);
    const struct aq_name *a = aq_names_intern(&names, aq_slice_of("orders", 6));
    assert_ptr_not_equal(a, aq_names_intern(&names, aq_slice_of("orders", 5)));
    assert_ptr_not_equal(a, aq_names_intern(&names, aq_slice_of("orders\0", 7)));
    assert_int_equal(aq_names_intern(&names, AQ_LIT(""))->len, 0);
    aq_names_finish(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_text_has_one_address),
        cmocka_unit_test(test_prefix_and_zero_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
