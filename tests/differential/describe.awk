# SPDX-License-Identifier: Apache-2.0
#
# describe.awk -v application=ID: one line a node of the text of Topology#describe(), Kafka Streams' or ours, without what may
# differ between the two (streams/topology/describe.h says why it does):
#   - numbers of sub-topologies and the order of nodes: each line begins with the first name of its sub-topology, and the
#     caller sorts the lines;
#   - the order of topics and of the nodes behind an arrow: sorted;
#   - the application id before internal topics: taken away;
#   - the class of a sink that chooses topics by value: "by value";
#   - names that Kafka Streams makes: the node of a branch ends with "-", a repartition has "-repartition-sink" and
#     "-repartition-source" where we have "-sink" and "-source", and a "-repartition-filter" before it, which drops
#     records without a key and goes out of the picture.

function plain(name) {
    sub(/-repartition-(filter|sink)$/, "-sink", name)
    sub(/-repartition-source$/, "-source", name)
    sub(/-$/, "", name)
    return name
}

function sorted(list,    parts, count, i, k, part, text) {
    count = split(list, parts, /, */)
    for (i = 2; i <= count; i++) {
        part = parts[i]
        for (k = i - 1; k > 0 && parts[k] > part; k--) parts[k + 1] = parts[k]
        parts[k + 1] = part
    }
    for (i = 1; i <= count; i++) text = text (i > 1 ? "," : "") parts[i]
    return text
}

function plain_list(list,    parts, count, i, text) {
    count = split(list, parts, /, */)
    for (i = 1; i <= count; i++) text = text (i > 1 ? "," : "") plain(parts[i])
    return sorted(text)
}

function topic(name) {
    if (index(name, application "-") == 1) name = substr(name, length(application) + 2)
    return name
}

function detail(text) {
    if (text ~ /^\(extractor class: /) return "by value"
    sub(/^\([a-z]+: /, "", text)
    sub(/\)$/, "", text)
    if (text !~ /^\[/) return topic(text)
    gsub(/[][]/, "", text)
    return sorted(topic(text))
}

function print_subtopology(    i, name, first) {
    for (i = 1; i <= count; i++) if (first == "" || names[i] < first) first = names[i]
    for (i = 1; i <= count; i++) {
        name = names[i]
        print "[" first "] " kind[name] " " name " (" about[name] ") --> " children[name] " <-- " parents[name]
    }
    count = 0
}

/Sub-topology: / { print_subtopology() }

$1 ~ /^(Source|Processor|Sink):$/ {
    node = plain($2)
    passing = $2 ~ /-repartition-filter$/
    inner = $2 ~ /-repartition-sink$/
    text = $0
    sub(/^[^(]*/, "", text)
    if (passing) next
    names[++count] = node
    kind[node] = $1
    about[node] = detail(text)
}

# What leads into a repartition is what leads to its filter; the edge from there to its sink is none of ours.
$1 == "-->" { sub(/^ *--> /, ""); if (!passing) children[node] = plain_list($0) }
$1 == "<--" { sub(/^ *<-- /, ""); if (!inner) parents[node] = plain_list($0) }

END { print_subtopology() }
