#!/usr/bin/env python3
# sent
"""Merges and splits of units: previewed, done as previewed, by two persons where the tenant asks for it; open records follow by a job
that loses and repeats nothing, and what is retired stays readable under its name."""
import uuid

from lib import harness
from lib.harness import wait_until
from lib.ledger import works_server

T, I = "/t/one/api/v1", "/works/item"
server = None
people, units, logins = {}, {}, {}


def account(login, *grants, tenant="one", unit="k"):
    made = server.ctl_json("user", "create", tenant, login, "--name", login.upper(), "--generate", "--unit", unit)
    for role, at in grants:
        server.ctl("grant", "add", tenant, "--user", login, "--role", role, "--unit", at, "--reach", "subtree")
    logins[login] = made["password"], tenant
    return sign_in(login)


def sign_in(login):
    client = people[login] = server.client()
    password, tenant = logins[login]
    answer = client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf, client.account = answer.json["csrf_token"], answer.json["account"]
    return client


def setup():
    global server
    server = works_server(workers=2)
    units.update({c: i for c, i in server.psql("SELECT u.code, u.id FROM juxin.unit u WHERE u.tenant_id = 1")})
    account("admin", ("administrator", "k"), ("works_all", "k"))
    for name in ("s2", "s3", "s4"):
        unit(name, "street", "k")
    account("deputy", ("administrator", "k"))
    account("street", ("administrator", "s1"))
    account("stranger", ("administrator", "k"), tenant="two")
    account("clerk")
    account("keeper")


def grant(login, role, code, reach="subtree"):
    """By the operator, who may give everything."""
    server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", code, "--reach", reach)


def do(method, path, body=None, status=(200, 201, 204), login="admin", **more):
    answer = people[login].request(method, T + path, body, **more)
    assert answer.status in (status if isinstance(status, tuple) else (status,)), (method, path, body, answer)
    return answer


def unit(code, level="community", parent="s1"):
    units[code] = do("POST", "/units", {"code": code, "name": f"{code}社区", "level": level, "parent": units[parent]}).json["id"]
    return code


def record(code, **more):
    return do("POST", I, {"title": "事项" + uuid.uuid4().hex[:6], "unit": units[code], **more}).json["id"]


def read(id, login="admin", status=200):
    return do("GET", f"{I}/{id}", status=status, login=login).json


def ask(kind, into, *sources, **more):
    return {"kind": kind, "from": [units[s] for s in sources], "into": units[into], **more}


def preview(body, login="admin", status=200):
    return do("POST", "/unit-events/preview", body, status, login)


def event(body, plan=None, status=201, login="admin"):
    plan = plan or preview(body, login)
    return do("POST", "/unit-events", body, status, login, headers={"If-Match": plan.headers["ETag"]})


def done(id):
    wait_until(lambda: do("GET", f"/unit-events/{id}").json["state"] == "done", 90, "carrying over")
    return do("GET", f"/unit-events/{id}").json


def code(answer):
    return answer.json["errors"][0]["code"] if answer.json.get("errors") else answer.json["code"]


def finish(id):
    server.psql(f"UPDATE px_works.item SET state = 'accepted' WHERE id = '{id}'")


