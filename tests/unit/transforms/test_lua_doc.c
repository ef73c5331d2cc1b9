/* SPDX-License-Identifier: Apache-2.0
 *
 * The examples of doc/streams-lua.md do what stands beside them. Run at the root of the tree.
 *
 * A row is: program, incoming value, outgoing serde, results. A result stands in backquotes; "null", "nothing" and
 * "error `text`" are results too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/big_endian.h"
#include "tests/unit/transforms/lua_test.h"

#define CELLS 4

static char page[65536];

struct row {
    char text[1024];
    char *cells[CELLS];
    enum xf_format out;
    char got[1024]; /* results as they stand in the page */
    size_t len;
};

static void load_page(void)
{
    FILE *in = fopen("doc/streams-lua.md", "r");
    assert_non_null(in);
    size_t n = fread(page, 1, sizeof(page) - 1, in);
    assert_in_range(n, 1000, sizeof(page) - 2);
    page[n] = '\0';
    fclose(in);
}

static enum xf_format format_of(const char *name)
{
    for (enum xf_format f = XF_BYTES; f <= XF_DOUBLE; f++) {
        if (strcmp(xf_format_name(f), name) == 0) return f;
    }
    fail_msg("no serde '%s'", name);
    return XF_BYTES;
}

/* Takes the backquotes off a cell. */
static char *plain(char *cell)
{
    size_t n = strlen(cell);
    if (n < 2 || cell[0] != '`' || cell[n - 1] != '`') fail_msg("not in backquotes: %s", cell);
    cell[n - 1] = '\0';
    return cell + 1;
}

/* The row at `line`, which begins "| `"; false for rows of other tables. */
static bool read_row(const char *line, struct row *row)
{
    size_t n = strcspn(line, "\n");
    *row = (struct row){.len = 0};
    assert_in_range(n, 1, sizeof(row->text) - 1);
    memcpy(row->text, line + 2, n - 2);
    char *rest = row->text, *end = strstr(rest, " |");
    for (int i = 0; i < CELLS; i++) {
        if (!end) return false;
        *end = '\0';
        row->cells[i] = rest;
        rest = end + 3 <= row->text + n ? end + 3 : end + 2;
        end = strstr(rest, " |");
    }
    row->cells[0] = plain(row->cells[0]);
    row->cells[1] = plain(row->cells[1]);
    row->out = format_of(plain(row->cells[2]));
    return true;
}

__attribute__((format(printf, 2, 3))) static void say(struct row *row, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    row->len += (size_t)vsnprintf(row->got + row->len, sizeof(row->got) - row->len, format, args);
    va_end(args);
    assert_true(row->len < sizeof(row->got));
}

static void say_bytes(struct row *row, enum xf_format format, struct aq_slice bytes)
{
    double number;
    uint64_t bits;
    if (aq_slice_is_null(bytes)) {
        say(row, "null");
        return;
    }
    switch (format) {
    case XF_INT32: say(row, "%d", (int32_t)aq_be32_get(bytes.ptr)); return;
    case XF_INT64: say(row, "%lld", (long long)aq_be64_get(bytes.ptr)); return;
    case XF_DOUBLE:
        bits = aq_be64_get(bytes.ptr);
        memcpy(&number, &bits, sizeof(number));
        say(row, "%g", number);
        return;
    default: say(row, "%.*s", (int)bytes.len, bytes.ptr);
    }
}

static int emit_value(void *user, const struct lua_output *out, struct aq_err *err)
{
    struct row *row = user;
    (void)err;
    say(row, row->len ? " `" : "`");
    say_bytes(row, row->out, out->value);
    say(row, "`");
    return 0;
}

static int emit_record(void *user, const struct lua_output *out, struct aq_err *err)
{
    struct row *row = user;
    (void)err;
    say(row, row->len ? " `key=" : "`key=");
    say_bytes(row, XF_STRING, out->key);
    say(row, " value=");
    say_bytes(row, row->out, out->value);
    if (out->has_timestamp) say(row, " timestamp=%lld", (long long)out->timestamp);
    for (uint16_t i = 0; i < out->n_headers; i++)
        say(row, " header %s=%.*s", out->headers[i].name.ptr, (int)out->headers[i].value.len,
            out->headers[i].value.ptr);
    if (out->to) say(row, " to=%s", out->to);
    say(row, "`");
    return 0;
}

static void finish(const struct row *row, int rc, const char *error)
{
    const char *want = row->cells[3];
    if (strncmp(want, "error ", 6) == 0) {
        char *text = plain(row->cells[3] + 6);
        if (rc != AQ_E_BAD_RECORD) fail_msg("%s did not fail", row->cells[0]);
        if (!strstr(error, text)) fail_msg("%s: %s, the page says %s", row->cells[0], error, text);
        return;
    }
    if (rc < 0) fail_msg("%s: %s", row->cells[0], error);
    const char *got = row->len ? row->got : "nothing";
    if (strcmp(got, want) != 0) fail_msg("%s: %s, the page says %s", row->cells[0], got, want);
}

