# Case `failover`: a task with a large store, two processes, one standby copy; the process that has the task is killed, in turn, and the
# other one goes on. Sourced by streams_state.sh.
# shellcheck shell=bash
#
# A row is some 1 KB that lz4 does not make smaller, and every event changes one: what comes out needs the old row. state_failover
# measures from the kill to the first committed row of an event that was sent after it, and compares each row with the rule. That the
# process is lost shows when its session has run out, which is the brokers' and the user's choice: it is counted apart.

failover_config() { # NUMBER DELIVERY OUTPUT
    cat >"$work/failover.$1.conf" <<CONF
http = { listen = "127.0.0.1:0"; };
streams = {
  application_id = "$application-$run_number";
  bootstrap_servers = "$AQUEDUCT_SOURCE";
  processing_guarantee = "$(guarantee_of "$2")";
  num_stream_threads = 1;
  num_standby_replicas = 1;
  session_timeout_ms = $session_ms;
  commit_interval_ms = $(interval "$2");
  transaction_timeout_ms = $transaction_ms;
  statestore_cache_max_bytes = "${cache_mb}MiB";
  rocksdb_block_cache = "${block_cache_mb}MiB";
  rocksdb_write_buffer = "${write_buffer_mb}MiB";
  state_dir = "$work/state/$1";
  default_key_serde = "string";
  default_value_serde = "string";
  properties = ["auto.offset.reset=earliest", "producer.compression.type=lz4"];
  topology = {
    events  = { type = "source"; topics = ["$failover_input"]; };
    rows    = { type = "reduce"; from = "events"; cached = false;
                reduce = "string.format('%08d', tonumber(agg:sub(1, 8)) + 1) .. agg:sub(9)"; };
    changes = { type = "to_stream"; from = "rows"; };
    changed = { type = "filter"; from = "changes"; where = "value:sub(1, 8) ~= '00000000'"; };
    out     = { type = "sink"; from = "changed"; topic = "$3"; };
  };
};
CONF
}

# failover_line LINE: with rest_s, the time without the session timeout, and failover_s, the time since the coordinator knew. The last
# heartbeat is up to half a second old when the process dies, and rest_s is that much too small.
failover_line() {
    awk -v line="$1" -v total="$(field total_s "$1")" -v noticed="$(field noticed_s "$1")" -v session="$session_ms" 'BEGIN {
        if (total < 0 || noticed < 0) { printf "%s rest_s=- failover_s=-\n", line; exit }
        printf "%s rest_s=%.3f failover_s=%.3f\n", line, total - session / 1000, total - noticed
    }'
}

failover_check() { # DELIVERY LINE
    [[ $(field total_s "$2") != -* ]] || wrong "failover $1: nothing came out after the kill"
    [[ $(field wrong "$2") == 0 ]] || wrong "failover $1: $(field wrong "$2") rows are not what the rule gives"
    [[ $(field missing "$2") == 0 ]] || wrong "failover $1: $(field missing "$2") events are in no row"
    (($(field restored "$2") <= failover_rows / 20)) \
        || wrong "failover $1: $(field restored "$2") records were restored, in spite of the copy"
    verified=$((verified + 1))
}

failover_columns() { printf '%-6s %-14s %-7s %9s %10s %9s %10s %10s %6s %9s %6s\n' "$@"; }

# The lines as they come.
failover_show() { # DELIVERY
    local line load
    while IFS= read -r line; do
        line=$(failover_line "$line")
        printf 'failover aqueduct %s mb=%s %s\n' "$1" "$failover_mb" "$line" >>"$work/results"
        read -r load _ </proc/loadavg
        failover_columns "$(field round "$line")" "$1" "$(field killed "$line")" "$(field total_s "$line")" \
            "$(awk -v ms="$session_ms" 'BEGIN { printf "%.3f", ms / 1000 }')" "$(field rest_s "$line")" \
            "$(field noticed_s "$line")" "$(field failover_s "$line")" "$(field lag "$line")" "$(field restored "$line")" "$load"
        failover_check "$1" "$line"
    done < <(tail -n +1 -f --pid="$failover_pid" "$work/failover.lines")
}

failover_run() { # DELIVERY
    local filled output repeats=()
    run_number=$((run_number + 1))
    output=$outputs$run_number
    failover_input=$prefix.failover.$run_number.in
    "$AQUEDUCT_TOOLS/topics" create "$AQUEDUCT_SOURCE" "$output" 1
    filled=$("$AQUEDUCT_TOOLS/state_fill" big --brokers "$AQUEDUCT_SOURCE" --topic "$failover_input" --keys "$failover_rows" \
        --partitions 1)
    failover_mb=$(field mb "$filled")
    failover_config 0 "$1" "$output"
    failover_config 1 "$1" "$output"
    [[ $1 == exactly_once ]] || repeats=(--repeats)
    : >"$work/failover.lines"
    "$AQUEDUCT_TOOLS/state_failover" --brokers "$AQUEDUCT_SOURCE" --input "$failover_input" --output "$output" \
        --group "$application-$run_number" --config "$work/failover.0.conf" --config "$work/failover.1.conf" \
        --keys "$failover_rows" --rate "$failover_rate" --settle "$(($(interval "$1") + 1000))" --rounds "$rounds" --timeout "$failover_timeout" \
        ${repeats[@]+"${repeats[@]}"} --log "$work/engine.log" -- "$AQUEDUCT_BIN" streams -c >"$work/failover.lines" &
    failover_pid=$!
    failover_show "$1"
    wait "$failover_pid" || wrong "failover $1: the run did not come to its end"
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" "$failover_input"
    tidy "$output"
}

failover_all() {
    local delivery
    [[ -n $failover_rows || ${cases[*]} != failover ]] || failover_rows=$records_asked
    failover_rows=${failover_rows:-1000000}
    printf '\nfailover: two processes of aqueduct, one standby copy, %s rows of 1 KB in one task, %s events/s\n' "$failover_rows" \
        "$failover_rate"
    printf 'session timeout %s ms, transaction timeout %s ms; commits every %s ms (at_least_once), %s ms (exactly_once)\n' \
        "$session_ms" "$transaction_ms" "$(interval at_least_once)" "$(interval exactly_once)"
    failover_columns round delivery killed total/s session/s rest/s noticed/s failover/s lag restored load
    for delivery in $deliveries; do
        failover_run "$delivery"
    done
}

failover_targets() {
    local delivery mb s
    printf '\n'
    for delivery in $deliveries; do
        mb=$(value failover aqueduct "$delivery" mb)
        s=$(value failover aqueduct "$delivery" failover_s)
        printf 'failover of %s MB, %s: %s s, target <= 2 s %s\n' "${mb:--}" "$delivery" "${s:--}" \
            "$(awk -v s="$s" 'BEGIN { print (s != "" && s + 0 <= 2 ? "holds" : "misses") }')"
    done
}
