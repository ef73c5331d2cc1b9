/* SPDX-License-Identifier: Apache-2.0
 *
 * to_stream: changes of a table become the records of a stream. st_forward() takes off what the row was.
 */
#include "streams/ops/op_table.h"

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return st_forward(context, rec, err);
}

const struct st_processor_kind st_to_stream_kind = {.name = "to_stream", .process = process};
