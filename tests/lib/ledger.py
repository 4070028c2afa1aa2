# A ledger of acknowledged writes, for tests that break things meanwhile: writers that repeat what they do not know the
# outcome of, with the same idempotency key, until they know it; and the comparison with the database at the end.
#
#   server = works_server(workers=2)             a server with two tenants and tests/fixtures/plugins/works
#   ledger = Ledger(server).start(); ledger.progress(); …break something…; ledger.progress(); ledger.stop(); ledger.verify()
import collections
import http.client
import itertools
import json
import os
import shutil
import ssl
import threading
import time
import uuid

from . import harness
from .client import tls_context
from .server import ROOT, Server, certificate

TENANTS = ("one", "two")
UNKNOWN = (409, 429, 503, 504, 507)  # not done, or not known whether: repeat with the same key
_names = itertools.count(1)


def works_server(tenants=TENANTS, start=True, more_plugins=None, **more):
    """A server whose tenants have a county k, a street s1 and a person "writer" who may do everything there.
    more_plugins(directory) puts more of them beside "works"."""
    server = Server(database=False, **more)
    plugins = os.path.join(server.directory, "plugins")
    shutil.copytree(ROOT / "tests/fixtures/plugins", plugins)
    if more_plugins:
        more_plugins(plugins)
    server.config["plugins"]["directory"] = plugins
    server.write_config()
    server.make_database()
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": "k", "name": "K", "level": "county", "parent": None},
                             {"code": "s1", "name": "S1", "level": "street", "parent": "k"}]}, out)
    server.passwords = {}
    for slug in tenants:
        server.ctl("tenant", "create", slug, "--name", slug)
        server.ctl("unit", "import", slug, tree)
        made = server.ctl_json("user", "create", slug, "writer", "--name", "W", "--generate")
        server.ctl("grant", "add", slug, "--user", "writer", "--role", "works_all", "--unit", "k", "--reach", "subtree")
        server.passwords[slug] = made["password"]
    return server.start() if start else server


def sign_in(server, tenant="one", timeout=60):
    client = server.client()

    def opened():
        answer = client.post(f"/t/{tenant}/api/v1/session", {"login": "writer", "password": server.passwords[tenant]},
                             timeout=timeout)
        # Hashing a password takes a busy machine longer than a short deadline allows.
        return answer if answer.status not in (503, 504) else None

    answer = harness.wait_until(opened, timeout, "a session")
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def works_path(tenant):
    return f"/t/{tenant}/api/v1/works/item"


def answers(client, tenant="one", timeout=10):
    """Does the server answer a question that needs the database, on a connection of its own?"""
    try:
        return client.get(works_path(tenant) + "?limit=1", timeout=timeout).status == 200
    except (OSError, http.client.HTTPException):
        return False


class Visitor:
    """One signed-in client on one connection that is kept alive; for one thread. Errors of the connection are raised."""

    def __init__(self, client, plain_port=None):
        self.port, self.plain = plain_port or client.port, plain_port is not None
        self.headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in client.cookies.items())}
        if client.csrf:
            self.headers["X-CSRF-Token"] = client.csrf
        self.connection = None

    def send(self, method, path, body=None, headers=None, timeout=60):
        """(status, headers, bytes)"""
        headers = dict(self.headers, **(headers or {}))
        if body is not None:
            body = json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        try:
            if self.connection is None:
                self.connection = self._connect(timeout)
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            data = response.read()
            if response.will_close:
                self.close()
            return response.status, response.headers, data
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def _connect(self, timeout):
        if self.plain:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=shared_context())

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


_context = None


def shared_context():
    global _context
    if _context is None:
        _context = tls_context(certificate()[0])
        _context.maximum_version = ssl.TLSVersion.TLSv1_3
    return _context


