# Event streams: what thousands of them take, and how soon an event is at all of them. Each is another account's, with rights
# of its own; all may see the event.
import select
import ssl
import time

import dataset
from lib import harness
from lib.client import Client
from lib.server import certificate
from lib.streams import Stream, open_count
from tools import median, memory, processor_seconds
from web import allow_descriptors

T = "/t/shangcheng/api/v1"
PACE_S = 6  # db/background.c hears at most so late that somebody listens
PEOPLE = """
INSERT INTO juxin.account (tenant_id, id, login, display_name, must_change_password)
    SELECT t.id, md5('listener ' || n)::uuid, 'listener' || n, '听众', false FROM juxin.tenant t, generate_series(1, {n}) n
    WHERE t.slug = 'shangcheng';
INSERT INTO juxin.api_token (tenant_id, id, account_id, name, token_hash)
    SELECT t.id, md5('token ' || n)::uuid, md5('listener ' || n)::uuid, 'bench',
        encode(sha256(convert_to('jx_' || rpad('listener' || n, 43, '-'), 'UTF8')), 'hex')
    FROM juxin.tenant t, generate_series(1, {n}) n WHERE t.slug = 'shangcheng';
INSERT INTO juxin.access_grant (tenant_id, id, account_id, role_id, unit_id, reach, valid_from)
    SELECT t.id, md5('grant ' || n)::uuid, md5('listener ' || n)::uuid, r.id, u.id, 'subtree', now()
    FROM juxin.tenant t JOIN juxin.role r ON r.tenant_id = t.id AND r.name = 'officer'
    JOIN juxin.unit u ON u.tenant_id = t.id AND u.parent_id IS NULL, generate_series(1, {n}) n WHERE t.slug = 'shangcheng';
UPDATE juxin.epoch SET n = n + 1;
ANALYZE juxin.account, juxin.api_token, juxin.access_grant;
"""
NOBODY = """
DELETE FROM juxin.access_grant WHERE account_id IN (SELECT id FROM juxin.account WHERE login LIKE 'listener%');
DELETE FROM juxin.api_token WHERE account_id IN (SELECT id FROM juxin.account WHERE login LIKE 'listener%');
DELETE FROM juxin.account WHERE login LIKE 'listener%';
UPDATE juxin.epoch SET n = n + 1;
"""


def open_streams(server, tls, numbers):
    port = server.port if tls else server.plain_port
    opened = [Stream(port, T + "/events", {"Authorization": "Bearer " + dataset.token(f"listener{n}")},
                     certificate()[0] if tls else None) for n in numbers]
    for stream in opened:
        assert stream.status == 200, stream.rest
    harness.wait_until(lambda: all(s.blocks or (s.read() and s.blocks) for s in opened), 60, "the first block of every stream")
    return opened


def submit(server, n):
    client = Client(server.plain_port, token=dataset.token("shangcheng"))
    answer = client.post(T + "/suggestions/suggestion", {"title": f"第 {n} 条", "content": "内容", "topic": "other",
                                                         "unit": dataset.COMMUNITY})
    assert answer.status == 201, answer
    return answer.json["id"].encode()


def take(stream):
    """What has come, as bytes: looking into it would be measured too."""
    taken = b""
    while True:
        try:
            chunk = stream.socket.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return taken
        assert chunk, "a stream was ended"
        taken += chunk


def settle(opened):
    """A plugin may change a record again behind its commit: that is over, and all that has come is taken."""
    time.sleep(1)
    for stream in opened:
        take(stream)


def spread(server, opened, n):
    """Milliseconds from the answer to who made the change until the last of all has it: until its bytes are there, which a
    client of one thread cannot look into meanwhile. Where they are something else it goes on."""
    settle(opened)
    with select.epoll() as ready:
        for stream in opened:
            ready.register(stream.socket, select.EPOLLIN | select.EPOLLET)
        record = submit(server, n)
        began = last = time.monotonic()
        missing = {stream.socket.fileno(): stream for stream in opened}
        came = {}
        while missing:
            for descriptor, _ in ready.poll(1):
                came[descriptor] = missing.pop(descriptor, None) or came.get(descriptor)
            last = time.monotonic()
            assert last - began < 60, f"{len(missing)} streams had no event within a minute"
            if not missing:
                missing = {d: s for d, s in came.items() if record not in take(s)}
                came = {}
        return (last - began) * 1000


def one_kind(server, tls, size):
    server.start()
    for stream in open_streams(server, tls, range(1, 41)):  # what every worker needs anyway
        stream.close()
    harness.wait_until(lambda: open_count(server) == 0, 20, "the end of the first streams")
    before = memory(server.workers())
    opened = open_streams(server, tls, range(1, size.streams + 1))
    grown = (memory(server.workers()) - before) / 1e6
    time.sleep(PACE_S if size.streams > 1000 else 0)
    worked = processor_seconds(server.workers())
    times = [spread(server, opened, n) for n in range(size.streamed)]
    worked = (processor_seconds(server.workers()) - worked) / len(times) * 1000
    after = (memory(server.workers()) - before) / 1e6
    for stream in opened:
        stream.close()
    server.stop()
    few = "" if size.streams == 5000 else f"{size.streams} streams"
    return ((grown * 5000 / size.streams, few or f"{after:.0f} MB after {len(times)} events"),
            (median(times), few or f"the slowest {max(times):.0f} ms; {worked:.0f} ms of processor time for a change"))


def measure(size):
    allow_descriptors(size.streams)
    server = dataset.smallest()
    server.psql(NOBODY + PEOPLE.format(n=size.streams))
    try:
        plain, plain_event = one_kind(server, False, size)
        tls, tls_event = one_kind(server, True, size)
    finally:
        server.psql(NOBODY)
    return {"streams_memory": plain, "streams_tls_memory": tls, "streams_event": plain_event, "streams_tls_event": tls_event}
