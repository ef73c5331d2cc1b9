/* SPDX-License-Identifier: Apache-2.0
 *
 * AQ_ASSERT is always on: it guards what must hold before a record may be committed, and ends the process with the
 * expression and the place. AQ_DASSERT costs too much for the hot path and is on in debug builds only.
 */
#ifndef AQ_BASE_ASSERT_H
#define AQ_BASE_ASSERT_H

_Noreturn void aq_assert_failed(const char *expression, const char *file, int line, const char *function);

#define AQ_ASSERT(expr) ((expr) ? (void)0 : aq_assert_failed(#expr, __FILE__, __LINE__, __func__))

#ifdef NDEBUG
#define AQ_DASSERT(expr) ((void)0)
#else
#define AQ_DASSERT(expr) AQ_ASSERT(expr)
#endif

#endif
