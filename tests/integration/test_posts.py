#!/usr/bin/env python3
# sent
"""Posts, tenures and terms: who holds what from which day to which, the rights that come and go with it, and the rollover that does
what its preview said."""
import datetime
import uuid

from lib import harness
from lib.harness import wait_until
from lib.ledger import works_server

T, OTHER = "/t/one/api/v1", "/t/two/api/v1"
TODAY = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8))).date()
server = None
people, units = {}, {}


def day(days):
    return str(TODAY + datetime.timedelta(days=days))


def account(login, *roles, unit="k", tenant="one"):
    made = server.ctl_json("user", "create", tenant, login, "--name", login.upper(), "--generate")
    for role in roles:
        server.ctl("grant", "add", tenant, "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")
    client = people[login] = server.client()
    answer = client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": made["password"]})
    assert answer.status == 201, answer
    client.csrf, client.account, client.password = answer.json["csrf_token"], answer.json["account"], made["password"]
    return client


def setup():
    global server
    server = works_server(workers=2)
    for code, id in server.psql("SELECT u.code, u.id FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id WHERE t.slug = 'one'"):
        units[code] = id
    account("admin", "administrator")
    units["s2"] = admin("POST", "/units", {"code": "s2", "name": "S2", "level": "street", "parent": units["k"]}).json["id"]
    account("street", "administrator", unit="s1")
    account("stranger", "administrator", tenant="two")
    for login in ("wang", "li", "zhao", "sun", "qian", "zhou"):
        account(login)
    server.psql(f"UPDATE juxin.account SET unit_id = '{units['s1']}' WHERE login NOT IN ('admin', 'writer') AND tenant_id = 1; "
                "UPDATE juxin.epoch SET n = n + 1")


def admin(method, path, body=None, status=(200, 201, 204), login="admin", **more):
    answer = people[login].request(method, T + path, body, **more)
    assert answer.status in (status if isinstance(status, tuple) else (status,)), (method, path, body, answer)
    return answer


def role(*permissions):
    return admin("POST", "/roles", {"name": "r" + uuid.uuid4().hex[:8], "label_zh": "角色", "permissions": list(permissions)}).json["id"]


def post(title="区长", unit="s1", **more):
    return admin("POST", "/posts", {"kind": "leader", "unit": units[unit], "title": title, **more}).json["id"]


def etag(path):
    return {"If-Match": admin("GET", path).headers["ETag"]}


def hold(post, login, status=201, by="admin", **more):
    return admin("POST", f"/posts/{post}/tenures", {"account": people[login].account, **more}, status, by, headers=etag(f"/posts/{post}"))


def end(post, tenure, status=200, **more):
    return admin("POST", f"/posts/{post}/tenures/{tenure}/end", more, status, headers=etag(f"/posts/{post}"))


def give(post, permission="core.account.read", unit="s1", **more):
    return admin("POST", "/grants", {"post": post, "role": role(permission), "unit": units[unit], "reach": "subtree", **more}).json["id"]


def sees(login):
    """What the post gives in these tests."""
    answer = people[login].get(f"{T}/accounts")
    assert answer.status in (200, 403), answer
    return answer.status == 200


def code(answer):
    return answer.json["errors"][0]["code"] if answer.json.get("errors") else answer.json["code"]


def why(login, permission="core.account.read", unit="s1"):
    return people["admin"].get(f"{T}/explain?account={people[login].account}&permission={permission}&unit={units[unit]}").json


