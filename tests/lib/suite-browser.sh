# Sourced by tests/run: the console in Debian's Chromium against the real server.
# shellcheck shell=bash

PACKAGES_BROWSER=(chromium fonts-noto-cjk)

suite_browser() {
    local log=$SCRATCH/browser.log
    { packages_install "${PACKAGES_BROWSER[@]}" && console_packages &&
        console_build admin "$SCRATCH/console.stamp" &&
        (cd tests/browser && npm ci --no-audit --no-fund); } >"$log" 2>&1 || { count "browser: console" 1 "$log"; return; }
    install_for_tests || return 0
    integration_file test_console tests/browser/test_console.py
}
