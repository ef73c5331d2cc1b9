/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct version`: what this program is made of; the first thing a bug report needs.
 */
#include <stdio.h>

#include "aqueduct_version.h"
#include "cli/command.h"
#include "cli/exit.h"
#include "kafka/kafka.h"

static int run_version(struct cli_call *call)
{
    (void)call;
    printf("aqueduct %s\n", AQUEDUCT_VERSION);
    printf("librdkafka %s\n", kc_rd_version());
    printf("libconfig %s\n", AQUEDUCT_LIBCONFIG_VERSION);
    printf("build %s%s%s%s\n", AQUEDUCT_BUILD_TYPE, AQUEDUCT_SANITIZE[0] ? ", sanitizers " : "",
           AQUEDUCT_SANITIZE,
#ifdef AQ_CRASH_POINTS
           ", crash points"
#else
           ""
#endif
    );
#if defined(__clang__)
    printf("compiler clang %s\n", __clang_version__);
#elif defined(__GNUC__)
    printf("compiler gcc %s\n", __VERSION__);
#endif
    return CLI_OK;
}

const struct cli_command cli_command_version = {
    .name = "version",
    .usage = "",
    .summary = "Shows the versions of the program, its libraries and its build.",
    .text =
        "One line each: aqueduct, librdkafka as loaded, libconfig as built against, build type, compiler.",
    .max_args = 0,
    .run = run_version,
};
