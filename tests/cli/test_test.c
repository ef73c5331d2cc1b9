/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct test`: what passes, what fails and how it is shown; the cases of the examples and of doc/testing.md.
 */
#include <glob.h>

#include "tests/cli/run.h"

static char folder[] = "/tmp/aqueduct-test.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    glob_t found;
    char *pattern = t_printf("%s/*", folder);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) unlink(found.gl_pathv[i]);
        globfree(&found);
    }
    free(pattern);
    return rmdir(folder);
}

/* The path, to be freed. */
static char *put(const char *name, const char *text)
{
    char *path = t_printf("%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static const char payments[] =
    "clusters = { east = { brokers = \"127.0.0.1:9092\"; }; west = { brokers = \"127.0.0.1:9192\"; }; };\n"
    "transforms = { mask = { type = \"MaskField\"; fields = [\"card\"]; replacement = \"***\"; }; };\n"
    "routes = ( { name = \"payments\"; from = \"east\"; to = \"west\"; topics = [\"payments\"]; chain = [\"mask\"]; },\n"
    "           { name = \"copy\"; from = \"east\"; to = \"west\"; topics = [\"^copy.*\"]; partition = \"key\"; } );\n";

/* The cases against `payments`, beside it. */
static struct said run_cases(const char *cases)
{
    char *conf = put("payments.conf", payments), *path = put("payments.test.jsonl", cases);
    struct said said = RUN("test", path);
    free(conf);
    free(path);
    return said;
}

static void expect_in(const char *text, const char *part)
{
    T_CHECK(strstr(text, part), "'%s' is not in:\n%s", part, text);
}

static void the_cases_of_the_examples_pass(void **state)
{
    (void)state;
    const char *argv[24] = {"test"};
    char *pattern = t_printf("%s/conf/examples/*.test.jsonl", getenv("AQUEDUCT_SRC"));
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    T_CHECK(found.gl_pathc >= 6 && found.gl_pathc < 22, "%zu test files", found.gl_pathc);
    for (size_t i = 0; i < found.gl_pathc; i++) argv[i + 1] = found.gl_pathv[i];
    struct said said = run_with(NULL, argv);
    expect_code(&said, 0);
    expect_in(said.out, " passed, 0 failed\n");
    said_free(&said);
    globfree(&found);
    free(pattern);
}

/* ---- tables and joins --------------------------------------------------------------------------------------------- */

#define STREAMS                                                                                                    \
    "streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\"; default_key_serde = \"string\";\n" \
    "default_value_serde = \"json\"; statestore_cache_max_bytes = 0; topology = {\n"
#define AT(topic, key, value, time) \
    "{\"topic\":\"" topic "\",\"key\":\"" key "\",\"value\":" value ",\"timestamp\":" time "}"

/* With the configuration as it is written, and as it is dumped. */
static void expect_cases_pass(const char *topology, const char *cases)
{
    char *text = t_printf(STREAMS "%s}; };\n", topology);
    char *conf = put("tables.conf", text), *path = put("tables.test.jsonl", cases);
    struct said said = RUN("test", path), dumped = RUN("dump", "-c", conf);
    T_CHECK(said.code == 0, "%s%s", said.out, said.err);
    said_free(&said);
    T_CHECK(dumped.code == 0, "%s", dumped.err);
    free(conf);
    conf = put("tables.conf", dumped.out);
    said = RUN("test", path);
    T_CHECK(said.code == 0, "%s%s\n%s", said.out, said.err, dumped.out);
    said_free(&said);
    said_free(&dumped);
    free(conf);
    free(path);
    free(text);
}

static void tables_are_joined_with_what_they_were(void **state)
{
    (void)state;
    expect_cases_pass(
        "s = { type = \"source\"; topics = [\"s\"]; };\n"
        "now = { type = \"table\"; topic = \"n\"; };\n"
        "then = { type = \"table\"; topic = \"t\"; history = \"1m\"; };\n"
        "a = { type = \"join_table\"; from = [\"s\", \"now\"]; join = \"left + right\"; };\n"
        "b = { type = \"join_table\"; from = [\"s\", \"then\"]; join = \"left + right\"; };\n"
        "c = { type = \"join_table\"; from = [\"s\", \"then\"]; join = \"left + right\"; grace = \"10s\"; };\n"
        "a-out = { type = \"sink\"; from = \"a\"; topic = \"a\"; };\n"
        "b-out = { type = \"sink\"; from = \"b\"; topic = \"b\"; };\n"
        "c-out = { type = \"sink\"; from = \"c\"; topic = \"c\"; };\n",
        "{\"name\":\"as it is, as it was, and with time for late rows\",\"in\":["
        /* clang-format off */
        AT("n", "k", "1", "100000") "," AT("t", "k", "1", "100000") ","
        AT("n", "k", "2", "120000") "," AT("t", "k", "2", "120000") ","
        AT("s", "k", "10", "110000") "," AT("t", "k", "5", "105000") "," AT("s", "k", "20", "130000")
        "],\"out\":[" AT("a", "k", "12", "110000") "," AT("a", "k", "22", "130000") ","
        AT("b", "k", "11", "110000") "," AT("b", "k", "22", "130000") "," AT("c", "k", "15", "110000") "]}\n");
    /* clang-format on */
}

static void joined_tables_are_tables(void **state)
{
    (void)state;
    expect_cases_pass(
        /* The last comes first: it is made when its parents are there. */
        "all = { type = \"join_tables\"; from = [\"both\", \"high\"]; kind = \"outer\";\n"
        "        join = \"(left or 'none') .. '/' .. (right or 'none')\"; };\n"
        "both = { type = \"join_tables\"; from = [\"l\", \"r\"]; join = \"left + right\"; store = \"sums\"; };\n"
        "l = { type = \"table\"; topic = \"l\"; };\n"
        "in = { type = \"source\"; topics = [\"r\"]; };\n"
        "r = { type = \"to_table\"; from = \"in\"; in_memory = true; };\n"
        "high = { type = \"filter\"; from = \"ten\"; where = \"value > 30\"; store = \"high\"; };\n"
        "ten = { type = \"map_values\"; from = \"r\"; value = \"value * 10\"; };\n"
        "out = { type = \"sink\"; from = \"all\"; topic = \"out\"; };\n",
        "{\"name\":\"rows come and go\",\"in\":["
        /* clang-format off */
        AT("l", "k", "1", "1000") "," AT("r", "k", "2", "2000") "," AT("r", "k", "4", "3000") ","
        AT("r", "k", "3", "4000") "," AT("l", "k", "null", "5000") "],\"out\":["
        AT("out", "k", "\"3/none\"", "2000") ","
        AT("out", "k", "\"5/none\"", "3000") "," AT("out", "k", "\"5/40\"", "3000") ","
        AT("out", "k", "\"4/40\"", "4000") "," AT("out", "k", "\"4/none\"", "4000") ","
        AT("out", "k", "null", "5000") "]}\n");
    /* clang-format on */
}

static void rows_of_tables_are_counted_where_they_are(void **state)
{
    (void)state;
    expect_cases_pass(
        "t = { type = \"table\"; topic = \"t\"; };\n"
        "n = { type = \"count\"; from = \"t\"; by = \"value\"; cached = false; };\n"
        "top = { type = \"reduce\"; from = \"t\"; by = \"'all'\"; reduce = \"agg .. value\"; cached = false;\n"
        "        subtract = \"string.gsub(agg, value, '', 1)\"; };\n"
        "n-out = { type = \"sink\"; from = \"n\"; topic = \"n\"; };\n"
        "top-out = { type = \"sink\"; from = \"top\"; topic = \"top\"; };\n",
        "{\"name\":\"a row leaves its group\",\"in\":["
        /* clang-format off */
        AT("t", "k", "\"a\"", "1000") "," AT("t", "j", "\"b\"", "2000") "," AT("t", "k", "\"b\"", "3000")
        "],\"out\":[" AT("n", "a", "1", "1000") "," AT("n", "b", "1", "2000") "," AT("n", "a", "0", "3000") ","
        AT("n", "b", "2", "3000") "," AT("top", "all", "\"a\"", "1000") "," AT("top", "all", "\"ab\"", "2000") ","
        AT("top", "all", "\"bb\"", "3000") "]}\n");
    /* clang-format on */
}

static void changes_are_held_back(void **state)
{
    (void)state;
    expect_cases_pass(
        "in = { type = \"source\"; topics = [\"in\"]; };\n"
        "n = { type = \"count\"; from = \"in\"; window = { type = \"tumbling\"; size = \"10s\"; grace = \"1s\"; };\n"
        "      cached = false; };\n"
        "final = { type = \"suppress\"; from = \"n\"; until = \"window_closes\"; };\n"
        "told = { type = \"map\"; from = \"final\"; key = \"key.key\"; key_serde = \"string\"; };\n"
        "out = { type = \"sink\"; from = \"told\"; topic = \"n\"; };\n"
        "t = { type = \"table\"; topic = \"t\"; cached = false; };\n"
        "slow = { type = \"suppress\"; from = \"t\"; until = \"time_limit\"; limit = \"5s\"; max_records = 2; };\n"
        "t-out = { type = \"sink\"; from = \"slow\"; topic = \"slow\"; };\n",
        "{\"name\":\"one result for each window\",\"in\":["
        /* clang-format off */
        AT("in", "a", "1", "1000") "," AT("in", "a", "1", "2000") "," AT("in", "b", "1", "10500") ","
        AT("in", "a", "1", "3000") "," AT("in", "b", "1", "11000") "],\"out\":[" AT("n", "a", "3", "3000") "]}\n"
        "{\"name\":\"changes of a row as one\",\"in\":["
        AT("t", "a", "1", "1000") "," AT("t", "a", "2", "2000") "," AT("t", "b", "3", "6000") ","
        AT("t", "c", "4", "6001") "," AT("t", "d", "5", "6002") "],\"out\":["
        AT("slow", "a", "2", "2000") "," AT("slow", "b", "3", "6000") "]}\n");
    /* clang-format on */
}

static void streams_are_added_each_in_its_own_way(void **state)
{
    (void)state;
    expect_cases_pass(
        "l = { type = \"source\"; topics = [\"l\"]; };\n"
        "r = { type = \"source\"; topics = [\"r\"]; };\n"
        "n = { type = \"cogroup\"; initial = \"0\"; by_serde = \"string\"; cached = false;\n"
        "      inputs = ( { from = \"l\"; by = \"value.of\"; add = \"agg + value.n\"; },\n"
        "                 { from = [\"r\", \"l\"]; by = \"'all'\"; add = \"agg + 1\"; } ); };\n"
        "out = { type = \"sink\"; from = \"n\"; topic = \"n\"; };\n",
        "{\"name\":\"two ways, and one record that goes both\",\"in\":["
        /* clang-format off */
        AT("l", "k", "{\"of\":\"a\",\"n\":5}", "1000") "," AT("r", "k", "{}", "2000") ","
        AT("l", "j", "{\"of\":\"a\",\"n\":2}", "3000") "],\"out\":["
        AT("n", "a", "5", "1000") "," AT("n", "all", "1", "1000") "," AT("n", "all", "2", "2000") ","
        AT("n", "a", "7", "3000") "," AT("n", "all", "3", "3000") "]}\n");
    /* clang-format on */
}

static void rows_are_joined_by_a_foreign_key(void **state)
{
    (void)state;
    expect_cases_pass(
        "o = { type = \"table\"; topic = \"o\"; };\n"
        "c = { type = \"table\"; topic = \"c\"; };\n"
        "named = { type = \"join_tables\"; from = [\"o\", \"c\"]; kind = \"left\"; foreign_key = \"value.of\";\n"
        "          join = \"{ n = left.n, name = right or 'unknown' }\"; };\n"
        "out = { type = \"sink\"; from = \"named\"; topic = \"named\"; };\n",
        "{\"name\":\"a row and the one it names\",\"in\":["
        /* clang-format off */
        AT("o", "1", "{\"of\":\"c1\",\"n\":5}", "1000") "," AT("c", "c1", "\"Ann\"", "2000") "],\"out\":["
        AT("named", "1", "{\"n\":5,\"name\":\"unknown\"}", "1000") ","
        AT("named", "1", "{\"n\":5,\"name\":\"Ann\"}", "2000") "]}\n");
    /* clang-format on */
}

/* ---- doc/testing.md ----------------------------------------------------------------------------------------------- */

/* Runs what was collected of one configuration; how many cases passed. */
static int run_page(char **conf, char **cases)
{
    int passed = 0;
    if (*conf && *cases) {
        char *conf_path = put("page.conf", *conf), *path = put("page.test.jsonl", *cases);
        struct said said = RUN("test", path);
        expect_code(&said, 0);
        assert_int_equal(sscanf(said.out, "%d passed, 0 failed", &passed), 1);
        said_free(&said);
        free(conf_path);
        free(path);
    }
    free(*conf);
    free(*cases);
    *conf = *cases = NULL;
    return passed;
}

static char *append(char *text, const char *line)
{
    char *longer = t_printf("%s%s", text ? text : "", line);
    free(text);
    return longer;
}

static void the_cases_of_the_page_pass(void **state)
{
    (void)state;
    char *path = t_printf("%s/doc/testing.md", getenv("AQUEDUCT_SRC")), line[4096], *conf = NULL,
         *cases = NULL;
    FILE *page = fopen(path, "r");
    int passed = 0;
    enum { TEXT, CONF, CASES } at = TEXT;
    assert_non_null(page);
    while (fgets(line, sizeof(line), page)) {
        if (strcmp(line, "```conf\n") == 0) {
            passed += run_page(&conf, &cases);
            at = CONF;
        } else if (strcmp(line, "```jsonl\n") == 0) {
            at = CASES;
        } else if (strncmp(line, "```", 3) == 0) {
            at = TEXT;
        } else if (at == CONF) {
            conf = append(conf, line);
        } else if (at == CASES) {
            cases = append(cases, line);
        }
    }
    passed += run_page(&conf, &cases);
    fclose(page);
    free(path);
    T_CHECK(passed >= 4, "the page has only %d cases", passed);
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

