/* SPDX-License-Identifier: Apache-2.0
 *
 * The cases of conf/examples/streams-*.test.jsonl on a cluster: of every example the first case that a cluster can play.
 *
 * An ordinary pass: the records of the case are produced, then the example runs as it is shipped, under an application id of its own,
 * until the topics hold what the case expects. All records are there before it starts and a commit takes many of them, so of each key
 * only the last value in a topic counts: a cached store sends no others. No key may come that the case does not have.
 *
 * A case can be played when its records are of one topic or have timestamps, because that is what orders records of several topics, when
 * nothing goes by the wall clock, and when something is to come out that can be waited for. Where one record must be processed before another of a
 * topic behind a repartition, no cluster promises it: such a case must not be an example's first.
 */
#include <glob.h>
#include <stdlib.h>

#include "cli/case.h"
#include "cli/config.h"
#include "cli/unified.h"
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS 60000

/* One example with the case that is played. */
struct play {
    char *conf;
    struct cli_case_file file;
    const struct cli_case *one;
    struct cli_config config;
    struct aq_arena arena;
};

/* ---- choosing ----------------------------------------------------------------------------------------------------- */

static bool can_be_played(const struct cli_case *one)
{
    if (!one->has_out || one->error || one->n_out == 0) return false;
    bool timed = true, one_topic = true;
    for (size_t i = 0; i < one->n_steps; i++) {
        if (one->steps[i].advance) return false;
        if (!(one->steps[i].rec.given & ST_JSON_TIMESTAMP)) timed = false;
        if (strcmp(one->steps[i].rec.topic, one->steps[0].rec.topic) != 0) one_topic = false;
    }
    /* What a case leaves out may be anything, and here whole records are compared. */
    const unsigned whole = ST_JSON_KEY | ST_JSON_VALUE;
    for (size_t i = 0; i < one->n_out; i++)
        if ((one->out[i].given & whole) != whole) return false;
    return timed || one_topic;
}

/* False when the example has no such case. */
static bool open_play(struct play *p, const char *cases)
{
    struct conf_diags diags;
    conf_diags_init(&diags);
    *p = (struct play){.conf = t_printf("%.*s.conf", (int)(strlen(cases) - strlen(".test.jsonl")), cases)};
    aq_arena_init(&p->arena, 4096);
    T_CHECK(cli_case_file_read(cases, &diags, &p->file), "%s", cases);
    conf_diags_finish(&diags);
    T_CHECK(cli_config_load(&p->config, p->conf, NULL, NULL, 0), "%s", p->conf);
    for (size_t i = 0; i < p->file.n && !p->one; i++)
        if (can_be_played(&p->file.list[i])) p->one = &p->file.list[i];
    return p->one != NULL;
}

static void close_play(struct play *p)
{
    cli_case_file_finish(&p->file);
    cli_config_finish(&p->config);
    aq_arena_finish(&p->arena);
    free(p->conf);
}

/* ---- topics ------------------------------------------------------------------------------------------------------- */

struct topics {
    const char *list[64];
    size_t n;
};

static void add_topic(struct topics *topics, const char *topic)
{
    for (size_t i = 0; i < topics->n; i++)
        if (strcmp(topics->list[i], topic) == 0) return;
    assert_true(topics->n < sizeof(topics->list) / sizeof(topics->list[0]));
    topics->list[topics->n++] = topic;
}

/* Those that sources and sinks name, and those of the records, which a pattern takes; with `made` also those that the example makes. */
static struct topics topics_of(const struct play *p, bool made)
{
    const struct st_topology *topology = p->config.streams.topology;
    struct topics topics = {.n = 0};
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        for (size_t k = 0; k < node->n_topics; k++) add_topic(&topics, node->topics[k]);
        if (node->type == ST_SINK && node->topic) add_topic(&topics, node->topic);
    }
    for (size_t i = 0; i < p->one->n_steps; i++) add_topic(&topics, p->one->steps[i].rec.topic);
    for (size_t i = 0; made && i < p->one->n_out; i++) add_topic(&topics, p->one->out[i].topic);
    return topics;
}

static void delete_topics(const struct play *p)
{
    struct topics topics = topics_of(p, true);
    for (size_t i = 0; i < topics.n; i++) t_topic_delete(t_pair.src, topics.list[i]);
}

