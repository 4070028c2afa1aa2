#!/usr/bin/env python3
# A plugin that leaks, in every kind of hook: the worker is replaced without losing a request, and the log says whose it was.
# One that takes everything at once ends as a crash of its own.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.faults import API, FaultServer, broken
from lib.harness import main, wait_until

ROOM = 96 << 20
server = None
HOOKS = {
    "validate": lambda: server.create(),
    "serialise": lambda: server.provoker.get(API + "fault/thing/" + server.record),
    "card": lambda: server.provoker.get(API + "provided/card?unit=11"),
    "get": lambda: server.provoker.get(API + "fault/get?unit=11"),
    "after_create": lambda: server.create(),
}


def setup():
    global server
    server = FaultServer(workers=1).begin()
    server.record = server.create().json["id"]
    server.config["limits"] = {"worker_memory_bytes": resident() + ROOM}
    server.write_config()


def resident():
    def known():
        lines = server.admin().get("/metrics").text.splitlines()
        return int([l for l in lines if l.startswith("juxin_worker_memory_bytes ")][0].split()[1])

    return wait_until(known, 10, "the worker's size")


def renew():
    """A worker of today's size, and a master that has replaced none yet."""
    mark = server.mark()
    server.ctl("reload")
    started = server.await_event(mark, "master.started", 30)
    server.await_event(mark, "worker.ready", 30, generation=started["generation"])
    server.await_event(mark, "worker.ended", 40)


def test_a_leak_in_every_kind_of_hook():
    for hook, enter in HOOKS.items():
        renew()
        mark = server.mark()
        server.plan("leak", hook)
        answers = []

        def grown():
            answers.append(enter().status)
            return server.since(mark, "worker.outgrown")

        told = wait_until(grown, 60, f"a worker outgrown in {hook}")[0]
        server.plan("", "")
        assert told["cause"] == "plugin" and told["plugin"] == "fault", told
        assert told["resident_bytes"] > told["limit_bytes"] > told["when_ready_bytes"], told
        ended = server.await_event(mark, "worker.ended", 60, worker_pid=told["worker_pid"])
        assert ended["cause"] == "drained", ended
        ready = server.await_event(mark, "worker.ready", 20)
        assert server.events().index(ready) < server.events().index(ended)
        # Nobody's request was lost, and a leak is no crash.
        assert set(answers) <= {200, 201, 204}, answers
        assert not server.since(mark, "worker.died") and not server.since(mark, "plugin.crashed")
        print(f"   {hook}: replaced after {len(answers)} requests at {told['resident_bytes'] >> 20} MB, "
              f"{told['grown_in_it_bytes'] >> 20} MB of it seen to come from the plugin")


def test_everything_at_once():
    """Without end: stopped long before the machine has nothing left, and put down to the call."""
    for hook, label in (("get", "GET /get"), ("card", "card p")):
        renew()
        server.plan("hoard", hook)
        mark = server.mark()
        assert broken(HOOKS[hook]) is True
        server.plan("", "")
        server.await_event(mark, "plugin.used_too_much_memory", 20, plugin="fault", hook=label)
        server.expect_death(mark, label, "plugin.used_too_much_memory")


def test_a_limit_below_what_a_worker_needs():
    """Said once; no worker is replaced over and over by one just as large."""
    server.config["limits"] = {"worker_memory_bytes": 32 << 20}
    server.write_config()
    server.write_plan("ballast@start")  # 72 MB from the beginning, none of its calls more than the limit
    mark = server.mark()
    renew()
    server.await_event(mark, "worker.memory_limit_too_low", 20)
    wait_until(lambda: resident() > (64 << 20), 10, "a larger worker")
    assert HOOKS["get"]().status == 200
    assert not [e for name in ("worker.outgrown", "worker.died") for e in server.since(mark, name)], server.tail(14)
    assert len(server.since(mark, "worker.memory_limit_too_low")) == 1


if __name__ == "__main__":
    main()
