# The table tests/http/requests.txt as bytes, and what comes back for it. Requests are told apart by the trace id in their
# `traceparent`, which the server writes to its log beside the id of the answer: so one knows which request an answer
# belongs to, and which requests the server took for requests at all.
import itertools
import json
import re
import ssl

from .server import ROOT

TABLE = ROOT / "tests/http/requests.txt"
# What a trace id begins with says what the request is.
SMUGGLED, MARKER = "5c5c5c5c", "3a3a3a3a"
_numbers = itertools.count(1)


def trace(kind, line):
    return f"{kind}{line:06x}{next(_numbers):018x}"


def request(path, trace_id, more=""):
    return (f"GET {path} HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{trace_id}-0123456789abcdef-01\r\n{more}\r\n").encode()


class Sample:
    """One line of the table. `begin` is the request, `rest` what stands behind its end; both fresh for every use."""

    def __init__(self, line, text):
        self.line = line
        self.status, text = text.split(" ", 1)
        if self.status in ("200", "end"):
            path, _, text = text.split(" ", 2)
            self.path = expand(path, b"").decode()
        self.begin, _, self.rest = text.partition("\\|")
        self.method = expand(self.begin, b"").lstrip().split(b" ")[0].decode("latin-1")

    def make(self):
        """(begin, rest), with a smuggled request nobody has seen yet."""
        smuggled = request("/smuggled", trace(SMUGGLED, self.line))
        return expand(self.begin, smuggled), expand(self.rest, smuggled)

    @property
    def refused(self):
        return self.status.isdigit() and self.status != "200"

    def __repr__(self):
        return f"{TABLE.name}:{self.line}: {self.status} {self.begin} {self.rest}"


def expand(text, smuggled):
    words = {"{GET}": r"GET / HTTP/1.1\r\nHost: a\r\n", "{POST}": r"POST / HTTP/1.1\r\nHost: a\r\n",
             "{chunked}": r"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
             "{n}": str(len(smuggled)), "{h}": f"{len(smuggled):x}"}
    for word, value in words.items():
        text = text.replace(word, value)
    escapes = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}
    out = re.sub(rb"\\(?:x(..)|(.))", lambda m: bytes([int(m[1], 16)]) if m[1] else escapes[m[2].decode()],
                 text.encode())
    return out.replace(b"{smuggled}", smuggled)


def load():
    with open(TABLE, encoding="utf-8") as lines:
        samples = [Sample(n, line.rstrip("\n")) for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    assert len(samples) >= 120, len(samples)
    return samples


class Reply:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def id(self):
        """The server's own name for the answer; None when somebody between answered."""
        return self.fields.get("x-request-id")

    def __repr__(self):
        return f"<{self.status} {self.fields.get('connection')} {self.id} {self.body[:60]}>"


def replies(data, method="GET"):
    """Splits what came on a connection whose first request was `method`: the final answers and the bytes behind them."""
    found = []
    while (end := data.find(b"\r\n\r\n")) >= 0 and data.startswith(b"HTTP/1."):
        head = data[:end].decode("latin-1").split("\r\n")
        status, data = int(head[0].split(" ")[1]), data[end + 4:]
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if status < 200:
            continue
        bodiless = status in (204, 304) or (method == "HEAD" and not found)
        body, data = (b"", data) if bodiless else take_body(fields, data)
        found.append(Reply(status, fields, body))
    return found, data


def take_body(fields, data):
    if "content-length" in fields:
        length = int(fields["content-length"])
        return data[:length], data[length:]
    if fields.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            size, _, data = data.partition(b"\r\n")
            length = int(size, 16)
            body, data = body + data[:length], data[length + 2:]
            if not length:
                return body, data
    return data, b""


def read_all(connection):
    """Until the other side closes; TimeoutError where it does not."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except (ConnectionResetError, ssl.SSLError):
        pass
    return received


def logged(server):
    """{id of the answer: trace id} of every request the server has taken for one, in order."""
    found = {}
    for line in server.log().splitlines():
        if '"event":"http.request"' in line:
            entry = json.loads(line)
            found[entry["request_id"]] = entry.get("trace_id", "")
    return found
