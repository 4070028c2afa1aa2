"""One worker with one connection to the database for each lane, shared by two districts, while clients break off in the
middle of a request, statements time out and connections are cut: each answer is for the district that asked, and what was
begun is done or undone, never half. JUXIN_SEED=N repeats the clients' choices."""
import collections
import http.client
import json
import os
import random
import socket
import struct
import threading
import uuid

from lib import harness, postgres
from lib.twins import Twins

SEED = int(os.environ.get("JUXIN_SEED", 20260101))
VISITORS = 3  # of each district
LOCKS, CUTS = 5, 5
# What a client may be told while statements are stopped and connections cut.
PASSES = (409, 503, 504)
twins = None


def setup():
    global twins
    twins = Twins(plugins=("register",), workers=1)
    twins.start()
    # From here on with hardly anything: one connection a lane, and short deadlines.
    twins.server.config["database"].update(fast_connections=1, slow_connections=1, fast_timeout_ms=700, slow_timeout_ms=1500)
    twins.server.write_config()
    twins.server.stop()
    twins.server.start()
    print(f"  seed {SEED} (JUXIN_SEED)")


class Visitor(threading.Thread):
    """Asks, writes and breaks off at random, as one district's boss; keeps what it was told and what it was not."""

    def __init__(self, district, other, number, stopping):
        super().__init__(daemon=True)
        self.district, self.other, self.stopping = district, other, stopping
        self.chance = random.Random(f"{SEED} {district.slug} {number}")
        self.name = f"{district.slug} v{number}"
        self.told, self.unknown = {}, {}  # title: id; title: what was sent
        self.wrong, self.seen = [], collections.Counter()
        self.n = 0

    def run(self):
        acts = [self.read, self.read, self.write, self.write, self.break_off_reading, self.break_off_writing, self.send_half]
        try:
            while not self.stopping.is_set() and not self.wrong:
                self.chance.choice(acts)()
        except Exception as problem:
            self.wrong.append(repr(problem))

    # ---- requests ----

    def head(self, method, path, body=b"", **more):
        fields = {"Host": "x", "Authorization": "Bearer " + self.district.token["token"], "Content-Length": len(body), **more}
        if body:
            fields["Content-Type"] = "application/json"
        lines = [f"{method} {self.district.prefix}{path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def question(self):
        """(path, what its answer holds)"""
        d = self.district
        return self.chance.choice([("/works/item?limit=50", d.slug), (f"/works/item/{d.records['works/item']}", d.slug),
                                   ("/works/item?count=exact&limit=1", d.slug), ("/units?limit=5", d.slug),
                                   (f"/accounts/{d.clerk}", d.clerk), ("/grants", d.boss.account),
                                   (f"/works/item/{self.other.records['works/item']}", "not_found")])

    def record(self):
        self.n += 1
        title = f"{self.name} {self.n}"
        return title, json.dumps({"title": title, "unit": self.district.units["c1"]}).encode(), str(uuid.uuid4())

    def ask(self, request):
        """(status, body), or None when the connection was lost under way."""
        with twins.server.raw(timeout=60) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            try:
                response.begin()
                status, body = response.status, response.read()
            except (OSError, http.client.HTTPException):
                self.seen["lost"] += 1
                return None
        self.seen[status] += 1
        if self.other.slug.encode() in body or self.other.boss.account.encode() in body:
            self.wrong.append((request, body))
        return status, body

    # ---- what it does ----

    def read(self):
        path, holds = self.question()
        answer = self.ask(self.head("GET", path))
        if answer and answer[0] not in PASSES and holds.encode() not in answer[1]:
            self.wrong.append((path, answer))

    def write(self):
        title, body, key = self.record()
        answer = self.ask(self.head("POST", "/works/item", body, **{"Idempotency-Key": key}))
        if answer and answer[0] == 201:
            self.told[title] = json.loads(answer[1])["id"]
        else:
            self.unknown[title] = (body, key)
            if answer and answer[0] not in PASSES:
                self.wrong.append((title, answer))

    def break_off(self, request):
        """Sends, and is gone a moment later, with a reset: whatever the server does for it is cancelled."""
        connection = twins.server.raw(timeout=60)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(request)
        self.stopping.wait(self.chance.choice([0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.02, 0.05]))
        connection.close()
        self.seen["broken off"] += 1
        self.read()

    def break_off_reading(self):
        self.break_off(self.head("GET", self.question()[0]))

    def break_off_writing(self):
        title, body, key = self.record()
        self.unknown[title] = (body, key)
        self.break_off(self.head("POST", "/works/item", body, **{"Idempotency-Key": key}))

    def send_half(self):
        title, body, key = self.record()
        request = self.head("POST", "/works/item", body, **{"Idempotency-Key": key})
        self.break_off(request[:self.chance.randrange(1, len(request) - 1)])
        self.district.never.add(title)


def timed_out(visitors):
    return sum(v.seen[504] for v in visitors)


def acknowledged(visitors):
    return sum(len(v.told) for v in visitors)


def goes_on(visitors, before):
    harness.wait_until(lambda: acknowledged(visitors) > before + 10 or any(v.wrong for v in visitors), 60, "writes")


def meddle(visitors):
    """Locks so that statements time out, and connections of the server's cut, in turn."""
    session = postgres.Session(twins.server.database)
    for _ in range(LOCKS):
        before = timed_out(visitors)
        session.run("BEGIN; LOCK TABLE px_works.item IN ACCESS EXCLUSIVE MODE")
        try:
            harness.wait_until(lambda: timed_out(visitors) > before or any(v.wrong for v in visitors), 60, "a time-out")
        finally:
            session.run("ROLLBACK")
        goes_on(visitors, acknowledged(visitors))
    for _ in range(CUTS):
        before = acknowledged(visitors)
        session.run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename <> current_user"
                    f" AND datname = '{twins.server.database}'")
        goes_on(visitors, before)


