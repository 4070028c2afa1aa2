#!/usr/bin/env python3
# sent
"""Imports of what is there already, told again by the key that a declaration names; references by name; single rows taken back."""
import json
import os
import shutil
import uuid

from lib import harness, sheets
from lib.harness import wait_until
from lib.ledger import ROOT, works_server

T = "/t/one/api/v1"
R = T + "/folk/person"
server = None
people = {}


def more(directory):
    shutil.copytree(ROOT / "tests/fixtures/imports/folk", directory + "/folk")


def sign_in(login, password):
    client = server.client()
    answer = client.post(T + "/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def person(login, role, unit):
    made = server.ctl_json("user", "create", "one", login, "--name", login.upper(), "--generate")
    server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")
    people[login] = sign_in(login, made["password"])


def setup():
    global server
    server = works_server(workers=2, more_plugins=more)
    tree = os.path.join(server.directory, "more.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": "k", "name": "K", "level": "county", "parent": None},
                             {"code": "s1", "name": "S1", "level": "street", "parent": "k"},
                             {"code": "s2", "name": "S2", "level": "street", "parent": "k"},
                             {"code": "c1", "name": "新华社区", "level": "community", "parent": "s1"},
                             {"code": "c2", "name": "新华社区", "level": "community", "parent": "s2"}]}, out)
    server.ctl("unit", "import", "one", tree)
    person("chief", "folk_clerk", "k")
    person("street", "folk_clerk", "s1")
    person("adder", "folk_adder", "k")


def problem(answer, status, code):
    assert answer.status == status and answer.json["code"] == code, answer


def mark():
    return uuid.uuid4().hex[:8]


def phone():
    return "138" + f"{uuid.uuid4().int % 10 ** 8:08}"


def check(who, rows, unit="s1", **settings):
    return sheets.checked(people[who], R, "a.csv", sheets.write_csv(rows), unit=unit, **settings)


def run(who, made, **body):
    return sheets.do(people[who], R, made, "run", body)


def counts(made):
    return {k: made[k] for k in ("good", "bad", "skipped", "updated") if made[k]}


def said(who, made):
    return [(f["row"], f["header"], f["code"]) for f in sheets.faults(people[who], R, made)]


def found(name):
    return {i["name"]: i for i in people["chief"].get(f"{R}?name=gte.{name}&name=lt.{name}z&limit=200").json["items"]}


def three():
    """Three that came in: rows with headers."""
    m = mark()
    rows = [["姓名", "手机号", "岗位"]] + [[f"{m}{n}", phone(), "甲"] for n in range(3)]
    made = check("chief", rows)
    assert counts(made) == {"good": 3} and made["key"] == "name,phone", (made, sheets.faults(people["chief"], R, made))
    made = run("chief", made)
    assert (made["state"], counts(made)) == ("imported", {"good": 3}), made
    return m, rows, made


def test_a_record_is_told_again():
    m, rows, _ = three()
    again = rows[:3] + [[m + "0", phone(), "乙"], [m + "9", "", ""], [m + "9", "", ""]]
    made = check("chief", again)  # of the same name: another's phone; who has no phone is no one's double
    assert counts(made) == {"good": 3, "bad": 2} and said("chief", made) == [(2, "姓名", "exists"), (3, "姓名", "exists")], made
    fault = sheets.faults(people["chief"], R, made)[0]
    assert "姓名、手机号" in fault["zh"] and "Name, Phone" in fault["en"] and found(m)[m + "0"]["id"] in fault["en"], fault
    assert rows[1][1] not in json.dumps(sheets.faults(people["chief"], R, made)), "a phone is told"
    made = run("chief", check("chief", again, duplicates="skip"))
    assert counts(made) == {"good": 3, "skipped": 2}, made
    assert len(found(m)) == 4 and server.psql(f"SELECT count(*) FROM px_folk.person WHERE name LIKE '{m}%'") == [["6"]]
    tokens = server.psql(f"SELECT s.token FROM juxin.search s JOIN px_folk.person p ON p.id = s.record_id WHERE p.name = '{m}1'")
    assert len(tokens) == 1 and rows[2][1] not in tokens[0][0] and len(tokens[0][0]) == 33, tokens


