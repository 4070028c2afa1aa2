# Event streams as a browser reads them (WHATWG HTML §9.2), many of them in one thread: reading never waits.
import json
import socket
import ssl

from .client import tls_context
from .harness import wait_until


def block_of(text):
    """One block of lines: its fields. A field without a value and comments are left out."""
    lines = (line.partition(":") for line in text.split("\n"))
    return {name: value.removeprefix(" ") for name, colon, value in lines if name and colon}


class Stream:
    """`headers` say who asks: a cookie or a token. `certificate` for TLS; `room`: bytes that the client's system takes."""

    def __init__(self, port, path, headers, certificate=None, last=None, room=None, method="GET",
                 version="1.1"):
        self.events, self.ended, self.last, self.retry, self.blocks = [], False, None, None, 0
        self.socket = socket.socket()
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        if certificate:
            self.socket = tls_context(certificate).wrap_socket(self.socket, server_hostname="localhost")
        headers = dict(headers, Host=f"localhost:{port}", Accept="text/event-stream")
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(f"{method} {path} HTTP/{version}\r\n{fields}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = self.socket.recv(65536)
            assert chunk, f"the connection ended within the head: {head!r}"
            head += chunk
        head, _, self.rest = head.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
        self.socket.setblocking(False)
        if self.status == 200:
            self.parse()

    def read(self):
        """Takes what has come; True when the stream is still open."""
        while not self.ended:
            try:
                chunk = self.socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except OSError:  # reset; cut off in the middle of TLS
                chunk = b""
            self.ended = not chunk
            self.rest += chunk
        self.parse()
        return not self.ended

    def parse(self):
        *blocks, self.rest = self.rest.split(b"\n\n")
        for block in blocks:
            fields = block_of(block.decode())
            self.blocks += 1
            self.last = int(fields.get("id", self.last or 0))
            self.retry = int(fields["retry"]) if "retry" in fields else self.retry
            if "data" in fields:
                self.events.append((self.last, fields["event"], json.loads(fields["data"])))

    def seen(self, name=None):
        self.read()
        return [data for _, event, data in self.events if name in (None, event)]

    def ids(self):
        return [data.get("id") for data in self.seen()]

    def await_end(self, seconds=30):
        wait_until(lambda: not self.read(), seconds, "the end of the stream")

    def body(self):
        """Of an answer that is no stream."""
        self.socket.settimeout(30)
        while len(self.rest) < int(self.headers["content-length"]):
            chunk = self.socket.recv(65536)
            assert chunk, self.rest
            self.rest += chunk
        return json.loads(self.rest)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def open_stream(server, client, path, query="", last=None, **more):
    """As the client of the tests does, over TLS. Waits for the first block, which says when to come back."""
    stream = Stream(server.port, path + query, who(client), client.certificate, last, **more)
    assert stream.status == 200, (stream.status, stream.rest)
    wait_until(lambda: stream.read() and stream.blocks, what="the stream's first block")
    assert 1000 <= stream.retry < 5000, stream.retry
    return stream


def open_count(server):
    """As the server's figures have it, of all workers."""
    lines = server.admin().get("/metrics").text.splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("juxin_event_streams"))


def who(client):
    if client.token:
        return {"Authorization": "Bearer " + client.token}
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
