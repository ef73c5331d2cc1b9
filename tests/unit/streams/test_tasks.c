/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition counts on a given cluster: of repartition topics, of tasks, of what is joined; and the slots of tasks.
 */
#include "streams/ops/op_stream_join.h"
#include "streams/tasks.h"

#include "tests/unit/streams/st_test.h"

#define MAX_TOPICS 16

/* A topology on a cluster whose topics are "orders:4 payments:6". */
struct world {
    struct st_topology *topology;
    struct st_plan *plan;
    struct st_findings findings;
    struct st_tasks *tasks;
};

static size_t read_topics(struct words *words, const char *text, struct st_topic_count *topics)
{
    split(words, text);
    assert_true(words->count <= MAX_TOPICS);
    for (size_t i = 0; i < words->count; i++) {
        char *colon = strchr(words->text + (words->list[i] - words->text), ':');
        assert_non_null(colon);
        *colon = '\0';
        topics[i] = (struct st_topic_count){words->list[i], atoi(colon + 1)};
    }
    return words->count;
}

static void begin(struct world *w, struct st_topology *topology, const char *cluster)
{
    struct aq_err err = {0};
    struct words words;
    struct st_topic_count topics[MAX_TOPICS];
    w->topology = topology;
    w->plan = st_plan_create(topology, &err);
    T_CHECK(w->plan != NULL, "%s", err.text);
    st_findings_init(&w->findings);
    size_t n = read_topics(&words, cluster, topics);
    w->tasks = st_tasks_create(w->plan, topics, n, &w->findings);
    assert_true((w->tasks == NULL) == (w->findings.errors > 0));
}

static void finish(struct world *w)
{
    st_tasks_destroy(w->tasks);
    st_findings_finish(&w->findings);
    st_plan_destroy(w->plan);
    st_topology_destroy(w->topology);
}

static void expect_findings(struct world *w, const char *text)
{
    char *found = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&found, &size);
    st_findings_print(&w->findings, out);
    fclose(out);
    assert_string_equal(found, text);
    free(found);
}

/* "in=3 r=12": tasks of sub-topologies by name. */
static void expect_tasks(struct world *w, const char *text)
{
    char found[512] = "";
    expect_findings(w, "");
    for (size_t i = 0; i < w->plan->n_subtopologies; i++)
        t_note(found, sizeof(found), "%s=%d", w->plan->subtopologies[i].name,
               w->tasks->subtopologies[i].tasks);
    assert_string_equal(found, text);
}

static void expect_count(const struct world *w, const char *repartition_name, int32_t count)
{
    int32_t found = st_repartition_count(w->tasks, st_find_node(w->topology, repartition_name));
    T_CHECK(found == count, "%s has %d", repartition_name, found);
}

static void a_subtopology_has_the_tasks_of_its_largest_topic(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "a b");
    source(t, "more", "c");
    processor(t, "p", &filter_kind, "in more");
    source(t, "apart", "d");
    struct world w;
    begin(&w, t, "a:3 b:7 c:5 d:2 e:99");
    expect_tasks(&w, "in=7 apart=2");
    assert_int_equal(w.tasks->subtopologies[0].n_inputs, 3);
    assert_string_equal(w.tasks->subtopologies[0].inputs[1].topic, "b");
    assert_int_equal(w.tasks->subtopologies[0].inputs[1].partitions, 7);
    assert_int_equal(w.tasks->n_groups, 0);
    finish(&w);
}

static void a_repartition_topic_takes_the_largest_count_before_it(void **state)
{
    (void)state;
    struct world w;
    begin(&w, orders_topology(), "orders:6");
    expect_tasks(&w, "orders=6 rekeyed=6");
    expect_count(&w, "rekeyed", 6);
    finish(&w);
}

static struct st_topology *hops(int32_t middle)
{
    struct st_topology *t = new_topology();
    source(t, "in", "a b");
    processor(t, "m1", &map_kind, "in");
    repartition(t, "r1", 0, "m1");
    source(t, "side", "c");
    processor(t, "m2", &map_kind, "r1 side");
    repartition(t, "r2", middle, "m2");
    processor(t, "m3", &map_kind, "r2");
    repartition(t, "r3", 0, "m3");
    processor(t, "n", &count_kind, "r3");
    return t;
}

