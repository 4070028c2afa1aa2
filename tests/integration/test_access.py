"""Sign-in, CSRF, tokens, grants, the epoch fence over two workers, preconditions, idempotency, the tree and its import."""
import json
import statistics
import time
import uuid

from lib import harness
from lib.server import ROOT, Server

T = "/t/alpha/api/v1"
TREE = ROOT / "deploy" / "demo" / "330102.json"
server = None
passwords = {}
people = {}


def setup():
    global server
    server = Server(workers=2)
    server.ctl("tenant", "create", "alpha", "--name", "甲区")
    server.ctl("unit", "import", "alpha", TREE)
    server.ctl("tenant", "create", "beta", "--name", "乙区")
    server.ctl("unit", "import", "beta", TREE)
    for login, tenant in (("admin", "alpha"), ("street", "alpha"), ("worker", "alpha"), ("plain", "alpha"),
                          ("admin", "beta")):
        made = server.ctl_json("user", "create", tenant, login, "--name", login, "--generate")
        passwords[(tenant, login)] = made["password"]
    grant("alpha", "admin", "administrator", "330102", "subtree")
    grant("beta", "admin", "administrator", "330102", "subtree")
    grant("alpha", "street", "administrator", "330102001", "subtree")
    grant("alpha", "worker", "auditor", "330102001", "self")
    server.start()
    for tenant, login in passwords:
        people[(tenant, login)] = sign_in(tenant, login)


def grant(tenant, login, role, unit, reach):
    server.ctl("grant", "add", tenant, "--user", login, "--role", role, "--unit", unit, "--reach", reach)


def try_sign_in(tenant, login, password, client=None):
    client = client or server.client()
    return client, client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": password})


def sign_in(tenant, login):
    client, answer = try_sign_in(tenant, login, passwords[(tenant, login)])
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def who(login, tenant="alpha"):
    return people[(tenant, login)]


def unit(code, client=None):
    items = (client or who("admin")).get(f"{T}/units?code={code}").json["items"]
    assert len(items) == 1, items
    return items[0]["id"]


def account(login):
    items = who("admin").get(f"{T}/accounts?login={login}").json["items"]
    return items[0]["id"]


def role(name):
    return next(r["id"] for r in who("admin").get(f"{T}/roles").json["items"] if r["name"] == name)


def problem(answer, status, code=None, pointer=None):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers
    if code:
        assert answer.json["code"] == code, answer
    if pointer:
        assert pointer in [e["pointer"] for e in answer.json["errors"]], answer
    return answer.json


def everywhere(check, times=16):
    """Each request is a new connection, so both workers are asked."""
    for _ in range(times):
        check()


def test_cookie():
    _, answer = try_sign_in("alpha", "plain", passwords[("alpha", "plain")])
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-jx-alpha=") and "max-age" not in cookie.lower(), cookie
    for part in ("Path=/", "Secure", "HttpOnly", "SameSite=Strict"):
        assert part in cookie, cookie
    again = who("plain").get(f"{T}/session")
    assert again.status == 200 and again.json["csrf_token"] == who("plain").csrf, again
    problem(server.client().get(f"{T}/session"), 401, "unauthenticated")


def test_session_is_the_tenants():
    cookies = who("admin").cookies
    other = server.client()
    other.cookies = {k.replace("alpha", "beta"): v for k, v in cookies.items()}
    problem(other.get("/t/beta/api/v1/session"), 401)
    problem(who("admin").get("/t/beta/api/v1/session"), 401)
    problem(server.client().get("/t/nowhere/api/v1/session"), 404)


def test_csrf():
    client = who("admin")
    body = {"code": "x", "name": "x", "level": "park", "parent": unit("330102")}
    problem(client.post(f"{T}/units", body, headers={"X-CSRF-Token": "no"}), 403, "csrf")
    problem(client.post(f"{T}/units", body, headers={"Origin": "https://evil.example"}), 403, "cross_site")
    problem(client.post(f"{T}/units", body, headers={"Sec-Fetch-Site": "cross-site"}), 403, "cross_site")
    stranger = server.client()
    problem(stranger.request("POST", f"{T}/session", {"login": "a", "password": "b"},
                             headers={"Origin": "https://evil.example"}), 403, "cross_site")


