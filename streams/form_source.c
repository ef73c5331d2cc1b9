/* SPDX-License-Identifier: Apache-2.0
 *
 * source: topics of the cluster, by name or by pattern.
 */
#include "streams/form_parts.h"

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
     .help =
         "Which moment a record stands for, instead of default_timestamp_extractor: FailOnInvalidTimestamp, "
         "LogAndSkipOnInvalidTimestamp, UsePartitionTimeOnInvalidTimestamp or WallclockTimestampExtractor."},
    {.name = "topic", .kind = OPT_REFUSED, .help = "Write topics = [\"…\"]."},
    {.name = "from", .kind = OPT_REFUSED, .help = "A source reads topics, not nodes."},
    {.name = NULL},
};

/* NULL, and a complaint when the name is not one. */
static const struct st_extractor *find_extractor(const struct st_forming *forming, const char *name)
{
    if (!name) return NULL;
    const char *names[16];
    size_t n = 0;
    for (const struct opt_enum *e = st_extractor_names; e->name; e++) {
        if (strcmp(e->name, name) == 0) return st_extractors[e->value];
        if (n < sizeof(names) / sizeof(names[0])) names[n++] = e->name;
    }
    const char *near = conf_did_you_mean(name, names, n);
    st_form_error(forming, "timestamp_extractor", "timestamp_extractor: unknown extractor '%s'%s%s%s", name,
                  near ? "; did you mean '" : "; `aqueduct help source` names them", near ? near : "",
                  near ? "'?" : "");
    return NULL;
}

static void add(const struct st_forming *forming, void *conf)
{
    const struct source_conf *c = conf;
    struct aq_err err = {0};
    const struct st_source_conf source = {
        .topics = c->topics.items,
        .n_topics = c->topics.count,
        .pattern = c->pattern,
        .reset = c->reset == RESET_OF_APPLICATION ? (enum st_reset)forming->settings->auto_offset_reset
                 : c->reset == RESET_LATEST       ? ST_LATEST
                                                  : ST_EARLIEST,
        .extractor = find_extractor(forming, c->extractor_name),
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
