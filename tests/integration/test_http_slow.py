#!/usr/bin/env python3
# alone: it compares how long others wait
# Clients that send or read a byte now and then: each ends at the deadline, however busy it keeps itself, and others hardly
# notice. Also slowhttptest, in its three ways.
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import harness
from lib.harness import main, scratch, wait_until
from lib.server import ROOT, Server

LIMIT_S, PATIENT_S = 2, 60
HONEST = "/t/alpha/api/v1/units?limit=20"
SLOW = {"header": 150, "second": 50, "body": 100, "chunked": 50, "reader": 25, "sipper": 25, "closer": 25, "silent": 50}
ROUND_S = 2
PAIRS, PAIRS_MAX = 3, 12
POLITE = ("nice", "-n", "19")  # attackers have machines of their own; here they are not to take the server's processor
server = None  # with short limits, to see them
patient = None  # with long ones, to see what the many that wait cost others
headers = {}


def setup():
    global server, patient
    assets = os.path.join(scratch(), "assets")
    os.mkdir(assets, 0o755)
    for name, size in (("medium.txt", 100 << 10), ("large.txt", 8 << 20)):
        with open(os.path.join(assets, name), "wb") as out:
            out.write(b"x" * size)
    server = start(assets, LIMIT_S)
    patient = start(assets, PATIENT_S)
    patient.ctl("tenant", "create", "alpha", "--name", "甲区")
    patient.ctl("unit", "import", "alpha", ROOT / "deploy/demo/330102.json")
    password = patient.ctl_json("user", "create", "alpha", "admin", "--name", "admin", "--generate")["password"]
    patient.ctl("grant", "add", "alpha", "--user", "admin", "--role", "administrator", "--unit", "330102", "--reach",
                "subtree")
    client = patient.client()
    assert client.post("/t/alpha/api/v1/session", {"login": "admin", "password": password}).status == 201
    headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in client.cookies.items())


def start(assets, seconds):
    limits = dict.fromkeys(("header_ms", "body_ms", "write_ms", "keepalive_ms"), seconds * 1000)
    return Server(workers=1, config={"assets": assets, "limits": limits}).start()


def slow_clients(how, port, tick, modes):
    """tests/lib/slow_clients.py with all its clients connected."""
    command = [*POLITE, sys.executable, ROOT / "tests/lib/slow_clients.py", how, str(port), str(tick),
               *(f"{mode}={count}" for mode, count in modes.items())]
    process = harness.start_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def connections(of):
    text = of.admin().get("/metrics").text
    return int(re.search(r"^juxin_connections (\d+)$", text, re.M)[1])


def all_gone(of):
    wait_until(lambda: connections(of) == 0, 30, "end of all connections")


EXPECTED = {"header": "HTTP/1.1 408 Request Timeout", "second": "HTTP/1.1 408 Request Timeout",
            "body": "HTTP/1.1 408 Request Timeout", "chunked": "HTTP/1.1 408 Request Timeout", "reader": "reset",
            "sipper": "reset", "closer": "reset", "silent": "", "hello": ""}


def lives(port, modes):
    """One life each, a byte every 50 ms all the while; a deadline that moved with every byte would never come."""
    process = slow_clients("once", port, 0.05, modes)
    try:
        process.wait(10 * LIMIT_S)
    except subprocess.TimeoutExpired:
        pass  # the report says who is left
    report = json.loads(process.communicate(timeout=30)[0])
    for mode, count in modes.items():
        assert len(report[mode]) == count, f"{mode}: {len(report[mode])} of {count} ended within {10 * LIMIT_S} s"
        assert {how for _, how in report[mode]} == {EXPECTED[mode]}, (mode, {how for _, how in report[mode]})
        seconds = [s for s, _ in report[mode]]
        assert min(seconds) > LIMIT_S - 0.1, (mode, min(seconds))
        print(f"  {mode}: {count} ended after {min(seconds):.2f} to {max(seconds):.2f} s, limit {LIMIT_S} s")
    all_gone(server)


def test_slow_clients_end_at_the_deadline():
    lives(server.plain_port, dict.fromkeys(("header", "second", "body", "chunked", "reader", "sipper", "closer", "silent"), 20))


def test_slow_handshakes_end_at_the_deadline():
    lives(server.port, {"hello": 20, "silent": 20})


