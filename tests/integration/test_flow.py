"""Transitions as officers know them, over HTTP: parts of several, steps back and resumed, requests and decisions, two
persons, acts. The plugin is a declaration and nothing else (tests/fixtures/flow/matters)."""
import contextlib
import datetime
import json
import os
import shutil
import threading
import uuid

from lib import harness
from lib.people import make_people
from lib.server import ROOT, Server

R = "matters/matter"
UNITS = [("k", "county", None), ("s1", "street", "k"), ("s2", "street", "k"), ("c1", "community", "s1"), ("c3", "community", "s2")]
server = None
people, departments = {}, {}


def setup():
    global server
    server = Server(config={}, database=False)
    plugins = os.path.join(server.directory, "plugins")
    shutil.copytree(ROOT / "tests/fixtures/flow", plugins)
    server.config["plugins"]["directory"] = plugins
    server.write_config()
    server.make_database()
    server.ctl("tenant", "create", "one", "--name", "壹")
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
    server.ctl("unit", "import", "one", tree)
    people.update(make_people(server, "one", "county", "s1", "s2", "c1", "member", "h1", "head1", "h2", "h3", "both", "nobody"))
    for login, unit in (("county", "k"), ("both", "k"), ("s1", "s1"), ("s2", "s2"), ("c1", "c1")):
        grant(login, "matters_officer", unit)
    grant("member", "matters_member", "c1")
    for code in ("d1", "d2", "d3"):
        server.ctl("department", "create", "one", code, "--name", code.upper(), "--unit", "k")
    for code, login, *more in (("d1", "h1"), ("d1", "head1", "--head"), ("d1", "both"), ("d2", "h2"), ("d3", "h3")):
        server.ctl("department", "add", "one", code, login, *more)
        grant(login, "matters_department", "k")
    departments.update(server.psql("SELECT code, id FROM juxin.department WHERE tenant_id = 1"))
    server.start()


def grant(login, role, unit):
    server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")


@contextlib.contextmanager
def off(unit):
    rule = server.ctl_json("plugin", "policy", "one", "matters", "--unit", unit, "--rule", "off", "--reason", "测试")["id"]
    try:
        yield
    finally:
        server.ctl("plugin", "policy", "one", "matters", "--end", rule)


def problem(answer, status, code, pointer=None):
    assert answer.status == status and (pointer or answer.json["code"] == code), answer
    if pointer:
        assert [e["code"] for e in answer.json["errors"] if e["pointer"] == pointer] == [code], answer
    return answer.json


def create(login="c1", unit="c1", **fields):
    made = people[login].post(R, dict({"title": "路灯 " + uuid.uuid4().hex[:6], "unit": unit}, **fields))
    assert made.status == 201, made
    return made.json["id"]


def seen(record, login="county"):
    answer = people[login].get(f"{R}/{record}")
    assert answer.status == 200, answer
    return answer.json


def ask(login, record, name, etag=None, **body):
    etag = etag or server.psql(f"SELECT version FROM px_matters.matter WHERE id = '{record}'")[0][0]
    return people[login].post(f"{R}/{record}/transitions/{name}", body, headers={"If-Match": f'"{etag}"'})


def take(login, record, name, **body):
    answer = ask(login, record, name, **body)
    assert answer.status == 200, answer
    return answer.json


def offered(login, record):
    answer = people[login].get(f"{R}/{record}/transitions")
    assert answer.status == 200, answer
    return {t["name"]: t for t in answer.json["items"]}


def history(record, login="county"):
    return people[login].get(f"{R}/{record}/history").json["items"]


def parts(record, login="county"):
    answer = people[login].get(f"{R}/{record}/parts")
    assert answer.status == 200, answer
    return {p["holder_name"]: p for p in answer.json["items"]}


def assigned(helpers=(), days=10, **fields):
    """A matter that the county has assigned to d1."""
    record = create("county", "k", **fields)
    take("county", record, "screen")
    take("county", record, "assign", lead=departments["d1"], helpers=[departments[d] for d in helpers], days=days)
    return record


