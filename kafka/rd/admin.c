/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin handle: opening, first contact, and the one way all admin requests are waited for. What concerns topics is in
 * admin_topics.c (reading) and admin_change.c (creating, growing, deleting), offsets in admin_offsets.c, groups in
 * admin_groups.c.
 *
 * It is a consumer handle without a group: no coordinator thread, and isolation.level=read_uncommitted makes its
 * watermarks the true ends (a producer handle's would be the last stable offsets).
 *
 * Threads: one owner; calls wait up to their timeout.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#define SLICE_MS 250
#define CLOSE_MS 2000

int krd_admin_open(const struct kc_cluster *cluster, const char *client_id, struct kc_admin **ret,
                   struct aq_err *err)
{
    rd_kafka_conf_t *rk_conf = krd_conf_new(cluster, KRD_ADMIN, client_id, err);
    if (!rk_conf) return err ? err->code : AQ_E_CONFIG;
    int code = krd_conf_set(rk_conf, "isolation.level", "read_uncommitted", err);
    if (code) {
        rd_kafka_conf_destroy(rk_conf);
        return code;
    }
    struct kc_admin *admin = aq_calloc(1, sizeof(*admin));
    code = krd_client_open(&admin->client, cluster, KRD_ADMIN, admin, rk_conf, err);
    if (code) {
        free(admin);
        return code;
    }
    admin->queue = rd_kafka_queue_new(admin->client.rk);
    *ret = admin;
    return 0;
}

void krd_admin_close(struct kc_admin *admin)
{
    if (!admin) return;
    rd_kafka_queue_destroy(admin->queue);
    if (!krd_client_close(&admin->client, false, CLOSE_MS)) return;
    krd_client_finish(&admin->client);
    free(admin);
}

int krd_admin_connect(struct kc_admin *admin, int64_t timeout_ms, char ret_cluster_id[KC_ID_MAX],
                      struct aq_err *err)
{
    int64_t started = aq_mono_us();
    int64_t until_us = started + timeout_ms * AQ_MS;
    struct krd_note note;
    do {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t error = rd_kafka_metadata(admin->client.rk, 0, NULL, &metadata, SLICE_MS);
        if (metadata) rd_kafka_metadata_destroy(metadata);
        char *id = error ? NULL : rd_kafka_clusterid(admin->client.rk, SLICE_MS);
        if (id) {
            snprintf(ret_cluster_id, KC_ID_MAX, "%s", id);
            rd_kafka_mem_free(admin->client.rk, id);
            return 0;
        }
        rd_kafka_poll(admin->client.rk, 0); /* serves the error callback */
        /* Waiting does not make a wrong password right. */
        if (krd_last_note(&admin->client, started, &note) && note.code == AQ_E_AUTH) {
            return aq_fail(err, AQ_E_AUTH, "%s", note.text);
        }
    } while (aq_mono_us() < until_us);
    if (krd_last_note(&admin->client, started, &note)) return aq_fail(err, AQ_E_UNREACHABLE, "%s", note.text);
    return aq_fail(err, AQ_E_UNREACHABLE, "cluster %s: no broker answered within %lld ms",
                   admin->client.cluster, (long long)timeout_ms);
}

rd_kafka_AdminOptions_t *krd_admin_options(struct kc_admin *admin, rd_kafka_admin_op_t op, int64_t timeout_ms)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client.rk, op);
    char text[256];
    rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, text, sizeof(text));
    return options;
}

int krd_admin_wait(struct kc_admin *admin, rd_kafka_event_type_t type, int64_t timeout_ms,
                   struct krd_try what, const char *resource, rd_kafka_event_t **ret_event,
                   struct aq_err *err)
{
    return krd_admin_wait_on(admin, admin->queue, type, timeout_ms, what, resource, ret_event, err);
}

int krd_admin_wait_on(struct kc_admin *admin, rd_kafka_queue_t *queue, rd_kafka_event_type_t type,
                      int64_t timeout_ms, struct krd_try what, const char *resource,
                      rd_kafka_event_t **ret_event, struct aq_err *err)
{
    *ret_event = NULL;
    /* The client's own timeout answers first; the second on top is for its main thread. */
    int64_t until_us = aq_mono_us() + (timeout_ms + 1000) * AQ_MS;
    while (aq_mono_us() < until_us) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SLICE_MS);
        if (!event) continue;
        if (rd_kafka_event_type(event) != type) {
            /* The late answer of a request that was given up. */
            rd_kafka_event_destroy(event);
            continue;
        }
        rd_kafka_resp_err_t error = rd_kafka_event_error(event);
        if (!error) {
            *ret_event = event;
            return 0;
        }
        int code =
            krd_fail(err, &admin->client, error, rd_kafka_event_error_string(event), what, "%s", resource);
        rd_kafka_event_destroy(event);
        return code;
    }
    return krd_fail(err, &admin->client, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what, "%s", resource);
}
