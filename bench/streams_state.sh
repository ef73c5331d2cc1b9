#!/usr/bin/env bash
# streams_state.sh: aqueduct's streams engine and Kafka Streams with state, the same topology on the same broker, in turns:
# count by key, count in tumbling windows, session windows, join of a stream with a table, and restoring a store from its
# changelog. Records per CPU-second and peak memory of both, medians, and the ratios against the peer. Commit intervals and the bounds
# of caches and write buffers are equal. What every run wrote is compared with what the generator's rule says: every
# key's, window's and session's last count, joins record for record. And of aqueduct alone: how long a large task stands still
# when its process is killed (bench/lib/state_failover.sh).
# Run it by `./dev bench streams_state`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'TEXT'
usage: ./dev bench streams_state [--case NAME]... [--rounds N] [--records N] [--keys N] [--restore-rows N] [--partitions N]
           [--threads N] [--deliveries "at_least_once exactly_once"] [--commit-ms N] [--cache-mb N] [--block-cache-mb N]
           [--write-buffer-mb N] [--only aqueduct|peer] [--peer-gc OPTION] [--peer-heap SIZE] [--timeout SECONDS] [--no-warm]
           [--failover-rows N] [--failover-rate EVENTS_A_SECOND] [--session-ms N] [--transaction-ms N]

cases: count windows sessions join restore failover (default: all)
--commit-ms is at_least_once's commit interval; exactly_once has 100 ms.
failover: rows of 1 KB (default 1000000, or --records where only this case is asked for); each round kills the process that has the
task. The session timeout is counted apart (--session-ms, default 3000). With exactly_once the dead process leaves a transaction open,
which the brokers would keep for --transaction-ms (default 10000, as the engine's).
TEXT
}

rounds=3 records=1500000 keys=100000 restore_rows=2000000 partitions=4 threads=1 only='' warm=1 cases=()
deliveries='at_least_once exactly_once' commit_ms=5000 cache_mb=10 block_cache_mb=50 write_buffer_mb=64
peer_gc=-XX:+UseParallelGC peer_heap=1g timeout=180
failover_rows='' failover_rate=200 failover_timeout=600 session_ms=3000 transaction_ms=10000 records_asked=''
while [[ $# -gt 0 ]]; do
    case $1 in
        --case) cases+=("${2:?}") && shift 2 ;;
        --rounds) rounds=${2:?} && shift 2 ;;
        --records) records=${2:?} records_asked=$2 && shift 2 ;;
        --keys) keys=${2:?} && shift 2 ;;
        --restore-rows) restore_rows=${2:?} && shift 2 ;;
        --partitions) partitions=${2:?} && shift 2 ;;
        --threads) threads=${2:?} && shift 2 ;;
        --deliveries) deliveries=${2:?} && shift 2 ;;
        --commit-ms) commit_ms=${2:?} && shift 2 ;;
        --cache-mb) cache_mb=${2:?} && shift 2 ;;
        --block-cache-mb) block_cache_mb=${2:?} && shift 2 ;;
        --write-buffer-mb) write_buffer_mb=${2:?} && shift 2 ;;
        --only) only=${2:?} && shift 2 ;;
        --peer-gc) peer_gc=${2:?} && shift 2 ;;
        --peer-heap) peer_heap=${2:?} && shift 2 ;;
        --timeout) timeout=${2:?} && shift 2 ;;
        --failover-rows) failover_rows=${2:?} && shift 2 ;;
        --failover-rate) failover_rate=${2:?} && shift 2 ;;
        --session-ms) session_ms=${2:?} && shift 2 ;;
        --transaction-ms) transaction_ms=${2:?} && shift 2 ;;
        --no-warm) warm=0 && shift ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 64 ;;
    esac
