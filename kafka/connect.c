/* SPDX-License-Identifier: Apache-2.0
 *
 * First contact (kafka/connect.h): tries of at most three seconds, with a pause between them that doubles up to two.
 */
#include "kafka/connect.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

int kc_connect(const struct kc_ops *ops, const struct kc_flow *flow, const struct kc_cluster *cluster,
               struct kc_admin *admin, char ret_id[KC_ID_MAX], const atomic_bool *stop, struct aq_err *err)
{
    AQ_ASSERT(admin != NULL && stop != NULL);
    int64_t deadline = aq_mono_us() + cluster->connect_timeout_ms * AQ_MS;
    int64_t pause_ms = 100;
    for (;;) {
        int64_t left_ms = (deadline - aq_mono_us()) / AQ_MS;
        int64_t timeout_ms = left_ms < 3000 ? left_ms : 3000;
        int rc = ops->admin_connect(admin, timeout_ms > 100 ? timeout_ms : 100, ret_id, err);
        if (rc == 0 || aq_code_class(rc) != AQ_CLASS_RETRY) return rc;
        if (atomic_load(stop))
            return aq_fail(err, AQ_E_STOPPED, "stopped while connecting to cluster %s", cluster->name);
        left_ms = (deadline - aq_mono_us()) / AQ_MS;
        if (left_ms <= 0) {
            char reason[512];
            snprintf(reason, sizeof(reason), "%.*s", (int)sizeof(reason) - 1, err->text);
            return aq_fail(err, AQ_E_UNREACHABLE, "cluster %s (%s) did not answer within %lld ms: %s",
                           cluster->name, cluster->brokers, (long long)cluster->connect_timeout_ms, reason);
        }
        aq_log(AQ_WARN, "cluster does not answer yet, trying again", aq_fs(flow->noun, flow->name),
               aq_fs("cluster", cluster->name), aq_fs("reason", err->text));
        aq_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
        pause_ms = pause_ms < 2000 ? pause_ms * 2 : 2000;
    }
}
