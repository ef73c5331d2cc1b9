/* SPDX-License-Identifier: Apache-2.0
 *
 * librdkafka's error codes in our words: one mapping, and one sentence that names verb, resource and cluster, and for
 * a refusal the operation an administrator has to allow.
 */
#include <stdio.h>

#include "base/assert.h"
#include "conf/secret.h"
#include "kafka/rd/rd.h"

int krd_code(int rd_code, int otherwise)
{
    switch (rd_code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return 0;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: return AQ_E_TIMEOUT;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE: return AQ_E_UNREACHABLE;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE: return AQ_E_AUTH;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED: return AQ_E_DENIED;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return AQ_E_UNKNOWN_TOPIC;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: return AQ_E_EXISTS;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: return AQ_E_TOO_LARGE;
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP: return AQ_E_BAD_TIMESTAMP;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD: return AQ_E_BAD_RECORD;
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT: return AQ_E_UNSTABLE;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID: return AQ_E_FENCED;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL: return AQ_E_FULL;
    case RD_KAFKA_RESP_ERR__FATAL: return AQ_E_FATAL;
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION: return AQ_E_UNSUPPORTED;
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR__WAIT_COORD: return AQ_E_AGAIN;
    case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP: return AQ_E_BUSY;
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: return AQ_E_CONFIG;
    default: return otherwise;
    }
}

__attribute__((format(printf, 6, 0))) static int fail(struct aq_err *err, const struct krd_client *client,
                                                      int rd_code, const char *detail, struct krd_try what,
                                                      const char *resource, va_list args)
{
    char name[320];
    vsnprintf(name, sizeof(name), resource, args);
    int code = krd_code(rd_code, AQ_E_IO);
    AQ_ASSERT(code < 0);
    if (code == AQ_E_DENIED) {
        return aq_fail(err, code, "DENIED: %s on %s of cluster %s", what.need, name, client->cluster);
    }
    if (!detail || !detail[0]) detail = rd_kafka_err2str((rd_kafka_resp_err_t)rd_code);
    aq_fail(err, code, "cannot %s %s of cluster %s: %s", what.verb, name, client->cluster, detail);
    if (err) conf_mask(err->text);
    return code;
}

int krd_fail(struct aq_err *err, const struct krd_client *client, int rd_code, const char *detail,
             struct krd_try what, const char *resource, ...)
{
    va_list args;
    va_start(args, resource);
    int code = fail(err, client, rd_code, detail, what, resource, args);
    va_end(args);
    return code;
}

int krd_fail_error(struct aq_err *err, const struct krd_client *client, rd_kafka_error_t *error,
                   struct krd_try what, const char *resource, ...)
{
    AQ_ASSERT(error);
    va_list args;
    va_start(args, resource);
    int code =
        fail(err, client, rd_kafka_error_code(error), rd_kafka_error_string(error), what, resource, args);
    va_end(args);
    rd_kafka_error_destroy(error);
    return code;
}
