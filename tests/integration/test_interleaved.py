"""A hundred thousand requests of two districts, one after the other on the same connections, half of them at each of two
workers that have one fast connection to the database each: every answer is the one that was asked for, and holds nothing of
the other district."""
import collections
import json
import re
import threading

from lib import harness
from lib.twins import Twins

REQUESTS, CONNECTIONS, DEPTH = 100_000, 8, 20
WORKERS = 2
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")
twins = None


def setup():
    global twins
    twins = Twins(plugins=("register",), workers=WORKERS, config={"database": {"fast_connections": 1}, "log": {"access": True}})
    twins.start()


def asks(district):
    """(request, what its answer says, what it must not say): one record of each kind, a list, the tree, the session."""
    other = twins.b if district is twins.a else twins.a
    paths = [(f"/{resource}/{id}", id) for resource, id in district.records.items()]
    paths += [("/works/item?limit=5", district.slug), ("/units?limit=3", district.slug), ("/session", district.boss.account),
              (f"/accounts/{district.clerk}", district.clerk), (f"/works/item/{other.records['works/item']}", "not_found")]
    for path, expected in paths:
        request = (f"GET {district.prefix}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {district.token['token']}\r\n\r\n")
        yield request.encode(), expected.encode(), other.slug.encode()


def answers(connection):
    """The bodies of the answers on a connection, in order."""
    held = b""
    while True:
        end = held.find(b"\r\n\r\n")
        length = LENGTH.search(held, 0, end + 2) if end >= 0 else None
        if length and len(held) >= end + 4 + int(length[1]):
            stop = end + 4 + int(length[1])
            yield held[:stop]
            held = held[stop:]
            continue
        more = connection.recv(262144)
        assert more, "the server closed the connection"
        held += more


def answered_by():
    """{request id: worker}, as the log has it."""
    lines = (json.loads(line) for line in twins.server.log().splitlines() if '"http.request"' in line)
    return {line["request_id"]: line["process"] for line in lines}


def spread_connections():
    """As many at each worker; the kernel deals them out by chance, so that some are closed again."""
    question, open_at = next(asks(twins.a))[0], collections.defaultdict(list)
    for _ in range(200):
        connection = twins.server.raw(timeout=120)
        received = answers(connection)
        connection.sendall(question)
        id = re.search(rb"\r\nX-Request-Id: (\S+)\r\n", next(received))[1].decode()
        worker = harness.wait_until(lambda: answered_by().get(id), 20, "the request in the log")
        if len(open_at[worker]) < CONNECTIONS // WORKERS:
            open_at[worker].append((connection, received))
        else:
            connection.close()
        if sum(map(len, open_at.values())) == CONNECTIONS:
            return [one for both in zip(*open_at.values()) for one in both]
    raise AssertionError(f"200 connections and not {CONNECTIONS // WORKERS} at each worker: {open_at.keys()}")


def visit(opened, pairs, first, count, wrong, done):
    """`count` requests over one connection, DEPTH ahead, the districts in turn."""
    connection, received = opened
    with connection:
        for at in range(0, count, DEPTH):
            batch = [pairs[(first + at + i) % len(pairs)] for i in range(min(DEPTH, count - at))]
            connection.sendall(b"".join(request for request, _, _ in batch))
            for request, expected, foreign in batch:
                said = next(received)
                done.append(1)
                if expected not in said or foreign in said:
                    wrong.append((request, said))
                    return


def test_a_hundred_thousand_requests_in_turn():
    pairs = [ask for both in zip(asks(twins.a), asks(twins.b)) for ask in both]
    wrong, done = [], []
    before = collections.Counter(answered_by().values())
    threads = [threading.Thread(target=visit, args=(opened, pairs, i, REQUESTS // CONNECTIONS, wrong, done), daemon=True)
               for i, opened in enumerate(spread_connections())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(400)
    assert not wrong, wrong[0]
    assert len(done) == REQUESTS, f"{len(done)} answers"
    by_worker = collections.Counter(answered_by().values()) - before
    assert len(by_worker) == WORKERS and min(by_worker.values()) > REQUESTS // WORKERS // 10, by_worker
    print(f"       {len(done)} answers, {len(pairs)} questions in turn, each answered for its own district; {dict(by_worker)}")


if __name__ == "__main__":
    harness.main()
