/* SPDX-License-Identifier: Apache-2.0
 *
 * The bodies of the HTTP answers. No state and no I/O, so that tests can look at every page without a socket.
 */
#include "http/pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "aqueduct_version.h"
#include "base/assert.h"
#include "base/mem.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"

static void set_page(struct http_page *page, int status, const char *text)
{
    page->status = status;
    page->type = TEXT_PLAIN;
    page->text = aq_strdup(text);
    page->len = strlen(text);
}

void http_page_index(struct http_page *ret)
{
    set_page(ret, 200,
             "aqueduct " AQUEDUCT_VERSION "\n"
             "\n"
             "/metrics         Prometheus text format\n"
             "/livez           200 while the process works; never depends on brokers\n"
             "/readyz          200 when every route, or the application, is ready; else 503 and why\n"
             "/readyz?verbose  the same, one by one\n"
             "/streams         of a streams application: its stores, and their rows\n");
}

void http_page_not_found(struct http_page *ret)
{
    set_page(ret, 404, "not found; / lists the pages\n");
}

void http_page_not_allowed(struct http_page *ret)
{
    set_page(ret, 405, "only GET and HEAD: nothing can be changed here\n");
}

void http_page_livez(int64_t stalled_ms, struct http_page *ret)
{
    if (stalled_ms <= 0) {
        set_page(ret, 200, "ok\n");
        return;
    }
    char text[96];
    snprintf(text, sizeof(text), "stalled: no turn of the main loop for %" PRId64 " s\n", stalled_ms / 1000);
    set_page(ret, 503, text);
}

void http_page_readyz(const struct http_part *parts, size_t n, bool verbose, struct http_page *ret)
{
    FILE *out = open_memstream(&ret->text, &ret->len);
    AQ_ASSERT(out);
    size_t not_ready = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].ready) {
            if (verbose) fprintf(out, "[+]%s %s ok\n", parts[i].noun, parts[i].name);
            continue;
        }
        not_ready++;
        fprintf(out, "[-]%s %s: %s\n", parts[i].noun, parts[i].name, parts[i].reason);
    }
    if (not_ready > 0)
        fprintf(out, "readyz check failed\n");
    else
        fprintf(out, verbose ? "readyz check passed\n" : "ok\n");
    fclose(out);
    ret->status = not_ready > 0 ? 503 : 200;
    ret->type = TEXT_PLAIN;
}

void http_page_metrics(const struct http_shown *shown, double start_time, struct http_page *ret)
{
    struct aq_metric_writer writer;
    aq_metric_writer_init(&writer);
    const char *build[] = {AQUEDUCT_VERSION, kc_rd_version(), AQUEDUCT_LIBCONFIG_VERSION};
    aq_metric_write(&writer, AQ_M_BUILD_INFO, build, 1);
    aq_metric_write(&writer, AQ_M_START_TIME, NULL, start_time);
    if (shown) shown->metrics(shown->ctx, &writer);

    ret->status = 200;
    ret->type = "text/plain; version=0.0.4; charset=utf-8";
    ret->text = aq_strdup(writer.text ? writer.text : "");
    ret->len = strlen(ret->text);
    aq_metric_writer_finish(&writer);
}
