# A server with the plugin that fails on demand (tests/plugins/fault): what it is to do where, and what the master says of it.
import json
import os
import pathlib
import shutil
import subprocess
import time
from datetime import datetime

from . import harness
from .server import ROOT, Server, prefix

API = "/t/one/api/v1/"
MARK = b"FAULT-PLAN-HERE:"
# What ends a worker, and what the master calls it.
FATAL = {"crash": "Segmentation fault", "abort": "Aborted", "exit": "exit", "_exit": "exit",
         "overflow": "Segmentation fault", "badpointer": "Segmentation fault", "loop": "plugin.ran_too_long"}
_object = None


def fault_object():
    """The plugin, compiled once for a file of tests; without stack clash protection, as a careless author would."""
    global _object
    if _object is None:
        _object = pathlib.Path(harness.scratch()) / "fault.so"
        subprocess.run(["cc", "-std=gnu11", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-Wno-infinite-recursion",
                        "-fno-stack-clash-protection", "-I" + prefix() + "/include", "-o", _object,
                        ROOT / "tests/plugins/fault/fault.c"], check=True)
    return _object


class FaultServer(Server):
    """Two tenants with a county and two streets each; the plugin is on at street 11. provoker is signed in as who may."""

    def __init__(self, workers=2, config=None, manifest=None):
        plugins = os.path.join(harness.scratch(), f"plugins{time.monotonic_ns()}")
        merged = {"plugins": {"directory": plugins}}
        merged.update(config or {})
        # A sanitizer would catch the signals wanted here, and take what the plugin leaks on purpose for the server's.
        options = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0:handle_abort=0:detect_leaks=0"
        super().__init__(workers=workers, config=merged, environment={"ASAN_OPTIONS": options})
        self.plugin_home = pathlib.Path(plugins) / "fault"
        shutil.copytree(ROOT / "tests/plugins/fault", self.plugin_home, ignore=shutil.ignore_patterns("*.c"))
        if manifest:
            declared = json.loads((self.plugin_home / "plugin.json").read_text(encoding="utf-8"))
            (self.plugin_home / "plugin.json").write_text(json.dumps(dict(declared, **manifest), ensure_ascii=False),
                                                   encoding="utf-8")
        self.write_plan("")
        for path in [self.plugin_home.parent, *self.plugin_home.parent.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        self._read, self._lines, self.back_ms = 0, [], []

    def populate(self):
        tree = os.path.join(self.directory, "tree.json")
        with open(tree, "w", encoding="utf-8") as out:
            json.dump({"units": [{"code": "1", "name": "区", "level": "county", "parent": None},
                                 {"code": "11", "name": "东街道", "level": "street", "parent": "1"},
                                 {"code": "12", "name": "西街道", "level": "street", "parent": "1"}]}, out)
        passwords = {}
        for tenant in ("one", "two"):
            self.ctl("tenant", "create", tenant, "--name", tenant)
            self.ctl("unit", "import", tenant, tree)
            self.ctl("plugin", "policy", tenant, "fault", "--unit", "11", "--rule", "on")
            said = self.ctl_json("user", "create", tenant, "provoker", "--name", "P", "--generate")
            passwords[tenant] = said["password"]
            self.ctl("grant", "add", tenant, "--user", "provoker", "--role", "faulter", "--unit", "1", "--reach", "subtree")
        return passwords

    def begin(self):
        """Starts it, signs in, leaves a record in the second tenant; returns self."""
        passwords = self.populate()
        self.start()
        self.provoker = self.sign_in("one", passwords["one"])
        self.units = {u["code"]: u["id"] for u in self.provoker.get(API + "units").json["items"]}
        neighbour = self.sign_in("two", passwords["two"])
        unit = neighbour.get("/t/two/api/v1/units?code=11").json["items"][0]["id"]
        made = neighbour.post("/t/two/api/v1/fault/thing", {"title": "canary of two", "unit": unit})
        assert made.status == 201, made
        self.canary = made.json["id"]
        self.set("other", self.canary)
        return self

    def sign_in(self, tenant, password):
        client = self.client()

        def signed_in():  # hashing has the lowest priority: on a busy machine it may take longer than a request may
            answer = client.post(f"/t/{tenant}/api/v1/session", {"login": "provoker", "password": password})
            assert answer.status in (200, 201, 503, 504), answer
            return answer if answer.status < 300 else None

        answer = harness.wait_until(signed_in, 60, "a session")
        client.csrf = answer.json.get("csrf_token") or answer.json.get("csrf") or client.csrf
        return client

    def set(self, key, value):
        """A setting of the plugin's in the first tenant, known to every worker with its next request."""
        self.psql(f"""INSERT INTO juxin.plugin_setting (tenant_id, unit_id, plugin, key, value)
                      SELECT tenant_id, id, 'fault', '{key}', '{value}' FROM juxin.unit WHERE tenant_id = 1 AND code = '1'
                      ON CONFLICT (tenant_id, plugin, unit_id, key) DO UPDATE SET value = EXCLUDED.value;
                      UPDATE juxin.epoch SET n = n + 1 WHERE tenant_id = 1""")

    def plan(self, fault, hook):
        self.set("plan", f"{fault}@{hook}" if fault else "")

    def write_plan(self, plan):
        """For what runs without a call: into the object itself, which thereby is another build."""
        content = fault_object().read_bytes()
        assert content.count(MARK) == 1
        content = content.replace(MARK + bytes(48), plan.encode().ljust(64, b"\0"))
        temporary = self.plugin_home / "fault.so.new"
        temporary.write_bytes(content)
        temporary.chmod(0o644)
        os.rename(temporary, self.plugin_home / "fault.so")

    def create(self, title="a", unit="11", client=None, **more):
        return (client or self.provoker).post(API + "fault/thing", {"title": title, "unit": self.units[unit]}, **more)

    # ---- the log --------------------------------------------------------------------------------------------------------

    def events(self):
        """All events so far; reads only what is new."""
        with open(self.log_file, "rb") as log:
            log.seek(self._read)
            new = log.read()
        whole = new.rpartition(b"\n")[0] + b"\n" if b"\n" in new else b""
        self._read += len(whole)
        for line in whole.split(b"\n"):
            if line.startswith(b"{"):
                self._lines.append(json.loads(line))
        return self._lines

    def mark(self):
        return len(self.events())

    def since(self, mark, name, **fields):
        return [e for e in self.events()[mark:] if e["event"] == name and all(e.get(k) == v for k, v in fields.items())]

    def await_event(self, mark, name, seconds=20, **fields):
        return harness.wait_until(lambda: self.since(mark, name, **fields), seconds, f"{name} {fields}")[0]

    # ---- what a fatal fault has to lead to ----------------------------------------------------------------------------------

    def expect_death(self, mark, hook, what, seconds=20):
        """The worker's death is attributed to this hook; its successor is ready. Returns after how many milliseconds."""
        died = self.await_event(mark, "worker.died", seconds, plugin="fault", hook=hook)
        self.await_event(mark, "plugin.crashed", seconds, plugin="fault", hook=hook, what=what)
        at = self.events().index(died)
        ready = self.await_event(at, "worker.ready", 20, worker=died["worker"])
        took = (moment(ready) - moment(died)) * 1000
        self.back_ms.append(took)
        self.forgive()
        return took

    def forgive(self):
        """Crashes asked for add up to no quarantine: as if each were the first within the hour."""
        try:
            os.unlink(os.path.join(self.directory, "quarantine.json"))
        except FileNotFoundError:
            pass

    def print_back(self):
        """How fast workers were back; the promise is less than a second, on a machine that has nothing else to do."""
        times = sorted(self.back_ms)
        print(f"   {len(times)} workers ended; back after {times[0]:.0f} to {times[-1]:.0f} ms, "
              f"median {times[len(times) // 2]:.0f} ms")
        assert times[len(times) // 2] < 1000, times
        assert times[-1] < 8000, times


def moment(event):
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def broken(function, *arguments, **more):
    """True when the connection ended without an answer; the answer where there was one."""
    try:
        return function(*arguments, **more)
    except OSError:
        return True
    except Exception as error:  # http.client's own words for the same
        if type(error).__name__ in ("RemoteDisconnected", "BadStatusLine", "IncompleteRead"):
            return True
        raise
