# Calls for every operation of the server's own OpenAPI document: the call that works, and the same call with one of its
# values (in the path, the query or the body) replaced by another. A name the document uses and this file does not know is
# an error: whoever adds an endpoint or a parameter is told here, and the walks that use this cover it from then on.
import base64
import re
import urllib.parse
import uuid

from . import files

# What a value names. "plain" ones name nothing of a tenant's.
KINDS = {
    "unit": "unit", "parent": "unit", "under": "unit", "place": "unit",
    "account": "account", "owner": "account",
    "department": "department", "lead": "department", "lead_department": "department",
    "helpers": "departments", "co_departments": "departments", "about": "case",
    "role": "role", "grant": "grant", "session": "session", "token": "token", "policy": "policy", "job": "job",
    "file": "file", "view": "view", "comment": "comment", "mentions": "accounts", "export": "export", "import": "import",
    "notification": "notification", "upto": "notification", "endpoint": "endpoint", "delivery": "delivery", "channel": "channel",
    "record": "person", "request": "request", "notice": "notice", "consent": "consent",
    "post": "post", "tenure": "tenure", "council": "council",
    "batch": "batch", "login": "login", "password": "password", "old_password": "password", "field": "field", "dictionary": "dictionary",
}
PLAIN = {"limit": "2", "tops": "true", "level": "park", "ended": "true", "dry_run": "1", "rename": "1", "order": "id.desc",
         "count": "exact", "reach": "self", "permission": "core.unit.read", "kind": "card", "plugin": "works", "levels": "park",
         "rule": "on", "is_active": True, "is_head": True, "source": "x", "license": "x",
         "from": None, "until": None, "expires_at": None, "permissions": ["core.unit.read"], "new_password": "a decent pass phrase",
         "query": "state=eq.open", "columns": ["title"], "default": True,
         "then_veto": False, "topics": "job", "resource": "works.item", "mine": "false", "state": "waiting", "inline": "true",
         "overdue": "true", "part": "open",
         "group": "state", "sum": None, "period": "month", "internal": False, "step": 1, "fields": "state",
         "format": "csv", "language": "en", "after": "0", "key": None, "mapping": None,
         "unread": "true", "muted": ["progress"], "url": "https://localhost:1/", "events": ["works.item"],
         "rate_per_minute": 100, "active": True, "which": "all", "transition": None, "into_version": 1,

         "vacant": "true", "expiring": "30",
         "accept": False, "answer": "已阅", "kept": None, "changes": None, "section": "account", "new_purpose": False}
BINARY = "application/octet-stream"
TEXTS = {"code", "name", "display_name", "label_zh", "label_en", "reason", "title", "purpose", "title_zh", "title_en",
         "text_zh", "text_en", "filed"}
WORKING = {"GET": None, "POST": {}, "PUT": {}, "PATCH": {}, "DELETE": None}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OWN = "own"
PLAIN["tree"] = "then"  # of statistics
KINDS.update(report="report", definition="definition")
KINDS.update(event="event")
PLAIN.update(carry_grants=False)
PLAIN.update({"indicators": ["works.begun"], "indicator": "works.begun", "periods": ["year"], "latest": "true"})  # of reports
LABEL = {"zh-CN": "名称", "en": "Name"}
# Of fields, labels and dictionaries of a district's own: their names are the district's to choose.
GATEWAY = {"url": "https://localhost:1/", "templates": {"code": {"id": "1"}}, "success": {"pointer": "/a", "equals": ["1"]}}
WORDS = {"/channels": {"kind": lambda: "sms"},
         "/channels/{channel}/test": {"to": lambda: "13800001234", "what": lambda: "code", "params": lambda: {"code": "1"}},
         "/me/contacts/{contact}": {"address": lambda: "13800001234"}, "/me/contacts/{contact}/confirm": {"code": lambda: "123456"},
         "/fields": {"name": lambda: "x_" + uuid.uuid4().hex[:8]}, "/dictionaries": {"name": lambda: "x_" + uuid.uuid4().hex[:8]},
         "/labels": {"place": lambda: "/states/open"}, "/posts": {"kind": lambda: "leader"},
         "/councils/{council}/rollover": {"from": lambda: "2027-03-01"},
         "/councils/{council}/rollover/preview": {"from": lambda: "2027-03-01"}}
