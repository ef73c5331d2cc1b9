/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: text, lint, libconfig, our tree, ${…}, -s.
 *
 * Ordinary pass: the text with its includes (source.c) is parsed by libconfig; the lint reads the same text for traps
 * and places; libconfig's values and the lint's places become one tree of conf_nodes; strings are expanded, overrides
 * applied.
 * Failing pass: libconfig refuses the text. The lint says why and notes edits; the edited text is parsed instead, so
 * that the readers can still find every other mistake. The result is an error all the same. When the lint has found
 * nothing, libconfig's own message is told with its line.
 *
 * libconfig is the authority on values and shape. The lint's tree is only asked for places; where the two differ (a
 * mistake of ours) a node has its line from libconfig and no column.
 *
 * Invariants: libconfig is included here and nowhere else; every parse has its own config_t; NULL documents are
 * always accompanied by an error. Threads: one owner; separate loads are independent.
 */
#include "conf/load.h"

#include <libconfig.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/lint.h"
#include "conf/secret.h"

#if defined(__SANITIZE_ADDRESS__)
#define LOAD_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOAD_ASAN 1
#endif
#endif
#ifdef LOAD_ASAN
/* libconfig 1.5 loses a few bytes of its scanner at every syntax error. A leak of ours would still be found. */
/* Visible, although everything else is hidden: the sanitizer's runtime asks for it by name. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig_yylex\nleak:libconfig.so\n";
}
#endif

struct loader {
    struct conf_doc *doc;
    struct conf_diags *diags;
    struct conf_text text;
    config_t config;
    char error[128]; /* of the first parse */
    int error_line;
};

/* ---- libconfig's tree to ours ---- */

static enum conf_type type_of(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_GROUP: return CONF_GROUP;
    case CONFIG_TYPE_LIST: return CONF_LIST;
    case CONFIG_TYPE_ARRAY: return CONF_ARRAY;
    case CONFIG_TYPE_STRING: return CONF_STRING;
    case CONFIG_TYPE_FLOAT: return CONF_FLOAT;
    case CONFIG_TYPE_BOOL: return CONF_BOOL;
    default: return CONF_INT;
    }
}

/* The lint's node for this setting: the same name, at or behind where the last one was. */
static const struct conf_node *match(const struct conf_node *from, const char *name)
{
    if (!name) return from;
    for (const struct conf_node *n = from; n; n = n->next) {
        if (n->name && strcmp(n->name, name) == 0) return n;
    }
    return NULL;
}

static void set_scalar(struct loader *l, struct conf_node *node, const config_setting_t *setting)
{
    switch (node->type) {
    case CONF_STRING:
        node->string = aq_arena_strdup(&l->doc->arena, config_setting_get_string(setting));
        node->raw = node->string;
        break;
    case CONF_INT: node->integer = config_setting_get_int64(setting); break;
    case CONF_FLOAT: node->real = config_setting_get_float(setting); break;
    case CONF_BOOL: node->boolean = config_setting_get_bool(setting) != 0; break;
    default: AQ_ASSERT(!"a container is no scalar");
    }
}

static struct conf_node *convert(struct loader *l, const config_setting_t *setting,
                                 const struct conf_node *hint, struct conf_node *parent)
{
    struct conf_node *node = aq_arena_zalloc(&l->doc->arena, sizeof(*node));
    const char *name = config_setting_name(setting);
    node->name = name && parent ? aq_arena_strdup(&l->doc->arena, name) : NULL;
    node->type = type_of(setting);
    node->parent = parent;
    node->pos = hint ? hint->pos : conf_text_line_pos(&l->text, (int)config_setting_source_line(setting));
    node->value_pos = hint ? hint->value_pos : node->pos;
    node->faulty = hint && hint->faulty;
    if (node->type != CONF_GROUP && node->type != CONF_LIST && node->type != CONF_ARRAY) {
        set_scalar(l, node, setting);
        return node;
    }
    node->count = config_setting_length(setting);
    const struct conf_node *next = hint ? hint->first : NULL;
    for (int i = 0; i < node->count; i++) {
        const config_setting_t *elem = config_setting_get_elem(setting, (unsigned)i);
        const struct conf_node *found = match(next, config_setting_name(elem));
        if (found) next = found->next;
        struct conf_node *child = convert(l, elem, found, node);
        if (!node->last)
            node->first = child;
        else
            node->last->next = child;
        node->last = child;
    }
    return node;
}

/* ---- ${…} ---- */

void conf_load_expand(struct conf_doc *doc, struct conf_node *node, struct conf_diags *diags)
{
    AQ_ASSERT(node->type == CONF_STRING && node->raw);
    struct aq_err err = {0};
    const char *text;
    int rc = conf_expand(node->raw, &doc->arena, &text, &node->from_secret, &node->from_env, &err);
    if (rc) {
        char path[256];
        conf_node_path(node, path, sizeof(path));
        conf_diag(diags, CONF_ERROR, node->value_pos, "%s: %s", path, err.text);
        node->faulty = true;
        return;
    }
    node->string = text;
}

static void expand_all(struct loader *l, struct conf_node *node)
{
    if (node->type == CONF_STRING && !node->faulty) conf_load_expand(l->doc, node, l->diags);
    for (struct conf_node *n = node->first; n; n = n->next) expand_all(l, n);
}

/* Literals whose name says that they are secret are remembered before anybody can print them. */
static void remember_secrets(struct conf_node *node)
{
    if (node->faulty) return; /* a reference that could not be resolved is no secret */
    if (node->type == CONF_STRING && node->name && conf_secret_property(node->name)) {
        conf_secret_remember(node->string);
    }
    bool item = node->type == CONF_STRING && !node->name;
    const char *equals = item ? strchr(node->string, '=') : NULL;
    if (equals) {
        char *name = aq_strndup(node->string, (size_t)(equals - node->string));
        if (conf_secret_property(name)) conf_secret_remember(equals + 1 + strspn(equals + 1, " \t"));
        free(name);
    }
    for (struct conf_node *n = node->first; n; n = n->next) remember_secrets(n);
}