def test_wrong_password_takes_the_same_time():
    def measure(login):
        times = []
        for _ in range(4):
            start = time.monotonic()
            _, answer = try_sign_in("alpha", login, "not the password")
            times.append(time.monotonic() - start)
            problem(answer, 401, "bad_credentials")
        return statistics.median(times)

    known, unknown = measure("plain"), measure("nobody.at.all")
    assert 0.5 < known / unknown < 2, (known, unknown)
    # further failures are followed by a growing wait, for somebody who does not exist too
    for login in ("plain", "nobody.at.all"):
        for _ in range(6):
            _, answer = try_sign_in("alpha", login, "not the password")
            if answer.status != 401:
                break
        problem(answer, 429, "too_many_attempts")
        assert int(answer.headers["Retry-After"]) >= 1, answer.headers

    def let_in():
        return try_sign_in("alpha", "plain", passwords[("alpha", "plain")])[1].status == 201
    harness.wait_until(let_in, 20, "the end of the delay")


def test_must_change_password():
    admin = who("admin")
    made = admin.post(f"{T}/accounts", {"login": "New.Comer", "display_name": "新人"})
    assert made.status == 201 and made.json["must_change_password"], made
    client, answer = try_sign_in("alpha", "new.comer", made.json["password"])
    assert answer.json["must_change_password"] is True
    client.csrf = answer.json["csrf_token"]
    problem(client.get(f"{T}/grants"), 403, "must_change_password")
    assert client.get(f"{T}/session").status == 200
    old = made.json["password"]
    path = f"{T}/account/password"
    problem(client.post(path, {"old_password": "wrong", "new_password": "a decent pass phrase"}), 422,
            pointer="/old_password")
    for bad in ("short", "password123", "xx-new.comer-xx", old):
        problem(client.post(path, {"old_password": old, "new_password": bad}), 422, pointer="/new_password")
    assert client.post(path, {"old_password": old, "new_password": "a decent pass phrase"}).status == 204
    everywhere(lambda: client.get(f"{T}/grants").status == 200 or harness.skip("unreachable"))
    problem(try_sign_in("alpha", "new.comer", old)[1], 401)


def test_own_sessions():
    first, second = sign_in("alpha", "worker"), sign_in("alpha", "worker")
    sessions = first.get(f"{T}/sessions").json["items"]
    current = [s for s in sessions if s["is_current"]]
    assert len(current) == 1 and len(sessions) >= 2
    other = second.get(f"{T}/session").json["id"]
    everywhere(lambda: second.get(f"{T}/session").status == 200 or 1 / 0, 6)
    assert first.delete(f"{T}/sessions/{other}").status == 204
    everywhere(lambda: problem(second.get(f"{T}/session"), 401))
    problem(first.delete(f"{T}/sessions/{other}"), 404)
    problem(first.delete(f"{T}/sessions/{who('admin').get(T + '/session').json['id']}"), 404)
    assert first.delete(f"{T}/session").status == 204
    assert not first.cookies
    problem(first.get(f"{T}/session"), 401)


def restart_with_limits(limits):
    server.stop()
    server.config.pop("limits", None)
    if limits:
        server.config["limits"] = limits
    server.write_config()
    server.start()


def test_idle_session_ends():
    """With sessions that end soon; the database stays, and the usual limits come back."""
    try:
        restart_with_limits({"session_idle_ms": 4000})
        client, busy = sign_in("alpha", "worker"), sign_in("alpha", "worker")
        quiet_until = time.monotonic() + 4.2

        def ended():
            assert busy.get(f"{T}/session").status == 200  # who works is not put out
            return time.monotonic() > quiet_until and client.get(f"{T}/session?probe").status == 401
        harness.wait_until(ended, 20, "the end of an idle session")
        restart_with_limits({"session_ms": 1500})
        client = sign_in("alpha", "worker")
        harness.wait_until(lambda: client.get(f"{T}/session").status == 401, 20, "the end of a session in use")
    finally:
        restart_with_limits(None)


