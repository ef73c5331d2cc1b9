/* SPDX-License-Identifier: Apache-2.0
 *
 * libconfig's tokens, and the words that are none. Internal to conf/.
 */
#ifndef AQ_CONF_TOKEN_H
#define AQ_CONF_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum conf_token_kind {
    TOK_END,
    TOK_NAME,
    TOK_BOOL,
    TOK_INT,
    TOK_INT64,
    TOK_HEX,
    TOK_HEX64,
    TOK_FLOAT,
    TOK_STRING, /* with its quotes */
    TOK_EQUALS, /* = or : */
    TOK_COMMA,
    TOK_SEMICOLON,
    TOK_GROUP_START,
    TOK_GROUP_END,
    TOK_LIST_START,
    TOK_LIST_END,
    TOK_ARRAY_START,
    TOK_ARRAY_END,
    TOK_WORD, /* a run of bytes that libconfig cannot read */
};

struct conf_token {
    enum conf_token_kind kind;
    size_t at;
    size_t len;
};

/* The token at or after offset `at`, blanks and comments skipped. The text is zero-terminated. */
struct conf_token conf_token_at(const char *text, size_t at);

bool conf_is_name(const char *text, size_t len);

#endif
