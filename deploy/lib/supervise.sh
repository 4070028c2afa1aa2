#!/usr/bin/env bash
# Keeps the server and its private PostgreSQL running until told to stop: the respawn loop of the quickstart.
#   supervise.sh STATE [WATCHED_PID]     ends by itself when WATCHED_PID (a foreground quickstart) has gone
# A real installation has systemd for this, see deploy/systemd/.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/common.sh"
. "$here/postgres.sh"
state=$1
watched=${2:-}
server= ticker= stopping=

trap 'stopping=1' TERM INT HUP

start_server() {
    setsid "$state/install/bin/juxind" --config "$state/juxin.json" >>"$state/log/juxind.log" 2>&1 </dev/null &
    server=$!
    process_mark "$server" >"$state/run/juxind.pid"
    began=$SECONDS
}

# One tick, or less: ends early when the server dies or a signal comes.
rest() {
    sleep "$1" &
    ticker=$!
    wait -n "$ticker" ${server:+"$server"} 2>/dev/null
    kill "$ticker" 2>/dev/null
    wait "$ticker" 2>/dev/null
}

keep_database() {
    [ -d "$state/postgres/data" ] && [ -e "$state/run/private-database" ] || return 0
    pg_running "$state/postgres" && return 0
    say "$(date -u +%FT%TZ) PostgreSQL is not running, starting it"
    pg_start "$state/postgres" "$state/log/postgres.log"
}

stop_server() {
    [ -n "$server" ] && kill -0 "$server" 2>/dev/null || return 0
    kill -TERM "$server"
    wait_until 60 server_gone || { say "the server did not drain, killing it"; kill -KILL -- "-$server"; }
    wait "$server" 2>/dev/null
}

server_gone() { ! process_mark "$server" >/dev/null; }

keep_database
start_server
while [ -z "$stopping" ]; do
    rest 2
    [ -z "$stopping" ] || break
    if [ -n "$watched" ] && ! kill -0 "$watched" 2>/dev/null; then break; fi
    keep_database
    if server_gone; then
        wait "$server" 2>/dev/null
        status=$?
        say "$(date -u +%FT%TZ) the server ended with $status, starting it again"
        server=
        [ $((SECONDS - began)) -ge 5 ] || rest 1
        [ -n "$stopping" ] || start_server
    fi
done
stop_server
[ ! -e "$state/run/private-database" ] || pg_stop "$state/postgres"
rm -f "$state/run/juxind.pid" "$state/run/supervisor.pid"
