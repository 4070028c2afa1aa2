"""Comments beside records: who sees which, whom they may speak to; and the one timeline of all that happens to a record."""
import json
import time
import uuid

from lib import files, harness
from lib.files import attached
from lib.harness import wait_until
from lib.ledger import works_server

T = "/t/one/api/v1"
R = T + "/works/item"
server = None
people, units = {}, {}


def person(login, role=None, unit="s1", tenant="one", department=None):
    made = server.ctl_json("user", "create", tenant, login, "--name", login.upper(), "--generate")
    if role:
        server.ctl("grant", "add", tenant, "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")
    if department:
        server.ctl("department", "add", tenant, department, login)
    return sign_in(login, made["password"], tenant)


def sign_in(login, password, tenant="one"):
    client = server.client()
    answer = client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf, client.account = answer.json["csrf_token"], answer.json["account"]
    return client


def setup():
    global server
    server = works_server(workers=2)
    for tenant in ("one", "two"):
        people[tenant] = sign_in("writer", server.passwords[tenant], tenant)
        units[tenant] = server.psql("SELECT u.id FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id WHERE u.code"
                                    f" = 's1' AND t.slug = '{tenant}'")[0][0]
    server.ctl("department", "create", "one", "d1", "--name", "住建", "--unit", "k")
    people["member"] = person("member", "works_submitter")
    people["stranger"] = person("stranger", "works_submitter")
    people["reader"] = person("reader", "works_reader")
    people["dept"] = person("dept", "works_department", "k", department="d1")


def record(login="member", **more):
    answer = people[login].post(R, {"title": "事项 " + uuid.uuid4().hex[:8], "unit": units["one"], **more})
    assert answer.status == 201, answer
    return f"{R}/{answer.json['id']}"


def assign(path):
    department = server.psql("SELECT id FROM juxin.department WHERE code = 'd1'")[0][0]
    done = people["one"].post(path + "/transitions/assign", {"lead": department, "days": 5},
                              headers={"If-Match": people["one"].get(path).headers["ETag"]})
    assert done.status == 200, done


def say(login, path, body, **more):
    return people[login].post(path + "/comments", {"body": body, **more})


def said(login, path, body, **more):
    answer = say(login, path, body, **more)
    assert answer.status == 201 and answer.headers["Location"] == f"{path}/comments/{answer.json['id']}", answer
    return answer.json["id"]


def seen(login, path):
    """What somebody sees of the comments, newest first."""
    answer = people[login].get(path + "/comments")
    assert answer.status == 200, answer
    return [c["body"] for c in answer.json["items"]]


def refused(answer, pointer, code):
    assert answer.status == 422, answer
    found = [e for e in answer.json["errors"] if e["pointer"] == pointer]
    assert found and found[0]["code"] == code and found[0]["detail"], answer
    return found[0]


def bare(answer):
    return answer.status, json.dumps({k: v for k, v in answer.json.items() if k != "instance"}, ensure_ascii=False)


def test_internal_or_for_the_submitter():
    path = record()
    assign(path)
    said("one", path, "请住建部门核实。", internal=True)
    said("dept", path, "已核实。", internal=True)
    said("one", path, "正在办理。", internal=False)
    said("member", path, "谢谢。")
    everything = ["谢谢。", "正在办理。", "已核实。", "请住建部门核实。"]
    for login in ("one", "dept", "reader"):
        assert seen(login, path) == everything, login
    assert seen("member", path) == ["谢谢。", "正在办理。"]
    for where in (path + "/timeline", path + "/comments", path + "/history", path):
        assert "核实" not in people["member"].get(where).text, where
    # Whoever has the choice makes it; who has none is told so.
    refused(say("one", path, "x"), "/internal", "required")
    refused(say("member", path, "x", internal=True), "/internal", "not_internal")
    answer = say("reader", path, "x", internal=False)
    assert answer.status == 403 and "works.item.comment" in answer.json["detail"], answer
    # One's own record, too, when one handles records there.
    own = record("one")
    said("one", own, "给自己", internal=True)
    assert seen("one", own) == ["给自己"]


