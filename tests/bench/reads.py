# Reading records: against pgbench, against fastify + pg, and by where in the tree the page is.
import random

import capture
import dataset
import world
from lib.client import Client
from tools import alternate, median, pgbench, processor_seconds, ratio, request_line, wrk

LIST = "/t/shangcheng/api/v1/suggestions/suggestion"
CLIENTS = 16  # with which pgbench gets furthest


def list_of(unit):
    return [request_line(f"{LIST}?unit={unit}", dataset.token("shangcheng"))]


def some_records(rows):
    ids = random.Random(1).sample(range(rows), min(rows, 5000))
    return [request_line(f"{LIST}/{dataset.record_id(n)}", dataset.token("shangcheng")) for n in ids]


def captured(size):
    """The units of work of a page and of one record."""
    proxy = capture.Proxy(world.socket_directory())
    server = dataset.district(size.rows, workers=1, host=proxy.directory).start()
    client = Client(server.plain_port, token=dataset.token("shangcheng"))
    found = []
    for path in (f"{LIST}?unit={dataset.COMMUNITY}", f"{LIST}/{dataset.record_id(51)}"):
        for _ in range(2):  # by the second time everything is loaded and prepared
            answer = client.get(path)
            assert answer.status == 200, answer
        found.append(proxy.during(lambda: client.get(path), "px_suggestions"))
    beside = proxy.beside(found[1], dataset.record_id(51))
    assert not beside, f"one record takes more than one unit of work, which is more than pgbench does: {beside}"
    server.stop()
    unit = server.psql(f"SELECT id FROM juxin.unit WHERE code = '{dataset.COMMUNITY}'")[0][0]
    return *found, unit


def measure(size):
    page, one, unit = captured(size)
    server = dataset.district(size.rows).start()
    page_script, page_values = capture.script(page)
    one_script, one_values = capture.script(one, key=dataset.record_id(51))
    one_values["rows"] = size.rows
    peer = world.peer({"list": capture.statements(page, unit=unit),
                       "one": capture.statements(one, id=dataset.record_id(51))},
                      world.socket_directory(), server.name + "_app", server.name)
    community, records = list_of(dataset.COMMUNITY), some_records(size.rows)
    same_answers(server, peer)
    cost = []

    def page_of_ours():
        before = processor_seconds(server.workers())
        seen = wrk(server.plain_port, community, size.seconds)
        cost.append((processor_seconds(server.workers()) - before) / seen.requests * 1e6)
        return seen.rate

    seen = alternate(
        size.rounds, ours_one=lambda: wrk(server.plain_port, records, size.seconds).rate,
        pgbench_one=lambda: pgbench(server.conninfo(), [one_script], size.seconds, CLIENTS, one_values),
        peer_one=lambda: wrk(peer, records, size.seconds).rate, ours_list=page_of_ours,
        pgbench_list=lambda: pgbench(server.conninfo(), [page_script], size.seconds, CLIENTS, page_values),
        peer_list=lambda: wrk(peer, community, size.seconds).rate,
        street=lambda: wrk(server.plain_port, list_of(dataset.STREET), size.seconds).rate,
        county=lambda: wrk(server.plain_port, list_of(dataset.COUNTY), size.seconds).rate)
    server.stop()

    def against(ours, other):
        return ratio(seen[ours], seen[other]), f"{median(seen[ours]):,.0f}/s, {median(seen[other]):,.0f}/s"

    return {
        "read_one": against("ours_one", "pgbench_one"),
        "read_list": against("ours_list", "pgbench_list"),
        "peer_one": against("ours_one", "peer_one"),
        "peer_list": against("ours_list", "peer_list"),
        "subtree_street": against("street", "ours_list"),
        "subtree_county": against("county", "ours_list"),
        "page_processor": (median(cost), ""),
    }


def same_answers(server, peer):
    """What is compared must do the same: the same records with the same values."""
    token = dataset.token("shangcheng")
    for path in (f"{LIST}?unit={dataset.COMMUNITY}", f"{LIST}/{dataset.record_id(51)}"):
        ours, theirs = (Client(port, token=token).get(path) for port in (server.plain_port, peer))
        assert ours.status == theirs.status == 200, (ours, theirs)
        for mine, other in zip(ours.json.get("items", [ours.json]), theirs.json.get("items", [theirs.json])):
            different = {k: (mine.get(k), other.get(k)) for k in other if mine.get(k) != other.get(k)}
            assert not different, different
    stranger = Client(peer, token="jx_" + "x" * 43).get(LIST + f"?unit={dataset.COMMUNITY}")
    assert stranger.status == 401, stranger
