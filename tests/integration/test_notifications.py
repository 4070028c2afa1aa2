"""What single persons are told: who, of what, in which words, and who is not; streams wake whom it is for."""
import contextlib
import json
import os
import shutil
import uuid

from lib import harness
from lib.harness import wait_until
from lib.people import make_people
from lib.server import ROOT, Server
from lib.streams import Stream

R = "matters/matter"
UNITS = [("k", "county", None), ("s1", "street", "k"), ("c1", "community", "s1")]
server = None
people, departments = {}, {}


def setup():
    global server
    server = Server(config={}, database=False)
    plugins = os.path.join(server.directory, "plugins")
    shutil.copytree(ROOT / "tests/fixtures/flow", plugins)
    take_comments(os.path.join(plugins, "matters"))
    server.config["plugins"]["directory"] = plugins
    server.write_config()
    server.make_database()
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
    for tenant in ("one", "two"):
        server.ctl("tenant", "create", tenant, "--name", tenant)
        server.ctl("unit", "import", tenant, tree)
    people.update(make_people(server, "one", "county", "s1", "member", "h1", "head1", "h2", "nobody", "gone"))
    people["two"] = make_people(server, "two", "other")["other"]
    for login, role, unit in (("county", "officer", "k"), ("s1", "officer", "s1"), ("member", "member", "c1")):
        grant(login, "matters_" + role, unit)
    for code, login, *more in (("d1", "h1"), ("d1", "head1", "--head"), ("d1", "gone"), ("d2", "h2")):
        if code not in [row[0] for row in server.psql("SELECT code FROM juxin.department")]:
            server.ctl("department", "create", "one", code, "--name", code.upper(), "--unit", "k")
        server.ctl("department", "add", "one", code, login, *more)
        grant(login, "matters_department", "k")
    server.ctl("user", "disable", "one", "gone")
    departments.update(server.psql("SELECT code, id FROM juxin.department WHERE tenant_id = 1"))
    server.start()


def take_comments(plugin):
    file = os.path.join(plugin, "resources", "matter.json")
    with open(file, encoding="utf-8") as text:
        declaration = json.load(text)
    declaration["comments"] = {"internal": True}
    with open(file, "w", encoding="utf-8") as out:
        json.dump(declaration, out, ensure_ascii=False)
    file = os.path.join(plugin, "plugin.json")
    with open(file, encoding="utf-8") as text:
        manifest = json.load(text)
    for role in manifest["roles"].values():
        role["permissions"].append("matters.matter.comment")
    with open(file, "w", encoding="utf-8") as out:
        json.dump(manifest, out, ensure_ascii=False)


def grant(login, role, unit):
    server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")


@contextlib.contextmanager
def off(unit):
    rule = server.ctl_json("plugin", "policy", "one", "matters", "--unit", unit, "--rule", "off", "--reason", "测试")["id"]
    try:
        yield
    finally:
        server.ctl("plugin", "policy", "one", "matters", "--end", rule)


def create(login="member", unit="c1"):
    made = people[login].post(R, {"title": "机密标题" + uuid.uuid4().hex[:6], "contact": "王秘密", "unit": unit})
    assert made.status == 201, made
    return made.json["id"]


def take(login, record, name, **body):
    version = server.psql(f"SELECT version FROM px_matters.matter WHERE id = '{record}'")[0][0]
    answer = people[login].post(f"{R}/{record}/transitions/{name}", body, headers={"If-Match": f'"{version}"'})
    assert answer.status == 200, answer
    return answer.json


def notices(login, record=None, **query):
    answer = people[login].get("notifications?limit=200" + "".join(f"&{k}={v}" for k, v in query.items()))
    assert answer.status == 200, answer
    return [n for n in answer.json["items"] if record in (None, n["record"])]


def kinds(login, record):
    return [n["kind"] for n in notices(login, record)]


def unread(login):
    return people[login].get("notifications").json["unread"]


def assigned(helpers=()):
    record = create()
    take("s1", record, "screen")
    take("s1", record, "assign", lead=departments["d1"], helpers=[departments[d] for d in helpers], days=5)
    return record


def test_a_matter_on_its_way():
    """Each step tells whom it concerns, not who takes it and nobody else."""
    record = assigned(helpers=["d2"])
    number = people["county"].get(f"{R}/{record}").json["number"]
    for login in ("h1", "head1", "h2"):
        told = notices(login, record)
        assert [n["kind"] for n in told] == ["assigned"], (login, told)
        assert told[0]["text"] == {"zh-CN": f"事项（{number}）已交由您办理（C1）。", "en": f"Matter {number} has been assigned to you (C1)."}, told
        assert told[0]["resource"] == "matters.matter" and told[0]["read_at"] is None, told
    for login in ("s1", "county", "member", "nobody"):
        assert kinds(login, record) == [], login
    gone = people["gone"].account
    assert server.psql(f"SELECT count(*) FROM juxin.notification WHERE account_id = '{gone}'") == [["0"]]  # a disabled account
    take("s1", record, "urge")
    for login in ("h1", "h2"):
        assert kinds(login, record) == ["progress", "assigned"], login
    assert notices("h1", record)[0]["text"]["zh-CN"] == f"事项（{number}）：催办。", notices("h1", record)
    take("h2", record, "countersign", opinion="同意")
    take("h1", record, "answer", answer="已修复")
    assert kinds("member", record) == []  # a draft is no answer
    take("head1", record, "sign_off")
    told = notices("member", record)
    assert [n["text"]["en"] for n in told] == [f"Matter {number}: Sign off."], told
    everything = json.dumps([notices(p) for p in people if p not in ("two", "gone")], ensure_ascii=False)
    assert "机密" not in everything and "秘密" not in everything
    stored = server.psql(f"SELECT params FROM juxin.notification WHERE record_id = '{record}'")
    assert all(set(json.loads(row[0])) <= {"number", "transition", "due"} for row in stored), stored


