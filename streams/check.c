/* SPDX-License-Identifier: Apache-2.0
 *
 * `check --connect` of an application: what would go wrong on its cluster, found before it runs.
 *
 * An ordinary pass: the cluster is reached; with its topics the tasks are worked out as at a start, so that missing topics and counts
 * that do not fit are found by the very code that would refuse them; repartition topics, sinks, the dead letter topic, the state
 * topic's facts and the group's members are looked at. Nothing is written, and nothing is created.
 *
 * A failing pass: each finding is one line. A cluster that does not answer ends the check.
 *
 * Threads: one caller. Everything blocks.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/report.h"
#include "kafka/state_topic.h"
#include "kafka/task_map.h"
#include "streams/app.h"
#include "streams/internal_topics.h"

#define ADMIN_TIMEOUT_MS 15000

struct check {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    const struct st_plan *plan;
    struct kc_admin *admin;
    struct kc_topics topics;
    char cluster_id[KC_ID_MAX];
    struct kc_report report;
};

static bool reach(struct check *c)
{
    struct aq_err err;
    const struct kc_cluster *cluster = c->settings->cluster;
    int rc = c->ops->admin_open(cluster, "aqueduct-check", &c->admin, &err);
    if (rc == 0) rc = c->ops->admin_connect(c->admin, ADMIN_TIMEOUT_MS, c->cluster_id, &err);
    if (rc == 0) rc = c->ops->admin_topics(c->admin, ADMIN_TIMEOUT_MS, &c->topics, &err);
    if (rc == 0)
        kc_say(&c->report, KC_OK, "cluster %s (%s): id %s, %d broker%s", cluster->name, cluster->brokers,
               c->cluster_id, c->topics.brokers, c->topics.brokers == 1 ? "" : "s");
    else
        kc_say(&c->report, KC_ERROR, "cluster %s (%s): %s", cluster->name, cluster->brokers, err.text);
    return rc == 0;
}

/* ---- sources and tasks -------------------------------------------------------------------------------------------- */

static void say_finding(struct check *c, const struct st_finding *finding)
{
    enum kc_verdict verdict = finding->severity == CONF_ERROR ? KC_ERROR : KC_WARN;
    const struct st_node *node = st_finding_place(finding);
    if (node)
        kc_say(&c->report, verdict, "%s '%s': %s", st_node_type_name(node->type), node->name, finding->text);
    else
        kc_say(&c->report, verdict, "%s", finding->text);
}

static struct st_tasks *work_out_tasks(struct check *c)
{
    struct st_findings findings;
    st_findings_init(&findings);
    struct st_tasks *tasks = st_tasks_on(c->plan, &c->topics, &findings);
    for (size_t i = 0; i < findings.count; i++) say_finding(c, &findings.list[i]);
    st_findings_finish(&findings);
    return tasks;
}

static void check_tasks(struct check *c, const struct st_tasks *tasks)
{
    int32_t sum = 0;
    for (size_t s = 0; s < tasks->plan->n_subtopologies; s++) sum += tasks->subtopologies[s].tasks;
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        const struct st_input *input = &tasks->inputs[i];
        if (input->source->side != ST_SOURCE_SIDE)
            kc_say(&c->report, KC_OK, "source '%s': topic %s has %d partition%s", input->source->name,
                   input->topic, input->partitions, input->partitions == 1 ? "" : "s");
    }
    kc_say(&c->report, KC_OK, "%zu sub-topolog%s, %d task%s", tasks->plan->n_subtopologies,
           tasks->plan->n_subtopologies == 1 ? "y" : "ies", sum, sum == 1 ? "" : "s");
}

static void check_repartition(struct check *c, const struct st_tasks *tasks, const struct st_node *node)
{
    const struct kc_topic *topic = kc_topics_find(&c->topics, node->topic);
    int32_t expected = st_repartition_count(tasks, node);
    if (!topic)
        kc_say(&c->report, KC_OK, "repartition '%s': topic %s will be created with %d partition%s",
               node->name, node->topic, expected, expected == 1 ? "" : "s");
    else if (topic->partitions == expected)
        kc_say(&c->report, KC_OK, "repartition '%s': topic %s has %d partition%s", node->name, node->topic,
               expected, expected == 1 ? "" : "s");
    else
        kc_say(
            &c->report, KC_ERROR,
            "repartition '%s': topic %s has %d partitions and must have %d; `aqueduct streams reset` deletes it while the "
            "application is stopped",
            node->name, node->topic, topic->partitions, expected);
}

/* ---- global tables ------------------------------------------------------------------------------------------------ */

/* A topic that deletes old records forgets rows nobody has deleted, at the next start. */
static void check_compacted(struct check *c, const struct st_node *node)
{
    struct kc_config_entry policy = {.name = "cleanup.policy"};
    struct aq_arena arena;
    struct aq_err err;
    const char *topic = node->topics[0];
    aq_arena_init(&arena, 256);
    int rc = c->ops->admin_topic_configs(c->admin, topic, &policy, 1, &arena, ADMIN_TIMEOUT_MS, &err);
    if (rc != 0)
        kc_say(&c->report, KC_WARN, "global table '%s': the configuration of topic %s cannot be read: %s",
               node->name, topic, err.text);
    else if (!policy.value || strcmp(policy.value, "compact") != 0)
        kc_say(
            &c->report, KC_WARN,
            "global table '%s': topic %s has cleanup.policy = %s: rows that retention deletes are missing after a "
            "restart, and without compaction every start reads all changes there ever were; set it to compact",
            node->name, topic, policy.value ? policy.value : "delete");
    aq_arena_finish(&arena);
}

