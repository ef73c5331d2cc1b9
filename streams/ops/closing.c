/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows by the time at which they are over (streams/ops/closing.h): a treap, a search tree that is a heap of random numbers, so that it
 * stays shallow whatever comes in what order.
 *
 * Why it is in memory and not in a store: what it holds follows from the rows of the windows and from the operator's stream time, so it
 * can be made anew from them when a task begins (streams/ops/windowing.c). In a store of its own every window would cost two more
 * changelog records and two more writes to the database, one when it is opened and one when it is over, and a record that moves
 * stream time would have to look through the open changes of that store. Here a window costs one node of about 60 bytes and its key while it is open, a
 * record that opens no window costs nothing, and asking for what is over costs one comparison.
 *
 * An ordinary pass: a window's first record adds it, stream time passes it, it is taken out and its result goes on. A session that grows is
 * taken out under its old bounds and added under its new ones.
 *
 * Invariants: every node's window is before those on its right and behind those on its left; no child's number is larger than its
 * parent's; each window is in the tree once.
 */
#include "streams/ops/closing.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/serde/serde.h"

struct st_closing_node {
    struct st_closing_node *left, *right;
    int64_t end, start;
    uint32_t number; /* random: larger ones are further up */
    uint32_t key_len;
    char key[];
};

static struct aq_slice key_of(const struct st_closing_node *node)
{
    return node->key_len ? aq_slice_of(node->key, node->key_len) : AQ_LIT("");
}

static int compare(const struct st_open_window *window, const struct st_closing_node *node)
{
    if (window->end != node->end) return window->end < node->end ? -1 : 1;
    if (window->start != node->start) return window->start < node->start ? -1 : 1;
    return st_key_compare(window->key, key_of(node));
}

/* xorshift: any numbers that have nothing to do with the order of coming. */
static uint32_t next_number(struct st_closing *closing)
{
    uint32_t x = closing->random ? closing->random : 2463534242u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return closing->random = x;
}

static struct st_closing_node *make_node(struct st_closing *closing, const struct st_open_window *window)
{
    AQ_ASSERT(!aq_slice_is_null(window->key) && window->key.len <= UINT32_MAX);
    struct st_closing_node *node = aq_calloc(1, sizeof(*node) + window->key.len);
    node->end = window->end;
    node->start = window->start;
    node->number = next_number(closing);
    node->key_len = (uint32_t)window->key.len;
    if (window->key.len) memcpy(node->key, window->key.ptr, window->key.len);
    return node;
}

/* Cuts a tree in two: what is before the window, and what is behind it. It is not in the tree. */
static void cut(struct st_closing_node *tree, const struct st_open_window *window,
                struct st_closing_node **ret_before, struct st_closing_node **ret_behind)
{
    while (tree) {
        if (compare(window, tree) < 0) {
            *ret_behind = tree;
            ret_behind = &tree->left;
            tree = tree->left;
        } else {
            *ret_before = tree;
            ret_before = &tree->right;
            tree = tree->right;
        }
    }
    *ret_before = *ret_behind = NULL;
}

/* All of a is before all of b. */
static struct st_closing_node *join(struct st_closing_node *a, struct st_closing_node *b)
{
    struct st_closing_node *tree = NULL, **place = &tree;
    while (a && b) {
        if (a->number >= b->number) {
            *place = a;
            place = &a->right;
            a = a->right;
        } else {
            *place = b;
            place = &b->left;
            b = b->left;
        }
    }
    *place = a ? a : b;
    return tree;
}

static struct st_closing_node **find(struct st_closing *closing, const struct st_open_window *window)
{
    struct st_closing_node **link = &closing->root;
    while (*link) {
        int order = compare(window, *link);
        if (order == 0) break;
        link = order < 0 ? &(*link)->left : &(*link)->right;
    }
    return link;
}

bool st_closing_add(struct st_closing *closing, const struct st_open_window *window)
{
    if (*find(closing, window)) return false;
    struct st_closing_node *node = make_node(closing, window), **link = &closing->root;
    while (*link && (*link)->number >= node->number)
        link = compare(window, *link) < 0 ? &(*link)->left : &(*link)->right;
    cut(*link, window, &node->left, &node->right);
    *link = node;
    closing->n++;
    closing->bytes += sizeof(*node) + node->key_len;
    return true;
}

bool st_closing_remove(struct st_closing *closing, const struct st_open_window *window)
{
    struct st_closing_node **link = find(closing, window), *node = *link;
    if (!node) return false;
    *link = join(node->left, node->right);
    AQ_ASSERT(closing->n > 0);
    closing->n--;
    closing->bytes -= sizeof(*node) + node->key_len;
    free(node);
    return true;
}

bool st_closing_first(const struct st_closing *closing, struct st_open_window *ret)
{
    const struct st_closing_node *node = closing->root;
    if (!node) return false;
    while (node->left) node = node->left;
    *ret = (struct st_open_window){.end = node->end, .start = node->start, .key = key_of(node)};
    return true;
}

void st_closing_finish(struct st_closing *closing)
{
    /* Turns left arms to the right until there is none, and frees the root: no stack is needed. */
    struct st_closing_node *node = closing->root;
    while (node) {
        struct st_closing_node *left = node->left;
        if (left) {
            node->left = left->right;
            left->right = node;
            node = left;
        } else {
            struct st_closing_node *right = node->right;
            free(node);
            node = right;
        }
    }
    *closing = (struct st_closing){0};
}
