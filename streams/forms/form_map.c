/* SPDX-License-Identifier: Apache-2.0
 *
 * map, map_values and select_key: one record for each, with another key, another value, or both.
 */
#include "streams/forms/form_view.h"

struct map_conf {
    const char *key;
    const char *value;
    const char *edit;
    const char *key_serde;
    const char *value_serde;
    const char *store; /* map_values */
    struct st_limits limits;
    struct st_map op;
    struct st_table_map table_op; /* map_values of a table, instead */
};

#define KEY_ROW                                                                                             \
    {                                                                                                       \
        .name = "key", .kind = OPT_STRING, .offset = offsetof(struct map_conf, key),                        \
        .reload = OPT_RELOAD_PROCESS, .help = "Lua expression whose result is the new key: value.customer." \
    }
#define VALUE_ROW                                                                              \
    {                                                                                          \
        .name = "value", .kind = OPT_STRING, .offset = offsetof(struct map_conf, value),       \
        .reload = OPT_RELOAD_PROCESS,                                                          \
        .help = "Lua expression whose result is the new value: value.amount * 2. nil is null." \
    }
#define EDIT_ROW                                                                                                       \
    {                                                                                                                  \
        .name = "map", .kind = OPT_STRING, .offset = offsetof(struct map_conf, edit),                                  \
        .reload = OPT_RELOAD_PROCESS,                                                                                  \
        .help =                                                                                                        \
            "Lua statements that edit the record in place: value.total = value.price * value.count; value.note = nil." \
    }
#define KEY_SERDE_ROW                                                                            \
    {                                                                                            \
        .name = "key_serde", .kind = OPT_STRING, .offset = offsetof(struct map_conf, key_serde), \
        .reload = OPT_RELOAD_PROCESS,                                                            \
        .help = "How the new key is written, when not as the key that came in: " ST_SERDE_HELP   \
    }
#define VALUE_SERDE_ROW                                                                              \
    {                                                                                                \
        .name = "value_serde", .kind = OPT_STRING, .offset = offsetof(struct map_conf, value_serde), \
        .reload = OPT_RELOAD_PROCESS,                                                                \
        .help = "How the new value is written, when not as the value that came in: " ST_SERDE_HELP   \
    }

static const struct opt_row map_rows[] = {KEY_ROW,       VALUE_ROW,       EDIT_ROW,
                                          KEY_SERDE_ROW, VALUE_SERDE_ROW, ST_LIMIT_ROWS(struct map_conf),
                                          {.name = NULL}};

static const struct opt_row map_values_rows[] = {
    VALUE_ROW,
    EDIT_ROW,
    VALUE_SERDE_ROW,
    {.name = "key",
     .kind = OPT_REFUSED,
     .help = "map_values keeps the key; map and select_key make another."},
    {.name = "key_serde",
     .kind = OPT_REFUSED,
     .help = "map_values keeps the key; map and select_key make another."},
    ST_VIEW_ROW(struct map_conf),
    ST_LIMIT_ROWS(struct map_conf),
    {.name = NULL},
};

static const struct opt_row select_key_rows[] = {
    KEY_ROW,
    KEY_SERDE_ROW,
    {.name = "value", .kind = OPT_REFUSED, .help = "select_key keeps the value; map makes another."},
    {.name = "value_serde", .kind = OPT_REFUSED, .help = "select_key keeps the value; map makes another."},
    ST_LIMIT_ROWS(struct map_conf),
    {.name = NULL},
};

/* Which of the three texts there are; false after a complaint. */
static bool check_texts(const struct st_forming *forming, const struct map_conf *c, const char *needed)
{
    if (c->edit && (c->key || c->value)) {
        st_form_error(forming, "map", "map edits the record, %s makes another; leave one of them out",
                      c->key ? "key" : "value");
        return false;
    }
    if (c->edit || c->key || c->value) return true;
    st_form_error(forming, NULL, "%s", needed);
    return false;
}

