/* SPDX-License-Identifier: Apache-2.0
 *
 * The span scanner: what it accepts and refuses, where it says an error is, the spans it yields, and agreement with
 * jansson over a corpus of odd documents and over random damage to good ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "transforms/json_scan.h"

struct verdict {
    const char *text;
    const char *error; /* NULL: accepted */
};

static const struct verdict verdicts[] = {
    {"{}", NULL},
    {" \t\r\n{ } \n", NULL},
    {"[]", NULL},
    {"[[],{},[{}]]", NULL},
    {"null", NULL},
    {"true", NULL},
    {"false", NULL},
    {"0", NULL},
    {"-0", NULL},
    {"-0.0e-0", NULL},
    {"18446744073709551616", NULL},
    {"1E+400", NULL},
    {"\"\"", NULL},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00\"", NULL},
    {"{\"a\":1,\"a\":2}", NULL},
    {"{\"\":null}", NULL},
    {"{\"a\" : [ 1 , { \"b\" : [ ] } ] , \"c\" : \"x\" }", NULL},
    {"", "unexpected end at byte 0"},
    {"   ", "unexpected end at byte 3"},
    {"{", "unexpected end at byte 1"},
    {"}", "unexpected '}' at byte 0"},
    {"{\"a\"}", "unexpected '}' at byte 4"},
    {"{\"a\":}", "unexpected '}' at byte 5"},
    {"{\"a\":1,}", "unexpected '}' at byte 7"},
    {"{\"a\":1 \"b\":2}", "unexpected '\"' at byte 7"},
    {"{\"a\":1,,\"b\":2}", "unexpected ',' at byte 7"},
    {"{a:1}", "unexpected 'a' at byte 1"},
    {"{'a':1}", "unexpected ''' at byte 1"},
    {"{\"a\":[1,]}", "unexpected ']' at byte 8"},
    {"{\"a\":[1}", "unexpected '}' at byte 7"},
    {"{\"a\":{\"b\":1]}", "unexpected ']' at byte 11"},
    {"{\"a\":[,1]}", "unexpected ',' at byte 6"},
    {"{\"a\":{1:2}}", "unexpected '1' at byte 6"},
    {"[1 2]", "unexpected '2' at byte 3"},
    {"[", "unexpected end at byte 1"},
    {"[1,", "unexpected end at byte 3"},
    {"nul", "unexpected end at byte 3"},
    {"nulL", "unexpected 'L' at byte 3"},
    {"True", "unexpected 'T' at byte 0"},
    {"NaN", "unexpected 'N' at byte 0"},
    {"Infinity", "unexpected 'I' at byte 0"},
    {"+1", "unexpected '+' at byte 0"},
    {".5", "unexpected '.' at byte 0"},
    {"-", "unexpected end at byte 1"},
    {"-a", "unexpected 'a' at byte 1"},
    {"01", "number with a leading zero, '1' at byte 1"},
    {"-012", "number with a leading zero, '1' at byte 2"},
    {"1.", "digit expected after the point, found end at byte 2"},
    {"{\"a\":1.e3}", "digit expected after the point, found 'e' at byte 7"},
    {"1e", "digit expected in the exponent, found end at byte 2"},
    {"1e+", "digit expected in the exponent, found end at byte 3"},
    {"0x10", "the document ends, but more follows: 'x' at byte 1"},
    {"1 2", "the document ends, but more follows: '2' at byte 2"},
    {"{}{}", "the document ends, but more follows: '{' at byte 2"},
    {"{} x", "the document ends, but more follows: 'x' at byte 3"},
    {"\"abc", "string is not closed, found end at byte 4"},
    {"\"abc\\", "string is not closed, found end at byte 5"},
    {"\"a\nb\"", "control byte in a string, 0x0A at byte 2"},
    {"\"\\x41\"", "unknown escape, found 'x' at byte 2"},
    {"\"\\u12\"", "incomplete \\u escape, found '\"' at byte 5"},
    {"\"\\u12", "incomplete \\u escape, found end at byte 5"},
    {"\"\\u12G4\"", "incomplete \\u escape, found 'G' at byte 5"},
    {"\xEF\xBB\xBF{}", "unexpected 0xEF at byte 0"},
    {"{\"a\":1 /* c */}", "unexpected '/' at byte 7"},
    {"{\f}", "unexpected 0x0C at byte 1"},
};

