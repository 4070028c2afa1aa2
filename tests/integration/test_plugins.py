#!/usr/bin/env python3
# Plugins in a running server: gates, filters, actions, routes, providers, policies and their reasons, traces, crashes.
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import sheets
from lib.harness import main, scratch, wait_until
from lib.server import ROOT, Server, prefix

API = "/t/one/api/v1/"
work = pathlib.Path(scratch())
server = boss = neighbour = None
units = {}


def install_plugin(directory):
    """The probe, built against the installed header."""
    target = pathlib.Path(directory) / "probe"
    shutil.copytree(ROOT / "tests/plugins/probe", target)
    subprocess.run(["cc", "-std=c11", "-g", "-fPIC", "-shared", "-fvisibility=hidden", "-I" + prefix() + "/include",
                    "-o", target / "probe.so", target / "probe.c"], check=True)
    return target


def person(login, unit, role, reach):
    said = server.ctl_json("user", "create", "one", login, "--name", login, "--generate")
    server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", reach)
    return signed_in(login, said["password"])


def signed_in(login, password):
    client = server.client()
    answer = client.post(API + "session", {"login": login, "password": password})
    assert answer.status in (200, 201), answer
    client.csrf = answer.json.get("csrf_token") or answer.json.get("csrf") or client.csrf
    return client


def setup():
    global server, boss, neighbour
    directory = work / "plugins"
    directory.mkdir()
    install_plugin(directory)
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    # The probe crashes on purpose; a sanitizer's report of that would count as a fault of the server.
    crashes = {"ASAN_OPTIONS": "handle_segv=0:" + os.environ.get("ASAN_OPTIONS", "")}
    server = Server(workers=2, config={"plugins": {"directory": str(directory)}}, environment=crashes)
    tree = work / "tree.json"
    tree.write_text(json.dumps({"units": [
        {"code": "1", "name": "甲县", "level": "county"},
        {"code": "11", "name": "东街道", "level": "street", "parent": "1"},
        {"code": "111", "name": "一社区", "level": "community", "parent": "11"},
        {"code": "12", "name": "西街道", "level": "street", "parent": "1"}]}, ensure_ascii=False))
    for slug in ("one", "two"):
        server.ctl("tenant", "create", slug, "--name", slug)
        server.ctl("unit", "import", slug, tree)
    server.start()
    boss = person("boss", "1", "prober", "subtree")
    neighbour = person("neighbour", "12", "prober", "self")
    for unit in boss.get(API + "units").json["items"]:
        units[unit["code"]] = unit["id"]


def policy(unit, rule, *more):
    return server.ctl_json("plugin", "policy", "one", "probe", "--unit", unit, "--rule", rule, *more)["id"]


def end_policy(id):
    server.ctl("plugin", "policy", "one", "probe", "--end", id)


def create(client=None, unit="111", **fields):
    return (client or boss).post(API + "probe/thing", dict({"title": "a", "unit": units[unit]}, **fields))


def test_off_until_somebody_turns_it_on():
    for answer in (create(), boss.get(API + "probe/titles?unit=111")):
        assert answer.status == 403 and answer.json["code"] == "plugin_disabled", answer
        assert "此处未启用" in answer.json["detail"], answer
    english = boss.get(API + "probe/titles?unit=111", headers={"Accept-Language": "en"})
    assert "disabled here" in english.json["detail"], english


def test_on_and_off_with_reason():
    policy("1", "on", "--levels", "street,community")
    assert boss.get(API + "probe/titles?unit=111").json == {"greeting": "hello", "titles": []}
    off = policy("12", "off", "--reach", "self", "--reason", "装修")
    answer = boss.get(API + "probe/titles?unit=12", headers={"Accept-Language": "en"})
    assert answer.status == 403 and answer.json["detail"] == "disabled here, by 西街道, because 装修", answer
    answer = boss.get(API + "probe/titles?unit=12")
    assert answer.json["detail"] == "此处已停用：由西街道停用，原因：装修", answer
    why = server.ctl_json("plugin", "why", "one", "probe", "--unit", "12")
    assert why["state"] == "off" and len(why["rows"]) == 2, why
    assert [r["decides"] for r in why["rows"] if r["rule"] == "off"] == ["yes"], why
    end_policy(off)
    assert boss.get(API + "probe/titles?unit=12").status == 200
    assert boss.get(API + "probe/titles?unit=1").status == 403  # the level is not among the row's


