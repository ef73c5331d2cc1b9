/* SPDX-License-Identifier: Apache-2.0
 *
 * The `http` section and the server on real sockets: addresses, methods, limits.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"
#include "tests/lib/check.h"

struct loaded {
    struct conf_diags diags;
    struct conf_doc *doc;
    struct aq_arena arena;
    struct http_conf conf;
};

static void load(struct loaded *l, const char *text)
{
    memset(l, 0, sizeof(*l));
    conf_diags_init(&l->diags);
    aq_arena_init(&l->arena, 1024);
    conf_load_text("test.conf", text, NULL, 0, &l->diags, &l->doc);
    assert_non_null(l->doc);
    http_read(conf_get(l->doc->root, "http"), &l->arena, &l->diags, &l->conf);
}

static void unload(struct loaded *l)
{
    conf_doc_destroy(l->doc);
    conf_diags_finish(&l->diags);
    aq_arena_finish(&l->arena);
}

static void the_table_is_sane(void **state)
{
    (void)state;
    assert_int_equal(opt_check_table(&http_table, stderr), 0);
}

static void defaults_listen_on_loopback(void **state)
{
    (void)state;
    struct loaded l;
    load(&l, "http = { };");
    assert_int_equal(l.diags.count, 0);
    assert_true(l.conf.enabled);
    assert_true(l.conf.loopback);
    assert_string_equal(l.conf.host, "127.0.0.1");
    assert_int_equal(l.conf.port, 9464);
    unload(&l);
}

static void other_machines_are_a_warning(void **state)
{
    (void)state;
    static const char *const texts[] = {"http = { listen = \"0.0.0.0:9464\"; };",
                                        "http = { listen = \"[::]:9464\"; };",
                                        "http = { listen = \"*:9464\"; };"};
    for (size_t i = 0; i < 3; i++) {
        struct loaded l;
        load(&l, texts[i]);
        assert_int_equal(l.diags.errors, 0);
        assert_int_equal(l.diags.count, 1);
        assert_false(l.conf.loopback);
        unload(&l);
    }
}

static void bad_addresses_are_errors(void **state)
{
    (void)state;
    static const char *const listens[] = {"9464",           "127.0.0.1",   "127.0.0.1:", "127.0.0.1:99999",
                                          "example.org:80", "127.0.0.1:x", ":9464",      "[::1:9464",
                                          "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof(listens) / sizeof(listens[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "http = { listen = \"%s\"; };", listens[i]);
        struct loaded l;
        load(&l, text);
        T_CHECK(l.diags.errors == 1, "%s gives %zu errors", listens[i], l.diags.errors);
        T_CHECK(l.diags.list[0].pos.line == 1, "%s has no place", listens[i]);
        unload(&l);
    }
}

static int dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    const struct timeval patience = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Sends the request and reads until the other side closes. */
static char *talk(uint16_t port, const char *request)
{
    int fd = dial(port);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    char *text = t_alloc(65536);
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, text + len, 65535 - len, 0);
        if (n <= 0) break;
        len += (size_t)n;
    }
    text[len] = '\0';
    close(fd);
    return text;
}

static struct http_server *serve(struct loaded *l, const char *text)
{
    load(l, text);
    assert_int_equal(l->diags.errors, 0);
    struct aq_err err = {0};
    struct http_server *server = NULL;
    int rc = http_server_start(&l->conf, NULL, &server, &err);
    T_CHECK(rc == 0, "%s", err.text);
    return server;
}

static void expect(uint16_t port, const char *request, const char *status, const char *part)
{
    char full[256];
    snprintf(full, sizeof(full), "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", request);
    char *answer = talk(port, full);
    T_CHECK(strncmp(answer, status, strlen(status)) == 0, "%s: %s", request, answer);
    T_CHECK(strstr(answer, part), "%s: '%s' is not in %s", request, part, answer);
    free(answer);
}

static void pages_are_served(void **state)
{
    (void)state;
    struct loaded l;
    struct http_server *server = serve(&l, "http = { listen = \"127.0.0.1:0\"; };");
    uint16_t port = http_server_port(server);
    assert_true(port > 0);
    expect(port, "GET /", "HTTP/1.1 200", "/metrics");
    expect(port, "GET /livez", "HTTP/1.1 200", "ok\n");
    expect(port, "GET /readyz", "HTTP/1.1 200", "ok\n");
    expect(port, "GET /readyz?verbose", "HTTP/1.1 200", "readyz check passed");
    expect(port, "GET /readyz?verbose=1", "HTTP/1.1 200", "readyz check passed");
    expect(port, "GET /metrics", "HTTP/1.1 200", "text/plain; version=0.0.4");
    expect(port, "GET /metrics", "HTTP/1.1 200", "aqueduct_build_info{");
    expect(port, "HEAD /metrics", "HTTP/1.1 200", "Content-Length");
    expect(port, "GET /metrics/x", "HTTP/1.1 404", "not found");
    expect(port, "DELETE /", "HTTP/1.1 405", "Allow: GET, HEAD");
    http_server_stop(server);
    unload(&l);
}

static void a_body_does_not_help(void **state)
{
    (void)state;
    struct loaded l;
    struct http_server *server = serve(&l, "http = { listen = \"127.0.0.1:0\"; };");
    char *answer = talk(http_server_port(server), "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                                  "Content-Length: 5\r\n\r\nhello");
    assert_ptr_equal(strstr(answer, "HTTP/1.1 405"), answer);
    free(answer);
    http_server_stop(server);
    unload(&l);
}

static void a_taken_address_is_told_apart(void **state)
{
    (void)state;
    struct loaded l;
    struct http_server *server = serve(&l, "http = { listen = \"127.0.0.1:0\"; };");
    struct http_conf second = l.conf;
    second.port = http_server_port(server);
    struct http_server *none = NULL;
    struct aq_err err = {0};
    assert_int_equal(http_server_start(&second, NULL, &none, &err), AQ_E_BUSY);
    assert_non_null(strstr(err.text, "in use"));
    assert_null(none);
    http_server_stop(server);

    snprintf(second.host, sizeof(second.host), "192.0.2.1"); /* an address for documentation: nobody's */
    assert_int_equal(http_server_start(&second, NULL, &none, &err), AQ_E_CONFIG);
    unload(&l);
}

static void silent_connections_are_bounded(void **state)
{
    (void)state;
    struct loaded l;
    struct http_server *server =
        serve(&l, "http = { listen = \"127.0.0.1:0\"; connections = 4; timeout = \"1s\"; };");
    int fds[8];
    for (size_t i = 0; i < 8; i++) fds[i] = dial(http_server_port(server));
    /* All eight are silent; after the time-out every one of them has been closed by the server. */
    for (size_t i = 0; i < 8; i++) {
        if (fds[i] < 0) continue;
        char byte;
        ssize_t n = recv(fds[i], &byte, 1, 0);
        T_CHECK(n <= 0, "an answer nobody asked for");
        close(fds[i]);
    }
    expect(http_server_port(server), "GET /livez", "HTTP/1.1 200", "ok\n");
    http_server_stop(server);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sane),
        cmocka_unit_test(defaults_listen_on_loopback),
        cmocka_unit_test(other_machines_are_a_warning),
        cmocka_unit_test(bad_addresses_are_errors),
        cmocka_unit_test(pages_are_served),
        cmocka_unit_test(a_body_does_not_help),
        cmocka_unit_test(a_taken_address_is_told_apart),
        cmocka_unit_test(silent_connections_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
