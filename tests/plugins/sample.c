/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin as a user writes one: scales int64 values. Loaded by tests/unit/streams/test_plugin.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "aqueduct/plugin.h"

struct scale {
    double factor;
    int64_t plus;
    bool negate;
    int64_t wait_ms;
    const char *label;
};

static const struct aq_option options[] = {
    {.name = "factor", .kind = AQ_OPTION_DOUBLE, .required = true, .help = "What values are multiplied by."},
    {.name = "plus", .kind = AQ_OPTION_INT, .def = "3", .help = "What is added then."},
    {.name = "negate", .kind = AQ_OPTION_BOOL, .def = "false", .help = "Whether the sign is turned."},
    {.name = "wait", .kind = AQ_OPTION_DURATION, .help = "Nothing depends on it."},
    {.name = "label", .kind = AQ_OPTION_STRING, .def = "scaled", .help = "Value of the header added."},
};

/* What is configured and not released; the test looks at it. */
AQ_API int sample_alive;

static int configure(const struct aq_option_value *values, void **ret_user, char *reason, size_t size)
{
    if (values[0].number == 0) {
        snprintf(reason, size, "a factor of 0 loses everything");
        return -1;
    }
    struct scale *scale = malloc(sizeof(*scale));
    if (!scale) return -1;
    scale->factor = values[0].number;
    scale->plus = values[1].integer;
    scale->negate = values[2].boolean;
    scale->wait_ms = values[3].is_set ? values[3].integer : -1;
    scale->label = values[4].string;
    sample_alive++;
    *ret_user = scale;
    return 0;
}

static void release(void *user)
{
    sample_alive--;
    free(user);
}

static int process(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    const struct scale *scale = state;
    int64_t number;
    if (!aq_read_int64(record->value, &number))
        return aq_processor_fail(ctx, "%zu bytes are no int64", record->value.len);
    number = (int64_t)((double)number * scale->factor) + scale->plus;
    if (scale->wait_ms >= 0) number += scale->wait_ms;
    struct aq_header header = {aq_slice_str("by"), aq_slice_str(scale->label)};
    struct aq_stream_record out = *record;
    out.value = aq_stream_int64(ctx, scale->negate ? -number : number);
    out.headers = &header;
    out.n_headers = 1;
    return aq_processor_forward(ctx, &out);
}

static int drop(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)ctx;
    (void)state;
    (void)record;
    return 0;
}

static const struct aq_plugin_processor processors[] = {
    {.name = "scale",
     .summary = "Multiplies int64 values.",
     .options = options,
     .n_options = sizeof(options) / sizeof(options[0]),
     .configure = configure,
     .release = release,
     .processor = {.abi = AQ_PROCESSOR_ABI, .keeps_key = true, .process = process}},
    {.name = "drop",
     .summary = "Lets nothing through.",
     .processor = {.abi = AQ_PROCESSOR_ABI, .process = drop}},
};

AQ_API const struct aq_plugin aq_plugin = {
    .abi = AQ_PLUGIN_ABI, .name = "sample", .processors = processors, .n_processors = 2};
