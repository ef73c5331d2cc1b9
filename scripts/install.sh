#!/usr/bin/env bash
# Installs the Debian packages that are missing, and nothing when none is: `install.sh SET...`
# (the sets are the cases of collect). Asking dpkg takes 20 ms, so every command may call this first.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config git ca-certificates
    librdkafka-dev libconfig-dev libcmocka-dev libjansson-dev libpcre2-dev libmicrohttpd-dev libcurl4-openssl-dev libssl-dev
    libxxhash-dev liblua5.4-dev librocksdb-dev)
TEST_PACKAGES=(procps curl)

missing=()

is_installed() {
    [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

want() {
    local package
    for package in "$@"; do
        [[ " ${missing[*]} " == *" $package "* ]] || is_installed "$package" || missing+=("$package")
    done
}

# Java and Maven may have come from elsewhere than Debian: ask for the program, not for the package.
want_kafka() {
    have_java17 || missing+=(default-jre-headless)
    have_kafka_jars || have mvn || missing+=(maven)
}

# Only a benchmark that compiles its peer needs the compiler.
want_javac() {
    have javac || missing+=(default-jdk-headless)
}

debian_release() {
    local ID='' VERSION_ID=''
    [[ -r /etc/os-release ]] && . /etc/os-release
    [[ $ID == debian ]] && echo "$VERSION_ID"
}

collect() {
    local set
    for set in "$@"; do
        case $set in
            build) want "${BUILD_PACKAGES[@]}" ;;
            test)
                want "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
                [[ $(debian_release) == 12 ]] || want promtool # Debian 13 has it as a package without the server
                ;;
            kafka) want_kafka ;;
            javac) want_javac ;;
            root) have debootstrap || missing+=(debootstrap) ;;
            # Debian 13's clang-format 19 breaks lines differently; the lint test checks with 14 only.
            lint) [[ $(debian_release) == 12 ]] && ! have clang-format && missing+=(clang-format) ;;
            valgrind) have valgrind || missing+=(valgrind) ;;
            clang) have clang || missing+=(clang) ;;
            *) usage_error "./dev install [build|test|kafka|javac|lint|valgrind|clang|root]..." ;;
        esac
    done
    return 0
}

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

apt_update() { as_root apt-get update -q; }

# The package lists are refreshed only when there are none or when they have proved too old.
install_missing() {
    local log
    log=$(mktemp)
    note "installing: ${missing[*]}"
    if compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null && apt_install >"$log" 2>&1; then
        rm -f "$log"
        return
    fi
    if ! retry3 apt_update >"$log" 2>&1 || ! retry3 apt_install >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: ${missing[*]}"
    fi
    rm -f "$log"
}

# Debian 12 has promtool only in `prometheus`, whose installation would also start a server on a developer's machine.
# We need the one program, so it is unpacked into the cache, and no server is ever installed.
unpack_promtool() {
    have promtool && return 0
    note "unpacking promtool (package prometheus; the server itself is not installed)"
    local work
    work=$(mktemp -d)
    mkdir -p "$CACHE/tools"
    if ! (
        cd "$work" || exit 1
        { apt-get download -q prometheus || { as_root apt-get update -q && retry3 apt-get download -q prometheus; }; } \
            && dpkg-deb -x prometheus_*.deb . && cp usr/bin/promtool "$CACHE/tools/.promtool.$$" \
            && mv "$CACHE/tools/.promtool.$$" "$CACHE/tools/promtool"
    ) >"$work/log" 2>&1; then
        warn "promtool is not available: $(tail -n 1 "$work/log")"
    fi
    rm -rf "$work"
}

main() {
    [[ ${AQUEDUCT_SKIP_INSTALL:-} == 1 ]] && return 0
    local release sets=("${@:-build}")
    release=$(debian_release || true)
    case $release in
        12 | 13) ;;
        *) die "Debian 12 or 13 is needed to install packages (set AQUEDUCT_SKIP_INSTALL=1 if you have brought them yourself)" ;;
    esac
    collect "${sets[@]}"
    if [[ ${#missing[@]} -gt 0 ]]; then
        if [[ $(id -u) != 0 ]] && ! have sudo; then
            die "neither root nor sudo; as root run: apt-get install --no-install-recommends ${missing[*]}"
        fi
        install_missing
    fi
    if [[ $release == 12 && " ${sets[*]} " == *' test '* ]]; then
        unpack_promtool
    fi
}

main "$@"
