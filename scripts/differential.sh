#!/usr/bin/env bash
# differential.sh: random topologies through Kafka Streams and through us; tests/differential/README.md says what is compared.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

usage() {
    cat <<'EOT'
usage: scripts/differential.sh [--count N (300)] [--seed N (1)] [--out DIR] [--oracle-only]

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
out=${tools%/tests}/differential
oracle_only=no

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --count) count=${2:?--count needs a number} && shift 2 ;;
            --seed) seed=${2:?--seed needs a number} && shift 2 ;;
            --out) out=${2:?--out needs a folder} && shift 2 ;;
            --oracle-only) oracle_only=yes && shift ;;
            -h | --help) usage && exit ;;
            *) usage >&2 && exit 64 ;;
        esac
    done
    scenarios=$out/scenarios
    classes=$out/classes
    read -ra runner <<<"${AQ_STREAMS_RUNNER:-$tools/streams_runner}"
}

check_programs() {
    have "$tools/topology_gen" || die "no $tools/topology_gen: build first, or set AQUEDUCT_TOOLS"
    [[ $oracle_only == yes ]] || have "${runner[0]}" || die "no ${runner[0]}: build first, or set AQ_STREAMS_RUNNER"
    have javac || die "javac is missing: ./dev install javac"
}

compile_oracle() {
    jars=$("$here/kafka_jars.sh" --with org.apache.kafka:kafka-streams --with org.apache.kafka:kafka-streams-test-utils)
    [[ $classes/Oracle.class -nt $tests/Oracle.java ]] && return
    mkdir -p "$classes"
    javac -Xlint:all,-path -Werror -d "$classes" -cp "$jars/*" "$tests/Oracle.java" || die "the oracle does not compile"
}

generate() {
    rm -rf "$scenarios"
    mkdir -p "$scenarios"
    "$tools/topology_gen" --out "$scenarios" --seed "$seed" --count "$count" >"$out/generated" || {
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
    local done silent
    list | xargs java -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
        -cp "$classes:$jars/*" Oracle >"$out/oracle" || die "Kafka Streams did not run them all"
    # xargs may have started it more than once.
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

compare_all() {
    local folder
    different=()
    described=0
    while IFS= read -r folder; do
        compare "$folder" || different+=("$folder")
    done < <(list)
}

show_differences() {
    local folder
    for folder in "${different[@]:0:5}"; do
        note "$folder"
        head -n 20 "$folder/difference"
    done
    note "files and difference of each: ${different[*]}"
}

main() {
    parse "$@"
    check_programs
    mkdir -p "$out"
    compile_oracle
    generate
    run_oracle
    if [[ $oracle_only == yes ]]; then
        cat "$out/generated"
        return
    fi
    compare_all
    [[ ${#different[@]} -eq 0 ]] || show_differences
    sed -n '2,$p' "$out/generated"
    echo "topologies=$count seed=$seed inputs=$inputs records=$outputs described=$described different=${#different[@]}"
    [[ ${#different[@]} -eq 0 ]]
}

main "$@"
