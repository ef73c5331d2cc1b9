/* SPDX-License-Identifier: Apache-2.0
 *
 * The program `aqueduct`: everything is in cli/command.c, so that tests can link it.
 */
#include "cli/command.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
