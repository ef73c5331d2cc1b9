# One Kafka broker as a process: its configuration, start, signals and the question whether it answers.
# Sourced by clusters.sh, which owns the globals PAIR (directory), BROKERS, PORTS (first port), JARS, SETTINGS.
# shellcheck shell=bash
#
# A broker lives in $PAIR/<cluster>/<node>/ : server.properties, broker.log, pid, data/.
# An ordinary pass: broker_configure, broker_format, broker_start, broker_wait. A failing one: broker_wait sees the
# process gone or the time over, prints the log's end and returns non-zero; nothing is retried here.
# Invariant: a signal goes only to a pid whose command line names this broker's own server.properties, so that a
# pid file left by a dead machine never hits a stranger.

broker_dir() { echo "$PAIR/$1/$2"; }

# source: +92 (clients) and +82 (controllers), sink: +192 and +182.
broker_port() {
    local base=$((PORTS + 91))
    [[ $1 == sink ]] && base=$((base + 100))
    echo $((base + $2))
}
controller_port() { echo $(($(broker_port "$1" "$2") - 10)); }

# A cluster keeps its id over every restart and re-creation: tests name it. 22 characters of base64url.
cluster_id() {
    case $1 in
        source) echo aqueductSourceClusterA ;;
        sink) echo aqueductSinkCluster00A ;;
    esac
}

broker_pid() {
    local dir pid
    dir=$(broker_dir "$1" "$2")
    pid=$(cat "$dir/pid" 2>/dev/null) && [[ -n $pid ]] || return 1
    # A zombie's command line is empty: it counts as gone.
    { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF "$dir/server.properties" || return 1
    echo "$pid"
}

broker_configure() {
    local cluster=$1 node=$2 dir voters='' other replicas=$((BROKERS < 3 ? BROKERS : 3)) setting
    local in_sync=$((replicas > 1 ? 2 : 1))
    dir=$(broker_dir "$cluster" "$node")
    for ((other = 1; other <= BROKERS; other++)); do
        voters+=${voters:+,}$other@127.0.0.1:$(controller_port "$cluster" "$other")
    done
    mkdir -p "$dir"
    cat >"$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:$(broker_port "$cluster" "$node"),CONTROLLER://127.0.0.1:$(controller_port "$cluster" "$node")
advertised.listeners=PLAINTEXT://127.0.0.1:$(broker_port "$cluster" "$node")
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$dir/data

# As a careful operator would run it, at this number of brokers.
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
unclean.leader.election.enable=false
auto.create.topics.enable=false
# ACLs can be written and read, and nobody is kept out: every client here is ANONYMOUS.
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS

# Small and impatient, so that tests wait for nothing that is only a default.
offsets.topic.num.partitions=5
transaction.state.log.num.partitions=5
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A broker that was killed comes back only when its old session is over: 9 s by default.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
log.cleaner.backoff.ms=1000
log.cleaner.dedupe.buffer.size=16777216
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
num.io.threads=4
num.network.threads=2
EOF
    # The last line of a key wins in a properties file.
    for setting in ${SETTINGS[@]+"${SETTINGS[@]}"}; do
        [[ ${setting%%:*} == "$cluster" ]] && printf '%s\n' "${setting#*:}" >>"$dir/server.properties"
    done
    return 0
}

broker_java() {
    local heap=$1
    shift
    # The star stays quoted: Java expands it, the shell must not.
    java -Xms"$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$JARS/*" "$@"
}

broker_format() {
    local dir
    dir=$(broker_dir "$1" "$2")
    [[ -f $dir/data/meta.properties ]] && return 0
    if ! broker_java 64m kafka.tools.StorageTool format --cluster-id "$(cluster_id "$1")" \
        --config "$dir/server.properties" >"$dir/format.log" 2>&1; then
        tail -n 5 "$dir/format.log" >&2
        return 1
    fi
}

# The broker outlives us: its own session, no terminal, and none of our open files (a lock held by a broker would
# never be released, a pipe held open would keep ctest waiting).
broker_start() {
    local dir heap=1g
    broker_pid "$1" "$2" >/dev/null && return 0
    dir=$(broker_dir "$1" "$2")
    [[ $BROKERS -gt 1 ]] && heap=512m
    if port_open "$(broker_port "$1" "$2")"; then
        warn "port $(broker_port "$1" "$2") is taken by somebody else; choose another AQUEDUCT_PORT_BASE or --name"
        return 1
    fi
    rm -f "$dir/pid"
    printf -- '---- start %s\n' "$(date +%FT%T)" >>"$dir/broker.log"
    setsid bash -c '
        for fd in /proc/$$/fd/*; do [[ ${fd##*/} -le 2 ]] || eval "exec ${fd##*/}>&-"; done
        echo $$ >"$1/pid"
        shift
        exec "$@"' broker "$dir" \
        java -Xms256m -Xmx$heap -XX:+UseSerialGC -Djava.awt.headless=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS \
        -cp "$JARS/*" kafka.Kafka "$dir/server.properties" \
        </dev/null >>"$dir/broker.log" 2>&1 &
    disown
    until [[ -s $dir/pid ]]; do sleep 0.02; done
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Asks for the broker list (Metadata v1, no topics) in plain bash and prints the answer's bytes. Starting a JVM for
# this question would take a hundred times as long.
metadata_bytes() {
    local size
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf '\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00' >&3
    size=$(head -c 4 <&3 | od --endian=big -An -tu4)
    [[ -n $size ]] && head -c "$((size))" <&3 | od -An -v -tu1 -w65536
}

