/* SPDX-License-Identifier: Apache-2.0
 *
 * The library, building chains with their lints, running them: order, predicates, counters, formats, batch-wise
 * steps between record-wise ones, records that come alone, and where topics go.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"
#include "transforms/chain_steps.h"
#include "transforms/views.h"

static const char sketch[] =
    "predicates = { tombstone = { type = \"RecordIsTombstone\"; };"
    "               is_order = { type = \"org.apache.kafka.connect.transforms.predicates.TopicNameMatches\";"
    "                            pattern = \"orders.*\"; }; };"
    "transforms = {"
    "  mask   = { type = \"MaskField\"; on = \"value\"; fields = [\"email\"]; replacement = \"***\";"
    "             predicate = \"tombstone\"; negate = true; };"
    "  trim   = { type = \"ReplaceField$Value\"; exclude = [\"debug\"]; renames = [\"cust:customer_id\"]; };"
    "  stamp  = { type = \"org.apache.kafka.connect.transforms.InsertField$Value\"; static_field = \"origin\";"
    "             static_value = \"dc1\"; };"
    "  rename = { type = \"RegexRouter\"; regex = \"(.*)\"; replacement = \"dc1.$1\"; };"
    "  keymask = { type = \"MaskField$Key\"; fields = \"id\"; };"
    "  none   = { type = \"Filter\"; };"
    "  no_tombstones = { type = \"Filter\"; predicate = \"tombstone\"; };"
    "  no_orders = { type = \"Filter\"; predicate = \"is_order\"; };"
    "  day    = { type = \"TimestampRouter\"; };"
    "  orders_only = { type = \"RegexRouter\"; regex = \"(.*)\"; replacement = \"x.$1\"; predicate = \"is_order\"; };"
    "  live_only = { type = \"RegexRouter\"; regex = \"(.*)\"; replacement = \"x.$1\"; predicate = \"tombstone\"; };"
    "};";

static uint64_t counted(const struct xt *t, size_t step, int which)
{
    const struct xf_counters *c = xf_run_counters(t->run, step);
    return aq_counter_get(which == 'r' ? &c->records : which == 'd' ? &c->dropped : &c->errors);
}

static void test_sketch(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, sketch, "mask trim stamp rename", XF_SAFE);
    struct aq_record *rec =
        xt_add(&t, "k", "{\"cust\":1,\"email\":\"a@b\",\"debug\":{\"x\":[1]}, \"total\":100.10}");
    xt_add(&t, "k", NULL);
    xt_add(&t, "k", "{\"email\":7}");
    xt_run(&t);
    rec = &t.batch.records[0];
    xt_expect(rec->value, "{\"customer_id\":1,\"email\":\"***\", \"total\":100.10,\"origin\":\"dc1\"}");
    xt_expect(rec->key, "k");
    assert_string_equal(rec->topic->text, "dc1.orders");
    assert_true(aq_slice_is_null(t.batch.records[1].value));
    assert_string_equal(t.batch.records[1].topic->text, "dc1.orders");
    assert_string_equal(t.batch.records[2].fail_step, "mask");
    xt_expect(t.batch.records[2].value, "{\"email\":7}");
    assert_string_equal(t.batch.records[2].topic->text, "orders");
    assert_int_equal(counted(&t, 0, 'r'), 2);
    assert_int_equal(counted(&t, 0, 'e'), 1);
    for (size_t i = 1; i < 4; i++) assert_int_equal(counted(&t, i, 'r'), 2);
    assert_int_equal(xf_chain_length(t.chain), 4);
    assert_string_equal(xf_chain_step_name(t.chain, 3), "rename");
    xt_close(&t);
}

static void test_order_and_drops(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, sketch, "rename no_orders no_tombstones stamp", XF_SAFE);
    xt_add(&t, NULL, "{}");
    xt_add(&t, NULL, NULL);
    xt_add(&t, NULL, "{}")->flags = AQ_REC_SKIP;
    xt_add(&t, NULL, "x")->flags = AQ_REC_DROPPED;
    xt_run(&t);
    /* no_orders sees dc1.orders, so nothing is dropped by it */
    assert_int_equal(counted(&t, 1, 'r'), 0);
    assert_int_equal(counted(&t, 2, 'r'), 1);
    assert_int_equal(counted(&t, 2, 'd'), 1);
    assert_int_equal(counted(&t, 3, 'r'), 1);
    xt_expect(t.batch.records[0].value, "{\"origin\":\"dc1\"}");
    assert_true(t.batch.records[1].flags & AQ_REC_DROPPED);
    xt_expect(t.batch.records[2].value, "{}");
    assert_string_equal(t.batch.records[2].topic->text, "orders");
    xt_close(&t);

    xt_open(&t, sketch, "no_orders rename", XF_SAFE);
    xt_add(&t, NULL, "{}");
    xt_run(&t);
    assert_true(t.batch.records[0].flags & AQ_REC_DROPPED);
    assert_int_equal(counted(&t, 1, 'r'), 0);
    xt_close(&t);
}

