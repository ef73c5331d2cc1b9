/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of programs (aqueduct/windows.h) as the engine has them. Nothing is kept between two calls.
 */
#include "base/assert.h"
#include "streams/api/dsl.h"

/* Of the public field; the sizes of the kinds are one there. */
static bool refuse(struct aq_streams_builder *builder, const char *what, const char *name, const char *text)
{
    st_dsl_refuse(builder, what, name, "windows: %s", text);
    return false;
}

static bool find_kind(enum aq_windows_kind kind, enum st_windows_kind *ret)
{
    switch (kind) {
    case AQ_TUMBLING: *ret = ST_TUMBLING; return true;
    case AQ_HOPPING: *ret = ST_HOPPING; return true;
    case AQ_SLIDING: *ret = ST_SLIDING; return true;
    case AQ_SESSION: *ret = ST_SESSION; return true;
    }
    return false;
}

static const char *complaint(const struct aq_windows *windows)
{
    if (windows->advance_ms != 0 && windows->kind != AQ_HOPPING)
        return "only hopping windows have an advance; set advance_ms to 0";
    if (windows->emit != AQ_EMIT_UPDATES && windows->emit != AQ_EMIT_CLOSE)
        return "emit is neither AQ_EMIT_UPDATES nor AQ_EMIT_CLOSE";
    if (windows->close_idle_ms < 0) return "close_idle_ms is negative";
    if (windows->close_idle_ms > 0 && windows->emit != AQ_EMIT_CLOSE)
        return "close_idle_ms closes windows, which only AQ_EMIT_CLOSE looks at";
    return NULL;
}

bool st_dsl_windows(struct aq_streams_builder *builder, const char *what, const char *name,
                    const struct aq_windows *windows, struct st_aggregate *ret)
{
    AQ_ASSERT(st_builder_is_open(builder));
    struct aq_err err = {0};
    if (!windows) return refuse(builder, what, name, "there are none (NULL)");
    struct st_windows made = {.size_ms = windows->size_ms,
                              .advance_ms = windows->advance_ms,
                              .grace_ms = windows->grace_ms,
                              .retention_ms = windows->retention_ms};
    if (!find_kind(windows->kind, &made.kind))
        return refuse(builder, what, name, "they are of no kind there is");
    const char *wrong = complaint(windows);
    if (wrong) return refuse(builder, what, name, wrong);
    st_windows_complete(&made, ret->compat);
    if (st_windows_check(&made, NULL, &err) != 0) return refuse(builder, what, name, err.text);
    ret->windows = made;
    ret->emit = windows->emit == AQ_EMIT_CLOSE ? ST_EMIT_CLOSE : ST_EMIT_UPDATES;
    ret->close_idle_ms = windows->close_idle_ms;
    return true;
}