def test_rotation():
    client = sign_in("alpha", "worker")
    before = dict(client.cookies)
    client, answer = try_sign_in("alpha", "worker", passwords[("alpha", "worker")], client)
    assert answer.status == 201 and client.cookies != before
    stale = server.client()
    stale.cookies = before
    everywhere(lambda: problem(stale.get(f"{T}/session"), 401))


def test_tokens():
    admin = who("admin")
    made = admin.post(f"{T}/tokens", {"name": "报表"})
    assert made.status == 201 and made.json["token"].startswith("jx_"), made
    robot = server.client(token=made.json["token"])
    assert robot.get(f"{T}/units?limit=1").status == 200
    body = {"code": "robot", "name": "机器人园", "level": "park", "parent": unit("330102")}
    assert robot.post(f"{T}/units", body).status == 201  # no cookie, so no CSRF token
    problem(robot.post(f"{T}/tokens", {"name": "child"}), 403, "session_required")
    problem(robot.post(f"{T}/account/password", {"old_password": "a", "new_password": "b"}), 403)
    listed = admin.get(f"{T}/tokens").json["items"]
    assert [t["id"] for t in listed] == [made.json["id"]] and "token" not in listed[0]
    problem(admin.post(f"{T}/tokens", {"name": "x", "expires_at": "2020-01-01T00:00:00Z"}), 422, pointer="/expires_at")
    problem(who("plain").delete(f"{T}/tokens/{made.json['id']}"), 404)
    assert admin.delete(f"{T}/tokens/{made.json['id']}").status == 204
    everywhere(lambda: problem(robot.get(f"{T}/units?limit=1"), 401))
    problem(server.client(token="jx_" + "A" * 43).get(f"{T}/units"), 401)
    stored = server.psql("SELECT count(*) FROM juxin.api_token WHERE token_hash LIKE 'jx%'")
    assert stored == [["0"]], stored


def test_grants_within_own():
    street = who("street")
    target = account("plain")
    here, elsewhere, root = unit("330102001"), unit("330102003"), unit("330102")

    def ask(at, reach="self", name="administrator", **more):
        return street.post(f"{T}/grants", {"account": target, "role": role(name), "unit": at, "reach": reach, **more})

    problem(ask(elsewhere), 422, pointer="/unit")
    problem(ask(root, "subtree"), 422, pointer="/unit")
    problem(ask(here, "subtree", "auditor"), 403, "beyond_own")
    problem(ask(here, until="2020-01-01T00:00:00Z"), 422, pointer="/until")
    problem(ask(here, "sideways"), 422, pointer="/reach")
    problem(street.post(f"{T}/grants", {"role": role("administrator"), "unit": here, "reach": "self"}), 422,
            pointer="/account")
    made = ask(here)
    assert made.status == 201, made
    plain = who("plain")
    everywhere(lambda: plain.get(f"{T}/units/{here}").status == 200 or 1 / 0)
    problem(plain.get(f"{T}/units/{elsewhere}"), 404)
    problem(plain.get(f"{T}/units/{uuid.uuid4()}"), 404)
    assert [g["id"] for g in plain.get(f"{T}/grants?account={target}").json["items"]] == [made.json["id"]]
    assert street.delete(f"{T}/grants/{made.json['id']}").status == 204
    everywhere(lambda: problem(plain.get(f"{T}/units/{here}"), 403))
    why = who("admin").get(f"{T}/explain?account={target}&permission=core.unit.read&unit={here}").json
    assert why["may"] is False and why["nearest"][0]["reason"] == "expired", why
    assert why["nearest"][0]["grant"] == made.json["id"], why


