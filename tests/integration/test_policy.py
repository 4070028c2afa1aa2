"""Rules about where plugins run: what is refused on save, rules of the deployment, what waits while a plugin is off."""
import contextlib
import json
import os
import pathlib
import random
import time

from lib import harness
from lib.people import make_people
from lib.plugins import install
from lib.server import Server

TREE = [("1", "甲县", "county", None), ("11", "东街道", "street", "1"), ("111", "一社区", "community", "11"),
        ("112", "二社区", "community", "11"), ("12", "西街道", "street", "1"), ("121", "三社区", "community", "12")]
work = pathlib.Path(harness.scratch())
server = None
people, units = {}, {}


def setup():
    global server
    directory = install(work / "plugins", "every", "rider")
    server = Server(workers=2, config={"plugins": {"directory": str(directory)}})
    tree = work / "tree.json"
    tree.write_text(json.dumps({"units": [{"code": c, "name": n, "level": l, **({"parent": p} if p else {})}
                                          for c, n, l, p in TREE]}, ensure_ascii=False))
    for slug in ("one", "two"):
        server.ctl("tenant", "create", slug, "--name", slug)
        server.ctl("unit", "import", slug, tree)
    people.update(make_people(server, "one", "boss", "clerk"))
    people["other"] = make_people(server, "two", "boss")["boss"]
    for role in ("every_all", "rider_all"):
        server.ctl("grant", "add", "two", "--user", "boss", "--role", role, "--unit", "1", "--reach", "subtree")
    for login, role, unit, reach in (("boss", "every_all", "1", "subtree"), ("boss", "rider_all", "1", "subtree"),
                                     ("clerk", "every_all", "11", "self")):
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", reach)
    server.start()
    units.update({u["code"]: u["id"] for u in boss().get("units").json["items"]})


def boss():
    return people["boss"]


def rule(plugin, unit, word, client=None, **more):
    """The answer of POST policies."""
    body = dict({"unit": units[unit], "rule": word}, **more)
    if word in ("off", "forbidden"):
        body.setdefault("reason", "试")
    return (client or boss()).post(f"plugins/{plugin}/policies", body)


def end(plugin, made):
    answer = boss().delete(f"plugins/{plugin}/policies/{made.json['id']}")
    assert answer.status == 204, answer


@contextlib.contextmanager
def ruled(plugin, unit, word, client=None, **more):
    """In force within the block."""
    made = rule(plugin, unit, word, client, **more)
    assert made.status == 201, made
    try:
        yield made.json["id"]
    finally:
        end(plugin, made)


@contextlib.contextmanager
def deployed(plugin, *words):
    made = server.ctl_json("plugin", "policy", "-", plugin, *words)["id"]
    try:
        yield made
    finally:
        deployment(plugin, "--end", made)


def state(plugin, unit):
    return boss().get(f"plugins/{plugin}/why?unit={unit}").json["state"]


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def create(unit, title):
    answer = boss().post("every/case", {"title": title, "unit": units[unit]})
    assert answer.status == 201, answer
    return answer.json


# ---- saving ----

def test_a_rule_ended_before_it_began_is_in_nobodys_way():
    with ruled("every", "11", "off", **{"from": at(86400)}):
        assert rule("every", "11", "on").status == 409
    with ruled("every", "11", "on") as again:
        rows = boss().get("plugins/every/why?unit=11").json["rows"]
        assert [r["id"] for r in rows] == [again], rows


def test_a_rule_needs_the_right_wherever_it_reaches():
    """clerk may turn plugins on and off at street 11, not at the communities below it."""
    clerk = people["clerk"]
    made = rule("every", "11", "on", clerk, reach="self")
    assert made.status == 201, made
    assert clerk.delete(f"plugins/every/policies/{made.json['id']}").status == 204
    for reach in ({"reach": "subtree"}, {}, {"levels": "community"}):
        for path in ("policies", "policies/preview"):
            answer = clerk.post(f"plugins/every/{path}", {"unit": units["11"], "rule": "on", **reach})
            assert answer.status == 403 and answer.json["code"] == "forbidden", (path, reach, answer)
    with ruled("every", "11", "on") as wide:
        assert clerk.delete(f"plugins/every/policies/{wide}").status == 403


