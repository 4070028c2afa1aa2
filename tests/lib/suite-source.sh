# Sourced by tests/run: what can be said about the source without running it.
# shellcheck shell=bash

# The files of the tree, or of the checkout where there is no git.
source_files() {
    git ls-files -co --exclude-standard -- "$@" 2>/dev/null | sort -u | while read -r name; do
        [ -f "$name" ] && printf '%s\n' "$name"
    done
}

# each_file COMMAND FILE...: one test per file, two at a time; COMMAND is given the file as $1.
each_file() {
    local command=$1 out=$SCRATCH/each name status
    shift
    [ $# -gt 0 ] || { count "no file to look at" 1; return; }
    rm -rf "$out" && mkdir -p "$out"
    printf '%s\0' "$@" | OUT=$out run_child xargs -0 -P 2 -I {} bash -c '
        log=$OUT/$(printf %s "$1" | tr / _).log
        eval "$0" >"$log" 2>&1; printf "%s\n" "$?" >"$log.status"' "$command" {}
    for name in "$@"; do
        status=$out/$(printf %s "$name" | tr / _).log.status
        count "$name" "$(cat "$status" 2>/dev/null || echo 1)" "${status%.status}"
    done
}

suite_format() {
    local files
    mapfile -t files < <(source_files '*.c' '*.h')
    each_file 'clang-format --dry-run -Werror "$1"' "${files[@]}"
}

# Every header compiles alone, on both compilers; the plugin header in plain C11 too.
suite_headers() {
    local files cc flags
    flags="-fsyntax-only -x c -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-function"
    flags="$flags -Wno-unused-parameter -I core -I core/include"
    flags="$flags $(pkg-config --cflags libevent_core libpq jansson libcrypto libssl 2>/dev/null)"
    mapfile -t files < <(source_files 'core/*.h')
    for cc in gcc clang; do
        each_file "echo '#include \"'\"\$PWD/\$1\"'\"' | $cc $flags -" "${files[@]}"
    done
    mapfile -t files < <(source_files 'core/include/juxin/*.h')
    for cc in gcc clang; do
        each_file "echo '#include \"'\"\$PWD/\$1\"'\"' | \
            $cc -fsyntax-only -x c -std=c11 -pedantic-errors -Wall -Wextra -Werror -" "${files[@]}"
    done
}

suite_shell() {
    local files
    mapfile -t files < <(source_files '*.sh' deploy tests .ci | while read -r name; do
        case $name in tests/fuzz/corpus/* | tests/fuzz/regressions/*) ;; *.sh) echo "$name" ;; *) head -n 1 "$name" | grep -q '^#!.*\(ba\)\?sh$' && echo "$name" ;; esac
    done | sort -u)
    each_file 'bash -n "$1"' "${files[@]}"
    mapfile -t files < <(source_files '*.py')
    each_file 'python3 -c "import ast, sys; ast.parse(open(sys.argv[1], encoding=\"utf-8\").read())" "$1"' "${files[@]}"
    mapfile -t files < <(source_files '*.json')
    each_file 'python3 -m json.tool "$1" >/dev/null' "${files[@]}"
    /usr/bin/python3 tests/source/schemas.py >"$SCRATCH/schemas.log" 2>&1 # python3-jsonschema is Debian's
    count "the schemas that plugin authors are given say what the server takes" $? "$SCRATCH/schemas.log"
}
