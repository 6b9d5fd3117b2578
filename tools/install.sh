#!/bin/sh
# Installs the Debian packages of some kinds (build, run, test, check, aarch64), as docs/dependencies.md lists them, the one
# place where they are named: install.sh KIND...; install.sh --missing KIND... prints those that are not there and not optional.
#
# A package is there if Debian says so or if a command of its name is in the PATH (npm may have come another way). When all
# are there, nothing happens and no rights are needed. An "optional" package may fail to come: what needs it is skipped
# later, and says so. Nothing is ever removed to make room. Of another architecture ("libpng-dev:arm64") are Debian's
# multiarch packages, which stand beside the native ones.
set -u
[ $# -ge 1 ] || { echo "usage: $0 KIND...   (build, run, test, check, aarch64)" >&2; exit 2; }
cd "$(dirname "$0")/.." || exit 1
say() { echo "install: $*" >&2; }

# The packages that are required or optional (the first argument) for one of the kinds (the others), one a line.
listed() {
    need=$1
    shift
    awk -F ' *[|] *' -v need="$need" -v kinds="$*" '
        BEGIN { n = split(kinds, kind, " ") }
        $2 == "package" || $2 !~ /^[a-z0-9][a-z0-9.+-]*(:[a-z0-9]+)?$/ { next }
        ($3 ~ /optional/) != (need == "optional") { next }
        { for (i = 1; i <= n; i++) if ($3 ~ kind[i]) { print $2; next } }' docs/dependencies.md
}

# Beside a package of this machine's architecture the same one of another may stand: a line for each.
is_installed() {
    native=$(dpkg --print-architecture 2>/dev/null)
    case $1 in *:*) native=${1#*:} ;; esac
    dpkg-query -W -f '${db:Status-Status} ${Architecture}\n' "$1" 2>/dev/null | grep -qxE "installed ($native|all)"
}
missing() {
    listed "$@" | while read -r package; do
        is_installed "$package" || command -v "$package" >/dev/null || printf '%s ' "$package"
    done
}

# A command as root, by sudo where we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else
        say "neither root nor sudo; ask somebody who may: $*"
        return 1
    fi
}
get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
get_packages() { get install -y --no-install-recommends --no-remove "$@" </dev/null; }

# The other architectures in a list of packages become known to dpkg.
add_architectures() {
    for package in "$@"; do
        case $package in
            *:*) dpkg --print-foreign-architectures | grep -qx "${package#*:}" ||
                as_root dpkg --add-architecture "${package#*:}" || return ;;
        esac
    done
}

if [ "$1" = --missing ]; then
    shift
    missing required "$@"
    exit 0
fi
required=$(missing required "$@")
optional=$(missing optional "$@")
[ -n "$required$optional" ] || exit 0
if ! command -v apt-get >/dev/null; then
    say "this is not Debian; what is needed has these names there: $required$optional"
    exit 0
fi
say "from Debian: $required$optional"
# shellcheck disable=SC2086 # the words of the lists are packages
add_architectures $required $optional || exit 1
get update </dev/null || { say "apt-get update failed (see above)"; [ -z "$required" ]; exit; }
# shellcheck disable=SC2086
[ -z "$required" ] || get_packages $required ||
    { say "could not install (see above): $required"; exit 1; }
# shellcheck disable=SC2086
[ -z "$optional" ] || get_packages $optional ||
    say "could not install, what needs it will be skipped: $optional"
