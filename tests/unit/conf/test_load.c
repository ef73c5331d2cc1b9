/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/aq-load-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct loaded load_file(const char *name)
{
    struct loaded l = {0};
    conf_diags_init(&l.diags);
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    l.rc = conf_load(path, NULL, 0, &l.diags, &l.doc);
    l.text = printed(&l.diags, false);
    return l;
}

static void test_values_and_types(void **state)
{
    (void)state;
    struct loaded l =
        load("s = \"a\" \"b\\n\"; i = -5; h = 0x10; b = 5000000000L; f = 1.5; t = true; g = { x = 1; };\n"
             "l = ( 1, \"q\" ); a = [ 1, 2, 3 ];");
    assert_int_equal(l.rc, 0);
    assert_string_equal(at(&l, "s")->string, "ab\n");
    assert_ptr_equal(at(&l, "s")->raw, at(&l, "s")->string);
    assert_int_equal(at(&l, "i")->integer, -5);
    assert_int_equal(at(&l, "h")->integer, 16);
    assert_true(at(&l, "b")->integer == 5000000000LL);
    assert_true(at(&l, "f")->real == 1.5);
    assert_true(at(&l, "t")->boolean);
    assert_int_equal(at(&l, "g")->type, CONF_GROUP);
    assert_int_equal(at(&l, "l")->type, CONF_LIST);
    assert_int_equal(at(&l, "a")->count, 3);
    assert_int_equal(at(&l, "a.2")->integer, 3);
    assert_ptr_equal(at(&l, "a.2")->parent, at(&l, "a"));
    assert_null(at(&l, "a.2")->name);
    assert_false(at(&l, "i")->used);
    assert_non_null(conf_get(l.doc->root, "i"));
    assert_true(at(&l, "i")->used);
    unload(&l);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct loaded l = load_file("absent.conf");
    assert_int_equal(l.rc, AQ_E_CONFIG);
    assert_null(l.doc);
    assert_contains(l.text, "absent.conf: error: cannot read the file: No such file or directory");
    unload(&l);
    l = load_file(".");
    assert_contains(l.text, "cannot read the file: Is a directory");
    unload(&l);
}

static void test_includes_lie_beside_the_including_file(void **state)
{
    (void)state;
    char sub[128];
    snprintf(sub, sizeof(sub), "%s/sub", dir);
    mkdir(sub, 0700);
    write_file(
        "main.conf",
        "a = 1;\n@include \"sub/one.conf\"\nz = 26;\n/* @include \"no.conf\"\n*/\ns = \"\n@include \\\"x\\\"\";\n");
    write_file("sub/one.conf", "b = 2; # no newline at the end\n@include \"two.conf\" q = 5;\nr = bad;");
    write_file("sub/two.conf", "c = {\n  d = 010;\n};");
    struct loaded l = load_file("main.conf");
    assert_int_equal(l.diags.errors, 2);
    assert_int_equal(at(&l, "a")->integer, 1);
    assert_true(at(&l, "c.d")->faulty);
    assert_int_equal(at(&l, "z")->pos.line, 3);
    assert_int_equal(at(&l, "q")->pos.line, 2);
    assert_int_equal(at(&l, "q")->pos.column, 21);
    assert_int_equal(at(&l, "b")->pos.line, 1);
    assert_non_null(strstr(at(&l, "b")->pos.file, "sub/one.conf"));
    assert_contains(l.text, "sub/two.conf:2:7: error: c.d: 010 is decimal or octal");
    assert_contains(l.text, "   2 |   d = 010;");
    assert_contains(l.text, "sub/one.conf:3:5: error: r: 'bad' must be in quotes");
    unload(&l);
}

static void test_include_failures(void **state)
{
    (void)state;
    write_file("main2.conf", "a = 1;\n  @include \"nowhere.conf\"\n@include missing\nb = 2;\n");
    struct loaded l = load_file("main2.conf");
    assert_int_equal(l.diags.errors, 2);
    assert_contains(l.text, "main2.conf:2:12: error: @include: ");
    assert_contains(l.text, "nowhere.conf: No such file or directory");
    assert_contains(l.text, "main2.conf:3:1: error: @include wants a path in quotes");
    assert_int_equal(at(&l, "b")->integer, 2);
    unload(&l);

    write_file("self.conf", "@include \"self.conf\"\n");
    l = load_file("self.conf");
    assert_int_equal(l.diags.errors, 1);
    assert_contains(l.text, "does '");
    assert_contains(l.text, "include itself?");
    unload(&l);
}

