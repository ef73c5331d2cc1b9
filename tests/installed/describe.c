/* SPDX-License-Identifier: Apache-2.0
 *
 * A program as a user writes one: only installed headers, linked with the shared library. Builds one topology in both styles and prints
 * its description; ends with 1 when the two differ.
 */
#include <stdio.h>
#include <stdlib.h>

#include "aqueduct/streams.h"

static bool is_big(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    int64_t amount;
    (void)user;
    if (!aq_read_int64(record->value, &amount)) return aq_processor_fail(ctx, "no amount") == 0;
    return amount > 1000;
}

static int forward(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    return aq_processor_forward(ctx, record);
}

static const struct aq_processor through = {.abi = AQ_PROCESSOR_ABI, .process = forward};
static const char *const topics[] = {"orders"};
static const struct aq_consumed consumed = {
    .topics = topics, .n_topics = 1, .key_serde = "string", .value_serde = "int64"};

static struct aq_streams_builder *with_streams(void)
{
    struct aq_streams_builder *builder = aq_streams_builder_create("sales");
    struct aq_stream *big =
        aq_stream_filter(aq_stream_from(builder, "orders", &consumed), "big", is_big, NULL);
    struct aq_stream *cut =
        aq_stream_repartition(aq_stream_process(big, "count", &through, NULL), "again", 2);
    aq_stream_to(cut, "out", "orders.big");
    return builder;
}

/* A filter of the other style is a processor; the description knows no difference. */
static struct aq_streams_builder *with_nodes(void)
{
    const char *orders[] = {"orders"}, *big[] = {"big"}, *count[] = {"count"}, *again[] = {"again"};
    struct aq_streams_builder *builder = aq_streams_builder_create("sales");
    aq_topology_add_source(builder, "orders", &consumed);
    aq_topology_add_processor(builder, "big", &through, NULL, orders, 1);
    aq_topology_add_processor(builder, "count", &through, NULL, big, 1);
    aq_topology_add_repartition(builder, "again", 2, count, 1);
    aq_topology_add_sink(builder, "out", "orders.big", again, 1);
    return builder;
}

static char *describe(struct aq_streams_builder *builder)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    if (aq_streams_describe(builder, out) < 0) fprintf(stderr, "%s\n", aq_streams_error(builder));
    fclose(out);
    aq_streams_builder_destroy(builder);
    return text;
}

int main(void)
{
    char *one = describe(with_streams()), *other = describe(with_nodes());
    int differ = !one || !other || !*one || strcmp(one, other) != 0;
    if (one) fputs(one, stdout);
    if (differ) fprintf(stderr, "the other style:\n%s", other ? other : "");
    free(one);
    free(other);
    return differ;
}
