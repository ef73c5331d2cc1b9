/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoding and decoding of positions (kafka/position.h). JSON, because an operator who looks at the state topic with
 * any consumer should be able to read where a route stands; jansson, because these are a few objects per cycle.
 */
#include "kafka/position.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/assert.h"
#include "kafka/task_map.h"

#define SNAPSHOT_FORMAT 1
#define TOPIC_MAX       249 /* Kafka's own limit for topic names */

/* ---- encode ------------------------------------------------------------------------------------------------------ */

static json_t *facts_to_json(const struct kc_route_facts *facts)
{
    json_t *object = json_object();
    json_object_set_new(object, "format", json_integer(SNAPSHOT_FORMAT));
    json_object_set_new(object, "route", json_string(facts->route));
    json_object_set_new(object, "source", json_string(facts->source_id));
    json_object_set_new(object, "sink", json_string(facts->sink_id));
    json_object_set_new(object, "tasks", json_integer(facts->tasks));
    json_object_set_new(object, "map", json_integer(facts->map_version));
    json_object_set_new(object, "created", json_integer(facts->created_ms));
    return object;
}

static json_t *position_to_json(const struct kc_position *position)
{
    json_t *object = json_object();
    json_object_set_new(object, "topic", json_string(position->topic));
    json_object_set_new(object, "partition", json_integer(position->partition));
    json_object_set_new(object, "next", json_integer(position->next));
    json_object_set_new(object, "epoch", json_integer(position->leader_epoch));
    if (position->topic_id[0]) json_object_set_new(object, "id", json_string(position->topic_id));
    if (position->last_offset >= 0) {
        char hash[20];
        snprintf(hash, sizeof(hash), "%016" PRIx64, position->last_hash);
        json_object_set_new(object, "last", json_integer(position->last_offset));
        json_object_set_new(object, "time", json_integer(position->last_timestamp));
        json_object_set_new(object, "hash", json_string(hash));
    }
    if (position->time_ms >= 0) json_object_set_new(object, "ptime", json_integer(position->time_ms));
    if (position->sink_topic && position->sink_offset >= 0) {
        json_object_set_new(object, "to", json_string(position->sink_topic));
        json_object_set_new(object, "to_partition", json_integer(position->sink_partition));
        json_object_set_new(object, "to_offset", json_integer(position->sink_offset));
    }
    return object;
}

static struct aq_slice dump_json(json_t *object, struct aq_arena *arena)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    AQ_ASSERT(text != NULL);
    struct aq_slice slice = aq_arena_copy(arena, aq_slice_str(text));
    free(text);
    json_decref(object);
    return slice;
}

struct aq_slice kc_facts_encode(const struct kc_route_facts *facts, struct aq_arena *arena)
{
    return dump_json(facts_to_json(facts), arena);
}

struct aq_slice kc_snapshot_encode(const struct kc_snapshot *snapshot, struct aq_arena *arena)
{
    json_t *object = facts_to_json(&snapshot->facts);
    json_object_set_new(object, "task", json_integer(snapshot->task));
    json_object_set_new(object, "seq", json_integer(snapshot->seq));
    json_object_set_new(object, "written", json_integer(snapshot->written_ms));
    json_object_set_new(object, "writer", json_string(snapshot->writer ? snapshot->writer : ""));
    json_t *list = json_array();
    for (size_t i = 0; i < snapshot->count; i++)
        json_array_append_new(list, position_to_json(&snapshot->list[i]));
    json_object_set_new(object, "positions", list);
    return dump_json(object, arena);
}

/* ---- decode ------------------------------------------------------------------------------------------------------ */

static int bad(struct aq_err *err, const char *field)
{
    return aq_fail(err, AQ_E_CORRUPT, "stored position: field '%s' is missing or out of range", field);
}

static int get_int(json_t *object, const char *name, int64_t min, int64_t max, int64_t *ret,
                   struct aq_err *err)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) return bad(err, name);
    int64_t number = json_integer_value(value);
    if (number < min || number > max) return bad(err, name);
    *ret = number;
    return 0;
}

static int get_text(json_t *object, const char *name, size_t max, struct aq_arena *arena, const char **ret,
                    struct aq_err *err)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_string(value) || json_string_length(value) > max) return bad(err, name);
    *ret = aq_arena_strdup(arena, json_string_value(value));
    return 0;
}

static int get_id(json_t *object, const char *name, char ret[KC_ID_MAX], struct aq_err *err)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_string(value) || json_string_length(value) >= KC_ID_MAX) return bad(err, name);
    snprintf(ret, KC_ID_MAX, "%s", json_string_value(value));
    return 0;
}

