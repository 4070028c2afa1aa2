"""What a person holds goes to another in one step: looked at first, then item by item, each with its result."""
# sent
import uuid

from lib import harness
from lib.matters import R, Matters, problem

m = None
H = "handovers"


def setup():
    global m
    m = Matters(("admin", "administrator", "k"), ("s1admin", "administrator", "s1"), ("leaver", "matters_officer", "s1"),
                ("taker", "matters_officer", "s1"), ("clerk", "matters_department", "k"), ("clerk2", "matters_department", "k"))


def handover(by, giver, receiver=None):
    body = {"from": m.accounts[giver]}
    if receiver:
        body["to"] = m.accounts[receiver]
    made = m.people[by].post(H, body)
    assert made.status == 201, made
    found = harness.wait_until(lambda: (lambda f: f if f["state"] != "freezing" else None)(
        m.people[by].get(f"{H}/{made.json['id']}").json), 60, "what is held")
    assert found["state"] == "ready", found
    return found


def items(by, batch):
    answer = m.people[by].get(f"{H}/{batch['id']}/items")
    assert answer.status == 200, answer
    return {i["id"]: i for i in answer.json["items"]}


def start(by, batch):
    begun = m.people[by].post(f"{H}/{batch['id']}/start")
    assert begun.status == 200, begun
    m.job_done(begun.json["job"], by)
    return m.people[by].get(f"{H}/{batch['id']}").json


def owned(owner, unit="c1"):
    return m.create("county", unit, owner=m.accounts[owner])


def test_all_of_it_goes_over_and_both_are_told():
    here, street, closed = owned("leaver"), owned("leaver", "s1"), owned("leaver")
    m.take("county", closed, "not_accept", reason="不属受理范围")
    m.server.ctl("department", "add", "one", "d2", "leaver", "--head")
    before = {who: len(m.notices(who)) for who in ("leaver", "taker")}
    batch = handover("admin", "leaver", "taker")
    sorts = {(s["kind"], s["part"]): (s["count"], s["not_possible"]) for s in batch["items"]}
    assert sorts == {("record", "owner"): (2, 0), ("member", "head"): (1, 0)} and batch["left_out"] == 0, batch
    assert m.seen(here)["owner"] == m.accounts["leaver"]  # nothing is changed by looking
    late = owned("leaver")
    found = start("admin", batch)
    assert (found["state"], found["done"], found["refused"]) == ("done", 3, 0), found
    assert [m.seen(r)["owner"] for r in (here, street, closed, late)] == [
        m.accounts["taker"], m.accounts["taker"], m.accounts["leaver"], m.accounts["leaver"]]
    entry = m.history(here)[-1]
    assert entry["action"] == "handover" and entry["changes"]["owner"] == {"old": m.accounts["leaver"], "new": m.accounts["taker"]}, entry
    members = m.server.psql("SELECT account_id, is_head FROM juxin.department_member WHERE department_id = "
                            f"'{m.departments['d2']}' AND account_id IN ('{m.accounts['leaver']}', '{m.accounts['taker']}')")
    assert members == [[m.accounts["taker"], "t"]], members
    for who in ("leaver", "taker"):
        told = m.notices(who)[: len(m.notices(who)) - before[who]]
        assert [n["kind"] for n in told] == ["handover"] and "3" in told[0]["text"]["zh-CN"], told
    assert m.server.psql(f"SELECT count(*) FROM juxin.audit WHERE object_id = '{batch['id']}' AND action LIKE 'handover.%'") == [["2"]]


def test_the_part_and_the_sight_go_with_it():
    record = m.create("county", "k")
    m.take("county", record, "screen")
    m.take("county", record, "assign", lead=m.departments["d1"], days=10, clerk=m.accounts["clerk"])
    assert m.people["clerk"].get(f"{R}/{record}").status == 200 and m.people["clerk2"].get(f"{R}/{record}").status == 404
    batch = handover("admin", "clerk", "clerk2")
    assert [i["part"] for i in items("admin", batch).values()] == ["clerk"]
    start("admin", batch)
    assert m.people["clerk"].get(f"{R}/{record}").status == 404
    part = [p for p in m.people["clerk2"].get(f"{R}/{record}/parts").json["items"] if p["role"] == "clerk"]
    assert [(p["holder"], p["state"]) for p in part] == [(m.accounts["clerk2"], "open")], part
    m.take("clerk2", record, "report_done")


def test_what_the_receiver_may_not_hold_is_said():
    record, other = owned("leaver"), owned("leaver", "c3")
    batch = handover("admin", "leaver", "nobody")
    told = items("admin", batch)
    assert told[record]["code"] == "no_right" and told[record]["status"] is None, told
    found = start("admin", batch)
    assert found["done"] == 0 and m.seen(record)["owner"] == m.accounts["leaver"], found
    assert {(i["status"], i["code"]) for i in items("admin", batch).values()} == {(409, "no_right")}
    batch = handover("admin", "leaver", "taker")  # whose rights end at s1
    assert (items("admin", batch)[record]["code"], items("admin", batch)[other]["code"]) == (None, "no_right")
    m.server.psql(f"UPDATE px_matters.matter SET version = version + 1 WHERE id = '{record}'")
    start("admin", batch)
    assert (items("admin", batch)[record]["status"], items("admin", batch)[record]["code"]) == (412, "stale")
    assert m.seen(other)["owner"] == m.accounts["leaver"]


def test_it_asks_who_administers_the_unit():
    m.server.psql("UPDATE juxin.account SET unit_id = (SELECT id FROM juxin.unit WHERE tenant_id = 1 AND code = 's1') WHERE login = 'leaver'")
    here, above = owned("leaver", "s1"), owned("leaver", "k")
    batch = handover("s1admin", "leaver")
    assert here in items("s1admin", batch) and above not in items("s1admin", batch) and batch["left_out"] > 0, batch
    problem(m.people["s1admin"].post(f"{H}/{batch['id']}/start"), 409, "no_receiver")
    for ask in (m.people["county"].get(H), m.people["county"].post(H, {"from": m.accounts["leaver"]})):
        problem(ask, 403, "forbidden")
    problem(m.people["admin"].get(f"{H}/{batch['id']}"), 404, "not_found")
    absent = m.people["s1admin"].post(H, {"from": str(uuid.uuid4())})
    problem(absent, 422, "unknown_account", "/from")
    problem(m.people["admin"].post(H, {"from": m.accounts["leaver"], "to": m.accounts["leaver"]}), 422, "same_account", "/to")
    with m.off("s1"):
        assert here not in items("admin", handover("admin", "leaver"))


def test_a_giver_who_is_blocked_and_has_no_rights_left():
    record = owned("leaver", "s1")
    grant = m.server.psql(f"SELECT id FROM juxin.access_grant WHERE account_id = '{m.accounts['leaver']}'")[0][0]
    m.server.ctl("grant", "end", "one", grant)
    m.server.ctl("user", "disable", "one", "leaver")
    start("admin", handover("admin", "leaver", "taker"))
    assert m.seen(record)["owner"] == m.accounts["taker"]
    problem(m.people["admin"].post(H, {"from": m.accounts["taker"], "to": m.accounts["leaver"]}), 422, "not_active", "/to")


if __name__ == "__main__":
    harness.main()
