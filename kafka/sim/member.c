/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's place in a group: what the coordinator decided, told as changes that the owner answers.
 *
 * Ordinary pass: each poll is the heartbeat. It joins, finds an assignment (ASSIGNED), or hears that the group prepares
 * (REVOKED); after the answer to that the next poll joins again. Nobody is offered a second change before it has
 * answered the first, while heartbeats go on.
 * Failing pass: the coordinator does not know the member any more: what it had is LOST, at once, and it joins as a new
 * one. Somebody else has taken its instance id: ERROR with FENCED, and nothing after that, as over librdkafka; what it
 * commits is refused by the coordinator. A
 * topic that does not exist is told once and waited for.
 *
 * Invariants: membership is NULL before the first assignment, from a loss, and from the answer to a revocation, until the
 * next assignment. held counts the partitions it was given and did not give up.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

struct change {
    struct change *next;
    enum kc_member_event_kind kind;
    int code;
    size_t n_partitions;
    int32_t *partitions;
    char text[256];
};

struct kc_member {
    struct kc_member *next;
    struct sim_cluster *cluster;
    struct sim_group *group;
    struct kc_member_conf conf; /* with strings of its own */
    char *member_id;            /* NULL: not joined */
    int32_t generation;         /* of the newest assignment; -1: none */
    int32_t *partitions;
    size_t held;
    struct kc_membership *membership;
    struct change *first; /* the one with the owner when offered */
    bool offered;
    bool missing_told;
    bool fenced;
    bool abandoned;
    int64_t deaf_until_us; /* nothing is heard of the coordinator before */
    bool committing;
    bool commit_polled;
    int commit_code;
    struct kc_membership *commit_as;
    struct sim_offset_list offsets;
};

/* ---- open and close ------------------------------------------------------------------------------------------------- */

int sim_member_open(const struct kc_cluster *cluster, const struct kc_member_conf *conf,
                    struct kc_member **ret, struct aq_err *err)
{
    AQ_ASSERT(conf->group_id && conf->topic && conf->session_timeout_ms > 0);
    struct sim_cluster *found = sim_handle_open(cluster, err);
    if (!found) return AQ_E_UNREACHABLE;
    struct kc_member *member = aq_calloc(1, sizeof(*member));
    member->cluster = found;
    member->conf = *conf;
    member->conf.client_id = aq_strdup(conf->client_id);
    member->conf.group_id = aq_strdup(conf->group_id);
    member->conf.topic = aq_strdup(conf->topic);
    member->conf.instance_id = conf->instance_id ? aq_strdup(conf->instance_id) : NULL;
    member->group = sim_group_get(found, conf->group_id);
    member->generation = -1;
    member->next = found->members;
    found->members = member;
    *ret = member;
    return 0;
}

static void forget_membership(struct kc_member *member)
{
    sim_membership_unref(member->membership);
    member->membership = NULL;
}

static struct sim_seat *seat_of(const struct kc_member *member)
{
    return member->member_id ? sim_group_seat(member->group, member->member_id) : NULL;
}

static void forget_place(struct kc_member *member)
{
    free(member->member_id);
    member->member_id = NULL;
    member->generation = -1;
    member->held = 0;
    forget_membership(member);
}

static void drop_first(struct kc_member *member)
{
    struct change *change = member->first;
    member->first = change->next;
    free(change->partitions);
    free(change);
}

static void end_commit(struct kc_member *member)
{
    sim_offset_list_finish(&member->offsets);
    sim_membership_unref(member->commit_as);
    member->commit_as = NULL;
    member->committing = false;
}

void sim_member_close(struct kc_member *member, int64_t deadline_ms)
{
    (void)deadline_ms; /* nothing here can hang */
    if (!member) return;
    AQ_ASSERT(!member->offered || member->abandoned);
    struct sim_cluster *cluster = member->cluster;
    sim_settle(cluster);
    struct sim_seat *seat = seat_of(member);
    /* A static member leaves without a word, and its seat is kept for it. */
    if (seat && !seat->instance_id) sim_group_leave(member->group, seat);
    struct kc_member **at = &cluster->members;
    while (*at != member) at = &(*at)->next;
    *at = member->next;
    while (member->first) drop_first(member);
    if (member->committing) end_commit(member);
    forget_place(member);
    free(member->partitions);
    free((char *)member->conf.client_id);
    free((char *)member->conf.group_id);
    free((char *)member->conf.topic);
    free((char *)member->conf.instance_id);
    free(member);
    sim_handle_close(cluster);
}

