"""A server with the plugin of tests/fixtures/flow, a small tree, its people and departments: for tests of what happens to records on
their way."""
import contextlib
import json
import os
import shutil
import uuid

from lib import harness
from lib.people import make_people
from lib.server import ROOT, Server

R = "matters/matter"
UNITS = [("k", "county", None), ("s1", "street", "k"), ("s2", "street", "k"), ("c1", "community", "s1"), ("c3", "community", "s2")]


def problem(answer, status, code, pointer=None):
    assert answer.status == status and (pointer or answer.json["code"] == code), answer
    if pointer:
        assert [e["code"] for e in answer.json["errors"] if e["pointer"] == pointer] == [code], answer
    return answer.json


class Matters:
    def __init__(self, *more):
        """more: further people, (login, role, unit)."""
        self.server = server = Server(config={}, database=False)
        plugins = os.path.join(server.directory, "plugins")
        shutil.copytree(ROOT / "tests/fixtures/flow", plugins)
        server.config["plugins"]["directory"] = plugins
        server.write_config()
        server.make_database()
        server.ctl("tenant", "create", "one", "--name", "壹")
        tree = os.path.join(server.directory, "tree.json")
        with open(tree, "w", encoding="utf-8") as out:
            json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
        server.ctl("unit", "import", "one", tree)
        officers = (("county", "k"), ("s1", "s1"), ("s2", "s2"), ("c1", "c1"))
        members = (("member", "c1"), ("second", "c1"))
        handlers = (("d1", "h1"), ("d1", "head1", "--head"), ("d2", "h2"), ("d3", "h3"))
        logins = [o[0] for o in officers + members] + [h[1] for h in handlers] + ["nobody"] + [m[0] for m in more]
        self.people = make_people(server, "one", *dict.fromkeys(logins))
        for login, unit in officers:
            self.grant(login, "matters_officer", unit)
        for login, unit in members:
            self.grant(login, "matters_member", unit)
        for login, role, unit in more:
            self.grant(login, role, unit)
        for code in ("d1", "d2", "d3"):
            server.ctl("department", "create", "one", code, "--name", code.upper(), "--unit", "k")
        for code, login, *head in handlers:
            server.ctl("department", "add", "one", code, login, *head)
            self.grant(login, "matters_department", "k")
        self.departments = dict(server.psql("SELECT code, id FROM juxin.department WHERE tenant_id = 1"))
        self.accounts = dict(server.psql("SELECT login, id FROM juxin.account WHERE tenant_id = 1"))
        server.start()

    def grant(self, login, role, unit):
        self.server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")

    @contextlib.contextmanager
    def off(self, unit):
        rule = self.server.ctl_json("plugin", "policy", "one", "matters", "--unit", unit, "--rule", "off", "--reason", "测试")["id"]
        try:
            yield
        finally:
            self.server.ctl("plugin", "policy", "one", "matters", "--end", rule)

    def create(self, login="c1", unit="c1", **fields):
        made = self.people[login].post(R, dict({"title": "路灯 " + uuid.uuid4().hex[:6], "unit": unit}, **fields))
        assert made.status == 201, made
        return made.json["id"]

    def seen(self, record, login="county"):
        answer = self.people[login].get(f"{R}/{record}")
        assert answer.status == 200, answer
        return answer.json

    def version(self, record):
        return int(self.server.psql(f"SELECT version FROM px_matters.matter WHERE id = '{record}'")[0][0])

    def ask(self, login, record, name, etag=None, **body):
        etag = etag or self.version(record)
        return self.people[login].post(f"{R}/{record}/transitions/{name}", body, headers={"If-Match": f'"{etag}"'})

    def take(self, login, record, name, **body):
        answer = self.ask(login, record, name, **body)
        assert answer.status == 200, answer
        return answer.json

    def offered(self, login, record):
        answer = self.people[login].get(f"{R}/{record}/transitions")
        assert answer.status == 200, answer
        return {t["name"]: t for t in answer.json["items"]}

    def history(self, record, login="county"):
        answer = self.people[login].get(f"{R}/{record}/history")
        assert answer.status == 200, answer
        return answer.json["items"]

    def assigned(self, helpers=(), days=10, **fields):
        """A matter that the county has assigned to d1."""
        record = self.create("county", "k", **fields)
        self.take("county", record, "screen")
        self.take("county", record, "assign", lead=self.departments["d1"], helpers=[self.departments[d] for d in helpers], days=days)
        return record

    def notices(self, login):
        answer = self.people[login].get("notifications?limit=200")
        assert answer.status == 200, answer
        return answer.json["items"]

    def job_done(self, job, login, state="done"):
        def ended():
            found = self.people[login].get(f"jobs/{job}").json
            return found if found["state"] not in ("waiting", "running") else None

        found = harness.wait_until(ended, 120, f"the end of job {job}")
        assert found["state"] == state, found
        return found
