/* SPDX-License-Identifier: Apache-2.0
 *
 * One librdkafka handle: opening it, what its callbacks record, and ending it without ever waiting for ever.
 *
 * Ordinary pass: krd_client_open() installs the log callback (lines go to our log, secrets masked), the error callback
 * (the few client-wide errors that mean something become notes) and the two interceptors that count transactional
 * requests and their answers. The owner takes notes in its turn. krd_client_close() ends the handle.
 * Failing pass: rd_kafka_consumer_close() and rd_kafka_destroy() can hang (op barrier reference leaks up to 2.6.0,
 * librdkafka #4486 #4362 #4724; a coordinator that never answers). They run on a thread of their own; when the
 * deadline passes, handle and thread are left behind, the log says so and the caller must keep alive what they reach.
 *
 * Invariants: callbacks only record; first_note < KRD_NOTES; a left-behind handle's struct krd_client is never freed.
 * Threads: the error callback runs where the owner polls or in its helper thread, log callback and interceptors in
 * librdkafka's own threads; notes are behind the lock, traffic is atomic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/secret.h"
#include "kafka/rd/rd.h"

/* ---- logs and errors ------------------------------------------------------------------------------------------------ */

static enum aq_level level_of(int syslog_level)
{
    /* librdkafka calls every lost connection an error; it reconnects by itself, so to us that is a warning. */
    if (syslog_level <= 2) return AQ_ERROR;
    if (syslog_level <= 4) return AQ_WARN;
    return syslog_level <= 6 ? AQ_INFO : AQ_DEBUG;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct krd_client *client = rk ? rd_kafka_opaque(rk) : NULL;
    enum aq_level ours =
        client && atomic_load(&((struct krd_client *)client)->quiet) ? AQ_DEBUG : level_of(level);
    if (!aq_log_enabled(ours)) return;
    char *masked = aq_strdup(text);
    conf_mask(masked);
    aq_log(ours, masked, aq_fs("kafka", facility), aq_fs("cluster", client ? client->cluster : "?"),
           aq_fs("client", rk ? rd_kafka_name(rk) : "?"));
    free(masked);
}

void krd_note(struct krd_client *client, int rd_code, const char *text)
{
    struct krd_note note = {.code = krd_code(rd_code, 0), .rd_code = rd_code};
    note.skip = snprintf(note.text, sizeof(note.text), "cluster %.100s: ", client->cluster);
    AQ_ASSERT(note.skip > 0 && note.skip < (int)sizeof(note.text));
    snprintf(note.text + note.skip, sizeof(note.text) - (size_t)note.skip, "%s", text);
    conf_mask(note.text + note.skip);

    pthread_mutex_lock(&client->lock);
    client->last = note;
    client->last_us = aq_mono_us();
    /* A lost connection alone is the client's own business; all brokers gone, a refusal, a partition that is not there
     * or a fatal error is ours. */
    bool matters = rd_code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || note.code == AQ_E_AUTH ||
                   note.code == AQ_E_DENIED || note.code == AQ_E_UNKNOWN_TOPIC || note.code == AQ_E_FENCED ||
                   note.code == AQ_E_FATAL;
    if (matters) {
        /* Full: the oldest goes, what counts is the present. */
        if (client->n_notes == KRD_NOTES) {
            client->first_note = (client->first_note + 1) % KRD_NOTES;
            client->n_notes--;
        }
        client->notes[(client->first_note + client->n_notes++) % KRD_NOTES] = note;
    }
    AQ_ASSERT(client->first_note < KRD_NOTES && client->n_notes <= KRD_NOTES);
    pthread_mutex_unlock(&client->lock);
}

static void on_error(rd_kafka_t *rk, int rd_code, const char *text, void *opaque)
{
    struct krd_client *client = opaque;
    char fatal[512] = "";
    if (rd_code == RD_KAFKA_RESP_ERR__FATAL) {
        /* The real reason hides behind _FATAL; a fencing keeps its own code. */
        int real = rd_kafka_fatal_error(rk, fatal, sizeof(fatal));
        if (krd_code(real, 0) == AQ_E_FENCED) rd_code = real;
        if (fatal[0]) text = fatal;
    }
    krd_note(client, rd_code, text);
}

