/* SPDX-License-Identifier: Apache-2.0
 *
 * Configurations in which we did otherwise than Kafka Streams; the differential test (tests/differential) found them. What is expected is
 * what Kafka Streams 4.3 makes of the same.
 */
#include "base/log.h"
#include "cli/config.h"
#include "streams/driver.h"
#include "streams/serde/json_record.h"
#include "tests/lib/check.h"

#define COMPAT                                                                                               \
    "streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\"; compat = \"kafka-streams\";" \
    " default_key_serde = \"string\"; default_value_serde = \"string\"; %s topology = { %s }; };"
#define NOTHING_CACHED "statestore_cache_max_bytes = 0;"

static struct st_driver *start(struct cli_config *config, const char *settings, const char *topology)
{
    struct aq_err err = {0};
    char *text = t_printf(COMPAT, settings, topology);
    bool good = cli_config_load(config, "t.conf", text, NULL, 0);
    if (!good) conf_diags_print(&config->diags, stderr);
    assert_true(good);
    free(text);
    const struct st_driver_setup setup = {.settings = &config->settings,
                                          .topology = config->streams.topology};
    struct st_driver *driver = st_driver_create(&setup, &err);
    T_CHECK(driver != NULL, "%s", err.text);
    return driver;
}

static void pipe_line(struct st_driver *driver, const char *line)
{
    struct aq_arena arena;
    struct st_json_record json;
    struct kc_sim_record rec;
    struct aq_err err = {0};
    aq_arena_init(&arena, 1024);
    int rc = st_json_record_read(aq_slice_str(line), &arena, &json, &err);
    if (rc == 0)
        rc = st_json_record_encode(&json, st_driver_reads(driver, json.topic), 0, &arena, &rec, &err);
    if (rc == 0) rc = st_driver_pipe(driver, json.topic, &rec, &err);
    T_CHECK(rc == 0, "%s: %s", line, err.text);
    aq_arena_finish(&arena);
}

static void put_bytes(FILE *out, struct aq_slice bytes)
{
    if (aq_slice_is_null(bytes)) fputs("null", out);
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] >= ' ' && bytes.ptr[i] <= '~')
            fputc(bytes.ptr[i], out);
        else
            fprintf(out, "\\%d", (unsigned char)bytes.ptr[i]);
    }
}

/* "key=value@time ", one behind the other; "!" behind those with headers. */
static char *read_out(struct st_driver *driver)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct kc_sim_record rec;
    while (st_driver_read(driver, "out", &rec)) {
        put_bytes(out, rec.key);
        fputc('=', out);
        put_bytes(out, rec.value);
        fprintf(out, "@%lld%s ", (long long)rec.timestamp, rec.n_headers ? "!" : "");
    }
    fclose(out);
    return text;
}

/* settings: more of the streams section. lines ends with NULL. */
static void expect_out_of(const char *settings, const char *topology, const char *const *lines,
                          const char *expected)
{
    struct cli_config config;
    struct st_driver *driver = start(&config, settings, topology);
    for (size_t i = 0; lines[i]; i++) pipe_line(driver, lines[i]);
    char *got = read_out(driver);
    assert_string_equal(got, expected);
    free(got);
    st_driver_destroy(driver);
    cli_config_finish(&config);
}

static void expect_out(const char *topology, const char *const *lines, const char *expected)
{
    expect_out_of("", topology, lines, expected);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_node_comes_before_a_join_below_it_in_the_file(void **state)
{
    (void)state;
    expect_out(
        "in = { type = \"source\"; topics = [\"in\"]; };"
        "more = { type = \"map_values\"; from = \"in\"; value = \"value .. '!'\"; };"
        "pairs = { type = \"join_streams\"; from = [\"more\", \"in\"]; within = 5; join = \"left .. right\"; };"
        "out = { type = \"sink\"; from = \"pairs\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":10}",
              "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"b\",\"timestamp\":11}"),
        "k=a!a@10 k=b!a@11 k=a!b@11 k=b!b@11 ");
}