KINDS.update(invitation="invitation")
PLAIN.update(days=3, signed_on="2026-01-05")  # of invitations and papers
# Numbers: each is asked for a code a few times only.
WORDS.update({path: {"phone": lambda: "138" + str(uuid.uuid4().int)[:8]} for path in (
    "/session/code", "/me/account/code", "/invitations", "/registrations", "/invitation/code")})
WORDS["/me/account"] = {"display_name": lambda: "某人", "code": lambda: None}  # a phone has the code
# Answer without a session too.
PUBLIC = {("POST", path) for path in ("/session", "/session/code", "/session/by-code", "/invitation", "/invitation/code",
                                      "/invitation/accept")}
# What takes a code that only a phone has: done in test_invitations.py.
BY_PHONE = {("POST", "/session/by-code"), ("POST", "/invitation/accept")}
for way in ("", "/preview"):
    WORDS["/unit-events" + way] = {"kind": lambda: "merge", "children": lambda: []}
PLAIN.update(label=LABEL, type="enum", required=False, filterable=False, max_length=None, min=None, max=None, mask="none",
             about_person=False, purpose="说明其用途", retention="P1Y", entries=[{"code": "a", "label": LABEL}])


PLAIN.update(config=GATEWAY, secrets={"key": "x"}, receiver_per_hour=100, contact="sms", quiet_from="22:00", quiet_until="07:00", digest_at="08:00",
             wishes=[{"channel": "sms", "kind": "*", "how": "digest"}])  # of channels and contacts


class Untaught(AssertionError):
    pass


class Call:
    """One request: a path with parameters, a query, a body."""

    def __init__(self, operation, path, query, body, headers):
        self.operation, self.path, self.query, self.body, self.headers = operation, path, query, body, headers

    def but(self, where, name, value):
        """The same call with one value replaced."""
        body = dict(self.body) if isinstance(self.body, dict) else self.body
        parts = {"path": dict(self.path), "query": dict(self.query), "body": body}
        parts[where][name] = value
        return Call(self.operation, parts["path"], parts["query"], parts["body"], self.headers)

    def target(self):
        path = re.sub(r"\{(\w+)\}", lambda m: urllib.parse.quote(str(self.path[m[1]]), safe=""), self.operation.path)
        query = urllib.parse.urlencode({k: v for k, v in self.query.items() if v is not None})
        return path + ("?" + query if query else "")

    def send(self, client, prefix):
        answer = client.request(self.operation.method, prefix + self.target(), self.body, self.headers)
        if answer.status == 412 and "id" in self.path:  # a plugin changed the record after its commit
            seen = client.get(f"{prefix}/{self.operation.resource}/{self.path['id']}")
            self.headers["If-Match"] = seen.headers["ETag"]
            answer = client.request(self.operation.method, prefix + self.target(), self.body, self.headers)
        return answer

    def __repr__(self):
        return f"{self.operation.method} {self.target()} {self.body if self.body is not None else ''}"


