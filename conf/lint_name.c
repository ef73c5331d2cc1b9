/* SPDX-License-Identifier: Apache-2.0
 *
 * A setting: its name, the '=', and what can be wrong with both.
 */
#include <ctype.h>

#include "base/assert.h"
#include "conf/lint.h"
#include "conf/secret.h"

/* Says what is wrong with the name; true when a usable name came out, in *ret_name. */
static bool check_name(struct conf_lint *lint, const struct conf_node *group, const char **ret_name)
{
    struct conf_token t = lint->token;
    const char *text = lint->text->text + t.at;
    const char *shown = lint_quote(lint, t.at, t.len);
    const char *prefix = lint_prefix(lint, group);
    *ret_name = aq_arena_copy(lint->arena, aq_slice_of(text, t.len)).ptr;
    if (t.kind == TOK_NAME) return true;

    if (t.kind == TOK_STRING) {
        const char *inside = aq_arena_copy(lint->arena, aq_slice_of(text + 1, t.len - 2)).ptr;
        bool plain = conf_is_name(inside, t.len - 2);
        lint_say(
            lint, LINT_SYNTAX, CONF_ERROR, t.at, t.len,
            plain ? "%sa name is written without quotes; write %s"
                  : "%sa name is written without quotes: letters, digits, '_', '-'; client settings go into "
                    "properties = [\"%s=…\"]",
            prefix, inside);
        *ret_name = inside;
        if (plain) lint_edit(lint, LINT_SYNTAX, t.at, t.len, aq_arena_printf(lint->arena, " %s ", inside));
        return plain;
    }
    const char *point = memchr(text, '.', t.len);
    if (point && isalpha((unsigned char)text[0])) {
        char *name = (char *)*ret_name;
        for (char *p = name; *p; p++) {
            if (*p == '.') *p = '_';
        }
        bool legal = conf_is_name(name, t.len);
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, t.len,
                 "%sa name cannot hold '.'; write %s, or for a client setting properties = [\"%s=…\"]",
                 prefix, name, shown);
        if (legal) lint_edit(lint, LINT_SYNTAX, t.at, t.len, name);
        return legal;
    }
    const char *reason = "names are made of letters, digits, '_' and '-'";
    if (text[0] == '_') reason = "a name cannot start with '_'";
    if (isdigit((unsigned char)text[0])) reason = "a name cannot start with a digit";
    if (t.kind == TOK_BOOL) reason = "true and false cannot be names";
    lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, t.len, "%s'%s': %s", prefix, shown, reason);
    return false;
}

/* The '=' and its misspellings: none, two, =>, := */
static void read_equals(struct conf_lint *lint, const char *name)
{
    struct conf_token t = lint->token;
    if (t.kind != TOK_EQUALS) {
        size_t at = lint->last_end;
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at - strlen(name), strlen(name),
                 "'=' is missing after %s; write %s = …", name, name);
        lint_edit(lint, LINT_SYNTAX, at, 0, " = ");
        return;
    }
    lint_next(lint);
    while (lint->token.kind == TOK_EQUALS || (lint->token.kind == TOK_WORD && lint->token.len == 1 &&
                                              lint->text->text[lint->token.at] == '>')) {
        struct conf_token extra = lint->token;
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, t.at, extra.at + extra.len - t.at,
                 "write one '=' between name and value");
        lint_next(lint);
        lint_blank(lint, LINT_SYNTAX, extra.at, extra.at + extra.len);
    }
}

static void check_duplicate(struct conf_lint *lint, struct conf_node *group, struct conf_node *node,
                            size_t from)
{
    for (struct conf_node *n = group->first; n != node; n = n->next) {
        if (!n->name || strcmp(n->name, node->name) != 0) continue;
        bool same_file = n->pos.file == node->pos.file;
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, from, strlen(node->name),
                 "%s'%s' is set twice in this group; first in %s%sline %d", lint_prefix(lint, group),
                 node->name, same_file ? "" : n->pos.file, same_file ? "" : " ", n->pos.line);
        lint_remove_last(group);
        lint_blank(lint, LINT_SYNTAX, from, lint->last_end);
        return;
    }
}

/* Passwords of several lines, so that a finding on a line below the name's does not print them. */
static void hide(struct conf_lint *lint, const struct conf_node *node)
{
    if (node->type == CONF_STRING && node->name && conf_secret_property(node->name)) {
        conf_diags_hide(lint->diags, node->value_pos);
    }
}

void lint_setting(struct conf_lint *lint, struct conf_node *group)
{
    size_t from = lint->token.at;
    if (lint->token.kind == TOK_COMMA || lint->token.kind == TOK_SEMICOLON ||
        lint->token.kind == TOK_EQUALS) {
        lint_next(lint);
        return;
    }
    const char *name;
    bool usable = check_name(lint, group, &name);
    struct conf_node *node = lint_add(lint, group);
    node->name = name;
    node->pos = conf_text_pos(lint->text, lint->token.at, lint->token.len);
    lint_next(lint);
    read_equals(lint, name);

    if (lint_starts_value(lint->token.kind)) {
        lint_value(lint, node);
    } else {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, from, strlen(name), "%svalue is missing after '='",
                 lint_prefix(lint, node));
        node->type = CONF_INT;
        lint_fault(lint, LINT_SYNTAX, node);
        node->value_pos = node->pos;
        lint_edit(lint, LINT_SYNTAX, lint->last_end, 0, " 0");
    }
    hide(lint, node);
    if (lint->token.kind == TOK_SEMICOLON || lint->token.kind == TOK_COMMA) lint_next(lint);
    if (!usable) {
        lint_remove_last(group);
        lint_blank(lint, LINT_SYNTAX, from, lint->last_end);
        return;
    }
    AQ_ASSERT(group->last == node);
    check_duplicate(lint, group, node, from);
}