static void a_cached_row_that_never_was_leaves_no_tombstone(void **state)
{
    (void)state;
    expect_out("in = { type = \"table\"; topic = \"in\"; cached = true; };"
               "out = { type = \"sink\"; from = \"in\"; topic = \"out\"; };",
               LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":null,\"timestamp\":10}",
                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":11}",
                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":null,\"timestamp\":12}"),
               "k=a@11 k=null@12 ");
}

/* Windows of 10 ms: that of 5 is over at 25, when the start of 20 was put, a retention and 10 ms behind it. */
static void final_results_are_lost_a_retention_behind(void **state)
{
    (void)state;
#define FINAL(cached)                                                                                \
    "in = { type = \"source\"; topics = [\"in\"]; };"                                                \
    "n = { type = \"count\"; from = \"in\"; cached = " cached "; emit = \"close\";"                  \
    " window = { type = \"tumbling\"; size = 10; }; };"                                              \
    "text = { type = \"map\"; from = \"n\"; key = \"key.key .. key.start\"; key_serde = \"string\";" \
    " value = \"'' .. value\"; value_serde = \"string\"; };"                                         \
    "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };"
    const char *const *lines = LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":15}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":35}");
    expect_out(FINAL("false"), lines, "k0=1@5 ");
    expect_out(FINAL("true"), lines, "k0=1@5 k10=1@15 ");
}

/* [5, 15] is over at 16, and then 35 was put, more than a retention of 20 behind it. A cache does not help. */
static void final_results_of_sliding_windows_are_lost_cached_or_not(void **state)
{
    (void)state;
#define SLIDING(cached)                                                                              \
    "in = { type = \"source\"; topics = [\"in\"]; };"                                                \
    "n = { type = \"count\"; from = \"in\"; cached = " cached "; emit = \"close\";"                  \
    " window = { type = \"sliding\"; difference = 10; }; };"                                         \
    "text = { type = \"map\"; from = \"n\"; key = \"key.key .. key.start\"; key_serde = \"string\";" \
    " value = \"'' .. value\"; value_serde = \"string\"; };"                                         \
    "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };"
    const char *const *lines = LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":15}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":45}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":60}");
    expect_out(SLIDING("false"), lines, "k35=1@45 ");
    expect_out(SLIDING("true"), lines, "k35=1@45 ");
}

static void final_results_of_sessions_are_lost_with_their_segment(void **state)
{
    (void)state;
    expect_out(
        "in = { type = \"source\"; topics = [\"in\"]; };"
        "n = { type = \"count\"; from = \"in\"; cached = false; emit = \"close\";"
        " window = { type = \"session\"; gap = 10; }; };"
        "text = { type = \"map\"; from = \"n\"; key = \"key.key .. key.start\"; key_serde = \"string\";"
        " value = \"'' .. value\"; value_serde = \"string\"; };"
        "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}",
              "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":50000}",
              "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":150000}"),
        "k5=1@5 ");
}

/* A gap of 10 ms: at 15 the store of Kafka Streams hides what ended at 5, also from a record that it is not late for. A cache
 * still has it, and when that is flushed the store no longer knows that there was something to delete. */
static void a_session_is_not_found_a_retention_behind(void **state)
{
    (void)state;
#define SESSIONS(more)                                                                               \
    "in = { type = \"source\"; topics = [\"in\"]; };"                                                \
    "n = { type = \"count\"; from = \"in\"; " more " window = { type = \"session\"; gap = 10; }; };" \
    "text = { type = \"map\"; from = \"n\"; key = \"key.key .. key.start\"; key_serde = \"string\";" \
    " value = \"value and '' .. value\"; value_serde = \"string\"; };"                               \
    "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };"
    const char *const *lines = LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}",
                                     "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"a\",\"timestamp\":15}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":15}",
                                     "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"a\",\"timestamp\":40}");
    expect_out(SESSIONS("cached = false;"), lines, "k5=1@5 l15=1@15 k15=1@15 l40=1@40 ");
    expect_out(SESSIONS("cached = true;"), lines, "k5=1@5 l15=1@15 k5=2@15 l40=1@40 ");
    expect_out(SESSIONS("cached = true;"),
               LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":1}",
                     "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"a\",\"timestamp\":15}",
                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":11}"),
               "k1=1@1 l15=1@15 k1=2@11 ");
    expect_out(SESSIONS("cached = false; emit = \"close\";"), lines, "k5=1@5 k15=1@15 l15=1@15 ");
}

