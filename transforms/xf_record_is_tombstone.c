/* SPDX-License-Identifier: Apache-2.0
 *
 * RecordIsTombstone: the value is null. An empty value and the JSON text null are not.
 */
#include "transforms/step.h"

static bool test(struct xf_step *step, struct aq_record *rec)
{
    (void)step;
    return aq_slice_is_null(rec->value);
}

const struct xf_kind xf_record_is_tombstone = {
    .abi = XF_ABI,
    .sort = XF_PREDICATE,
    .name = "RecordIsTombstone",
    .summary = "True for records whose value is null.",
    .example = "tombstone = { type = \"RecordIsTombstone\"; };",
    .test = test,
};
