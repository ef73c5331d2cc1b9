/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: which stretches of time a record belongs to, and when a stretch is over. Pure arithmetic over ms since 1970; keys and
 * stores are elsewhere (streams/ops/windowing.h). The rules are those of Kafka Streams' TimeWindows, SlidingWindows and SessionWindows:
 *
 *   kind      a window             made by                                            over at stream time
 *   tumbling  [start, end)         the clock: start = k * size                        end + grace
 *   hopping   [start, end)         the clock: start = k * advance, size long          end + grace
 *   sliding   [start, end]         each record: one that ends at it, one that begins  end + grace + 1
 *                                  1 ms behind it; `difference` long
 *   session   [start, end]         the first and last record of a run in which no     end + gap + grace + 1
 *                                  two neighbours are more than `gap` apart
 *
 * No window starts before 1970. A window that is over takes no more records: what would have gone into it is late.
 *
 * Where sums would be later than INT64_MAX they are INT64_MAX: such a window is never over.
 * Threads: none of its own.
 */
#ifndef AQ_STREAMS_OPS_WINDOWS_H
#define AQ_STREAMS_OPS_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum st_windows_kind { ST_TUMBLING, ST_HOPPING, ST_SLIDING, ST_SESSION };

struct st_windows {
    enum st_windows_kind kind;
    int64_t size_ms;      /* tumbling and hopping: of a window; sliding: the difference; session: the gap */
    int64_t advance_ms;   /* hopping: from one start to the next; tumbling: the size; else 0 */
    int64_t grace_ms;     /* how long behind its end a window still takes records */
    int64_t retention_ms; /* how long rows are kept, counted from the start (session: the end); at least 1 */
};

const char *st_windows_kind_name(enum st_windows_kind kind); /* "tumbling" */

/* Fills in what was left 0: the advance of tumbling windows, and the shortest retention with which nothing is lost. compat: the one
 * that Kafka Streams takes, which is shorter for sliding windows and sessions. */
void st_windows_complete(struct st_windows *windows, bool compat);

/* What Kafka Streams refuses: 0, or AQ_E_CONFIG with a sentence, and the name of the field it is about in *ret_field ("size_ms";
 * may be NULL). Looks at completed windows. */
int st_windows_check(const struct st_windows *windows, const char **ret_field, struct aq_err *err);

/* ---- tumbling and hopping ----------------------------------------------------------------------------------------- */

/* Start of the first window that holds the time. The others follow by advance_ms each, up to the last start that is not later than the
 * time: for (s = first; s <= ms; s = st_windows_next(windows, s)). */
int64_t st_windows_first(const struct st_windows *windows, int64_t ms);
/* INT64_MAX: there is no later one. */
int64_t st_windows_next(const struct st_windows *windows, int64_t start);

/* ---- all but sessions ---------------------------------------------------------------------------------------------- */

/* Behind the last ms of a tumbling or hopping window, the last ms of a sliding one. */
int64_t st_windows_end(const struct st_windows *windows, int64_t start);

/* ---- all ------------------------------------------------------------------------------------------------------------ */

/* The first stream time at which a window with this end is over. */
int64_t st_windows_over(const struct st_windows *windows, int64_t end);
/* Over at this stream time; never before the first record (a negative stream time). */
bool st_windows_is_over(const struct st_windows *windows, int64_t end, int64_t stream_ms);

/* a + b, at most INT64_MAX; neither is negative. */
int64_t st_time_sum(int64_t a, int64_t b);

#endif
