/* SPDX-License-Identifier: Apache-2.0
 *
 * Topologies for tests in few words: every helper builds and expects success; parents are one text, "a b".
 */
#ifndef AQ_TESTS_ST_TEST_H
#define AQ_TESTS_ST_TEST_H

#include "streams/topology/topology.h"

#include "tests/lib/check.h"

#define ST_TEST_WORDS 32

/* The words of a text, for as long as the struct lives. */
struct words {
    char text[1024];
    const char *list[ST_TEST_WORDS];
    size_t count;
};

__attribute__((unused)) static void split(struct words *words, const char *text)
{
    words->count = 0;
    snprintf(words->text, sizeof(words->text), "%s", text);
    char *rest = words->text;
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        assert_true(words->count < ST_TEST_WORDS);
        if (*word) words->list[words->count++] = word;
    }
}

__attribute__((unused)) static struct st_parents parents_of(struct words *words, const char *text)
{
    split(words, text);
    return (struct st_parents){.names = words->list, .count = words->count};
}

static const struct st_processor_kind filter_kind = {.name = "filter"};
static const struct st_processor_kind map_kind = {.name = "map", .changes_key = true};
static const struct st_processor_kind count_kind = {.name = "count", .needs_key = true};
static const struct st_processor_kind join_kind = {.name = "join", .needs_key = true, .copartitioned = true};

__attribute__((unused)) static struct st_topology *new_topology(void)
{
    struct aq_err err = {0};
    struct st_topology *topology = st_topology_create("app", &err);
    T_CHECK(topology != NULL, "%s", err.text);
    return topology;
}

__attribute__((unused)) static void source(struct st_topology *topology, const char *name, const char *topics)
{
    struct aq_err err = {0};
    struct words words;
    split(&words, topics);
    struct st_source_conf conf = {.topics = words.list, .n_topics = words.count};
    if (words.count > 0 && words.list[0][0] == '^')
        conf = (struct st_source_conf){.pattern = words.list[0] + 1};
    T_CHECK(st_add_source(topology, name, &conf, &err) == 0, "%s", err.text);
}

__attribute__((unused)) static void processor(struct st_topology *topology, const char *name,
                                              const struct st_processor_kind *kind, const char *parents)
{
    struct aq_err err = {0};
    struct words words;
    int rc = st_add_processor(topology, name, kind, NULL, parents_of(&words, parents), &err);
    T_CHECK(rc == 0, "%s", err.text);
}

/* A processor whose edges come later. */
__attribute__((unused)) static void orphan(struct st_topology *topology, const char *name,
                                           const struct st_processor_kind *kind)
{
    struct aq_err err = {0};
    int rc = st_add_processor(topology, name, kind, NULL, (struct st_parents){.more_later = true}, &err);
    T_CHECK(rc == 0, "%s", err.text);
}

__attribute__((unused)) static void sink(struct st_topology *topology, const char *name, const char *topic,
                                         const char *parents)
{
    struct aq_err err = {0};
    struct words words;
    int rc = st_add_sink(topology, name, topic, parents_of(&words, parents), &err);
    T_CHECK(rc == 0, "%s", err.text);
}

__attribute__((unused)) static void repartition(struct st_topology *topology, const char *name,
                                                int32_t partitions, const char *parents)
{
    struct aq_err err = {0};
    struct words words;
    int rc = st_add_repartition(topology, name, partitions, parents_of(&words, parents), &err);
    T_CHECK(rc == 0, "%s", err.text);
}

__attribute__((unused)) static void edge(struct st_topology *topology, const char *from, const char *to)
{
    struct aq_err err = {0};
    T_CHECK(st_add_edge(topology, from, to, &err) == 0, "%s", err.text);
}

/* A store and the processors that use it. */
__attribute__((unused)) static void store(struct st_topology *topology, const char *name, const char *users)
{
    struct aq_err err = {0};
    struct words words;
    T_CHECK(st_add_store(topology, name, NULL, &err) == 0, "%s", err.text);
    split(&words, users);
    for (size_t i = 0; i < words.count; i++)
        T_CHECK(st_connect_store(topology, words.list[i], name, &err) == 0, "%s", err.text);
}

/* A global table, and the processors that look into it. */
__attribute__((unused)) static void global_table(struct st_topology *topology, const char *name,
                                                 const char *topic, const char *users)
{
    struct aq_err err = {0};
    struct words words;
    T_CHECK(st_add_global_table(topology, name, topic, &err) == 0, "%s", err.text);
    split(&words, users);
    for (size_t i = 0; i < words.count; i++)
        T_CHECK(st_connect_global_table(topology, words.list[i], name, &err) == 0, "%s", err.text);
}

/* orders -> by-customer (map) -> rekeyed (repartition) -> totals (count, store totals) -> out */
__attribute__((unused)) static struct st_topology *orders_topology(void)
{
    struct st_topology *topology = new_topology();
    source(topology, "orders", "orders");
    processor(topology, "by-customer", &map_kind, "orders");
    repartition(topology, "rekeyed", 0, "by-customer");
    processor(topology, "totals", &count_kind, "rekeyed");
    store(topology, "totals", "totals");
    sink(topology, "out", "totals-per-customer", "totals");
    return topology;
}

#endif