# A broker lists itself once the controller has unfenced it: later than its port is open, exactly when clients can
# work, and independent of how the log is set up.
broker_answers() {
    local port line at=8 count node
    port=$(broker_port "$1" "$2")
    export -f metadata_bytes
    line=$(timeout 2 bash -c 'metadata_bytes "$1"' probe "$port" 2>/dev/null) || return 1
    local -a byte=($line)
    [[ ${#byte[@]} -ge 8 ]] || return 1
    # correlation id, count; then per broker: id, host (length, text), port, rack (length -1 = none, text)
    for ((count = byte[7]; count > 0; count--)); do
        node=$((byte[at + 2] * 256 + byte[at + 3]))
        at=$((at + 6 + byte[at + 5] + 4))
        [[ $node == "$2" ]] && return 0
        at=$((at + 2 + (byte[at] == 255 ? 0 : byte[at + 1])))
    done
    return 1
}

broker_wait() {
    local deadline=$((SECONDS + ${3:-90})) dir
    dir=$(broker_dir "$1" "$2")
    until broker_answers "$1" "$2"; do
        if ! broker_pid "$1" "$2" >/dev/null; then
            warn "$1 broker $2 ended while starting; the end of $dir/broker.log:"
            tail -n 12 "$dir/broker.log" >&2
            return 1
        fi
        if ((SECONDS >= deadline)); then
            warn "$1 broker $2 does not answer after ${3:-90} s; see $dir/broker.log"
            return 1
        fi
        sleep 0.2
    done
}

# broker_signal SIGNAL cluster node: sends it, and says so when there is nobody to send it to.
broker_signal() {
    local pid
    if ! pid=$(broker_pid "$2" "$3"); then
        warn "$2 broker $3 is not running"
        return 1
    fi
    kill -s "$1" "$pid"
}

broker_gone() {
    local tries=$((${3:-30} * 20))
    while ((tries-- > 0)); do
        broker_pid "$1" "$2" >/dev/null || return 0
        sleep 0.05
    done
    return 1
}

# Clean stop; a broker that does not go is killed, because a test must go on. The last of a stopping cluster never goes
# by itself: its controlled shutdown asks a quorum that is no longer there.
broker_stop() {
    local patience=20
    broker_pid "$1" "$2" >/dev/null || return 0
    broker_signal CONT "$1" "$2" && broker_signal TERM "$1" "$2" || return 0
    if ! broker_gone "$1" "$2" $patience; then
        warn "$1 broker $2 did not stop within $patience s: killed"
        broker_kill "$1" "$2"
    fi
}

broker_kill() {
    broker_signal KILL "$1" "$2" && broker_gone "$1" "$2" 10
}

broker_state() {
    local pid
    if ! pid=$(broker_pid "$1" "$2"); then
        echo down
    elif [[ $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) == T* ]]; then
        echo paused
    elif broker_answers "$1" "$2"; then
        echo up
    else
        echo starting
    fi
}
