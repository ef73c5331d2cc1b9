#!/usr/bin/env bash
# Two real Apache Kafka clusters, "source" and "sink", in KRaft mode on 127.0.0.1, under a name, so that several pairs
# live side by side. What a pair was started with is kept in its directory (`pair`), so that every later command, also
# one from a fault test, needs only the name.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
. "$here/broker.sh"
. "$here/kafka_tool.sh"

HOME_DIR=${AQUEDUCT_CLUSTERS_DIR:-$ROOT/build/clusters}
NAME=${AQUEDUCT_CLUSTERS_NAME:-default}
BROKERS='' # as asked; a running pair's own number otherwise
VERSION=$KAFKA_VERSION
SETTINGS=()
PAIR='' PORTS='' JARS=''
ADMIN_DEADLINE=90

usage() {
    cat <<'EOF'
usage: ./dev clusters COMMAND [--name NAME]

  up [--brokers N] [--version V] [--set CLUSTER:KEY=VALUE]...
                          start source and sink with N brokers each (default 1), wait until they answer
  down [--keep]           end them; their data goes (their logs stay) unless --keep
  status                  one line per broker
  env                     export lines for a shell: eval "$(./dev clusters env)"
  restart [source|sink [NODE]]    clean stop, start, wait; one broker after the other
  stop | start | kill [source|sink [NODE]]    SIGTERM | start and wait | SIGKILL
  pause | cont [source|sink [NODE]]           SIGSTOP | SIGCONT
  logs [source|sink [NODE]]       the end of the brokers' logs
  tool NAME args          Kafka's own tool: kafka-topics, kafka-configs, kafka-console-consumer, …

NAME is $AQUEDUCT_CLUSTERS_NAME or `default`. Ports: first $AQUEDUCT_PORT_BASE (19000), plus 300 per known name
(default, test, fault, bench), plus a hash for others; +92.. source brokers, +192.. sink brokers.
EOF
}

# Every name has 300 ports to itself. The four that the project uses can never collide, others only by bad luck,
# and then `up` says that the port is taken.
first_port() {
    local base=${AQUEDUCT_PORT_BASE:-19000}
    case $NAME in
        default) echo "$base" ;;
        test) echo $((base + 300)) ;;
        fault) echo $((base + 600)) ;;
        bench) echo $((base + 900)) ;;
        *) echo $((base + 1200 + $(printf %s "$NAME" | cksum | cut -d' ' -f1) % 30 * 300)) ;;
    esac
}

set_pair() {
    [[ $NAME =~ ^[A-Za-z0-9._-]+$ ]] || die "a cluster name has letters, digits, dot, dash: '$NAME'"
    mkdir -p "$HOME_DIR/$NAME"
    PAIR=$(cd "$HOME_DIR/$NAME" && pwd)
}

# The pair file is written by us, but a shell must not execute what it reads: only the known keys are taken.
load_pair() {
    local key value
    [[ -f $PAIR/pair ]] || return 1
    while IFS='=' read -r key value; do
        case $key in
            BROKERS) BROKERS=$value ;;
            PORTS) PORTS=$value ;;
            JARS) JARS=$value ;;
            VERSION) VERSION=$value ;;
            SETTING) SETTINGS+=("$value") ;;
        esac
    done <"$PAIR/pair"
}

save_pair() {
    printf '%s\n' "BROKERS=$BROKERS" "PORTS=$PORTS" "JARS=$JARS" "VERSION=$VERSION" \
        ${SETTINGS[@]+"${SETTINGS[@]/#/SETTING=}"} >"$PAIR/pair"
}

need_pair() {
    load_pair || die "no clusters named '$NAME' (./dev clusters up --name $NAME)"
}

# Two `up` at once (several engineers, several tests) take turns; the second finds everything running.
lock_pair() {
    exec 9>"$PAIR/lock"
    flock -w 180 9 || die "another command is busy with the clusters named '$NAME'"
}