def test_a_merge_is_what_its_preview_said():
    a, b, c = unit("a1"), unit("a2"), unit("a3")
    clerk = people["clerk"]
    grant("clerk", "works_all", "a1"), grant("keeper", "works_all", "a3")
    server.psql(f"UPDATE juxin.account SET unit_id = '{units[a]}' WHERE id = '{clerk.account}'")
    server.ctl("department", "create", "one", "a1-d", "--name", "甲科", "--unit", "a1")
    opened, closed, theirs = record(a), record(a), record(b)
    gone = record(a)
    finish(closed)
    do("DELETE", f"{I}/{gone}", headers={"If-Match": '"1"'})
    post = do("POST", "/posts", {"kind": "leader", "unit": units[a], "title": "主任"}).json["id"]
    do("POST", f"/posts/{post}/tenures", {"account": clerk.account}, headers={"If-Match": '"1"'})
    body = ask("merge", c, a, b, reason="撤并")
    plan = preview(body)
    said = plan.json
    assert said["open"] == [{"resource": "works.item", "count": 2}] and [t["title"] for t in said["tenures"]] == ["主任"], said
    assert said["takes_two"] is False and said["grants_carried"] == 0
    who = {w["name"]: (w["gains"], w["loses"]) for ch in said["changes"] if ch["unit"]["code"] == a for w in ch["outlook"]["who"]}
    assert who == {"CLERK": (False, True), "KEEPER": (True, False)}, who
    made = event(body, plan).json["id"]
    end = done(made)
    assert end["carried"] == 2 and end["at"] and end["kind"] == "merge" and end["request"] == body, end
    for id, was in ((opened, a), (theirs, b)):
        now = read(id)
        assert now["unit_id"] == units[c] and now["version"] == 2, now
        moves = [h for h in do("GET", f"{I}/{id}/history").json["items"] if h["action"] == "move"]
        assert len(moves) == 1 and moves[0]["from_unit"] == {"id": units[was], "name": f"{was}社区"} and moves[0]["version"] == 2, moves
        assert server.psql(f"SELECT a1, a2 FROM px_works.item WHERE id = '{id}'") == [[units["s1"], units[c]]]
    still = read(closed)
    assert still["unit_id"] == units[a] and still["unit_name"] == "a1社区" and still["version"] == 1, still
    assert read(opened, "keeper")["id"] == opened and read(opened, "clerk")["id"] == opened, "the old unit reads on"
    assert server.psql(f"SELECT unit_id = '{units[a]}', version FROM px_works.item WHERE id = '{gone}'") == [["t", "2"]]
    retired = do("GET", f"/units/{units[a]}").json
    assert (retired["name"], retired["code"], retired["is_closed"], retired["taken_over_by"]["id"]) == ("a1社区", "a1", True, units[c]), retired
    assert retired["taken_over_by"]["event"] == made
    assert server.psql("SELECT unit_id FROM juxin.department WHERE code = 'a1-d'") == [[units[c]]]
    assert server.psql("SELECT unit_id FROM juxin.account WHERE login = 'clerk' AND tenant_id = 1") == [[units[c]]]
    shown = do("GET", f"/posts/{post}").json
    assert shown["is_closed"] and not shown["tenures"][0]["is_current"], shown
    assert [i["id"] for i in do("GET", f"/unit-events?unit={units[a]}").json["items"]] == [made]
    audited = {r[0]: int(r[1]) for r in server.psql(f"SELECT action, count(*) FROM juxin.audit WHERE object_id IN ('{made}', '{units[a]}',"
                                                    f" '{units[b]}') GROUP BY 1")}
    assert audited["unit.merge"] == 1 and audited["unit.merged"] == 2 and audited["works.item.move"] == 2, audited


def test_what_is_retired_takes_nothing_new():
    a, b = unit("b1"), unit("b2")
    old = record(a)
    done(event(ask("merge", b, a)).json["id"])
    assert do("POST", I, {"title": "新事项", "unit": units[a]}, 422).json["code"]
    role = next(i["id"] for i in do("GET", "/roles").json["items"] if i["name"] == "works_reader")
    body = {"account": people["street"].account, "role": role, "unit": units[a], "reach": "self"}
    for path in ("/grants", "/grants/preview"):
        assert code(do("POST", path, body, 422)) == "closed"
    assert code(do("POST", "/posts", {"kind": "leader", "unit": units[a], "title": "主任"}, 422)) == "closed"
    assert code(do("POST", "/departments", {"code": "b1-d", "name": "科", "unit": units[a]}, 422)) == "closed"
    assert code(do("POST", "/units", {"code": "b1x", "name": "x", "level": "community", "parent": units[a]}, 422)) in ("closed", "level")
    assert code(do("POST", f"{I}/{old}/transitions/hand_over", {"unit": units[a]}, 422, headers={"If-Match": '"2"'})) == "unknown_unit"
    assert code(preview(ask("merge", b, a), status=422)) == "closed"


