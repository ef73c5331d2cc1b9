/* SPDX-License-Identifier: Apache-2.0
 *
 * What `check --connect` says of a flow's clusters: one line a finding, and how many of them are errors.
 *
 * Threads: one caller. The stream is the caller's.
 */
#ifndef AQ_KAFKA_REPORT_H
#define AQ_KAFKA_REPORT_H

#include <stddef.h>
#include <stdio.h>

enum kc_verdict {
    KC_OK,
    KC_WARN,
    KC_ERROR, /* the flow would not run, or not as it is configured */
};

/* Begins as {.out = stream}. */
struct kc_report {
    FILE *out;
    size_t errors;
};

/* "  ok     …", "  warn   …" or "  error  …", with the end of the line. */
void kc_say(struct kc_report *report, enum kc_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
