"""Exports: what a list shows, as a table; masked, inert, audited, its maker's alone, gone when it expires."""
import urllib.parse
import uuid

from lib import harness, sheets
from lib.harness import wait_until
from lib.ledger import works_server

T = "/t/one/api/v1"
R = T + "/works/item"
server = None
people = {}


def sign_in(login, password, tenant="one"):
    client = server.client()
    answer = client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf, client.account = answer.json["csrf_token"], answer.json["account"]
    return client


def person(login, roles, unit="s1"):
    made = server.ctl_json("user", "create", "one", login, "--name", login.upper(), "--generate")
    for role in roles:
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")
    return sign_in(login, made["password"])


def setup():
    global server
    server = works_server(workers=2)
    people["writer"] = sign_in("writer", server.passwords["one"])
    people["reader"] = person("reader", ["works_reader"])
    people["exporter"] = person("exporter", ["works_exporter"])
    people["other"] = person("other", ["works_exporter"])


def record(title, unit="s1", **fields):
    answer = people["writer"].post(R, {"title": title, "unit": unit, **fields})
    assert answer.status == 201, answer
    return answer.json


def problem(answer, status, code):
    assert answer.status == status and answer.json["code"] == code, answer
    return answer.json


def test_what_a_list_shows():
    mark = uuid.uuid4().hex[:8]
    first = record(f"{mark} 一", kind="repair", cost=1234567, quantity=7, starts="2026-12-05", happened="2026-11-01T00:30:00Z",
                   urgent=True, contact_phone="13800001111", body="甲\n乙,\"丙\"", code="AB" + str(int(mark, 16)))
    record(f"{mark} 二", unit="k", cost=5)
    record("not asked for " + mark[:4])
    query = f"?title=gte.{mark}&title=lt.{mark}z&order=title.asc&limit=1"
    fields = ["number", "title", "kind", "cost", "quantity", "starts", "happened", "urgent", "contact_phone", "body", "unit",
              "unit_code", "state", "id", "code"]
    titles = ["编号", "标题", "类别", "费用", "数量", "开始日期", "发生时间", "紧急", "联系电话", "内容", "组织机构", "机构代码",
              "状态", "记录标识", "编码"]
    made = sheets.export(people["writer"], R, query, fields=fields)
    assert (made["state"], made["rows"], made["left_out"]) == ("done", 2, 0), made
    answer = sheets.content(people["writer"], R, made)
    assert answer.status == 200 and len(answer.body) == made["size"], answer
    assert answer.headers["Content-Type"].endswith("spreadsheetml.sheet") and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment;"), answer.headers
    assert urllib.parse.quote("事项 ") in answer.headers["Content-Disposition"], answer.headers
    rows = sheets.read_xlsx(answer.body)
    assert rows[0] == titles, rows[0]
    # "一" sorts before "二"; the one who wrote the record sees the number, moments are those of the clocks on the wall
    assert rows[1] == [first["number"], f"{mark} 一", "维修", 12345.67, 7, "2026-12-05T00:00:00",
                       "2026-11-01T08:30:00", "是", "13800001111", "甲\n乙,\"丙\"", "S1", "s1", "待办",
                       first["id"], "AB" + str(int(mark, 16))], rows[1]
    assert rows[2][1] == f"{mark} 二" and rows[2][3] == 0.05 and len(rows) == 3, rows
    made = sheets.export(people["writer"], R, query, fields=fields, format="csv", language="en")
    answer = sheets.content(people["writer"], R, made)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8", answer.headers
    rows = sheets.read_csv(answer.body)
    assert rows[0][:4] == ["Number", "Title", "Kind", "Cost"], rows
    assert rows[1][2:] == ["Repair", "12345.67", "7", "2026-12-05", "2026-11-01T08:30:00", "Yes", "13800001111",
                           "甲\n乙,\"丙\"", "S1", "s1", "Open", first["id"], "AB" + str(int(mark, 16))], rows[1]


def test_masked_and_inert():
    mark = uuid.uuid4().hex[:8]
    evil = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "＝1+1", "a=1"]
    for n, text in enumerate(evil):
        record(f"{mark} {n}", body=text, contact_phone="13800001111")
    for format, read in (("xlsx", sheets.read_xlsx), ("csv", sheets.read_csv)):
        made = sheets.export(people["exporter"], R, f"?title=gte.{mark}&title=lt.{mark}z&order=title.asc", format=format,
                             fields=["body", "contact_phone"])
        rows = read(sheets.content(people["exporter"], R, made).body)
        assert [row[0] for row in rows[1:]] == ["'" + text for text in evil[:5]] + ["a=1"], rows
        assert {row[1] for row in rows[1:]} == {"138****1111"}, rows


