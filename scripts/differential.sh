#!/usr/bin/env bash
# differential.sh: random topologies through Kafka Streams and through us; tests/differential/README.md says what is compared.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

usage() {
    cat <<'EOT'
usage: scripts/differential.sh [--count N (300)] [--seed N (1)] [--out DIR] [--stateless | --stateful] [--oracle-only]

  --stateless      only those, or
  --stateful       only those; without either N of both
  --out DIR        where scenarios and their results are left (build/<preset>/differential)
  --oracle-only    no run of ours: only what the generator and Kafka Streams make of it

Environment: AQUEDUCT_TOOLS (build/debug/tests) has topology_gen and streams_runner; AQ_STREAMS_RUNNER is the command of
another runner, called as "COMMAND CONFIG INPUT" and "COMMAND --describe CONFIG".
EOT
}

tests=$ROOT/tests/differential
tools=${AQUEDUCT_TOOLS:-$ROOT/build/debug/tests}
count=300
seed=1
base=${tools%/tests}/differential
oracle_only=no
kinds=(stateless stateful)

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --count) count=${2:?--count needs a number} && shift 2 ;;
            --seed) seed=${2:?--seed needs a number} && shift 2 ;;
            --out) base=${2:?--out needs a folder} && shift 2 ;;
            --stateless | --stateful) kinds=("${1#--}") && shift ;;
            --oracle-only) oracle_only=yes && shift ;;
            -h | --help) usage && exit ;;
            *) usage >&2 && exit 64 ;;
        esac
    done
    classes=$base/classes
    read -ra runner <<<"${AQ_STREAMS_RUNNER:-$tools/streams_runner}"
}

check_programs() {
    have "$tools/topology_gen" || die "no $tools/topology_gen: build first, or set AQUEDUCT_TOOLS"
    [[ $oracle_only == yes ]] || have "${runner[0]}" || die "no ${runner[0]}: build first, or set AQ_STREAMS_RUNNER"
    have javac || die "javac is missing: ./dev install javac"
}

compile_oracle() {
    jars=$("$here/kafka_jars.sh" --with org.apache.kafka:kafka-streams --with org.apache.kafka:kafka-streams-test-utils)
    [[ $classes/Oracle.class -nt $tests/Oracle.java && $classes/Oracle.class -nt $tests/Rows.java ]] && return
    mkdir -p "$classes"
    javac -Xlint:all,-path -Werror -d "$classes" -cp "$jars/*" "$tests/Oracle.java" "$tests/Rows.java" || die "the oracle does not compile"
}

generate() {
    local how=()
    [[ $kind == stateless ]] || how=(--stateful)
    rm -rf "$scenarios"
    mkdir -p "$scenarios"
    "$tools/topology_gen" --out "$scenarios" --seed "$seed" --count "$count" ${how[@]+"${how[@]}"} >"$out/generated" || {
        cat "$out/generated"
        die "the generator failed"
    }
}

list() {
    local i
    for ((i = seed; i < seed + count; i++)); do printf '%s\n' "$scenarios/$i"; done
}

