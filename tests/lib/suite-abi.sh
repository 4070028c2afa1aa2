# Sourced by tests/run: the plugin interface against its baseline.
# shellcheck shell=bash

suite_abi() {
    integration_file test_abi tests/abi/test_abi.py
}
