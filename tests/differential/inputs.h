/* SPDX-License-Identifier: Apache-2.0
 *
 * Random input records for a sketch: lines of JSON in the form tests/differential/README.md describes. Only
 * tests/tools/topology_gen.c includes this.
 *
 * Texts are JSON as Jackson and we write it (no spaces, nothing escaped that need not be), so that a document which
 * passed through either side's editor is still the same bytes.
 */
#ifndef AQ_TESTS_DIFFERENTIAL_INPUTS_H
#define AQ_TESTS_DIFFERENTIAL_INPUTS_H

#include <inttypes.h>

#include "tests/differential/stateful.h"

#define RECORDS_MIN 20
#define RECORDS_MAX 60

/* JSON strings without their quotes. */
static const char *const words[] = {
    "a",
    "b",
    "apple",
    "red fox",
    "eee",
    "",
    "0",
    "seven of nine",
    "\303\251lan",
    "\346\227\245\346\234\254",
    "\360\237\230\200 ok",
    "say \\\"e\\\"",
    "back\\\\slash",
    "tab\\there",
    "line\\nend",
    " two  gaps ",
};

static const char *const colors[] = {"red", "green", "blue"};

#define DRAW_OF(s, list) ((list)[draw((s), sizeof(list) / sizeof((list)[0]))])

static int64_t draw_int64(struct sketch *s)
{
    static const int64_t extremes[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2 + 1, (1LL << 53) + 1,
                                       -(1LL << 32)};
    return chance(s, 6) ? DRAW_OF(s, extremes) : (int64_t)draw(s, 41) - 20;
}

static int32_t draw_int32(struct sketch *s)
{
    static const int32_t extremes[] = {INT32_MAX, INT32_MIN};
    return chance(s, 6) ? DRAW_OF(s, extremes) : (int32_t)draw(s, 41) - 20;
}

/* Quarters, which binary and decimal numbers both have. */
static void put_double(struct sketch *s, FILE *out)
{
    int64_t quarters = chance(s, 10) ? (int64_t)draw(s, 4000001) - 2000000 : (int64_t)draw(s, 161) - 80;
    fprintf(out, "%.2f", (double)quarters / 4);
}

static void put_line(struct sketch *s, FILE *out)
{
    fprintf(out, "{\"n\":%" PRId64, draw_int64(s));
    if (chance(s, 50)) fprintf(out, ",\"s\":\"%s\"", DRAW_OF(s, words));
    fputs("}", out);
}

static void put_array(struct sketch *s, FILE *out, bool of_lines)
{
    size_t count = draw(s, 4);
    fputs("[", out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputs(",", out);
        if (of_lines)
            put_line(s, out);
        else
            fprintf(out, "\"%s\"", DRAW_OF(s, words));
    }
    fputs("]", out);
}

static void put_field(struct sketch *s, FILE *out, size_t field)
{
    switch (field) {
    case 0: fprintf(out, "\"n\":%" PRId64, draw_int64(s)); break;
    case 1: fprintf(out, "\"s\":\"%s\"", DRAW_OF(s, words)); break;
    case 2: fprintf(out, "\"c\":\"%s\"", DRAW_OF(s, colors)); break;
    case 3: fprintf(out, "\"ok\":%s", chance(s, 50) ? "true" : "false"); break;
    case 4: fputs("\"note\":null", out); break;
    case 5: fprintf(out, "\"a\":{\"b\":%d}", (int)draw(s, 10)); break;
    case 6: fputs("\"tags\":", out), put_array(s, out, false); break;
    default: fputs("\"lines\":", out), put_array(s, out, true);
    }
}

/* An object with some of the fields the menu knows, in any order. */
static void put_document(struct sketch *s, FILE *out)
{
    size_t start = draw(s, 8), written = 0;
    fputs("{", out);
    for (size_t i = 0; i < 8; i++) {
        if (chance(s, 25)) continue;
        if (written++) fputs(",", out);
        put_field(s, out, (start + 3 * i) % 8);
    }
    fputs("}", out);
}

static void put_typed(struct sketch *s, FILE *out, unsigned type)
{
    switch (type) {
    case S:
    case B: fprintf(out, "\"%s\"", DRAW_OF(s, words)); break;
    case L: fprintf(out, "%" PRId64, draw_int64(s)); break;
    case I: fprintf(out, "%" PRId32, draw_int32(s)); break;
    case D: put_double(s, out); break;
    case J: put_document(s, out); break;
    default: T_FAIL("%u is no type", type);
    }
}

