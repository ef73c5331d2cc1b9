/* SPDX-License-Identifier: Apache-2.0
 *
 * Which instance has which slot of the application, and where its HTTP side is: what the group knows. Every member tells it, behind an
 * '@' in its client id (kc_flow.address), and the coordinator says which partitions of the state topic each member has.
 *
 * Threads: any; one asks the cluster at a time, and the others wait for it.
 */
#ifndef AQ_STREAMS_QUERY_DIRECTORY_H
#define AQ_STREAMS_QUERY_DIRECTORY_H

#include "kafka/kafka.h"
#include "streams/settings.h"

struct st_directory;

enum st_whereabouts {
    ST_AT_ADDRESS,      /* an instance has it, and said where it is */
    ST_WITHOUT_ADDRESS, /* an instance has it, and did not */
    ST_AT_NOBODY,       /* the group is rebalancing, or has no members */
    ST_NOT_KNOWN,       /* the cluster did not answer; *err says why */
};

struct st_directory *st_directory_create(const struct kc_ops *ops, const struct st_settings *settings);
void st_directory_destroy(struct st_directory *directory);

/* [blocks] What is known is good for some seconds; fresh: what is known has turned out to be wrong, so only what was learnt a moment ago
 * will do. address: of KC_ADDRESS_MAX bytes, "" unless AT_ADDRESS. */
enum st_whereabouts st_directory_find(struct st_directory *directory, int32_t slot, bool fresh, char *address,
                                      struct aq_err *err);

/* [blocks] The addresses of all instances but `own` (may be NULL), each once. */
size_t st_directory_others(struct st_directory *directory, const char *own, char (*list)[KC_ADDRESS_MAX],
                           size_t most);

/* The address in a client id; NULL: there is none. */
const char *st_address_of(const char *client_id);

#endif
