#!/usr/bin/env python3
# long
# testssl.sh against the TLS port: no finding of MEDIUM or worse (nor of LOW), but those that a
# certificate which signed itself brings with it.
import gzip
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main, scratch
from lib.server import Server

# Protocols, ciphers, forward secrecy, the server's preferences and defaults, header fields, vulnerabilities. What is left
# out, trying each cipher on its own and simulating clients, only informs.
GROUPS = ["--protocols", "--std", "--fs", "--server-preference", "--server-defaults", "--headers", "--vulnerable"]
FINE = ("OK", "INFO")
OF_THE_TEST_CERTIFICATE = {
    "cert_chain_of_trust": "failed (self signed).",
    "cert_revocation": "Neither CRL nor OCSP URI provided",
}

# Of testssl.sh's own openssl, not of the server: without this engine it cannot offer GOST ciphers, which Juxin has not.
OF_THE_SCANNER = {"engine_problem"}


def assets():
    """A console as the build lays it out: a page at the root, its compressed form beside it."""
    directory = os.path.join(scratch(), "assets")
    os.mkdir(directory, 0o755)
    page = b"<!doctype html><title>Juxin</title>" + b"<p>page</p>" * 100
    for name, content in (("index.html", page), ("index.html.gz", gzip.compress(page))):
        with open(os.path.join(directory, name), "wb") as out:
            out.write(content)
    return directory


def findings(port, *options):
    """What testssl.sh reports: {id: finding}, whole entries."""
    out = os.path.join(tempfile.mkdtemp(dir=scratch()), "testssl.json")
    done = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--jsonfile",
                           out, *options, f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=500, cwd=scratch())
    assert os.path.exists(out), done.stdout + done.stderr
    with open(out, encoding="utf-8") as text:
        return [f for f in json.load(text) if f["id"] not in OF_THE_SCANNER]


def again(port, found):
    """WARN is no finding but a check that did not come about: `openssl s_client`, say, had gone before its ticket came.
    What the same groups find when asked once more stands in its place."""
    undone = {f["id"] for f in found if f["severity"] == "WARN"}
    if not undone:
        return found
    print(f"  once more, for {sorted(undone)}")
    return [f for f in found if f["id"] not in undone] + [f for f in findings(port, *GROUPS) if f["id"] in undone]


def test_testssl():
    server = Server(workers=1, config={"assets": assets()}).start()
    found = findings(server.port, *GROUPS)
    for _ in range(2):
        found = again(server.port, found)
    by_id = {f["id"]: f for f in found}
    for wanted, severity in (("TLS1_1", "INFO"), ("TLS1_2", "OK"), ("TLS1_3", "OK"), ("PFS", "OK"), ("heartbleed", "OK"),
                             ("secure_client_renego", "OK"), ("BREACH", "OK"), ("HSTS_time", "OK"), ("ROBOT", "OK")):
        assert by_id.get(wanted, {}).get("severity") == severity, (wanted, by_id.get(wanted))
    print(f"  {len(found)} findings")
    bad = [f for f in found if f["severity"] not in FINE and OF_THE_TEST_CERTIFICATE.get(f["id"]) != f["finding"]]
    assert not bad, bad


if __name__ == "__main__":
    main()
