#!/usr/bin/env python3
# long
# Every fault in the hooks that no request waits for: actions, and being told where the plugin runs.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.faults import API, FATAL, FaultServer
from lib.harness import main, wait_until

server = None
THING = API + "fault/thing"
ACTIONS = ("after_create", "after_update", "after_delete", "after_transition")
UNITS = ("enable_unit", "disable_unit")
LABEL = {**{a: a + " a" for a in ACTIONS}, **{u: "lifecycle " + u for u in UNITS}}


def setup():
    global server
    server = FaultServer(workers=2).begin()
    wait_until(lambda: told("11"), 30, "the unit is told of")


def told(code):
    return server.psql("SELECT 1 FROM juxin.plugin_unit p JOIN juxin.unit u ON u.tenant_id = p.tenant_id AND u.id = p.unit_id"
                       f" WHERE p.tenant_id = 1 AND p.plugin = 'fault' AND u.code = '{code}'") != []


def calm():
    """Nothing planned, nothing waiting."""
    server.plan("", "")
    server.psql("DELETE FROM juxin.outbox")


def provoke(fault, hook):
    calm()
    if hook in UNITS:
        # What the plugin is to be told next is that the unit began, or ended, to be one where it runs.
        server.plan(fault, hook)
        mark = server.mark()
        if hook == "enable_unit":
            server.psql("DELETE FROM juxin.plugin_unit p USING juxin.unit u WHERE u.tenant_id = p.tenant_id AND u.id = p.unit_id"
                        " AND p.tenant_id = 1 AND u.code = '11'")
        else:
            server.psql("INSERT INTO juxin.plugin_unit (tenant_id, plugin, unit_id) SELECT tenant_id, 'fault', id"
                        " FROM juxin.unit WHERE tenant_id = 1 AND code = '12' ON CONFLICT DO NOTHING")
        return mark
    made = server.create()
    assert made.status == 201, made
    wait_until(lambda: server.psql("SELECT count(*) FROM juxin.outbox") == [["0"]], 30, "the creation's own action")
    server.plan(fault, hook)
    mark = server.mark()
    path, tag = THING + "/" + made.json["id"], {"If-Match": made.headers["ETag"]}
    answer = {"after_create": lambda: server.create(),
              "after_update": lambda: server.provoker.patch(path, {"title": "b"}, headers=tag),
              "after_delete": lambda: server.provoker.delete(path, headers=tag),
              "after_transition": lambda: server.provoker.post(path + "/transitions/close", {}, headers=tag)}[hook]()
    # The change is made and acknowledged whatever becomes of the action.
    assert answer.status in (200, 201, 204), (hook, answer)
    return mark


# Actions are entered at one place, and so are the two events of units, which are told of every five seconds only: not
# every fault in every one of them.
def fatal(fault, *hooks):
    for hook in hooks:
        mark = provoke(fault, hook)
        server.await_event(mark, "worker.died", 90, plugin="fault", hook=LABEL[hook])
        calm()
        server.psql("DELETE FROM juxin.lease")  # a dead holder's would make the next one wait until it ends
        server.expect_death(mark, LABEL[hook], FATAL[fault], 30)


def test_crash():
    fatal("crash", *ACTIONS, "enable_unit")


def test_abort():
    fatal("abort", "after_create", "after_transition")


def test_exit_with_handlers():
    fatal("exit", "after_update", "disable_unit")


def test_exit_without():
    fatal("_exit", *ACTIONS)


def test_stack_overflow():
    fatal("overflow", "after_delete", "enable_unit")


def test_endless_loop():
    fatal("loop", "after_create", "disable_unit")


def outbox():
    return server.psql("SELECT state, attempts FROM juxin.outbox")


def test_an_action_that_says_no_is_given_up():
    for hook in ACTIONS:
        provoke("veto", hook)
        wait_until(lambda: outbox() == [["dead", "1"]], 30, f"the dead letter of {hook}")


def test_an_action_that_fails_is_tried_again():
    for fault in ("zero", "garbage"):
        for hook in ACTIONS:
            mark = provoke(fault, hook)
            wait_until(lambda: [r for r in outbox() if r[0] == "pending" and int(r[1]) >= 1], 30, f"{hook} {fault}")
            assert not server.since(mark, "worker.died"), (hook, fault)
    server.plan("", "")
    wait_until(lambda: outbox() == [], 60, "the last one is delivered once the plugin is well")


def test_a_unit_whose_telling_fails_is_told_again():
    for fault, hook in (("zero", "enable_unit"), ("veto", "disable_unit")):
        mark = provoke(fault, hook)
        server.await_event(mark, "plugin.lifecycle_failed", 30, plugin="fault", hook=LABEL[hook])
        assert not server.since(mark, "worker.died"), (hook, fault)
        assert told("11") == (hook == "disable_unit") and told("12") == (hook == "disable_unit")
        server.plan("", "")
        wait_until(lambda: told("11") and not told("12"), 60, f"{hook} after {fault}")


def test_oversized_words_and_broken_ones():
    for fault in ("oversize", "bytes"):
        for hook in ACTIONS:
            mark = provoke(fault, hook)
            wait_until(lambda: [r for r in outbox() if r[0] == "dead"], 30, f"{hook} {fault}")
            assert server.since(mark, "plugin.log", plugin="fault")  # each line was read as JSON in UTF-8
    with open(server.log_file, "rb") as log:
        assert max(map(len, log.read().split(b"\n"))) < 20000


def test_other_tenants_are_out_of_reach():
    for hook in (*ACTIONS, "enable_unit"):
        mark = provoke("reach", hook)
        found = wait_until(lambda: [e["detail"].split() for e in server.since(mark, "plugin.log", what="fault.reach")
                                    if e["detail"].startswith(hook + " ")], 30, hook)[0]
        found = dict(part.split("=") for part in found[1:])
        own = int(server.psql("SELECT count(*) FROM px_fault.thing WHERE tenant_id = 1")[0][0])
        assert found["all"] == f"0/{own}" and found["one"] == "0/0" and found["write"] == "0/0", (hook, found)
        assert found["read"] == "-2", (hook, found)
    canary = server.psql(f"SELECT tenant_id, title, secret, version FROM px_fault.thing WHERE id = '{server.canary}'")
    assert canary == [["2", "canary of two", "", "1"]], canary


def test_workers_come_back():
    server.print_back()


if __name__ == "__main__":
    main()
