/* SPDX-License-Identifier: Apache-2.0
 *
 * Which topics a route takes (bridge/topic_filter.h).
 *
 * Expressions are Java's, like everywhere else in the file and in MirrorMaker's `topics`, compiled by
 * transforms/java_regex.c with the JIT; discovery asks for every topic of a cluster every few seconds, so a cluster of
 * ten thousand topics costs less than a millisecond a round.
 *
 * A failing pass: an expression such as (a+)+$ gives up after MATCH_LIMIT steps. Then the topic is left out, by `topics`
 * and by `exclude` alike, and the log says so: taking what was perhaps excluded cannot be undone, leaving out can.
 *
 * Threads: read-only once created; the match data belongs to the call, so any thread may ask.
 */
#include "bridge/topic_filter.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "transforms/java_regex.h"
#include "transforms/topic_name.h"

#define MATCH_LIMIT 100000u

struct pattern {
    const char *text;
    struct java_regex regex;
};

/* One of the two lists: names and expressions. */
struct list {
    const char **names;
    size_t n_names;
    struct pattern *patterns;
    size_t n_patterns;
};

struct br_topic_filter {
    struct aq_arena arena;
    struct list include;
    struct list exclude;
    pcre2_match_context *context; /* holds the limit; read-only while matching */
};

/* ---- what can never be taken --------------------------------------------------------------------------------------- */

/* aqueduct.<route>.state: our own positions. Mirroring them would make another route's state out of them. */
static bool is_state_topic(const char *topic)
{
    size_t len = strlen(topic);
    return len > 15 && strncmp(topic, "aqueduct.", 9) == 0 && strcmp(topic + len - 6, ".state") == 0;
}

static bool is_internal(const char *topic)
{
    return topic[0] == '_' && topic[1] == '_';
}

/* ---- making --------------------------------------------------------------------------------------------------------- */

static struct conf_pos place_of(const struct opt_strings *entries, size_t i)
{
    return entries->places ? entries->places[i] : (struct conf_pos){.origin = "topics"};
}

static void add_name(struct br_topic_filter *filter, struct list *list, const char *what, const char *name,
                     struct conf_pos place, struct conf_diags *diags)
{
    const char *fault = topic_name_fault(aq_slice_str(name));
    if (fault && strpbrk(name, "*+?|()[]{}\\$^")) {
        conf_diag(diags, CONF_ERROR, place,
                  "%s: '%s' is no topic name; a regular expression starts with ^: did you mean '^%s'?", what,
                  name, name);
        return;
    }
    if (fault) {
        conf_diag(diags, CONF_ERROR, place, "%s: the topic name '%s' %s", what, name, fault);
        return;
    }
    if (list == &filter->include && is_state_topic(name)) {
        conf_diag(diags, CONF_ERROR, place, "%s: '%s' holds the positions of a route and is never mirrored",
                  what, name);
        return;
    }
    list->names[list->n_names++] = aq_arena_strdup(&filter->arena, name);
}

/* Why no topic can match, or NULL. An expression means the same without its ^, for it must match the whole name, but
 * PCRE2 only works out which characters a match needs where it does not know the start already. */
static const char *never_matches(const char *text)
{
    struct java_regex probe;
    struct aq_err err;
    if (java_regex_compile(&probe, text + 1, &err) != 0) return NULL;
    const char *never = java_regex_never_matches_topic(&probe);
    java_regex_free(&probe);
    return never;
}

static void add_pattern(struct br_topic_filter *filter, struct list *list, const char *what, const char *text,
                        struct conf_pos place, struct conf_diags *diags)
{
    AQ_ASSERT(text[0] == '^');
    struct pattern pattern = {.text = aq_arena_strdup(&filter->arena, text)};
    struct aq_err err = {0};
    if (java_regex_compile(&pattern.regex, text, &err) != 0) {
        conf_diag(diags, CONF_ERROR, place, "%s: bad regular expression: %s", what, err.text);
        return;
    }
    const char *never = never_matches(text);
    if (never)
        conf_diag(diags, list == &filter->include ? CONF_ERROR : CONF_WARNING, place,
                  "%s: '%s' can match no topic: %s", what, text, never);
    list->patterns[list->n_patterns++] = pattern;
}

static void add_all(struct br_topic_filter *filter, struct list *list, const char *what,
                    const struct opt_strings *entries, struct conf_diags *diags)
{
    size_t n = entries ? entries->count : 0;
    list->names = aq_arena_zalloc(&filter->arena, (n + 1) * sizeof(*list->names));
    list->patterns = aq_arena_zalloc(&filter->arena, (n + 1) * sizeof(*list->patterns));
    for (size_t i = 0; i < n; i++) {
        const char *text = entries->items[i];
        struct conf_pos place = place_of(entries, i);
        if (text[0] == '^')
            add_pattern(filter, list, what, text, place, diags);
        else
            add_name(filter, list, what, text, place, diags);
    }
}