def drafted():
    record = assigned()
    take("h1", record, "answer", answer="已修复")
    return record


def test_an_act_leaves_state_and_clock_alone():
    record = assigned()
    before = seen(record)
    urged = take("county", record, "urge", reason="请尽快")
    assert urged["version"] == before["version"] + 1 and urged["reason"] == "请尽快", urged
    stored = seen(record)
    for member in ("state", "state_since", "due_at", "unit_id"):
        assert urged[member] == stored[member] == before[member], (member, before, urged, stored)
    assert take("county", record, "supervise")["supervised"] is True
    assert [i["id"] for i in people["county"].get(R + f"?supervised=eq.true&id=eq.{record}").json["items"]] == [record]
    told = history(record)[-2:]
    assert [(i["transition"], i["from_state"], i["to_state"]) for i in told] == [
        ("urge", "assigned", "assigned"), ("supervise", "assigned", "assigned")], told
    assert offered("county", record)["urge"]["goal"] == "stay" and offered("county", record)["urge"]["to"] is None
    problem(ask("county", record, "supervise", supervised=False), 422, "not_settable", "/supervised")
    for _ in range(2):
        take("county", record, "urge")
    assert "urge" not in offered("county", record)
    problem(ask("county", record, "urge"), 409, "too_often")
    problem(ask("h1", record, "urge"), 403, "forbidden")
    problem(ask("county", record, "supervise", etag=1), 412, "stale")


def test_several_have_a_part_each():
    record = assigned(helpers=["d2", "d3"])
    assert {n: p["state"] for n, p in parts(record).items()} == {"D2": "open", "D3": "open"}
    assert "answer" not in offered("h1", record)
    problem(ask("h1", record, "answer", answer="早"), 409, "still_open")
    problem(ask("h1", record, "countersign", opinion="不是协办"), 403, "forbidden")  # the lead has no part of that role
    problem(ask("h2", record, "countersign"), 422, "required", "/opinion")
    assert "countersign" in offered("h2", record) and "countersign" not in offered("h1", record)
    done = take("h2", record, "countersign", opinion="同意")
    assert done["state"] == "assigned"
    mine = parts(record)["D2"]
    assert (mine["state"], mine["done_by_name"], mine["done_version"]) == ("done", "h2", done["version"]), mine
    assert "countersign" not in offered("h2", record)
    problem(ask("h2", record, "countersign", opinion="又同意"), 409, "done_already")
    problem(ask("h1", record, "answer", answer="早"), 409, "still_open")
    take("h3", record, "countersign", opinion="无意见")
    assert take("h1", record, "answer", answer="已修复")["state"] == "drafted"
    problem(people["nobody"].get(f"{R}/{record}/parts"), 404, "not_found")


def waiting(login):
    answer = people[login].get(R + "?part=open&order=due_at.asc&limit=200")
    assert answer.status == 200, answer
    return [i["id"] for i in answer.json["items"]]


def test_what_waits_for_a_department():
    late, soon = assigned(helpers=["d3"], days=20), assigned(helpers=["d3", "d2"], days=5)
    due(late, -3)
    other = assigned(helpers=["d2"])
    mine = waiting("h3")
    assert mine[:1] == [late] and soon in mine and other not in mine, mine
    assert late not in waiting("h1") and late not in waiting("county")  # who leads, and who sees everything
    take("h3", late, "countersign", opinion="同意")
    assert late not in waiting("h3") and soon in waiting("h3")
    assert people["h3"].get(R + f"?part=open&id=eq.{soon}&count=exact").json["count"]["value"] == 1
    problem(people["h3"].get(R + "?part=done"), 400, "invalid_query")
    take("county", soon, "return_to", step=[s["version"] for s in offered("county", soon)["return_to"]["steps"]][-1], reason="重新审查")
    with off("k"):
        problem(people["h3"].get(R + "?part=open"), 403, "plugin_disabled")


