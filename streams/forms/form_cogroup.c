/* SPDX-License-Identifier: Apache-2.0
 *
 * cogroup: one row for each key, or for each key and window, made of the records of several streams, each of which is added in a way of its
 * own.
 *
 *   baskets = { type = "cogroup"; initial = "{ views = 0, bought = 0 }";
 *               inputs = ( { from = "views";  by = "value.user"; add = "{ views = agg.views + 1, bought = agg.bought }"; },
 *                          { from = "orders"; by = "value.user"; add = "{ views = agg.views, bought = agg.bought + 1 }"; } ); };
 *
 * A node NAME stands for NAME itself and, for each of its inputs, NAME-FROM, which adds; FROM is the first name in the input's `from`. With
 * `by` NAME-FROM-key makes the key, and NAME-FROM-by is the repartition through APPLICATION_ID-NAME-FROM-by-repartition.
 *
 * What all inputs make of the row must be one and the same, so what says what a row is (function, as, initial, merge, ...) is said
 * once, at the node, and what is taken of a record (of, keep, add) at each input.
 */
#include "base/assert.h"
#include "streams/forms/form_aggregator.h"
#include "streams/forms/form_group.h"
#include "streams/forms/form_windows.h"

struct cogroup_input {
    const struct conf_node *group;
    struct opt_strings from;
    struct st_group_conf grouping;
    struct st_aggregate_conf aggregate; /* with what the node says */
    struct st_aggregator aggregator;
    const char *name;  /* of the node that adds */
    const char *entry; /* of the first node that stands for it */
};

struct cogroup_conf {
    const struct conf_node *list;
    const char *by_serde;
    int64_t partitions;
    struct st_keep_conf keep;
    struct st_window_conf windows;
    struct st_limits limits;
    struct st_aggregate_conf aggregate;
    /* made of these */
    struct cogroup_input *inputs;
    size_t n_inputs;
    struct st_aggregate op;
};

static const struct opt_row rows[] = {
    {.name = "inputs",
     .kind = OPT_NODE,
     .offset = offsetof(struct cogroup_conf, list),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "A list of groups, one for each stream: inputs = ( { from = \"orders\"; add = \"…\"; }, { from = \"payments\"; add = "
         "\"…\"; } ). `aqueduct help inputs` shows what is in one."},
    {.name = "by_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct cogroup_conf, by_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "How the keys are written that inputs make with by, when not as the keys that came in: " ST_SERDE_HELP},
    {.name = "partitions",
     .kind = OPT_INT,
     .offset = offsetof(struct cogroup_conf, partitions),
     .def = "0",
     .max = 100000,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Partitions of the topics APPLICATION_ID-NAME-FROM-by-repartition of inputs with by; 0: as many as the largest topic "
         "before them."},
    ST_FUNCTION_ROW(struct cogroup_conf),
    ST_AS_ROW(struct cogroup_conf),
    ST_N_ROW(struct cogroup_conf),
    ST_COLLECT_LIMIT_ROW(struct cogroup_conf),
    ST_INITIAL_ROW(struct cogroup_conf),
    ST_MERGE_ROW(struct cogroup_conf),
    ST_WINDOW_ROWS(struct cogroup_conf),
    ST_KEEP_ROWS(struct cogroup_conf),
    ST_LIMIT_ROWS(struct cogroup_conf),
    {.name = "from",
     .kind = OPT_REFUSED,
     .help = "Each input has its own: inputs = ( { from = \"orders\"; add = \"…\"; }, … )."},
    {.name = "by", .kind = OPT_REFUSED, .help = "Each input has its own."},
    {.name = "of", .kind = OPT_REFUSED, .help = "Each input has its own."},
    {.name = "keep", .kind = OPT_REFUSED, .help = "Each input has its own."},
    {.name = "add", .kind = OPT_REFUSED, .help = "Each input has its own."},
    {.name = "aggregator", .kind = OPT_REFUSED, .help = "Each input has its own."},
    {.name = NULL},
};

static const struct opt_row input_rows[] = {
    {.name = "from",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct cogroup_input, from),
     .min = 1,
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help = "The nodes whose records are added in this way, one name or several."},
    {.name = "by",
     .kind = OPT_STRING,
     .offset = offsetof(struct cogroup_input, grouping.by),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Lua expression for the key to group by, as in value.customer; these records go through a topic of their own then. "
         "Without it they are grouped by the key they have."},
    ST_OF_ROW(struct cogroup_input),
    ST_TOP_KEEP_ROW(struct cogroup_input),
    ST_ADD_ROW(struct cogroup_input),
    ST_NATIVE_ROWS(struct cogroup_input),
    {.name = NULL},
};

