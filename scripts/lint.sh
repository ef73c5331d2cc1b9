#!/usr/bin/env bash
# lint.sh: the same checks as the CTest test `lint`, without a build.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

exec "$ROOT/tests/lint/run.sh" "$ROOT"