/* 10 ms and a grace of 5: when 115 was put, the store of Kafka Streams hides the window of 90 from a record at 110. */
static void a_sliding_window_does_not_grow_from_one_a_retention_behind(void **state)
{
    (void)state;
    expect_out(
        "in = { type = \"source\"; topics = [\"in\"]; };"
        "n = { type = \"count\"; from = \"in\"; cached = false;"
        " window = { type = \"sliding\"; difference = 10; grace = 5; }; };"
        "text = { type = \"map\"; from = \"n\"; key = \"key.key .. key.start\"; key_serde = \"string\";"
        " value = \"'' .. value\"; value_serde = \"string\"; };"
        "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":100}",
              "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"a\",\"timestamp\":114}",
              "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"a\",\"timestamp\":115}",
              "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":110}"),
        "k90=1@100 l104=1@114 l115=1@115 l105=2@115 k100=1@110 ");
}

static void updates_of_sessions_have_no_headers(void **state)
{
    (void)state;
    expect_out(
        "in = { type = \"source\"; topics = [\"in\"]; };"
        "last = { type = \"reduce\"; from = \"in\"; reduce = \"value\"; cached = false;"
        " window = { type = \"session\"; gap = 10; }; };"
        "text = { type = \"select_key\"; from = \"last\"; key = \"key.key .. key.start\"; key_serde = \"string\"; };"
        "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5,\"headers\":[[\"h\",\"1\"]]}"),
        "k5=a@5 ");
}

static void both_sides_of_a_cached_table_are_its_newest_rows(void **state)
{
    (void)state;
    expect_out("in = { type = \"table\"; topic = \"in\"; cached = true; };"
               "both = { type = \"join_tables\"; from = [\"in\", \"in\"]; kind = \"left\";"
               " join = \"left .. '+' .. (right or 'nil')\"; };"
               "out = { type = \"sink\"; from = \"both\"; topic = \"out\"; };",
               LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}"), "k=a+a@5 k=a+a@5 ");
}

static void a_filter_of_a_kept_table_is_silent_about_rows_that_never_passed(void **state)
{
    (void)state;
#define FILTERED(more)                                                        \
    "in = { type = \"table\"; topic = \"in\"; cached = false; " more "};"     \
    "some = { type = \"filter\"; from = \"in\"; where = \"value == 'a'\"; };" \
    "out = { type = \"sink\"; from = \"some\"; topic = \"out\"; };"
    const char *const *lines = LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"b\",\"timestamp\":5}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":6}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"b\",\"timestamp\":7}");
    expect_out(FILTERED(""), lines, "k=a@6 k=null@7 ");
    expect_out(FILTERED("history = 100; "), lines, "k=null@5 k=a@6 k=null@7 ");
}

static void a_row_of_a_grouped_table_that_stays_goes_on(void **state)
{
    (void)state;
    expect_out(
        "in = { type = \"table\"; topic = \"in\"; cached = false; };"
        "same = { type = \"reduce\"; from = \"in\"; by = \"'g'\"; reduce = \"agg\"; subtract = \"agg\"; cached = false; };"
        "out = { type = \"sink\"; from = \"same\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}",
              "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"b\",\"timestamp\":6}"),
        "g=a@5 g=a@6 ");
    expect_out(
        "in = { type = \"table\"; topic = \"in\"; cached = false; };"
        "n = { type = \"aggregate\"; from = \"in\"; by = \"'g'\"; function = \"sum\"; of = \"tonumber(value)\";"
        " as = \"int64\"; cached = false; };"
        "text = { type = \"map_values\"; from = \"n\"; value = \"'' .. value\"; value_serde = \"string\"; };"
        "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"7\",\"timestamp\":5}",
              "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"b\",\"timestamp\":6}"),
        "g=7@5 g=7@6 ");
}

