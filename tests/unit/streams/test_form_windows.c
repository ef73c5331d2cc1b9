/* SPDX-License-Identifier: Apache-2.0
 *
 * The `window` group, emit and close_idle of an aggregation in a configuration file.
 */
#include "streams/forms/form_windows.h"

#include "tests/lib/check.h"

struct conf {
    struct st_window_conf windows;
};

static const struct opt_row rows[] = {ST_WINDOW_ROWS(struct conf), {.name = NULL}};
static const struct opt_table table = {
    .name = "count", .kind = "form", .summary = "A test.", .rows = rows, .example = NULL};

struct reading {
    struct conf_diags diags;
    struct conf_doc *doc;
    struct conf conf;
    struct st_aggregate op;
    bool good, windowed;
};

static void read_text(struct reading *r, const char *options, bool compat)
{
    memset(r, 0, sizeof(*r));
    conf_diags_init(&r->diags);
    char *text = t_printf("totals = {\n%s\n};\n", options);
    int rc = conf_load_text("t.conf", text, NULL, 0, &r->diags, &r->doc);
    T_CHECK(rc == 0, "%s", text);
    free(text);
    struct conf_node *group = conf_get(r->doc->root, "totals");
    opt_read(rows, group, "totals", NULL, &r->doc->arena, &r->conf, &r->diags);
    const struct st_forming forming = {
        .arena = &r->doc->arena, .diags = &r->diags, .what = "totals", .name = "totals", .group = group};
    r->op.compat = compat;
    r->good = r->diags.errors == 0 && st_form_windows(&forming, &r->conf.windows, &r->op, &r->windowed);
}

static void done(struct reading *r)
{
    conf_doc_destroy(r->doc);
    conf_diags_finish(&r->diags);
}

static struct st_aggregate read_well(const char *options, bool compat)
{
    struct reading r;
    read_text(&r, options, compat);
    if (!r.good) conf_diags_print(&r.diags, stderr);
    assert_true(r.good);
    struct st_aggregate op = r.op;
    done(&r);
    return op;
}

static void expect_complaint(const char *options, int line, const char *reason)
{
    struct reading r;
    read_text(&r, options, false);
    assert_false(r.good);
    T_CHECK(r.diags.count > 0, "nothing was said about: %s", options);
    T_CHECK(strstr(r.diags.list[0].text, reason), "'%s' is not in: %s", reason, r.diags.list[0].text);
    T_CHECK(r.diags.list[0].pos.line == line, "line %d: %s", r.diags.list[0].pos.line, r.diags.list[0].text);
    done(&r);
}

static void windows_of_all_kinds_are_read(void **state)
{
    (void)state;
    struct st_aggregate op = read_well("window = { type = \"tumbling\"; size = \"1m\"; };", false);
    assert_int_equal(op.windows.kind, ST_TUMBLING);
    assert_int_equal(op.windows.size_ms, 60000);
    assert_int_equal(op.windows.advance_ms, 60000);
    assert_int_equal(op.windows.grace_ms, 0);
    assert_int_equal(op.windows.retention_ms, 60000);
    assert_int_equal(op.emit, ST_EMIT_UPDATES);
    op = read_well("window = { type = \"hopping\"; size = 600000; advance = \"1m\"; grace = \"30s\";\n"
                   "retention = \"1h\"; }; emit = \"close\"; close_idle = \"2m\";",
                   false);
    assert_int_equal(op.windows.kind, ST_HOPPING);
    assert_int_equal(op.windows.advance_ms, 60000);
    assert_int_equal(op.windows.grace_ms, 30000);
    assert_int_equal(op.windows.retention_ms, 3600000);
    assert_int_equal(op.emit, ST_EMIT_CLOSE);
    assert_int_equal(op.close_idle_ms, 120000);
    op = read_well("window = { type = \"sliding\"; difference = \"10s\"; };", false);
    assert_int_equal(op.windows.size_ms, 10000);
    assert_int_equal(op.windows.retention_ms, 30001);
    op = read_well("window = { type = \"sliding\"; difference = \"10s\"; };", true);
    assert_int_equal(op.windows.retention_ms, 20000);
    op = read_well("window = { type = \"session\"; gap = \"5m\"; };", false);
    assert_int_equal(op.windows.kind, ST_SESSION);
    assert_int_equal(op.windows.size_ms, 300000);
}

static void there_may_be_no_windows(void **state)
{
    (void)state;
    struct reading r;
    read_text(&r, "", false);
    assert_true(r.good);
    assert_false(r.windowed);
    done(&r);
}

static void mistakes_are_told_at_their_places(void **state)
{
    (void)state;
    expect_complaint("\nwindow = \"1m\";", 3, "window is a group");
    expect_complaint("window = {\nsize = 5; };", 2, "required option 'type' is missing");
    expect_complaint("window = { type = \"tumblin\"; };", 2, "did you mean 'tumbling'?");
    expect_complaint("window = { type = \"tumbling\"; };", 2, "tumbling windows need size");
    expect_complaint("window = { type = \"sliding\"; };", 2, "sliding windows need difference");
    expect_complaint("window = { type = \"session\"; gap = 5;\nsize = 5; };", 3,
                     "window.size: session windows have none; their length is gap");
    expect_complaint("window = { type = \"hopping\"; size = 5; };", 2, "hopping windows need advance");
    expect_complaint("window = { type = \"tumbling\"; size = 5;\nadvance = 5; };", 3,
                     "only hopping windows have it");
    expect_complaint("window = { type = \"hopping\"; size = 5;\nadvance = 6; };", 3, "at most the size");
    expect_complaint("window = { type = \"session\";\ngap = 0; };", 3,
                     "window.gap: the gap of session windows is 0");
    expect_complaint("window = { type = \"tumbling\";\nsize = \"5 parsecs\"; };", 3, "is not a duration");
    expect_complaint("window = { type = \"tumbling\"; size = 5; grace = 3;\nretention = 7; };", 3,
                     "need 8 ms");
    expect_complaint("window = { type = \"tumbling\"; size = 5;\nsice = 5; };", 3, "did you mean 'size'?");
    expect_complaint("window = { type = \"tumbling\"; size = 5;\ngrace_ms = 5; };", 3,
                     "option 'grace_ms' is not supported: Write grace = \"1m\".");
    expect_complaint("\nemit = \"close\";", 3, "nothing is ever final without windows");
    expect_complaint("window = { type = \"tumbling\"; size = 5; };\nclose_idle = \"1m\";", 3,
                     "only emit = \"close\" looks at");
}

static void tables_are_sane(void **state)
{
    (void)state;
    assert_int_equal(opt_check_table(&st_window_table, stderr), 0);
    assert_int_equal(opt_check_table(&table, stderr), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_all_kinds_are_read),
        cmocka_unit_test(there_may_be_no_windows),
        cmocka_unit_test(mistakes_are_told_at_their_places),
        cmocka_unit_test(tables_are_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
