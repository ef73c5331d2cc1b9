/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts that the aggregators share (streams/ops/agg_parts.h).
 */
#include "streams/ops/agg_parts.h"

#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define ROOM 512 /* bytes of an arena at first: more than most accumulators */

void st_rooms_init(struct st_rooms *rooms)
{
    *rooms = (struct st_rooms){.made = 0};
    aq_arena_init(&rooms->arenas[0], ROOM);
    aq_arena_init(&rooms->arenas[1], ROOM);
}

void st_rooms_finish(struct st_rooms *rooms)
{
    aq_arena_finish(&rooms->arenas[0]);
    aq_arena_finish(&rooms->arenas[1]);
}

struct aq_arena *st_rooms_next(struct st_rooms *rooms)
{
    struct aq_arena *arena = &rooms->arenas[rooms->made ^ 1];
    aq_arena_reset(arena);
    return arena;
}

int st_agg_start(struct st_context *context, void *user, void **ret_running, struct aq_err *err)
{
    (void)err;
    const struct st_aggregate_user *conf = user;
    AQ_ASSERT(conf->function);
    struct st_agg *agg = aq_calloc(1, sizeof(*agg));
    agg->user = conf;
    agg->name = conf->function->name;
    agg->serde = conf->as ? conf->as : context->value_serde;
    if (conf->of.text.ptr) st_operand_start(&agg->of, context, &conf->of);
    if (conf->keep.text.ptr) st_operand_start(&agg->keep, context, &conf->keep);
    st_rooms_init(&agg->rooms);
    *ret_running = agg;
    return 0;
}

void st_agg_stop(void *running)
{
    struct st_agg *agg = running;
    if (agg->user->of.text.ptr) st_operand_stop(&agg->of);
    if (agg->user->keep.text.ptr) st_operand_stop(&agg->keep);
    st_rooms_finish(&agg->rooms);
    json_fields_finish(&agg->fields);
    free(agg);
}

int st_agg_read(struct st_agg *agg, struct aq_record *rec, struct aq_arena *arena, struct aq_slice acc,
                struct json_value *ret_value, struct aq_slice *ret, struct aq_err *err)
{
    int rc = st_operand_read(&agg->of, rec, arena, ret_value, err);
    if (rc < 0) return aq_err_in(err, "%s", agg->name);
    if (ret_value->type != JS_NULL) return 0;
    *ret = acc;
    return ST_PASSED_OVER;
}

int st_agg_make(struct st_agg *agg, const struct json_value *value, struct aq_arena *arena,
                struct aq_slice *ret, struct aq_err *err)
{
    AQ_ASSERT(value->type != JS_NULL);
    struct aq_slice bytes = value->string; /* without a serde: the value itself, as it came */
    int rc = agg->serde ? st_operand_encode(value, agg->serde, arena, &bytes, err) : 0;
    if (rc < 0) return aq_err_in(err, "%s", agg->name);
    /* Numbers were written into the arena; what is in the record goes with it. */
    bool borrowed = bytes.ptr == value->string.ptr || bytes.ptr == value->text.ptr;
    *ret = st_rooms_made(&agg->rooms, borrowed ? aq_arena_copy(arena, bytes) : bytes);
    return 0;
}

int st_agg_foreign(const struct st_agg *agg, struct aq_slice acc, struct aq_err *err)
{
    return aq_fail(
        err, AQ_E_STATE,
        "%s: the row in the store has %zu bytes, which this aggregation has not written; the node was "
        "configured otherwise before: give its store another name, or reset the application",
        agg->name, acc.len);
}

static const char *kind_of(const struct json_value *value)
{
    if (value->type == JS_NUMBER && !value->is_integer && isnan(value->real)) return "NaN";
    return json_type_name(value->type);
}

int st_agg_check_order(const struct st_agg *agg, const struct json_value *value, struct aq_err *err)
{
    int order;
    if (json_value_compare(value, value, &order)) return 0;
    return aq_fail(
        err, AQ_E_BAD_RECORD,
        "%s: of is %s, which is neither larger nor smaller than others; it must be a number or a string",
        agg->name, kind_of(value));
}

int st_agg_compare(const struct st_agg *agg, const struct json_value *a, const struct json_value *b, int *ret,
                   struct aq_err *err)
{
    if (json_value_compare(a, b, ret)) return 0;
    int rc = st_agg_check_order(agg, b, err);
    if (rc < 0) return rc;
    return aq_fail(err, AQ_E_BAD_RECORD,
                   "%s: of is %s, and the row has %s, and the two have no order; make one of the other: "
                   "of = \"tostring(...)\" or \"tonumber(...)\"",
                   agg->name, kind_of(b), kind_of(a));
}
