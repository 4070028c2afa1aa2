# Fast reads while others make trouble: two clients whose statements take 50 ms each, and a storm of sign-ins.
import contextlib
import http.client
import itertools
import json
import threading

import dataset
from tools import alternate, median, ratio, request_line, wrk

PATH = "/t/shangcheng/api/v1/suggestions/suggestion"
CLIENTS = 4  # of the fast reads
STORM = 8
# A statement that takes 50 ms without keeping a processor busy: what is asked is whether others wait behind it.
NAP = """
CREATE OR REPLACE FUNCTION public.bench_nap() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;
DROP TRIGGER IF EXISTS bench_nap ON juxin.history;
CREATE TRIGGER bench_nap BEFORE INSERT ON juxin.history FOR EACH ROW WHEN (NEW.changes LIKE '%nap%')
    EXECUTE FUNCTION public.bench_nap();
"""


class Background:
    """Clients in threads, each asking again and again until told to stop; what one of them saw wrong fails the run."""

    def __init__(self, port, client, count):
        self.over, self.done, self.wrong = threading.Event(), [0] * count, []
        self.threads = [threading.Thread(target=self._run, args=(port, client, i), daemon=True) for i in range(count)]

    def _run(self, port, client, i):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            for step in client(connection, i):
                self.done[i] += step
                if self.over.is_set():
                    return
        except Exception as error:  # told by whoever waits for the threads
            self.wrong.append(error)
        finally:
            connection.close()

    @contextlib.contextmanager
    def running(self):
        for thread in self.threads:
            thread.start()
        yield
        self.over.set()
        for thread in self.threads:
            thread.join(30)
        assert not self.wrong and min(self.done) > 0, (self.wrong, self.done)


def ask(connection, method, path, body=None, **headers):
    connection.request(method, path, json.dumps(body) if body else None,
                       {"Content-Type": "application/json", "Authorization": "Bearer " + dataset.token("shangcheng"), **headers})
    answer = connection.getresponse()
    return answer, answer.read()


def napping(connection, i):
    path = f"{PATH}/{dataset.record_id(i)}"
    answer, _ = ask(connection, "GET", path)
    for n in itertools.count():
        etag = answer.getheader("ETag")
        answer, text = ask(connection, "PATCH", path, {"title": f"nap {etag} {n}"}, **{"If-Match": etag})
        assert answer.status == 200, (answer.status, text)
        yield 1


def signing_in(connection, i):
    for n in itertools.count():
        connection.request("POST", "/t/shangcheng/api/v1/session", json.dumps({"login": f"nobody{i}x{n}", "password": "wrong"}),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (401, 503), answer.status
        yield answer.status == 401


def measure(size):
    server = dataset.district(size.rows).start()
    server.psql(NAP)
    requests = [request_line(f"{PATH}?unit={dataset.COMMUNITY}", dataset.token("shangcheng"))]

    def quiet():
        return wrk(server.plain_port, requests, size.latency_seconds, CLIENTS)

    def while_(client, count):
        background = Background(server.plain_port, client, count)
        with background.running():
            seen = quiet()
        seen.others = sum(background.done) / seen.seconds
        return seen

    quiet()
    try:
        seen = alternate(size.rounds, quiet=quiet, slow=lambda: while_(napping, 2), storm=lambda: while_(signing_in, STORM))
    finally:
        server.psql("DROP TRIGGER bench_nap ON juxin.history; DELETE FROM juxin.rate_limit")
    server.stop()
    p99 = {name: [load.p99 for load in loads] for name, loads in seen.items()}

    def against(name):
        others = median([load.others for load in seen[name]])
        return (ratio(p99[name], p99["quiet"]), f"{median(p99[name]) / 1000:.2f} ms, {median(p99['quiet']) / 1000:.2f} ms; "
                f"beside {others:.1f}/s")
    return {"p99_slow": against("slow"), "p99_logins": against("storm")}
