/* SPDX-License-Identifier: Apache-2.0
 *
 * The document view: single edits by table, then random documents with random edits against a plain model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transforms/doc.h"
#include "transforms/json_text.h"

/* edits: words separated by blanks: -a drop, a=v replace, a>b rename, +a=v append. */
struct edit_case {
    const char *text;
    const char *edits;
    const char *want;
};

static const struct edit_case cases[] = {
    {"{\"a\":1}", "", "{\"a\":1}"},
    {"{\"a\":1}", "-a", "{}"},
    {" { \"a\" : 1 } ", "-a", " {  } "},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a", "{\"b\":2,\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-b", "{\"a\":1,\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-c", "{\"a\":1,\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a -b", "{\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-b -c", "{\"a\":1}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a -c", "{\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "-a -b -c", "{}"},
    {"{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}", "-b", "{\n  \"a\": 1,\n  \"c\": 3\n}"},
    {"{\n  \"a\": 1,\n  \"b\": 2\n}", "-a", "{\n  \"b\": 2\n}"},
    {"{\n  \"a\": 1,\n  \"b\": 2\n}", "-b", "{\n  \"a\": 1\n}"},
    {"{\"a\" : 1 , \"b\":2}", "a=\"xx\"", "{\"a\" : \"xx\" , \"b\":2}"},
    {"{\"a\":1,\"b\":2}", "a>z", "{\"z\":1,\"b\":2}"},
    {"{\"a\" : 1}", "a>z z=9", "{\"z\" : 9}"},
    {"{\"a\":1,\"b\":2}", "a=7 a>z -z", "{\"b\":2}"},
    {"{}", "+x=1", "{\"x\":1}"},
    {"{ }", "+x=1", "{\"x\":1 }"},
    {"{ \"a\":1 }", "+x=1 +y=2", "{ \"a\":1,\"x\":1,\"y\":2 }"},
    {"{\"a\":1}", "-a +x=1", "{\"x\":1}"},
    {"{\"a\":1,\"b\":2}", "-a -b +x=1 +y=2", "{\"x\":1,\"y\":2}"},
    {"{\"a\":1}", "+x=1 -x", "{\"a\":1}"},
    {"{\"a\":1}", "+x=1 x=22 x>y", "{\"a\":1,\"y\":22}"},
    {"{\"a\":1,\"a\":2}", "-a", "{\"a\":2}"},
    {"{\"\\u0061\":1,\"b\":100.10}", "a=null", "{\"\\u0061\":null,\"b\":100.10}"},
    {"{\"\\u0061\\\"\":1}", "a\">b", "{\"b\":1}"},
};

static struct aq_arena arena;

static void apply_word(struct doc *doc, char *word)
{
    char *mark = word[0] == '+' ? strchr(word, '=') : strpbrk(word, "=>");
    if (word[0] == '+') {
        *mark = '\0';
        struct doc_name name = doc_name_make(&arena, aq_slice_str(word + 1));
        doc_append(doc, &name, aq_slice_str(mark + 1), JS_NUMBER);
        return;
    }
    char kind = mark ? *mark : '-';
    if (mark) *mark = '\0';
    uint32_t index = doc_find(doc, aq_slice_str(mark ? word : word + 1), 0);
    assert_int_not_equal(index, DOC_NONE);
    if (kind == '-') {
        doc_drop(doc, index);
        assert_false(doc_alive(doc, index));
    } else if (kind == '=') {
        doc_replace(doc, index, aq_slice_str(mark + 1), JS_STRING);
        assert_int_equal(doc_type(doc, index), JS_STRING);
    } else {
        struct doc_name name = doc_name_make(&arena, aq_slice_str(mark + 1));
        doc_rename(doc, index, &name);
        assert_true(aq_slice_equal(doc_name(doc, index), name.text));
    }
}

static void test_cases(void **state)
{
    (void)state;
    struct doc doc;
    doc_init(&doc);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_error error;
        enum json_type type;
        struct aq_slice text = aq_slice_str(cases[i].text);
        assert_int_equal(doc_open(&doc, text, &arena, &type, &error), 0);
        char *edits = aq_arena_strdup(&arena, cases[i].edits), *rest = edits, *word;
        while ((word = strsep(&rest, " "))) {
            if (*word) apply_word(&doc, word);
        }
        struct aq_slice got = doc_write(&doc);
        if (!*cases[i].edits) assert_ptr_equal(got.ptr, text.ptr); /* no edit, no copy */
        if (!aq_slice_equal(got, aq_slice_str(cases[i].want))) {
            fail_msg("%s with %s: %.*s", cases[i].text, cases[i].edits, (int)got.len, got.ptr);
        }
    }
    doc_finish(&doc);
}

