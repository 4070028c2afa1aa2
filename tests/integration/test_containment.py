#!/usr/bin/env python3
# Every fault in every kind of hook that a request enters: attributed, answered or cut off, and nobody else's trouble.
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.faults import API, FATAL, FaultServer, broken
from lib.harness import main

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


def count():
    return int(server.psql("SELECT count(*) FROM px_fault.thing WHERE tenant_id = 1 AND deleted_at IS NULL")[0][0])


def test_without_a_plan_all_is_well():
    for hook, (_, enter) in HOOKS.items():
        prepare(server)
        answer = enter(server)
        assert answer.status in (200, 201, 204), (hook, answer)


def fatal(fault):
    for hook, (label, _) in HOOKS.items():
        mark, answer = provoke(fault, hook)
        assert answer is True, (hook, fault, answer)
        server.plan("", "")
        server.expect_death(mark, label, FATAL[fault])


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
    fatal("loop")


def test_workers_come_back():
    server.print_back()


if __name__ == "__main__":
    main()