static int scan(const char *text, size_t len, struct json_fields *fields, enum json_type *type,
                struct json_error *error)
{
    /* An exact heap copy, so that the address sanitizer sees a read behind the end. */
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    int rc = json_scan(aq_slice_of(copy, len), fields, type, error);
    free(copy);
    return rc;
}

static void test_verdicts(void **state)
{
    (void)state;
    struct json_fields fields = {0};
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        const struct verdict *v = &verdicts[i];
        struct json_error error;
        enum json_type type;
        char text[128];
        int rc = scan(v->text, strlen(v->text), &fields, &type, &error);
        if (!v->error) {
            if (rc) fail_msg("%s: %s", v->text, json_error_text(&error, text, sizeof(text)));
            continue;
        }
        assert_int_equal(rc, AQ_E_BAD_RECORD);
        assert_string_equal(json_error_text(&error, text, sizeof(text)), v->error);
        assert_int_equal(fields.n, 0);
    }
    json_fields_finish(&fields);
}

static void test_spans(void **state)
{
    (void)state;
    static const char text[] =
        " {\"id\" : 17 , \"n\\u0061me\":\"x\\\"y\",\"o\":{\"p\":[1,2]}, \"a\":[ ],\"t\":true,"
        "\"f\":false,\"z\":null,\"id\":-1.50e+3 } ";
    static const struct {
        const char *name, *value;
        enum json_type type;
        bool escaped;
    } want[] = {
        {"\"id\"", "17", JS_NUMBER, false},
        {"\"n\\u0061me\"", "\"x\\\"y\"", JS_STRING, true},
        {"\"o\"", "{\"p\":[1,2]}", JS_OBJECT, false},
        {"\"a\"", "[ ]", JS_ARRAY, false},
        {"\"t\"", "true", JS_TRUE, false},
        {"\"f\"", "false", JS_FALSE, false},
        {"\"z\"", "null", JS_NULL, false},
        {"\"id\"", "-1.50e+3", JS_NUMBER, false},
    };
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    assert_int_equal(json_scan(aq_slice_str(text), &fields, &type, &error), 0);
    assert_int_equal(type, JS_OBJECT);
    assert_int_equal(fields.body_at, 2);
    assert_int_equal(fields.n, sizeof(want) / sizeof(want[0]));
    for (size_t i = 0; i < fields.n; i++) {
        const struct json_field *f = &fields.list[i];
        assert_int_equal(f->name_len, strlen(want[i].name));
        assert_memory_equal(text + f->name_at, want[i].name, f->name_len);
        assert_int_equal(f->value_len, strlen(want[i].value));
        assert_memory_equal(text + f->value_at, want[i].value, f->value_len);
        assert_int_equal(f->type, want[i].type);
        assert_int_equal(f->name_escaped, want[i].escaped);
        assert_int_equal(f->note, 0);
    }
    assert_int_equal(json_scan(AQ_LIT("[1]"), &fields, &type, &error), 0);
    assert_int_equal(type, JS_ARRAY);
    assert_int_equal(fields.n, 0);
    json_fields_finish(&fields);
}

