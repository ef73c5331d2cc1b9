/* SPDX-License-Identifier: Apache-2.0
 *
 * The group coordinator: members, generations, and the assignment that librdkafka's round-robin assignor would make.
 *
 * Ordinary pass: somebody joins, leaves or wants another assignment: the group prepares. Every member hears of it by its
 * next poll, gives up what it has and joins again; when the last one has joined, the next generation begins with a new
 * assignment. The old generation may commit until then: what was revoked is finished under it.
 * Failing pass: who is not heard of for its session's time is thrown out, and who does not join again in its rebalance
 * time is, too; neither may commit any more. A static member that comes back while its seat is still there gets it back
 * with what was assigned to it, and no generation passes; the handle that sat there before is fenced.
 *
 * Invariants: not preparing: every seat belongs to the generation; a group without seats is not preparing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/world.h"

/* ---- finding -------------------------------------------------------------------------------------------------------- */

struct sim_group *sim_group_find(struct sim_cluster *cluster, const char *id)
{
    AQ_ASSERT(id);
    struct sim_group *group = cluster->groups;
    while (group && strcmp(group->id, id) != 0) group = group->next;
    return group;
}

struct sim_group *sim_group_get(struct sim_cluster *cluster, const char *id)
{
    struct sim_group *group = sim_group_find(cluster, id);
    if (group) return group;
    group = aq_calloc(1, sizeof(*group));
    group->cluster = cluster;
    group->id = aq_strdup(id);
    group->next = cluster->groups;
    cluster->groups = group;
    return group;
}

struct sim_seat *sim_group_seat(const struct sim_group *group, const char *member_id)
{
    for (size_t i = 0; i < group->n_seats; i++)
        if (strcmp(group->seats[i]->member_id, member_id) == 0) return group->seats[i];
    return NULL;
}

struct sim_seat *sim_group_instance(const struct sim_group *group, const char *instance_id)
{
    for (size_t i = 0; i < group->n_seats; i++) {
        struct sim_seat *seat = group->seats[i];
        if (seat->instance_id && strcmp(seat->instance_id, instance_id) == 0) return seat;
    }
    return NULL;
}

/* ---- the assignment ------------------------------------------------------------------------------------------------- */

/* As librdkafka orders members: by instance id where both have one, else by member id. */
static int compare_seats(const void *a, const void *b)
{
    const struct sim_seat *one = *(struct sim_seat *const *)a;
    const struct sim_seat *other = *(struct sim_seat *const *)b;
    if (one->instance_id && other->instance_id) return strcmp(one->instance_id, other->instance_id);
    return strcmp(one->member_id, other->member_id);
}

static void deal_topic(struct sim_group *group, const char *topic)
{
    int32_t partitions = sim_topic_partitions(group->cluster, topic);
    size_t next = 0;
    for (int32_t partition = 0; partition < partitions; partition++) {
        while (strcmp(group->seats[next % group->n_seats]->topic, topic) != 0) next++;
        struct sim_seat *seat = group->seats[next++ % group->n_seats];
        seat->partitions[seat->n_partitions++] = partition;
    }
}

static void assign(struct sim_group *group)
{
    qsort(group->seats, group->n_seats, sizeof(struct sim_seat *), compare_seats);
    for (size_t i = 0; i < group->n_seats; i++) {
        struct sim_seat *seat = group->seats[i];
        seat->known_partitions = sim_topic_partitions(group->cluster, seat->topic);
        seat->n_partitions = 0;
        seat->partitions =
            aq_realloc(seat->partitions, ((size_t)seat->known_partitions + 1) * sizeof(int32_t));
    }
    for (size_t i = 0; i < group->n_seats; i++) {
        const char *topic = group->seats[i]->topic;
        bool dealt = false;
        for (size_t k = 0; k < i && !dealt; k++) dealt = strcmp(group->seats[k]->topic, topic) == 0;
        if (!dealt) deal_topic(group, topic);
    }
}

/* ---- generations ---------------------------------------------------------------------------------------------------- */

static void begin_generation(struct sim_group *group)
{
    group->preparing = false;
    group->generation++;
    assign(group);
    for (size_t i = 0; i < group->n_seats; i++) {
        group->seats[i]->joined = false;
        sim_group_heartbeat(group, group->seats[i]);
    }
}

static void begin_when_all_joined(struct sim_group *group)
{
    if (!group->preparing) return;
    for (size_t i = 0; i < group->n_seats; i++)
        if (!group->seats[i]->joined) return;
    begin_generation(group);
}

void sim_group_prepare(struct sim_group *group)
{
    if (group->preparing || group->n_seats == 0) return;
    group->preparing = true;
    int64_t longest = 0;
    for (size_t i = 0; i < group->n_seats; i++) {
        group->seats[i]->joined = false;
        if (group->seats[i]->rebalance_us > longest) longest = group->seats[i]->rebalance_us;
    }
    group->preparing_until_us = sim_now(group->cluster) + longest;
    sim_due(group->cluster, group->preparing_until_us);
}

void sim_group_heartbeat(struct sim_group *group, struct sim_seat *seat)
{
    seat->until_us = sim_now(group->cluster) + seat->session_us;
    sim_due(group->cluster, seat->until_us);
}

