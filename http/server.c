/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server: libmicrohttpd with one thread of its own, serving the pages of http/pages.c. Where stores can be asked (http/stores.h)
 * every connection has a thread: an answer may have to wait for a worker, or for another instance, which may wait for one of ours.
 *
 * An ordinary request: the library accepts, parses and calls answer() on its thread; answer() picks a page by
 * path, the page is rendered into memory from the status calls of what runs (which any thread may make), queued
 * and freed by the library once sent. Nothing is kept between requests.
 *
 * A failing one: another method gets 405, another path 404; an endless or silent client runs into the
 * connection's memory limit or time-out; more connections than allowed are closed at accept. None of it
 * reaches what runs.
 *
 * Liveness: /livez must not depend on brokers, or an orchestrator would restart every bridge in an outage, so
 * it looks only at a time stamp that the main loop renews (http_server_beat) once everything has started.
 *
 * Invariants: the socket is bound by us before the library starts, so that a taken or forbidden address is
 * told apart; the server is stopped before what it shows is destroyed, because pages read it.
 * Threads: start, beat, stop: main thread. answer(): the library's threads. Shared: beat_us only (atomic).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "http/gather.h"
#include "http/pages.h"
#include "http/fetch.h"
#include "http/stores.h"

struct http_server {
    struct MHD_Daemon *daemon;
    const struct http_shown *shown; /* NULL: nothing */
    uint16_t port;
    int64_t stall_ms;
    bool shows_queries;
    double start_time;
    _Atomic int64_t beat_us;
};

#define ARGUMENTS_MAX 32

struct arguments {
    struct http_argument list[ARGUMENTS_MAX];
    size_t n;
};

static enum MHD_Result take_argument(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct arguments *arguments = ctx;
    (void)kind;
    if (arguments->n == ARGUMENTS_MAX) return MHD_NO;
    arguments->list[arguments->n++] = (struct http_argument){.name = name, .value = value};
    return MHD_YES;
}

static void render_streams(struct http_server *server, struct MHD_Connection *connection, const char *path,
                           struct http_page *page)
{
    struct arguments arguments = {.n = 0};
    struct st_queries *queries = server->shown ? server->shown->queries : NULL;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_argument, &arguments);
    const struct http_request request = {
        .path = path,
        .arguments = arguments.list,
        .n_arguments = arguments.n,
        .forwarded = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, HTTP_FORWARDED) != NULL};
    if (queries && !server->shows_queries)
        http_page_no_queries(page);
    else
        http_page_streams(queries, &request, page);
}

static bool has_argument(struct MHD_Connection *connection, const char *name)
{
    const char *value = NULL;
    size_t size = 0;
    return MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value,
                                         &size) == MHD_YES;
}

static void render_readyz(struct http_server *server, bool verbose, struct http_page *page)
{
    const struct http_shown *shown = server->shown;
    size_t room = shown ? shown->parts(shown->ctx, NULL, 0) : 0;
    struct http_part *parts = aq_calloc(room + 1, sizeof(*parts));
    size_t n = room > 0 ? shown->parts(shown->ctx, parts, room) : 0;
    http_page_readyz(parts, n < room ? n : room, verbose, page);
    free(parts);
}

static void render(struct http_server *server, struct MHD_Connection *connection, const char *path,
                   struct http_page *page)
{
    if (strcmp(path, "/metrics") == 0) {
        http_page_metrics(server->shown, server->start_time, page);
    } else if (strcmp(path, "/livez") == 0) {
        /* No stamp yet: the first contact with the clusters is still going on, which may take long and is no
         * reason to be restarted. */
        int64_t beat = atomic_load(&server->beat_us);
        int64_t silent = beat ? (aq_mono_us() - beat) / 1000 : 0;
        http_page_livez(silent > server->stall_ms ? silent : 0, page);
    } else if (strcmp(path, "/readyz") == 0) {
        render_readyz(server, has_argument(connection, "verbose"), page);
    } else if (http_is_streams_path(path)) {
        render_streams(server, connection, path, page);
    } else if (strcmp(path, "/") == 0) {
        http_page_index(page);
    } else {
        http_page_not_found(page);
    }
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body, size_t *body_size,
                              void **request)
{
    struct http_server *server = cls;
    static int seen;
    (void)version;
    (void)body;
    /* The library calls once for the head and again for the body; answering at the head of a request with a
     * body would cut the connection, so the answer is given at the second call, and a body is thrown away. */
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    if (*body_size > 0) {
        *body_size = 0;
        return MHD_YES;
    }
    struct http_page page = {0};
    bool readable = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (readable)
        render(server, connection, path, &page);
    else
        http_page_not_allowed(&page);
    AQ_ASSERT(page.text && page.status > 0);

    struct MHD_Response *response =
        MHD_create_response_from_buffer(page.len, page.text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(page.text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (page.status == 405) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)page.status, response);
    MHD_destroy_response(response);
    return result;
}