def test_preview_is_what_then_happens():
    def states():
        return {code: boss.get(API + f"plugins?unit={id}").json["items"][0]["state"] for code, id in units.items()}

    before = states()
    body = {"unit": units["11"], "rule": "forbidden", "reason": "试"}
    said = boss.post(API + "plugins/probe/policies/preview", body)
    assert said.status == 200, said
    assert states() == before
    assert said.json["turned_off"] == 2 and said.json["turned_on"] == 0 and said.json["people"] == 1, said
    made = boss.post(API + "plugins/probe/policies", body)
    assert made.status == 201, made
    after = states()
    flips = {f["unit"]: (f["before"], f["after"]) for f in said.json["flips"]}
    assert {units[c]: (before[c], after[c]) for c in units if before[c] != after[c]} == flips, (before, after, flips)
    # A second rule for the same unit, level and time is refused; so is one without a reason, or by who may not.
    assert boss.post(API + "plugins/probe/policies", body).status == 409
    refused = boss.post(API + "plugins/probe/policies", {"unit": units["12"], "rule": "off"})
    assert refused.status == 422 and refused.json["errors"][0]["pointer"] == "/reason", refused
    assert neighbour.post(API + "plugins/probe/policies", dict(body, unit=units["11"])).status in (403, 404, 422)
    assert boss.delete(API + "plugins/probe/policies/" + made.json["id"]).status == 204
    assert states() == before


def test_a_filter_vetoes_with_its_name():
    answer = create(title="veto")
    assert answer.status == 422 and answer.json["code"] == "vetoed", answer
    assert answer.json["detail"] == "探针：不接受此标题。", answer
    assert answer.json["errors"][0]["pointer"] == "/title", answer
    assert answer.json["errors"][0]["code"] == "probe.not_this", answer


def test_a_zero_result_is_no_consent():
    answer = create(title="zero")
    assert answer.status == 500 and answer.json["code"] == "plugin_failed", answer
    assert server.psql("SELECT count(*) FROM px_probe.thing WHERE title = 'zero'") in ("0", [["0"]], "0\n")


def test_an_open_failure_is_undone_and_passed_over():
    first = create(title="first", secret="mine")
    assert first.status == 201, first
    for title in ("scribble", "scribble untold"):  # one says that it writes, the other does not
        assert create(title=title).status == 201
        kept = boss.get(API + "probe/thing/" + first.json["id"])
        assert kept.json["secret"] == "mine", (title, kept)


def test_whom_a_filter_told_that_fails_open_was_not_told():
    made = create(title="scribble told")
    assert made.status == 201, made
    assert server.psql("SELECT count(*) FROM juxin.notification WHERE kind = 'probe.scribbled'") == [["0"]]


def test_what_filters_wrote_of_a_refused_row_is_taken_back():
    """Rows of an import are asked about together; when one is refused each is asked about alone, as if for the first time."""
    made = create(title="tally")
    assert made.status == 201, made
    rows = sheets.write_csv([["title", "unit"]] + [[f"tally {n}", "111"] for n in ("a", "refused", "b")])
    things = API + "probe/thing"
    done = sheets.do(boss, things, sheets.checked(boss, things, "a.csv", rows), "run")
    assert (done["good"], done["bad"]) == (2, 1), (done, sheets.faults(boss, things, done))
    seen = {i["title"]: i["secret"] for i in boss.get(things + "?title=gte.tally&title=lt.tallyz").json["items"]}
    assert seen == {"tally": "xx", "tally a": "x", "tally b": "x"}, seen


def test_serialise_hides():
    made = create(title="hidden", secret="nobody sees this").json
    seen = boss.get(API + "probe/thing/" + made["id"])
    assert "nobody sees this" not in seen.text, seen
    assert "nobody sees this" not in boss.get(API + "probe/thing").text


def test_actions_run_after_the_commit():
    made = create(title="noted").json
    wait_until(lambda: boss.get(API + "probe/thing/" + made["id"]).json.get("noted") == 1, 20, "the action")


def test_routes_commit_or_leave_nothing():
    answer = boss.post(API + "probe/make?unit=111", {"title": "by route"})
    assert answer.status == 201, answer
    assert "by route" in boss.get(API + "probe/titles?unit=111").json["titles"]
    answer = boss.post(API + "probe/make?unit=111", {"title": "never", "then_veto": True})
    assert answer.status == 409 and answer.json["code"] == "probe.after_all_not", answer
    assert "never" not in boss.get(API + "probe/titles?unit=111").json["titles"]
    nested = boss.post(API + "probe/make?unit=111", {"title": "veto"})
    assert nested.status == 422 and nested.json["errors"][0]["code"] == "probe.not_this", nested
    unknown = boss.post(API + "probe/make?unit=111", {"titel": "x"})
    assert unknown.status == 422 and unknown.json["errors"][0]["pointer"] == "/titel", unknown


