#!/usr/bin/env python3
# long
# Two servers on one database: what is changed through one holds at the other with its next request; limits, keys, duties
# and actions are counted once for both; a server that dies is replaced by the other; clocks may differ; an old and a new
# version of a plugin serve side by side.
import concurrent.futures
import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import postgres, streams
from lib.harness import main, scratch, wait_until
from lib.server import ROOT, Server, prefix

API = "/t/one/api/v1/"
ENTRY = API + "ledger/entry"
LEASE_S = 15  # db/background.c, master/duties.c
work = pathlib.Path(scratch())
one = two = None
passwords, units, people = {}, {}, {}


def build_plugin(directory, version="1.0.0", change=None):
    """The ledger; change(declaration) makes another one of its resource."""
    target = directory / "ledger"
    shutil.copytree(ROOT / "tests/fixtures/plugins/ledger", target)
    for file, edit in ((target / "plugin.json", lambda m: m.update(version=version)),
                       (target / "resources/entry.json", change or (lambda d: None))):
        content = json.loads(file.read_text(encoding="utf-8"))
        edit(content)
        file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    subprocess.run(["cc", "-std=c11", "-g", "-fPIC", "-shared", "-fvisibility=hidden", "-I" + prefix() + "/include",
                    f'-DVERSION="{version}"', "-o", target / "ledger.so", target / "ledger.c"], check=True)
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def setup():
    global one, two
    build_plugin(work / "plugins")
    plugins = {"plugins": {"directory": str(work / "plugins")}}
    one = Server(workers=2, config=plugins)
    one.ctl("migrate")
    two = Server(workers=2, config=dict(plugins, database=one.config["database"], keys=one.config["keys"]), database=False)
    two.database = one.database
    tree = work / "tree.json"
    tree.write_text(json.dumps({"units": [
        {"code": "1", "name": "甲县", "level": "county"},
        {"code": "11", "name": "东街道", "level": "street", "parent": "1"},
        {"code": "111", "name": "一社区", "level": "community", "parent": "11"},
        {"code": "12", "name": "西街道", "level": "street", "parent": "1"}]}, ensure_ascii=False))
    one.ctl("tenant", "create", "one", "--name", "one")
    one.ctl("unit", "import", "one", tree)
    for login in ("boss", "clerk", "guest"):
        passwords[login] = one.ctl_json("user", "create", "one", login, "--name", login, "--generate")["password"]
    one.ctl("grant", "add", "one", "--user", "boss", "--role", "administrator", "--unit", "1", "--reach", "subtree")
    for login in ("boss", "clerk"):
        one.ctl("grant", "add", "one", "--user", login, "--role", "clerk", "--unit", "1", "--reach", "subtree")
    one.start()
    two.start()
    for login in passwords:
        people[login] = sign_in(one, login)
    units.update({u["code"]: u["id"] for u in at(one, "boss").get(API + "units").json["items"]})


def sign_in(server, login):
    client = server.client()
    answer = client.post(API + "session", {"login": login, "password": passwords[login]})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def at(server, login):
    """The same session at either server, as behind a proxy."""
    client = server.client()
    client.cookies, client.csrf = dict(people[login].cookies), people[login].csrf
    return client


def role(name):
    return next(r["id"] for r in at(one, "boss").get(API + "roles").json["items"] if r["name"] == name)


def account(login):
    return at(one, "boss").get(f"{API}accounts?login={login}").json["items"][0]["id"]


def both_ways(times):
    for i in range(times):
        yield (one, two) if i % 2 == 0 else (two, one)


def events(server, name):
    """Lines of a server's log, as objects."""
    return [e for e in map(json.loads, (l for l in server.log().splitlines() if l.startswith("{"))) if e["event"] == name]


# ---- what is cached ----

def check_grants(times):
    body = {"account": account("guest"), "role": role("administrator"), "unit": units["12"], "reach": "self"}
    path = f"{API}units/{units['12']}"
    for here, there in both_ways(times):
        assert at(there, "guest").get(path).status in (403, 404)
        made = at(here, "boss").post(API + "grants", body)
        assert made.status == 201, made
        assert at(there, "guest").get(path).status == 200, "a grant given at one server is not known at the other"
        assert at(here, "boss").delete(f"{API}grants/{made.json['id']}").status == 204
        after = at(there, "guest").get(path)
        assert after.status in (403, 404), f"a grant ended at one server still holds at the other: {after}"