static void a_failed_case_is_shown_as_on_the_page(void **state)
{
    (void)state;
    struct said said = run_cases(
        "{\"name\":\"cards are masked\",\"route\":\"payments\",\"in\":{\"topic\":\"payments\",\"key\":\"p-1\","
        "\"value\":{\"card\":\"4111\",\"amount\":5}},\"out\":[{\"topic\":\"payments\",\"key\":\"p-1\","
        "\"value\":{\"amount\":5,\"card\":\"**\"}}]}\n");
    expect_code(&said, 1);
    expect_in(
        said.out,
        "payments.test.jsonl:1: failed: cards are masked\n"
        "--- expected\n+++ got\n@@ -3,6 +3,6 @@\n   \"key\": \"p-1\",\n   \"value\": {\n     \"amount\": 5,\n"
        "-    \"card\": \"**\"\n+    \"card\": \"***\"\n   }\n }\n0 passed, 1 failed\n");
    said_free(&said);
}

/* Each is one that must fail, or no assertion of the command can be trusted. */
static void every_kind_of_difference_fails(void **state)
{
    (void)state;
    static const char *const outs[] = {
        "[]",
        "[{\"topic\":\"copy\",\"key\":\"b\"}]",
        "[{\"topic\":\"copy\",\"key\":null}]",
        "[{\"topic\":\"copy\",\"value\":null}]",
        "[{\"topic\":\"copy\",\"value\":\"w\"}]",
        "[{\"topic\":\"copy\",\"timestamp\":6}]",
        "[{\"topic\":\"copy\",\"partition\":4}]",
        "[{\"topic\":\"copy\",\"headers\":[]}]",
        "[{\"topic\":\"copy\",\"headers\":[[\"h\",null]]}]",
        "[{\"topic\":\"copy\",\"headers\":{\"h\":\"2\"}}]",
        "[{\"topic\":\"copy\",\"headers\":{\"missing\":null}}]",
        "[{\"topic\":\"other\",\"key\":\"a\"}]",
        "[{\"topic\":\"copy\",\"key\":\"a\"},{\"topic\":\"copy\",\"key\":\"a\"}]",
    };
    for (size_t i = 0; i < sizeof(outs) / sizeof(outs[0]); i++) {
        char *cases = t_printf(
            "{\"route\":\"copy\",\"in\":{\"topic\":\"copy\",\"key\":\"a\",\"value\":\"v\",\"timestamp\":5,"
            "\"headers\":[[\"h\",\"1\"],[\"g\",\"2\"]]},\"out\":%s}\n",
            outs[i]);
        struct said said = run_cases(cases);
        T_CHECK(said.code == 1, "%s: exit code %d\n%s%s", outs[i], said.code, said.out, said.err);
        said_free(&said);
        free(cases);
    }
}

