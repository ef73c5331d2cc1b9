/* SPDX-License-Identifier: Apache-2.0
 *
 * The `window` group of an aggregation (streams/forms/form_windows.h). Each kind of windows has a name of its own for its length, as in Kafka
 * Streams: the size of time windows, the difference of sliding ones, the gap between sessions. A name that belongs to another kind
 * is an error that says which one is meant.
 */
#include "streams/forms/form_windows.h"

#include "base/assert.h"

const struct opt_enum st_emit_names[] = {{"updates", ST_EMIT_UPDATES}, {"close", ST_EMIT_CLOSE}, {NULL, 0}};

struct window_group {
    int kind;
    int64_t size_ms, advance_ms, difference_ms, gap_ms, grace_ms, retention_ms;
};

static const struct opt_enum kinds[] = {{"tumbling", ST_TUMBLING},
                                        {"hopping", ST_HOPPING},
                                        {"sliding", ST_SLIDING},
                                        {"session", ST_SESSION},
                                        {NULL, 0}};

#define AT(field) .offset = offsetof(struct window_group, field)

/* Settings under Kafka's names end so; options of nodes do not. */
#define OTHER_SPELLING(option)                                                            \
    {                                                                                     \
        .name = #option "_ms", .kind = OPT_REFUSED, .help = "Write " #option " = \"1m\"." \
    }

static const struct opt_row rows[] = {
    {.name = "type",
     .kind = OPT_ENUM,
     AT(kind),
     .values = kinds,
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "tumbling: one behind the other. hopping: they overlap. sliding: one for every set of records that are at most "
         "difference apart. session: records without a pause of more than gap."},
    {.name = "size",
     .kind = OPT_DURATION,
     AT(size_ms),
     .reload = OPT_RELOAD_PROCESS,
     .help = "tumbling and hopping: how long a window is, its end excluded."},
    {.name = "advance",
     .kind = OPT_DURATION,
     AT(advance_ms),
     .reload = OPT_RELOAD_PROCESS,
     .help = "hopping: from the start of one window to that of the next; at most size."},
    {.name = "difference",
     .kind = OPT_DURATION,
     AT(difference_ms),
     .reload = OPT_RELOAD_PROCESS,
     .help = "sliding: how far two records of a window may be apart."},
    {.name = "gap",
     .kind = OPT_DURATION,
     AT(gap_ms),
     .reload = OPT_RELOAD_PROCESS,
     .help = "session: the longest pause between two records of one session."},
    {.name = "grace",
     .kind = OPT_DURATION,
     AT(grace_ms),
     .def = "0",
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "How long behind its end a window still takes records that come late. Those that come later are dropped and counted."},
    {.name = "retention",
     .kind = OPT_DURATION,
     AT(retention_ms),
     .def = "0",
     .reload = OPT_RELOAD_PROCESS,
     .help = "How long a window can be asked for, counted from its start; 0: as long as it takes records."},
    OTHER_SPELLING(size),
    OTHER_SPELLING(advance),
    OTHER_SPELLING(difference),
    OTHER_SPELLING(gap),
    OTHER_SPELLING(grace),
    OTHER_SPELLING(retention),
    {.name = NULL},
};

const struct opt_table st_window_table = {
    .name = "window",
    .kind = "section",
    .summary = "The windows of an aggregation.",
    .rows = rows,
    .example = "window = { type = \"tumbling\"; size = \"1m\"; grace = \"10s\"; };\n",
};

/* ---- which option is whose ---------------------------------------------------------------------------------------- */

static bool has(const struct conf_node *group, const char *name)
{
    for (const struct conf_node *n = group->first; n; n = n->next)
        if (strcmp(n->name, name) == 0) return true;
    return false;
}

static const char *length_option(int kind)
{
    return kind == ST_SLIDING ? "difference" : kind == ST_SESSION ? "gap" : "size";
}

/* False after a complaint. */
static bool check_names(const struct st_forming *at, int kind)
{
    static const char *const lengths[] = {"size", "difference", "gap"};
    const char *own = length_option(kind), *name = st_windows_kind_name((enum st_windows_kind)kind);
    bool good = true;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        bool given = has(at->group, lengths[i]), wanted = strcmp(lengths[i], own) == 0;
        if (given == wanted) continue;
        good = false;
        if (given)
            st_form_error(at, lengths[i], "window.%s: %s windows have none; their length is %s", lengths[i],
                          name, own);
        else
            st_form_error(at, NULL, "window: %s windows need %s", name, own);
    }
    if (has(at->group, "advance") == (kind == ST_HOPPING)) return good;
    if (kind == ST_HOPPING)
        st_form_error(at, NULL, "window: hopping windows need advance");
    else
        st_form_error(at, "advance", "window.advance: only hopping windows have it, not %s ones", name);
    return false;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* The field of struct st_windows as the group calls it. */
static const char *option_of(const char *field, int kind)
{
    static const char *const names[][2] = {
        {"advance_ms", "advance"}, {"grace_ms", "grace"}, {"retention_ms", "retention"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(field, names[i][0]) == 0) return names[i][1];
    AQ_ASSERT(strcmp(field, "size_ms") == 0);
    return length_option(kind);
}

static bool read_group(const struct st_forming *at, struct window_group *group)
{
    char what[300];
    size_t before = at->diags->errors;
    /* Rows hand the sub-tree out read-only; reading it marks what was used. */
    opt_read(rows, (struct conf_node *)at->group, conf_node_path(at->group, what, sizeof(what)), NULL,
             at->arena, group, at->diags);
    return at->diags->errors == before && check_names(at, group->kind);
}

static bool read_windows(const struct st_forming *forming, const struct conf_node *node,
                         struct st_aggregate *op)
{
    struct window_group group = {0};
    struct st_forming at = *forming;
    struct aq_err err = {0};
    const char *field = NULL;
    at.group = node;
    if (!read_group(&at, &group)) return false;
    op->windows = (struct st_windows){.kind = (enum st_windows_kind)group.kind,
                                      .advance_ms = group.advance_ms,
                                      .grace_ms = group.grace_ms,
                                      .retention_ms = group.retention_ms};
    op->windows.size_ms = group.kind == ST_SLIDING   ? group.difference_ms
                          : group.kind == ST_SESSION ? group.gap_ms
                                                     : group.size_ms;
    st_windows_complete(&op->windows, op->compat);
    if (st_windows_check(&op->windows, &field, &err) == 0) return true;
    const char *option = option_of(field, group.kind);
    st_form_error(&at, option, "window.%s: %s", option, err.text);
    return false;
}

bool st_form_windows(const struct st_forming *forming, const struct st_window_conf *conf,
                     struct st_aggregate *op, bool *ret_windowed)
{
    AQ_ASSERT(forming && conf && op);
    op->emit = (enum st_emit)conf->emit;
    op->close_idle_ms = conf->close_idle_ms;
    *ret_windowed = conf->window != NULL;
    if (!conf->window && op->emit == ST_EMIT_CLOSE) {
        st_form_error(forming, "emit",
                      "emit: nothing is ever final without windows; set window, or emit = \"updates\"");
        return false;
    }
    if (op->close_idle_ms > 0 && op->emit != ST_EMIT_CLOSE) {
        st_form_error(forming, "close_idle",
                      "close_idle: it closes windows, which only emit = \"close\" looks at");
        return false;
    }
    if (!conf->window) return true;
    if (conf->window->type != CONF_GROUP) {
        st_form_error(forming, "window",
                      "window is a group: window = { type = \"tumbling\"; size = \"1m\"; }");
        return false;
    }
    return read_windows(forming, conf->window, op);
}