static int run_commit(struct kc_member *member);

void kc_sim_abandon_member(struct kc_member *member)
{
    sim_settle(member->cluster);
    if (member->committing) {
        if (!member->commit_polled && sim_random_below(member->cluster->sim, 2)) run_commit(member);
        end_commit(member);
    }
    member->fenced = member->abandoned = true; /* hears nothing any more */
    forget_place(member);
}

void kc_sim_deafen_member(struct kc_member *member, int64_t us)
{
    AQ_ASSERT(us >= 0);
    member->deaf_until_us = sim_now(member->cluster) + us;
}

/* ---- hearing of changes --------------------------------------------------------------------------------------------- */

static struct change *add_change(struct kc_member *member, enum kc_member_event_kind kind,
                                 const int32_t *partitions, size_t n)
{
    struct change *change = aq_calloc(1, sizeof(*change));
    change->kind = kind;
    change->n_partitions = n;
    change->partitions = aq_calloc(n + 1, sizeof(int32_t));
    for (size_t i = 0; i < n; i++) change->partitions[i] = partitions[i];
    struct change **at = &member->first;
    while (*at) at = &(*at)->next;
    *at = change;
    return change;
}

static void add_lost(struct kc_member *member)
{
    if (member->held) add_change(member, KC_MEMBER_LOST, member->partitions, member->held);
    forget_place(member);
}

static void hear_fenced(struct kc_member *member)
{
    struct change *change = add_change(member, KC_MEMBER_ERROR, NULL, 0);
    change->code = AQ_E_FENCED; /* this handle can do nothing any more */
    snprintf(change->text, sizeof(change->text),
             "group %s on cluster %s: another member has taken the instance id %s", member->conf.group_id,
             member->cluster->name, member->conf.instance_id);
    member->fenced = true;
}

static void hear_missing(struct kc_member *member)
{
    if (member->missing_told) return;
    member->missing_told = true;
    struct change *change = add_change(member, KC_MEMBER_ERROR, NULL, 0);
    change->code = AQ_E_UNKNOWN_TOPIC;
    snprintf(change->text, sizeof(change->text), "group %s on cluster %s: topic %s is not there",
             member->conf.group_id, member->cluster->name, member->conf.topic);
}

static void join(struct kc_member *member)
{
    if (sim_topic_partitions(member->cluster, member->conf.topic) == 0) {
        hear_missing(member);
        return;
    }
    const struct sim_seat *seat = sim_group_join(member->group, &member->conf);
    member->member_id = aq_strdup(seat->member_id);
}

/* The coordinator has no seat for this member. */
static void without_seat(struct kc_member *member)
{
    bool replaced = member->member_id && member->conf.instance_id &&
                    sim_group_instance(member->group, member->conf.instance_id);
    if (replaced) {
        hear_fenced(member);
    } else if (member->held) {
        add_lost(member);
    } else {
        forget_place(member);
        join(member);
    }
}

static void take_assignment(struct kc_member *member, const struct sim_seat *seat)
{
    member->generation = member->group->generation;
    member->held = seat->n_partitions;
    member->partitions = aq_realloc(member->partitions, (seat->n_partitions + 1) * sizeof(int32_t));
    for (size_t i = 0; i < seat->n_partitions; i++) member->partitions[i] = seat->partitions[i];
    forget_membership(member);
    member->membership = sim_membership_new(member->conf.group_id, member->member_id, member->generation);
    add_change(member, KC_MEMBER_ASSIGNED, member->partitions, member->held);
}