def test_on_a_persons_own_record_nothing_is_internal():
    """A declaration that wanted both is refused; tests/fixtures has no such resource."""
    done = server.ctl("plugin", "check", broken_plugin(), check=False)
    assert done.returncode and "/comments/internal" in done.stdout + done.stderr, done


def broken_plugin():
    import os
    home = os.path.join(harness.scratch(), "persons")
    os.makedirs(home + "/resources", exist_ok=True)
    label = {"zh-CN": "人员", "en": "Person"}
    with open(home + "/plugin.json", "w", encoding="utf-8") as out:
        json.dump({"id": "persons", "version": "0.1.0", "label": label}, out)
    with open(home + "/resources/person.json", "w", encoding="utf-8") as out:
        json.dump({"resource": "person", "label": label, "about_person": True, "comments": {"internal": True},
                   "fields": {"title": {"type": "text", "label": label}}}, out)
    return home


def test_a_mention_of_who_may_not_see_it():
    """Refused with a word that is the same for somebody who may not, for nobody, for another tenant's and for a disabled one."""
    path = record()
    gone = person("gone", "works_all")
    server.ctl("user", "disable", "one", "gone", "--yes", check=False)
    wait_until(lambda: server.psql("SELECT is_active FROM juxin.account WHERE login = 'gone'") == [["f"]], 10, "the end of it")
    nobody = str(uuid.uuid4())
    answers = [say("one", path, "看看", internal=False, mentions=[who]) for who in
               (people["stranger"].account, nobody, people["two"].account, gone.account, people["dept"].account)]
    assert {bare(a) for a in answers} == {bare(answers[0])}, answers
    refused(answers[0], "/mentions/0", "cannot_see")
    assert seen("one", path) == [] and server.psql("SELECT count(*) FROM juxin.mention") == [["0"]], "nothing half-written"
    assert "stranger" not in answers[0].text and people["stranger"].account not in answers[0].text
    # Who sees the record, but nothing internal, is not spoken to there.
    refused(say("one", path, "内部", internal=True, mentions=[people["member"].account]), "/mentions/0", "cannot_see")
    one, member, reader = (people[p].account for p in ("one", "member", "reader"))
    refused(say("one", path, "x", internal=False, mentions=[member, people["stranger"].account]), "/mentions/1", "cannot_see")
    id = said("one", path, "请看", internal=False, mentions=[member, reader, member])
    found = people["member"].get(path + "/comments").json["items"][0]
    assert found["id"] == id and sorted(found["mentions"]) == sorted([member, reader]), found
    said("one", path, "内部请看", internal=True, mentions=[reader, one])
    for bad, pointer in (("x", "/mentions"), (["x"], "/mentions/0"), ([nobody] * 21, "/mentions"), ([1], "/mentions/0")):
        refused(say("one", path, "x", internal=False, mentions=bad), pointer, "type")


def test_a_hidden_submitter_stays_hidden():
    """A department does not learn who submitted: not from who commented, not from whom it may mention."""
    path = record()
    assign(path)
    submitter = people["member"].account
    said("member", path, "请尽快。")
    attached(people["member"], path, "a.txt", files.TEXT)
    said("one", path, "请回复提交人", internal=False, mentions=[submitter])
    for where in ("/comments", "/timeline", "/attachments"):
        text = people["dept"].get(path + where).text
        assert submitter not in text and "MEMBER" not in text, (where, text)
    comments = people["dept"].get(path + "/comments").json["items"]
    assert [c["actor"] for c in comments] == [people["one"].account, None] and comments[1]["actor_hidden"], comments
    assert comments[0]["mentions"] == [], comments
    told = [say("dept", path, "x", internal=False, mentions=[who]) for who in (submitter, str(uuid.uuid4()))]
    assert bare(told[0]) == bare(told[1]), told
    said("dept", path, "x", internal=False, mentions=[people["one"].account])


def test_what_a_comment_may_say():
    path = record()
    for body in ("", "  \n ", "x" * 4001, "a\u0000b", "a\u0007b", "a\u001bb"):
        answer = say("member", path, body)
        assert answer.status == 422, (body, answer)
    for body in (1, None, ["x"]):
        refused(say("member", path, body), "/body", "required" if body is None else "type")
    refused(say("member", path, "x", other=1), "/other", "unknown_field")
    said("member", path, "字" * 4000)
    said("member", path, "一行\n又一行\t<script>alert(1)</script>")
    assert seen("member", path)[0] == "一行\n又一行\t<script>alert(1)</script>"
    assert seen("member", path)[1] == "字" * 4000


