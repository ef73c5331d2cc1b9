/* SPDX-License-Identifier: Apache-2.0
 *
 * The stores of a topology in the test driver (aqueduct/testdriver.h). Between two calls everything is committed, so what is read is what a
 * restart would find.
 *
 * How the bytes of a row lie is what the store was made with (struct st_store_conf): the length of what follows the key tells its kind, and
 * whether values have times. Stores of waiting records and of foreign keys are for their nodes alone.
 *
 * Threads: that of the driver.
 */
#include "base/assert.h"
#include "base/big_endian.h"
#include "streams/api/api_testdriver.h"
#include "streams/global.h"
#include "streams/ops/aggregation.h"
#include "streams/state/retention.h"
#include "streams/state/stamped.h"
#include "streams/state/versioned.h"

enum rows_of { KEYS, HISTORIES, WINDOWS, SESSIONS, OTHERS };

/* A store that is being looked into. */
struct looking {
    struct aq_test_driver *driver;
    const struct st_store *store;
    enum rows_of rows;
    const struct st_windows *windows; /* of WINDOWS */
    const struct st_kept *kept;       /* of the task at hand */
    const struct st_place *place;     /* a row's; or */
    struct aq_slice key;              /* rows of this key, null: all */
    aq_test_row_each each;
    void *user;
    struct aq_test_row *ret;
    bool found;
    bool enough; /* says each() */
};

static bool is_versioned(const struct st_store_conf *conf)
{
    return conf->rest_len == st_versioned_conf().rest_len && !conf->timestamped;
}

static enum rows_of kind_of(const struct st_store *store, const struct st_windows **ret_windows)
{
    *ret_windows = store->n_users > 0 ? st_aggregate_windows(store->users[0]) : NULL;
    if (store->conf.rest_len == 0) return KEYS;
    if (is_versioned(&store->conf)) return HISTORIES;
    if (!*ret_windows) return OTHERS;
    return (*ret_windows)->kind == ST_SESSION ? SESSIONS : WINDOWS;
}

static int no_such_store(struct aq_test_driver *driver, const char *name)
{
    const struct st_topology *t = driver->topology;
    char all[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < t->n_stores && used + strlen(t->stores[i]->name) + 3 < sizeof(all); i++)
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", t->stores[i]->name);
    return aq_fail(&driver->err, AQ_E_INVALID, "the topology has no store '%s'; there %s%s", name,
                   used ? "are: " : "is none", all);
}

/* 0 when the store is there and can be looked into. */
static int begin(struct looking *l, struct aq_test_driver *driver, const char *name)
{
    AQ_ASSERT(name);
    int rc = st_test_driver_verdict(driver);
    if (rc != 0) return rc;
    *l = (struct looking){.driver = driver, .store = st_find_store(driver->topology, name)};
    if (!l->store) return no_such_store(driver, name);
    l->rows = kind_of(l->store, &l->windows);
    if (l->rows != OTHERS) return 0;
    return aq_fail(&driver->err, AQ_E_INVALID, "the store '%s' is for its operator alone", name);
}

/* ---- one entry as a row ------------------------------------------------------------------------------------------- */

static struct aq_test_row row_of(const struct looking *l, const struct st_place *place, struct aq_slice value)
{
    struct aq_arena *arena = &l->driver->arena;
    bool stamped = l->store->conf.timestamped;
    struct aq_test_row row = {.key = aq_arena_copy(arena, place->key), .timestamp = -1};
    row.value = aq_arena_copy(arena, stamped ? st_stamped_value(value) : value);
    if (stamped) row.timestamp = st_stamped_time(value);
    if (l->rows == KEYS || l->rows == HISTORIES) return row;
    row.start_ms = place->start;
    row.end_ms = l->rows == SESSIONS ? place->end : st_windows_end(l->windows, place->start);
    if (l->rows == SESSIONS) row.timestamp = place->end;
    return row;
}

static enum st_row_form form_of(const struct looking *l)
{
    return l->rows == WINDOWS ? ST_ROWS_WINDOW : l->rows == SESSIONS ? ST_ROWS_SESSION : ST_ROWS_PLAIN;
}

/* ---- one row ------------------------------------------------------------------------------------------------------ */

static int look_up_version(struct looking *l, struct st_state *state)
{
    struct st_version version;
    int rc = st_versioned_latest(state, l->place->key, &version, &l->driver->err);
    if (rc != 0 || aq_slice_is_null(version.value)) return rc;
    *l->ret = row_of(l, l->place, version.value);
    l->ret->timestamp = version.valid_from;
    l->found = true;
    return 1;
}

