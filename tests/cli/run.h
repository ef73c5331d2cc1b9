/* SPDX-License-Identifier: Apache-2.0
 *
 * Running the program and keeping what it said; temporary files.
 */
#ifndef AQ_TESTS_CLI_RUN_H
#define AQ_TESTS_CLI_RUN_H

#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/process.h"

struct said {
    int code;
    char *out;
    char *err;
};

/* The program under test, absolute or from $AQUEDUCT_BIN. */
static inline const char *program(void)
{
    const char *path = getenv("AQUEDUCT_BIN");
    if (!path) T_FAIL("AQUEDUCT_BIN is not set");
    return path;
}

/* argv without the program, ended by NULL; env as t_start has it. */
static inline struct said run_with(const char *const *env, const char *const *args)
{
    const char *argv[32] = {program()};
    size_t n = 1;
    while (*args) {
        assert_true(n + 1 < sizeof(argv) / sizeof(argv[0]));
        argv[n++] = *args++;
    }
    struct t_process *process = t_start(argv, env);
    struct said said;
    said.code = t_wait_exit(process, 30000);
    said.out = t_printf("%s", t_stdout(process));
    said.err = t_printf("%s", t_stderr(process));
    t_process_free(process);
    if (said.code == T_STILL_RUNNING) T_FAIL("%s did not end: %s", argv[1], said.err);
    return said;
}

#define RUN(...)          run_with(NULL, (const char *const[]){__VA_ARGS__, NULL})
#define RUN_ENV(env, ...) run_with(env, (const char *const[]){__VA_ARGS__, NULL})

static inline void said_free(struct said *said)
{
    free(said->out);
    free(said->err);
}

static inline void expect_code(const struct said *said, int code)
{
    T_CHECK(said->code == code, "exit code %d, not %d\n%s%s", said->code, code, said->out, said->err);
}

static inline void expect_text(const char *where, const char *text)
{
    T_CHECK(strstr(where, text) != NULL, "'%s' is not in: %s", text, where);
}

/* A file in a directory of its own; mode 0600. Returns the path, the caller's. */
static inline char *write_file(const char *name, const char *text)
{
    static char dir[] = "/tmp/aqueduct-cli.XXXXXX";
    static bool made;
    if (!made && !mkdtemp(dir)) T_FAIL("no temporary directory");
    made = true;
    mkdir(dir, 0700); /* remove_file takes it away with the last file */
    char *path = t_printf("%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    if (!file) T_FAIL("cannot write %s", path);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
    return path;
}

static inline void remove_file(char *path)
{
    unlink(path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    rmdir(path); /* fails while other files are there */
    free(path);
}

#endif
