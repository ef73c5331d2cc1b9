#!/usr/bin/env bash
# soak.sh: aqueduct alone under a load that does not end: orders through the chain of conf/examples/orders.conf in
# exactly_once, for as long as asked, with its resident memory, its lag and its CPU time on the way. Both topics keep
# only the last minutes. Ends with memory at the start, in the middle and at the end, and fails when it grew by more
# than a tenth, when records were lost to retention, or when written and produced records differ.
# Run it by `./dev bench soak`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    echo "usage: ./dev bench soak [--minutes N] [--rate RECORDS_PER_S] [--partitions N]"
}

minutes=30 rate=120000 partitions=8
while [[ $# -gt 0 ]]; do
    case $1 in
        --minutes) minutes=${2:?} && shift 2 ;;
        --rate) rate=${2:?} && shift 2 ;;
        --partitions) partitions=${2:?} && shift 2 ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 64 ;;
    esac
done
# shellcheck source=bench/lib/peers.sh
. "$here/lib/peers.sh"

topic=orders.soak.$$
port=19081
bridge=''
generator=''
finish() {
    [[ -z $generator ]] || kill "$generator" 2>/dev/null || true
    [[ -z $bridge ]] || kill "$bridge" 2>/dev/null || true
    wait
    clean "dc1.$topic" || true
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SINK" aqueduct.orders.state || true
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "$topic" || true
    rm -rf "$work"
}
trap finish EXIT

# metric NAME: the sum over its labels.
metric() {
    curl -sf "http://127.0.0.1:$port/metrics" | awk -v name="$1" '$1 ~ "^" name "({|$)" { n += $2 } END { print n + 0 }'
}
rss_mb() { awk '/^VmRSS:/ { printf "%.1f", $2 / 1024 }' "/proc/$bridge/status"; }
cpu_s() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.1f", ($14 + $15) / hz }' "/proc/$bridge/stat"; }

start() {
    local total=$((rate * minutes * 60))
    "$AQUEDUCT_TOOLS/orders_gen" --brokers "$AQUEDUCT_SOURCE" --topic "$topic" --records "$total" --rate "$rate" \
        --partitions "$partitions" --config retention.bytes=536870912 --config segment.bytes=67108864 \
        >"$work/generator.log" 2>&1 &
    generator=$!
    until "$AQUEDUCT_TOOLS/topics" list "$AQUEDUCT_SOURCE" "$topic" | grep -q .; do sleep 0.2; done
    "$AQUEDUCT_BIN" bridge -c "$here/../conf/examples/orders.conf" -s "http.listen=127.0.0.1:$port" \
        >"$work/bridge.log" 2>&1 &
    bridge=$!
}

# One line every ten seconds into the samples, one every two minutes to the reader.
watch_until() {
    local until=$((SECONDS + $1 * 60)) n=0 line
    while ((SECONDS < until)); do
        kill -0 "$bridge" 2>/dev/null || return 1
        line=$(printf '%s %s %s %s %s' "$(((SECONDS - began) / 60))" "$(rss_mb)" "$(metric aqueduct_sink_records_total)" \
            "$(metric aqueduct_lag_records)" "$(cpu_s)")
        echo "$line" >>"$work/samples"
        # shellcheck disable=SC2086  # five words
        ((n++ % 12)) || printf '%6s %9s %14s %12s %9s\n' $line
        sleep 10
    done
}

# Everything produced must be written, whatever the lag was when the generator ended.
drain() {
    local produced written deadline=$((SECONDS + 120))
    wait "$generator" || true
    generator=''
    produced=$(sed -n 's/.*produced=\([0-9]*\).*/\1/p' "$work/generator.log")
    until written=$(metric aqueduct_sink_records_total) && ((written >= produced || SECONDS > deadline)); do sleep 1; done
    lost=$(metric aqueduct_source_lost_records_total)
    printf 'produced=%s written=%s lost_to_retention=%s\n' "$produced" "$written" "$lost"
    [[ $written == "$produced" && $lost == 0 ]]
}

# minute_mean FROM TO: memory averaged over the samples of these minutes.
minute_mean() { awk -v a="$1" -v b="$2" '$1 >= a && $1 < b { n++; s += $2 } END { if (n) printf "%.1f", s / n; else print "-" }' "$work/samples"; }

machine
printf '%s minutes of %s records/s, 511 bytes, %s partitions, exactly_once, the chain of orders.conf\n' "$minutes" "$rate" "$partitions"
printf '%6s %9s %14s %12s %9s\n' minute rss-MB written lag CPU-s
began=$SECONDS
start
sleep 5
status=0
watch_until "$minutes" || status=1
drain || status=1
first=$(minute_mean 1 3) middle=$(minute_mean $((minutes / 2 - 1)) $((minutes / 2 + 1)))
last=$(minute_mean $((minutes - 2)) $((minutes + 1)))
peak=$(awk '/^VmHWM:/ { printf "%.1f", $2 / 1024 }' "/proc/$bridge/status")
kill -TERM "$bridge"
wait "$bridge" || status=1
bridge=''
printf 'memory in MB: start %s, middle %s, end %s, peak %s\n' "$first" "$middle" "$last" "$peak"
awk -v a="$first" -v b="$last" 'BEGIN { exit !(b <= a * 1.1) }' || { echo 'memory GREW' && status=1; }
((status == 0)) || tail -n 20 "$work/bridge.log"
exit $status
