/* SPDX-License-Identifier: Apache-2.0
 *
 * A store on disk against its changelog (tests/lib/stored.h).
 *
 * An ordinary pass: of each key of a partition of the changelog, read read_committed, the last value is kept, as compaction would; then
 * the family of that partition is walked through beside it, both in the order of their keys. A failing pass: what does not fit
 * is counted, and the first few are told.
 */
#include "tests/lib/stored.h"

#include <inttypes.h>

#include "streams/state/db.h"
#include "streams/state/stamped.h"
#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/read.h"

#define CACHE_BYTES (8 << 20)
#define SHOWN_MOST  5

static int compare(struct aq_slice a, struct aq_slice b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both ? memcmp(a.ptr, b.ptr, both) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_key_then_offset(const void *a, const void *b)
{
    const struct t_record *one = a, *other = b;
    int order = compare(one->key, other->key);
    return order ? order : (one->offset > other->offset) - (one->offset < other->offset);
}

/* The last record of each key that is not a deletion, by key. */
static struct t_log *read_rows(const char *brokers, const char *topic, int partition)
{
    struct t_log *log = t_read(brokers, topic, partition, true);
    size_t kept = 0;
    if (log->count) qsort(log->records, log->count, sizeof *log->records, by_key_then_offset);
    for (size_t i = 0; i < log->count; i++) {
        bool last = i + 1 == log->count || !aq_slice_equal(log->records[i].key, log->records[i + 1].key);
        if (last && !aq_slice_is_null(log->records[i].value)) log->records[kept++] = log->records[i];
    }
    log->count = kept;
    return log;
}

static void tell(const struct t_stored_found *found, const char *family, struct aq_slice key,
                 const char *what)
{
    if (found->different <= SHOWN_MOST)
        fprintf(stderr, "%s: row '%.*s' %s\n", family, (int)key.len, key.ptr, what);
}

static void differs(struct t_stored_found *found, const char *family, struct aq_slice key, const char *what)
{
    found->different++;
    tell(found, family, key, what);
}

static void compare_rows(struct st_family *family, const char *name, const struct t_log *log,
                         struct t_stored_found *found)
{
    struct aq_slice key, value;
    struct aq_err err = {0};
    size_t i = 0;
    struct st_cursor *cursor = st_db_rocks.cursor(family);
    st_db_rocks.seek(cursor, AQ_NULL_SLICE);
    for (; st_db_rocks.at(cursor, &key, &value); st_db_rocks.next(cursor)) {
        while (i < log->count && compare(log->records[i].key, key) < 0)
            differs(found, name, log->records[i++].key, "is only in the changelog");
        if (i == log->count || compare(log->records[i].key, key) != 0) {
            differs(found, name, key, "is only on disk");
            continue;
        }
        const struct t_record *row = &log->records[i++];
        if (!aq_slice_equal(st_stamped_value(value), row->value))
            differs(found, name, key, "has another value than in the changelog");
        else if (st_stamped_time(value) != row->timestamp)
            differs(found, name, key, "has another time than in the changelog");
    }
    T_CHECK(st_db_rocks.cursor_error(cursor, &err) == 0, "%s", err.text);
    st_db_rocks.cursor_close(cursor);
    while (i < log->count) differs(found, name, log->records[i++].key, "is only in the changelog");
}

struct t_stored_found t_stored_check(const char *brokers, const char *folder, const char *application,
                                     const char *store)
{
    struct t_stored_found found = {0};
    struct aq_err err = {0};
    struct st_db *db;
    struct st_family *family;
    const struct st_db_conf conf = {.path = folder, .cache_bytes = CACHE_BYTES, .write_bytes = CACHE_BYTES};
    struct t_cluster *cluster = t_cluster_open(brokers);
    char *topic = t_printf("%s-%s-changelog", application, store);
    int partitions = t_partitions(cluster, topic);
    T_CHECK(partitions > 0, "%s has no partitions", topic);
    T_CHECK(st_db_rocks.open(&conf, &db, &err) == 0, "%s", err.text);
    for (int p = 0; p < partitions; p++) {
        struct t_log *log = read_rows(brokers, topic, p);
        char *name = t_printf("%s-%d", store, p);
        T_CHECK(st_db_rocks.family_open(db, name, &family, &err) == 0, "%s", err.text);
        found.rows += (int64_t)log->count;
        compare_rows(family, name, log, &found);
        st_db_rocks.family_close(family);
        free(name);
        t_log_free(log);
    }
    st_db_rocks.close(db);
    free(topic);
    t_cluster_close(cluster);
    return found;
}
