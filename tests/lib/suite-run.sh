# Sourced by tests/run: what is built and run.
# shellcheck shell=bash

# Warnings are errors in the plain builds; the sanitizers' own code makes gcc warn of what is not there.
SANITIZE=(-Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false)
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

# unit_tests BUILD NAME...: cmocka's cases are counted one by one.
unit_tests() {
    local build=$1 log=$SCRATCH/unit-$1.log line
    shift
    run_child meson test -C "build-test/$build" --no-rebuild --suite unit --num-processes 2 "$@" >"$log" 2>&1
    line=$(python3 tests/lib/count_unit.py "build-test/$build/meson-logs/testlog.json" "$build" | tee "$log.count" |
        tail -n 1)
    sed '$d' "$log.count"
    add_counts "$line" || count "unit tests of $build" 1 "$log"
    say "  unit tests, $build build: $line"
}

suite_unit() {
    if build gcc gcc --buildtype=debugoptimized; then unit_tests gcc "$@"; fi
    [ -z "$QUICK" ] || return 0
    build clang clang --buildtype=debugoptimized
    if build sanitized gcc --buildtype=debug -Doptimization=1 "${SANITIZE[@]}"; then unit_tests sanitized "$@"; fi
}

# Each file of tests/integration against the installed programs: the sanitized ones, or with --quick the plain ones.
suite_integration() {
    local which=sanitized name file
    if [ -n "$QUICK" ]; then
        which=gcc
        build gcc gcc --buildtype=debugoptimized || return 0
    else
        build sanitized gcc --buildtype=debug -Doptimization=1 "${SANITIZE[@]}" || return 0
    fi
    run_child meson install -C "build-test/$which" --no-rebuild --quiet --destdir "$SCRATCH/root" \
        >"$SCRATCH/install.log" 2>&1 || { count "install" 1 "$SCRATCH/install.log"; return; }
    ensure_user juxin
    pg_test_cluster "$SCRATCH/pg" >"$SCRATCH/pg.log" 2>&1 || { count "PostgreSQL" 1 "$SCRATCH/pg.log"; return; }
    export JUXIN_TEST_PG=$SCRATCH/pg JUXIN_TEST_PREFIX=$SCRATCH/root/opt/juxin JUXIN_TEST_DIR=$SCRATCH
    export JUXIN_TEST_SANITIZED=$([ "$which" = sanitized ] && echo 1)
    for file in tests/integration/test_*.py; do
        name=$(basename "$file" .py)
        [ -f "$file" ] || { count "no integration test" 1; return; }
        [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
        integration_file "$name" "$file"
    done
}

integration_file() {
    local name=$1 file=$2 log=$SCRATCH/$1.log from=$SECONDS line status
    run_child env PYTHONDONTWRITEBYTECODE=1 timeout --foreground --kill-after=20 600 python3 "$file" >"$log" 2>&1
    status=$?
    line=$(tail -n 1 "$log")
    if ! add_counts "$line"; then
        count "$name (no result, exit $status)" 1 "$log"
        return
    fi
    [ "$status" = 0 ] || grep -v '^  ok ' "$log" | head -n 150
    grep '^  skip ' "$log"
    say "  $name: $line in $((SECONDS - from)) s"
}
