"""What plugins reach outside and whom they tell, through the host's tables of version 1.1 (tests/plugins/caller)."""
import json
import os
import threading
import time

from lib import harness
from lib.harness import wait_until
from lib.mocks import Mock
from lib.people import make_people
from lib.plugins import install
from lib.server import Server, certificate

EACCES, EINVAL, E2BIG, EAGAIN, EIO, ENOTSUP, ETIMEDOUT, ENOENT = -13, -22, -7, -11, -5, -95, -110, -2
UNITS = [("k", "county", None), ("s1", "street", "k")]
server = mock = None
people = {}


def setup():
    global server, mock
    mock = Mock()
    server = Server(database=False, config={"outgoing": {"allow": "localhost, other.example.cn", "ca_file": certificate()[0]},
                                            "plugins": {"mode": "development"}})
    server.config["plugins"]["directory"] = str(install(os.path.join(server.directory, "plugins"), "caller"))
    server.write_config()
    server.make_database()
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
    server.ctl("tenant", "create", "one", "--name", "one")
    server.ctl("unit", "import", "one", tree)
    people.update(make_people(server, "one", "user", "told"))
    server.ctl("grant", "add", "one", "--user", "user", "--role", "caller_user", "--unit", "k", "--reach", "subtree")
    server.start()


def teardown():
    mock.close()


def fetch(url, headers=None, **more):
    answer = people["user"].post("caller/fetch", {"url": url, **more}, headers=headers)
    assert answer.status == 200, answer
    return answer.json


def test_a_request_and_its_answer():
    mock.script("/api", (201, {"Content-Type": "text/plain"}, b"x" * 1000), (429, {"Retry-After": "9"}))
    got = fetch(mock.url("/api"), header="X-More: 一", body="{}")
    assert got == {"error": 0, "status": 201, "sent": True, "length": 1000, "retry_after": 0}, got
    sent = mock.requests("/api")[0]
    assert sent.method == "POST" and sent.body == b"{}" and sent.headers["X-From"] == "caller" and "X-More" in sent.headers, sent.headers
    got = fetch(mock.url("/api"))
    assert (got["error"], got["status"], got["retry_after"]) == (0, 429, 9), got


def test_where_it_may_not_go():
    for url in (f"https://127.0.0.1:{mock.port}/x", "https://evil.cn/", "https://example.cn/", "https://localhost.evil.cn/"):
        assert fetch(url)["error"] == EACCES, url  # not in the manifest
    assert fetch(f"http://localhost:{mock.port}/x")["error"] in (EIO, 0)  # the operator allows it; the mock speaks TLS
    for url, more in (("ftp://localhost/", {}), ("nonsense", {}), (mock.url("/x"), {"header": "Host: x"}), (mock.url("/x"), {"header": "a\r\nb: c"}),
                      (mock.url("/x"), {"header": "X-Long: " + "a" * 4096}), (mock.url("/x" + "a" * 2040), {})):
        assert fetch(url, **more)["error"] == EINVAL, (url, more)
    mock.script("/hop", (302, {"Location": f"https://127.0.0.1:{mock.port}/inner"}))
    assert fetch(mock.url("/hop"))["status"] == 302 and mock.requests("/inner") == []


def test_bad_answers():
    mock.script("/pour", mock.pour)
    assert fetch(mock.url("/pour"), answer_max=1000)["error"] == E2BIG and mock.poured < 64 << 20
    mock.script("/hang", mock.hang, then=mock.hang)
    began = time.monotonic()
    got = fetch(mock.url("/hang"), timeout_ms=300)
    assert got["error"] == ETIMEDOUT and got["sent"] is True and time.monotonic() - began < 20, got
    got = fetch("https://localhost:1/")
    assert got["error"] == EIO and got["sent"] is False, got


def test_a_transaction_waits_for_nobody():
    before = len(mock.requests("/tx"))
    assert fetch(mock.url("/tx"), headers={"Idempotency-Key": "once"})["error"] == ENOTSUP
    assert len(mock.requests("/tx")) == before


def test_a_hanging_one_holds_up_no_other_request():
    mock.script("/slow", mock.hang, then=mock.hang)
    thread = threading.Thread(target=lambda: make_other().post("caller/fetch", {"url": mock.url("/slow"), "timeout_ms": 2500}))
    thread.start()
    try:
        wait_until(lambda: mock.requests("/slow"), 30, "the request that hangs")
        began = time.monotonic()
        for _ in range(5):
            assert people["user"].get("notifications").status == 200
        assert time.monotonic() - began < 2.4
    finally:
        thread.join(60)


def make_other():
    """The same person on another connection."""
    person = people["user"]
    return type(person)(server, "one", person.login, person.account, person.token)


def unit(code):
    return server.psql(f"SELECT id FROM juxin.unit WHERE code = '{code}'")[0][0]


def tell(kind="called", params=None, at="s1", holder=None, **more):
    answer = people["user"].post(f"caller/tell/{unit(at)}", {"kind": kind, "holder": holder or people["told"].account, "params": params or {}, **more})
    assert answer.status == 200, answer
    return answer.json["error"]


def told():
    return people["told"].get("notifications").json


def test_people_are_told():
    assert tell(params={"topic": "路灯"}) == 0
    item = told()["items"][0]
    assert item["kind"] == "caller.called" and item["text"] == {"zh-CN": "S1来电：路灯。", "en": "A call from S1: 路灯."}, item
    assert told()["unread"] == 1 and item["record"] is None
    assert tell(kind="nothing") == ENOENT and tell(params={"topic": 1}) == EINVAL and tell(params={"topic": "x" * 300}) == EINVAL
    assert tell(holder="00000000-0000-7000-8000-000000000000") == 0 and len(told()["items"]) == 1  # nobody
    kinds = {k["kind"]: k for k in people["told"].get("notification-preferences").json["kinds"]}
    assert kinds["caller.called"]["label"]["zh-CN"] == "来电", kinds
    rule = server.ctl_json("plugin", "policy", "one", "caller", "--unit", "s1", "--rule", "off", "--reason", "测试")["id"]
    try:
        assert told()["items"] == [] and told()["unread"] == 0
    finally:
        server.ctl("plugin", "policy", "one", "caller", "--end", rule)
    assert told()["unread"] == 1
    assert people["told"].request("PUT", "notification-preferences", {"muted": ["caller.called"]}).status == 204
    assert tell(params={"topic": "再来"}) == 0 and len(told()["items"]) == 1


if __name__ == "__main__":
    harness.main()
