#!/usr/bin/env python3
# The processes: a worker that dies, a master that dies, drain, reload, bad configuration; exit codes of juxinctl.
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.client import tls_context
from lib.harness import main, wait_until
from lib.server import Server, certificate, prefix

server = None


def setup():
    global server
    server = Server(workers=2).start()


def events(of, name):
    found = []
    for line in of.log().splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            if entry["event"] == name:
                found.append(entry)
    return found


def workers(of):
    """Pids of the workers that are ready, by the master's word."""
    gone = {e["worker_pid"] for e in events(of, "worker.died") + events(of, "worker.ended")}
    return [e["worker_pid"] for e in events(of, "worker.ready") if e["worker_pid"] not in gone]


def metric(of, name):
    text = of.admin().get("/metrics").text
    return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.M).group(1))


def settled(of, generation, count=2):
    """Workers of that generation serve, and no older one is left."""
    left = workers(of)
    new = {e["worker_pid"] for e in events(of, "worker.ready") if e["generation"] == generation}
    return len(left) == count and set(left) <= new


class Load:
    """Clients that ask /livez again and again, over TLS, with keep-alive, until stopped; counts what went wrong."""

    def __init__(self, of, clients=4, path="/livez"):
        self.of, self.path = of, path
        self.answered, self.failures, self.stopping = 0, [], False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _client(self):
        context = tls_context(certificate()[0])
        connection = None
        while not self.stopping:
            try:
                if connection is None:
                    connection = http.client.HTTPSConnection("127.0.0.1", self.of.port, timeout=10, context=context)
                connection.request("GET", self.path)
                response = connection.getresponse()
                response.read()
                with self.lock:
                    self.answered += 1
                    if response.status != 200:
                        self.failures.append(response.status)
                if response.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append(repr(error))
                if connection:
                    connection.close()
                connection = None

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(15)
        return self


def test_health():
    assert server.client().get("/livez").text == "ok\n"
    wait_until(lambda: metric(server, "juxin_workers_ready") == 2, 10, "both workers")
    answer = server.client().get("/readyz")
    assert answer.status == 200 and answer.json["status"] == "ready", answer
    assert server.admin().get("/readyz").status == 200
    assert server.client().get("/metrics").status == 404
    assert server.ctl("health").returncode == 0


def test_metrics_are_well_formed():
    text = server.admin().get("/metrics").text
    seen = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in seen, f"{name} twice"
            seen.add(name)
        elif not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{[a-z_]+="[a-z0-9]+"\})? -?\d+', line), line
    before = metric(server, "juxin_http_requests_total")
    for _ in range(5):
        server.client().get("/livez")
    wait_until(lambda: metric(server, "juxin_http_requests_total") >= before + 5, 5, "five more requests")


def test_killed_worker_is_replaced():
    load = Load(server)
    wait_until(lambda: load.answered > 20, 10, "load")
    victim = workers(server)[0]
    deaths = len(events(server, "worker.died"))
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(events(server, "worker.died")) > deaths, 5, "the master's notice")
    wait_until(lambda: len(workers(server)) == 2, 5, "the successor")
    took = time.monotonic() - began
    answered = load.answered
    wait_until(lambda: load.answered > answered + 50, 10, "more answers")
    load.stop()
    print(f"       replaced after {took:.2f} s (goal 1 s)")  # a busy machine is no defect; seconds would be
    assert took < 5, f"{took:.2f} s"
    # Connections of the dead worker break, each client's at most once; nothing else does.
    assert len(load.failures) <= len(load.threads), load.failures
    died = events(server, "worker.died")[-1]
    assert died["signal"] == signal.SIGKILL and died["plugin"] is None, died
    assert metric(server, "juxin_worker_restarts_total") >= 1


def test_reload_under_load_loses_nothing():
    pid = server.process.pid
    load = Load(server)
    wait_until(lambda: load.answered > 20, 10, "load")
    for _ in range(3):
        generation = server.admin().get("/readyz").json["generation"]
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: settled(server, generation + 1), 30, "the next generation")
        answered = load.answered
        wait_until(lambda: load.answered > answered + 20, 10, "more answers")
    load.stop()
    assert not load.failures, load.failures[:5]
    assert server.process.pid == pid and server.process.poll() is None
    assert not events(server, "worker.died")[1:], "only the one that the test before killed"


def test_reload_takes_a_new_certificate():
    own = Server(workers=1)
    for name, at in (("certificate", 0), ("key", 1)):
        path = os.path.join(own.directory, "own." + name)
        with open(certificate()[at], "rb") as source, open(path, "wb") as out:
            out.write(source.read())
        own.config["tls"][name] = path
    own.write_config()
    own.start()
    before = ssl.get_server_certificate(("127.0.0.1", own.port))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=second", "-keyout", own.config["tls"]["key"],
                    "-out", own.config["tls"]["certificate"]], check=True, capture_output=True)
    assert ssl.get_server_certificate(("127.0.0.1", own.port)) == before
    assert own.ctl("reload").returncode == 0
    wait_until(lambda: ssl.get_server_certificate(("127.0.0.1", own.port)) != before, 15, "the new certificate")
    own.stop()


