"""A hundred thousand requests of two districts, one after the other on the same connections, over two workers that have one
fast connection to the database each: every answer is the one that was asked for, and holds nothing of the other district."""
import re
import threading

from lib import harness
from lib.twins import Twins

REQUESTS, CONNECTIONS, DEPTH = 100_000, 8, 20
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")
twins = None


def setup():
    global twins
    twins = Twins(workers=2, config={"database": {"fast_connections": 1}})
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


def visit(pairs, first, count, wrong, done):
    """`count` requests over one connection, DEPTH ahead, the districts in turn."""
    with twins.server.raw(timeout=120) as connection:
        received = answers(connection)
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
    threads = [threading.Thread(target=visit, args=(pairs, i, REQUESTS // CONNECTIONS, wrong, done), daemon=True)
               for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(400)
    assert not wrong, wrong[0]
    assert len(done) == REQUESTS, f"{len(done)} answers"
    print(f"       {len(done)} answers, {len(pairs)} questions in turn, each answered for its own district")


if __name__ == "__main__":
    harness.main()
