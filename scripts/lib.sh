# Shared by every script: where things are, how we speak, how we retry. Sourced, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${AQUEDUCT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/aqueduct}
KAFKA_VERSION=${AQUEDUCT_KAFKA_VERSION:-4.3.0}
# Tools we unpack instead of installing (promtool) come first.
PATH=$CACHE/tools:$PATH
export PATH

note() { printf '== %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
usage_error() {
    printf 'usage: %s\n' "$*" >&2
    exit 64
}

have() { command -v "$1" >/dev/null 2>&1; }

jobs_count() { echo "${AQUEDUCT_JOBS:-$(nproc)}"; }

# A download may fail for reasons that pass: three tries, then the caller's own error.
retry3() {
    local try
    for try in 1 2 3; do
        "$@" && return 0
        [[ $try -lt 3 ]] && warn "try $try of 3 failed: $1; again in $((try * 3)) s" && sleep $((try * 3))
    done
    return 1
}

# Kafka 4 brokers need Java 17; any vendor's will do.
have_java17() {
    have java || return 1
    local version
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [[ ${version:-0} -ge 17 ]]
}

# True when jars are at hand without Maven: given by the user, or fetched before.
have_kafka_jars() {
    [[ -n ${AQUEDUCT_KAFKA_JARS:-} || -n ${KAFKA_HOME:-} || -d $CACHE/kafka-$KAFKA_VERSION ]]
}
