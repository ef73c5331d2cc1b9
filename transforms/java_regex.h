/* SPDX-License-Identifier: Apache-2.0
 *
 * java.util.regex on PCRE2: patterns and replacements as Connect users write them.
 */
#ifndef AQ_TRANSFORMS_JAVA_REGEX_H
#define AQ_TRANSFORMS_JAVA_REGEX_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"
#include "base/err.h"

struct java_regex {
    pcre2_code *full; /* matches(): the whole subject */
    pcre2_code *find; /* find(): the first occurrence */
    uint32_t groups;
};

/* 0, or AQ_E_CONFIG with a sentence in err. */
int java_regex_compile(struct java_regex *re, const char *pattern, struct aq_err *err);
void java_regex_free(struct java_regex *re);

/* Why no legal topic name can match, or NULL when one might. */
const char *java_regex_never_matches_topic(const struct java_regex *re);

/* Per-worker state of matching. */
struct java_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

void java_matcher_init(struct java_matcher *m, const struct java_regex *re);
void java_matcher_finish(struct java_matcher *m);

/* 1 match, 0 none, AQ_E_BAD_RECORD when the match limit was hit (text says so). Groups are in m->data. */
int java_regex_match(const pcre2_code *code, struct java_matcher *m, struct aq_slice subject,
                     struct aq_err *err);

/* A parsed replacement: literals and groups in order. */
struct java_piece {
    struct aq_slice text; /* of a literal; null for a group */
    uint32_t group;
};

struct java_replacement {
    struct java_piece *pieces;
    size_t count;
};

/* 0, or AQ_E_CONFIG for what Java's appendReplacement() throws on. */
int java_replacement_parse(struct java_replacement *r, const char *text, const struct java_regex *re,
                           struct aq_arena *arena, struct aq_err *err);

/* Appends the replacement for the match in m to buf at *len; false when size is too small. Unset groups are empty. */
bool java_replacement_expand(const struct java_replacement *r, const struct java_matcher *m,
                             struct aq_slice subject, char *buf, size_t size, size_t *len);

#endif
