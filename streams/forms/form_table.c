/* SPDX-License-Identifier: Apache-2.0
 *
 * table, to_table and to_stream: a topic or a stream as a table, of which each key has one row; and a table's changes as a stream.
 *
 * A table stands for two nodes: NAME-source reads the topic, NAME keeps the rows.
 */
#include "streams/forms/form_group.h"
#include "streams/ops/op_table.h"
#include "streams/state/versioned.h"

struct table_conf {
    const char *topic;
    const char *key_serde;
    const char *value_serde;
    const char *extractor_name; /* NULL: the application's */
    struct st_keep_conf keep;
    struct st_table_source op; /* with the history */
};

#define HISTORY_ROW                                                                                                         \
    {                                                                                                                       \
        .name = "history", .kind = OPT_DURATION, .offset = offsetof(struct table_conf, op.history_ms),                      \
        .def = "0", .reload = OPT_RELOAD_PROCESS,                                                                           \
        .help =                                                                                                             \
            "Rows are kept as they were at any time so far back, and join_table looks up the row as of the record's time; " \
            "every change goes on at once then. 0: only as they are now."                                                   \
    }

static const struct opt_row table_rows[] = {
    {.name = "topic",
     .kind = OPT_STRING,
     .offset = offsetof(struct table_conf, topic),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "The topic, which is read from its beginning: the last value of a key is its row, null deletes it."},
    {.name = "key_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct table_conf, key_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How its keys are read, instead of by default_key_serde: " ST_SERDE_HELP},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct table_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How its values are read, instead of by default_value_serde: " ST_SERDE_HELP},
    ST_KEEP_ROWS(struct table_conf),
    HISTORY_ROW,
    {.name = "timestamp_extractor",
     .kind = OPT_STRING,
     .offset = offsetof(struct table_conf, extractor_name),
     .reload = OPT_RELOAD_PROCESS,
     .help = ST_EXTRACTOR_HELP},
    {.name = "topics", .kind = OPT_REFUSED, .help = "A table is of one topic: topic = \"…\"."},
    {.name = "from",
     .kind = OPT_REFUSED,
     .help = "A table reads a topic; to_table makes one of the records of a node."},
    {.name = NULL},
};

static const struct opt_row to_table_rows[] = {ST_KEEP_ROWS(struct table_conf), HISTORY_ROW, {.name = NULL}};
static const struct opt_row to_stream_rows[] = {{.name = NULL}};

/* ---- rows and their store ------------------------------------------------------------------------------------------ */

static bool add_store(const struct st_forming *forming, const struct table_conf *c)
{
    struct aq_err err = {0};
    struct st_store_conf how = {.timestamped = true, .uncached = !c->keep.cached};
    if (c->op.history_ms > 0) how = st_versioned_conf();
    how.in_memory = c->keep.in_memory;
    const char *store = c->keep.store ? c->keep.store : forming->name;
    int rc = st_add_store(forming->topology, store, &how, &err);
    if (rc == 0) rc = st_connect_store(forming->topology, forming->name, store, &err);
    if (rc != 0) st_form_refused(forming, c->keep.store ? "store" : NULL, &err);
    forming->node->table_store = store;
    forming->node->table_history_ms = c->op.history_ms;
    return rc == 0;
}

static void add_rows(const struct st_forming *forming, struct table_conf *c)
{
    if (st_form_processor(forming, &st_table_source_kind, &c->op, NULL, NULL)) add_store(forming, c);
}

/* ---- table ----------------------------------------------------------------------------------------------------------- */

static void add_table(const struct st_forming *forming, void *conf)
{
    struct table_conf *c = conf;
    struct aq_err err = {0};
    struct st_forming reader = *forming, behind = *forming;
    const char **name = aq_arena_alloc(forming->arena, sizeof(*name));
    reader.name = *name = aq_arena_printf(forming->arena, "%s-source", forming->name);
    behind.parents = (struct st_parents){.names = name, .count = 1};
    struct st_source_conf source = {.topics = &c->topic, .n_topics = 1, .reset = ST_EARLIEST};
    /* A table of which the beginning is missing is none; Kafka Streams lets the setting decide. */
    if (forming->settings->compat_kafka_streams)
        source.reset = (enum st_reset)forming->settings->auto_offset_reset;
    if (!st_form_extractor(forming, c->extractor_name, &source.extractor)) return;
    if (st_add_source(forming->topology, reader.name, &source, &err) != 0)
        st_form_refused(forming, "topic", &err);
    else if (st_form_serdes(&reader, c->key_serde, c->value_serde))
        add_rows(&behind, c);
}

static void add_to_table(const struct st_forming *forming, void *conf)
{
    add_rows(forming, conf);
}

static void add_to_stream(const struct st_forming *forming, void *conf)
{
    (void)conf;
    st_form_processor(forming, &st_to_stream_kind, NULL, NULL, NULL);
}

static bool always(const void *conf, bool of_table)
{
    (void)conf;
    (void)of_table;
    return true;
}

const struct st_form st_form_table = {
    .name = "table",
    .summary = "Reads a topic as a table: each key has one row, its last value.",
    .example = "  orders    = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  customers = { type = \"table\"; topic = \"customers\"; };\n"
               "  whole     = { type = \"join_table\"; from = [\"orders\", \"customers\"];\n"
               "                join = \"{ amount = left.amount, name = right.name }\"; };\n"
               "  out       = { type = \"sink\"; from = \"whole\"; topic = \"whole-orders\"; };\n",
    .rows = table_rows,
    .conf_size = sizeof(struct table_conf),
    .reads = true,
    .makes_table = always,
    .add = add_table,
};

const struct st_form st_form_to_table = {
    .name = "to_table",
    .summary = "Keeps the last value of each key as the row of a table.",
    .example = "  in   = { type = \"source\"; topics = [\"prices\"]; };\n"
               "  sane = { type = \"filter\"; from = \"in\"; where = \"value.price > 0\"; };\n"
               "  last = { type = \"to_table\"; from = \"sane\"; };\n"
               "  out  = { type = \"sink\"; from = \"last\"; topic = \"last-prices\"; };\n",
    .rows = to_table_rows,
    .conf_size = sizeof(struct table_conf),
    .makes_table = always,
    .add = add_to_table,
};

const struct st_form st_form_to_stream = {
    .name = "to_stream",
    .summary =
        "Takes the changes of a table as the records of a stream; a row that is gone has a null value.",
    .example = "  prices  = { type = \"table\"; topic = \"prices\"; };\n"
               "  changes = { type = \"to_stream\"; from = \"prices\"; };\n"
               "  high    = { type = \"filter\"; from = \"changes\"; where = \"value.price > 100\"; };\n"
               "  out     = { type = \"sink\"; from = \"high\"; topic = \"high-prices\"; };\n",
    .rows = to_stream_rows,
    .conf_size = 1,
    .add = add_to_stream,
};
