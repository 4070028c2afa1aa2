# Sourced by tests/run: what is built and run.
# shellcheck shell=bash

# Warnings are errors in the plain builds; the sanitizers' own code makes gcc warn of what is not there.
SANITIZE=(-Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false)
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

# c_tests SUITE BUILD NAME...: cmocka's cases are counted one by one. Those on a database run one after the other: roles
# belong to the whole cluster.
c_tests() {
    local suite=$1 build=$2 log=$SCRATCH/$1-$2.log line at_once=2
    shift 2
    [ "$suite" != db ] || at_once=1
    rm -f "build-test/$build/meson-logs/testlog.json"
    run_child meson test -C "build-test/$build" --no-rebuild --suite "$suite" --num-processes $at_once "$@" >"$log" 2>&1
    line=$(python3 tests/lib/count_unit.py 2>>"$log" "build-test/$build/meson-logs/testlog.json" "$build" | tee "$log.count" |
        tail -n 1)
    sed '$d' "$log.count"
    add_counts "$line" || count "$suite tests of $build" 1 "$log"
    say "  $suite tests, $build build: $line"
}

# That no allocation may fail unnoticed is asked of the sanitized build alone, which sees more: it takes half a minute.
suite_unit() {
    if build gcc gcc --buildtype=debugoptimized; then
        python3 tests/source/floors.py build-test/gcc >"$SCRATCH/floors.log" 2>&1
        count "arrows between files of core/ point down, without a circle" $? "$SCRATCH/floors.log"
        if [ -n "$QUICK" ] || [ $# -gt 0 ]; then c_tests unit gcc "$@"; else c_tests unit gcc --no-suite allocations; fi
    fi
    [ -z "$QUICK" ] || return 0
    build clang clang --buildtype=debug # for its warnings, which do not depend on the optimizer
    if build_for_tests; then c_tests unit sanitized "$@"; fi
}

# One throwaway cluster for everything of this run; JUXIN_TEST_PG is its superuser's connection string.
test_database() {
    [ -z "${JUXIN_TEST_PG:-}" ] || return 0
    ensure_user juxin
    pg_test_cluster "$SCRATCH/pg" >"$SCRATCH/pg.log" 2>&1 || { count "PostgreSQL" 1 "$SCRATCH/pg.log"; return 1; }
    JUXIN_TEST_PG=$(pg_conninfo "$SCRATCH/pg")
    export JUXIN_TEST_PG
}

# C tests that need a PostgreSQL.
suite_db() {
    local which
    which=$(tested_build)
    build_for_tests && test_database && c_tests db "$which" "$@"
}

# The sanitized programs, or with --quick the plain ones.
tested_build() {
    if [ -n "$QUICK" ]; then echo gcc; else echo sanitized; fi
}

build_for_tests() {
    if [ -n "$QUICK" ]; then
        build gcc gcc --buildtype=debugoptimized
    else
        build sanitized gcc --buildtype=debug -Doptimization=1 "${SANITIZE[@]}"
    fi
}

# The programs under test in the scratch directory, once; the sanitized ones, or with --quick the plain ones.
install_for_tests() {
    local which
    [ -z "${JUXIN_TEST_PREFIX:-}" ] || return 0
    which=$(tested_build)
    build_for_tests && test_database || return 1
    run_child meson install -C "build-test/$which" --no-rebuild --quiet --destdir "$SCRATCH/root" \
        >"$SCRATCH/install.log" 2>&1 || { count "install" 1 "$SCRATCH/install.log"; return 1; }
    export JUXIN_TEST_PREFIX=$SCRATCH/root/opt/juxin JUXIN_TEST_DIR=$SCRATCH JUXIN_TEST_SANITIZED=
    [ "$which" = gcc ] || JUXIN_TEST_SANITIZED=1
}

# Each file of tests/integration against the installed programs: one more at a time than there are processors, since most
# wait much of their time, each on a cluster of its own since roles belong to the cluster. In its second line a file that
# measures says "# alone" and runs when nothing else does; one that takes the better part of a minute says "# long" and
# begins with the first, so that the end is not spent waiting for it; "# sent" is run by tests/sql/test_sent.py, which in a
# run of everything is one of these.
suite_integration() {
    local name file long=() short=() alone=()
    install_for_tests || return 0
    for file in tests/integration/test_*.py; do
        name=$(basename "$file" .py)
        [ -f "$file" ] || { count "no integration test" 1; return; }
        [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
        case $(sed -n 2p "$file") in
        '# alone'*) alone+=("$file") ;;
        '# long'*) long+=("$file") ;;
        '# sent'*) [ -z "$ONLY" ] || short+=("$file") ;;
        *) short+=("$file") ;;
        esac
    done
    [ -n "$ONLY" ] || long=(tests/sql/test_sent.py "${long[@]}")
    [ $((${#long[@]} + ${#short[@]})) -eq 0 ] || integration_pool "${long[@]}" "${short[@]}"
    for file in "${alone[@]}"; do
        integration_file "$(basename "$file" .py)" "$file"
    done
}

integration_pool() {
    local file pid slot status
    local -A slot_of=() file_of=() cluster=([1]=$JUXIN_TEST_PG)
    local free=(1) more=$(($(nproc) < $# - 1 ? $(nproc) : $# - 1))
    for ((slot = 2; slot <= 1 + more; slot++)); do
        pg_test_cluster "$SCRATCH/pg$slot" >"$SCRATCH/pg$slot.log" 2>&1 ||
            { count "PostgreSQL number $slot" 1 "$SCRATCH/pg$slot.log"; return; }
        cluster[$slot]=$(pg_conninfo "$SCRATCH/pg$slot")
        free+=("$slot")
    done
    for file in "$@" ''; do
        # One is awaited where both are busy; at the end, all.
        while [ ${#slot_of[@]} -gt 0 ] && { [ ${#free[@]} -eq 0 ] || [ -z "$file" ]; }; do
            wait -n -p pid "${CHILDREN[@]}"
            status=$?
            integration_report "$(basename "${file_of[$pid]}" .py)" "$status"
            free+=("${slot_of[$pid]}")
            unset "slot_of[$pid]"
            CHILDREN=("${!slot_of[@]}")
        done
        [ -n "$file" ] || break
        slot=${free[0]} free=("${free[@]:1}")
        began_of[$(basename "$file" .py)]=$SECONDS
        JUXIN_TEST_PG=${cluster[$slot]} integration_run "$file" &
        slot_of[$!]=$slot file_of[$!]=$file
        CHILDREN=("${!slot_of[@]}")
    done
    for ((slot = 2; slot <= 1 + more; slot++)); do
        pg_stop "$SCRATCH/pg$slot"
    done
}

declare -A began_of=()

# PostgreSQL's own parser (python3-pglast) is there for Debian's Python only.
integration_run() {
    local python=python3
    [[ $1 != tests/sql/* ]] || python=/usr/bin/python3
    exec env PYTHONDONTWRITEBYTECODE=1 timeout --foreground --kill-after=20 600 "$python" "$1" \
        >"$SCRATCH/$(basename "$1" .py).log" 2>&1
}

integration_report() {
    local name=$1 status=$2 log=$SCRATCH/$1.log line
    line=$(tail -n 1 "$log")
    if ! add_counts "$line"; then
        count "$name (no result, exit $status)" 1 "$log"
        return
    fi
    [ "$status" = 0 ] || grep -v '^  ok ' "$log" | head -n 150
    grep '^  skip ' "$log"
    say "  $name: $line in $((SECONDS - began_of[$name])) s"
}

integration_file() {
    began_of[$1]=$SECONDS
    run_child integration_run "$2"
    integration_report "$1" $?
}