/* Times of cases are near 1970, and the brokers are not to delete what is that old. */
static void create_topics(const struct play *p)
{
    struct topics topics = topics_of(p, false);
    for (size_t i = 0; i < topics.n; i++)
        t_topic_create(t_pair.src, topics.list[i], 1, "retention.ms=-1", NULL);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static void produce(struct play *p)
{
    const struct st_formed *formed = &p->config.streams;
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    struct aq_err err = {0};
    for (size_t i = 0; i < p->one->n_steps; i++) {
        const struct st_json_record *json = &p->one->steps[i].rec;
        struct st_serdes serdes = st_serde_flow_read_from(formed->serdes, formed->plan, json->topic);
        struct kc_sim_record rec;
        T_CHECK(st_json_record_encode(json, serdes, 0, &p->arena, &rec, &err) == 0, "%s", err.text);
        const struct t_record record = {.key = rec.key, .value = rec.value, .timestamp = rec.timestamp};
        t_send(producer, json->topic, &record);
    }
    t_flush(producer);
    t_producer_close(producer);
}

/* Key and value as one line that does not depend on the order of fields. */
static const char *line_of(struct play *p, const char *topic, struct aq_slice key, struct aq_slice value,
                           unsigned fields)
{
    const struct st_formed *formed = &p->config.streams;
    const struct st_serdes serdes = st_serde_flow_written_to(formed->serdes, formed->plan, topic);
    const struct kc_sim_record rec = {.key = key, .value = value};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cli_json_pretty(st_json_record_print(&rec, topic, serdes, fields, &p->arena), out);
    fclose(out);
    const char *copy = aq_arena_strdup(&p->arena, text);
    free(text);
    return copy;
}

/* What is last of each key, in the order in which keys came first. */
struct last {
    struct {
        struct aq_slice key;
        const char *line;
    } list[64];
    size_t n;
};

static void note(struct last *last, struct aq_slice key, const char *line)
{
    size_t i = 0;
    while (i < last->n && !aq_slice_equal(last->list[i].key, key)) i++;
    T_CHECK(i < sizeof(last->list) / sizeof(last->list[0]), "a case with more keys than this test holds");
    if (i == last->n) last->n++;
    last->list[i].key = key;
    last->list[i].line = line;
}

static void expected_last(struct play *p, const char *topic, struct last *ret)
{
    const struct st_formed *formed = &p->config.streams;
    const struct st_serdes serdes = st_serde_flow_written_to(formed->serdes, formed->plan, topic);
    struct aq_err err = {0};
    *ret = (struct last){0};
    for (size_t i = 0; i < p->one->n_out; i++) {
        const struct st_json_record *json = &p->one->out[i];
        struct kc_sim_record rec;
        if (strcmp(json->topic, topic) != 0) continue;
        T_CHECK(st_json_record_encode(json, serdes, 0, &p->arena, &rec, &err) == 0, "%s", err.text);
        note(ret, rec.key, line_of(p, topic, rec.key, rec.value, ST_JSON_KEY | ST_JSON_VALUE));
    }
}

/* NULL: the topic holds that; else what it holds instead. */
static const char *difference(struct play *p, const char *topic, const struct last *expected)
{
    struct t_log *log = t_read(t_pair.source, topic, -1, true);
    struct last got = {0};
    for (size_t i = 0; i < log->count; i++) {
        const struct t_record *rec = &log->records[i];
        struct aq_slice key = aq_arena_copy(&p->arena, rec->key);
        note(&got, key, line_of(p, topic, key, rec->value, ST_JSON_KEY | ST_JSON_VALUE));
    }
    t_log_free(log);
    size_t same = 0;
    const char *all = "";
    for (size_t i = 0; i < got.n; i++) {
        all = aq_arena_printf(&p->arena, "%s%s", all, got.list[i].line);
        for (size_t k = 0; k < expected->n; k++)
            if (strcmp(got.list[i].line, expected->list[k].line) == 0) same++;
    }
    return same == expected->n && got.n == expected->n ? NULL : all;
}

/* ---- playing ------------------------------------------------------------------------------------------------------ */

static bool was_before(const struct cli_case *one, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(one->out[i].topic, one->out[n].topic) == 0) return true;
    return false;
}

static const char *first_difference(struct play *p, const char **ret_topic)
{
    struct last expected;
    for (size_t i = 0; i < p->one->n_out; i++) {
        *ret_topic = p->one->out[i].topic;
        if (was_before(p->one, i)) continue;
        expected_last(p, *ret_topic, &expected);
        const char *is = difference(p, *ret_topic, &expected);
        if (is) return is;
    }
    return NULL;
}

static struct t_process *start_example(const struct play *p)
{
    const struct t_name app = t_unique("example");
    char folder[] = "/tmp/aqueduct-example.XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *id = t_printf("streams.application_id=%s", app.text),
         *source = t_printf("AQUEDUCT_SOURCE=%s", t_pair.source),
         *state = t_printf("AQUEDUCT_STATE_DIR=%s", folder);
    const char *const argv[] = {t_aqueduct(), "streams", "-c", p->conf, "-s", id, NULL};
    const char *const env[] = {source, state, NULL};
    struct t_process *process = t_start(argv, env);
    free(state);
    free(source);
    free(id);
    return process;
}

static void play(struct play *p)
{
    delete_topics(p);
    create_topics(p);
    produce(p);
    struct t_process *process = start_example(p);
    const char *topic = NULL, *is = first_difference(p, &topic);
    for (int64_t until = t_now_ms() + END_MS; is && t_now_ms() < until; is = first_difference(p, &topic))
        t_sleep_ms(500);
    t_signal(process, SIGTERM);
    char *words = t_end_words(process, 0, END_MS);
    if (!is) is = first_difference(p, &topic); /* nothing more came while it stopped */
    T_CHECK(is == NULL, "%s, '%s': %s holds\n%s\n%s", p->conf, p->one->name ? p->one->name : "", topic, is,
            words);
    free(words);
    delete_topics(p);
}

static void cases_of_the_examples_hold_on_a_cluster(void **state)
{
    (void)state;
    glob_t found;
    size_t played = 0;
    assert_int_equal(glob("conf/examples/streams-*.test.jsonl", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct play p;
        if (open_play(&p, found.gl_pathv[i])) {
            play(&p);
            played++;
        }
        close_play(&p);
    }
    T_CHECK(played >= 5, "only %zu of %zu examples could be played", played, found.gl_pathc);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_of_the_examples_hold_on_a_cluster)};
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
