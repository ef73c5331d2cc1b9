# Both engines, set up for the same work with state: their configurations, bounds and commands. Sourced by streams_state.sh,
# whose options (threads, commit_ms, cache_mb, …) it reads.
# shellcheck shell=bash

# interval DELIVERY: milliseconds between two commits, the same for both.
interval() { if [[ $1 == exactly_once ]]; then echo 100; else echo "$commit_ms"; fi; }

# nodes CASE EVENTS ROWS: the topology in front of the sink.
nodes() {
    local events="events = { type = \"source\"; topics = [\"$2\"]; };" window
    case $1 in
        count) printf '%s rows = { type = "count"; from = "events"; };' "$events" ;;
        windows | sessions)
            window='type = "tumbling"; size = "1m";'
            [[ $1 == windows ]] || window='type = "session"; gap = "10s";'
            printf '%s rows = { type = "count"; from = "events"; window = { %s grace = "10s"; }; };' "$events" "$window"
            ;;
        join)
            printf '%s rows = { type = "table"; topic = "%s"; };' "$events" "$3"
            # shellcheck disable=SC2016  # Lua, not the shell
            printf 'both = { type = "join_table"; from = ["events", "rows"]; join = "left .. %s .. right"; };' "'|'"
            ;;
    esac
}

# Counts never look at values; a join puts two texts together.
value_serde() { if [[ $1 == join ]]; then echo string; else echo bytes; fi; }

aqueduct_config() { # CASE DELIVERY EVENTS ROWS OUTPUT
    local last=rows
    [[ $1 != join ]] || last=both
    cat >"$work/aqueduct.conf" <<CONF
streams = {
  application_id = "$application-$run_number";
  bootstrap_servers = "$AQUEDUCT_SOURCE";
  processing_guarantee = "$(guarantee_of "$2")";
  num_stream_threads = $threads;
  commit_interval_ms = $(interval "$2");
  statestore_cache_max_bytes = "${cache_mb}MiB";
  rocksdb_block_cache = "${block_cache_mb}MiB";
  rocksdb_write_buffer = "${write_buffer_mb}MiB";
  state_dir = "$work/state";
  default_key_serde = "string";
  default_value_serde = "$(value_serde "$1")";
  properties = ["auto.offset.reset=earliest", "producer.compression.type=lz4"];
  topology = {
    $(nodes "$1" "$3" "$4")
    out = { type = "sink"; from = "$last"; topic = "$5"; };
  };
};
CONF
}

peer_config() { # DELIVERY
    peer_properties "$1" "$threads" "$(interval "$1")" >"$work/peer.properties"
    printf 'statestore.cache.max.bytes = %s\n' $((cache_mb << 20)) >>"$work/peer.properties"
}

# command_of PROGRAM CASE DELIVERY EVENTS ROWS OUTPUT: writes the configuration and sets `command`.
command_of() {
    rm -rf "$work/state"
    if [[ $1 == aqueduct ]]; then
        aqueduct_config "${@:2}"
        command=("$AQUEDUCT_BIN" streams -c "$work/aqueduct.conf")
        return
    fi
    peer_config "$3"
    command=(java -server -Xms256m "-Xmx$peer_heap" "$peer_gc" -Djava.awt.headless=true
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "-Dbench.block.cache=$((block_cache_mb << 20))"
        "-Dbench.write.buffer=$((write_buffer_mb << 20))" -cp "$work/classes:$streams_jars/*"
        KafkaStreamsState "$work/peer.properties" "$2" "$4" "$5" "$6")
}
