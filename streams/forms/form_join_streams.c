/* SPDX-License-Identifier: Apache-2.0
 *
 * join_streams: records of two streams that have the same key and times near each other.
 */
#include "streams/forms/form_join.h"
#include "streams/ops/op_stream_join.h"

struct join_streams_conf {
    struct st_join_conf join;
    int64_t within_ms;
    int64_t before_ms;
    int64_t after_ms;
    const char *store;
    struct st_stream_join op; /* with grace */
};

/* A year, which keeps sums of three of them far from overflowing. */
#define MOST_MS (366LL * 86400000)

static const struct opt_row rows[] = {
    ST_JOIN_ROWS(
        struct join_streams_conf, st_join_types,
        "inner: pairs only. left: a left record that finds no partner gives a result, too, when its window has closed; "
        "right is nil. outer: a right one does as well, with left being nil."),
    {.name = "within",
     .kind = OPT_DURATION,
     .offset = offsetof(struct join_streams_conf, within_ms),
     .max = MOST_MS,
     .reload = OPT_RELOAD_PROCESS,
     .help = "How far the times of two records may be apart to be a pair: before and after in one."},
    {.name = "before",
     .kind = OPT_DURATION,
     .offset = offsetof(struct join_streams_conf, before_ms),
     .max = MOST_MS,
     .reload = OPT_RELOAD_PROCESS,
     .help = "How much earlier than the left record the right one may be."},
    {.name = "after",
     .kind = OPT_DURATION,
     .offset = offsetof(struct join_streams_conf, after_ms),
     .max = MOST_MS,
     .reload = OPT_RELOAD_PROCESS,
     .help = "How much later than the left record the right one may be."},
    {.name = "grace",
     .kind = OPT_DURATION,
     .offset = offsetof(struct join_streams_conf, op.grace_ms),
     .def = "0",
     .max = MOST_MS,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "How long, in stream time, a record may come late and still find its partners. Those that come later are dropped and counted."},
    {.name = "store",
     .kind = OPT_STRING,
     .offset = offsetof(struct join_streams_conf, store),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "What the names of its stores begin with, STORE-left, STORE-right and STORE-alone; without it the node's name."},
    {.name = "in_memory",
     .kind = OPT_BOOL,
     .offset = offsetof(struct join_streams_conf, op.in_memory),
     .def = "false",
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "The stores are kept in memory, not in state_dir, and read from their changelogs at every start."},
    {.name = NULL},
};

static bool set_window(const struct st_forming *forming, struct join_streams_conf *c)
{
    bool within = c->within_ms > 0, apart = c->before_ms > 0 || c->after_ms > 0;
    if (within && apart) {
        st_form_error(forming, "within",
                      "within: it says before and after in one; leave one or the other out");
        return false;
    }
    if (!within && !apart && !st_form_gives(forming, "within") && !st_form_gives(forming, "before") &&
        !st_form_gives(forming, "after")) {
        st_form_error(forming, NULL,
                      "within is needed, or before and after: how far the times of two records may be apart");
        return false;
    }
    c->op.before_ms = within ? c->within_ms : c->before_ms;
    c->op.after_ms = within ? c->within_ms : c->after_ms;
    return true;
}

static bool join_writes(const struct st_forming *forming, const struct join_streams_conf *c)
{
    const char *left = aq_arena_printf(forming->arena, "%s-left", forming->name),
               *right = aq_arena_printf(forming->arena, "%s-right", forming->name);
    return st_form_join_writes(forming, left, &c->join) && st_form_join_writes(forming, right, &c->join) &&
           st_form_join_writes(forming, forming->name, &c->join);
}

static void add(const struct st_forming *forming, void *conf)
{
    struct join_streams_conf *c = conf;
    struct aq_err err = {0};
    bool good = st_form_joiner(forming, &c->join, &c->op.joiner);
    if (!set_window(forming, c) || !good || !st_form_two(forming)) return;
    good = st_form_joined_stream(forming, 0);
    if (!st_form_joined_stream(forming, 1) || !good) return;
    const char *const *from = forming->node->from.items;
    c->op.left_alone = c->join.type != ST_JOIN_INNER;
    c->op.right_alone = c->join.type == ST_JOIN_OUTER;
    c->op.compat = forming->settings->compat_kafka_streams;
    if (st_add_stream_join(forming->topology, forming->name, &c->op, from[0], from[1], c->store, &err) != 0)
        st_form_refused(forming, c->store ? "store" : NULL, &err);
    else
        join_writes(forming, c);
}

static void check(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    struct join_streams_conf *c = conf;
    (void)in;
    st_form_join_serdes(forming, &c->join);
}

const struct st_form st_form_join_streams = {
    .name = "join_streams",
    .summary = "Joins records of two streams that have the same key and times near each other.",
    .example =
        "  orders   = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  payments = { type = \"source\"; topics = [\"payments\"]; };\n"
        "  paid     = { type = \"join_streams\"; from = [\"orders\", \"payments\"]; within = \"10m\"; grace = \"1m\";\n"
        "               join = \"{ order = left, payment = right }\"; };\n"
        "  out      = { type = \"sink\"; from = \"paid\"; topic = \"paid-orders\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct join_streams_conf),
    .behind = true,
    .add = add,
    .check = check,
};
