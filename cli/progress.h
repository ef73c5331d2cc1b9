/* SPDX-License-Identifier: Apache-2.0
 *
 * The one line on a terminal that tells how it goes: records/s, MB/s, lag, time left with stop_at_end.
 */
#ifndef AQ_CLI_PROGRESS_H
#define AQ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the line is made of: sums over routes, or an application. */
struct cli_sample {
    uint64_t records;
    uint64_t bytes;
    int64_t lag;  /* -1 unknown */
    int64_t left; /* with stop_at_end on every route: records still to come; -1 otherwise */
    bool ready;
};

struct cli_progress {
    bool on;
    int64_t drawn_us;
    int64_t sampled_us;
    struct cli_sample last;
    double records_per_second; /* smoothed */
    double bytes_per_second;
};

void cli_progress_init(struct cli_progress *progress, bool on);
/* The line is drawn twice a second, and only where there is a terminal. */
bool cli_progress_is_due(const struct cli_progress *progress, int64_t now);
void cli_progress_draw(struct cli_progress *progress, const struct cli_sample *sample, int64_t now);
void cli_progress_finish(struct cli_progress *progress);

/* The parts, for tests. */
void cli_progress_feed(struct cli_progress *progress, const struct cli_sample *sample, int64_t now);
const char *cli_progress_text(const struct cli_progress *progress, char *buf, size_t size);

#endif
