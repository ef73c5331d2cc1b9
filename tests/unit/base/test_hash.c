/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"

/* From Apache Kafka's UtilsTest.testMurmur2, and "abc". */
static void test_java_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t hash;
    } rows[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal((int32_t)aq_murmur2(aq_slice_str(rows[i].text)), rows[i].hash);
    }
}

/* As Java: signed bytes do not sign-extend; unaligned starts make no difference. */
static void test_high_bytes_and_alignment(void **state)
{
    (void)state;
    char bytes[64];
    for (int i = 0; i < 64; i++) bytes[i] = (char)(0xFF - i);
    for (size_t len = 0; len < 24; len++) {
        uint32_t at_zero = aq_murmur2(aq_slice_of(bytes, len));
        char shifted[64];
        for (size_t shift = 1; shift < 8; shift++) {
            memcpy(shifted + shift, bytes, len);
            assert_int_equal(aq_murmur2(aq_slice_of(shifted + shift, len)), at_zero);
        }
    }
}

static void test_partition(void **state)
{
    (void)state;
    /* toPositive is & 0x7fffffff, not abs(). */
    assert_int_equal(aq_partition_for_key(AQ_LIT("21"), 7), (-973932308 & 0x7fffffff) % 7);
    assert_int_equal(aq_partition_for_key(AQ_LIT("abc"), 1), 0);
    for (int n = 1; n < 50; n++) {
        int32_t p = aq_partition_for_key(AQ_LIT("foobar"), n);
        assert_in_range(p, 0, n - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_java_vectors),
        cmocka_unit_test(test_high_bytes_and_alignment),
        cmocka_unit_test(test_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