def test_outside_ones_reach_it_is_not_there():
    assert neighbour.get(API + "probe/titles?unit=12").status == 200
    for unit in ("111", "11", units["111"], "no such unit"):
        answer = neighbour.get(API + f"probe/titles?unit={unit.replace(' ', '%20')}")
        assert answer.status == 404, (unit, answer)
    assert server.client().get(API + "probe/titles?unit=12").status == 401


def test_providers_fail_one_by_one():
    answer = boss.get(API + "provided/card?unit=111")
    assert answer.status == 200, answer
    assert answer.json["items"] == [{"plugin": "probe", "name": "good", "label": "好", "value": "一社区"}], answer
    assert answer.json["failed"] == [{"plugin": "probe", "name": "broken"}], answer
    assert boss.get(API + "provided/nothing?unit=111").status == 404
    assert boss.get(API + "provided/card?unit=1").json["items"] == []


def test_trace_tells_what_ran_and_what_not():
    answer = boss.post(API + "probe/thing", {"title": "traced", "unit": units["111"]}, headers={"X-Juxin-Trace": "1"})
    trace = json.loads(answer.headers["Juxin-Trace"])
    ran = [(t["point"], t["hook"], t["result"]) for t in trace]
    assert ("validate", "obey", "ok") in ran and ("before_create", "scribble", "ok") in ran, trace
    assert ("after_create", "note", "queued") in ran, trace
    assert ran.index(("validate", "obey", "ok")) < ran.index(("before_create", "scribble", "ok")), trace
    assert all(t["n"] == i + 1 for i, t in enumerate(trace)), trace
    vetoed = boss.post(API + "probe/thing", {"title": "veto", "unit": units["111"]}, headers={"X-Juxin-Trace": "1"})
    last = json.loads(vetoed.headers["Juxin-Trace"])[-1]
    assert (last["hook"], last["result"], last["why"]) == ("obey", "veto", "not_this"), last
    assert "Juxin-Trace" not in create(title="untraced").headers


def test_juxinctl_shows_a_trace():
    token = boss.post(API + "tokens", {"name": "trace"})
    assert token.status == 201, token
    url = f"http://127.0.0.1:{server.plain_port}{API}probe/thing"
    done = server.ctl("plugin", "trace", url, "--token", token.json["token"], "--data",
                      json.dumps({"title": "traced", "unit": units["111"]}))
    assert "201" in done.stderr and "obey" in done.stdout and "scribble" in done.stdout, done
    rows = server.ctl_json("plugin", "trace", url + "?limit=3", "--token", token.json["token"])
    assert {r["point"] for r in rows} == {"serialise"}, rows
    refused = server.ctl("plugin", "trace", url, "--token", "wrong", check=False)
    assert refused.returncode == 4 and "core.trace" in refused.stderr, refused


def test_other_tenants_have_nothing_of_it():
    assert server.ctl_json("plugin", "why", "two", "probe", "--unit", "111")["state"] == "off"
    assert boss.get("/t/two/api/v1/probe/titles?unit=111").status in (401, 404)


def crashed(title):
    try:
        return create(title=title)
    except (ConnectionError, OSError, Exception) as lost:  # the connection is cut: that is the promise
        return lost


def log_has(event, **fields):
    with open(server.log_file, encoding="utf-8") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if event in line and all(entry.get(k) == v for k, v in fields.items()):
                return True
    return False


def answers():
    try:
        return boss.get(API + "units").status == 200
    except OSError:
        return False


def told():
    return {row[0] for row in server.psql("SELECT u.code FROM juxin.plugin_unit p JOIN juxin.unit u ON u.tenant_id = p.tenant_id"
                                          " AND u.id = p.unit_id JOIN juxin.tenant t ON t.id = p.tenant_id"
                                          " WHERE t.slug = 'one' AND p.plugin = 'probe'")}


def effective():
    return {code for code, id in units.items()
            if boss.get(API + f"plugins?unit={id}").json["items"][0]["state"] == "on"}


def test_plugins_are_told_where_they_run():
    wait_until(lambda: told() == effective(), 30, "what the plugin was told")
    server.ctl("unit", "create", "one", "13", "--name", "南街道", "--level", "street", "--parent", "1")
    units["13"] = boss.get(API + "units?code=13").json["items"][0]["id"]
    on = policy("13", "mandatory", "--reach", "self")
    assert "13" in effective(), server.ctl("plugin", "why", "one", "probe", "--unit", "13").stdout
    wait_until(lambda: "13" in told(), 30, "enabling a unit created later")
    assert '"probe.enabled"' in server.log() and '"13"' in server.log()
    end_policy(on)
    policy("13", "forbidden", "--reach", "self", "--reason", "试")
    wait_until(lambda: "13" not in told(), 30, "disabling it")
    assert '"probe.disabled"' in server.log()
    assert told() == effective()