/* An open comment in an included file does not eat the including one. */
static void test_open_ends_stay_in_their_file(void **state)
{
    (void)state;
    write_file("main3.conf", "@include \"open.conf\"\nb = 2;\n");
    write_file("open.conf", "a = 1; /* open\n");
    struct loaded l = load_file("main3.conf");
    assert_contains(l.text,
                    "open.conf:1:8: error: '/*' opened here is never closed: 1 line would be ignored");
    assert_int_equal(at(&l, "b")->integer, 2);
    unload(&l);
}

static void test_include_wildcard(void **state)
{
    (void)state;
    char sub[128];
    snprintf(sub, sizeof(sub), "%s/conf.d", dir);
    mkdir(sub, 0700);
    write_file("conf.d/20.conf", "second = 2;");
    write_file("conf.d/10.conf", "first = 1;");
    write_file("main4.conf", "@include \"conf.d/*.conf\"\n@include \"none.d/*.conf\"\n");
    struct loaded l = load_file("main4.conf");
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.doc->root->first->name, "first");
    assert_int_equal(at(&l, "second")->integer, 2);
    unload(&l);
}

static void test_duplicate_across_files(void **state)
{
    (void)state;
    write_file("main5.conf", "a = 1;\n@include \"dup.conf\"\n");
    write_file("dup.conf", "\na = 2;\n");
    struct loaded l = load_file("main5.conf");
    assert_contains(l.text, "dup.conf:2:1: error: 'a' is set twice in this group; first in ");
    assert_contains(l.text, "main5.conf line 1");
    unload(&l);
}

static void test_environment_in_strings_only(void **state)
{
    (void)state;
    setenv("AQ_T_HOST", "k1:9092\"; x = 1; y = \"", 1);
    unsetenv("AQ_T_NONE");
    struct loaded l = load(
        "a = \"<${AQ_T_HOST}>\"; b = \"${AQ_T_NONE:-d}\"; c = \"$${x}\"; d = [ \"${AQ_T_NONE:-}\" ];\n"
        "e = \"${AQ_T_NONE}\";\nf = \"${AQ_T_NONE:?set it to the brokers}\";\ng = \"${1}\"; h = \"$1 $\";");
    assert_string_equal(at(&l, "a")->string, "<k1:9092\"; x = 1; y = \">");
    assert_string_equal(at(&l, "a")->raw, "<${AQ_T_HOST}>");
    assert_true(at(&l, "a")->from_env);
    assert_false(at(&l, "a")->from_secret);
    assert_string_equal(at(&l, "b")->string, "d");
    assert_string_equal(at(&l, "c")->string, "${x}");
    assert_string_equal(at(&l, "d.0")->string, "");
    assert_string_equal(at(&l, "h")->string, "$1 $");
    assert_int_equal(l.diags.errors, 3);
    assert_contains(l.text, "t.conf:2:5: error: e: environment variable AQ_T_NONE is not set");
    assert_contains(l.text, "t.conf:3:5: error: f: environment variable AQ_T_NONE: set it to the brokers");
    assert_contains(l.text, "t.conf:4:5: error: g: '${1}' is none of ${NAME}");
    unload(&l);
}

static void test_document_outlives_findings(void **state)
{
    (void)state;
    struct loaded l = load("a = { b = \"x\"; };");
    conf_diags_finish(&l.diags);
    conf_diags_init(&l.diags);
    char path[64];
    assert_string_equal(conf_node_path(at(&l, "a.b"), path, sizeof(path)), "a.b");
    assert_string_equal(at(&l, "a.b")->pos.file, "t.conf");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_types),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_includes_lie_beside_the_including_file),
        cmocka_unit_test(test_include_failures),
        cmocka_unit_test(test_open_ends_stay_in_their_file),
        cmocka_unit_test(test_include_wildcard),
        cmocka_unit_test(test_duplicate_across_files),
        cmocka_unit_test(test_environment_in_strings_only),
        cmocka_unit_test(test_document_outlives_findings),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
