#!/usr/bin/env bash
# root.sh --root bookworm|trixie [--root-run CMD] [--worktree] -- [test args]
#
# Proves the README on a machine that has nothing: a bare Debian made by debootstrap (kept as a tar file in the cache and
# unpacked anew each time), a fresh clone of HEAD in it, a clean environment; then `./dev run` and `./dev test`.
# --worktree copies the working tree (tracked and new files) instead of HEAD.
#
# Everything runs in mount and pid namespaces of its own: when this script ends, in whatever way, the kernel takes down
# the mounts and every process inside, so the tree can be removed without ever reaching the host through a mount.
# The network is the host's; the clusters inside get other ports.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"

suite=''
command=''
from=head
test_args=()
tree=''
namespaces=''

parse() {
    while [[ $# -gt 0 ]]; do
        case $1 in
            --root) suite=$2 && shift 2 ;;
            --root-run) command=$2 && shift 2 ;;
            --worktree) from=worktree && shift ;;
            --) shift && test_args=("$@") && break ;;
            *) usage_error "root.sh --root bookworm|trixie [--root-run CMD] [--worktree] -- [test args]" ;;
        esac
    done
    case $suite in bookworm | trixie) ;; *) die "--root takes bookworm or trixie, not '$suite'" ;; esac
    [[ $(id -u) == 0 ]] || die "--root needs root (debootstrap, chroot)"
}

