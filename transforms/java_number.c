/* SPDX-License-Identifier: Apache-2.0
 *
 * Java's number texts, for compat = "connect". All of it runs when a configuration is read, except java_map_place(),
 * which runs for records whose renamed fields collide.
 */
#include "transforms/java_number.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

/* Adds one digit to the integer part, noting when it leaves the 64-bit range. */
static void shift_in(struct java_decimal *d, uint64_t *whole, unsigned digit, bool negative)
{
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    if (*whole > (limit - digit) / 10) d->fits = false;
    *whole = *whole * 10 + digit;
}

/* [p, end) are digits with at most one point among them; exponent moves the point. */
static void read_digits(struct java_decimal *d, const char *p, const char *end, long exponent, bool negative)
{
    const char *point = memchr(p, '.', (size_t)(end - p));
    long whole_digits = (point ? point - p : end - p) + exponent;
    uint64_t whole = 0;
    long at = 0;
    for (; p < end; p++) {
        if (*p == '.') continue;
        unsigned digit = (unsigned)(*p - '0');
        if (at++ < whole_digits)
            shift_in(d, &whole, digit, negative);
        else if (digit)
            d->fraction = true;
    }
    /* 10^64 is a multiple of 2^64: more zeros change neither the low bits nor the answer "does not fit". */
    for (int zeros = 0; at < whole_digits && zeros < 64 && whole; at++, zeros++)
        shift_in(d, &whole, 0, negative);
    d->whole = (int64_t)(negative ? 0 - whole : whole);
}

struct java_decimal java_decimal_read(const char *text)
{
    struct java_decimal d = {.fits = true};
    while (isspace((unsigned char)*text)) text++;
    char *end;
    const char *p = text;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') p++;
    const char *digits = p;
    size_t whole = strspn(p, "0123456789"), fraction = 0;
    p += whole;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789");
        p += 1 + fraction;
    }
    const char *digits_end = p;
    if (whole + fraction == 0) return d;
    long exponent = 0;
    if (*p == 'e' || *p == 'E') {
        const char *e = p + 1 + (p[1] == '+' || p[1] == '-');
        if (!isdigit((unsigned char)*e)) return d;
        exponent = strtol(p + 1, &end, 10);
        if (exponent > 1000000000 || exponent < -1000000000) return d;
        p = end;
    }
    while (isspace((unsigned char)*p)) p++;
    if (*p) return d;
    d.valid = true;
    d.scale = (int64_t)fraction - exponent;
    d.real = strtod(text, NULL);
    read_digits(&d, digits, digits_end, exponent, negative);
    return d;
}

/* digits "123" with the point behind the first, times ten to the exponent, in Java's notation. */
static const char *java_layout(bool negative, const char *digits, int n, int exponent, char buf[32])
{
    char *o = buf;
    if (negative) *o++ = '-';
    if (exponent >= -3 && exponent < 7) {
        if (exponent < 0) {
            o += sprintf(o, "0.%.*s%.*s", -exponent - 1, "000", n, digits);
        } else {
            int whole = exponent + 1;
            for (int i = 0; i < whole; i++) *o++ = i < n ? digits[i] : '0';
            o += sprintf(o, ".%.*s", n > whole ? n - whole : 1, n > whole ? digits + whole : "0");
        }
    } else {
        o += sprintf(o, "%c.%.*sE%d", digits[0], n > 1 ? n - 1 : 1, n > 1 ? digits + 1 : "0", exponent);
    }
    AQ_ASSERT(o - buf < 32);
    *o = '\0';
    return buf;
}

/* Shortest digits that read back as the same number; is_float: as the same float. */
static const char *java_real_text(double value, bool is_float, char buf[32])
{
    if (isnan(value)) return strcpy(buf, "NaN");
    if (isinf(value)) return strcpy(buf, value < 0 ? "-Infinity" : "Infinity");
    if (value == 0) return strcpy(buf, signbit(value) ? "-0.0" : "0.0");
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, fabs(value));
        if (is_float ? strtof(text, NULL) == (float)fabs(value) : strtod(text, NULL) == fabs(value)) break;
    }
    char digits[24];
    int n = 0;
    const char *p = text;
    for (; *p != 'e'; p++) {
        if (*p != '.') digits[n++] = *p;
    }
    while (n > 1 && digits[n - 1] == '0') n--;
    return java_layout(value < 0, digits, n, atoi(p + 1), buf);
}

const char *java_double_text(double value, char buf[32])
{
    return java_real_text(value, false, buf);
}

const char *java_float_text(float value, char buf[32])
{
    return java_real_text((double)value, true, buf);
}

/* String.hashCode() over the UTF-16 form. Broken UTF-8 hashes its bytes as characters; it never came from Java. */
static uint32_t java_string_hash(struct aq_slice name)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < name.len;) {
        unsigned char c = (unsigned char)name.ptr[i];
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        if (more == 0 || i + (size_t)more >= name.len) {
            hash = hash * 31 + c;
            i++;
            continue;
        }
        uint32_t point = c & (0x3fu >> more);
        for (int k = 1; k <= more; k++) point = point << 6 | ((unsigned char)name.ptr[i + (size_t)k] & 0x3f);
        i += (size_t)more + 1;
        if (point < 0x10000) {
            hash = hash * 31 + point;
        } else {
            hash = hash * 31 + (0xd800 + ((point - 0x10000) >> 10));
            hash = hash * 31 + (0xdc00 + ((point - 0x10000) & 0x3ff));
        }
    }
    return hash;
}

uint32_t java_map_place(struct aq_slice name, uint32_t count)
{
    uint32_t buckets = 16;
    while (count > buckets / 4 * 3) buckets *= 2;
    uint32_t hash = java_string_hash(name);
    return (hash ^ hash >> 16) & (buckets - 1);
}
