/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

enum tolerance { FAIL, SKIP, DEAD };
static const struct opt_enum tolerances[] = {{"fail", FAIL}, {"skip", SKIP}, {"dead_letter", DEAD}, {0}};

struct route {
    const char *name;
    const char *note;
    bool enabled;
    int64_t workers;
    int64_t retry;
    int64_t buffer;
    int tolerance;
    struct opt_strings topics;
    const struct conf_node *format;
    const char *password;
};

#define AT(field) .offset = offsetof(struct route, field)
static const struct opt_row rows[] = {
    {.name = "name", .kind = OPT_STRING, AT(name), .min = 1, .flags = OPT_REQUIRED, .help = "The name."},
    {.name = "note", .kind = OPT_STRING, AT(note), .help = "A note."},
    {.name = "enabled", .kind = OPT_BOOL, AT(enabled), .def = "true", .help = "Whether it runs."},
    {.name = "workers",
     .kind = OPT_INT,
     AT(workers),
     .def = "2",
     .min = 1,
     .max = 64,
     .help = "How many threads."},
    {.name = "retry",
     .kind = OPT_DURATION,
     AT(retry),
     .def = "1500ms",
     .min = 1,
     .max = 3600000,
     .help = "How long."},
    {.name = "buffer",
     .kind = OPT_SIZE,
     AT(buffer),
     .def = "4MiB",
     .min = 1024,
     .max = 1LL << 40,
     .help = "How much | at most."},
    {.name = "tolerance",
     .kind = OPT_ENUM,
     AT(tolerance),
     .def = "skip",
     .values = tolerances,
     .help = "What then."},
    {.name = "topics", .kind = OPT_STRINGS, AT(topics), .def = "a, b", .min = 1, .help = "Which topics."},
    {.name = "format", .kind = OPT_NODE, AT(format), .help = "A sub-tree."},
    {.name = "password", .kind = OPT_STRING, AT(password), .flags = OPT_SECRET, .help = "The password."},
    {.name = "tasks_max",
     .kind = OPT_REFUSED,
     .help = "tasks are partitions of the state topic; use workers."},
    {0},
};
static const struct opt_table table = {"route", "section", "One flow from a source to a sink.", rows,
                                       "routes = ( { name = \"orders\"; } );\n"};

static struct route read_route(struct loaded *l, const char *group)
{
    char text[1024];
    snprintf(text, sizeof(text), "r = { %s };", group);
    *l = load(text);
    struct route r;
    memset(&r, 0xEE, sizeof(r));
    static const char *const ignore[] = {"chain", NULL};
    opt_read(rows, at(l, "r"), "routes.x", ignore, &l->doc->arena, &r, &l->diags);
    again(l);
    return r;
}

static void test_defaults(void **state)
{
    (void)state;
    struct loaded l;
    struct route r = read_route(&l, "name = \"x\"; chain = [ \"y\" ];");
    assert_int_equal(l.diags.count, 0);
    assert_string_equal(r.name, "x");
    assert_null(r.note);
    assert_true(r.enabled);
    assert_int_equal(r.workers, 2);
    assert_int_equal(r.retry, 1500);
    assert_int_equal(r.buffer, 4 << 20);
    assert_int_equal(r.tolerance, SKIP);
    assert_int_equal(r.topics.count, 2);
    assert_string_equal(r.topics.items[1], "b");
    assert_null(r.format);
    unload(&l);
}

