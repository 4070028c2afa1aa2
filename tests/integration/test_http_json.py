#!/usr/bin/env python3
# JSON texts of every class as bodies of real requests: what RFC 8259 allows is read, what it does not is refused with a
# problem document, and what it leaves open, this server answers in one way.
import collections
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main
from lib.json_cases import cases
from lib.server import ROOT, Server

PATH = "/t/alpha/api/v1/units"
server = None
headers = {}
connection = None


def setup():
    global server
    server = Server(workers=1)
    server.ctl("tenant", "create", "alpha", "--name", "甲区")
    server.ctl("unit", "import", "alpha", ROOT / "deploy/demo/330102.json")
    password = server.ctl_json("user", "create", "alpha", "admin", "--name", "admin", "--generate")["password"]
    server.ctl("grant", "add", "alpha", "--user", "admin", "--role", "administrator", "--unit", "330102", "--reach",
               "subtree")
    server.start()
    client = server.client()
    answer = client.post("/t/alpha/api/v1/session", {"login": "admin", "password": password})
    assert answer.status == 201, answer
    headers.update({"Cookie": "; ".join(f"{k}={v}" for k, v in client.cookies.items()),
                    "X-CSRF-Token": answer.json["csrf_token"], "Content-Type": "application/json"})


def send(text):
    """(status, problem code) of an answer to it as a body; all on one connection, which the server must not end."""
    global connection
    if connection is None:
        connection = server.client().connection()
    connection.request("POST", PATH, text, headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    assert response.status < 500, (text[:200], response.status, body)
    assert response.headers["Content-Type"] == "application/problem+json", (text[:200], response.headers)
    assert response.headers["Connection"] is None, (text[:200], response.headers)
    assert body["status"] == response.status and body["title"] and body["detail"], body
    return response.status, body["code"]


def test_every_class():
    """None of them makes a unit: a text that is read is refused for what it says, 422."""
    found, wrong, texts = collections.Counter(), [], set()
    for name, text in cases():
        status, code = send(text)
        texts.add(text)
        found[f"{name[0]}_ {status} {code}"] += 1
        if (name[0] == "y" and status != 422) or (name[0] == "n" and status != 400) or status not in (400, 422):
            wrong.append((name, text[:80], status, code))
    print("  " + ", ".join(f"{times} × {what}" for what, times in sorted(found.items())))
    assert not wrong, wrong
    assert len(texts) >= 318, len(texts)
    assert server.log().count('"event":"worker.ready"') == 1, "a worker has ended"


ONE_WAY = [
    (b'{"code":1,"code":1}', 422, "json_unacceptable"), (b'{"\\u0063ode":1,"code":1}', 422, "json_unacceptable"),
    (b'[{"a":{"b":1,"b":1}}]', 422, "json_unacceptable"), (b'{"code":"a\\u0000b"}', 422, "json_unacceptable"),
    (b'{"a\\u0000b":1}', 422, "json_unacceptable"), (b"[1e400]", 400, "malformed_json"),
    (b"[9223372036854775808]", 400, "malformed_json"), (b"[-9223372036854775809]", 400, "malformed_json"),
    (b"[9223372036854775807,1e308]", 422, "invalid"), (b"[" * 32 + b"]" * 32, 422, "invalid"),
    (b"[" * 33 + b"]" * 33, 400, "json_too_complex"), (b'[{"a":' * 17 + b"1" + b"}]" * 17, 400, "json_too_complex"),
    (b"[" + b"1," * 99998 + b"1]", 422, "invalid"), (b"[" + b"1," * 99999 + b"1]", 400, "json_too_complex"),
    (b'["\xc0\xaf"]', 400, "malformed_json"), (b'["\xed\xa0\x80"]', 400, "malformed_json"),
    (b'["\xf4\x90\x80\x80"]', 400, "malformed_json"), (b'["\\ud800"]', 400, "malformed_json"),
    (b'["\\udc00\\ud800"]', 400, "malformed_json"), (b"\xef\xbb\xbf{}", 400, "malformed_json"),
    ('{"code":"a"}'.encode("utf-16"), 400, "malformed_json"), (b"", 400, "body_required")]


def test_what_is_left_open_has_one_answer():
    for text, status, code in ONE_WAY:
        assert send(text) == (status, code), (text[:80], status, code, send(text))


if __name__ == "__main__":
    main()
