#!/usr/bin/env python3
# The server's clock jumps an hour and ten years, either way, while it serves and before it starts. Ids, sessions and what
# time alone ends go by the database's clock: with one that is far from it the server says so and waits; deadlines go by
# the monotonic clock and do not notice.
import datetime
import glob
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import harness, postgres
from lib.harness import main, wait_until
from lib.ledger import Ledger, Visitor, sign_in, works_path, works_server

JUMPS = ("+1h", "-1h", "+10y", "-10y")
CONFIG = {"limits": {"request_ms": 4000, "session_idle_ms": 600000}}

juxin = clock_file = None


def set_clock(offset):
    """As the kernel would: from one moment to the next. The monotonic clock stays."""
    with open(clock_file + ".new", "w", encoding="ascii") as out:
        out.write(offset + "\n")
    os.replace(clock_file + ".new", clock_file)


def faked_time():
    """The environment of a process whose wall clock the file sets."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    assert found, "libfaketime is not installed (Debian: faketime)"
    sanitizer = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": clock_file, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": sanitizer + ":verify_asan_link_order=0"}


def setup():
    global juxin, clock_file
    clock_file = os.path.join(harness.scratch(), "clock")
    set_clock("+0")
    juxin = works_server(workers=2, config=CONFIG, environment=faked_time())


def events(name):
    return [e for e in map(json.loads, filter(lambda l: l.startswith("{"), juxin.log().splitlines())) if e["event"] == name]


def is_clock_refusal(answer):
    return answer.status == 503 and answer.json["code"] == "clock_wrong" and int(answer.headers["Retry-After"]) > 0


def state_of_the_database():
    """Counts of what a wrong clock would end, delete or do over."""
    return juxin.psql("SELECT (SELECT count(*) FROM juxin.session WHERE ended_at IS NULL),"
                      " (SELECT count(*) FROM juxin.idempotency), (SELECT count(*) FROM juxin.audit_digest),"
                      " (SELECT count(*) FROM px_works.item WHERE state <> 'open')")


def leases(name):
    return int(juxin.psql(f"SELECT count(*) FROM juxin.lease WHERE name = '{name}' AND until > now()")[0][0])


def jump_and_back(offset, client):
    before = len(events("clock.wrong"))
    set_clock(offset)
    began = time.monotonic()
    wait_until(lambda: is_clock_refusal(client.get(works_path("one") + "?limit=1")), 10, "the refusal")
    refused = time.monotonic() - began
    for _ in range(20):  # both workers
        assert is_clock_refusal(client.get(works_path("one") + "?limit=1"))
        assert is_clock_refusal(client.post(works_path("one"), {"title": "wrong"}))
    wait_until(lambda: len(events("clock.wrong")) >= before + 2, 10, "a word about it from both workers")
    ready = juxin.client().get("/readyz")
    assert ready.status == 503 and ready.json["clock"] is False and ready.json["database"] is True, ready
    assert juxin.client().get("/livez").status == 200
    # Who deletes what is over must not be somebody who cannot tell when it is.
    wait_until(lambda: leases("background") == 0, 10, "the lease to be given back")
    state = state_of_the_database()
    right = len(events("clock.right"))
    set_clock("+0")
    began = time.monotonic()
    wait_until(lambda: client.get(works_path("one") + "?limit=1").status == 200, 10, "an answer")
    served = time.monotonic() - began
    wait_until(juxin.ready, 10, "readiness")
    wait_until(lambda: len(events("clock.right")) >= right + 2, 10, "a word about it from both workers")
    print(f"       {offset}: refused after {refused:.2f} s, serving {served:.2f} s after it was right again")
    return state


def test_jumps_under_load():
    ledger = Ledger(juxin, pause=0.02).start()
    client = sign_in(juxin)
    quiet = state_of_the_database()[0]
    for offset in JUMPS:
        ledger.progress(10)
        state = jump_and_back(offset, client)[0]
        assert [state[0], state[2], state[3]] == [quiet[0], quiet[2], quiet[3]], (offset, quiet, state)
        assert int(state[1]) >= int(quiet[1])
    ledger.progress(10)
    wait_until(lambda: leases("background") == 1, 20, "somebody to take the lease again")
    print("       " + ledger.stop().verify())
    ahead = [abs(e["ahead_ms"]) // 1000 for e in events("clock.wrong")]
    assert min(ahead) >= 3590 and max(ahead) >= 10 * 365 * 86400 - 10, ahead


def made_at(id):
    """The moment that a UUIDv7 carries."""
    return int(id.replace("-", "")[:12], 16) / 1000


def test_every_id_and_time_is_right():
    """Also of what was under way at the moment of a jump: all were made in the last minutes."""
    now = time.time()
    for table, id, at in (("px_works.item", "id", "created_at"), ("juxin.audit", "id", "at"),
                          ("juxin.history", "id", "at"), ("juxin.outbox", "id", "created_at"),
                          ("juxin.session", "id", "created_at")):
        rows = juxin.psql(f"SELECT {id}, {at} FROM {table}")
        assert rows or table == "juxin.outbox", table
        for value, moment in rows:
            written = datetime.datetime.fromisoformat(moment + ":00").timestamp()
            assert now - 600 < made_at(value) < now + 5, f"{table}: {value} was made at {made_at(value)}, now is {now}"
            assert now - 600 < written < now + 5, f"{table}: {moment}"


def test_nothing_is_put_off_for_years():
    far = juxin.psql("SELECT kind, run_at FROM juxin.job WHERE run_at NOT BETWEEN now() - interval '1 day' AND"
                     " now() + interval '2 days' UNION ALL SELECT topic, next_at FROM juxin.outbox WHERE next_at > now() +"
                     " interval '2 days' UNION ALL SELECT name, until FROM juxin.lease WHERE until > now() + interval '1 day'")
    assert not far, far


class Lock:
    """Holds the unit that records hang on, so that writes wait."""

    def __init__(self):
        self.process = harness.start_process(["psql", "-XAtq", "-d", postgres.conninfo(juxin.database)], stdin=-1,
                                             stdout=-1, text=True)
        self.process.stdin.write("BEGIN; SELECT id FROM juxin.unit FOR UPDATE;\n\\echo held\n")
        self.process.stdin.flush()
        while self.process.stdout.readline() != "held\n":
            assert self.process.poll() is None

    def release(self):
        self.process.kill()
        self.process.wait()


def waiting_write(unit, client):
    """A write that waits for the lock; a list that its status and its duration come into, and the thread."""
    outcome = []

    def run():
        began = time.monotonic()
        outcome.append(Visitor(client).send("POST", works_path("one"), {"title": "waits", "unit": unit})[0])
        outcome.append(time.monotonic() - began)

    thread = threading.Thread(target=run)
    before = len(waiters())
    thread.start()
    wait_until(lambda: len(waiters()) > before, 10, "the write to wait for the lock")
    return outcome, thread


def waiters():
    return juxin.psql(f"SELECT pid FROM pg_stat_activity WHERE datname = '{juxin.database}' AND wait_event_type = 'Lock'")


def test_deadlines_do_not_notice():
    client = sign_in(juxin)
    unit = Ledger(juxin).unit(works_path("one"))
    for offset in ("+10y", "-10y"):
        lock = Lock()
        outcome, thread = waiting_write(unit, client)
        set_clock(offset)
        wait_until(lambda: is_clock_refusal(client.get(works_path("one") + "?limit=1")), 10, "the refusal")
        assert thread.is_alive(), f"the jump of {offset} ended a request before its time: {outcome}"
        lock.release()
        thread.join(20)
        assert outcome and outcome[0] == 201, outcome  # it was begun when all was well
        set_clock("+0")
        wait_until(juxin.ready, 10, "readiness")
    lock = Lock()
    outcome, thread = waiting_write(unit, client)
    set_clock("-10y")
    thread.join(30)
    set_clock("+0")
    lock.release()
    assert outcome and outcome[0] == 504 and outcome[1] < 20, f"a deadline that a jump moves: {outcome}"
    wait_until(juxin.ready, 10, "readiness")


def test_started_with_a_wrong_clock():
    for offset in ("+1h", "-10y"):
        client = sign_in(juxin)
        juxin.stop()
        set_clock(offset)
        juxin.start_without_waiting()
        before = len(events("clock.wrong"))
        wait_until(lambda: len(events("clock.wrong")) >= before + 2, 30, "a word about it from both workers")
        assert not juxin.ready()
        for _ in range(10):
            assert is_clock_refusal(client.get(works_path("one") + "?limit=1"))
        set_clock("+0")
        wait_until(juxin.ready, 10, "readiness")
        wait_until(lambda: client.get(works_path("one") + "?limit=1").status == 200, 10, "an answer")


def test_juxinctl_refuses_too():
    set_clock("+1h")
    refused = juxin.ctl("tenant", "create", "three", "--name", "three", check=False)
    assert refused.returncode == 4 and "clock" in refused.stderr, refused
    set_clock("+0")
    juxin.ctl("tenant", "create", "three", "--name", "three")


if __name__ == "__main__":
    main()
