#!/usr/bin/env bash
# Kafka's own SmokeTestDriver, out of the test jar of Kafka Streams. Jars are fetched and compiled for when they are missing.
# tests/fault/test_smoke.c runs it; tests/smoke/Smoke.java says what it does.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

source=$ROOT/tests/smoke/Smoke.java
tools=${AQUEDUCT_TOOLS:-$ROOT/build/debug/tests}
classes=${tools%/tests}/smoke

[[ $# -gt 0 ]] || usage_error 'scripts/smoke.sh topics | generate … | verify …'
"$here/install.sh" kafka javac
jars=$("$here/kafka_jars.sh" --with org.apache.kafka:kafka-streams --with org.apache.kafka:kafka-streams::test)
if [[ ! $classes/Smoke.class -nt $source ]]; then
    mkdir -p "$classes"
    javac -Xlint:all,-path -Werror -d "$classes" -cp "$jars/*" "$source" || die "$source does not compile"
fi
# In the place of this shell, so that whoever started it can end it by its pid.
exec java -XX:+UseSerialGC -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$classes:$jars/*" Smoke "$@"