def test_rights_come_with_the_post_and_go_with_it():
    p = post()
    granted = give(p)
    assert not sees("wang")
    tenure = hold(p, "wang", **{"until": day(30)}).json["id"]
    assert sees("wang"), "at once, in every worker"
    said = why("wang")
    assert said["may"] and said["because"][0]["post"] == p and said["because"][0]["grant"] == granted, said
    assert [g["post"] for g in people["wang"].get(T + "/session").json["grants"]] == [p]
    assert granted in [g["id"] for g in people["wang"].get(T + "/grants").json["items"]], "one's own are no secret"
    shown = admin("GET", f"/posts/{p}").json
    assert shown["vacant"] == 0 and shown["tenures"][0]["is_current"] and shown["tenures"][0]["name"] == "WANG", shown
    assert [x["grant"] for x in shown["rights"]] == [granted]
    end(p, tenure, reason="调离")
    assert not sees("wang"), "at once"
    said = why("wang")
    assert not said["may"] and said["nearest"][0]["reason"] == "expired" and said["nearest"][0]["post"] == p, said
    assert admin("GET", f"/posts/{p}").json["tenures"][0]["reason"] == "调离"
    own = people["wang"].get(f"{T}/me/data/tenures").json["items"]
    assert [i["title"] for i in own if i["reason"] == "调离"] == ["区长"], own


def test_days_begin_and_end_in_the_district():
    """From the first second of the first day to the last of the last, at UTC+8."""
    p = post()
    give(p)
    tenure = hold(p, "li", **{"from": "2026-03-01", "until": "2031-02-28"}).json["id"]
    assert server.psql(f"SELECT valid_from AT TIME ZONE 'UTC', valid_until AT TIME ZONE 'UTC' FROM juxin.tenure WHERE id = '{tenure}'") == [
        ["2026-02-28 16:00:00", "2031-02-28 16:00:00"]]
    shown = admin("GET", f"/posts/{p}").json["tenures"][0]
    assert (shown["from"], shown["until"]) == ("2026-03-01", "2031-02-28"), shown
    assert sees("li")
    end(p, tenure, until=day(0))
    assert sees("li"), "the day is not over"
    # The end of the day, brought near: nobody does anything when it comes, no job, no write.
    server.psql(f"UPDATE juxin.tenure SET valid_until = clock_timestamp() + interval '2 seconds' WHERE id = '{tenure}'; "
                "UPDATE juxin.epoch SET n = n + 1")
    wait_until(lambda: not sees("li"), 30, "the end of the tenure")
    assert server.psql(f"SELECT valid_until <= now() FROM juxin.tenure WHERE id = '{tenure}'") == [["t"]]
    coming = hold(p, "zhao", **{"from": day(1)}).json["id"]
    assert not sees("zhao") and why("zhao")["nearest"][0]["reason"] == "not_yet_valid"
    assert admin("GET", f"/posts/{p}").json["vacant"] == 1
    server.psql(f"UPDATE juxin.tenure SET valid_from = clock_timestamp() + interval '1 second' WHERE id = '{coming}'; "
                "UPDATE juxin.epoch SET n = n + 1")
    wait_until(lambda: sees("zhao"), 30, "its beginning")
    end(p, coming)


def test_a_grant_may_be_shorter_than_the_tenure():
    p = post()
    grant = give(p)
    tenure = hold(p, "sun").json["id"]
    assert sees("sun")
    admin("DELETE", f"/grants/{grant}")
    assert not sees("sun")
    grant = give(p)
    assert sees("sun"), "whoever holds it has what is granted later"
    end(p, tenure)
    assert not sees("sun")


def test_seats_are_not_taken_twice():
    p = post("副会长", seats=2)
    hold(p, "wang", **{"until": day(10)})
    assert code(hold(p, "wang", 422)) == "held"
    hold(p, "li", **{"from": day(5), "until": day(20)})
    assert code(hold(p, "zhao", 409, **{"from": day(4)})) == "no_seat", "from the fifth to the tenth day both are taken"
    hold(p, "zhao", **{"from": day(11)})
    assert code(hold(p, "sun", 422, **{"from": day(3), "until": day(2)})) == "before_from"
    assert code(admin("PATCH", f"/posts/{p}", {"seats": 1}, 422, headers=etag(f"/posts/{p}"))) == "held"
    assert code(admin("POST", f"/posts/{p}/close", {}, 409, headers=etag(f"/posts/{p}"))) == "held"
    stale = admin("GET", f"/posts/{p}").headers["ETag"]
    admin("PATCH", f"/posts/{p}", {"title": "常务副会长"}, headers={"If-Match": stale})
    body = {"account": people["sun"].account, "from": day(40), "until": day(41)}
    assert admin("POST", f"/posts/{p}/tenures", body, 412, headers={"If-Match": stale}).json["code"]
    assert admin("POST", f"/posts/{p}/tenures", body, 428).json["code"]
    before = server.psql(f"SELECT count(*) FROM juxin.tenure WHERE post_id = '{p}'")
    q = post("轮值会长", seats=1)
    key = {"Idempotency-Key": uuid.uuid4().hex, **etag(f"/posts/{q}")}
    first, again = (admin("POST", f"/posts/{q}/tenures", body, headers=key) for _ in range(2))
    assert first.json["id"] == again.json["id"] and again.json["replayed"] is True
    assert server.psql(f"SELECT count(*) FROM juxin.tenure WHERE post_id = '{q}'") == [["1"]]
    assert server.psql(f"SELECT count(*) FROM juxin.tenure WHERE post_id = '{p}'") == before


