/* SPDX-License-Identifier: Apache-2.0
 *
 * What an error of a transactional call means: one pure function, tested as a table.
 */
#ifndef AQ_KAFKA_TXN_ERROR_H
#define AQ_KAFKA_TXN_ERROR_H

#include <stdbool.h>

enum kc_txn_call { KC_CALL_INIT, KC_CALL_BEGIN, KC_CALL_SEND_OFFSETS, KC_CALL_COMMIT, KC_CALL_ABORT };

struct kc_txn_fault {
    enum kc_txn_call call;
    int rd_code; /* librdkafka's, never 0 */
    bool fatal;
    bool retriable;
    bool requires_abort;
    bool end_sent; /* an EndTxn of this transaction has left this machine */
};

/* AQ_E_TXN_RETRY  make the same call again
 * AQ_E_TXN_ABORT  certainly not committed: abort, go on from the last commit
 * AQ_E_FENCED     another owner has the task, or the broker timed the transaction out: give the handle up, be a member
 *                 again before reading positions
 * AQ_E_FATAL      give the handle up; a commit's outcome may be unknown: read the position before going on */
int kc_txn_classify(const struct kc_txn_fault *fault);

const char *kc_txn_call_name(enum kc_txn_call call);

#endif