static void counts_travel_over_many_repartitions(void **state)
{
    (void)state;
    struct world w;
    begin(&w, hops(0), "a:3 b:4 c:9");
    expect_tasks(&w, "in=4 r1=9 r2=9 r3=9");
    expect_count(&w, "r1", 4);
    finish(&w);
}

static void a_count_of_its_own_wins_and_is_handed_on(void **state)
{
    (void)state;
    struct world w;
    begin(&w, hops(2), "a:3 b:4 c:9");
    expect_tasks(&w, "in=4 r1=9 r2=2 r3=2");
    finish(&w);
}

static void a_loop_through_a_store_comes_to_an_end(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    processor(t, "before", &map_kind, "in");
    repartition(t, "r", 0, "before");
    processor(t, "after", &filter_kind, "r");
    store(t, "s", "before after");
    struct world w;
    begin(&w, t, "in:5");
    expect_tasks(&w, "in=5");
    expect_count(&w, "r", 5);
    finish(&w);
}

/* ---- topics that do not exist, patterns --------------------------------------------------------------------------- */

static void missing_topics_are_all_told(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    source(t, "other", "clicks nowhere");
    struct world w;
    begin(&w, t, "order:3 clicks:2");
    expect_findings(&w, "error: source 'orders': the topic 'orders' does not exist; did you mean 'order'?\n"
                        "error: source 'other': the topic 'nowhere' does not exist; create it first\n");
    finish(&w);
}

static void a_pattern_reads_what_it_matches_in_order_of_names(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "eu", "^eu[.].*");
    processor(t, "m", &map_kind, "eu");
    repartition(t, "r", 0, "m");
    struct world w;
    begin(&w, t, "eu.z:2 us.a:9 eu.b:4 __eu.x:50 eu.a:3");
    expect_tasks(&w, "eu=4 r=4");
    const struct st_subtopology_tasks *eu = &w.tasks->subtopologies[0];
    assert_int_equal(eu->n_inputs, 3);
    assert_string_equal(eu->inputs[0].topic, "eu.a");
    assert_string_equal(eu->inputs[1].topic, "eu.b");
    assert_string_equal(eu->inputs[2].topic, "eu.z");
    finish(&w);
}

static void a_pattern_may_match_nothing_yet(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "eu", "^eu[.].*");
    struct world w;
    begin(&w, t, "us.a:9");
    expect_findings(&w, "warning: source 'eu': the pattern 'eu[.].*' matches no topic yet\n");
    assert_int_equal(w.tasks->subtopologies[0].tasks, 0);
    finish(&w);
}

static void a_repartition_behind_nothing_needs_a_count(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "eu", "^eu[.].*");
    processor(t, "m", &map_kind, "eu");
    repartition(t, "r", 0, "m");
    repartition(t, "set", 4, "m");
    struct world w;
    begin(&w, t, "");
    expect_findings(
        &w,
        "warning: source 'eu': the pattern 'eu[.].*' matches no topic yet\n"
        "warning: repartition 'r': how many partitions it needs cannot be told yet, for the patterns in front of it "
        "match no topic; it waits for one\n");
    finish(&w);
}

static void patterns_must_not_overlap_on_the_cluster(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "eu", "^eu[.].*");
    source(t, "orders", "^.*[.]orders");
    struct world w;
    begin(&w, t, "eu.orders:1 eu.clicks:1 us.orders:1");
    expect_findings(
        &w, "error: source 'orders': the topic 'eu.orders' is read by the source 'eu' too; a topic has one "
            "source\n");
    finish(&w);
}

/* ---- co-partitioning ---------------------------------------------------------------------------------------------- */

/* left (a) and right (b) joined; with cut, the left side is repartitioned first. */
static struct st_topology *join(bool cut, int32_t partitions)
{
    struct st_topology *t = new_topology();
    source(t, "left", "a");
    source(t, "right", "b");
    if (cut) {
        processor(t, "rekey", &map_kind, "left");
        repartition(t, "r", partitions, "rekey");
    }
    processor(t, "both", &join_kind, cut ? "r right" : "left right");
    return t;
}

static void equal_counts_make_a_group(void **state)
{
    (void)state;
    struct world w;
    begin(&w, join(false, 0), "a:4 b:4");
    expect_tasks(&w, "left=4");
    assert_int_equal(w.tasks->n_groups, 1);
    const struct st_copartition *group = &w.tasks->groups[0];
    assert_string_equal(group->processor->name, "both");
    assert_int_equal(group->n_inputs, 2);
    assert_string_equal(group->inputs[0]->topic, "a");
    assert_string_equal(group->inputs[1]->topic, "b");
    assert_int_equal(group->partitions, 4);
    finish(&w);
}