static void run_single(struct row *row, enum lua_form form)
{
    struct lt t;
    struct aq_slice got;
    lt_open(&t, form, row->cells[0]);
    struct xf_formats formats = {XF_STRING, XF_JSON, XF_STRING, row->out};
    t.step.formats = &formats;
    lt_record(&t, AQ_LIT("k"), aq_slice_str(row->cells[1]));
    int rc;
    if (form == LUA_EXPRESSION) {
        rc = lua_engine_eval(t.engine, &t.step, t.rec, row->out, &t.batch.arena, &got, &t.err);
    } else {
        rc = lua_engine_run(t.engine, &t.step, t.rec, &t.result, &t.err);
        xf_views_write(&t.views);
        got = t.rec->value;
    }
    if (rc == 0 && aq_slice_is_null(got)) {
        say(row, "null");
    } else if (rc == 0) {
        say(row, "`");
        say_bytes(row, row->out, got);
        say(row, "`");
    }
    finish(row, rc, t.err.text);
    lt_close(&t);
}

static void run_each(struct row *row, enum lua_shape shape)
{
    struct lt t;
    lt_open(&t, LUA_EXPRESSION, row->cells[0]);
    struct xf_formats formats = {XF_STRING, XF_JSON, XF_STRING, row->out};
    struct lua_emit emit = {.call = shape == LUA_VALUES ? emit_value : emit_record,
                            .user = row,
                            .arena = &t.batch.arena,
                            .shape = shape};
    t.step.formats = &formats;
    lt_record(&t, AQ_LIT("k"), aq_slice_str(row->cells[1]));
    int rc = lua_engine_each(t.engine, &t.step, t.rec, &emit, &t.err);
    finish(row, rc, t.err.text);
    lt_close(&t);
}

static void expression(struct row *row)
{
    run_single(row, LUA_EXPRESSION);
}

static void statements(struct row *row)
{
    run_single(row, LUA_STATEMENTS);
}

static void values(struct row *row)
{
    run_each(row, LUA_VALUES);
}

static void records(struct row *row)
{
    run_each(row, LUA_RECORDS);
}

/* Every row of the section's table; returns how many. */
static size_t run_section(const char *heading, void (*run)(struct row *row))
{
    const char *at = strstr(page, heading);
    if (!at) fail_msg("no section '%s'", heading);
    const char *end = strstr(at + 3, "\n## ");
    size_t n = 0;
    while ((at = strstr(at + 1, "\n| `")) && (!end || at < end)) {
        struct row row;
        if (!read_row(at + 1, &row)) continue;
        run(&row);
        n++;
    }
    return n;
}

static void the_examples_of_the_page_hold(void **state)
{
    (void)state;
    load_page();
    assert_int_equal(run_section("\n## Expressions", expression), 13);
    assert_int_equal(run_section("\n## Statements\n", statements), 6);
    assert_int_equal(run_section("\n## flat_map_values\n", values), 6);
    assert_int_equal(run_section("\n## flat_map\n", records), 5);
}

static void the_script_of_the_page_does_what_it_says(void **state)
{
    (void)state;
    load_page();
    char *script = strstr(page, "```lua\n");
    assert_non_null(script);
    script += 7;
    *strstr(script, "```") = '\0';
    struct lt t;
    struct row row = {.out = XF_JSON};
    lt_open(&t, LUA_PROCESSOR, script);
    struct xf_formats formats = {XF_STRING, XF_JSON, XF_STRING, XF_JSON};
    struct lua_emit emit = {.call = emit_record, .user = &row, .arena = &t.batch.arena};
    t.step.formats = &formats;
    assert_int_equal(lua_engine_call_init(t.engine, &t.step, &t.err), 0);
    static const char *const orders[] = {"{\"customer\":\"b\",\"amount\":1001}",
                                         "{\"customer\":\"a\",\"amount\":5}",
                                         "{\"customer\":\"b\",\"amount\":7}"};
    for (size_t i = 0; i < 3; i++) {
        lt_record(&t, AQ_LIT("k"), aq_slice_str(orders[i]));
        assert_int_equal(lua_engine_call_process(t.engine, &t.step, t.rec, &emit, &t.err), 0);
        xf_views_close(&t.views);
    }
    assert_string_equal(
        row.got, "`key=k value={\"customer\":\"b\",\"amount\":1001,\"large\":true} timestamp=1582981323456`");
    row = (struct row){.out = XF_JSON};
    for (int i = 0; i < 2; i++)
        assert_int_equal(lua_engine_call_punctuate(t.engine, &t.step, 9, "wall_clock", &emit, &t.err), 0);
    assert_string_equal(row.got,
                        "`key=a value={\"orders\":1} timestamp=9` `key=b value={\"orders\":2} timestamp=9`");
    lt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_page_hold),
        cmocka_unit_test(the_script_of_the_page_does_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
