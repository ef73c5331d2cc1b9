#!/usr/bin/env bash
# shell.sh LIST: shell scripts parse, stay below 400 lines, and what is run is executable.
set -euo pipefail

status=0
complain() {
    printf '%s:%s: %s\n' "$1" "$2" "$3"
    status=1
}

while IFS= read -r file; do
    read -r first <"$file" || true
    [[ ${first:-} == '#!'*sh || $file == *.sh ]] || continue
    message=$(bash -n "$file" 2>&1) || complain "$file" 1 "does not parse: $message"
    count=$(wc -l <"$file")
    [[ $count -le 400 ]] || complain "$file" 1 "$count lines; 400 is the limit"
    [[ ${first:-} != '#!'* || -x $file ]] || complain "$file" 1 "has an interpreter line but is not executable"
done < <(grep -E '\.sh$|^dev$|^\.ci/' "$1")
exit $status
