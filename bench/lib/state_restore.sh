# Case `restore`: an engine whose state_dir is empty reads a changelog, and goes on with a join. Sourced by streams_state.sh.
# shellcheck shell=bash
#
# The changelog is written by state_fill, in a topic that is named and partitioned as each engine expects its own: both keep a
# row as the record's key, value and timestamp. What comes out of the join afterwards shows that every row asked for is there. How
# long the restoring took says each engine itself: aqueduct by its log, Kafka Streams by its listener.

# milliseconds TEXT: of a time in a log.
milliseconds() { date -d "$1" +%s%3N; }

# span PROGRAM: "records begin end" over all stores, from what the engine said.
span() {
    local line end took
    if [[ $1 == kstreams ]]; then
        sed -n 's/^restored //p' "$work/engine.log" | sed 's/[a-z]*_*[a-z]*=//g' | awk '{ print $2, $3, $4 }'
    else
        grep 'msg="stores restored"' "$work/engine.log" | while IFS= read -r line; do
            end=$(milliseconds "$(field ts "$line")")
            took=$(field took_ms "$line")
            echo "$(field records "$line") $((end - took)) $end"
        done
    fi | awk '{ n += $1; if (NR == 1 || $2 < b) b = $2; if ($3 > e) e = $3 } END { if (NR) print n, b, e }'
}

# The wall clock's milliseconds between begin and end become MB/s of the changelog's keys and values.
restore_figures() { # LINE MB BEGIN END
    awk -v line="$1" -v mb="$2" -v b="$3" -v e="$4" -v cpu="$(field cpu_s "$1")" 'BEGIN {
        s = (e - b) / 1000
        printf "%s restore_s=%.3f mb_s=%.1f mb_cpu=%.1f\n", line, s, (s > 0 ? mb / s : 0), (cpu > 0 ? mb / cpu : 0)
    }'
}

restore_run() { # PROGRAM
    local line output load filled mb records begin end command=()
    run_number=$((run_number + 1))
    output=$outputs$run_number
    "$AQUEDUCT_TOOLS/topics" create "$AQUEDUCT_SOURCE" "$output" "$partitions"
    filled=$("$AQUEDUCT_TOOLS/state_fill" rows --brokers "$AQUEDUCT_SOURCE" --topic "$application-$run_number-rows-changelog" \
        --keys "$restore_rows" --partitions "$partitions")
    mb=$(field mb "$filled")
    command_of "$1" join at_least_once "$restore_input" "$empty_rows" "$output"
    read -r load _ </proc/loadavg
    if line=$("$AQUEDUCT_TOOLS/state_watch" --case join --brokers "$AQUEDUCT_SOURCE" --topic "$output" --keys "$restore_rows" \
        --partitions "$partitions" --records "$restore_events" --timeout "$timeout" --log "$work/engine.log" -- "${command[@]}"); then
        read -r records begin end < <(span "$1") || true
        [[ ${records:-0} == "$restore_rows" ]] || wrong "restore $1: ${records:-no} rows restored of $restore_rows"
        verified=$((verified + 1))
        line=$(restore_figures "$line" "$mb" "${begin:-0}" "${end:-0}")
        printf 'restore %s at_least_once %s\n' "$1" "$line" >>"$work/results"
        printf '%-6s %-9s %-9s %s MB in %s s: %s MB/s, %s MB/CPU-s; start to first result %s s, peak %s MB, load %s\n' "$round" \
            restore "$1" "$mb" "$(field restore_s "$line")" "$(field mb_s "$line")" "$(field mb_cpu "$line")" \
            "$(field first_s "$line")" "$(field peak_mb "$line")" "$load"
    else
        wrong "restore $1: what came out is not what the rule gives, or not all of it"
    fi
    tidy "$output"
}

restore_prepare() {
    restore_input=$prefix.restore.in
    empty_rows=$prefix.restore.rows
    restore_events=20000
    "$AQUEDUCT_TOOLS/topics" create "$AQUEDUCT_SOURCE" "$empty_rows" "$partitions"
    "$AQUEDUCT_TOOLS/state_fill" events --brokers "$AQUEDUCT_SOURCE" --topic "$restore_input" --records "$restore_events" \
        --keys "$restore_rows" --partitions "$partitions" >/dev/null
}