def test_assigned_anew_the_parts_begin_anew():
    record = assigned(helpers=["d2", "d3"])
    take("h2", record, "countersign", opinion="同意")
    take("county", record, "assign", lead=departments["d1"], helpers=[departments["d2"]], days=5)
    assert {n: p["state"] for n, p in parts(record).items()} == {"D2": "open"}
    assert people["h3"].get(f"{R}/{record}").status == 404  # takes part no more
    take("county", record, "assign", lead=departments["d1"], helpers=[], days=5)
    assert parts(record) == {}
    take("h1", record, "answer", answer="已修复")


def test_sent_back_to_a_step_and_resumed():
    record = create("c1", "c1")
    assert "return_to" not in offered("c1", record)
    take("c1", record, "screen")
    take("c1", record, "escalate")
    take("s1", record, "escalate")
    take("county", record, "assign", lead=departments["d1"], days=10)
    due, version = seen(record)["due_at"], seen(record)["version"]
    steps = offered("county", record)["return_to"]["steps"]
    assert [(s["state"], s["unit_name"], s["version"]) for s in steps] == [
        ("screened", "K", 4), ("screened", "S1", 3), ("screened", "C1", 2), ("new", "C1", 1)], steps
    problem(ask("county", record, "return_to", step=3), 422, "required", "/reason")
    problem(ask("county", record, "return_to", reason="缺材料"), 422, "required", "/step")
    for wrong in (5, 99, "3", None, 3.5):
        problem(ask("county", record, "return_to", step=wrong, reason="缺材料"), 422, "unknown_step", "/step")
    problem(ask("c1", record, "return_to", step=1, reason="不是经办"), 403, "forbidden")
    back = take("county", record, "return_to", step=3, reason="缺材料")
    assert (back["state"], back["unit_name"], back["due_at"]) == ("screened", "S1", None), back
    problem(ask("c1", record, "resume"), 403, "forbidden")
    assert "resume" in offered("s1", record)
    resumed = take("s1", record, "resume")
    assert (resumed["state"], resumed["unit_name"], resumed["due_at"]) == ("assigned", "K", due), resumed
    assert seen(record, "h1")["state"] == "assigned" and seen(record)["version"] == version + 2
    entries = {i["transition"]: i for i in history(record)}
    assert entries["return_to"]["from_unit"]["name"] == "K" and entries["resume"]["to_state"] == "assigned", entries


def test_what_moved_on_is_not_resumed():
    record = create("c1", "c1")
    take("c1", record, "screen")
    take("c1", record, "escalate")
    problem(ask("s1", record, "resume"), 409, "not_sent_back")
    take("s1", record, "return_to", step=2, reason="缺材料")
    take("c1", record, "escalate")
    assert "resume" not in offered("s1", record)
    problem(ask("s1", record, "resume"), 409, "not_sent_back")


def test_a_step_whose_unit_is_off_is_refused():
    record = create("county", "c3")
    take("s2", record, "screen")
    take("s2", record, "escalate")
    with off("c3"):
        problem(ask("s2", record, "return_to", step=2, reason="缺材料"), 409, "step_closed")
        assert seen(record)["unit_name"] == "S2"
    take("s2", record, "return_to", step=2, reason="缺材料")
    assert seen(record)["unit_name"] == "C3"


def test_down_the_tree_and_nowhere_else():
    record = create("county", "k")
    take("county", record, "screen")
    assert offered("county", record)["delegate"]["takes_unit"] is True and "escalate" not in offered("county", record)
    down = take("county", record, "delegate", unit="s1")
    assert (down["state"], down["unit_name"]) == ("screened", "S1"), down
    for wrong in ("s2", "c3", "k", "s1", "nowhere"):
        problem(ask("s1", record, "delegate", unit=wrong), 422, "unknown_unit", "/unit")
    take("s1", record, "delegate", unit="c1")
    assert "delegate" not in offered("c1", record)


