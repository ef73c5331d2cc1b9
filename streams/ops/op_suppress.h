/* SPDX-License-Identifier: Apache-2.0
 *
 * suppress: changes of a table are held back, and fewer go on. Essay, and the rules: streams/ops/op_suppress.c.
 *
 * Threads: kind and conf are constant while they run; what runs belongs to one task.
 */
#ifndef AQ_STREAMS_OPS_OP_SUPPRESS_H
#define AQ_STREAMS_OPS_OP_SUPPRESS_H

#include "streams/processor.h"
#include "streams/ops/windows.h"

enum st_suppress_until {
    ST_SUPPRESS_TIME_LIMIT,     /* so long after the first change of a key that was held back */
    ST_SUPPRESS_TIME_WINDOW,    /* its tumbling or hopping window closes */
    ST_SUPPRESS_SLIDING_WINDOW, /* its sliding window closes */
    ST_SUPPRESS_SESSION_WINDOW, /* its session closes */
};

struct st_suppress {
    enum st_suppress_until until;
    int64_t
        wait_ms; /* the limit; of windows how long after their end they close: the grace, of sessions grace + gap */
    int64_t size_ms;      /* of time windows; of sliding windows the difference; else 0 */
    uint64_t max_records; /* that may be held back; 0: any number */
    uint64_t
        max_bytes; /* key, value, old value and headers of them, and ST_SUPPRESS_ROW_BYTES for each; 0: any number */
    bool
        emit_early; /* when there are too many the oldest go on; false: the task ends. Not with windows, whose results are final */
    /* Windows only: after so long without a record, by the wall clock, stream time is taken to go on with the wall clock. Longer than
     * the commit interval. 0: never */
    int64_t idle_close_ms;
    bool compat;    /* as Kafka Streams does it */
    bool in_memory; /* its store */
};

#define ST_SUPPRESS_ROW_BYTES 64

/* Until the windows of an aggregation close: fills in until, wait_ms and size_ms. */
void st_suppress_windows(struct st_suppress *suppress, const struct st_windows *windows);

/* Processor and store in a topology. store NULL: called NAME. `suppress` outlives the topology. */
int st_add_suppress(struct st_topology *topology, const char *name, struct st_suppress *suppress,
                    const char *parent, const char *store, struct aq_err *err);

extern const struct st_processor_kind st_suppress_kind;

#endif
