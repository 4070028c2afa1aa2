# Sourced by suite-fuzz.sh and tests/fuzz/run: building and running libFuzzer's targets.
# shellcheck shell=bash

FUZZ_TARGETS=(http_parse url_filter cookie json declaration manifest elf_note tree_import sheet)
FUZZ_BUILD=build-test/fuzz
# A single input may take 20 s (it takes microseconds) and the process 2 GB before that is a finding.
FUZZ_LIMITS=(-timeout=20 -rss_limit_mb=2048 -print_final_stats=1)

# fuzz_build: the targets only, with clang and sanitizers in the core too.
fuzz_build() {
    local name programs=()
    for name in "${FUZZ_TARGETS[@]}" planted; do
        programs+=("tests/fuzz/fuzz_$name")
    done
    if [ ! -f "$FUZZ_BUILD/build.ninja" ]; then
        rm -rf "$FUZZ_BUILD"
        CC=clang meson setup "$FUZZ_BUILD" -Dfuzz=true -Dtests=disabled -Db_lundef=false --buildtype=debug \
            -Doptimization=1 || return 1
    fi
    ninja -C "$FUZZ_BUILD" "${programs[@]}"
}

# fuzz_exec TARGET SECONDS CORPUS FINDINGS LOG: until the time is over or something is found, whose input is put into
# FINDINGS. New inputs go to CORPUS; those of the tree are read too. For a subshell of its own, which becomes libFuzzer,
# so that its process id is the one to kill.
fuzz_exec() {
    local target=$1 seconds=$2 corpus=$3 findings=$4 log=$5 seeds
    seeds=("${FUZZ_SEEDS:-tests/fuzz/corpus/$target}")
    [ ! -d "tests/fuzz/regressions/$target" ] || seeds+=("tests/fuzz/regressions/$target")
    mkdir -p "$corpus" "$findings"
    exec env ASAN_OPTIONS=detect_leaks=1 "$FUZZ_BUILD/tests/fuzz/fuzz_$target" "${FUZZ_LIMITS[@]}" \
        -max_total_time="$seconds" -dict="${FUZZ_DICT:-tests/fuzz/$target.dict}" -artifact_prefix="$findings/$target-" \
        "$corpus" "${seeds[@]}" >"$log" 2>&1
}

# fuzz_replay TARGET LOG: the inputs of faults that were found once; nothing to do where there are none.
fuzz_replay() {
    local inputs=("tests/fuzz/regressions/$1"/*)
    [ -e "${inputs[0]}" ] || return 0
    "$FUZZ_BUILD/tests/fuzz/fuzz_$1" "${FUZZ_LIMITS[@]}" "${inputs[@]}" >"$2" 2>&1
}

fuzz_executions() {
    sed -n 's/^stat::number_of_executed_units: *//p' "$1" | tail -n 1
}

# "cov 413, ft 945": edges reached, and edges with how often.
fuzz_coverage() {
    sed -n 's/^#[0-9]*.* cov: \([0-9]*\) ft: \([0-9]*\) .*/cov \1, ft \2/p' "$1" | tail -n 1
}

# What was found, in one line.
fuzz_reason() {
    grep -m 1 -E 'does not hold|ERROR: (Address|Leak)Sanitizer|runtime error|ERROR: libFuzzer' "$1"
}
