/* SPDX-License-Identifier: Apache-2.0
 *
 * The progress line. On a terminal it is redrawn in place on stderr; elsewhere nothing is printed at all.
 *
 * An ordinary pass: twice a second take a sample of the counters, smooth the rates (a quarter of the new value
 * each time: steady to read, right within two seconds), write the line over the former one. The log and the
 * line share the terminal: before a log line is written, a hook erases ours, and the next round draws it
 * again.
 * A failing one: a terminal that cannot be written to loses the line, nothing else.
 *
 * Threads: the main thread; erase() is called by any logging thread and touches nothing but the terminal.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "cli/number.h"

#define DRAW_US 500000

static void erase(void)
{
    static const char text[] = "\r\033[K";
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)written;
}

void cli_progress_init(struct cli_progress *progress, bool on)
{
    *progress = (struct cli_progress){.on = on, .last = {.lag = -1, .left = -1}};
    if (on) aq_log_set_before_line(erase);
}

void cli_progress_feed(struct cli_progress *progress, const struct cli_sample *sample, int64_t now)
{
    if (progress->sampled_us > 0 && now > progress->sampled_us) {
        double seconds = (double)(now - progress->sampled_us) / 1e6;
        double records = (double)(sample->records - progress->last.records) / seconds;
        double bytes = (double)(sample->bytes - progress->last.bytes) / seconds;
        double weight = progress->records_per_second > 0 ? 0.25 : 1;
        progress->records_per_second += weight * (records - progress->records_per_second);
        progress->bytes_per_second += weight * (bytes - progress->bytes_per_second);
    }
    progress->last = *sample;
    progress->sampled_us = now;
}

const char *cli_progress_text(const struct cli_progress *progress, char *buf, size_t size)
{
    const struct cli_sample *s = &progress->last;
    if (!s->ready && s->records == 0) {
        snprintf(buf, size, "starting");
        return buf;
    }
    char total[CLI_NUMBER_MAX], rate[CLI_NUMBER_MAX], bytes[CLI_NUMBER_MAX];
    int n = snprintf(buf, size, "%s records  %s/s  %s/s", cli_count(total, s->records),
                     cli_count(rate, (uint64_t)progress->records_per_second),
                     cli_bytes(bytes, progress->bytes_per_second));
    AQ_ASSERT(n > 0);
    char number[CLI_NUMBER_MAX];
    if (s->lag >= 0 && (size_t)n < size)
        n += snprintf(buf + n, size - (size_t)n, "  lag %s", cli_count(number, (uint64_t)s->lag));
    if (s->left >= 0 && progress->records_per_second >= 1 && (size_t)n < size)
        snprintf(buf + n, size - (size_t)n, "  ETA %s",
                 cli_seconds(number, (double)s->left / progress->records_per_second));
    return buf;
}

bool cli_progress_is_due(const struct cli_progress *progress, int64_t now)
{
    return progress->on && now - progress->drawn_us >= DRAW_US;
}

void cli_progress_draw(struct cli_progress *progress, const struct cli_sample *sample, int64_t now)
{
    AQ_ASSERT(progress->on);
    progress->drawn_us = now;
    cli_progress_feed(progress, sample, now);
    char text[160];
    fprintf(stderr, "\r\033[K%s", cli_progress_text(progress, text, sizeof(text)));
    fflush(stderr);
}

void cli_progress_finish(struct cli_progress *progress)
{
    if (!progress->on) return;
    aq_log_set_before_line(NULL);
    erase();
    progress->on = false;
}
