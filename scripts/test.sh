#!/usr/bin/env bash
# test.sh: builds, brings up Kafka when a label needs it, runs CTest by label, and ends with CTest's own closing lines.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
. "$here/shared_clusters.sh"

usage() {
    cat <<'EOF'
usage: ./dev test [label]... [options] [-- ctest args]

  no label             lint, unit, sim, cli; unit and sim again under address+undefined; broker, fault
  label                unit sim cli broker fault lint differential (debug build)
  --asan --tsan --valgrind --clang     that build instead (unit and sim if no label is given)
  --rounds N           rounds of the fault tests (3)
  -R REGEX             only the tests whose name matches
  --root bookworm|trixie [--root-run CMD] [--worktree]
                       in a bare Debian of that suite: ./dev run, then ./dev test (or CMD instead of both)
EOF
}

labels=()
preset=debug
rounds=${AQUEDUCT_FAULT_ROUNDS:-3}
ctest_args=()
no_tests=error # a label without a test is a mistake; with -R a stage may well have none
root_args=()
passed_on=() # what a test inside a root is given

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --root | --root-run) root_args+=("$1" "${2:?$1 needs a value}") && shift 2 && continue ;;
            --worktree) root_args+=("$1") && shift && continue ;;
        esac
        passed_on+=("$1")
        case $1 in
            --asan | --tsan | --valgrind | --clang) preset=${1#--} && shift ;;
            --rounds) rounds=${2:?--rounds needs a number} && passed_on+=("$2") && shift 2 ;;
            -R) no_tests=ignore && ctest_args+=(-R "${2:?-R needs a regex}") && passed_on+=("$2") && shift 2 ;;
            --) shift && ctest_args+=("$@") && passed_on+=("$@") && break ;;
            -h | --help) usage && exit ;;
            -*) usage >&2 && exit 64 ;;
            all) shift ;;
            unit | sim | cli | broker | fault | lint | fuzz | differential) labels+=("$1") && shift ;;
            *) usage >&2 && exit 64 ;;
        esac
    done
}

logs=$(mktemp -d)
closings=()
failed=0
cleanup() {
    clusters_release
    rm -rf "$logs"
}
trap cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# The sanitizers' runtimes of Debian 12 cannot place their shadow memory under the larger address randomisation of
# newer kernels; switched off for the tests only. In a container that forbids it we try without.
without_aslr() {
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        setarch "$(uname -m)" -R "$@"
    else
        "$@"
    fi
}

# run_ctest PRESET JOBS LABEL...: one CTest run; its closing lines are kept for the end.
run_ctest() {
    local preset=$1 jobs=$2 labels log title start=$SECONDS
    shift 2
    labels="^($(IFS='|' && echo "$*"))\$"
    title="$preset: $*"
    log=$logs/${#closings[@]}
    note "$title"
    if ! without_aslr ctest --test-dir "$ROOT/build/$preset" --output-on-failure "--no-tests=$no_tests" --timeout 600 \
        -j "$jobs" -L "$labels" ${ctest_args[@]+"${ctest_args[@]}"} 2>&1 </dev/null | tee "$log"; then
        failed=1
    fi
    closings+=("== $title ($((SECONDS - start)) s)"$'\n'"$(sed -n '/tests passed,/,$p; /^No tests were found/p' "$log")")
}

# build PRESET [TARGET]
build() {
    "$here/install.sh" build
    if ! "$here/build.sh" "$1" ${2:+--target "$2"} >"$logs/build" 2>&1; then
        cat "$logs/build"
        die "the $1 build failed"
    fi
    tail -n 1 "$logs/build"
}

# Everything that real brokers need, one after the other; what is missing is said by the step that misses it.
jars_ready() {
    "$here/install.sh" test kafka || return 1
    AQUEDUCT_JARS=$("$here/kafka_jars.sh") || return 1
    export AQUEDUCT_JARS
}
given_name=${AQUEDUCT_CLUSTERS_NAME:-} # the caller's; taking a pair overwrites it
# The fault tests restart brokers under load and need three a cluster; everything else is quicker with one.
kafka_ready() {
    jars_ready || return 1
    case $1 in
        fault) clusters_acquire "${given_name:-fault}" 3 ;;
        *) clusters_acquire "${given_name:-test}" 1 ;;
    esac
}

