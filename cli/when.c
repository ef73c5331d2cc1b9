/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses a place in a log. Times are UTC: a Z is allowed and changes nothing, other zones are refused,
 * because a time that is an hour off reads the wrong records in silence.
 */
#include "cli/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool parse_number(const char *text, int64_t *ret)
{
    if (*text < '0' || *text > '9') return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end) return false;
    *ret = value;
    return true;
}

/* "2024-05-01", "2024-05-01T12:00", "2024-05-01T12:00:00", each with an optional Z; 'T' may be a blank. */
static bool parse_time(const char *text, int64_t *ret)
{
    if (parse_number(text, ret)) return true;
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (!end) continue;
        if (*end == 'Z') end++;
        if (*end) continue;
        struct tm given = tm;
        time_t seconds = timegm(&tm);
        if (seconds < 0 || tm.tm_mday != given.tm_mday) return false; /* 31 February */
        *ret = (int64_t)seconds * 1000;
        return true;
    }
    return false;
}

bool cli_when_parse(const char *text, struct cli_when *ret)
{
    *ret = (struct cli_when){.kind = CLI_WHEN_EARLIEST};
    if (strcmp(text, "earliest") == 0) return true;
    ret->kind = CLI_WHEN_LATEST;
    if (strcmp(text, "latest") == 0) return true;
    ret->kind = CLI_WHEN_TIMESTAMP;
    if (strncmp(text, "timestamp=", 10) == 0) return parse_time(text + 10, &ret->value);
    ret->kind = CLI_WHEN_OFFSET;
    return strncmp(text, "offset=", 7) == 0 && parse_number(text + 7, &ret->value);
}
