#!/usr/bin/env bash
# latency.sh: how long a record takes from its producer on the source to a read_committed reader of the sink, through
# aqueduct and through MirrorMaker 2, in both deliveries, at steady rates. MirrorMaker's producer runs without linger
# here, its best case. `direct` is the probe reading its own source topic: the share that is not the mirror's.
# Run it by `./dev bench latency`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    echo "usage: ./dev bench latency [--rounds N] [--seconds N] [--rates \"200 2000\"] [--only aqueduct|mm2]"
}

rounds=3 seconds=15 rates='200 2000' only=''
while [[ $# -gt 0 ]]; do
    case $1 in
        --rounds) rounds=${2:?} && shift 2 ;;
        --seconds) seconds=${2:?} && shift 2 ;;
        --rates) rates=${2:?} && shift 2 ;;
        --only) only=${2:?} && shift 2 ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 64 ;;
    esac
done
# shellcheck source=bench/lib/peers.sh
. "$here/lib/peers.sh"

mirror=''
stop_mirror() {
    [[ -n $mirror ]] || return 0
    kill -TERM "$mirror" 2>/dev/null || true
    wait "$mirror" 2>/dev/null || true
    mirror=''
}
finish() {
    stop_mirror
    clean bench.latency. || true
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" bench.latency. || true
    rm -rf "$work"
}
trap finish EXIT

probe() { # PROGRAM DELIVERY RATE SINK
    local line
    line=$("$AQUEDUCT_TOOLS/latency_probe" --source "$AQUEDUCT_SOURCE" --sink "$4" --topic "$topic" --rate "$3" \
        --seconds "$seconds") || echo "FAILED: $1 $2 at $3/s: $line" >&2
    printf '%s %s %s %s\n' "$1" "$2" "$3" "$line" >>"$work/results"
    printf '%-6s %-9s %-14s %7s %9s %9s %9s %9s %8s\n' "$round" "$1" "$2" "$3" "$(field p50_ms "$line")" "$(field p99_ms "$line")" \
        "$(field p999_ms "$line")" "$(field max_ms "$line")" "$(field missing "$line")"
}

measure() { # PROGRAM DELIVERY RATE
    local command=()
    topic=bench.latency.$$.$round.$1.$2.$3
    # The topic is there first: MirrorMaker would look for new topics only every ten minutes.
    "$AQUEDUCT_TOOLS/orders_gen" --brokers "$AQUEDUCT_SOURCE" --topic "$topic" --records 1 --partitions 4 >/dev/null
    case $1 in
        aqueduct)
            aqueduct_config "$2" "$topic" false
            command=("${aqueduct_command[@]}")
            ;;
        mm2)
            mm2_config "$2" "$topic" 0
            command=("${mm2_command[@]}")
            ;;
        direct)
            probe "$1" - "$3" "$AQUEDUCT_SOURCE"
            return
            ;;
    esac
    "${command[@]}" >"$work/mirror.log" 2>&1 &
    mirror=$!
    probe "$1" "$2" "$3" "$AQUEDUCT_SINK"
    stop_mirror
    clean "$topic"
}

all_variants() {
    local rate delivery
    for rate in $rates; do
        measure direct none "$rate"
        for delivery in at_least_once exactly_once; do
            [[ $only == mm2 ]] || measure aqueduct "$delivery" "$rate"
            [[ $only == aqueduct ]] || measure mm2 "$delivery" "$rate"
        done
    done
}

value() { # PROGRAM DELIVERY RATE FIELD: the median over the rounds
    grep "^$1 $2 $3 " "$work/results" | while IFS= read -r line; do field "$4" "$line"; done | median
}

machine
printf '%s rounds of %s s at each rate, 511 bytes, 4 partitions; milliseconds from producer to read_committed reader\n' \
    "$rounds" "$seconds"
printf '%-6s %-9s %-14s %7s %9s %9s %9s %9s %8s\n' round program delivery rate p50 p99 p99.9 max missing
# Fresh brokers run interpreted code: whoever came first would pay for it. What this round measures counts for nothing.
round=warm
all_variants
: >"$work/results"
for ((round = 1; round <= rounds; round++)); do all_variants; done

printf '\nmedians\n%-9s %-14s %7s %9s %9s %9s\n' program delivery rate p50 p99 p99.9
for rate in $rates; do
    for variant in 'direct -' 'aqueduct at_least_once' 'mm2 at_least_once' 'aqueduct exactly_once' 'mm2 exactly_once'; do
        read -r program delivery <<<"$variant"
        grep -q "^$program $delivery $rate " "$work/results" || continue
        printf '%-9s %-14s %7s %9s %9s %9s\n' "$program" "$delivery" "$rate" \
            "$(value "$program" "$delivery" "$rate" p50_ms)" "$(value "$program" "$delivery" "$rate" p99_ms)" \
            "$(value "$program" "$delivery" "$rate" p999_ms)"
    done
done
[[ -z $only ]] || exit 0
printf '\nMirrorMaker 2 / aqueduct\n'
for rate in $rates; do
    for delivery in at_least_once exactly_once; do
        printf '  %-14s %5s/s ' "$delivery" "$rate"
        for name in p50_ms p99_ms p999_ms; do
            awk -v n="${name%_ms}" -v a="$(value aqueduct $delivery "$rate" $name)" -v b="$(value mm2 $delivery "$rate" $name)" \
                'BEGIN { printf "  %s %s", n, (a > 0 ? sprintf("%.1fx", b / a) : "-") }'
        done
        printf '\n'
    done
done
