/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"

/* The log with a clock that the test turns: repeats are about ten seconds. */
static int64_t fake_now = 1;

static int64_t fake_mono_us(void)
{
    return fake_now;
}

#define aq_mono_us fake_mono_us
#include "base/log.c" /* NOLINT */

static int saved_stderr = -1;
static FILE *captured;

static void begin(enum aq_log_format format)
{
    fake_now += 3600 * AQ_SEC;
    aq_log_setup(AQ_DEBUG, format);
    captured = tmpfile();
    assert_non_null(captured);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

/* Everything written since begin(), malloc'ed. */
static char *end(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    long size = lseek(fileno(captured), 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_int_equal(pread(fileno(captured), text, (size_t)size, 0), size);
    fclose(captured);
    return text;
}

static int lines(const char *text)
{
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

static void test_logfmt(void **state)
{
    (void)state;
    begin(AQ_LOG_LOGFMT);
    aq_log(AQ_WARN, "partition moved", aq_fs("route", "orders"), aq_fi("partition", 7), aq_fd("lag_s", 1.5),
           aq_fs("reason", "said \"no\" = a\\b\nc"), aq_fs("empty", ""), aq_fs("absent", NULL));
    char *text = end();
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
    assert_int_equal(text[26], 'Z');
    assert_int_equal(text[22], '.');
    assert_string_equal(text + 27, " level=warn msg=\"partition moved\" route=orders partition=7 lag_s=1.5 "
                                   "reason=\"said \\\"no\\\" = a\\\\b\\nc\" empty=\"\" absent=-\n");
    free(text);
}

static void test_json(void **state)
{
    (void)state;
    begin(AQ_LOG_JSON);
    aq_log(AQ_ERROR, "it \"broke\"\x01", aq_fs("bytes", "\xFF\xC3\xA9\t"), aq_fi("n", INT64_MIN),
           aq_fd("nan", 0.0 / 0.0), aq_fs("absent", NULL));
    char *text = end();
    json_t *line = json_loads(text, 0, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "error");
    assert_string_equal(json_string_value(json_object_get(line, "msg")), "it \"broke\"\x01");
    assert_string_equal(json_string_value(json_object_get(line, "bytes")), "\xEF\xBF\xBD\xC3\xA9\t");
    assert_int_equal(json_integer_value(json_object_get(line, "n")), INT64_MIN);
    assert_true(json_is_null(json_object_get(line, "nan")));
    assert_true(json_is_null(json_object_get(line, "absent")));
    json_decref(line);
    free(text);
}

/* Whatever is logged, it is one line, and in JSON one object. */
static void test_long_lines_stay_whole(void **state)
{
    (void)state;
    char *big = malloc(30001);
    for (int fill = 0; fill < 3; fill++) {
        memset(big, fill == 0 ? 'x' : fill == 1 ? '"' : 1, 30000);
        big[30000] = '\0';
        for (int start = 0; start < 40; start++) {
            begin(AQ_LOG_JSON);
            aq_log(AQ_INFO, big + 30000 - 7800 / (fill == 2 ? 6 : fill + 1) - start, aq_fs("a", "short"),
                   aq_fs("b", big), aq_fi("c", 5), aq_fs("d", big + start));
            char *text = end();
            assert_int_equal(lines(text), 1);
            json_t *line = json_loads(text, 0, NULL);
            assert_non_null(line);
            assert_true(json_is_true(json_object_get(line, "truncated")));
            json_decref(line);
            free(text);
        }
    }
    free(big);
}

static void test_levels(void **state)
{
    (void)state;
    begin(AQ_LOG_LOGFMT);
    aq_log_setup(AQ_WARN, AQ_LOG_LOGFMT);
    assert_false(aq_log_enabled(AQ_INFO));
    assert_true(aq_log_enabled(AQ_WARN));
    aq_log(AQ_INFO, "quiet");
    aq_log(AQ_WARN, "loud");
    char *text = end();
    assert_null(strstr(text, "quiet"));
    assert_non_null(strstr(text, "level=warn msg=\"loud\"\n"));
    free(text);
}

static void test_repeats_are_counted(void **state)
{
    (void)state;
    begin(AQ_LOG_LOGFMT);
    for (int i = 0; i < 1000; i++) {
        aq_log(AQ_WARN, "bad record", aq_fs("route", "orders"), aq_fi("offset", i));
        fake_now += 9 * AQ_MS; /* 9 s in all */
    }
    fake_now += 10 * AQ_SEC;
    aq_log(AQ_WARN, "bad record", aq_fs("route", "orders"), aq_fi("offset", 5000));
    fake_now += 11 * AQ_SEC;
    aq_log(AQ_WARN, "bad record", aq_fs("route", "orders"), aq_fi("offset", 5001));
    char *text = end();
    assert_int_equal(lines(text), 3);
    assert_non_null(strstr(text, "offset=5000 repeated=999\n"));
    assert_non_null(strstr(text, "offset=5001\n"));
    free(text);
}

static void test_different_things_are_no_repeats(void **state)
{
    (void)state;
    begin(AQ_LOG_LOGFMT);
    for (int p = 0; p < 10; p++) aq_log(AQ_INFO, "assigned", aq_fs("topic", "t"), aq_fi("partition", p));
    aq_log(AQ_WARN, "assigned", aq_fs("topic", "t"), aq_fi("partition", 1));
    aq_log(AQ_INFO, "assigned", aq_fs("topic", "u"), aq_fi("partition", 1));
    aq_log(AQ_INFO, "tasks assigned", aq_fs("route", "r"), aq_fi("tasks", 5));
    aq_log(AQ_INFO, "tasks assigned", aq_fs("route", "r"), aq_fi("tasks", 8));
    char *text = end();
    assert_int_equal(lines(text), 14);
    free(text);

    begin(AQ_LOG_LOGFMT);
    for (int i = 0; i < 20; i++) {
        char place[64];
        snprintf(place, sizeof(place), "orders[%d]@%d: broken", i % 3, 981 + i);
        aq_log(AQ_WARN, "skipped", aq_fs("error", place));
    }
    aq_log(AQ_WARN, "skipped", aq_fs("error", "other"));
    text = end();
    assert_int_equal(lines(text), 2);
    free(text);
}

/* More different lines than the table holds: each is still written. */
static void test_table_is_bounded(void **state)
{
    (void)state;
    begin(AQ_LOG_LOGFMT);
    for (int i = 0; i < 4000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "topic-%d", i);
        aq_log(AQ_INFO, "new topic", aq_fs("topic", name));
    }
    char *text = end();
    assert_int_equal(lines(text), 4000);
    free(text);
}

static int hook_calls;

static void hook(void)
{
    hook_calls++;
    (void)!write(STDERR_FILENO, "\r\033[K", 4);
}

static void test_hook_runs_before_a_written_line_only(void **state)
{
    (void)state;
    begin(AQ_LOG_LOGFMT);
    aq_log_set_before_line(hook);
    aq_log(AQ_INFO, "one");
    aq_log(AQ_INFO, "one");
    aq_log_set_before_line(NULL);
    aq_log(AQ_INFO, "two");
    char *text = end();
    assert_int_equal(hook_calls, 1);
    assert_int_equal(strncmp(text, "\r\033[Kts=", 7), 0);
    free(text);
}

static void *spam(void *arg)
{
    for (int i = 0; i < 200; i++) aq_log(AQ_INFO, arg, aq_fi("partition", i));
    return NULL;
}

static void test_threads_do_not_mix_lines(void **state)
{
    (void)state;
    begin(AQ_LOG_JSON);
    pthread_t threads[4];
    char *names[] = {"aaaa", "bbbb", "cccc", "dddd"};
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, spam, names[i]), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    char *text = end();
    assert_int_equal(lines(text), 800);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        json_decref(object);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfmt),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_long_lines_stay_whole),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_repeats_are_counted),
        cmocka_unit_test(test_different_things_are_no_repeats),
        cmocka_unit_test(test_table_is_bounded),
        cmocka_unit_test(test_hook_runs_before_a_written_line_only),
        cmocka_unit_test(test_threads_do_not_mix_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
