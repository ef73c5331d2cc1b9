/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of time, by the rules of Kafka Streams' TimeWindows, SlidingWindows and SessionWindows. Times are ms.
 *
 *   struct aq_windows minutes = aq_tumbling_windows(60000, 10000);
 *   minutes.emit = AQ_EMIT_CLOSE;
 *   aq_grouped_count(aq_grouped_windowed_by(by_page, &minutes), "views", NULL);
 *
 * A window takes records until stream time, the largest timestamp so far, has passed its end and the grace; a record that comes later is late:
 * it is dropped and counted. No window starts before 1970.
 *
 * The key of a row of windows is the key of the records with the window behind it, as Kafka's windowed serdes write it.
 * aq_read_windowed_key() takes it apart.
 *
 * Threads: nothing here has state.
 */
#ifndef AQUEDUCT_WINDOWS_H
#define AQUEDUCT_WINDOWS_H

#include "aqueduct/number.h"

#ifdef __cplusplus
extern "C" {
#endif

enum aq_windows_kind {
    AQ_TUMBLING, /* one behind the other: [start, end) */
    AQ_HOPPING,  /* size_ms long, one begins every advance_ms: [start, end) */
    AQ_SLIDING,  /* one for every set of records that are at most size_ms apart: [start, end] */
    AQ_SESSION, /* records without a pause of more than size_ms, from the first one to the last: [start, end] */
};

enum aq_emit {
    AQ_EMIT_UPDATES, /* a result goes on whenever it changes */
    AQ_EMIT_CLOSE,   /* the final result of each window goes on, once, when the window is over */
};

struct aq_windows {
    enum aq_windows_kind kind;
    int64_t size_ms;    /* tumbling, hopping: of a window; sliding: the difference; session: the gap */
    int64_t advance_ms; /* hopping only; else 0 */
    int64_t grace_ms;   /* how long behind its end a window still takes records */
    int64_t
        retention_ms; /* how long rows can be looked up, from their start; 0: as long as they take records */
    enum aq_emit emit;
    /* With AQ_EMIT_CLOSE: when no record has come for so long by the wall clock, stream time goes on with it. 0: never. */
    int64_t close_idle_ms;
};

static inline struct aq_windows aq_windows_of(enum aq_windows_kind kind, int64_t size_ms, int64_t advance_ms,
                                              int64_t grace_ms)
{
    struct aq_windows windows;
    memset(&windows, 0, sizeof(windows));
    windows.kind = kind;
    windows.size_ms = size_ms;
    windows.advance_ms = advance_ms;
    windows.grace_ms = grace_ms;
    return windows;
}

static inline struct aq_windows aq_tumbling_windows(int64_t size_ms, int64_t grace_ms)
{
    return aq_windows_of(AQ_TUMBLING, size_ms, 0, grace_ms);
}

static inline struct aq_windows aq_hopping_windows(int64_t size_ms, int64_t advance_ms, int64_t grace_ms)
{
    return aq_windows_of(AQ_HOPPING, size_ms, advance_ms, grace_ms);
}

static inline struct aq_windows aq_sliding_windows(int64_t difference_ms, int64_t grace_ms)
{
    return aq_windows_of(AQ_SLIDING, difference_ms, 0, grace_ms);
}

static inline struct aq_windows aq_session_windows(int64_t gap_ms, int64_t grace_ms)
{
    return aq_windows_of(AQ_SESSION, gap_ms, 0, grace_ms);
}

/* ---- keys of rows ---------------------------------------------------------------------------------------------------- */

struct aq_windowed_key {
    struct aq_slice key;      /* points into the bytes */
    int64_t start_ms, end_ms; /* tumbling, hopping: the end is the first ms behind it; else its last one */
};

/* False, with *ret untouched, when the bytes are too short to be such a key. */
static inline bool aq_read_windowed_key(struct aq_slice bytes, const struct aq_windows *windows,
                                        struct aq_windowed_key *ret)
{
    bool session = windows->kind == AQ_SESSION;
    size_t tail = session ? 16 : 8;
    if (!bytes.ptr || bytes.len < tail) return false;
    const char *at = bytes.ptr + bytes.len - tail;
    ret->key = aq_slice_of(bytes.ptr, bytes.len - tail);
    ret->start_ms = (int64_t)aq_be64_get(session ? at + 8 : at);
    if (session)
        ret->end_ms = (int64_t)aq_be64_get(at);
    else
        ret->end_ms =
            ret->start_ms > INT64_MAX - windows->size_ms ? INT64_MAX : ret->start_ms + windows->size_ms;
    return true;
}

#ifdef __cplusplus
}
#endif

#endif
