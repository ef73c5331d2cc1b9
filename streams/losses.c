/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that are lost on purpose, counted where it happens (streams/processor.h). A warning a record would bury the log when a topic
 * is replayed; a counter that grows is seen as well, and says how many.
 */
#include "base/assert.h"
#include "streams/task.h"

void st_drop(struct st_context *context)
{
    AQ_ASSERT(context->task);
    context->dropped++;
    context->task->shop->tally.dropped++;
}

void st_drop_late(struct st_context *context)
{
    context->late++;
    context->task->shop->tally.late++;
    st_drop(context);
}
