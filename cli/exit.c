/* SPDX-License-Identifier: Apache-2.0
 *
 * From error codes to exit codes. What a supervisor does next decides the grouping: 69 and 75 are worth
 * another try, 77 and 78 are not before somebody has changed something.
 */
#include "cli/exit.h"

#include "base/err.h"

const struct cli_exit_row cli_exit_rows[] = {
    {CLI_OK, "Success: the work is done, or the process was told to stop and did so in order."},
    {CLI_FAILED,
     "A route failed while it was running: a record no policy covers, lost or recreated source data, an "
     "internal error."},
    {CLI_USAGE, "The command line is wrong."},
    {CLI_UNREACHABLE, "A cluster could not be reached within its connect_timeout at the first start."},
    {CLI_RETRY, "Try again later: something is in use, or a call timed out."},
    {CLI_DENIED,
     "Authentication failed, or a right is missing; the message names the resource and the operation."},
    {CLI_CONFIG,
     "The configuration is wrong, or does not fit the clusters: state topic, sink partitions, brokers too "
     "old."},
    {130, "Ended at once by a second SIGINT; nothing is lost, the open cycle is repeated at the next start."},
    {143, "Ended at once by a second SIGTERM; likewise."},
};
const size_t cli_exit_count = sizeof(cli_exit_rows) / sizeof(cli_exit_rows[0]);

int cli_exit_for(int code)
{
    switch (code) {
    case 0:
    case AQ_E_STOPPED: return CLI_OK;
    case AQ_E_UNREACHABLE: return CLI_UNREACHABLE;
    case AQ_E_AUTH:
    case AQ_E_DENIED: return CLI_DENIED;
    case AQ_E_BUSY:
    case AQ_E_TIMEOUT:
    case AQ_E_AGAIN:
    case AQ_E_FULL:
    case AQ_E_UNSTABLE:
    case AQ_E_TXN_RETRY:
    case AQ_E_TXN_ABORT:
    case AQ_E_FENCED: return CLI_RETRY;
    case AQ_E_CONFIG:
    case AQ_E_UNKNOWN_TOPIC:
    case AQ_E_STATE:
    case AQ_E_UNSUPPORTED:
    case AQ_E_EXISTS:
    case AQ_E_MISMATCH: return CLI_CONFIG;
    default: return CLI_FAILED;
    }
}