const struct opt_table st_cogroup_input_table = {
    .name = "inputs",
    .kind = "section",
    .summary = "One of the streams of a cogroup.",
    .rows = input_rows,
    .example = "inputs = ( { from = \"orders\"; by = \"value.customer\"; of = \"value.amount\"; },\n"
               "           { from = \"refunds\"; by = \"value.customer\"; of = \"-value.amount\"; } );\n",
};

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/* The node of the file, as it is at one of its inputs. */
static struct st_forming forming_of(const struct st_forming *forming, const struct cogroup_input *input)
{
    char what[300];
    struct st_forming at = *forming;
    at.group = input->group;
    at.around = forming->group;
    at.what = aq_arena_strdup(forming->arena, conf_node_path(input->group, what, sizeof(what)));
    return at;
}

static void read_input(const struct st_forming *forming, struct cogroup_input *input,
                       const struct conf_node *group)
{
    input->group = group;
    const struct st_forming at = forming_of(forming, input);
    /* Rows hand the sub-tree out read-only; reading it marks what was used. */
    opt_read(input_rows, (struct conf_node *)group, at.what, NULL, at.arena, input, at.diags);
}

/* The nodes of all inputs, one behind the other. */
static void list_parents(const struct st_forming *forming, const struct cogroup_conf *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_inputs; i++) n += c->inputs[i].from.count;
    const char **items = aq_arena_zalloc(forming->arena, (n + 1) * sizeof(*items));
    struct conf_pos *places = aq_arena_zalloc(forming->arena, (n + 1) * sizeof(*places));
    n = 0;
    for (size_t i = 0; i < c->n_inputs; i++) {
        const struct opt_strings *from = &c->inputs[i].from;
        for (size_t k = 0; k < from->count; k++, n++) {
            items[n] = from->items[k];
            places[n] = from->places[k];
        }
    }
    forming->node->from = (struct opt_strings){.items = items, .places = places, .count = n};
}

static void read_from(const struct st_forming *forming, void *conf)
{
    struct cogroup_conf *c = conf;
    if (!c->list) return; /* that was told */
    if (c->list->type != CONF_LIST || c->list->count == 0) {
        st_form_error(forming, "inputs",
                      "inputs is a list of groups: inputs = ( { from = \"orders\"; add = \"…\"; }, … )");
        return;
    }
    c->inputs = aq_arena_zalloc(forming->arena, (size_t)c->list->count * sizeof(*c->inputs));
    for (const struct conf_node *n = c->list->first; n; n = n->next)
        read_input(forming, &c->inputs[c->n_inputs++], n);
    list_parents(forming, c);
}

/* ---- checks ---------------------------------------------------------------------------------------------------------- */

static bool check_names(const struct st_forming *forming, const struct cogroup_conf *c)
{
    for (size_t i = 0; i < c->n_inputs; i++)
        for (size_t k = 0; k < i; k++) {
            const char *name = c->inputs[i].from.items[0];
            if (strcmp(name, c->inputs[k].from.items[0]) != 0) continue;
            const struct st_forming at = forming_of(forming, &c->inputs[i]);
            st_form_error(
                &at, "from",
                "from: '%s' is the first node of two inputs, and nodes are named after it; let one of "
                "them do what both do",
                name);
            return false;
        }
    return true;
}

static bool check_streams(const struct st_forming *forming)
{
    const struct opt_strings *from = &forming->node->from;
    bool good = true;
    for (size_t k = 0; k < from->count; k++) {
        const struct st_formed_node *node = st_formed_find(forming->formed, from->items[k]);
        if (!node || !node->is_table) continue;
        st_form_error_from(
            forming, k,
            "from: '%s' is a table, and a cogroup is of streams: put a to_stream behind it to take its changes",
            from->items[k]);
        good = false;
    }
    return good;
}

static bool check_by(const struct st_forming *forming, const struct cogroup_conf *c)
{
    for (size_t i = 0; i < c->n_inputs; i++)
        if (c->inputs[i].grouping.by) return true;
    if (c->by_serde) st_form_error(forming, "by_serde", "by_serde is for a new key, and no input has a by");
    return !c->by_serde;
}

/* ---- aggregators ----------------------------------------------------------------------------------------------------- */

/* What the node says, for each of its inputs. */
static void take_over(const struct cogroup_conf *c, struct cogroup_input *input)
{
    input->aggregate.function = c->aggregate.function;
    input->aggregate.as = c->aggregate.as;
    input->aggregate.n = c->aggregate.n;
    input->aggregate.limit = c->aggregate.limit;
    input->aggregate.initial = c->aggregate.initial;
    input->aggregate.merge = c->aggregate.merge;
    if (input->grouping.by) input->grouping.by_serde = c->by_serde;
    input->grouping.partitions = c->partitions;
}

