/* SPDX-License-Identifier: Apache-2.0
 *
 * Made-up orders as JSON: the material of the generator, the benchmarks and tests that need many realistic records.
 * The same seed and number give the same bytes on every machine.
 */
#ifndef AQ_TESTS_LIB_ORDERS_H
#define AQ_TESTS_LIB_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#define T_ORDER_SIZE   511 /* bytes of a usual order */
#define T_ORDER_ID_MAX 40
#define T_ORDER_ROOM   1200 /* an order is never longer than this or than its size, whichever is more */

/* The id of order number n, unique for its seed; zero-terminated, its length is returned. */
size_t t_order_id(char id[T_ORDER_ID_MAX], uint64_t seed, uint64_t n);
/* Its key ("c48213", a customer: keys come again). */
size_t t_order_key(char key[T_ORDER_ID_MAX], uint64_t seed, uint64_t n);

/* Writes order number n, standing at `seq` in its partition, into `out` (room: the larger of T_ORDER_ROOM and size). A
 * last field "pad" fills up to `size` bytes; an order that needs more is longer. Returns its length, no zero is added. */
size_t t_order_value(char *out, uint64_t seed, uint64_t n, uint64_t seq, size_t size);

#endif