static void unequal_topics_are_refused_with_counts_and_remedy(void **state)
{
    (void)state;
    struct world w;
    begin(&w, join(false, 0), "a:4 b:6");
    expect_findings(
        &w, "error: processor 'both': its topics are not co-partitioned: a has 4, b has 6 partitions; give "
            "the topics equal counts, or put a repartition behind the source of one: without partitions of "
            "its own it takes the count of the others\n");
    finish(&w);
}

/* Its sides are NAME-left and NAME-right, which no user has written. */
static void a_join_of_several_nodes_goes_by_its_own_name(void **state)
{
    (void)state;
    static struct st_stream_join join = {.joiner = {.kind = &st_joiner_pair}};
    struct st_topology *t = new_topology();
    struct aq_err err = {0};
    struct world w;
    source(t, "left", "a");
    source(t, "right", "b");
    assert_int_equal(st_add_stream_join(t, "both", &join, "left", "right", NULL, &err), 0);
    begin(&w, t, "a:4 b:6");
    expect_findings(
        &w, "error: processor 'both': its topics are not co-partitioned: a has 4, b has 6 partitions; give "
            "the topics equal counts, or put a repartition behind the source of one: without partitions of "
            "its own it takes the count of the others\n");
    finish(&w);
}

static void a_joined_repartition_takes_the_count_of_the_other_topic(void **state)
{
    (void)state;
    struct world w;
    begin(&w, join(true, 0), "a:12 b:6");
    expect_tasks(&w, "left=12 right=6");
    expect_count(&w, "r", 6);
    finish(&w);
    begin(&w, join(true, 0), "a:2 b:6");
    expect_count(&w, "r", 6);
    finish(&w);
    begin(&w, join(true, 6), "a:2 b:6");
    expect_count(&w, "r", 6);
    finish(&w);
}

static void a_joined_repartition_with_another_count_is_refused(void **state)
{
    (void)state;
    struct world w;
    begin(&w, join(true, 5), "a:12 b:6");
    expect_findings(
        &w, "error: processor 'both': its topics are not co-partitioned: b has 6, app-r-repartition has 5 "
            "partitions; leave partitions out of the repartition 'r', and it takes the count of the "
            "others\n");
    finish(&w);
}

/* Both sides repartitioned: nothing is given from outside, the larger one decides. */
static struct st_topology *join_of_repartitions(int32_t left, int32_t right)
{
    struct st_topology *t = new_topology();
    source(t, "left", "a");
    source(t, "right", "b");
    processor(t, "lm", &map_kind, "left");
    processor(t, "rm", &map_kind, "right");
    repartition(t, "lr", left, "lm");
    repartition(t, "rr", right, "rm");
    processor(t, "both", &join_kind, "lr rr");
    processor(t, "again", &map_kind, "both");
    repartition(t, "next", 0, "again");
    return t;
}

static void joined_repartitions_agree(void **state)
{
    (void)state;
    struct world w;
    begin(&w, join_of_repartitions(0, 0), "a:4 b:6");
    expect_count(&w, "lr", 6);
    expect_count(&w, "rr", 6);
    expect_count(&w, "next", 6);
    finish(&w);
    begin(&w, join_of_repartitions(3, 0), "a:4 b:6");
    expect_count(&w, "lr", 3);
    expect_count(&w, "rr", 3);
    expect_count(&w, "next", 3);
    finish(&w);
    begin(&w, join_of_repartitions(3, 5), "a:4 b:6");
    expect_findings(
        &w, "error: processor 'both': its topics are not co-partitioned: app-lr-repartition has 3, "
            "app-rr-repartition has 5 partitions; leave partitions out of the repartition 'lr', and it takes "
            "the count of the others\n");
    finish(&w);
}

static void groups_that_share_a_topic_are_one(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "a", "a");
    source(t, "b", "b");
    source(t, "c", "c");
    source(t, "d", "d");
    processor(t, "ab", &join_kind, "a b");
    processor(t, "bc", &join_kind, "b c");
    processor(t, "all", &filter_kind, "bc d");
    struct world w;
    begin(&w, t, "a:4 b:4 c:4 d:7");
    assert_non_null(w.tasks);
    assert_int_equal(w.tasks->n_groups, 1);
    assert_int_equal(w.tasks->groups[0].n_inputs, 3);
    assert_string_equal(w.tasks->groups[0].processor->name, "ab");
    finish(&w);
}

