/* SPDX-License-Identifier: Apache-2.0
 *
 * The `http` section: its option rows and the listen address. Addresses are numeric (or "localhost"): a name
 * that the resolver turns into a public address would open the pages to the world without anybody having
 * written so.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "http/http.h"

static const struct opt_enum queries[] = {
    {"auto", HTTP_QUERIES_AUTO}, {"on", HTTP_QUERIES_ON}, {"off", HTTP_QUERIES_OFF}, {NULL, 0}};

static const struct opt_row http_rows[] = {
    {.name = "listen",
     .kind = OPT_STRING,
     .offset = offsetof(struct http_conf, listen),
     .def = "127.0.0.1:9464",
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "ADDRESS:PORT to listen on: a numeric address or localhost, [::1]:9464 for IPv6; port 0 takes a "
         "free one and logs it. Pages show topic names: outside loopback put something that authenticates in "
         "front."},
    {.name = "connections",
     .kind = OPT_INT,
     .offset = offsetof(struct http_conf, connections),
     .def = "32",
     .min = 1,
     .max = 1024,
     .reload = OPT_RELOAD_PROCESS,
     .help = "Most connections at a time; further ones wait or are closed."},
    {.name = "timeout",
     .kind = OPT_DURATION,
     .offset = offsetof(struct http_conf, timeout_ms),
     .def = "10s",
     .min = 1000,
     .max = 600000,
     .reload = OPT_RELOAD_PROCESS,
     .help = "A connection that is silent for this long is closed."},
    {.name = "stall",
     .kind = OPT_DURATION,
     .offset = offsetof(struct http_conf, stall_ms),
     .def = "60s",
     .min = 5000,
     .max = 3600000,
     .reload = OPT_RELOAD_PROCESS,
     .help = "/livez answers 503 when the main loop has not turned for this long."},
    {.name = "queries",
     .kind = OPT_ENUM,
     .offset = offsetof(struct http_conf, queries),
     .def = "auto",
     .values = queries,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Whether /streams shows the rows of stores to everybody who can connect. auto: on a loopback address only."},
    {.name = "port", .kind = OPT_REFUSED, .help = "The port is part of listen: listen = \"127.0.0.1:9464\"."},
    {.name = NULL},
};

const struct opt_table http_table = {
    .name = "http",
    .kind = "section",
    .summary = "Metrics, liveness and readiness over HTTP, read-only; without this section nothing listens.",
    .rows = http_rows,
    .example = "http = { listen = \"127.0.0.1:9464\"; };\n",
};

bool http_shows_queries(const struct http_conf *conf)
{
    return conf->enabled &&
           (conf->queries == HTTP_QUERIES_ON || (conf->queries == HTTP_QUERIES_AUTO && conf->loopback));
}

/* Splits "host:port" or "[v6]:port"; the parts go into host and *ret_port. */
static bool split_listen(const char *text, char *host, size_t size, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1]) return false;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port > 65535 || colon[1] < '0' || colon[1] > '9') return false;

    const char *start = text;
    size_t len = (size_t)(colon - text);
    if (*start == '[') {
        if (len < 3 || start[len - 1] != ']') return false;
        start++;
        len -= 2;
    }
    if (len >= size) return false;
    memcpy(host, start, len);
    host[len] = '\0';
    *ret_port = (uint16_t)port;
    return true;
}

/* Checks that host is numeric and tells whether it is loopback. */
static bool classify_host(char *host, size_t size, bool *ret_loopback)
{
    if (strcmp(host, "localhost") == 0) snprintf(host, size, "127.0.0.1");
    if (strcmp(host, "*") == 0) snprintf(host, size, "0.0.0.0");
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        *ret_loopback = (ntohl(v4.s_addr) >> 24) == 127;
        return true;
    }
    struct in6_addr v6;
    if (inet_pton(AF_INET6, host, &v6) != 1) return false;
    *ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
    return true;
}

void http_read(struct conf_node *group, struct aq_arena *arena, struct conf_diags *diags,
               struct http_conf *ret)
{
    AQ_ASSERT(group && ret);
    memset(ret, 0, sizeof(*ret));
    if (opt_read(http_rows, group, "http", NULL, arena, ret, diags) > 0) return;
    ret->enabled = true;

    struct conf_pos pos = group->pos;
    for (const struct conf_node *node = group->first; node; node = node->next) {
        if (node->name && strcmp(node->name, "listen") == 0) pos = node->value_pos;
    }
    if (!split_listen(ret->listen, ret->host, sizeof(ret->host), &ret->port)) {
        conf_diag(diags, CONF_ERROR, pos,
                  "http.listen: '%s' is not ADDRESS:PORT, such as 127.0.0.1:9464 or [::1]:9464", ret->listen);
        return;
    }
    if (!classify_host(ret->host, sizeof(ret->host), &ret->loopback)) {
        conf_diag(diags, CONF_ERROR, pos,
                  "http.listen: '%s' is not a numeric address (names are not looked up)", ret->host);
        return;
    }
    if (!ret->loopback)
        conf_diag(
            diags, CONF_WARNING, pos,
            "http.listen: %s can be reached from other machines; the pages show topic names%s, and are neither "
            "encrypted nor authenticated",
            ret->listen, ret->queries == HTTP_QUERIES_ON ? " and rows of stores" : "");
}
