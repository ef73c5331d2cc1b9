/* SPDX-License-Identifier: Apache-2.0
 *
 * Running something in this process until it ends or somebody sends a signal: the common part of bridge, mirror,
 * demo and streams.
 */
#ifndef AQ_CLI_RUN_H
#define AQ_CLI_RUN_H

#include <stdio.h>

#include "base/log.h"
#include "cli/progress.h"
#include "http/http.h"

/* wait() has nothing to tell yet; every end is 0 or a negative code. */
#define CLI_JOB_RUNS 1

/* What is run. The functions belong to the main thread, except stop (any thread) and what is in shown. */
struct cli_job {
    const char *noun; /* "bridge": for messages */
    void *self;
    /* 0, or the first error with everything stopped again. */
    int (*start)(void *self, struct aq_err *err);
    /* Asks for an end in order; returns at once. */
    void (*stop)(void *self);
    /* SIGUSR1 (true) and SIGUSR2 (false); any thread. NULL: it cannot be paused, and both say so. */
    void (*pause)(void *self, bool paused);
    /* Waits up to timeout_ms: CLI_JOB_RUNS, 0 when it has ended in order, or why it failed (which was logged). */
    int (*wait)(void *self, int64_t timeout_ms, struct aq_err *err);
    /* For the progress line. */
    void (*sample)(void *self, struct cli_sample *ret);
    /* logfmt: a small table for people to `out`; json: a log line, since nobody but a program reads. */
    void (*summary)(void *self, enum aq_log_format format, FILE *out);
    struct http_shown shown;
};

struct cli_run {
    const struct http_conf *http; /* NULL or not enabled: nothing listens */
    enum aq_log_format log_format;
    bool quiet;
};

/* Returns the exit code. Prints errors, progress and the summary. The caller destroys what the job runs. */
int cli_run(const struct cli_job *job, const struct cli_run *run);

/* cli/run_routes.c: a bridge with these routes. */
int cli_run_routes(struct br_route *routes, size_t n_routes, const struct cli_run *run);

#endif
