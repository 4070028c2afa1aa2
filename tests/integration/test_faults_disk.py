#!/usr/bin/env python3
# No space left: for the database's tables, for its write-ahead log, for the server's log, for its state. Whoever asks is told
# so, what can be answered is answered, and with space again all goes on by itself.
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import harness
from lib.cluster import Cluster
from lib.files import attach, attached, content
from lib.harness import main, wait_until
from lib.ledger import Ledger, Visitor, answers, sign_in, works_path, works_server
from lib.mounts import SmallFilesystem
from lib.server import service_user

# No checkpoint while the disk is full: PostgreSQL ends when a checkpoint cannot write its own small files beside the tables.
RARE_CHECKPOINTS = ["max_wal_size = 2GB", "checkpoint_timeout = 1h"]
BACK_GOAL_S = 5

database_disk = wal_disk = log_disk = state_disk = files_disk = pg = juxin = None


def setup():
    global database_disk, wal_disk, log_disk, state_disk, files_disk, pg, juxin
    database_disk = SmallFilesystem("database", 200 * 1024, "postgres")
    log_disk = SmallFilesystem("log", 16 * 1024)
    state_disk = SmallFilesystem("state", 2048, service_user())
    files_disk = SmallFilesystem("files", 4096, service_user())
    wal_disk = SmallFilesystem("wal", 400 * 1024, "postgres")
    pg = Cluster(os.path.join(database_disk.path, "pg"), RARE_CHECKPOINTS, wal=wal_disk.path)
    juxin = works_server(workers=2, cluster=pg, start=False, config={"log": {"access": True}})
    juxin.config["state_dir"] = state_disk.path
    juxin.config["files"] = {"directory": files_disk.path}
    juxin.log_file = os.path.join(log_disk.path, "juxind.log")
    juxin.write_config()
    juxin.start()


def all_told(ledger, since, statuses):
    """Every writer has been told that since then."""
    return all({s for _, e, s in list(w.attempts) if e > since} & statuses for w in ledger.writers)


def back_again(ledger, what, since):
    took = wait_until(lambda: ledger.first_after(since), 30, f"an acknowledged write after {what}")
    print(f"       {what}: writes again after {took:.2f} s (goal {BACK_GOAL_S} s)")
    assert took < 2 * BACK_GOAL_S, took


def lines():
    """The log's events, and how many lines are none; a sanitizer's warning about fibers is not the log's."""
    found, torn = [], 0
    for line in juxin.log().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            torn += line != "" and "==WARNING: ASan doesn't fully support makecontext" not in line
    return found, torn


def events(name):
    return [e for e in lines()[0] if e["event"] == name]


def test_no_space_for_tables():
    ledger = Ledger(juxin).start()
    client = sign_in(juxin)
    ledger.progress()
    with database_disk.full():
        full = time.monotonic()
        wait_until(lambda: all_told(ledger, full, {507}), 60, "a word about it to every writer")

        def refused():
            # A row may still find room in the last page of its table; one soon does not.
            answer = client.post(works_path("one"), {"title": "full", "unit": ledger.unit(works_path("one"))})
            return answer if answer.status != 201 else None

        answer = wait_until(refused, 60, "no room")
        assert answer.status == 507 and answer.json["code"] == "storage_full" and answer.headers["Retry-After"], answer
        for _ in range(10):
            assert answers(client), "what needs no space is answered"
        assert juxin.ready()
        noise = len(lines()[0])
        ledger_at = ledger.written()
        wait_until(lambda: time.monotonic() - full > 3, 10)
        # Duties that fail now must not fill the log's disk too.
        background = [e for e in lines()[0][noise:] if e["event"] != "http.request"]
        assert len(background) < 100, [e["event"] for e in background[:20]]
        print(f"       full: {dict(ledger.outcomes())}, {ledger.written() - ledger_at} still found room")
    back_again(ledger, "space for tables", time.monotonic())
    ledger.progress()
    seen = ledger.outcomes()
    print("       " + ledger.stop().verify())
    assert set(seen) <= {200, 201, 409, 503, 507}, seen


def test_no_space_for_the_write_ahead_log():
    """PostgreSQL itself ends then; whoever runs it starts it again once there is space."""
    ledger = Ledger(juxin).start()
    ledger.progress()

    def ended():
        pg.psql("SELECT pg_switch_wal()", check=False)
        return not pg.pids()

    with wal_disk.full():
        full = time.monotonic()
        wait_until(ended, 60, "PostgreSQL to give up")
        wait_until(lambda: all_told(ledger, full, {503}), 30, "a word about it to every writer")
        assert juxin.client().get("/livez").status == 200
    pg.recover()
    back_again(ledger, "space for the write-ahead log", time.monotonic())
    ledger.progress()
    seen = ledger.outcomes()
    print("       " + ledger.stop().verify())
    assert set(seen) <= {200, 201, 409, 503, 507}, seen