static void fields_that_are_not_given_are_not_compared(void **state)
{
    (void)state;
    struct said said = run_cases(
        "{\"route\":\"copy\",\"in\":[{\"topic\":\"copy\",\"key\":\"a\",\"value\":{\"x\":[1,2.0],\"y\":\"\\u0041\"},\"timestamp\":5,"
        "\"headers\":[[\"h\",\"1\"],[\"g\",\"2\"]]},{\"topic\":\"copy\",\"value\":\"t\"},{\"topic\":\"copy2\"}],\"out\":["
        "{\"topic\":\"copy2\",\"key\":null,\"value\":null,\"timestamp\":1704067200000,\"headers\":[]},"
        "{\"topic\":\"copy\",\"value\":{\"y\":\"A\",\"x\":[1.0,2]},\"headers\":{\"g\":\"2\"}},{\"topic\":\"copy\",\"partition\":0}]}\n");
    expect_code(&said, 0);
    assert_string_equal(said.out, "1 passed, 0 failed\n");
    said_free(&said);
}

static void errors_are_compared_too(void **state)
{
    (void)state;
    struct said said = run_cases(
        "{\"name\":\"right\",\"route\":\"payments\",\"in\":{\"topic\":\"payments\",\"value\":\"{\"},\"error\":\"mask\"}\n"
        "{\"name\":\"wrong\",\"route\":\"payments\",\"in\":{\"topic\":\"payments\",\"value\":\"{\"},\"error\":\"disk\"}\n"
        "{\"name\":\"none\",\"route\":\"copy\",\"in\":{\"topic\":\"copy\"},\"error\":\"mask\"}\n"
        "{\"name\":\"unwanted\",\"route\":\"payments\",\"in\":{\"topic\":\"payments\",\"value\":\"{\"},\"out\":[]}\n");
    expect_code(&said, 1);
    expect_in(said.out, ":2: failed: wrong\nthe error was: ");
    expect_in(said.out, "one with \"disk\" was expected\n");
    expect_in(said.out, ":3: failed: none\nno error came; one with \"mask\" was expected\n");
    expect_in(said.out, ":4: failed: unwanted\nit ended with an error: ");
    expect_in(said.out, "1 passed, 3 failed\n");
    said_free(&said);
}

