/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers for people: "1,234,567", "201.2 MB", "1m 12s". Each function fills and returns the caller's buffer.
 */
#ifndef AQ_CLI_NUMBER_H
#define AQ_CLI_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define CLI_NUMBER_MAX 32

const char *cli_count(char *buf, uint64_t n);   /* digits in groups of three */
const char *cli_bytes(char *buf, double bytes); /* decimal units, one digit: what network people count in */
const char *cli_seconds(char *buf, double seconds);    /* "0.4 s", "12 s", "3m 5s", "2h 14m" */
const char *cli_timestamp(char *buf, int64_t wall_ms); /* "2024-05-01T12:00:00Z"; "-" when negative */

#endif
