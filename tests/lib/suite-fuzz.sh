# Sourced by tests/run: libFuzzer's targets, a minute of processor time each, after the inputs of faults found before; and
# the proof that the harness finds a fault that is there. tests/fuzz/run is for more time.
# shellcheck shell=bash

. tests/lib/fuzz.sh

FUZZ_AT_ONCE=3          # so that the nine of them come out even
FUZZ_SECONDS=90         # of each target: a minute of one of two processors
FUZZ_PLANTED_SECONDS=60 # at most, until the planted fault is found
FUZZ_KEPT=build-test/fuzz-findings

# fuzz_all SECONDS TARGET...: FUZZ_AT_ONCE at a time; the exit status of each is left beside its log.
fuzz_all() {
    local seconds=$1 target pid
    local -A running=()
    shift
    trap 'kill "${!running[@]}" 2>/dev/null; wait; exit 143' INT TERM HUP
    for target in "$@" ''; do
        while [ "${#running[@]}" -ge "$FUZZ_AT_ONCE" ] || { [ -z "$target" ] && [ "${#running[@]}" -gt 0 ]; }; do
            wait -n -p pid "${!running[@]}"
            printf '%s\n' $? >"$SCRATCH/fuzz/${running[$pid]}.status"
            printf '  %s: %s executions, %s\n' "${running[$pid]}" "$(fuzz_executions "$SCRATCH/fuzz/${running[$pid]}.log")" \
                "$(fuzz_coverage "$SCRATCH/fuzz/${running[$pid]}.log")"
            unset "running[$pid]"
        done
        [ -n "$target" ] || break
        fuzz_exec "$target" "$seconds" "$SCRATCH/fuzz/$target" "$FUZZ_KEPT" "$SCRATCH/fuzz/$target.log" &
        running[$!]=$target
    done
}

# The minute passed without a finding, and something was executed in it.
fuzz_verdict() {
    local log=$SCRATCH/fuzz/$1.log status
    status=$(cat "$SCRATCH/fuzz/$1.status" 2>/dev/null || echo 1)
    [ "$(fuzz_executions "$log")" -gt "$(find "tests/fuzz/corpus/$1" "tests/fuzz/regressions/$1" -type f 2>/dev/null | wc -l)" ] 2>/dev/null ||
        { echo "it executed nothing but its seeds" >>"$log"; status=1; }
    [ "$status" = 0 ] || echo "the input is kept in $FUZZ_KEPT; fixed, it belongs into tests/fuzz/regressions/$1" >>"$log"
    count "fuzz $1: $(fuzz_reason "$log")" "$status" "$log"
}

# fuzz_http_parse with a fault put in on purpose has to be found wanting, from the same seeds.
fuzz_planted() {
    local log=$SCRATCH/fuzz/planted.log from=$SECONDS status=1
    run_child env FUZZ_SEEDS=tests/fuzz/corpus/http_parse FUZZ_DICT=tests/fuzz/http_parse.dict bash -c '. tests/lib/fuzz.sh
        fuzz_exec planted "$1" "$2/planted" "$2/planted-found/" "$3"' - "$FUZZ_PLANTED_SECONDS" "$SCRATCH/fuzz" "$log"
    if grep -q 'AddressSanitizer: heap-buffer-overflow' "$log" && [ -n "$(ls "$SCRATCH/fuzz/planted-found" 2>/dev/null)" ]; then
        status=0
        say "  the planted fault: found after $((SECONDS - from)) s"
    fi
    count "fuzz: the planted fault is found within $FUZZ_PLANTED_SECONDS s" "$status" "$log"
}

suite_fuzz() {
    local target status from=$SECONDS log=$SCRATCH/fuzz-build.log
    [ $# -gt 0 ] || set -- "${FUZZ_TARGETS[@]}"
    mkdir -p "$SCRATCH/fuzz"
    printf '[build fuzz] … '
    run_child fuzz_build >"$log" 2>&1
    status=$?
    printf '%d s\n' $((SECONDS - from))
    count "build with fuzz" "$status" "$log"
    [ "$status" = 0 ] || return 0
    fuzz_planted
    for target in "$@"; do
        status=0
        fuzz_replay "$target" "$SCRATCH/fuzz/replay.log" || status=1
        count "fuzz $target: what was found before" "$status" "$SCRATCH/fuzz/replay.log"
    done
    say "  $# targets, $FUZZ_SECONDS s each, $FUZZ_AT_ONCE at a time"
    run_child fuzz_all "$FUZZ_SECONDS" "$@"
    for target in "$@"; do
        fuzz_verdict "$target"
    done
}
