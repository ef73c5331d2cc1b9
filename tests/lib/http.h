/* SPDX-License-Identifier: Apache-2.0
 *
 * Just enough of HTTP to ask a process on the loopback interface for a page.
 */
#ifndef AQ_TESTS_LIB_HTTP_H
#define AQ_TESTS_LIB_HTTP_H

#include <stdint.h>

/* A port nobody listens on at the moment. */
int t_free_port(void);

/* GET http://127.0.0.1:port/path. The status code, or 0 when nobody answers in time; *ret_body (may be NULL) is then
 * NULL, else memory of the caller. */
int t_http_get(int port, const char *path, int64_t timeout_ms, char **ret_body);

#endif