# A run that was killed could not remove its tree: its name ends in a pid that lives no more.
remove_left_over() {
    local old
    for old in "$CACHE"/roots/run-*.*; do
        [[ -d $old && ! -d /proc/${old##*.} ]] && rm -rf --one-file-system "$old"
    done
    return 0
}

# ---- the bare root

# The host's own package sources name the mirror to use: one that this machine can reach. Both formats of /etc/apt are
# read, and only Debian's entries count: the archive is the one that serves the suite `<codename>` itself.
host_mirror() {
    local wanted=$1 # '' for the archive, -security for security updates
    local codename
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME$wanted")
    {
        { cat /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } | awk -v suite="$codename" '
            function flush() { if (uri != "" && index(" " suites " ", " " suite " ")) print uri; uri = suites = "" }
            /^[ \t]*$/ { flush() }
            /^URIs:/ { uri = $2 }
            /^Suites:/ { $1 = ""; suites = $0 }
            END { flush() }'
        { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } | awk -v suite="$codename" '
            $1 == "deb" { i = 2; if ($2 ~ /^\[/) { while ($i !~ /\]$/) i++; i++ } if ($(i + 1) == suite) print $i }'
    } | head -n 1
}

make_pristine() {
    local tar=$1 work mirror
    "$here/install.sh" root
    have debootstrap || die "debootstrap is missing"
    mirror=$(host_mirror '')
    work=$(mktemp -d "$CACHE/roots/.make.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf --one-file-system '$work'" EXIT
    note "making a bare $suite (once, into $CACHE/roots)"
    if ! retry3 debootstrap --variant=minbase "$suite" "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1; then
        tail -n 15 "$work/log" >&2
        die "debootstrap could not make $suite"
    fi
    rm -rf "$work"/root/var/cache/apt/archives/*.deb
    tar -C "$work/root" --one-file-system --numeric-owner -cf "$work/root.tar" .
    mv "$work/root.tar" "$tar"
    rm -rf --one-file-system "$work"
    trap - EXIT
}

write_sources() {
    local mirror security
    mirror=$(host_mirror '')
    security=$(host_mirror -security)
    [[ -n $mirror ]] || return 0 # debootstrap has written its default
    {
        echo "deb $mirror $suite main"
        echo "deb $mirror $suite-updates main"
        [[ -z $security ]] || echo "deb $security $suite-security main"
    } >"$tree/etc/apt/sources.list"
}

# A build machine may sit behind a company's proxy, with a certificate authority of its own: the bare root must be able
# to reach what the host reaches, and nothing more is carried over. The certificates lie where the installation of
# ca-certificates picks them up by itself; only apt's proxy lines are taken from apt's configuration.
carry_network() {
    local file
    cp /etc/resolv.conf "$tree/etc/resolv.conf"
    cp /etc/hosts "$tree/etc/hosts"
    mkdir -p "$tree/usr/local/share/ca-certificates" "$tree/root/.m2"
    for file in /usr/local/share/ca-certificates/*.crt; do
        [[ -f $file ]] && cp -L "$file" "$tree/usr/local/share/ca-certificates/"
    done
    apt-config dump 2>/dev/null | grep -iE '^Acquire::(http|https|ftp)(::[^ ]*)?::Proxy ' >"$tree/etc/apt/apt.conf.d/80proxy" || true
    [[ -f ${HOME:-/root}/.m2/settings.xml ]] && cp "${HOME:-/root}/.m2/settings.xml" "$tree/root/.m2/settings.xml"
    return 0
}

carry_project() {
    mkdir -p "$tree/src"
    if [[ $from == head ]]; then
        git clone -q --no-hardlinks "$ROOT" "$tree/src/aqueduct"
    else
        mkdir "$tree/src/aqueduct"
        (cd "$ROOT" && git ls-files -coz --exclude-standard | sort -zu \
            | while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done \
            | tar --null -T - -cf -) | tar -C "$tree/src/aqueduct" -xf -
        git -C "$tree/src/aqueduct" init -q
    fi
    if [[ -n ${AQUEDUCT_KAFKA_JARS:-} ]]; then
        cp -rL "$AQUEDUCT_KAFKA_JARS" "$tree/src/kafka-jars"
    fi
}

# ---- what runs inside

# Names and values of the environment that goes along; everything else stays behind.
inside_environment() {
    local name base=10200
    [[ $suite == trixie ]] && base=11400
    printf '%s\0' HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        TERM="${TERM:-dumb}" AQUEDUCT_PORT_BASE="${AQUEDUCT_PORT_BASE:-$base}"
    [[ -z ${AQUEDUCT_KAFKA_JARS:-} ]] || printf '%s\0' AQUEDUCT_KAFKA_JARS=/src/kafka-jars
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR \
        MAVEN_OPTS AQUEDUCT_KAFKA_VERSION AQUEDUCT_REQUIRE_KAFKA AQUEDUCT_JOBS AQUEDUCT_FAULT_ROUNDS; do
        [[ -z ${!name:-} ]] || printf '%s\0' "$name=${!name}"
    done
}

# The first process of the namespaces. /dev is made of the few nodes that programs expect, not the host's.
mount_and_run() {
    local tree=$1 node
    shift
    mount -t proc proc "$tree/proc"
    mount -t sysfs -o ro sysfs "$tree/sys"
    mount -t tmpfs -o mode=755 tmpfs "$tree/dev"
    for node in null zero full random urandom tty; do
        touch "$tree/dev/$node"
        mount --bind "/dev/$node" "$tree/dev/$node"
    done
    ln -s /proc/self/fd "$tree/dev/fd"
    ln -s /proc/self/fd/0 "$tree/dev/stdin"
    ln -s /proc/self/fd/1 "$tree/dev/stdout"
    ln -s /proc/self/fd/2 "$tree/dev/stderr"
    mkdir "$tree/dev/pts" "$tree/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$tree/dev/pts"
    ln -s pts/ptmx "$tree/dev/ptmx"
    mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
    mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
    # Not exec: this shell stays the init that collects the orphans.
    chroot "$tree" env -i "$@"
}

inside() {
    local -a environment
    mapfile -d '' -t environment < <(inside_environment)
    note "$suite: $1"
    # In the background, so that a signal to this script is not kept waiting; and gone when the script is, however
    # it went: the death of unshare takes the namespaces' first process, and that takes all the others.
    setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child \
        "$here/root.sh" --mount-and-run "$tree" "${environment[@]}" \
        bash -c "cd /src/aqueduct && $1" </dev/null &
    namespaces=$!
    wait "$namespaces"
}

end() {
    [[ -z $namespaces ]] || kill -KILL "$namespaces" 2>/dev/null || true
    wait || true
    remove_tree
}

remove_tree() {
    [[ -n $tree ]] || return 0
    if [[ ${AQUEDUCT_KEEP_ROOT:-} == 1 ]]; then
        note "kept: $tree"
    elif grep -qF " $tree/" /proc/self/mountinfo; then
        warn "something is still mounted under $tree; not removed"
    else
        rm -rf --one-file-system "$tree"
    fi
}

main() {
    if [[ ${1:-} == --mount-and-run ]]; then
        shift
        mount_and_run "$@"
        return
    fi
    parse "$@"
    local tar=$CACHE/roots/$suite.tar commands=() results=() failed=0 line code start
    mkdir -p "$CACHE/roots"
    [[ -f $tar ]] || make_pristine "$tar"
    trap end EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT
    remove_left_over
    tree=$CACHE/roots/run-$suite.$$
    mkdir "$tree"
    tar -C "$tree" --numeric-owner -xpf "$tar"
    write_sources
    carry_network
    carry_project

    if [[ -n $command ]]; then
        commands=("$command")
    else
        commands=('./dev run' "./dev test${test_args[*]+ ${test_args[*]@Q}}")
    fi
    for line in "${commands[@]}"; do
        start=$SECONDS
        code=0
        inside "$line" || code=$?
        [[ $code -eq 0 ]] || failed=1
        results+=("$suite: exit code $code after $((SECONDS - start)) s: $line")
    done
    printf '\n'
    printf '%s\n' "${results[@]}"
    return $failed
}

main "$@"