# Runs a function for every broker that the words [cluster [node]] choose.
each_broker() {
    local what=$1 cluster=${2:-both} node=${3:-all} c n status=0
    case $cluster in both | source | sink) ;; *) usage_error "source or sink, not '$cluster'" ;; esac
    if [[ $node != all ]] && ! [[ $node =~ ^[1-9]$ && $node -le $BROKERS ]]; then
        usage_error "broker numbers are 1..$BROKERS, not '$node'"
    fi
    for c in source sink; do
        [[ $cluster == both || $cluster == "$c" ]] || continue
        for ((n = 1; n <= BROKERS; n++)); do
            [[ $node == all || $node == "$n" ]] || continue
            $what "$c" "$n" || status=1
        done
    done
    return $status
}

# The same in parallel: formatting and stopping are mostly waiting.
each_broker_at_once() {
    local job status=0 jobs=()
    in_background() { "$what_at_once" "$@" & jobs+=($!); }
    what_at_once=$1
    shift
    each_broker in_background "$@"
    for job in ${jobs[@]+"${jobs[@]}"}; do
        wait "$job" || status=1
    done
    return $status
}

start_and_wait() {
    each_broker broker_start "$@" && each_broker wait_ready "$@"
}
wait_ready() { broker_wait "$1" "$2" "$ADMIN_DEADLINE"; }

