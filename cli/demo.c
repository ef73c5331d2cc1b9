/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct demo`: the real bridge between two clusters inside this process, with nothing to install or to
 * set up.
 *
 * An ordinary pass: open two embedded clusters, produce sample orders into the first, load a configuration
 * from text, run it to the end like `aqueduct bridge` would, read both topics, show three records before and
 * after, compare the counts partition by partition.
 * A failing one: whatever does not work is said in one line; when counts differ the exit code is 1.
 *
 * The delivery is at_least_once: the embedded clusters isolate nothing, so exactly_once could be claimed, not
 * kept. The state topic is made here beforehand, because the embedded clusters answer no request to create
 * one.
 * Threads: main; the embedded clusters and the bridge bring their own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/number.h"
#include "cli/run.h"
#include "kafka/mock.h"

#define RECORDS     20000
#define PARTITIONS  3
#define TASKS       4
#define TOPIC       "orders"
#define STATE_TOPIC "aqueduct.demo.state"
#define STEP_MS     15000

static const char config_text[] =
    "clusters = {\n"
    "    berlin = { brokers = \"%s\"; };\n"
    "    dublin = { brokers = \"%s\"; };\n"
    "};\n"
    "transforms = {\n"
    "    mask   = { type = \"MaskField\";    fields = [\"email\"]; replacement = \"***\"; };\n"
    "    trim   = { type = \"ReplaceField\"; exclude = [\"debug\"]; renames = [\"cust:customer_id\"]; };\n"
    "    origin = { type = \"InsertField\";  static_field = \"origin\"; static_value = \"berlin\"; };\n"
    "};\n"
    "routes = (\n"
    "    { name = \"demo\"; from = \"berlin\"; to = \"dublin\"; topics = [\"orders\"];\n"
    "      chain = [\"mask\", \"trim\", \"origin\"]; format = { value = \"json\"; };\n"
    "      delivery = \"at_least_once\"; tasks = 4; records_per_second = 8000; stop_at_end = true; }\n"
    ");\n";

struct side {
    struct kc_mock *cluster;
    uint64_t counts[PARTITIONS];
    char *first[PARTITIONS]; /* the value at offset 0 */
};

static void make_order(uint32_t i, char *buf, size_t size, struct aq_slice *key, struct aq_slice *value)
{
    static const char *const names[] = {"ada", "grace", "alan", "edsger", "barbara", "donald", "niklaus"};
    const char *name = names[i % 7];
    int key_len = snprintf(buf, size, "customer-%" PRIu32, i % 997);
    AQ_ASSERT(key_len > 0 && (size_t)key_len < size);
    char *text = buf + key_len + 1;
    size_t room = size - (size_t)key_len - 1;
    int len =
        snprintf(text, room,
                 "{\"id\": %" PRIu32 ", \"cust\": %" PRIu32 ", \"email\": \"%s.%" PRIu32
                 "@example.org\", \"total\": %" PRIu32 ".%02" PRIu32 ", \"debug\": \"trace-%08" PRIx32 "\"}",
                 i + 1, i % 997, name, i % 997, 5 + i * 7 % 400, i * 13 % 100, i * 2654435761u);
    AQ_ASSERT(len > 0 && (size_t)len < room);
    *key = aq_slice_of(buf, (size_t)key_len);
    *value = aq_slice_of(text, (size_t)len);
}

static void take_record(void *arg, const struct kc_mock_record *record)
{
    struct side *side = arg;
    AQ_ASSERT(record->partition >= 0 && record->partition < PARTITIONS);
    side->counts[record->partition]++;
    char **first = &side->first[record->partition];
    if (!*first) *first = aq_strndup(record->value.ptr ? record->value.ptr : "", record->value.len);
}

static int prepare(struct side *source, struct side *sink, struct aq_err *err)
{
    int rc = kc_mock_open(&source->cluster, err);
    if (rc == 0) rc = kc_mock_open(&sink->cluster, err);
    if (rc == 0) rc = kc_mock_create_topic(source->cluster, TOPIC, PARTITIONS, err);
    if (rc == 0) rc = kc_mock_create_topic(sink->cluster, TOPIC, PARTITIONS, err);
    if (rc == 0) rc = kc_mock_create_topic(sink->cluster, STATE_TOPIC, TASKS, err);
    if (rc == 0) rc = kc_mock_produce(source->cluster, TOPIC, RECORDS, make_order, STEP_MS, err);
    return rc;
}

static int run_bridge(const struct cli_call *call, const struct side *source, const struct side *sink)
{
    char *text = aq_asprintf(config_text, kc_mock_brokers(source->cluster), kc_mock_brokers(sink->cluster));
    struct cli_config config;
    bool good = cli_config_load(&config, "(demo)", text, call->overrides, call->n_overrides);
    int rc = CLI_CONFIG;
    if (!good) conf_diags_print(&config.diags, stderr);
    if (good) {
        const struct cli_run run = {
            .http = &config.http, .log_format = call->log_format, .quiet = call->quiet};
        rc = cli_run_routes(config.routes, config.n_routes, &run);
    }
    cli_config_finish(&config);
    free(text);
    return rc;
}

static int read_back(struct side *source, struct side *sink, struct aq_err *err)
{
    int rc = kc_mock_read(source->cluster, TOPIC, PARTITIONS, STEP_MS, take_record, source, err);
    if (rc == 0) rc = kc_mock_read(sink->cluster, TOPIC, PARTITIONS, STEP_MS, take_record, sink, err);
    return rc;
}

static int compare(const struct side *source, const struct side *sink)
{
    printf("\nThe first record of each partition, before and after:\n");
    uint64_t total = 0;
    bool equal = true;
    for (int p = 0; p < PARTITIONS; p++) {
        printf("  orders[%d]@0  %s\n            -> %s\n", p, source->first[p] ? source->first[p] : "(none)",
               sink->first[p] ? sink->first[p] : "(none)");
        equal = equal && source->counts[p] == sink->counts[p];
        total += sink->counts[p];
    }
    printf("\nCounts per partition, source and sink:\n");
    for (int p = 0; p < PARTITIONS; p++)
        printf("  orders[%d]  %8" PRIu64 "  %8" PRIu64 "\n", p, source->counts[p], sink->counts[p]);
    char number[CLI_NUMBER_MAX];
    equal = equal && total == RECORDS;
    if (equal)
        printf("All %s records arrived.\n", cli_count(number, total));
    else
        printf("The counts differ: %d were produced, %s arrived.\n", RECORDS, cli_count(number, total));
    return equal ? CLI_OK : CLI_FAILED;
}

static int play(const struct cli_call *call, struct side *source, struct side *sink, struct aq_err *err)
{
    printf("Two embedded clusters, berlin and dublin; %d sample orders are produced into berlin.\n", RECORDS);
    fflush(stdout);
    int rc = prepare(source, sink, err);
    if (rc < 0) return cli_exit_for(rc);
    printf(
        "A route mirrors them to dublin: mask hides emails, trim drops a field and renames another, origin "
        "adds one.\n"
        "Delivery is at_least_once, because the embedded clusters isolate nothing; on real ones exactly_once "
        "is the\n"
        "default.\n\n");
    fflush(stdout);
    int exit_code = run_bridge(call, source, sink);
    if (exit_code != CLI_OK) return exit_code;
    rc = read_back(source, sink, err);
    if (rc < 0) return cli_exit_for(rc);
    return compare(source, sink);
}

static int run_demo(struct cli_call *call)
{
    /* The client library warns about what embedded clusters are too old for; nobody can do anything about it.
     * */
    if (!cli_has(call, "log-level")) aq_log_setup(AQ_ERROR, call->log_format);
    struct side source = {0}, sink = {0};
    struct aq_err err = {0};
    int64_t started = aq_mono_us();
    int rc = play(call, &source, &sink, &err);
    if (err.code) fprintf(stderr, "aqueduct demo: %s\n", err.text);
    char number[CLI_NUMBER_MAX];
    if (rc == CLI_OK)
        printf("Took %s. Next: `aqueduct help --sample`, `aqueduct help mirror`.\n",
               cli_seconds(number, (double)(aq_mono_us() - started) / 1e6));
    kc_mock_close(source.cluster);
    kc_mock_close(sink.cluster);
    for (int p = 0; p < PARTITIONS; p++) {
        free(source.first[p]);
        free(sink.first[p]);
    }
    return rc;
}

const struct cli_command cli_command_demo = {
    .name = "demo",
    .usage = "",
    .summary = "Shows the bridge at work between two clusters inside this process.",
    .text =
        "Needs no Kafka and no file: two embedded clusters, sample orders in one of them, a route with three "
        "transforms to the other. Three records are shown before and after, and the counts are compared: "
        "exit code 0 when they agree.\n"
        "\n"
        "Delivery is at_least_once there, because the embedded clusters isolate nothing.",
    .max_args = 0,
    .run = run_demo,
};