done
case $only in '' | aqueduct | peer) ;; *) usage >&2 && exit 64 ;; esac
[[ ${#cases[@]} -gt 0 ]] || cases=(count windows sessions join restore failover)
for name in "${cases[@]}"; do
    case $name in count | windows | sessions | join | restore | failover) ;; *) usage >&2 && exit 64 ;; esac
done
# shellcheck source=bench/lib/figures.sh
. "$here/lib/figures.sh"
# shellcheck source=bench/lib/kafka_streams.sh
. "$here/lib/kafka_streams.sh"
# shellcheck source=bench/lib/state_engines.sh
. "$here/lib/state_engines.sh"
# shellcheck source=bench/lib/state_restore.sh
. "$here/lib/state_restore.sh"
# shellcheck source=bench/lib/state_failover.sh
. "$here/lib/state_failover.sh"

prefix=bench.state.$$
input=$prefix.in
rows=$prefix.rows
outputs=$prefix.out.
application=bench-state-$$
finish() {
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "$prefix." "$application-" || true
    rm -rf "$work"
}
trap finish EXIT

# ---- one run

wrong() {
    printf '       WRONG: %s\n' "$1"
    printf '%s\n' "$1" >>"$work/wrong"
}

# tidy OUTPUT: the topics of the run that is over, and its stores.
tidy() {
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "$1" "$application-$run_number-"
    rm -rf "$work/state"
    sleep 2
}

# state_figures LINE: with events per second and CPU-second. Those from the first results on are "-" when all results came at once.
state_figures() {
    awk -v line="$1" -v all="$records" -v n="$(field first_n "$1")" -v flow="$(field flow_s "$1")" \
        -v warm="$(field flow_cpu_s "$1")" -v cpu="$(field cpu_s "$1")" 'BEGIN {
        printf "%s per_cpu=%.0f", line, (cpu > 0 ? all / cpu : 0)
        # A rate needs some of the events in front of it: less is noise.
        if (all - n < all / 10 || flow <= 0 || warm <= 0) print " in_rate=- warm_per_cpu=-"
        else printf " in_rate=%.0f warm_per_cpu=%.0f\n", (all - n) / flow, (all - n) / warm
    }'
}

run_variant() { # PROGRAM CASE DELIVERY
    local line load output command=()
    if [[ $2 == restore ]]; then
        restore_run "$1"
        return
    fi
    run_number=$((run_number + 1))
    output=$outputs$run_number
    "$AQUEDUCT_TOOLS/topics" create "$AQUEDUCT_SOURCE" "$output" "$partitions"
    command_of "$1" "$2" "$3" "$input" "$rows" "$output"
    # What else the machine did just before: rows with much of it say little.
    read -r load _ </proc/loadavg
    if line=$("$AQUEDUCT_TOOLS/state_watch" --case "$2" --brokers "$AQUEDUCT_SOURCE" --topic "$output" --keys "$keys" \
        --partitions "$partitions" --records "$records" --timeout "$timeout" --log "$work/engine.log" -- "${command[@]}"); then
        verified=$((verified + 1))
        line=$(state_figures "$line")
        printf '%s %s %s %s\n' "$2" "$1" "$3" "$line" >>"$work/results"
        printf '%-6s %-9s %-9s %-14s %9s %9s %9s %7s %7s %8s %9s %6s\n' "$round" "$2" "$1" "$3" "$(field per_cpu "$line")" \
            "$(field warm_per_cpu "$line")" "$(field in_rate "$line")" "$(field cpu_s "$line")" "$(field took_s "$line")" \
            "$(field outputs "$line")" "$(field peak_mb "$line")" "$load"
    else
        wrong "$2 $1 $3: what came out is not what the rule gives, or not all of it"
    fi
    tidy "$output"
}

# ---- medians and targets

value() { # CASE PROGRAM DELIVERY FIELD: the median over the rounds
    grep "^$1 $2 $3 " "$work/results" | while IFS= read -r line; do field "$4" "$line"; done | { grep -v '^-$' || true; } | median
}

against() { # CASE DELIVERY FIELD
    ratio "$(value "$1" aqueduct "$2" "$3")" "$(value "$1" kstreams "$2" "$3")"
}

medians() {
    local variant c d p
    printf '\nmedians of %s rounds\n%-9s %-9s %-14s %9s %9s %9s %7s %7s %9s\n' "$rounds" case program delivery rec/CPU-s \
        warm/CPU-s records/s CPU-s took/s peak-MB
    for variant in "${variants[@]}"; do
        read -r c d <<<"$variant"
        [[ $c != restore ]] || continue
        for p in aqueduct kstreams; do
            grep -q "^$c $p $d " "$work/results" || continue
            printf '%-9s %-9s %-14s %9s %9s %9s %7s %7s %9s\n' "$c" "$p" "$d" "$(value "$c" "$p" "$d" per_cpu)" \
                "$(value "$c" "$p" "$d" warm_per_cpu)" "$(value "$c" "$p" "$d" in_rate)" "$(value "$c" "$p" "$d" cpu_s)" \
                "$(value "$c" "$p" "$d" took_s)" "$(value "$c" "$p" "$d" peak_mb)"
        done
    done
}