def unsent(port):
    """Bytes the kernel holds for each client of the port."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return [int(row[4].split(":")[0], 16) for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01"]


def test_a_slow_reader_holds_little():
    """Else some hundred of them would fill the memory the kernel has for connections: 2.5 MB each, before."""
    process = slow_clients("once", patient.plain_port, 0.05, {"reader": 20})
    wait_until(lambda: sum(n > 0 for n in unsent(patient.plain_port)) == 20, 20, "20 answers under way")
    held = unsent(patient.plain_port)
    process.communicate(timeout=30)
    all_gone(patient)
    print(f"  the kernel held {max(held) >> 10} KiB at most of an answer of 8 MiB")
    assert max(held) < 512 << 10, held


def p99(seconds):
    """Of an honest client that asks one request after the other, in milliseconds."""
    connection, until, took = patient.client().connection(), time.monotonic() + seconds, []
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("GET", HONEST, headers=headers)
        response = connection.getresponse()
        response.read()
        took.append(time.perf_counter() - began)
        assert response.status == 200, response.status
    connection.close()
    return statistics.quantiles(took, n=100)[98] * 1000


def compare(name, begin, count):
    """Quiet and attacked rounds take turns, since the machine is not ours alone; more of them where the first do not
    agree. begin() starts processes that attack with `count` connections."""
    quiet, attacked = [], []
    while True:
        quiet.append(p99(ROUND_S))
        running = begin()
        wait_until(lambda: connections(patient) >= count, 20, "the attack")
        attacked.append(p99(ROUND_S))
        assert connections(patient) >= count, "the attackers were to stay"
        for process in running:
            assert process.poll() is None, process.communicate()[0]
            process.terminate()
            process.communicate(timeout=30)
        all_gone(patient)
        ratio = statistics.median(attacked) / statistics.median(quiet)
        if len(quiet) >= PAIRS and ratio < 1.2 or len(quiet) == PAIRS_MAX:
            break
    print(f"  {name}: p99 quiet {statistics.median(quiet):.2f} ms, attacked {statistics.median(attacked):.2f} ms, ratio "
          f"{ratio:.2f} over {len(quiet)} pairs of rounds")
    assert ratio < 1.2, (quiet, attacked)


def test_others_hardly_notice():
    count = sum(SLOW.values())
    compare(f"{count} slow clients", lambda: [slow_clients("again", patient.plain_port, 0.5, SLOW)], count)


def slowhttptest(*options):
    """One of its attacks: 80 connections, a few bytes a second on each."""
    directory = tempfile.mkdtemp(dir=scratch())
    process = harness.start_process([*POLITE, "slowhttptest", "-g", "-o", "report", "-c", "80", "-r", "80", "-i", "1",
                                     "-l", "10", "-p", "5", *options], cwd=directory, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    process.report = os.path.join(directory, "report.csv")
    return process


def slowhttptests(of):
    tls, plain = f"https://127.0.0.1:{of.port}/", f"http://127.0.0.1:{of.plain_port}/"
    narrow = ("-w", "1", "-y", "512", "-z", "5")
    return {"header": slowhttptest("-H", "-u", tls), "body": slowhttptest("-B", "-u", plain),
            "reader": slowhttptest("-X", *narrow, "-u", tls + "large.txt"),
            "sipper": slowhttptest("-X", *narrow, "-k", "2", "-u", plain + "medium.txt")}


def test_slowhttptest_gets_nowhere():
    """The server ends every connection, though the readers' side of slowhttptest does not notice; and what it asks beside
    its attacks is answered all the time."""
    running = slowhttptests(server)
    wait_until(lambda: connections(server) >= 100, 20, "the attack")
    wait_until(lambda: connections(server) <= len(running), 20, "end of the attackers' connections")
    assert running["reader"].poll() is None and running["sipper"].poll() is None, "they were to go on reading"
    for name, process in running.items():
        output = process.communicate(timeout=60)[0]
        with open(process.report, encoding="utf-8") as report:
            rows = [dict((k, int(v)) for k, v in row.items()) for row in csv.DictReader(report)]
        assert rows and all(row["Service Available"] for row in rows), (name, rows)
        if name in ("header", "body"):
            assert "No open connections left" in output, output
        print(f"  slowhttptest, {name}: available in {len(rows)} of {len(rows)} seconds")
    all_gone(server)


def test_others_hardly_notice_slowhttptest():
    compare("slowhttptest in four ways", lambda: slowhttptests(patient).values(), 4 * 80)


if __name__ == "__main__":
    main()