def check_policies(times):
    body = {"unit": units["12"], "rule": "off", "reason": "试"}
    entry = {"title": "x", "unit": units["12"]}
    for here, there in both_ways(times):
        assert at(there, "clerk").post(ENTRY, entry).status == 201
        made = at(here, "boss").post(API + "plugins/ledger/policies", body)
        assert made.status == 201, made
        refused = at(there, "clerk").post(ENTRY, entry)
        assert refused.status == 403 and refused.json["code"] == "plugin_disabled", refused
        assert at(here, "boss").delete(API + "plugins/ledger/policies/" + made.json["id"]).status == 204
        again = at(there, "clerk").post(ENTRY, entry)
        assert again.status == 201, f"a policy ended at one server still holds at the other: {again}"


def test_a_grant_is_in_effect_at_the_other_servers_next_request():
    check_grants(20)


def test_so_is_a_policy():
    check_policies(10)


def test_so_is_a_change_of_the_tree():
    path = f"{API}units/{units['111']}"
    for n, (here, there) in enumerate(both_ways(10)):
        etag = at(there, "boss").get(path).headers["ETag"]
        done = at(here, "boss").patch(path, {"name": f"社区{n}"}, headers={"If-Match": etag})
        assert done.status == 200, done
        seen = at(there, "boss").get(path)
        assert seen.json["name"] == f"社区{n}" and seen.headers["ETag"] == done.headers["ETag"], seen
        parent = units["12" if n % 2 == 0 else "11"]
        moved = at(there, "boss").post(path + "/move", {"parent": parent}, headers={"If-Match": seen.headers["ETag"]})
        assert moved.status == 200, moved
        assert at(here, "boss").get(path).json["ancestors"][-1]["id"] == parent


def test_a_change_at_one_reaches_the_streams_of_both():
    """And a client that comes back to the other server goes on behind the last event it had."""
    boss = at(one, "boss")
    with streams.open_stream(one, boss, API + "events") as first, streams.open_stream(two, boss, API + "events") as second:
        for here, _ in both_ways(4):
            made = at(here, "clerk").post(ENTRY, {"title": "x", "unit": units["11"]})
            assert made.status == 201, made
            wait_until(lambda: all(made.json["id"] in s.ids() for s in (first, second)), 30, "the event at both")
        assert first.ids() == second.ids(), (first.events, second.events)
        last = first.last
    made = at(one, "clerk").post(ENTRY, {"title": "x", "unit": units["11"]})
    with streams.open_stream(two, boss, API + "events", last=last) as again:
        wait_until(lambda: again.ids() == [made.json["id"]], 30, "what was missed")


def test_a_session_ended_at_one_is_dead_at_the_other():
    for here, there in both_ways(2):
        people["leaver"] = sign_in(here, "guest")
        assert at(there, "leaver").get(API + "session").status == 200
        assert at(here, "leaver").delete(API + "session").status == 204
        assert at(there, "leaver").get(API + "session").status == 401
        assert at(here, "leaver").get(API + "session").status == 401
    # An account that is disabled loses all of them.
    path = f"{API}accounts/{account('guest')}"
    people["leaver"] = sign_in(two, "guest")
    for is_active, expected in ((False, 401), (True, 401)):
        etag = at(one, "boss").get(path).headers["ETag"]
        assert at(one, "boss").patch(path, {"is_active": is_active}, headers={"If-Match": etag}).status == 200
        assert at(two, "leaver").get(API + "session").status == expected
    people["guest"] = sign_in(one, "guest")


# ---- what is counted ----

def wrong_password(server, login):
    return server.client().post(API + "session", {"login": login, "password": "not the password"})


def check_login_limit(login):
    """Wrong passwords at both at once: five are looked at, by whichever server. (One more where the first delay, a second,
    is over by then; each by itself would make it ten.)"""
    with concurrent.futures.ThreadPoolExecutor(14) as pool:
        said = list(pool.map(lambda server: wrong_password(server, login), [one, two] * 7))
    looked_at, told_to_wait = ([a for a in said if a.status == status] for status in (401, 429))
    assert len(looked_at) in (5, 6) and len(looked_at) + len(told_to_wait) == 14, said
    waits = [int(a.headers["Retry-After"]) for a in told_to_wait]
    assert max(waits) <= 2, f"{waits}: the delay is another one by the other server's clock"


def test_login_attempts_count_for_both():
    check_login_limit("nobody.at.all")


