/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pages say, apart from how they are served: pure functions of what they are given.
 */
#ifndef AQ_HTTP_PAGES_H
#define AQ_HTTP_PAGES_H

#include "http/shown.h"

struct http_page {
    int status;
    const char *type;
    char *text; /* malloc'ed; the caller frees */
    size_t len;
};

void http_page_index(struct http_page *ret);
void http_page_not_found(struct http_page *ret);
void http_page_not_allowed(struct http_page *ret);
/* stalled_ms: how long the loop has been silent when that is too long, else 0. */
void http_page_livez(int64_t stalled_ms, struct http_page *ret);
/* Not ready always says why; verbose lists what is fine too. */
void http_page_readyz(const struct http_part *parts, size_t n, bool verbose, struct http_page *ret);
/* shown may be NULL: only what the process itself knows. */
void http_page_metrics(const struct http_shown *shown, double start_time, struct http_page *ret);

#endif
