#!/usr/bin/env python3
# Faults of what runs once in a process (constructor, load, worker start, drain), the quarantine that follows and how it
# ends, and plugins that must not be dropped.
import json
import os
import shutil
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.faults import API, FATAL, FaultServer, broken
from lib.harness import main, wait_until

server = None


def setup():
    global server
    server = FaultServer(workers=1).begin()


def install(plan):
    """Another build of the plugin, and a reload. Returns where the log stood before."""
    mark = server.mark()
    server.write_plan(plan)
    os.kill(server.process.pid, signal.SIGHUP)
    server.await_event(mark, "master.started", 30)
    return mark


def in_use(mark):
    """A worker that the reload at `mark` led to serves."""
    began = max(e["generation"] for e in server.since(mark, "master.started"))
    server.await_event(mark, "worker.ready", 30, generation=began)


def state():
    return {r["id"]: r["state"] for r in server.ctl_json("plugin", "list")}["fault"]


def answer():
    return broken(server.provoker.get, API + "fault/get?unit=11", timeout=60)


def quarantined(label, what, plan):
    """The new build ends three workers before one of them serves; then the server runs on without it, and it never
    stopped answering."""
    mark = install(plan)
    server.await_event(mark, "plugin.quarantined", 60, plugin="fault")
    crashes = server.since(mark, "plugin.crashed")
    assert [(c["hook"], c["what"]) for c in crashes[:3]] == [(label, what)] * 3, crashes
    assert {d["cause"] for d in server.since(mark, "worker.died")} == {"plugin"}
    assert broken(server.provoker.get, API + "units") is not True
    wait_until(lambda: answer() is not True and answer().status == 503, 30, "workers without it")
    assert server.ready()


def test_each_fault_while_loading():
    for fault, where in (("crash", "construct"), ("exit", "construct"), ("abort", "load"), ("overflow", "load"),
                         ("_exit", "worker_start"), ("crash", "worker_start")):
        label = "load" if where == "construct" else "lifecycle " + where
        quarantined(label, FATAL[fault], f"{fault}@{where}")
        # Another build is free at once.
        in_use(install("none@" + fault + where))
        wait_until(lambda: answer() is not True and answer().status == 200, 30, "the repaired build")


def test_an_endless_loop_while_loading():
    quarantined("lifecycle load", "plugin.ran_too_long", "loop@load")
    assert state() == "quarantined"


def test_an_operator_lifts_it():
    """The same build is tried again, and has its three crashes again; another build needs nobody."""
    mark = server.mark()
    server.ctl("plugin", "quarantine", "--release", "fault")
    with open(os.path.join(server.directory, "quarantine.json"), encoding="utf-8") as text:
        assert json.load(text) == {"crashes": [], "quarantined": []}
    server.ctl("reload")
    server.await_event(mark, "plugin.quarantined", 60, plugin="fault")
    assert len(server.since(mark, "plugin.crashed", what="plugin.ran_too_long")) == 3
    in_use(install(""))
    wait_until(lambda: answer() is not True and answer().status == 200, 30, "the good build")
    assert state() == "installed", state()


def test_a_plugin_that_says_no_while_loading():
    for plan in ("zero@load", "veto@load", "bytes@load", "oversize@load"):
        mark = install(plan)
        in_use(mark)
        told = server.await_event(mark, "plugin.unavailable", 20, plugin="fault", reason="load_failed")
        assert len(json.dumps(told)) < 5000
        wait_until(lambda: answer() is not True and answer().status == 503, 30, "the refusal")
        # Out of order by its own word: it is not entered any more.
        entered = [e["detail"] for e in server.since(mark, "plugin.log", what="fault.told")]
        assert set(entered) <= {"load", "drain"} and entered.count("load") >= 1, entered
        assert not server.since(mark, "worker.died")


def test_a_plugin_that_says_no_when_a_worker_starts():
    for plan in ("zero@worker_start", "veto@worker_start"):
        mark = install(plan)
        in_use(mark)
        server.await_event(mark, "plugin.lifecycle_failed", 20, plugin="fault")
        wait_until(lambda: answer() is not True and answer().status == 200, 30, "service")


