/* SPDX-License-Identifier: Apache-2.0
 *
 * branch: each record goes the first of several ways whose Lua expression is true. As in Kafka Streams the node itself only
 * decides, and every way is a node of its own: `by` with the branches high and low makes by-high and by-low.
 */
#include "base/assert.h"
#include "streams/api/api_kinds.h"
#include "streams/forms/form_parts.h"
#include "transforms/topic_name.h"

struct branch_conf {
    const struct conf_node *branches;
    const char *rest;
    struct st_limits limits;
    struct st_branch op;
};

static const struct opt_row rows[] = {
    {.name = "branches",
     .kind = OPT_NODE,
     .offset = offsetof(struct branch_conf, branches),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "The ways in order, NAME = \"LUA EXPRESSION\"; each is a node that others name in `from`, called after this one and "
         "itself: by-high."},
    {.name = "default",
     .kind = OPT_STRING,
     .offset = offsetof(struct branch_conf, rest),
     .reload = OPT_RELOAD_PROCESS,
     .help = "Name of the way for records that no expression is true for. Without it they are dropped."},
    ST_LIMIT_ROWS(struct branch_conf),
    {.name = NULL},
};

/* One program for each way; false after a complaint. */
static bool compile(const struct st_forming *forming, struct branch_conf *c)
{
    const struct conf_node *list = c->branches;
    if (list->type != CONF_GROUP || list->count == 0) {
        st_form_error(forming, "branches",
                      "branches is a group of expressions: branches = { high = \"value.n > 9\"; }");
        return false;
    }
    c->op.programs = aq_arena_zalloc(forming->arena, (size_t)list->count * sizeof(*c->op.programs));
    bool good = true;
    for (const struct conf_node *n = list->first; n; n = n->next) {
        struct st_forming at = *forming;
        at.group = list; /* where the expression stands */
        if (n->faulty) {
            good = false;
        } else if (n->type != CONF_STRING) {
            st_form_error(&at, n->name, "branches.%s: must be a Lua expression in quotes", n->name);
            good = false;
        } else if (!st_form_program(&at, n->name, LUA_EXPRESSION, n->string, c->limits,
                                    &c->op.programs[c->op.n++])) {
            good = false;
        }
    }
    return good;
}

static bool add_way(const struct st_forming *forming, const char *option, const char *way)
{
    struct aq_err err = {0};
    const char *name = aq_arena_printf(forming->arena, "%s-%s", forming->name, way);
    const struct st_parents parents = {.names = &forming->name, .count = 1};
    if (st_add_processor(forming->topology, name, &st_api_branch, NULL, parents, &err) == 0) return true;
    st_form_refused(forming, option, &err);
    return false;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct branch_conf *c = conf;
    if (!compile(forming, c) || !st_form_processor(forming, &st_branch_kind, &c->op, NULL, NULL)) return;
    for (const struct conf_node *n = c->branches->first; n; n = n->next)
        add_way(forming, "branches", n->name);
    c->op.has_default = c->rest && add_way(forming, "default", c->rest);
}

const struct st_form st_form_branch = {
    .name = "branch",
    .summary = "Sends each record the first of several ways that its Lua expression is true for.",
    .example =
        "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  by   = { type = \"branch\"; from = \"in\"; branches = { high = \"value.n > 9\"; low = \"value.n < 2\"; };\n"
        "           default = \"rest\"; };\n"
        "  high = { type = \"sink\"; from = \"by-high\"; topic = \"high\"; };\n"
        "  more = { type = \"sink\"; from = [\"by-low\", \"by-rest\"]; topic = \"others\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct branch_conf),
    .childless = "it only decides; name one of its branches",
    .add = add,
};