def test_an_extension_is_asked_for_and_decided():
    record = assigned(days=10)
    due = datetime.date.fromisoformat(seen(record)["due_at"])
    assert not {"grant_extension", "refuse_extension"} & set(offered("county", record))
    problem(ask("county", record, "grant_extension"), 409, "not_asked")
    problem(ask("h2", record, "ask_extension", more_days=5, reason="待会商"), 404, "not_found")
    take("h1", record, "ask_extension", more_days=5, reason="待会商")
    assert seen(record)["due_at"] == due.isoformat()
    problem(ask("h1", record, "ask_extension", more_days=9, reason="再要"), 409, "asked_already")
    assert {"grant_extension", "refuse_extension"} <= set(offered("county", record))
    longer = datetime.date.fromisoformat(take("county", record, "grant_extension")["due_at"])
    assert 7 <= (longer - due).days <= 20, (due, longer)  # five working days, counted from the deadline
    problem(ask("county", record, "grant_extension"), 409, "not_asked")
    take("h1", record, "ask_extension", more_days=5, reason="再要")
    assert take("county", record, "refuse_extension", reason="不同意")["due_at"] == longer.isoformat()
    # What was asked for before the record moved on is not decided on any more.
    take("h1", record, "ask_extension", more_days=5, reason="又要")
    take("h1", record, "answer", answer="已修复")
    take("head1", record, "send_back")
    problem(ask("county", record, "grant_extension"), 409, "not_asked")


def test_two_persons_sign():
    """Whoever drafted does not sign, a head as well; another head does."""
    record = drafted()
    problem(ask("h1", record, "sign_off"), 403, "forbidden")
    take("head1", record, "send_back")
    take("head1", record, "answer", answer="负责人自拟")
    assert "sign_off" not in offered("head1", record)
    problem(ask("head1", record, "sign_off"), 409, "same_person")
    server.ctl("department", "add", "one", "d1", "h1", "--head")
    try:
        assert take("h1", record, "sign_off")["state"] == "answered"
    finally:
        server.ctl("department", "add", "one", "d1", "h1")
    # One's own request is not one's own to grant.
    record = assigned()
    take("both", record, "ask_extension", more_days=5, reason="待会商")
    problem(ask("both", record, "grant_extension"), 409, "same_person")
    take("county", record, "grant_extension")


def test_refused_passed_on_withdrawn_closed_reopened():
    record = create("c1")
    problem(ask("c1", record, "not_accept"), 422, "required", "/reason")
    assert take("c1", record, "not_accept", reason="不属职责范围")["state"] == "refused"
    record = create("c1")
    problem(ask("c1", record, "pass_on", office="newspaper"), 422, "not_one_of", "/office")
    assert take("c1", record, "pass_on", office="hotline")["state"] == "passed_on"
    record = create("member")
    assert take("member", record, "withdraw")["state"] == "withdrawn"
    record = drafted()
    take("head1", record, "sign_off")
    assert take("county", record, "close")["state"] == "closed"
    for _ in range(2):
        assert take("county", record, "reopen")["due_at"]
        take("h1", record, "answer", answer="再答")
        take("head1", record, "sign_off")
    problem(ask("county", record, "reopen"), 409, "too_often")


def test_departments_learn_no_submitter_from_steps_and_parts():
    record = create("member", "c1", contact="居民甲")
    take("c1", record, "screen")
    take("c1", record, "escalate")
    take("s1", record, "escalate")
    take("county", record, "assign", lead=departments["d1"], helpers=[departments["d2"]], days=5)
    take("h2", record, "countersign", opinion="同意")
    for path in ("", "/history", "/parts", "/transitions"):
        for login in ("h1", "h2"):
            text = people[login].get(f"{R}/{record}{path}").text
            assert people["member"].account not in text and "居民甲" not in text, (path, login, text)


def test_one_of_two_at_once():
    """Two departments' handlers, two heads: the second finds it done, or changed."""
    record = assigned(helpers=["d2"])
    version = seen(record)["version"]
    answers = []
    threads = [threading.Thread(target=lambda p=person: answers.append(
        p.post(f"{R}/{record}/transitions/countersign", {"opinion": "同意"}, headers={"If-Match": f'"{version}"'})))
        for person in [people["h2"], second_handler()]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers) == [200, 412], answers
    assert [i["transition"] for i in history(record)].count("countersign") == 1


