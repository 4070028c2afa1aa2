# A new record in a durable transaction: record, submitter, history, audit, number; against pgbench doing the same round trips.
import capture
import dataset
import world
from lib.client import Client
from lib.server import ROOT
from tools import alternate, median, pgbench, ratio, request_line, wrk

TENANTS = 16  # numbers are given out one after the other within a tenant
CLIENTS = 16  # as many connections as two workers have for writing
BODY = {"unit": dataset.COMMUNITY, "title": "老旧小区加装电梯的建议", "content": "多层住宅老人上下楼不便，建议统一规划加装电梯。"}


def path_of(tenant):
    return f"/t/{tenant}/api/v1/suggestions/suggestion"


def database(**more):
    server = world.Bench("bench_write", **more)
    if server.is_new:
        for i in range(TENANTS):
            server.ctl("tenant", "create", f"w{i:02d}", "--name", "上城区")
            server.ctl("unit", "import", f"w{i:02d}", ROOT / "deploy/demo/330102.json")
        server.psql(dataset.PERSON)
        dataset.done(server, {})
    return server


def captured(tenants):
    proxy = capture.Proxy(world.socket_directory())
    world.drop("bench_write")  # no fuller than the last time
    server = database(workers=1, host=proxy.directory).start()
    scripts, values = [], {"n": 0}
    for i in range(tenants):
        client = Client(server.plain_port, token=dataset.token(f"w{i:02d}"))

        def create():
            answer = client.post(path_of(f"w{i:02d}"), BODY)
            assert answer.status == 201, answer

        create()
        first, second = proxy.twice(create, "px_suggestions")
        text, more = capture.script(first, second, prefix=f"t{i}_")
        scripts.append(text)
        values.update(more)
    server.stop()
    return scripts, values


def measure(size):
    scripts, values = captured(size.writing_tenants)
    server = database().start()
    requests = [request_line(path_of(f"w{i:02d}"), dataset.token(f"w{i:02d}"), "POST", BODY)
                for i in range(size.writing_tenants)]

    def by_pgbench():
        values["n"] += 1 << 24  # no id twice
        return pgbench(server.conninfo(), scripts, size.seconds, CLIENTS, values)

    seen = alternate(size.rounds, ours=lambda: wrk(server.plain_port, requests, size.seconds).rate, pgbench=by_pgbench)
    one = wrk(server.plain_port, requests[:1], size.seconds).rate
    server.stop()
    trips = scripts[0].count(";") - sum(part.split("\\endpipeline")[0].count(";") - 1
                                        for part in scripts[0].split("\\startpipeline")[1:])
    return {"write": (ratio(seen["ours"], seen["pgbench"]),
                      f"{median(seen['ours']):,.0f}/s, {median(seen['pgbench']):,.0f}/s in {trips} round trips, "
                      f"{size.writing_tenants} tenants; {one:,.0f}/s in one tenant")}
