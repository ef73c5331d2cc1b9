/* SPDX-License-Identifier: Apache-2.0
 *
 * Filter: drops every record it runs for, which its predicate decides. A dropped record's position still advances.
 */
#include "transforms/step.h"

static void each(struct xf_step *step, struct aq_record *rec)
{
    (void)step;
    rec->flags |= AQ_REC_DROPPED;
}

const struct xf_kind xf_filter = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "Filter",
    .summary = "Drops the records its predicate selects.",
    .example = "no_tests = { type = \"Filter\"; predicate = \"is_test\"; };",
    .flags = XF_DROPS_ALL,
    .each = each,
};
