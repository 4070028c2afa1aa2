# Two districts in one server, alike in everything and full of canaries: each text of the one says its name, each number
# and id of the one is in no row of the other. What may tell them apart, and what belongs to whom, is asked of here.
import base64
import hmac
import itertools
import json
import os
import re
import shutil
import subprocess
import time
import uuid

from . import files, harness, postgres, sheets
from .client import Client
from .plugins import install
from .server import ROOT, Server, prefix

ALPHA, BRAVO = "alpha", "bravo"
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEX = re.compile(rb"\b[0-9a-f]{64}\b")
UNITS = [("k", "county", None), ("s1", "street", "k"), ("s2", "street", "k"), ("c1", "community", "s1"),
         ("c2", "community", "s1"), ("c3", "community", "s2"), ("p1", "park", "s1")]
SENTENCE = "的会员在此提出的事项"
_number = itertools.count(1)


def install_plugins(directory):
    """The declared one of the tests, the one that ships, and the probe: routes, providers, actions."""
    os.makedirs(directory)
    shutil.copytree(ROOT / "tests/fixtures/plugins/works", os.path.join(directory, "works"))
    shutil.copytree(os.path.join(prefix(), "lib/juxin/plugins/suggestions"), os.path.join(directory, "suggestions"))
    probe = os.path.join(directory, "probe")
    shutil.copytree(ROOT / "tests/plugins/probe", probe)
    subprocess.run(["cc", "-std=c11", "-g", "-fPIC", "-shared", "-fvisibility=hidden", "-I" + prefix() + "/include",
                    "-o", probe + "/probe.so", probe + "/probe.c"], check=True)
    for where, folders, files in os.walk(directory):
        for name in folders + files:
            path = os.path.join(where, name)
            os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)


# What plugins of tests/plugins that a test adds declare.
MORE = {"every": ["every/case"], "rider": ["rider/remark"], "register": ["register/person"]}


def fresh_name():
    return f"n{next(_number)}"


