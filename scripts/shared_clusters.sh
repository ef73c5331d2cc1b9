# Clusters that tests or benchmarks share: whoever finds them down starts them and takes them down again; whoever finds
# them up leaves them up. Sourced.
# shellcheck shell=bash

acquired=''

# clusters_acquire NAME [BROKERS]: starts the pair if need be and puts its addresses into the environment.
clusters_acquire() {
    local name=$1 brokers=${2:-1} lines
    export AQUEDUCT_CLUSTERS_NAME=$name
    local options=()
    if ! "$ROOT/scripts/clusters.sh" status 2>/dev/null | grep -qE ' (up|paused|starting) '; then
        # Noted before the start, so that a half-started pair is also taken down.
        acquired=$name
        options=(--brokers "${AQUEDUCT_TEST_BROKERS:-$brokers}")
    fi
    "$ROOT/scripts/clusters.sh" up ${options[@]+"${options[@]}"} >&2 || return 1
    lines=$("$ROOT/scripts/clusters.sh" env) || return 1
    eval "$lines"
}

# For an EXIT trap. AQUEDUCT_KEEP_CLUSTERS=1 leaves them up, to look at or for the next run.
clusters_release() {
    [[ -n $acquired && ${AQUEDUCT_KEEP_CLUSTERS:-} != 1 ]] || return 0
    "$ROOT/scripts/clusters.sh" down --name "$acquired" || true
    acquired=''
}
