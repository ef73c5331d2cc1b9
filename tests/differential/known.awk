# SPDX-License-Identifier: Apache-2.0
#
# known.awk KNOWN TOPOLOGY DIFFERENCE: which lines of known.def a difference without compat falls under. Prints their ids, one a line; and
# "unknown TOPIC" for a family of topics that differs and has no node above it for which any line holds.

BEGIN { FS = "\t" }
FNR == 1 { file++ }

file == 1 && !/^#/ && NF >= 3 { ids[++rules] = $1; conditions[rules] = $2 }

file == 2 && $1 == "node" {
    name = ""
    for (i = 2; i <= NF; i++) {
        at = index($i, "=")
        field = substr($i, 1, at - 1)
        if (field == "name") name = substr($i, at + 1)
        fields[name, field] = substr($i, at + 1)
    }
    nodes[name] = 1
}

# Records by input, key, value and headers: their numbers change when one before them is left out, and so may the time of a row, and by that
# the topic.
file == 3 && /^[-+][0-9]/ {
    sub(/[.].*/, "", $2)
    differ[$2] = 1
    more[$2, substr($1, 2), $4, $5, $7] += /^[+]/ ? 1 : -1
}

# A way of a branch stands for the branch.
function node_of(stream) {
    if (!(stream in nodes)) sub(/-[a-z]+$/, "", stream)
    return stream
}

# Marks the node and all above it as above[mark, node].
function climb(mark, node,    list, count, i) {
    if ((mark, node) in above) return
    above[mark, node] = 1
    count = split(fields[node, "from"], list, /,/)
    for (i = 1; i <= count; i++) climb(mark, node_of(list[i]))
}

function matches(node, field, wanted) {
    if (!((node, field) in fields)) return 0
    return wanted == "" || fields[node, field] ~ ("(^|,)(" wanted ")(,|$)")
}

function matches_above(node, field, wanted,    other) {
    climb("node " node, node)
    for (other in nodes) if (other != node && (("node " node), other) in above && matches(other, field, wanted)) return 1
    return 0
}

function keeps_rows(node) {
    return (node, "row") in fields || (node, "kept") in fields || fields[node, "op"] ~ /^(join_(streams|table|tables)|to_table|suppress)$/
}

# Nothing in the family that Kafka Streams has not, or another node that keeps rows on the way, which may make something else of it.
function only_missing(node, family,    other, key, parts) {
    for (key in more) {
        split(key, parts, SUBSEP)
        if (parts[1] == family && more[key] > 0) break
        key = ""
    }
    if (key == "") return 1
    for (other in nodes) {
        if (other == node || !(("topic " family, other) in above) || !keeps_rows(other)) continue
        climb("node " other, other)
        if (("node " other, node) in above) return 1
    }
    return 0
}

function holds(condition, node, family,    parts, count, i, at, field, wanted, sides) {
    count = split(condition, parts, /,/)
    for (i = 1; i <= count; i++) {
        if (parts[i] == "same") {
            if (split(fields[node, "from"], sides, /,/) != 2 || sides[1] != sides[2]) return 0
            continue
        }
        if (parts[i] == "missing") {
            if (!only_missing(node, family)) return 0
            continue
        }
        at = index(parts[i], "=")
        field = at ? substr(parts[i], 1, at - 1) : parts[i]
        wanted = at ? substr(parts[i], at + 1) : ""
        if (sub(/^above[.]/, "", field)) {
            if (!matches_above(node, field, wanted)) return 0
        } else if (!matches(node, field, wanted)) {
            return 0
        }
    }
    return 1
}

END {
    for (family in differ) {
        good = 0
        for (name in nodes) if (fields[name, "op"] == "sink" && fields[name, "topic"] == family) climb("topic " family, name)
        for (r = 1; r <= rules; r++) {
            for (name in nodes) {
                if (!(("topic " family, name) in above) || !holds(conditions[r], name, family)) continue
                good = found[r] = 1
            }
        }
        if (!good) print "unknown " family
    }
    for (r = 1; r <= rules; r++) if (r in found) print ids[r]
}
