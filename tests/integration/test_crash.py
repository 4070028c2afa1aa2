#!/usr/bin/env python3
# A plugin that crashes, exits, loops and blocks: nobody else notices, the master says who it was, and the third crash
# within the hour quarantines it.
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main, scratch, skip, wait_until
from lib.server import Server, prefix

MANIFEST = {
    "id": "crasher", "version": "0.1.0", "label": {"zh-CN": "崩溃", "en": "Crasher"},
    "description": {"zh-CN": "测试", "en": "For tests"}, "levels": ["county", "street"], "default": "on",
    "library": "crasher.so",
    "permissions": {"crasher.poke": {"zh-CN": "触发", "en": "Poke"}},
    "roles": {"poker": {"label": {"zh-CN": "触发者", "en": "Poker"}, "permissions": ["core.unit.read", "crasher.poke"]}},
}
SOURCE = r"""
#include <juxin/plugin.h>

static const struct jx_host *host;

static long kernel(long number, long a, long b)
{
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

static void segv(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    *(volatile int *)8 = 1;
}

static void leave(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    kernel(231, 0, 0); /* exit_group(0): a clean exit from inside */
}

static void loop(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    for (volatile int i = 0;; i++)
        ;
}

static void busy(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    for (volatile long i = 0; i < 400000000; i++)
        ;
    result->verdict = JX_OK;
}

static void nothing(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    result->verdict = JX_OK;
}

#define ROUTE(p, f) {.method = JX_GET, .path = p, .permission = "crasher.poke", .fn = f}
static const struct jx_route routes[] = {ROUTE("/segv", segv), ROUTE("/exit", leave), ROUTE("/loop", loop),
    ROUTE("/busy", busy), ROUTE("/ok", nothing)};
static const struct jx_plugin plugin = {.size = sizeof(plugin), JX_ROUTES(routes)};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return &plugin;
}

JX_PLUGIN("crasher", "0.1.0", start)
"""

server = None
user = None


def make_plugin(directory):
    home = pathlib.Path(directory) / "crasher"
    home.mkdir(parents=True)
    (home / "plugin.json").write_text(json.dumps(MANIFEST, ensure_ascii=False))
    (home / "crasher.c").write_text(SOURCE)
    include = next(pathlib.Path(prefix()).rglob("juxin/plugin.h")).parent.parent
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-I", str(include), "-o",
                    str(home / "crasher.so"), str(home / "crasher.c")], check=True, capture_output=True)
    os.unlink(home / "crasher.c")


def setup():
    global server, user
    if os.uname().machine != "x86_64":
        skip("its system calls are written for x86-64")
    plugins = os.path.join(scratch(), "plugins")
    make_plugin(plugins)
    # A sanitizer would catch the signal that is wanted here.
    options = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"
    server = Server(workers=2, config={"plugins": {"directory": plugins}}, environment={"ASAN_OPTIONS": options})
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": "1", "name": "区", "level": "county", "parent": None}]}, out)
    server.ctl("tenant", "create", "one", "--name", "一")
    server.ctl("unit", "import", "one", tree)
    password = server.ctl_json("user", "create", "one", "poker", "--name", "P", "--generate")["password"]
    server.ctl("grant", "add", "one", "--user", "poker", "--role", "poker", "--unit", "1", "--reach", "subtree")
    server.start()
    user = server.client()
    answer = user.post("/t/one/api/v1/session", {"login": "poker", "password": password})
    assert answer.status in (200, 201), answer


def events(name):
    return [e for e in map(json.loads, filter(lambda l: l.startswith("{"), server.log().splitlines()))
            if e["event"] == name]


def poke(path):
    return user.get("/t/one/api/v1/crasher" + path, timeout=20)


def expect_crash(path, crashed):
    """The request's connection breaks; the crash is attributed; a successor serves within a moment."""
    before, deaths = len(events("plugin.crashed")), len(events("worker.died"))
    try:
        answer = poke(path)
        raise AssertionError(f"an answer: {answer}")
    except OSError:
        pass
    wait_until(lambda: len(events("plugin.crashed")) > before, 10, "attribution")
    died = events("worker.died")[deaths]
    assert died["plugin"] == "crasher" and died["hook"] == "GET " + path, died
    assert len(died["inside_request"]) == 36, died
    crash = events("plugin.crashed")[-1]
    assert crash["what"] == crashed, crash


def test_it_works_at_all():
    assert poke("/ok").status == 204
    assert [e["plugin"] for e in events("plugin.loaded")] == ["crasher", "crasher"]


def test_slow_code_is_named():
    assert poke("/busy").status == 204
    wait_until(lambda: events("plugin.slow"), 5, "the watchdog's word")
    assert events("plugin.slow")[-1]["hook"] == "GET /busy"
    assert not events("worker.died")


def test_others_do_not_notice_a_crash():
    stop, answers, lost = threading.Event(), [], []

    def ask():
        while not stop.is_set():
            try:
                answers.append(server.client().get("/livez").status)
            except OSError as error:
                lost.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: len(answers) > 3, 10, "load")
    expect_crash("/segv", "Segmentation fault")
    wait_until(lambda: poke("/ok").status == 204, 5, "the plugin works again")
    stop.set()
    thread.join()
    assert set(answers) == {200}
    assert len(lost) <= 1, lost


def test_a_clean_exit_is_attributed_too():
    expect_crash("/exit", "exit")
    assert events("worker.died")[-1]["exit_code"] == 0


def test_third_crash_quarantines():
    began = time.monotonic()
    expect_crash("/loop", "plugin.ran_too_long")
    took = time.monotonic() - began
    assert 1.5 < took < 12, took
    assert events("plugin.quarantined")[-1]["plugin"] == "crasher"
    with open(server.directory + "/quarantine.json", encoding="utf-8") as text:
        state = json.load(text)
    assert [q["plugin"] for q in state["quarantined"]] == ["crasher"], state

    def refused():
        try:
            return poke("/ok").status in (404, 503)
        except OSError:
            return False

    wait_until(refused, 15, "the plugin is out in every worker")
    assert server.client().get("/livez").status == 200
    # The crashes asked for are no fault of the server's.
    wait_until(lambda: server.ready(), 10, "readiness")


if __name__ == "__main__":
    main()
