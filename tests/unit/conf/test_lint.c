/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

/* Every mistake that libconfig would only call "syntax error", or would read as something else without a word. */
static const struct {
    const char *text;
    const char *expected; /* the start of the finding, with its place */
    int findings;         /* how many in all: one mistake, one finding */
} mistakes[] = {
    /* numbers that wrap */
    {"a = 2147483648;",
     "t.conf:1:5: error: a: 2147483648 does not fit 32 bits and libconfig would read -2147483648; "
     "write \"2GiB\" or 2147483648L",
     1},
    {"r = ( { name = \"orders\"; t = 2592000000; } );",
     "t.conf:1:30: error: r.orders.t: 2592000000 does not fit 32 bits and libconfig would read -1702967296; write "
     "\"30d\" or 2592000000L",
     1},
    {"a = -2147483649;",
     "t.conf:1:5: error: a: -2147483649 does not fit 32 bits and libconfig would read 2147483647; "
     "write -2147483649L",
     1},
    {"a = [ 1, 4294967296 ];", "t.conf:1:10: error: a.[1]: 4294967296 does not fit 32 bits", 1},
    {"a = 0xFFFFFFFF;",
     "t.conf:1:5: error: a: 0xFFFFFFFF does not fit 32 bits and libconfig would read -1; write "
     "0xFFFFFFFFL",
     1},
    {"a = 0x1FFFFFFFF;", "t.conf:1:5: error: a: 0x1FFFFFFFF does not fit 32 bits and libconfig would read -1",
     1},
    {"a = 99999999999999999999L;", "t.conf:1:5: error: a: 99999999999999999999L does not fit 64 bits", 1},
    {"a = 0xFFFFFFFFFFFFFFFFL;", "t.conf:1:5: error: a: 0xFFFFFFFFFFFFFFFFL does not fit 64 bits", 1},
    {"a = 010;",
     "t.conf:1:5: error: a: 010 is decimal or octal, depending on the version of libconfig; write 10", 1},
    {"a = .;", "t.conf:1:5: error: a: '.' is no number, and libconfig would read 0", 1},
    {"a = 1e999;", "t.conf:1:5: error: a: '1e999' is too large for a number", 1},
    /* open ends */
    {"a = 1;\n/* open\nb = 2;\n",
     "t.conf:2:1: error: '/*' opened here is never closed: 2 lines would be ignored", 1},
    {"a = 1; /* open", "t.conf:1:8: error: '/*' opened here is never closed: 1 line would be ignored", 1},
    {"/* one\na = 1;\n/* two */\nb = 2;",
     "t.conf:1:1: warning: comment opened here goes on to line 3 and contains "
     "another '/*' in line 3",
     1},
    {"a = \"open;\nb = \"two\";\nc = 3;\n",
     "t.conf:1:5: error: string opened here is not closed on this line", 1},
    {"a = \"open;\nb = \"\";\nc = \"x\";\n",
     "t.conf:1:5: error: string opened here is not closed on this line", 1},
    {"a = 1;\nb = { c = \"open };\n", "t.conf:2:11: error: string opened here is not closed on this line", 1},
    {"a = \"x\ny\";\nb = \"open\n", "t.conf:3:5: error: string opened here is not closed on this line", 1},
    {"a = [ \"x\", \"y ];\nb = \"z\";\n", "t.conf:1:12: error: string opened here is not closed on this line",
     -1},
    {"s = \"\n local x = \"y\"\n\";\n", "t.conf:1:5: error: string opened here is not closed on this line",
     -1},
    {"/* open\nsome prose, and more\nb = 2;", "t.conf:1:1: error: '/*' opened here is never closed: 3 lines",
     1},
    /* separators */
    {"a = ( { b = 1; }\n { b = 2; } );", "t.conf:1:16: error: a: ',' is missing after this bracket", 1},
    {"a = ( { b = 1; }; { b = 2; } );",
     "t.conf:1:17: error: a: ';' between the elements of a list; write ','", 1},
    {"a = [ 1 2 ];", "t.conf:1:7: error: a: ',' is missing after this value", 1},
    {"a = [ \"x\"; \"y\" ];", "t.conf:1:10: error: a: ';' between the elements of an array; write ','", 1},
    {"a = [ 1, 2, ];", "t.conf:1:11: error: a: ',' before the closing ']'; remove it", 1},
    {"a = ( { b = 1; }, );", "t.conf:1:17: error: a: ',' before the closing ')'; remove it", 1},
    {"a = ( 1; );", "t.conf:1:8: error: a: ';' before the closing ')'; remove it", 1},
    {"a = [ , 1 ];", "t.conf:1:7: error: a: extra ','; remove it", 1},
    {"a = [ 1,, 2 ];", "t.conf:1:9: error: a: extra ','; remove it", 1},
    {"a = 1;; b = 2;", "t.conf:1:7: error: extra ';'; remove it", 1},
    {"a = [ \"x\" \"y\" ];",
     "t.conf:1:7: warning: a: two strings without a comma between them are read as one", 1},
    {"a == 1;", "t.conf:1:3: error: write one '=' between name and value", 1},
    {"a := 1;", "t.conf:1:3: error: write one '=' between name and value", 1},
    {"a => 1;", "t.conf:1:3: error: write one '=' between name and value", 1},
    {"a { b = 1; }", "t.conf:1:1: error: '=' is missing after a; write a = …", 1},
    {"a \"x\";", "t.conf:1:1: error: '=' is missing after a; write a = …", 1},
    {"a = ;", "t.conf:1:1: error: a: value is missing after '='", 1},
    {"a = { b = };", "t.conf:1:7: error: a.b: value is missing after '='", 1},
    /* words */
    {"a = yes;", "t.conf:1:5: error: a: 'yes' is no value; write true (or \"yes\" for the text)", 1},
    {"a = on;", "t.conf:1:5: error: a: 'on' is no value; write true", 1},
    {"a = Off;", "t.conf:1:5: error: a: 'Off' is no value; write false", 1},
    {"a = [ true, no ];", "t.conf:1:13: error: a.[1]: 'no' is no value; write false", 1},
    {"a = null;", "t.conf:1:5: error: a: 'null' is no value; leave the option out", 1},
    {"a = orders;", "t.conf:1:5: error: a: 'orders' must be in quotes; write \"orders\"", 1},
    {"a = k1:9092;", "t.conf:1:5: error: a: 'k1:9092' must be in quotes; write \"k1:9092\"", 1},
    {"a = https://x.y/z;", "t.conf:1:5: error: a: 'https://x.y/z' must be in quotes", 1},
    {"a = ${HOME};", "t.conf:1:5: error: a: '${HOME}' must be in quotes; write \"${HOME}\"", 1},
    {"a = 5s;", "t.conf:1:5: error: a: '5s' must be in quotes; write \"5s\"", 1},
    {"a = 16 MiB;", "t.conf:1:5: error: a: '16 MiB' must be in quotes; write \"16 MiB\"", 1},
    {"a = 5l;", "t.conf:1:5: error: a: '5l' is no number; write 5L", 1},
    {"a = 0b101;", "t.conf:1:5: error: a: '0b101' is a number only in libconfig 1.8; write it in decimal", 1},
    {"a = two words;", "t.conf:1:5: error: a: 'two words' must be in quotes; write \"two words\"", 1},
    {"a = word\nb = 1;", "t.conf:1:5: error: a: 'word' must be in quotes", 1},
    {"a = 'x; y';", "t.conf:1:5: error: a: strings are written in double quotes; write \"x; y\"", 1},
    {"a = \u201cx\u201d;", "t.conf:1:5: error: a: strings are written in double quotes; write \"x\"", 1},
    {"a = 5\nb;", "t.conf:2:1: error: unexpected 'b'; a setting is written NAME = VALUE;", 1},
    {"a = {\n  b = yes;\nc = 2;\n};", "t.conf:2:7: error: a.b: 'yes' is no value", 1},
    /* names */
    {"a = { topic.field = 1; };",
     "t.conf:1:7: error: a: a name cannot hold '.'; write topic_field, or for a client "
     "setting properties = [\"topic.field=…\"]",
     1},
    {"\"a\" = 1;", "t.conf:1:1: error: a name is written without quotes; write a", 1},
    {"\"a.b\" = 1;", "t.conf:1:1: error: a name is written without quotes: letters", 1},
    {"_a = 1;", "t.conf:1:1: error: '_a': a name cannot start with '_'", 1},
    {"2a = 1;", "t.conf:1:1: error: '2a': a name cannot start with a digit", 1},
    {"7 = 1;", "t.conf:1:1: error: '7': a name cannot start with a digit", 1},
    {"true = 1;", "t.conf:1:1: error: 'true': true and false cannot be names", 1},
    {"\u00e4 = 1;", "t.conf:1:1: error: '\u00e4': names are made of letters, digits", 1},
    {"a = 1;\nb = { };\na = 2;", "t.conf:3:1: error: 'a' is set twice in this group; first in line 1", 1},
    {"a = { x = 1; y = { }; x = yes; };",
     "t.conf:1:23: error: a: 'x' is set twice in this group; first in line 1", -1},
    /* brackets and kinds */
    {"a = [ 1, \"x\" ];",
     "t.conf:1:10: error: a: array mixes integer and string; all its values must be of one type", 1},
    {"a = [ 1, 2.5 ];", "t.conf:1:10: error: a: array mixes integer and number with a point", 1},
    {"a = [ 1, 2L ];", "t.conf:1:10: error: a: array mixes numbers with and without L", 1},
    {"a = [ { b = 1; } ];",
     "t.conf:1:5: error: a: an array [ ] holds only strings, numbers or booleans; write ( )", 1},
    {"a = [ [ 1 ], [ 2 ] ];", "t.conf:1:5: error: a: an array [ ] holds only", 1},
    {"a = ( b = 1 );", "t.conf:1:7: error: a: the elements of a list have no names; write { b = …; }", 1},
    {"a = { b = 1;", "t.conf:1:5: error: '{' opened here is never closed; write '}'", 1},
    {"a = { b = [ 1, 2; };",
     "t.conf:1:11: error: '[' opened here is not closed before the '}' in line 1; write ']'", -1},
    {"a = [ 1, 2 );", "t.conf:1:12: error: ')' does not close the '[' opened in line 1; write ']'", 1},
    {"a = { b = 1; } };\nc = 2;", "t.conf:1:16: error: '}' closes nothing", -1},
    {"a = {\n  b = { x = 1;\n  c = 2;\n};\nd = 3;\n",
     "t.conf:1:5: error: '{' opened here is not closed before line 5", 1},
    {"{ a = 1; }", "t.conf:1:1: error: a group needs a name; write NAME = { … };", 1},
    {"a = 1; @include \"x\"", "t.conf:1:8: error: @include must be the first thing on its line", 1},
    {"a = \"x\\x00y\";", "t.conf:1:7: error: a: '\\x00' would be dropped", 1},
    {"a = \"\\bword\\d\";",
     "t.conf:1:6: error: a: '\\b' is read differently by libconfig 1.5 and 1.8; write '\\\\b'", 1},
    /* bytes */
    {"\xEF\xBB\xBF"
     "a = 1;",
     "t.conf:1:1: error: file starts with a UTF-8 byte order mark", 1},
    {"\xFF\xFE"
     "a",
     "t.conf:1:1: error: file is UTF-16; save it as UTF-8", 1},
    {"a", "t.conf:1:1: error: unexpected 'a'; a setting is written NAME = VALUE;", 1},
    {"a = 1 b c = 2;", "t.conf:1:", -1},
};

