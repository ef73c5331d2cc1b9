#!/usr/bin/env bash
# run.sh SOURCE_DIR: every check of the tree's shape; `file:line: message` for each violation, non-zero if there is one.
# A line that begins with "warning" or "note" never fails.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:?usage: run.sh SOURCE_DIR}"

# Tracked and new files alike, so that the check speaks before the commit does. A source archive has no .git.
list_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard
    else
        find . -path ./build -prune -o -type f -print | sed 's|^\./||'
    fi | sort -u | while IFS= read -r file; do [[ -f $file ]] && printf '%s\n' "$file"; done
}

files=$(mktemp)
trap 'rm -f "$files"' EXIT
list_files >"$files"

status=0
for check in format layers shape shell; do
    "$here/$check.sh" "$files" || {
        printf 'lint: %s failed\n' "$check"
        status=1
    }
done
[[ $status -eq 0 ]] && printf 'lint: ok (%s C files)\n' "$(grep -cE '\.[ch]$' "$files" || true)"
exit $status
