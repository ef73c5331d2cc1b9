/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker is called (kafka/identity.h).
 */
#include "kafka/identity.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/assert.h"

#define HOST_MOST  30 /* of the host's name in ids */
#define NONCE_LEN  8  /* hexadecimal digits */
#define INDEX_MOST 9  /* decimal digits */

/* ---- making ------------------------------------------------------------------------------------------------------- */

const char *kc_client_id(const char *prefix, const char *role, char id[KC_CLIENT_ID_MAX])
{
    AQ_ASSERT(!prefix || strlen(prefix) <= KC_CLIENT_PREFIX_MAX);
    snprintf(id, KC_CLIENT_ID_MAX, "%s-%s", prefix ? prefix : KC_CLIENT_PREFIX, role);
    return id;
}

/* Of a long name the end says who it is: pods of one deployment differ in it. */
static void host_name(char host[HOST_MOST + 1])
{
    char name[256] = "unknown";
    gethostname(name, sizeof(name) - 1);
    size_t len = strlen(name), most = len > HOST_MOST ? HOST_MOST : len;
    memcpy(host, name + len - most, most + 1);
}

uint32_t kc_identity_nonce(void)
{
    uint32_t nonce = 0;
    ssize_t got = getrandom(&nonce, sizeof(nonce), 0);
    AQ_ASSERT(got == (ssize_t)sizeof(nonce));
    return nonce;
}

const char *kc_identity_client(const struct kc_flow *flow, int index, char id[KC_CLIENT_ID_MAX])
{
    char host[HOST_MOST + 1], role[64];
    host_name(host);
    snprintf(role, sizeof(role), "%s-%d-%d", host, (int)getpid(), index);
    return kc_client_id(flow->client_prefix, role, id);
}

const char *kc_identity_member(const struct kc_flow *flow, const char *client_id, uint32_t nonce,
                               char id[KC_MEMBER_NAME_MAX])
{
    bool told = flow->address != NULL;
    snprintf(id, KC_MEMBER_NAME_MAX, "%s.%08x%s%s", client_id, nonce, told ? "@" : "",
             told ? flow->address : "");
    return id;
}

const char *kc_identity_transactional(const struct kc_flow *flow, uint32_t nonce, int index, int lane,
                                      char id[KC_TRANSACTIONAL_ID_MAX])
{
    char host[HOST_MOST + 1];
    AQ_ASSERT(lane >= 0 && lane < KC_LANES);
    host_name(host);
    int len = snprintf(id, KC_TRANSACTIONAL_ID_MAX, "%s.%s.%08x.%d.%c", flow->transactional_prefix,
                       flow->instance_id ? flow->instance_id : host, nonce, index, 'a' + lane);
    AQ_ASSERT(len < KC_TRANSACTIONAL_ID_MAX);
    return id;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* The last field of the text behind a '.'; *len is then what is in front of the '.'. False: there is none. */
static bool last_field(const char *text, size_t *len, struct aq_slice *ret)
{
    const char *dot = memrchr(text, '.', *len);
    if (!dot) return false;
    *ret = aq_slice_of(dot + 1, *len - (size_t)(dot + 1 - text));
    *len = (size_t)(dot - text);
    return true;
}

static bool read_nonce(struct aq_slice text, uint32_t *ret)
{
    if (text.len != NONCE_LEN) return false;
    *ret = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!isxdigit(c) || isupper(c)) return false;
        *ret = *ret * 16 + (uint32_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool read_index(struct aq_slice text, int *ret)
{
    if (text.len == 0 || text.len > INDEX_MOST) return false;
    *ret = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit((unsigned char)text.ptr[i])) return false;
        *ret = *ret * 10 + text.ptr[i] - '0';
    }
    return true;
}

bool kc_writer_read(const struct kc_flow *flow, const char *transactional_id, struct kc_writer *ret)
{
    size_t prefix = strlen(flow->transactional_prefix), len = strlen(transactional_id);
    struct aq_slice lane, index, nonce;
    if (strncmp(transactional_id, flow->transactional_prefix, prefix) != 0 || transactional_id[prefix] != '.')
        return false;
    if (!last_field(transactional_id, &len, &lane) || lane.len != 1) return false;
    if (lane.ptr[0] < 'a' || lane.ptr[0] >= 'a' + KC_LANES) return false;
    *ret = (struct kc_writer){.stem = len + 1};
    if (!last_field(transactional_id, &len, &index) || !read_index(index, &ret->index)) return false;
    if (!last_field(transactional_id, &len, &nonce) || !read_nonce(nonce, &ret->nonce)) return false;
    if (len <= prefix + 1) return false;
    ret->name = aq_slice_of(transactional_id + prefix + 1, len - prefix - 1);
    return true;
}

bool kc_writer_is(const struct kc_writer *one, const struct kc_writer *other)
{
    return one->nonce == other->nonce && one->index == other->index && aq_slice_equal(one->name, other->name);
}

/* ---- in the group ------------------------------------------------------------------------------------------------- */

/* What stands behind the last '.' of a member's name, its address not counted. */
static bool read_member(const char *name, uint32_t *ret_nonce)
{
    struct aq_slice nonce;
    size_t len = strcspn(name, "@");
    return last_field(name, &len, &nonce) && read_nonce(nonce, ret_nonce);
}

/* "NAME-INDEX" */
static bool is_instance(const struct kc_writer *writer, const char *instance_id)
{
    char text[KC_TRANSACTIONAL_ID_MAX];
    if (!instance_id) return false;
    snprintf(text, sizeof(text), "%.*s-%d", (int)writer->name.len, writer->name.ptr, writer->index);
    return strcmp(text, instance_id) == 0;
}

enum kc_presence kc_writer_presence(const struct kc_writer *writer, const struct kc_group *group)
{
    enum kc_presence presence = KC_ABSENT;
    for (size_t i = 0; i < group->count; i++) {
        const struct kc_group_member *member = &group->list[i];
        uint32_t nonce;
        if (is_instance(writer, member->instance_id)) return KC_PRESENT;
        if (!read_member(member->client_id, &nonce))
            presence = KC_PRESENCE_UNKNOWN;
        else if (nonce == writer->nonce)
            return KC_PRESENT;
    }
    return presence;
}