# Broker after broker, as an operator rolls a cluster: three that stop together wait for a quorum none of them can give.
restart() {
    local source status=0
    if [[ $# -gt 0 ]]; then
        each_broker restart_one "$@"
        return
    fi
    restart source &
    source=$!
    restart sink || status=1
    wait "$source" || status=1
    return $status
}
restart_one() { broker_stop "$@" && broker_start "$@" && wait_ready "$@"; }

address_list() {
    local n list=''
    for ((n = 1; n <= BROKERS; n++)); do
        list+=${list:+,}127.0.0.1:$(broker_port "$1" "$n")
    done
    echo "$list"
}

print_env() {
    printf 'export AQUEDUCT_SOURCE=%s\n' "$(address_list source)"
    printf 'export AQUEDUCT_SINK=%s\n' "$(address_list sink)"
    printf 'export AQUEDUCT_CLUSTERS_NAME=%s\n' "$NAME"
    printf 'export AQUEDUCT_CLUSTERS_DIR=%q\n' "$(dirname "$PAIR")"
    printf 'export AQUEDUCT_CLUSTERS_CMD=%q\n' "$here/clusters.sh"
    printf 'export AQUEDUCT_CLUSTERS_BROKERS=%s\n' "$BROKERS"
}

print_status() {
    printf '%-8s %-5s %-17s %-9s %-8s %s\n' cluster node address state pid log
    print_broker() {
        printf '%-8s %-5s %-17s %-9s %-8s %s\n' "$1" "$2" "127.0.0.1:$(broker_port "$1" "$2")" \
            "$(broker_state "$1" "$2")" "$(broker_pid "$1" "$2" || echo -)" "$(broker_dir "$1" "$2")/broker.log"
    }
    each_broker print_broker
}

# ---- commands

any_running() { ! each_broker not_running; }
not_running() { ! broker_pid "$1" "$2" >/dev/null; }

command_up() {
    local asked_brokers=$BROKERS asked_settings=(${SETTINGS[@]+"${SETTINGS[@]}"})
    lock_pair
    SETTINGS=()
    if load_pair && any_running; then
        if [[ -n $asked_brokers && $asked_brokers != "$BROKERS" ]]; then
            die "'$NAME' is up with $BROKERS brokers per cluster; ./dev clusters down --name $NAME first"
        fi
        [[ ${#asked_settings[@]} -eq 0 || "${asked_settings[*]}" == "${SETTINGS[*]-}" ]] \
            || die "'$NAME' is up with other settings; ./dev clusters down --name $NAME first"
    else
        create_pair "$asked_brokers" ${asked_settings[@]+"${asked_settings[@]}"}
    fi
    if ! start_and_wait; then
        each_broker_at_once stop_hard || true
        die "the clusters named '$NAME' did not come up"
    fi
    print_status
    echo
    print_env
}

create_pair() {
    BROKERS=${1:-1}
    shift
    SETTINGS=("$@")
    [[ $BROKERS =~ ^[1-9]$ ]] || die "--brokers takes 1 to 9"
    have_java17 || die "Java 17 or newer is needed for the Kafka brokers (./dev install kafka)"
    # Kept data belongs to a number of brokers; with another one the quorum would not form.
    [[ -f $PAIR/kept && $(cat "$PAIR/kept") == "$BROKERS $VERSION" ]] || remove_data
    rm -f "$PAIR/kept"
    PORTS=$(first_port)
    JARS=$("$here/kafka_jars.sh" --version "$VERSION")
    save_pair
    each_broker broker_configure
    each_broker_at_once broker_format || die "the storage could not be formatted"
}

remove_data() { rm -rf "$PAIR"/source/*/data "$PAIR"/sink/*/data; }

stop_hard() {
    broker_pid "$1" "$2" >/dev/null || return 0
    broker_kill "$1" "$2"
}

# Data that goes anyway needs no clean end.
command_down() {
    lock_pair
    load_pair || { note "no clusters named '$NAME'" && return 0; }
    if [[ $KEEP == 1 ]]; then
        each_broker_at_once broker_stop
        echo "$BROKERS $VERSION" >"$PAIR/kept"
    else
        each_broker_at_once stop_hard
        remove_data
    fi
    rm -f "$PAIR/pair"
    note "clusters '$NAME' are down"
}

command_logs() {
    show() {
        printf '==> %s broker %s: %s\n' "$1" "$2" "$(broker_dir "$1" "$2")/broker.log"
        tail -n 20 "$(broker_dir "$1" "$2")/broker.log" 2>/dev/null || true
    }
    each_broker show "$@"
}

pause_one() { broker_signal STOP "$@"; }
cont_one() { broker_signal CONT "$@"; }

KEEP=0
words=()
parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --name) NAME=${2:?--name needs a value} && shift 2 ;;
            --brokers) BROKERS=${2:?--brokers needs a value} && shift 2 ;;
            --version) VERSION=${2:?--version needs a value} && shift 2 ;;
            --set) SETTINGS+=("${2:?--set needs cluster:key=value}") && shift 2 ;;
            --keep) KEEP=1 && shift ;;
            -*) usage_error "./dev clusters: unknown option $1" ;;
            *) words+=("$1") && shift ;;
        esac
    done
    local setting
    for setting in ${SETTINGS[@]+"${SETTINGS[@]}"}; do
        [[ $setting =~ ^(source|sink):[^=]+=.* ]] || usage_error "--set source|sink:KEY=VALUE, not '$setting'"
    done
}

main() {
    local command=${1:-help}
    [[ $# -gt 0 ]] && shift
    case $command in
        help | -h | --help) usage && return ;;
        tool) run_tool "$@" ;; # its arguments are the tool's own
    esac
    parse "$@"
    set -- ${words[@]+"${words[@]}"}
    set_pair
    case $command in
        up) command_up ;;
        down) command_down ;;
        status) need_pair && print_status ;;
        env) need_pair && print_env ;;
        restart) need_pair && restart "$@" ;;
        stop) need_pair && each_broker_at_once broker_stop "$@" ;;
        start) need_pair && start_and_wait "$@" ;;
        kill) need_pair && each_broker broker_kill "$@" ;;
        pause) need_pair && each_broker pause_one "$@" ;;
        cont) need_pair && each_broker cont_one "$@" ;;
        logs) need_pair && command_logs "$@" ;;
        *) usage >&2 && exit 64 ;;
    esac
}

main "$@"