static bool has_name(const struct list *list, const char *topic)
{
    for (size_t i = 0; i < list->n_names; i++)
        if (strcmp(list->names[i], topic) == 0) return true;
    return false;
}

/* 1 match, 0 none, -1 gave up. */
static int matches_any(const struct br_topic_filter *filter, const struct list *list, const char *topic)
{
    if (list->n_patterns == 0) return 0;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    AQ_ASSERT(data != NULL);
    int answer = 0;
    for (size_t i = 0; i < list->n_patterns && answer == 0; i++) {
        const struct pattern *pattern = &list->patterns[i];
        pcre2_code *code = pattern->regex.full;
        size_t len = strlen(topic);
        int rc = pcre2_match(code, (PCRE2_SPTR)topic, len, 0, 0, data, filter->context);
        /* The JIT has 32 KiB of stack here; the interpreter takes what it needs from the heap. */
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
            rc = pcre2_match(code, (PCRE2_SPTR)topic, len, 0, PCRE2_NO_JIT, data, filter->context);
        /* 0: matched, with more groups than the data has room for. */
        if (rc >= 0)
            answer = 1;
        else if (rc != PCRE2_ERROR_NOMATCH)
            answer = -1;
        if (answer < 0)
            aq_log(AQ_WARN, "a regular expression gave up on a topic, which is left out",
                   aq_fs("topic", topic), aq_fs("expression", pattern->text));
    }
    pcre2_match_data_free(data);
    return answer;
}

static bool is_excluded(const struct br_topic_filter *filter, const char *topic)
{
    return has_name(&filter->exclude, topic) || matches_any(filter, &filter->exclude, topic) != 0;
}

/* Names that `topics` lists and `exclude` takes away again: at least one of the two is not meant. */
static void check_contradictions(const struct br_topic_filter *filter, const struct opt_strings *include,
                                 struct conf_diags *diags)
{
    size_t left = 0;
    for (size_t i = 0; i < include->count; i++) {
        const char *text = include->items[i];
        bool excluded = text[0] != '^' && is_excluded(filter, text);
        if (excluded)
            conf_diag(diags, CONF_WARNING, place_of(include, i),
                      "topics: '%s' is listed here and taken away by exclude", text);
        else
            left++;
    }
    if (include->count > 0 && left == 0)
        conf_diag(diags, CONF_ERROR, place_of(include, 0), "topics: exclude leaves nothing of it");
}

struct br_topic_filter *br_topic_filter_create(const struct opt_strings *include,
                                               const struct opt_strings *exclude, struct conf_diags *diags)
{
    AQ_ASSERT(include && diags);
    size_t errors = diags->errors;
    struct br_topic_filter *filter = aq_calloc(1, sizeof(*filter));
    aq_arena_init(&filter->arena, 1024);
    filter->context = pcre2_match_context_create(NULL);
    AQ_ASSERT(filter->context != NULL);
    pcre2_set_match_limit(filter->context, MATCH_LIMIT);
    add_all(filter, &filter->include, "topics", include, diags);
    add_all(filter, &filter->exclude, "exclude", exclude, diags);
    if (diags->errors == errors) check_contradictions(filter, include, diags);
    if (diags->errors == errors) return filter;
    br_topic_filter_destroy(filter);
    return NULL;
}

static void free_patterns(struct list *list)
{
    for (size_t i = 0; i < list->n_patterns; i++) java_regex_free(&list->patterns[i].regex);
}

void br_topic_filter_destroy(struct br_topic_filter *filter)
{
    if (!filter) return;
    free_patterns(&filter->include);
    free_patterns(&filter->exclude);
    pcre2_match_context_free(filter->context);
    aq_arena_finish(&filter->arena);
    free(filter);
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

bool br_topic_filter_takes(const struct br_topic_filter *filter, const char *topic)
{
    AQ_ASSERT(filter && topic);
    if (is_state_topic(topic)) return false;
    bool named = has_name(&filter->include, topic);
    if (!named && (is_internal(topic) || matches_any(filter, &filter->include, topic) != 1)) return false;
    return !is_excluded(filter, topic);
}

size_t br_topic_filter_literals(const struct br_topic_filter *filter, const char *const **ret_names)
{
    AQ_ASSERT(filter && ret_names);
    *ret_names = filter->include.names;
    return filter->include.n_names;
}