int sim_group_check(const struct sim_group *group, const char *member_id, int32_t generation)
{
    return sim_group_seat(group, member_id) && group->generation == generation ? 0 : AQ_E_FENCED;
}

/* ---- coming and going ----------------------------------------------------------------------------------------------- */

static char *new_member_id(struct sim_group *group, const struct kc_member_conf *conf)
{
    char text[KC_ID_MAX];
    sim_random_id(group->cluster->sim, text);
    return aq_asprintf("%s-%s", conf->instance_id ? conf->instance_id : conf->client_id, text);
}

static struct sim_seat *add_seat(struct sim_group *group, const struct kc_member_conf *conf)
{
    struct sim_seat *seat = aq_calloc(1, sizeof(*seat));
    seat->member_id = new_member_id(group, conf);
    seat->client_id = aq_strdup(conf->client_id);
    seat->instance_id = conf->instance_id ? aq_strdup(conf->instance_id) : NULL;
    seat->topic = aq_strdup(conf->topic);
    seat->session_us = conf->session_timeout_ms * AQ_MS;
    seat->rebalance_us = conf->max_poll_interval_ms * AQ_MS;
    if (group->n_seats == group->cap_seats) {
        group->cap_seats = group->cap_seats ? group->cap_seats * 2 : 4;
        group->seats = aq_realloc(group->seats, group->cap_seats * sizeof(struct sim_seat *));
    }
    group->seats[group->n_seats++] = seat;
    return seat;
}

static void free_seat(struct sim_seat *seat)
{
    free(seat->member_id);
    free(seat->client_id);
    free(seat->instance_id);
    free(seat->topic);
    free(seat->partitions);
    free(seat);
}

static void remove_seat(struct sim_group *group, size_t i)
{
    AQ_ASSERT(i < group->n_seats);
    free_seat(group->seats[i]);
    group->n_seats--;
    memmove(&group->seats[i], &group->seats[i + 1], (group->n_seats - i) * sizeof(struct sim_seat *));
}

/* Seats were taken away: the others share what is free now. */
static void after_removal(struct sim_group *group)
{
    if (group->n_seats == 0) {
        group->preparing = false;
        group->generation++; /* the empty generation, as on a broker */
    } else if (group->preparing) {
        begin_when_all_joined(group);
    } else {
        sim_group_prepare(group);
    }
}

struct sim_seat *sim_group_join(struct sim_group *group, const struct kc_member_conf *conf)
{
    AQ_ASSERT(conf->session_timeout_ms > 0 && conf->max_poll_interval_ms > 0);
    struct sim_seat *seat = conf->instance_id ? sim_group_instance(group, conf->instance_id) : NULL;
    if (seat && strcmp(seat->topic, conf->topic) == 0) {
        free(seat->member_id);
        free(seat->client_id);
        seat->member_id = new_member_id(group, conf);
        seat->client_id = aq_strdup(conf->client_id);
        sim_group_heartbeat(group, seat);
        if (group->preparing) sim_group_rejoin(group, seat);
        return seat;
    }
    if (seat) sim_group_leave(group, seat); /* same name, another subscription: nothing to keep */
    seat = add_seat(group, conf);
    sim_group_heartbeat(group, seat);
    sim_group_prepare(group);
    sim_group_rejoin(group, seat);
    return seat;
}

void sim_group_rejoin(struct sim_group *group, struct sim_seat *seat)
{
    AQ_ASSERT(group->preparing);
    seat->joined = true;
    begin_when_all_joined(group);
}

void sim_group_leave(struct sim_group *group, struct sim_seat *seat)
{
    size_t i = 0;
    while (i < group->n_seats && group->seats[i] != seat) i++;
    remove_seat(group, i);
    after_removal(group);
}

/* ---- what time does ------------------------------------------------------------------------------------------------- */

int64_t sim_groups_due(const struct sim_cluster *cluster)
{
    int64_t due = SIM_NEVER;
    for (const struct sim_group *group = cluster->groups; group; group = group->next) {
        if (group->preparing && group->preparing_until_us < due) due = group->preparing_until_us;
        for (size_t i = 0; i < group->n_seats; i++)
            if (group->seats[i]->until_us < due) due = group->seats[i]->until_us;
    }
    return due;
}

static void expire(struct sim_group *group, int64_t now)
{
    bool too_late = group->preparing && group->preparing_until_us <= now;
    size_t before = group->n_seats;
    for (size_t i = group->n_seats; i-- > 0;) {
        const struct sim_seat *seat = group->seats[i];
        if (seat->until_us <= now || (too_late && !seat->joined)) remove_seat(group, i);
    }
    if (group->n_seats < before) after_removal(group);
}

void sim_groups_fire(struct sim_cluster *cluster, int64_t now)
{
    for (struct sim_group *group = cluster->groups; group; group = group->next) expire(group, now);
}

void sim_groups_finish(struct sim_cluster *cluster)
{
    while (cluster->groups) {
        struct sim_group *group = cluster->groups;
        cluster->groups = group->next;
        for (size_t i = 0; i < group->n_seats; i++) free_seat(group->seats[i]);
        sim_offsets_finish(group);
        free(group->seats);
        free(group->id);
        free(group);
    }
}
