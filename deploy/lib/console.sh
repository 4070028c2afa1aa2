# Sourced: builds the console (admin/) from its lock file and lays it out where the server reads it.
# shellcheck shell=bash

# One digest over everything the build reads; also over the Node.js that does it.
console_digest() {
    (
        cd "$1" || exit 1
        node --version
        find . \( -name node_modules -o -name dist \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    ) | sha256sum | cut -c1-64
}

# console_build ADMIN STAMP: does nothing while the stamp has the digest of what is there.
console_build() {
    local admin=$1 stamp=$2 digest
    digest=$(console_digest "$admin") || return 1
    if [ -f "$admin/dist/index.html" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ]; then
        echo "console: unchanged"
        return 0
    fi
    (cd "$admin" && npm ci --no-audit --no-fund && npm run --silent build) || return 1
    printf '%s\n' "$digest" >"$stamp"
}

# console_install ADMIN DIR: a fresh copy, so that no file of an earlier build stays.
console_install() {
    local admin=$1 dir=$2
    rm -rf "$dir.new" && mkdir -p "$(dirname "$dir")" && cp -r "$admin/dist" "$dir.new" &&
        chmod -R go+rX "$dir.new" && rm -rf "$dir" && mv "$dir.new" "$dir"
}
