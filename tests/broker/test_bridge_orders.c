/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/examples/orders.conf as it is shipped: a chain of four transforms and two predicates, exactly once, until the end.
 * The checker reads both topics read_committed and takes the source through a plain version of the chain of its own:
 * every record once, in order per partition, fields changed as configured, all other bytes identical.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/pair.h"
#include "tests/lib/wait.h"

#define RECORDS "60000"

static void the_shipped_example_mirrors_every_order_once(void **state)
{
    (void)state;
    char topic[64], copy[80], topics[96], name[96], pair[192];
    snprintf(topic, sizeof(topic), "orders.example-%d-%lld", (int)getpid(), (long long)t_wall_ms());
    snprintf(copy, sizeof(copy), "dc1.%s", topic);
    snprintf(topics, sizeof(topics), "routes.orders.topics=%s", topic);
    snprintf(name, sizeof(name), "routes.orders.name=orders-%d", (int)getpid());
    snprintf(pair, sizeof(pair), "%s=%s", topic, copy);

    const char *produce[] = {
        t_tool("orders_gen"), "--brokers", t_pair.source,        "--topic", topic, "--partitions", "6",
        "--records",          RECORDS,     "--tombstones-every", "97",      NULL};
    char generator[512];
    snprintf(generator, sizeof(generator), "%s", produce[0]);
    produce[0] = generator;
    assert_int_equal(t_run(produce, 60000, NULL), 0);

    const char *bridge[] = {t_aqueduct(), "bridge", "-c", "conf/examples/orders.conf",
                            "-s",         topics,   "-s", "routes.orders.stop_at_end=true",
                            "-s",         name,     NULL};
    assert_int_equal(t_run(bridge, 90000, NULL), 0);

    const char *check[] = {
        t_tool("mirror_check"), "--source", t_pair.source, "--sink", t_pair.sink, "--topic", pair,
        "--orders-chain",       NULL};
    char *said = NULL;
    int code = t_run(check, 90000, &said);
    print_message("%s", said);
    assert_int_equal(code, 0);
    assert_non_null(
        strstr(said, "source=" RECORDS " sink=" RECORDS " lost=0 duplicated=0 reordered=0 different=0"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T_WITH_PAIR(the_shipped_example_mirrors_every_order_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
