/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/secret.h"
#include "kafka/cluster.h"

struct reading {
    struct conf_doc *doc;
    struct conf_diags diags;
    struct aq_arena arena;
    struct kc_cluster cluster;
};

static void read_text(struct reading *r, const char *text)
{
    *r = (struct reading){0};
    conf_diags_init(&r->diags);
    aq_arena_init(&r->arena, 1024);
    conf_load_text("cluster.conf", text, NULL, 0, &r->diags, &r->doc);
    assert_non_null(r->doc);
    struct conf_node *clusters = conf_get(r->doc->root, "clusters");
    assert_non_null(clusters);
    kc_cluster_read(clusters->first, &r->arena, &r->diags, &r->cluster);
}

static void finish(struct reading *r)
{
    conf_doc_destroy(r->doc);
    conf_diags_finish(&r->diags);
    aq_arena_finish(&r->arena);
}

static bool said(const struct reading *r, const char *part)
{
    for (size_t i = 0; i < r->diags.count; i++) {
        if (strstr(r->diags.list[i].text, part)) return true;
    }
    return false;
}

static void reads_a_cluster(void **state)
{
    (void)state;
    struct reading r;
    read_text(
        &r,
        "clusters = { dc1 = { brokers = \"k1:9092,k2:9092\"; connect_timeout = \"3s\";\n"
        "  properties = [ \"security.protocol = sasl_ssl\", \"sasl.mechanism=PLAIN\", \"sasl.password=a=b\" ];\n"
        "  registry = { url = \"http://x\"; }; }; };\n");
    assert_int_equal(r.diags.errors, 0);
    assert_string_equal(r.cluster.name, "dc1");
    assert_string_equal(r.cluster.brokers, "k1:9092,k2:9092");
    assert_int_equal(r.cluster.connect_timeout_ms, 3000);
    assert_int_equal(r.cluster.n_properties, 3);
    assert_string_equal(r.cluster.properties[0].name, "security.protocol");
    assert_string_equal(r.cluster.properties[0].value, "sasl_ssl");
    assert_string_equal(r.cluster.properties[2].value, "a=b");
    assert_true(r.cluster.properties[2].secret);
    assert_false(r.cluster.properties[1].secret);
    assert_false(kc_cluster_is_plaintext(&r.cluster));
    finish(&r);
}

static void passwords_never_reach_a_log(void **state)
{
    (void)state;
    struct reading r;
    read_text(
        &r, "clusters = { a = { brokers = \"k\"; properties = [ \"sasl.password=hunter2hunter2\" ]; }; };\n");
    char line[] = "failed with hunter2hunter2 as password";
    conf_mask(line);
    assert_null(strstr(line, "hunter2"));
    finish(&r);
}

static void all_complaints_at_once(void **state)
{
    (void)state;
    struct reading r;
    read_text(&r, "clusters = { a = {\n  properties = [ \"acks=1\",\n \"debug=all\",\n \"nonsense\",\n"
                  " \"security.protokol=ssl\",\n \"client.rack=x\", \"client.rack=y\" ]; }; };\n");
    assert_true(said(&r, "brokers"));
    assert_true(said(&r, "'acks' cannot be set"));
    assert_true(said(&r, "'debug' is refused"));
    assert_true(said(&r, "name=value"));
    assert_true(said(&r, "security.protocol"));
    assert_true(said(&r, "twice"));
    assert_int_equal(r.cluster.n_properties, 1);
    finish(&r);
}

static void each_complaint_has_its_place(void **state)
{
    (void)state;
    struct reading r;
    read_text(
        &r,
        "clusters = { a = { brokers = \"k\";\n  properties = [ \"client.rack=x\",\n    \"acks=1\" ]; }; };\n");
    assert_int_equal(r.diags.errors, 1);
    assert_int_equal(r.diags.list[0].pos.line, 3);
    assert_int_equal(r.diags.list[0].pos.column, 5);
    finish(&r);
}

static void from_the_command_line(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 256);
    struct kc_cluster cluster;
    kc_cluster_from_brokers("source", "k1:9092", &arena, &cluster);
    assert_string_equal(cluster.name, "source");
    assert_string_equal(cluster.brokers, "k1:9092");
    assert_int_equal(cluster.connect_timeout_ms, 10000);
    assert_int_equal(cluster.n_properties, 0);
    assert_true(kc_cluster_is_plaintext(&cluster));
    aq_arena_finish(&arena);
}

static void table_is_sane(void **state)
{
    (void)state;
    assert_int_equal(opt_check_table(&kc_cluster_table, stderr), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_cluster),        cmocka_unit_test(passwords_never_reach_a_log),
        cmocka_unit_test(all_complaints_at_once), cmocka_unit_test(each_complaint_has_its_place),
        cmocka_unit_test(from_the_command_line),  cmocka_unit_test(table_is_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
