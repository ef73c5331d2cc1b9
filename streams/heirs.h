/* SPDX-License-Identifier: Apache-2.0
 *
 * Who would have which slot if processes left: what standby copies are kept by.
 *
 * The group deals in turn (struct kc_member_conf, dealt_in_turn): partition p of the state topic goes to member p mod n of the members in
 * the order of their instance ids where both have one, else of their member ids (librdkafka's roundrobin assignor). Member ids begin
 * with the client id, so the members of a process stand side by side. When a process with T members leaves, partition p goes to place
 * p mod (n - T) of those who stay: for a given p that is, whoever leaves, one of two members, as the one who leaves stands behind that
 * place or not. Therefore a copy for the loss of any one process is kept twice, as long as all processes have as many members.
 *
 * Pure functions; any thread.
 */
#ifndef AQ_STREAMS_HEIRS_H
#define AQ_STREAMS_HEIRS_H

#include "base/arena.h"
#include "kafka/kafka.h"

#define ST_LOSSES_MAX 3 /* processes that leave at once: what num_standby_replicas may be */

/* The members in the order in which the group deals. */
struct st_heirs {
    const int32_t *process; /* of each, numbered from 0 */
    size_t members;
    int32_t processes;
    int32_t me; /* -1: this process has no member */
};

/* The process of a member by its name (instance id or client id): what is in front of the last '-', behind which its number in the
 * process stands, and an '@' with its address if it told one (kafka/ownership.c). */
struct aq_slice st_process_of(const char *name);

/* me: the name of any member of this process. What is found lives in the arena. */
struct st_heirs st_heirs_of(const struct kc_group *group, const char *me, struct aq_arena *arena);

/* For each slot whether it is not mine, and would be if some 1 to `losses` other processes left. */
void st_heirs_find(const struct st_heirs *heirs, int32_t losses, int32_t slots, bool *ret_keep);

#endif
