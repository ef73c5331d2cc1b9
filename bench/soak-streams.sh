#!/usr/bin/env bash
# soak-streams.sh: the memory of a store that does not stop growing. An application counts by key in exactly_once; half of its
# records have a key that was never there, the others one that was at any time before, so the database grows and is read all
# over. Every ten seconds its resident memory stands beside the bound: statestore_cache_max_bytes + rocksdb_block_cache +
# rocksdb_write_buffer + what the process needs without any store (--base). Fails when it was above, when the counting fell behind
# for good, or when the application did not end in order.
# Run it by `./dev bench soak-streams`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'TEXT'
usage: ./dev bench soak-streams [--minutes N] [--rate RECORDS_PER_S] [--partitions N] [--threads N]
                                [--cache MiB] [--block-cache MiB] [--write-buffer MiB] [--base MiB]
TEXT
}

minutes=5 rate=10000 partitions=4 threads=1 cache=16 block_cache=32 write_buffer=32 base=64
while [[ $# -gt 0 ]]; do
    case $1 in
        --minutes) minutes=${2:?} && shift 2 ;;
        --rate) rate=${2:?} && shift 2 ;;
        --partitions) partitions=${2:?} && shift 2 ;;
        --threads) threads=${2:?} && shift 2 ;;
        --cache) cache=${2:?} && shift 2 ;;
        --block-cache) block_cache=${2:?} && shift 2 ;;
        --write-buffer) write_buffer=${2:?} && shift 2 ;;
        --base) base=${2:?} && shift 2 ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 64 ;;
    esac
done
# shellcheck source=bench/lib/figures.sh
. "$here/lib/figures.sh"

bound=$((cache + block_cache + write_buffer + base))
input=soak.streams.$$.in
output=soak.streams.$$.counts
application=soak-streams-$$
engine=''
generator=''
finish() {
    [[ -z $generator ]] || kill "$generator" 2>/dev/null || true
    [[ -z $engine ]] || kill "$engine" 2>/dev/null || true
    wait
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "soak.streams.$$." "$application" || true
    rm -rf "$work"
}
trap finish EXIT

# The key: a record's number, or an older, even one.
write_config() {
    cat >"$work/aqueduct.conf" <<CONF
clusters = { local = { brokers = "$AQUEDUCT_SOURCE"; }; };
http = { listen = "127.0.0.1:0"; };
streams = {
  application_id = "$application";
  cluster = "local";
  processing_guarantee = "exactly_once_v2";
  num_stream_threads = $threads;
  state_dir = "$work/state";
  statestore_cache_max_bytes = "${cache}MiB";
  rocksdb_block_cache = "${block_cache}MiB";
  rocksdb_write_buffer = "${write_buffer}MiB";
  repartition_purge_interval_ms = "5s";
  default_key_serde = "string";
  default_value_serde = "json";
  topology = {
    orders = { type = "source"; topics = ["$input"]; };
    counts = { type = "count"; from = "orders"; by_serde = "string";
               by = "partition .. ':' .. (value.seq % 2 == 0 and value.seq or value.seq * 2654435761 % value.seq // 2 * 2)"; };
    out    = { type = "sink"; from = "counts"; topic = "$output"; };
  };
};
CONF
}

# metric NAME: the sum over its labels.
metric() {
    curl -sf "http://127.0.0.1:$port/metrics" | awk -v name="$1" '$1 ~ "^" name "({|$)" { n += $2 } END { printf "%.0f", n }'
}
rss_mb() { awk '/^VmRSS:/ { printf "%.1f", $2 / 1024 }' "/proc/$engine/status"; }
cpu_s() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.1f", ($14 + $15) / hz }' "/proc/$engine/stat"; }
disk_mb() { [[ ! -d $work/state ]] && echo 0 || du -sm "$work/state" | cut -f 1; }
mb() { awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1048576 }'; }

start() {
    "$AQUEDUCT_TOOLS/topics" create "$AQUEDUCT_SOURCE" "$output" "$partitions"
    "$AQUEDUCT_TOOLS/orders_gen" --brokers "$AQUEDUCT_SOURCE" --topic "$input" --records $((rate * minutes * 60)) \
        --rate "$rate" --partitions "$partitions" --config retention.bytes=536870912 --config segment.bytes=67108864 \
        >"$work/generator.log" 2>&1 &
    generator=$!
    until "$AQUEDUCT_TOOLS/topics" list "$AQUEDUCT_SOURCE" "$input" | grep -q .; do sleep 0.2; done
    "$AQUEDUCT_BIN" streams -c "$work/aqueduct.conf" >"$work/streams.log" 2>&1 &
    engine=$!
    until port=$(sed -n 's/.*msg="http listens".*127.0.0.1:\([0-9]*\).*/\1/p' "$work/streams.log") && [[ -n $port ]]; do
        kill -0 "$engine" || return 1
        sleep 0.1
    done
}

# One line: how long, memory and its parts in MiB, the store on disk, records behind, CPU time.
sample() {
    local memory
    memory=$(rss_mb)
    printf '%6s %9s %9s %9s %9s %9s %12s %9s %8s\n' $((SECONDS - began)) "$memory" "$bound" \
        "$(mb "$(metric aqueduct_streams_store_cache_bytes)")" "$(mb "$(metric aqueduct_streams_database_memory_bytes)")" \
        "$(disk_mb)" "$(($(metric aqueduct_streams_processed_records_total) / 4))" "$(metric aqueduct_streams_lag_records)" "$(cpu_s)"
    echo "$memory" >>"$work/samples"
}

watch_generator() {
    while kill -0 "$generator" 2>/dev/null; do
        kill -0 "$engine" 2>/dev/null || return 1
        sample
        sleep 10
    done
    wait "$generator"
}

# Everything is counted: nothing is left in the source, nor in the repartition topic behind it.
drain() {
    local deadline=$((SECONDS + 300)) produced processed=0
    produced=$(sed -n 's/.*produced=\([0-9]*\).*/\1/p' "$work/generator.log")
    until ((processed >= 2 * produced)); do
        kill -0 "$engine" 2>/dev/null && ((SECONDS < deadline)) || break
        sleep 2
        processed=$(metric aqueduct_streams_processed_records_total)
    done
    sample
    printf 'produced=%s counted=%s lost_to_retention=%s\n' "$produced" $((processed - produced)) \
        "$(metric aqueduct_streams_lost_records_total)"
    ((processed >= 2 * produced)) && (($(metric aqueduct_streams_lost_records_total) == 0))
}

machine
printf '%s minutes of %s records/s, half of them with a new key, %s partitions, %s threads, exactly_once\n' \
    "$minutes" "$rate" "$partitions" "$threads"
printf 'bound: cache %s + block cache %s + write buffer %s + base %s = %s MiB\n' "$cache" "$block_cache" "$write_buffer" "$base" "$bound"
printf '%6s %9s %9s %9s %9s %9s %12s %9s %8s\n' second rss-MiB bound cache database disk-MiB keys lag CPU-s
write_config
began=$SECONDS
start
status=0
watch_generator || status=1
generator=''
drain || status=1
kill -TERM "$engine"
wait "$engine" || status=1
engine=''
most=$(sort -g "$work/samples" | tail -n 1)
printf 'memory: %s MiB at most, bound %s MiB: %s\n' "$most" "$bound" \
    "$(awk -v m="$most" -v b="$bound" 'BEGIN { print m <= b ? "holds" : "ABOVE" }')"
awk -v m="$most" -v b="$bound" 'BEGIN { exit !(m <= b) }' || status=1
((status == 0)) || tail -n 20 "$work/streams.log"
exit $status