def many(login, name, items, key=None, **body):
    return people[login].post(f"{R}/transitions/{name}", dict(body, items=[{"id": r, "version": v} for r, v in items]),
                              headers={"Idempotency-Key": key} if key else None)


def results(answer):
    assert answer.status == 200, answer
    return [(i["status"], i.get("code")) for i in answer.json["items"]]


def test_many_at_once_each_with_its_result():
    one, two, screened, stale = (create("c1", "c1") for _ in range(4))
    elsewhere = create("county", "c3")
    take("c1", screened, "screen")
    answer = many("c1", "screen", [(one, 1), (screened, 2), (stale, 7), (elsewhere, 1), (str(uuid.uuid4()), 1), (two, 1)])
    assert results(answer) == [(200, None), (409, "wrong_state"), (412, "stale"), (404, "not_found"), (404, "not_found"),
                               (200, None)], answer
    assert (answer.json["done"], answer.json["refused"]) == (2, 4), answer
    unseen, absent = answer.json["items"][3:5]
    assert dict(unseen, id=0) == dict(absent, id=0), (unseen, absent)
    first = answer.json["items"][0]
    assert (first["id"], first["version"], first["state"]) == (one, 2, "screened"), first
    assert [len(history(r)) for r in (one, screened, stale, elsewhere, two)] == [2, 2, 1, 1, 2]
    missing = many("c1", "not_accept", [(one, 2), (two, 2)])
    assert results(missing) == [(422, "invalid")] * 2 and missing.json["items"][0]["errors"][0]["pointer"] == "/reason", missing
    assert results(many("c1", "not_accept", [(one, 2), (two, 2)], values={"reason": "重复"})) == [(200, None)] * 2
    assert seen(one)["reason"] == "重复"
    assert results(many("member", "screen", [(stale, 1)])) == [(404, "not_found")]
    assert results(many("county", "countersign", [(screened, 2)])) == [(403, "forbidden")]
    problem(many("c1", "no_such", [(one, 1)]), 404, "not_found")


def test_what_is_asked_of_many_is_checked():
    record = create("c1", "c1")
    problem(many("c1", "screen", []), 422, "range", "/items")
    problem(many("c1", "screen", [(str(uuid.uuid4()), 1) for _ in range(201)]), 422, "range", "/items")
    problem(many("c1", "screen", [(record, 1), (record, 1)]), 422, "twice", "/items/1")
    problem(many("c1", "screen", [(record, 0)]), 422, "type", "/items/0")
    problem(many("c1", "screen", [("x", 1)]), 422, "type", "/items/0")
    problem(many("c1", "screen", [(record, 1)], value={}), 422, "unknown_field", "/value")
    problem(many("c1", "screen", [(record, 1)], values=[]), 422, "type", "/values")
    assert seen(record)["version"] == 1


def test_many_where_the_plugin_is_off_in_part():
    here, there = create("county", "c1"), create("county", "c3")
    with off("c3"):
        assert results(many("county", "screen", [(here, 1), (there, 1)])) == [(200, None), (403, "plugin_disabled")]
    assert results(many("county", "screen", [(there, 1)])) == [(200, None)]


def test_many_repeated_with_a_key_are_done_once():
    records, key = [create("c1", "c1") for _ in range(3)], uuid.uuid4().hex
    first = many("c1", "screen", [(r, 1) for r in records], key=key)
    again = many("c1", "screen", [(r, 1) for r in records], key=key)
    assert results(first) == [(200, None)] * 3 and again.status == 200 and again.json["replayed"] is True, again
    assert [len(history(r)) for r in records] == [2, 2, 2]


