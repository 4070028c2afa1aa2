# What needs no database: fixed answers and files against nginx; idle connections; a worker's memory; how long a start takes.
import resource
import socket
import time

import dataset
import world
from lib import harness
from lib.client import Client
from tools import alternate, median, memory, ratio, request_line, wrk


def against_nginx(size):
    files = world.static_files()
    server = dataset.smallest({"assets": files}).start()
    nginx = world.nginx(files)
    livez, page = [request_line("/livez")], [request_line("/index.html")]
    for path in ("/livez", "/index.html"):
        ours, theirs = (Client(port).get(path) for port in (server.plain_port, nginx))
        assert ours.status == theirs.status == 200 and ours.body == theirs.body, (path, ours, theirs)
    seen = alternate(size.rounds, livez=lambda: wrk(server.plain_port, livez, size.seconds, 64).rate,
                     nginx_livez=lambda: wrk(nginx, livez, size.seconds, 64).rate,
                     file=lambda: wrk(server.plain_port, page, size.seconds, 64).rate,
                     nginx_file=lambda: wrk(nginx, page, size.seconds, 64).rate)
    server.stop()

    def against(ours, other):
        return ratio(seen[ours], seen[other]), f"{median(seen[ours]):,.0f}/s, {median(seen[other]):,.0f}/s"
    return {"livez": against("livez", "nginx_livez"), "static": against("file", "nginx_file")}


def starting(size):
    """From the start of the master to the first answer, and to the first page out of a loaded tree."""
    seen = {"answer": [], "page": [], "memory": []}
    for _ in range(size.rounds):
        server = dataset.smallest()
        began = time.monotonic()
        server.start_without_waiting()
        harness.wait_until(lambda: answers(server.plain_port), 20, "first answer")
        seen["answer"].append(time.monotonic() - began)
        harness.wait_until(server.ready, 20, "readiness")
        seen["memory"].append(max(memory([pid]) for pid in server.workers()) / 1e6)
        began = time.monotonic()
        page = Client(server.plain_port, token=dataset.token("shangcheng")).get(
            f"/t/shangcheng/api/v1/suggestions/suggestion?unit={dataset.COMMUNITY}")
        assert page.status == 200, page
        seen["page"].append(time.monotonic() - began)
        server.stop()
    return {"start": (median(seen["answer"]), f"the first page {median(seen['page']) * 1000:.0f} ms later"),
            "resident": (median(seen["memory"]), "")}


def answers(port):
    try:
        return Client(port).get("/livez", timeout=1).status == 200
    except OSError:
        return False


def allow_descriptors(connections):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 200
    if hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (OSError, ValueError):
            raise AssertionError(f"{connections} connections need `ulimit -n {wanted}`") from None
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted)), max(hard, wanted)))


def idle(size):
    """Each connection has asked once and stays."""
    allow_descriptors(size.idle)
    server = dataset.smallest({"limits": {"keepalive_ms": 600000}}).start()
    ask(server.plain_port, 200)  # what every worker needs anyway
    harness.wait_until(lambda: open_connections(server) == 0, 20, "the end of the first connections")
    before = memory(server.workers())
    held = ask(server.plain_port, size.idle)
    assert open_connections(server) == size.idle, open_connections(server)
    grown = memory(server.workers()) - before
    for one in held:
        one.close()
    server.stop()
    note = "" if size.idle == 10000 else f"{size.idle} connections"
    return {"idle_memory": (grown / 1e6 * 10000 / size.idle, note)}


def ask(port, count):
    held = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port), timeout=20)
        one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        held.append(one)
    for one in held:
        assert one.recv(4096).startswith(b"HTTP/1.1 200"), "an idle connection was not answered"
    return held


def open_connections(server):
    """Of clients, as the kernel has them: inodes of the workers' sockets would count PostgreSQL's too."""
    with open("/proc/net/tcp", encoding="ascii") as text:
        local = f"0100007F:{server.plain_port:04X}"
        return sum(1 for line in text if line.split()[1] == local and line.split()[3] == "01")


def measure(size):
    return {**against_nginx(size), **starting(size), **idle(size)}
