/* SPDX-License-Identifier: Apache-2.0
 *
 * Crash points. setup() parses AQUEDUCT_CRASH once, before threads start; hit() counts passes of the armed point with
 * an atomic, because workers pass it in parallel, and the pass that reaches the count sends SIGKILL: no handler, no
 * atexit, no flush, exactly what a power cut leaves behind.
 */
#include "base/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

#define EXIT_USAGE 64
#define SOON_NS    100000

const char *const aq_crash_names[AQ_CRASH_COUNT] = {
#define X(id, name) [AQ_CRASH_##id] = name,
#include "base/crash.def"
#undef X
};

#ifdef AQ_CRASH_POINTS

static int armed = -1;
static atomic_long left;

_Noreturn static void refuse(const char *value)
{
    fprintf(stderr, "aqueduct: AQUEDUCT_CRASH: '%s' is not NAME or NAME:COUNT; names:", value);
    for (int i = 0; i < AQ_CRASH_COUNT; i++) fprintf(stderr, " %s", aq_crash_names[i]);
    fputc('\n', stderr);
    exit(EXIT_USAGE);
}

void aq_crash_setup(void)
{
    const char *value = getenv("AQUEDUCT_CRASH");
    armed = -1;
    if (!value || !*value) return;
    size_t len = strcspn(value, ":");
    long count = 1;
    if (value[len] == ':') {
        char *end;
        errno = 0;
        count = strtol(value + len + 1, &end, 10);
        if (errno || *end || end == value + len + 1 || count < 1) refuse(value);
    }
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        if (strlen(aq_crash_names[i]) == len && strncmp(aq_crash_names[i], value, len) == 0) armed = i;
    }
    if (armed < 0) refuse(value);
    atomic_store(&left, count);
}

static bool is_due(enum aq_crash_id id)
{
    AQ_ASSERT(id < AQ_CRASH_COUNT);
    return (int)id == armed && atomic_fetch_sub(&left, 1) == 1;
}

void aq_crash_soon(enum aq_crash_id id)
{
    if (!is_due(id)) return;
    timer_t timer;
    struct timespec now;
    struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct itimerspec when = {.it_value = {.tv_nsec = 1 + now.tv_nsec % SOON_NS}};
    if (timer_create(CLOCK_MONOTONIC, &how, &timer) != 0 || timer_settime(timer, 0, &when, NULL) != 0)
        kill(getpid(), SIGKILL);
}

void aq_crash_hit(enum aq_crash_id id)
{
    if (!is_due(id)) return;
    kill(getpid(), SIGKILL);
    /* SIGKILL is delivered before kill() returns to this thread, but the standard does not promise it. */
    for (;;) pause();
}

#else

void aq_crash_setup(void)
{
    /* A drill with the wrong binary would silently test nothing. */
    if (!getenv("AQUEDUCT_CRASH")) return;
    fprintf(
        stderr,
        "aqueduct: AQUEDUCT_CRASH is set, but this build has no crash points (cmake -DAQ_CRASH_POINTS=ON)\n");
    exit(EXIT_USAGE);
}

#endif