def test_what_needs_a_forbidden_plugin_cannot_be_mandated():
    with ruled("every", "12", "forbidden", **{"from": at(86400), "until": at(2 * 86400)}):
        refused = rule("rider", "1", "mandatory")  # at some time it could not be kept
        assert refused.status == 409 and refused.json["code"] == "dependency_forbidden", refused
        assert "西街道" in refused.json["detail"] and "every" in refused.json["detail"], refused
        for more in ({"until": at(86000)}, {"from": at(3 * 86400)}):
            with ruled("rider", "1", "mandatory", **more):
                pass
        with ruled("rider", "11", "mandatory"):
            pass


def test_the_same_request_again_is_done_once():
    body = {"unit": units["11"], "rule": "on"}
    made = [boss().post("plugins/every/policies", body, headers={"Idempotency-Key": "set-it"}) for _ in range(2)]
    assert [a.status for a in made] == [201, 201] and made[0].json["id"] == made[1].json["id"], made
    path = f"plugins/every/policies/{made[0].json['id']}"
    ended = [boss().delete(path, headers={"Idempotency-Key": "end-it"}) for _ in range(2)]
    assert [a.status for a in ended] == [204, 204], ended


# ---- the deployment ----

def deployment(*more, check=True):
    return server.ctl("plugin", "policy", "-", *more, check=check)


def test_the_deployments_preview_changes_nothing():
    with ruled("every", "1", "on"):
        said = deployment("every", "--rule", "forbidden", "--reason", "试", "--preview")
        assert state("every", "111") == "on", said
        assert server.psql("SELECT count(*) FROM juxin.deployment_policy") == [["0"]]
        assert "6 off" in said.stdout, said


def test_a_rule_of_the_deployment_is_listed_and_ended():
    with ruled("every", "1", "on"):
        with deployed("every", "--rule", "forbidden", "--reason", "停用") as made:
            assert state("every", "111") == "off"
            rows = server.ctl_json("plugin", "policy", "-", "every")
            assert [(r["id"], r["unit"], r["rule"], r["reason"]) for r in rows] == [
                (made, "(deployment)", "forbidden", "停用")], rows
            said = deployment("every", "--end", made, "--preview")
            assert "6 units would be turned on" in said.stdout, said
            assert state("every", "111") == "off"
        assert state("every", "111") == "on"
        assert server.ctl_json("plugin", "policy", "-", "every") == []
        assert deployment("every", "--end", made, check=False).returncode == 3
        with deployed("every", "--rule", "off", "--reason", "再"):  # nothing is left of the first
            pass


def test_the_deployment_mandates_nothing_that_is_forbidden_somewhere():
    with deployed("every", "--rule", "forbidden", "--reason", "停用"):
        refused = deployment("rider", "--rule", "mandatory", check=False)
        assert refused.returncode == 4 and "needs every" in refused.stderr, refused
    with ruled("every", "121", "forbidden"):
        refused = deployment("rider", "--rule", "mandatory", check=False)
        assert refused.returncode == 4 and "三社区" in refused.stderr, refused


# ---- what waits ----

def outbox(record):
    """Of the record's first row: its state, how often it was tried, and whether it waits. None when all is delivered."""
    rows = server.psql("SELECT state, attempts, next_at > now() FROM juxin.outbox"
                       f" WHERE key = 'every.case/{record['id']}' AND seq IS NOT NULL ORDER BY seq LIMIT 1")
    return (rows[0][0], int(rows[0][1]), rows[0][2] == "t") if rows else None


def look_again(record, times):
    """The dispatcher looks at the record's first row, so many times."""
    for _ in range(times):
        server.psql(f"UPDATE juxin.outbox SET next_at = now() WHERE key = 'every.case/{record['id']}'")
        harness.wait_until(lambda: outbox(record)[0] != "pending" or outbox(record)[2], 20, "the dispatcher to look at it")


def entered(unit):
    return server.log().count(f'"detail":"action {unit}"')


