#!/usr/bin/env bash
# run.sh [args]: from a bare machine to a running program; without args it shows itself (`aqueduct demo`).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

"$here/build.sh" release --target aqueduct
[[ $# -gt 0 ]] || set -- demo
exec "$ROOT/build/release/aqueduct" "$@"