static void test_tags(void **state)
{
    (void)state;
    struct doc doc;
    struct json_error error;
    enum json_type type;
    doc_init(&doc);
    assert_int_equal(doc_open(&doc, AQ_LIT("{\"a\":1,\"b\":2}"), &arena, &type, &error), 0);
    assert_int_equal(doc_tag(&doc, 1), 0);
    doc_set_tag(&doc, 1, 7);
    assert_int_equal(doc_tag(&doc, 1), 7);
    assert_false(doc.changed);
    doc_clear_tags(&doc);
    assert_int_equal(doc_tag(&doc, 1), 0);
    assert_int_equal(doc_open(&doc, AQ_LIT("[1]"), &arena, &type, &error), 0);
    assert_int_equal(type, JS_ARRAY);
    assert_int_equal(doc_count(&doc), 0);
    doc_finish(&doc);
}

/* ---- random documents, random edits, a model beside them ---- */

static uint64_t seed;

static uint32_t next_random(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % below);
}

struct model_field {
    char name[16];
    char value[64];
    bool dropped;
};

struct model {
    struct model_field list[64];
    uint32_t n;
};

static const char *const values[] = {
    "1",
    "-0.0",
    "18446744073709551615",
    "100.10",
    "1e2",
    "null",
    "true",
    "\"\"",
    "\"a,b}\\\"]\"",
    "[ 1, [2] ,{}]",
    "{\"x\" : {\"y\":[]}}",
    "\"\xc3\xa9\"",
    "[\"}\"]",
    "\"a rather long string that needs more than one block\"",
};

static const char *random_value(void)
{
    return values[next_random(sizeof(values) / sizeof(values[0]))];
}

static int put_space(char *to)
{
    int n = 0;
    while (next_random(4) == 0) to[n++] = " \n\t\r"[next_random(4)];
    return n;
}

static int random_document(struct model *model, char *text)
{
    int n = put_space(text);
    text[n++] = '{';
    model->n = next_random(12);
    for (uint32_t i = 0; i < model->n; i++) {
        struct model_field *f = &model->list[i];
        f->dropped = false;
        snprintf(f->name, sizeof(f->name), "f%u", next_random(20)); /* names repeat now and then */
        snprintf(f->value, sizeof(f->value), "%s", random_value());
        n += put_space(text + n);
        if (next_random(8) == 0)
            n += sprintf(text + n, "\"\\u0066%s\"", f->name + 1);
        else
            n += sprintf(text + n, "\"%s\"", f->name);
        n += put_space(text + n);
        text[n++] = ':';
        n += put_space(text + n);
        n += sprintf(text + n, "%s", f->value);
        n += put_space(text + n);
        if (i + 1 < model->n) text[n++] = ',';
    }
    n += put_space(text + n);
    text[n++] = '}';
    n += put_space(text + n);
    text[n] = '\0';
    return n;
}

static void random_edit(struct doc *doc, struct model *model)
{
    char name[16];
    snprintf(name, sizeof(name), "f%u", next_random(20));
    uint32_t kind = next_random(4);
    const char *value = random_value();
    if (kind == 0 && model->n < 60) {
        struct doc_name added = doc_name_make(&arena, aq_slice_str(name));
        struct model_field *f = &model->list[model->n++];
        doc_append(doc, &added, aq_slice_str(value), JS_NUMBER);
        f->dropped = false;
        snprintf(f->name, sizeof(f->name), "%s", name);
        snprintf(f->value, sizeof(f->value), "%s", value);
        return;
    }
    uint32_t expected = 0;
    while (expected < model->n && (model->list[expected].dropped || strcmp(model->list[expected].name, name)))
        expected++;
    uint32_t index = doc_find(doc, aq_slice_str(name), 0);
    assert_int_equal(index, expected < model->n ? expected : DOC_NONE);
    if (index == DOC_NONE) return;
    struct model_field *f = &model->list[index];
    if (kind == 1) {
        doc_drop(doc, index);
        f->dropped = true;
    } else if (kind == 2) {
        doc_replace(doc, index, aq_slice_str(value), JS_NUMBER);
        snprintf(f->value, sizeof(f->value), "%s", value);
    } else {
        snprintf(name, sizeof(name), "f%u", next_random(20));
        struct doc_name renamed = doc_name_make(&arena, aq_slice_str(name));
        doc_rename(doc, index, &renamed);
        snprintf(f->name, sizeof(f->name), "%s", name);
    }
}

