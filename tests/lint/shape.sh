#!/usr/bin/env bash
# shape.sh LIST: files of at most 1000 lines (600 get a warning), functions of at most 120 (70 get a warning), an opening
# comment that says what the file is, and no notes to self: what is undone belongs into an issue or into the text.
# A function is what lies between a line `{` and the next line `}`: the format puts both into the first column.
set -euo pipefail

grep -E '\.[ch]$' "$1" | tr '\n' '\0' | xargs -0 -r awk '
function at(line, text) { printf "%s:%d: %s\n", file, line, text }
function end_of_file() {
    if (file == "") return
    if (lines > 1000) { at(1, lines " lines; 1000 is the limit"); bad = 1 }
    else if (lines > 600) printf "warning: %s:1: %d lines; 600 is the aim\n", file, lines
}
FNR == 1 {
    end_of_file()
    file = FILENAME; open = 0
    essay = file ~ /^(base|conf|kafka|transforms|bridge|streams|http|cli)\/.*\.c$/
}
# The licence line alone, or a blank line, says nothing yet: the next line decides.
essay && !/^[ \t]*$/ && !/^[ \t]*\/\*[^*]*SPDX[^*]*\*\/[ \t]*$/ && !/^[ \t]*\/\/.*SPDX/ {
    essay = 0
    if ($0 !~ /^[ \t]*\/[*\/]/) { at(1, "the file does not open with a comment that says what it is"); bad = 1 }
}
{ lines = FNR }
/^\{[ \t]*$/ { open = FNR }
/^\}/ && open {
    length_of = FNR - open + 1
    if (length_of > 120) { at(open, "function of " length_of " lines; 120 is the limit"); bad = 1 }
    else if (length_of > 70) printf "warning: %s:%d: function of %d lines; 70 is the aim\n", file, open, length_of
    open = 0
}
/(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/ { at(FNR, "a note to self (TODO, FIXME, XXX)"); bad = 1 }
END { end_of_file(); exit bad }
'