def test_nobody_hands_on_more_than_they_may():
    """What filling a post asks is what granting asks; so does granting to a post, and resetting its holder's password."""
    p = post()
    give(p, "core.unit.create", "k")
    assert hold(p, "wang", 403, by="street").json["code"] == "beyond_own"
    assert hold(p, "street", 403, by="street").json["code"] == "beyond_own"
    works = next(i["id"] for i in admin("GET", "/roles").json["items"] if i["name"] == "works_all")
    q = post("街道主任")
    own = hold(q, "street", by="street").json["id"]
    body = {"post": q, "role": works, "unit": units["s1"], "reach": "subtree"}
    assert admin("POST", "/grants", body, 403, "street").json["code"] == "beyond_own", "what may be delegated is not for oneself"
    end(q, own)
    admin("POST", "/grants", body, 201, "street")
    assert hold(q, "street", 403, by="street").json["code"] == "beyond_own"
    hold(q, "wang", by="street")  # on the very day
    tenure = hold(p, "sun").json["id"]
    answer = people["street"].post(f"{T}/accounts/{people['sun'].account}/reset-password", {})
    assert answer.status == 403 and answer.json["code"] == "beyond_own", answer
    end(p, tenure)
    worker = people["wang"]
    assert worker.get(T + "/posts").status == 403 and worker.post(T + "/posts", {}).status == 403
    elsewhere = post("区长", unit="s2")
    for method, path, body in (("GET", f"/posts/{elsewhere}", None), ("POST", f"/posts/{elsewhere}/tenures", {"account": worker.account})):
        a, b = (people["street"].request(method, T + p, body, headers={"If-Match": '"1"'}) for p in (path, path.replace(elsewhere, str(uuid.uuid4()))))
        assert a.status == b.status == 404 and {**a.json, "instance": 0} == {**b.json, "instance": 0}, (a, b)
    assert elsewhere not in [i["id"] for i in people["street"].get(T + "/posts").json["items"]]


def test_vacancies_and_what_runs_out():
    unit = admin("POST", "/units", {"code": "v1", "name": "空缺园区", "level": "park", "parent": units["s1"]}).json["id"]
    made = {}
    for title, span in (("空缺", None), ("在任", {}), ("即将到期", {"until": day(20)}), ("未到任", {"from": day(3)})):
        made[title] = admin("POST", "/posts", {"kind": "leader", "unit": unit, "title": title}).json["id"]
        if span is not None:
            hold(made[title], "zhao", **span)

    def titles(query, login="admin"):
        return sorted(i["title"] for i in people[login].get(f"{T}/posts?under={unit}{query}").json["items"])

    assert titles("") == sorted(made)
    assert titles("&vacant=true") == sorted(["空缺", "未到任"])
    assert titles("&expiring=30") == ["即将到期"] and titles("&expiring=20") == ["即将到期"] and titles("&expiring=19") == []
    assert titles("&kind=duty") == [] and titles("", "street") == sorted(made)
    page = admin("GET", f"/posts?under={unit}&limit=3").json
    rest = admin("GET", f"/posts?under={unit}&limit=3&cursor={page['next']}").json
    assert len(page["items"]) == 3 and [i["title"] for i in rest["items"]] == ["空缺"] and "next" not in rest
    admin("POST", f"/posts/{made['空缺']}/close", {}, headers=etag(f"/posts/{made['空缺']}"))
    assert "空缺" not in titles("") and "空缺" in titles("&ended=true")
    assert hold(made["空缺"], "sun", 409).json["code"] == "closed"


