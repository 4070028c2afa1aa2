#!/usr/bin/env python3
# Every fault in every kind of hook that a request enters: attributed, answered or cut off, and nobody else's trouble.
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.faults import API, FATAL, FaultServer, broken
from lib.harness import main, scratch

server = None
THING = API + "fault/thing"

# What enters each hook, what it is called in the log.
HOOKS = {
    "validate": ("validate f", lambda s: s.create()),
    "before_create": ("before_create f", lambda s: s.create()),
    "before_update": ("before_update f", lambda s: change(s, "PATCH", "", {"title": "b"})),
    "before_delete": ("before_delete f", lambda s: change(s, "DELETE")),
    "before_transition": ("before_transition f", lambda s: change(s, "POST", "/transitions/close", {})),
    "serialise": ("serialise f", lambda s: s.provoker.get(THING + "/" + s.record["id"])),
    "card": ("card p", lambda s: s.provoker.get(API + "provided/card?unit=11")),
    "get": ("GET /get", lambda s: s.provoker.get(API + "fault/get?unit=11")),
    "post": ("POST /post", lambda s: s.provoker.post(API + "fault/post?unit=11", {"x": 1})),
}


def change(s, method, path="", body=None):
    """Of a record made for this while nothing was planned."""
    return s.provoker.request(method, THING + "/" + s.record["id"] + path, body, {"If-Match": s.record["etag"]})


def prepare(s):
    s.plan("", "")
    made = s.create()
    assert made.status == 201, made
    s.record = {"id": made.json["id"], "etag": made.headers["ETag"]}


def setup():
    global server
    server = FaultServer(workers=2).begin()


def provoke(fault, hook):
    prepare(server)
    server.plan(fault, hook)
    mark = server.mark()
    return mark, broken(HOOKS[hook][1], server)


def test_without_a_plan_all_is_well():
    for hook, (_, enter) in HOOKS.items():
        prepare(server)
        answer = enter(server)
        assert answer.status in (200, 201, 204), (hook, answer)


def fatal(fault, hooks=tuple(HOOKS)):
    for hook in hooks:
        mark, answer = provoke(fault, hook)
        assert answer is True, (hook, fault, answer)
        server.plan("", "")
        server.expect_death(mark, HOOKS[hook][0], FATAL[fault], 90)


def test_crash():
    fatal("crash")


def test_abort():
    fatal("abort")


def test_exit_with_handlers():
    fatal("exit")


def test_exit_without():
    fatal("_exit")


def test_stack_overflow():
    fatal("overflow")


def test_endless_loop():
    """Two seconds of the processor each: one hook of every kind, filters before, while and after records are written."""
    fatal("loop", ("validate", "before_transition", "serialise", "card", "get"))


def test_a_pointer_that_leads_nowhere():
    """Handed to the host, which reads it: the plugin's crash all the same."""
    fatal("badpointer", ("validate", "card", "get"))


# ---- what does not end the worker: the answer, and nothing written ------------------------------------------------------------

FILTERS = ("validate", "before_create", "before_update", "before_delete", "before_transition", "serialise")
ROUTES = ("get", "post")


def rows():
    """What a fault must leave as it was."""
    return server.psql("SELECT id, title, secret, state, version, deleted_at FROM px_fault.thing ORDER BY tenant_id, id")


def unharmed(fault, hook):
    """The answer to the fault; no worker died of it, and nothing was written."""
    prepare(server)
    before = rows()
    server.plan(fault, hook)
    mark = server.mark()
    answer = HOOKS[hook][1](server)
    assert rows() == before, (fault, hook)
    assert not server.since(mark, "worker.died"), (fault, hook)
    return mark, answer


def assert_failed(hook, answer, mark):
    if hook == "card":
        assert answer.status == 200 and answer.json["failed"] == [{"plugin": "fault", "name": "p"}], (hook, answer)
        assert answer.json["items"] == [], (hook, answer)
        assert server.since(mark, "plugin.provider_failed", plugin="fault", hook="p")
    else:
        assert answer.status == 500 and answer.json["code"] == "plugin_failed", (hook, answer)
        assert "故障" in answer.json["detail"], answer
        name = "plugin.filter_failed" if hook in FILTERS else "plugin.route_failed"
        assert server.since(mark, name, plugin="fault"), hook


def test_zeroed_result():
    for hook in HOOKS:
        mark, answer = unharmed("zero", hook)
        assert_failed(hook, answer, mark)


def test_a_verdict_that_there_is_not():
    for hook in HOOKS:
        mark, answer = unharmed("garbage", hook)
        assert_failed(hook, answer, mark)