class Writer(threading.Thread):
    """Creates records one after the other. Every tenth that is acknowledged is sent once more: it must not happen twice."""

    def __init__(self, ledger, client, tenant, pause):
        super().__init__(daemon=True)
        self.ledger, self.visitor, self.pause = ledger, Visitor(client), pause
        self.path, self.name = works_path(tenant), f"W{next(_names)}"
        self.acknowledged = {}  # title: id
        self.attempts = []      # (began, ended, status or the error's name)
        self.odd = []
        self.open = None        # what was sent and is not answered for good yet

    def run(self):
        n = 0
        while not self.ledger.stopping.wait(self.pause):
            n += 1
            title, key = f"{self.name}-{n}", str(uuid.uuid4())
            id = self._until_known(title, key)
            if id is None:
                continue
            self.acknowledged[title] = id
            if n % 10 == 0 and self._until_known(title, key) != id:
                self.odd.append(f"{title} with its key again gave another record")

    def _until_known(self, title, key):
        self.open = title
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            status, answer = self._attempt(title, key)
            if status in (200, 201):
                self.open = None
                return answer["id"]
            if isinstance(status, int) and status not in UNKNOWN:
                self.odd.append(f"{title}: {status} {answer}")
                self.open = None
                return None
            self.ledger.rest.wait(0.03)
        self.odd.append(f"{title} was never answered for good")
        return None

    def _attempt(self, title, key):
        began = time.monotonic()
        answer = None
        try:
            status, _, data = self.visitor.send("POST", self.path, {"title": title, "unit": self.ledger.unit(self.path)},
                                                {"Idempotency-Key": key})
            answer = json.loads(data)
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        self.attempts.append((began, time.monotonic(), status))
        return status, answer


class Ledger:
    def __init__(self, server, tenants=("one",), writers=4, pause=0):
        """pause: seconds a writer rests between two records."""
        self.server = server
        self.stopping = threading.Event()
        self.rest = threading.Event()  # never set: a pause that costs nothing
        self.units = {}
        self.clients = {t: sign_in(server, t) for t in tenants}
        self.writers = []
        for tenant, client in self.clients.items():
            self.units[works_path(tenant)] = server.psql(
                "SELECT u.id FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id WHERE u.code = 's1'"
                f" AND t.slug = '{tenant}'")[0][0]
            self.writers += [Writer(self, client, tenant, pause) for _ in range(writers)]
        harness.on_exit(self.stopping.set)

    def unit(self, path):
        return self.units[path]

    def start(self):
        for writer in self.writers:
            writer.start()
        return self

    def written(self):
        return sum(len(w.acknowledged) for w in self.writers)

    def progress(self, by=20, seconds=60):
        """Waits for that many more acknowledged writes."""
        at = self.written()
        harness.wait_until(lambda: self.written() >= at + by, seconds, f"{by} more acknowledged writes")

    def first_after(self, moment):
        """Seconds from the moment to the end of the first acknowledged request that was sent after it; None if none."""
        ends = [e for w in self.writers for b, e, s in list(w.attempts) if b >= moment and s in (200, 201)]
        return min(ends) - moment if ends else None

    def outcomes(self):
        return collections.Counter(s for w in self.writers for _, _, s in list(w.attempts))

    def stop(self):
        self.stopping.set()
        for writer in self.writers:
            writer.join(150)
            writer.visitor.close()
        alive = [w.name for w in self.writers if w.is_alive()]
        assert not alive, f"writers that never ended: {alive}"
        return self

    def verify(self):
        """Compares with the database; returns one line about it."""
        odd = [o for w in self.writers for o in w.odd]
        assert not odd, odd[:5]
        acknowledged = {t: i for w in self.writers for t, i in w.acknowledged.items()}
        names = "|".join(w.name for w in self.writers)
        mine = f"title ~ '^({names})-'"
        rows = self.server.psql(f"SELECT title, id FROM px_works.item WHERE {mine}")
        there = dict(rows)
        lost = sorted(t for t, i in acknowledged.items() if there.get(t) != i)
        assert not lost, f"{len(lost)} acknowledged and not there: {lost[:5]}"
        titles = collections.Counter(t for t, _ in rows)
        assert max(titles.values(), default=1) == 1, f"done twice: {[t for t, n in titles.items() if n > 1][:5]}"
        unasked = sorted(set(there) - set(acknowledged))
        assert not unasked, f"there and not acknowledged: {unasked[:5]}"
        # One creation, one line of history and one of the audit for each: a repeated key leaves no trace either.
        for table, column in (("juxin.audit", "object_id"), ("juxin.history", "record_id")):
            wrong = self.server.psql(f"SELECT s.title, count(a.*) FROM px_works.item s LEFT JOIN {table} a ON"
                                     f" a.tenant_id = s.tenant_id AND a.{column} = s.id WHERE {mine}"
                                     " GROUP BY s.tenant_id, s.id, s.title HAVING count(a.*) <> 1 LIMIT 5")
            assert not wrong, f"not exactly one line in {table}: {wrong}"
        for tenant in self.clients:
            done = self.server.ctl("audit", "verify", tenant, check=False)
            assert done.returncode == 0, f"audit of {tenant}: {done.stdout}{done.stderr}"
        again = sum(1 for w in self.writers for _, _, s in w.attempts if s not in (200, 201))
        return f"{len(rows)} writes acknowledged and there, {again} sent again"
