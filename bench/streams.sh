#!/usr/bin/env bash
# streams.sh: aqueduct's streams engine and Kafka Streams run the same topology on the same broker, in turns: filter and
# map of keyed JSON records, half of them kept, at_least_once and exactly_once, with one and two threads. Records per
# second while running, records per CPU-second, peak memory and time to the first output of each, medians, and the ratios
# against the peer. What every run wrote is compared with what the generator's rule says, record for record.
# Run it by `./dev bench streams`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'TEXT'
usage: ./dev bench streams [--rounds N] [--records N] [--partitions N] [--threads "1 2"] [--deliveries "at_least_once exactly_once"]
                           [--only aqueduct|peer] [--peer-gc OPTION] [--timeout SECONDS] [--no-warm] [--no-verify]

With state (counts, windows, sessions, joins, restoring, failover): ./dev bench streams_state
TEXT
}

rounds=3 records=2000000 partitions=4 only='' verify=1 warm=1 threads='1 2' deliveries='at_least_once exactly_once'
peer_gc=-XX:+UseParallelGC timeout=180
while [[ $# -gt 0 ]]; do
    case $1 in
        --rounds) rounds=${2:?} && shift 2 ;;
        --records) records=${2:?} && shift 2 ;;
        --partitions) partitions=${2:?} && shift 2 ;;
        --threads) threads=${2:?} && shift 2 ;;
        --deliveries) deliveries=${2:?} && shift 2 ;;
        --only) only=${2:?} && shift 2 ;;
        --peer-gc) peer_gc=${2:?} && shift 2 ;;
        --timeout) timeout=${2:?} && shift 2 ;;
        --no-warm) warm=0 && shift ;;
        --no-verify) verify=0 && shift ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 64 ;;
    esac
done
case $only in '' | aqueduct | peer) ;; *) usage >&2 && exit 64 ;; esac
# shellcheck source=bench/lib/figures.sh
. "$here/lib/figures.sh"
# shellcheck source=bench/lib/kafka_streams.sh
. "$here/lib/kafka_streams.sh"

input=bench.streams.$$.in
outputs=bench.streams.$$.out.
application=bench-streams-$$
finish() {
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "bench.streams.$$." || true
    rm -rf "$work"
}
trap finish EXIT

# ---- the two engines

# aqueduct_config DELIVERY THREADS OUTPUT STEP: an application of its own name, so that no run finds old positions.
aqueduct_config() {
    local step
    case $4 in
        lua) step='map = "value.total = value.amount * value.units; value.debug = nil";' step="type = \"map_values\"; $step" ;;
        transforms) step='type = "transform"; chain = ["origin", "trim"];' ;;
    esac
    cat >"$work/aqueduct.conf" <<CONF
clusters = { local = { brokers = "$AQUEDUCT_SOURCE"; }; };
transforms = {
  origin = { type = "InsertField"; static_field = "origin"; static_value = "dc1"; };
  trim = { type = "ReplaceField"; exclude = ["debug"]; };
};
streams = {
  application_id = "$application-$run_number";
  cluster = "local";
  processing_guarantee = "$(guarantee_of "$1")";
  num_stream_threads = $2;
  commit_interval_ms = 100;
  default_key_serde = "string";
  default_value_serde = "json";
  properties = ["auto.offset.reset=earliest", "producer.compression.type=lz4"];
  topology = {
    orders = { type = "source"; topics = ["$input"]; };
    large = { type = "filter"; from = "orders"; where = "value.amount > 999"; };
    edited = { from = "large"; $step };
    out = { type = "sink"; from = "edited"; topic = "$3"; };
  };
};
CONF
}

peer_config() { # DELIVERY THREADS
    peer_properties "$1" "$2" 100 >"$work/peer.properties"
    printf 'topology.optimization = all\n' >>"$work/peer.properties"
}

