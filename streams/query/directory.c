/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of instances (streams/query/directory.h).
 *
 * An ordinary pass: the first question describes the group and keeps what it says; the following ones are answered from that for a few
 * seconds. A slot that turns out to be elsewhere by now is looked up anew, but not more often than twice a second however many ask.
 *
 * A failing pass: the cluster does not answer: the question gets the reason, and the next one tries again. While the group is rebalancing the
 * coordinator does not say who has what, and so nobody is asked.
 *
 * Threads: lock is held while the cluster is asked.
 */
#include "streams/query/directory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

#define GOOD_US    (5 * AQ_SEC)
#define FRESH_US   (500 * AQ_MS)
#define TIMEOUT_MS 3000

struct st_directory {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    pthread_mutex_t lock; /* guards what follows */
    struct kc_admin *admin;
    struct kc_group group;
    bool known;
    int64_t learnt_us;
};

struct st_directory *st_directory_create(const struct kc_ops *ops, const struct st_settings *settings)
{
    AQ_ASSERT(ops && settings);
    struct st_directory *directory = aq_calloc(1, sizeof(*directory));
    directory->ops = ops;
    directory->settings = settings;
    pthread_mutex_init(&directory->lock, NULL);
    return directory;
}

static void forget(struct st_directory *directory)
{
    if (directory->known) aq_arena_finish(&directory->group.arena);
    directory->known = false;
}

void st_directory_destroy(struct st_directory *directory)
{
    if (!directory) return;
    forget(directory);
    if (directory->admin) directory->ops->admin_close(directory->admin);
    pthread_mutex_destroy(&directory->lock);
    free(directory);
}

static int learn(struct st_directory *directory, struct aq_err *err)
{
    const struct kc_ops *ops = directory->ops;
    const struct kc_flow *flow = &directory->settings->flow;
    char id[KC_CLIENT_ID_MAX];
    kc_client_id(flow->client_prefix, "query", id);
    int rc = directory->admin ? 0 : ops->admin_open(flow->sink, id, &directory->admin, err);
    forget(directory);
    if (rc == 0)
        rc = ops->admin_describe_group(directory->admin, flow->group, flow->state_topic, TIMEOUT_MS,
                                       &directory->group, err);
    if (rc != 0) return rc;
    directory->known = true;
    directory->learnt_us = aq_mono_us();
    return 0;
}

const char *st_address_of(const char *client_id)
{
    const char *at = strrchr(client_id, '@');
    return at && st_application_server_is_fine(at + 1) ? at + 1 : NULL;
}

static bool has_slot(const struct kc_group_member *member, int32_t slot)
{
    for (size_t i = 0; i < member->n_partitions; i++)
        if (member->partitions[i] == slot) return true;
    return false;
}

static enum st_whereabouts look_up(const struct st_directory *directory, int32_t slot, char *address)
{
    const struct kc_group *group = &directory->group;
    if (!group->stable) return ST_AT_NOBODY;
    for (size_t i = 0; i < group->count; i++) {
        if (!has_slot(&group->list[i], slot)) continue;
        const char *told = st_address_of(group->list[i].client_id);
        if (told) snprintf(address, KC_ADDRESS_MAX, "%s", told);
        return told ? ST_AT_ADDRESS : ST_WITHOUT_ADDRESS;
    }
    return ST_AT_NOBODY;
}

enum st_whereabouts st_directory_find(struct st_directory *directory, int32_t slot, bool fresh, char *address,
                                      struct aq_err *err)
{
    enum st_whereabouts found = ST_NOT_KNOWN;
    address[0] = '\0';
    pthread_mutex_lock(&directory->lock);
    int64_t age = aq_mono_us() - directory->learnt_us;
    /* What nobody had is asked again as what turned out to be wrong is. */
    bool doubtful = fresh || (directory->known && look_up(directory, slot, address) == ST_AT_NOBODY);
    bool old = !directory->known || age >= (doubtful ? FRESH_US : GOOD_US);
    int rc = old ? learn(directory, err) : 0;
    address[0] = '\0';
    if (rc == 0) found = look_up(directory, slot, address);
    pthread_mutex_unlock(&directory->lock);
    return found;
}

static bool is_among(char (*list)[KC_ADDRESS_MAX], size_t n, const char *address)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], address) == 0) return true;
    return false;
}

size_t st_directory_others(struct st_directory *directory, const char *own, char (*list)[KC_ADDRESS_MAX],
                           size_t most)
{
    struct aq_err ignored;
    size_t n = 0;
    pthread_mutex_lock(&directory->lock);
    if (!directory->known) learn(directory, &ignored);
    for (size_t i = 0; directory->known && i < directory->group.count && n < most; i++) {
        const char *address = st_address_of(directory->group.list[i].client_id);
        if (!address || (own && strcmp(own, address) == 0) || is_among(list, n, address)) continue;
        snprintf(list[n++], KC_ADDRESS_MAX, "%s", address);
    }
    pthread_mutex_unlock(&directory->lock);
    return n;
}
