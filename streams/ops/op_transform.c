/* SPDX-License-Identifier: Apache-2.0
 *
 * transform: one running chain for each node and task. The document views are the task's, so edits of one node are still open
 * when the next one looks.
 */
#include "base/assert.h"
#include "streams/ops/op.h"

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_chain *conf = user;
    *ret_state = xf_run_create_with(conf->chain, st_names(context), st_views(context));
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    const struct aq_name *topic = rec->topic;
    /* A record that a punctuation made comes from no topic; steps that ask for one get an empty name. */
    if (!topic) rec->topic = aq_names_intern(st_names(context), AQ_LIT(""));
    const struct aq_name *before = rec->topic;
    xf_run_record(state, rec);
    const struct aq_name *after = rec->topic;
    rec->topic = topic;
    if (rec->flags & AQ_REC_FAILED) {
        rec->flags &= (uint16_t)~AQ_REC_FAILED;
        return aq_fail(err, AQ_E_BAD_RECORD, "%s: %s", rec->fail_step, rec->fail_reason);
    }
    if (rec->flags & AQ_REC_DROPPED) {
        context->dropped++;
        return 0;
    }
    if (after != before)
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "a step chose the topic '%s'; a chain of streams may not, a sink does so: topic_by",
                       after->text);
    return st_forward(context, rec, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    xf_run_destroy(state);
}

const struct st_processor_kind st_chain_kind = {
    .name = "transform", .start = start, .process = process, .stop = stop};
const struct st_processor_kind st_chain_changing_kind = {
    .name = "transform", .changes_key = true, .start = start, .process = process, .stop = stop};
