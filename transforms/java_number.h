/* SPDX-License-Identifier: Apache-2.0
 *
 * Java's numbers as text: what new BigDecimal() reads, what Double.toString() and Float.toString() write, and the
 * order in which a HashMap of strings is walked.
 */
#ifndef AQ_TRANSFORMS_JAVA_NUMBER_H
#define AQ_TRANSFORMS_JAVA_NUMBER_H

#include "base/slice.h"

/* A decimal number as new BigDecimal(text.trim()) accepts it. */
struct java_decimal {
    bool valid;
    bool fraction; /* has digits other than 0 behind the point after the exponent was applied */
    bool fits;     /* the integer part fits 64 bits signed */
    int64_t whole; /* longValue(): integer part, the low 64 bits where it does not fit */
    int64_t scale; /* BigDecimal.scale() */
    double real;
};

struct java_decimal java_decimal_read(const char *text);

/* "1.5", "1.0E7", "100.0": into buf, which it returns. */
const char *java_double_text(double value, char buf[32]);
const char *java_float_text(float value, char buf[32]);

/* Where an entry of this name (UTF-8) stands in a java.util.HashMap that grew to hold `count` entries: entries are
 * walked by ascending place, equal places in the order of insertion. */
uint32_t java_map_place(struct aq_slice name, uint32_t count);

#endif
