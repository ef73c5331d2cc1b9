# What every benchmark does with its measurements: fields of a line, medians, ratios, and targets that hold or do not.
# Sourced by the benchmarks; scripts/bench.sh has put AQUEDUCT_BIN, AQUEDUCT_TOOLS, AQUEDUCT_SOURCE, AQUEDUCT_SINK and
# AQUEDUCT_JARS into the environment.
# shellcheck shell=bash

: "${AQUEDUCT_BIN:?run it by ./dev bench}" "${AQUEDUCT_TOOLS:?}" "${AQUEDUCT_SOURCE:?}" "${AQUEDUCT_SINK:?}" "${AQUEDUCT_JARS:?}"
work=$(mktemp -d)
run_number=0

# field NAME LINE: the value of NAME=value.
field() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" <<<"$2"; }

# median of the lines on stdin.
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

machine() {
    printf '%s, %s cores; Kafka %s, brokers on the same machine; aqueduct %s\n' \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(basename "$(find "$AQUEDUCT_JARS" -name 'kafka-clients-*.jar' | head -n 1)" .jar | sed 's/kafka-clients-//')" \
        "$("$AQUEDUCT_BIN" version 2>/dev/null | head -n 1)"
}

# ratio A B: A / B, "-" when a figure is missing. Three digits: the limits have as many.
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a != "" && b > 0) printf "%.3f", a / b; else printf "-" }'; }

# target TEXT VALUE OP LIMIT: one line that says whether the figure keeps its promise.
target() {
    awk -v text="$1" -v v="$2" -v op="$3" -v limit="$4" 'BEGIN {
        if (v == "" || v == "-") { printf "  %-52s %8s  (%s %s)  MISSED\n", text, "none", op, limit; exit }
        holds = op == ">=" ? v + 0 >= limit + 0 : v + 0 <= limit + 0
        printf "  %-52s %8s  (%s %s)  %s\n", text, v, op, limit, holds ? "holds" : "MISSED"
    }'
}