def everything_is_whole(district, visitors):
    """Each record with one line of history and of audit, one submitter and its key, and none of these without a record."""
    told = {t: i for v in visitors for t, i in v.told.items()}
    rows = dict(twins.server.psql(f"SELECT title, id FROM px_works.item WHERE tenant_id = {district.id} AND title ~ "
                                  f"'^{district.slug} v[0-9]'"))
    assert all(rows.get(title) == id for title, id in told.items()), "an acknowledged record is missing"
    assert not district.never & set(rows), "a request of which half was sent was done"
    for table, column, resource in (("history", "record_id", "x.resource"), ("audit", "object_id", "x.object_kind"),
                                    ("participant", "record_id", "x.resource"), ("idempotency", "object_id", "'works.item'")):
        join = f"juxin.{table} x ON x.tenant_id = i.tenant_id AND x.{column} = i.id"
        wrong = twins.server.psql(f"SELECT i.title, count(x.*) FROM px_works.item i LEFT JOIN {join} WHERE i.tenant_id ="
                                  f" {district.id} AND i.title ~ '^{district.slug} v[0-9]' GROUP BY i.title"
                                  " HAVING count(x.*) <> 1")
        assert not wrong, (table, wrong[:5])
        stray = twins.server.psql(f"SELECT x.{column} FROM juxin.{table} x WHERE x.tenant_id = {district.id} AND {resource} = "
                                  f"'works.item' AND x.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM px_works.item i WHERE "
                                  f"i.tenant_id = x.tenant_id AND i.id = x.{column})")
        stray = [s for s in stray if s[0] not in district.known]
        assert not stray, (table, stray[:5])
    begun = twins.server.psql(f"SELECT key FROM juxin.idempotency WHERE tenant_id = {district.id} AND status IS NULL")
    assert not begun, begun
    return rows


def repeated(visitors):
    """What nobody was told the outcome of, with its key again: there once, whatever came of the first."""
    done = 0
    for visitor in visitors:
        for title, (body, key) in visitor.unknown.items():
            request = visitor.head("POST", "/works/item", body, **{"Idempotency-Key": key})
            answer = harness.wait_until(lambda: settled(visitor, request), 60, f"the outcome of {title}")
            visitor.told[title] = json.loads(answer[1])["id"]
            done += b'"replayed":true' in answer[1]
    return done


def settled(visitor, request):
    answer = visitor.ask(request)
    return answer if answer and answer[0] == 201 else None


def test_each_request_is_its_own():
    stopping = threading.Event()
    for district in (twins.a, twins.b):
        district.never = set()
        # What was done before, on a record that was erased since, too: its line in the audit trail stays.
        district.known = {i for (i,) in twins.server.psql(
            f"SELECT object_id FROM juxin.idempotency WHERE tenant_id = {district.id} UNION "
            f"SELECT object_id FROM juxin.audit WHERE tenant_id = {district.id} AND object_kind = 'works.item'")}
    visitors = [Visitor(d, o, n, stopping) for d, o in ((twins.a, twins.b), (twins.b, twins.a)) for n in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    try:
        meddle(visitors)
    finally:
        stopping.set()
        for visitor in visitors:
            visitor.join(90)
    wrong = [v.wrong[0] for v in visitors if v.wrong]
    assert not wrong, wrong[0]
    assert not any(v.is_alive() for v in visitors)
    seen = sum((v.seen for v in visitors), collections.Counter())
    assert seen[504] >= LOCKS and seen["broken off"] > 50 and seen[201] > 50 and seen[200] > 100, seen
    check_outcomes(visitors, seen)


def check_outcomes(visitors, seen):
    rows, replayed = 0, 0
    for district in (twins.a, twins.b):
        own = [v for v in visitors if v.district is district]
        harness.wait_until(lambda: nothing_runs(), 60, "the end of what was broken off")
        everything_is_whole(district, own)
        for visitor in own:  # a half is no request: it is not repeated
            visitor.unknown = {t: u for t, u in visitor.unknown.items() if t not in district.never}
        replayed += repeated(own)
        after = everything_is_whole(district, own)
        assert set(after) == {t for v in own for t in v.told}, "there and never asked for"
        rows += len(after)
    print(f"       {dict(seen)}; {rows} records, {replayed} of them done by a request that nobody was told the outcome of")


def test_what_nobody_was_told_of_is_done_once():
    """The client is gone when the record is there already."""
    visitor = Visitor(twins.a, twins.b, VISITORS, threading.Event())
    title, body, key = visitor.record()
    request = visitor.head("POST", "/works/item", body, **{"Idempotency-Key": key})
    find = f"SELECT id FROM px_works.item WHERE title = '{title}'"
    with twins.server.raw(timeout=60) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(request)
        made = harness.wait_until(lambda: twins.server.psql(find), 60, "the record")
    status, said = harness.wait_until(lambda: settled(visitor, request), 60, "the outcome")
    said = json.loads(said)
    assert status == 201 and said["replayed"] and [[said["id"]]] == made == twins.server.psql(find), (said, made)
    assert not visitor.wrong


def nothing_runs():
    return twins.server.psql("SELECT count(*) FROM pg_stat_activity WHERE usename <> current_user AND state <> 'idle'"
                             f" AND datname = '{twins.server.database}'") == [["0"]]


if __name__ == "__main__":
    harness.main()