def test_an_action_waits_as_long_as_its_plugin_is_off():
    with ruled("every", "1", "on"):
        record = create("111", "later, when it is on again")
        harness.wait_until(lambda: outbox(record) and outbox(record)[1] > 0, 20, "the first attempt")
        with ruled("every", "111", "off"):
            before, attempts = entered("111"), outbox(record)[1]
            look_again(record, 12)  # more often than an action that fails is tried
            assert outbox(record)[0] == "pending", outbox(record)
            assert outbox(record)[1] <= attempts + 1, (attempts, outbox(record))
            assert entered("111") <= before + 1, "it was entered where it is off"  # one may have been under way
            server.psql(f"UPDATE px_every.case SET title = 'now' WHERE id = '{record['id']}'")
        harness.wait_until(lambda: outbox(record) is None, 60, "its delivery")  # by itself
        harness.wait_until(lambda: boss().get(f"every/case/{record['id']}").json["seen"] == 1, 20, "its effect")


def test_an_action_asks_about_the_unit_that_handles_the_record_now():
    with ruled("every", "1", "on"):
        record = create("112", "later, somewhere else")
        harness.wait_until(lambda: outbox(record) and outbox(record)[1] > 0, 20, "the first attempt")
        moved = boss().post(f"every/case/{record['id']}/transitions/escalate", {}, headers={"If-Match": '"1"'})
        assert moved.status == 200 and moved.json["unit_name"] == "东街道", moved
        with ruled("every", "11", "off", reach="self"):
            before = entered("112")
            look_again(record, 3)
            assert entered("112") <= before + 1 and outbox(record)[0] == "pending", outbox(record)


def due():
    done = server.ctl("jobs", "run", "--as-of", "2031-06-30", "--yes", "--json", check=False)
    return done.returncode, json.loads(done.stdout)


def test_deadlines_wait_and_are_no_failure():
    with ruled("every", "1", "on"):
        held, free = create("121", "held"), create("112", "free")
        for record in (held, free):  # a change of theirs would be in the way
            harness.wait_until(lambda: boss().get(f"every/case/{record['id']}").json["seen"] == 1, 20, "the action")
        with ruled("every", "12", "off"):
            code, said = due()
            assert code == 0 and said["failed"] == 0 and said["paused"] == 1 and said["done"] >= 1, (code, said)
            assert boss().get(f"every/case/{free['id']}").json["state"] == "lapsed"
            assert server.psql(f"SELECT state FROM px_every.case WHERE id = '{held['id']}'") == [["open"]]
        code, said = due()
        assert (code, said["done"], said["paused"]) == (0, 1, 0), (code, said)
        assert boss().get(f"every/case/{held['id']}").json["state"] == "lapsed"


# ---- the state of things, not the way to it ----

def by_code(who):
    return {u["code"]: u["id"] for u in who.get("units?limit=1000").json["items"]}


def answers(who):
    """What `why` says everywhere, with units by their code."""
    ids = by_code(who)
    names, said = {id: code for code, id in ids.items()}, {}
    for plugin in ("every", "rider"):
        for code in ids:
            answer = who.get(f"plugins/{plugin}/why?unit={code}").json
            row = answer.get("decided_by")
            said[plugin, code] = (answer["state"], answer.get("blocked_by"), answer.get("next_change"),
                                  row and (names.get(row["unit"]), row["rule"], row["levels"], row.get("until")))
    return said


def some_edits(chance):
    """Edits that may be made in any order: rules for one unit and level each, communities made and moved."""
    later = at(3600)
    rules = [(plugin, unit, level) for plugin in ("every", "rider") for unit in ("1", "11", "12", "111", "121")
             for level in ("county", "street", "community")]
    edits = [("create", code, "community", chance.choice(["11", "12"])) for code in ("118", "119", "128")]
    edits += [("move", code, chance.choice(["11", "12"])) for code in ("111", "112", "121")]
    edits += [("rule", *one, chance.choice(["on", "off"] * 4 + ["mandatory", "forbidden"]),
               chance.choice(["self", "subtree", "subtree"]), later)
              for one in chance.sample(rules, 24)]
    return edits


def make(who, edit):
    ids = by_code(who)
    if edit[0] == "create":
        answer = who.post("units", {"code": edit[1], "name": edit[1], "level": edit[2], "parent": ids[edit[3]]})
    elif edit[0] == "move":
        tag = who.get(f"units/{ids[edit[1]]}").headers["ETag"]
        answer = who.post(f"units/{ids[edit[1]]}/move", {"parent": ids[edit[2]]}, headers={"If-Match": tag})
    else:
        _, plugin, unit, level, word, reach, until = edit
        answer = who.post(f"plugins/{plugin}/policies", {"unit": ids[unit], "rule": word, "reach": reach, "reason": "试",
                                                         "levels": level, "until": until})
    assert answer.status in (200, 201), (edit, answer)