def test_reload_of_bad_configuration_is_refused():
    own = Server(workers=1).start()
    good = dict(own.config)
    own.config = dict(good, wokers=3)
    own.write_config()
    own.process.send_signal(signal.SIGHUP)
    wait_until(lambda: events(own, "reload.refused"), 10, "the refusal")
    assert "/wokers: unknown key" in own.log()
    assert own.ready() and metric(own, "juxin_generation") == 1
    own.config = dict(good, workers=2)
    own.write_config()
    own.process.send_signal(signal.SIGHUP)
    wait_until(lambda: settled(own, 2), 15, "two workers")
    own.config = dict(good, workers=1)
    own.write_config()
    own.process.send_signal(signal.SIGHUP)
    wait_until(lambda: settled(own, 3, 1), 15, "one worker again")
    for _ in range(10):
        assert own.client().get("/livez").status == 200
    own.stop()


def test_term_drains():
    own = Server(workers=1).start()
    with own.raw() as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
        own.process.send_signal(signal.SIGTERM)
        wait_until(lambda: events(own, "worker.draining"), 5, "draining")
        connection.sendall(b"\r\n")
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in answer, answer
    own.stop()


def test_workers_follow_a_killed_master():
    own = Server(workers=2).start()
    own.kill()
    assert len(events(own, "worker.master_gone")) == 2
    own.start()
    assert own.client().get("/livez").status == 200
    own.stop()


def test_a_second_server_on_the_port_is_refused():
    own = Server(workers=1, database=False)
    own.config["database"] = server.config["database"]
    own.config["listen"] = server.config["listen"]
    own.write_config()
    done = subprocess.run([prefix() + "/bin/juxind", "--config", own.config_file], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 1 and "start.cannot_listen" in done.stderr, done.stderr
    assert f"127.0.0.1 port {server.port}: Address already in use" in done.stderr, done.stderr


def test_bad_configuration_names_the_pointer():
    own = Server(workers=1, database=False)
    own.config["limits"] = {"header_bytes": 10, "headers": 1}
    own.write_config()
    for command in (["juxind", "--config", own.config_file], ["juxind", "--config", own.config_file, "--check"],
                    ["juxinctl", "--config", own.config_file, "config", "check"]):
        done = subprocess.run([f"{prefix()}/bin/{command[0]}", *command[1:]], capture_output=True, text=True, timeout=30)
        assert done.returncode in (1, 2), done
        assert "/limits/header_bytes: expected a whole number from 1024 to 1048576" in done.stderr, done.stderr
        assert "/limits/headers: unknown key; accepted here: header_bytes, " in done.stderr, done.stderr


def test_check_names_what_is_wrong():
    own = Server(workers=1, database=False)
    own.config["database"] = {"app": "host=/nowhere user=a dbname=b"}
    own.config["tls"] = {"certificate": "/nowhere/c.pem", "key": "/nowhere/k.pem"}
    own.write_config()
    done = subprocess.run([prefix() + "/bin/juxind", "--config", own.config_file, "--check"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 1
    assert "/tls: /nowhere/c.pem" in done.stderr and "/database/app: no connection" in done.stderr, done.stderr


def test_exit_codes():
    assert server.ctl("nonsense", check=False).returncode == 2
    assert server.ctl("tenant", check=False).returncode == 2
    assert server.ctl("tenant", "create", check=False).returncode == 2
    assert server.ctl("tenant", "create", "a", "--nam", "x", check=False).returncode == 2
    assert server.ctl("tenant", "create", "Not A Slug", "--name", "x", check=False).returncode == 2
    assert server.ctl("tenant", "create", "exits", "--name", "退出").returncode == 0
    again = server.ctl("tenant", "create", "exits", "--name", "退出", check=False)
    assert again.returncode == 4 and "already" in again.stderr, again
    missing = server.ctl("unit", "list", "nobody", check=False)
    assert missing.returncode == 3 and "tenant list" in missing.stderr, missing
    own = Server(workers=1, database=False)
    own.config["database"] = {"app": "host=/nowhere user=a dbname=b"}
    own.write_config()
    lost = own.ctl("tenant", "list", check=False)
    assert lost.returncode == 5, lost
    assert own.ctl("health", check=False).returncode == 3


def test_help_teaches():
    overview = server.ctl("help").stdout
    for line in overview.splitlines():
        if line.startswith("  "):
            command = re.split(r" {2,}", line.strip())[0]
            done = server.ctl("help", *command.split())
            assert done.stdout.startswith(f"usage: juxinctl {command}"), done.stdout
            assert f"  juxinctl {command}" in done.stdout, f"{command} has no example"


if __name__ == "__main__":
    main()