static void test_each_mistake_is_named_and_located(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct loaded l = load(mistakes[i].text);
        if (strncmp(l.text, mistakes[i].expected, strlen(mistakes[i].expected)) != 0) {
            fail_msg("row %zu:\n%s\nexpected: %s\ngot:\n%s", i, mistakes[i].text, mistakes[i].expected,
                     l.text);
        }
        if (mistakes[i].findings >= 0 && l.diags.count != (size_t)mistakes[i].findings) {
            fail_msg("row %zu:\n%s\n%zu findings instead of %d:\n%s", i, mistakes[i].text, l.diags.count,
                     mistakes[i].findings, l.text);
        }
        unload(&l);
    }
}

/* What libconfig reads as it is written gets no error. */
static const char *const valid[] = {
    "",
    "# only a comment without a newline",
    "// the other one",
    "a = 1, b = 2; c : 3 d = 4",
    "a = { }; b = ( ); c = [ ];",
    "a = { b = 1, c = 2, };",
    "a = TRUE; b = fAlSe;",
    "a = +5; b = -5; c = 007; d = .5; e = 5.; f = -1.5e-3; g = 1e5; h = 1.e5;",
    "a = 2147483647; b = -2147483648; c = 2147483648L; d = 5LL; e = 0x7FFFFFFF; f = 0xFFFFFFFFL;",
    "a = 9223372036854775807L; b = -9223372036854775808L;",
    "a = \"x\" \"y\"\n  \"z\";",
    "a = \"two\nlines = here\";\nb = 1;",
    "a = \"\n local x = 'y'\n z: 5\n\";\nb = \"c\";",
    "a = \"esc \\\" quote \\\\\"; b = \"orders\\..*\\d+\";",
    "a = \"/* no comment */ # none // none\"; b = \"@include\";",
    "/* c */ a /* c */ = /* c */ 1 /* c */ ; # c\n// c\n",
    "/* a = \"x */ b = 1;",
    "# it's \"one quote\nb = 1; // and \"another\nc = 2;",
    "a = ( 1, \"x\", 2.5, true, { b = 1; }, [ 1, 2 ], ( \"q\" ) );",
    "*a-b_1 = 1; name = \"x\";",
    "truex = 1; nullx = 2; on = \"value\"; yes = \"no\";",
    "a = \"\xC3\xA9\";\r\nb = 2;\r\n",
    "\fa = 1;\f\n",
    "a = (((((((((( 1 ))))))))));",
    "a = [ \"x\",\n \"y\" # last\n ];",
    "a = 5 /* x */ b = 6",
    "a = \"\"; b = \"\" \"\"; c = \"x\\x41\\n\";",
    "a={b=1;c={d=2;};};e=(1,2);f=[1,2];",
    "a=1b=2",
};