def test_explain():
    admin, here = who("admin"), unit("330102001051")
    why = admin.get(f"{T}/explain?account={account('street')}&permission=core.unit.move&unit={here}").json
    assert why["may"] is True and why["because"][0]["role"] == "administrator", why
    assert why["because"][0]["unit"] == unit("330102001"), why
    why = admin.get(f"{T}/explain?account={account('worker')}&permission=core.unit.read&unit={here}").json
    assert why["may"] is False and why["nearest"][0]["reason"] == "other_unit", why
    why = admin.get(f"{T}/explain?account={account('worker')}&permission=core.unit.move&unit={unit('330102001')}").json
    assert why["nearest"][0]["reason"] == "role_lacks_permission", why
    problem(admin.get(f"{T}/explain?permission=no.such&unit={here}"), 422, pointer="permission")
    problem(who("worker").get(f"{T}/explain?account={account('admin')}&permission=core.unit.read&unit={unit('330102001')}"),
            404)


def test_disabled_account():
    made = who("admin").post(f"{T}/accounts", {"login": "leaver", "display_name": "离任", "unit": unit("330102001")})
    client, answer = try_sign_in("alpha", "leaver", made.json["password"])
    assert answer.status == 201
    path = f"{T}/accounts/{made.json['id']}"
    read = who("street").get(path)  # the street's administrator looks after its accounts
    assert read.status == 200 and read.headers["ETag"] == '"1"', read
    problem(who("admin").patch(path, {"is_active": False}), 428, "if_match_required")
    problem(who("admin").patch(path, {"is_active": False}, headers={"If-Match": '"9"'}), 412)
    problem(who("admin").patch(path, {"is_active": "no"}, headers={"If-Match": '"1"'}), 422, pointer="/is_active")
    problem(who("admin").patch(path, {"password": "x"}, headers={"If-Match": '"1"'}), 422, pointer="/password")
    done = who("admin").patch(path, {"is_active": False}, headers={"If-Match": '"1"'})
    assert done.status == 200 and done.headers["ETag"] == '"2"', done
    everywhere(lambda: problem(client.get(f"{T}/session"), 401))
    problem(try_sign_in("alpha", "leaver", made.json["password"])[1], 401)
    own = account("admin")
    version = who("admin").get(f"{T}/accounts/{own}").headers["ETag"]
    problem(who("admin").patch(f"{T}/accounts/{own}", {"is_active": False}, headers={"If-Match": version}), 409)


def test_idempotency():
    admin = who("admin")
    body = {"code": "idem", "name": "一次园", "level": "park", "parent": unit("330102")}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = admin.post(f"{T}/units", body, headers=key), admin.post(f"{T}/units", body, headers=key)
    assert first.status == again.status == 201, (first, again)
    assert again.json["replayed"] is True and again.json["id"] == first.json["id"], again
    assert again.headers["Location"] == first.headers["Location"] and again.headers["ETag"] == first.headers["ETag"]
    problem(admin.post(f"{T}/units", dict(body, name="又一次"), headers=key), 422, "idempotency_key_reused")
    problem(admin.post(f"{T}/units", body, headers={"Idempotency-Key": "x" * 201}), 400)
    # a request that failed is not remembered
    key = {"Idempotency-Key": str(uuid.uuid4())}
    problem(admin.post(f"{T}/units", body, headers=key), 422, pointer="/code")
    assert admin.post(f"{T}/units", dict(body, code="idem2"), headers=key).status == 201


def test_units():
    admin, street = who("admin"), who("street")
    tops = admin.get(f"{T}/units?tops=true").json["items"]
    assert [t["code"] for t in tops] == ["330102"] and tops[0]["children"] >= 14, tops
    tops = street.get(f"{T}/units?tops=true").json["items"]
    assert [t["code"] for t in tops] == ["330102001"] and tops[0]["parent"] is None, tops
    children = street.get(f"{T}/units?parent={tops[0]['id']}").json["items"]
    assert len(children) == tops[0]["children"] and all(c["level"] == "community" for c in children)
    problem(street.get(f"{T}/units?parent={unit('330102003')}"), 422, pointer="parent")
    seen, cursor = [], ""
    while True:
        page = admin.get(f"{T}/units?limit=50&level=community{cursor}")
        seen += [u["code"] for u in page.json["items"]]
        if "next" not in page.json:
            break
        assert 'rel="next"' in page.headers["Link"], page.headers
        cursor = "&cursor=" + page.json["next"]
    assert len(seen) == len(set(seen)) == 203, len(seen)
    one = admin.get(f"{T}/units/{unit('330102001051')}")
    assert one.json["name"] == "清波门社区" and [a["level"] for a in one.json["ancestors"]] == ["county", "street"], one
    problem(admin.get(f"{T}/units/not-an-id"), 404)
    problem(who("plain").get(f"{T}/units"), 403, "forbidden")