/* Names stand twice now and then, and values are null. `trace` never has a null one: Lua could not tell it from none. */
static void put_headers(struct sketch *s, FILE *out)
{
    static const char *const headers[] = {"[\"kind\",\"x\"]",   "[\"kind\",\"y\"]",
                                          "[\"kind\",\"\"]",    "[\"trace\",\"t\"]",
                                          "[\"nothing\",null]", "[\"note\",\"\303\251\"]"};
    size_t count = 1 + draw(s, 3);
    fputs(",\"headers\":[", out);
    for (size_t i = 0; i < count; i++) fprintf(out, "%s%s", i ? "," : "", DRAW_OF(s, headers));
    fputs("]", out);
}

/* Few different ones, so that rows and windows have several records. */
static void put_frequent_key(struct sketch *s, FILE *out, unsigned type)
{
    static const char *const texts[] = {"\"a\"", "\"apple\"", "\"\"", "\"b\""};
    static const char *const numbers[] = {"1", "2", "-1", "7"};
    static const char *const doubles[] = {"1.0", "0.25", "-2.5", "4.0"};
    size_t lot = chance(s, 50) ? 0 : draw(s, 4);
    fputs(type == S ? texts[lot] : type == D ? doubles[lot] : numbers[lot], out);
}

static void put_key(struct sketch *s, FILE *out, unsigned type)
{
    if (chance(s, s->stateful ? 7 : 15))
        fputs("null", out);
    else if (s->stateful && !chance(s, 10))
        put_frequent_key(s, out, type);
    else
        put_typed(s, out, type);
}

/* Records come for it. */
static bool is_read(const struct node *node)
{
    return node->op == OP_SOURCE || node->op == OP_TABLE || node->op == OP_GLOBAL_TABLE;
}

static void put_record(struct sketch *s, FILE *out, int64_t timestamp)
{
    size_t source = 0;
    do source = draw(s, s->n_nodes);
    while (!is_read(&s->nodes[source]));
    const struct node *node = &s->nodes[source];
    fprintf(out, "{\"topic\":\"in%zu.%c\",\"key\":", source, (char)('a' + draw(s, node->n_topics)));
    put_key(s, out, node->key);
    fputs(",\"value\":", out);
    if (chance(s, node->op == OP_SOURCE ? 12 : 25))
        fputs("null", out);
    else
        put_typed(s, out, node->value);
    fprintf(out, ",\"timestamp\":%" PRId64, timestamp);
    if (chance(s, 30)) put_headers(s, out);
    fputs("}\n", out);
}

/* The time after `timestamp`, for windows, gaps and graces of up to 50 ms and stores that keep rows for minutes. */
static int64_t draw_step(struct sketch *s)
{
    size_t lot = draw(s, 200);
    if (lot < 30) return 0;
    if (lot < 70) return -(int64_t)draw(s, 40);
    if (lot < 78) return -(int64_t)draw(s, 300);
    if (lot < 80) return -(int64_t)draw(s, LONG_MS);
    if (lot < 90) return (int64_t)(100 + draw(s, 1000));
    if (lot < 92) return (int64_t)draw(s, 2 * LONG_MS);
    return (int64_t)draw(s, 20);
}

/* Records for a stateful topology: timestamps stay, go back by little and by much, and leave gaps. */
static size_t put_stateful_records(struct sketch *s, FILE *out)
{
    size_t count = RECORDS_MIN + draw(s, RECORDS_MAX - RECORDS_MIN + 1);
    int64_t timestamp = chance(s, 50) ? 1 + (int64_t)draw(s, 30) : 1600000000000;
    for (size_t i = 0; i < count; i++) {
        put_record(s, out, timestamp);
        int64_t step = draw_step(s);
        timestamp = timestamp + step < 1 ? 1 : timestamp + step;
    }
    return count;
}

/* Returns how many there are. Timestamps go forth, stay, and go back, but never below 0. */
static size_t put_records(struct sketch *s, FILE *out)
{
    size_t count = RECORDS_MIN + draw(s, RECORDS_MAX - RECORDS_MIN + 1);
    /* Not 0: the client library reads that as "now", and we send 1 instead. */
    int64_t timestamp = chance(s, 50) ? 1 : 1600000000000;
    for (size_t i = 0; i < count; i++) {
        put_record(s, out, timestamp);
        if (chance(s, 20)) continue;
        int64_t step = chance(s, 15) ? -(int64_t)draw(s, 60) : (int64_t)draw(s, 25);
        timestamp = timestamp + step < 1 ? 1 : timestamp + step;
    }
    return count;
}

#endif
