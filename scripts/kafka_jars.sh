#!/usr/bin/env bash
# Prints the directory that holds Apache Kafka's jars, fetching them by Maven coordinates when they are not there:
#   kafka_jars.sh [--version V] [--with GROUP:ARTIFACT[:[VERSION][:CLASSIFIER]]]...
# AQUEDUCT_KAFKA_JARS or KAFKA_HOME name jars that exist already: then nothing is fetched.
# --with adds artifacts (Kafka Streams, for an oracle) in a directory of their own, so that brokers stay as shipped.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The plugin's version is pinned: Maven would otherwise ask the registry for the newest one each time.
COPY_GOAL=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
ARTIFACTS=(kafka_2.13 kafka-tools connect-runtime connect-mirror connect-mirror-client connect-transforms connect-json)
# One slf4j binding must stay, and it must speak the slf4j-api 1.7 that Kafka is built with.
SLF4J_VERSION=1.7.36
OTHER_BINDINGS=(org.apache.logging.log4j:log4j-slf4j-impl org.slf4j:slf4j-reload4j org.slf4j:slf4j-log4j12
    ch.qos.logback:logback-classic)

version=$KAFKA_VERSION
with=()

has_broker() { compgen -G "$1/kafka_2.1*.jar" >/dev/null && compgen -G "$1/kafka-clients-*.jar" >/dev/null; }

given_jars() {
    local dir
    if [[ -n ${AQUEDUCT_KAFKA_JARS:-} ]]; then
        dir=$AQUEDUCT_KAFKA_JARS
    elif [[ -n ${KAFKA_HOME:-} ]]; then
        dir=$KAFKA_HOME/libs
    else
        return 1
    fi
    has_broker "$dir" || die "no Kafka jars (kafka_2.13-*.jar, kafka-clients-*.jar) in $dir"
    (cd "$dir" && pwd)
}

dependency() {
    local exclusions='' binding
    for binding in "${OTHER_BINDINGS[@]}"; do
        exclusions+="<exclusion><groupId>${binding%%:*}</groupId><artifactId>${binding##*:}</artifactId></exclusion>"
    done
    printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>' "$1" "$2" "$3"
    printf '%s<exclusions>%s</exclusions></dependency>\n' "${4:+<classifier>$4</classifier>}" "$exclusions"
}

write_pom() {
    local artifact group name wanted classifier
    cat <<'EOF'
<project>
<modelVersion>4.0.0</modelVersion>
<groupId>aqueduct</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
EOF
    for artifact in "${ARTIFACTS[@]}"; do
        dependency org.apache.kafka "$artifact" "$version"
    done
    dependency org.slf4j slf4j-simple "$SLF4J_VERSION"
    for artifact in ${with[@]+"${with[@]}"}; do
        IFS=: read -r group name wanted classifier <<<"$artifact"
        dependency "$group" "$name" "${wanted:-$version}" "$classifier"
    done
    echo '</dependencies></project>'
}

# -U on every try: Maven remembers a failed download and would not ask again.
copy_jars() {
    mvn -B -q -U -f "$1/pom.xml" "$COPY_GOAL" -DoutputDirectory="$1/jars" >"$1/log" 2>&1 </dev/null
}

fetch() {
    local target=$1 work
    have mvn || die "Kafka's jars are not there and neither is Maven (mvn): run ./dev install kafka, or set AQUEDUCT_KAFKA_JARS"
    mkdir -p "$CACHE"
    work=$(mktemp -d "$CACHE/.kafka-jars.XXXXXX")
    # shellcheck disable=SC2064  # the name is wanted as it is now
    trap "rm -rf '$work'" EXIT
    write_pom >"$work/pom.xml"
    note "fetching Apache Kafka $version by Maven coordinates (once, into $CACHE)"
    if ! retry3 copy_jars "$work"; then
        grep -E 'ERROR' "$work/log" | head -n 5 >&2 || true
        die "Maven could not fetch Apache Kafka $version"
    fi
    has_broker "$work/jars" || die "Maven left no broker in $work/jars"
    # A rename, so that nobody ever sees half a directory; when another process was faster, its copy stays.
    mv -T "$work/jars" "$target" 2>/dev/null || [[ -d $target ]] || die "cannot write $target"
}

main() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --version) version=$2 && shift 2 ;;
            --with) with+=("$2") && shift 2 ;;
            *) usage_error "kafka_jars.sh [--version V] [--with GROUP:ARTIFACT[:[VERSION][:CLASSIFIER]]]..." ;;
        esac
    done
    local target=$CACHE/kafka-$version
    if [[ ${#with[@]} -gt 0 ]]; then
        target+=-$(printf '%s\n' "${with[@]}" | sort | cksum | cut -d' ' -f1)
    elif [[ $version == "$KAFKA_VERSION" ]] && given_jars; then
        return
    fi
    [[ -d $target ]] || fetch "$target"
    echo "$target"
}

main "$@"