def council():
    made = admin("POST", "/councils", {"unit": units["s1"], "name": "新联会理事会"}).json["id"]
    posts = {title: admin("POST", "/posts", {"kind": "council", "council": made, "unit": units["s1"], "title": title, "seats": n}).json["id"]
             for title, n in (("会长", 1), ("副会长", 2))}
    return made, posts


def seats(posts, **who):
    return [{"post": posts[title], "account": people[login].account} for title, login in
            (("会长", who["president"]), *(("副会长", v) for v in who.get("vice", ())))]


def roll(made, body, status=200, headers=None):
    path = f"/councils/{made}/rollover"
    plan = admin("POST", path + "/preview", body)
    return plan.json, admin("POST", path, body, status, headers=headers or {"If-Match": plan.headers["ETag"]})


def test_a_term_rolls_over_as_previewed():
    made, posts = council()
    grants = {title: give(p) for title, p in posts.items()}
    first = {"name": "第一届", "from": day(-1000), "until": day(365), "seats": seats(posts, president="wang", vice=["li", "zhao"])}
    plan, done = roll(made, first)
    assert done.json["number"] == 1 and {k: plan[k] for k in ("ends", "begins")} == {k: done.json[k] for k in ("ends", "begins")}
    assert sees("wang") and sees("li") and sees("zhao") and not sees("sun")
    second = {"name": "第二届", "from": day(0), "until": day(1460), "seats": seats(posts, president="li", vice=["sun"])}
    plan, done = roll(made, second)
    ends = {e["name"]: e["rights"] for e in plan["ends"]}
    begins = {b["name"]: b["rights"] for b in plan["begins"]}
    assert set(ends) == {"WANG", "LI", "ZHAO"} and set(begins) == {"LI", "SUN"}, plan
    assert [r["grant"] for r in ends["WANG"]] == [grants["会长"]] and [r["grant"] for r in begins["SUN"]] == [grants["副会长"]]
    assert {r["kept"] for e in ends.values() for r in e} == {False}, "two roles of the same permissions are two"
    assert (sees("wang"), sees("li"), sees("zhao"), sees("sun")) == (False, True, False, True)
    terms = admin("GET", f"/councils/{made}").json["terms"]
    assert [(t["name"], t["until"]) for t in terms] == [("第二届", day(1460)), ("第一届", day(-1))], terms
    tenures = {(t["name"], t["from"], t["until"]) for t in admin("GET", f"/posts/{posts['会长']}").json["tenures"]}
    assert tenures == {("WANG", day(-1000), day(-1)), ("LI", day(0), day(1460))}, tenures
    audited = server.psql(f"SELECT action, count(*) FROM juxin.audit WHERE object_id = '{made}' OR object_id IN (SELECT t.id FROM juxin.tenure t"
                          f" JOIN juxin.post p ON p.id = t.post_id WHERE p.council_id = '{made}') GROUP BY 1 ORDER BY 1")
    assert audited == [["council.create", "1"], ["council.rollover", "2"], ["post.end", "3"], ["post.hold", "5"]], audited
    assert [i["term"] for i in people["sun"].get(f"{T}/me/data/tenures").json["items"] if i["term"]] == ["第二届"]


