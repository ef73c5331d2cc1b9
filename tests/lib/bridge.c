/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the program under test. Configuration files are written to /tmp and removed when the test program ends
 * (atexit), so that a crashed bridge can be started again with the same file.
 */
#include "tests/lib/bridge.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "tests/lib/check.h"

#define MAX_FILES 256

static struct {
    char *path;
    char *text;
} files[MAX_FILES];
static int n_files;

static void remove_files(void)
{
    while (n_files > 0) {
        n_files--;
        unlink(files[n_files].path);
        free(files[n_files].path);
        free(files[n_files].text);
    }
}

const char *t_aqueduct(void)
{
    static char path[PATH_MAX];
    const char *given = getenv("AQUEDUCT_BIN");
    if (given) return given;
    snprintf(path, sizeof path, "%s", t_tool("../aqueduct"));
    return path;
}

char *t_config(const char *source, const char *sink, const char *before, const char *route, ...)
{
    char *body = NULL;
    va_list args;
    va_start(args, route);
    int length = vasprintf(&body, route, args);
    va_end(args);
    if (length < 0) T_FAIL("out of memory");
    char *text = t_printf("clusters = {\n"
                          "  src = { brokers = \"%s\"; connect_timeout = \"60s\"; };\n"
                          "  dst = { brokers = \"%s\"; connect_timeout = \"60s\"; };\n"
                          "};\n"
                          "%s\n"
                          "routes = ( { from = \"src\"; to = \"dst\";\n    %s } );\n",
                          source, sink, before, body);
    free(body);
    return text;
}

const char *t_config_file(const char *config)
{
    char path[] = "/tmp/aqueduct-test.XXXXXX.conf";
    for (int i = 0; i < n_files; i++) {
        if (strcmp(files[i].text, config) == 0) return files[i].path;
    }
    if (n_files == MAX_FILES) T_FAIL("more than %d configurations in one test program", MAX_FILES);
    int fd = mkstemps(path, 5);
    size_t size = strlen(config);
    if (fd < 0 || write(fd, config, size) != (ssize_t)size) T_FAIL("%s: %s", path, strerror(errno));
    close(fd);
    if (n_files == 0) atexit(remove_files);
    files[n_files].path = t_printf("%s", path);
    files[n_files].text = t_printf("%s", config);
    return files[n_files++].path;
}

struct t_process *t_program(const char *command, const char *config, const char *const *env)
{
    const char *argv[] = {t_aqueduct(), command, "-c", t_config_file(config), NULL};
    return t_start(argv, env);
}

struct t_process *t_bridge(const char *config, const char *const *env)
{
    return t_program("bridge", config, env);
}

static void expect_exit(struct t_process *process, int expected, int64_t timeout_ms)
{
    int code = t_wait_exit(process, timeout_ms);
    if (code == expected) return;
    char *words = t_printf("%s", t_stderr(process));
    t_process_free(process);
    if (code == T_STILL_RUNNING)
        T_FAIL("aqueduct still runs after %lld ms:\n%s", (long long)timeout_ms, words);
    T_FAIL("aqueduct: exit %d instead of %d:\n%s", code, expected, words);
}

void t_bridge_to_end(const char *config, int expected, int64_t timeout_ms)
{
    struct t_process *process = t_bridge(config, NULL);
    expect_exit(process, expected, timeout_ms);
    t_process_free(process);
}

void t_bridge_stop(struct t_process *process, int64_t timeout_ms)
{
    t_signal(process, SIGTERM);
    expect_exit(process, 0, timeout_ms);
    t_process_free(process);
}
