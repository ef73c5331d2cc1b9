/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of `check --connect`, byte for byte.
 */
#include "kafka/report.h"

#include <stdlib.h>

#include "tests/lib/check.h"

static void each_finding_is_a_line_and_errors_are_counted(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    struct kc_report report = {.out = open_memstream(&text, &size)};
    assert_non_null(report.out);
    kc_say(&report, KC_OK, "group %s has %d members", "g", 2);
    kc_say(&report, KC_WARN, "plain");
    assert_int_equal(report.errors, 0);
    kc_say(&report, KC_ERROR, "topic %s", "t");
    kc_say(&report, KC_ERROR, "%s", "100 %");
    fclose(report.out);
    assert_int_equal(report.errors, 2);
    assert_string_equal(text, "  ok     group g has 2 members\n"
                              "  warn   plain\n"
                              "  error  topic t\n"
                              "  error  100 %\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_finding_is_a_line_and_errors_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
