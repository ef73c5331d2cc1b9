/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes: start, signal, wait with a deadline, read what they said.
 *
 * stdout and stderr go to unlinked files, not pipes: a child that writes much never blocks because the test is busy,
 * and the test reads when it likes. A child dies with the test (PR_SET_PDEATHSIG).
 */
#ifndef AQ_TESTS_LIB_PROCESS_H
#define AQ_TESTS_LIB_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define T_STILL_RUNNING (-1)

struct t_process;

/* env: NULL, or "NAME=value" texts added to our environment, ended by NULL; "NAME" alone removes. argv[0] is searched
 * in PATH. The test fails when the program cannot be started. */
struct t_process *t_start(const char *const *argv, const char *const *env);

pid_t t_pid(const struct t_process *process);
bool t_running(struct t_process *process);
void t_signal(struct t_process *process, int signal);

/* Exit code, 128 + signal, or T_STILL_RUNNING when it has not ended within timeout_ms. */
int t_wait_exit(struct t_process *process, int64_t timeout_ms);

/* Everything written so far, zero-terminated; valid until the next call for the same stream or t_process_free. */
const char *t_stdout(struct t_process *process);
const char *t_stderr(struct t_process *process);
bool t_stderr_has(struct t_process *process, const char *text);

/* CPU time of an ended process, its waited-for children included; peak memory in kB. */
double t_cpu_seconds(const struct t_process *process);
/* CPU time of a process that runs, so far; -1 when it does not. */
double t_cpu_so_far(const struct t_process *process);
long t_peak_kb(const struct t_process *process);

/* Kills it with SIGKILL if it is still running. NULL is fine. */
void t_process_free(struct t_process *process);

/* Starts, waits, frees. Exit code as above; *ret_out (may be NULL) gets stdout in memory of its own. */
int t_run(const char *const *argv, int64_t timeout_ms, char **ret_out);

/* Path of one of our tools ("mirror_check"): $AQUEDUCT_TOOLS/NAME, or beside this program. Static memory. */
const char *t_tool(const char *name);

#endif