class Operation:
    def __init__(self, document, path, method, said, transition=None):
        self.path, self.method, self.transition = path, method.upper(), transition
        self.parameters = {where: [p["name"] for p in said.get("parameters", []) if p["in"] == where]
                           for where in ("path", "query", "header")}
        missing = set(re.findall(r"\{(\w+)\}", path)) ^ set(self.parameters["path"])
        assert not missing, f"{method} {path}: parameters of the path and of the document differ: {missing}"
        content = said.get("requestBody", {}).get("content", {})
        unknown = set(content) - {"application/json", "application/merge-patch+json", BINARY}
        assert not unknown, f"{method} {path} takes {unknown}: teach tests/lib/walk.py to send it"
        schemas = [resolve(document, c["schema"]) for c in content.values()]
        if schemas and "anyOf" in schemas[0]:
            schemas = [resolve(document, s) for s in schemas[0]["anyOf"] if s["$ref"].rpartition(".")[2] == transition]
        self.is_binary = BINARY in content
        self.schema = schemas[0] if schemas else None
        self.resource = re.match(r"/(\w+/\w+)", path)[1] if self.is_record(document) else None

    def is_record(self, document):
        parts = self.path.split("/")
        return len(parts) > 2 and f"{parts[1]}.{parts[2]}" in document["components"]["schemas"]

    def properties(self):
        return self.schema.get("properties", {}) if self.schema else {}

    def __repr__(self):
        return f"{self.method} {self.path}" + (f" ({self.transition})" if self.transition else "")


def resolve(document, schema):
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def operations(document):
    """All of them; the one that takes transitions once for each transition."""
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {})
            options = [s for c in content.values() for s in c["schema"].get("anyOf", [])]
            names = [s["$ref"].rpartition(".")[2] for s in options] or [None]
            for name in names:
                yield Operation(document, path, method, said, name)


# ---- values ----------------------------------------------------------------------------------------------------------

def near(value):
    """Of the same shape, and in the same place of every order, but nobody's."""
    if isinstance(value, list):
        return [near(v) for v in value]
    if isinstance(value, dict) and "post" in value:  # a seat in a council
        return {k: near(v) for k, v in value.items()}
    if isinstance(value, dict):  # a unit of a tree to import, one of many records
        return dict(value, parent=near(value["parent"])) if "parent" in value else dict(value, id=near(value["id"]))
    value = str(value)
    if UUID.fullmatch(value):
        return value[:-6] + uuid.uuid4().hex[:6]
    if value.startswith("eq."):
        return "eq." + near(value[3:])
    if value.startswith("("):  # a group of conditions
        return UUID.sub(lambda m: near(m[0]), value)
    decoded = cursor_of(value)
    if decoded:
        return cursor_from(UUID.sub(lambda m: near(m[0]), decoded))
    last = value[-1]
    return value[:-1] + ("9" if last == "8" else "8" if last.isdigit() else "y" if last == "z" else "z")


def cursor_of(text):
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return None
    return raw if raw.startswith("1|") else None


def cursor_from(raw):
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def kind_of(operation, where, name, schema=None):
    if name in WORDS.get(operation.path, ()):
        return "plain"
    if operation.path.startswith("/invitation") and where != "path" and name in ("invitation", "purpose", "cursor"):
        return {"invitation": "invited", "cursor": "plain"}.get(name, name)
    if name == "into":
        return "merged" if operation.resource else "unit"
    if name == "from" and operation.path.startswith("/unit-events"):
        return "sources"
    if name == "seats":
        return "seats" if "/rollover" in operation.path else "plain"
    if name == "post" and operation.resource:
        return "filter" if where == "query" else "plain"
    if name == "id" and where == "path":
        return "record"
    if name == "name" and where == "path":
        return "plain"
    if name == "parent" and operation.resource:
        return "record" if where == "body" else "filter"
    if operation.resource and where == "query" and name == "q":
        return "words"
    if operation.resource and where == "query" and name in ("and", "or"):
        return "group"
    if operation.resource and where == "query" and name in ("unit.level", "group", "sum", "period", "from", "until", "tree",
                                                            "fields"):
        return "plain"
    if operation.resource and where == "query" and name not in ("unit", "reach", "order", "limit", "cursor", "count", "inline", "format", "language", "after", "which",
                                                                     "overdue", "part"):
        return "filter"
    if name == "cursor":
        return "plain" if operation.path in ("/me/requests", "/data-requests") or "{batch}" in operation.path else "cursor"
    if operation.path.startswith("/me/") and name == "resource":
        return "plain"
    if operation.path == "/handovers" and name in ("from", "to"):
        return "account"
    if name == "items" and operation.resource:
        return "records"
    if name in KINDS:
        return KINDS[name]
    if name in TEXTS:
        return "text"
    if name in PLAIN:
        return "plain"
    if operation.resource and where == "body":
        return "plain"  # a declared field; those that refer to something are in KINDS
    if name == "units":
        return "tree"
    raise Untaught(f"{operation}: {where} parameter {name!r} is new; teach tests/lib/walk.py what it names")