static void each_case_begins_with_nothing(void **state)
{
    (void)state;
    static const char same[] =
        "{\"route\":\"copy\",\"in\":{\"topic\":\"copy\",\"key\":\"a\"},\"out\":{\"topic\":\"copy\",\"key\":\"a\"}}\n";
    char *cases = t_printf("%s\n# the same again\n%s", same, same);
    struct said said = run_cases(cases);
    expect_code(&said, 0);
    assert_string_equal(said.out, "2 passed, 0 failed\n");
    said_free(&said);
    free(cases);
}

/* ---- malformed ---------------------------------------------------------------------------------------------------- */

static void malformed_cases_are_located(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"in\":{\"topic\":\"a\"}", ":2:20: error: unexpected end"},
        {"[]", ":2:1: error: a case is an object"},
        {"{\"inn\":{}}", ":2: error: unknown field 'inn'; did you mean 'in'?"},
        {"{\"out\":[]}", ":2: error: the case has no field 'in'"},
        {"{\"in\":[]}", ":2: error: the case expects nothing"},
        {"{\"in\":[],\"out\":[{\"key\":1}]}", ":2: error: out[0]: a record needs a topic"},
        {"{\"in\":[{\"topic\":\"copy\",\"vlaue\":1}],\"out\":[]}",
         ":2: error: in[0]: unknown field 'vlaue'; did you mean 'value'?"},
        {"{\"in\":[{\"advance\":\"soon\"}],\"out\":[]}", ":2: error: in[0]: advance: 'soon' is no duration"},
        {"{\"in\":[],\"out\":[],\"partitions\":0}", ":2: error: partitions: a number from 1 to 1000"},
        {"{\"in\":[],\"out\":[],\"route\":\"cpoy\"}",
         ":2: error: there is no route 'cpoy'; did you mean 'copy'?"},
        {"{\"in\":[],\"out\":[],\"application\":\"x\"}",
         ":2: error: the configuration's application is none, not 'x'"},
        {"{\"in\":[],\"out\":[],\"application\":\"x\",\"route\":\"copy\"}",
         ":2: error: a case is about a route or"},
        {"{\"in\":[],\"out\":[]}", ":2: error: which route? The configuration has 2 of them"},
        {"{\"config\":\"payments.conf\"}", ":2: error: the line that names the configuration is the first"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *cases = t_printf("{\"route\":\"copy\",\"in\":[],\"out\":[]}\n%s\n", rows[i][0]);
        struct said said = run_cases(cases);
        T_CHECK(said.code == 78 && strstr(said.err, rows[i][1]), "%s: exit code %d\n%s%s", rows[i][0],
                said.code, said.out, said.err);
        said_free(&said);
        free(cases);
    }
}

