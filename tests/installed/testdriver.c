/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's test of a topology: only installed headers, linked with the shared library. Ends with 1 when something is not as expected.
 */
#include <stdio.h>
#include <stdlib.h>

#include "aqueduct/testdriver.h"

static int failures;

#define EXPECT(condition)                                                   \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                                     \
        }                                                                   \
    } while (0)

static bool is_big(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    int64_t amount;
    (void)user;
    if (!aq_read_int64(record->value, &amount)) return aq_processor_fail(ctx, "no amount") == 0;
    return amount > 1000;
}

/* How many records came since the last tick, every ten seconds. */
struct tally {
    int64_t n;
};

static int tick(struct aq_processor_context *ctx, void *state, int64_t now_ms)
{
    struct tally *tally = state;
    struct aq_stream_record out = {.key = aq_slice_str("n"), .timestamp = now_ms};
    out.value = aq_stream_int64(ctx, tally->n);
    tally->n = 0;
    return aq_processor_forward(ctx, &out);
}

static int start_tally(struct aq_processor_context *ctx, void *user, void **ret_state)
{
    (void)user;
    *ret_state = calloc(1, sizeof(struct tally));
    if (!*ret_state) return aq_processor_fail(ctx, "no memory");
    return aq_processor_schedule(ctx, AQ_WALL_CLOCK, 10000, AQ_DEFAULT_START, tick) ? 0 : -1;
}

static int count(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)ctx;
    (void)record;
    ((struct tally *)state)->n++;
    return 0;
}

static void end_tally(struct aq_processor_context *ctx, void *state)
{
    (void)ctx;
    free(state);
}

static const struct aq_processor counter = {
    .abi = AQ_PROCESSOR_ABI, .init = start_tally, .process = count, .close = end_tally};
static const char *const topics[] = {"orders"};
static const struct aq_consumed consumed = {.topics = topics, .n_topics = 1};

static struct aq_streams_builder *build(void)
{
    struct aq_streams_builder *builder = aq_streams_builder_create("sales");
    struct aq_stream *orders = aq_stream_from(builder, "orders", &consumed);
    aq_stream_to(aq_stream_repartition(aq_stream_filter(orders, "big", is_big, NULL), "again", 2), "out",
                 "orders.big");
    aq_stream_to(aq_stream_process(orders, "count", &counter, NULL), "counts", "orders.counts");
    EXPECT(!aq_streams_error(builder));
    return builder;
}

static const char *const properties[] = {"default.key.serde=string", "default.value.serde=int64",
                                         "processing.guarantee=exactly_once_v2"};
static const struct aq_test_options options = {
    .properties = properties, .n_properties = 3, .wall_clock_ms = 1000000};

static void records_and_time_go_through(const struct aq_streams_builder *builder)
{
    struct aq_test_number room;
    struct aq_test_record got;
    int64_t number = 0;
    struct aq_test_driver *driver = aq_test_driver_create(builder, &options);
    if (aq_test_driver_error(driver)) fprintf(stderr, "%s\n", aq_test_driver_error(driver));
    EXPECT(!aq_test_driver_error(driver));
    EXPECT(aq_test_driver_pipe_pair(driver, "orders", aq_slice_str("a"), aq_test_int64(&room, 1200)) == 0);
    EXPECT(aq_test_driver_pipe_json(driver,
                                    "{\"topic\":\"orders\",\"key\":\"b\",\"value\":7,\"timestamp\":5}") == 0);
    EXPECT(aq_test_driver_pipe_json(driver,
                                    "{\"topic\":\"orders\",\"key\":\"c\",\"value\":1300,\"timestamp\":5,"
                                    "\"headers\":[[\"h\",\"x\"]]}") == 0);
    EXPECT(aq_test_driver_read(driver, "orders.big", &got));
    EXPECT(aq_slice_equal(got.key, aq_slice_str("a")) && got.timestamp == 1000000);
    EXPECT(aq_read_int64(got.value, &number) && number == 1200);
    const char *text = aq_test_driver_read_json(driver, "orders.big");
    EXPECT(text &&
           strcmp(text, "{\"key\":\"c\",\"value\":1300,\"timestamp\":5,\"headers\":[[\"h\",\"x\"]]}") == 0);
    EXPECT(!aq_test_driver_read(driver, "orders.big", &got));
    EXPECT(!aq_test_driver_read(driver, "orders.counts", &got));
    EXPECT(aq_test_driver_advance_wall_clock(driver, 10000) == 0);
    EXPECT(aq_test_driver_wall_clock(driver) == 1010000);
    text = aq_test_driver_read_json(driver, "orders.counts");
    EXPECT(text && strcmp(text, "{\"key\":\"n\",\"value\":3,\"timestamp\":1010000}") == 0);
    EXPECT(aq_test_driver_close(driver) == 0);
    EXPECT(aq_test_driver_pipe_json(driver, "{\"topic\":\"orders\"}") < 0);
    aq_test_driver_destroy(driver);
}

static void the_first_error_stays(const struct aq_streams_builder *builder)
{
    struct aq_test_driver *driver = aq_test_driver_create(builder, &options);
    EXPECT(aq_test_driver_pipe_pair(driver, "nobody", aq_slice_null(), aq_slice_null()) < 0);
    EXPECT(strstr(aq_test_driver_error(driver), "nobody"));
    EXPECT(aq_test_driver_pipe_pair(driver, "orders", aq_slice_null(), aq_slice_null()) < 0);
    EXPECT(aq_test_driver_advance_wall_clock(driver, 1) < 0);
    EXPECT(aq_test_driver_close(driver) < 0);
    EXPECT(strstr(aq_test_driver_error(driver), "nobody"));
    aq_test_driver_destroy(driver);
}

static void a_processor_that_fails_fails_the_pipe(const struct aq_streams_builder *builder)
{
    struct aq_test_driver *driver = aq_test_driver_create(builder, &options);
    EXPECT(aq_test_driver_pipe_pair(driver, "orders", aq_slice_null(), aq_slice_null()) < 0);
    EXPECT(strstr(aq_test_driver_error(driver), "no amount"));
    aq_test_driver_destroy(driver);
}

static void bad_settings_and_builders_are_told(const struct aq_streams_builder *builder)
{
    static const char *const wrong[] = {"processing.guarantee=twice"};
    const struct aq_test_options bad = {.properties = wrong, .n_properties = 1};
    struct aq_test_driver *driver = aq_test_driver_create(builder, &bad);
    EXPECT(aq_test_driver_error(driver) && strstr(aq_test_driver_error(driver), "processing"));
    EXPECT(!aq_test_driver_read_json(driver, "orders.big"));
    aq_test_driver_destroy(driver);
    struct aq_streams_builder *empty = aq_streams_builder_create("no topic's name/");
    driver = aq_test_driver_create(empty, NULL);
    EXPECT(aq_test_driver_error(driver) != NULL);
    aq_test_driver_destroy(driver);
    aq_streams_builder_destroy(empty);
    driver = aq_test_driver_create(builder, NULL);
    EXPECT(aq_test_driver_error(driver) && strstr(aq_test_driver_error(driver), "serde"));
    aq_test_driver_destroy(driver);
}

int main(void)
{
    struct aq_streams_builder *builder = build();
    records_and_time_go_through(builder);
    the_first_error_stays(builder);
    a_processor_that_fails_fails_the_pipe(builder);
    bad_settings_and_builders_are_told(builder);
    aq_streams_builder_destroy(builder);
    return failures > 0;
}