def undo(who):
    ids = by_code(who)
    for plugin in ("every", "rider"):
        for row in {r["id"]: r for code in ids for r in who.get(f"plugins/{plugin}/why?unit={code}").json["rows"]}:
            assert who.delete(f"plugins/{plugin}/policies/{row}").status == 204
    for code, _, _, parent in TREE:
        if parent:
            make(who, ("move", code, parent))


def test_the_order_of_edits_does_not_matter():
    seed = int(os.environ.get("JUXIN_SEED", 20260101))
    chance, on = random.Random(seed), 0
    edits = some_edits(chance)
    # What cannot be mandated depends on what is forbidden at that moment: the two do not go together here.
    edits = [e for e in edits if e[0] != "rule" or e[1] != "rider" or e[4] != "mandatory"]
    for who in (people["boss"], people["other"]):
        for edit in chance.sample(edits, len(edits)):
            make(who, edit)
    one, two = answers(people["boss"]), answers(people["other"])
    assert one == two, {k: (one[k], two[k]) for k in one if one[k] != two.get(k)}
    on = sum(state == "on" for state, *_ in one.values())
    print(f"  seed {seed} (JUXIN_SEED): {len(edits)} edits in two orders, {len(one)} answers, {on} of them on")
    assert len({state for state, *_ in one.values()}) > 1, one
    undo(people["boss"])
    undo(people["other"])


def placed():
    return server.psql("SELECT id, unit_id, a1, a2, a3, a4, version, state FROM px_every.case ORDER BY id")


def test_a_unit_moved_and_moved_back_is_where_it_was():
    with ruled("every", "1", "on"), ruled("every", "12", "off", levels="community"), ruled("rider", "11", "mandatory"):
        made = [create(code, f"at {code}") for code in ("11", "111", "112")]
        for record in made:
            harness.wait_until(lambda: boss().get(f"every/case/{record['id']}").json["seen"] == 1, 20, "the action")
        before = answers(boss()), placed(), boss().get("every/case?unit=11&limit=200").json
        server.ctl("unit", "create", "one", "19", "--name", "园区", "--level", "park", "--parent", "1")
        make(boss(), ("move", "11", "19"))
        moved = answers(boss())
        assert moved["every", "111"] == before[0]["every", "111"], moved  # still below the county
        make(boss(), ("move", "111", "12"))
        assert answers(boss())["every", "111"][0] == "off"  # as the communities there
        make(boss(), ("move", "111", "11"))
        make(boss(), ("move", "11", "1"))
        after = answers(boss()), placed(), boss().get("every/case?unit=11&limit=200").json
        assert {k: v for k, v in after[0].items() if k[1] != "19"} == before[0]
        assert after[1:] == before[1:]


# ---- nowhere ----

def test_a_list_of_a_plugin_that_runs_nowhere_says_so():
    for path in ("every/case", "every/case?count=exact", "every/case?title=eq.x", "every/case?unit=11"):
        answer = boss().get(path)
        assert answer.status == 403 and answer.json["code"] == "plugin_disabled", (path, answer)
    with ruled("every", "121", "on"):
        assert boss().get("every/case").status == 200


def test_records_of_a_plugin_out_of_order_follow_a_moved_unit():
    library = work / "plugins/every/every.so"
    with ruled("every", "1", "on"):
        record = create("111", "moves while its plugin is gone")
        library.rename(library.with_suffix(".away"))
        server.ctl("reload")
        harness.wait_until(lambda: boss().get("every/case").status == 503, 30, "the plugin to be gone")
        server.ctl("unit", "move", "one", "111", "--parent", "12", "--yes")
        library.with_suffix(".away").rename(library)
        server.ctl("reload")
        harness.wait_until(lambda: boss().get("every/case").status == 200, 30, "the plugin to be back")
        there, here = ({i["id"] for i in boss().get(f"every/case?unit={u}&limit=200").json["items"]} for u in ("12", "11"))
        server.ctl("unit", "move", "one", "111", "--parent", "11", "--yes")
        assert record["id"] in there and record["id"] not in here, (record["id"], there, here)


if __name__ == "__main__":
    harness.main()
