# Sourced by tests/run: every figure of docs/performance.md can still be produced. How fast it is this does not ask.
# shellcheck shell=bash

suite_bench() {
    local log=$SCRATCH/bench.log rows=$SCRATCH/bench.json status from=$SECONDS
    console_packages >"$log" 2>&1 || { count "bench: packages" 1 "$log"; return; }
    install_for_tests || return 0
    run_child env PYTHONDONTWRITEBYTECODE=1 JUXIN_BENCH_STATE="$SCRATCH/bench" \
        JUXIN_BENCH_PROGRAMS="$top/build-test/$(tested_build)/tests/bench" \
        timeout --foreground --kill-after=20 300 tests/bench/run --smoke --json >"$rows" 2>"$log"
    status=$?
    PASSED=$((PASSED + $(grep -c '^{' "$rows")))
    [ "$status" = 0 ] || count "bench: rows that are missing" 1 "$log"
    say "  bench: $(grep -c '^{' "$rows") rows in $((SECONDS - from)) s"
}
