#!/usr/bin/env python3
# Writes while workers and the master are killed and reloaded: what was acknowledged is there, what is repeated with the
# same idempotency key is there once, and nothing else is.
import http.client
import json
import os
import signal
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.demo import Demo
from lib.harness import main, wait_until

demo = None


def setup():
    global demo
    demo = Demo(workers=2)
    demo.start()


def sign_in(login):
    client = demo.client()
    answer = client.post("/t/shangcheng/api/v1/session",
                         {"login": login, "password": demo.logins[("shangcheng", login)]})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def alive():
    gone, ready = set(), []
    for line in demo.log().splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if event["event"] in ("worker.died", "worker.ended"):
                gone.add(event["worker_pid"])
            elif event["event"] == "worker.ready":
                ready.append(event["worker_pid"])
    return [pid for pid in ready if pid not in gone]


class Writer(threading.Thread):
    """Submits suggestions; whatever the outcome is unknown of is sent again with the same key until it is known."""

    def __init__(self, client, number):
        super().__init__(daemon=True)
        self.client, self.number = client, number
        self.acknowledged, self.retries, self.odd, self.stopping = {}, 0, [], False

    def run(self):
        n = 0
        while not self.stopping:
            n += 1
            title = f"W{self.number}-{n}"
            body = dict(BODY, title=title)
            key = str(uuid.uuid4())
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    answer = self.client.post("/t/shangcheng/api/v1/suggestions/suggestion", body,
                                              headers={"Idempotency-Key": key}, timeout=20)
                except (OSError, http.client.HTTPException):
                    self.retries += 1
                    time.sleep(0.05)
                    continue
                if answer.status in (409, 503, 504):
                    self.retries += 1
                    time.sleep(0.05)
                    continue
                if answer.status in (200, 201):
                    self.acknowledged[title] = answer.json["id"]
                else:
                    self.odd.append(answer)
                break
            else:
                self.odd.append(f"{title} never ended")


BODY = {}


def test_acknowledged_writes_survive():
    client = sign_in("member1")
    unit = client.get("/t/shangcheng/api/v1/units?code=330102001051").json["items"][0]["id"]
    BODY.update(unit=unit, content="内容", topic="other")
    first = client.post("/t/shangcheng/api/v1/suggestions/suggestion", dict(BODY, title="W0-0"))
    assert first.status == 201, first
    writers = [Writer(client, n) for n in range(1, 5)]
    for writer in writers:
        writer.start()

    def written():
        return sum(len(w.acknowledged) for w in writers)

    def progress(by=20):
        at = written()
        wait_until(lambda: written() >= at + by, 60, "more writes")

    progress()
    for _ in range(3):
        os.kill(alive()[0], signal.SIGKILL)
        wait_until(lambda: len(alive()) == 2, 20, "the successor")
        progress()
    demo.process.send_signal(signal.SIGHUP)
    progress()
    demo.kill()
    demo.start()
    progress()
    for writer in writers:
        writer.stopping = True
    for writer in writers:
        writer.join(90)
    odd = [o for w in writers for o in w.odd]
    assert not odd, odd[:3]
    acknowledged = {t: i for w in writers for t, i in w.acknowledged.items()}
    rows = dict(demo.psql("SELECT title, id FROM " + table() + " WHERE title LIKE 'W%' AND title <> 'W0-0'"))
    count = int(demo.psql("SELECT count(*) FROM " + table() + " WHERE title LIKE 'W%' AND title <> 'W0-0'")[0][0])
    lost = {t for t, i in acknowledged.items() if rows.get(t) != i}
    assert not lost, f"acknowledged and not there: {sorted(lost)[:5]}"
    assert count == len(rows) == len(acknowledged), f"{count} rows, {len(rows)} titles, {len(acknowledged)} acknowledged"
    print(f"       {count} writes, {sum(w.retries for w in writers)} sent again")


def table():
    return demo.psql("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename LIKE"
                     " '%suggestion' ORDER BY 1")[0][0]


def test_every_write_has_its_audit_and_history():
    missing = demo.psql(f"SELECT count(*) FROM {table()} s WHERE NOT EXISTS (SELECT FROM juxin.audit a WHERE"
                        " a.tenant_id = s.tenant_id AND a.object_id = s.id) OR NOT EXISTS (SELECT FROM juxin.history h"
                        " WHERE h.tenant_id = s.tenant_id AND h.record_id = s.id)")
    assert missing == [["0"]], missing
    assert demo.ctl("audit", "verify", "shangcheng").returncode == 0


if __name__ == "__main__":
    main()
