#!/usr/bin/env bash
# build.sh [preset] [--target NAME] [-- extra cmake arguments]: installs what is missing, configures once, builds
# build/<preset>.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

preset=release
if [[ $# -gt 0 && $1 != --* ]]; then
    preset=$1
    shift
fi
targets=()
if [[ ${1:-} == --target ]]; then
    targets=(--target "${2:?}")
    shift 2
fi
[[ ${1:-} == -- ]] && shift
sets=(build)
case $preset in
    release | debug | asan | tsan) ;;
    clang) sets+=(clang) ;;
    valgrind) sets+=(valgrind) ;;
    *) usage_error "./dev build [release|debug|asan|tsan|clang|valgrind] [-- cmake args]" ;;
esac
"$here/install.sh" "${sets[@]}"

cd "$ROOT"
# CMake takes the launcher from the environment at the first configuration of a directory.
have ccache && export CMAKE_C_COMPILER_LAUNCHER=ccache
configure=(cmake --preset "$preset")
if [[ $preset == valgrind ]]; then
    # The debug build whose test programs CTest starts through valgrind: add_test puts the emulator before a target.
    configure=(cmake --preset debug -B build/valgrind
        "-DCMAKE_CROSSCOMPILING_EMULATOR=valgrind;--quiet;--error-exitcode=99;--leak-check=full;--show-leak-kinds=definite;--errors-for-leak-kinds=definite;--trace-children=no")
fi
# Ninja re-runs CMake by itself when a list file has changed; a directory that never got that far is configured anew.
if [[ ! -f build/$preset/build.ninja || $# -gt 0 ]]; then
    "${configure[@]}" "$@"
fi
cmake --build "build/$preset" --parallel "$(jobs_count)" ${targets[@]+"${targets[@]}"}
