/* SPDX-License-Identifier: Apache-2.0
 *
 * The lint's frame: groups, lists, arrays and their brackets; what it says and how it repairs.
 *
 * Ordinary pass: a recursive descent over the tokens of one text, the same grammar as libconfig's, building a tree of
 * names, types and places that has exactly the shape of libconfig's tree.
 * Failing pass: at a mistake it says what is wrong and what to write, notes an edit that would make libconfig accept
 * the text, and goes on as if that had been written. When all is read the loader parses the edited text, so that one
 * run also finds what only the option tables know.
 * Where libconfig has accepted the text as it is, findings of the class LINT_SYNTAX would be our mistake and are
 * dropped together with their edits: a valid file never gets a false error.
 *
 * Invariants: every round of a loop takes at least one token or leaves it; edits never add or remove a newline and do
 * not overlap. Threads: one owner.
 */
#include "conf/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define DEPTH_MAX 100

/* ---- saying and repairing ---- */

void lint_next(struct conf_lint *lint)
{
    lint->last_end = lint->token.at + lint->token.len;
    lint->token = conf_token_at(lint->text->text, lint->last_end);
}

void lint_say(struct conf_lint *lint, enum lint_class class, enum conf_severity severity, size_t at,
              size_t width, const char *format, ...)
{
    if (class == LINT_SYNTAX && lint->accepted) return;
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    va_end(args);
    AQ_ASSERT(n >= 0);
    conf_diag(lint->diags, severity, conf_text_pos(lint->text, at, width), "%s", text);
    free(text);
}

void lint_edit(struct conf_lint *lint, enum lint_class class, size_t at, size_t remove, const char *insert)
{
    if (class == LINT_SYNTAX && lint->accepted) return;
    AQ_ASSERT(at + remove <= lint->text->len && insert);
    lint->edits = aq_realloc(lint->edits, (lint->n_edits + 1) * sizeof(*lint->edits));
    lint->edits[lint->n_edits] = (struct conf_edit){at, remove, insert, lint->n_edits};
    lint->n_edits++;
}

void lint_fault(struct conf_lint *lint, enum lint_class class, struct conf_node *node)
{
    AQ_ASSERT(node);
    if (class == LINT_TRAP || !lint->accepted) node->faulty = true;
}

void lint_blank(struct conf_lint *lint, enum lint_class class, size_t at, size_t end)
{
    AQ_ASSERT(at <= end && end <= lint->text->len);
    size_t kept = 0;
    for (size_t i = 0; i < lint->n_edits; i++) {
        const struct conf_edit *e = &lint->edits[i];
        if (e->at < at || e->at >= end) lint->edits[kept++] = *e;
    }
    if (class != LINT_SYNTAX || !lint->accepted) lint->n_edits = kept;
    char *blank = (char *)aq_arena_copy(lint->arena, aq_slice_of(lint->text->text + at, end - at)).ptr;
    for (char *p = blank; *p; p++) {
        if (*p != '\n') *p = ' ';
    }
    lint_edit(lint, class, at, end - at, blank);
}

const char *lint_quote(const struct conf_lint *lint, size_t at, size_t len)
{
    const char *dots = len > 40 ? "…" : "";
    if (len > 40) len = 40;
    return aq_arena_printf(lint->arena, "%.*s%s", (int)len, lint->text->text + at, dots);
}

const char *lint_prefix(struct conf_lint *lint, const struct conf_node *node)
{
    char path[256];
    conf_node_path(node, path, sizeof(path));
    return *path ? aq_arena_printf(lint->arena, "%s: ", path) : "";
}

struct conf_node *lint_add(struct conf_lint *lint, struct conf_node *parent)
{
    struct conf_node *node = aq_arena_zalloc(lint->arena, sizeof(*node));
    node->parent = parent;
    node->string = "";
    node->raw = "";
    if (!parent->last)
        parent->first = node;
    else
        parent->last->next = node;
    parent->last = node;
    parent->count++;
    return node;
}

void lint_remove_last(struct conf_node *parent)
{
    AQ_ASSERT(parent->last && parent->count > 0);
    struct conf_node *before = NULL;
    for (struct conf_node *n = parent->first; n != parent->last; n = n->next) before = n;
    if (before)
        before->next = NULL;
    else
        parent->first = NULL;
    parent->last = before;
    parent->count--;
}