# Scenarios that end in no record at all test little: a few are fine, many are a fault of the generator.
run_oracle() {
    local done silent good=yes state
    # RocksDB writes little and syncs often: not to a disk, where there is memory to write to.
    state=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/aqueduct-differential.XXXXXX")
    list | xargs -P 2 -n $(((count + 1) / 2)) java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dstate="$state" \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$classes:$jars/*" Oracle >"$out/oracle" || good=no
    rm -rf "$state"
    [[ $good == yes ]] || die "Kafka Streams did not run them all"
    # xargs started it more than once.
    read -r done inputs outputs silent < <(awk -F'[ =]' '{ for (i = 2; i <= NF; i += 2) sum[$(i - 1)] += $i }
        END { print sum["scenarios"], sum["inputs"], sum["outputs"], sum["silent"] }' "$out/oracle")
    [[ $done -eq $count ]] || die "Kafka Streams ran $done scenarios of $count"
    [[ $((silent * 5)) -le $count ]] || die "$silent of $count scenarios have no output: they test too little"
    note "Kafka Streams: topologies=$done inputs=$inputs outputs=$outputs without_output=$silent"
}

# same FOLDER WHAT AWK...: compares expected.WHAT with got.WHAT, both as the awk program prints them.
same() {
    local folder=$1 what=$2 name
    shift 2
    for name in expected got; do
        "$@" "$folder/$name.$what" | LC_ALL=C sort >"$folder/$name.$what.sorted" || return 1
    done
    diff -u --label "Kafka Streams: $what" --label "ours: $what" "$folder/expected.$what.sorted" "$folder/got.$what.sorted" \
        >>"$folder/difference"
}

# run_ours FOLDER WHAT RUNNER_ARGS...
run_ours() {
    local folder=$1 what=$2
    shift 2
    timeout 60 "${runner[@]}" "$@" >"$folder/got.$what" 2>"$folder/got.$what.log" && return
    { printf 'the runner ended with %s:\n' $? && tail -n 5 "$folder/got.$what.log"; } >>"$folder/difference"
    return 1
}

# compare FOLDER: true when nothing differs; otherwise FOLDER/difference says what does.
compare() {
    local folder=$1 good=yes
    : >"$folder/difference"
    run_ours "$folder" txt "$folder/aqueduct.conf" "$folder/input.jsonl" || good=no
    same "$folder" txt awk -f "$tests/observations.awk" "$folder/topology.txt" || good=no
    if grep -q 'describe=yes' "$folder/topology.txt"; then
        described=$((described + 1))
        run_ours "$folder" describe --describe "$folder/aqueduct.conf" || good=no
        same "$folder" describe awk -v application="diff-${folder##*/}" -f "$tests/describe.awk" || good=no
    fi
    [[ $good == yes ]]
}

# compare_default FOLDER: without compat, which has made no difference. True when there is none, or only such as are known; their ids are
# counted in `known`.
compare_default() {
    local folder=$1 id ids good=yes
    : >"$folder/difference"
    run_ours "$folder" txt "$folder/default.conf" "$folder/input.jsonl" || return 1
    same "$folder" txt awk -f "$tests/observations.awk" "$folder/topology.txt" && return
    ids=$(awk -f "$tests/known.awk" "$tests/known.def" "$folder/topology.txt" "$folder/difference")
    differs=$((differs + 1))
    while IFS= read -r id; do
        [[ $id != unknown* ]] || good=no
        known[$id]=$((${known[$id]:-0} + 1))
    done <<<"$ids"
    [[ $good == yes ]] || printf '%s\n' "not in tests/differential/known.def: $ids" >>"$folder/difference"
    [[ $good == yes ]]
}

compare_all() {
    local folder
    different=()
    unknown=()
    described=0
    differs=0
    while IFS= read -r folder; do
        if ! compare "$folder"; then
            different+=("$folder")
        elif [[ $kind == stateful ]]; then
            compare_default "$folder" || unknown+=("$folder")
        fi
    done < <(list)
}

# show FOLDER...: the beginning of some differences.
show() {
    local folder
    [[ $# -gt 0 ]] || return 0
    for folder in "${@:1:5}"; do
        note "$folder"
        head -n 20 "$folder/difference"
    done
    note "files and difference of each: $*"
}

# What default mode does otherwise, by line of known.def: scenarios in which a node above what differs meets its conditions.
print_known() {
    local id
    printf 'known differences:'
    while IFS=$'\t' read -r id _; do
        [[ $id == '#'* || -z $id ]] || printf ' %s=%s' "$id" "${known[$id]:-0}"
    done <"$tests/known.def"
    echo
}

# Both kinds leave their files beside each other.
run_kind() {
    local closing
    kind=$1
    out=$base
    [[ $kind == stateless ]] || out=$base/stateful
    scenarios=$out/scenarios
    declare -gA known=()
    mkdir -p "$out"
    generate
    run_oracle
    if [[ $oracle_only == yes ]]; then
        cat "$out/generated"
        return
    fi
    compare_all
    show ${different[@]+"${different[@]}"}
    show ${unknown[@]+"${unknown[@]}"}
    sed -n '2,$p' "$out/generated"
    closing="topologies=$count seed=$seed inputs=$inputs records=$outputs"
    if [[ $kind == stateless ]]; then
        echo "$closing described=$described different=${#different[@]}"
    else
        print_known
        echo "$closing stateful: without_compat=$differs unknown=${#unknown[@]} different=${#different[@]}"
    fi
    [[ $((${#different[@]} + ${#unknown[@]})) -eq 0 ]]
}

main() {
    local kind failed=0
    parse "$@"
    check_programs
    mkdir -p "$base"
    compile_oracle
    for kind in "${kinds[@]}"; do run_kind "$kind" || failed=1; done
    return $failed
}

main "$@"