static void test_valid_files_have_no_findings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        struct loaded l = load(valid[i]);
        if (l.rc != 0 || l.diags.count != 0) fail_msg("row %zu:\n%s\n%s", i, valid[i], l.text);
        unload(&l);
    }
}

/* The mistakes of one file come out together, and the rest of it is read. */
static void test_eight_mistakes_at_once(void **state)
{
    (void)state;
    static const char text[] = "clusters = {\n"
                               "  dc1 = { brokers = k1:9092; };\n"
                               "  dc2 { brokers = 'b'; };\n"
                               "};\n"
                               "routes = (\n"
                               "  { name = \"orders\"; commit_every = 2592000000; topics = [ \"a\", ]; }\n"
                               "  { name = \"other\"; enabled = yes; topic.field = \"x\"; }\n"
                               ");\n"
                               "http = { listen = \"127.0.0.1:9464; };\n"
                               "last = 5;\n";
    static const char *const expected[] = {
        "t.conf:2:21: error: clusters.dc1.brokers: 'k1:9092' must be in quotes",
        "t.conf:3:3: error: '=' is missing after dc2",
        "t.conf:3:19: error: clusters.dc2.brokers: strings are written in double quotes",
        "t.conf:6:37: error: routes.orders.commit_every: 2592000000 does not fit 32 bits",
        "t.conf:6:63: error: routes.orders.topics: ',' before the closing ']'",
        "t.conf:6:68: error: routes: ',' is missing after this bracket",
        "t.conf:7:31: error: routes.other.enabled: 'yes' is no value; write true",
        "t.conf:7:36: error: routes.other: a name cannot hold '.'; write topic_field",
        "t.conf:9:19: error: string opened here is not closed on this line",
    };
    struct loaded l = load(text);
    const char *from = l.text;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const char *found = strstr(from, expected[i]);
        if (!found) fail_msg("missing or out of order: %s\n%s", expected[i], l.text);
        from = found + 1;
    }
    assert_int_equal(l.diags.errors, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(at(&l, "last")->integer, 5);
    assert_string_equal(at(&l, "routes.1.topic_field")->string, "x");
    assert_true(at(&l, "routes.0.commit_every")->faulty);
    unload(&l);
}

