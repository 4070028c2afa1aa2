# Bringing in and taking out a table of people, with what a register is about: names as common as they are, three fields.
import os
import random
import re
import time

import dataset
import search
import world
from lib import sheets
from lib.client import Client

R = "/t/shangcheng/api/v1/people/person"
# $1 of a COPY in their place, without validation, audit and history: the records' own table, and what they are found by.
TABLES = ("px_people.person", "juxin.search")
CLERK = search.READER.replace("people_reader", "people_clerk")


def table(rows):
    chosen = random.Random(1)

    def one(letters):
        return letters[int(chosen.random() ** 2 * len(letters))]

    yield ["姓名", "身份", "加入日期", "机构代码"]
    for n in range(rows):
        yield [one(search.SURNAMES) + one(search.GIVEN) + (one(search.GIVEN) if n % 5 else ""), "管理" if n % 3 else "技术",
               f"2020-{n % 12 + 1:02}-{n % 28 + 1:02}", dataset.COMMUNITY]


def peak(server):
    """The most memory that a worker had, in MB."""
    return max(int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status", encoding="ascii").read())[1]) / 1024
               for pid in server.workers())


def district():
    """A running server on Shangcheng with nobody in its register."""
    name = dataset.database("sheets", 0)
    world.drop(name)
    server = world.Bench(name, config={"plugins": {"directory": search.plugins()}})
    server.ctl("tenant", "create", "shangcheng", "--name", "上城区")
    server.ctl("unit", "import", "shangcheng", dataset.ROOT / "deploy/demo/330102.json")
    server.psql(CLERK.format(name="clerk", token=search.token("clerk"), unit=dataset.COUNTY) + "UPDATE juxin.epoch SET n = n + 1;"
                "VACUUM ANALYZE")
    return server.start()


def copied(server):
    """Seconds that COPY takes for the same rows into the same tables, which are emptied for it."""
    took = {}
    directory = os.path.join(world.socket_directory(), "..")
    for name in TABLES:
        file = os.path.join(directory, f"bench-{os.getpid()}.copy")
        server.psql(f"COPY {name} TO '{file}'")
        try:
            server.psql(f"SET session_replication_role = replica; DELETE FROM {name}; VACUUM {name}" if name == TABLES[1] else
                        f"SET session_replication_role = replica; TRUNCATE {name} CASCADE")
            began = time.monotonic()
            server.psql(f"COPY {name} FROM '{file}'")
            took[name] = time.monotonic() - began
        finally:
            os.unlink(file)
    return took


def measure(size):
    rows = size.sheet_rows
    server = district()
    client = Client(server.plain_port, token=search.token("clerk"))
    made = sheets.sent(client, R, "a.csv", sheets.write_csv(table(rows)))
    began = time.monotonic()
    made = sheets.do(client, R, made, "check", timeout=900)
    check = time.monotonic() - began
    assert made["good"] == rows, made
    began = time.monotonic()
    made = sheets.do(client, R, made, "run", timeout=900)
    run = time.monotonic() - began
    assert (made["state"], made["good"]) == ("imported", rows), made
    memory, took = peak(server), {}
    for format in ("xlsx", "csv"):
        began = time.monotonic()
        out = sheets.export(client, R, format=format)
        took[format] = time.monotonic() - began
        assert out["rows"] == rows, out
    out_memory = peak(server)
    copy = copied(server)
    server.stop()
    world.drop(server.name)
    return {"import": (rows / run, f"checked before at {rows / check:,.0f}/s"),
            "import_copy": (copy[TABLES[0]] / run, f"COPY {rows / copy[TABLES[0]]:,.0f}/s; of both tables "
                            f"{rows / sum(copy.values()):,.0f}/s, {sum(copy.values()) / run:.2f} ×"),
            "import_memory": (memory, ""),
            "export": (took["xlsx"], f"CSV {took['csv']:.1f} s; {len(out['fields'])} columns"),
            "export_memory": (out_memory, "after the import")}