bool krd_take_note(struct krd_client *client, struct krd_note *ret)
{
    pthread_mutex_lock(&client->lock);
    bool some = client->n_notes > 0;
    if (some) {
        *ret = client->notes[client->first_note];
        client->first_note = (client->first_note + 1) % KRD_NOTES;
        client->n_notes--;
    }
    pthread_mutex_unlock(&client->lock);
    return some;
}

bool krd_last_note(struct krd_client *client, int64_t since_us, struct krd_note *ret)
{
    pthread_mutex_lock(&client->lock);
    bool some = client->last_us != 0 && client->last_us >= since_us;
    if (some) *ret = client->last;
    pthread_mutex_unlock(&client->lock);
    return some;
}

/* ---- traffic -------------------------------------------------------------------------------------------------------- */

static struct krd_traffic *traffic_of(struct krd_client *client, int16_t api_key)
{
    switch (api_key) {
    case 9: return &client->traffic[KRD_OFFSET_FETCH];
    case 24: return &client->traffic[KRD_ADD_PARTITIONS];
    case 25: return &client->traffic[KRD_ADD_OFFSETS];
    case 26: return &client->traffic[KRD_END_TXN];
    case 28: return &client->traffic[KRD_TXN_OFFSET_COMMIT];
    default: return NULL;
    }
}

