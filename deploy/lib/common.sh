# Sourced by deploy/quickstart and tests/run: progress, failure with the log's tail, who runs what.
# shellcheck shell=bash

is_root() { [ "$(id -u)" = 0 ]; }

say() { printf '%s\n' "$*"; }

die() {
    printf '\nfailed: %s\n' "$*" >&2
    exit 1
}

# state_directory CLONE: where this deployment's data live. A clone under /root cannot be read by the service's user.
state_directory() {
    if is_root; then printf '%s\n' "${JUXIN_STATE:-/var/lib/juxin}"; else printf '%s\n' "${JUXIN_STATE:-$1/.juxin}"; fi
}

# as_root COMMAND...: directly, or through sudo.
as_root() {
    if is_root; then
        "$@"
    else
        sudo -n "$@" 2>/dev/null || sudo "$@"
    fi
}

# run_as USER COMMAND...: drops to USER when root; anybody else stays who they are.
run_as() {
    local user=$1
    shift
    if is_root && [ "$user" != root ]; then
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
    else
        "$@"
    fi
}

# ensure_user NAME: a system account without a home or shell, when root.
ensure_user() {
    is_root || return 0
    id -u "$1" >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin "$1"
}

STEP=0
STEPS=0
# step TITLE COMMAND...: one progress line with the time it took; output goes to $LOG, its tail is shown on failure.
# COMMAND runs as a condition, so `set -e` is off in it: a function says `|| return 1` itself. Descriptor 9 is a lock
# that no long-lived child may keep.
step() {
    local title=$1 began=$SECONDS from
    shift
    STEP=$((STEP + 1))
    printf '[%d/%d] %s … ' "$STEP" "$STEPS" "$title"
    mkdir -p "$(dirname "$LOG")"
    touch "$LOG"
    from=$(($(wc -l <"$LOG") + 1))
    if "$@" >>"$LOG" 2>&1 9>&-; then
        printf '%d s\n' $((SECONDS - began))
    else
        printf 'failed after %d s\n' $((SECONDS - began))
        tail -n "+$from" "$LOG" | tail -n 25 | sed 's/^/    /' >&2
        die "$title (whole log: $LOG)"
    fi
}

# wait_until SECONDS COMMAND...: polls a condition up to a deadline.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# A process is named by pid and start time, so that a reused pid is never taken for it.
process_mark() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- "$1" $stat
    [ "$2" != Z ] && printf '%s %s\n' "$1" "${21}"
}

# mark_alive FILE: prints the pid if the process recorded in FILE still runs.
mark_alive() {
    local pid mark
    [ -f "$1" ] || return 1
    read -r mark <"$1" || return 1
    pid=${mark%% *}
    [ "$(process_mark "$pid")" = "$mark" ] && printf '%s\n' "$pid"
}