def test_what_changed_since_the_preview_is_not_done():
    a, b = unit("c1"), unit("c2")
    body = ask("merge", b, a)
    tree = "SELECT count(*) FROM juxin.unit_event"

    def changes():
        yield lambda: grant("keeper", "works_reader", "c1")
        yield lambda: do("PATCH", f"/units/{units[a]}", {"name": "改名社区"}, headers={"If-Match": do("GET", f"/units/{units[a]}").headers["ETag"]})
        yield lambda: do("POST", "/posts", {"kind": "leader", "unit": units[a], "title": "书记"})

    for n, change in enumerate(changes()):
        plan = preview(body)
        change()
        before = server.psql(tree)
        if n < 2:
            event(body, plan, 412)
            assert server.psql(tree) == before and not do("GET", f"/units/{units[a]}").json["is_closed"]
    event(dict(body, carry_grants=True), plan, 412)
    assert do("POST", "/unit-events", body, 428).status == 428
    key = {"If-Match": preview(body).headers["ETag"], "Idempotency-Key": "merge-c"}
    first, again = (do("POST", "/unit-events", body, headers=key) for _ in range(2))
    assert again.json["replayed"] is True and again.json["id"] == first.json["id"]
    assert done(first.json["id"])["carried"] == 0


def test_grants_are_carried_over_where_that_is_asked_for():
    a, b = unit("d1"), unit("d2")
    clerk = people["clerk"]
    grant("clerk", "works_all", "d1")
    before = record(a)
    body = ask("merge", b, a, carry_grants=True)
    plan = preview(body).json
    assert plan["grants_carried"] == 1 and plan["changes"][0]["outlook"]["losing"] == 0, plan
    done(event(body).json["id"])
    assert do("POST", I, {"title": "在新社区", "unit": units[b]}, login="clerk").status == 201
    assert read(before, "clerk")["unit_id"] == units[b]
    held = [(g["unit"], g["role_name"]) for g in do("GET", f"/grants?account={clerk.account}").json["items"]]
    assert {(units[a], "works_all"), (units[b], "works_all")} <= set(held), held
    # Who may not grant that may not carry it over either: an administrator of the street asks for what only the county gives.
    c, d = unit("d3"), unit("d4")
    grant("keeper", "auditor", "d3")
    answer = preview(ask("merge", d, c, carry_grants=True), "street", 403)
    assert answer.json["code"] == "beyond_own", answer
    assert preview(ask("merge", d, c), "street").status == 200


def test_a_split():
    unit("e", "street", "k"), unit("f", "street", "k"), unit("g", "street", "k")
    for n in range(1, 5):
        unit(f"e{n}", "community", "e")
    records = {n: record(f"e{n}") for n in range(1, 5)}
    here = record("e")
    body = ask("split", "f", "e", children=[{"unit": units["e3"], "parent": units["g"]}, {"unit": units["e4"], "parent": units["g"]}])
    plan = preview(body).json
    assert [(ch["unit"]["code"], (ch.get("moves_under") or ch["taken_over_by"])["code"]) for ch in plan["changes"]] == [
        ("e1", "f"), ("e2", "f"), ("e3", "g"), ("e4", "g"), ("e", "f")], plan
    done(event(body).json["id"])
    assert {c: do("GET", f"/units/{units[c]}").json["parent"] for c in ("e1", "e2", "e3", "e4")} == {
        "e1": units["f"], "e2": units["f"], "e3": units["g"], "e4": units["g"]}
    assert read(here)["unit_id"] == units["f"]
    for n, street in ((1, "f"), (4, "g")):
        assert read(records[n])["version"] == 1, "it did not move: its unit did"
        assert server.psql(f"SELECT a1 FROM px_works.item WHERE id = '{records[n]}'") == [[units[street]]]


