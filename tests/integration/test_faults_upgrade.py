#!/usr/bin/env python3
# Twenty reloads and twenty upgrades of the binary under load, over TLS with connections kept alive: no request fails, the
# pid and the sockets stay, nothing acknowledged is lost.
import http.client
import json
import os
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import harness
from lib.harness import main, wait_until
from lib.ledger import Ledger, Visitor, answers, sign_in, works_path, works_server
from lib.server import prefix

ROUNDS = 20
# Clients that are asking leave a draining worker with their next answer; this is for the ones that rest meanwhile.
CONFIG = {"limits": {"drain_idle_ms": 1000}}

juxin = client = None


def own_binary():
    """A copy of the installed programs that an upgrade may replace."""
    home = os.path.join(harness.scratch(), "own")
    shutil.copytree(prefix(), home, symlinks=True)
    return home


def setup():
    global juxin, client
    juxin = works_server(workers=2, start=False, config=CONFIG, home=own_binary())
    juxin.start()
    client = sign_in(juxin)


class Load:
    """Readers on connections that are kept alive, until stopped; whatever is not a 200 is a failure."""

    def __init__(self, clients=4):
        self.answered, self.failures, self.stopping, self.slowest = 0, [], threading.Event(), 0
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(clients)]
        harness.on_exit(self.stopping.set)
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        visitor = Visitor(client)
        path = "/livez" if number == 0 else works_path("one") + "?limit=5"
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                status = visitor.send("GET", path)[0]
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
            self.answered += 1  # a lost count does no harm
            self.slowest = max(self.slowest, time.monotonic() - began)
            if status != 200:
                self.failures.append((number, status))

    def progress(self, by=20):
        at = self.answered
        wait_until(lambda: self.answered >= at + by, 20, "more answers")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)
        return self


def events(name):
    lines = (line for line in juxin.log().splitlines() if line.startswith("{") and f'"{name}"' in line)
    return [e for e in map(json.loads, lines) if e["event"] == name]


def generation():
    return juxin.admin().get("/readyz").json["generation"]


def ready_workers(of):
    return [e["worker_pid"] for e in events("worker.ready") if e["generation"] == of]


def next_generation(change):
    """Makes the change and waits until both workers of the next generation serve; how long that took."""
    after = max(e["generation"] for e in events("worker.ready")) + 1
    began = time.monotonic()
    change()
    juxin.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(ready_workers(after)) == 2, 30, f"the workers of generation {after}")
    return time.monotonic() - began


def sockets():
    """Inodes of the sockets the master listens on."""
    listening = set()
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                listening.add(fields[9])
    held = set()
    for fd in os.listdir(f"/proc/{juxin.process.pid}/fd"):
        try:
            target = os.readlink(f"/proc/{juxin.process.pid}/fd/{fd}")
        except OSError:
            continue
        if target.startswith("socket:[") and target[8:-1] in listening:
            held.add(target)
    return held


def twenty_times(what, change):
    pid, held = juxin.process.pid, sockets()
    assert len(held) == 6, held  # three addresses, one socket a worker
    load, ledger = Load(), Ledger(juxin, writers=2).start()
    load.progress()
    ledger.progress(5)
    died = len(events("worker.died"))
    took = []
    for _ in range(ROUNDS):
        took.append(next_generation(change))
        load.progress()
    load.stop()
    line = ledger.stop().verify()
    outcomes = dict(ledger.outcomes())
    print(f"       {ROUNDS} {what}: {load.answered} reads, slowest {load.slowest:.2f} s; {line};"
          f" next generation served after {min(took):.2f} to {max(took):.2f} s")
    assert not load.failures, load.failures[:5]
    assert set(outcomes) <= {200, 201}, outcomes
    assert juxin.process.pid == pid and juxin.process.poll() is None
    assert sockets() == held
    assert len(events("worker.died")) == died, events("worker.died")[-1]
    wait_until(lambda: len(events("worker.ended")) + len(events("worker.died")) + 2 == len(events("worker.ready")), 60,
               "end of all old workers")


def test_reloads():
    twenty_times("reloads", lambda: None)


def test_upgrades():
    """Each time another file under the name, as a package manager would do it; the last one is what runs then."""
    binary = os.path.join(juxin.config["install_dir"], "bin", "juxind")

    def replace():
        shutil.copy2(binary, binary + ".new")
        os.rename(binary + ".new", binary)

    twenty_times("upgrades", replace)
    for pid in [juxin.process.pid] + ready_workers(generation()):
        assert os.path.samefile(f"/proc/{pid}/exe", binary), os.readlink(f"/proc/{pid}/exe")


def test_an_upgrade_that_cannot_run_changes_nothing():
    binary = os.path.join(juxin.config["install_dir"], "bin", "juxind")
    before, refused = generation(), len(events("reload.refused"))
    os.rename(binary, binary + ".good")
    with open(binary, "w", encoding="ascii") as out:
        out.write("not a program\n")
    os.chmod(binary, 0o755)
    juxin.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(events("reload.refused")) > refused, 20, "the refusal")
    assert generation() == before and answers(client)
    os.rename(binary + ".good", binary)
    next_generation(lambda: None)
    assert answers(client)


if __name__ == "__main__":
    main()
