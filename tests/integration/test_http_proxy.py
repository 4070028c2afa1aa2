#!/usr/bin/env python3
# The table of raw requests sent through Debian's nginx and haproxy, each as it comes and each as lenient as it can be
# set, to one worker over few connections that all clients share. Behind every sample comes a marker on the same connection
# and one on another: every answer must belong to the request it is given for, and what the server took for a request must
# be what the proxy took for one. Anything else is a desynchronisation.
import collections
import concurrent.futures
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main, wait_until
from lib.proxies import Haproxy, Nginx
from lib.raw_requests import MARKER, SMUGGLED, load, logged, read_all, replies, request, trace
from lib.server import Server

LANES = 3  # samples under way at once, per proxy
samples = load()


class Bystander:
    """Another client of the proxy, on a connection it keeps."""

    def __init__(self, proxy):
        self.proxy, self.connection, self.reader = proxy, None, None

    def ask(self, line):
        """(id of the answer, trace of the marker). A proxy may close a connection it kept or find its own to the server
        closed (502); then the marker is sent anew, as any client would."""
        for _ in range(5):
            marker = trace(MARKER, line)
            reply = self.exchange(request("/bystander", marker))
            if reply and reply.id:
                return reply.id, marker
            assert reply is None or reply.status in (502, 503), (line, reply)
        raise AssertionError(f"{self.proxy.name}: no answer to the marker after sample {line}")

    def exchange(self, data):
        if not self.connection:
            self.connection = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=20)
        received = b""
        try:
            self.connection.sendall(data)
            while chunk := self.connection.recv(65536):
                received += chunk
                found, left = replies(received) if whole(received) else ([], b"")
                if found:
                    assert len(found) == 1 and not left, ("more than one answer", found, left)
                    if found[0].fields.get("connection") == "close":
                        self.close()
                    return found[0]
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert not received, received
        self.close()
        return None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def whole(data):
    """Whether the first answer is there to its last byte."""
    head, blank, body = data.partition(b"\r\n\r\n")
    for field in head.lower().split(b"\r\n") if blank else []:
        if field.startswith(b"content-length:"):
            return len(body) >= int(field.split(b":")[1])
    return bool(blank)


class Run:
    """All samples through one proxy."""

    def __init__(self, server, proxy):
        self.server, self.proxy = server, proxy
        self.answers = []  # (sample, ids on its connection, its marker, the bystander's (id, marker) before and after)
        self.local = threading.local()

    def one(self, sample):
        if not hasattr(self.local, "bystander"):
            self.local.bystander = Bystander(self.proxy)
        begin, rest = sample.make()
        marker = trace(MARKER, sample.line)
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=30) as connection:
            connection.sendall(begin + rest + request("/marker", marker, "Connection: close\r\n"))
            if sample.status == "more":
                connection.shutdown(socket.SHUT_WR)
            early = self.local.bystander.ask(sample.line)
            data = read_all(connection)
        found, _ = replies(data, sample.method)
        self.answers.append((sample, [r.id for r in found if r.id], marker, early, self.local.bystander.ask(sample.line)))

    def go(self):
        with concurrent.futures.ThreadPoolExecutor(LANES) as lanes:
            list(lanes.map(self.one, samples))

    def judge(self, log):
        """log: {id: trace} of the server. Every answer belongs to the request it was given for, in their order."""
        for sample, ids, marker, *bystander in self.answers:
            for answer, expected in bystander:
                assert log.get(answer) == expected, f"{self.proxy.name}: a bystander got another's answer: {sample}"
            traces = [log.get(i) for i in ids]
            assert None not in traces, f"{self.proxy.name}: an answer to nothing: {sample}"
            assert marker not in traces[:-1], f"{self.proxy.name}: an answer behind the last one: {sample} {traces}"
            for found in traces:
                ours = not found.startswith((MARKER, SMUGGLED)) or int(found[8:14], 16) == sample.line
                assert ours, f"{self.proxy.name}: {sample} was given the answer to another: {found}"


def forwarded(proxies):
    """How often each trace was a request to a proxy and was forwarded; '' counts what had none."""
    return collections.Counter(t for p in proxies for t, sent in p.seen() if sent)


def test_no_desync():
    server = Server(workers=1, config={"log": {"access": True}}).start()
    port = server.plain_port
    proxies = [Nginx("nginx", port),
               Nginx("nginx-lenient", port, "ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;",
                     "proxy_request_buffering off;"),
               Haproxy("haproxy", port), Haproxy("haproxy-lenient", port, "option accept-invalid-http-request")]
    runs = [Run(server, p) for p in proxies]
    with concurrent.futures.ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(Run.go, runs))
    last = {answer for run in runs for *_, bystander in run.answers for answer, _ in [bystander]}
    wait_until(lambda: last <= logged(server).keys(), what="every bystander's request in the log")
    for proxy in proxies:
        proxy.stop()
    log = logged(server)
    taken = collections.Counter(t if t.startswith((MARKER, SMUGGLED)) else "" for t in log.values())
    sent = forwarded(proxies)
    for found, times in taken.items():
        assert not found or times <= sent[found], f"the server took {found} of sample {int(found[8:14], 16)} for " \
            f"{times} requests, the proxies forwarded {sent[found]}"
    # Where a proxy saw a field `traceparent` in what the server refused, only the proxy's log has it: hence the sum.
    assert len(log) <= sum(sent.values()), "the server was asked what no proxy forwarded"
    for run in runs:
        run.judge(log)
        print(f"  {run.proxy.name}: {len(samples)} samples, {sum(s for _, s in run.proxy.seen())} of "
              f"{len(run.proxy.seen())} requests forwarded")
    print(f"  the server took {len(log)} requests for requests, {sum(log[i].startswith(SMUGGLED) for i in log)} of them "
          "such that the proxy too saw a request of its own")


if __name__ == "__main__":
    main()