static int by_place(const void *pa, const void *pb)
{
    const struct conf_edit *a = pa, *b = pb;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

char *conf_lint_repaired(const struct conf_lint *lint)
{
    const struct conf_text *text = lint->text;
    if (lint->n_edits > 1) qsort(lint->edits, lint->n_edits, sizeof(*lint->edits), by_place);
    size_t size = text->len + 1;
    for (size_t i = 0; i < lint->n_edits; i++) size += strlen(lint->edits[i].insert);
    char *out = aq_malloc(size);
    size_t from = 0, n = 0;
    for (size_t i = 0; i < lint->n_edits; i++) {
        const struct conf_edit *e = &lint->edits[i];
        if (e->at < from) continue;
        memcpy(out + n, text->text + from, e->at - from);
        n += e->at - from;
        size_t len = strlen(e->insert);
        memcpy(out + n, e->insert, len);
        n += len;
        from = e->at + e->remove;
    }
    memcpy(out + n, text->text + from, text->len - from);
    out[n + text->len - from] = '\0';
    AQ_ASSERT(n + text->len - from < size);
    return out;
}

/* ---- brackets ---- */

static const char *bracket(enum conf_token_kind kind)
{
    return kind == TOK_GROUP_END ? "}" : kind == TOK_LIST_END ? ")" : "]";
}

static bool is_close(enum conf_token_kind kind)
{
    return kind == TOK_GROUP_END || kind == TOK_LIST_END || kind == TOK_ARRAY_END;
}

/* The current token closes, but not what is open. Takes it when it was meant for us; true when the container ends. */
static bool wrong_close(struct conf_lint *lint)
{
    const struct lint_open *open = lint->open;
    struct conf_token t = lint->token;
    const char *opened = lint_quote(lint, open ? open->token.at : 0, 1);
    if (!open) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, 1,
                 "'%s' closes nothing; remove it, or a bracket is missing above", bracket(t.kind));
        lint_blank(lint, LINT_SYNTAX, t.at, t.at + 1);
        lint_next(lint);
        return false;
    }
    bool outer = false;
    for (const struct lint_open *o = open->outer; o; o = o->outer) outer |= o->close == t.kind;
    if (outer) {
        /* It belongs to a bracket further out: ours was forgotten. */
        struct conf_pos at = conf_text_pos(lint->text, t.at, 1);
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, open->token.at, 1,
                 "'%s' opened here is not closed before the '%s' in line %d; write '%s'", opened,
                 bracket(t.kind), at.line, bracket(open->close));
        lint_edit(lint, LINT_SYNTAX, lint->last_end, 0, bracket(open->close));
        return true;
    }
    lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, 1,
             "'%s' does not close the '%s' opened in line %d; write '%s'", bracket(t.kind), opened,
             conf_text_pos(lint->text, open->token.at, 1).line, bracket(open->close));
    lint_edit(lint, LINT_SYNTAX, t.at, 1, bracket(open->close));
    lint_next(lint);
    return true;
}

static void never_closed(struct conf_lint *lint)
{
    const struct lint_open *open = lint->open;
    AQ_ASSERT(open && lint->token.kind == TOK_END);
    if (lint->gave_up) return;
    lint_say(lint, LINT_SYNTAX, CONF_ERROR, open->token.at, 1, "'%s' opened here is never closed; write '%s'",
             lint_quote(lint, open->token.at, 1), bracket(open->close));
    lint_edit(lint, LINT_SYNTAX, lint->last_end, 0, bracket(open->close));
}

/* ---- groups ---- */

