/* SPDX-License-Identifier: Apache-2.0
 *
 * A GET of another process's page: of another instance of the application, or by a command of a running one.
 *
 * Threads: any. Errors: AQ_E_UNREACHABLE with the address and what went wrong; TIMEOUT when only the time was over.
 */
#ifndef AQ_HTTP_FETCH_H
#define AQ_HTTP_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* The header of a request that one instance passes on to another. */
#define HTTP_FORWARDED "X-Aqueduct-Forwarded"

struct http_fetched {
    int status;
    char *text; /* malloc'ed, with a zero at its end; the caller frees */
    size_t len;
};

/* [blocks] Follows no redirects, uses no proxy. */
int http_fetch(const char *url, bool forwarded, int64_t timeout_ms, struct http_fetched *ret,
               struct aq_err *err);

/* text as a part of a path, or as a value behind a '?'. */
const char *http_escape(struct aq_arena *arena, const char *text);

#endif