class District:
    """One of the two. `boss` may everything everywhere in it."""

    def __init__(self, server, slug, more=()):
        self.server, self.slug, self.more = server, slug, more
        self.prefix = f"/t/{slug}/api/v1"
        self.letters = slug[:2].upper()
        self.phone = {ALPHA: "13911111111", BRAVO: "13922222222"}[slug]
        self.units, self.passwords, self.seats = {}, {}, {}
        self.boss = self.session = self.other = self.own_field = None

    # ---- before the server starts ----

    def lay_out(self, directory):
        ctl, slug = self.server.ctl, self.slug
        ctl("tenant", "create", slug, "--name", f"{slug} 区")
        self.id = int(self.server.psql(f"SELECT id FROM juxin.tenant WHERE slug = '{slug}'")[0][0])
        tree = os.path.join(directory, slug + ".json")
        with open(tree, "w", encoding="utf-8") as out:
            json.dump({"units": [{"code": f"{slug}-{c}", "name": f"{slug} {c}", "level": l,
                                  "parent": p and f"{slug}-{p}"} for c, l, p in UNITS]}, out)
        ctl("unit", "import", slug, tree)
        for row in self.server.psql(f"SELECT code, id FROM juxin.unit WHERE tenant_id = {self.id}"):
            self.units[row[0].split("-")[1]] = row[1]
        for code in ("d1", "d2"):
            ctl("department", "create", slug, f"{slug}-{code}", "--name", f"{slug} {code}", "--unit", f"{slug}-k")
        for plugin in ("works", "suggestions", "probe", *self.more):
            ctl("plugin", "policy", slug, plugin, "--unit", f"{slug}-k", "--rule", "on", "--reach", "subtree",
                "--reason", f"{slug} {plugin}")
        ctl("tenant", "setting", slug, "two_person_unit_events", "off")
        self.account("boss")
        ctl("department", "add", slug, f"{slug}-d1", f"{slug}.boss", "--head")
        ctl("department", "add", slug, f"{slug}-d2", f"{slug}.boss")
        ctl("grant", "add", slug, "--user", f"{slug}.boss", "--role", "administrator", "--unit", f"{slug}-k", "--reach",
            "subtree")

    def account(self, name):
        login = f"{self.slug}.{name}"
        made = self.server.ctl_json("user", "create", self.slug, login, "--name", login, "--generate")
        self.passwords[name] = made["password"]
        return made["id"]

    # ---- afterwards ----

    def client(self, **more):
        """A visitor over plain HTTP: a handshake per request is not what is tested with these."""
        return Client(self.server.plain_port, **more)

    def sign_in(self, name="boss"):
        client = self.client()
        answer = client.post(self.prefix + "/session", {"login": f"{self.slug}.{name}", "password": self.passwords[name]},
                             headers={"User-Agent": f"{self.slug} browser"})
        assert answer.status == 201, answer
        client.csrf, client.account, client.session = (answer.json[k] for k in ("csrf_token", "account", "id"))
        return client

    def give_everything(self):
        """A role of every permission there is, the plugins' as well, at the root; nobody could be granted it by less."""
        sql = self.server.psql
        role = str(uuid.uuid4())
        names = [p["name"] for p in self.call("GET", "/permissions").json["items"]]
        sql(f"INSERT INTO juxin.role (tenant_id, id, name, label_zh, label_en) VALUES ({self.id}, '{role}', "
            f"'{self.slug}-all', '{self.slug} 全部', '{self.slug} all'); INSERT INTO juxin.role_permission SELECT "
            f"{self.id}, '{role}', unnest('{{{','.join(names)}}}'::text[])")
        self.server.ctl("grant", "add", self.slug, "--user", f"{self.slug}.boss", "--role", f"{self.slug}-all", "--unit",
                        f"{self.slug}-k", "--reach", "subtree")

    def second(self):
        """Another person with all rights and in the same department, for what takes two."""
        if self.other is None:
            self.account("deputy")
            for more in (("department", "add", self.slug, f"{self.slug}-d1", f"{self.slug}.deputy", "--head"),
                         ("grant", "add", self.slug, "--user", f"{self.slug}.deputy", "--role", f"{self.slug}-all", "--unit",
                          f"{self.slug}-k", "--reach", "subtree")):
                self.server.ctl(*more)
            self.other = self.sign_in("deputy")
        return self.other

    def call(self, method, path, body=None, status=(200, 201, 204), **more):
        answer = self.boss.request(method, self.prefix + path, body, **more)
        assert answer.status in status, (method, path, body, answer)
        return answer

    def one(self, sql):
        """The first column of the first row; over a session kept open, since walks ask for a lot."""
        if self.session is None:
            self.session = postgres.Session(self.server.database)
        rows = self.session.run(sql.format(t=self.id))
        assert rows, sql
        return rows[0].split("|")[0]

    def fresh_text(self, name):
        n = fresh_name()
        return f"{self.slug}.{n}" if name == "login" else f"{self.slug}-{n}"

    # Something new of each kind, by its id: what a test may move, close or end.

    def fresh_unit(self, level="park", parent="s1"):
        name = fresh_name()
        return self.call("POST", "/units", {"code": f"{self.slug}-{name}", "name": f"{self.slug} {name}", "level": level,
                                            "parent": self.units[parent]}).json["id"]

    def fresh_department(self):
        name = fresh_name()
        return self.call("POST", "/departments", {"code": f"{self.slug}-{name}", "name": f"{self.slug} {name}",
                                                  "unit": self.units["k"]}).json["id"]

    def fresh_account(self):
        """Through the database: nobody signs in as this one, so no password is hashed for it."""
        name = f"{self.slug}.{fresh_name()}"
        return self.one("INSERT INTO juxin.account (tenant_id, id, login, display_name, unit_id, password_hash) VALUES "
                        f"({{t}}, '{new_id()}', '{name}', '{name}', '{self.units['s1']}', 'none') RETURNING id")

    def fresh_role(self):
        name = fresh_name()
        return self.call("POST", "/roles", {"name": f"{self.slug}-{name}", "label_zh": f"{self.slug} {name}",
                                            "permissions": ["core.unit.read"]}).json["id"]

    def fresh_grant(self):
        return self.call("POST", "/grants", {"account": self.fresh_account(), "role": self.ids["role"],
                                             "unit": self.units["s1"], "reach": "self"}).json["id"]

    def fresh_post(self):
        return self.call("POST", "/posts", {"kind": "leader", "unit": self.units["s1"], "title": f"{self.slug} {fresh_name()}",
                                            "seats": 2}).json["id"]

    def fresh_tenure(self, post):
        return self.call("POST", f"/posts/{post}/tenures", {"account": self.clerk, "reason": f"{self.slug} {fresh_name()}"},
                         headers={"If-Match": '"1"'}).json["id"]

    def fresh_council(self):
        """With a post of its own, which `seats` names."""
        name = f"{self.slug} {fresh_name()}"
        made = self.call("POST", "/councils", {"unit": self.units["s1"], "name": name}).json["id"]
        self.seats[made] = self.call("POST", "/posts", {"kind": "council", "council": made, "unit": self.units["s1"], "title": name,
                                                        "seats": 3}).json["id"]
        return made

    def roll_over(self, council):
        body = {"name": f"{self.slug} {fresh_name()}", "from": "2026-01-01", "seats": [
            {"post": self.seats[council], "account": self.clerk}]}
        plan = self.call("POST", f"/councils/{council}/rollover/preview", body)
        self.call("POST", f"/councils/{council}/rollover", body, headers={"If-Match": plan.headers["ETag"]})

    def fresh_event(self, before="resume"):
        """A merge: one that another person asked for, or one that is over."""
        asked = before in ("approve", "refuse")
        who = self.second() if asked else self.boss
        body = {"kind": "merge", "from": [self.fresh_unit("community")], "into": self.units["c3"], "reason": f"{self.slug} {fresh_name()}"}
        self.call("POST", "/works/item", dict(self.record("works/item"), unit=body["from"][0]))
        if asked:
            self.server.psql(f"UPDATE juxin.tenant_setting SET value = 'on' WHERE tenant_id = {self.id}")
        plan = who.post(self.prefix + "/unit-events/preview", body)
        made = who.post(self.prefix + "/unit-events", body, headers={"If-Match": plan.headers["ETag"]})
        self.server.psql(f"UPDATE juxin.tenant_setting SET value = 'off' WHERE tenant_id = {self.id}")
        assert made.status == 201, (plan, made)
        if not asked:
            harness.wait_until(lambda: self.call("GET", f"/unit-events/{made.json['id']}").json["state"] == "done", 60, "a merge")
        return made.json["id"]

    def fresh_token(self):
        return self.call("POST", "/tokens", {"name": f"{self.slug} {fresh_name()}"}).json["id"]

    def fresh_session(self):
        return self.one("INSERT INTO juxin.session (tenant_id, token_hash, id, account_id, idle_until, absolute_until) "
                        f"VALUES ({{t}}, '{uuid.uuid4().hex}', '{new_id()}', '{self.boss.account}', "
                        "now() + interval '1 hour', now() + interval '1 hour') RETURNING id")

    def fresh_job(self):
        """Due in a year: nobody runs it meanwhile."""
        return self.one("INSERT INTO juxin.job (tenant_id, id, kind, unit_id, result, run_at, created_by, created_at) VALUES ({t}"
                        f", '{new_id()}', '{self.slug}', '{self.units['c1']}', '{{{{\"{self.slug}\": 1}}}}', now() + interval "
                        f"'1 year', '{self.boss.account}', now()) RETURNING id")

    def fresh_endpoint(self):
        """Turned off: nothing is sent by itself."""
        made = self.call("POST", "/endpoints", {"name": f"{self.slug} {fresh_name()}", "url": f"https://localhost:1/{self.slug}",
                                                "events": ["works.item"], "unit": self.units["s1"]}).json["id"]
        self.one(f"UPDATE juxin.endpoint SET state = 'off' WHERE id = '{made}' RETURNING id")
        return made

    def fresh_channel(self):
        """Turned off, with two notes of messages."""
        made = self.call("POST", "/channels", {"name": f"{self.slug} {fresh_name()}", "kind": "sms", "config": {
            "url": f"https://localhost:1/{self.slug}", "templates": {"code": {"id": "1"}}, "success": {"pointer": "/a", "equals": [self.slug]}}}).json["id"]
        for _ in range(2):
            self.one("INSERT INTO juxin.message (tenant_id, id, channel_id, what, account_id, masked, state, attempts, next_at, until_at, created_at,"
                     f" ended_at) VALUES ({{t}}, '{new_id()}', '{made}', '{self.slug}', '{self.boss.account}', '{self.slug}', 'accepted', 1, now(),"
                     " now(), now(), now()) RETURNING id")
        return made

    def fresh_contact(self):
        """The boss's, to be confirmed with 123456; none of the codes of this hour was sent yet."""
        with open(self.server.config["keys"]["file"], encoding="ascii") as text:
            keys = json.load(text)
        key = hmac.digest(base64.urlsafe_b64decode(keys["keys"][keys["current"]] + "=="), b"contact", "sha256")
        code = hmac.digest(key, f"{self.id}:{self.boss.account}:sms:123456".encode(), "sha256").hex()
        self.one("DELETE FROM juxin.message WHERE tenant_id = {t} AND what = 'code'; DELETE FROM juxin.contact WHERE tenant_id = {t};"
                 "INSERT INTO juxin.contact (tenant_id, account_id, kind, id, address, masked, code, code_until, created_at) VALUES ({t},"
                 f" '{self.boss.account}', 'sms', '{new_id()}', '{self.slug}', '{self.slug}', '{code}', now() + interval '1 hour', now())"
                 " RETURNING id")

    def fresh_delivery(self, endpoint):
        return self.one("INSERT INTO juxin.delivery (tenant_id, endpoint_id, id, message_id, seq, type, attempt, outcome, ms, at) SELECT"
                        f" {{t}}, '{endpoint}', '{new_id()}', e.id, e.seq, '{self.slug}', 1, 'dead', 1, now() FROM juxin.event e WHERE"
                        f" e.tenant_id = {{t}} AND e.topic = 'record' AND e.seq IS NOT NULL AND e.payload LIKE '%works.item%{self.units['c1']}%'"
                        " ORDER BY e.seq LIMIT 1 RETURNING id")

    def fresh_notification(self):
        """About a record that the boss sees."""
        return self.one("INSERT INTO juxin.notification (tenant_id, account_id, id, kind, resource, record_id, unit_id, params, created_at)"
                        f" SELECT {{t}}, '{self.boss.account}', '{new_id()}', 'progress', 'works.item', r.id, r.unit_id,"
                        f" '{{{{\"number\": \"{self.slug}\"}}}}', now() FROM px_works.item r WHERE r.tenant_id = {{t}}"
                        f" AND r.unit_id = '{self.units['c1']}' ORDER BY r.id LIMIT 1 RETURNING id")

    def fresh_view(self):
        return self.call("POST", "/views", {"resource": "works.item", "name": f"{self.slug} {fresh_name()}",
                                            "query": f"title=eq.{self.slug}", "unit": self.units["s1"]}).json["id"]

    def fresh_policy(self, plugin="works"):
        return self.call("POST", f"/plugins/{plugin}/policies", {"unit": self.fresh_unit(), "rule": "on", "reason":
                                                                 f"{self.slug} {fresh_name()}"}).json["id"]

    def fresh_record(self, resource="works/item", unit="c1", **fields):
        return self.call("POST", "/" + resource, dict(self.record(resource), unit=self.units[unit], **fields)).json["id"]

    def room_for_fields(self):
        """A resource has 20 at most: of those made for one call each, the last few stay. Both workers are to know."""
        self.server.psql(f"DELETE FROM juxin.custom_field f WHERE tenant_id = {self.id} AND id IN (SELECT id FROM juxin.custom_field"
                         f" WHERE tenant_id = {self.id} AND id <> '{self.own_field}' ORDER BY id DESC OFFSET 8) AND NOT EXISTS (SELECT"
                         " FROM juxin.custom_value v WHERE v.tenant_id = f.tenant_id AND v.field_id = f.id);"
                         f" UPDATE juxin.epoch SET n = n + 1 WHERE tenant_id = {self.id}")

    def field(self, **more):
        return dict({"resource": "works.item", "name": "x_" + fresh_name(), "type": "text", "label": {
            "zh-CN": f"{self.slug} 栏", "en": f"{self.slug} field"}}, **more)

    def fresh_field(self, before=None):
        """One that stands to be approved is another person's."""
        self.room_for_fields()
        who, more = self.boss, {}
        if before in ("approve", "refuse"):
            more = {"about_person": True, "purpose": f"{self.slug} 用途", "retention": "P1Y"}
            who = self.second() if before == "approve" else self.boss
        made = who.post(self.prefix + "/fields", self.field(**more))
        assert made.status == 201, made
        if before == "restore":
            self.server.psql(f"UPDATE juxin.custom_field SET state = 'retired' WHERE id = '{made.json['id']}';"
                             f" UPDATE juxin.epoch SET n = n + 1 WHERE tenant_id = {self.id}")
        return made.json["id"]

    def say(self):
        """In the district's own words: a dictionary, a label, a field, and a record with it."""
        said = {"zh-CN": f"{self.slug} 词", "en": f"{self.slug} word"}
        self.call("POST", "/dictionaries", {"name": f"x_{self.slug}", "label": said})
        self.call("PUT", f"/dictionaries/x_{self.slug}/entries", {"entries": [{"code": "a", "label": said}]})
        self.call("PUT", "/labels", {"resource": "works.item", "place": "/states/open", "label": said})
        self.own_field = self.call("POST", "/fields", self.field(name="x_word", filterable=True)).json["id"]
        self.fresh_record(x_word=f"{self.slug} 的话")

    def file(self):
        """(content, name) of one that nobody has yet."""
        name = fresh_name()
        return f"{self.slug} {name} {SENTENCE}\n".encode(), f"{self.slug} {name}.txt"

    def fresh_file(self, resource, record, file=None):
        data, name = file or self.file()
        return self.call("POST", f"/{resource}/{record}/attachments", data,
                         headers={"Content-Disposition": files.disposition(name)}).json["id"]

    def fresh_comment(self, resource, record):
        return self.call("POST", f"/{resource}/{record}/comments", {
            "body": f"{self.slug} {fresh_name()} {SENTENCE}", "internal": False, "mentions": [self.boss.account]}).json["id"]

    def fresh_export(self, resource):
        if resource is None:
            return self.fresh_own_export()
        made = self.call("POST", f"/{resource}/exports", {"format": "csv"}).json["id"]
        harness.wait_until(lambda: self.call("GET", f"/{resource}/exports/{made}").json["state"] == "done", 60, "the export")
        return made

    def of_many(self, resource):
        """A transition that a new record can take, the same for all."""
        flow = next(r for p in self.call("GET", "/meta").json["plugins"] for r in p["resources"] if f"{p['id']}/{r['name']}" == resource)
        return next((t["name"] for t in flow["transitions"] if t["goal"] == "state" and t.get("move") in (None, "parent")
                     and not t["required_fields"]), None)

    def fresh_batch(self, resource):
        """Ready to be begun: one record's, made for it; without a resource, what somebody holds who holds nothing."""
        if resource is None:
            made = self.call("POST", "/handovers", {"from": self.clerk, "to": self.fresh_account()}).json
            harness.wait_until(lambda: self.call("GET", f"/jobs/{made['job']}").json["state"] == "done", 60, "what is held")
            return made["id"]
        return self.call("POST", f"/{resource}/batches", {"transition": self.of_many(resource), "items": [
            {"id": self.fresh_record(resource), "version": 1}]}).json["id"]

    def fresh_import(self, resource, before="run"):
        """With a good row and a bad one; sent only, checked before it runs, brought in before it is undone."""
        good = {k: v for k, v in dict(self.record(resource), unit=self.units["c1"]).items() if isinstance(v, (str, int))}
        rows = [list(good), list(good.values()), [""] * (len(good) - 1) + [self.units["c1"]]]
        path = f"/{resource}/imports"
        made = self.call("POST", path, sheets.write_csv(rows), headers={"Content-Disposition": files.disposition(
            f"{self.slug}.csv")}).json["id"]
        for step in {"run": ("check",), "undo": ("check", "run")}.get(before, ()):
            job = self.call("POST", f"{path}/{made}/{step}", {}).json["job"]
            # What a job has done is seen a moment before the job has ended.
            harness.wait_until(lambda: self.call("GET", f"/jobs/{job}").json["state"] in ("done", "failed", "dead"), 60, step)
        return made

    def fresh_request(self, who=None):
        """Of the boss, or of another client about a record of its own: nobody decides what they asked for themselves."""
        who = who or self.boss
        made = who.post(self.prefix + "/register/person", dict(self.record("register/person"), unit=self.units["c1"],
                                                                account=who.account))
        assert made.status == 201, made
        asked = who.post(self.prefix + "/me/requests", {"resource": "register.person", "record": made.json["id"],
                                                        "reason": f"{self.slug} {fresh_name()}"})
        assert asked.status == 201, asked
        return asked.json["id"]

    def fresh_notice(self):
        name = f"{self.slug}-{fresh_name()}"
        return self.call("POST", "/notices", {"purpose": name, "new_purpose": False, **{
            k: f"{name} {SENTENCE}" for k in ("title_zh", "title_en", "text_zh", "text_en")}}).json["id"]

    def fresh_invitation(self):
        return self.call("POST", "/invitations", {"unit": self.units["c1"], "purpose": self.ids["purpose"]}).json["id"]

    def fresh_paper(self):
        """Consent that the boss gave on paper."""
        return self.call("POST", "/consents", {"account": self.boss.account, "notice": self.fresh_notice(), "filed": self.slug}).json["id"]

    def fresh_consent(self):
        return self.call("POST", "/me/consents", {"notice": self.fresh_notice()}).json["id"]

    def fresh_own_export(self):
        made = self.call("POST", "/me/exports", {"format": "json"}).json["id"]
        harness.wait_until(lambda: self.call("GET", f"/me/exports/{made}").json["state"] == "done", 60, "the export")
        return made

    def fresh_definition(self):
        name = f"{self.slug} {fresh_name()}"
        return self.call("POST", "/report-definitions", {"label_zh": name, "label_en": name, "indicators": ["works.begun"]}).json["id"]

    def fresh_period(self):
        """One that has no report yet."""
        return str(2000 + next(_number) % 7000)

    def fresh_report(self):
        made = self.call("POST", "/reports", {"definition": self.ids["definition"], "unit": self.units["c1"],
                                              "period": self.fresh_period()}).json["id"]
        harness.wait_until(lambda: self.call("GET", f"/reports/{made}").json["state"] == "computed", 60, "the counting")
        return made

    def bring_report(self, report, step):
        """To where the step can be taken by `boss`, past what takes two persons; its ETag."""
        state = {"sign-off": "checked", "freeze": "signed_off", "return": "checked", "correct": "frozen"}.get(step)
        if state:
            frozen = ", frozen_at = now()" if state == "frozen" else ""
            self.one(f"UPDATE juxin.report SET state = '{state}', checked_by = '{self.clerk}'{frozen} WHERE tenant_id = {{t}} AND"
                     f" id = '{report}' RETURNING id")
        return self.call("GET", f"/reports/{report}").headers["ETag"]

    def settle(self):
        """Plugins have done what they do after a commit: no version moves on under a test."""
        harness.wait_until(lambda: self.server.psql(f"SELECT count(*) FROM juxin.outbox WHERE tenant_id = {self.id}") == [["0"]],
                           30, "delivery of all actions")

    def record(self, resource):
        n = next(_number)
        text = f"{self.slug} {n} {SENTENCE}"
        if resource == "works/item":
            return {"title": text[:40], "code": f"{self.letters}{n}", "local_code": f"{self.slug}{n}", "body": text,
                    "quantity": n % 1000, "cost": n, "starts": "2026-12-05", "happened": "2026-11-01T08:00:00Z",
                    "extra": {self.slug: [text]}, "contact_phone": self.phone, "owner": self.boss.account,
                    "place": self.units["c2"], "kind": "repair"}
        if resource == "suggestions/suggestion":
            return {"title": text, "content": text, "contact_name": f"{self.slug} 人", "contact_phone": self.phone}
        if resource == "every/case":
            return {"title": text, "phone": self.phone}
        if resource == "rider/remark":
            return {"text": text, "about": self.records["every/case"]}
        if resource == "register/person":
            return {"account": self.boss.account, "name": text[:40], "phone": self.phone, "post": f"{self.slug} {n}", "grade": n,
                    "id_number": f"{self.letters}{n:016}"}
        return {"title": text, "secret": text}

    def fill(self):
        """Rows of every kind, through the API as far as there is one."""
        self.clerk = self.fresh_account()
        role = self.fresh_role()
        self.ids = {"unit": self.units["c1"], "account": self.clerk, "role": role}
        self.token = self.call("POST", "/tokens", {"name": f"{self.slug} token"}).json
        self.ids.update(department=self.one(f"SELECT id FROM juxin.department WHERE code = '{self.slug}-d1'"),
                        helpers=self.one(f"SELECT id FROM juxin.department WHERE code = '{self.slug}-d2'"),
                        token=self.token["id"], grant=self.fresh_grant(), session=self.fresh_session(), job=self.fresh_job(),
                        policy=self.fresh_policy("works"), view=self.fresh_view(), notice=self.fresh_notice(), consent=self.fresh_consent())
        self.ids["council"], self.ids["post"] = [(self.fresh_council(), self.fresh_post()) for _ in range(2)][0]
        self.roll_over(self.ids["council"])
        self.ids["tenure"] = self.fresh_tenure(self.ids["post"])
        self.call("PUT", f"/departments/{self.ids['department']}/members/{self.clerk}", {})
        self.call("PATCH", f"/units/{self.units['c3']}", {"name": f"{self.slug} renamed"}, headers={"If-Match": '"1"'})
        self.say()
        self.records = {}
        declared = [("works/item", 6), ("suggestions/suggestion", 3), ("probe/thing", 3)]
        for resource, count in declared + [(resource, 3) for plugin in self.more for resource in MORE[plugin]]:
            made = [self.fresh_record(resource) for _ in range(count)]
            self.records[resource] = made[0]
        self.ids["notification"] = self.fresh_notification()
        self.ids["purpose"] = self.one(f"SELECT purpose FROM juxin.notice WHERE id = '{self.ids['notice']}'")
        invited = self.call("POST", "/invitations", {"unit": self.units["c1"], "purpose": self.ids["purpose"]}).json
        self.ids.update(invitation=invited["id"], invited=invited["code"], paper=self.fresh_paper())
        self.call("POST", f"/consents/{self.ids['paper']}/scan", files.png(64, 48, self.slug.encode()), headers={
            "Content-Disposition": files.disposition(f"{self.slug}.png")})
        self.ids["endpoint"] = self.fresh_endpoint()
        self.ids["event"] = [self.fresh_event() for _ in range(2)][0]
        self.ids["channel"] = self.fresh_channel()
        self.call("PATCH", f"/channels/{self.ids['channel']}", {"active": True}, headers={"If-Match": '"1"'})
        self.fresh_contact()
        self.files = {"works/item": self.fresh_file("works/item", self.records["works/item"])}
        picture = files.png(640, 480, self.slug.encode()), f"{self.slug} {fresh_name()}.png"
        self.pictures = {"works/item": self.fresh_file("works/item", self.records["works/item"], picture)}
        self.comments = {"works/item": [self.fresh_comment("works/item", self.records["works/item"]) for _ in range(3)][0]}
        if "register" in self.more:
            self.beside("register/person")
            self.ids["request"] = self.fresh_request()
        self.beside("suggestions/suggestion")
        self.fresh_record(parent=self.records["works/item"])
        self.imports = {resource: self.fresh_import(resource) for resource in self.records}
        self.exports = {resource: self.fresh_export(resource) for resource in self.records}
        self.batches = {resource: self.fresh_batch(resource) for resource in self.records if self.of_many(resource)}
        self.batches[None] = self.fresh_batch(None)
        self.exports[None] = self.fresh_own_export()
        self.ids["definition"] = self.fresh_definition()
        self.ids["report"] = [self.fresh_report() for _ in range(2)][0]
        self.key = {"Idempotency-Key": f"{self.slug}-key"}
        self.call("POST", "/works/item", dict(self.record("works/item"), unit=self.units["c2"]), headers=self.key)
        self.fresh_job()
        self.assigned = self.fresh_record()
        self.call("POST", f"/works/item/{self.assigned}/transitions/assign",
                  {"lead": self.ids["department"], "helpers": [self.ids["helpers"]], "days": 5},
                  headers={"If-Match": '"1"'})
        self.settle()
        harness.wait_until(lambda: self.server.psql(f"SELECT 1 FROM juxin.event WHERE tenant_id = {self.id} AND seq IS NOT NULL AND"
                                                    f" payload LIKE '%works.item%{self.units['c1']}%'"), 30, "numbers of events")
        self.ids["delivery"] = [self.fresh_delivery(self.ids["endpoint"]) for _ in range(2)][0]

    def beside(self, resource):
        record = self.records[resource]
        picture = files.png(640, 480, (self.slug + resource).encode()), f"{self.slug} {fresh_name()}.png"
        self.files[resource] = self.fresh_file(resource, record)
        self.pictures[resource] = self.fresh_file(resource, record, picture)
        self.comments[resource] = self.fresh_comment(resource, record)

    def canaries(self, other):
        """(texts, ids): what stands in this district's rows and in none of the other's."""
        own, others = self.values(), other.values()
        ids = {v for v in own - others if UUID.fullmatch(v) or HEX.fullmatch(v)}
        return {self.slug.encode(), self.phone.encode(), (self.phone[:3] + "****" + self.phone[-4:]).encode()}, ids

    def values(self):
        found = set()
        for (table,) in tenant_tables(self.server):
            for (row,) in self.server.psql(f"SELECT row_to_json(t) FROM {table} t WHERE tenant_id = {self.id}"):
                found.update(v.encode() for v in json.loads(row).values() if isinstance(v, str))
        return found