def test_each_fault_while_draining():
    """The worker has its successor already; its death is attributed all the same."""
    for fault in ("crash", "abort", "exit", "_exit", "overflow", "loop"):
        in_use(install(fault + "@drain"))
        mark = install("none@" + fault)
        in_use(mark)
        died = server.await_event(mark, "worker.died", 60, plugin="fault", hook="lifecycle drain")
        assert died["cause"] == "plugin", died
        server.await_event(mark, "plugin.crashed", 20, hook="lifecycle drain", what=FATAL[fault])
        assert answer().status == 200
        server.forgive()


def test_a_configuration_that_is_not_accepted_keeps_no_quarantine_away():
    """What is quarantined goes from all workers, whatever stands on disk meanwhile."""
    in_use(install("good"))
    good = dict(server.config)
    server.config = dict(good, wokers=3)
    server.write_config()
    try:
        mark = server.mark()
        server.plan("crash", "get")
        for n in (1, 2, 3):
            assert answer() is True
            wait_until(lambda: len(server.since(mark, "plugin.crashed")) == n, 20, f"crash {n}")
        server.await_event(mark, "plugin.quarantined", 20, plugin="fault")
        server.await_event(mark, "master.fresh_workers", 20)
        wait_until(lambda: answer() is not True and answer().status == 503, 30, "workers without it")
    finally:
        server.config = good
        server.write_config()
        server.plan("", "")


PLAIN = {"id": "plain", "version": "0.1.0", "label": {"zh-CN": "素", "en": "Plain"}, "default": "on",
         "roles": {"faulter": {"label": {"zh-CN": "触发者", "en": "Provoker"}, "permissions": [
             "plain.thing.read", "plain.thing.create", "plain.thing.update", "plain.thing.delete"]}}}


def test_a_security_critical_plugin_is_never_dropped():
    """Quarantined, it leaves what it guards closed: its own records, and those of a plugin that is well."""
    own = FaultServer(workers=2, manifest={"security_critical": True, "guards": ["plain.thing"]})
    plain = own.plugin_home.parent / "plain"
    (plain / "resources").mkdir(parents=True)
    (plain / "plugin.json").write_text(json.dumps(PLAIN, ensure_ascii=False), encoding="utf-8")
    shutil.copy(own.plugin_home / "resources/thing.json", plain / "resources/thing.json")
    own.begin()
    made = {"fault": own.create(), "plain": own.provoker.post(API + "plain/thing", {"title": "a", "unit": own.units["11"]})}
    assert {a.status for a in made.values()} == {201}, made
    own.plan("crash", "before_create")
    mark = own.mark()
    for n in (1, 2, 3):
        assert broken(own.create) is True
        wait_until(lambda: len(own.since(mark, "plugin.crashed")) == n, 20, f"crash {n}")
    own.await_event(mark, "plugin.quarantined", 20, plugin="fault")
    own.plan("", "")

    def refused():
        refusal = broken(own.create)
        return refusal is not True and refusal.status == 503 and refusal

    refusal = wait_until(refused, 30, "the refusal")
    assert refusal.json["code"] == "plugin_unavailable", refusal
    for name, answer in made.items():
        unit = {"title": "b", "unit": own.units["11"]}
        assert own.provoker.post(API + name + "/thing", unit).status == 503, name
        for method, body in (("PATCH", {"title": "b"}), ("DELETE", None)):
            again = own.provoker.request(method, API + name + "/thing/" + answer.json["id"], body,
                                         {"If-Match": answer.headers["ETag"]})
            assert again.status == 503 and again.json["code"] == "plugin_unavailable", (name, method, again)
        assert own.psql(f"SELECT title, version FROM px_{name}.thing WHERE tenant_id = 1") == [["a", "1"]], name
    # Where the plugin ought not to run, it guards nothing; the rest of the server is as ever.
    elsewhere = own.provoker.post(API + "plain/thing", {"title": "b", "unit": own.units["12"]})
    assert elsewhere.status == 201, elsewhere
    assert own.provoker.get(API + "units").status == 200
    own.stop()


if __name__ == "__main__":
    main()