def test_sent_back():
    record = assigned()
    steps = people["s1"].get(f"{R}/{record}/transitions").json["items"]
    step = next(t for t in steps if t["name"] == "return_to")["steps"][0]
    take("county", record, "return_to", step=step["version"], reason="材料不全")
    assert kinds("s1", record) == ["returned"]  # who had assigned it
    assert kinds("county", record) == []


def test_mentions():
    record = assigned()
    ids = {login: people[login].account for login in people}
    said = people["county"].post(f"{R}/{record}/comments", {"body": "请看", "internal": True, "mentions": [ids["h1"], ids["county"]]})
    assert said.status == 201, said
    assert kinds("h1", record) == ["mentioned", "assigned"] and kinds("county", record) == []
    refused = people["county"].post(f"{R}/{record}/comments", {"body": "请看", "internal": True, "mentions": [ids["h1"], ids["nobody"]]})
    assert refused.status == 422, refused
    assert kinds("h1", record) == ["mentioned", "assigned"] and kinds("nobody", record) == []


def test_deadlines():
    soon, late = assigned(), assigned()
    for record, days in ((soon, 1), (late, -1)):
        server.psql(f"UPDATE px_matters.matter SET due_at = (now() AT TIME ZONE 'Asia/Shanghai')::date + {days} WHERE id = '{record}'")
    of = "tenant_id = 1 AND kind = 'resource.deadlines' AND created_by IS NULL"
    wait_until(lambda: server.psql(f"UPDATE juxin.job SET run_at = now() WHERE {of} AND state = 'waiting' RETURNING 1"), 60, "the job")
    wait_until(lambda: len(kinds("h1", soon)) == len(kinds("head1", late)) == 2, 60, "reminders")
    assert kinds("h1", soon) == ["due_soon", "assigned"] and kinds("head1", late) == ["overdue", "assigned"]
    assert kinds("s1", soon) == kinds("member", late) == kinds("h2", late) == []
    day = server.psql(f"SELECT due_at FROM px_matters.matter WHERE id = '{soon}'")[0][0]
    assert notices("h1", soon)[0]["text"]["en"].endswith(f" is due on {day}."), notices("h1", soon)


def test_reading_and_muting():
    first, second, third = assigned(), assigned(), assigned()
    by_record = {n["record"]: n["id"] for n in notices("h1")}
    before = unread("h1")
    assert before >= 3 and notices("h1", unread="true") and by_record[first] < by_record[second] < by_record[third]
    for _ in range(2):
        assert people["h1"].post(f"notifications/{by_record[third]}/read").status == 204
        assert unread("h1") == before - 1
    assert third not in [n["record"] for n in notices("h1", unread="true")]
    assert people["h1"].post("notifications/read", {"upto": by_record[first]}).status == 204
    left = [n["record"] for n in notices("h1", unread="true")]
    assert second in left and first not in left and unread("h1") == len(left)
    # Others' are not there, in this tenant or another.
    missing = people["h2"].post(f"notifications/{uuid.uuid4()}/read")
    for other in ("h2", "two"):
        answer = people[other].post(f"notifications/{by_record[second]}/read")
        assert (answer.status, answer.json["code"]) == (missing.status, missing.json["code"]) == (404, "not_found"), answer
    assert second in [n["record"] for n in notices("h1", unread="true")]
    page = people["h1"].get("notifications?limit=1").json
    older = people["h1"].get(f"notifications?limit=1&cursor={page['next']}").json
    assert len(page["items"]) == len(older["items"]) == 1 and older["items"][0]["id"] < page["items"][0]["id"]
    # Muted from now on; what was told stays.
    assert people["h1"].request("PUT", "notification-preferences", {"muted": ["assigned"]}).status == 204
    try:
        states = {k["kind"]: k["muted"] for k in people["h1"].get("notification-preferences").json["kinds"]}
        assert states["assigned"] and not states["mentioned"] and "assigned" in kinds("h1", second)
        fourth = assigned()
        assert kinds("h1", fourth) == [] and kinds("head1", fourth) == ["assigned"]
    finally:
        assert people["h1"].request("PUT", "notification-preferences", {"muted": []}).status == 204
    assert kinds("h1", assigned()) == ["assigned"]
    refused = people["h1"].request("PUT", "notification-preferences", {"muted": ["assigned", "gossip"]})
    assert refused.status == 422 and refused.json["errors"][0]["pointer"] == "/muted/1", refused


def test_where_the_plugin_is_off():
    record = assigned()
    before = unread("h1")
    with off("c1"):
        assert kinds("h1", record) == [] and unread("h1") < before
    assert kinds("h1", record) == ["assigned"] and unread("h1") == before


def test_streams_tell_whom_it_is_for():
    streams = {login: Stream(server.plain_port, "/t/one/api/v1/events?topics=notice",
                             {"Authorization": "Bearer " + people[login].token}) for login in ("h1", "h2", "county")}
    try:
        record = assigned()

        def heard(login):
            return streams[login].seen("notice")

        wait_until(lambda: heard("h1"), 30, "the event")
        assert heard("h1") == [{"kind": "assigned"}], heard("h1")
        take("county", record, "urge")
        wait_until(lambda: len(heard("h1")) == 2, 30, "the second event")
        assert heard("h2") == heard("county") == []
    finally:
        for stream in streams.values():
            stream.close()


if __name__ == "__main__":
    harness.main()
