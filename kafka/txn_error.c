/* SPDX-License-Identifier: Apache-2.0
 *
 * What an error of a transactional call means. The special cases each have their reason beside them; everything the
 * client does not classify is the end of the handle, which is always safe: positions are on the sink.
 */
#include "kafka/txn_error.h"

#include <librdkafka/rdkafka.h>

#include "base/assert.h"
#include "base/err.h"

const char *kc_txn_call_name(enum kc_txn_call call)
{
    switch (call) {
    case KC_CALL_INIT: return "init_transactions";
    case KC_CALL_BEGIN: return "begin_transaction";
    case KC_CALL_SEND_OFFSETS: return "send_offsets_to_transaction";
    case KC_CALL_COMMIT: return "commit_transaction";
    case KC_CALL_ABORT: return "abort_transaction";
    }
    return "?";
}

/* The group coordinator refused this worker's generation: another worker owns (or is about to own) the task. The
 * client only asks for an abort; aborting is right, but going on afterwards is not, so this is more than TXN_ABORT. */
static bool is_stale_member(int rd_code)
{
    return rd_code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           rd_code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || rd_code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

/* Somebody has bumped the producer's epoch. Not always a rival: the client lacks KIP-588, so a transaction that the
 * broker timed out looks the same. Either way this handle is done and the next one starts with init_transactions. */
static bool is_fenced_producer(int rd_code)
{
    return rd_code == RD_KAFKA_RESP_ERR__FENCED || rd_code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           rd_code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static bool is_timeout(int rd_code)
{
    return rd_code == RD_KAFKA_RESP_ERR__TIMED_OUT || rd_code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE ||
           rd_code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
}

/* An administrator has to act. Aborting and trying again at full speed would only repeat the refusal. */
static bool is_denied(int rd_code)
{
    return rd_code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           rd_code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           rd_code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           rd_code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

int kc_txn_classify(const struct kc_txn_fault *fault)
{
    int rd_code = fault->rd_code;
    AQ_ASSERT(rd_code != RD_KAFKA_RESP_ERR_NO_ERROR);

    if (fault->call == KC_CALL_SEND_OFFSETS && is_stale_member(rd_code)) return AQ_E_FENCED;
    if (is_fenced_producer(rd_code)) return AQ_E_FENCED;
    if (fault->fatal || is_denied(rd_code)) return AQ_E_FATAL;

    /* Another call of this producer is unfinished (_CONFLICT) or running (_PREV_IN_PROGRESS). The client marks both as
     * retriable, but our helper thread finishes every call before the next: retrying would spin for ever. */
    if (rd_code == RD_KAFKA_RESP_ERR__CONFLICT || rd_code == RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS)
        return AQ_E_FATAL;

    /* 2.0.2 cannot resume send_offsets_to_transaction(), and when it has used up the transaction's time the broker
     * will abort anyway. Repeating it could also leave a late TxnOffsetCommit of the first try on the way. */
    if (fault->call == KC_CALL_SEND_OFFSETS && is_timeout(rd_code)) return AQ_E_TXN_ABORT;

    /* The other calls go on in the background after a time-out and are resumed by calling again. */
    if (fault->retriable || is_timeout(rd_code)) return AQ_E_TXN_RETRY;

    if (fault->requires_abort) {
        /* An abort that failed has put the client back to before it: the same call again. */
        if (fault->call == KC_CALL_ABORT) return AQ_E_TXN_RETRY;
        /* The transaction failed locally while EndTxn was on its way: the broker may have committed. Taking that for
         * "not committed" would replay what is there already. */
        if (fault->call == KC_CALL_COMMIT && fault->end_sent) return AQ_E_FATAL;
        return AQ_E_TXN_ABORT;
    }

    /* _STATE: our idea of the transaction is not the client's. Everything unknown is treated the same, as the client's
     * documentation asks. */
    return AQ_E_FATAL;
}