/* A serde for what stays as it came would only rename its bytes. */
static bool check_serdes(const struct st_forming *forming, const struct map_conf *c)
{
    bool key = !c->key_serde || c->key || c->edit, value = !c->value_serde || c->value || c->edit;
    if (!key)
        st_form_error(forming, "key_serde", "key_serde is for a new key, and there is no key expression");
    if (!value)
        st_form_error(forming, "value_serde",
                      "value_serde is for a new value, and there is no value expression");
    return key && value;
}

static bool compile(const struct st_forming *forming, struct map_conf *c, bool keep_key)
{
    bool good = true;
    if (c->key) good = st_form_program(forming, "key", LUA_EXPRESSION, c->key, c->limits, &c->op.key);
    if (c->value && !st_form_program(forming, "value", LUA_EXPRESSION, c->value, c->limits, &c->op.value))
        good = false;
    if (c->edit && !st_form_program(forming, "map", LUA_STATEMENTS, c->edit, c->limits, &c->op.edit))
        good = false;
    c->op.edit.keep_key = keep_key;
    return good;
}

static void add_one(const struct st_forming *forming, struct map_conf *c,
                    const struct st_processor_kind *kind, const char *needed)
{
    if (check_texts(forming, c, needed) && check_serdes(forming, c) && compile(forming, c, false))
        st_form_processor(forming, kind, &c->op, c->key_serde, c->value_serde);
}

static void add_map(const struct st_forming *forming, void *conf)
{
    add_one(forming, conf, &st_map_kind, "one of key, value and map is needed");
}

static void add_table_map(const struct st_forming *forming, struct map_conf *c)
{
    if (c->value)
        c->table_op.value.lua = c->op.value;
    else
        c->table_op.edit = c->op.edit;
    if (st_form_processor(forming, &st_table_map_values_kind, &c->table_op, NULL, c->value_serde))
        st_form_view_store(forming, c->store);
}

static void add_map_values(const struct st_forming *forming, void *conf)
{
    struct map_conf *c = conf;
    if (!check_texts(forming, c, "value or map is needed") || !check_serdes(forming, c) ||
        !compile(forming, c, true))
        return;
    if (forming->of_table)
        add_table_map(forming, c);
    else if (st_form_processor(forming, &st_map_values_kind, &c->op, NULL, c->value_serde))
        st_form_view_store(forming, c->store);
}

static void add_select_key(const struct st_forming *forming, void *conf)
{
    add_one(forming, conf, &st_select_key_kind, "key is needed");
}

const struct st_form st_form_map = {
    .name = "map",
    .summary = "Makes another record of each: key, value or both.",
    .example =
        "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  pair = { type = \"map\"; from = \"in\"; key = \"value.customer\"; value = \"value.amount\";\n"
        "           key_serde = \"string\"; value_serde = \"int64\"; };\n"
        "  out  = { type = \"sink\"; from = \"pair\"; topic = \"amounts\"; };\n",
    .rows = map_rows,
    .conf_size = sizeof(struct map_conf),
    .add = add_map,
};

const struct st_form st_form_map_values = {
    .name = "map_values",
    .summary = "Makes another value of each record, or of each row of a table; the key stays.",
    .example = "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  tidy = { type = \"map_values\"; from = \"in\"; map = \"value.note = nil\"; };\n"
               "  out  = { type = \"sink\"; from = \"tidy\"; topic = \"tidy-orders\"; };\n",
    .rows = map_values_rows,
    .conf_size = sizeof(struct map_conf),
    .makes_table = st_form_view_makes_table,
    .add = add_map_values,
};

const struct st_form st_form_select_key = {
    .name = "select_key",
    .summary = "Gives each record another key; its value stays.",
    .example =
        "  in  = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  by  = { type = \"select_key\"; from = \"in\"; key = \"value.customer\"; key_serde = \"string\"; };\n"
        "  out = { type = \"sink\"; from = \"by\"; topic = \"by-customer\"; };\n",
    .rows = select_key_rows,
    .conf_size = sizeof(struct map_conf),
    .add = add_select_key,
};
