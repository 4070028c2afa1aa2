# A mixed load over minutes, and what the workers' memory and descriptors do meanwhile.
import http.client
import itertools
import json
import os
import socket
import threading
import time
import uuid

from . import harness
from .ledger import Ledger, Visitor, sign_in, works_path, works_server

STRETCHES = 8
WARM_UP = 0.3  # of the time: caches fill, stacks and arenas come to their size


class Reader(threading.Thread):
    """Reads, changes, mistakes and new connections in turn; every answer has to be the right one."""

    def __init__(self, soak, client):
        super().__init__(daemon=True)
        self.soak, self.visitor = soak, Visitor(client)
        self.served, self.wrong = 0, []

    def ask(self, expected, method, path, body=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        status, answer, data = self.visitor.send(method, path, body, headers)
        self.served += 1
        if status != expected:
            self.wrong.append((method, path, status, data[:200]))
        return answer, data

    def run(self):
        base = works_path("one")
        try:
            for n in itertools.count():
                if self.soak.stopping.is_set():
                    break
                self.turn(base, n)
        except (OSError, http.client.HTTPException) as error:
            self.wrong.append(repr(error))
        self.visitor.close()

    def turn(self, base, n):
        self.ask(200, "GET", base + "?limit=20")
        _, data = self.ask(201, "POST", base, {"title": "soak", "unit": self.soak.unit}, Idempotency_Key=str(uuid.uuid4()))
        path = f"{base}/{json.loads(data)['id']}"
        answer, _ = self.ask(200, "GET", path)
        self.ask(200, "PATCH", path, {"body": "x" * (1 + n % 900)}, If_Match=answer["ETag"])
        self.ask(412, "PATCH", path, {"body": "stale"}, If_Match=answer["ETag"])
        self.ask(200, "GET", base + "?title=eq.soak&order=id.desc&limit=5&count=capped")
        self.ask(404, "GET", f"{base}/{uuid.uuid4()}")
        self.ask(422, "POST", base, {"title": ""})
        self.ask(404, "GET", f"/nowhere/{n}")
        self.ask(200, "GET", "/livez")
        if n % 10 == 0:
            self.visitor.close()


def read_field(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name + ":"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def slope(points):
    """Least squares: how much y grows for each x."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    square = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / square if square else 0


def lowest(samples):
    """The sample with least memory of each stretch: hashing a password takes 128 MiB for a moment, and gives it back."""
    size = max(1, len(samples) // STRETCHES)
    return [min(samples[i:i + size], key=lambda s: s[2]) for i in range(0, len(samples) - size + 1, size)]


class Soak:
    def __init__(self, seconds, readers=4, sign_ins=True):
        """sign_ins: now and then, which takes 128 MiB for as long as the hash takes; not for a short one."""
        self.sign_ins = sign_ins
        self.seconds, self.stopping = seconds, threading.Event()
        self.server = works_server(workers=2, config={"limits": {"sign_ins_per_minute": 10000}})
        self.client = sign_in(self.server)
        self.unit = Ledger(self.server).unit(works_path("one"))
        harness.wait_until(lambda: len(self._ready()) == 2, 20, "both workers")
        self.workers = self._ready()
        self.readers = [Reader(self, self.client) for _ in range(readers)]
        self.samples = {pid: [] for pid in self.workers}  # (seconds, requests of all, RssAnon in KiB, descriptors)
        self.problems = []
        harness.on_exit(self.stopping.set)

    def _ready(self):
        lines = (line for line in self.server.log().splitlines() if line.startswith("{") and '"worker.ready"' in line)
        return [json.loads(line)["worker_pid"] for line in lines]

    def _visits(self):
        """Idle connections come and go, and people sign in and out."""
        while not self.stopping.wait(5):
            try:
                idle = [socket.create_connection(("127.0.0.1", self.server.plain_port)) for _ in range(50)]
                if self.sign_ins and sign_in(self.server).delete("/t/one/api/v1/session").status not in (200, 204):
                    self.problems.append("signing out")
                for connection in idle:
                    connection.close()
            except (OSError, AssertionError) as error:
                self.problems.append(repr(error))

    def _sample(self, began):
        served = sum(r.served for r in self.readers)
        for pid in self.workers:
            self.samples[pid].append((time.monotonic() - began, served, read_field(pid, "RssAnon"), descriptors(pid)))

    def run(self, progress=None):
        quiet = {pid: descriptors(pid) for pid in self.workers}
        visits = threading.Thread(target=self._visits, daemon=True)
        began = time.monotonic()
        for thread in [*self.readers, visits]:
            thread.start()
        while time.monotonic() - began < self.seconds:
            self._sample(began)
            if progress:
                progress(self, time.monotonic() - began)
            self.stopping.wait(min(1, self.seconds / 120))
        self.stopping.set()
        for thread in [*self.readers, visits]:
            thread.join(60)
        return self._result(quiet, time.monotonic() - began)

    def _result(self, quiet, took):
        served = sum(r.served for r in self.readers)
        # Closed connections are seen to be gone one after the other.
        harness.wait_until(lambda: all(descriptors(p) <= quiet[p] + 2 for p in self.workers), 90,
                           f"as few descriptors as before: {quiet}, now { {p: descriptors(p) for p in self.workers} }")
        result = {"seconds": took, "served": served, "wrong": [w for r in self.readers for w in r.wrong] + self.problems,
                  "workers": []}
        for pid, samples in self.samples.items():
            late = lowest([s for s in samples if s[0] > WARM_UP * self.seconds])
            result["workers"].append({
                "pid": pid, "rss_first": late[0][2], "rss_last": late[-1][2], "rss_max": max(s[2] for s in samples),
                "kib_per_minute": 60 * slope([(s[0], s[2]) for s in late]),
                "bytes_per_request": 1024 * slope([(s[1] / len(self.workers), s[2]) for s in late]),
                "descriptors": (quiet[pid], max(s[3] for s in samples), descriptors(pid))})
        return result


def lines(result):
    yield f"{result['served']} requests in {result['seconds']:.0f} s, {len(result['wrong'])} answered wrongly"
    for w in result["workers"]:
        yield (f"worker: {w['rss_first']} KiB after the warm-up, {w['rss_last']} at the end, slope"
               f" {w['kib_per_minute']:+.0f} KiB a minute, {w['bytes_per_request']:+.1f} bytes a request; descriptors"
               f" {w['descriptors'][0]} before, {w['descriptors'][1]} at most, {w['descriptors'][2]} after")
