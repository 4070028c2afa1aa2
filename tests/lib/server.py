# A juxind of a test's own: fresh database, free loopback ports, configuration, start, readiness, stop.
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess

from . import harness, postgres
from .client import Client, raw_exchange, raw_socket

ROOT = pathlib.Path(__file__).resolve().parents[2]
_prefix = None
_number = 0
_certificate = None
_used_ports = set()
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|AddressSanitizer:DEADLYSIGNAL")


def prefix():
    """Where the programs under test are installed: by tests/run, else from $JUXIN_BUILD or ./build."""
    global _prefix
    if _prefix is None:
        _prefix = os.environ.get("JUXIN_TEST_PREFIX")
    if _prefix is None:
        build = os.environ.get("JUXIN_BUILD", str(ROOT / "build"))
        target = os.path.join(harness.scratch(), "root")
        subprocess.run(["meson", "install", "-C", build, "--quiet", "--destdir", target], check=True,
                       stdout=subprocess.DEVNULL)
        options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                                            capture_output=True).stdout)
        _prefix = target + [o["value"] for o in options if o["name"] == "prefix"][0]
    return _prefix


def free_port():
    """A loopback port nobody has, and that this file was not given before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _used_ports:
            _used_ports.add(port)
            return port


def certificate():
    """A self-signed certificate and its key, one pair per file of tests."""
    global _certificate
    if _certificate is None:
        key, cert = (os.path.join(harness.scratch(), n) for n in ("tls.key", "tls.crt"))
        postgres.shell('. "$1/certificate.sh"; make_certificate "$2" "$3"; ! is_root || chgrp juxin "$3"; '
                       'chmod 0640 "$3"', postgres.LIB, cert, key)
        _certificate = (cert, key)
    return _certificate


def service_user():
    return "juxin" if os.geteuid() == 0 else None


class Server:
    """Server(workers=1, config={"limits": {...}}): config is merged into the generated one. start() waits until ready."""

    def __init__(self, workers=2, config=None, database=True, environment=None, cluster=None, home=None):
        """cluster: a Cluster of the test's own instead of the run's; home: the same for the installed programs."""
        global _number
        _number += 1
        if service_user():
            postgres.shell("ensure_user juxin")
        self.directory = os.path.join(harness.scratch(), f"server{_number}")
        os.mkdir(self.directory, 0o755)
        self.database = f"t{os.getpid()}_{secrets.token_hex(4)}"  # process ids come round again within a run
        self.port, self.plain_port, self.admin_port = free_port(), free_port(), free_port()
        self.config_file = os.path.join(self.directory, "juxin.json")
        self.log_file = os.path.join(self.directory, "juxind.log")
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        self.cluster = cluster or postgres
        self.home = home or prefix()
        self.through = []  # a command that runs juxind, such as ["prlimit", "--nofile=256"]
        self.config = self._configuration(workers)
        merge(self.config, config or {})
        self.write_config()
        if database:
            self.make_database()
        harness.on_exit(self.stop)

    def _configuration(self, workers):
        cert, key = certificate()
        home = self.home
        config = {
            "state_dir": self.directory,
            "install_dir": home,
            "listen": [{"address": "127.0.0.1", "port": self.port, "tls": True},
                       {"address": "127.0.0.1", "port": self.plain_port, "tls": False}],
            "admin_listen": {"address": "127.0.0.1", "port": self.admin_port},
            "tls": {"certificate": cert, "key": key},
            "workers": workers,
            "keys": {"file": os.path.join(self.directory, "keys.json")},
            "plugins": {"directory": home + "/lib/juxin/plugins", "mode": "development",
                        "trust": os.path.join(self.directory, "trust.json")},
            "migrations": home + "/share/juxin/migrations",
            "log": {"level": "info"},
        }
        if service_user():
            config["user"] = service_user()
        return config

    def write_config(self):
        with open(self.config_file, "w", encoding="utf-8") as out:
            json.dump(self.config, out, indent=2)
        os.chmod(self.config_file, 0o640)
        if service_user():
            shutil.chown(self.config_file, group=service_user())

    def make_database(self):
        self.ctl("database", "init", "--superuser", self.cluster.conninfo(), "--name", self.database)
        self.ctl("migrate")
        with open(self.config_file, encoding="utf-8") as text:
            self.config = json.load(text)

    def ctl(self, *arguments, input=None, check=True):
        """juxinctl; returns the finished process, or fails with what it said."""
        done = subprocess.run([self.home + "/bin/juxinctl", "--config", self.config_file, *map(str, arguments)],
                              input=input, capture_output=True, text=True, env=self.environment, timeout=120)
        if check and done.returncode:
            raise AssertionError(f"juxinctl {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def ctl_json(self, *arguments, **more):
        return json.loads(self.ctl(*arguments, "--json", **more).stdout)

    def psql(self, sql, **more):
        """As the cluster's superuser, whom row-level security does not bind."""
        return self.cluster.psql(sql, self.database, **more)

    def start(self, seconds=30):
        self.start_without_waiting()
        harness.wait_until(self._is_ready, seconds, "readiness of juxind")
        return self

    def start_without_waiting(self):
        with open(self.log_file, "ab") as log:
            self.process = harness.start_process([*self.through, self.home + "/bin/juxind", "--config", self.config_file],
                                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                 env=self.environment, start_new_session=True)

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"juxind ended with {self.process.returncode} before it was ready:\n{self.tail()}")
        return self.ready()

    def ready(self):
        try:
            return self.admin().get("/readyz", timeout=5).status == 200
        except OSError:
            return False

    def stop(self, seconds=30):
        """Drains; fails when the server ends badly, leaves a process, or a sanitizer had something to say."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"juxind did not drain within {seconds} s:\n{self.tail()}")
        report = SANITIZER.search(self.log())
        assert not report, f"sanitizer report:\n{self.log()[report.start() - 200:][:6000]}"
        assert status == 0, f"juxind ended with {status}:\n{self.tail()}"
        harness.wait_until(lambda: not group_alive(process.pid), 10, "end of all workers")

    def kill(self):
        """kill -9 of the master; the workers notice by themselves."""
        process, self.process = self.process, None
        process.kill()
        process.wait()
        harness.wait_until(lambda: not group_alive(process.pid), 30, "end of orphaned workers")

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as text:
            return text.read()

    def tail(self, lines=25):
        return "\n".join(self.log().splitlines()[-lines:])

    def client(self, **more):
        return Client(self.port, certificate()[0], **more)

    def admin(self):
        return Client(self.admin_port)

    def raw(self, tls=False, timeout=30):
        return raw_socket(self.port if tls else self.plain_port, certificate()[0] if tls else None, timeout=timeout)

    def exchange(self, data, tls=False, timeout=30):
        port = self.port if tls else self.plain_port
        return raw_exchange(port, data, certificate()[0] if tls else None, timeout)


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value


def group_alive(group):
    """True while any process of the group runs; zombies waiting for init do not count."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    fields = stat.read().rpartition(") ")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                return True
    return False
