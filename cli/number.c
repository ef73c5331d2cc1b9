/* SPDX-License-Identifier: Apache-2.0
 *
 * Number formats of progress line, summary and tables. Pure functions.
 */
#include "cli/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *cli_count(char *buf, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    char *out = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return buf;
}

const char *cli_bytes(char *buf, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    while (bytes >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1000;
        unit++;
    }
    snprintf(buf, CLI_NUMBER_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return buf;
}

const char *cli_seconds(char *buf, double seconds)
{
    if (seconds < 0) seconds = 0;
    uint64_t whole = seconds < 1e15 ? (uint64_t)(seconds + 0.5) : 0;
    if (seconds < 10)
        snprintf(buf, CLI_NUMBER_MAX, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(buf, CLI_NUMBER_MAX, "%" PRIu64 " s", whole);
    else if (whole < 3600)
        snprintf(buf, CLI_NUMBER_MAX, "%" PRIu64 "m %" PRIu64 "s", whole / 60, whole % 60);
    else
        snprintf(buf, CLI_NUMBER_MAX, "%" PRIu64 "h %" PRIu64 "m", whole / 3600, whole % 3600 / 60);
    return buf;
}

const char *cli_timestamp(char *buf, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (wall_ms < 0 || !gmtime_r(&seconds, &tm) ||
        strftime(buf, CLI_NUMBER_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(buf, CLI_NUMBER_MAX, "-");
    return buf;
}