static void test_every_kind(void **state)
{
    (void)state;
    struct loaded l;
    struct route r = read_route(
        &l, "name = \"x\"; enabled = false; workers = \"5\"; retry = 250; buffer = \"64KiB\"; "
            "tolerance = \"dead_letter\"; topics = [ \"p,q\", \"r\" ]; format = { key = \"json\"; };");
    if (l.diags.count) fail_msg("%s", l.text);
    assert_false(r.enabled);
    assert_int_equal(r.workers, 5);
    assert_int_equal(r.retry, 250);
    assert_int_equal(r.buffer, 65536);
    assert_int_equal(r.tolerance, DEAD);
    assert_int_equal(r.topics.count, 2);
    assert_string_equal(r.topics.items[0], "p,q");
    assert_int_equal(r.topics.places[1].column, at(&l, "r.topics.1")->pos.column);
    assert_ptr_equal(r.format, at(&l, "r.format"));
    assert_true(at(&l, "r.format.key")->used);
    unload(&l);

    r = read_route(
        &l, "name = \"x\"; enabled = \"FALSE\"; retry = \"2m\"; topics = \" p , ,q,\"; workers = 64L;");
    if (l.diags.count) fail_msg("%s", l.text);
    assert_false(r.enabled);
    assert_int_equal(r.retry, 120000);
    assert_int_equal(r.workers, 64);
    assert_int_equal(r.topics.count, 2);
    assert_string_equal(r.topics.items[1], "q");
    int value_column = at(&l, "r.topics")->value_pos.column;
    assert_int_equal(r.topics.places[0].column, value_column + 2);
    assert_int_equal(r.topics.places[1].column, value_column + 7);
    assert_int_equal(r.topics.places[1].width, 1);
    unload(&l);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        const char *expected;
    } cases[] = {
        {"name = \"x\"; wrokers = 5;",
         "t.conf:1:19: error: routes.x: unknown option 'wrokers'; did you mean 'workers'?"},
        {"name = \"x\"; chian = 5;", "unknown option 'chian'; did you mean 'chain'?"},
        {"name = \"x\"; zebra = 5;",
         "unknown option 'zebra'; allowed: chain, name, note, enabled, workers, retry, buffer, "
         "tolerance, topics, format, password\n"},
        {"workers = 5;", "t.conf:1:1: error: routes.x: required option 'name' is missing"},
        {"name = \"\";", "t.conf:1:14: error: routes.x: name: must not be empty"},
        {"name = \"  \";", "name: must not be empty"},
        {"name = 5;", "t.conf:1:14: error: routes.x: name: must be a string in quotes, not an integer"},
        {"name = \"x\"; enabled = 1;", "enabled: must be true or false, not an integer"},
        {"name = \"x\"; enabled = \"yes\";", "enabled: must be true or false (without quotes)"},
        {"name = \"x\"; workers = 0;", "workers: 0 is out of range; allowed: 1 to 64"},
        {"name = \"x\"; workers = \"65\";", "workers: 65 is out of range; allowed: 1 to 64"},
        {"name = \"x\"; workers = \"5x\";", "workers: '5x' is not a whole number"},
        {"name = \"x\"; workers = 1.5;", "workers: must be a whole number, not a float"},
        {"name = \"x\"; retry = \"2h\";", "retry: 2h is out of range; allowed: 1ms to 1h"},
        {"name = \"x\"; retry = \"5 parsecs\";",
         "retry: '5 parsecs' is not a duration: a whole number and ms, s, m, h or d"},
        {"name = \"x\"; retry = true;", "retry: must be a duration such as \"5s\", not a boolean"},
        {"name = \"x\"; buffer = \"1KB\";", "buffer: 1KB is out of range; allowed: 1KiB to 1TiB"},
        {"name = \"x\"; buffer = \"much\";", "buffer: 'much' is not a size"},
        {"name = \"x\"; tolerance = \"skpi\";",
         "tolerance: unknown value 'skpi'; did you mean 'skip'? allowed: fail, skip, dead_letter"},
        {"name = \"x\"; tolerance = \"zzz\";",
         "tolerance: unknown value 'zzz'; allowed: fail, skip, dead_letter"},
        {"name = \"x\"; tolerance = true;", "tolerance: must be a string in quotes, not a boolean"},
        {"name = \"x\"; topics = [ ];", "topics: needs at least 1 item"},
        {"name = \"x\"; topics = \" , \";", "topics: needs at least 1 item"},
        {"name = \"x\"; topics = ( \"a\", 5 );",
         "t.conf:1:35: error: routes.x: topics: must hold strings in quotes, not an integer"},
        {"name = \"x\"; topics = { };",
         "topics: must be a list of strings such as [\"a\", \"b\"], not a group"},
        {"name = \"x\"; tasks_max = 5;",
         "t.conf:1:19: error: routes.x: option 'tasks_max' is not supported: tasks are partitions"},
        {"name = \"x\"; password = 55555;", "password: must be a string in quotes, not an integer"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loaded l;
        struct route r = read_route(&l, cases[i].group);
        if (l.diags.errors != 1 || !strstr(l.text, cases[i].expected)) {
            fail_msg("%s\nexpected: %s\ngot (%zu): %s", cases[i].group, cases[i].expected, l.diags.errors,
                     l.text);
        }
        assert_int_equal(r.workers == 0, 0);
        assert_int_equal(r.tolerance == SKIP, 1);
        unload(&l);
    }
}

