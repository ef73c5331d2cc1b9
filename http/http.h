/* SPDX-License-Identifier: Apache-2.0
 *
 * The small HTTP side: metrics, liveness, readiness. Read-only by construction: there is no verb that changes
 * anything, so it needs no authentication of its own; it listens on loopback unless told otherwise.
 *
 * Threads: start, beat and stop belong to the main thread; requests are answered on one thread of the HTTP
 * library.
 */
#ifndef AQ_HTTP_HTTP_H
#define AQ_HTTP_HTTP_H

#include "conf/opt.h"
#include "http/shown.h"

/* Whether rows of stores are shown. AUTO: where nobody from outside can ask. */
enum http_queries { HTTP_QUERIES_AUTO, HTTP_QUERIES_ON, HTTP_QUERIES_OFF };

struct http_conf {
    /* as the option rows fill it */
    const char *listen;
    int64_t connections;
    int64_t timeout_ms;
    int64_t stall_ms;
    int queries; /* enum http_queries */
    /* made by http_read */
    bool enabled;
    bool loopback;
    char host[64]; /* a numeric address */
    uint16_t port; /* 0: any free one, which is logged */
};

extern const struct opt_table http_table;

/* Reads the `http` group. A listen address outside loopback is a warning: the pages carry topic names. */
void http_read(struct conf_node *group, struct aq_arena *arena, struct conf_diags *diags,
               struct http_conf *ret);

/* Rows of stores are shown there. */
bool http_shows_queries(const struct http_conf *conf);

struct http_server;

/* BUSY: the address is in use; DENIED: a port this user may not open; CONFIG: not an address of this machine.
 * What is shown outlives the server; NULL: only what the process itself knows. */
int http_server_start(const struct http_conf *conf, const struct http_shown *shown, struct http_server **ret,
                      struct aq_err *err);
/* "The loop that drives what runs is alive": what /livez answers from. */
void http_server_beat(struct http_server *server);
uint16_t http_server_port(const struct http_server *server);
void http_server_stop(struct http_server *server);

#endif