static void a_new_row_was_what_rows_begin_with(void **state)
{
    (void)state;
#define BEGINS(how)                                                            \
    "in = { type = \"source\"; topics = [\"in\"]; };"                          \
    "rows = { from = \"in\"; cached = false; " how " };"                       \
    "some = { type = \"filter\"; from = \"rows\"; where = \"#value ~= 3\"; };" \
    "out = { type = \"sink\"; from = \"some\"; topic = \"out\"; };"
    const char *const *lines = LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}",
                                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"b\",\"timestamp\":6}");
    expect_out(BEGINS("type = \"aggregate\"; initial = \"'xy'\"; add = \"agg .. value\"; as = \"string\";"),
               lines, "k=null@5 k=xyab@6 ");
    expect_out(BEGINS("type = \"aggregate\"; add = \"(agg or 'xy') .. value\"; as = \"string\";"), lines,
               "k=xyab@6 ");
    expect_out("in = { type = \"source\"; topics = [\"in\"]; };"
               "rows = { type = \"count\"; from = \"in\"; cached = false; };"
               "some = { type = \"filter\"; from = \"rows\"; where = \"value ~= 1\"; };"
               "out = { type = \"sink\"; from = \"some\"; topic = \"out\"; };",
               lines, "k=null@5 k=\\0\\0\\0\\0\\0\\0\\0\\2@6 ");
}

static void an_old_record_meets_a_row_that_has_not_changed_since(void **state)
{
    (void)state;
    expect_out("in = { type = \"source\"; topics = [\"in\"]; };"
               "rows = { type = \"table\"; topic = \"rows\"; history = 10; };"
               "both = { type = \"join_table\"; from = [\"in\", \"rows\"]; kind = \"left\";"
               " join = \"left .. '+' .. (right or 'nil')\"; };"
               "out = { type = \"sink\"; from = \"both\"; topic = \"out\"; };",
               LINES("{\"topic\":\"rows\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}",
                     "{\"topic\":\"rows\",\"key\":\"l\",\"value\":\"b\",\"timestamp\":500}",
                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"x\",\"timestamp\":20}",
                     "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"y\",\"timestamp\":4}",
                     "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"z\",\"timestamp\":20}"),
               "k=x+a@20 k=y+nil@4 l=z+nil@20 ");
}

static void a_tombstone_out_of_a_cache_has_the_time_of_its_record(void **state)
{
    (void)state;
    expect_out(
        "in = { type = \"source\"; topics = [\"in\"]; };"
        "rows = { type = \"reduce\"; from = \"in\"; reduce = \"value ~= 'x' and value or nil\"; cached = true; };"
        "out = { type = \"sink\"; from = \"rows\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":5}",
              "{\"topic\":\"in\",\"key\":\"l\",\"value\":\"b\",\"timestamp\":9}",
              "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"x\",\"timestamp\":3}"),
        "k=a@5 l=b@9 k=null@3 ");
}

/* A join brings both ends of a repartition into one sub-topology. */
/* The second record's pairs are of the windows 10, 0 and 10 again. */
static void a_cache_hands_on_what_was_changed_last_last(void **state)
{
    (void)state;
    expect_out(
        "in = { type = \"source\"; topics = [\"in\"]; };"
        "pairs = { type = \"join_streams\"; from = [\"in\", \"in\"]; kind = \"outer\"; within = 8; grace = 10;"
        " join = \"(left or '') .. (right or '')\"; };"
        "n = { type = \"reduce\"; from = \"pairs\"; reduce = \"agg .. '+' .. value\"; cached = true;"
        " window = { type = \"tumbling\"; size = 10; grace = 30; }; };"
        "text = { type = \"select_key\"; from = \"n\"; key = \"key.key .. key.start\"; key_serde = \"string\"; };"
        "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":12}",
              "{\"topic\":\"in\",\"key\":\"k\",\"value\":\"b\",\"timestamp\":5}"),
        "k10=aa@12 k0=bb@5 k10=aa+ba+ab@12 ");
}