/* Options of one file and what the lint finds come out together. */
static void test_lint_and_options_in_one_run(void **state)
{
    (void)state;
    struct loaded l;
    struct route r = read_route(
        &l, "name = \"x\"; enabled = yes; workers = 99; retry = 5000000000; note = \"a\"; bufer = 5;");
    assert_int_equal(l.diags.errors, 4);
    assert_contains(l.text, "enabled: 'yes' is no value; write true");
    assert_contains(l.text, "workers: 99 is out of range");
    assert_contains(l.text, "retry: 5000000000 does not fit 32 bits");
    assert_contains(l.text, "unknown option 'bufer'; did you mean 'buffer'?");
    assert_true(r.enabled);
    assert_int_equal(r.retry, 1500);
    assert_string_equal(r.note, "a");
    unload(&l);
}

static void test_wrong_group(void **state)
{
    (void)state;
    struct loaded l = load("r = [ 1 ];");
    struct route r;
    assert_int_equal(opt_read(rows, at(&l, "r"), "routes.x", NULL, &l.doc->arena, &r, &l.diags), 1);
    again(&l);
    assert_contains(l.text, "t.conf:1:1: error: routes.x: must be a group { … }, not an array");
    assert_int_equal(r.workers, 2);
    assert_int_equal(opt_read(rows, NULL, "routes.y", NULL, &l.doc->arena, &r, &l.diags), 1);
    unload(&l);
}

static void test_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool size;
        int64_t value; /* INT64_MIN: refused */
    } cases[] = {
        {"5s", false, 5000},
        {"100ms", false, 100},
        {"2m", false, 120000},
        {"1h", false, 3600000},
        {"7d", false, 604800000},
        {"250", false, 250},
        {" 5 s ", false, 5000},
        {"-1", false, -1},
        {"0", false, 0},
        {"5S", false, INT64_MIN},
        {"", false, INT64_MIN},
        {"s", false, INT64_MIN},
        {"1.5s", false, INT64_MIN},
        {"5ss", false, INT64_MIN},
        {"5s5", false, INT64_MIN},
        {"9223372036854775807d", false, INT64_MIN},
        {"99999999999999999999", false, INT64_MIN},
        {"--5", false, INT64_MIN},
        {"0x10", false, INT64_MIN},
        {"4MiB", true, 4 << 20},
        {"64KiB", true, 65536},
        {"1MB", true, 1000000},
        {"1GiB", true, 1 << 30},
        {"7B", true, 7},
        {"10kb", true, 10000},
        {"2tib", true, 2LL << 40},
        {"5M", true, INT64_MIN},
        {"5 MiB", true, 5 << 20},
        {"9999999999TiB", true, INT64_MIN},
        {"123", true, 123},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t got = -77;
        int rc =
            cases[i].size ? opt_parse_size(cases[i].text, &got) : opt_parse_duration(cases[i].text, &got);
        if (cases[i].value == INT64_MIN) {
            if (rc != AQ_E_INVALID || got != -77)
                fail_msg("'%s' was accepted as %lld", cases[i].text, (long long)got);
        } else if (rc != 0 || got != cases[i].value) {
            fail_msg("'%s' gives %d, %lld", cases[i].text, rc, (long long)got);
        }
    }
}

/* What is printed is read back as the same. */
static void test_values_make_the_round_trip(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 4096);
    static const int64_t numbers[] = {1,        999,   1000,    1001,    1500,      60000, 90000, 3600000,
                                      86400000, 65536, 1000000, 4194304, INT64_MAX, 0,     -1,    1LL << 40};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct route r = {.retry = numbers[i], .buffer = numbers[i], .workers = numbers[i]};
        int64_t back = -77;
        assert_int_equal(opt_parse_duration(opt_format_value(&rows[4], &r, &arena), &back), 0);
        assert_true(back == numbers[i]);
        assert_int_equal(opt_parse_size(opt_format_value(&rows[5], &r, &arena), &back), 0);
        assert_true(back == numbers[i]);
    }
    struct route r = {.retry = 1500, .buffer = 4194304};
    assert_string_equal(opt_format_value(&rows[4], &r, &arena), "1500ms");
    assert_string_equal(opt_format_value(&rows[5], &r, &arena), "4MiB");
    assert_null(opt_format_value(&rows[1], &r, &arena));
    aq_arena_finish(&arena);
}

static char *effective(const struct route *r)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    opt_print_effective(rows, r, 2, out);
    fclose(out);
    return text;
}