targets() {
    local variant c d
    [[ -z $only && ${#variants[@]} -gt 0 ]] || return 0
    printf '\ntargets, against Kafka Streams\n'
    for variant in "${variants[@]}"; do
        read -r c d <<<"$variant"
        if [[ $c == restore ]]; then
            target "restore: MB/s of changelog" "$(against "$c" "$d" mb_s)" '>=' 2
            target "restore: peak memory" "$(against "$c" "$d" peak_mb)" '<=' 0.167
            continue
        fi
        target "$c, $d: records/CPU-s" "$(against "$c" "$d" per_cpu)" '>=' 3
        printf '  %-52s %8s\n' "$c, $d: records/CPU-s, warm" "$(against "$c" "$d" warm_per_cpu)"
        target "$c, $d: peak memory" "$(against "$c" "$d" peak_mb)" '<=' 0.167
    done
}

verdict() {
    if [[ -s $work/wrong ]]; then
        printf '\n%s runs were wrong:\n' "$(wc -l <"$work/wrong")"
        sort "$work/wrong" | uniq -c
        return 1
    fi
    printf '\noutputs: all %s runs gave every key, window, session and joined record what the rule says\n' "$verified"
}

# ---- all of it

# Each variant is CASE DELIVERY; both programs run it one after the other. Restoring is the same with every delivery. Failover goes its
# own way (failover_all).
variants=()
for name in "${cases[@]}"; do
    [[ $name != failover ]] || continue
    for delivery in $(if [[ $name == restore ]]; then echo at_least_once; else echo "$deliveries"; fi); do
        variants+=("$name $delivery")
    done
done
programs=(aqueduct kstreams)
[[ $only != aqueduct ]] || programs=(aqueduct)
[[ $only != peer ]] || programs=(kstreams)

# Every other round goes backwards: nobody always comes first.
run_all() {
    local order=("${variants[@]}") both=("${programs[@]}") i p
    for ((i = 0; i < ${#order[@]}; i++)); do
        local variant=${order[i]}
        if ((round_number % 2 == 0)); then
            variant=${order[${#order[@]} - 1 - i]}
            [[ -n $only ]] || both=(kstreams aqueduct)
        fi
        for p in "${both[@]}"; do
            # shellcheck disable=SC2086  # two words
            run_variant "$p" $variant
        done
    done
}

has_failover() { has_case failover && [[ $only != peer ]]; }
has_case() { [[ " ${cases[*]} " == *" $1 "* ]]; }

measure_all() {
    [[ $only == aqueduct ]] || peer_build "$here/streams/KafkaStreamsState.java"
    if has_case count || has_case windows || has_case sessions || has_case join; then
        filled=$("$AQUEDUCT_TOOLS/state_fill" events --brokers "$AQUEDUCT_SOURCE" --topic "$input" --records "$records" --keys "$keys" \
            --partitions "$partitions")
        printf '%s records of %s bytes on average, %s keys, lz4, %s partitions, threads: %s\n' "$records" \
            "$(field record_bytes "$filled")" "$keys" "$partitions" "$threads"
    fi
    ! has_case join || "$AQUEDUCT_TOOLS/state_fill" rows --brokers "$AQUEDUCT_SOURCE" --topic "$rows" --keys "$keys" \
        --partitions "$partitions" >/dev/null
    ! has_case restore || restore_prepare
    printf 'bounds, the same for both: record cache %s MiB, block cache %s MiB, write buffers %s MiB; commits every %s ms (at_least_once), %s ms (exactly_once)\n' \
        "$cache_mb" "$block_cache_mb" "$write_buffer_mb" "$(interval at_least_once)" "$(interval exactly_once)"
    printf "Kafka Streams: one block cache and write buffer manager for all stores (its default is 50 MB and 3 x 16 MB for each), %s, heap %s; %s rounds in turns\n" \
        "$peer_gc" "$peer_heap" "$rounds"
    printf '%-6s %-9s %-9s %-14s %9s %9s %9s %7s %7s %8s %9s %6s\n' round case program delivery rec/CPU-s warm/CPU-s records/s CPU-s \
        took/s outputs peak-MB load
    # Fresh brokers run interpreted code: whoever came first would pay for it. What the first case measures here counts for nothing.
    round=warm round_number=1
    if [[ $warm == 1 ]]; then
        for program in "${programs[@]}"; do
            # shellcheck disable=SC2086  # two words
            run_variant "$program" ${variants[0]}
        done
    fi
    : >"$work/results"
    for ((round_number = 1; round_number <= rounds; round_number++)); do
        round=$round_number
        run_all
    done
}

verified=0
machine
: >"$work/results"
if ((${#variants[@]} > 0)); then
    measure_all
fi
if has_failover; then
    failover_all
fi
((${#variants[@]} == 0)) || medians
targets
! has_failover || failover_targets
verdict
