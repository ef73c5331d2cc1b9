# Kafka Streams as the benchmarks' peer: how it is built and tuned. Sourced by them, behind figures.sh.
# shellcheck shell=bash

# peer_build SOURCE: compiles the program before the first run, so that the measured process is the program alone. Sets streams_jars.
peer_build() {
    "$AQUEDUCT_SRC/scripts/install.sh" javac
    streams_jars=$AQUEDUCT_JARS
    compgen -G "$streams_jars/kafka-streams-[0-9]*.jar" >/dev/null \
        || streams_jars=$("$AQUEDUCT_SRC/scripts/kafka_jars.sh" --with org.apache.kafka:kafka-streams)
    javac -cp "$streams_jars/*" -d "$work/classes" "$1"
}

# guarantee_of DELIVERY: processing.guarantee, which aqueduct calls the same.
guarantee_of() { if [[ $1 == exactly_once ]]; then echo exactly_once_v2; else echo at_least_once; fi; }

# peer_properties DELIVERY THREADS COMMIT_MS: what is the same in every benchmark, tuned for throughput. The broker's answers are as large
# as the mirror benchmark lets MirrorMaker's be, and a poll takes as many records as the tasks buffer.
peer_properties() {
    cat <<CONF
application.id = $application-$run_number
bootstrap.servers = $AQUEDUCT_SOURCE
processing.guarantee = $(guarantee_of "$1")
num.stream.threads = $2
commit.interval.ms = $3
state.dir = $work/state
auto.offset.reset = earliest
consumer.max.poll.records = 5000
buffered.records.per.partition = 5000
consumer.fetch.max.bytes = 52428800
consumer.max.partition.fetch.bytes = 8388608
consumer.fetch.min.bytes = 1
producer.compression.type = lz4
# A batch is sent when it is full or when 20 ms are over: 128 KiB fill faster than that at full speed, and the linger
# only keeps the last, small ones together. Kafka's 16 KiB would cost a request for every 60 records.
producer.batch.size = 131072
producer.linger.ms = 20
CONF
}
