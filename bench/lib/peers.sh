# Both mirrors, set up for the same work: their configuration files, their commands, and clean clusters between runs.
# Sourced by the benchmarks.
# shellcheck shell=bash

# shellcheck source=bench/lib/figures.sh
. "$(dirname "${BASH_SOURCE[0]}")/figures.sh"

# aqueduct_config DELIVERY TOPIC STOP_AT_END: a file with a route of its own name, so that no run finds old positions.
aqueduct_config() {
    run_number=$((run_number + 1))
    cat >"$work/aqueduct.conf" <<CONF
clusters = { src = { brokers = "$AQUEDUCT_SOURCE"; }; dst = { brokers = "$AQUEDUCT_SINK"; }; };
routes = ( { name = "bench-$$-$run_number"; from = "src"; to = "dst"; topics = ["$2"];
             delivery = "$1"; commit_interval = "100ms"; start = "earliest"; stop_at_end = $3; } );
CONF
}

# mm2_config DELIVERY TOPIC LINGER_MS: MirrorMaker 2 in dedicated mode, tuned. The identity policy gives the sink topic
# the source's name; heartbeats and checkpoints are off, because aqueduct does no such work in this comparison.
mm2_config() {
    cat >"$work/mm2.properties" <<CONF
clusters = src, dst
src.bootstrap.servers = $AQUEDUCT_SOURCE
dst.bootstrap.servers = $AQUEDUCT_SINK
src->dst.enabled = true
dst->src.enabled = false
src->dst.topics = $2
replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy
tasks.max = 4
replication.factor = 1
offset-syncs.topic.replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
config.storage.replication.factor = 1
offset.storage.replication.factor = 1
status.storage.replication.factor = 1
emit.heartbeats.enabled = false
emit.checkpoints.enabled = false
sync.topic.acls.enabled = false
dst.producer.compression.type = lz4
dst.producer.batch.size = 131072
dst.producer.linger.ms = $3
src.consumer.max.poll.records = 5000
src.consumer.fetch.max.bytes = 52428800
src.consumer.max.partition.fetch.bytes = 8388608
src.consumer.fetch.min.bytes = 1
CONF
    [[ $1 == exactly_once ]] || return 0
    cat >>"$work/mm2.properties" <<CONF
exactly.once.source.support = enabled
dst.exactly.once.source.support = enabled
dedicated.mode.enable.internal.rest = true
listeners = http://127.0.0.1:${MM2_PORT:-19083}
CONF
}

# The options of Kafka's own connect-mirror-maker.sh.
mm2_command=(java -Xms256M -Xmx2G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35
    -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
    -cp "$AQUEDUCT_JARS/*" org.apache.kafka.connect.mirror.MirrorMaker "$work/mm2.properties")
aqueduct_command=("$AQUEDUCT_BIN" bridge -c "$work/aqueduct.conf")

# clean TOPIC: the sink's copy, both mirrors' own topics.
clean() {
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SINK" "$1" mm2- aqueduct.bench- heartbeats src.checkpoints
    "$AQUEDUCT_TOOLS/topics" delete "$AQUEDUCT_SOURCE" mm2- heartbeats
}