static rd_kafka_resp_err_t on_request_sent(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id,
                                           int16_t api_key, int16_t api_version, int32_t correlation,
                                           size_t size, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)correlation, (void)size;
    struct krd_traffic *traffic = traffic_of(opaque, api_key);
    if (traffic) {
        atomic_fetch_add(&traffic->sent, 1);
        atomic_store(&traffic->version, api_version);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Set in the client's broker threads. An answer passes on_response_received twice, in the broker thread that read it and
 * again in the thread it is handed to; the first time counts. (Nothing else tells the two calls apart: the correlation
 * id it is given is not the request's.) */
static _Thread_local bool in_broker_thread;

static rd_kafka_resp_err_t on_thread_start(rd_kafka_t *rk, rd_kafka_thread_type_t type, const char *name,
                                           void *opaque)
{
    (void)rk, (void)name, (void)opaque;
    in_broker_thread = type == RD_KAFKA_THREAD_BROKER;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_response_received(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id,
                                                int16_t api_key, int16_t api_version, int32_t correlation,
                                                size_t size, int64_t rtt, rd_kafka_resp_err_t error,
                                                void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)api_version, (void)correlation, (void)size,
        (void)rtt;
    /* Called with an error for requests that timed out or lost their connection: those were never answered. */
    bool counts = in_broker_thread && !error;
    struct krd_traffic *traffic = counts ? traffic_of(opaque, api_key) : NULL;
    if (traffic) atomic_fetch_add(&traffic->answered, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *text,
                                  size_t size)
{
    (void)conf, (void)text, (void)size;
    rd_kafka_resp_err_t error =
        rd_kafka_interceptor_add_on_request_sent(rk, "aqueduct", on_request_sent, opaque);
    if (!error)
        error = rd_kafka_interceptor_add_on_response_received(rk, "aqueduct", on_response_received, opaque);
    if (!error) error = rd_kafka_interceptor_add_on_thread_start(rk, "aqueduct", on_thread_start, opaque);
    return error;
}

void krd_traffic_reset(struct krd_client *client)
{
    for (int api = 0; api < KRD_API_COUNT; api++) {
        atomic_store(&client->traffic[api].sent, 0);
        atomic_store(&client->traffic[api].answered, 0);
    }
}

unsigned krd_traffic_unanswered(const struct krd_client *client, enum krd_api api)
{
    AQ_ASSERT(api < KRD_API_COUNT);
    struct krd_traffic *traffic = (struct krd_traffic *)&client->traffic[api];
    unsigned answered = atomic_load(&traffic->answered);
    unsigned sent = atomic_load(&traffic->sent);
    /* An answer to a request of before the reset may make it look like one too many; that is no lost answer. */
    return sent > answered ? sent - answered : 0;
}

/* ---- opening and ending --------------------------------------------------------------------------------------------- */

static char *copy_property(const struct kc_cluster *cluster, const char *name)
{
    for (size_t i = 0; i < cluster->n_properties; i++)
        if (strcmp(cluster->properties[i].name, name) == 0) return aq_strdup(cluster->properties[i].value);
    return aq_strdup("");
}

int krd_client_open(struct krd_client *client, const struct kc_cluster *cluster, enum krd_role role,
                    void *self, rd_kafka_conf_t *conf, struct aq_err *err)
{
    AQ_ASSERT(conf && self);
    *client = (struct krd_client){.role = role,
                                  .self = self,
                                  .cluster = aq_strdup(cluster->name),
                                  .sasl_username = copy_property(cluster, "sasl.username"),
                                  .sasl_password = copy_property(cluster, "sasl.password")};
    pthread_mutex_init(&client->lock, NULL);
    for (int api = 0; api < KRD_API_COUNT; api++) atomic_store(&client->traffic[api].version, -1);

    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_interceptor_add_on_new(conf, "aqueduct", on_new, client);

    char text[512] = "";
    client->rk =
        rd_kafka_new(role == KRD_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (client->rk) return 0;

    rd_kafka_conf_destroy(conf); /* rd_kafka_new() takes it only when it succeeds */
    aq_fail(err, AQ_E_CONFIG, "cluster %s: the client refuses its configuration: %s", cluster->name, text);
    if (err) conf_mask(err->text);
    krd_client_finish(client);
    return AQ_E_CONFIG;
}

void krd_client_finish(struct krd_client *client)
{
    AQ_ASSERT(!client->rk);
    pthread_mutex_destroy(&client->lock);
    free(client->cluster);
    free(client->sasl_username);
    free(client->sasl_password);
    client->cluster = client->sasl_username = client->sasl_password = NULL;
}

/* Shared by the closing thread and its caller; whoever is last frees it. */
struct ending {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    rd_kafka_t *rk;
    bool leave_group;
    bool done;
    bool given_up;
};

static void ending_free(struct ending *ending)
{
    pthread_cond_destroy(&ending->changed);
    pthread_mutex_destroy(&ending->lock);
    free(ending);
}

static void *end_handle(void *arg)
{
    struct ending *ending = arg;
    if (ending->leave_group) rd_kafka_consumer_close(ending->rk);
    /* Without leave_group there is no group to leave and nothing to commit: skip the implicit close, which asks the
     * coordinator and is the part that hangs. */
    rd_kafka_destroy_flags(ending->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);

    pthread_mutex_lock(&ending->lock);
    ending->done = true;
    bool mine = ending->given_up;
    pthread_cond_signal(&ending->changed);
    pthread_mutex_unlock(&ending->lock);
    if (mine) ending_free(ending);
    return NULL;
}

static bool wait_for_end(struct ending *ending, int64_t deadline_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += deadline_ms / 1000;
    until.tv_nsec += (deadline_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&ending->lock);
    while (!ending->done && pthread_cond_timedwait(&ending->changed, &ending->lock, &until) == 0) continue;
    bool done = ending->done;
    ending->given_up = !done;
    pthread_mutex_unlock(&ending->lock);
    return done;
}

bool krd_client_close(struct krd_client *client, bool leave_group, int64_t deadline_ms)
{
    AQ_ASSERT(client->rk && deadline_ms >= 0);
    struct ending *ending = aq_calloc(1, sizeof(*ending));
    ending->rk = client->rk;
    ending->leave_group = leave_group;
    pthread_mutex_init(&ending->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&ending->changed, &attr);
    pthread_condattr_destroy(&attr);

    pthread_t thread;
    int failed = pthread_create(&thread, NULL, end_handle, ending);
    AQ_ASSERT(failed == 0);
    bool done = wait_for_end(ending, deadline_ms);
    if (done) {
        pthread_join(thread, NULL);
        ending_free(ending);
        client->rk = NULL;
        return true;
    }
    pthread_detach(thread);
    aq_log(AQ_WARN, "kafka client did not end in time and is left behind", aq_fs("cluster", client->cluster),
           aq_fi("deadline_ms", deadline_ms));
    return false;
}