/* The record of `b` is older than what came by `a`, and not late; its row is found as long as the store shows it. */
static void each_input_of_a_cogroup_has_its_own_time(void **state)
{
    (void)state;
#define TWO_INPUTS(retention)                                                                        \
    "a = { type = \"source\"; topics = [\"a\"]; };"                                                  \
    "b = { type = \"source\"; topics = [\"b\"]; };"                                                  \
    "n = { type = \"cogroup\"; function = \"count\"; cached = false;"                                \
    " inputs = ( { from = \"a\"; }, { from = \"b\"; } );"                                            \
    " window = { type = \"tumbling\"; size = 10; retention = " retention "; }; };"                   \
    "text = { type = \"map\"; from = \"n\"; key = \"key.key .. key.start\"; key_serde = \"string\";" \
    " value = \"'' .. value\"; value_serde = \"string\"; };"                                         \
    "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };"
    const char *const *lines = LINES("{\"topic\":\"a\",\"key\":\"k\",\"value\":\"x\",\"timestamp\":5}",
                                     "{\"topic\":\"a\",\"key\":\"k\",\"value\":\"x\",\"timestamp\":15}",
                                     "{\"topic\":\"b\",\"key\":\"k\",\"value\":\"x\",\"timestamp\":6}",
                                     "{\"topic\":\"a\",\"key\":\"k\",\"value\":\"x\",\"timestamp\":7}");
    expect_out(TWO_INPUTS("20"), lines, "k0=1@5 k10=1@15 k0=2@6 ");
    expect_out(TWO_INPUTS("10"), lines, "k0=1@5 k10=1@15 k0=1@6 ");
}

/* The group of what the result never was is told. */
static void a_kept_join_of_a_table_with_itself_does_not_know_what_it_was(void **state)
{
    (void)state;
    expect_out_of(
        NOTHING_CACHED,
        "in = { type = \"table\"; topic = \"in\"; cached = false; };"
        "both = { type = \"join_tables\"; from = [\"in\", \"in\"]; kind = \"outer\"; store = \"both\";"
        " join = \"(left or '-') .. (right or '-')\"; };"
        "n = { type = \"reduce\"; from = \"both\"; by = \"value\"; reduce = \"agg .. value\";"
        " subtract = \"nil\"; cached = false; };"
        "out = { type = \"sink\"; from = \"n\"; topic = \"out\"; };",
        LINES("{\"topic\":\"in\",\"key\":\"k\",\"value\":\"x\",\"timestamp\":1}"),
        "-x=null@1 xx=xx@1 x-=null@1 xx=xxxx@1 ");
}

static void a_kept_filter_of_what_is_not_kept_is_not_silent(void **state)
{
    (void)state;
    expect_out_of(NOTHING_CACHED,
                  "left = { type = \"table\"; topic = \"left\"; };"
                  "right = { type = \"table\"; topic = \"right\"; };"
                  "both = { type = \"join_tables\"; from = [\"left\", \"right\"]; kind = \"left\";"
                  " foreign_key = \"value\"; join = \"left\"; };"
                  "few = { type = \"filter\"; from = \"both\"; where = \"value == 'b'\"; store = \"few\"; };"
                  "out = { type = \"sink\"; from = \"few\"; topic = \"out\"; };",
                  LINES("{\"topic\":\"left\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":1}",
                        "{\"topic\":\"left\",\"key\":\"k\",\"value\":\"b\",\"timestamp\":2}"),
                  "k=null@1 k=b@2 ");
}

