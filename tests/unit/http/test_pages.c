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
    http_page_readyz(routes, 4, false, &page);
    assert_int_equal(page.status, 503);
    assert_contains(&page, "[-]route billing: dc2 unreachable\n");
    assert_contains(&page, "[-]route audit: starting\n");
    assert_null(strstr(page.text, "orders"));
    free(page.text);

    http_page_readyz(routes, 4, true, &page);
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
    http_page_readyz(routes, 1, false, &page);
    assert_int_equal(page.status, 200);
    assert_string_equal(page.text, "ok\n");
    free(page.text);
    http_page_readyz(routes, 1, true, &page);
    assert_string_equal(page.text, "[+]route orders ok\nreadyz check passed\n");
    free(page.text);
}

static void a_stopping_route_is_not_ready(void **state)
{
    (void)state;
    struct br_route_status routes[] = {{.name = "orders", .state = BR_STOPPING, .ready = true}};
    struct http_page page;
    http_page_readyz(routes, 1, false, &page);
    assert_int_equal(page.status, 503);
    assert_contains(&page, "stopping");
    free(page.text);
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
        cmocka_unit_test(metrics_begin_with_the_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
