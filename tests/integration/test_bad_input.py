"""Bad input: a 4xx problem document that names the pointer and what is accepted, memory flat, nothing half-written."""
import json
import os
import socket
import uuid

from lib import harness
from lib.demo import Demo

T = "/t/shangcheng/api/v1"
R = T + "/suggestions/suggestion"
demo = None
people = {}


def setup():
    global demo
    # The sanitizer keeps freed memory for a while; a little of it is enough here, where memory is weighed.
    demo = Demo(environment={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"})
    demo.start()
    for login in ("member1", "officer", "qingbomen"):
        people[login] = sign_in("shangcheng", login)
    people["lianhu"] = sign_in("lianhu", "admin")
    change_password("shangcheng", "admin")


def sign_in(tenant, login, password=None):
    client = demo.client()
    answer = client.post(f"/t/{tenant}/api/v1/session",
                         {"login": login, "password": password or demo.logins[(tenant, login)]})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def change_password(tenant, login):
    """The first administrator must set a new password before anything else answers."""
    client = sign_in(tenant, login)
    old, new = demo.logins[(tenant, login)], "a wholly new pass phrase " + uuid.uuid4().hex
    refused = client.get(f"/t/{tenant}/api/v1/units")
    assert refused.status == 403, refused
    answer = client.post(f"/t/{tenant}/api/v1/account/password", {"old_password": old, "new_password": new})
    assert answer.status in (200, 204), answer
    people[login] = sign_in(tenant, login, new)


def unit(client, code, tenant="shangcheng"):
    return client.get(f"/t/{tenant}/api/v1/units?code={code}").json["items"][0]["id"]


def good(**changes):
    body = {"unit": unit(people["member1"], "330102001051"), "title": "增设非机动车停车位", "content": "早高峰无处停放。"}
    body.update(changes)
    return {k: v for k, v in body.items() if v is not ...}


def test_long_names_are_cut_between_characters():
    """What is told of them is JSON still, wherever the cut falls."""
    member = people["member1"]
    for more in range(3):
        name = "x" * more + "标" * 200
        told = problem(member.post(R, good(**{name: 1})), 422)
        assert any(e["code"] == "unknown_field" and e["pointer"].startswith("/x" * bool(more)) for e in told["errors"]), told
        query = "x" * more + "%E6%A0%87" * 200
        problem(member.get(f"{R}?{query}=eq.1"), 400)
        problem(member.get(f"{R}?fields={query}"), 400)
        problem(people["officer"].post(R + "/transitions/screen", {name: 1, "items": []}), 422)
        problem(people["admin"].post(T + "/departments", {name: 1}), 422)


def problem(answer, status, pointer=None):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers
    body = answer.json
    assert body["status"] == status and body["code"] and body["title"], body
    if pointer is not None:
        found = [e for e in body.get("errors", []) if e["pointer"] == pointer]
        assert found and found[0]["detail"], f"no error at {pointer}: {body}"
    return body


def rows():
    return int(demo.psql("SELECT count(*) FROM px_suggestions.suggestion")[0][0])


def test_wrong_missing_long_unknown():
    before, member = rows(), people["member1"]
    problem(member.post(R, good(title=7)), 422, "/title")
    problem(member.post(R, good(title=...)), 422, "/title")
    problem(member.post(R, good(title="长" * 101)), 422, "/title")
    problem(member.post(R, good(titel="x")), 422, "/titel")
    problem(member.post(R, good(topic="astrology")), 422, "/topic")
    problem(member.post(R, good(contact_phone="12")), 422, "/contact_phone")
    problem(member.post(R, good(disclose="yes")), 422, "/disclose")
    problem(member.post(R, good(answer="not mine to write")), 422, "/answer")
    problem(member.post(R, good(state="confirmed")), 422, "/state")
    problem(member.post(R, good(unit="nowhere")), 422, "/unit")
    several = problem(member.post(R, good(title=7, topic=[], titel=1)), 422)
    assert {e["pointer"] for e in several["errors"]} >= {"/title", "/topic", "/titel"}, several
    assert rows() == before


def test_bodies_that_are_no_json():
    before, member = rows(), people["member1"]
    for body in (b"", b"{", b'"\xff\xfe"', b"[1,2", b"\xef\xbb\xbf{}",
                 b"nul", b"{} {}", b"{'a':1}"):
        answer = member.post(R, body, headers={"Content-Type": "application/json"})
        problem(answer, 400)
    for body in (b'{"title": "a", "title": "b"}', b'{"a":"\\u0000"}'):
        problem(member.post(R, body, headers={"Content-Type": "application/json"}), 422)
    for body in (b"[]", b"null", b'"text"', b"7"):
        answer = member.post(R, body, headers={"Content-Type": "application/json"})
        assert answer.status in (400, 422), answer
    problem(member.post(R, b"title=x", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415)
    assert rows() == before


def worker_memory():
    """Resident KiB of the server's processes."""
    total = 0
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            if pid.isdigit() and int(fields[2]) == demo.process.pid:
                with open(f"/proc/{pid}/statm", encoding="utf-8") as statm:
                    total += int(statm.read().split()[1]) * 4
        except (OSError, IndexError, ValueError):
            continue
    return total


def test_bombs_leave_memory_flat():
    member = people["member1"]
    deep = b"[" * 2000 + b"]" * 2000
    wide = b"{" + b",".join(b'"k%d":1' % i for i in range(70000)) + b"}"
    many = b"{" + b",".join(b'"%d":0' % i for i in range(1000000)) + b"}"
    pairs = b"[" + b"{}," * 300000 + b"{}]"
    headers = {"Content-Type": "application/json"}

    def throw():
        assert 400 <= member.post(R, deep, headers=headers).status < 500
        assert member.post(R, wide, headers=headers).status in (400, 413, 422)
        for bomb in (many, pairs):
            try:
                status = member.post(R, bomb, headers=headers).status
            except OSError:
                continue  # answered and closed while we were still sending
            assert status in (400, 413, 422), status

    for _ in range(3):
        throw()
    before = worker_memory()
    assert before > 0
    for _ in range(20):
        throw()
    grown = worker_memory() - before
    assert grown < 16 * 1024, f"{grown} KiB more after 20 rounds"


def same_answer(one, other):
    a, b = one.json, other.json
    for body in (a, b):
        body.pop("instance", None)
    return one.status == other.status and a == b


def test_another_tenants_ids_are_no_ids():
    member = people["member1"]
    mine = member.post(R, good()).json["id"]
    nobody = str(uuid.uuid4())
    foreign = people["lianhu"]
    base = "/t/lianhu/api/v1/suggestions/suggestion/"
    for path in ("{}", "{}/history", "{}/transitions"):
        assert same_answer(foreign.get(base + path.format(mine)), foreign.get(base + path.format(nobody)))
    theirs = unit(foreign, "990001", "lianhu")
    for target in (theirs, nobody):
        problem(member.post(R, good(unit=target)), 422, "/unit")
    assert same_answer(member.post(R, good(unit=theirs)), member.post(R, good(unit=nobody)))
    officer = people["officer"]
    assert same_answer(officer.get(f"{R}?unit={theirs}"), officer.get(f"{R}?unit={nobody}"))
    # A session of one district means nothing in another.
    stranger = demo.client()
    stranger.cookies, stranger.csrf = dict(member.cookies), member.csrf
    problem(stranger.get(base.rstrip("/")), 401)


def test_etags():
    """Of a title like no other's: the hint at a similar one would come with a version of its own, at any moment."""
    officer, created = people["officer"], people["member1"].post(R, good(title="人行道增设盲道砖"))
    path = f"{R}/{created.json['id']}"
    worker = people["qingbomen"]
    problem(worker.post(path + "/transitions/screen", {}), 428)
    problem(worker.post(path + "/transitions/screen", {}, headers={"If-Match": '"99"'}), 412)
    problem(worker.post(path + "/transitions/screen", {}, headers={"If-Match": "soon"}), 400)
    problem(officer.post(path + "/transitions/no_such", {}, headers={"If-Match": created.headers["ETag"]}), 404)
    moved = worker.post(path + "/transitions/screen", {}, headers={"If-Match": created.headers["ETag"]})
    assert moved.status == 200 and moved.headers["ETag"] != created.headers["ETag"], moved
    problem(worker.post(path + "/transitions/screen", {}, headers={"If-Match": moved.headers["ETag"]}), 409)


def test_idempotency_key():
    before, member = rows(), people["member1"]
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = member.post(R, good(), headers=key)
    again = member.post(R, good(), headers=key)
    assert first.status == 201 and again.status == 201, (first, again)
    assert first.json["id"] == again.json["id"]
    problem(member.post(R, good(title="另一份内容"), headers=key), 422)
    problem(member.post(R, good(), headers={"Idempotency-Key": "x" * 500}), 400)
    assert rows() == before + 1


def test_a_cut_connection_writes_nothing():
    before, member = rows(), people["member1"]
    body = json.dumps(good()).encode()
    cookie = "; ".join(f"{k}={v}" for k, v in member.cookies.items())
    head = (f"POST {R} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nCookie: {cookie}\r\n"
            f"X-CSRF-Token: {member.csrf}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    for cut in (1, len(body) // 2, len(body) - 1):
        with demo.raw(tls=True) as connection:
            connection.sendall(head + body[:cut])
            connection.shutdown(socket.SHUT_RDWR)
    assert member.get(R).status == 200
    assert rows() == before


TREES = {
    "cycle": ([("1", "county", None), ("a", "street", "b"), ("b", "street", "a")], None),
    "duplicate code": ([("1", "county", None), ("a", "street", "1"), ("a", "street", "1")], "/units/2/code"),
    "unknown parent": ([("1", "county", None), ("a", "street", "zz")], "/units/1/parent"),
    "level": ([("1", "county", None), ("a", "planet", "1")], "/units/1/level"),
    "upside down": ([("1", "county", None), ("a", "community", "1"), ("b", "street", "a")], None),
}


def test_trees():
    admin = people["admin"]
    count = "SELECT count(*) FROM juxin.unit"
    before = demo.psql(count)
    for name, (units, pointer) in TREES.items():
        body = {"units": [{"code": c, "name": "试" + c, "level": l, "parent": p} for c, l, p in units]}
        for unit_row in body["units"][1:]:
            unit_row["parent"] = {"1": "330102"}.get(unit_row["parent"], unit_row["parent"])
        body["units"][0] = {"code": "330102", "name": "上城区", "level": "county", "parent": None}
        answer = problem(admin.post(T + "/units/import", body), 422, pointer)
        assert answer["errors"] and answer["errors"][0]["detail"], (name, answer)
        assert demo.psql(count) == before, name
    csv = "code,name,level,parent\n330102x1,甲,street,330102\n330102x1,乙,street,330102\n".encode()
    problem(admin.post(T + "/units/import", csv, headers={"Content-Type": "text/csv"}), 422)
    problem(admin.post(T + "/units/import", b"code;name\n1;2\n", headers={"Content-Type": "text/csv"}), 422)
    assert demo.psql(count) == before


def test_queries():
    officer = people["officer"]
    for query in ("limit=0", "limit=100000", "limit=x", "cursor=garbage", "state=eq.unheard_of", "colour=eq.red",
                  "order=content.asc", "created_at=gte.yesterday", "state=like.x", "unit=", "id=in.(1,2"):
        problem(officer.get(f"{R}?{query}"), 400 if "unit" not in query else 404)


if __name__ == "__main__":
    harness.main()