# command_of PROGRAM DELIVERY THREADS OUTPUT: writes the configuration and sets `command`.
command_of() {
    case $1 in
        aqueduct) aqueduct_config "$2" "$3" "$4" lua ;;
        transforms) aqueduct_config "$2" "$3" "$4" transforms ;;
        kstreams) peer_config "$2" "$3" ;;
    esac
    command=("$AQUEDUCT_BIN" streams -c "$work/aqueduct.conf")
    [[ $1 != kstreams ]] || command=(java -server -Xms256m -Xmx1g "$peer_gc"
        -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$work/classes:$streams_jars/*"
        KafkaStreamsPeer "$work/peer.properties" "$input" "$4" 999)
}

# ---- one run

wrong() {
    printf '       WRONG: %s\n' "$1"
    printf '%s\n' "$1" >>"$work/wrong"
}

check_output() { # PROGRAM DELIVERY THREADS OUTPUT
    local expected=$work/expected
    [[ $1 != transforms ]] || expected=$work/expected.constant
    if ! "$AQUEDUCT_TOOLS/streams_records" digest --brokers "$AQUEDUCT_SOURCE" --topic "$4" --partitions "$partitions" >"$work/found"; then
        wrong "$1 $2 $3: the output could not be read"
    elif ! diff "$expected" "$work/found" >"$work/difference"; then
        wrong "$1 $2 $3: the output is not what the generator's rule gives (< expected, > found)"
        sed 's/^/       /' "$work/difference"
    else
        verified=$((verified + 1))
    fi
}

run_variant() { # PROGRAM DELIVERY THREADS
    local line load output command=()
    run_number=$((run_number + 1))
    output=$outputs$run_number
    "$AQUEDUCT_TOOLS/topics" create "$AQUEDUCT_SOURCE" "$output" "$partitions"
    command_of "$1" "$2" "$3" "$output"
    # What else the machine did just before: rows with much of it say little.
    read -r load _ </proc/loadavg
    if line=$("$AQUEDUCT_TOOLS/watch_sink" --brokers "$AQUEDUCT_SOURCE" --topic "$output" --partitions "$partitions" \
        --records "$kept" --timeout "$timeout" -- "${command[@]}"); then
        line=$(figures "$line")
        printf '%s %s %s %s\n' "$1" "$2" "$3" "$line" >>"$work/results"
        printf '%-6s %-10s %-14s %7s %10s %10s %8s %8s %9s %6s\n' "$round" "$1" "$2" "$3" "$(field in_rate "$line")" \
            "$(field per_cpu "$line")" "$(field cpu_s "$line")" "$(field first_s "$line")" "$(field peak_mb "$line")" "$load"
        [[ $verify == 0 ]] || check_output "$1" "$2" "$3" "$output"
    else
        wrong "$1 $2 $3: the run did not come to its end"
    fi
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "$output" "$application-$run_number-"
    rm -rf "$work/state"
    sleep 3
}

# figures LINE: with records read per second and per CPU-second. What the first look at the output saw was written before
# the clock of the rate started: it does not count. Records read, not written: the dropped half is work too.
figures() {
    awk -v line="$1" -v all="$records" -v kept="$kept" -v n="$(field first_n "$1")" -v flow="$(field flow_s "$1")" \
        -v cpu="$(field cpu_s "$1")" 'BEGIN {
        rate = flow > 0 ? (kept - n) / kept * all / flow : 0
        printf "%s in_rate=%.0f per_cpu=%.0f\n", line, rate, (cpu > 0 ? all / cpu : 0)
    }'
}

# ---- medians and targets

value() { # PROGRAM DELIVERY THREADS FIELD: the median over the rounds
    grep "^$1 $2 $3 " "$work/results" | while IFS= read -r line; do field "$4" "$line"; done | median
}

medians() {
    local variant p d t
    printf '\nmedians of %s rounds\n%-10s %-14s %7s %10s %10s %8s %8s %9s\n' "$rounds" program delivery threads records/s \
        rec/CPU-s CPU-s first/s peak-MB
    for variant in "${variants[@]}"; do
        read -r p d t <<<"$variant"
        grep -q "^$p $d $t " "$work/results" || continue
        printf '%-10s %-14s %7s %10.0f %10.0f %8.2f %8.2f %9.1f\n' "$p" "$d" "$t" "$(value "$p" "$d" "$t" in_rate)" \
            "$(value "$p" "$d" "$t" per_cpu)" "$(value "$p" "$d" "$t" cpu_s)" "$(value "$p" "$d" "$t" first_s)" \
            "$(value "$p" "$d" "$t" peak_mb)"
    done
}

against() { # DELIVERY THREADS FIELD
    ratio "$(value aqueduct "$1" "$2" "$3")" "$(value kstreams "$1" "$2" "$3")"
}

targets() {
    local d t
    [[ $only != peer ]] || return 0
    printf '\ntargets\n'
    for d in $deliveries; do
        for t in $threads; do
            if [[ -z $only ]]; then
                target "records/CPU-s against Kafka Streams, $d $t" "$(against "$d" "$t" per_cpu)" '>=' 2
                target "peak memory against Kafka Streams, $d $t" "$(against "$d" "$t" peak_mb)" '<=' 0.125
            fi
            target "start to first output in s, $d $t" "$(value aqueduct "$d" "$t" first_s)" '<=' 1
        done
    done
    [[ " $deliveries " == *' at_least_once '* && " $deliveries " == *' exactly_once '* ]] || return 0
    for t in $threads; do
        target "exactly_once against at_least_once, records/s $t" \
            "$(ratio "$(value aqueduct exactly_once "$t" in_rate)" "$(value aqueduct at_least_once "$t" in_rate)")" '>=' 0.9
    done
}

verdict() {
    if [[ -s $work/wrong ]]; then
        printf '\n%s runs were wrong:\n' "$(wc -l <"$work/wrong")"
        sort "$work/wrong" | uniq -c
        return 1
    fi
    [[ $verify == 0 ]] \
        || printf '\noutputs: all %s runs wrote the %s records that the rule keeps, each with the same key, value, timestamp and place\n' \
            "$verified" "$kept"
}

# Each variant is PROGRAM DELIVERY THREADS. `transforms` is our engine with ready-made steps in place of Lua; they cannot
# compute, so it adds a constant field: a line to read, not a target.
variants=()
for t in $threads; do
    for d in $deliveries; do
        [[ $only == peer ]] || variants+=("aqueduct $d $t")
        [[ $only == aqueduct ]] || variants+=("kstreams $d $t")
    done
done
[[ $only == peer ]] || variants+=("transforms ${deliveries%% *} ${threads%% *}")

run_all() {
    local variant
    for variant in "${variants[@]}"; do
        # shellcheck disable=SC2086  # three words
        run_variant $variant
    done
}

verified=0
machine
echo 'without state; ./dev bench streams_state measures counts, windows, sessions, joins, restoring and failover'
[[ $only == aqueduct ]] || peer_build "$here/streams/KafkaStreamsPeer.java"
filled=$("$AQUEDUCT_TOOLS/streams_records" fill --brokers "$AQUEDUCT_SOURCE" --topic "$input" --records "$records" \
    --partitions "$partitions" --codec lz4)
kept=$(field kept "$filled")
size=(--records "$records" --partitions "$partitions")
"$AQUEDUCT_TOOLS/streams_records" expect "${size[@]}" >"$work/expected"
"$AQUEDUCT_TOOLS/streams_records" expect "${size[@]}" --constant >"$work/expected.constant"
printf '%s records of %s bytes on average, lz4, %s partitions, %s kept; %s rounds in turns\n' "$records" \
    "$(field value_bytes "$filled")" "$partitions" "$kept" "$rounds"
printf '%-6s %-10s %-14s %7s %10s %10s %8s %8s %9s %6s\n' round program delivery threads records/s rec/CPU-s CPU-s first/s \
    peak-MB load
# Fresh brokers run interpreted code: whoever came first would pay for it. What this round measures counts for nothing.
round=warm
[[ $warm == 0 ]] || run_all
: >"$work/results"
for ((round = 1; round <= rounds; round++)); do
    run_all
done
medians
targets
verdict
