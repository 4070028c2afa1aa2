#!/usr/bin/env python3
# What runs on and on: code that blocks, loops over the host's functions, in requests and behind them.
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import harness
from lib.faults import API, FaultServer, broken
from lib.harness import main, wait_until

server = None
ENTER = {
    "get": lambda s: s.provoker.get(API + "fault/get?unit=11", timeout=120),
    "card": lambda s: s.provoker.get(API + "provided/card?unit=11", timeout=120),
    "validate": lambda s: s.create(timeout=120),
    "after_create": lambda s: s.create(timeout=120),
}


def setup():
    global server
    server = FaultServer(workers=2).begin()
    # Only now: signing in takes what it takes on a busy machine.
    server.config["limits"] = {"request_ms": 3000}
    server.write_config()
    server.ctl("reload")
    server.await_event(0, "master.started", 20, generation=2)
    harness.wait_until(lambda: len(server.since(0, "worker.ready", generation=2)) == 2, 30, "the new generation")


def start(hook):
    """The request in a thread of its own; its result comes into the list."""
    result = []
    thread = threading.Thread(target=lambda: result.append(broken(ENTER[hook], server)))
    thread.start()
    return thread, result


def serves():
    return broken(server.provoker.get, API + "units", timeout=5) is not True


def test_who_blocks_is_ended():
    server.plan("sleep", "card")
    mark = server.mark()
    thread, result = start("card")
    died = server.await_event(mark, "plugin.blocked_too_long", 60, plugin="fault", hook="card p")
    assert died["cpu_ms"] < 1000 and died["wall_ms"] >= 10000, died
    server.plan("", "")
    server.expect_death(mark, "card p", "plugin.blocked_too_long")
    thread.join(30)
    assert result == [True], result


def test_who_does_not_return_when_told_to_is_ended():
    """The request is over after three seconds; the plugin asks on, and nothing of it suspends any more."""
    for hook, label in (("get", "GET /get"), ("validate", "validate f"), ("after_create", "after_create a")):
        server.plan("pester", hook)
        mark = server.mark()
        thread, result = start(hook)
        told = server.await_event(mark, "plugin.does_not_return", 30, plugin="fault", hook=label)
        assert told["refusals"] > 100, told
        server.plan("", "")
        server.expect_death(mark, label, "Aborted")
        thread.join(30)
        if hook != "after_create":
            assert result[0] is True or result[0].status in (503, 504), result
        wait_until(serves, 20, "service")


def test_workers_come_back():
    server.print_back()


if __name__ == "__main__":
    main()