def test_no_space_for_files():
    """An upload is told so and leaves nothing, also when the space ends in its middle; whatever else is asked is answered."""
    ledger = Ledger(juxin, writers=2).start()
    client = sign_in(juxin)
    made = client.post(works_path("one"), {"title": "files", "unit": ledger.unit(works_path("one"))})
    record = f"{works_path('one')}/{made.json['id']}"
    first = attached(client, record, "first.txt", b"first " * 10000)
    large = b"a line of a large file\n" * 40000
    before = files_kept()
    with files_disk.full():
        for room in (0, 100 * 1024):
            os.truncate(files_disk.ballast, os.path.getsize(files_disk.ballast) - room)
            for _ in range(3):
                answer = attach(client, record, "large.txt", large)
                assert answer.status == 507 and answer.json["code"] == "storage_full" and answer.headers["Retry-After"], answer
                assert files_kept() == before, "nothing half-written"
        assert content(client, record, first["id"]).body == b"first " * 10000
        assert answers(client)
        ledger.progress()
    file = attached(client, record, "large.txt", large)
    assert content(client, record, file["id"]).body == large
    print("       " + ledger.stop().verify())
    assert set(ledger.outcomes()) <= {200, 201}, ledger.outcomes()


def files_kept():
    return sorted(os.path.join(at, name) for at, _, names in os.walk(files_disk.path) for name in names if name != "ballast")


def test_no_space_for_the_log():
    ledger = Ledger(juxin, writers=2).start()
    client = sign_in(juxin)
    ledger.progress()
    before = len(events("worker.died"))
    told = len(events("log.lost"))
    visitor = Visitor(client)
    took = []
    with log_disk.full():
        for _ in range(300):
            began = time.monotonic()
            assert visitor.send("GET", works_path("one") + "?limit=1")[0] == 200
            took.append(time.monotonic() - began)
        ledger.progress()

    def lost():
        return sum(e["lines"] for e in events("log.lost")[told:])

    wait_until(lambda: lost() >= 300, 10, "a word about what was lost, by everybody who lost something")
    juxin.process.send_signal(signal.SIGHUP)
    wait_until(lambda: events("reload.executing"), 20, "a line of the master")
    print(f"       full: 300 reads, slowest {max(took):.2f} s; {lost()} lines lost and told; {ledger.stop().verify()}")
    assert max(took) < 5, max(took)
    found, torn = lines()
    assert torn <= 4, f"{torn} torn lines"  # at most the one that met the end of the disk, a process
    assert len(events("worker.died")) == before
    assert set(ledger.outcomes()) <= {200, 201}, ledger.outcomes()


def reload():
    generation = juxin.admin().get("/readyz").json["generation"]
    juxin.process.send_signal(signal.SIGHUP)
    wait_until(lambda: juxin.admin().get("/readyz").json["generation"] > generation, 30, "the next generation")


def test_no_space_for_the_state():
    """Its pid, quarantined plugins and the audit's digests are kept there; requests and reloads need none of it."""
    juxin.stop()
    os.unlink(os.path.join(state_disk.path, "juxind.pid"))
    with state_disk.full():
        juxin.start()
        client = sign_in(juxin)
        assert events("start.no_pid_file")
        ledger = Ledger(juxin, writers=2).start()
        ledger.progress()
        reload()
        ledger.progress()
        assert answers(client)
        assert set(ledger.outcomes()) <= {200, 201}, ledger.outcomes()
        assert juxin.ctl("reload", check=False).returncode == 3  # it finds the server by its pid file
    reload()
    juxin.ctl("reload")
    print("       " + ledger.stop().verify())


def test_a_reader_of_the_log_that_stands_still():
    """Standard error is a pipe that nobody empties: requests are answered, and what was lost is told when it is read."""
    juxin.stop()
    reading, writing = os.pipe()
    juxin.process = harness.start_process([*juxin.through, juxin.home + "/bin/juxind", "--config", juxin.config_file],
                                          stdin=subprocess.DEVNULL, stdout=writing, stderr=writing,
                                          env=juxin.environment, start_new_session=True)
    os.close(writing)
    wait_until(juxin.ready, 30, "readiness")
    client = sign_in(juxin)
    visitor = Visitor(client)
    took = []
    for _ in range(600):  # each leaves a line of more than 200 bytes; a pipe holds 64 KiB
        began = time.monotonic()
        assert visitor.send("GET", works_path("one") + "?limit=1", timeout=10)[0] == 200
        took.append(time.monotonic() - began)
    assert max(took) < 5, max(took)
    os.set_blocking(reading, False)
    read = bytearray()

    def told():
        try:
            read.extend(os.read(reading, 1 << 20))
        except BlockingIOError:
            pass
        return b'"log.lost"' in read

    wait_until(told, 10, "a word about what was lost")
    print(f"       nobody reads: 600 reads, slowest {max(took):.2f} s")
    process, juxin.process = juxin.process, None
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: told() and process.poll() is not None, 30, "the end")
    os.close(reading)


if __name__ == "__main__":
    main()