static void check_global(struct check *c, const struct st_node *node)
{
    const struct kc_topic *found = kc_topics_find(&c->topics, node->topics[0]);
    if (!found)
        kc_say(&c->report, KC_ERROR, "global table '%s': topic %s does not exist: create it first",
               node->name, node->topics[0]);
    else if (found->error != 0)
        kc_say(&c->report, KC_ERROR, "global table '%s': topic %s: %s", node->name, node->topics[0],
               aq_code_text(found->error));
    else {
        kc_say(&c->report, KC_OK, "global table '%s': topic %s has %d partition%s", node->name,
               node->topics[0], found->partitions, found->partitions == 1 ? "" : "s");
        check_compacted(c, node);
    }
}

/* ---- what is written ---------------------------------------------------------------------------------------------- */

static void check_written(struct check *c, const char *what, const char *name, const char *topic)
{
    const struct kc_topic *found = kc_topics_find(&c->topics, topic);
    if (found && found->error == 0)
        kc_say(&c->report, KC_OK, "%s%s: topic %s has %d partition%s", what, name, topic, found->partitions,
               found->partitions == 1 ? "" : "s");
    else if (found)
        kc_say(&c->report, KC_ERROR, "%s%s: topic %s: %s", what, name, topic, aq_code_text(found->error));
    else if (c->settings->create_topics)
        kc_say(&c->report, KC_OK, "%s%s: topic %s will be created", what, name, topic);
    else
        kc_say(&c->report, KC_ERROR,
               "%s%s: topic %s does not exist and create_topics = false: create it first", what, name, topic);
}

static void check_nodes(struct check *c, const struct st_tasks *tasks)
{
    const struct st_topology *topology = c->plan->topology;
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        if (node->type == ST_REPARTITION && tasks) check_repartition(c, tasks, node);
        if (node->type == ST_GLOBAL_TABLE) check_global(c, node);
        if (node->type == ST_SINK && node->topic) check_written(c, "sink ", node->name, node->topic);
    }
    if (c->settings->dead_letter_topic) check_written(c, "dead letters", "", c->settings->dead_letter_topic);
}

/* ---- state and group ---------------------------------------------------------------------------------------------- */

static void check_facts(struct check *c)
{
    const struct kc_flow *flow = &c->settings->flow;
    struct kc_route_facts stored = {0}, ours = {.route = flow->name,
                                                .tasks = flow->tasks,
                                                .map_version = KC_TASK_MAP_BY_NAME};
    memcpy(ours.source_id, c->cluster_id, sizeof(ours.source_id));
    memcpy(ours.sink_id, c->cluster_id, sizeof(ours.sink_id));
    struct aq_arena arena;
    struct aq_err err = {0};
    int64_t low = 0, high = 0;
    bool found = false;
    aq_arena_init(&arena, 1024);
    int rc = c->ops->admin_watermarks(c->admin, flow->state_topic, 0, ADMIN_TIMEOUT_MS, &low, &high, &err);
    if (rc == 0) rc = kc_state_topic_facts(c->ops, flow, low, high, &arena, &stored, &found, &err);
    if (rc == 0 && found) rc = kc_facts_check(&stored, &ours, &err);
    if (rc == 0)
        kc_say(&c->report, KC_OK, "state topic %s: %d slots", flow->state_topic, flow->tasks);
    else
        kc_say(&c->report, KC_ERROR, "state topic %s: %s", flow->state_topic, err.text);
    aq_arena_finish(&arena);
}

static void check_state(struct check *c)
{
    const struct kc_flow *flow = &c->settings->flow;
    const struct kc_topic *topic = kc_topics_find(&c->topics, flow->state_topic);
    if (!topic)
        kc_say(&c->report, KC_OK, "state topic %s will be created with %d slots", flow->state_topic,
               flow->tasks);
    else if (topic->partitions != flow->tasks)
        kc_say(
            &c->report, KC_ERROR,
            "state topic %s has %d partitions and slots = %d: the number is fixed when the application first runs",
            flow->state_topic, topic->partitions, flow->tasks);
    else
        check_facts(c);
}

static void check_group(struct check *c)
{
    struct aq_err err;
    int32_t members = 0;
    const char *group = c->settings->flow.group;
    int rc = c->ops->admin_group_members(c->admin, group, ADMIN_TIMEOUT_MS, &members, &err);
    if (rc != 0)
        kc_say(&c->report, KC_ERROR, "group %s: %s", group, err.text);
    else
        kc_say(&c->report, KC_OK, "group %s: %d member%s now", group, members, members == 1 ? "" : "s");
}

size_t st_app_check_connected(const struct kc_ops *ops, const struct st_settings *settings,
                              const struct st_plan *plan, FILE *out)
{
    AQ_ASSERT(ops && settings && plan && out);
    struct check c = {.ops = ops, .settings = settings, .plan = plan, .report = {.out = out}};
    if (reach(&c)) {
        struct st_tasks *tasks = work_out_tasks(&c);
        if (tasks) check_tasks(&c, tasks);
        check_nodes(&c, tasks);
        check_state(&c);
        check_group(&c);
        st_tasks_destroy(tasks);
    }
    aq_arena_finish(&c.topics.arena);
    if (c.admin) ops->admin_close(c.admin);
    return c.report.errors;
}