def test_one_tenant_in_trouble_holds_up_no_other():
    server.psql("ALTER TABLE juxin.plugin_unit ADD CONSTRAINT trouble CHECK (tenant_id <> 1) NOT VALID;"
                "DELETE FROM juxin.plugin_unit WHERE tenant_id = 1")
    try:
        server.ctl("plugin", "policy", "two", "probe", "--unit", "12", "--rule", "on", "--reach", "self")
        wait_until(lambda: server.psql("SELECT 1 FROM juxin.plugin_unit p JOIN juxin.unit u ON u.tenant_id = p.tenant_id"
                                       " AND u.id = p.unit_id WHERE p.tenant_id = 2 AND u.code = '12'"), 20,
                   "telling the second tenant while the first one's rows are refused")
    finally:
        server.psql("ALTER TABLE juxin.plugin_unit DROP CONSTRAINT trouble")
    wait_until(lambda: told() == effective(), 30, "telling the first again")


def test_a_crash_is_named_and_the_server_goes_on():
    assert not hasattr(crashed("crash"), "status")
    wait_until(lambda: log_has("plugin.crashed", plugin="probe", hook="validate obey"), 20, "the attribution")
    wait_until(answers, 20, "the next worker")
    assert create(title="alive").status == 201


def test_a_loop_is_ended():
    assert not hasattr(crashed("spin"), "status")
    wait_until(lambda: log_has("plugin.ran_too_long", plugin="probe"), 20, "the watchdog")
    wait_until(answers, 20, "the next worker")


def test_the_third_crash_quarantines_it():
    for title in ("abort",):
        crashed(title)
        wait_until(answers, 20, "the next worker")
    wait_until(lambda: log_has("plugin.quarantined", plugin="probe"), 20, "the quarantine")
    def refused():
        answer = create(title="gone")
        return answer if answer.status == 503 else None

    answer = wait_until(refused, 30, "workers without it")
    assert answer.json["code"] == "plugin_unavailable", answer
    rows = {r["id"]: r["state"] for r in server.ctl_json("plugin", "list")}
    assert rows == {"probe": "quarantined"}, rows
    server.ctl("plugin", "quarantine", "--release", "probe")
    server.ctl("reload")
    wait_until(lambda: create(title="back").status == 201, 30, "the released plugin")


def test_production_loads_only_what_is_trusted():
    directory = work / "production"
    directory.mkdir()
    probe = install_plugin(directory)
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    manifest = json.loads((probe / "plugin.json").read_text())
    manifest.update(default="on", security_critical=True, guards=["suggestions.suggestion"])
    (probe / "plugin.json").write_text(json.dumps(manifest, ensure_ascii=False))
    strict = Server(workers=1, config={"plugins": {"directory": str(directory), "mode": "production"}})
    strict.ctl("tenant", "create", "one", "--name", "one")
    strict.ctl("unit", "import", "one", work / "tree.json")
    said = strict.ctl_json("user", "create", "one", "boss", "--name", "boss", "--generate")
    strict.start()
    client = strict.client()
    answer = client.post(API + "session", {"login": "boss", "password": said["password"]})
    client.csrf = answer.json.get("csrf_token") or answer.json.get("csrf")
    answer = client.get(API + "probe/titles?unit=111")
    assert answer.status == 503 and answer.json["code"] == "plugin_unavailable", answer
    assert {r["id"]: r["state"] for r in strict.ctl_json("plugin", "list")} == {"probe": "untrusted"}
    strict.ctl("plugin", "trust", probe / "probe.so")
    strict.ctl("reload")
    wait_until(lambda: client.get(API + "probe/titles?unit=111").status == 403, 30, "the trusted plugin")
    os.chmod(probe / "probe.so", 0o666)  # trusted by digest, but anybody could replace it
    strict.ctl("reload")
    wait_until(lambda: client.get(API + "probe/titles?unit=111").status == 503, 30, "the refusal")


def test_the_deployment_speaks_above_all_tenants():
    made = server.ctl_json("plugin", "policy", "-", "probe", "--rule", "forbidden", "--reason", "停用")
    assert len(made["id"]) == 36, made
    answer = boss.get(API + "probe/titles?unit=111")
    assert answer.status == 403 and "平台运营方" in answer.json["detail"], answer
    again = server.ctl("plugin", "policy", "-", "probe", "--rule", "off", "--reason", "x", check=False)
    assert again.returncode != 0 and "already" in again.stdout + again.stderr, again
    assert server.ctl_json("plugin", "why", "two", "probe", "--unit", "111")["state"] == "off"


if __name__ == "__main__":
    main()
