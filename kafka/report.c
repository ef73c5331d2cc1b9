/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of `check --connect` (kafka/report.h).
 */
#include "kafka/report.h"

#include <stdarg.h>

#include "base/assert.h"

void kc_say(struct kc_report *report, enum kc_verdict verdict, const char *format, ...)
{
    static const char *const words[] = {[KC_OK] = "ok", [KC_WARN] = "warn", [KC_ERROR] = "error"};
    AQ_ASSERT(report->out && verdict <= KC_ERROR);
    va_list args;
    va_start(args, format);
    fprintf(report->out, "  %-5s  ", words[verdict]);
    vfprintf(report->out, format, args);
    fputc('\n', report->out);
    va_end(args);
    report->errors += verdict == KC_ERROR;
}