def test_what_changed_since_the_preview_is_not_done():
    """Each change of who holds what, of what comes with it or of what a role may makes another plan."""
    made, posts = council()
    body = {"name": "第一届", "from": day(-1000), "seats": seats(posts, president="wang")}
    roll(made, body)
    shared = role("core.account.read")
    granted = admin("POST", "/grants", {"post": posts["会长"], "role": shared, "unit": units["s1"], "reach": "self"}).json["id"]
    body = {"name": "第二届", "from": day(0), "seats": seats(posts, president="wang")}
    path = f"/councils/{made}/rollover"
    state = f"SELECT (SELECT count(*) FROM juxin.term WHERE council_id = '{made}'), (SELECT string_agg(t.id::text || t.valid_until, ',' ORDER BY t.id) FROM juxin.tenure t JOIN juxin.post p ON p.id = t.post_id WHERE p.council_id = '{made}')"
    plan = admin("POST", path + "/preview", body)
    assert [r["kept"] for e in plan.json["ends"] for r in e["rights"]] == [True], "the same person in the same post"

    def changes():
        yield lambda: hold(posts["副会长"], "zhao")
        yield lambda: give(posts["会长"])
        yield lambda: admin("PATCH", f"/roles/{shared}", {"permissions": ["core.account.read", "core.unit.read"]}, headers={"If-Match": '"1"'})
        yield lambda: admin("DELETE", f"/grants/{granted}")

    for change in changes():
        plan = admin("POST", path + "/preview", body)
        change()
        before = server.psql(state)
        assert admin("POST", path, body, 412, headers={"If-Match": plan.headers["ETag"]}).status == 412
        assert server.psql(state) == before, "nothing of it"
    plan = admin("POST", path + "/preview", body)
    other = dict(body, seats=seats(posts, president="sun"))
    assert admin("POST", path, other, 412, headers={"If-Match": plan.headers["ETag"]}).status == 412, "another plan's tag"
    done = admin("POST", path, body, headers={"If-Match": plan.headers["ETag"], "Idempotency-Key": "roll-" + made})
    again = admin("POST", path, body, headers={"If-Match": plan.headers["ETag"], "Idempotency-Key": "roll-" + made})
    assert again.json["replayed"] is True and again.json["id"] == done.json["id"]
    assert len(admin("GET", f"/councils/{made}").json["terms"]) == 2


def test_a_rollover_that_cannot_be():
    made, posts = council()
    roll(made, {"name": "第一届", "from": day(-10), "seats": seats(posts, president="wang")})
    path = f"/councils/{made}/rollover/preview"
    _, others = council()
    for change, pointer, expected in (({"from": day(-10)}, "/from", "before_last"), ({"until": day(-30)}, "/until", "before_from"),
                                      ({"name": " "}, "/name", "required"), ({"from": "2026-02-30"}, "/from", "date"),
                                      ({"seats": seats(others, president="wang")}, "/seats/0/post", "unknown"),
                                      ({"seats": seats(posts, president="wang") * 2}, "/seats/1", "twice"),
                                      ({"seats": seats(posts, president="wang") + seats(posts, president="li")}, "/seats/1", "no_seat"),
                                      ({"seats": [{"post": posts["会长"], "account": people["stranger"].account}]}, "/seats/0/account", "unknown"),
                                      ({"seats": [7]}, "/seats/0/post", "uuid")):
        answer = admin("POST", path, {"name": "第二届", "from": day(0), "seats": [], **change}, 422)
        assert (pointer, expected) in [(e["pointer"], e["code"]) for e in answer.json["errors"]], (change, answer)
    give(posts["会长"], "core.unit.create", "k")
    answer = admin("POST", path, {"name": "第二届", "from": day(0), "seats": seats(posts, president="li")}, 403, "street")
    assert answer.json["code"] == "beyond_own", answer


def test_a_future_rollover_ends_rights_on_its_day():
    made, posts = council()
    give(posts["会长"])
    roll(made, {"name": "第一届", "from": day(-10), "seats": seats(posts, president="qian")})
    roll(made, {"name": "第二届", "from": day(30), "seats": seats(posts, president="zhou")})
    shown = {t["name"]: (t["until"], t["is_current"]) for t in admin("GET", f"/posts/{posts['会长']}").json["tenures"]}
    assert shown == {"QIAN": (day(29), True), "ZHOU": (None, False)}, shown
    assert [i["id"] for i in admin("GET", f"/posts?council={made}&expiring=29").json["items"]] == [posts["会长"]]
    assert sees("qian") and not sees("zhou") and why("zhou")["nearest"][0]["reason"] == "not_yet_valid"


if __name__ == "__main__":
    harness.main()
