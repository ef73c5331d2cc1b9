/* SPDX-License-Identifier: Apache-2.0
 *
 * The small pieces of the command line: numbers, places in a log, wrapping, the progress line, exit codes,
 * and that every table is described.
 */
#include "base/clock.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/exit.h"
#include "cli/help.h"
#include "cli/number.h"
#include "cli/progress.h"
#include "cli/summary.h"
#include "cli/text.h"
#include "cli/when.h"
#include "tests/lib/check.h"

static void numbers(void **state)
{
    (void)state;
    char buf[CLI_NUMBER_MAX];
    assert_string_equal(cli_count(buf, 0), "0");
    assert_string_equal(cli_count(buf, 999), "999");
    assert_string_equal(cli_count(buf, 1000), "1,000");
    assert_string_equal(cli_count(buf, 1234567), "1,234,567");
    assert_string_equal(cli_count(buf, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(cli_bytes(buf, 0), "0 B");
    assert_string_equal(cli_bytes(buf, 999), "999 B");
    assert_string_equal(cli_bytes(buf, 1500), "1.5 kB");
    assert_string_equal(cli_bytes(buf, 201200000), "201.2 MB");
    assert_string_equal(cli_bytes(buf, 999960), "1.0 MB");
    assert_string_equal(cli_seconds(buf, 0.42), "0.4 s");
    assert_string_equal(cli_seconds(buf, 12.4), "12 s");
    assert_string_equal(cli_seconds(buf, 185), "3m 5s");
    assert_string_equal(cli_seconds(buf, 8040), "2h 14m");
    assert_string_equal(cli_timestamp(buf, 1714564800000), "2024-05-01T12:00:00Z");
    assert_string_equal(cli_timestamp(buf, -1), "-");
}

static void places_in_a_log(void **state)
{
    (void)state;
    struct cli_when when;
    assert_true(cli_when_parse("earliest", &when));
    assert_int_equal(when.kind, CLI_WHEN_EARLIEST);
    assert_true(cli_when_parse("latest", &when));
    assert_int_equal(when.kind, CLI_WHEN_LATEST);
    assert_true(cli_when_parse("offset=42", &when));
    assert_int_equal(when.kind, CLI_WHEN_OFFSET);
    assert_int_equal(when.value, 42);
    static const char *const same[] = {"timestamp=1714564800000", "timestamp=2024-05-01T12:00:00Z",
                                       "timestamp=2024-05-01T12:00", "timestamp=2024-05-01 12:00:00"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(cli_when_parse(same[i], &when));
        assert_int_equal(when.kind, CLI_WHEN_TIMESTAMP);
        assert_int_equal(when.value, 1714564800000);
    }
    static const char *const bad[] = {"",
                                      "now",
                                      "offset",
                                      "offset=",
                                      "offset=-1",
                                      "offset=1x",
                                      "offset=99999999999999999999",
                                      "timestamp=",
                                      "timestamp=2024-02-31",
                                      "timestamp=2024-05-01T12:00:00+02:00",
                                      "timestamp=yesterday"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        T_CHECK(!cli_when_parse(bad[i], &when), "%s", bad[i]);
}

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    print(out);
    fclose(out);
    return text;
}

static void print_wrapped(FILE *out)
{
    cli_wrap(out, "one two three four\n\n  as it is, however long the line may be\nlast", 2, 14);
}

static void print_roffed(FILE *out)
{
    cli_paragraphs(out, ".begins - with\\a dot\n\n  code\nend", OPT_PRINT_MAN);
}

static void layout(void **state)
{
    (void)state;
    char *text = printed(print_wrapped);
    assert_string_equal(text,
                        "  one two\n  three four\n\n    as it is, however long the line may be\n  last\n");
    free(text);
    text = printed(print_roffed);
    assert_string_equal(text, "\\&.begins \\- with\\ea dot\n.PP\n.nf\n.RS 4\n  code\n.RE\n.fi\nend\n");
    free(text);
}

static void progress_line(void **state)
{
    (void)state;
    struct cli_progress progress;
    cli_progress_init(&progress, false);
    struct cli_sample sample = {.lag = -1, .left = -1};
    char text[160];
    cli_progress_feed(&progress, &sample, AQ_SEC);
    assert_string_equal(cli_progress_text(&progress, text, sizeof(text)), "starting");
    sample =
        (struct cli_sample){.records = 10000, .bytes = 5000000, .lag = 40000, .left = 40000, .ready = true};
    cli_progress_feed(&progress, &sample, 2 * AQ_SEC);
    assert_string_equal(cli_progress_text(&progress, text, sizeof(text)),
                        "10,000 records  10,000/s  5.0 MB/s  lag 40,000  ETA 4.0 s");
    sample.left = -1;
    sample.lag = -1;
    cli_progress_feed(&progress, &sample, 3 * AQ_SEC);
    assert_string_equal(cli_progress_text(&progress, text, sizeof(text)),
                        "10,000 records  7,500/s  3.8 MB/s");
}

static void summary_leaves_zeros_out(void **state)
{
    (void)state;
    struct br_route_status route = {.name = "orders",
                                    .from = "dc1",
                                    .to = "dc2",
                                    .state = BR_ENDED,
                                    .delivery = BR_EXACTLY_ONCE,
                                    .records_read = 1000,
                                    .bytes_read = 511000,
                                    .records_written = 998,
                                    .records_dropped = 2,
                                    .cycles_committed = 7,
                                    .started_us = AQ_SEC};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    cli_summary_route(&route, 3 * AQ_SEC, out);
    fclose(out);
    assert_non_null(strstr(text, "route orders: dc1 -> dc2, exactly_once, ended\n"));
    assert_non_null(strstr(text, "1,000  records, 511.0 kB"));
    assert_non_null(strstr(text, "dropped"));
    assert_non_null(strstr(text, "499 records/s"));
    assert_null(strstr(text, "skipped"));
    assert_null(strstr(text, "dead letters"));
    assert_null(strstr(text, "lost"));
    free(text);
}

static void summary_of_an_application(void **state)
{
    (void)state;
    struct st_app_status app = {.application_id = "orders-by-size",
                                .state = ST_APP_NOT_RUNNING,
                                .records_read = 1000,
                                .bytes_read = 511000,
                                .records_processed = 1500,
                                .records_written = 998,
                                .skipped = 2,
                                .cycles_committed = 7,
                                .lag = 3,
                                .started_us = AQ_SEC};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    cli_summary_app(&app, 3 * AQ_SEC, out);
    fclose(out);
    assert_non_null(strstr(text, "application orders-by-size: NOT_RUNNING\n"));
    assert_non_null(strstr(text, "1,000  records, 511.0 kB"));
    assert_non_null(strstr(text, "a handler said continue"));
    assert_non_null(strstr(text, "3  records behind the source"));
    assert_non_null(strstr(text, "750 records/s"));
    assert_null(strstr(text, "reason"));
    assert_null(strstr(text, "dead letters"));
    assert_null(strstr(text, "fenced"));
    free(text);
}

static void summary_of_standby_copies(void **state)
{
    (void)state;
    static const struct {
        uint64_t stores, lag, records;
        const char *expected;
    } rows[] = {
        {0, 0, 0, NULL},
        {3, 12, 40500, "3  standby copies of stores, 40,500 records read, 12 behind\n"},
        {1, 0, 7, "1  standby copies of stores, 7 records read, 0 behind\n"},
        {0, 0, 7, "7  records read for standby copies of stores\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct st_app_status app = {.application_id = "a",
                                          .standby_stores = rows[i].stores,
                                          .standby_lag = rows[i].lag,
                                          .standby_records = rows[i].records};
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        cli_summary_app(&app, AQ_SEC, out);
        fclose(out);
        const char *line = strstr(text, "  standbys");
        assert_int_equal(line != NULL, rows[i].expected != NULL);
        if (line) T_CHECK(strstr(line, rows[i].expected) != NULL, "%s", line);
        free(text);
    }
}

static void every_error_has_an_exit_code(void **state)
{
    (void)state;
    static const int codes[] = {
#define X(name, value, class, text) AQ_E_##name,
#include "base/err.def"
#undef X
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        int code = cli_exit_for(codes[i]);
        bool known = false;
        for (size_t k = 0; k < cli_exit_count; k++) known = known || cli_exit_rows[k].code == code;
        T_CHECK(known, "%s ends in %d, which no page explains", aq_code_name(codes[i]), code);
    }
    assert_int_equal(cli_exit_for(0), 0);
    assert_int_equal(cli_exit_for(AQ_E_UNREACHABLE), 69);
    assert_int_equal(cli_exit_for(AQ_E_AUTH), 77);
    assert_int_equal(cli_exit_for(AQ_E_DENIED), 77);
    assert_int_equal(cli_exit_for(AQ_E_STATE), 78);
    assert_int_equal(cli_exit_for(AQ_E_BAD_RECORD), 1);
}

static bool is_sentence(const char *text)
{
    return text && strlen(text) > 10 && text[strlen(text) - 1] == '.';
}

static void every_command_is_described(void **state)
{
    (void)state;
    assert_true(cli_command_count >= 9);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *c = cli_commands[i];
        T_CHECK(c->name && c->usage && c->run, "command %zu", i);
        T_CHECK(is_sentence(c->summary) && strlen(c->summary) <= 80, "%s: summary", c->name);
        T_CHECK(c->text && strlen(c->text) > 40, "%s: text", c->name);
        for (const struct cli_option *o = c->options; o && o->name; o++) {
            T_CHECK(is_sentence(o->help), "%s --%s: help", c->name, o->name);
            for (const struct cli_option *common = cli_common_options; common->name; common++)
                T_CHECK(strcmp(o->name, common->name) != 0, "%s --%s hides a common option", c->name,
                        o->name);
        }
    }
    for (const struct cli_option *o = cli_common_options; o->name; o++) assert_true(is_sentence(o->help));
}

static void every_table_is_sane(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_section_count; i++)
        T_CHECK(opt_check_table(cli_sections[i], stderr) == 0, "%s", cli_sections[i]->name);
    for (size_t i = 0; i < xf_kind_count; i++) {
        struct opt_table table = cli_kind_table(xf_kinds[i]);
        T_CHECK(opt_check_table(&table, stderr) == 0, "%s", table.name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(places_in_a_log),
        cmocka_unit_test(layout),
        cmocka_unit_test(progress_line),
        cmocka_unit_test(summary_leaves_zeros_out),
        cmocka_unit_test(summary_of_an_application),
        cmocka_unit_test(summary_of_standby_copies),
        cmocka_unit_test(every_error_has_an_exit_code),
        cmocka_unit_test(every_command_is_described),
        cmocka_unit_test(every_table_is_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