def test_two_take_the_same_many():
    """In opposite order: neither waits for ever, and each record is taken once."""
    records = [create("county", "c1") for _ in range(30)]
    answers = {}
    both = [threading.Thread(target=lambda w=who, o=order: answers.update({w: many(w, "screen", [(r, 1) for r in o])}))
            for who, order in (("county", records), ("c1", records[::-1]))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sum(a.json["done"] for a in answers.values()) == 30 and all(a.status == 200 for a in answers.values()), answers
    assert {s for a in answers.values() for s in results(a)} <= {(200, None), (412, "stale")}, answers
    assert server.psql(f"SELECT DISTINCT version FROM px_matters.matter WHERE id IN ({','.join(repr(r) for r in records)})") == [["2"]]


def second_handler():
    people.update(make_people(server, "one", "h2b"))
    server.ctl("department", "add", "one", "d2", "h2b")
    grant("h2b", "matters_department", "k")
    return people["h2b"]


def due(record, days):
    """As if it had been due so many calendar days from today."""
    server.psql(f"UPDATE px_matters.matter SET due_at = (now() AT TIME ZONE 'Asia/Shanghai')::date + {days} WHERE id = '{record}'")


def run_deadlines():
    """The hourly job, now; back when it waits for its next hour."""
    of = "kind = 'resource.deadlines' AND created_by IS NULL"
    harness.wait_until(lambda: server.psql(f"UPDATE juxin.job SET run_at = now() WHERE {of} AND state = 'waiting' RETURNING 1"),
                       60, "the job that comes back")
    harness.wait_until(lambda: server.psql(f"SELECT 1 FROM juxin.job WHERE {of} AND state = 'waiting' AND run_at > now() + "
                                           "interval '10 minutes'"), 60, "a turn of the job")


def reminded(record):
    told = [row[0] for row in server.psql(f"SELECT kind FROM juxin.reminder WHERE record_id = '{record}' ORDER BY at, kind")]
    for kind in set(told) - {"supervise"}:  # whoever watches is told the same
        seen_events = server.psql(f"SELECT count(*) FROM juxin.event WHERE key = '{record}' AND topic = 'record' AND payload LIKE "
                                  f"'%\"action\":\"{kind}\"%'")
        assert seen_events == [[str(told.count(kind))]], (kind, seen_events, told)
    return told


def test_deadlines_are_told_once_each():
    soon, late, later, far, done = (assigned() for _ in range(5))
    for record, days in ((soon, 1), (late, -1), (later, -20), (far, 60)):
        due(record, days)
    take("h1", done, "answer", answer="已修复")
    take("head1", done, "sign_off")
    take("county", done, "close")
    due(done, -20)
    run_deadlines()
    assert [reminded(r) for r in (soon, late, far, done)] == [["due_soon"], ["overdue"], [], []]
    assert sorted(reminded(later)) == ["overdue", "supervise"]
    escalated = seen(later)
    assert escalated["supervised"] is True and escalated["state"] == "assigned", escalated
    entry = history(later)[-1]
    assert (entry["transition"], entry["actor_kind"], entry["actor"]) == ("supervise", "system", None), entry
    listed = people["county"].get(R + "?overdue=true&limit=200")
    assert listed.status == 200 and {late, later} <= {i["id"] for i in listed.json["items"]}, listed
    assert not {soon, far, done} & {i["id"] for i in listed.json["items"]}, listed
    problem(people["county"].get(R + "?overdue=maybe"), 400, "invalid_query")
    version = escalated["version"]
    run_deadlines()
    assert [reminded(r) for r in (soon, late, far, done)] == [["due_soon"], ["overdue"], [], []]
    assert seen(later)["version"] == version and sorted(reminded(later)) == ["overdue", "supervise"]
    due(late, 1)  # put off: a new deadline, a new reminder
    run_deadlines()
    assert reminded(late) == ["overdue", "due_soon"]


def test_a_reminder_waits_for_the_plugin():
    record = create("county", "c3")
    due(record, -1)
    with off("c3"):
        run_deadlines()
        assert reminded(record) == []
    run_deadlines()
    assert reminded(record) == ["overdue"]


def test_a_year_without_holidays_is_said_so():
    record = assigned(days=10)
    told = seen(record)
    year = told["due_at"][:4]
    assert told["due_is_provisional"] is True, told
    listed = people["county"].get(f"{R}?id=eq.{record}").json["items"][0]
    assert listed["due_is_provisional"] is True, listed
    file = os.path.join(server.directory, f"{year}.json")
    for days, status in (([{"date": f"{int(year) + 1}-01-01", "kind": "holiday"}], False),  # of another year
                         ([{"date": f"{year}-01-01", "kind": "festival"}], False), ([], False),
                         ([{"date": f"{year}-01-01", "kind": "holiday", "name": "元旦"}], True)):
        with open(file, "w", encoding="utf-8") as out:
            json.dump({"year": int(year), "days": days}, out)
        done = server.ctl("calendar", "import", file, check=False)
        assert (done.returncode == 0) is status, done
        assert ("due_is_provisional" not in seen(record)) is status
    assert seen(assigned(days=300))["due_is_provisional"] is True  # the year after next


def counted(days, free):
    """So many working days from today, weekends and these days off."""
    day = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).date()
    while days:
        day += datetime.timedelta(days=1)
        days -= day.weekday() < 5 and day not in free
    return day.isoformat()