static void a_configuration_with_errors_is_78_and_other_files_run(void **state)
{
    (void)state;
    char *conf = put("bad.conf", "clusters = { };\n"),
         *bad = put("bad.test.jsonl", "{\"in\":[],\"out\":[]}\n");
    char *good_conf = put("payments.conf", payments);
    char *good =
        put("good.test.jsonl", "{\"config\":\"payments.conf\"}\n{\"route\":\"copy\",\"in\":[],\"out\":[]}\n");
    struct said said = RUN("test", bad, good, "/nowhere/x.test.jsonl");
    expect_code(&said, 78);
    expect_in(said.err, "bad.conf: the configuration of ");
    expect_in(said.err, "/nowhere/x.test.jsonl: error: the file cannot be read");
    assert_string_equal(said.out, "1 passed, 0 failed\n");
    said_free(&said);
    said = RUN("test", good_conf);
    expect_code(&said, 78);
    said_free(&said);
    char *odd = put("odd.jsonl", "{\"in\":[],\"out\":[]}\n");
    said = RUN("test", odd);
    expect_code(&said, 78);
    expect_in(said.err, "which configuration?");
    said_free(&said);
    said = RUN("test", "-c", good_conf, odd);
    expect_code(&said, 78);
    expect_in(said.err, "odd.jsonl:1: error: which route?");
    said_free(&said);
    free(conf), free(bad), free(good_conf), free(good), free(odd);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static void cases_are_chosen_by_name(void **state)
{
    (void)state;
    char *conf = put("payments.conf", payments);
    char *path =
        put("payments.test.jsonl", "{\"name\":\"one\",\"route\":\"copy\",\"in\":[],\"out\":[]}\n"
                                   "{\"name\":\"two\",\"route\":\"copy\",\"in\":[],\"error\":\"x\"}\n"
                                   "{\"route\":\"copy\",\"in\":[],\"error\":\"x\"}\n");
    struct said said = RUN("test", "--filter", "on", path);
    expect_code(&said, 0);
    assert_string_equal(said.out, "1 passed, 0 failed\n");
    said_free(&said);
    said = RUN("test", "--quiet", path);
    expect_code(&said, 1);
    T_CHECK(!strstr(said.out, "passed"), "%s", said.out);
    said_free(&said);
    said = RUN("test", "--filter", "three", path);
    expect_code(&said, 1);
    expect_in(said.err, "no case has 'three' in its name");
    said_free(&said);
    said = RUN("test");
    expect_code(&said, 64);
    said_free(&said);
    free(conf), free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cases_of_the_examples_pass),
        cmocka_unit_test(tables_are_joined_with_what_they_were),
        cmocka_unit_test(joined_tables_are_tables),
        cmocka_unit_test(rows_of_tables_are_counted_where_they_are),
        cmocka_unit_test(changes_are_held_back),
        cmocka_unit_test(streams_are_added_each_in_its_own_way),
        cmocka_unit_test(rows_are_joined_by_a_foreign_key),
        cmocka_unit_test(the_cases_of_the_page_pass),
        cmocka_unit_test(a_failed_case_is_shown_as_on_the_page),
        cmocka_unit_test(every_kind_of_difference_fails),
        cmocka_unit_test(fields_that_are_not_given_are_not_compared),
        cmocka_unit_test(errors_are_compared_too),
        cmocka_unit_test(each_case_begins_with_nothing),
        cmocka_unit_test(malformed_cases_are_located),
        cmocka_unit_test(a_configuration_with_errors_is_78_and_other_files_run),
        cmocka_unit_test(cases_are_chosen_by_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