def test_who_may():
    mark = uuid.uuid4().hex[:8]
    record(f"{mark} here")
    record(f"{mark} above", unit="k")
    query = f"?title=gte.{mark}&title=lt.{mark}z"
    problem(people["reader"].post(R + "/exports", {}), 403, "forbidden")
    assert server.client().post(R + "/exports", {}).status == 401
    # What one may read and not export is left out, and counted.
    server.ctl("grant", "add", "one", "--user", "exporter", "--role", "works_reader", "--unit", "k", "--reach", "subtree")
    made = sheets.export(people["exporter"], R, query, fields=["title"])
    assert (made["rows"], made["left_out"]) == (1, 1), made
    # It is its maker's alone, whatever others may.
    for who in ("other", "writer"):
        told = [people[who].get(f"{R}/exports/{i}{rest}") for i in (made["id"], uuid.uuid4()) for rest in ("", "/content")]
        assert {a.status for a in told} == {404}, told
        assert made["id"] not in str(people[who].get(R + "/exports").json)
        problem(people[who].delete(f"{R}/exports/{made['id']}"), 404, "not_found")
    assert [e["id"] for e in people["exporter"].get(R + "/exports").json["items"]][0] == made["id"]
    # The right ends, and the file stays where it is.
    grants = [g for g in server.ctl_json("grant", "list", "one", "--user", "other")]
    server.ctl("grant", "end", "one", str(grants[0]["id"]))
    problem(people["other"].post(R + "/exports", {}), 403, "forbidden")


def test_what_is_refused():
    client = people["writer"]
    problem(client.post(R + "/exports", {"fields": ["nothing"]}), 422, "invalid")
    problem(client.post(R + "/exports", {"fields": []}), 422, "invalid")
    problem(client.post(R + "/exports", {"format": "pdf"}), 422, "invalid")
    problem(client.post(R + "/exports", {"feilds": ["title"]}), 422, "invalid")  # else it would be all of them
    problem(client.post(R + "/exports?nothing=eq.1", {}), 400, "invalid_query")
    problem(client.post(R + "/exports?unit=nowhere", {}), 404, "not_found")
    key = {"Idempotency-Key": uuid.uuid4().hex}
    made = [client.post(R + "/exports", {"fields": ["title"]}, headers=key) for _ in range(2)]
    assert [a.status for a in made] == [201, 201] and made[0].json["id"] in str(made[1].headers) + str(made[1].json), made
    sheets.ended(client, f"{R}/exports/{made[0].json['id']}")


def test_audited_and_expiring():
    client = people["writer"]
    made = sheets.export(client, R, fields=["title", "contact_phone"])
    assert sheets.content(client, R, made).status == 200
    rows = server.psql(f"SELECT action, fields FROM juxin.audit WHERE object_id = '{made['id']}' ORDER BY at, id")
    assert rows == [["works.item.export", "title,contact_phone"], ["works.item.export_made", ""],
                    ["works.item.export_download", ""]], rows
    assert made["expires_at"] > made["created_at"]
    server.psql(f"UPDATE juxin.export SET expires_at = now() WHERE id = '{made['id']}'")
    for path in ("", "/content"):
        problem(client.get(f"{R}/exports/{made['id']}{path}"), 404, "not_found")
    server.psql("UPDATE juxin.job SET run_at = now() WHERE kind = 'export.expire' AND state = 'waiting'")
    wait_until(lambda: server.psql(f"SELECT count(*) FROM juxin.export WHERE id = '{made['id']}'") == [["0"]], 60, "the expiry")
    other = sheets.export(client, R, fields=["title"])
    assert client.delete(f"{R}/exports/{other['id']}").status == 204
    problem(client.get(f"{R}/exports/{other['id']}"), 404, "not_found")


def test_many_pages():
    """More than a page a step, and records that come meanwhile: each once, in order; the loop is never held up."""
    server.psql("INSERT INTO px_works.item (tenant_id, id, unit_id, a1, origin_unit_id, version, state, state_since, created_at,"
                " created_by, updated_at, title) SELECT u.tenant_id, gen_random_uuid(), u.id, u.a1, u.id, 1, 'open', now(), now(),"
                " NULL, now(), 'many ' || lpad(n::text, 5, '0') FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id,"
                " generate_series(1, 3500) n WHERE t.slug = 'one' AND u.code = 's1'")
    made = sheets.export(people["writer"], R, "?title=gte.many&title=lt.manz&order=title.desc", fields=["title"])
    assert made["rows"] == 3500 and made["done"] == 3500, made
    rows = sheets.read_xlsx(sheets.content(people["writer"], R, made).body)
    assert [row[0] for row in rows[1:]] == [f"many {n:05}" for n in range(3500, 0, -1)]


def test_the_plugin_is_off():
    """Where it runs nowhere, nothing of it answers; a file that was made before is there again afterwards."""
    client = people["writer"]
    made = sheets.export(client, R, fields=["title"])
    server.ctl("plugin", "policy", "one", "works", "--unit", "k", "--rule", "off", "--reach", "subtree", "--reason", "x")
    try:
        for answer in (client.post(R + "/exports", {}), client.get(R + "/exports"), client.get(f"{R}/exports/{made['id']}"),
                       sheets.content(client, R, made), client.delete(f"{R}/exports/{made['id']}")):
            problem(answer, 403, "plugin_disabled")
    finally:
        policy = server.psql("SELECT p.id FROM juxin.plugin_policy p JOIN juxin.tenant t ON t.id = p.tenant_id WHERE t.slug = 'one'"
                             " AND p.plugin = 'works' AND p.rule = 'off'")[0][0]
        server.ctl("plugin", "policy", "one", "works", "--end", policy)
    assert sheets.content(client, R, made).status == 200


if __name__ == "__main__":
    harness.main()