def is_reference(schema):
    return "uuid" in str(schema.get("format")) or "uuid" in str(schema.get("items", {}).get("format"))


def slots(operation):
    """(where, name, kind) of every value of the operation that can name something of a tenant's."""
    for where in ("path", "query"):
        for name in operation.parameters[where]:
            kind = kind_of(operation, where, name)
            if kind != "plain":
                yield where, name, kind
    for name, schema in operation.properties().items():
        kind = kind_of(operation, "body", name, schema)
        if kind == "plain" and is_reference(schema):
            raise Untaught(f"{operation}: the field {name!r} holds an id; teach tests/lib/walk.py what it names")
        if kind != "plain":
            yield "body", name, kind


class Walker:
    """Makes the calls for one district (lib.twins.District); what it needs new it makes through it."""

    def __init__(self, district):
        self.district = district
        self.document = district.call("GET", "/openapi.json").json
        self.operations = list(operations(self.document))
        self.flows = {(p["id"] + "/" + r["name"]): r for p in district.call("GET", "/meta").json["plugins"]
                      for r in p["resources"]}
        self.choice = 0  # which of an enumeration's values is taken

    # ---- what the district has ----

    def existing(self, operation, where, name, kind):
        """Something of the district's that this value can name."""
        d = self.district
        if kind == "consent" and operation.path.endswith("/scan"):
            return d.ids["paper"]
        if kind in ("unit", "account", "department", "role", "grant", "session", "token", "policy", "job", "view",
                    "notification", "endpoint", "delivery", "channel", "notice", "consent", "post", "tenure",
                    "council"):
            return d.ids[kind]
        if kind == "event":
            return d.ids["event"]
        if kind == "sources":
            return [d.units["c2"]]
        if kind == "seats":
            return [{"post": d.seats[d.ids["council"]], "account": d.ids["account"]}]
        if kind in ("invitation", "invited", "purpose"):
            return d.ids[kind]
        if kind == "departments":
            return [d.ids["helpers"]]
        if kind == "case":
            return d.records["every/case"]
        if kind in ("report", "definition"):
            return d.ids[kind]
        if kind == "record":
            return d.records[operation.resource]
        if name == "unit.code":
            return f"eq.{d.slug}-c1"
        if kind == "file":
            return (d.pictures if operation.path.endswith("/thumbnail") else d.files)[operation.resource]
        if kind == "merged":
            return d.records[operation.resource]
        if kind == "records":
            return [{"id": d.records[operation.resource], "version": 1}]
        if kind == "field":
            return d.own_field
        if kind == "dictionary":
            return f"x_{d.slug}"
        if kind == "comment":
            return d.comments[operation.resource]
        if kind == "accounts":
            return [d.boss.account]
        if kind == "export":
            return d.exports[operation.resource]
        if kind == "batch":
            return d.batches[operation.resource]
        if kind == "person":
            return d.records["register/person"]
        if kind == "request":
            return d.ids["request"]
        if kind == "import":
            return d.imports[operation.resource]
        if kind == "filter":
            return self.filter_value(operation, name)
        if kind == "words":
            return f"{d.slug} 事项"
        if kind == "group":
            return f"(id.eq.{d.records[operation.resource]})"
        if kind == "cursor":
            path = operation.path.replace("{id}", d.records.get(operation.resource, "")).replace("{endpoint}", d.ids["endpoint"])
            path = path.replace("{channel}", d.ids["channel"])
            path = path.replace("{section}", "acts")
            lists = "/works/item?order=id.asc&" if "/frozen/" in path else path + "?"  # alike
            return d.call("GET", lists + "limit=1").json["next"]
        if kind == "login":
            return f"{d.slug}.boss"
        if kind == "password":
            return d.passwords["boss"]
        if kind == "tree":
            return [{"code": f"{d.slug}-imported", "name": d.slug, "level": "park", "parent": f"{d.slug}-s1"}]
        if name == "code":
            return f"{d.slug}-d1" if operation.path.startswith("/departments") else f"{d.slug}-c1"
        return f"{d.slug}-all" if operation.path == "/roles" and name == "name" else f"{d.slug} c1"

    def filter_value(self, operation, name):
        """As the district's own list shows it; a value it does not show is the tenant's by its name alone."""
        for item in self.district.call("GET", f"/{operation.resource}?limit=50").json["items"]:
            if item.get(name) is not None:
                value = item[name]
                return "eq." + (str(value).lower() if isinstance(value, bool) else str(value))
        return "is.null"

    # ---- calls that work ----

    def working(self, operation):
        """The operation on something made for it, with everything it takes."""
        path = {name: self.path_value(operation, name) for name in operation.parameters["path"]}
        query = {"permission": "core.unit.read", "unit": self.district.units["c1"]} if operation.path == "/explain" else {}
        if operation.path in ("/views", "/labels") and operation.method == "GET":
            query = {"resource": "works.item"}
        if operation.path == "/breach/affected":
            query = {"account": self.district.ids["account"]}
        body = self.body(operation) if operation.schema else WORKING[operation.method]
        call = Call(operation, path, query, body, {"If-Match": '"1"'} if operation.method != "GET" else {})
        if operation.is_binary:
            call.body, name = self.district.file()
            if operation.path.endswith("/scan"):  # takes pictures and documents
                call.body, name = files.png(64, 48, call.body), name + ".png"
            call.headers["Content-Disposition"] = files.disposition(name)
        self.prepare(call)
        return call

    def path_value(self, operation, name):
        kind = kind_of(operation, "path", name)
        if name == "name" and "items" in operation.properties():
            return self.district.of_many(operation.resource)
        if operation.method == "GET" or kind == "plain":
            return operation.transition or PLAIN.get(name, "works") if kind == "plain" else self.existing(operation, "path",
                                                                                                         name, kind)
        if kind == "record":
            flow = {t["name"]: t for t in self.flows[operation.resource]["transitions"]} if operation.transition else {}
            down = operation.transition and flow[operation.transition].get("move") == "below"
            return self.district.fresh_record(operation.resource, "s1" if down else "c1")
        if kind in ("file", "comment", "delivery", "tenure"):
            return None  # of that record or endpoint: prepare()
        if kind == "event":
            return self.district.fresh_event(operation.path.rpartition("/")[2])
        if kind == "field":
            return self.district.fresh_field(operation.path.rpartition("/")[2])
        if kind == "dictionary":
            return f"x_{self.district.slug}"
        if kind in ("export", "batch"):
            return getattr(self.district, "fresh_" + kind)(operation.resource)
        if kind == "import":
            return self.district.fresh_import(operation.resource, operation.path.rpartition("/")[2])
        if kind == "request" and operation.path.endswith("/decide"):
            return self.district.fresh_request(self.district.second())
        if kind == "consent" and operation.path == "/consents/{consent}/scan":
            return self.district.fresh_paper()
        return getattr(self.district, "fresh_" + kind)()

    def body(self, operation):
        if operation.method == "POST" and operation.path == "/" + str(operation.resource):
            more = {"unit": self.district.units["c1"]}
            return {k: v for k, v in dict(self.district.record(operation.resource), **more).items()
                    if k in operation.properties()}
        body = {name: self.body_value(operation, name, schema) for name, schema in operation.properties().items()}
        if operation.method == "PATCH" and operation.resource:
            body.update((k, v) for k, v in self.district.record(operation.resource).items() if k in body)
        if operation.path.startswith("/grants"):
            body.pop("department")  # one of the three
            body.pop("post")
        if operation.path == "/posts":
            body.pop("department")  # of other kinds of posts
            body.pop("council")
        if operation.path == "/views":
            body.pop("role", None)  # either, not both
        if operation.path in ("/me/corrections", "/me/requests"):
            body.update(resource="register.person", record=self.district.fresh_record("register/person"))
        if (operation.method, operation.path) == ("POST", "/data-requests"):
            body.update(account=self.district.boss.account, resource="register.person",
                        record=self.district.fresh_record("register/person"), changes={"post": self.district.fresh_text("post")})
        if operation.path == "/me/corrections":
            body["changes"] = {"post": self.district.fresh_text("post")}
        if operation.path in ("/me/consents", "/consents", "/registrations"):
            body["notice"] = self.district.fresh_notice()
        if operation.path.endswith("/reveal"):
            del body["fields"]  # all of them
        if operation.path == "/handovers":
            body["to"] = self.district.fresh_account()
        if operation.path.endswith("/batches"):  # those of the list; named ones are another way to ask
            body = {"transition": self.district.of_many(operation.resource)}
        if operation.path.endswith("/undo"):
            body["rows"] = [2]
        if operation.path == "/me/exports":
            body["format"] = "json"
        if operation.path == "/reports":
            body["period"] = self.district.fresh_period()
        if operation.path.startswith("/channels"):
            body.pop("unit", None)  # the root's
        if "policies" in operation.path:
            body["unit"] = self.district.fresh_unit()
        return {k: v for k, v in body.items() if v is not None}

    def body_value(self, operation, name, schema):
        kind = kind_of(operation, "body", name, schema)
        if name in WORDS.get(operation.path, ()):
            return WORDS[operation.path][name]()
        if kind == "merged":
            return self.district.fresh_record(operation.resource)
        if kind == "records":
            return [{"id": self.district.fresh_record(operation.resource), "version": 1} for _ in range(2)]
        if name == "values" and operation.resource:
            return {}
        if kind == "text" or (kind == "login" and operation.path != "/session"):
            return self.district.fresh_text(name)
        if name == "parent" and not operation.resource:
            return self.district.units["s2"]
        if kind == "unit" and operation.transition:
            return self.district.units["c2"]  # where the record is not yet
        if kind != "plain":
            return self.existing(operation, "body", name, kind)
        if name in PLAIN:
            return [PLAIN[name]] if schema.get("type") == "array" and isinstance(PLAIN[name], str) else PLAIN[name]
        return sample(schema, self.choice)

    def prepare(self, call):
        """What has to be there before: a member to remove, a state to leave, the version that was seen."""
        operation, district = call.operation, self.district
        if (operation.method, operation.path) == ("POST", "/fields"):
            district.room_for_fields()
        if operation.method == "DELETE" and operation.path.endswith("/members/{account}"):
            district.call("PUT", call.target(), {})
        for name in ("file", "comment"):
            if name in call.path and call.path[name] is None:
                call.path[name] = getattr(district, "fresh_" + name)(operation.resource, call.path["id"])
        if "delivery" in call.path and call.path["delivery"] is None:
            call.path["delivery"] = district.fresh_delivery(call.path["endpoint"])
        if "tenure" in call.path and call.path["tenure"] is None:
            call.path["tenure"] = district.fresh_tenure(call.path["post"])
            call.headers["If-Match"] = '"2"'
        if operation.path.startswith("/unit-events") and operation.schema:
            call.body["from"], call.body["into"] = [district.fresh_unit()], district.fresh_unit()
        if (operation.method, operation.path) == ("POST", "/unit-events"):
            call.headers["If-Match"] = district.call("POST", "/unit-events/preview", call.body).headers["ETag"]
        if operation.path.endswith("/resume"):
            call.headers["If-Match"] = district.call("GET", f"/unit-events/{call.path['event']}").headers["ETag"]
        if "/rollover" in operation.path:
            call.body["seats"] = [{"post": district.seats[call.path["council"]], "account": district.ids["account"]}]
        if operation.path.endswith("/rollover"):
            call.headers["If-Match"] = district.call("POST", call.target() + "/preview", call.body).headers["ETag"]
        if operation.path.startswith("/me/contacts/") and operation.method != "GET":
            district.fresh_contact()
        if operation.path == "/jobs/{job}/retry":
            district.server.psql(f"UPDATE juxin.job SET state = 'failed' WHERE id = '{call.path['job']}'")
        if operation.path.startswith("/reports/{report}/") and operation.method == "POST":
            call.headers["If-Match"] = district.bring_report(call.path["report"], operation.path.rpartition("/")[2])
        if operation.transition:
            self.reach_state(call)

    def reach_state(self, call):
        """Takes the record along the shortest way to where the transition begins."""
        operation, district = call.operation, self.district
        flow = {t["name"]: t for t in self.flows[operation.resource]["transitions"]}
        record = f"/{operation.resource}/{call.path['id']}"
        seen = district.call("GET", record)
        takes_two = {t.get("not_by") for t in flow.values()}
        for name in way(flow, seen.json["state"], operation.transition):
            step = next(o for o in self.operations if o.resource == operation.resource and o.transition == name)
            body = self.body(step)
            if not flow[operation.transition].get("completes"):
                body.pop("co_departments", None)  # nobody's part stays open on the way
            who = district.second() if name in takes_two else district.boss
            seen = who.post(f"{district.prefix}{record}/transitions/{name}", body, headers={"If-Match": seen.headers["ETag"]})
            assert seen.status == 200, (operation, name, body, seen)
        call.headers["If-Match"] = seen.headers["ETag"]


