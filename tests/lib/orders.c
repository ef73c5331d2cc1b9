/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders that make a JSON chain sweat: numbers that no double holds (18446744073709551615, 100.10, 1e2, thirty
 * digits), escapes and UTF-8 of one to four bytes, names of masked fields inside nested values, the field `debug` in
 * first, middle and last place or absent, `cust` now and then absent. The document is compact (no spaces at the top
 * level), so that "all other bytes identical" has one meaning when a field is cut out.
 *
 * Written by hand instead of snprintf: a benchmark's source must not be the slowest part (about 0.3 µs an order).
 */
#include "tests/lib/orders.h"

#include <stdbool.h>
#include <string.h>

struct pen {
    char *at;
    bool first; /* no field written yet */
};

/* splitmix64: any two orders differ in about half of the bits. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static void text(struct pen *pen, const char *words)
{
    size_t length = strlen(words);
    memcpy(pen->at, words, length);
    pen->at += length;
}

static void digits(struct pen *pen, uint64_t number, int least)
{
    char reversed[24];
    int n = 0;
    do {
        reversed[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number || n < least);
    while (n > 0) *pen->at++ = reversed[--n];
}

static void hex(struct pen *pen, uint64_t number)
{
    for (int shift = 60; shift >= 0; shift -= 4) *pen->at++ = "0123456789abcdef"[(number >> shift) & 15];
}

/* name is `"name":` */
static void field(struct pen *pen, const char *name)
{
    if (!pen->first) *pen->at++ = ',';
    pen->first = false;
    text(pen, name);
}

size_t t_order_id(char id[T_ORDER_ID_MAX], uint64_t seed, uint64_t n)
{
    struct pen pen = {id, true};
    text(&pen, "o-");
    digits(&pen, n, 8);
    *pen.at++ = '-';
    hex(&pen, mix(seed * 0x100000001b3ull ^ n));
    *pen.at = '\0';
    return (size_t)(pen.at - id);
}

static uint64_t customer_of(uint64_t seed, uint64_t n)
{
    return mix(seed ^ (n * 31)) % 50000;
}

size_t t_order_key(char key[T_ORDER_ID_MAX], uint64_t seed, uint64_t n)
{
    struct pen pen = {key, true};
    *pen.at++ = 'c';
    digits(&pen, customer_of(seed, n), 5);
    *pen.at = '\0';
    return (size_t)(pen.at - key);
}

static void write_debug(struct pen *pen, uint64_t random)
{
    field(pen, "\"debug\":");
    text(pen, "{\"trace\":\"");
    hex(pen, random);
    text(pen, "\",\"email\":\"not@masked\",\"depth\":[1,[2,{}]]}");
}

static void write_items(struct pen *pen, uint64_t random)
{
    field(pen, "\"items\":");
    text(pen, "[{\"sku\":\"A-");
    digits(pen, random % 10000, 4);
    text(pen, "\",\"qty\":");
    digits(pen, random % 9 + 1, 1);
    text(pen, ",\"price\":12.50,\"tags\":[\"x\",\"debug\"]}, {\"sku\":\"B-");
    digits(pen, random / 10000 % 10000, 4);
    text(pen, "\", \"ssn\": null, \"dims\":[[1,2],[3.0,-0]]}]");
}

static void write_body(struct pen *pen, uint64_t seed, uint64_t n)
{
    static const char *const amounts[] = {"100.10",
                                          "1e2",
                                          "18446744073709551615",
                                          "-0.0",
                                          "0.1E-7",
                                          "123456789012345678901234567890",
                                          "42",
                                          "9007199254740993"};
    static const char *const names[] = {"Zo\xc3\xab M\xc3\xbcller", "O'Brien \\\"Bob\\\"",
                                        "\xe5\xb1\xb1\xe7\x94\xb0", "A\\u00e9\\/B \xf0\x9f\x9a\x80"};
    static const char *const notes[] = {"line one\\nline \\\"two\\\"\\t\\\\",
                                        "\xe2\x82\xac 5 \xe2\x80\x93 \\ud83d\\ude80", "", "plain"};
    uint64_t random = mix(seed + n), customer = customer_of(seed, n);
    if (n % 11 != 5) {
        field(pen, "\"cust\":");
        digits(pen, customer, 1);
    }
    field(pen, "\"customer\":\"");
    text(pen, names[random % 4]);
    *pen->at++ = '"';
    field(pen, "\"email\":\"user");
    digits(pen, customer, 1);
    text(pen, n % 7 == 3 ? "\\u0040ex\\\"ample.com\"" : "@example.com\"");
    if (n % 16 == 0) write_debug(pen, random);
    field(pen, "\"ssn\":\"");
    digits(pen, random % 1000, 3);
    *pen->at++ = '-';
    digits(pen, random / 1000 % 100, 2);
    *pen->at++ = '-';
    digits(pen, random / 100000 % 10000, 4);
    *pen->at++ = '"';
    write_items(pen, random);
    field(pen, "\"amount\":");
    text(pen, amounts[random / 7 % 8]);
    field(pen, "\"note\":\"");
    text(pen, notes[random / 3 % 4]);
    *pen->at++ = '"';
    if (n % 16 > 4) write_debug(pen, random);
    field(pen, "\"ts\":");
    digits(pen, 1760000000000ull + n, 1);
}

size_t t_order_value(char *out, uint64_t seed, uint64_t n, uint64_t seq, size_t size)
{
    struct pen pen = {out, true};
    char id[T_ORDER_ID_MAX];
    *pen.at++ = '{';
    if (n % 16 == 1) write_debug(&pen, mix(n));
    t_order_id(id, seed, n);
    field(&pen, "\"order_id\":\"");
    text(&pen, id);
    *pen.at++ = '"';
    field(&pen, "\"seq\":");
    digits(&pen, seq, 1);
    write_body(&pen, seed, n);
    /* Sixteen letters of every hundred are random: compresses about as well as real JSON. */
    size_t used = (size_t)(pen.at - out), frame = sizeof ",\"pad\":\"\"}" - 1;
    bool debug_last = n % 16 == 2;
    if (debug_last)
        frame +=
            sizeof ",\"debug\":{\"trace\":\"0123456789abcdef\",\"email\":\"not@masked\",\"depth\":[1,[2,{}]]}" -
            1;
    if (size > used + frame) {
        size_t fill = size - used - frame;
        field(&pen, "\"pad\":\"");
        memset(pen.at, 'x', fill);
        for (size_t at = 0; at + 16 <= fill; at += 100) {
            struct pen letters = {pen.at + at, true};
            hex(&letters, mix(n ^ at));
        }
        pen.at += fill;
        *pen.at++ = '"';
    }
    if (debug_last) write_debug(&pen, mix(n));
    *pen.at++ = '}';
    return (size_t)(pen.at - out);
}
