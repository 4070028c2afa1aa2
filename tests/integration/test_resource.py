#!/usr/bin/env python3
# sent
"""The resource engine over HTTP, with a plugin that is a declaration and nothing else (tests/fixtures/plugins/works)."""
import json
import os
import pathlib
import shutil
import subprocess
import uuid

from lib import harness
from lib.server import ROOT, Server

T = "/t/one/api/v1"
R = T + "/works/item"
UNITS = [("k", "county", None), ("s1", "street", "k"), ("s2", "street", "k"), ("c1", "community", "s1"),
         ("c2", "community", "s1"), ("c3", "community", "s2")]
server = None
people = {}


def person(login, role=None, unit=None, reach="self"):
    """An account with one grant, signed in."""
    made = server.ctl_json("user", "create", "one", login, "--name", login.upper(), "--generate")
    if role:
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", reach)
    return made["password"]


def sign_in(login, password):
    client = server.client()
    answer = client.post(T + "/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def setup():
    global server
    server = Server(config={}, database=False)
    plugins = os.path.join(server.directory, "plugins")
    shutil.copytree(ROOT / "tests/fixtures/plugins", plugins)
    server.config["plugins"]["directory"] = plugins
    server.write_config()
    server.make_database()
    server.ctl("tenant", "create", "one", "--name", "壹")
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
    server.ctl("unit", "import", "one", tree)
    server.ctl("department", "create", "one", "d1", "--name", "住建", "--unit", "k")
    passwords = {
        "county": person("county", "works_all", "k", "subtree"),
        "c1": person("c1", "works_all", "c1"),
        "s1": person("s1", "works_all", "s1", "subtree"),
        "s2": person("s2", "works_all", "s2", "subtree"),
        "below": person("below", "works_all", "s1", "children"),
        "member": person("member", "works_submitter", "c1"),
        "dept": person("dept", "works_department", "k"),
        "nobody": person("nobody"),
    }
    server.ctl("grant", "add", "one", "--user", "county", "--role", "works_unmask", "--unit", "k", "--reach", "subtree")
    server.ctl("department", "add", "one", "d1", "dept")
    server.start()
    for login, password in passwords.items():
        people[login] = sign_in(login, password)


def problem(answer, status, pointer=None, code=None):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers
    if pointer is not None:
        found = [e for e in answer.json.get("errors", []) if e["pointer"] == pointer]
        assert found and found[0]["detail"] and (code is None or found[0]["code"] == code), answer
    return answer.json


def create(login, **body):
    answer = people[login].post(R, body)
    assert answer.status == 201, answer
    assert answer.headers["ETag"] == '"1"' and answer.headers["Location"] == f"{R}/{answer.json['id']}", answer.headers
    return answer.json


def take(login, record, name, body=None, etag=None):
    client, path = people[login], f"{R}/{record['id']}"
    return client.post(f"{path}/transitions/{name}", body or {},
                       headers={"If-Match": etag or people["county"].get(path).headers["ETag"]})


def department_id():
    return server.psql("SELECT id FROM juxin.department WHERE tenant_id = 1 AND code = 'd1'")[0][0]


def ids(answer):
    assert answer.status == 200, answer
    return [item["id"] for item in answer.json["items"]]


def test_create_read_change_delete():
    made = create("c1", title="电梯", code="AB1", cost=1250, starts="2026-12-01", extra={"a": [1, None, "x"]},
                  happened="2026-11-01T08:00:00+08:00")
    client, path = people["c1"], f"{R}/{made['id']}"
    assert made["number"].startswith("SX2") and made["unit_name"] == "C1" and made["quantity"] == 1, made
    assert made["urgent"] is False and made["cost"] == 1250 and made["extra"] == {"a": [1, None, "x"]}, made
    assert made["happened"].startswith("2026-11-01T00:00:00"), made
    got = client.get(path)
    assert got.json["version"] == 1 and set(got.json["transitions"]) == {"pass_up", "hand_over", "assign"}, got
    changed = client.patch(path, {"cost": None, "title": "新电梯"}, headers={"If-Match": '"1"'})
    assert changed.status == 200 and changed.json["cost"] is None and changed.json["version"] == 2, changed
    assert changed.json["code"] == "AB1"  # a merge patch leaves alone what it does not name
    problem(client.delete(path), 428)
    problem(client.delete(path, headers={"If-Match": '"1"'}), 412)
    assert client.delete(path, headers={"If-Match": '"2"'}).status == 204
    problem(client.get(path), 404)
    assert create("c1", title="再来", code="AB1")["code"] == "AB1"  # unique among what is not deleted


def test_faults_are_all_told_with_their_pointers():
    answer = problem(people["c1"].post(R, {"title": "x", "code": "zz", "quantity": 5000, "kind": "astrology", "titel": 1,
                                           "starts": "2026-02-30", "lead": str(uuid.uuid4()), "urgent": "yes"}), 422)
    told = {e["pointer"]: e["code"] for e in answer["errors"]}
    assert told == {"/title": "too_short", "/code": "pattern", "/quantity": "too_large", "/kind": "not_one_of",
                    "/titel": "unknown_field", "/starts": "type", "/lead": "not_settable", "/urgent": "type"}, told
    english = people["c1"].post(R, {"titel": 1}, headers={"Accept-Language": "en"}).json
    assert any('did you mean "title"' in e["detail"] for e in english["errors"]), english
    problem(people["c1"].post(R, {"title": "参照", "parent": str(uuid.uuid4())}), 422, "/parent", "unknown_reference")
    problem(people["c1"].post(R, {"title": "参照", "unit": "c2"}), 422, "/unit", "unknown_unit")  # as one that is not there
    problem(people["county"].post(R, {"title": "何处"}), 422, "/unit", "required")
    problem(people["nobody"].post(R, {"title": "无权", "unit": "c1"}), 403)


def test_references_do_not_tell_what_is_hidden():
    elsewhere = create("s2", title="别处", unit="c3")
    hidden = people["c1"].post(R, {"title": "参照", "parent": elsewhere["id"]})
    absent = people["c1"].post(R, {"title": "参照", "parent": str(uuid.uuid4())})
    assert problem(hidden, 422)["errors"] == problem(absent, 422)["errors"]
    mine = create("c1", title="此处")
    assert create("c1", title="参照", parent=mine["id"])["parent"] == mine["id"]


def test_uniques():
    create("c1", title="唯一", code="UQ7", local_code="1")
    problem(people["s2"].post(R, {"title": "唯一", "unit": "c3", "code": "UQ7"}), 422, "/code", "taken")
    problem(people["c1"].post(R, {"title": "唯一", "local_code": "1"}), 422, "/local_code", "taken")
    create("s2", title="唯一", unit="c3", local_code="1")


def test_idempotency():
    key, body = {"Idempotency-Key": uuid.uuid4().hex}, {"title": "一次"}
    first = people["c1"].post(R, body, headers=key)
    again = people["c1"].post(R, body, headers=key)
    assert (first.status, again.status) == (201, 201) and first.json["id"] == again.json["id"], again
    problem(people["c1"].post(R, {"title": "两次"}, headers=key), 422)
    assert ids(people["c1"].get(R + "?title=eq.%E4%B8%80%E6%AC%A1")) == [first.json["id"]]


def test_who_sees_what():
    made = create("member", title="长椅", contact_phone="13800138000")
    path = f"{R}/{made['id']}"
    assert made["contact_phone"] == "13800138000"  # one's own words
    assert people["c1"].get(path).json["contact_phone"] == "138****8000"
    assert people["county"].get(path).json["contact_phone"] == "13800138000"
    assert people["below"].get(path).status == 200
    absent = people["s2"].get(f"{R}/{uuid.uuid4()}").json
    for login in ("s2", "nobody", "dept"):
        refused = problem(people[login].get(path), 404)
        assert {k: v for k, v in refused.items() if k != "instance"} == {k: v for k, v in absent.items() if k != "instance"}
        assert made["id"] not in ids(people[login].get(R))
    assert take("c1", made, "pass_up").status == 200
    assert take("s1", made, "pass_up").status == 200
    assert people["below"].get(path).status == 200  # the community it came from reads on
    department = department_id()
    problem(take("c1", made, "assign", {"lead": department, "days": 5}), 403)
    problem(take("county", made, "assign", {"lead": department}), 422, "/days", "required")
    problem(take("county", made, "assign", {"lead": str(uuid.uuid4()), "days": 5}), 422, "/lead", "unknown_reference")
    assigned = take("county", made, "assign", {"lead": department, "days": 5})
    assert assigned.status == 200 and assigned.json["due_at"], assigned
    seen = people["dept"].get(path)
    assert set(seen.json["hidden"]) == {"created_by", "contact_phone"} and seen.json["created_by"] is None, seen
    assert made["created_by"] not in seen.text and made["created_by"] not in people["dept"].get(path + "/history").text
    assert made["created_by"] not in people["dept"].get(R).text
    assert [t["name"] for t in people["dept"].get(path + "/transitions").json["items"]] == ["finish"]


def test_history_tells_what_changed():
    made = create("c1", title="沿革", cost=5, contact_phone="13900139000")
    path = f"{R}/{made['id']}"
    people["c1"].patch(path, {"cost": 7, "contact_phone": "13700137000"}, headers={"If-Match": '"1"'})
    assert take("c1", made, "pass_up", etag='"2"').status == 200
    items = people["s1"].get(path + "/history").json["items"]
    assert [(i["action"], i["transition"], i["version"]) for i in items] == [
        ("create", None, 1), ("update", None, 2), ("transition", "pass_up", 3)], items
    assert items[1]["changes"] == {"cost": {"old": 5, "new": 7},
                                   "contact_phone": {"old": "139****9000", "new": "137****7000"}}, items[1]
    assert items[1]["actor_name"] == "C1" and items[2]["from_unit"]["name"] == "C1" and items[2]["unit"]["name"] == "S1", items
    # Of a very long one the newest is told, not the beginning alone.
    server.psql("INSERT INTO juxin.history (tenant_id, resource, record_id, version, id, at, actor, actor_kind, kind, unit_id)"
                " SELECT tenant_id, resource, record_id, n, gen_random_uuid(), at, actor, actor_kind, 'update', unit_id FROM juxin.history,"
                f" generate_series(4, 603) n WHERE record_id = '{made['id']}' AND version = 1")
    versions = [i["version"] for i in people["s1"].get(path + "/history").json["items"]]
    assert versions == list(range(104, 604)), versions[:3] + versions[-3:]


def test_transitions():
    made = create("member", title="流程")
    problem(take("member", made, "accept"), 409)
    problem(take("c1", made, "accept"), 403)
    problem(take("c1", made, "no_such"), 404)
    problem(take("c1", made, "pass_up", {"title": "改标题"}), 422, "/title", "not_settable")
    problem(take("c1", made, "pass_up", etag='"9"'), 412)
    problem(take("county", made, "hand_over"), 422, "/unit", "required")
    moved = take("county", made, "hand_over", {"unit": "c3"})
    assert moved.status == 200 and moved.json["unit_name"] == "C3" and moved.json["version"] == 2, moved
    assert people["s2"].get(f"{R}/{made['id']}").status == 200


def test_time_alone():
    made = create("county", title="沉默", unit="c1")
    department = department_id()
    assert take("county", made, "assign", {"lead": department, "days": 1}).status == 200
    assert take("dept", made, "finish", {"note_of_lead": "已办"}).status == 200
    server.ctl("jobs", "run", "--as-of", "2026-01-01")
    assert people["county"].get(f"{R}/{made['id']}").json["state"] == "finished"
    server.ctl("jobs", "run", "--as-of", "2099-01-01", "--yes")
    seen = people["county"].get(f"{R}/{made['id']}").json
    assert seen["state"] == "lapsed" and seen["due_at"] is None, seen


def test_a_plugin_without_its_tables_holds_up_no_other():
    """Installed, and not migrated yet: what time does to the records of others goes on."""
    made = create("county", title="照常", unit="c1")
    assert take("county", made, "assign", {"lead": department_id(), "days": 1}).status == 200
    assert take("dept", made, "finish", {"note_of_lead": "已办"}).status == 200
    plugins = pathlib.Path(server.config["plugins"]["directory"])
    early = plugins / "abandoned"
    shutil.copytree(plugins / "works", early)
    for file in early.rglob("*.json"):
        file.write_text(file.read_text(encoding="utf-8").replace("works", "abandoned"), encoding="utf-8")
    try:
        done = server.ctl("jobs", "run", "--as-of", "2099-01-01", "--yes", check=False)
    finally:
        shutil.rmtree(early)
    assert done.returncode == 1, done
    assert people["county"].get(f"{R}/{made['id']}").json["state"] == "lapsed"


def many(count):
    """Rows by SQL, so that there are enough of them for plans to be worth looking at."""
    server.psql(f"""
        INSERT INTO px_works.item (tenant_id, id, unit_id, a1, a2, origin_unit_id, version, state, state_since, created_at,
            updated_at, title, code, quantity, cost, urgent, starts, happened, kind, due_at, owner, place, parent, lead, number)
        SELECT 1, gen_random_uuid(), u.id, u.a1, u.a2, u.id, 1, CASE WHEN i % 500 = 0 THEN 'lapsed' ELSE 'open' END, now(),
            now() - i * interval '1 minute', now(), 'T' || lpad((i % 997)::text, 4, '0'), 'ZZ' || i, i % 1000,
            CASE WHEN i % 3 = 0 THEN i % 1009 END, i % 1500 = 0, date '2030-01-01' + i % 900,
            timestamptz '2030-01-01' + i * interval '1 hour', CASE WHEN i % 2000 = 0 THEN 'repair' END,
            CASE WHEN i % 2 = 0 THEN date '2031-01-01' + i % 700 END,
            CASE WHEN i % 900 = 0 THEN (SELECT id FROM juxin.account WHERE tenant_id = 1 LIMIT 1) END,
            CASE WHEN i % 900 = 1 THEN u.id END, NULL,
            CASE WHEN i % 900 = 2 THEN (SELECT id FROM juxin.department WHERE tenant_id = 1 LIMIT 1) END, 'N' || i
        FROM generate_series(1, {count}) AS i
        JOIN juxin.unit u ON u.tenant_id = 1 AND u.code = CASE WHEN i % 4 = 0 THEN 'c2' ELSE 'c3' END;
        ANALYZE px_works.item;""")


def test_pages_are_whole_and_stable():
    many(20000)
    client, query = people["s1"], "?unit=c2&limit=97&order="
    total = client.get(R + "?unit=c2&count=exact&limit=1").json["count"]
    assert total == {"value": 5000, "capped": False}, total
    assert client.get(R + "?unit=c2&count=capped&limit=1").json["count"] == {"value": 1000, "capped": True}
    for order in ("id.desc", "cost.desc", "starts.asc", "due_at.asc"):
        seen, path, pages = [], R + query + order, 0
        while path:
            answer = client.get(path)
            seen += ids(answer)
            pages += 1
            if pages == 3:  # what is added meanwhile moves no page
                create("s1", title="插入", unit="c2", cost=3, starts="2030-01-05")
            link = answer.headers.get("Link")
            path = link[1:link.index(">")] if link else None
        assert len(seen) == len(set(seen)) and 5000 <= len(seen) <= 5004, (order, len(seen))
    few = client.get(R + "?starts=eq.2030-01-05&cost=is.null&order=happened.asc&limit=200")
    moments = [i["happened"] for i in few.json["items"]]
    assert moments == sorted(moments) and all(i["cost"] is None for i in few.json["items"]), few


EXPLAINED = {"title": "= 'T0005'", "code": "= 'ZZ77'", "quantity": "= 77", "cost": "= 77", "urgent": "= true",
             "starts": "= '2030-02-02'", "happened": "= '2030-02-02'", "kind": "= 'repair'", "state": "= 'lapsed'",
             "due_at": "= '2031-02-02'", "number": "= 'N77'", "owner": "= (SELECT id FROM juxin.account LIMIT 1)",
             "place": "= gen_random_uuid()", "parent": "= gen_random_uuid()", "lead": "= gen_random_uuid()",
             "created_at": "> now()"}


def test_statistics_count_what_lists_show():
    """As it is, as it was, of a unit, for who reads and for who only takes part; more is in test_statistics."""
    create("member", title="统计")
    for login in ("county", "member"):
        total = people[login].get(R + "?count=exact&limit=1").json["count"]["value"]
        for query in ("group=unit.street,state", "group=unit.street&tree=then", "group=unit.street&tree=2026-01-01", "period=month"):
            table = people[login].get(f"{R}/statistics?{query}").json
            assert table["total"]["count"] == total > 0 or query == "period=month", (login, query, table)
    assert people["county"].get(R + "/statistics?unit=s1&tree=then").status == 200


def test_every_declared_filter_uses_an_index():
    declared = json.loads((ROOT / "tests/fixtures/plugins/works/resources/item.json").read_text(encoding="utf-8"))
    filterable = {n for n, f in declared["fields"].items() if f.get("filterable")} | {"state", "due_at", "created_at", "number"}
    assert filterable == set(EXPLAINED), filterable ^ set(EXPLAINED)
    for name, condition in EXPLAINED.items():
        value = server.psql(f"SELECT {condition[2:]}")[0][0] if "SELECT" in condition or "uuid" in condition else None
        text = f"= '{value}'" if value is not None else condition
        plan = "\n".join(row[0] for row in server.psql(
            f"SET ROLE juxin_app; BEGIN; SET LOCAL juxin.tenant = '1'; EXPLAIN SELECT r.id FROM px_works.item r WHERE "
            f"r.tenant_id = 1 AND r.deleted_at IS NULL AND r.{name} {text} ORDER BY r.id DESC LIMIT 21; ROLLBACK"))
        conditions = [line for line in plan.splitlines() if "Index Cond" in line and name in line]
        assert conditions, f"{name} is not an index condition:\n{plan}"


def test_subtrees_come_off_an_index_in_order():
    unit = server.psql("SELECT id FROM juxin.unit WHERE tenant_id = 1 AND code = 's1'")[0][0]
    plan = "\n".join(row[0] for row in server.psql(
        "SET ROLE juxin_app; BEGIN; SET LOCAL juxin.tenant = '1'; EXPLAIN SELECT r.id FROM px_works.item r WHERE r.tenant_id = 1 "
        f"AND r.deleted_at IS NULL AND r.a1 = '{unit}' ORDER BY r.id DESC LIMIT 21; ROLLBACK"))
    assert "item_a1__ix" in plan and "Sort" not in plan, plan


def test_the_plugin_can_be_off():
    made = create("c1", title="停用前")
    server.ctl("plugin", "policy", "one", "works", "--unit", "c1", "--rule", "off", "--reach", "self", "--reason", "盘点")
    refused = problem(people["c1"].get(f"{R}/{made['id']}"), 403)
    assert refused["code"] == "plugin_disabled" and "盘点" in json.dumps(refused, ensure_ascii=False), refused
    problem(people["c1"].post(R, {"title": "停用中"}), 403)
    problem(people["c1"].get(R + "?unit=c1"), 403)
    assert made["id"] not in ids(people["s1"].get(R + "?limit=200"))
    problem(people["s2"].get(f"{R}/{made['id']}"), 404)
    assert problem(people["s2"].get(R + "?unit=c1"), 404)
    rule = server.psql("SELECT id FROM juxin.plugin_policy WHERE tenant_id = 1")[0][0]
    server.ctl("plugin", "policy", "one", "works", "--end", rule)
    assert people["c1"].get(f"{R}/{made['id']}").status == 200


def test_units_move_and_rows_follow():
    made = create("county", title="随迁", unit="c3")
    path = f"{R}/{made['id']}"
    assert made["id"] not in ids(people["s1"].get(R + "?title=eq.%E9%9A%8F%E8%BF%81"))
    server.ctl("unit", "move", "one", "c3", "--parent", "s1", "--yes")
    assert people["county"].get(path).json["version"] == 1  # nobody's ETag goes stale
    assert ids(people["s1"].get(R + "?title=eq.%E9%9A%8F%E8%BF%81")) == [made["id"]]
    problem(people["s2"].get(path), 404)
    assert server.psql("SELECT count(*) FROM px_works.item r JOIN juxin.unit u ON u.tenant_id = r.tenant_id AND u.id = r.unit_id "
                       "WHERE (r.a1, r.a2) IS DISTINCT FROM (u.a1, u.a2)") == [["0"]]
    server.ctl("unit", "move", "one", "c3", "--parent", "s2", "--yes")


def test_tables_are_protected():
    rows = server.psql("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'px_works.item'::regclass")
    assert rows == [["t", "t"]], rows
    rows = server.psql("SELECT count(*) FROM information_schema.role_table_grants WHERE table_schema = 'px_works' AND grantee = "
                       "'juxin_app' AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE')")
    assert rows == [["0"]], rows


def test_declarations_change_only_by_adding():
    directory = server.config["plugins"]["directory"] + "/works/resources/item.json"
    with open(directory, encoding="utf-8") as text:
        before = text.read()
    declared = json.loads(before)
    declared["fields"]["remark"] = {"type": "text", "label": {"zh-CN": "备注", "en": "Remark"}, "filterable": True}
    declared["fields"]["kind"]["values"].append({"value": "lease", "label": {"zh-CN": "租赁", "en": "Lease"}})
    with open(directory, "w", encoding="utf-8") as out:
        json.dump(declared, out, ensure_ascii=False)
    server.ctl("migrate")
    server.psql("UPDATE px_works.item SET kind = 'lease', remark = 'x' WHERE number = 'N1'")
    assert server.psql("SELECT count(*) FROM pg_indexes WHERE indexname = 'item_remark_ix'") == [["1"]]
    del declared["fields"]["body"]
    declared["fields"]["urgent"]["type"] = "text"
    del declared["fields"]["urgent"]["default"]
    with open(directory, "w", encoding="utf-8") as out:
        json.dump(declared, out, ensure_ascii=False)
    refused = server.ctl("migrate", check=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0 and '"body" was removed' in said and "from boolean to text" in said, said
    assert server.psql("SELECT count(body) >= 0 FROM px_works.item") == [["t"]]
    with open(directory, "w", encoding="utf-8") as out:
        out.write(before)


def test_openapi():
    document = people["nobody"].get(T + "/openapi.json").json
    assert document["openapi"] == "3.1.0" and "/works/item/{id}/transitions/{name}" in document["paths"]
    assert "/units" in document["paths"] and "works.item-create" in document["components"]["schemas"]


if __name__ == "__main__":
    harness.main()
