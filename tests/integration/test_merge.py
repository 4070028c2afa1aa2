"""Duplicates are merged and taken apart again, over HTTP: nobody who submitted one is lost, nobody sees more than before."""
# sent
import threading
import uuid

from lib import harness
from lib.matters import R, Matters, problem

m = None


def setup():
    global m
    m = Matters(("deputy", "matters_officer", "k"))


def merge(login, record, into, **more):
    return m.ask(login, record, "merge", **dict({"into": into, "into_version": m.version(into)}, **more))


def merged(login="county", unit="k", by="county"):
    """(a duplicate, what it was merged into)"""
    duplicate, into = m.create("member", "c1", contact="张三"), m.create(by, unit)
    answer = merge(login, duplicate, into)
    assert answer.status == 200, answer
    return duplicate, into


def test_a_submitter_keeps_the_record_and_follows_the_other():
    before = len(m.notices("member"))
    duplicate, into = m.create("member", "c1", contact="张三"), m.assigned(contact="李四")
    answer = merge("county", duplicate, into, reason="同一路灯")
    assert answer.status == 200 and answer.json["state"] == "merged" and answer.json["merged_into"] == into, answer
    number = m.seen(into)["number"]
    own = m.seen(duplicate, "member")
    assert own["follows"] == {"id": into, "number": number, "state": "assigned", "state_since": own["follows"]["state_since"],
                              "answer": None}, own
    assert [i["follows"]["number"] for i in m.people["member"].get(R + "?limit=200").json["items"] if i["id"] == duplicate] == [number]
    assert m.people["member"].get(f"{R}/{into}").status == 404
    assert "李四" not in str(own) and m.people["member"].get(f"{R}/{into}/timeline").status == 404
    m.take("h1", into, "answer", answer="已修复")
    m.take("head1", into, "sign_off")
    own = m.seen(duplicate, "member")
    assert (own["follows"]["state"], own["follows"]["answer"]) == ("answered", "已修复"), own
    told = m.notices("member")[: len(m.notices("member")) - before]
    assert [(n["record"], n["text"]["en"].split(": ")[1]) for n in told] == [(duplicate, "Sign off."), (duplicate, "Merge.")], told
    assert not [n for n in m.notices("second") if n["record"] in (duplicate, into)]


def test_both_sides_are_in_the_timeline():
    duplicate, into = merged()
    version = m.version(into)
    names = {r: m.seen(r)["number"] for r in (duplicate, into)}
    out, there = m.history(duplicate)[-1], m.history(into)[-1]
    assert (out["transition"], out["other"]) == ("merge", {"id": into, "number": names[into]}), out
    assert out["changes"]["merged_into"] == {"old": None, "new": into}, out
    assert (there["action"], there["other"], there["version"]) == ("merge", {"id": duplicate, "number": names[duplicate]}, version)
    assert {i.get("action") for i in m.people["county"].get(f"{R}/{into}/timeline").json["items"]} == {"create", "merge"}
    assert m.server.psql(f"SELECT count(*) FROM juxin.audit WHERE action = 'matters.matter.merge' AND object_id IN ('{duplicate}', "
                         f"'{into}')") == [["2"]]
    back = m.take("county", duplicate, "unmerge")
    assert (back["state"], back["merged_into"]) == ("new", None) and "follows" not in m.seen(duplicate), back
    assert m.history(into)[-1]["action"] == "unmerge" and m.history(duplicate)[-1]["transition"] == "unmerge"
    assert m.people["county"].get(f"{R}/{into}/duplicates").json == {"count": 0, "items": []}
    assert m.version(into) == version  # whoever has it open goes on


def test_taken_apart_it_is_what_it_was():
    duplicate, into = m.assigned(days=10), m.create("county", "k")
    due = m.seen(duplicate)["due_at"]
    assert merge("county", duplicate, into).status == 200
    assert m.seen(duplicate)["due_at"] is None
    back = m.take("county", duplicate, "unmerge")
    assert (back["state"], back["due_at"], back["lead"]) == ("assigned", due, m.departments["d1"]), back
    problem(m.ask("county", duplicate, "unmerge"), 409, "wrong_state")
    assert "answer" in m.offered("h1", duplicate)


def test_who_handles_it_reads_the_duplicates():
    duplicate, into = m.create("member", "c1", contact="张三"), m.create("county", "c3")
    m.take("county", into, "screen")
    m.take("county", into, "assign", lead=m.departments["d1"], days=10)
    said = m.people["member"].post(f"{R}/{duplicate}/comments", {"body": "灯杆也坏了"})
    assert said.status == 201, said
    assert m.people["h1"].get(f"{R}/{duplicate}").status == 404
    assert merge("county", duplicate, into).status == 200
    read = m.people["h1"].get(f"{R}/{duplicate}")
    assert read.status == 200 and read.json["created_by"] is None and {"created_by", "contact"} <= set(read.json["hidden"]), read
    timeline = m.people["h1"].get(f"{R}/{duplicate}/timeline")
    assert "灯杆也坏了" in str(timeline.json) and m.accounts["member"] not in str(timeline.json), timeline
    listed = m.people["h1"].get(f"{R}/{into}/duplicates").json
    assert listed["count"] == 1 and listed["items"][0]["id"] == duplicate and "contact" not in listed["items"][0], listed
    assert m.accounts["member"] not in str(listed) and "张三" not in str(listed), listed
    assert m.people["h2"].get(f"{R}/{duplicate}").status == 404
    problem(m.people["h2"].get(f"{R}/{into}/duplicates"), 404, "not_found")
    for unit in ("c1", "c3"):  # where the duplicate lies, where the other does
        with m.off(unit):
            assert m.people["h1"].get(f"{R}/{duplicate}").status in (403, 404)
    m.take("county", duplicate, "unmerge")
    assert m.people["h1"].get(f"{R}/{duplicate}").status == 404