def test_unit_changes():
    admin, root = who("admin"), unit("330102")
    for body, pointer in (({"code": "q", "name": "q", "level": "village", "parent": root}, "/level"),
                          ({"code": "q", "name": "", "level": "park", "parent": root}, "/name"),
                          ({"code": "q q", "name": "q", "level": "park", "parent": root}, "/code"),
                          ({"code": "q", "name": "字" * 101, "level": "park", "parent": root}, "/name"),
                          ({"code": "q", "name": 7, "level": "park", "parent": root}, "/name"),
                          ({"name": "q", "level": "park", "parent": root}, "/code"),
                          ({"code": "q", "name": "q", "level": "park"}, "/parent"),
                          ({"code": "q", "name": "q", "level": "park", "parent": str(uuid.uuid4())}, "/parent"),
                          ({"code": "q", "name": "q", "level": "street", "parent": unit("330102001")}, "/parent"),
                          ({"code": "q", "name": "q", "level": "park", "parent": root, "extra": 1}, "/extra")):
        problem(admin.post(f"{T}/units", body), 422, pointer=pointer)
    made = admin.post(f"{T}/units", {"code": "park", "name": "䌷ｅ〇、园", "level": "park", "parent": root})
    assert made.status == 201 and made.headers["ETag"] == '"1"', made
    path = f"{T}/units/{made.json['id']}"
    assert made.headers["Location"] == path
    problem(admin.patch(path, {"name": "新园"}), 428)
    problem(admin.patch(path, {"name": "新园"}, headers={"If-Match": '"7"'}), 412)
    renamed = admin.patch(path, {"name": "新园"}, headers={"If-Match": '"1"'})
    assert renamed.status == 200 and renamed.headers["ETag"] == '"2"', renamed
    everywhere(lambda: admin.get(path).json["name"] == "新园" or 1 / 0)
    names = server.psql(f"SELECT name, valid_until IS NULL FROM juxin.unit_name WHERE unit_id = '{made.json['id']}'"
                        " ORDER BY valid_from")
    assert names == [["䌷ｅ〇、园", "f"], ["新园", "t"]], names
    moved = admin.post(f"{path}/move", {"parent": unit("330102001")}, headers={"If-Match": '"2"'})
    assert moved.status == 200, moved
    everywhere(lambda: len(admin.get(path).json["ancestors"]) == 2 or 1 / 0)
    problem(admin.post(f"{T}/units/{unit('330102001')}/move", {"parent": made.json["id"]},
                       headers={"If-Match": admin.get(f"{T}/units/{unit('330102001')}").headers["ETag"]}), 422,
            pointer="/parent")
    problem(admin.post(f"{T}/units/{root}/close", headers={"If-Match": '"1"'}), 409, "units_below")
    closed = admin.post(f"{path}/close", headers={"If-Match": '"3"'})
    assert closed.status == 200, closed
    problem(admin.post(f"{T}/units", {"code": "q", "name": "q", "level": "community", "parent": made.json["id"]}), 422,
            pointer="/parent")


