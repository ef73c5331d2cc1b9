/* SPDX-License-Identifier: Apache-2.0
 *
 * Codec of the source's batches against `compression` of the route: whatever the pair, the records are the same, byte
 * for byte, and the sink's batches really have the codec that was asked for (as written in the brokers' log files).
 *
 * One process with a route a pair.
 */
#include <glob.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     60000
#define PARTITIONS 2
#define LARGE      300000

static const char *const codec_names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
enum { NONE, GZIP, SNAPPY, LZ4, ZSTD };

static const struct pair {
    int source;
    int sink;
} pairs[] = {{NONE, NONE}, {NONE, ZSTD}, {GZIP, LZ4},   {SNAPPY, NONE},
             {LZ4, GZIP},  {ZSTD, LZ4},  {LZ4, SNAPPY}, {ZSTD, ZSTD}};
#define PAIRS (sizeof pairs / sizeof pairs[0])

/* ---- source --------------------------------------------------------------------------------------------------------- */

static const struct t_header headers[] = {{"codec", {"\0\xff", 2}}, {"null", {NULL, 0}}, {"codec", {"", 0}}};

static void produce(const char *topic, int codec)
{
    static char large[LARGE];
    char *compression = t_printf("compression.type=%s", codec_names[codec]);
    const char *properties[] = {compression, NULL};
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, properties);
    for (int i = 0; i < LARGE; i++) large[i] = (char)(i / 100 * 7 + (i % 13 == 0));
    for (int i = 0; i < 2000; i++) {
        struct t_record record = {.key = aq_slice_of(large + i, (size_t)i % 20),
                                  .value = aq_slice_of(large + i, (size_t)i * 37 % 1500),
                                  .headers = headers,
                                  .n_headers = i % 4 == 0 ? 3 : 0,
                                  .timestamp = 1700000000000 + i,
                                  .partition = i % PARTITIONS};
        if (i % 31 == 0) record.value = AQ_NULL_SLICE;
        if (i % 700 == 500) record.value = aq_slice_of(large, sizeof large);
        t_send(producer, topic, &record);
    }
    t_flush(producer);
    t_producer_close(producer);
    free(compression);
}

/* ---- what the brokers have written ---------------------------------------------------------------------------------- */

/* Counts the batches of a log file by codec. A batch: offset (8), length (4), epoch (4), magic (1), crc (4), attributes
 * (2): codec in the lowest three bits, 0x20 marks a transaction's control batch, which no producer compresses. */
static void count_batches(const char *path, int counts[8])
{
    FILE *file = fopen(path, "rb");
    unsigned char head[23];
    if (!file) T_FAIL("cannot open %s", path);
    while (fread(head, 1, sizeof head, file) == sizeof head) {
        long length = (long)head[8] << 24 | (long)head[9] << 16 | (long)head[10] << 8 | (long)head[11];
        if (length == 0) break; /* room allocated ahead */
        T_CHECK(head[16] == 2, "%s: magic %d", path, head[16]);
        if (!(head[22] & 0x20)) counts[head[22] & 7]++;
        fseek(file, 12 + length - (long)sizeof head, SEEK_CUR);
    }
    fclose(file);
}

/* A batch that compression would make larger may stay as it is. */
static void expect_codec(const char *cluster, const char *topic, int codec)
{
    const char *folder = getenv("AQUEDUCT_CLUSTERS_DIR"), *name = getenv("AQUEDUCT_CLUSTERS_NAME");
    if (!folder || !name) T_FAIL("the brokers' files are not known: eval \"$(./dev clusters env)\"");
    char *pattern = t_printf("%s/%s/%s/*/data/%s-[0-9]/*.log", folder, name, cluster, topic);
    int counts[8] = {0};
    glob_t found;
    T_CHECK(glob(pattern, 0, NULL, &found) == 0, "no file %s", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++) count_batches(found.gl_pathv[i], counts);
    globfree(&found);
    free(pattern);
    T_CHECK(counts[codec] > 0, "no %s batch in %s on the %s", codec_names[codec], topic, cluster);
    for (int i = 1; i < 8; i++)
        T_CHECK(i == codec || counts[i] == 0, "%d batches of codec %d in %s", counts[i], i, topic);
}

/* ---- test ----------------------------------------------------------------------------------------------------------- */

static char *config_of(const struct t_name topics[PAIRS], const char *delivery)
{
    char *routes = t_printf("%s", "");
    for (size_t i = 0; i < PAIRS; i++) {
        char *more = t_printf("%s%sname = \"%s\"; topics = [\"%s\"]; tasks = 2; delivery = \"%s\"; "
                              "compression = \"%s\"; stop_at_end = true;",
                              routes, i ? " }, { from = \"src\"; to = \"dst\";\n    " : "", topics[i].text,
                              topics[i].text, delivery, codec_names[pairs[i].sink]);
        free(routes);
        routes = more;
    }
    char *text = t_config(t_pair.source, t_pair.sink, "", "%s", routes);
    free(routes);
    return text;
}

static void copy_all(const char *delivery)
{
    struct t_name topics[PAIRS];
    for (size_t i = 0; i < PAIRS; i++) {
        topics[i] = t_unique("codec");
        t_topic_create(t_pair.src, topics[i].text, PARTITIONS, "retention.ms=-1", NULL);
        produce(topics[i].text, pairs[i].source);
        expect_codec("source", topics[i].text, pairs[i].source);
    }
    char *config = config_of(topics, delivery);
    t_bridge_to_end(config, 0, END_MS);
    for (size_t i = 0; i < PAIRS; i++) {
        T_CHECK(t_count(t_pair.source, topics[i].text) == 2000, "%s: not what was sent", topics[i].text);
        t_expect_mirror(&t_pair, topics[i].text);
        expect_codec("sink", topics[i].text, pairs[i].sink);
    }
    free(config);
}

static void test_every_codec_copies_every_byte(void **state)
{
    (void)state;
    copy_all("exactly_once");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_every_codec_copies_every_byte),
    };
    return cmocka_run_group_tests_name("bridge: codecs", tests, NULL, NULL);
}