# run_with_kafka PRESET LABEL
run_with_kafka() {
    local preset=$1 label=$2
    if ! kafka_ready "$label"; then
        cat >&2 <<'EOF'

********************************************************************************
  KAFKA IS MISSING (the error above says what). THE BROKER AND FAULT TESTS DID
  NOT RUN. Jars of your own: AQUEDUCT_KAFKA_JARS=/dir or KAFKA_HOME=/kafka.
  Without Kafka: ./dev test lint unit sim cli
********************************************************************************

EOF
        closings+=("== $preset: $label"$'\n'"NOT RUN: Kafka is missing")
        failed=1
        return
    fi
    # They wait more than they work; those that stop brokers run alone (tests/CMakeLists.txt). Fault tests have six brokers and herds
    # of instances.
    case $label in
        fault) run_ctest "$preset" 2 "$label" ;;
        *) run_ctest "$preset" 3 "$label" ;;
    esac
    clusters_release
}

# Random topologies through Kafka Streams and through us: a script of its own, whose last line counts.
run_differential() {
    local preset=$1 start=$SECONDS log=$logs/differential
    note "$preset: differential"
    "$here/install.sh" kafka javac
    AQUEDUCT_TOOLS=$ROOT/build/$preset/tests "$here/differential.sh" 2>&1 </dev/null | tee "$log" || failed=1
    closings+=("== $preset: differential ($((SECONDS - start)) s)"$'\n'"$(grep '^topologies=' "$log" || tail -n 1 "$log")")
}

run_labels() {
    local preset=$1 label plain=() kafka=()
    shift
    for label in "$@"; do
        case $label in
            broker | fault) kafka+=("$label") ;;
            differential) ;;
            *) plain+=("$label") ;;
        esac
    done
    case " $* " in
        ' unit sim ' | ' unit ' | ' sim ') build "$preset" unit_and_sim ;;
        *) build "$preset" ;;
    esac
    [[ " $* " != *' cli '* ]] || "$here/install.sh" test || warn "the cli tests may miss a program"
    [[ ${#plain[@]} -eq 0 ]] || run_ctest "$preset" "$(jobs_count)" "${plain[@]}"
    [[ " $* " != *' differential '* ]] || run_differential "$preset"
    for label in ${kafka[@]+"${kafka[@]}"}; do run_with_kafka "$preset" "$label"; done
}

run_all() {
    run_labels debug lint unit sim cli
    run_labels asan unit sim
    run_labels debug broker fault
    if jars_ready; then
        run_labels debug differential
    else
        warn "the differential test was left out: there are no Kafka jars"
    fi
}

main() {
    parse "$@"
    if [[ ${#root_args[@]} -gt 0 ]]; then
        rm -rf "$logs"
        exec "$here/root.sh" "${root_args[@]}" -- ${passed_on[@]+"${passed_on[@]}"}
    fi
    if [[ ${AQUEDUCT_REQUIRE_KAFKA:-} == 1 ]]; then
        # Whoever requires Kafka learns at once that it is missing, not after the build.
        jars_ready || die "Kafka is missing, and AQUEDUCT_REQUIRE_KAFKA=1 does not allow to go on without it"
    fi
    export AQUEDUCT_FAULT_ROUNDS=$rounds
    export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1}
    export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
    export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
    if [[ ${#labels[@]} -gt 0 ]]; then
        run_labels "$preset" "${labels[@]}"
    elif [[ $preset != debug ]]; then
        run_labels "$preset" unit sim
    else
        run_all
    fi
    clusters_release
    printf '\n'
    printf '%s\n\n' "${closings[@]}"
    [[ "${closings[*]}" == *'tests passed,'* || "${closings[*]}" == *'topologies='* ]] || die "no test ran"
    exit "$failed"
}

main "$@"