def test_who_may_delete():
    path = record()
    ids = [said("member", path, f"c{n}") for n in range(3)]
    internal = said("one", path, "内部", internal=True)
    nothing = people["member"].delete(f"{path}/comments/{uuid.uuid4()}")
    assert nothing.status == 404
    assert bare(people["member"].delete(f"{path}/comments/{internal}")) == bare(nothing), "what one does not see is not there"
    assert people["reader"].delete(f"{path}/comments/{ids[0]}").status == 403
    assert bare(people["stranger"].delete(f"{path}/comments/{ids[0]}")) == bare(nothing)
    other = record()
    assert bare(people["member"].delete(f"{other}/comments/{ids[0]}")) == bare(nothing), "under another record"
    assert people["member"].delete(f"{path}/comments/{ids[0]}").status == 204
    assert people["one"].delete(f"{path}/comments/{ids[1]}").status == 204
    assert people["member"].delete(f"{path}/comments/{ids[1]}").status == 404
    items = people["member"].get(path + "/comments").json["items"]
    assert [(c["body"], c.get("deleted", False)) for c in items] == [("c2", False), (None, True), (None, True)], items


def test_one_timeline():
    path = record()
    member, boss = people["member"], people["one"]
    member.patch(path, {"title": "改过的标题"}, headers={"If-Match": member.get(path).headers["ETag"]})
    file = attached(member, path, "说明.txt", files.TEXT)
    said("member", path, "请看附件。")
    assign(path)
    said("one", path, "内部记录", internal=True)
    boss.delete(f"{path}/attachments/{file['id']}")

    def told(login, query=""):
        answer = people[login].get(path + "/timeline" + query)
        assert answer.status == 200, answer
        return answer.json

    def brief(items):
        return [(e["kind"], e.get("action"), e.get("body") or e.get("name") or e.get("transition")) for e in items]

    everything = [("file", "detach", "说明.txt"), ("comment", None, "内部记录"), ("notice", "assigned", "assign"), ("change", "transition", "assign"),
                  ("comment", None, "请看附件。"), ("file", "attach", "说明.txt"), ("change", "update", None),
                  ("change", "create", None)]
    assert brief(told("one")["items"]) == everything, told("one")
    assert brief(told("member")["items"]) == everything[:1] + everything[3:], told("member")
    notice = told("one")["items"][2]
    assert (notice["told"], notice["own"]) == (1, False) and "actor" not in notice, notice
    assert told("one")["items"][6]["changes"]["title"]["new"] == "改过的标题"
    assert told("one")["items"][5]["deleted"] and told("one")["next"] is None
    for limit in (1, 2, 3):
        found, cursor = [], None
        while True:
            page = told("one", f"?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            assert len(page["items"]) <= limit
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                break
        assert brief(found) == everything, (limit, found)
    assert [e["at"] for e in found] == sorted((e["at"] for e in found), reverse=True)
    for cursor in ("x", "MXwx", "MXx8", "e30", ""):
        refused(boss.get(f"{path}/timeline?cursor={cursor}"), "cursor", "cursor")
    assert people["stranger"].get(path + "/timeline").status == 404
    # What is deleted or closed keeps its rules.
    for login, code in (("stranger", 404), ("reader", 200)):
        assert people[login].get(path + "/comments").status == code


def test_comments_are_told_to_streams_but_internal_ones_are_not():
    """The event of a record says that somebody commented; of an internal comment nothing goes out."""
    path = record()
    key = path.rsplit("/", 1)[1]
    said("one", path, "公开", internal=False)
    said("one", path, "内部", internal=True)

    def actions():
        rows = server.psql(f"SELECT payload FROM juxin.event WHERE topic = 'record' AND key = '{key}' ORDER BY id")
        return [json.loads(row[0])["action"] for row in rows]

    wait_until(lambda: "comment" in actions(), 10, "the event")
    assert actions().count("comment") == 1, actions()


if __name__ == "__main__":
    harness.main()
