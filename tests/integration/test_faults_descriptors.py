#!/usr/bin/env python3
# Out of descriptors: who is being served stays served, newcomers are let in again as soon as there is room, nobody spins
# meanwhile, and clients cannot take the descriptors that the database's connections need.
import contextlib
import getpass
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import postgres
from lib.harness import main, on_exit, wait_until
from lib.ledger import Visitor, sign_in, works_path, works_server
from lib.server import service_user

juxin = client = None


def setup():
    global juxin, client
    juxin = works_server(workers=1, tenants=("one",))
    client = sign_in(juxin)


def worker():
    lines = (line for line in juxin.log().splitlines() if line.startswith("{") and '"worker.ready"' in line)
    return [json.loads(line)["worker_pid"] for line in lines][-1]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_descriptors(pid, most):
    """As the worker's user: others may not."""
    postgres.shell('run_as "$1" prlimit --pid "$2" --nofile="$3":', service_user() or getpass.getuser(), pid, most)


class Crowd:
    """Connections that ask nothing any more: after one question where they are polite, from the beginning otherwise."""

    def __init__(self, polite=False):
        self.sockets, self.polite = [], polite
        on_exit(self.leave)

    def come(self, count):
        for _ in range(count):
            connection = socket.socket()
            connection.settimeout(5)
            connection.connect(("127.0.0.1", juxin.plain_port))
            if self.polite:
                with contextlib.suppress(OSError):  # turned away
                    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    connection.recv(4096)
            self.sockets.append(connection)

    @contextlib.contextmanager
    def pressing(self):
        """More and more of them, all the while."""
        stopping = threading.Event()

        def press():
            while not stopping.is_set() and len(self.sockets) < 5000:
                self.come(10)

        thread = threading.Thread(target=press)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join(20)

    def wait_for_more(self, count):
        at = len(self.sockets)
        wait_until(lambda: len(self.sockets) >= at + count or len(self.sockets) >= 5000, 20, "more of the crowd")

    def inside(self):
        """How many of them the server has not closed."""
        alive = 0
        for connection in self.sockets:
            connection.setblocking(False)
            try:
                alive += connection.recv(1) != b""
            except BlockingIOError:
                alive += 1
            except OSError:
                pass
        return alive

    def first_is_answered(self):
        first = self.sockets[0]
        first.settimeout(10)
        try:
            first.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return first.recv(4096).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    def leave(self):
        for connection in self.sockets:
            connection.close()
        self.sockets = []


def database_connections():
    lines = juxin.admin().get("/metrics").text.splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith("juxin_db_connections{"))


def served(visitor):
    try:
        return visitor.send("GET", works_path("one") + "?limit=1", timeout=5)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def spinning(pid, seconds=2.0):
    """Share of a processor that the process takes while nobody asks anything."""
    began, used = time.monotonic(), cpu_seconds(pid)
    wait_until(lambda: time.monotonic() - began >= seconds, seconds + 5)
    return (cpu_seconds(pid) - used) / (time.monotonic() - began)


def all_served(inside):
    for _ in range(20):
        assert all(served(v) for v in inside), "somebody inside was no longer served"
    assert not any(v.connection is None for v in inside), "somebody inside had to come again"


def test_newcomers_are_turned_away():
    pid = worker()
    inside = [Visitor(client) for _ in range(5)]
    all_served(inside)
    limit_descriptors(pid, descriptors(pid) + 20)
    crowd = Crowd()
    crowd.come(100)
    wait_until(lambda: crowd.inside() <= 25, 10, "the rest of the crowd to be turned away")
    crowd.come(60)
    share = spinning(pid)
    print(f"       {descriptors(pid)} descriptors, none left: {100 * share:.1f} % of a processor")
    assert share < 0.3, f"{100 * share:.0f} % of a processor without a request"
    all_served(inside)
    crowd.leave()
    wait_until(lambda: served(Visitor(client)), 10, "a newcomer to be let in")
    assert pid == worker()


def test_newcomers_wait():
    """Not even one descriptor is left to turn somebody away with: accepting pauses, and goes on by itself."""
    pid = worker()
    inside = [Visitor(client) for _ in range(5)]
    all_served(inside)
    limit_descriptors(pid, 3)
    crowd = Crowd()
    crowd.come(50)
    share = spinning(pid)
    print(f"       nobody can be let in: {100 * share:.1f} % of a processor")
    assert share < 0.3, f"{100 * share:.0f} % of a processor without a request"
    assert crowd.inside() == 50
    all_served(inside)
    limit_descriptors(pid, 1024)
    assert served(Visitor(client))
    assert crowd.first_is_answered(), "who waited at the door that was shut is not let in"
    crowd.leave()
    assert pid == worker()


def test_few_from_the_start():
    """The database's connections break while clients hold all they can get; they come back nevertheless."""
    juxin.stop()
    old = worker()
    juxin.through = ["prlimit", "--nofile=256:256"]
    juxin.start()
    wait_until(lambda: worker() != old, 10, "the new worker")
    pid = worker()
    crowd = Crowd(polite=True)
    crowd.come(300)
    wait_until(lambda: crowd.inside() < 300, 10, "some of the crowd to be turned away")
    with crowd.pressing():
        for _ in range(3):
            juxin.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{juxin.database}' AND"
                       " pid <> pg_backend_pid()")
            crowd.wait_for_more(100)
    visitor = Visitor(client)
    wait_until(lambda: served(visitor), 10, "an answer that needs the database")
    wait_until(lambda: database_connections() == 10, 10, "all of the database's connections")
    print(f"       {crowd.inside()} idle clients kept, {descriptors(pid)} of 256 descriptors in use")
    for _ in range(20):
        assert served(Visitor(client)), "a newcomer was turned away although idle connections could make room"
    silent = Crowd()
    silent.come(300)
    for _ in range(20):
        assert served(Visitor(client)), "a newcomer was turned away although silent connections could make room"
    assert spinning(pid) < 0.3
    silent.leave()
    crowd.leave()
    juxin.stop()


if __name__ == "__main__":
    main()