static void a_self_join_needs_nobody(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "a", "a");
    processor(t, "f", &filter_kind, "a");
    processor(t, "self", &join_kind, "a f");
    struct world w;
    begin(&w, t, "a:4");
    expect_tasks(&w, "a=4");
    assert_int_equal(w.tasks->n_groups, 0);
    finish(&w);
}

static void topics_of_one_source_are_a_group_too(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "a b");
    processor(t, "j", &join_kind, "in");
    struct world w;
    begin(&w, t, "a:4 b:5");
    assert_null(w.tasks);
    finish(&w);
}

/* A stream and a table: the table's processor is no parent of the join, it fills the store that the join reads. */
static struct st_topology *lookup_join(const struct st_processor_kind *kind)
{
    struct st_topology *t = new_topology();
    source(t, "rows", "a");
    source(t, "stream", "b");
    processor(t, "table", &count_kind, "rows");
    processor(t, "joined", kind, "stream");
    store(t, "table", "table joined");
    return t;
}

static void who_reads_a_store_is_joined_with_who_fills_it(void **state)
{
    (void)state;
    struct world w;
    begin(&w, lookup_join(&join_kind), "a:4 b:4");
    assert_int_equal(w.tasks->n_groups, 1);
    assert_string_equal(w.tasks->groups[0].processor->name, "joined");
    finish(&w);
    begin(&w, lookup_join(&join_kind), "a:4 b:5");
    assert_null(w.tasks);
    assert_int_equal(w.findings.errors, 1);
    finish(&w);
    begin(&w, lookup_join(&filter_kind), "a:4 b:5");
    assert_int_equal(w.tasks->n_groups, 0);
    finish(&w);
}

/* ---- slots -------------------------------------------------------------------------------------------------------- */

static void slots_are_fixed_for_ever(void **state)
{
    (void)state;
    struct world w;
    begin(&w, orders_topology(), "orders:16");
    const struct st_subtopology *orders = &w.plan->subtopologies[0];
    for (int32_t slots = 1; slots <= 32; slots++) {
        for (int32_t p = 0; p < 16; p++) {
            uint32_t hash = aq_murmur2(AQ_LIT("orders")) & 0x7fffffffu;
            assert_int_equal(st_task_slot(orders, p, slots), (hash + (uint32_t)p) % (uint32_t)slots);
        }
    }
    assert_int_equal(st_task_slot(orders, 0, 16), 12);
    assert_int_equal(st_task_slot(orders, 15, 16), 11);
    assert_string_equal(w.plan->subtopologies[1].name, "rekeyed");
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subtopology_has_the_tasks_of_its_largest_topic),
        cmocka_unit_test(a_repartition_topic_takes_the_largest_count_before_it),
        cmocka_unit_test(counts_travel_over_many_repartitions),
        cmocka_unit_test(a_count_of_its_own_wins_and_is_handed_on),
        cmocka_unit_test(a_loop_through_a_store_comes_to_an_end),
        cmocka_unit_test(missing_topics_are_all_told),
        cmocka_unit_test(a_pattern_reads_what_it_matches_in_order_of_names),
        cmocka_unit_test(a_pattern_may_match_nothing_yet),
        cmocka_unit_test(a_repartition_behind_nothing_needs_a_count),
        cmocka_unit_test(patterns_must_not_overlap_on_the_cluster),
        cmocka_unit_test(equal_counts_make_a_group),
        cmocka_unit_test(unequal_topics_are_refused_with_counts_and_remedy),
        cmocka_unit_test(a_join_of_several_nodes_goes_by_its_own_name),
        cmocka_unit_test(a_joined_repartition_takes_the_count_of_the_other_topic),
        cmocka_unit_test(a_joined_repartition_with_another_count_is_refused),
        cmocka_unit_test(joined_repartitions_agree),
        cmocka_unit_test(groups_that_share_a_topic_are_one),
        cmocka_unit_test(a_self_join_needs_nobody),
        cmocka_unit_test(topics_of_one_source_are_a_group_too),
        cmocka_unit_test(who_reads_a_store_is_joined_with_who_fills_it),
        cmocka_unit_test(slots_are_fixed_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
