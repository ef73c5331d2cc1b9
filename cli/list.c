/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct list`: the names `aqueduct help` explains, with a line each.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit.h"
#include "cli/help.h"
#include "streams/forms/form.h"

static void list_commands(void)
{
    for (size_t i = 0; i < cli_command_count; i++)
        printf("  %-22s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
}

static void list_sections(void)
{
    for (size_t i = 0; i < cli_section_count; i++)
        printf("  %-22s %s\n", cli_sections[i]->name, cli_sections[i]->summary);
}

static void list_kinds(enum xf_sort sort)
{
    for (size_t i = 0; i < xf_kind_count; i++) {
        if (xf_kinds[i]->sort == sort) printf("  %-22s %s\n", xf_kinds[i]->name, xf_kinds[i]->summary);
    }
}

static void list_transforms(void)
{
    list_kinds(XF_TRANSFORM);
}

static void list_predicates(void)
{
    list_kinds(XF_PREDICATE);
}

static void list_forms(void)
{
    for (size_t i = 0; i < st_n_forms; i++) printf("  %-22s %s\n", st_forms[i]->name, st_forms[i]->summary);
}

static const struct list {
    const char *name;
    void (*print)(void);
} lists[] = {
    {"commands", list_commands},     {"sections", list_sections}, {"transforms", list_transforms},
    {"predicates", list_predicates}, {"forms", list_forms},
};

static int run_list(struct cli_call *call)
{
    const char *wanted = call->n_args > 0 ? call->args[0] : NULL;
    bool found = false;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (wanted && strcmp(wanted, lists[i].name) != 0) continue;
        if (!wanted) printf("%s%s:\n", i > 0 ? "\n" : "", lists[i].name);
        lists[i].print();
        found = true;
    }
    if (found) return CLI_OK;
    return cli_usage_error(
        call, "there are commands, sections, transforms, predicates and forms, but no '%s'", wanted);
}

const struct cli_command cli_command_list = {
    .name = "list",
    .usage = "[commands|sections|transforms|predicates|forms]",
    .summary = "Lists commands, sections, transforms, predicates and forms of nodes.",
    .text =
        "One line for each name that `aqueduct help NAME` explains; an argument limits the list to one kind.",
    .max_args = 1,
    .run = run_list,
};
