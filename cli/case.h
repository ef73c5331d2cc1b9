/* SPDX-License-Identifier: Apache-2.0
 *
 * The cases of a test file (`aqueduct test`; doc/testing.md has the format): JSON, one case a line. The first line
 * may be {"config": "FILE", "env": {…}} instead.
 *
 * Ownership: everything lives in the file's arena. Complaints go to diags, each at its line.
 */
#ifndef AQ_CLI_CASE_H
#define AQ_CLI_CASE_H

#include "conf/diag.h"
#include "streams/serde/json_record.h"

/* One thing that happens: a record comes, or time passes. */
struct cli_step {
    bool advance;
    int64_t ms;
    struct st_json_record rec;
};

struct cli_case {
    int line;
    const char *name;        /* NULL: none */
    const char *route;       /* NULL: not said */
    const char *application; /* NULL: not said */
    struct cli_step *steps;
    size_t n_steps;
    struct st_json_record *out;
    size_t n_out;
    bool has_out;
    const char *error;  /* NULL: it must go well */
    int32_t partitions; /* of topics that are read */
};

struct cli_case_env {
    const char *name, *value;
};

struct cli_case_file {
    const char *path;
    const char *config; /* as a path from here; NULL: not named in the file */
    struct cli_case_env *env;
    size_t n_env;
    struct cli_case *list;
    size_t n;
    struct aq_arena arena;
};

/* False when something was wrong. *ret is finished either way. */
bool cli_case_file_read(const char *path, struct conf_diags *diags, struct cli_case_file *ret);
void cli_case_file_finish(struct cli_case_file *file);

#endif