static void test_elements(void **state)
{
    (void)state;
    static const char text[] = " [ 1 ,\"a,]\", [2,[3]],{\"x\":[]},null ] ";
    static const char *const want[] = {"1", "\"a,]\"", "[2,[3]]", "{\"x\":[]}", "null"};
    static const enum json_type types[] = {JS_NUMBER, JS_STRING, JS_ARRAY, JS_OBJECT, JS_NULL};
    struct json_fields fields = {0};
    struct json_error error;
    assert_int_equal(json_scan_array(aq_slice_str(text), &fields, &error), 0);
    assert_int_equal(fields.n, 5);
    for (size_t i = 0; i < fields.n; i++) {
        const struct json_field *f = &fields.list[i];
        assert_int_equal(f->value_len, strlen(want[i]));
        assert_memory_equal(text + f->value_at, want[i], f->value_len);
        assert_int_equal(f->type, types[i]);
        assert_int_equal(f->name_len, 0);
    }
    assert_int_equal(json_scan_array(AQ_LIT("[ ]"), &fields, &error), 0);
    assert_int_equal(fields.n, 0);
    static const struct verdict bad[] = {{"{}", "unexpected '{' at byte 0"},
                                         {"[1,]", "unexpected ']' at byte 3"},
                                         {"[1", "unexpected end at byte 2"},
                                         {"[1}", "unexpected '}' at byte 2"},
                                         {"[] 1", "the document ends, but more follows: '1' at byte 3"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char buf[128];
        assert_int_equal(json_scan_array(aq_slice_str(bad[i].text), &fields, &error), AQ_E_BAD_RECORD);
        assert_string_equal(json_error_text(&error, buf, sizeof(buf)), bad[i].error);
        assert_int_equal(fields.n, 0);
    }
    json_fields_finish(&fields);
}

static void test_depth(void **state)
{
    (void)state;
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    static char text[400000];
    static const int depths[] = {1, 2, 63, 64, 65, 128, 129, 511, JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1};
    for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
        int depth = depths[d];
        int n = 0;
        for (int i = 0; i < depth; i++) n += sprintf(text + n, i % 2 ? "[" : i + 1 < depth ? "{\"a\":" : "{");
        for (int i = depth - 1; i >= 0; i--) text[n++] = i % 2 ? ']' : '}';
        int rc = scan(text, (size_t)n, &fields, &type, &error);
        assert_int_equal(rc, depth <= JSON_DEPTH_MAX ? 0 : AQ_E_BAD_RECORD);
    }
    assert_string_equal(error.what, "nested too deeply,");
    memset(text, '[', sizeof(text));
    assert_int_equal(scan(text, sizeof(text), &fields, &type, &error), AQ_E_BAD_RECORD);
    assert_int_equal(error.at, JSON_DEPTH_MAX);
    json_fields_finish(&fields);
}

/* The quote, the backslash and a control byte at every distance from the ends of 16-byte blocks. */
static void test_long_strings(void **state)
{
    (void)state;
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    static char text[300];
    for (size_t len = 0; len < 80; len++) {
        for (size_t at = 0; at <= len; at++) {
            memset(text, 'x', sizeof(text));
            text[0] = text[len + 1] = '"';
            assert_int_equal(scan(text, len + 2, &fields, &type, &error), 0);
            assert_int_equal(scan(text, len + 1, &fields, &type, &error), AQ_E_BAD_RECORD);
            if (at == len) continue;
            text[at + 1] = '\x1f';
            assert_int_equal(scan(text, len + 2, &fields, &type, &error), AQ_E_BAD_RECORD);
            assert_int_equal(error.at, at + 1);
            text[at + 1] = '\x80'; /* negative as a char: must not look like a control byte */
            assert_int_equal(scan(text, len + 2, &fields, &type, &error), 0);
            text[at + 1] = '\\';
            int rc = scan(text, len + 2, &fields, &type, &error);
            assert_int_equal(rc, AQ_E_BAD_RECORD); /* \x is no escape; at the end it takes the quote */
        }
    }
    json_fields_finish(&fields);
}