def publish(year, free):
    file = os.path.join(server.directory, f"{year}.json")
    with open(file, "w", encoding="utf-8") as out:
        json.dump({"year": year, "days": [{"date": d.isoformat(), "kind": "holiday", "name": "假"} for d in free if d.year == year]}, out)
    return server.ctl_json("calendar", "import", file)


def test_deadlines_are_counted_anew_once_the_holidays_are_known():
    known = {datetime.date.fromisoformat(d) for (d,) in server.psql("SELECT day FROM juxin.calendar_day")}
    record, put_off, done = (assigned(days=300) for _ in range(3))
    elsewhere = create("county", "c3")
    take("county", elsewhere, "screen")
    take("county", elsewhere, "assign", lead=departments["d1"], days=300)
    take("h1", put_off, "ask_extension", more_days=10, reason="情况复杂")
    take("both", put_off, "grant_extension")
    take("h1", done, "answer", answer="已修复")
    take("head1", done, "sign_off")
    assert (seen(record)["due_at"], seen(put_off)["due_at"]) == (counted(300, known), counted(310, known))
    version, last = seen(record)["version"], int(counted(310, known)[:4])
    years = [y for y in range(datetime.date.today().year, last + 1) if y not in {d.year for d in known}]
    free = known | {datetime.date(y, 1, 1) + datetime.timedelta(days=n) for y in years for n in range(1, 15)}
    with off("c3"):
        for year in reversed(years):  # the nearest is missing until the end
            told = publish(year, free)
            assert told["missing"] == [y for y in years if y < year], told
        harness.wait_until(lambda: seen(record)["due_at"] == counted(300, free), 60, "the first")
        harness.wait_until(lambda: seen(put_off)["due_at"] == counted(310, free), 60, "what was put off")
        assert server.psql(f"SELECT due_at FROM px_matters.matter WHERE id = '{elsewhere}'") == [[counted(300, known)]]
    publish(years[0], free)
    harness.wait_until(lambda: seen(elsewhere)["due_at"] == counted(300, free), 60, "what waited for its plugin")
    assert seen(done)["due_at"] is None and "due_is_provisional" not in seen(record)
    entries = [i for i in history(record) if i["action"] == "deadline"]
    assert entries[0]["due"]["old"] == counted(300, known) and entries[-1]["due"]["new"] == counted(300, free), entries
    assert entries[-1]["actor_kind"] == "system" and seen(record)["version"] == version + len(entries), entries
    held = ", ".join(repr(r) for r in (record, put_off, done, elsewhere))
    assert server.psql(f"SELECT count(*) FROM juxin.provisional WHERE record_id IN ({held})") == [["0"]]


def test_off_and_frozen():
    """Where the plugin does not run nothing is taken, and nothing is lost: on again, it goes on."""
    record = assigned(helpers=["d2"])
    with off("k"):
        for login, name, body in (("county", "urge", {}), ("h2", "countersign", {"opinion": "同意"})):
            problem(ask(login, record, name, **body), 403, "plugin_disabled")
        problem(people["county"].get(f"{R}/{record}/parts"), 403, "plugin_disabled")
    take("h2", record, "countersign", opinion="同意")


if __name__ == "__main__":
    harness.main()
