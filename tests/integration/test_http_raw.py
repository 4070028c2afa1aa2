#!/usr/bin/env python3
# The table of raw requests sent to the server itself, plain and over TLS: the right status, a connection that ends where
# there is doubt, and never a request read out of a body or from behind one that was refused.
import os
import random
import socket
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main, wait_until
from lib.raw_requests import MARKER, SMUGGLED, load, logged, read_all, replies, request, trace
from lib.server import Server

CLOSE = "Connection: close\r\n"
server = None
samples = []
plain_answers = {}


def setup():
    global server
    server = Server(workers=1, config={"log": {"access": True}}).start()
    samples.extend(load())


def exchange(data, tls, half_close=False):
    """Sends it, over TLS in records of odd sizes, and returns everything that comes until the server closes."""
    with server.raw(tls=tls, timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data:
            n = random.randint(1, 40) if tls else len(data)
            connection.sendall(data[:n])
            data = data[n:]
        if half_close:
            with socket.socket(fileno=os.dup(connection.fileno())) as below:  # over TLS a cut, without close_notify
                below.shutdown(socket.SHUT_WR)
        return read_all(connection)


def plain_answer(sample):
    """What a request of that method and path is answered when nothing is odd about it."""
    key = (sample.method, sample.path)
    if key not in plain_answers:
        length = "Content-Length: 0\r\n" if sample.method not in ("GET", "HEAD", "OPTIONS") else ""
        target = urllib.parse.quote(sample.path, safe="/*")
        found, rest = replies(exchange(f"{sample.method} {target} HTTP/1.1\r\nHost: a\r\n{length}{CLOSE}\r\n".encode(),
                                       False), sample.method)
        assert len(found) == 1 and not rest, (sample, found)
        plain_answers[key] = found[0].status
    return plain_answers[key]


def send(sample, tls):
    """One sample with a marker behind it. Returns [(id of the answer, trace it must have)]."""
    begin, rest = sample.make()
    marker = trace(MARKER, sample.line)
    ending = request("/marker", marker, CLOSE)
    if sample.status == "more":
        found, left = replies(exchange(begin, tls, half_close=True))
        assert not found and not left, (sample, found, left)
        return []
    found, left = replies(exchange(begin + (b"" if sample.status == "200" else rest) + ending, tls), sample.method)
    assert not left, (sample, found, left)
    if sample.status == "200":
        assert [r.status for r in found] == [plain_answer(sample), 404], (sample, found)
        return [(found[0].id, None), (found[1].id, marker)]
    assert len(found) == 1 and found[0].fields.get("connection") == "close", (sample, found)
    if sample.refused:
        assert found[0].status == int(sample.status), (sample, found)
        assert found[0].fields["content-type"].startswith("application/problem+json"), (sample, found)
    else:
        assert found[0].status == plain_answer(sample), (sample, found)
    return [(found[0].id, None)]


def send_all(tls):
    for sample in samples:
        if sample.status in ("200", "end"):
            plain_answer(sample)
    first, _ = replies(exchange(request("/marker", trace(MARKER, 0), CLOSE), tls))
    expected = [(first[0].id, None)] + [pair for sample in samples for pair in send(sample, tls)]
    wait_until(lambda: expected[-1][0] in logged(server), what="the last request in the log")
    seen = list(logged(server).items())
    seen = seen[[answer for answer, _ in seen].index(expected[0][0]):]
    for (answer, marker), (known, found) in zip(expected, seen):
        assert answer == known and marker in (None, found) and not found.startswith(SMUGGLED), (answer, marker, known, found)
    assert len(seen) == len(expected), "the server has answered requests nobody sent"
    print(f"  {len(samples)} samples: {sum(s.refused for s in samples)} refused, "
          f"{sum(s.status in ('200', 'end') for s in samples)} accepted, "
          f"{sum(s.status == 'more' for s in samples)} left early")


def test_plain():
    send_all(tls=False)


def test_tls():
    send_all(tls=True)


if __name__ == "__main__":
    main()