static void test_places_of_names_and_values(void **state)
{
    (void)state;
    struct loaded l = load("a = {\n\tb  =  \"x\" \"y\";\n  c = [ 10, 200 ];\n};\n");
    const struct conf_node *b = at(&l, "a.b");
    assert_int_equal(b->pos.line, 2);
    assert_int_equal(b->pos.column, 2);
    assert_int_equal(b->pos.width, 1);
    assert_int_equal(b->value_pos.column, 8);
    assert_int_equal(b->value_pos.width, 7);
    const struct conf_node *item = at(&l, "a.c.1");
    assert_int_equal(item->pos.line, 3);
    assert_int_equal(item->pos.column, 13);
    assert_int_equal(item->pos.width, 3);
    assert_string_equal(b->pos.file, "t.conf");
    unload(&l);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    char text[1200];
    size_t n = (size_t)sprintf(text, "a = ");
    memset(text + n, '(', 500);
    memset(text + n + 500, ')', 500);
    strcpy(text + n + 1000, ";\n");
    struct loaded l = load(text);
    assert_int_equal(l.diags.errors, 1);
    assert_contains(l.text, "nested deeper than 100 brackets");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_mistake_is_named_and_located),
        cmocka_unit_test(test_valid_files_have_no_findings),
        cmocka_unit_test(test_eight_mistakes_at_once),
        cmocka_unit_test(test_places_of_names_and_values),
        cmocka_unit_test(test_depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