static void test_dump_loads_again(void **state)
{
    (void)state;
    struct loaded l;
    struct route r = read_route(
        &l,
        "name = \"quote \\\" back \\\\ tab \\t\"; workers = 7; topics = [ \"^a\\..*\" ]; password = \"PLANTED-P\";");
    char *dump = effective(&r);
    assert_contains(dump, "  name = \"quote \\\" back \\\\ tab \\t\";\n");
    assert_contains(dump, "  workers = 7;\n");
    assert_contains(dump, "  retry = \"1500ms\";");
    assert_contains(dump, "# default\n");
    assert_contains(dump, "  password = \"***\";\n");
    assert_contains(dump, "  topics = [\"^a\\\\..*\"];\n");
    assert_lacks(dump, "PLANTED");
    assert_lacks(dump, "note");
    unload(&l);
    struct route back = read_route(&l, dump);
    if (l.diags.errors) fail_msg("%s", l.text);
    back.password = "PLANTED-P";
    char *again_dump = effective(&back);
    assert_string_equal(again_dump, dump);
    free(again_dump);
    free(dump);
    unload(&l);
}

static char *print_table(enum opt_print form)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    opt_print_table(&table, form, out);
    fclose(out);
    return text;
}

static void test_table_as_text(void **state)
{
    (void)state;
    char *text = print_table(OPT_PRINT_TEXT);
    assert_contains(text, "route (section)\n  One flow from a source to a sink.\n");
    assert_contains(text, "\n  workers\n      integer, 1 to 64, default 2\n      How many threads.\n");
    assert_contains(text, "one of fail, skip, dead_letter, default \"skip\"");
    assert_contains(text, "string, not empty, required");
    assert_contains(text, "Example:\nroutes = (");
    assert_lacks(text, "tasks_max");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    free(text);

    text = print_table(OPT_PRINT_MARKDOWN);
    assert_contains(text, "## route\n");
    assert_contains(text, "| `buffer` | size, 1KiB to 1TiB, default \"4MiB\" | How much \\| at most. |\n");
    free(text);

    text = print_table(OPT_PRINT_MAN);
    assert_contains(text, ".SS route\n");
    free(text);
}

static void test_man_and_sample(void **state)
{
    (void)state;
    char *text = print_table(OPT_PRINT_MAN);
    assert_contains(text, ".TP\n.B workers\nHow many threads.\n.br\n(integer, 1 to 64, default 2)\n");
    assert_contains(text, "sub\\-tree");
    free(text);

    text = print_table(OPT_PRINT_SAMPLE);
    assert_contains(text, "# route: One flow");
    assert_contains(text, "#   How many threads.\n# workers = 2;\n");
    /* Uncommented it is a group that loads. */
    char *plain = strdup(text);
    size_t n = 0;
    for (const char *p = text; *p; p += strcspn(p, "\n") + 1) {
        bool value = p[0] == '#' && p[1] == ' ' && p[2] != ' ' && strncmp(p, "# route:", 8) != 0;
        size_t len = strcspn(p, "\n") + 1;
        if (value) {
            memcpy(plain + n, p + 2, len - 2);
            n += len - 2;
        }
    }
    plain[n] = '\0';
    struct loaded l;
    read_route(&l, plain);
    if (l.diags.errors) fail_msg("%s\n%s", plain, l.text);
    unload(&l);
    free(plain);
    free(text);
}

static size_t faults(const struct opt_row *list)
{
    struct opt_table t = {"t", "section", "S.", list, NULL};
    FILE *out = fopen("/dev/null", "w");
    size_t n = opt_check_table(&t, out);
    fclose(out);
    return n;
}

static void test_table_check(void **state)
{
    (void)state;
    assert_int_equal(opt_check_table(&table, stderr), 0);
    const struct opt_row good = {
        .name = "a_b1", .kind = OPT_INT, .def = "5", .min = 1, .max = 9, .help = "H."};
    struct opt_row list[3] = {good};
    assert_int_equal(faults(list), 0);
    struct opt_row bad;
#define BAD(change) \
    bad = good;     \
    change;         \
    list[0] = bad;  \
    if (faults(list) != 1) fail_msg("not found: " #change)
    BAD(bad.name = "A");
    BAD(bad.name = "a.b");
    BAD(bad.name = "a-b");
    BAD(bad.help = NULL);
    BAD(bad.help = "no stop");
    BAD(bad.def = "x");
    BAD(bad.def = "10");
    BAD(bad.min = 10);
    BAD(bad.values = tolerances);
    BAD(bad.kind = OPT_ENUM);
    BAD(bad.flags = OPT_REQUIRED);
    BAD(bad.kind = OPT_NODE);
    BAD(bad.kind = OPT_REFUSED);
#undef BAD
    list[0] = good;
    list[1] = good;
    assert_int_equal(faults(list), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_lint_and_options_in_one_run),
        cmocka_unit_test(test_wrong_group),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_values_make_the_round_trip),
        cmocka_unit_test(test_dump_loads_again),
        cmocka_unit_test(test_table_as_text),
        cmocka_unit_test(test_man_and_sample),
        cmocka_unit_test(test_table_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