static int look_up(void *ctx, struct st_kept *kept)
{
    struct looking *l = ctx;
    struct st_state *state = &kept->state;
    if (l->rows == HISTORIES) return look_up_version(l, state);
    char room[ST_SESSION_REST];
    struct aq_slice value, rest = st_place_rest(form_of(l), l->place, room);
    if (st_retention_is_over(kept, rest)) return 0;
    int rc = st_state_get(state, l->place->key, rest, &value, &l->driver->err);
    if (rc != 0 || aq_slice_is_null(value)) return rc;
    *l->ret = row_of(l, l->place, value);
    l->found = true;
    return 1;
}

static bool find_global(struct aq_test_driver *driver, const struct st_global *global, struct aq_slice key,
                        struct aq_test_row *ret)
{
    int64_t time_ms = 0;
    struct aq_slice value = st_shared_table_get(&global->table, key, &time_ms);
    if (aq_slice_is_null(value)) return false;
    *ret = (struct aq_test_row){.key = aq_arena_copy(&driver->arena, key),
                                .value = aq_arena_copy(&driver->arena, value),
                                .timestamp = time_ms};
    return true;
}

/* wanted: KEYS stands for HISTORIES too. */
static bool find(struct aq_test_driver *driver, const char *store, enum rows_of wanted,
                 const struct st_place *place, struct aq_test_row *ret)
{
    static const char *const calls[] = {[KEYS] = "aq_test_driver_row",
                                        [HISTORIES] = "aq_test_driver_row",
                                        [WINDOWS] = "aq_test_driver_window_row",
                                        [SESSIONS] = "aq_test_driver_session_row"};
    struct looking l;
    if (begin(&l, driver, store) != 0) return false;
    if (calls[l.rows] != calls[wanted]) {
        aq_fail(&driver->err, AQ_E_INVALID, "rows of the store '%s' are found by %s()", store, calls[l.rows]);
        return false;
    }
    if (aq_slice_is_null(place->key)) {
        aq_fail(&driver->err, AQ_E_INVALID, "a store has no null key");
        return false;
    }
    l.place = place;
    l.ret = ret;
    st_driver_stores(driver->driver, l.store, look_up, &l);
    return l.found;
}

bool aq_test_driver_row(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                        struct aq_test_row *ret)
{
    const struct st_place place = {.key = key};
    const struct st_global *global =
        st_test_driver_verdict(driver) == 0 ? st_driver_global(driver->driver, store) : NULL;
    if (global && !aq_slice_is_null(key)) return find_global(driver, global, key, ret);
    return find(driver, store, KEYS, &place, ret);
}

bool aq_test_driver_window_row(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                               int64_t start_ms, struct aq_test_row *ret)
{
    const struct st_place place = {.key = key, .start = start_ms};
    return find(driver, store, WINDOWS, &place, ret);
}

bool aq_test_driver_session_row(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                                int64_t start_ms, int64_t end_ms, struct aq_test_row *ret)
{
    const struct st_place place = {.key = key, .start = start_ms, .end = end_ms};
    return find(driver, store, SESSIONS, &place, ret);
}

/* ---- many --------------------------------------------------------------------------------------------------------- */

static int show(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                struct aq_err *err)
{
    struct looking *l = ctx;
    struct st_place place;
    if (st_retention_is_over(l->kept, rest)) return 0;
    if (!st_place_of(form_of(l), bucket, rest, &place))
        return aq_fail(err, AQ_E_CORRUPT, "the store '%s' has a key of another kind", l->store->name);
    const struct aq_test_row row = row_of(l, &place, value);
    l->enough = l->each(l->user, &row) != 0;
    return l->enough;
}

static int walk(void *ctx, struct st_kept *kept)
{
    struct looking *l = ctx;
    struct st_state *state = &kept->state;
    l->kept = kept;
    const struct st_state_range all = {.from = AQ_NULL_SLICE};
    struct aq_err *err = &l->driver->err;
    int rc = aq_slice_is_null(l->key) ? st_state_all(state, &all, show, l, err)
                                      : st_state_bucket(state, l->key, &all, show, l, err);
    return rc == 0 && l->enough ? 1 : rc;
}

int aq_test_driver_rows(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                        aq_test_row_each each, void *user)
{
    AQ_ASSERT(each);
    struct looking l;
    int rc = begin(&l, driver, store);
    if (rc != 0) return rc;
    if (l.rows == HISTORIES)
        return aq_fail(&driver->err, AQ_E_INVALID,
                       "the store '%s' has a history; ask for one row by aq_test_driver_row()", store);
    l.key = key;
    l.each = each;
    l.user = user;
    rc = st_driver_stores(driver->driver, l.store, walk, &l);
    return rc < 0 ? rc : 0;
}
