#!/usr/bin/env python3
"""Bringing in and taking out 100,000 rows, and COPY of the same rows into a table of the same shape and indexes:

    JUXIN_TEST_PREFIX=… JUXIN_TEST_PG=… tests/bench/sheets.py [ROWS]

Prints rows a second of the check and the run of an import, of COPY of the same rows, and the seconds of an export to XLSX; with
the most memory that a worker had (VmHWM)."""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from lib import sheets  # noqa: E402
from lib.ledger import sign_in, works_server  # noqa: E402

R = "/t/one/api/v1/works/item"


def workers(server):
    told = [json.loads(line) for line in server.log().splitlines() if line.startswith("{") and '"worker.ready"' in line]
    return [e["worker_pid"] for e in told]


def memory(server, key):
    return max(int(re.search(key + r":\s+(\d+)", open(f"/proc/{pid}/status", encoding="ascii").read())[1]) / 1024
               for pid in workers(server))


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    server = works_server(workers=2)
    try:
        client = sign_in(server)
        base = memory(server, "VmRSS")
        table = [["标题", "编码", "数量", "费用", "开始日期", "类别", "机构代码", "联系电话", "内容"]]
        table += [[f"社区直饮水点 {n:06}", f"AB{n}", n % 1000, f"{n}.50", "2026-12-05", "维修", "s1", f"138{n:08}",
                   f"第 {n} 项：请街道核实"] for n in range(rows)]
        made = sheets.sent(client, R, "a.csv", sheets.write_csv(table))
        began = time.monotonic()
        made = sheets.do(client, R, made, "check", timeout=900)
        took = time.monotonic() - began
        print(f"check: {made['good']} good, {rows / took:,.0f} rows/s")
        began = time.monotonic()
        made = sheets.do(client, R, made, "run", timeout=900)
        run = time.monotonic() - began
        print(f"import: {made['good']} rows in {run:.1f} s, {rows / run:,.0f} rows/s; worker's peak {memory(server, 'VmHWM'):.0f} MB,"
              f" at rest {base:.0f} MB")
        file = f"/tmp/juxin-bench-{os.getpid()}.tsv"
        server.psql(f"CREATE TABLE copied (LIKE px_works.item INCLUDING ALL); COPY px_works.item TO '{file}'")
        began = time.monotonic()
        server.psql(f"COPY copied FROM '{file}'")
        copy = time.monotonic() - began
        os.unlink(file)
        print(f"COPY into a table of the same shape: {rows / copy:,.0f} rows/s; the import is {copy / run:.2f} of it")
        for format in ("xlsx", "csv"):
            began = time.monotonic()
            out = sheets.export(client, R, format=format)
            took = time.monotonic() - began
            print(f"export {format}: {out['rows']} rows, {len(out['fields'])} columns, {out['size'] / 1e6:.1f} MB in {took:.1f} s;"
                  f" worker's peak {memory(server, 'VmHWM'):.0f} MB")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