static void test_empty(void **state)
{
    (void)state;
    struct xt t;
    xt_load(&t, "", XF_SAFE);
    assert_int_equal(xt_build(&t, "", XF_BYTES, XF_BYTES, true), 0);
    xt_add(&t, "k", "v");
    xt_run(&t);
    xt_expect(t.batch.records[0].value, "v");
    char topic[16];
    assert_true(xf_chain_map_topic(t.chain, "orders", topic, sizeof(topic)));
    assert_string_equal(topic, "orders");
    assert_false(xf_chain_map_topic(t.chain, "orders", topic, 6));
    xt_close(&t);
}

static void complaint_of(const char *conf, const char *chain, enum xf_compat compat,
                         enum conf_severity severity, const char *text)
{
    struct xt t;
    xt_load(&t, conf, compat);
    int rc = xt_build(&t, chain, XF_BYTES, XF_JSON, true);
    assert_int_equal(rc, severity == CONF_ERROR ? AQ_E_CONFIG : 0);
    xt_complaint(&t, severity, text);
    xt_close(&t);
}

static void test_chain_complaints(void **state)
{
    (void)state;
    complaint_of(sketch, "mask trmi", XF_SAFE, CONF_ERROR, "unknown transform 'trmi'; did you mean 'trim'?");
    complaint_of(sketch, "xylophone", XF_SAFE, CONF_ERROR, "unknown transform 'xylophone'; define it");
    complaint_of(sketch, "trim trim", XF_SAFE, CONF_ERROR, "'trim' is listed twice");
    complaint_of(
        sketch, "keymask", XF_SAFE, CONF_ERROR,
        "'keymask' (MaskField) works on fields of the key, but its format is bytes; set format = { key = "
        "\"json\"; }");
    complaint_of(sketch, "none trim", XF_SAFE, CONF_WARNING,
                 "'trim' is never reached: 'none' before it drops");
    struct xt t;
    xt_load(&t, sketch, XF_CONNECT);
    assert_int_equal(xt_build(&t, "keymask mask", XF_JSON, XF_JSON, true), 0);
    assert_int_equal(t.diags.count, 2);
    xt_complaint(&t, CONF_WARNING, "'keymask' changes the key, but records keep their source partition");
    xt_complaint(&t, CONF_WARNING, "'keymask' fails on every tombstone");
    xt_close(&t);
    xt_load(&t, sketch, XF_SAFE);
    assert_int_equal(xt_build(&t, "mask trim", XF_BYTES, XF_STRING, false), AQ_E_CONFIG);
    assert_int_equal(t.diags.errors, 2); /* both are told in one run */
    xt_close(&t);
}

static void library_complaint(const char *conf, const char *text)
{
    struct xt t;
    xt_load(&t, conf, XF_SAFE);
    assert_int_equal(t.diags.errors, 1);
    xt_complaint(&t, CONF_ERROR, text);
    assert_true(t.diags.list[0].pos.line > 0);
    /* A chain that names the broken group does not complain a second time. */
    assert_int_equal(xt_build(&t, "x", XF_JSON, XF_JSON, false), AQ_E_CONFIG);
    assert_int_equal(t.diags.errors, 1);
    xt_close(&t);
}

