# Sourced by tests/run: the console's source. Installed from the lock file, type-checked, looked over, built in budget.
# shellcheck shell=bash

admin_step() {
    local name=$1 log=$SCRATCH/admin-$1.log
    shift
    run_child env -C admin "$@" >"$log" 2>&1
    local status=$?
    count "console: $name" "$status" "$log"
    [ "$status" != 0 ] || [ "$name" = install ] || tail -n 1 "$log" | sed "s/^/  $name: /"
    return $status
}

suite_admin() {
    console_packages >"$SCRATCH/admin.log" 2>&1 || { count "console: packages" 1 "$SCRATCH/admin.log"; return; }
    admin_step install npm ci --no-audit --no-fund --ignore-scripts || return 0
    admin_step types npm run --silent check
    admin_step lint npm run --silent lint
    admin_step build npm run --silent build
}