def test_veto():
    for hook in HOOKS:
        mark, answer = unharmed("veto", hook)
        if hook == "card":
            assert_failed(hook, answer, mark)
        elif hook in FILTERS:
            assert answer.status == 409 and answer.json["code"] == "vetoed", (hook, answer)
            assert answer.json["errors"][0]["code"] == "fault.refused_here", (hook, answer)
            assert answer.json["errors"][0]["pointer"] == "/title" and answer.json["detail"] == "故障：不行。", answer
        else:
            assert answer.status == 409 and answer.json["code"] == "fault.refused_here", (hook, answer)


def assert_orderly_log(mark):
    """Every line is JSON in UTF-8 and of a length that tools can bear."""
    with open(server.log_file, "rb") as log:
        lines = log.read().split(b"\n")
    for line in filter(lambda l: l.startswith(b"{"), lines):
        json.loads(line.decode("utf-8"))
        assert len(line) < 20000, len(line)
    assert server.since(mark, "plugin.log", plugin="fault")


def test_oversized_words():
    """Code, messages, pointer and log text of 8 MB each."""
    for hook in HOOKS:
        mark, answer = unharmed("oversize", hook)
        assert len(answer.body) < 20000, (hook, len(answer.body))
        assert answer.json
        assert answer.status == (200 if hook == "card" else 409), (hook, answer)
        assert_orderly_log(mark)


def test_words_that_are_no_utf8():
    for hook in HOOKS:
        mark, answer = unharmed("bytes", hook)
        assert json.loads(answer.body.decode("utf-8")), (hook, answer.body)
        assert answer.status == (200 if hook == "card" else 409), (hook, answer)
        assert_orderly_log(mark)


def test_oversized_output():
    """320 MB of JSON."""
    for hook in ("card", *ROUTES):
        mark, answer = unharmed("flood", hook)
        assert_failed(hook, answer, mark)
        assert len(answer.body) < 20000


def test_output_that_is_no_json():
    for hook in ("card", *ROUTES):
        for fault in ("unclosed", "overclosed", "keyless", "twice", "nothing"):
            mark, answer = unharmed(fault, hook)
            assert_failed(hook, answer, mark)
        mark, answer = unharmed("binary", hook)
        assert answer.status == 200 and "here" in json.loads(answer.body.decode("utf-8")).get("items", [answer.json])[0].get(
            "value", answer.json), answer


def test_sql_that_fails():
    """The statement divides by zero; the plugin says that all is well."""
    for hook in HOOKS:
        mark, answer = unharmed("badsql", hook) if hook not in ("card", "get") else provoke("badsql", hook)
        assert answer.status >= 500 or hook in ("serialise", "card", *ROUTES), (hook, answer)
        json.loads(answer.body)


def test_other_tenants_are_out_of_reach():
    """By the id of another's record: through statements, read and write, and through the engine."""
    mark = server.mark()
    for hook in HOOKS:
        prepare(server)
        own = int(server.psql("SELECT count(*) FROM px_fault.thing WHERE tenant_id = 1")[0][0])
        server.plan("reach", hook)
        answer = HOOKS[hook][1](server)
        told = [e["detail"].split() for e in server.since(mark, "plugin.log", what="fault.reach")]
        found = dict(part.split("=") for part in [t for t in told if t[0] == hook][-1][1:])
        assert found["all"] == f"0/{own}" and found["one"] == "0/0", (hook, found, own)
        assert found["write"] == ("-13/0" if hook in ("serialise", "card", "get") else "0/0"), (hook, found)
        assert found["read"] == "-2" and found["list"] in ("0/0", "-22/99"), (hook, found)
        assert answer.status in (200, 201, 204), (hook, answer)
    canary = server.psql(f"SELECT tenant_id, title, secret, version FROM px_fault.thing WHERE id = '{server.canary}'")
    assert canary == [["2", "canary of two", "", "1"]], canary


def test_statements_that_reach_further_are_not_loaded():
    """A plugin with one is not accepted at all: it never runs."""
    for where in ("tenant_id = $1 OR true", "tenant_id = $1 OR tenant_id = $2", "tenant_id IS NOT NULL", "tenant_id = $2",
                  "NOT (tenant_id = $1)", "tenant_id = $1 AND title IN (SELECT title FROM px_fault.thing)",
                  "tenant_id = $1 AND set_config('juxin.tenant', '2', true) IS NULL"):
        directory = os.path.join(scratch(), "reaching", "fault")
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(server.plugin_home, directory)
        with open(os.path.join(directory, "queries.sql"), "w", encoding="utf-8") as out:
            out.write(f"-- name: reach\n-- params: int\nSELECT title FROM px_fault.thing WHERE {where}\n")
        said = server.ctl("plugin", "check", directory, check=False)
        assert said.returncode and "queries.sql:3: reach:" in said.stdout + said.stderr, (where, said)


def test_workers_come_back():
    server.print_back()


if __name__ == "__main__":
    main()
