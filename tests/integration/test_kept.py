#!/usr/bin/env python3
# Plugins compiled against earlier versions of the interface, kept as objects: each still loads and does all it did.
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main, scratch, skip, wait_until
from lib.server import ROOT, Server

API = "/t/one/api/v1/"
KEPT = ROOT / "tests/plugins/kept"
server = keeper = None
units = {}


def kept_plugins():
    return sorted(p.parent for p in KEPT.glob("abi-*/*/plugin.json"))


def events(name):
    return [e for e in map(json.loads, filter(lambda l: l.startswith("{"), server.log().splitlines()))
            if e["event"] == name]


def said(what):
    return [e["detail"] for e in events("plugin.log") if e["what"] == what]


def setup():
    global server, keeper
    if platform.machine() != "x86_64":
        skip("the kept objects are for x86-64")
    directory = pathlib.Path(scratch()) / "plugins"
    directory.mkdir()
    for plugin in kept_plugins():
        shutil.copytree(plugin, directory / plugin.name)
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    server = Server(workers=1, config={"plugins": {"directory": str(directory)}})
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": "1", "name": "区", "level": "county", "parent": None},
                             {"code": "11", "name": "东街道", "level": "street", "parent": "1"}]}, out)
    server.ctl("tenant", "create", "one", "--name", "一")
    server.ctl("unit", "import", "one", tree)
    server.ctl("calendar", "import", ROOT / "schemas/calendar/CN-2026.json")
    server.ctl("plugin", "policy", "one", "kept_1_0", "--unit", "11", "--rule", "on")
    password = server.ctl_json("user", "create", "one", "keeper", "--name", "K", "--generate")["password"]
    server.ctl("grant", "add", "one", "--user", "keeper", "--role", "keeper", "--unit", "1", "--reach", "subtree")
    server.start()
    keeper = server.client()
    answer = keeper.post(API + "session", {"login": "keeper", "password": password})
    assert answer.status in (200, 201), answer
    keeper.csrf = answer.json.get("csrf_token") or answer.json.get("csrf") or keeper.csrf
    for unit in keeper.get(API + "units").json["items"]:
        units[unit["code"]] = unit["id"]


def create(title, **fields):
    answer = keeper.post(API + "kept_1_0/thing", dict({"title": title, "unit": units["11"]}, **fields))
    assert answer.status == 201, answer
    return answer.json["id"]


def thing(id):
    answer = keeper.get(API + "kept_1_0/thing/" + id)
    assert answer.status == 200, answer
    return answer.json


def change(id, method, path="", body=None):
    now = keeper.get(API + "kept_1_0/thing/" + id)
    return keeper.request(method, API + "kept_1_0/thing/" + id + path, body, {"If-Match": now.headers["ETag"]})


def told(what):
    rows = server.psql(f"SELECT what FROM px_kept_1_0.told WHERE what LIKE '{what} %' ORDER BY id")
    return [row[0][len(what) + 1:] for row in rows]


def test_the_objects_are_the_ones_set_down():
    assert kept_plugins(), "there is none"
    for plugin in kept_plugins():
        readme = (plugin.parent / "README.md").read_text(encoding="utf-8")
        digests = re.findall(r"\b[0-9a-f]{64}\b", readme)
        assert digests == [hashlib.sha256((plugin / (plugin.name + ".so")).read_bytes()).hexdigest()], plugin


def test_each_is_loaded():
    loaded = {e["plugin"] for e in events("plugin.loaded")}
    assert loaded == {p.name for p in kept_plugins()}, server.tail()
    assert not events("plugin.unavailable")


def test_lifecycle():
    assert said("kept.load") == ["right"] and said("kept.worker_start") == ["right"]
    wait_until(lambda: told("enable_unit") == ["11"], 30, "enabling the unit")
    assert said("kept.enable_unit") == ["11"]


