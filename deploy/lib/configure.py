#!/usr/bin/env python3
# Writes the quickstart's configuration. What an operator or juxinctl added is kept; paths and ports are made anew.
import json
import os
import sys


def wanted(state, port, admin_port, user):
    install = state + "/install"
    config = {
        "state_dir": state,
        "install_dir": install,
        "listen": [{"address": "127.0.0.1", "port": port, "tls": True}],
        "admin_listen": {"address": "127.0.0.1", "port": admin_port},
        "tls": {"certificate": state + "/tls/server.crt", "key": state + "/tls/server.key"},
        "keys": {"file": state + "/keys.json"},
        "plugins": {
            "directory": install + "/lib/juxin/plugins",
            "mode": "production",
            "trust": state + "/trust.json",
        },
        "migrations": install + "/share/juxin/migrations",
        "assets": install + "/share/juxin/console",
    }
    if user:
        config["user"] = user
    return config


def main():
    file, state, port, admin_port, user = sys.argv[1:6]
    config = {"workers": min(os.cpu_count() or 1, 8), "log": {"level": "info"}}
    if os.path.exists(file):
        with open(file, encoding="utf-8") as text:
            config = json.load(text)
    config.update(wanted(state, int(port), int(admin_port), user))
    with open(file + ".new", "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o640)) as out:
        json.dump(config, out, indent=2, ensure_ascii=False)
        out.write("\n")
    os.replace(file + ".new", file)


if __name__ == "__main__":
    main()
