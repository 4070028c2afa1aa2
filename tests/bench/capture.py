# What the server says to the database, seen from between the two: the statements of one request, grouped by round trip.
# From that come the scripts for pgbench and the statements of the peer, so that all do the same work.
import hashlib
import os
import re
import socket
import struct
import tempfile
import threading

from lib import harness

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
NUMBER = re.compile(r"^[A-Z]+[0-9]{4}-[0-9]+$")


class Proxy:
    """Listens where clients look for PostgreSQL, passes everything on, keeps the statements of each connection."""

    def __init__(self, directory):
        self.upstream = os.path.join(directory, ".s.PGSQL.5432")
        self.directory = tempfile.mkdtemp(prefix="proxy", dir=harness.scratch())
        os.chmod(self.directory, 0o777)
        path = os.path.join(self.directory, ".s.PGSQL.5432")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen(64)
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()
        harness.on_exit(self.listener.close)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.upstream)
            seen = Connection()
            self.connections.append(seen)
            threading.Thread(target=pump, args=(client, server, seen.take), daemon=True).start()
            threading.Thread(target=pump, args=(server, client, None), daemon=True).start()

    def during(self, function, marker):
        """The round trips of the one unit of work with the marker in a statement, from BEGIN to COMMIT."""
        for connection in self.connections:
            connection.trips = [[]]
        function()
        found = harness.wait_until(lambda: self._find(marker), 10, f"a unit of work with {marker}")
        return found

    def beside(self, unit, value):
        """What else was sent with the value as a parameter since `during` began: a second unit of work for one request."""
        all_sent = [sql for c in list(self.connections) for trip in c.trips for sql, values in trip if value in values]
        return all_sent[sum(value in values for trip in unit for _, values in trip):]

    def twice(self, function, marker):
        """Two of the same shape, one after the other: what differs between them is made for each request. The first
        requests may differ in shape as well, when what they decide by has just changed."""
        found = self.during(function, marker)
        for _ in range(5):
            before, found = found, self.during(function, marker)
            if shape(before) == shape(found):
                return before, found
        raise AssertionError(f"no two alike: {shape(before)}, {shape(found)}")

    def _find(self, marker):
        for connection in list(self.connections):
            unit = unit_with(connection.trips, marker)
            if unit:
                return unit
        return None


class Connection:
    """Statements by name, and what was executed between two Syncs."""

    def __init__(self):
        self.data, self.started, self.sql, self.trips = b"", False, {}, [[]]

    def take(self, data):
        self.data += data
        while True:
            at = 1 if self.started else 0
            if len(self.data) < at + 4:
                return
            length = struct.unpack("!I", self.data[at:at + 4])[0]
            if len(self.data) < at + length:
                return
            if self.started:
                self.message(self.data[:1], self.data[5:at + length])
            self.started = True
            self.data = self.data[at + length:]

    def message(self, kind, body):
        if kind == b"P":
            name, sql = body.split(b"\0")[:2]
            self.sql[name] = sql.decode()
        elif kind == b"B":
            _, name, rest = body.split(b"\0", 2)
            self.trips[-1].append((self.sql[name], parameters(rest)))
        elif kind == b"S":
            self.trips.append([])


def parameters(data):
    """Of a Bind message, in text form; None for NULL."""
    formats = struct.unpack("!H", data[:2])[0]
    at = 2 + 2 * formats
    count = struct.unpack("!H", data[at:at + 2])[0]
    at += 2
    values = []
    for _ in range(count):
        length = struct.unpack("!i", data[at:at + 4])[0]
        at += 4
        values.append(None if length < 0 else data[at:at + length].decode())
        at += max(length, 0)
    return values


def pump(source, target, look):
    try:
        while data := source.recv(65536):
            if look:
                look(data)
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def shape(unit):
    return [[sql for sql, _ in trip] for trip in unit]


def unit_with(trips, marker):
    """From BEGIN to COMMIT. A read's COMMIT goes out with what comes next: it is counted with its own round trip."""
    unit = None
    for trip in trips:
        if unit is not None:
            unit.append([])
        for sql, values in trip:
            if sql.startswith("BEGIN"):
                unit = [[]]
            if unit is None:
                continue
            if sql == "COMMIT" and unit[0][0][0].startswith("BEGIN READ ONLY"):
                unit = [t for t in unit if t]
            unit[-1].append((sql, values))
            if sql in ("COMMIT", "ROLLBACK"):
                if any(marker in s for t in unit for s, _ in t):
                    return [t for t in unit if t]
                unit = None
    return None


# ---- pgbench ----

def script(first, second=None, key=None, prefix="p"):
    """pgbench's script and variables for a unit of work. What differs from the second capture of the same request is made
    anew each time: ids in the order of time, and numbers. key: the value to put a random record's id in the place of."""
    lines, body, variables, fresh = [], [], {}, {}
    for t, trip in enumerate(first):
        if len(trip) > 1:
            body.append("\\startpipeline")
        for s, (sql, values) in enumerate(trip):
            other = second[t][s][1] if second else values
            body.append(fill(sql, values, other, key, variables, fresh, prefix) + ";")
        if len(trip) > 1:
            body.append("\\endpipeline")
    if key:
        lines.append("\\set i random(0, :rows - 1)")
    if fresh:
        lines.append("\\set n :n + 1")
    for k in range(len(fresh)):
        lines.append(f"\\set u{k} (:n * 256 + :client_id) * 16 + {k}")
    return "\n".join(lines + body) + "\n", variables


def fill(sql, values, other, key, variables, fresh, prefix):
    def value(match):
        at = int(match.group(1)) - 1
        now, then = values[at], other[at]
        if now is None:
            return "NULL"
        if now == key:
            return record_id(":i::bigint")
        if now != then and UUID.match(now):
            return record_id(f":u{fresh.setdefault(now, len(fresh))}::bigint", "0190b000-0000-7000-8000-")
        if now != then and NUMBER.match(now):
            return f"('N' || :u{fresh.setdefault(now, len(fresh))}::bigint)"
        name = next((n for n, v in variables.items() if v == now), f"{prefix}{len(variables)}")
        variables[name] = now
        return ":" + name
    return re.sub(r"\$([0-9]+)", value, sql)


def record_id(number, prefix="01900000-0000-7000-8000-"):
    """As dataset.py makes them."""
    return f"('{prefix}' || lpad(to_hex({number}), 12, '0'))::uuid"


# ---- the peer ----

def statements(work, **places):
    """For peer.mjs: each statement under a name; values that are a place's become its name."""
    names = {value: name for name, value in places.items()}
    return [{"name": hashlib.sha256(sql.encode()).hexdigest()[:16], "sql": sql,
             "values": [{"$": names[v]} if v in names else v for v in values]}
            for trip in work for sql, values in trip]
