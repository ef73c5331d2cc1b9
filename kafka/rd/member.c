/* SPDX-License-Identifier: Apache-2.0
 *
 * This worker's place in the group on the sink that shares out tasks: a consumer that subscribes to the state topic and
 * never reads it.
 *
 * Ordinary pass: krd_member_poll() serves the client; the rebalance callback takes the membership (assign) and queues a
 * change without answering the client, which keeps sending heartbeats and waits. The owner handles the change (resumes
 * or finishes tasks) and calls krd_member_answer(), which makes the client's assign or unassign call.
 * Failing pass: when the session has expired the callback says so (rd_kafka_assignment_lost) and the change is LOST:
 * there is no membership any more, at once. Errors of the group come as ERROR events between the changes.
 *
 * The partitions must be assigned for the group protocol to go on, but are never fetched: they are assigned at an
 * absolute offset (no look-up of committed offsets) and paused before and after the call: before, because the fetcher
 * starts with the assignment; after, because newer clients forget the pause when a partition is removed.
 *
 * Invariants: at most one change is with the owner (offered) and it is the oldest; membership is NULL from a loss, or
 * from the answer to an eager revocation, until the next assign callback.
 * Threads: the owner; while closing, the callback answers by itself on the closing thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

struct change {
    struct change *next;
    enum kc_member_event_kind kind;
    bool incremental;
    int32_t *partitions;
    size_t n_partitions;
    int code;
    char text[256];
};

struct kc_member {
    struct krd_client client;
    char *topic;
    struct kc_membership *membership;
    struct change *first; /* the one with the owner when offered */
    struct change *last;
    bool offered;
    rd_kafka_queue_t *commits; /* answers of krd_member_commit() */
    bool committing;
    atomic_bool closing;
};

static struct change *add_change(struct kc_member *member, enum kc_member_event_kind kind)
{
    struct change *change = aq_calloc(1, sizeof(*change));
    change->kind = kind;
    if (member->last) {
        member->last->next = change;
    } else {
        member->first = change;
    }
    member->last = change;
    return change;
}

static void drop_first(struct kc_member *member)
{
    struct change *change = member->first;
    AQ_ASSERT(change);
    member->first = change->next;
    if (!member->first) member->last = NULL;
    free(change->partitions);
    free(change);
}

