#!/usr/bin/env bash
# bench.sh NAME [args]: builds release, brings up the pair of clusters named `bench`, runs bench/NAME.sh with their
# addresses in the environment, and takes the clusters down again if it started them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
. "$here/shared_clusters.sh"

list_benches() {
    local file
    for file in "$ROOT"/bench/*.sh; do
        [[ -f $file ]] && basename "$file" .sh
    done
    return 0
}

name=${1:-}
if [[ -z $name || ! -f $ROOT/bench/$name.sh ]]; then
    echo "usage: ./dev bench NAME [args]; NAME is one of:" >&2
    list_benches >&2
    exit 64
fi
shift
"$here/build.sh" release
"$here/install.sh" test kafka
trap clusters_release EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
clusters_acquire "${AQUEDUCT_CLUSTERS_NAME:-bench}" || die "the benchmark needs Kafka clusters"
# The same names that CTest gives the tests. AQUEDUCT_BIN may name another build, to measure it with the same tools.
export AQUEDUCT_BIN=${AQUEDUCT_BIN:-$ROOT/build/release/aqueduct} AQUEDUCT_TOOLS=$ROOT/build/release/tests AQUEDUCT_SRC=$ROOT
AQUEDUCT_JARS=$("$here/kafka_jars.sh")
export AQUEDUCT_JARS
bash "$ROOT/bench/$name.sh" "$@"