static void check_against_model(struct doc *again, struct aq_slice got, const struct model *model)
{
    struct json_error error;
    enum json_type type;
    char text[128];
    if (doc_open(again, got, &arena, &type, &error) < 0) {
        fail_msg("%s: %.*s", json_error_text(&error, text, sizeof(text)), (int)got.len, got.ptr);
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < model->n; i++) {
        const struct model_field *f = &model->list[i];
        if (f->dropped) continue;
        assert_true(at < doc_count(again));
        assert_true(aq_slice_equal(doc_name(again, at), aq_slice_str(f->name)));
        assert_true(aq_slice_equal(doc_value(again, at), aq_slice_str(f->value)));
        at++;
    }
    assert_int_equal(at, doc_count(again));
}

static void test_random(void **state)
{
    (void)state;
    struct doc doc, again;
    static struct model model;
    static char text[4096];
    doc_init(&doc);
    doc_init(&again);
    for (uint64_t round = 1; round <= 20000; round++) {
        seed = round * 0x9e3779b97f4a7c15ull;
        aq_arena_reset(&arena);
        struct json_error error;
        enum json_type type;
        int len = random_document(&model, text);
        assert_int_equal(doc_open(&doc, aq_slice_of(text, (size_t)len), &arena, &type, &error), 0);
        uint32_t edits = next_random(10);
        for (uint32_t i = 0; i < edits; i++) random_edit(&doc, &model);
        struct aq_slice got = doc_write(&doc);
        if (edits == 0) assert_memory_equal(got.ptr, text, (size_t)len);
        check_against_model(&again, got, &model);
    }
    doc_finish(&doc);
    doc_finish(&again);
}

static void test_json_text(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *quoted;
    } pairs[] = {
        {"", "\"\""},
        {"a\"b\\c/", "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t\x01\x1f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\""},
        {"\xe2\x82\xac", "\"\xe2\x82\xac\""},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct aq_slice quoted = json_quote(&arena, aq_slice_str(pairs[i].plain));
        assert_true(aq_slice_equal(quoted, aq_slice_str(pairs[i].quoted)));
        assert_true(aq_slice_equal(json_unquote(&arena, quoted), aq_slice_str(pairs[i].plain)));
    }
    struct aq_slice wide = json_unquote(&arena, AQ_LIT("\"\\uD83D\\ude00\\u00e9\\u20AC\\/\""));
    assert_true(aq_slice_equal(wide, AQ_LIT("\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac/")));
    struct aq_slice lone = json_unquote(&arena, AQ_LIT("\"\\uD83Dx\\ud83d\\u0041\""));
    assert_true(aq_slice_equal(lone, AQ_LIT("\xed\xa0\xbdx\xed\xa0\xbd"
                                            "A")));
    assert_true(aq_slice_equal(json_int(&arena, INT64_MIN), AQ_LIT("-9223372036854775808")));
    assert_true(aq_slice_equal(json_int(&arena, 0), AQ_LIT("0")));
    assert_true(aq_slice_equal(json_int(&arena, 1060), AQ_LIT("1060")));
}

static void shortest_digits_that_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } numbers[] = {{0.1, "0.1"},
                   {5, "5.0"},
                   {-0.0, "-0.0"},
                   {1e20, "1e+20"},
                   {1e-7, "1e-07"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {200.2, "200.2"},
                   {5e-324, "5e-324"},
                   {2.5e-320, "2.5e-320"},
                   {0.0, "0.0"},
                   {1e15, "1e+15"},
                   {123456789012345680.0, "1.2345678901234568e+17"},
                   {1.7976931348623157e308, "1.7976931348623157e+308"}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct aq_slice text = json_real(&arena, numbers[i].value);
        if (!aq_slice_equal(text, aq_slice_str(numbers[i].text))) fail_msg("%s", text.ptr);
        assert_true(strtod(text.ptr, NULL) == numbers[i].value);
    }
}

static int setup(void **state)
{
    (void)state;
    aq_arena_init(&arena, 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    aq_arena_finish(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_text, setup, teardown),
        cmocka_unit_test_setup_teardown(shortest_digits_that_read_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
