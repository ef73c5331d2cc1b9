/* SPDX-License-Identifier: Apache-2.0
 *
 * InsertField: adds fields that say where a record came from, or a constant.
 *
 * An ordinary pass: each configured field is looked up; an existing one (every one, when the name occurs twice) gets
 * the new value in its place, else the field is appended. The topic is the one the record has at this step, as JSON,
 * kept for the next record. Partition and offset are the source's.
 * Null keys and values pass unchanged, in both compatibility modes. A record without a timestamp gets no timestamp
 * field. The suffixes ! and ? of field names say something about schemas only; they are taken off.
 */
#include "transforms/json_text.h"
#include "transforms/step.h"

#include <stdlib.h>

#include "base/mem.h"

enum source { FROM_TOPIC, FROM_PARTITION, FROM_OFFSET, FROM_TIMESTAMP, FROM_STATIC, SOURCE_COUNT };

struct insert_conf {
    const char *fields[SOURCE_COUNT]; /* as written, suffix included */
    const char *static_value;
    /* made by configure */
    struct doc_name names[SOURCE_COUNT]; /* text null: not wanted */
    struct aq_slice constant;
};

struct insert_run {
    struct aq_arena arena;
    const struct aq_name *topic;
    struct aq_slice quoted;
};

#define FIELD_ROW(option, source, text)                                                             \
    {                                                                                               \
        .name = option, .kind = OPT_STRING, .offset = offsetof(struct insert_conf, fields[source]), \
        .reload = OPT_RELOAD_ROUTE, .help = text                                                    \
    }

static const char *const option_names[SOURCE_COUNT] = {"topic_field", "partition_field", "offset_field",
                                                       "timestamp_field", "static_field"};

static const struct opt_row rows[] = {
    FIELD_ROW("topic_field", FROM_TOPIC, "Field that receives the topic name the record has at this step."),
    FIELD_ROW("partition_field", FROM_PARTITION, "Field that receives the source partition."),
    FIELD_ROW("offset_field", FROM_OFFSET, "Field that receives the source offset."),
    FIELD_ROW("timestamp_field", FROM_TIMESTAMP,
              "Field that receives the record's timestamp, in milliseconds since 1970."),
    FIELD_ROW("static_field", FROM_STATIC, "Field that receives static_value."),
    {.name = "static_value",
     .kind = OPT_STRING,
     .offset = offsetof(struct insert_conf, static_value),
     .reload = OPT_RELOAD_ROUTE,
     .help = "Value of static_field; written as a JSON string."},
    {.name = "replace_null_with_default",
     .kind = OPT_REFUSED,
     .help = "JSON without a schema has no field defaults, so the option would do nothing."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct insert_conf *c = conf;
    bool any = false;
    for (int i = 0; i < SOURCE_COUNT; i++) {
        if (!c->fields[i]) continue;
        any = true;
        struct aq_slice name = aq_slice_str(c->fields[i]);
        if (name.len && (name.ptr[name.len - 1] == '!' || name.ptr[name.len - 1] == '?')) name.len--;
        if (name.len == 0) xf_setup_error(setup, option_names[i], "%s must not be empty", option_names[i]);
        c->names[i] = doc_name_make(setup->arena, name);
        for (int j = 0; j < i; j++) {
            if (c->names[j].text.ptr && aq_slice_equal(c->names[j].text, name)) {
                xf_setup_warn(setup, option_names[i], "%s and %s name the same field; %s wins",
                              option_names[j], option_names[i], option_names[i]);
            }
        }
    }
    if (!any) {
        xf_setup_error(setup, NULL,
                       "set at least one of topic_field, partition_field, offset_field, "
                       "timestamp_field, static_field");
    }
    if (!c->fields[FROM_STATIC] != !c->static_value) {
        xf_setup_error(setup, c->static_value ? "static_value" : "static_field",
                       "static_field and static_value need each other");
    }
    if (c->static_value) c->constant = json_quote(setup->arena, aq_slice_str(c->static_value));
}

static void *start(const void *conf)
{
    (void)conf;
    struct insert_run *run = aq_calloc(1, sizeof(*run));
    aq_arena_init(&run->arena, 512);
    return run;
}

static void stop(void *run)
{
    struct insert_run *r = run;
    if (!r) return;
    aq_arena_finish(&r->arena);
    free(r);
}

/* The topic as a JSON string, kept for the records that follow. An edit may point at it: the view of one record is
 * written before the next record is opened. */
static struct aq_slice topic_value(struct insert_run *run, const struct aq_record *rec)
{
    if (run->topic != rec->topic) {
        aq_arena_reset(&run->arena);
        run->quoted = json_quote(&run->arena, aq_slice_of(rec->topic->text, rec->topic->len));
        run->topic = rec->topic;
    }
    return run->quoted;
}

static void insert(struct doc *doc, const struct doc_name *name, struct aq_slice value, enum json_type type)
{
    uint32_t index = doc_find(doc, name->text, 0);
    if (index == DOC_NONE) {
        doc_append(doc, name, value, type);
        return;
    }
    for (; index != DOC_NONE; index = doc_find(doc, name->text, index + 1))
        doc_replace(doc, index, value, type);
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    const struct insert_conf *c = step->conf;
    const struct doc_name *names = c->names;
    struct aq_arena *arena = &rec->batch->arena;
    struct doc *doc;
    if (xf_step_doc(step, rec, &doc) != XF_OBJECT) return;
    if (names[FROM_TOPIC].text.ptr && rec->topic) {
        insert(doc, &names[FROM_TOPIC], topic_value(step->run, rec), JS_STRING);
    }
    if (names[FROM_PARTITION].text.ptr) {
        insert(doc, &names[FROM_PARTITION], json_int(arena, xf_source_partition(step, rec)), JS_NUMBER);
    }
    if (names[FROM_OFFSET].text.ptr) {
        insert(doc, &names[FROM_OFFSET], json_int(arena, rec->offset), JS_NUMBER);
    }
    if (names[FROM_TIMESTAMP].text.ptr && rec->time_type != AQ_TIME_NONE) {
        insert(doc, &names[FROM_TIMESTAMP], json_int(arena, rec->timestamp), JS_NUMBER);
    }
    if (names[FROM_STATIC].text.ptr) insert(doc, &names[FROM_STATIC], c->constant, JS_STRING);
}

const struct xf_kind xf_insert_field = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "InsertField",
    .summary = "Adds topic, partition, offset, timestamp or a constant as fields.",
    .example = "stamp = { type = \"InsertField\"; static_field = \"origin\"; static_value = \"dc1\"; };",
    .rows = rows,
    .conf_size = sizeof(struct insert_conf),
    .flags = XF_HAS_PART | XF_FIELDS,
    .configure = configure,
    .start = start,
    .stop = stop,
    .each = each,
};
