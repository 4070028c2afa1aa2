#!/usr/bin/env python3
# What else was under way when a plugin ended its worker: requests in another worker go on, those in the same one are cut
# off without an answer, and the same request with the same key does its work once.
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import postgres
from lib.faults import API, FaultServer, broken
from lib.harness import main, on_exit, start_process, wait_until

PER_WORKER = 3
server = None


def setup():
    global server
    server = FaultServer(workers=2).begin()


class Connection:
    """One connection that stays open, of which it is known which worker has it."""

    def __init__(self):
        self.http = server.provoker.connection(timeout=120)
        self.result = None
        self.get("/livez")
        self.worker = worker_of(self.http.sock.getsockname()[1])

    def get(self, path):
        self.http.request("GET", path, headers=headers())
        answer = self.http.getresponse()
        answer.read()
        return answer.status

    def close(self):
        self.http.close()


def headers(**more):
    cookies = "; ".join(f"{k}={v}" for k, v in server.provoker.cookies.items())
    return dict({"Cookie": cookies, "X-CSRF-Token": server.provoker.csrf or "", "Content-Type": "application/json"}, **more)


def worker_of(port):
    """The process that holds the server's end of the connection from this port."""
    wanted = None
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == server.port and int(fields[2].split(":")[1], 16) == port:
                wanted = f"socket:[{fields[9]}]"
    for event in server.since(0, "worker.ready"):
        try:
            links = os.listdir(f"/proc/{event['worker_pid']}/fd")
        except OSError:
            continue
        for fd in links:
            try:
                if os.readlink(f"/proc/{event['worker_pid']}/fd/{fd}") == wanted:
                    return event["worker_pid"]
            except OSError:
                continue
    return None


def connections_by_worker():
    """PER_WORKER and one more to each of the two workers."""
    found = {}
    for _ in range(200):
        c = Connection()
        mine = found.setdefault(c.worker, [])
        if c.worker and len(mine) <= PER_WORKER:
            mine.append(c)
        else:
            c.close()
        if len(found) == 2 and all(len(l) == PER_WORKER + 1 for l in found.values()):
            return found
    raise AssertionError(f"connections: { {k: len(v) for k, v in found.items()} }")


def locked_table():
    """Holds every insert up until the returned function is called."""
    session = start_process(["psql", "-XAtq", "-d", postgres.conninfo(server.database)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    on_exit(lambda: session.poll() is None and (session.kill(), session.wait()))
    session.stdin.write("BEGIN; LOCK TABLE px_fault.thing IN SHARE MODE; SELECT 'locked';\n")
    session.stdin.flush()
    assert session.stdout.readline() == "locked\n"

    def release():
        session.stdin.write("COMMIT;\n\\q\n")
        session.stdin.flush()
        assert session.wait(20) == 0

    return release


def waiting():
    return int(server.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                           " AND wait_event_type = 'Lock' AND wait_event = 'relation'")[0][0])


def post(connection, key):
    body = ('{"title": "%s", "unit": "%s"}' % (key, server.units["11"])).encode()

    def ask():
        connection.http.request("POST", API + "fault/thing", body, headers(**{"Idempotency-Key": key}))
        answer = connection.http.getresponse()
        answer.read()
        return answer.status

    connection.result = broken(ask)


def test_requests_under_way():
    doomed, other = connections_by_worker().items()
    crasher, spare = doomed[1].pop(), other[1].pop()
    release = locked_table()
    threads = []
    for worker, connections in (doomed, other):
        for n, connection in enumerate(connections):
            connection.key = f"{'doomed' if worker == doomed[0] else 'other'}-{n}-{os.getpid()}"
            threads.append(threading.Thread(target=post, args=(connection, connection.key)))
            threads[-1].start()
    wait_until(lambda: waiting() == 2 * PER_WORKER, 60, "all inserts held up")
    mark = server.mark()
    server.plan("crash", "get")
    assert broken(lambda: crasher.get(API + "fault/get?unit=11")) is True
    server.plan("", "")
    took = server.expect_death(mark, "GET /get", "Segmentation fault")
    assert server.since(mark, "worker.died")[0]["worker_pid"] == doomed[0]
    # Those of the same worker know at once; the others still wait, and their connections live.
    wait_until(lambda: all(c.result is True for c in doomed[1]), 30, "the cut connections")
    assert [c.result for c in other[1]] == [None] * PER_WORKER
    assert spare.get(API + "units") == 200
    # The same requests again, with their keys, while the dead worker's transactions may still be there.
    retried = {}

    def again(key):
        def done():
            answer = server.create(key, headers={"Idempotency-Key": key}, timeout=120)
            assert answer.status in (201, 409), answer
            return answer if answer.status == 201 else None

        retried[key] = wait_until(done, 60, f"the retry of {key}")

    retries = [threading.Thread(target=again, args=(c.key,)) for c in doomed[1]]
    for thread in retries:
        thread.start()
    release()
    for thread in threads + retries:
        thread.join(120)
    assert [c.result for c in other[1]] == [201] * PER_WORKER, [c.result for c in other[1]]
    assert len(retried) == PER_WORKER, retried
    once = server.psql("SELECT title, count(*) FROM px_fault.thing WHERE tenant_id = 1 GROUP BY title")
    assert {t: int(n) for t, n in once} == {c.key: 1 for c in doomed[1] + other[1]}, once
    # And once more: the answer of then, no second record.
    for key, first in retried.items():
        replay = server.create(key, headers={"Idempotency-Key": key})
        assert replay.status == 201 and replay.json["id"] == first.json["id"], replay
    print(f"   {PER_WORKER} requests of the same worker cut off and retried, {PER_WORKER} of the other unharmed; "
          f"back after {took:.0f} ms")


def test_what_was_acknowledged_stays():
    """The answer was on its way, or not, when the worker died: with the key the client learns what became of it."""
    for n in range(5):
        key = f"acknowledged-{n}-{os.getpid()}"
        made = server.create(key, headers={"Idempotency-Key": key})
        assert made.status == 201, made
        mark = server.mark()
        server.plan("crash", "get")
        assert broken(lambda: server.provoker.get(API + "fault/get?unit=11")) is True
        server.plan("", "")
        server.expect_death(mark, "GET /get", "Segmentation fault")
        again = server.create(key, headers={"Idempotency-Key": key})
        assert again.status == 201 and again.json["id"] == made.json["id"], again
        assert server.psql(f"SELECT count(*) FROM px_fault.thing WHERE title = '{key}'") == [["1"]]


if __name__ == "__main__":
    main()