static void test_library_complaints(void **state)
{
    (void)state;
    library_complaint("transforms = { x = { fields = \"a\"; }; };", "transforms.x: 'type' is missing");
    library_complaint("transforms = { x = { type = 7; }; };", "type must be a string");
    library_complaint("transforms = { x = { type = \"MaskFeld\"; }; };",
                      "unknown transform 'MaskFeld'; did you mean 'MaskField'?");
    library_complaint("transforms = { x = { type = \"RecordIsTombstone\"; }; };",
                      "belongs into the group 'predicates'");
    library_complaint("transforms = { x = { type = \"Filter$Key\"; }; };", "unknown transform 'Filter$Key'");
    library_complaint("transforms = { x = 5; };", "must be a group");
    library_complaint("transforms = { x = { type = \"Filter\"; negate = true; }; };",
                      "'negate' needs a 'predicate'");
    library_complaint("predicates = { tomb = { type = \"RecordIsTombstone\"; }; };"
                      "transforms = { x = { type = \"Filter\"; predicate = \"tmob\"; }; };",
                      "unknown predicate 'tmob'; did you mean 'tomb'?");
    library_complaint("transforms = { x = { type = \"Filter\"; on = \"key\"; }; };", "unknown option 'on'");
    library_complaint("transforms = { x = { type = \"MaskField$Key\"; on = \"value\"; fields = \"a\"; }; };",
                      "the type already says $Key");
    library_complaint("transforms = { x = { type = \"MaskField\"; fields = \"a\"; on = \"kee\"; }; };", "on");
    struct xt t;
    xt_load(
        &t,
        "predicates = { p = { type = \"MaskField\"; }; q = { type = \"HasHeaderKey\"; }; }; transforms = 7;",
        XF_SAFE);
    xt_complaint(&t, CONF_ERROR, "MaskField is a transform and belongs into the group 'transforms'");
    xt_complaint(&t, CONF_ERROR, "predicates.q");
    xt_complaint(&t, CONF_ERROR, "transforms: must be a group of named groups");
    xt_close(&t);
}

static void maps(const char *chain, const char *topic, const char *want)
{
    struct xt t;
    char got[256];
    xt_open(&t, sketch, chain, XF_SAFE);
    bool known = xf_chain_map_topic(t.chain, topic, got, sizeof(got));
    if (known != (want != NULL)) fail_msg("%s of %s: %s", chain, topic, known ? got : "unknown");
    if (want) assert_string_equal(got, want);
    xt_close(&t);
}

static void test_map_topic(void **state)
{
    (void)state;
    maps("mask trim", "orders", "orders");
    maps("rename mask", "orders", "dc1.orders");
    maps("rename orders_only", "orders", "dc1.orders");
    maps("orders_only rename", "orders", "dc1.x.orders");
    maps("live_only", "orders", NULL);
    maps("day", "orders", NULL);
    maps("none", "orders", NULL);
    maps("no_orders rename", "orders", NULL);
    maps("no_orders rename", "users", "dc1.users");
    maps("no_tombstones rename", "orders", "dc1.orders");
}

static void test_kind_names(void **state)
{
    (void)state;
    enum xf_part part;
    assert_non_null(xf_kind_find("MaskField", XF_TRANSFORM, &part));
    assert_int_equal(part, XF_PART_NONE);
    assert_non_null(xf_kind_find("MaskField$Key", XF_TRANSFORM, &part));
    assert_int_equal(part, XF_PART_KEY);
    assert_non_null(xf_kind_find("org.apache.kafka.connect.transforms.MaskField$Value", XF_TRANSFORM, &part));
    assert_int_equal(part, XF_PART_VALUE);
    assert_non_null(
        xf_kind_find("org.apache.kafka.connect.transforms.predicates.HasHeaderKey", XF_PREDICATE, &part));
    assert_null(
        xf_kind_find("org.apache.kafka.connect.transforms.predicates.MaskField", XF_TRANSFORM, &part));
    assert_null(xf_kind_find("MaskField$Both", XF_TRANSFORM, &part));
    assert_null(xf_kind_find("Mask", XF_TRANSFORM, &part));
    assert_null(xf_kind_find("RegexRouter$Value", XF_TRANSFORM, &part));
    assert_null(xf_kind_find("MaskField", XF_PREDICATE, &part));
}

