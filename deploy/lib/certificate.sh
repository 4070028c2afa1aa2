# Sourced: a self-signed certificate for trying things out on this machine.
# shellcheck shell=bash

# make_certificate CERT KEY: does nothing while the present one is good for another month.
make_certificate() {
    local cert=$1 key=$2
    [ -s "$cert" ] && [ -s "$key" ] && openssl x509 -in "$cert" -noout -checkend 2592000 >/dev/null && return 0
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$key.new" -out "$cert.new" 2>/dev/null) || return 1
    chmod 0644 "$cert.new" && mv "$key.new" "$key" && mv "$cert.new" "$cert"
}