static void an_empty_row_that_is_referred_to_is_none(void **state)
{
    (void)state;
#define REFERRED(kind)                                                                    \
    "left = { type = \"table\"; topic = \"left\"; cached = false; };"                     \
    "right = { type = \"table\"; topic = \"right\"; cached = false; };"                   \
    "both = { type = \"join_tables\"; from = [\"left\", \"right\"]; kind = \"" kind "\";" \
    " foreign_key = \"value\"; join = \"left .. (right and '=' .. right or '-')\"; };"    \
    "out = { type = \"sink\"; from = \"both\"; topic = \"out\"; };"
    const char *const *lines = LINES("{\"topic\":\"left\",\"key\":\"k\",\"value\":\"a\",\"timestamp\":1}",
                                     "{\"topic\":\"right\",\"key\":\"a\",\"value\":\"x\",\"timestamp\":2}",
                                     "{\"topic\":\"right\",\"key\":\"a\",\"value\":\"\",\"timestamp\":3}");
    expect_out(REFERRED("inner"), lines, "k=a=x@2 k=null@3 ");
    expect_out(REFERRED("left"), lines, "k=a-@1 k=a=x@2 k=a-@3 ");
}

static void serdes_come_through_a_repartition_into_the_same_sub_topology(void **state)
{
    (void)state;
    expect_out("in = { type = \"source\"; topics = [\"in\"]; };"
               "rows = { type = \"to_table\"; from = \"again\"; cached = false; };"
               "again = { type = \"repartition\"; from = \"more\"; };"
               "more = { type = \"select_key\"; from = \"in\"; key = \"value\"; };"
               "both = { type = \"join_table\"; from = [\"in\", \"rows\"]; join = \"left .. right\"; };"
               "out = { type = \"sink\"; from = \"both\"; topic = \"out\"; };",
               LINES("{\"topic\":\"in\",\"key\":\"a\",\"value\":\"a\",\"timestamp\":5}",
                     "{\"topic\":\"in\",\"key\":\"a\",\"value\":\"b\",\"timestamp\":6}"),
               "a=ba@6 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_comes_before_a_join_below_it_in_the_file),
        cmocka_unit_test(a_cached_row_that_never_was_leaves_no_tombstone),
        cmocka_unit_test(final_results_are_lost_a_retention_behind),
        cmocka_unit_test(final_results_of_sliding_windows_are_lost_cached_or_not),
        cmocka_unit_test(final_results_of_sessions_are_lost_with_their_segment),
        cmocka_unit_test(a_session_is_not_found_a_retention_behind),
        cmocka_unit_test(a_sliding_window_does_not_grow_from_one_a_retention_behind),
        cmocka_unit_test(updates_of_sessions_have_no_headers),
        cmocka_unit_test(both_sides_of_a_cached_table_are_its_newest_rows),
        cmocka_unit_test(a_filter_of_a_kept_table_is_silent_about_rows_that_never_passed),
        cmocka_unit_test(a_row_of_a_grouped_table_that_stays_goes_on),
        cmocka_unit_test(a_new_row_was_what_rows_begin_with),
        cmocka_unit_test(an_old_record_meets_a_row_that_has_not_changed_since),
        cmocka_unit_test(a_tombstone_out_of_a_cache_has_the_time_of_its_record),
        cmocka_unit_test(a_cache_hands_on_what_was_changed_last_last),
        cmocka_unit_test(each_input_of_a_cogroup_has_its_own_time),
        cmocka_unit_test(a_kept_join_of_a_table_with_itself_does_not_know_what_it_was),
        cmocka_unit_test(a_kept_filter_of_what_is_not_kept_is_not_silent),
        cmocka_unit_test(an_empty_row_that_is_referred_to_is_none),
        cmocka_unit_test(serdes_come_through_a_repartition_into_the_same_sub_topology),
    };
    aq_log_setup(AQ_WARN, AQ_LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