/* Every kind is complete, its rows are sane, its example loads. */
static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < xf_kind_count; i++) {
        const struct xf_kind *kind = xf_kinds[i];
        bool transform = kind->sort == XF_TRANSFORM;
        assert_int_equal(kind->abi, XF_ABI);
        assert_non_null(kind->summary);
        /* One way to be run, or two and somebody who chooses. */
        assert_true(transform ? (!kind->each != !kind->apply) == !kind->batchwise : kind->test != NULL);
        static const struct opt_row none[] = {{.name = NULL}};
        struct opt_table table = {.name = kind->name,
                                  .kind = transform ? "transform" : "predicate",
                                  .summary = kind->summary,
                                  .rows = kind->rows ? kind->rows : none,
                                  .example = kind->example};
        assert_int_equal(opt_check_table(&table, stderr), 0);
        struct xt t;
        char *text = aq_asprintf("predicates = { is_test = { type = \"RecordIsTombstone\"; }; %s };\n"
                                 "transforms = { %s };\n",
                                 transform ? "" : kind->example, transform ? kind->example : "");
        xt_load(&t, text, XF_SAFE);
        if (t.diags.count) fail_msg("%s: %s", kind->name, t.diags.list[0].text);
        xt_close(&t);
        free(text);
    }
}

/* Every kind has a page transforms/xf_*.md, and the configuration on it loads without a complaint. Run at the root. */
static void test_pages(void **state)
{
    (void)state;
    glob_t pages;
    assert_int_equal(glob("transforms/xf_*.md", 0, NULL, &pages), 0);
    assert_int_equal(pages.gl_pathc, xf_kind_count);
    for (size_t i = 0; i < pages.gl_pathc; i++) {
        static char page[16384];
        FILE *in = fopen(pages.gl_pathv[i], "r");
        assert_non_null(in);
        page[fread(page, 1, sizeof(page) - 1, in)] = '\0';
        fclose(in);
        char *block = strstr(page, "```\n");
        assert_non_null(block);
        *strstr(block + 4, "```") = '\0';
        struct xt t;
        xt_load(&t, block + 4, XF_SAFE);
        if (t.diags.count) fail_msg("%s: %s", pages.gl_pathv[i], t.diags.list[0].text);
        xt_close(&t);
    }
    globfree(&pages);
}

/* A batch-wise kind that puts its number behind every value it is meant for. */
static void mark_apply(struct xf_step *step, struct aq_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        struct aq_record *rec = &batch->records[i];
        if (!xf_wants(step, rec)) continue;
        if (rec->offset == 13) {
            aq_record_fail(rec, step->name, "unlucky");
        } else if (rec->offset == 14) {
            rec->flags |= AQ_REC_DROPPED;
        } else {
            rec->value = aq_slice_str(
                aq_arena_printf(&batch->arena, "{\"was\":%.*s}", (int)rec->value.len, rec->value.ptr));
        }
    }
}

static const struct xf_kind mark_kind = {
    .abi = XF_ABI, .sort = XF_TRANSFORM, .name = "Mark", .apply = mark_apply};

static void test_batch_step(void **state)
{
    (void)state;
    struct xt t;
    xt_load(&t, sketch, XF_SAFE);
    struct xf_entry mark = {.name = "mark", .kind = &mark_kind};
    const struct xf_entry *steps[] = {xf_entries_find(&t.library->transforms, "stamp"), &mark,
                                      xf_entries_find(&t.library->transforms, "trim"),
                                      xf_entries_find(&t.library->transforms, "stamp")};
    const char *names[] = {"stamp", "mark", "trim", "again"};
    struct xf_chain chain = {.steps = steps, .names = names, .n = 4};
    t.run = xf_run_create(&chain, &t.names);
    for (int i = 12; i < 16; i++) xt_add(&t, NULL, "{\"debug\":1}")->offset = i;
    xt_run(&t);
    xt_expect(t.batch.records[0].value, "{\"was\":{\"debug\":1,\"origin\":\"dc1\"},\"origin\":\"dc1\"}");
    assert_string_equal(t.batch.records[1].fail_step, "mark");
    assert_true(t.batch.records[2].flags & AQ_REC_DROPPED);
    xt_expect(t.batch.records[3].value, "{\"was\":{\"debug\":1,\"origin\":\"dc1\"},\"origin\":\"dc1\"}");
    assert_int_equal(counted(&t, 1, 'r'), 4);
    assert_int_equal(counted(&t, 1, 'e'), 1);
    assert_int_equal(counted(&t, 1, 'd'), 1);
    assert_int_equal(counted(&t, 2, 'r'), 2);
    xt_close(&t);
}

