#!/usr/bin/env bash
# Records for the streams examples, one a line: KEY<TAB>JSON, as kafka-console-producer reads them with parse.key=true.
#
#   conf/examples/generate.sh KIND N [SEED]
#
#   KIND       key        value
#   metrics    its name   {"host":"h03","name":"disk.used","value":12.75,"time":1767225600000}
#   cpu        its rack   {"server":"h07","user":40.25,"system":5.00,"time":…}
#   orders     its id     {"id":"o-1","customer":"c12","amount":1250.50,"card":"4000…","time":…}; some have "test":true
#   customers  its id     {"name":"Ada","city":"Lima","time":…}, one for each of c0, c1, …
#   events     a user     {"kind":"login","user":"u4","time":…}; some have no kind
#   clicks     a page     {"user":"u4","time":…}
#
# The same SEED gives the same lines, everywhere; without one it is 1. Times begin at 2026-01-01T00:00:00Z and go up by 100 ms.
set -euo pipefail

usage() {
    sed -n '2,/^set /{/^#/{s/^# \{0,1\}//;p}}' "${BASH_SOURCE[0]}" >&2
    exit 64
}

[[ $# -ge 2 && $# -le 3 ]] || usage
kind=$1 count=$2 seed=${3:-1}
[[ $kind =~ ^(metrics|cpu|orders|customers|events|clicks)$ && $count =~ ^[0-9]+$ && $seed =~ ^[0-9]+$ ]] || usage

# awk's own rand() differs from one awk to the next, and so does the order in which arguments are evaluated: every draw has a statement of
# its own. Amounts and loads are whole quarters, so that sums of them are exact.
exec awk -v kind="$kind" -v count="$count" -v seed="$seed" '
    function draw(n) { # 0 to n - 1
        state = state * 16807 % 2147483647
        return int(state / 2147483647 * n)
    }
    function quarters(n) { return sprintf("%.2f", (1 + draw(n)) / 4) }
    function one_of(words,   list, n) {
        n = split(words, list, " ")
        return list[1 + draw(n)]
    }
    function metric(   name, host, value) {
        name = one_of("disk.used memory.used net.in net.out")
        host = sprintf("h%02d", draw(10))
        value = quarters(400)
        return name "\t{\"host\":\"" host "\",\"name\":\"" name "\",\"value\":" value
    }
    function cpu(   rack, server, user, system_) {
        rack = "rack" draw(3)
        server = sprintf("h%02d", draw(10))
        user = quarters(320)
        system_ = quarters(80)
        return rack "\t{\"server\":\"" server "\",\"user\":" user ",\"system\":" system_
    }
    function order(i,   customer, amount, card) {
        customer = "c" draw(50)
        amount = quarters(one_of("40 400 8000"))
        card = sprintf("4000%06d", draw(1000000))
        card = card sprintf("%06d", draw(1000000))
        return "o-" i "\t{\"id\":\"o-" i "\",\"customer\":\"" customer "\",\"amount\":" amount ",\"card\":\"" card "\"" \
            (draw(20) == 0 ? ",\"test\":true" : "")
    }
    function customer(i,   name, city) {
        name = one_of("Ada Ben Cem Dora Emil Femi")
        city = one_of("Lagos Lima Osaka Turin")
        return "c" i - 1 "\t{\"name\":\"" name "\",\"city\":\"" city "\""
    }
    function event(   user, kind) {
        user = "u" draw(20)
        kind = one_of("login logout view buy")
        return user "\t{" (draw(50) == 0 ? "" : "\"kind\":\"" kind "\",") "\"user\":\"" user "\""
    }
    function click(   page, user) {
        page = one_of("home search cart help about")
        user = "u" draw(20)
        return page "\t{\"user\":\"" user "\""
    }
    function record(i) {
        if (kind == "metrics") return metric()
        if (kind == "cpu") return cpu()
        if (kind == "orders") return order(i)
        if (kind == "customers") return customer(i)
        if (kind == "events") return event()
        return click()
    }
    BEGIN {
        state = seed % 2147483646 + 1
        for (i = 0; i < 10; i++) draw(1) # neighbouring seeds begin alike
        for (i = 1; i <= count; i++) {
            line = record(i)
            printf "%s,\"time\":%.0f}\n", line, 1767225600000 + (i - 1) * 100
        }
    }'
