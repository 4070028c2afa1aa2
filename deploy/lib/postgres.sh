# Sourced: a private PostgreSQL in a directory of ours, reachable over a unix socket only; never the system's cluster.
#   DIR/data     the cluster        DIR/socket   the socket (elsewhere when the path would be too long)
# As root it runs as user postgres (PostgreSQL refuses root), otherwise as whoever calls.
# shellcheck shell=bash

PG_ADMIN=postgres

pg_bin() {
    local dir best=
    for dir in /usr/lib/postgresql/*/bin; do
        [ -x "$dir/pg_ctl" ] && best=$(printf '%s\n%s\n' "$best" "$dir" | sort -V | tail -n 1)
    done
    [ -n "$best" ] || best=$(dirname "$(command -v pg_ctl 2>/dev/null || echo /nowhere/pg_ctl)")
    [ -x "$best/pg_ctl" ] || { echo "no PostgreSQL server programs found" >&2; return 1; }
    printf '%s\n' "$best"
}

pg_user() {
    if is_root; then echo postgres; else id -un; fi
}

# A unix socket's path has at most 107 bytes; a deep clone gets its socket under /tmp.
pg_socket_dir() {
    local dir=$1/socket name
    if [ $((${#dir} + 15)) -gt 107 ]; then
        name=$(printf '%s' "$1" | sha256sum | cut -c1-16)
        dir=/tmp/juxin-pg-$(id -u)-$name
    fi
    printf '%s\n' "$dir"
}

pg_conninfo() {
    printf 'host=%s port=5432 user=%s dbname=%s\n' "$(pg_socket_dir "$1")" "$PG_ADMIN" "${2:-postgres}"
}

# pg_init DIR [SOCKET_GROUP]: makes the cluster if it is not there. The administrator's role is open to the operating
# system's root (or the caller) only; everybody else needs a password. A half-made cluster is made again.
pg_init() {
    local dir=$1 group=${2:-} bin user socket
    bin=$(pg_bin) && user=$(pg_user) && socket=$(pg_socket_dir "$dir") || return 1
    if [ ! -f "$dir/data/.complete" ]; then
        rm -rf "$dir/data" && mkdir -p "$dir" || return 1
        is_root && chown "$user" "$dir"
        chmod "$([ -n "$group" ] && echo 0755 || echo 0700)" "$dir"
        run_as "$user" env -C / LC_ALL=C.UTF-8 "$bin/initdb" -D "$dir/data" -U "$PG_ADMIN" -E UTF8 --locale=C.UTF-8 \
            --auth=reject --data-checksums --no-instructions || return 1
        pg_configure "$dir" "$socket" || return 1
        touch "$dir/data/.complete"
    fi
    pg_make_socket_dir "$socket" "$group"
}

pg_make_socket_dir() {
    local socket=$1 group=$2 user
    user=$(pg_user)
    mkdir -p "$socket" || return 1
    [ ! -L "$socket" ] && [ -O "$socket" ] || is_root || { echo "$socket belongs to somebody else" >&2; return 1; }
    is_root && chown "$user${group:+:$group}" "$socket"
    chmod "$([ -n "$group" ] && is_root && echo 0750 || echo 0700)" "$socket"
}

pg_configure() {
    local dir=$1 socket=$2 owner
    owner=$(pg_user)
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
port = 5432
unix_socket_directories = '$socket'
unix_socket_permissions = 0777
max_connections = 200
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_min_error_statement = panic
CONF
    cat >"$dir/data/pg_hba.conf" <<CONF
local all $PG_ADMIN peer map=admin
local all all scram-sha-256
CONF
    printf 'admin %s %s\nadmin root %s\n' "$owner" "$PG_ADMIN" "$PG_ADMIN" >"$dir/data/pg_ident.conf"
}

pg_running() {
    local bin
    bin=$(pg_bin) && run_as "$(pg_user)" env -C / "$bin/pg_ctl" -D "$1/data" status >/dev/null 2>&1
}

# pg_start DIR LOG [OPTIONS]: returns when it takes connections. A detached session, so that a Ctrl-C meant for the
# caller does not take the database away before the server has drained.
pg_start() {
    local dir=$1 log=$2 options=${3:-} bin
    pg_running "$dir" && return 0
    bin=$(pg_bin) || return 1
    is_root && { touch "$log" && chown "$(pg_user)" "$log"; }
    run_as "$(pg_user)" env -C / setsid "$bin/pg_ctl" -D "$dir/data" -l "$log" -w -t 60 ${options:+-o "$options"} \
        start </dev/null >/dev/null 2>&1 && return 0
    tail -n 15 "$log" >&2
    return 1
}

# pg_stop DIR: fast, then immediate; true when nothing is left.
pg_stop() {
    local bin
    pg_running "$1" || return 0
    bin=$(pg_bin) || return 1
    run_as "$(pg_user)" env -C / "$bin/pg_ctl" -D "$1/data" -m fast -w -t 30 stop >/dev/null 2>&1 && return 0
    run_as "$(pg_user)" env -C / "$bin/pg_ctl" -D "$1/data" -m immediate -w -t 10 stop >/dev/null 2>&1
}

# pg_test_cluster DIR: a throwaway cluster, started; no durability, and no passwords, so that tests may make the
# database roles again and again.
pg_test_cluster() {
    local dir=$1
    pg_init "$dir" "$(is_root && echo juxin)" || return 1
    printf 'local all all trust\n' >"$dir/data/pg_hba.conf"
    printf '%s\n' 'fsync = off' 'synchronous_commit = off' 'full_page_writes = off' >>"$dir/data/postgresql.conf"
    pg_start "$dir" "$dir/log"
}