static bool is_cooperative(rd_kafka_t *rk)
{
    const char *protocol = rd_kafka_rebalance_protocol(rk);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

/* The client's default behaviour, for when nobody is asked. */
static void answer_at_once(rd_kafka_t *rk, rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t *list)
{
    if (is_cooperative(rk)) {
        rd_kafka_error_t *error = event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                                      ? rd_kafka_incremental_assign(rk, list)
                                      : rd_kafka_incremental_unassign(rk, list);
        if (error) rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(rk, event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? list : NULL);
    }
}

static void forget_membership(struct kc_member *member)
{
    krd_membership_unref(member->membership);
    member->membership = NULL;
}

/* A member hears of a rebalance with its next heartbeat, and everybody waits for the last one to hear: half a second is what a scale-out
 * may take for that, whatever the session time-out is. */
static int64_t heartbeat_ms(const struct kc_member_conf *conf)
{
    int64_t quarter = conf->session_timeout_ms / 4;
    return quarter < 500 ? quarter : 500;
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct kc_member *member = ((struct krd_client *)opaque)->self;
    if (atomic_load(&member->closing)) {
        answer_at_once(rk, event, list);
        return;
    }
    bool assign = event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    struct kc_membership *membership = assign ? krd_membership_take(rk) : NULL;
    if (assign && !membership) {
        /* The client lost its place between the broker's answer and this call. Nobody may act on this assignment:
         * commits under it would pass unfenced. The client is told to go on, and reports the loss next. */
        struct change *change = add_change(member, KC_MEMBER_ERROR);
        change->code = AQ_E_AGAIN;
        snprintf(change->text, sizeof(change->text),
                 "group of %s on cluster %s: assignment without a generation, ignored", member->topic,
                 member->client.cluster);
        answer_at_once(rk, event, list);
        return;
    }
    bool lost = !assign && rd_kafka_assignment_lost(rk);
    struct change *change = add_change(member, assign ? KC_MEMBER_ASSIGNED
                                               : lost ? KC_MEMBER_LOST
                                                      : KC_MEMBER_REVOKED);
    change->incremental = is_cooperative(rk);
    change->n_partitions = list ? (size_t)list->cnt : 0;
    change->partitions = aq_calloc(change->n_partitions + 1, sizeof(int32_t));
    for (size_t i = 0; i < change->n_partitions; i++) change->partitions[i] = list->elems[i].partition;

    if (assign) {
        AQ_ASSERT(membership->generation >= 0 && membership->member_id[0]);
        forget_membership(member);
        member->membership = membership;
    } else if (lost) {
        forget_membership(member);
    }
}

int krd_member_open(const struct kc_cluster *cluster, const struct kc_member_conf *conf,
                    struct kc_member **ret, struct aq_err *err)
{
    AQ_ASSERT(conf->group_id && conf->topic);
    rd_kafka_conf_t *rk_conf = krd_conf_new(cluster, KRD_MEMBER, conf->client_id, err);
    if (!rk_conf) return err ? err->code : AQ_E_CONFIG;
    /* The cooperative protocol of the client loops, hangs or loses assignments before 2.10 (#4800, #4527, #4059). */
    bool sticky = KRD_AT_LEAST(2, 10) && !conf->dealt_in_turn;
    const char *strategy = sticky ? "cooperative-sticky" : "roundrobin";
    int code = krd_conf_set(rk_conf, "group.id", conf->group_id, err);
    if (!code && conf->instance_id) code = krd_conf_set(rk_conf, "group.instance.id", conf->instance_id, err);
    if (!code) code = krd_conf_set(rk_conf, "partition.assignment.strategy", strategy, err);
    if (!code) code = krd_conf_set(rk_conf, "isolation.level", "read_committed", err);
    if (!code) code = krd_conf_set_int(rk_conf, "session.timeout.ms", conf->session_timeout_ms, err);
    if (!code) code = krd_conf_set_int(rk_conf, "heartbeat.interval.ms", heartbeat_ms(conf), err);
    if (!code) code = krd_conf_set_int(rk_conf, "max.poll.interval.ms", conf->max_poll_interval_ms, err);
    /* Never read, so never prefetched. */
    if (!code) code = krd_conf_set(rk_conf, "queued.max.messages.kbytes", "1", err);
    if (code) {
        rd_kafka_conf_destroy(rk_conf);
        return code;
    }
    rd_kafka_conf_set_rebalance_cb(rk_conf, on_rebalance);

    struct kc_member *member = aq_calloc(1, sizeof(*member));
    code = krd_client_open(&member->client, cluster, KRD_MEMBER, member, rk_conf, err);
    if (code) {
        free(member);
        return code;
    }
    rd_kafka_poll_set_consumer(member->client.rk);
    member->commits = rd_kafka_queue_new(member->client.rk);
    member->topic = aq_strdup(conf->topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, conf->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(member->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        code = krd_fail(err, &member->client, error, NULL, (struct krd_try){"join", "Read"}, "group %s",
                        conf->group_id);
        krd_member_close(member, 5000);
        return code;
    }
    *ret = member;
    return 0;
}

/* The real reason hides behind _FATAL; a fencing keeps its own code. */
static int code_of(const struct kc_member *member, int rd_code)
{
    char text[512];
    if (rd_code == RD_KAFKA_RESP_ERR__FATAL &&
        krd_code(rd_kafka_fatal_error(member->client.rk, text, sizeof(text)), 0) == AQ_E_FENCED)
        return AQ_E_FENCED;
    return krd_code(rd_code, AQ_E_AGAIN);
}

static void serve(struct kc_member *member)
{
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(member->client.rk, 0);
        if (!message) break;
        /* A record that slipped through before the pause is nobody's; errors are told. */
        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF &&
            message->err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
            struct change *change = add_change(member, KC_MEMBER_ERROR);
            change->code = code_of(member, message->err);
            snprintf(change->text, sizeof(change->text), "group of %s on cluster %s: %s", member->topic,
                     member->client.cluster, rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    struct krd_note note;
    while (krd_take_note(&member->client, &note)) {
        struct change *change = add_change(member, KC_MEMBER_ERROR);
        change->code = note.code;
        snprintf(change->text, sizeof(change->text), "%s", note.text);
    }
}

bool krd_member_poll(struct kc_member *member, struct kc_member_event *ret)
{
    /* Also while a change is unanswered: this is what keeps max.poll.interval.ms from expiring. */
    serve(member);
    struct change *change = member->first;
    if (!change || member->offered) return false;
    *ret = (struct kc_member_event){
        .kind = change->kind,
        .partitions = change->partitions,
        .n_partitions = change->n_partitions,
        .incremental = change->incremental,
        .code = change->code,
    };
    snprintf(ret->text, sizeof(ret->text), "%s", change->text);
    if (change->kind == KC_MEMBER_ERROR) {
        drop_first(member);
    } else {
        member->offered = true;
    }
    return true;
}

static rd_kafka_topic_partition_list_t *list_of(const struct kc_member *member, const struct change *change)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)change->n_partitions);
    for (size_t i = 0; i < change->n_partitions; i++) {
        rd_kafka_topic_partition_list_add(list, member->topic, change->partitions[i])->offset = 0;
    }
    return list;
}

