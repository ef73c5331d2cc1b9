/* SPDX-License-Identifier: Apache-2.0
 *
 * The set-up of every test program that talks to the real clusters through struct kc_ops: both are open
 * (tests/lib/broker_env.h) for all of its tests.
 */
#ifndef AQ_TESTS_LIB_BROKER_FIXTURE_H
#define AQ_TESTS_LIB_BROKER_FIXTURE_H

#include "tests/lib/broker_env.h"
#include "tests/lib/check.h"

static struct kt_env env;
static const struct kc_ops *const ops = &kc_rd_ops;

static inline int kt_setup(void **state)
{
    (void)state;
    kt_open(&env);
    return 0;
}

static inline int kt_teardown(void **state)
{
    (void)state;
    kt_close(&env);
    return 0;
}

#endif
