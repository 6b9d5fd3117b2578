#!/bin/sh
# Installs the Debian packages of some kinds (build, run, test, check), as docs/dependencies.md lists them, the one place
# where they are named: install.sh KIND...
#
# A package is there if Debian says so or if a command of its name is in the PATH (npm may have come another way). When all
# are there, nothing happens and no rights are needed. An "optional" package may fail to come: what needs it is skipped
# later, and says so.
set -u
[ $# -ge 1 ] || { echo "usage: $0 KIND...   (build, run, test, check)" >&2; exit 2; }
cd "$(dirname "$0")/.." || exit 1
say() { echo "install: $*" >&2; }

# The packages that are required or optional (the first argument) for one of the kinds (the others), one a line.
listed() {
    need=$1
    shift
    awk -F ' *[|] *' -v need="$need" -v kinds="$*" '
        BEGIN { n = split(kinds, kind, " ") }
        $2 == "package" || $2 !~ /^[a-z0-9][a-z0-9.+-]*$/ { next }
        ($3 ~ /optional/) != (need == "optional") { next }
        { for (i = 1; i <= n; i++) if ($3 ~ kind[i]) { print $2; next } }' docs/dependencies.md
}

missing() {
    listed "$@" | while read -r package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            command -v "$package" >/dev/null || printf '%s ' "$package"
    done
}

# apt-get as root, by sudo where we are not.
get() {
    if [ "$(id -u)" -eq 0 ]; then env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
    elif command -v sudo >/dev/null; then sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
    else
        say "neither root nor sudo; ask somebody who may: apt-get install $*"
        return 1
    fi
}

required=$(missing required "$@")
optional=$(missing optional "$@")
[ -n "$required$optional" ] || exit 0
if ! command -v apt-get >/dev/null; then
    say "this is not Debian; what is needed has these names there: $required$optional"
    exit 0
fi
say "from Debian: $required$optional"
get update </dev/null || { say "apt-get update failed (see above)"; [ -z "$required" ]; exit; }
# shellcheck disable=SC2086 # the words of the lists are packages
[ -z "$required" ] || get install -y --no-install-recommends $required </dev/null ||
    { say "could not install (see above): $required"; exit 1; }
# shellcheck disable=SC2086
[ -z "$optional" ] || get install -y --no-install-recommends $optional </dev/null ||
    say "could not install, what needs it will be skipped: $optional"
