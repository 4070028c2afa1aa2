"""A file far larger than the memory it may take: coming in, going out, to a slow reader; and what that costs beside a plain copy."""
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import time

from lib import harness
from lib.files import disposition
from lib.harness import wait_until
from lib.ledger import sign_in, works_server

MEGABYTES = int(os.environ.get("JUXIN_TEST_MEGABYTES", "200"))
LINE = b"".join(b"%07d a line of a large file\n" % n for n in range(4096))
MORE_MB = 20
server = client = record = None


def plugin(directory):
    """A declaration that takes files as large as there are."""
    home = pathlib.Path(directory) / "depot"
    (home / "resources").mkdir(parents=True)
    label = {"zh-CN": "库", "en": "Depot"}
    (home / "plugin.json").write_text(json.dumps({
        "id": "depot", "version": "0.1.0", "label": label, "default": "on", "roles": {"works_all": {
            "label": label, "permissions": [f"depot.box.{name}" for name in ("read", "create", "update", "delete", "attach")]}}}))
    (home / "resources/box.json").write_text(json.dumps({
        "resource": "box", "label": label, "attachments": {"types": ["text"], "max_bytes": 4294967295},
        "fields": {"title": {"type": "text", "label": label}}}))


def setup():
    global server, client, record
    server = works_server(workers=1, more_plugins=plugin, config={"limits": {"upload_bytes": 4294967295}})
    client = sign_in(server)
    unit = server.psql("SELECT u.id FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id WHERE u.code = 's1' AND t.slug"
                       " = 'one'")[0][0]
    made = client.post("/t/one/api/v1/depot/box", {"title": "x", "unit": unit})
    assert made.status == 201, made
    record = "/t/one/api/v1/depot/box/" + made.json["id"]


def pieces(megabytes):
    for _ in range(megabytes * 1048576 // len(LINE)):
        yield LINE
    yield b"the end\n"


def headers(**more):
    return {"Cookie": "; ".join(f"{k}={v}" for k, v in client.cookies.items()), "X-CSRF-Token": client.csrf, **more}


def plain():
    return http.client.HTTPConnection("127.0.0.1", server.plain_port, timeout=300)


class Memory:
    """How much the processes of the server have grown, from here on, at the most."""

    def __init__(self):
        self.pids = [server.process.pid] + [int(p) for p in subprocess.run(
            ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True).stdout.split()]
        for pid in self.pids:
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # begins the high-water mark anew
        self.before = {pid: self.of(pid, "VmRSS") for pid in self.pids}

    @staticmethod
    def of(pid, what):
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(what + ":"))

    def more_mb(self):
        return max(self.of(pid, "VmHWM") - self.before[pid] for pid in self.pids) / 1024


def send(name):
    size = sum(map(len, pieces(MEGABYTES)))
    connection = plain()
    began = time.monotonic()
    connection.request("POST", record + "/attachments", pieces(MEGABYTES),
                       headers(**{"Content-Length": str(size), "Content-Disposition": disposition(name)}))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 201, body
    return json.loads(body), time.monotonic() - began


def fetch(file, pause=lambda: None):
    connection = plain()
    began = time.monotonic()
    connection.request("GET", f"{record}/attachments/{file}/content", headers=headers())
    answer = connection.getresponse()
    digest = hashlib.sha256()
    while piece := answer.read(1 << 20):
        digest.update(piece)
        pause()
    connection.close()
    return digest.hexdigest(), time.monotonic() - began


def sanitized():
    return os.environ.get("JUXIN_TEST_SANITIZED") == "1"


def test_memory_is_bounded():
    warm, _ = send("warm.txt")
    fetch(warm["id"])
    expected = hashlib.sha256(b"".join(pieces(MEGABYTES))).hexdigest()
    assert warm["sha256"] == expected
    client.delete(f"{record}/attachments/{warm['id']}")
    memory = Memory()
    file, sent = send("large.txt")
    grown = memory.more_mb()
    memory = Memory()
    digest, fetched = fetch(file["id"])
    assert digest == expected
    print(f"       {MEGABYTES} MB in {sent:.2f} s, {grown:.1f} MB more; out in {fetched:.2f} s, {memory.more_mb():.1f} MB more")
    if not sanitized():  # a sanitizer keeps what was freed
        assert grown < MORE_MB and memory.more_mb() < MORE_MB, (grown, memory.more_mb())


def test_a_slow_reader_holds_up_nobody():
    """While one takes its time over a large file, on the one worker there is, others are answered."""
    file = client.get(record + "/attachments").json["items"][0]["id"]
    memory = Memory()
    asked = []

    def ask():
        if len(asked) < 20:
            began = time.monotonic()
            assert client.get(record).status == 200
            asked.append(time.monotonic() - began)

    fetch(file, ask)
    assert len(asked) == 20 and max(asked) < 5, asked
    # One that stops reading and goes away leaves nothing open.
    connections = [plain() for _ in range(20)]
    for connection in connections:
        connection.request("GET", f"{record}/attachments/{file}/content", headers=headers())
        connection.getresponse().read(1000)
    worker = max(memory.pids)
    held = open_files(worker)
    assert held >= 1, "the files are being read"
    print(f"       20 readers that stand still: {held} files open, {memory.more_mb():.1f} MB more")
    for connection in connections:
        connection.close()
    wait_until(lambda: open_files(worker) == 0, 30, "the files to be closed")
    if not sanitized():
        assert memory.more_mb() < 20 * 3 + MORE_MB, memory.more_mb()


def open_files(pid):
    """Contents of files that the process has open."""
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        found += os.path.basename(target)[:1].isalnum() and len(os.path.basename(target)) == 64
    return found


def test_what_it_costs_beside_a_copy():
    """Printed, not held: the machine may be busy."""
    source, target = (os.path.join(harness.scratch(), n) for n in ("source", "target"))
    with open(source, "wb") as out:
        for piece in pieces(MEGABYTES):
            out.write(piece)
    began = time.monotonic()
    shutil.copyfile(source, target)
    with open(target, "rb+") as copied:
        os.fsync(copied.fileno())
    copy = time.monotonic() - began
    file, sent = send("measured.txt")
    _, fetched = fetch(file["id"])
    print(f"       {MEGABYTES} MB: copied and synced in {copy:.2f} s; sent in {sent:.2f} s; fetched in {fetched:.2f} s")


if __name__ == "__main__":
    harness.main()
