/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker is called, towards its group and towards the coordinator of its transactions, and whether the one of the
 * one list is in the other.
 *
 *   of its clients        PREFIX-HOST-PID-INDEX
 *   of its member         PREFIX-HOST-PID-INDEX.NONCE, and "@ADDRESS" if the instance tells one
 *   of its transactions   TRANSACTIONAL_PREFIX.NAME.NONCE.INDEX.LANE
 *
 * NAME is the host's, or the instance id of static membership. The nonce is random for each worker's life: hosts and process numbers come
 * back (in containers all have number 1). A static member that comes back keeps, at the coordinator, the client id of its predecessor: it
 * is told by its instance id.
 *
 * Pure functions but for the host's name, the process number and the random nonce; any thread.
 */
#ifndef AQ_KAFKA_IDENTITY_H
#define AQ_KAFKA_IDENTITY_H

#include "kafka/flow.h"
#include "kafka/kafka.h"

#define KC_MEMBER_NAME_MAX      (KC_CLIENT_ID_MAX + 16 + KC_ADDRESS_MAX)
#define KC_TRANSACTIONAL_ID_MAX 640
#define KC_LANES                2 /* producers of a worker, see kafka/lane.h */

uint32_t kc_identity_nonce(void);
/* All return `id`, with the zero at its end. */
const char *kc_identity_client(const struct kc_flow *flow, int index, char id[KC_CLIENT_ID_MAX]);
const char *kc_identity_member(const struct kc_flow *flow, const char *client_id, uint32_t nonce,
                               char id[KC_MEMBER_NAME_MAX]);
const char *kc_identity_transactional(const struct kc_flow *flow, uint32_t nonce, int index, int lane,
                                      char id[KC_TRANSACTIONAL_ID_MAX]);

/* What a transactional id says. The name points into it. */
struct kc_writer {
    struct aq_slice name; /* host or instance id */
    uint32_t nonce;
    int index;
    size_t stem; /* bytes in front of the lane's letter: the same for all of a worker's ids */
};

/* False: not an id of a worker of this flow. */
bool kc_writer_read(const struct kc_flow *flow, const char *transactional_id, struct kc_writer *ret);

/* Of the same worker, that is; another life of the same static member counts as another worker. */
bool kc_writer_is(const struct kc_writer *one, const struct kc_writer *other);

enum kc_presence {
    KC_ABSENT,
    KC_PRESENT,
    KC_PRESENCE_UNKNOWN, /* a member does not say who it is: an older version */
};
enum kc_presence kc_writer_presence(const struct kc_writer *writer, const struct kc_group *group);

#endif
