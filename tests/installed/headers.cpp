// SPDX-License-Identifier: Apache-2.0
//
// The installed headers in C++: only compiled.
#include "aqueduct/plugin.h"
#include "aqueduct/aggregator.h"
#include "aqueduct/grouped.h"
#include "aqueduct/joins.h"
#include "aqueduct/store.h"
#include "aqueduct/streams.h"
#include "aqueduct/application.h"
#include "aqueduct/testdriver.h"

static int process(struct aq_processor_context *ctx, void *, const struct aq_stream_record *record)
{
    struct aq_stream_record out = *record;
    out.value = aq_stream_double(ctx, 1.5);
    return aq_processor_forward(ctx, &out);
}

struct aq_processor make_processor()
{
    struct aq_processor processor = {};
    processor.abi = AQ_PROCESSOR_ABI;
    processor.process = process;
    return processor;
}

struct aq_table *make_table(struct aq_stream *stream)
{
    struct aq_windows minutes = aq_tumbling_windows(60000, 0);
    return aq_grouped_count(aq_grouped_windowed_by(aq_stream_group_by_key(stream, "g"), &minutes), "n", nullptr);
}
