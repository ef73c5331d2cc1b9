/* SPDX-License-Identifier: Apache-2.0
 *
 * A place in a log as people write it: earliest, latest, timestamp=2024-05-01T12:00:00Z, offset=42.
 */
#ifndef AQ_CLI_WHEN_H
#define AQ_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

enum cli_when_kind { CLI_WHEN_EARLIEST, CLI_WHEN_LATEST, CLI_WHEN_TIMESTAMP, CLI_WHEN_OFFSET };

struct cli_when {
    enum cli_when_kind kind;
    int64_t value; /* ms since 1970, or an offset */
};

/* What such a text looks like, for messages. */
#define CLI_WHEN_FORMS \
    "earliest, latest, timestamp=2024-05-01T12:00:00Z (or milliseconds since 1970) or offset=N"

bool cli_when_parse(const char *text, struct cli_when *ret);

#endif