static void garbage(struct conf_lint *lint, const struct conf_node *group)
{
    struct conf_token t = lint->token;
    const char *shown = lint_quote(lint, t.at, t.len);
    const char *prefix = lint_prefix(lint, group);
    if (t.kind == TOK_SEMICOLON || t.kind == TOK_COMMA) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, 1, "%sextra '%s'; remove it", prefix, shown);
    } else if (t.len >= 8 && strncmp(lint->text->text + t.at, "@include", 8) == 0) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, t.len, "@include must be the first thing on its line");
    } else if (t.kind == TOK_GROUP_START) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, 1, "%sa group needs a name; write NAME = { … };",
                 prefix);
    } else {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, t.len,
                 "%sunexpected '%s'; a setting is written NAME = VALUE;", prefix, shown);
    }
    /* What follows on this line until the next ';' belongs to the same mistake. */
    size_t from = t.at;
    int line = conf_text_pos(lint->text, t.at, 1).line;
    bool separator = t.kind == TOK_SEMICOLON || t.kind == TOK_COMMA || t.kind == TOK_GROUP_START;
    lint_next(lint);
    while (!separator && lint->token.kind != TOK_END && !is_close(lint->token.kind) &&
           lint->token.kind != TOK_GROUP_START && conf_text_pos(lint->text, lint->token.at, 1).line == line) {
        separator = lint->token.kind == TOK_SEMICOLON;
        lint_next(lint);
    }
    lint_blank(lint, LINT_SYNTAX, from, lint->last_end);
    if (t.kind == TOK_GROUP_START) {
        /* Read what is inside, so that its own mistakes are found, and drop it. */
        struct conf_node *lost = aq_arena_zalloc(lint->arena, sizeof(*lost));
        struct lint_open open = {t, TOK_GROUP_END, lint->open};
        lint->open = &open;
        lint->depth++;
        while (lint->token.kind != TOK_END && !is_close(lint->token.kind)) lint_setting(lint, lost);
        lint->depth--;
        lint->open = open.outer;
        if (lint->token.kind == TOK_GROUP_END) lint_next(lint);
        lint_blank(lint, LINT_SYNTAX, from, lint->last_end);
    }
}

/* Is the token after the current one an '='? Then the current one is meant as a name. */
static bool names_something(const struct conf_lint *lint)
{
    size_t end = lint->token.at + lint->token.len;
    return conf_token_at(lint->text->text, end).kind == TOK_EQUALS;
}

/* A setting in the first column while a bracket is open and the text has a bracket too few: the one that is open here
 * was to end above. Only where the group itself is indented, else the first column means nothing. */
static bool forgotten_above(struct conf_lint *lint, const struct conf_node *group)
{
    if (!lint->open || lint->surplus <= 0 || !group->first || group->first->pos.column == 1) return false;
    struct conf_pos here = conf_text_pos(lint->text, lint->token.at, 1);
    if (here.column != 1 || here.file != group->first->pos.file) return false;
    lint_say(lint, LINT_SYNTAX, CONF_ERROR, lint->open->token.at, 1,
             "'%s' opened here is not closed before line %d; write '%s'",
             lint_quote(lint, lint->open->token.at, 1), here.line, bracket(lint->open->close));
    lint_edit(lint, LINT_SYNTAX, lint->last_end, 0, bracket(lint->open->close));
    lint->surplus--;
    return true;
}

/* Settings up to the closing brace, or to the end of the text when nothing is open. */
static void read_settings(struct conf_lint *lint, struct conf_node *group)
{
    for (;;) {
        enum conf_token_kind kind = lint->token.kind;
        if (kind == TOK_END) {
            if (lint->open) never_closed(lint);
            return;
        }
        if (lint->open && kind == lint->open->close) {
            lint_next(lint);
            return;
        }
        if (is_close(kind)) {
            if (wrong_close(lint)) return;
            continue;
        }
        bool word = kind == TOK_NAME || kind == TOK_BOOL || kind == TOK_WORD || kind == TOK_STRING ||
                    kind == TOK_INT || kind == TOK_FLOAT || kind == TOK_INT64 || kind == TOK_HEX;
        size_t end = lint->token.at + lint->token.len;
        enum conf_token_kind after = conf_token_at(lint->text->text, end).kind;
        bool forgot_equals = kind == TOK_NAME && (after == TOK_GROUP_START || after == TOK_LIST_START ||
                                                  after == TOK_ARRAY_START || after == TOK_STRING ||
                                                  after == TOK_INT || after == TOK_BOOL);
        bool setting = word && (names_something(lint) || forgot_equals);
        if (setting && forgotten_above(lint, group)) return;
        if (setting)
            lint_setting(lint, group);
        else
            garbage(lint, group);
    }
}

/* ---- lists and arrays ---- */

static const char *const kind_names[] = {
    "group", "list", "array", "string", "integer", "number with a point", "boolean"};