/* One heartbeat, and what its answer says. */
static void hear(struct kc_member *member)
{
    if (member->fenced || sim_now(member->cluster) < member->deaf_until_us) return;
    struct sim_seat *seat = seat_of(member);
    if (seat) sim_group_heartbeat(member->group, seat);
    if (member->first) return;
    if (!seat) {
        without_seat(member);
        return;
    }
    bool other_topic = seat->known_partitions != sim_topic_partitions(member->cluster, member->conf.topic);
    if (!member->group->preparing && other_topic) sim_group_prepare(member->group);
    if (member->group->preparing) {
        if (seat->joined) return;
        if (member->held) {
            add_change(member, KC_MEMBER_REVOKED, member->partitions, member->held);
        } else {
            sim_group_rejoin(member->group, seat);
        }
    } else if (member->generation != member->group->generation) {
        take_assignment(member, seat);
    }
}

bool sim_member_poll(struct kc_member *member, struct kc_member_event *ret)
{
    sim_settle(member->cluster);
    hear(member);
    struct change *change = member->first;
    if (!change || member->offered) return false;
    *ret = (struct kc_member_event){
        .kind = change->kind,
        .partitions = change->partitions,
        .n_partitions = change->n_partitions,
        .code = change->code,
    };
    snprintf(ret->text, sizeof(ret->text), "%s", change->text);
    if (change->kind == KC_MEMBER_ERROR) {
        ret->partitions = NULL;
        drop_first(member);
    } else {
        member->offered = true;
    }
    return true;
}

int sim_member_answer(struct kc_member *member, struct aq_err *err)
{
    (void)err;
    AQ_ASSERT(member->offered && member->first && member->first->kind != KC_MEMBER_ERROR);
    sim_settle(member->cluster);
    if (member->first->kind == KC_MEMBER_REVOKED) {
        /* The old generation ends here for this member: it joins anew. */
        member->held = 0;
        forget_membership(member);
    }
    drop_first(member);
    member->offered = false;
    return 0;
}

struct kc_membership *sim_member_membership(struct kc_member *member)
{
    return sim_membership_ref(member->membership);
}

/* ---- committing without a transaction ------------------------------------------------------------------------------- */

int sim_member_commit(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
                      struct aq_err *err)
{
    (void)err;
    AQ_ASSERT(!member->committing);
    sim_settle(member->cluster);
    sim_offset_list_fill(&member->offsets, member->conf.topic, offsets, n);
    member->commit_as = sim_membership_ref(member->membership);
    member->committing = true;
    member->commit_polled = false;
    return 0;
}

static int run_commit(struct kc_member *member)
{
    const struct kc_membership *as = member->commit_as;
    if (!as || sim_group_check(member->group, as->member_id, as->generation)) return AQ_E_FENCED;
    int code = 0;
    for (size_t i = 0; i < member->offsets.n; i++) {
        const struct kc_task_offset *offset = &member->offsets.list[i];
        if (sim_log_find(member->cluster, offset->topic, offset->partition)) {
            sim_offsets_put(member->group, offset->topic, offset, -1);
        } else {
            code = AQ_E_UNKNOWN_TOPIC;
        }
    }
    return code;
}

bool sim_member_commit_poll(struct kc_member *member, int *ret_code)
{
    AQ_ASSERT(member->committing);
    sim_settle(member->cluster);
    if (!member->commit_polled) {
        member->commit_polled = true;
        member->commit_code = run_commit(member);
        return false;
    }
    *ret_code = member->commit_code;
    end_commit(member);
    return true;
}

/* ---- for the world -------------------------------------------------------------------------------------------------- */

static bool is_busy(const struct kc_member *member)
{
    if (member->committing || member->first) return true;
    if (member->fenced) return false;
    const struct sim_seat *seat = seat_of(member);
    int32_t partitions = sim_topic_partitions(member->cluster, member->conf.topic);
    if (!seat) return member->held > 0 || partitions > 0 || !member->missing_told;
    if (member->group->preparing) return !seat->joined;
    return member->generation != member->group->generation || seat->known_partitions != partitions;
}

bool sim_members_busy(const struct sim_cluster *cluster)
{
    for (const struct kc_member *member = cluster->members; member; member = member->next)
        if (is_busy(member)) return true;
    return false;
}
