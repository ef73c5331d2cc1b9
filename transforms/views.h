/* SPDX-License-Identifier: Apache-2.0
 *
 * The two document views of a run: of the key and of the value of the record at hand.
 */
#ifndef AQ_TRANSFORMS_VIEWS_H
#define AQ_TRANSFORMS_VIEWS_H

#include "transforms/step.h"

struct xf_view {
    struct doc doc;
    struct aq_record *rec; /* whose part is open; NULL: closed */
    bool null;             /* the open part is the JSON text null (connect only) */
};

struct xf_views {
    struct xf_view key;
    struct xf_view value;
};

void xf_views_init(struct xf_views *views);
void xf_views_finish(struct xf_views *views);

/* Writes what was edited back to its record and closes both. */
void xf_views_write(struct xf_views *views);

/* Closes both and forgets the edits, for a record that was dropped or failed. */
void xf_views_close(struct xf_views *views);

#endif