/* An array's elements are of one type, and libconfig tells 1 from 1L there. Makes a list of it when they are not. */
static void check_element(struct conf_lint *lint, struct conf_node *array, struct conf_node *node,
                          struct conf_token first, struct conf_token token)
{
    struct conf_node *one = array->first;
    if (array->faulty || node == one || node->faulty || one->faulty) return;
    bool wide = token.kind == TOK_INT64 || token.kind == TOK_HEX64;
    bool first_wide = first.kind == TOK_INT64 || first.kind == TOK_HEX64;
    if (one->type == node->type && wide == first_wide) return;
    if (one->type == node->type) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, token.at, token.len,
                 "%sarray mixes numbers with and without L; write L after all of them",
                 lint_prefix(lint, array));
    } else {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, token.at, token.len,
                 "%sarray mixes %s and %s; all its values must be of one type", lint_prefix(lint, array),
                 kind_names[one->type], kind_names[node->type]);
    }
    lint_fault(lint, LINT_SYNTAX, array);
}

static void read_element(struct conf_lint *lint, struct conf_node *container, struct conf_token *first)
{
    struct conf_token token = lint->token;
    struct conf_node *node = lint_add(lint, container);
    bool nested =
        token.kind == TOK_GROUP_START || token.kind == TOK_LIST_START || token.kind == TOK_ARRAY_START;
    if (container->count == 1) *first = token;
    if (nested && container->type == CONF_ARRAY && !container->faulty) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, lint->open->token.at, 1,
                 "%san array [ ] holds only strings, numbers or booleans; write ( ) around groups and lists",
                 lint_prefix(lint, container));
        lint_fault(lint, LINT_SYNTAX, container);
    }
    lint_value(lint, node);
    if (container->type == CONF_ARRAY && !nested) check_element(lint, container, node, *first, token);
    bool two = token.kind == TOK_STRING && lint->last_end != token.at + token.len;
    if (two) {
        lint_say(lint, LINT_TRAP, CONF_WARNING, token.at, lint->last_end - token.at,
                 "%stwo strings without a comma between them are read as one; write ',' between them",
                 lint_prefix(lint, container));
    }
}

/* What stands between two elements. */
static void read_separator(struct conf_lint *lint, const struct conf_node *container)
{
    struct conf_token t = lint->token;
    if (t.kind == TOK_COMMA || t.kind == TOK_SEMICOLON) {
        lint_next(lint);
        bool ends = lint->open && lint->token.kind == lint->open->close;
        if (ends) {
            /* 1.7 accepts the comma, 1.5 does not: a file must mean the same on both. */
            lint_say(lint, t.kind == TOK_COMMA ? LINT_TRAP : LINT_SYNTAX, CONF_ERROR, t.at, 1,
                     "%s'%s' before the closing '%s'; remove it", lint_prefix(lint, container),
                     lint_quote(lint, t.at, 1), bracket(lint->open->close));
            lint_blank(lint, LINT_SYNTAX, t.at, t.at + 1);
        } else if (t.kind == TOK_SEMICOLON) {
            lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, 1, "%s';' between the elements of %s; write ','",
                     lint_prefix(lint, container), container->type == CONF_ARRAY ? "an array" : "a list");
            lint_edit(lint, LINT_SYNTAX, t.at, 1, ",");
        }
        return;
    }
    if (lint_starts_value(t.kind)) {
        size_t at = lint->last_end;
        AQ_ASSERT(at > 0);
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at - 1, 1, "%s',' is missing after this %s",
                 lint_prefix(lint, container), strchr("})]", lint->text->text[at - 1]) ? "bracket" : "value");
        lint_edit(lint, LINT_SYNTAX, at, 0, ",");
    }
}

/* name = value inside ( ): the braces of a group were forgotten. */
static void named_element(struct conf_lint *lint, struct conf_node *container)
{
    struct conf_token t = lint->token;
    lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, t.len,
             "%sthe elements of %s have no names; write { %s = …; }", lint_prefix(lint, container),
             container->type == CONF_ARRAY ? "an array" : "a list", lint_quote(lint, t.at, t.len));
    lint_fault(lint, LINT_SYNTAX, container);
    lint_next(lint);
    lint_next(lint);
    lint_blank(lint, LINT_SYNTAX, t.at, lint->last_end);
}

