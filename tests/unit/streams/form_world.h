/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a topology in a file, and what is said about them.
 */
#ifndef AQ_TESTS_FORM_WORLD_H
#define AQ_TESTS_FORM_WORLD_H

#include "cli/config.h"
#include "tests/lib/check.h"

/* What stands in front of the lines of a topology; they begin in line 4. */
#define HEAD                                                                                                            \
    "transforms = { mask = { type = \"MaskField\"; fields = [\"a\"]; }; to = { type = \"RegexRouter\"; regex = \"a\"; " \
    "replacement = \"b\"; }; many = { type = \"Lua\"; flat_map = \"value.a\"; }; };\n"                                  \
    "streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\";\n"                                      \
    "default_key_serde = \"string\"; default_value_serde = \"json\"; topology = {\n"
#define TAIL "}; };\n"
#define IN   "in = { type = \"source\"; topics = [\"in\"]; };\n"
#define OUT  "out = { type = \"sink\"; from = \"x\"; topic = \"out\"; };\n"

static inline char *printed(const struct conf_diags *diags)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    conf_diags_print(diags, out);
    fclose(out);
    return text;
}

/* Loads the lines behind the head and returns all complaints as text; the caller frees it. */
static inline char *complaints_behind(const char *head, const char *lines)
{
    struct cli_config config;
    char *text = t_printf("%s%s" TAIL, head, lines);
    cli_config_load(&config, "t.conf", text, NULL, 0);
    free(text);
    char *said = printed(&config.diags);
    cli_config_finish(&config);
    return said;
}

static inline char *complaints(const char *lines)
{
    return complaints_behind(HEAD, lines);
}

/* Exactly this is said, place and all, but for the source lines. */
static inline void expect_behind(const char *head, const char *lines, const char *expected)
{
    char *said = complaints_behind(head, lines), *short_of_lines = t_printf("%s", said),
         *end = short_of_lines;
    for (char *line = said; *line;) {
        size_t len = strcspn(line, "\n") + 1;
        if (*line != ' ') {
            memcpy(end, line, len);
            end += len;
        }
        line += len;
    }
    *end = '\0';
    T_CHECK(strcmp(short_of_lines, expected) == 0, "%s\nis not\n%s", short_of_lines, expected);
    free(said);
    free(short_of_lines);
}

static inline void expect(const char *lines, const char *expected)
{
    expect_behind(HEAD, lines, expected);
}

#endif
