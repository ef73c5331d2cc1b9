/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of windows (streams/ops/windows.h). Pure functions.
 */
#include "streams/ops/windows.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/assert.h"

int64_t st_time_sum(int64_t a, int64_t b)
{
    AQ_ASSERT(a >= 0 && b >= 0);
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

const char *st_windows_kind_name(enum st_windows_kind kind)
{
    static const char *const names[] = {[ST_TUMBLING] = "tumbling",
                                        [ST_HOPPING] = "hopping",
                                        [ST_SLIDING] = "sliding",
                                        [ST_SESSION] = "session"};
    AQ_ASSERT((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

/* ---- checks ------------------------------------------------------------------------------------------------------- */

static bool has_inclusive_end(const struct st_windows *w)
{
    return w->kind == ST_SLIDING || w->kind == ST_SESSION;
}

/* What Kafka Streams wants a store to keep at least. */
static int64_t least_retention(const struct st_windows *w)
{
    int64_t spans = w->kind == ST_SLIDING ? st_time_sum(w->size_ms, w->size_ms) : w->size_ms;
    return st_time_sum(spans, w->grace_ms);
}

/* A record that is not late in sliding windows may be one difference and the grace behind stream time, and what its window grows from
 * starts up to two differences before it; the newest start in the store may be stream time itself. Kafka Streams keeps one
 * difference less, and such a record can miss the rows it needs. Windows whose end is theirs take records for 1 ms more, and the row
 * has to be there for them. */
static int64_t own_retention(const struct st_windows *w)
{
    int64_t least = least_retention(w);
    if (w->kind == ST_SLIDING) least = st_time_sum(least, w->size_ms);
    return has_inclusive_end(w) ? st_time_sum(least, 1) : least;
}

void st_windows_complete(struct st_windows *windows, bool compat)
{
    if (windows->kind == ST_TUMBLING) windows->advance_ms = windows->size_ms;
    if (windows->retention_ms != 0 || windows->size_ms < 0 || windows->grace_ms < 0) return;
    windows->retention_ms = compat ? least_retention(windows) : own_retention(windows);
    if (windows->retention_ms == 0) windows->retention_ms = 1;
}

static int refuse(const char *field, const char **ret_field)
{
    if (ret_field) *ret_field = field;
    return AQ_E_CONFIG;
}

static int check_size(const struct st_windows *w, const char **ret_field, struct aq_err *err)
{
    static const char *const of[] = {
        [ST_TUMBLING] = "size", [ST_HOPPING] = "size", [ST_SLIDING] = "difference", [ST_SESSION] = "gap"};
    int64_t least = w->kind == ST_SLIDING ? 0 : 1;
    if (w->size_ms >= least) return 0;
    aq_fail(err, AQ_E_CONFIG, "the %s of %s windows is %" PRId64 " ms; it is at least %" PRId64 " ms",
            of[w->kind], st_windows_kind_name(w->kind), w->size_ms, least);
    return refuse("size_ms", ret_field);
}

static int check_advance(const struct st_windows *w, const char **ret_field, struct aq_err *err)
{
    if (w->kind != ST_HOPPING || (w->advance_ms > 0 && w->advance_ms <= w->size_ms)) return 0;
    aq_fail(err, AQ_E_CONFIG,
            "hopping windows of %" PRId64 " ms advance by %" PRId64
            " ms; it is at least 1 ms, and at most the size",
            w->size_ms, w->advance_ms);
    return refuse("advance_ms", ret_field);
}

static int check_retention(const struct st_windows *w, const char **ret_field, struct aq_err *err)
{
    int64_t least = least_retention(w);
    if (w->retention_ms >= least && w->retention_ms > 0) return 0;
    aq_fail(err, AQ_E_CONFIG,
            "rows are kept for %" PRId64 " ms, and %s windows need %" PRId64 " ms: %s and grace",
            w->retention_ms, st_windows_kind_name(w->kind), least > 0 ? least : 1,
            w->kind == ST_SLIDING ? "twice the difference"
                                  : (w->kind == ST_SESSION ? "the gap" : "the size"));
    return refuse("retention_ms", ret_field);
}

int st_windows_check(const struct st_windows *windows, const char **ret_field, struct aq_err *err)
{
    AQ_ASSERT(windows);
    int rc = check_size(windows, ret_field, err);
    if (rc == 0) rc = check_advance(windows, ret_field, err);
    if (rc == 0 && windows->grace_ms < 0) {
        aq_fail(err, AQ_E_CONFIG, "a grace of %" PRId64 " ms; it is at least 0", windows->grace_ms);
        rc = refuse("grace_ms", ret_field);
    }
    return rc == 0 ? check_retention(windows, ret_field, err) : rc;
}

/* ---- tumbling and hopping ----------------------------------------------------------------------------------------- */

int64_t st_windows_first(const struct st_windows *windows, int64_t ms)
{
    AQ_ASSERT(windows->kind == ST_TUMBLING || windows->kind == ST_HOPPING);
    AQ_ASSERT(ms >= 0 && windows->advance_ms > 0 && windows->advance_ms <= windows->size_ms);
    int64_t earliest = ms - (windows->size_ms - windows->advance_ms);
    return earliest <= 0 ? 0 : earliest / windows->advance_ms * windows->advance_ms;
}

int64_t st_windows_next(const struct st_windows *windows, int64_t start)
{
    AQ_ASSERT(windows->advance_ms > 0);
    return st_time_sum(start, windows->advance_ms);
}

/* ---- ends --------------------------------------------------------------------------------------------------------- */

int64_t st_windows_end(const struct st_windows *windows, int64_t start)
{
    AQ_ASSERT(windows->kind != ST_SESSION);
    return st_time_sum(start, windows->size_ms);
}

int64_t st_windows_over(const struct st_windows *windows, int64_t end)
{
    int64_t over = st_time_sum(end, windows->grace_ms);
    if (windows->kind == ST_SESSION) over = st_time_sum(over, windows->size_ms);
    /* An inclusive end takes records of that very ms, so the window is over 1 ms later. */
    return has_inclusive_end(windows) ? st_time_sum(over, 1) : over;
}

bool st_windows_is_over(const struct st_windows *windows, int64_t end, int64_t stream_ms)
{
    int64_t over = st_windows_over(windows, end);
    return stream_ms >= over && over != INT64_MAX;
}