def test_import_bad_trees():
    admin = who("admin")
    before = server.psql("SELECT count(*), max(version) FROM juxin.unit")
    cases = (
        ([("a", "park", "b"), ("b", "park", "a")], "/units/0/parent", "cycle"),
        ([("a", "park", "330102"), ("a", "park", "330102")], "/units/1/code", "duplicate"),
        ([("a", "park", "330102"), ("b", "community", "nowhere")], "/units/1/parent", "unknown"),
        ([("a", "street", "330102001")], "/units/0/parent", "level"),
        ([("a", "county", None)], "/units/0/parent", "required"),
        ([("330102001", "street", "330102002")], "/units/0/parent", "other_parent"),
    )
    for rows, pointer, code in cases:
        units = [{"code": c, "name": c, "level": l, "parent": p} for c, l, p in rows]
        told = problem(admin.post(f"{T}/units/import", {"units": units}), 422, pointer=pointer)
        assert code in [e["code"] for e in told["errors"] if e["pointer"] == pointer], told
    problem(admin.post(f"{T}/units/import", {"unit": []}), 422, pointer="/unit")
    problem(admin.post(f"{T}/units/import", {"units": "x"}), 422, pointer="/units")
    csv = "code,name,level,parent\nz1,好的,park,330102\nz2,坏的,park,missing\n".encode()
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    problem(admin.request("POST", f"{T}/units/import", csv, headers), 422, pointer="/rows/3/parent")
    problem(admin.request("POST", f"{T}/units/import", b"\xff\xfe", headers), 422, pointer="/rows/1")
    assert server.psql("SELECT count(*), max(version) FROM juxin.unit") == before
    problem(who("street").post(f"{T}/units/import", {"units": []}), 403)


def test_import_again():
    admin = who("admin")
    tree = json.loads(TREE.read_text(encoding="utf-8"))
    dry = admin.post(f"{T}/units/import?dry_run=1", tree)
    assert dry.status == 200 and dry.json["dry_run"] and dry.json["created"] == 0, dry
    assert dry.json["unchanged"] == 218, dry
    csv = "\ufeffcode,name,level,parent\nimp1,\"导入, 园\",park,330102\nimp2,导入社区,community,imp1\n".encode()
    headers = {"Content-Type": "text/csv"}
    dry = admin.request("POST", f"{T}/units/import?dry_run=1", csv, headers)
    assert dry.json["created"] == 2 and not admin.get(f"{T}/units?code=imp1").json["items"], dry
    done = admin.request("POST", f"{T}/units/import", csv, headers)
    assert done.status == 200 and done.json["created"] == 2, done
    everywhere(lambda: admin.get(f"{T}/units?code=imp1").json["items"][0]["name"] == "导入, 园" or 1 / 0)
    again = admin.request("POST", f"{T}/units/import", csv, headers)
    assert again.json["created"] == 0 and again.json["unchanged"] == 2, again
    other = csv.replace("导入社区".encode(), "改名社区".encode())
    assert admin.request("POST", f"{T}/units/import", other, headers).json["other_names"] == 1
    assert admin.get(f"{T}/units?code=imp2").json["items"][0]["name"] == "导入社区"
    assert admin.request("POST", f"{T}/units/import?rename=1", other, headers).json["renamed"] == 1
    everywhere(lambda: admin.get(f"{T}/units?code=imp2").json["items"][0]["name"] == "改名社区" or 1 / 0)


def test_departments():
    admin, street = who("admin"), who("street")
    made = admin.post(f"{T}/departments", {"code": "housing", "name": "住房和城乡建设局", "unit": unit("330102")})
    assert made.status == 201, made
    path = f"{T}/departments/{made.json['id']}"
    problem(admin.post(f"{T}/departments", {"code": "housing", "name": "x", "unit": unit("330102")}), 422,
            pointer="/code")
    problem(street.get(path), 404)
    worker = account("worker")
    assert admin.put(f"{path}/members/{worker}", {"is_head": True}).status == 204
    problem(admin.put(f"{path}/members/{uuid.uuid4()}", {}), 422)
    problem(street.put(f"{path}/members/{worker}", {}), 404)
    read = admin.get(path)
    assert read.json["members"] == [{"account": worker, "display_name": "worker", "is_head": True}], read
    given = admin.post(f"{T}/grants", {"department": made.json["id"], "role": role("administrator"),
                                       "unit": unit("330102003"), "reach": "subtree"})
    assert given.status == 201, given
    everywhere(lambda: who("worker").get(f"{T}/units/{unit('330102003')}").status == 200 or 1 / 0)
    assert admin.delete(f"{path}/members/{worker}").status == 204
    everywhere(lambda: problem(who("worker").get(f"{T}/units/{unit('330102003')}"), 404))
    problem(admin.delete(f"{path}/members/{worker}"), 404)
    renamed = admin.patch(path, {"name": "住建局"}, headers={"If-Match": '"1"'})
    assert renamed.status == 200 and renamed.headers["ETag"] == '"2"', renamed