def test_a_key_used_at_both_at_once_makes_one_record():
    def send(server, key):
        return at(server, "clerk").post(ENTRY, {"title": key, "unit": units["11"]}, headers={"Idempotency-Key": key})

    replays = running = 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            key = str(uuid.uuid4())
            answers = list(pool.map(lambda server: send(server, key), [one, two] * 4))
            assert {a.status for a in answers} <= {201, 409}, answers
            assert all(a.json["code"] == "idempotency_key_running" for a in answers if a.status == 409), answers
            assert len({a.json["id"] for a in answers if a.status == 201}) == 1, answers
            again = {send(server, key).json["id"] for server in (one, two)}
            assert len(again) == 1 and again == {a.json["id"] for a in answers if a.status == 201}, (again, answers)
            assert one.psql(f"SELECT count(*) FROM px_ledger.entry WHERE title = '{key}'") == [["1"]]
            replays += sum(a.status == 201 and a.json.get("replayed", False) for a in answers)
            running += sum(a.status == 409 for a in answers)
    print(f"       64 requests with 8 keys: 8 records, {replays} replayed, {running} told that it runs")


# ---- what is done behind the requests ----

def deliveries():
    """What the plugin was told, in the order of time: {record: [version, ...]}. Both servers' logs have one clock."""
    lines = []
    for server in (one, two):
        lines += [(e["time"], e["detail"].split()) for e in events(server, "plugin.log") if e["what"] == "ledger.seen"]
    seen = {}
    for _, (record, version) in sorted(lines, key=lambda line: line[0]):
        seen.setdefault(record, []).append(int(version))
    return seen


def write_records(count, updates, pick):
    """Records that several threads create and update; pick(n) says through which server. Returns their ids."""
    def life_of(number):
        made = at(pick(0), "clerk").post(ENTRY, {"title": f"r{number}", "unit": units["11"], "amount": 0})
        assert made.status == 201, made
        etag, path = made.headers["ETag"], f"{ENTRY}/{made.json['id']}"
        for n in range(1, updates + 1):
            answer = at(pick(n), "clerk").patch(path, {"amount": n}, headers={"If-Match": etag})
            assert answer.status == 200, answer
            etag = answer.headers["ETag"]
        return made.json["id"]

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(life_of, range(count)))


def wait_for_deliveries(ids, versions, seconds=60):
    wait_until(lambda: all(len(deliveries().get(i, [])) >= versions for i in ids), seconds, "delivery of all actions")
    seen = deliveries()
    wrong = {i: seen[i] for i in ids if seen[i] != list(range(1, versions + 1))}
    assert not wrong, f"not once each and in order: {wrong}"


def test_actions_are_delivered_once_and_in_order():
    ids = write_records(6, 15, lambda n: (one, two)[n % 2])
    wait_for_deliveries(ids, 16)
    print(f"       {len(ids)} records, 16 actions each, changed in turn at both servers: each once, in order")


def holder(name):
    """(server, pid) of a duty's lease, or None."""
    rows = one.psql(f"SELECT split_part(holder, ':', 2) FROM juxin.lease WHERE name = '{name}' AND until > now()")
    for pid in (int(row[0]) for row in rows):
        for server in (one, two):
            if server.process and pid in workers(server):
                return server, pid
    return None


def workers(server):
    gone = {e["worker_pid"] for e in events(server, "worker.died") + events(server, "worker.ended")}
    return [e["worker_pid"] for e in events(server, "worker.ready") if e["worker_pid"] not in gone]


