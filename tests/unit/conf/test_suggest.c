/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

static void test_typos(void **state)
{
    (void)state;
    static const char *const names[] = {"replacement", "topics", "topics_exclude", "workers", "delivery",
                                        "compression", "to",     "from",           "errors"};
    size_t n = sizeof(names) / sizeof(names[0]);
    static const struct {
        const char *word;
        const char *expected;
    } rows[] = {
        {"replacment", "replacement"},
        {"topic", "topics"},
        {"topcis", "topics"},
        {"Topics", "topics"},
        {"topics-exclude", "topics_exclude"},
        {"worker", "workers"},
        {"delivry", "delivery"},
        {"compress", "compression"},
        {"form", "from"},
        {"bootstrap_servers", NULL},
        {"zz", NULL},
        {"x", NULL},
        {"", NULL},
        {"error", "errors"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = conf_did_you_mean(rows[i].word, names, n);
        if (!rows[i].expected ? got != NULL : !got || strcmp(got, rows[i].expected) != 0) {
            fail_msg("%s: %s instead of %s", rows[i].word, got ? got : "nothing",
                     rows[i].expected ? rows[i].expected : "nothing");
        }
    }
    char longer[300];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_null(conf_did_you_mean(longer, names, n));
    assert_null(conf_did_you_mean("topics", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_typos)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
