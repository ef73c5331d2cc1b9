/* SPDX-License-Identifier: Apache-2.0
 *
 * What conf/examples/orders.conf must make of an order, by code that shares nothing with transforms/.
 */
#ifndef AQ_TESTS_LIB_EXPECT_H
#define AQ_TESTS_LIB_EXPECT_H

#include "base/slice.h"

struct t_expect {
    char *text;
    size_t room;
};

/* The value after the chain: email and ssn are "***", debug is gone, cust is called customer_id, origin is "dc1" at
 * the end, every other byte as it was. A null value stays null. Valid until the next call. Fails the test when the
 * value is not a JSON object. */
struct aq_slice t_expect_orders(struct t_expect *expect, struct aq_slice value);
void t_expect_finish(struct t_expect *expect);

/* The text of the top-level field order_id as it stands there, quotes included (null slice: none), in any JSON object, changed or not. */
struct aq_slice t_expect_order_id(struct aq_slice value);

#endif
