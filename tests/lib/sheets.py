# Tables for tests of imports and exports: made and read by openpyxl, which knows nothing of this project's own code.
import csv
import io
import json
import subprocess

from . import files
from .harness import wait_until


DEBIAN = "/usr/bin/python3"  # has python3-openpyxl, whichever Python runs the tests
READ = """
import datetime, io, json, sys, openpyxl
book = openpyxl.load_workbook(io.BytesIO(sys.stdin.buffer.read()), read_only=True)
json.dump([list(row) for row in book.worksheets[0].iter_rows(values_only=True)], sys.stdout, default=lambda v: v.isoformat())
"""
WRITE = """
import datetime, io, json, sys, openpyxl
said = json.load(sys.stdin)
book = openpyxl.Workbook()
if said.get("epoch1904"):
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
for row in said["rows"]:
    book.active.append([datetime.datetime.fromisoformat(v["date"]) if isinstance(v, dict) else v for v in row])
out = io.BytesIO()
book.save(out)
sys.stdout.buffer.write(out.getvalue())
"""


def read_xlsx(data):
    """Rows of values of the first sheet; dates as 2026-12-05T00:00:00."""
    return json.loads(subprocess.run([DEBIAN, "-c", READ], input=data, capture_output=True, check=True).stdout)


def write_xlsx(rows, **said):
    """{"date": "2026-12-05"} is a date."""
    return subprocess.run([DEBIAN, "-c", WRITE], input=json.dumps({"rows": rows, **said}).encode(), capture_output=True,
                          check=True).stdout


def read_csv(data):
    assert data.startswith(b"\xef\xbb\xbf"), data[:20]
    return list(csv.reader(io.StringIO(data[3:].decode(), newline="")))


def export(client, resource, query="", **body):
    """Asks for an export and waits for it; resource: the path of the list."""
    made = client.post(f"{resource}/exports{query}", body)
    assert made.status == 201, made
    return ended(client, f"{resource}/exports/{made.json['id']}")


def ended(client, path, states=("done", "failed", "cancelled"), timeout=120):
    def look():
        answer = client.get(path)
        assert answer.status == 200, answer
        return answer.json if answer.json["state"] in states else None

    return wait_until(look, timeout, path)


def content(client, resource, made):
    return client.get(f"{resource}/exports/{made['id']}/content")


def send(client, resource, name, data, **headers):
    return client.post(f"{resource}/imports", data, headers={"Content-Disposition": files.disposition(name), **headers})


def sent(client, resource, name, data):
    answer = send(client, resource, name, data)
    assert answer.status == 201, answer
    return answer.json


def do(client, resource, made, what, body=None, timeout=300):
    """check, run or undo; waits for its end."""
    path = f"{resource}/imports/{made['id']}"
    answer = client.post(f"{path}/{what}", body or {})
    assert answer.status == 200, answer

    def look():
        seen = client.get(path)
        assert seen.status == 200, seen
        return seen.json if seen.json["state"] not in ("checking", "importing", "undoing") else None

    return wait_until(look, timeout, f"{what} of {path}")


def checked(client, resource, name, data, **settings):
    return do(client, resource, sent(client, resource, name, data), "check", settings)


def faults(client, resource, made):
    return client.get(f"{resource}/imports/{made['id']}/faults?limit=1000").json["items"]


def write_csv(rows, encoding="utf-8-sig"):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode(encoding)
