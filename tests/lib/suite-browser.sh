# Sourced by tests/run: the console in Debian's Chromium against the real server.
# shellcheck shell=bash

PACKAGES_BROWSER=(chromium fonts-noto-cjk)

suite_browser() {
    local which log=$SCRATCH/browser.log
    which=$(tested_build)
    { packages_install "${PACKAGES_BROWSER[@]}" && console_packages &&
        console_build admin "$SCRATCH/console.stamp" &&
        (cd tests/browser && npm ci --no-audit --no-fund); } >"$log" 2>&1 || { count "browser: console" 1 "$log"; return; }
    build_for_tests && test_database || return 0
    if [ -z "${JUXIN_TEST_PREFIX:-}" ]; then
        run_child meson install -C "build-test/$which" --no-rebuild --quiet --destdir "$SCRATCH/root" \
            >"$log" 2>&1 || { count "install" 1 "$log"; return; }
        export JUXIN_TEST_PREFIX=$SCRATCH/root/opt/juxin JUXIN_TEST_DIR=$SCRATCH
    fi
    integration_file console tests/browser/test_console.py
}