def way(flow, state, goal):
    """The names of transitions that lead to where the goal may be taken; on the way all that leave the state as it is."""
    def plain(t):
        return t["goal"] == "state" and not t.get("after")

    asked = flow[goal]
    if asked["goal"] == "resume":  # sent back before
        back = next(n for n, t in flow.items() if t["goal"] == "back")
        return way(flow, state, back) + [back]
    ways, seen = [(state, [])], {state}
    for at, taken in ways:
        stay = [n for n, t in flow.items() if plain(t) and at in t["from"] and t["to"] == at and n != goal and not t.get("move")]
        if at in asked["from"]:
            return taken + [n for n in stay if n not in taken] + ([asked["after"]] if asked.get("after") else [])
        for name, t in flow.items():
            if plain(t) and at in t["from"] and t["to"] not in seen:
                seen.add(t["to"])
                ways.append((t["to"], taken + stay + [name]))
    raise AssertionError(f"no way from {state} to {goal}")


def sample(schema, choice=0):
    if "enum" in schema:
        values = [v for v in schema["enum"] if v is not None]
        return values[choice % len(values)]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "integer":
        return max(schema.get("minimum", 5), 5)
    if kind == "boolean":
        return False
    if kind == "array":
        return []
    if kind is None:
        return {"x": 1}
    return {"date": "2026-12-05", "date-time": "2026-11-01T08:00:00Z"}.get(schema.get("format")) or pattern(schema)


def pattern(schema):
    """The few patterns the declarations use; a new one is to be taught."""
    known = {None: "文字", "^1[0-9]{10}$": "13800000000", "^[A-Z]{2}[0-9]+$": "ZZ" + str(uuid.uuid4().int % 10 ** 9)}
    if schema.get("pattern") not in known:
        raise Untaught(f"the pattern {schema['pattern']!r} is new; teach tests/lib/walk.py a value for it")
    return known[schema.get("pattern")]
