# Sourced by tests/run: all SQL of the project against the rules that let it run on shards and keep tenants apart.
# shellcheck shell=bash

# In a run of everything test_sent, which runs servers for a minute, waits for those of the integration suite.
suite_sql() {
    local file name
    install_for_tests || return 0
    for file in tests/sql/test_*.py; do
        name=$(basename "$file" .py)
        [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
        [ -n "$ONLY" ] || [ "$name" != test_sent ] || continue
        integration_file "$name" "$file"
    done
}
