/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct bridge` as a child process with a configuration from the test's text.
 */
#ifndef AQ_TESTS_LIB_BRIDGE_H
#define AQ_TESTS_LIB_BRIDGE_H

#include "tests/lib/process.h"

/* The program under test: $AQUEDUCT_BIN, or ../aqueduct beside the tests. */
const char *t_aqueduct(void);

/* Two clusters `src` and `dst` and one route from src to dst whose other options are the text:
 *     t_config(src, dst, "", "name = \"r\"; topics = [\"^%s$\"]; stop_at_end = true;", topic)
 * The clusters have a connect_timeout of 60 s: a broker may be on its way back on a busy machine.
 * `before` stands before the routes (transforms, predicates, http); "" for none. Memory of the caller. */
char *t_config(const char *source, const char *sink, const char *before, const char *route, ...)
    __attribute__((format(printf, 4, 5)));

/* The path of a file in /tmp with this text, for the life of the test program; one file per text. */
const char *t_config_file(const char *config);

/* Starts `aqueduct COMMAND -c FILE` with the text in FILE (in /tmp, for the life of the test program). env as in
 * t_start. */
struct t_process *t_program(const char *command, const char *config, const char *const *env);
/* The same with the command "bridge". */
struct t_process *t_bridge(const char *config, const char *const *env);

/* Runs it to its end (a route with stop_at_end) and fails the test, showing stderr, unless it exits with `expected`. */
void t_bridge_to_end(const char *config, int expected, int64_t timeout_ms);

/* SIGTERM, then fails the test unless it exits 0 within timeout_ms. Frees the process. */
void t_bridge_stop(struct t_process *process, int64_t timeout_ms);

#endif