def test_twice_in_a_file():
    m, p = mark(), phone()
    rows = [["姓名", "手机号"], [m, p]] + [[m + "z", ""]] * 1100 + [[m, p], [m, p]]  # far apart, and side by side
    for duplicates, expected in (("refuse", {"good": 1101, "bad": 2}), ("update", {"good": 1101, "bad": 2}),
                                 ("skip", {"good": 1101, "skipped": 2})):
        made = check("chief", rows, duplicates=duplicates)
        assert counts(made) == expected, (duplicates, made)
    made = run("chief", check("chief", rows, duplicates="update"))
    assert counts(made) == {"good": 1101, "bad": 2} and [f[2] for f in said("chief", made)] == ["twice"] * 2, made
    made = run("chief", check("chief", rows[:2] + rows[-2:], duplicates="update"))
    assert counts(made) == {"skipped": 1, "bad": 2}, made  # nothing to change in it


def test_an_update():
    m, rows, _ = three()
    data = [rows[0], [m + "0", rows[1][1], "乙"], [m + "1", rows[2][1], ""], [m + "8", phone(), "丙"]]
    before = found(m)
    made = check("chief", data, duplicates="update")
    assert counts(made) == {"good": 1, "updated": 1, "skipped": 1}, (made, said("chief", made))
    assert found(m) == before, "a check changes something"
    made = run("chief", made)
    after = found(m)
    assert counts(made) == {"good": 1, "updated": 1, "skipped": 1} and after[m + "0"]["post"] == "乙", made
    assert (after[m + "0"]["version"], after[m + "1"]["version"]) == (2, 1) and after[m + "1"]["post"] == "甲"
    history = people["chief"].get(f"{R}/{after[m + '0']['id']}/history").json["items"]
    assert [h["action"] for h in history] == ["create", "update"] and "post" in history[1]["changes"], history
    audit = server.psql(f"SELECT action FROM juxin.audit WHERE object_id = '{after[m + '0']['id']}' ORDER BY id")
    assert audit == [["folk.person.create"], ["folk.person.update"]], audit
    made = sheets.do(people["chief"], R, made, "undo")
    assert (made["undone"], made["left_alone"]) == (1, 1) and [f[2] for f in said("chief", made)] == ["updated"], made
    assert m + "8" not in found(m) and found(m)[m + "0"]["post"] == "乙"
    # Not without the right to change it, nor to another unit, nor where two are meant.
    made = check("adder", data[:2], duplicates="update")
    assert counts(made) == {"skipped": 1} or said("adder", made) == [(2, "", "forbidden")], (made, said("adder", made))
    data[1][2] = "丁"
    made = run("adder", check("adder", data[:2], duplicates="update"))
    assert counts(made) == {"bad": 1} and said("adder", made) == [(2, "", "forbidden")], made
    made = check("chief", [data[0] + ["机构代码"], data[1] + ["s2"]], duplicates="update")
    assert said("chief", made) == [(2, "机构代码", "other_unit")] and found(m)[m + "0"]["post"] == "乙", made
    answer = people["chief"].post(R, {"name": m + "0", "phone": data[1][1], "unit": "s2"})
    assert answer.status == 201, answer
    made = run("chief", check("chief", data[:2], duplicates="update"))
    fault = sheets.faults(people["chief"], R, made)
    assert [f["code"] for f in fault] == ["ambiguous"] and answer.json["id"] in fault[0]["zh"], fault
    made = sheets.sent(people["chief"], R, "a.csv", sheets.write_csv(data[:2]))
    for settings in ({"mapping": {"手机号": None}}, {"key": "name"}, {"key": "phone"}):  # without all of the key
        problem(people["chief"].post(f"{R}/imports/{made['id']}/check", {"unit": "s1", "duplicates": "update", **settings}), 422, "invalid")


def test_the_key_goes_with_the_record():
    m, rows, _ = three()
    old, new, one = rows[1][1], phone(), found(m)[m + "0"]
    assert people["chief"].patch(f"{R}/{one['id']}", {"phone": new}, headers={"If-Match": '"1"'}).status == 200
    for number, expected in ((old, {"good": 1}), (new, {"bad": 1})):
        assert counts(check("chief", [rows[0], [m + "0", number, ""]])) == expected, number
    assert people["chief"].delete(f"{R}/{one['id']}", headers={"If-Match": '"2"'}).status == 204
    assert counts(check("chief", [rows[0], [m + "0", new, ""]])) == {"good": 1}
    # Until all keys stand there, nobody is taken for new.
    server.psql("UPDATE juxin.search_state SET spec = 'older' WHERE resource = 'folk.person'")
    made = check("chief", rows)
    assert (made["state"], made["error_code"]) == ("failed", "key_not_ready") and made["error_zh"], made
    server.psql("DELETE FROM juxin.search WHERE resource = 'folk.person'")
    server.stop()
    server.start()

    def ready():
        seen = check("chief", rows)
        return seen if seen["state"] == "checked" else None

    made = wait_until(ready, 60, "the keys to be built")
    assert counts(made) == {"good": 1, "bad": 2} and [f[0] for f in said("chief", made)] == [3, 4], (made, said("chief", made))


