/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages by themselves: what they say and with which status.
 */
#include "http/pages.h"

#include "tests/lib/check.h"

static void assert_contains(const struct http_page *page, const char *text)
{
    if (!strstr(page->text, text)) T_FAIL("'%s' is not in: %s", text, page->text);
}

static void livez_depends_on_the_loop_only(void **state)
{
    (void)state;
    struct http_page page;
    http_page_livez(0, &page);
    assert_int_equal(page.status, 200);
    assert_string_equal(page.text, "ok\n");
    free(page.text);
    http_page_livez(61000, &page);
    assert_int_equal(page.status, 503);
    assert_contains(&page, "61 s");
    free(page.text);
}

/* The page for these routes. */
static void readyz_of(const struct br_route_status *routes, size_t n, bool verbose, struct http_page *ret)
{
    struct http_part parts[4];
    assert_true(n <= 4);
    for (size_t i = 0; i < n; i++) http_part_of_route(&routes[i], &parts[i]);
    http_page_readyz(parts, n, verbose, ret);
}

static void readyz_names_every_route_that_is_not_ready(void **state)
{
    (void)state;
    struct br_route_status routes[] = {
        {.name = "orders", .state = BR_RUNNING, .ready = true},
        {.name = "billing", .state = BR_FAILED, .reason = "dc2 unreachable"},
        {.name = "audit", .state = BR_STARTING},
        {.name = "old", .state = BR_ENDED},
    };
    struct http_page page;
    readyz_of(routes, 4, false, &page);
    assert_int_equal(page.status, 503);
    assert_contains(&page, "[-]route billing: dc2 unreachable\n");
    assert_contains(&page, "[-]route audit: starting\n");
    assert_null(strstr(page.text, "orders"));
    free(page.text);

    readyz_of(routes, 4, true, &page);
    assert_contains(&page, "[+]route orders ok\n");
    assert_contains(&page, "[+]route old ok\n");
    assert_contains(&page, "readyz check failed\n");
    free(page.text);
}

static void readyz_is_ok_when_all_are(void **state)
{
    (void)state;
    struct br_route_status routes[] = {{.name = "orders", .state = BR_RUNNING, .ready = true}};
    struct http_page page;
    readyz_of(routes, 1, false, &page);
    assert_int_equal(page.status, 200);
    assert_string_equal(page.text, "ok\n");
    free(page.text);
    readyz_of(routes, 1, true, &page);
    assert_string_equal(page.text, "[+]route orders ok\nreadyz check passed\n");
    free(page.text);
}

static void a_stopping_route_is_not_ready(void **state)
{
    (void)state;
    struct br_route_status routes[] = {{.name = "orders", .state = BR_STOPPING, .ready = true}};
    struct http_page page;
    readyz_of(routes, 1, false, &page);
    assert_int_equal(page.status, 503);
    assert_contains(&page, "stopping");
    free(page.text);
}

static void readyz_of_an_application(void **state)
{
    (void)state;
    struct st_app_status app = {.application_id = "orders", .state = ST_APP_RUNNING, .ready = true};
    struct http_part part;
    struct http_page page;
    http_part_of_app(&app, &part);
    http_page_readyz(&part, 1, true, &page);
    assert_int_equal(page.status, 200);
    assert_string_equal(page.text, "[+]application orders ok\nreadyz check passed\n");
    free(page.text);

    static const struct {
        enum st_app_state state;
        const char *reason, *expected;
    } rows[] = {
        {ST_APP_CREATED, "", "[-]application orders: starting\n"},
        {ST_APP_REBALANCING, "the group is rebalancing", "[-]application orders: the group is rebalancing\n"},
        {ST_APP_PENDING_SHUTDOWN, "", "[-]application orders: stopping\n"},
        {ST_APP_NOT_RUNNING, "", "[-]application orders: stopped\n"},
        {ST_APP_ERROR, "thread 0: no rights", "[-]application orders: thread 0: no rights\n"},
        {ST_APP_RUNNING, "cluster a is down", "[-]application orders: cluster a is down\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        app = (struct st_app_status){.application_id = "orders", .state = rows[i].state};
        snprintf(app.reason, sizeof(app.reason), "%s", rows[i].reason);
        http_part_of_app(&app, &part);
        http_page_readyz(&part, 1, false, &page);
        assert_int_equal(page.status, 503);
        assert_contains(&page, rows[i].expected);
        free(page.text);
    }
}

static void metrics_begin_with_the_build(void **state)
{
    (void)state;
    struct http_page page;
    http_page_metrics(NULL, 1700000000.5, &page);
    assert_int_equal(page.status, 200);
    assert_string_equal(page.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_contains(&page, "# TYPE aqueduct_build_info gauge\n");
    assert_contains(&page, "aqueduct_build_info{version=\"");
    assert_contains(&page, "aqueduct_start_time_seconds 1700000000.5");
    free(page.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(livez_depends_on_the_loop_only),
        cmocka_unit_test(readyz_names_every_route_that_is_not_ready),
        cmocka_unit_test(readyz_is_ok_when_all_are),
        cmocka_unit_test(a_stopping_route_is_not_ready),
        cmocka_unit_test(readyz_of_an_application),
        cmocka_unit_test(metrics_begin_with_the_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
