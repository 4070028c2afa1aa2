# Sourced: which Debian packages building, running and testing need; installs only what is missing.
# shellcheck shell=bash

PACKAGES_RUN=(gcc libc6-dev make meson ninja-build pkg-config libevent-dev libpq-dev libjansson-dev libssl-dev libicu-dev
    libmagic-dev libseccomp-dev libgdk-pixbuf-2.0-dev libzip-dev libexpat1-dev libxlsxwriter-dev libcurl4-openssl-dev
    postgresql openssl python3 curl jq ca-certificates)
PACKAGES_TEST=(clang libclang-rt-dev clang-format libcmocka-dev git faketime python3-pglast python3-jsonschema python3-openpyxl python3-docx nginx haproxy slowhttptest
    testssl.sh abigail-tools wrk)

# The console is built with Debian's Node.js unless there is one on the machine already.
console_packages() {
    local major
    major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
    [ "${major:-0}" -ge 18 ] && command -v npm >/dev/null || packages_install nodejs npm
}

packages_missing() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null)" = 'ii ' ] || printf '%s\n' "$name"
    done
}

# Debian's postgresql makes and starts a cluster of its own when installed; ours is private, so that is switched off
# first. A machine that has PostgreSQL already keeps its setting.
packages_no_system_cluster() {
    local file=/etc/postgresql-common/createcluster.conf
    [ -e "$file" ] && return 0
    as_root mkdir -p "$(dirname "$file")"
    printf 'create_main_cluster = false\n' | as_root tee "$file" >/dev/null
}

# Some packages start a service when installed and at every boot. The tests run their own, out of scratch directories, so
# the service of a package about to come is masked; a machine that has the package already keeps its setting.
packages_no_service() {
    local file=/etc/systemd/system/$1.service
    [ -e "$file" ] || [ -L "$file" ] && return 0
    as_root mkdir -p "$(dirname "$file")"
    as_root ln -s /dev/null "$file"
}

# packages_install NAME...: quiet, and without a word to the network when nothing is missing.
packages_install() {
    local missing
    mapfile -t missing < <(packages_missing "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "these are missing and there is no apt-get: ${missing[*]}"
    is_root || command -v sudo >/dev/null ||
        die "these are missing; as root run: apt-get install --no-install-recommends ${missing[*]}"
    printf 'installing: %s\n' "${missing[*]}"
    local name
    for name in "${missing[@]}"; do
        case $name in
        postgresql) packages_no_system_cluster ;;
        nginx | haproxy) packages_no_service "$name" ;;
        esac
    done
    packages_apt "${missing[@]}"
}

# Nothing that comes is started meanwhile, whatever starts services here (invoke-rc.d(8)).
PACKAGES_POLICY='
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap "rm -f $policy" EXIT INT TERM HUP
        printf "#!/bin/sh\nexit 101\n" >$policy
        chmod 0755 $policy
    fi
    "$@"'

packages_apt() {
    local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
    apt=(sh -c "$PACKAGES_POLICY" sh "${apt[@]}")
    as_root "${apt[@]}" install -y -q --no-install-recommends "$@" && return 0
    # The package lists may be absent or old; fetch them once and try again.
    as_root "${apt[@]}" update -q && as_root "${apt[@]}" install -y -q --no-install-recommends "$@"
}