static void library_says(void *cls, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void library_says(void *cls, const char *format, va_list args)
{
    (void)cls;
    if (!aq_log_enabled(AQ_DEBUG)) return;
    char text[256];
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    aq_log(AQ_DEBUG, "http library", aq_fs("text", text));
}

static socklen_t make_address(const struct http_conf *conf, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof(*address));
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    if (inet_pton(AF_INET, conf->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(conf->port);
        return sizeof(*v4);
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    int ok = inet_pton(AF_INET6, conf->host, &v6->sin6_addr);
    AQ_ASSERT(ok == 1);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(conf->port);
    return sizeof(*v6);
}

static int bind_failed(const struct http_conf *conf, int error, struct aq_err *err)
{
    switch (error) {
    case EADDRINUSE:
        return aq_fail(err, AQ_E_BUSY,
                       "http: %s is in use by another process; choose another http.listen or stop it",
                       conf->listen);
    case EACCES:
        return aq_fail(err, AQ_E_DENIED, "http: this user may not listen on %s; choose a port above 1023",
                       conf->listen);
    case EADDRNOTAVAIL:
        return aq_fail(err, AQ_E_CONFIG, "http: %s is not an address of this machine", conf->listen);
    default: return aq_fail(err, AQ_E_IO, "http: cannot listen on %s: %s", conf->listen, strerror(error));
    }
}

static int open_socket(const struct http_conf *conf, int *ret_fd, uint16_t *ret_port, struct aq_err *err)
{
    struct sockaddr_storage address;
    socklen_t len = make_address(conf, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return bind_failed(conf, errno, err);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        int error = errno;
        close(fd);
        return bind_failed(conf, error, err);
    }
    *ret_port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                                   : ((struct sockaddr_in6 *)&address)->sin6_port);
    *ret_fd = fd;
    return 0;
}

int http_server_start(const struct http_conf *conf, const struct http_shown *shown, struct http_server **ret,
                      struct aq_err *err)
{
    AQ_ASSERT(conf->enabled && conf->host[0]);
    *ret = NULL;
    int fd;
    uint16_t port;
    int rc = open_socket(conf, &fd, &port, err);
    if (rc < 0) return rc;

    struct http_server *server = aq_calloc(1, sizeof(*server));
    server->shown = shown;
    server->port = port;
    server->stall_ms = conf->stall_ms;
    server->start_time = (double)aq_wall_ms() / 1000;
    server->shows_queries = http_shows_queries(conf);
    http_gather_allow((int)conf->connections / 2);
    unsigned threads = shown && shown->queries ? MHD_USE_THREAD_PER_CONNECTION : 0;
    server->daemon = MHD_start_daemon(
        threads | MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC, 0, NULL,
        NULL, answer, server, MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)conf->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((conf->timeout_ms + 999) / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
        MHD_OPTION_END);
    if (!server->daemon) {
        close(fd);
        free(server);
        return aq_fail(err, AQ_E_IO, "http: the server for %s does not start", conf->listen);
    }
    char url[96];
    snprintf(url, sizeof(url), strchr(conf->host, ':') ? "http://[%s]:%u/" : "http://%s:%u/", conf->host,
             port);
    aq_log(AQ_INFO, "http listens", aq_fs("url", url));
    *ret = server;
    return 0;
}

void http_server_beat(struct http_server *server)
{
    if (server) atomic_store(&server->beat_us, aq_mono_us());
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_stop(struct http_server *server)
{
    if (!server) return;
    MHD_stop_daemon(server->daemon); /* closes the socket and joins the library's thread */
    free(server);
}