/* What is wrong with the options that all share is told with the first. */
static bool make_aggregators(const struct st_forming *forming, struct cogroup_conf *c)
{
    for (size_t i = 0; i < c->n_inputs; i++) {
        struct cogroup_input *input = &c->inputs[i];
        const struct st_forming at = forming_of(forming, input);
        take_over(c, input);
        if (!st_form_aggregator(&at, &input->aggregate, c->limits, &input->aggregator)) return false;
    }
    /* It makes the results and merges sessions, which all of them do in the same way. */
    c->op.aggregator = c->inputs[0].aggregator;
    return true;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------------- */

/* The nodes of one input. What leaves the last one is on its way into the row. */
static bool add_input(const struct st_forming *forming, struct cogroup_conf *c, struct cogroup_input *input)
{
    struct st_formed_node grouped = *forming->node;
    struct st_forming at = forming_of(forming, input), behind;
    const struct st_serde *value = input->aggregator.value_serde;
    input->name = aq_arena_printf(forming->arena, "%s-%s", forming->name, input->from.items[0]);
    at.name = input->name;
    at.node = &grouped;
    if (!st_form_group(&at, &input->grouping, c->limits, &behind)) return false;
    input->entry = grouped.n_entries > 0 ? grouped.entries[0] : input->name;
    return st_form_processor(&behind, &st_cogroup_input_kind, &input->aggregator, NULL,
                             value ? st_serde_name(value) : NULL);
}

static void set_entries(const struct st_forming *forming, const struct cogroup_conf *c)
{
    const char **entries = aq_arena_zalloc(forming->arena, forming->node->from.count * sizeof(*entries));
    size_t n = 0;
    for (size_t i = 0; i < c->n_inputs; i++)
        for (size_t k = 0; k < c->inputs[i].from.count; k++) entries[n++] = c->inputs[i].entry;
    AQ_ASSERT(n == forming->node->from.count);
    forming->node->entries = entries;
    forming->node->n_entries = n;
}

static bool add_inputs(const struct st_forming *forming, struct cogroup_conf *c, struct st_parents *ret)
{
    const char **names = aq_arena_zalloc(forming->arena, c->n_inputs * sizeof(*names));
    bool good = true;
    for (size_t i = 0; i < c->n_inputs; i++) {
        if (!add_input(forming, c, &c->inputs[i])) good = false;
        names[i] = c->inputs[i].name;
    }
    *ret = (struct st_parents){.names = names, .count = c->n_inputs};
    return good;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct cogroup_conf *c = conf;
    struct st_forming behind = *forming;
    bool windowed = false;
    AQ_ASSERT(c->n_inputs > 0);
    c->op.compat = forming->settings->compat_kafka_streams;
    bool good = check_names(forming, c);
    good = check_streams(forming) && good;
    good = check_by(forming, c) && good;
    if (!st_form_windows(forming, &c->windows, &c->op, &windowed) || !make_aggregators(forming, c) || !good)
        return;
    bool sessions = windowed && c->op.windows.kind == ST_SESSION;
    const struct st_forming first = forming_of(forming, &c->inputs[0]);
    if (sessions && !st_form_needs_merge(&first, &c->op.aggregator)) return;
    if (!add_inputs(forming, c, &behind.parents)) return;
    set_entries(forming, c);
    if (st_form_aggregation(&behind, &c->keep, &c->op, windowed, true))
        st_form_aggregated(forming, &c->keep, &c->op.aggregator, windowed);
}

static bool makes_table(const void *conf, bool of_table)
{
    (void)of_table;
    const struct cogroup_conf *c = conf;
    return !c->windows.window;
}

static void release(void *conf)
{
    struct cogroup_conf *c = conf;
    for (size_t i = 0; i < c->n_inputs; i++) st_form_aggregator_release(&c->inputs[i].aggregate);
}

const struct st_form st_form_cogroup = {
    .name = "cogroup",
    .summary = "Makes one row for each key of the records of several streams, each added in its own way.",
    .example =
        "  orders  = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  refunds = { type = \"source\"; topics = [\"refunds\"]; };\n"
        "  kept    = { type = \"cogroup\"; by_serde = \"string\"; function = \"sum\";\n"
        "              inputs = ( { from = \"orders\";  by = \"value.customer\"; of = \"value.amount\"; },\n"
        "                         { from = \"refunds\"; by = \"value.customer\"; of = \"-value.amount\"; } ); };\n"
        "  out     = { type = \"sink\"; from = \"kept\"; topic = \"kept-by-customer\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct cogroup_conf),
    .reads = true,
    .read_from = read_from,
    .makes_table = makes_table,
    .add = add,
    .release = release,
};
