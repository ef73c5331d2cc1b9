/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/metric.h"

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = strstr(text, what); p; p = strstr(p + 1, what)) n++;
    return n;
}

/* What promtool checks: prefix, base units, counters end in _total, help is a sentence, names are unique. */
static void test_table_follows_the_naming_rules(void **state)
{
    (void)state;
    for (int i = 0; i < AQ_M_COUNT; i++) {
        const struct aq_metric_row *row = &aq_metric_table[i];
        size_t len = strlen(row->name);
        assert_int_equal(strncmp(row->name, "aqueduct_", 9), 0);
        bool total = len > 6 && strcmp(row->name + len - 6, "_total") == 0;
        assert_int_equal(total, row->kind == AQ_METRIC_COUNTER);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
        assert_null(strpbrk(row->help, "\\\n"));
        assert_null(strchr(row->labels, ' '));
        for (int j = 0; j < i; j++) assert_string_not_equal(row->name, aq_metric_table[j].name);
    }
}

static void test_head_once_and_labels_escaped(void **state)
{
    (void)state;
    struct aq_metric_writer w;
    aq_metric_writer_init(&w);
    const char *a[] = {"orders"};
    const char *b[] = {"we\"ird\\na\nme"};
    aq_metric_write(&w, AQ_M_ROUTE_UP, a, 1);
    aq_metric_write(&w, AQ_M_ROUTE_UP, b, 0);
    aq_metric_write(&w, AQ_M_RECORDS_READ, a, 12345678901234.0);
    assert_int_equal(count(w.text, "# TYPE aqueduct_route_up gauge\n"), 1);
    assert_int_equal(count(w.text, "# HELP aqueduct_route_up "), 1);
    assert_non_null(strstr(w.text, "\naqueduct_route_up{route=\"orders\"} 1\n"));
    assert_non_null(strstr(w.text, "{route=\"we\\\"ird\\\\na\\nme\"} 0\n"));
    assert_non_null(strstr(w.text, "# TYPE aqueduct_source_records_total counter\n"));
    assert_non_null(strstr(w.text, "aqueduct_source_records_total{route=\"orders\"} 12345678901234\n"));
    assert_int_equal(strlen(w.text), w.len);
    aq_metric_writer_finish(&w);
}

static void test_several_labels_and_none(void **state)
{
    (void)state;
    struct aq_metric_writer w;
    aq_metric_writer_init(&w);
    aq_metric_write(&w, AQ_M_START_TIME, NULL, 1234.5);
    const char *values[] = {"r", "t", "3"};
    aq_metric_write(&w, AQ_M_LAG, values, 17);
    assert_non_null(strstr(w.text, "\naqueduct_start_time_seconds 1234.5\n"));
    assert_non_null(strstr(w.text, "aqueduct_lag_records{route=\"r\",topic=\"t\",partition=\"3\"} 17\n"));
    aq_metric_writer_finish(&w);
}

static void test_histogram_buckets(void **state)
{
    (void)state;
    for (int i = 1; i < AQ_HISTOGRAM_BUCKETS - 1; i++)
        assert_true(aq_histogram_bounds[i] > aq_histogram_bounds[i - 1]);
    struct aq_histogram h = {0}, sum = {0};
    for (int i = 0; i < AQ_HISTOGRAM_BUCKETS - 1; i++) {
        int64_t us = (int64_t)(aq_histogram_bounds[i] * 1e6 + 0.5);
        aq_histogram_add_us(&h, us, 1); /* le is inclusive */
        assert_int_equal(aq_counter_get(&h.bucket[i]), i == 0 ? 1 : 2);
        aq_histogram_add_us(&h, us + 1, 1);
        assert_int_equal(aq_counter_get(&h.bucket[i + 1]), 1);
    }
    aq_histogram_add_us(&sum, -5, 3);
    assert_int_equal(aq_counter_get(&sum.bucket[0]), 3);
    assert_int_equal(aq_counter_get(&sum.sum_us), 0);
    aq_histogram_merge(&sum, &h);
    aq_histogram_merge(&sum, &h);
    assert_int_equal(aq_counter_get(&sum.bucket[0]), 3 + 2);
    assert_int_equal(aq_counter_get(&sum.sum_us), 2 * aq_counter_get(&h.sum_us));
}

static void test_histogram_text_is_cumulative(void **state)
{
    (void)state;
    struct aq_histogram h = {0};
    aq_histogram_add_us(&h, 500, 2);
    aq_histogram_add_us(&h, 200000, 3);
    aq_histogram_add_us(&h, 3600LL * 1000000, 1);
    struct aq_metric_writer w;
    aq_metric_writer_init(&w);
    const char *values[] = {"r"};
    aq_metric_write_histogram(&w, AQ_M_LATENCY, values, &h);
    assert_non_null(strstr(w.text, "# TYPE aqueduct_replication_latency_seconds histogram\n"));
    assert_non_null(strstr(w.text, "_seconds_bucket{route=\"r\",le=\"0.001\"} 2\n"));
    assert_non_null(strstr(w.text, "_seconds_bucket{route=\"r\",le=\"0.1\"} 2\n"));
    assert_non_null(strstr(w.text, "_seconds_bucket{route=\"r\",le=\"0.25\"} 5\n"));
    assert_non_null(strstr(w.text, "_seconds_bucket{route=\"r\",le=\"60\"} 5\n"));
    assert_non_null(strstr(w.text, "_seconds_bucket{route=\"r\",le=\"+Inf\"} 6\n"));
    assert_non_null(strstr(w.text, "_seconds_sum{route=\"r\"} 3600.601\n"));
    assert_non_null(strstr(w.text, "_seconds_count{route=\"r\"} 6\n"));
    aq_metric_writer_finish(&w);
}

static void test_writer_grows(void **state)
{
    (void)state;
    struct aq_metric_writer w;
    aq_metric_writer_init(&w);
    for (int i = 0; i < 5000; i++) {
        char partition[16];
        snprintf(partition, sizeof(partition), "%d", i);
        const char *values[] = {"route", "topic", partition};
        aq_metric_write(&w, AQ_M_LAG, values, i);
    }
    assert_int_equal(count(w.text, "\naqueduct_lag_records{"), 5000);
    assert_int_equal(strlen(w.text), w.len);
    aq_metric_writer_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_follows_the_naming_rules),
        cmocka_unit_test(test_head_once_and_labels_escaped),
        cmocka_unit_test(test_several_labels_and_none),
        cmocka_unit_test(test_histogram_buckets),
        cmocka_unit_test(test_histogram_text_is_cumulative),
        cmocka_unit_test(test_writer_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
