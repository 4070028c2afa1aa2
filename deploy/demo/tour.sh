# Sourced by the walk of docs/tour.md (bash): speaks to the demonstration server as one of its people.
#   as LOGIN METHOD PATH [JSON]   one request; prints status and body, keeps them in $status, $answer, $etag
#   ctl COMMAND …                 juxinctl, as the operator
#   pick FILTER                   a value out of the last answer (jq)
# PATH is below /t/$district/api/v1/. Changes carry the last ETag seen and a fresh idempotency key.
# shellcheck shell=bash

tour_repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=deploy/lib/common.sh
. "$tour_repository/deploy/lib/common.sh"
tour_state=$(state_directory "$tour_repository")
tour_jar=$(mktemp -d)
trap 'rm -rf "$tour_jar"' EXIT
district=shangcheng
status='' answer='' etag=''

# The server's answer goes to $answer, status and ETag to their variables.
tour_request() {
    local headers=$tour_jar/headers tag
    answer=$(curl -sS --cacert "$tour_state/tls/server.crt" -D "$headers" "$@") || return 1
    status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$headers")
    tag=$(sed -n 's/^[Ee][Tt][Aa][Gg]: *\(.*\)\r$/\1/p' "$headers")
    etag=${tag:-$etag}
}

tour_password() {
    awk -v t="$district" -v l="$1" '$1 == t && $2 == l {print $3; exit}' "$tour_state/logins.txt"
}

tour_login() {
    local login=$1 base=$2 password
    password=$(tour_password "$login")
    [ -n "$password" ] || { echo "tour: $district has no login '$login' in $tour_state/logins.txt" >&2; return 1; }
    tour_request -c "$tour_jar/$district.$login" -H 'Content-Type: application/json' \
        -d "$(jq -n --arg l "$login" --arg p "$password" '{login: $l, password: $p}')" "$base/session" || return 1
    [ "$status" = 201 ] || { echo "tour: sign-in of $login: $status $answer" >&2; return 1; }
    jq -r .csrf_token <<<"$answer" >"$tour_jar/$district.$login.csrf"
}

as() {
    local login=$1 method=$2 path=$3 body=${4-} match=$etag
    local base="https://127.0.0.1:${JUXIN_PORT:-8443}/t/$district/api/v1"
    local -a options=(-X "$method" -H 'Accept-Language: zh-CN')
    [ -e "$tour_jar/$district.$login" ] || tour_login "$login" "$base" || return 1
    options+=(-b "$tour_jar/$district.$login" -H "X-CSRF-Token: $(cat "$tour_jar/$district.$login.csrf")")
    [ "$method" = GET ] || options+=(-H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)")
    [ "$method" = GET ] || [ -z "$match" ] || options+=(-H "If-Match: $match")
    [ -z "$body" ] || options+=(-H 'Content-Type: application/json' --data-binary "$body")
    tour_request "${options[@]}" "$base/$path" || return 1
    printf '%s %s %s: %s\n' "$login" "$method" "$path" "$status"
    [ -z "$answer" ] || jq . <<<"$answer" 2>/dev/null || printf '%s\n' "$answer"
}

# juxinctl of this deployment
ctl() { "$tour_state/install/bin/juxinctl" --config "$tour_state/juxin.json" "$@"; }

pick() { jq -r "$1" <<<"$answer"; }