def test_the_exit_code_says_what_was_wrong_with_a_file():
    codes = [server.ctl("unit", "import", "alpha", path, check=False).returncode for path in ("/nowhere.json", "/")]
    assert codes == [3, 1], codes  # not found; not to be read


def test_roles():
    admin = who("admin")
    made = admin.post(f"{T}/roles", {"name": "viewer", "label_zh": "查看员", "permissions": ["core.unit.read"]})
    assert made.status == 201, made
    problem(admin.post(f"{T}/roles", {"name": "viewer", "label_zh": "又", "permissions": []}), 422, pointer="/name")
    problem(admin.post(f"{T}/roles", {"name": "v2", "label_zh": "又", "permissions": ["core.audit.read"]}), 422,
            pointer="/permissions/0")
    problem(who("street").post(f"{T}/roles", {"name": "v3", "label_zh": "又", "permissions": []}), 403)
    given = admin.post(f"{T}/grants", {"account": account("plain"), "role": made.json["id"], "unit": unit("330102003"),
                                       "reach": "self"})
    assert given.status == 201, given
    here = f"{T}/units/{unit('330102003')}"
    everywhere(lambda: who("plain").get(here).status == 200 or 1 / 0)
    path = f"{T}/roles/{made.json['id']}"
    changed = admin.patch(path, {"permissions": []}, headers={"If-Match": '"1"'})
    assert changed.status == 200, changed
    everywhere(lambda: problem(who("plain").get(here), 403))
    builtin = f"{T}/roles/{role('administrator')}"
    problem(admin.patch(builtin, {"permissions": []}, headers={"If-Match": '"1"'}), 409, "builtin")


def test_lists_tell_nothing_of_what_they_leave_out():
    """A page ends with its last item: 1,100 departments the caller may not see leave no trace in `next`."""
    server.psql("INSERT INTO juxin.department (tenant_id, id, unit_id, code, name, created_at, updated_at)"
                " SELECT u.tenant_id, gen_random_uuid(), u.id, 'hidden' || to_char(i, 'FM0000'), 'x', now(), now()"
                " FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id, generate_series(1, 1100) i"
                " WHERE t.slug = 'alpha' AND u.code = '330102'")
    try:
        here = unit("330102001")
        made = who("admin").post(f"{T}/departments", {"code": "shown", "name": "见", "unit": here})
        assert made.status == 201, made
        answer = who("street").get(f"{T}/departments")
        assert "shown" in [d["code"] for d in answer.json["items"]], answer
        assert "hidden" not in answer.text and "next" not in answer.json, answer
        whole, cursor = [], ""
        while cursor is not None:
            page = who("admin").get(f"{T}/departments?limit=500{cursor and '&cursor=' + cursor}").json
            whole += [d["code"] for d in page["items"] if d["code"].startswith("hidden")]
            cursor = page.get("next")
        assert len(whole) == 1100 and whole == sorted(set(whole)), len(whole)
    finally:
        server.psql("DELETE FROM juxin.department WHERE code LIKE 'hidden%'")


def test_no_tenant_sees_another():
    mine = unit("330102001")
    other = people[("beta", "admin")]
    for path in (f"units/{mine}", f"accounts/{account('plain')}", f"roles/{role('administrator')}"):
        a, b = other.get(f"/t/beta/api/v1/{path}"), other.get(f"/t/beta/api/v1/{path.split('/')[0]}/{uuid.uuid4()}")
        problem(a, 404)
        for answer in (a, b):
            answer.known = {k: v for k, v in answer.json.items() if k != "instance"}
        assert a.known == b.known, (a, b)


if __name__ == "__main__":
    harness.main()
