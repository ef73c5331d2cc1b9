/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/assert.h"
#include "base/mem.h"

/* Sanitizers end the process in their own way when memory runs out. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

static void test_copies(void **state)
{
    (void)state;
    char *a = aq_strdup("topic");
    char *b = aq_strndup("topic-name", 5);
    char *c = aq_strndup("ab", 10);
    char *d = aq_asprintf("%s-%d", "t", 12);
    assert_string_equal(a, b);
    assert_string_equal(c, "ab");
    assert_string_equal(d, "t-12");
    free(a);
    free(b);
    free(c);
    free(d);
}

static void test_zero_sizes(void **state)
{
    (void)state;
    void *a = aq_malloc(0);
    unsigned char *b = aq_calloc(3, 5);
    assert_non_null(a);
    for (int i = 0; i < 15; i++) assert_int_equal(b[i], 0);
    b = aq_realloc(b, 0);
    assert_non_null(b);
    free(a);
    free(b);
}

/* Runs f in a child and returns what it wrote to stderr; it must end by SIGABRT. */
static void dies(void (*f)(void), char *ret_text, size_t size)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        f();
        _exit(0);
    }
    close(fds[1]);
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(fds[0], ret_text + len, size - 1 - len)) > 0) len += (size_t)n;
    ret_text[len] = '\0';
    close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void false_assertion(void)
{
    int partitions = 0;
    AQ_ASSERT(partitions > 0);
}

static void test_assertion_tells_expression_and_place(void **state)
{
    (void)state;
    char text[600];
    dies(false_assertion, text, sizeof(text));
    assert_non_null(strstr(text, "partitions > 0"));
    assert_non_null(strstr(text, "test_mem.c:"));
    assert_non_null(strstr(text, "false_assertion"));
}

#ifndef UNDER_SANITIZER
static void too_much(void)
{
    volatile size_t size = SIZE_MAX / 4;
    void *volatile kept = aq_malloc(size);
    free(kept);
}

static void test_out_of_memory_ends_the_process(void **state)
{
    (void)state;
    char text[600];
    dies(too_much, text, sizeof(text));
    assert_non_null(strstr(text, "out of memory"));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_zero_sizes),
        cmocka_unit_test(test_assertion_tells_expression_and_place),
#ifndef UNDER_SANITIZER
        cmocka_unit_test(test_out_of_memory_ends_the_process),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
