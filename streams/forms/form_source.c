/* SPDX-License-Identifier: Apache-2.0
 *
 * source: topics of the cluster, by name or by pattern.
 */
#include "streams/forms/form_parts.h"

enum own_reset { RESET_OF_APPLICATION, RESET_EARLIEST, RESET_LATEST };

struct source_conf {
    struct opt_strings topics;
    const char *pattern;
    const char *key_serde;
    const char *value_serde;
    int reset;                  /* enum own_reset */
    const char *extractor_name; /* NULL: the application's */
};

static const struct opt_enum resets[] = {{"earliest", RESET_EARLIEST}, {"latest", RESET_LATEST}, {NULL, 0}};

static const struct opt_row rows[] = {
    {.name = "topics",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct source_conf, topics),
     .reload = OPT_RELOAD_PROCESS,
     .help = "The topics to read, by name. These or pattern."},
    {.name = "pattern",
     .kind = OPT_STRING,
     .offset = offsetof(struct source_conf, pattern),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "A regular expression, as in Java, for whole names of topics; new topics are taken in as they appear."},
    {.name = "key_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct source_conf, key_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How its keys are read, instead of by default_key_serde: " ST_SERDE_HELP},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct source_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How its values are read, instead of by default_value_serde: " ST_SERDE_HELP},
    {.name = "auto_offset_reset",
     .kind = OPT_ENUM,
     .offset = offsetof(struct source_conf, reset),
     .values = resets,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Where partitions without a position are read from, instead of the application's auto_offset_reset."},
    {.name = "timestamp_extractor",
     .kind = OPT_STRING,
     .offset = offsetof(struct source_conf, extractor_name),
     .reload = OPT_RELOAD_PROCESS,
     .help = ST_EXTRACTOR_HELP},
    {.name = "topic", .kind = OPT_REFUSED, .help = "Write topics = [\"…\"]."},
    {.name = "from", .kind = OPT_REFUSED, .help = "A source reads topics, not nodes."},
    {.name = NULL},
};

static void add(const struct st_forming *forming, void *conf)
{
    const struct source_conf *c = conf;
    struct aq_err err = {0};
    const struct st_extractor *extractor;
    st_form_extractor(forming, c->extractor_name, &extractor);
    const struct st_source_conf source = {
        .topics = c->topics.items,
        .n_topics = c->topics.count,
        .pattern = c->pattern,
        .reset = c->reset == RESET_OF_APPLICATION ? (enum st_reset)forming->settings->auto_offset_reset
                 : c->reset == RESET_LATEST       ? ST_LATEST
                                                  : ST_EARLIEST,
        .extractor = extractor,
    };
    if (st_add_source(forming->topology, forming->name, &source, &err) != 0)
        st_form_refused(forming, c->pattern ? "pattern" : "topics", &err);
    else
        st_form_serdes(forming, c->key_serde, c->value_serde);
}

const struct st_form st_form_source = {
    .name = "source",
    .summary = "Reads topics.",
    .example =
        "  all = { type = \"source\"; pattern = \"metrics[.].*\"; key_serde = \"string\"; value_serde = \"json\"; };\n"
        "  out = { type = \"sink\"; from = \"all\"; topic = \"everything\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct source_conf),
    .reads = true,
    .add = add,
};