/* Odd documents on which jansson and the scanner must agree. */
static const char *const odd[] = {
    "{\"a\":[[[[[]]]]]}",
    "{\"a\":{\"a\":{\"a\":{}}}}",
    "[1,2,3",
    "{\"a\":\"\\u0041\"}",
    "{\"a\":1e5}",
    "{\"a\":1E-2}",
    "{\"a\":-}",
    "{\"a\":--1}",
    "{\"a\":1.2.3}",
    "{\"a\":00}",
    "[]]",
    "[[]",
    "{\"a\":tru}",
    "{\"a\":truee}",
    "{\"a\":nulll}",
    "\"\\ud834\\udd1e\"",
    "{:1}",
    "{,}",
    "[,]",
    "{\"a\",1}",
    "[1:2]",
    "{\"a\":1}}",
    "[\"a\\\"]",
    "[\"\\a\"]",
    "[\"\t\"]",
    "[1,\n2]",
    "[\v1]",
    "[1e1]",
    "[1e]",
    "[1.0e+1]",
    "[-1]",
    "[- 1]",
    "[\"\xc3\xa9\"]",
    "{\"\xe2\x82\xac\":1}",
    "[0]",
    "[0.1]",
    "[.1]",
    "[1.]",
    "[0e1]",
    "[123456789012345678]",
    "[*]",
    "[\"a\"\"b\"]",
    "{\"a\" \"b\"}",
    "{\"a\":1;\"b\":2}",
    "{\"a\"::1}",
    "{{}}",
    "{[]:1}",
    "{null:1}",
    "{\"a\":1 }",
    "\"\\/\"",
};

/* Where they differ, and why that is right:
 *  - jansson refuses invalid UTF-8, lone surrogates and \u0000; the grammar allows the escapes, and bytes we do not
 *    touch are not ours to refuse;
 *  - jansson refuses numbers that do not fit its C types; ours stay text. */
static const char *const only_ours[] = {
    "[\"\xff\"]", "[\"\\ud834\"]",     "[\"\\udd1e\"]", "[\"\\u0000\"]", "[123456789012345678901234567890]",
    "[1e999]",    "{\"a\\u0000b\":1}",
};

static bool jansson_accepts(const char *text, size_t len)
{
    json_error_t error;
    json_t *doc = json_loadb(text, len, JSON_DECODE_ANY, &error);
    json_decref(doc);
    return doc != NULL;
}

static void test_against_jansson(void **state)
{
    (void)state;
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        bool ours = scan(odd[i], strlen(odd[i]), &fields, &type, &error) == 0;
        if (ours != jansson_accepts(odd[i], strlen(odd[i]))) fail_msg("%s: ours %d", odd[i], ours);
    }
    for (size_t i = 0; i < sizeof(only_ours) / sizeof(only_ours[0]); i++) {
        assert_int_equal(scan(only_ours[i], strlen(only_ours[i]), &fields, &type, &error), 0);
        assert_false(jansson_accepts(only_ours[i], strlen(only_ours[i])));
    }
    json_fields_finish(&fields);
}

static uint64_t seed = 88172645463325252ull;

static uint32_t next_random(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % below);
}

/* One byte of a good document is changed, removed or doubled, to a byte that matters to the grammar. */
static void test_damage_against_jansson(void **state)
{
    (void)state;
    static const char good[] =
        "{\"id\":12,\"n\":[1.5,-2e3,\"a\\n\\u0041\"],\"o\":{\"t\":true,\"f\":null}, \"s\":\"xyz\"}";
    static const char bytes[] = "{}[]:,\"\\0123456789eE+-. \n\tntfu/a";
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    char text[sizeof(good) + 4];
    unsigned accepted = 0;
    for (int round = 0; round < 60000; round++) {
        size_t len = sizeof(good) - 1;
        memcpy(text, good, len);
        for (uint32_t edits = next_random(3) + 1; edits; edits--) {
            size_t at = next_random((uint32_t)len);
            switch (next_random(3)) {
            case 0: text[at] = bytes[next_random(sizeof(bytes) - 1)]; break;
            case 1: memmove(text + at, text + at + 1, --len - at); break;
            default:
                memmove(text + at + 1, text + at, len - at);
                text[at] = bytes[next_random(sizeof(bytes) - 1)];
                len++;
                break;
            }
        }
        bool ours = scan(text, len, &fields, &type, &error) == 0;
        bool theirs = jansson_accepts(text, len);
        bool escape = memchr(text, 'u', len) != NULL; /* a damaged \u may be one of the listed differences */
        if (ours != theirs && !(ours && escape))
            fail_msg("ours %d, jansson %d: %.*s", ours, theirs, (int)len, text);
        accepted += ours;
    }
    assert_in_range(accepted, 1000, 40000); /* both sides of the grammar were visited */
    json_fields_finish(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_against_jansson),
        cmocka_unit_test(test_damage_against_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