def test_what_cannot_be():
    a, b, park = unit("h1"), unit("h2"), unit("h3", "park")
    for body, pointer, expected in (
            ({}, "/kind", "not_one_of"), (ask("merge", a, a), "/into", "retired"), (ask("merge", b, a, a), "/from/1", "twice"),
            (ask("merge", park, a), "/into", "level"), (ask("merge", "s2", "s1", "h1"), "/into", "level"),
            (ask("merge", "h1", "s1"), "/into", "cycle"), (ask("merge", b), "/from", "range"), (ask("split", b, a), "/children", "range"),
            (ask("merge", b, a, children=[{"unit": units[a], "parent": units[b]}]), "/children", "range"),
            (ask("split", "s2", "s1", children=[{"unit": units["s3"], "parent": units["s2"]}]), "/children/0/unit", "not_below"),
            (ask("split", "s2", "s1", children=[{"unit": units["h1"], "parent": units["s1"]}]), "/children", "retired"),
            (dict(ask("merge", b, a), into=str(uuid.uuid4())), "/into", "unknown"), (dict(ask("merge", b, a), carry_grants="x"), "/carry_grants", "type"),
            (dict(ask("merge", b, a), reason="长" * 501), "/reason", "too_long")):
        answer = preview(body, status=422)
        assert (pointer, expected) in [(e["pointer"], e["code"]) for e in answer.json["errors"]], (body, answer)
    assert code(preview(ask("merge", "s2", "k"), status=409)) == "root"
    answer = preview(ask("merge", "s2", "s1"), "street", 422)
    assert code(answer) == "unknown", "what is not seen is not there"
    assert preview(ask("merge", b, a), "street").status == 200
    seen = event(ask("merge", b, a), login="street").json["id"]
    assert people["stranger"].get(f"/t/two/api/v1/unit-events/{seen}").status == 404
    assert people["stranger"].post(f"/t/two/api/v1/unit-events/{seen}/approve", {}, headers={"If-Match": '"1"'}).status == 404
    done(seen)


def test_two_persons():
    a, b, c, d = unit("i1"), unit("i2"), unit("i3"), unit("i4")
    mine = record(a)
    server.ctl("tenant", "setting", "one", "two_person_unit_events", "on")
    try:
        body = ask("merge", b, a)
        assert preview(body).json["takes_two"] is True
        asked = event(body).json["id"]
        shown = do("GET", f"/unit-events/{asked}")
        assert shown.json["state"] == "asked" and not do("GET", f"/units/{units[a]}").json["is_closed"]
        tag = {"If-Match": shown.headers["ETag"]}
        assert do("POST", f"/unit-events/{asked}/approve", {}, 403, headers=tag).json["code"] == "second_person"
        do("POST", f"/unit-events/{asked}/approve", {}, login="deputy", headers=tag)
        do("POST", f"/unit-events/{asked}/approve", {}, 412, "deputy", headers=tag)
        assert done(asked)["decided_by"] == people["deputy"].account and read(mine)["unit_id"] == units[b]
        again = do("GET", f"/unit-events/{asked}").headers["ETag"]
        assert do("POST", f"/unit-events/{asked}/refuse", {}, 409, "deputy", headers={"If-Match": again}).json["code"] == "decided"
        body = ask("merge", d, c)
        asked = event(body).json["id"]
        grant("keeper", "works_reader", "i3")
        answer = do("POST", f"/unit-events/{asked}/approve", {}, 409, "deputy", headers={"If-Match": '"1"'})
        assert answer.json["code"] == "changed" and not do("GET", f"/units/{units[c]}").json["is_closed"]
        do("POST", f"/unit-events/{asked}/refuse", {}, headers={"If-Match": '"1"'})
        assert do("GET", f"/unit-events/{asked}").json["state"] == "refused"
    finally:
        server.ctl("tenant", "setting", "one", "two_person_unit_events", "off")


def test_a_value_that_is_taken_there_stays_behind():
    a, b = unit("j1"), unit("j2")
    twin, other, free = record(a, local_code="X1"), record(b, local_code="X1"), record(a, local_code="X2")
    body = ask("merge", b, a)
    assert preview(body).json["conflicts"] == [{"resource": "works.item", "count": 1}]
    end = done(event(body).json["id"])
    assert (end["carried"], end["left_behind"]) == (1, 1), end
    assert read(twin)["unit_id"] == units[a] and read(free)["unit_id"] == units[b] and read(other)["version"] == 1
    do("PATCH", f"{I}/{twin}", {"local_code": "X3"}, headers={"If-Match": '"1"'})
    do("POST", f"/unit-events/{end['id']}/resume", {}, headers={"If-Match": do("GET", f"/unit-events/{end['id']}").headers["ETag"]})
    wait_until(lambda: do("GET", f"/unit-events/{end['id']}").json["left_behind"] == 0, 60, "the rest")
    assert read(twin)["unit_id"] == units[b] and do("GET", f"/unit-events/{end['id']}").json["carried"] == 2


