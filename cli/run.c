/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a bridge or a streams application from start to summary.
 *
 * An ordinary pass: start the signal watcher, open the HTTP side (so that /livez answers while clusters are
 * still being contacted), start, then wait in short rounds: renew the liveness stamp, draw the progress line.
 * The job ends by itself (stop_at_end), by a failure, or because the signal watcher told it to stop; then the
 * summary.
 * A failing one: a start that fails has stopped everything again; the reason is logged and becomes the exit
 * code.
 *
 * Signals: a thread of its own waits for SIGTERM, SIGINT and SIGHUP, because the main thread may be inside a
 * blocking start. The first one stops the job in order (cycles are committed, groups left). The second one
 * ends the process at once: positions are committed together with the data or not at all, so there is nothing
 * to tidy up; _exit skips the destructors that might wait for brokers.
 *
 * Invariants: the watcher is joined and the HTTP server stopped before cli_run() returns, so the job may be
 * destroyed then.
 * Threads: main (everything), watcher (job->stop only), the HTTP library's (job->shown
 * only).
 */
#include "cli/run.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "cli/exit.h"
#include "conf/secret.h"

#define ROUND_MS 200

struct watcher {
    pthread_t thread;
    const struct cli_job *job;
    sigset_t mask_before;
    _Atomic bool done;
    _Atomic int taken; /* signals so far */
};

static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

static void watched_signals(sigset_t *set)
{
    ending_signals(set);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
}

static void pause_or_resume(const struct cli_job *job, bool paused)
{
    if (job->pause)
        job->pause(job->self, paused);
    else
        aq_log(AQ_WARN, "this cannot be paused; SIGTERM stops it in order", aq_fs("what", job->noun));
}

static void *watch_signals(void *arg)
{
    struct watcher *watcher = arg;
    sigset_t set;
    watched_signals(&set);
    const struct timespec round = {.tv_nsec = 100000000};
    while (!atomic_load(&watcher->done)) {
        int number = sigtimedwait(&set, NULL, &round);
        if (number < 0) continue;
        if (number == SIGUSR1 || number == SIGUSR2) {
            pause_or_resume(watcher->job, number == SIGUSR1);
            continue;
        }
        if (atomic_fetch_add(&watcher->taken, 1) > 0) {
            static const char text[] = "ended at once by a second signal\n";
            ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
            (void)written;
            _exit(128 + number);
        }
        aq_log(AQ_INFO, "stopping in order; a second signal ends at once",
               aq_fs("signal", strsignal(number)));
        watcher->job->stop(watcher->job->self);
    }
    return NULL;
}

/* Every thread made from here on inherits the mask, so that only the watcher takes these signals. */
static void start_watcher(struct watcher *watcher, const struct cli_job *job)
{
    sigset_t set;
    watched_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, &watcher->mask_before);
    watcher->job = job;
    int rc = pthread_create(&watcher->thread, NULL, watch_signals, watcher);
    AQ_ASSERT(rc == 0);
}

/* From here on a signal does what it does to any process: it ends us, should the last tidying up take too
 * long. */
static void stop_watcher(struct watcher *watcher)
{
    atomic_store(&watcher->done, true);
    pthread_join(watcher->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &watcher->mask_before, NULL);
}

static void draw(struct cli_progress *progress, const struct cli_job *job)
{
    int64_t now = aq_mono_us();
    struct cli_sample sample;
    if (!cli_progress_is_due(progress, now)) return;
    job->sample(job->self, &sample);
    cli_progress_draw(progress, &sample, now);
}

/* The rounds between start and end. */
static int wait_for_end(const struct cli_job *job, struct http_server *http, struct cli_progress *progress,
                        struct aq_err *err)
{
    for (;;) {
        int rc = job->wait(job->self, ROUND_MS, err);
        if (rc != CLI_JOB_RUNS) return rc;
        http_server_beat(http);
        draw(progress, job);
    }
}

/* The text may quote what the client library said, so it is masked like everything that leaves us. */
static void tell_failure(const struct cli_job *job, struct aq_err *err)
{
    conf_mask(err->text);
    char message[64];
    snprintf(message, sizeof(message), "%s did not start", job->noun);
    aq_log(AQ_ERROR, message, aq_fs("error", err->text[0] ? err->text : aq_code_text(err->code)),
           aq_fs("code", aq_code_name(err->code)));
}

int cli_run(const struct cli_job *job, const struct cli_run *run)
{
    AQ_ASSERT(job->start && job->stop && job->wait && job->sample && job->summary && job->shown.parts);
    struct aq_err err = {0};
    struct http_server *http = NULL;
    struct watcher watcher = {.job = NULL};
    struct cli_progress progress;
    cli_progress_init(&progress, !run->quiet && isatty(STDERR_FILENO));
    start_watcher(&watcher, job);

    int rc = 0;
    if (run->http && run->http->enabled) rc = http_server_start(run->http, &job->shown, &http, &err);
    if (rc == 0) rc = job->start(job->self, &err);
    bool stopped_early = rc < 0 && atomic_load(&watcher.taken) > 0;
    bool started = rc == 0;
    /* A signal that came while workers were being made may have missed the last of them. */
    if (started && atomic_load(&watcher.taken) > 0) job->stop(job->self);
    if (started) rc = wait_for_end(job, http, &progress, &err);

    cli_progress_finish(&progress);
    if (!started && !stopped_early) tell_failure(job, &err); /* who fails later has said so itself */
    if (started && !run->quiet) job->summary(job->self, run->log_format, stdout);
    stop_watcher(&watcher);
    http_server_stop(http);
    return stopped_early ? CLI_OK : cli_exit_for(rc);
}
