"""Races on purpose, over two workers: one key used by many at once, one version changed by many at once, records made where
a unit is being moved, rights that end while they are used, pages read while rows come in. Where an order of events matters
it is forced, by a lock that a second session of the database holds; the rest runs side by side and is counted."""
import collections
import itertools
import time
import uuid

from lib import harness, postgres
from lib.together import Once, Steady, at_once
from lib.twins import ALPHA, Twins, new_id

server = a = None
numbers = itertools.count(1)


def setup():
    global server, a
    twins = Twins(slugs=(ALPHA,), workers=2)
    server, a = twins.server, twins.a
    twins.start(fill=False)
    a.ids = {"role": a.fresh_role()}


def count(sql):
    return int(server.psql(sql)[0][0])


def waiting():
    """Sessions of this database that wait for a lock."""
    return count(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{server.database}' AND wait_event_type = 'Lock'")


def statuses(answers):
    return dict(collections.Counter(x.status for x in answers))


# ---- one key, a hundred times ----------------------------------------------------------------------------------------

def with_one_key(method, path, body, etag=None):
    """100 at once, then some again until they know: one acted, and all are told the same. Its answer."""
    headers = {"Idempotency-Key": uuid.uuid4().hex, **({"If-Match": etag} if etag else {})}

    def use(_=None):
        return a.boss.request(method, a.prefix + path, body, headers)

    answers = at_once(100, use)
    running = [x for x in answers if x.status == 409 and x.json["code"] == "idempotency_key_running"]
    busy = [x for x in answers if x.status == 503]
    done = [x for x in answers if x.status < 300]
    assert len(running) + len(busy) + len(done) == 100, statuses(answers)
    acted = [x for x in done if not x.body or "replayed" not in x.json]
    assert len(acted) == 1 or not acted[0].body, (statuses(answers), acted[:3])
    done += [harness.wait_until(lambda: (x := use()).status < 300 and x, 20, "the outcome") for _ in range(3)]
    assert len({(x.status, x.json["id"] if x.body else None) for x in done}) == 1, done[:5]
    print(f"       {method} {path.split('/')[1]}…: {len(done) - 3} of 100 told the outcome at once, {len(running)} that it runs,"
          f" {len(busy)} to come back")
    return acted[0]


def test_a_key_used_a_hundred_times_at_once_acts_once():
    made = with_one_key("POST", "/works/item", {"title": "only once", "unit": a.units["c1"]}).json
    assert count("SELECT count(*) FROM px_works.item WHERE title = 'only once'") == 1
    path = f"/works/item/{made['id']}"
    with_one_key("PATCH", path, {"quantity": 7}, '"1"')
    with_one_key("POST", path + "/transitions/pass_up", {}, '"2"')
    with_one_key("DELETE", path, None, '"3"')
    kinds = server.psql(f"SELECT kind, version FROM juxin.history WHERE record_id = '{made['id']}' ORDER BY version, id")
    assert kinds == [["create", "1"], ["update", "2"], ["transition", "3"], ["delete", "4"]], kinds
    assert count(f"SELECT count(*) FROM juxin.audit WHERE object_id = '{made['id']}'") == 4
    with_one_key("POST", "/units", {"code": "once", "name": "once", "level": "park", "parent": a.units["s1"]})
    assert count("SELECT count(*) FROM juxin.unit WHERE code = 'once'") == 1


# ---- one version -----------------------------------------------------------------------------------------------------

def test_of_many_who_saw_one_version_one_changes_it():
    record, gone, unit, moved = a.fresh_record(), a.fresh_record(), a.fresh_unit(), a.fresh_unit()
    for method, path, body, table, thing in (
            ("PATCH", "/works/item/{}", lambda i: {"body": f"text {i}"}, "px_works.item", record),
            ("POST", "/works/item/{}/transitions/pass_up", lambda i: {}, "px_works.item", gone),
            ("DELETE", "/works/item/{}", lambda i: None, "px_works.item", gone),
            ("PATCH", "/units/{}", lambda i: {"name": f"name {i}"}, "juxin.unit", unit),
            ("POST", "/units/{}/move", lambda i: {"parent": a.units["s2"]}, "juxin.unit", moved),
            ("PATCH", "/accounts/{}", lambda i: {"display_name": f"name {i}"}, "juxin.account", a.fresh_account()),
            ("PATCH", "/departments/{}", lambda i: {"name": f"name {i}"}, "juxin.department", a.fresh_department()),
            ("PATCH", "/roles/{}", lambda i: {"label_zh": f"label {i}"}, "juxin.role", a.fresh_role())):
        seen = server.psql(f"SELECT version FROM {table} WHERE id = '{thing}'")[0][0]
        tag = {"If-Match": f'"{seen}"'}
        answers = at_once(12, lambda i: a.boss.request(method, a.prefix + path.format(thing), body(i), tag))
        told = statuses(answers)
        assert told.get(200, 0) + told.get(204, 0) == 1 and told.get(412, 0) + told.get(404, 0) == 11, (method, path, told)
        version = server.psql(f"SELECT version FROM {table} WHERE id = '{thing}'")[0][0]
        assert int(version) == int(seen) + 1, (method, path, seen, version)
    assert count(f"SELECT count(*) FROM juxin.history WHERE record_id IN ('{record}', '{gone}')") == 2 + 3


# ---- records where a unit moves --------------------------------------------------------------------------------------

def astray():
    """Records whose ancestors are not their unit's."""
    return count("SELECT count(*) FROM px_works.item r JOIN juxin.unit u ON u.tenant_id = r.tenant_id AND u.id = r.unit_id"
                 " WHERE (r.a1, r.a2, r.a3, r.a4) IS DISTINCT FROM (u.a1, u.a2, u.a3, u.a4)")


def move(unit, to):
    tag = a.boss.get(f"{a.prefix}/units/{unit}").headers["ETag"]
    return a.boss.post(f"{a.prefix}/units/{unit}/move", {"parent": a.units[to]}, headers={"If-Match": tag})


def hand_over(record, unit):
    tag = a.boss.get(f"{a.prefix}/works/item/{record}").headers["ETag"]
    return a.boss.post(f"{a.prefix}/works/item/{record}/transitions/hand_over", {"unit": unit}, headers={"If-Match": tag})


def make(unit):
    return a.boss.post(a.prefix + "/works/item", {"title": f"made {next(numbers)}", "unit": unit})


def test_a_record_made_while_its_unit_moves_has_the_new_ancestors():
    """Forced: the move has its units and waits for one record; records are made in the unit and handed over to it; then the
    move goes on. Their callers decided before the move, what they wrote must be after it."""
    unit = a.fresh_unit("community", "s1")
    held = make(unit).json["id"]
    guests = [a.fresh_record(unit="c2") for _ in range(2)]
    other = postgres.Session(server.database)
    other.run(f"BEGIN; SELECT 1 FROM px_works.item WHERE id = '{held}' FOR UPDATE")
    calls = [Once(lambda: move(unit, "s2"))]
    harness.wait_until(lambda: waiting() == 1, 20, "the move waiting for the record")
    calls += [Once(lambda: make(unit)) for _ in range(3)] + [Once(lambda g=g: hand_over(g, unit)) for g in guests]
    harness.wait_until(lambda: waiting() == len(calls), 20, "everybody waiting for the move")
    other.run("COMMIT")
    assert [c.result().status for c in calls] == [200, 201, 201, 201, 200, 200]
    assert count(f"SELECT count(*) FROM px_works.item WHERE unit_id = '{unit}' AND a1 = '{a.units['s2']}'") == 6
    assert astray() == 0


def test_records_and_moves_side_by_side():
    unit = a.fresh_unit("community", "s1")
    rest = a.fresh_unit("community", "s2")
    guest = a.fresh_record(unit="c2")
    places, turns = itertools.cycle(["s2", "s1"]), itertools.cycle([unit, rest])
    mover = Steady(lambda: move(unit, next(places)))
    makers = [Steady(lambda: make(unit)) for _ in range(3)] + [Steady(lambda: hand_over(guest, next(turns)))]
    harness.wait_until(lambda: len(mover.sent) >= 20 and min(len(m.sent) for m in makers) >= 20, 120, "20 rounds of each")
    moved, made = mover.end(), [x for m in makers for x in m.end()]
    print(f"       moves {statuses(moved)}, records {statuses(made)}")
    assert astray() == 0
    # Whoever cannot decide in four attempts, since the tree changes each time, is told to come back.
    assert set(statuses(moved)) <= {200, 503} and set(statuses(made)) <= {200, 201, 409, 503}, (moved[-3:], made[-3:])
    assert statuses(moved)[200] >= 5 and statuses(made)[201] >= 5
    for where in ("s1", "s2"):  # what a list shows is what lies there
        listed = a.call("GET", f"/works/item?unit={a.units[where]}&count=exact").json["count"]["value"]
        lie = count("SELECT count(*) FROM px_works.item r WHERE deleted_at IS NULL AND (SELECT a1 FROM juxin.unit u WHERE"
                    f" u.tenant_id = r.tenant_id AND u.id = r.unit_id) = '{a.units[where]}'")
        assert listed == lie, (where, listed, lie)


# ---- rights that end while they are used ------------------------------------------------------------------------------

class Worker:
    """An account with a grant at a street, a session and a token of its own; told apart from everybody else's."""

    def __init__(self):
        self.id, self.token = a.fresh_account(), "jx_" + uuid.uuid4().hex + uuid.uuid4().hex[:11]
        self.token_id, self.session_id, cookie = new_id(), new_id(), uuid.uuid4().hex + uuid.uuid4().hex[:11]
        server.psql(f"""
            INSERT INTO juxin.api_token (tenant_id, id, account_id, name, token_hash) VALUES ({a.id}, '{self.token_id}',
                '{self.id}', 't', encode(sha256('{self.token}'), 'hex'));
            UPDATE juxin.account SET must_change_password = false WHERE tenant_id = {a.id} AND id = '{self.id}';
            INSERT INTO juxin.session (tenant_id, token_hash, id, account_id, idle_until, absolute_until) VALUES ({a.id},
                encode(sha256('{cookie}'), 'hex'), '{self.session_id}', '{self.id}', now() + interval '1 hour',
                now() + interval '1 hour')""")
        self.by_token, self.by_session = a.client(token=self.token), a.client()
        self.by_session.cookies["__Host-jx-" + a.slug] = cookie
        self.by_session.csrf = self.by_session.get(a.prefix + "/session").json["csrf_token"]

    def grant(self, role, holder="account", id=None):
        return a.call("POST", "/grants", {holder: id or self.id, "role": role, "unit": a.units["s1"],
                                          "reach": "subtree"}).json["id"]


def everything_role():
    return server.psql(f"SELECT id FROM juxin.role WHERE tenant_id = {a.id} AND name = '{a.slug}-all'")[0][0]


def through_a_department(worker):
    department = a.fresh_department()
    a.call("PUT", f"/departments/{department}/members/{worker.id}", {})
    worker.grant(everything_role(), "department", department)
    return "DELETE", f"/departments/{department}/members/{worker.id}", None


def by_a_grant(worker):
    return "DELETE", "/grants/" + worker.grant(everything_role()), None


def granted(worker, method, path, body=None):
    worker.grant(everything_role())
    return method, path, body


def by_a_role(worker):
    role = a.call("POST", "/roles", {"name": f"r-{uuid.uuid4().hex[:8]}", "label_zh": "x", "permissions":
                                     ["works.item.read", "works.item.create"]}).json["id"]
    worker.grant(role)
    return "PATCH", f"/roles/{role}", {"permissions": []}


ENDS = {
    "the grant": by_a_grant,
    "the membership": through_a_department,
    "the role's permissions": by_a_role,
    "the token": lambda w: granted(w, "DELETE", f"/tokens/{w.token_id}"),
    "the session": lambda w: granted(w, "DELETE", f"/sessions/{w.session_id}"),
    "the account": lambda w: granted(w, "PATCH", f"/accounts/{w.id}", {"is_active": False}),
    "the unit's place": lambda w: granted(w, "POST", f"/units/{a.units['c1']}/move", {"parent": a.units["s2"]}),
    "the plugin": lambda w: granted(w, "POST", "/plugins/works/policies",
                                    {"unit": a.units["c1"], "rule": "off", "reach": "self", "reason": "盘点"}),
}


def users_of(worker, what, record):
    """Steady reads and writes as the worker, by token and by session as far as the end touches them."""
    clients = {"the token": [worker.by_token], "the session": [worker.by_session]}.get(what, [worker.by_token, worker.by_session])
    for client in clients:
        yield Steady(lambda c=client: c.get(f"{a.prefix}/works/item/{record}"))
        yield Steady(lambda c=client: c.post(a.prefix + "/works/item", {"title": f"late {next(numbers)}", "unit": a.units["c1"]}))


def undo(what, done):
    if what == "the unit's place":
        assert move(a.units["c1"], "s1").status == 200
    if what == "the plugin":
        a.call("DELETE", f"/plugins/works/policies/{done.json['id']}")


def test_what_has_ended_serves_nobody_who_asks_afterwards():
    """Each is ended while it is used from both workers: whoever asks after the end was answered is refused, and a refused
    write is not there. Whoever asked before may still be served."""
    record = a.fresh_record()
    for what, begin in list(ENDS.items()) * 2:
        worker = Worker()
        method, path, body = begin(worker)
        by = worker.by_session if what == "the session" else a.boss  # one's sessions are one's own
        users = list(users_of(worker, what, record))
        harness.wait_until(lambda: min(sum(s.answer.status < 300 for s in u.sent) for u in users) >= 4, 60,
                           f"use of {what} before its end")
        tag = a.boss.get(a.prefix + path.removesuffix("/move")).headers["ETag"] or '"1"'
        done = by.request(method, a.prefix + path, body, {"If-Match": tag})
        ended = time.monotonic()
        assert done.status < 300, (what, done)
        harness.wait_until(lambda: min(len(u.since(ended)) for u in users) >= 6, 60, f"use of {what} after its end")
        later = [x for u in users for x in u.since(ended)]
        everything = [x for u in users for x in u.end()]
        served = [x for x in later if x.status not in (401, 403, 404) and not
                  (x.status == 422 and [e["code"] for e in x.json["errors"]] == ["unknown_unit"])]
        assert not served, (what, served[:3])
        assert all(x.status < 500 for x in everything), (what, statuses(everything))
        made = {x.json["id"] for x in everything if x.status == 201}
        there = {r for (r,) in server.psql(f"SELECT id FROM px_works.item WHERE created_by = '{worker.id}'")}
        assert made == there, (what, made ^ there)
        print(f"       {what}: {statuses(everything)}, of these {len(later)} asked afterwards")
        undo(what, done)


# ---- pages and commits that come late --------------------------------------------------------------------------------

LATE = {  # a row like another one, with an id from before the walk began, whose transaction commits in the middle of it
    "/works/item": "px_works.item", "/accounts": "juxin.account", "/departments": "juxin.department",
    "/grants": "juxin.access_grant", "/units": "juxin.unit"}
UNIQUE = {"login": "late.{n}", "code": "LA{n}", "local_code": "late{n}", "number": "LATE{n}"}


def begin_late(session, table):
    n, id = next(numbers), new_id()
    columns = [c for (c,) in server.psql(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0")]
    values = {"id": f"'{id}'", **{c: f"'{v.format(n=n)}'" for c, v in UNIQUE.items() if c in columns}}
    session.run(f"BEGIN; INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values.get(c, c) for c in columns)} FROM"
                f" {table} WHERE id = (SELECT id FROM {table} WHERE tenant_id = {a.id} ORDER BY id DESC LIMIT 1)")
    return id


def pages(path, more, between):
    cursor, turn = "", 0
    while cursor is not None:
        page = a.call("GET", f"{path}?limit=7&{more}" + (f"&cursor={cursor}" if cursor else "")).json
        yield [x["id"] for x in page["items"]]
        cursor = page.get("next")
        turn += 1
        between(turn)


def test_pages_show_what_was_there_once_and_in_order():
    """Rows come in between the pages, one of them by a transaction that began before the first page and commits after the
    second: what was there before the walk is seen once each, in order; nothing is seen twice; the late row is not lost."""
    fresh = {"/works/item": a.fresh_record, "/accounts": a.fresh_account, "/departments": a.fresh_department,
             "/grants": lambda: a.call("POST", "/grants", {"account": a.fresh_account(), "role": a.ids["role"], "unit":
                                                           a.units["s1"], "reach": "self"}), "/units": a.fresh_unit}
    session = postgres.Session(server.database)
    for path, table in LATE.items():
        for _ in range(16):
            fresh[path]()
        orders = ("id.desc", "id.asc", "title.asc", "created_at.desc", "cost.asc") if path == "/works/item" else ("",)
        for order in orders:
            more = f"order={order}" if order else ""
            before = {x for page in pages(path, more, lambda turn: None) for x in page}
            late = begin_late(session, table)

            def between(turn):
                if turn == 2:
                    session.run("COMMIT")
                if turn < 6:
                    fresh[path]()
            seen = [x for page in pages(path, more, between) for x in page]
            assert len(seen) == len(set(seen)), (path, order, "seen twice")
            assert before <= set(seen), (path, order, "missed", len(before - set(seen)))
            again = [x for page in pages(path, more, lambda turn: None) for x in page]
            assert late in again, (path, order, "the late row")
            assert [x for x in again if x in before] == [x for x in seen if x in before], (path, order)
    print(f"       {len(LATE)} lists, {len(before)} and more rows each")


def test_deadlines_reach_what_commits_late():
    department = a.one(f"SELECT id FROM juxin.department WHERE code = '{a.slug}-d1'")
    finished = []
    for _ in range(2):
        record = a.fresh_record()
        for name, body in (("assign", {"lead": department, "days": 5}), ("finish", {"note_of_lead": "已办"})):
            tag = a.boss.get(f"{a.prefix}/works/item/{record}").headers["ETag"]
            a.call("POST", f"/works/item/{record}/transitions/{name}", body, headers={"If-Match": tag})
        finished.append(record)
    due = server.psql(f"UPDATE px_works.item SET auto_at = NULL WHERE id = '{finished[0]}' RETURNING '2026-11-01'")[0][0]
    session = postgres.Session(server.database)
    session.run(f"BEGIN; UPDATE px_works.item SET auto_at = '{due}' WHERE id = '{finished[0]}'")

    def states():
        return [server.psql(f"SELECT state FROM px_works.item WHERE id = '{r}'")[0][0] for r in finished]

    server.ctl("jobs", "run", "--as-of", "2099-01-01", "--yes")
    assert states() == ["finished", "lapsed"], states()
    session.run("COMMIT")
    for _ in range(2):
        server.ctl("jobs", "run", "--as-of", "2099-01-02", "--yes")
    assert states() == ["lapsed", "lapsed"], states()
    assert count(f"SELECT count(*) FROM juxin.history WHERE record_id = '{finished[0]}' AND transition = 'lapse'") == 1


if __name__ == "__main__":
    harness.main()
