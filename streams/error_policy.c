/* SPDX-License-Identifier: Apache-2.0
 *
 * Error handlers (streams/error_policy.h).
 */
#include "streams/error_policy.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"

static const char *const stage_names[] = {
    [ST_STAGE_DESERIALIZATION] = "deserialization",
    [ST_STAGE_PROCESSING] = "processing",
    [ST_STAGE_PRODUCTION] = "production",
};

static bool goes_on(const struct st_settings *settings, enum st_stage stage)
{
    switch (stage) {
    case ST_STAGE_DESERIALIZATION: return settings->on_deserialization == ST_ON_ERROR_CONTINUE;
    case ST_STAGE_PROCESSING: return settings->on_processing == ST_ON_ERROR_CONTINUE;
    case ST_STAGE_PRODUCTION: return settings->on_production == ST_ON_ERROR_CONTINUE;
    }
    return false;
}

static void count(struct st_tally *tally, enum st_stage stage)
{
    switch (stage) {
    case ST_STAGE_DESERIALIZATION: tally->skipped_deserialization++; return;
    case ST_STAGE_PROCESSING: tally->skipped_processing++; return;
    case ST_STAGE_PRODUCTION: tally->skipped_production++; return;
    }
}

/* ---- the dead letter ---------------------------------------------------------------------------------------------- */

static struct aq_slice text(struct aq_arena *arena, const char *what)
{
    return aq_arena_copy(arena, aq_slice_str(what));
}

static void send_dead_letter(struct st_shop *shop, enum st_stage stage, const struct aq_record *source,
                             const char *where, const struct aq_err *err)
{
    struct aq_arena *arena = st_outbox_arena(shop->outbox);
    const struct aq_header added[] = {
        {AQ_LIT("__streams.errors.exception"), text(arena, aq_code_name(err->code))},
        {AQ_LIT("__streams.errors.message"), text(arena, err->text)},
        {AQ_LIT("__streams.errors.stacktrace"),
         aq_slice_str(aq_arena_printf(arena, "%s: %s", stage_names[stage], where))},
        {AQ_LIT("__streams.errors.topic"), text(arena, source->batch->topic->text)},
        {AQ_LIT("__streams.errors.partition"),
         aq_slice_str(aq_arena_printf(arena, "%d", source->batch->partition))},
        {AQ_LIT("__streams.errors.offset"), aq_slice_str(aq_arena_printf(arena, "%" PRId64, source->offset))},
    };
    size_t n_added = sizeof(added) / sizeof(added[0]);
    struct aq_record letter = *source;
    uint16_t n;
    const struct aq_header *headers = aq_record_headers(&letter, &n);
    letter.headers = aq_arena_alloc(arena, (n + n_added) * sizeof(*letter.headers));
    if (n > 0) memcpy(letter.headers, headers, n * sizeof(*headers));
    memcpy(letter.headers + n, added, sizeof(added));
    letter.n_headers = (uint16_t)(n + n_added);
    st_outbox_add(shop->outbox, &letter, shop->dead_letter, -1, source);
    shop->tally.dead_letters++;
}

/* ---- the decision ------------------------------------------------------------------------------------------------- */

static void add_place(enum st_stage stage, const struct aq_record *source, const char *where,
                      struct aq_err *err)
{
    if (!source)
        aq_err_in(err, "%s '%s', in a punctuation", stage_names[stage], where);
    else
        aq_err_in(err, "%s[%d]@%" PRId64 ": %s '%s'", source->batch->topic->text, source->batch->partition,
                  source->offset, stage_names[stage], where);
}

int st_policy_decide(struct st_shop *shop, enum st_stage stage, const struct aq_record *source,
                     const char *where, struct aq_err *err)
{
    AQ_ASSERT(shop && where && err->code < 0);
    if (!goes_on(shop->settings, stage)) {
        add_place(stage, source, where, err);
        return err->code;
    }
    count(&shop->tally, stage);
    bool dead = source && shop->dead_letter;
    if (dead) send_dead_letter(shop, stage, source, where, err);
    add_place(stage, source, where, err);
    aq_log(AQ_WARN, dead ? "record sent to the dead letter topic" : "record skipped",
           aq_fs("application", shop->settings->application_id), aq_fs("reason", err->text));
    aq_err_clear(err);
    return 0;
}

int st_policy_fail(enum st_stage stage, const struct aq_record *source, const char *where, const char *what,
                   struct aq_err *err)
{
    AQ_ASSERT(err->code < 0);
    aq_err_in(err, "%s", what);
    add_place(stage, source, where, err);
    return err->code;
}