def test_the_other_submitter_learns_nothing_of_the_duplicate():
    duplicate, into = m.create("member", "c1", contact="张三"), m.create("second", "c1")
    assert merge("c1", duplicate, into).status == 200
    assert m.people["second"].get(f"{R}/{duplicate}").status == 404
    assert m.people["second"].get(f"{R}/{into}/duplicates").json == {"count": 1, "items": []}
    assert "张三" not in str(m.history(into, "second")) and m.accounts["member"] not in str(m.history(into, "second"))


def test_what_is_refused():
    duplicate, into = merged()
    third, fourth = m.create("county", "k"), m.create("county", "k")
    chain = problem(merge("county", third, duplicate), 409, "into_merged")
    assert [e["detail"] for e in chain["errors"] if e["pointer"] == "/into"] == [into], chain
    problem(merge("county", into, third), 409, "has_duplicates")
    problem(m.people["county"].delete(f"{R}/{into}", headers={"If-Match": f'"{m.version(into)}"'}), 409, "has_duplicates")
    problem(merge("county", third, third), 422, "same_record", "/into")
    problem(merge("county", third, fourth, into_version=9), 412, "stale")
    problem(m.ask("county", third, "merge", etag=9, into=fourth, into_version=1), 412, "stale")
    problem(m.ask("county", third, "merge"), 422, "required", "/into")
    problem(m.ask("county", third, "merge", into=fourth), 422, "required", "/into_version")
    absent = m.ask("c1", m.create("c1"), "merge", into=str(uuid.uuid4()), into_version=1)
    unseen = m.ask("c1", m.create("c1"), "merge", into=third, into_version=1)
    assert absent.json["errors"] == unseen.json["errors"] and absent.status == unseen.status == 422, (absent, unseen)
    problem(m.ask("county", third, "merge", into=fourth, into_version=1, merged_into=fourth), 422, "not_settable", "/merged_into")
    m.take("county", fourth, "not_accept", reason="不属受理范围")
    problem(merge("county", third, fourth), 409, "wrong_state_of_into")
    problem(merge("member", m.create("member", "c1"), m.create("member", "c1")), 403, "forbidden")
    here, there = m.create("county", "c1"), m.create("county", "c3")
    with m.off("c3"):
        problem(merge("county", here, there), 403, "plugin_disabled")
    assert m.seen(third)["state"] == m.seen(here)["state"] == "new" and m.seen(into)["version"] == 1


def test_both_must_be_the_mergers():
    """s1 sees what s1 passed up to the county, but does not handle it any more."""
    duplicate, passed = m.create("c1", "c1"), m.create("s1", "s1")
    m.take("s1", passed, "screen")
    m.take("s1", passed, "escalate")
    assert m.people["s1"].get(f"{R}/{passed}").status == 200
    problem(merge("s1", duplicate, passed), 403, "forbidden")
    assert merge("county", duplicate, passed).status == 200
    assert "unmerge" in m.offered("s1", duplicate)  # whoever handles the duplicate may take it back
    m.take("s1", duplicate, "unmerge")


def test_many_into_one():
    into, records = m.create("county", "k"), [m.create("member", "c1") for _ in range(3)]
    answer = m.people["county"].post(f"{R}/transitions/merge", {
        "items": [{"id": r, "version": 1} for r in records + [into]], "values": {"into": into, "into_version": 1}})
    assert [i["status"] for i in answer.json["items"]] == [200, 200, 200, 422], answer
    listed = m.people["county"].get(f"{R}/{into}/duplicates").json
    assert [i["id"] for i in listed["items"]] == sorted(records), listed
    assert {i["id"] for i in m.people["county"].get(f"{R}?merged_into=eq.{into}").json["items"]} == set(records)


def test_two_merge_into_each_other_at_once():
    for _ in range(5):
        one, two = m.create("county", "k"), m.create("county", "k")
        answers = {}
        both = [threading.Thread(target=lambda who=who, a=a, b=b: answers.update({a: merge(who, a, b)}))
                for who, a, b in (("county", one, two), ("deputy", two, one))]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert sorted(a.status for a in answers.values()) in ([200, 409], [200, 412]), answers
        assert sorted(m.seen(r)["state"] for r in (one, two)) == ["merged", "new"]


if __name__ == "__main__":
    harness.main()
