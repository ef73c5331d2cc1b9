/* SPDX-License-Identifier: Apache-2.0
 *
 * Running: clusters that are not there, signals, the demo.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/cli/run.h"
#include "tests/lib/http.h"

static char *config_for(int source, int sink, const char *timeout)
{
    char *text = t_printf("clusters = {\n"
                          "  dc1 = { brokers = \"127.0.0.1:%d\"; connect_timeout = \"%s\"; };\n"
                          "  dc2 = { brokers = \"127.0.0.1:%d\"; connect_timeout = \"%s\"; };\n"
                          "};\n"
                          "routes = ( { name = \"a\"; from = \"dc1\"; to = \"dc2\"; topics = [\"x\"]; } );\n",
                          source, timeout, sink, timeout);
    char *path = write_file("run.conf", text);
    free(text);
    return path;
}

static void an_unreachable_cluster_ends_with_69(void **state)
{
    (void)state;
    char *path = config_for(t_free_port(), t_free_port(), "1s");
    int64_t started = aq_mono_us();
    struct said said = RUN("bridge", "-c", path);
    expect_code(&said, 69);
    T_CHECK(aq_mono_us() - started < 10 * AQ_SEC, "it took %lld ms",
            (long long)(aq_mono_us() - started) / 1000);
    expect_text(said.err, "dc");
    expect_text(said.err, "level=error");
    said_free(&said);
    remove_file(path);

    said = RUN("mirror", "--from", "127.0.0.1:1", "--to", "127.0.0.1:1", "-s",
               "clusters.source.connect_timeout=1s", "-s", "clusters.sink.connect_timeout=1s", "orders");
    expect_code(&said, 69);
    said_free(&said);
}

/* A port that takes connections and never answers: the longest wait there is. */
static int black_hole(int *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    socklen_t len = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void a_second_signal_ends_at_once(void **state)
{
    (void)state;
    int port;
    int fd = black_hole(&port);
    char *path = config_for(port, port, "60s");
    struct t_process *process = t_start((const char *const[]){program(), "bridge", path, NULL}, NULL);
    aq_sleep_ms(700);
    T_CHECK(t_running(process), "it ended by itself: %s", t_stderr(process));
    t_signal(process, SIGTERM);
    aq_sleep_ms(300);
    if (t_running(process)) t_signal(process, SIGTERM);
    int code = t_wait_exit(process, 2000);
    /* The first one may have been enough, when it met the wait between two tries. */
    T_CHECK(code == 143 || code == 0, "exit code %d: %s", code, t_stderr(process));
    t_process_free(process);
    close(fd);
    remove_file(path);
}

static void the_http_side_answers_while_clusters_do_not(void **state)
{
    (void)state;
    int hole, port = t_free_port();
    int fd = black_hole(&hole);
    char *path = config_for(hole, hole, "30s");
    char *listen_option = t_printf("http.listen=127.0.0.1:%d", port);
    struct t_process *process =
        t_start((const char *const[]){program(), "bridge", path, "-s", listen_option, NULL}, NULL);
    int status = 0;
    for (int i = 0; i < 50 && status == 0; i++) {
        aq_sleep_ms(100);
        status = t_http_get(port, "/livez", 1000, NULL);
    }
    assert_int_equal(status, 200);
    char *body = NULL;
    assert_int_equal(t_http_get(port, "/readyz", 1000, &body), 503);
    expect_text(body, "[-]route a: ");
    free(body);
    assert_int_equal(t_http_get(port, "/metrics", 1000, &body), 200);
    expect_text(body, "aqueduct_build_info{");
    expect_text(body, "aqueduct_route_up{route=\"a\"} 0");
    free(body);

    /* A second process with the same address says what is wrong and is worth another try. */
    struct said said = RUN("bridge", path, "-s", listen_option);
    expect_code(&said, 75);
    expect_text(said.err, "in use");
    said_free(&said);

    t_signal(process, SIGKILL);
    t_wait_exit(process, 2000);
    t_process_free(process);
    free(listen_option);
    close(fd);
    remove_file(path);
}

/* A bridge's file is nothing for `streams`; an application ends as a bridge does. */
static void an_application_without_a_cluster_ends_with_69(void **state)
{
    (void)state;
    char *path = config_for(1, 1, "1s");
    struct said said = RUN("streams", "-c", path);
    expect_code(&said, 78);
    expect_text(said.err, "no section 'streams'");
    said_free(&said);
    remove_file(path);

    path = write_file("app.conf",
                      "clusters = { a = { brokers = \"127.0.0.1:1\"; connect_timeout = \"1s\"; }; };\n"
                      "streams = { application_id = \"app\"; cluster = \"a\";\n"
                      "  default_key_serde = \"bytes\"; default_value_serde = \"bytes\";\n"
                      "  topology = { in = { type = \"source\"; topics = [\"x\"]; };\n"
                      "    out = { type = \"sink\"; from = \"in\"; topic = \"y\"; }; }; };\n");
    said = RUN("streams", path);
    expect_code(&said, 69);
    expect_text(said.err, "application did not start");
    said_free(&said);
    said = RUN("streams", "reset", path, "--plan");
    expect_code(&said, 69);
    expect_text(said.err, "aqueduct streams: application app: ");
    said_free(&said);
    remove_file(path);
}

static void the_demo_works(void **state)
{
    (void)state;
    int64_t started = aq_mono_us();
    struct said said = RUN("demo");
    expect_code(&said, 0);
    T_CHECK(aq_mono_us() - started < 20 * AQ_SEC, "it took %lld ms",
            (long long)(aq_mono_us() - started) / 1000);
    expect_text(said.out, "All 20,000 records arrived.");
    expect_text(said.out, "isolate nothing");
    expect_text(said.out, "\"email\": \"***\"");
    expect_text(said.out, "customer_id");
    T_CHECK(!strchr(said.err, '\r'), "a progress line in a pipe: %s", said.err);
    said_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unreachable_cluster_ends_with_69),
        cmocka_unit_test(a_second_signal_ends_at_once),
        cmocka_unit_test(the_http_side_answers_while_clusters_do_not),
        cmocka_unit_test(an_application_without_a_cluster_ends_with_69),
        cmocka_unit_test(the_demo_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