def waiting():
    """How many backends wait for a lock."""
    return int(one.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND datname = current_database()")[0][0])


@contextlib.contextmanager
def held_back(lock, others):
    """A lock that is kept until so many wait for it: they go on at once."""
    holder = subprocess.Popen(["psql", "-XAtq", "-d", postgres.conninfo(one.database)], stdin=subprocess.PIPE, text=True)
    try:
        holder.stdin.write(f"BEGIN; {lock};\n")
        holder.stdin.flush()
        yield
        wait_until(lambda: waiting() >= others, 30, f"{others} that wait")
    finally:
        holder.communicate("COMMIT;\n", timeout=20)


def test_sealers_and_dispatchers_that_overlap_do_no_harm():
    """Leases are taken away again and again, so that both servers hold them at once: what each duty does is safe twice."""
    stop = threading.Event()

    def take_away():
        while not stop.is_set():
            one.psql("UPDATE juxin.lease SET until = now() - interval '1 hour'")
            stop.wait(0.1)

    def sealed():
        return [len(events(server, "audit.sealed")) for server in (one, two)]

    def write_more():
        ids.extend(write_records(2, 5, lambda n: (two, one)[n % 2]))
        return ids

    before, ids = sealed(), []
    thread = threading.Thread(target=take_away)
    thread.start()
    try:
        for _ in range(2):  # both have read the last seal when the first one writes the next, and have rows of their own
            with held_back("LOCK TABLE juxin.audit_seal IN SHARE MODE", 2):
                wait_until(lambda: write_more() and waiting() >= 2, 30, "two sealers")
        deadline = time.monotonic() + 40
        while min(now - then for now, then in zip(sealed(), before)) < 2:
            assert time.monotonic() < deadline, (before, sealed())
            write_more()
    finally:
        stop.set()
        thread.join()
    wait_for_deliveries(ids, 6)
    by = [now - then for now, then in zip(sealed(), before)]
    wait_until(lambda: one.psql("SELECT count(*) FROM juxin.audit_pending") == [["0"]], 30, "the seal of all")
    assert one.ctl("audit", "verify", "one").returncode == 0
    gaps = one.psql("SELECT tenant_id FROM juxin.audit_seal GROUP BY 1 HAVING count(*) <> max(n)")
    assert not gaps, gaps
    twice = one.psql("SELECT tenant_id, seq FROM (SELECT tenant_id, seq FROM juxin.outbox UNION ALL"
                     " SELECT tenant_id, seq FROM juxin.event) x WHERE seq IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1")
    assert not twice, twice
    print(f"       {by[0]} batches sealed by one and {by[1]} by the other, one chain; {len(ids)} records' actions once each")


def give_background_to_who_has_due():
    """One worker holds both leases, as it does in the long run where the other server was started later."""
    one.psql("UPDATE juxin.lease SET until = now() + interval '15 seconds',"
             " holder = (SELECT holder FROM juxin.lease WHERE name = 'due') WHERE name = 'background'")
    if holder("background") is None or holder("background") != holder("due"):
        return False
    return not any(believes_to_hold(server) for server in (one, two) if server is not holder("due")[0])


def believes_to_hold(server):
    """Whoever lost a lease knows at the latest when it would renew it."""
    last = {}
    for line in server.log().splitlines():
        if '"background.holding"' in line or '"background.lost"' in line:
            event = json.loads(line)
            last[event["pid"]] = event["event"]
    return any(last.get(pid) == "background.holding" for pid in workers(server))


def lapses(ids):
    listed = ", ".join(f"'{i}'" for i in ids)
    return one.psql("SELECT record_id, count(*) FROM juxin.history WHERE transition = 'lapse'"
                    f" AND record_id IN ({listed}) GROUP BY 1")


def make_overdue(ids):
    listed = ", ".join(f"'{i}'" for i in ids)
    one.psql("UPDATE px_ledger.entry SET state_since = now() - interval '60 days', auto_at = now() - interval '50 days'"
             f" WHERE id IN ({listed})")


def test_a_dead_holder_is_replaced():
    """kill -9 of the whole server that holds the duties: the other seals, numbers, delivers and ends what is due."""
    wait_until(give_background_to_who_has_due, 60, "one holder of all duties")
    dying = holder("due")[0]
    other = two if dying is one else one
    overdue = write_records(1, 0, lambda n: other)
    os.killpg(dying.process.pid, signal.SIGKILL)
    dying.process.wait()
    dying.process = None
    killed = time.monotonic()
    make_overdue(overdue)
    ids = write_records(2, 3, lambda n: other)
    wait_for_deliveries(ids, 4, LEASE_S + 30)
    background = time.monotonic() - killed
    wait_until(lambda: lapses(overdue), LEASE_S + 30, "the other taking up what is due")
    due = time.monotonic() - killed
    dying.start()
    assert background < LEASE_S + 15 and due < LEASE_S + 20, (background, due)
    print(f"       after kill -9 of the holder the other delivered within {background:.1f} s and took up a deadline"
          f" within {due:.1f} s")


def test_what_is_due_happens_once():
    """Both servers and juxinctl want to take up the same deadlines at once."""
    ids = write_records(12, 0, lambda n: one)
    make_overdue(ids)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        with held_back("LOCK TABLE px_ledger.entry IN SHARE MODE", 3):  # all three have read the first record
            done = pool.map(lambda server: server.ctl("jobs", "run", check=False), [one, two, one])
        done = list(done)
    times = lapses(ids)
    assert len(times) == len(ids) and all(n == "1" for _, n in times), (times, [d.stdout for d in done])


# ---- clocks ----

def faked_clock(offset):
    """The environment of a server whose wall clock is off by so many seconds; the monotonic clock stays right."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    assert found, "libfaketime is not installed (Debian: faketime)"
    return {"LD_PRELOAD": found[0], "FAKETIME": f"{offset:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def restart_two(environment, config=None):
    two.stop()
    two.environment = dict(os.environ, **environment)
    if config:
        two.config.update(config)
        two.write_config()
    two.start()


def check_order_with_clocks_apart():
    """One record's changes come so close together that they are numbered in one go, whose clock said what."""
    ids = write_records(4, 8, lambda n: (one, two)[n % 2])
    wait_until(lambda: one.psql("SELECT count(*) FROM juxin.outbox") == [["0"]], 60, "delivery of all actions")
    seen = {}
    for server in (one, two):  # the clocks differ, so each log is looked at by itself
        for e in events(server, "plugin.log"):
            record, version = e["detail"].split()
            seen.setdefault((server.port, record), []).append(int(version))
    for record in ids:
        parts = [v for (_, r), v in seen.items() if r == record]
        assert sorted(n for part in parts for n in part) == list(range(1, 10)), parts
        assert all(part == sorted(part) for part in parts), f"out of order: {parts}"


def test_clocks_half_a_minute_apart_change_nothing():
    for offset in (-30, +30):
        restart_two(faked_clock(offset))
        try:
            check_grants(4)
            check_policies(2)
            check_login_limit(f"nobody.{offset + 100}")
            check_order_with_clocks_apart()
            people["leaver"] = sign_in(two, "guest")
            assert at(one, "leaver").get(API + "session").status == 200
            assert at(one, "leaver").delete(API + "session").status == 204
            assert at(two, "leaver").get(API + "session").status == 401
        finally:
            restart_two({})


# ---- versions ----

def test_an_old_and_a_new_server_side_by_side():
    """A plugin gains a field and a value; one server has it already. Neither hurts what the other wrote, and the old one
    can be started again."""
    def wider(declaration):
        declaration["fields"]["remark"] = {"type": "text", "label": {"zh-CN": "备注", "en": "Remark"}, "max_length": 100,
                                           "filterable": True}
        declaration["fields"]["kind"]["values"].append({"value": "transfer", "label": {"zh-CN": "划转", "en": "Transfer"}})

    build_plugin(work / "newer", "1.1.0", wider)
    made = at(one, "clerk").post(ENTRY, {"title": "before", "unit": units["11"], "kind": "income"})
    assert made.status == 201, made
    path = f"{ENTRY}/{made.json['id']}"
    restart_two({}, {"plugins": {"directory": str(work / "newer"), "mode": "development"}})
    changed = at(two, "clerk").patch(path, {"remark": "new", "kind": "transfer"}, headers={"If-Match": made.headers["ETag"]})
    assert changed.status == 200 and changed.json["remark"] == "new", changed

    def old_and_new():
        seen = at(one, "clerk").get(path)
        assert seen.status == 200 and seen.json["kind"] == "transfer" and "remark" not in seen.json, seen
        listed = at(one, "clerk").get(f"{ENTRY}?title=eq.before")
        assert listed.status == 200 and [r["kind"] for r in listed.json["items"]] == ["transfer"], listed
        # A change by the old server of what it knows leaves what it does not know alone.
        kept = at(one, "clerk").patch(path, {"amount": 7}, headers={"If-Match": seen.headers["ETag"]})
        assert kept.status == 200, kept
        assert at(two, "clerk").get(path).json["remark"] == "new"
        created = at(one, "clerk").post(ENTRY, {"title": "by the old", "unit": units["11"]})
        assert at(two, "clerk").get(f"{ENTRY}/{created.json['id']}").json["remark"] is None
        assert at(two, "clerk").get(f"{ENTRY}?remark=eq.new").json["items"][0]["id"] == made.json["id"]

    old_and_new()
    one.stop()
    one.start()
    old_and_new()
    # The old server's start took nothing away.
    assert at(two, "clerk").get(path).json["remark"] == "new"


if __name__ == "__main__":
    main()