def test_filters():
    vetoed = keeper.post(API + "kept_1_0/thing", {"title": "veto", "unit": units["11"]})
    assert vetoed.status == 422 and vetoed.json["errors"][0]["code"] == "kept_1_0.not_this", vetoed
    assert vetoed.json["errors"][0]["pointer"] == "/title" and vetoed.json["detail"] == "留存件：不接受此标题。", vetoed
    id = create("second", secret="for the eyes of few")
    assert thing(id)["tag"] == "made"
    changed = change(id, "PATCH", body={"title": "discreet"})
    assert changed.status == 200 and thing(id)["tag"] == "was second", changed
    assert "for the eyes" not in json.dumps(thing(id))
    kept = create("keep me")
    refused = change(kept, "DELETE")
    assert refused.status == 409 and refused.json["errors"][0]["code"] == "kept_1_0.kept", refused
    closed = change(kept, "POST", "/transitions/close", {"reason": "fail open"})
    assert closed.status == 200, closed
    assert thing(kept)["tag"] == "closing" and thing(kept)["state"] == "closed"
    assert change(id, "DELETE").status == 204


def test_actions():
    id = create("acted upon")
    assert change(id, "PATCH", body={"title": "acted upon again"}).status == 200
    assert change(id, "POST", "/transitions/close", {"reason": "done"}).status == 200
    gone = create("soon gone")
    assert change(gone, "DELETE").status == 204
    wait_until(lambda: {id, gone} <= set(told("after_create")), 30, "after create")
    wait_until(lambda: [w for w in told("after_update") if w.startswith(id) and "title" in w], 30, "after update")
    wait_until(lambda: f"{id} close" in told("after_transition"), 30, "after transition")
    wait_until(lambda: gone in told("after_delete"), 30, "after delete")


def test_every_function_of_every_table():
    create("first")
    answer = keeper.get(API + f"kept_1_0/everything/{units['11']}?q=asked")
    assert answer.status == 200, answer
    values = {k: v for k, v in answer.json.items() if not isinstance(v, bool)}
    assert values["unit"] == "东街道" and values["level"] == 1 and "first" in values["titles"], values
    checks = {k: v for k, v in answer.json.items() if isinstance(v, bool)}
    assert len(checks) == 29 and all(checks.values()), [k for k, v in checks.items() if not v] or len(checks)
    assert said("kept.says") == ["from a route"]


def test_routes():
    unit = "?unit=11"
    made = keeper.post(API + "kept_1_0/whole" + unit, {"title": "by route", "close": True})
    assert made.status == 201 and made.json["state"] == "closed", made
    assert thing(made.json["id"])["reason"] == "by route"
    plain = keeper.post(API + "kept_1_0/whole" + unit, {"title": "by plugin"})
    assert thing(plain.json["id"])["tag"] == "by plugin", plain
    vetoed = keeper.post(API + "kept_1_0/whole" + unit, {"title": "never", "veto": True})
    assert vetoed.status == 418 and vetoed.json["code"] == "kept_1_0.after_all_not", vetoed
    assert vetoed.json["errors"][0]["pointer"] == "/veto", vetoed
    assert server.psql("SELECT count(*) FROM px_kept_1_0.thing WHERE title = 'never'") == [["0"]]
    assert keeper.post(API + "kept_1_0/whole" + unit, {"titel": "x"}).status == 422
    for method in ("PUT", "PATCH"):
        assert keeper.request(method, API + "kept_1_0/echo" + unit, {"value": [1, {"a": None}]}).json == '[1,{"a":null}]'
    assert keeper.delete(API + "kept_1_0/nothing" + unit).status == 204
    assert keeper.get(API + "kept_1_0/everything/" + units["1"]).status == 403  # not on there


def test_providers():
    for kind in ("statistics", "card", "menu", "search", "report", "health"):
        answer = keeper.get(API + f"provided/{kind}?unit=11")
        assert answer.status == 200, answer
        assert [i["value"] for i in answer.json["items"]] == [{"at": "东街道", "none": None, "answer": 42}], answer
        assert answer.json["failed"] == ([{"plugin": "kept_1_0", "name": "broken"}] if kind == "card" else []), answer


def test_at_the_end():
    policy = server.ctl_json("plugin", "policy", "one", "kept_1_0", "--unit", "1", "--rule", "forbidden", "--reason", "试")
    wait_until(lambda: said("kept.disable_unit") == ["11"], 30, "disabling the unit")
    server.ctl("plugin", "policy", "one", "kept_1_0", "--end", policy["id"])
    server.stop()
    assert said("kept.drain") == ["right"]


if __name__ == "__main__":
    main()