static void test_times(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, sketch, "mask trim stamp rename", XF_SAFE);
    for (int batch = 0; batch < 20; batch++) {
        for (int i = 0; i < 500; i++) xt_add(&t, NULL, "{\"email\":\"x\",\"debug\":1,\"cust\":[1,2,3]}");
        xt_run(&t);
        aq_batch_release(&t.batch);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(counted(&t, i, 'r'), 10000);
        assert_true(aq_counter_get(&xf_run_counters(t.run, i)->nanoseconds) > 0);
    }
    xt_close(&t);
}

/* Key and value are two documents; one record's failure leaves the next one's views alone. */
static void test_views(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, sketch, "keymask stamp mask", XF_SAFE);
    xt_add(&t, "{\"id\":1}", "{\"email\":\"e\"}");
    xt_add(&t, "{\"id\":2}", "{\"email\":[]}");
    xt_add(&t, "{\"id\":3}", "oops");
    xt_add(&t, "{\"id\":4}", "{\"email\":\"e\"}");
    xt_run(&t);
    xt_expect(t.batch.records[0].key, "{\"id\":0}");
    xt_expect(t.batch.records[0].value, "{\"email\":\"***\",\"origin\":\"dc1\"}");
    for (size_t i = 1; i < 3; i++) {
        assert_true(t.batch.records[i].flags & AQ_REC_FAILED);
        assert_memory_equal(t.batch.records[i].key.ptr, i == 1 ? "{\"id\":2}" : "{\"id\":3}", 8);
    }
    assert_string_equal(t.batch.records[2].fail_reason, "value is not JSON: unexpected 'o' at byte 0");
    xt_expect(t.batch.records[3].key, "{\"id\":0}");
    xt_expect(t.batch.records[3].value, "{\"email\":\"***\",\"origin\":\"dc1\"}");
    xt_close(&t);
}

/* A record as the streams engine has it: on the stack, with an arena and nothing else of a batch. */
static struct aq_record alone(struct xt *t, const char *key, const char *value)
{
    t->batch.partition = -1;
    return (struct aq_record){.key = aq_slice_str(key),
                              .value = aq_slice_str(value),
                              .topic = t->batch.topic,
                              .offset = 7,
                              .partition = 5,
                              .batch = &t->batch};
}

static const char single_conf[] =
    "predicates = { tombstone = { type = \"RecordIsTombstone\"; }; };"
    "transforms = {"
    "  no_tombstones = { type = \"Filter\"; predicate = \"tombstone\"; };"
    "  mask  = { type = \"MaskField\"; fields = [\"email\"]; replacement = \"***\"; };"
    "  stamp = { type = \"InsertField\"; partition_field = \"p\"; };"
    "  lua   = { type = \"Lua\"; map = \"value.q = partition\"; };"
    "};";

static void a_single_record_leaves_shared_views_open(void **state)
{
    (void)state;
    struct xt t;
    struct xf_views views;
    xf_views_init(&views);
    xt_open(&t, single_conf, "no_tombstones mask stamp lua", XF_SAFE);
    xf_run_destroy(t.run);
    t.run = xf_run_create_with(t.chain, &t.names, &views);
    struct aq_record rec = alone(&t, "k", "{\"email\":\"a\"}");
    xf_run_record(t.run, &rec);
    assert_int_equal(rec.flags, 0);
    assert_ptr_equal(views.value.rec, &rec);
    xt_expect(rec.value, "{\"email\":\"a\"}"); /* not yet written */
    xf_run_record(t.run, &rec);
    xf_views_write(&views);
    xt_expect(rec.value, "{\"email\":\"***\",\"p\":5,\"q\":5}");
    assert_null(views.value.rec);
    struct xf_run *second = xf_run_create_with(t.chain, &t.names, NULL);
    rec = alone(&t, NULL, "{\"email\":\"b\"}");
    xf_run_record(second, &rec);
    xf_run_destroy(second); /* its own views go with it: nothing was written */
    xt_expect(rec.value, "{\"email\":\"b\"}");
    xt_close(&t);
    xf_views_finish(&views);
}