/* ---- parsing ---- */

/* A fresh config_t each time: 1.5 has no way to empty one. */
static bool parse(struct loader *l, const char *text)
{
    config_init(&l->config);
    return config_read_string(&l->config, text) == CONFIG_TRUE;
}

static bool parse_original(struct loader *l)
{
    if (parse(l, l->text.text)) return true;
    const char *error = config_error_text(&l->config);
    size_t len = error ? strlen(error) : 0;
    if (len >= sizeof(l->error)) len = sizeof(l->error) - 1;
    if (len) memcpy(l->error, error, len);
    l->error[len] = '\0';
    l->error_line = config_error_line(&l->config);
    config_destroy(&l->config);
    return false;
}

static void report_libconfig(struct loader *l)
{
    struct conf_pos pos = conf_text_line_pos(&l->text, l->error_line);
    conf_diag(l->diags, CONF_ERROR, pos,
              "%s here or in the line above: look for a missing quote, comma, '=' or bracket",
              *l->error ? l->error : "syntax error");
}

/* Leaves a parsed config in l->config and the lint's tree in *lint; false when nothing could be parsed. */
static bool lint_and_parse(struct loader *l, struct conf_lint *lint)
{
    size_t errors = l->diags->errors;
    lint->accepted = parse_original(l);
    conf_lint_run(lint);
    if (!lint->accepted && l->diags->errors == errors) report_libconfig(l);
    if (lint->accepted && lint->n_edits == 0) return true;
    if (lint->accepted) config_destroy(&l->config);
    char *repaired = conf_lint_repaired(lint);
    bool ok = parse(l, repaired);
    if (!ok) config_destroy(&l->config);
    free(repaired);
    AQ_ASSERT(lint->accepted || l->diags->errors > errors);
    return ok;
}

static int load(struct loader *l, const struct conf_override *overrides, size_t n_overrides,
                size_t errors_before)
{
    struct conf_lint lint = {.text = &l->text, .arena = &l->doc->arena, .diags = l->diags};
    bool ok = lint_and_parse(l, &lint);
    if (ok) {
        l->doc->root = convert(l, config_root_setting(&l->config), lint.root, NULL);
        config_destroy(&l->config);
        expand_all(l, l->doc->root);
        for (size_t i = 0; i < n_overrides; i++) conf_override_apply(l->doc, &overrides[i], l->diags);
        remember_secrets(l->doc->root);
    }
    conf_lint_finish(&lint);
    conf_text_finish(&l->text);
    return l->diags->errors > errors_before || !ok ? AQ_E_CONFIG : 0;
}

static struct conf_doc *new_doc(const char *path)
{
    struct conf_doc *doc = aq_calloc(1, sizeof(*doc));
    aq_arena_init(&doc->arena, 16384);
    doc->path = aq_arena_strdup(&doc->arena, path);
    return doc;
}

static int finish_load(struct loader *l, int rc, struct conf_doc **ret_doc)
{
    if (!l->doc->root) {
        conf_doc_destroy(l->doc);
        l->doc = NULL;
        AQ_ASSERT(rc < 0);
    }
    *ret_doc = l->doc;
    return rc;
}

int conf_load(const char *path, const struct conf_override *overrides, size_t n_overrides,
              struct conf_diags *diags, struct conf_doc **ret_doc)
{
    AQ_ASSERT(path && diags && ret_doc);
    struct loader l = {.doc = new_doc(path), .diags = diags};
    size_t errors = diags->errors;
    int rc = conf_text_read(path, &l.doc->arena, diags, &l.text);
    if (rc == 0) rc = load(&l, overrides, n_overrides, errors);
    return finish_load(&l, rc, ret_doc);
}

int conf_load_text(const char *path, const char *text, const struct conf_override *overrides,
                   size_t n_overrides, struct conf_diags *diags, struct conf_doc **ret_doc)
{
    AQ_ASSERT(path && text && diags && ret_doc);
    struct loader l = {.doc = new_doc(path), .diags = diags};
    size_t errors = diags->errors;
    int rc = conf_text_from(path, text, strlen(text), &l.doc->arena, diags, &l.text);
    if (rc == 0) rc = load(&l, overrides, n_overrides, errors);
    return finish_load(&l, rc, ret_doc);
}

void conf_doc_destroy(struct conf_doc *doc)
{
    if (!doc) return;
    aq_arena_finish(&doc->arena);
    free(doc);
}

/* ---- values of overrides ---- */

static void set_origin(struct conf_node *node, const char *origin)
{
    node->pos = (struct conf_pos){.origin = origin};
    node->value_pos = node->pos;
    for (struct conf_node *n = node->first; n; n = n->next) set_origin(n, origin);
}

struct conf_node *conf_load_snippet(struct conf_doc *doc, const char *text, const char *origin)
{
    AQ_ASSERT(doc && text && origin);
    struct conf_diags diags;
    conf_diags_init(&diags);
    struct loader l = {.doc = doc, .diags = &diags};
    struct conf_node *root = doc->root;
    conf_text_from("-s", text, strlen(text), &doc->arena, &diags, &l.text);
    int rc = load(&l, NULL, 0, 0);
    struct conf_node *node = rc == 0 && doc->root != root ? doc->root->first : NULL;
    doc->root = root;
    conf_diags_finish(&diags);
    if (node) set_origin(node, origin);
    return node;
}