class Twins:
    """The server with both; `a` and `b`. With one slug, `a` alone. plugins: of tests/plugins, further ones."""

    def __init__(self, slugs=(ALPHA, BRAVO), plugins=(), **more):
        self.server = Server(database=False, **more)
        directory = os.path.join(self.server.directory, "plugins")
        install_plugins(directory)
        install(directory, *plugins)
        self.server.config["plugins"]["directory"] = directory
        self.server.write_config()
        self.server.make_database()
        self.districts = [District(self.server, slug, plugins) for slug in slugs]
        self.a, self.b = self.districts[0], self.districts[-1]
        for district in self.districts:
            district.lay_out(self.server.directory)

    def start(self, fill=True):
        self.server.start()
        for district in self.districts:
            district.boss = district.sign_in()
            district.give_everything()
            if fill:
                district.fill()
        return self


def new_id():
    """A UUIDv7 like the server's own, so that ids sort by time among them."""
    n = int(time.time() * 1000) << 80 | uuid.uuid4().int & (1 << 80) - 1
    return str(uuid.UUID(int=n & ~(0xf << 76) & ~(3 << 62) | 7 << 76 | 2 << 62))


def tenant_tables(server):
    return server.psql("SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_namespace n"
                       " ON n.oid = c.relnamespace WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relkind IN"
                       " ('r', 'p') AND (n.nspname = 'juxin' OR n.nspname ~ '^px_') ORDER BY 1")