static void a_single_record_that_is_gone_leaves_no_view(void **state)
{
    (void)state;
    struct xt t;
    struct xf_views views;
    xf_views_init(&views);
    xt_open(&t, single_conf, "stamp no_tombstones mask", XF_SAFE);
    xf_run_destroy(t.run);
    t.run = xf_run_create_with(t.chain, &t.names, &views);
    struct aq_record null = alone(&t, NULL, NULL), bad = alone(&t, NULL, "{\"email\":[1]}");
    xf_run_record(t.run, &null);
    assert_true(null.flags & AQ_REC_DROPPED);
    xf_run_record(t.run, &bad);
    assert_true(bad.flags & AQ_REC_FAILED);
    assert_string_equal(bad.fail_step, "mask");
    xt_expect(bad.value, "{\"email\":[1]}");
    assert_null(views.value.rec);
    xf_run_record(t.run, &null); /* gone records are left alone */
    assert_int_equal(counted(&t, 0, 'r'), 2);
    assert_int_equal(counted(&t, 1, 'r'), 1);
    assert_int_equal(counted(&t, 1, 'd'), 1);
    assert_int_equal(counted(&t, 2, 'r'), 1);
    assert_int_equal(counted(&t, 2, 'e'), 1);
    xt_close(&t);
    xf_views_finish(&views);
}

static void lua_steps_of_a_run_read_the_formats_it_is_given(void **state)
{
    (void)state;
    static const char conf[] =
        "predicates = { small = { type = \"Where\"; expression = \"key < 5\"; }; };"
        "transforms = { big = { type = \"Filter\"; predicate = \"small\"; };"
        "               mark = { type = \"Lua\"; map = \"value = value .. key\"; }; };";
    static const struct xf_formats formats = {XF_INT32, XF_STRING, XF_INT32, XF_STRING};
    struct xt t;
    xt_open(&t, conf, "big mark", XF_SAFE);
    xf_run_destroy(t.run);
    t.run = xf_run_create_with(t.chain, &t.names, NULL);
    xf_run_set_formats(t.run, &formats);
    struct aq_record low = alone(&t, NULL, "v"), high = alone(&t, NULL, "v");
    low.key = AQ_LIT("\0\0\0\4");
    high.key = AQ_LIT("\0\0\0\6");
    xf_run_record(t.run, &low);
    xf_run_record(t.run, &high);
    assert_int_equal(low.flags, AQ_REC_DROPPED);
    assert_int_equal(high.flags, 0);
    xt_expect(high.value, "v6");
    xt_close(&t);
}

static void single_records_are_timed_by_samples(void **state)
{
    (void)state;
    struct xt t;
    struct xf_views views;
    xf_views_init(&views);
    xt_open(&t, single_conf, "mask stamp", XF_SAFE);
    xf_run_destroy(t.run);
    t.run = xf_run_create_with(t.chain, &t.names, &views);
    for (int i = 0; i < 2048; i++) {
        struct aq_record rec = alone(&t, NULL, "{\"email\":\"x\"}");
        xf_run_record(t.run, &rec);
        xf_views_write(&views);
        xt_expect(rec.value, "{\"email\":\"***\",\"p\":5}");
        if (i == 10) assert_int_equal(aq_counter_get(&xf_run_counters(t.run, 0)->nanoseconds), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(counted(&t, i, 'r'), 2048);
        assert_true(aq_counter_get(&xf_run_counters(t.run, i)->nanoseconds) > 0);
    }
    xt_close(&t);
    xf_views_finish(&views);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sketch),
        cmocka_unit_test(test_order_and_drops),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_chain_complaints),
        cmocka_unit_test(test_library_complaints),
        cmocka_unit_test(test_map_topic),
        cmocka_unit_test(test_kind_names),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_batch_step),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_views),
        cmocka_unit_test(a_single_record_leaves_shared_views_open),
        cmocka_unit_test(a_single_record_that_is_gone_leaves_no_view),
        cmocka_unit_test(lua_steps_of_a_run_read_the_formats_it_is_given),
        cmocka_unit_test(single_records_are_timed_by_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
