/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of conf/ share: load a text, see the findings as a user would.
 */
#ifndef AQ_CONF_TEST_H
#define AQ_CONF_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "conf/node.h"
#include "conf/opt.h"

struct loaded {
    struct conf_diags diags;
    struct conf_doc *doc;
    int rc;
    char *text; /* the findings, printed */
};

static inline char *printed(const struct conf_diags *diags, bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (json)
        conf_diags_print_json(diags, out);
    else
        conf_diags_print(diags, out);
    fclose(out);
    return text;
}

static inline struct loaded load_with(const char *text, const char *const *overrides)
{
    struct loaded l = {0};
    conf_diags_init(&l.diags);
    struct conf_override list[16];
    size_t n = 0;
    for (; overrides && overrides[n]; n++) list[n].text = overrides[n];
    l.rc = conf_load_text("t.conf", text, list, n, &l.diags, &l.doc);
    assert_int_equal(l.rc != 0, l.diags.errors > 0);
    if (l.rc) assert_int_equal(l.rc, AQ_E_CONFIG);
    l.text = printed(&l.diags, false);
    return l;
}

static inline struct loaded load(const char *text)
{
    return load_with(text, NULL);
}

static inline void again(struct loaded *l)
{
    free(l->text);
    l->text = printed(&l->diags, false);
}

static inline void unload(struct loaded *l)
{
    conf_doc_destroy(l->doc);
    conf_diags_finish(&l->diags);
    free(l->text);
    memset(l, 0, sizeof(*l));
}

static inline void assert_contains(const char *text, const char *what)
{
    if (!strstr(text, what)) fail_msg("'%s' is not in:\n%s", what, text);
}

static inline void assert_lacks(const char *text, const char *what)
{
    if (strstr(text, what)) fail_msg("'%s' must not be in:\n%s", what, text);
}

/* a.b.c in the document; lists by index: routes.0.name */
static inline struct conf_node *at(const struct loaded *l, const char *path)
{
    assert_non_null(l->doc);
    struct conf_node *node = l->doc->root;
    char copy[256];
    snprintf(copy, sizeof(copy), "%s", path);
    char *rest = NULL;
    for (char *part = strtok_r(copy, ".", &rest); part; part = strtok_r(NULL, ".", &rest)) {
        struct conf_node *found = NULL;
        int index = 0;
        for (struct conf_node *n = node->first; n; n = n->next, index++) {
            if (n->name ? strcmp(n->name, part) == 0 : index == atoi(part)) found = n;
        }
        if (!found) fail_msg("no %s in the document", path);
        node = found;
    }
    return node;
}

#endif