static rd_kafka_error_t *apply(struct kc_member *member, const struct change *change,
                               rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_t *rk = member->client.rk;
    bool assign = change->kind == KC_MEMBER_ASSIGNED;
    if (change->incremental) {
        return assign ? rd_kafka_incremental_assign(rk, list) : rd_kafka_incremental_unassign(rk, list);
    }
    rd_kafka_resp_err_t error = rd_kafka_assign(rk, assign ? list : NULL);
    return error ? rd_kafka_error_new(error, "%s", rd_kafka_err2str(error)) : NULL;
}

int krd_member_answer(struct kc_member *member, struct aq_err *err)
{
    AQ_ASSERT(member->offered && member->first && member->first->kind != KC_MEMBER_ERROR);
    struct change *change = member->first;
    bool assign = change->kind == KC_MEMBER_ASSIGNED;
    rd_kafka_topic_partition_list_t *list = list_of(member, change);
    if (assign && list->cnt) rd_kafka_pause_partitions(member->client.rk, list);
    rd_kafka_error_t *error = apply(member, change, list);
    if (assign && list->cnt && !error) rd_kafka_pause_partitions(member->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);

    /* After an eager revocation the client joins anew: the old generation ends here. A newer assign callback cannot
     * have come before this answer. */
    if (!assign && !change->incremental) forget_membership(member);
    drop_first(member);
    member->offered = false;
    if (!error) return 0;
    return krd_fail_error(err, &member->client, error, (struct krd_try){assign ? "take" : "give up", "Read"},
                          "partitions of topic %s", member->topic);
}

struct kc_membership *krd_member_membership(struct kc_member *member)
{
    return krd_membership_ref(member->membership);
}

/* ---- committing without a transaction ------------------------------------------------------------------------------- */

int krd_member_commit(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
                      struct aq_err *err)
{
    AQ_ASSERT(!member->committing);
    rd_kafka_topic_partition_list_t *list = krd_offset_list(member->topic, offsets, n);
    rd_kafka_resp_err_t error = rd_kafka_commit_queue(member->client.rk, list, member->commits, NULL, NULL);
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return krd_fail(err, &member->client, error, NULL, (struct krd_try){"commit to", "Read"}, "topic %s",
                        member->topic);
    }
    member->committing = true;
    return 0;
}

bool krd_member_commit_poll(struct kc_member *member, int *ret_code)
{
    AQ_ASSERT(member->committing);
    rd_kafka_event_t *event = rd_kafka_queue_poll(member->commits, 0);
    if (!event) return false;
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; !error && list && i < list->cnt; i++) error = list->elems[i].err;
    rd_kafka_event_destroy(event);
    member->committing = false;
    /* While the group rebalances nobody's generation is current. */
    bool stale = error == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    *ret_code = stale ? AQ_E_FENCED : krd_code(error, AQ_E_AGAIN);
    return true;
}

void krd_member_close(struct kc_member *member, int64_t deadline_ms)
{
    if (!member) return;
    rd_kafka_queue_destroy(member->commits);
    atomic_store(&member->closing, true);
    if (!krd_client_close(&member->client, true, deadline_ms)) return;
    while (member->first) drop_first(member);
    forget_membership(member);
    free(member->topic);
    krd_client_finish(&member->client);
    free(member);
}
