/* SPDX-License-Identifier: Apache-2.0
 *
 * Beginning anew: moves the source positions of an application that is stopped everywhere, and deletes its repartition topics.
 * Sinks are left as they are. Essay: streams/reset.c.
 *
 * Threads: one caller; the application does not run in this process.
 */
#ifndef AQ_STREAMS_RESET_H
#define AQ_STREAMS_RESET_H

#include <stdio.h>

#include "kafka/kafka.h"
#include "streams/settings.h"

enum st_reset_to { ST_TO_EARLIEST, ST_TO_LATEST, ST_TO_TIMESTAMP, ST_TO_OFFSET };

struct st_reset_request {
    enum st_reset_to to;
    int64_t value;     /* ms since 1970, or an offset */
    const char *topic; /* only this source topic: nothing is deleted or forgotten; NULL: everything */
    bool plan;         /* say what would be done, and do nothing */
};

/* [blocks] One line for each thing it does goes to `out`, before the first of them is done. BUSY while an instance runs; STATE when the
 * application never ran; CONFIG for an offset that is not in the log, or a topic it does not read. */
int st_reset_app(const struct kc_ops *ops, const struct st_settings *settings,
                 const struct st_topology *topology, const struct st_reset_request *request, FILE *out,
                 struct aq_err *err);

#endif
