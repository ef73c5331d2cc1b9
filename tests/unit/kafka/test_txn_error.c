/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "kafka/txn_error.h"

struct row {
    const char *what;
    struct kc_txn_fault fault;
    int expected;
};

#define FAULT(c, code, ...)                                           \
    {                                                                 \
        .call = (c), .rd_code = RD_KAFKA_RESP_ERR_##code, __VA_ARGS__ \
    }

static const struct row rows[] = {
    {"stale generation", FAULT(KC_CALL_SEND_OFFSETS, ILLEGAL_GENERATION, .requires_abort = true),
     AQ_E_FENCED},
    {"unknown member", FAULT(KC_CALL_SEND_OFFSETS, UNKNOWN_MEMBER_ID, .requires_abort = true), AQ_E_FENCED},
    {"fenced static member", FAULT(KC_CALL_SEND_OFFSETS, FENCED_INSTANCE_ID, .requires_abort = true),
     AQ_E_FENCED},
    {"rebalancing group is no proof of a rival",
     FAULT(KC_CALL_SEND_OFFSETS, REBALANCE_IN_PROGRESS, .requires_abort = true), AQ_E_TXN_ABORT},
    {"epoch bumped, fatal", FAULT(KC_CALL_COMMIT, _FENCED, .fatal = true), AQ_E_FENCED},
    {"epoch bumped by the broker's time-out",
     FAULT(KC_CALL_SEND_OFFSETS, INVALID_PRODUCER_EPOCH, .fatal = true), AQ_E_FENCED},
    {"fenced while starting", FAULT(KC_CALL_INIT, PRODUCER_FENCED, .fatal = true), AQ_E_FENCED},
    {"fatal", FAULT(KC_CALL_COMMIT, INVALID_TXN_STATE, .fatal = true), AQ_E_FATAL},
    {"fatal beats retriable", FAULT(KC_CALL_COMMIT, _TIMED_OUT, .fatal = true, .retriable = true),
     AQ_E_FATAL},
    {"init times out", FAULT(KC_CALL_INIT, _TIMED_OUT, .retriable = true), AQ_E_TXN_RETRY},
    {"init, coordinator loading", FAULT(KC_CALL_INIT, COORDINATOR_LOAD_IN_PROGRESS, .retriable = true),
     AQ_E_TXN_RETRY},
    {"commit times out", FAULT(KC_CALL_COMMIT, _TIMED_OUT, .retriable = true, .end_sent = true),
     AQ_E_TXN_RETRY},
    {"commit times out, not flagged", FAULT(KC_CALL_COMMIT, _TIMED_OUT, .end_sent = true), AQ_E_TXN_RETRY},
    {"abort times out", FAULT(KC_CALL_ABORT, _TIMED_OUT, .retriable = true), AQ_E_TXN_RETRY},
    {"send_offsets cannot be resumed", FAULT(KC_CALL_SEND_OFFSETS, _TIMED_OUT, .retriable = true),
     AQ_E_TXN_ABORT},
    {"send_offsets, request timed out", FAULT(KC_CALL_SEND_OFFSETS, REQUEST_TIMED_OUT), AQ_E_TXN_ABORT},
    {"send_offsets, coordinator moves", FAULT(KC_CALL_SEND_OFFSETS, NOT_COORDINATOR, .retriable = true),
     AQ_E_TXN_RETRY},
    {"another call unfinished", FAULT(KC_CALL_ABORT, _CONFLICT, .retriable = true), AQ_E_FATAL},
    {"the same call is running", FAULT(KC_CALL_COMMIT, _PREV_IN_PROGRESS, .retriable = true), AQ_E_FATAL},
    {"commit of a failed transaction", FAULT(KC_CALL_COMMIT, INVALID_TIMESTAMP, .requires_abort = true),
     AQ_E_TXN_ABORT},
    {"commit failed locally while EndTxn was out",
     FAULT(KC_CALL_COMMIT, _TRANSPORT, .requires_abort = true, .end_sent = true), AQ_E_FATAL},
    {"abort failed, to be repeated",
     FAULT(KC_CALL_ABORT, UNKNOWN_PRODUCER_ID, .requires_abort = true, .end_sent = true), AQ_E_TXN_RETRY},
    {"metadata too large", FAULT(KC_CALL_SEND_OFFSETS, OFFSET_METADATA_TOO_LARGE, .requires_abort = true),
     AQ_E_TXN_ABORT},
    {"group denied", FAULT(KC_CALL_SEND_OFFSETS, GROUP_AUTHORIZATION_FAILED, .requires_abort = true),
     AQ_E_FATAL},
    {"state topic denied", FAULT(KC_CALL_SEND_OFFSETS, TOPIC_AUTHORIZATION_FAILED, .requires_abort = true),
     AQ_E_FATAL},
    {"transactional id denied", FAULT(KC_CALL_INIT, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, .fatal = true),
     AQ_E_FATAL},
    {"wrong state", FAULT(KC_CALL_COMMIT, _STATE), AQ_E_FATAL},
    {"wrong state at begin", FAULT(KC_CALL_BEGIN, _STATE), AQ_E_FATAL},
    {"unknown", FAULT(KC_CALL_COMMIT, UNKNOWN), AQ_E_FATAL},
};

static void every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int got = kc_txn_classify(&rows[i].fault);
        if (got != rows[i].expected) {
            fail_msg("%s (%s): %s, expected %s", rows[i].what, kc_txn_call_name(rows[i].fault.call),
                     aq_code_name(got), aq_code_name(rows[i].expected));
        }
    }
}

/* Whatever the error: a commit whose EndTxn is out is never called "certainly not committed". */
static void unknown_outcome_is_never_an_abort(void **state)
{
    (void)state;
    for (int code = RD_KAFKA_RESP_ERR__BEGIN; code < RD_KAFKA_RESP_ERR_END_ALL; code++) {
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        for (int flags = 0; flags < 8; flags++) {
            struct kc_txn_fault fault = {.call = KC_CALL_COMMIT,
                                         .rd_code = code,
                                         .end_sent = true,
                                         .fatal = flags & 1,
                                         .retriable = flags & 2,
                                         .requires_abort = flags & 4};
            assert_int_not_equal(kc_txn_classify(&fault), AQ_E_TXN_ABORT);
        }
    }
}

/* Only a retry makes the same call again, and a stale member is fenced however the client flags it. */
static void stale_member_is_fenced_with_any_flags(void **state)
{
    (void)state;
    const int codes[] = {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
                         RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID};
    for (size_t i = 0; i < 3; i++) {
        for (int flags = 0; flags < 8; flags++) {
            struct kc_txn_fault fault = {.call = KC_CALL_SEND_OFFSETS,
                                         .rd_code = codes[i],
                                         .fatal = flags & 1,
                                         .retriable = flags & 2,
                                         .requires_abort = flags & 4};
            assert_int_equal(kc_txn_classify(&fault), AQ_E_FENCED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(unknown_outcome_is_never_an_abort),
        cmocka_unit_test(stale_member_is_fenced_with_any_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
