# Sourced by tests/run: all SQL of the project against the rules that let it run on shards and keep tenants apart.
# shellcheck shell=bash

# PostgreSQL's own parser (python3-pglast) is there for Debian's Python only.
suite_sql() {
    local file name
    install_for_tests || return 0
    for file in tests/sql/test_*.py; do
        name=$(basename "$file" .py)
        [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
        PYTHON=/usr/bin/python3 integration_file "$name" "$file"
        [ "$name" != test_sent ] || export JUXIN_TEST_SENT=1
    done
}
