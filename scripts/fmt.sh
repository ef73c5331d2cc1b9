#!/usr/bin/env bash
# fmt.sh: clang-format over every C file that git tracks or would track.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

have clang-format || die "clang-format is missing (apt-get install clang-format)"
[[ $(clang-format --version) == *'version 14.'* ]] \
    || warn "the lint test checks with clang-format 14; yours is $(clang-format --version)"
cd "$ROOT"
git ls-files -coz --exclude-standard '*.c' '*.h' | sort -zu \
    | while IFS= read -r -d '' file; do [[ -f $file ]] && printf '%s\0' "$file"; done \
    | xargs -0 -r clang-format -i
