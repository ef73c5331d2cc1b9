#!/usr/bin/env bash
# layers.sh LIST: who may include whom.
#   base <- conf <- {kafka, transforms} <- {bridge, streams} <- http <- cli
# A folder includes itself and folders to its left; the two of a pair never include each other. tests/ and bench/ may
# include everything. The installed headers (include/aqueduct) stand on the C library alone and serve every folder.
set -euo pipefail

grep -E '^(base|conf|kafka|transforms|bridge|streams|http|cli|include)/.*\.[ch]$|^(tests|bench)/.*\.[ch]$' "$1" \
    | tr '\n' '\0' | xargs -0 -r awk '
BEGIN {
    level["base"] = 1; level["conf"] = 2; level["kafka"] = 3; level["transforms"] = 3
    level["bridge"] = 4; level["streams"] = 4; level["http"] = 5; level["cli"] = 6
}
function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
# One foreign header, one place: the rest of the tree can then change library or version there.
function foreign(header) {
    if (header ~ /rdkafka(_mock)?\.h$/ && folder != "kafka" && !free)
        complain("<" header "> belongs to kafka/ only")
    if (header ~ /^libconfig\.h$/ && FILENAME != "conf/load.c" && !free)
        complain("<" header "> belongs to conf/load.c only")
    if (header ~ /^microhttpd\.h$/ && folder != "http" && !free)
        complain("<" header "> belongs to http/ only")
    if (header ~ /^curl\/curl\.h$/ && FILENAME != "http/fetch.c" && !free)
        complain("<" header "> belongs to http/fetch.c only")
    if (header ~ /^(lua|lauxlib|lualib|luaconf)\.h$/ && FILENAME !~ /^transforms\/lua_[a-z_]*\.[ch]$/ && !free)
        complain("<" header "> belongs to transforms/lua_* only")
    if (header ~ /^rocksdb\/c\.h$/ && !free) {
        if (rocks != "" && rocks != FILENAME) complain("<" header "> is already in " rocks ", and one file is all it gets")
        rocks = FILENAME
    }
}
FNR == 1 {
    folder = FILENAME; sub(/\/.*/, "", folder)
    free = folder == "tests" || folder == "bench"
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    header = $0
    sub(/^[^<"]*[<"]/, "", header); sub(/[>"].*/, "", header)
    foreign(header)
    while (sub(/^\.\.?\//, "", header)) continue
    target = header; sub(/\/.*/, "", target)
    if (free || header !~ /\// || !(target in level)) next
    if (folder == "include")
        complain("an installed header includes \"" header "\", which is not installed")
    else if (level[target] > level[folder] || (level[target] == level[folder] && target != folder))
        complain(folder "/ may not include " target "/ (\"" header "\")")
}
END { exit bad }
'
