/* SPDX-License-Identifier: Apache-2.0
 *
 * The discovery thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/discovery.h"
#include "tests/lib/wait.h"

#define WAIT_MS 20000

struct seen {
    atomic_int served, looked;
    atomic_bool fails;
};

static void serve(void *ctx)
{
    struct seen *seen = ctx;
    atomic_fetch_add(&seen->served, 1);
}

static int look(void *ctx, struct aq_err *err)
{
    struct seen *seen = ctx;
    bool fails = atomic_load(&seen->fails);
    atomic_fetch_add(&seen->looked, 1);
    return fails ? aq_fail(err, AQ_E_TIMEOUT, "nobody answers") : 0;
}

static void begin(struct kc_discovery *discovery, struct seen *seen, int64_t interval_ms)
{
    static const struct kc_flow flow = {.noun = "route", .name = "r"};
    struct aq_err err;
    const struct kc_discovery_host host = {.ctx = seen, .serve = serve, .look = look};
    kc_discovery_init(discovery, &flow, interval_ms, &host);
    assert_int_equal(kc_discovery_start(discovery, &err), 0);
}

static void end(struct kc_discovery *discovery)
{
    kc_discovery_stop(discovery);
    kc_discovery_finish(discovery);
}

static void it_looks_every_interval(void **state)
{
    (void)state;
    struct kc_discovery discovery;
    struct seen seen = {0};
    begin(&discovery, &seen, 1);
    assert_true(T_WAIT(WAIT_MS, atomic_load(&seen.looked) >= 3));
    end(&discovery);
    assert_int_equal(atomic_load(&seen.served), 0);
}

static void a_poke_is_served_before_the_next_look(void **state)
{
    (void)state;
    struct kc_discovery discovery;
    struct seen seen = {0};
    begin(&discovery, &seen, 3600 * 1000);
    kc_discovery_poke(&discovery);
    assert_true(T_WAIT(WAIT_MS, atomic_load(&seen.looked) == 1));
    assert_int_equal(atomic_load(&seen.served), 1);
    end(&discovery);
    assert_int_equal(atomic_load(&seen.looked), 1);
}

static bool trouble_is(struct kc_discovery *discovery, const char *text)
{
    char trouble[64];
    kc_discovery_trouble(discovery, trouble, sizeof(trouble));
    return strcmp(trouble, text) == 0;
}

static void trouble_lasts_until_a_look_succeeds(void **state)
{
    (void)state;
    struct kc_discovery discovery;
    struct seen seen = {.fails = true};
    begin(&discovery, &seen, 1);
    assert_true(T_WAIT(WAIT_MS, trouble_is(&discovery, "nobody answers")));
    atomic_store(&seen.fails, false);
    assert_true(T_WAIT(WAIT_MS, trouble_is(&discovery, "")));
    end(&discovery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_looks_every_interval),
        cmocka_unit_test(a_poke_is_served_before_the_next_look),
        cmocka_unit_test(trouble_lasts_until_a_look_succeeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