def test_statistics_of_then_and_of_today():
    """In today's boundaries what the retired unit had is its successor's, open or closed; then it was its own."""
    a, b = unit("q1"), unit("q2")
    opened, closed, there = record(a), record(a), record(b)
    finish(closed)

    def counted(**query):
        asked = "&".join(f"{k}={v}" for k, v in {"group": "unit", **query}.items())
        cells = do("GET", f"{I}/statistics?{asked}").json["cells"]
        return {c: next((x["count"] for x in cells if x["key"] == [units[c]]), 0) for c in (a, b)}

    assert counted() == counted(tree="then") == {a: 2, b: 1}
    done(event(ask("merge", b, a)).json["id"])
    assert read(opened)["unit_id"] == units[b] and read(closed)["unit_id"] == units[a] and read(there)["version"] == 1
    assert counted() == {a: 0, b: 3}
    assert counted(tree="then") == {a: 2, b: 1}
    yesterday = server.psql("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date - 1")[0][0]
    assert counted(tree=yesterday) == {a: 2, b: 1}
    c = unit("q3")
    done(event(ask("merge", c, b)).json["id"])
    units_now = do("GET", f"{I}/statistics?group=unit").json["cells"]
    assert [x["count"] for x in units_now if x["key"] == [units[c]]] == [3], "over two merges"
    assert counted() == {a: 0, b: 0} and counted(tree="then") == {a: 2, b: 1}


MANY = 3000


def test_many_records_follow_once_each_whatever_dies():
    """Broken off in the middle by kill -9 of everything."""
    a, b = unit("m1"), unit("m2")
    one = record(a)
    columns = [c for (c,) in server.psql("SELECT attname FROM pg_attribute WHERE attrelid = 'px_works.item'::regclass AND attnum > 0 AND NOT"
                                         " attisdropped AND attname NOT IN ('id', 'number', 'code', 'local_code')")]
    names = ", ".join(f'"{c}"' for c in columns)
    server.psql(f"INSERT INTO px_works.item (id, {names}) SELECT gen_random_uuid(), {names} FROM px_works.item, generate_series(2, {MANY}) WHERE"
                f" id = '{one}'")
    asked = event(ask("merge", b, a)).json["id"]
    carried = f"SELECT carried FROM juxin.unit_event WHERE id = '{asked}'"
    wait_until(lambda: int(server.psql(carried)[0][0]) >= 1, 60, "the job under way")
    server.kill()
    server.psql("UPDATE juxin.job SET lease_until = now() WHERE state = 'running'")  # that it runs out is test_job's to see
    print(f"       killed at {server.psql(carried)[0][0]} of {MANY}")
    server.start()
    sign_in("admin")
    end = done(asked)
    assert end["carried"] == MANY and end["left_behind"] == 0, end
    assert server.psql(f"SELECT count(*), min(version), max(version), count(DISTINCT a2) FROM px_works.item WHERE unit_id = '{units[b]}'") == [
        [str(MANY), "2", "2", "1"]]
    assert server.psql(f"SELECT count(*), count(DISTINCT h.record_id) FROM juxin.history h WHERE h.kind = 'move' AND h.unit_id = '{units[b]}'") == [
        [str(MANY), str(MANY)]]
    assert server.psql(f"SELECT count(*) FROM juxin.unit_carried WHERE event_id = '{asked}'") == [[str(MANY)]]
    assert server.psql(f"SELECT count(*) FROM juxin.participant WHERE holder = '{units[a]}' AND role = 'origin'") == [[str(MANY)]]


if __name__ == "__main__":
    harness.main()