static void read_elements(struct conf_lint *lint, struct conf_node *container)
{
    struct conf_token first = lint->token;
    for (;;) {
        struct conf_token t = lint->token;
        if (t.kind == TOK_END) {
            never_closed(lint);
            return;
        }
        if (t.kind == lint->open->close) {
            lint_next(lint);
            return;
        }
        if (is_close(t.kind)) {
            if (wrong_close(lint)) return;
            continue;
        }
        if ((t.kind == TOK_NAME || t.kind == TOK_WORD || t.kind == TOK_STRING) && names_something(lint)) {
            named_element(lint, container);
            continue;
        }
        if (lint_starts_value(t.kind)) {
            read_element(lint, container, &first);
            if (!is_close(lint->token.kind) && lint->token.kind != TOK_END) read_separator(lint, container);
            continue;
        }
        /* 1.7 takes [1,,2]. */
        enum lint_class class = t.kind == TOK_COMMA ? LINT_TRAP : LINT_SYNTAX;
        lint_say(lint, class, CONF_ERROR, t.at, t.len, "%sextra '%s'; remove it",
                 lint_prefix(lint, container), lint_quote(lint, t.at, t.len));
        lint_next(lint);
        lint_blank(lint, LINT_SYNTAX, t.at, lint->last_end);
    }
}

/* ---- values ---- */

bool lint_starts_value(enum conf_token_kind kind)
{
    return kind == TOK_GROUP_START || kind == TOK_LIST_START || kind == TOK_ARRAY_START ||
           kind == TOK_STRING || kind == TOK_BOOL || kind == TOK_INT || kind == TOK_INT64 ||
           kind == TOK_HEX || kind == TOK_HEX64 || kind == TOK_FLOAT || kind == TOK_NAME || kind == TOK_WORD;
}

void lint_value(struct conf_lint *lint, struct conf_node *node)
{
    struct conf_token t = lint->token;
    node->value_pos = conf_text_pos(lint->text, t.at, t.len);
    if (!node->name) node->pos = node->value_pos;
    bool nested = t.kind == TOK_GROUP_START || t.kind == TOK_LIST_START || t.kind == TOK_ARRAY_START;
    if (!nested) {
        lint_scalar(lint, node);
        return;
    }
    node->type = t.kind == TOK_GROUP_START ? CONF_GROUP : t.kind == TOK_LIST_START ? CONF_LIST : CONF_ARRAY;
    struct lint_open open = {t, TOK_GROUP_END, lint->open};
    if (node->type == CONF_LIST) open.close = TOK_LIST_END;
    if (node->type == CONF_ARRAY) open.close = TOK_ARRAY_END;
    lint_next(lint);
    if (lint->depth >= DEPTH_MAX) {
        /* Nothing below is read; an error that no edit repairs. */
        lint->gave_up = true;
        lint_say(lint, LINT_TRAP, CONF_ERROR, t.at, 1, "nested deeper than %d brackets", DEPTH_MAX);
        lint->token = conf_token_at(lint->text->text, lint->text->len);
        return;
    }
    lint->open = &open;
    lint->depth++;
    if (node->type == CONF_GROUP)
        read_settings(lint, node);
    else
        read_elements(lint, node);
    lint->depth--;
    lint->open = open.outer;
    if (node->type == CONF_ARRAY && node->faulty) {
        /* A list holds anything, so the rest of the file can be read. */
        lint_edit(lint, LINT_SYNTAX, t.at, 1, "(");
        size_t close = lint->last_end - 1;
        if (lint->text->text[close] == ']') lint_edit(lint, LINT_SYNTAX, close, 1, ")");
        node->type = lint->accepted ? CONF_ARRAY : CONF_LIST;
    }
}

static int count_surplus(const char *text)
{
    int surplus = 0;
    for (struct conf_token t = conf_token_at(text, 0); t.kind != TOK_END;
         t = conf_token_at(text, t.at + t.len)) {
        surplus += t.kind == TOK_GROUP_START || t.kind == TOK_LIST_START || t.kind == TOK_ARRAY_START;
        surplus -= is_close(t.kind);
    }
    return surplus;
}

void conf_lint_run(struct conf_lint *lint)
{
    AQ_ASSERT(lint->text && lint->arena && lint->diags);
    lint->root = aq_arena_zalloc(lint->arena, sizeof(*lint->root));
    lint->root->type = CONF_GROUP;
    lint->root->pos = conf_text_pos(lint->text, 0, 0);
    lint->token = conf_token_at(lint->text->text, 0);
    lint->last_end = 0;
    lint->surplus = lint->accepted ? 0 : count_surplus(lint->text->text);
    read_settings(lint, lint->root);
    AQ_ASSERT(lint->token.kind == TOK_END && lint->depth == 0);
}

void conf_lint_finish(struct conf_lint *lint)
{
    free(lint->edits);
    lint->edits = NULL;
    lint->n_edits = 0;
}
