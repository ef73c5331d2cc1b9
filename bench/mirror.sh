#!/usr/bin/env bash
# mirror.sh: aqueduct and MirrorMaker 2 copy the same topic between the same two clusters, in turns. Records per second
# while running, time to the first record, CPU seconds and peak memory of each, medians, and the ratios against the
# peer. Run it by `./dev bench mirror`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'TEXT'
usage: ./dev bench mirror [--rounds N] [--records N] [--size BYTES] [--partitions N] [--only aqueduct|mm2] [--no-verify]
TEXT
}

rounds=3 records=3000000 size=511 partitions=4 only='' verify=1
while [[ $# -gt 0 ]]; do
    case $1 in
        --rounds) rounds=${2:?} && shift 2 ;;
        --records) records=${2:?} && shift 2 ;;
        --size) size=${2:?} && shift 2 ;;
        --partitions) partitions=${2:?} && shift 2 ;;
        --only) only=${2:?} && shift 2 ;;
        --no-verify) verify=0 && shift ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 64 ;;
    esac
done
# shellcheck source=bench/lib/peers.sh
. "$here/lib/peers.sh"

topic=bench.orders.$$
finish() {
    clean "$topic" || true
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "$topic" || true
    rm -rf "$work"
}
trap finish EXIT

# Each variant is PROGRAM DELIVERY.
variants=()
[[ $only == mm2 ]] || variants+=("aqueduct at_least_once" "aqueduct exactly_once")
[[ $only == aqueduct ]] || variants+=("mm2 at_least_once" "mm2 exactly_once")

run_variant() {
    local program=$1 delivery=$2 line load command=()
    # What else the machine did just before: rows with much of it say little.
    read -r load _ </proc/loadavg
    case $program in
        aqueduct)
            aqueduct_config "$delivery" "$topic" true
            command=("${aqueduct_command[@]}")
            ;;
        mm2)
            mm2_config "$delivery" "$topic" 20
            command=("${mm2_command[@]}")
            ;;
    esac
    line=$("$AQUEDUCT_TOOLS/watch_sink" --brokers "$AQUEDUCT_SINK" --topic "$topic" --partitions "$partitions" \
        --records "$records" -- "${command[@]}") || echo "FAILED: $program $delivery" >&2
    printf '%s %s %s\n' "$program" "$delivery" "$line" >>"$work/results"
    printf '%-6s %-9s %-14s %10s %9s %8s %9s %6s\n' "$round" "$program" "$delivery" "$(field rate "$line")" \
        "$(field first_s "$line")" "$(field cpu_s "$line")" "$(field peak_mb "$line")" "$load"
    # A fast copy that is not a copy would win every benchmark. MirrorMaker's at-least-once may repeat.
    if [[ $verify == 1 && $round == warm ]]; then
        local mode=--identical
        [[ $delivery == exactly_once ]] || mode=--at-least-once
        "$AQUEDUCT_TOOLS/mirror_check" --source "$AQUEDUCT_SOURCE" --sink "$AQUEDUCT_SINK" --topic "$topic" "$mode" --quiet \
            | sed 's/^/       verified: /' || echo "       NOT A TRUE COPY"
    fi
    clean "$topic"
    sleep 3
}

value() { # PROGRAM DELIVERY FIELD: the median over the rounds
    grep "^$1 $2 " "$work/results" | while IFS= read -r line; do field "$3" "$line"; done | median
}

summary() {
    local p d
    printf '\nmedians of %s rounds\n%-9s %-14s %10s %9s %8s %9s\n' "$rounds" program delivery records/s first/s CPU-s peak-MB
    for p in aqueduct mm2; do
        for d in at_least_once exactly_once; do
            grep -q "^$p $d " "$work/results" || continue
            printf '%-9s %-14s %10.0f %9.2f %8.2f %9.1f\n' "$p" "$d" "$(value $p $d rate)" "$(value $p $d first_s)" \
                "$(value $p $d cpu_s)" "$(value $p $d peak_mb)"
        done
    done
    printf '\ntargets\n'
    for d in at_least_once exactly_once; do
        [[ $only == mm2 ]] && break
        if [[ -z $only ]]; then
            target "records/s against MirrorMaker 2, $d" "$(ratio "$(value aqueduct $d rate)" "$(value mm2 $d rate)")" '>=' 4
            target "CPU seconds against MirrorMaker 2, $d" "$(ratio "$(value aqueduct $d cpu_s)" "$(value mm2 $d cpu_s)")" '<=' 0.143
        fi
        target "peak memory in MB, $d" "$(value aqueduct $d peak_mb)" '<=' 128
        target "start to first record in s, $d" "$(value aqueduct $d first_s)" '<=' 1
    done
    [[ $only == mm2 ]] || target "exactly_once against at_least_once, records/s" \
        "$(ratio "$(value aqueduct exactly_once rate)" "$(value aqueduct at_least_once rate)")" '>=' 0.9
}

machine
printf '%s records of %s bytes, lz4, %s partitions; %s rounds in turns\n' "$records" "$size" "$partitions" "$rounds"
"$AQUEDUCT_TOOLS/orders_gen" --brokers "$AQUEDUCT_SOURCE" --topic "$topic" --records "$records" --size "$size" \
    --partitions "$partitions" --codec lz4 | sed 's/^/source: /'
clean "$topic"
printf '%-6s %-9s %-14s %10s %9s %8s %9s %6s\n' round program delivery records/s first/s CPU-s peak-MB load
# Fresh brokers run interpreted code: whoever came first would pay for it. What this round measures counts for nothing.
round=warm
for variant in "${variants[@]}"; do
    # shellcheck disable=SC2086  # two words
    run_variant $variant
done
: >"$work/results"
for ((round = 1; round <= rounds; round++)); do
    for variant in "${variants[@]}"; do
        # shellcheck disable=SC2086  # two words
        run_variant $variant
    done
done
summary