static int facts_from_json(json_t *object, struct aq_arena *arena, struct kc_route_facts *ret,
                           struct aq_err *err)
{
    int64_t format, tasks, map;
    int rc;
    if ((rc = get_int(object, "format", 1, INT32_MAX, &format, err)) != 0) return rc;
    if (format != SNAPSHOT_FORMAT)
        return aq_fail(err, AQ_E_STATE,
                       "stored position has format %" PRId64 ", this version reads %d: upgrade aqueduct",
                       format, SNAPSHOT_FORMAT);
    if ((rc = get_text(object, "route", TOPIC_MAX, arena, &ret->route, err)) != 0) return rc;
    if ((rc = get_id(object, "source", ret->source_id, err)) != 0) return rc;
    if ((rc = get_id(object, "sink", ret->sink_id, err)) != 0) return rc;
    if ((rc = get_int(object, "tasks", 1, 100000, &tasks, err)) != 0) return rc;
    if ((rc = get_int(object, "map", 1, INT32_MAX, &map, err)) != 0) return rc;
    if ((rc = get_int(object, "created", 0, INT64_MAX, &ret->created_ms, err)) != 0) return rc;
    ret->tasks = (int32_t)tasks;
    ret->map_version = (int32_t)map;
    return 0;
}

static int fingerprint_from_json(json_t *object, struct kc_position *ret, struct aq_err *err)
{
    ret->last_offset = -1;
    if (!json_object_get(object, "last")) return 0;
    int rc;
    if ((rc = get_int(object, "last", 0, INT64_MAX, &ret->last_offset, err)) != 0) return rc;
    if ((rc = get_int(object, "time", INT64_MIN, INT64_MAX, &ret->last_timestamp, err)) != 0) return rc;
    const char *hash = json_string_value(json_object_get(object, "hash"));
    if (!hash || strlen(hash) != 16) return bad(err, "hash");
    char *end;
    ret->last_hash = strtoull(hash, &end, 16);
    return *end ? bad(err, "hash") : 0;
}

static int sink_from_json(json_t *object, struct aq_arena *arena, struct kc_position *ret, struct aq_err *err)
{
    ret->sink_offset = -1;
    if (!json_object_get(object, "to")) return 0;
    int64_t partition = 0;
    int rc;
    if ((rc = get_text(object, "to", TOPIC_MAX, arena, &ret->sink_topic, err)) != 0) return rc;
    if ((rc = get_int(object, "to_partition", 0, INT32_MAX, &partition, err)) != 0) return rc;
    ret->sink_partition = (int32_t)partition;
    return get_int(object, "to_offset", 0, INT64_MAX, &ret->sink_offset, err);
}

static int position_from_json(json_t *object, struct aq_arena *arena, struct kc_position *ret,
                              struct aq_err *err)
{
    int64_t partition, epoch;
    int rc;
    memset(ret, 0, sizeof(*ret));
    if ((rc = get_text(object, "topic", TOPIC_MAX, arena, &ret->topic, err)) != 0) return rc;
    if ((rc = get_int(object, "partition", 0, INT32_MAX, &partition, err)) != 0) return rc;
    if ((rc = get_int(object, "next", 0, INT64_MAX, &ret->next, err)) != 0) return rc;
    if ((rc = get_int(object, "epoch", -1, INT32_MAX, &epoch, err)) != 0) return rc;
    ret->partition = (int32_t)partition;
    ret->leader_epoch = (int32_t)epoch;
    if (json_object_get(object, "id") && (rc = get_id(object, "id", ret->topic_id, err)) != 0) return rc;
    ret->time_ms = -1; /* positions written before it was kept have none */
    if (json_object_get(object, "ptime") &&
        (rc = get_int(object, "ptime", 0, INT64_MAX, &ret->time_ms, err)) != 0)
        return rc;
    if ((rc = sink_from_json(object, arena, ret, err)) != 0) return rc;
    return fingerprint_from_json(object, ret, err);
}

static json_t *load_json(struct aq_slice value, struct aq_err *err)
{
    json_error_t where;
    json_t *object = value.ptr ? json_loadb(value.ptr, value.len, JSON_REJECT_DUPLICATES, &where) : NULL;
    if (!object || !json_is_object(object)) {
        json_decref(object);
        aq_fail(err, AQ_E_CORRUPT, "stored position is not a JSON object");
        return NULL;
    }
    return object;
}

int kc_facts_decode(struct aq_slice value, struct aq_arena *arena, struct kc_route_facts *ret,
                    struct aq_err *err)
{
    json_t *object = load_json(value, err);
    if (!object) return AQ_E_CORRUPT;
    int rc = facts_from_json(object, arena, ret, err);
    json_decref(object);
    return rc;
}

