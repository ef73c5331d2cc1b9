# SPDX-License-Identifier: Apache-2.0
#
# observations.awk TOPOLOGY OBSERVATIONS: observations as sorting them makes them comparable. A line becomes
#   input, topic, place among the records of the topic, key, value, timestamp, headers, and key and value as text
# where the place is 0 for topics that have no one right order (`output` lines of topology.txt with order=free): those are
# compared as a set for each input record. Headers are left out where headers=free says so. The text at the end is for people who read the difference.

BEGIN { FS = OFS = "\t" }

function readable(hex,    i, code, text) {
    if (hex == "null") return hex
    for (i = 1; i < length(hex); i += 2) {
        code = 16 * (index("0123456789abcdef", substr(hex, i, 1)) - 1) + index("0123456789abcdef", substr(hex, i + 1, 1)) - 1
        text = text (code >= 32 && code < 127 ? sprintf("%c", code) : ".")
    }
    return "'" text "'"
}

function family(topic) {
    sub(/[.].*/, "", topic)
    return topic
}

FNR == NR {
    if ($1 == "output" && $3 == "order=free") free[substr($2, 7)] = 1
    if ($1 == "output" && $4 == "headers=free") bare[substr($2, 7)] = 1
    next
}

{
    place = family($2) in free ? 0 : ++count[$2]
    if (family($2) in bare) $6 = "*"
    printf "%06d\t%s\t%06d\t%s\t%s\t%s\t%s\t%s %s\n", $1, $2, place, $3, $4, $5, $6, readable($3), readable($4)
}