def test_who_is_not_seen_is_not_told():
    """Sending a table must not tell who is in another unit's register."""
    m, p = mark(), phone()
    assert people["chief"].post(R, {"name": m, "phone": p, "unit": "s2"}).status == 201
    rows = [["姓名", "手机号"], [m, p]]
    for duplicates in ("refuse", "skip", "update"):
        assert counts(check("street", rows, duplicates=duplicates)) == {"good": 1}, duplicates
    assert counts(check("chief", rows)) == {"bad": 1}


def test_references_by_name():
    m, firms = mark(), {}
    for name, unit in (("甲", "s1"), ("乙", "s1"), ("乙", "k"), ("丙", "s2")):
        answer = people["chief"].post(T + "/folk/firm", {"title": m + name, "unit": unit})
        assert answer.status == 201, answer
        firms.setdefault(name, []).append(answer.json)
    department = server.psql("INSERT INTO juxin.department (tenant_id, id, unit_id, code, name) SELECT tenant_id, gen_random_uuid(), id, "
                             f"'{m}', '{m} 局' FROM juxin.unit WHERE code = 'k' AND tenant_id = 1 RETURNING id")[0][0]
    rows = [["姓名", "单位", "承办部门"], [m + "0", f" {m}甲 ", f"{m} 局"], [m + "1", firms["乙"][0]["number"], None],
            [m + "2", firms["丙"][0]["id"], department], [m + "3", m + "乙", None], [m + "4", m + "无", f"{m} 无"], [m + "5", m + "丙", None]]
    made = run("chief", check("chief", rows))
    got = found(m)
    assert counts(made) == {"good": 4, "bad": 2}, (made, said("chief", made))
    assert [got[m + str(n)]["employer"] for n in (0, 1, 2, 5)] == [firms[f][0]["id"] for f in "甲乙丙丙"], got
    assert (got[m + "0"]["handled_by"], got[m + "2"]["handled_by"]) == (department, department)
    assert said("chief", made) == [(5, "单位", "ambiguous"), (6, "单位", "unknown_reference"), (6, "承办部门", "unknown_reference")]
    assert all(f["number"] in sheets.faults(people["chief"], R, made)[0]["zh"] for f in firms["乙"]), sheets.faults(people["chief"], R, made)
    # Of what is not seen there is no name: one of two is the only one, and another's is nobody's.
    made = check("street", rows[:1] + rows[4:5] + rows[6:])
    assert counts(made) == {"good": 1, "bad": 1} and said("street", made) == [(3, "单位", "unknown_reference")], said("street", made)


def test_units_by_name():
    m = mark()
    rows = [["姓名", "机构代码"], [m + "0", "新华社区"], [m + "1", "S1"], [m + "2", "s1"]]
    made = check("chief", rows, unit=None)
    assert counts(made) == {"good": 2, "bad": 1} and said("chief", made) == [(2, "机构代码", "ambiguous")], said("chief", made)
    assert "c1, c2" in sheets.faults(people["chief"], R, made)[0]["en"], sheets.faults(people["chief"], R, made)
    made = run("street", check("street", rows, unit=None))
    assert counts(made) == {"good": 3} and found(m)[m + "0"]["unit_name"] == "新华社区", (made, said("street", made))


def test_single_rows_are_taken_back():
    m, _, made = three()
    path = f"{R}/imports/{made['id']}/undo"
    for bad in ({"rows": []}, {"rows": "2"}, {"rows": [0]}, {"rows": [1.5]}, {"row": [2]}, {"rows": list(range(1, 1002))}):
        problem(people["chief"].post(path, bad), 422, "invalid")
    problem(people["street"].post(path, {"rows": [2]}), 404, "not_found")
    made = sheets.do(people["chief"], R, made, "undo", {"rows": [3, 400]})
    assert (made["state"], made["undone"], made["left_alone"]) == ("imported", 1, 0), made
    assert sorted(found(m)) == [m + "0", m + "2"]
    made = sheets.do(people["chief"], R, made, "undo", {"rows": [3, 4]})
    assert (made["state"], made["undone"]) == ("imported", 2) and sorted(found(m)) == [m + "0"], made
    made = sheets.do(people["chief"], R, made, "undo")
    assert (made["state"], made["undone"]) == ("undone", 1) and not found(m), made


if __name__ == "__main__":
    harness.main()