static int snapshot_from_json(json_t *object, struct aq_arena *arena, struct kc_snapshot *ret,
                              struct aq_err *err)
{
    int64_t task;
    int rc;
    memset(ret, 0, sizeof(*ret));
    if ((rc = facts_from_json(object, arena, &ret->facts, err)) != 0) return rc;
    if ((rc = get_int(object, "task", 0, ret->facts.tasks - 1, &task, err)) != 0) return rc;
    if ((rc = get_int(object, "seq", 0, INT64_MAX, &ret->seq, err)) != 0) return rc;
    if ((rc = get_int(object, "written", 0, INT64_MAX, &ret->written_ms, err)) != 0) return rc;
    if ((rc = get_text(object, "writer", 512, arena, &ret->writer, err)) != 0) return rc;
    ret->task = (int32_t)task;
    json_t *list = json_object_get(object, "positions");
    if (!json_is_array(list)) return bad(err, "positions");
    ret->count = json_array_size(list);
    ret->list = aq_arena_zalloc(arena, ret->count * sizeof(*ret->list));
    for (size_t i = 0; i < ret->count; i++) {
        struct kc_position *position = &ret->list[i];
        if ((rc = position_from_json(json_array_get(list, i), arena, position, err)) != 0) return rc;
        /* Other maps than the bridge's are known to whoever made them: here a version number only, see kc_facts_check(). */
        if (ret->facts.map_version != KC_TASK_MAP_VERSION) continue;
        if (kc_task_of(position->topic, position->partition, ret->facts.tasks) != ret->task)
            return bad(err, "task");
    }
    return 0;
}

int kc_snapshot_decode(struct aq_slice value, struct aq_arena *arena, struct kc_snapshot *ret,
                       struct aq_err *err)
{
    json_t *object = load_json(value, err);
    if (!object) return AQ_E_CORRUPT;
    int rc = snapshot_from_json(object, arena, ret, err);
    json_decref(object);
    return rc;
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

int kc_facts_check(const struct kc_route_facts *stored, const struct kc_route_facts *ours, struct aq_err *err)
{
    if (strcmp(stored->route, ours->route) != 0)
        return aq_fail(err, AQ_E_STATE, "the state topic belongs to '%s'", stored->route);
    if (strcmp(stored->source_id, ours->source_id) != 0)
        return aq_fail(
            err, AQ_E_STATE,
            "the state topic was written for source cluster %s, but the source now is cluster %s; use another "
            "route name, or delete the state topic to begin anew",
            stored->source_id, ours->source_id);
    if (strcmp(stored->sink_id, ours->sink_id) != 0)
        return aq_fail(err, AQ_E_STATE, "the state topic was written on sink cluster %s, this is cluster %s",
                       stored->sink_id, ours->sink_id);
    if (stored->map_version != ours->map_version)
        return aq_fail(err, AQ_E_STATE, "the state topic uses task map version %d, this program %d",
                       stored->map_version, ours->map_version);
    if (stored->tasks != ours->tasks)
        return aq_fail(err, AQ_E_STATE,
                       "the state topic was created with tasks = %d and this cannot change (now %d)",
                       stored->tasks, ours->tasks);
    return 0;
}

void kc_metadata_format(int64_t seq, struct aq_slice value, char *buf, size_t size)
{
    int n = snprintf(buf, size, "v1 seq=%" PRId64 " sum=%016" PRIx64, seq,
                     (uint64_t)XXH64(value.ptr, value.len, 0));
    AQ_ASSERT(n > 0 && (size_t)n < size);
}

int kc_metadata_check(const char *metadata, int64_t seq, struct aq_slice value, struct aq_err *err)
{
    char expected[KC_METADATA_MAX];
    kc_metadata_format(seq, value, expected, sizeof(expected));
    if (strcmp(metadata, expected) == 0) return 0;
    return aq_fail(err, AQ_E_CORRUPT, "the committed pointer says '%s' but the record it points to is '%s'",
                   metadata, expected);
}

uint64_t kc_fingerprint(struct aq_slice key, struct aq_slice value, int64_t timestamp)
{
    uint64_t seed =
        (uint64_t)timestamp ^ (key.ptr ? 0x9e3779b97f4a7c15ull : 0) ^ (value.ptr ? 0xc2b2ae3d27d4eb4full : 0);
    uint64_t first = key.len ? XXH64(key.ptr, key.len, seed) : seed;
    return value.len ? XXH64(value.ptr, value.len, first) : first;
}
