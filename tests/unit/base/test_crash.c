/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/crash.h"

static void test_names_are_unique(void **state)
{
    (void)state;
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        assert_non_null(aq_crash_names[i]);
        assert_null(strpbrk(aq_crash_names[i], ": \t"));
        for (int j = 0; j < i; j++) assert_string_not_equal(aq_crash_names[i], aq_crash_names[j]);
    }
}

/* Passes BEFORE_COMMIT three times and another point often; returns the child's status. */
static int run(const char *value)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(99);
        if (value)
            setenv("AQUEDUCT_CRASH", value, 1);
        else
            unsetenv("AQUEDUCT_CRASH");
        aq_crash_setup();
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 5; k++) AQ_CRASH_POINT(AFTER_COMMIT);
            AQ_CRASH_POINT(BEFORE_COMMIT);
        }
        _exit(7);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return status;
}

static void test_points(void **state)
{
    (void)state;
    int status = run(NULL);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = run("no-such-point");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 64);
#ifdef AQ_CRASH_POINTS
    status = run("before-commit");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = run("before-commit:3");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = run("before-commit:4");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = run("before-commit:0");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 64);
    status = run("before-commit:x");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 64);
#else
    status = run("before-commit");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 64);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
