#!/usr/bin/env python3
# Writes while workers, the master and the whole server are killed: what was acknowledged is there, what is repeated with
# the same idempotency key is there once, and nothing else is.
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import cluster, harness, server
from lib.harness import main, wait_until
from lib.ledger import Ledger, answers, sign_in, works_server
from lib.server import ROOT, prefix

juxin = None


def setup():
    global juxin
    juxin = works_server(workers=2, cluster=cluster.Cluster())


def events(name):
    found = (json.loads(line) for line in juxin.log().splitlines() if line.startswith("{") and f'"{name}"' in line)
    return [e for e in found if e["event"] == name]


def workers():
    gone = {e["worker_pid"] for e in events("worker.died") + events("worker.ended")}
    return [e["worker_pid"] for e in events("worker.ready") if e["worker_pid"] not in gone]


def verify(ledger):
    print("       " + ledger.stop().verify())


def test_killed_workers():
    ledger = Ledger(juxin).start()
    ledger.progress()
    took = []
    for _ in range(5):
        victim = workers()[0]
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in workers() and len(workers()) == 2, 20, "the successor")
        took.append(time.monotonic() - began)
        ledger.progress(10)
    print("       successor ready after " + ", ".join(f"{t:.2f}" for t in took) + " s (goal 1 s)")
    verify(ledger)
    assert sorted(took)[2] < 3, took  # the median; a busy machine is no defect


def test_all_workers_at_once():
    ledger = Ledger(juxin).start()
    ledger.progress()
    for _ in range(2):
        victims = workers()
        began = time.monotonic()
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        took = wait_until(lambda: ledger.first_after(began), 20, "an acknowledged write")
        print(f"       writes again after {took:.2f} s")
        wait_until(lambda: len(workers()) == 2 and not set(victims) & set(workers()), 20, "both successors")
        assert took < 5, took
        ledger.progress(10)
    verify(ledger)


def supervised():
    """From here on the respawn loop of the quickstart holds the server, as systemd would."""
    juxin.stop()
    for name in ("run", "log"):
        os.mkdir(os.path.join(juxin.directory, name))
    os.symlink(prefix(), os.path.join(juxin.directory, "install"))
    juxin.log_file = os.path.join(juxin.directory, "log", "juxind.log")
    process = harness.start_process([ROOT / "deploy/lib/supervise.sh", juxin.directory], start_new_session=True,
                                    env=juxin.environment)
    harness.on_exit(lambda: process.poll() is None and process.terminate() or process.wait(90))
    wait_until(juxin.ready, 30, "readiness")
    return process


def master():
    try:
        with open(os.path.join(juxin.directory, "run", "juxind.pid"), encoding="ascii") as mark:
            return int(mark.read().split()[0])
    except (OSError, IndexError, ValueError):
        return None


def test_killed_master():
    supervisor = supervised()
    ledger = Ledger(juxin).start()
    client = sign_in(juxin)
    took, groups = [], [master()]
    for _ in range(3):
        ledger.progress()
        began = time.monotonic()
        os.kill(groups[-1], signal.SIGKILL)
        wait_until(lambda: master() not in (None, groups[-1]), 20, "a new master")
        groups.append(master())
        wait_until(lambda: answers(client), 30, "an answer of the new server")
        took.append(time.monotonic() - began)
        wait_until(lambda: not server.group_alive(groups[-2]), 40, "end of the orphaned workers")
    print("       answers again after " + ", ".join(f"{t:.2f}" for t in took) + " s (goal 3 s)")
    ledger.progress()
    verify(ledger)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(90) == 0
    assert not server.group_alive(groups[-1])
    report = server.SANITIZER.search(juxin.log())
    assert not report, juxin.log()[report.start() - 200:][:3000]
    assert sorted(took)[1] < 8, took


if __name__ == "__main__":
    main()
