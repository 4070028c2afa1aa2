"""Indicators and reports of periods over HTTP: numbers against the reader's own lists, the way from counting to the frozen file and its
correction, what is hidden from whom, the files as other programs read them, and what goes out above the tenant."""
import collections
import datetime
import json
import os
import random
import shutil
import subprocess
import urllib.parse

from lib import harness, postgres, sheets
from lib.server import ROOT, Server
from lib.streams import Stream
from lib.together import Once

A = "/t/one/api/v1"
UNITS = [("k", "county", None), ("s1", "street", "k"), ("s2", "street", "k"), ("c1", "community", "s1"), ("c2", "community", "s1"),
         ("c3", "community", "s2")]
PARENT = {code: parent for code, _, parent in UNITS}
ROLES = {"reporter": ["core.unit.read", "core.report.read", "core.report.write", "core.report.check"],
         "signer": ["core.unit.read", "core.report.read", "core.report.check", "core.report.sign"],
         "report_reader": ["core.unit.read", "core.report.read"]}
PEOPLE = {"officer": [("works_all", "k", "subtree"), ("reporter", "k", "subtree")],
          "chief": [("works_all", "k", "subtree"), ("signer", "k", "subtree")],
          "leader": [("report_reader", "k", "subtree")],
          "street": [("works_reader", "s1", "subtree"), ("report_reader", "s1", "subtree")],
          "visitor": [("report_reader", "s2", "self")],
          "counter": [("works_counter", "k", "subtree"), ("report_reader", "k", "self")]}
server = None
people, ids, codes = {}, {}, {}


def setup():
    global server
    server = Server(config={}, database=False)
    plugins = os.path.join(server.directory, "plugins")
    shutil.copytree(ROOT / "tests/fixtures/plugins", plugins)
    server.config["plugins"]["directory"] = plugins
    server.write_config()
    server.make_database()
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
    for slug in ("one", "two"):
        server.ctl("tenant", "create", slug, "--name", slug)
        server.ctl("unit", "import", slug, tree)
    server.start()
    admin = person("admin", [("administrator", "k", "subtree")])
    for name, permissions in ROLES.items():
        made = admin.post(A + "/roles", {"name": name, "label_zh": name, "permissions": permissions})
        assert made.status == 201, made
    for login, grants in PEOPLE.items():
        person(login, grants)
    ids.update({code: i for code, i in server.psql("SELECT code, id FROM juxin.unit WHERE tenant_id = 1")})
    codes.update({i: code for code, i in ids.items()})
    fill()


def person(login, grants):
    password = server.ctl_json("user", "create", "one", login, "--name", f"{login} 同志", "--generate")["password"]
    for role, unit, reach in grants:
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", reach)
    client = people[login] = server.client()
    answer = client.post(A + "/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def fill():
    """Of March to June 2026, in all units; some were closed later."""
    rng = random.Random(17)
    for n in range(60):
        body = {"title": f"事项{n}", "unit": ids[rng.choice([c for c, _, _ in UNITS])], "cost": rng.randrange(1, 100000),
                "kind": rng.choice(["repair", "purchase"]),
                "starts": str(datetime.date(2026, 3, 1) + datetime.timedelta(days=rng.randrange(120)))}
        answer = people["officer"].post(A + "/works/item", body)
        assert answer.status == 201, answer
    for n, day in enumerate(("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01", "2026-05-31", "2026-06-01", "2026-06-30")):
        call("officer", "POST", "/works/item", {"title": f"边界{n}", "unit": ids["c1"], "starts": day, "cost": 1 << n,
                                                 "kind": "repair"})
    # As if made and closed then: what a clock would have to be turned back for. Periods begin and end in China.
    server.psql("UPDATE px_works.item SET created_at = (starts + CASE WHEN title LIKE '边界%' THEN CASE WHEN extract(day FROM starts)"
                " = 1 THEN time '00:00' ELSE time '23:59:59.999999' END ELSE time '12:00' END) AT TIME ZONE 'Asia/Shanghai'; UPDATE"
                " juxin.history h SET at = i.created_at FROM px_works.item i WHERE i.id = h.record_id")
    for n, (record, made) in enumerate(server.psql("SELECT id, created_at FROM px_works.item ORDER BY id")):
        if n % 3 == 0:
            server.psql("INSERT INTO juxin.history (tenant_id, resource, record_id, version, id, at, actor_kind, kind, from_state,"
                        f" to_state) VALUES (1, 'works.item', '{record}', 2, gen_random_uuid(), '{made}'::timestamptz + interval"
                        f" '20 days', 'system', 'transition', 'open', 'finished'); UPDATE px_works.item SET state = 'finished' WHERE"
                        f" id = '{record}'")


def call(login, method, path, body=None, status=(200, 201, 204), **more):
    answer = people[login].request(method, A + path, body, **more)
    assert answer.status in ((status,) if isinstance(status, int) else status), (login, method, path, answer)
    return answer


def refused(login, status, code, method, path, body=None, **more):
    answer = call(login, method, path, body, status, **more)
    found = [answer.json["code"]] + [e["code"] for e in answer.json.get("errors", [])]
    assert code in found, (answer, found)


# ---- indicators ----------------------------------------------------------------------------------------------------------

def indicators(login, **query):
    answer = call(login, "GET", "/indicators?" + urllib.parse.urlencode(query)).json
    return {i["name"]: i for i in answer["items"]}


def records(login):
    found, cursor = [], None
    while True:
        page = call(login, "GET", "/works/item?limit=200" + (f"&cursor={cursor}" if cursor else "")).json
        found += page["items"]
        cursor = page["next"]
        if not cursor:
            return found


def lies_in(record, code):
    at = codes[record["unit_id"]]
    while at and at != code:
        at = PARENT[at]
    return at == code


PERIODS = {"2026-03": ("2026-03-01", "2026-04-01"), "2026-Q2": ("2026-04-01", "2026-07-01"), "2026": ("2026-01-01", "2027-01-01"),
           "2026-06": ("2026-06-01", "2026-07-01"), "2025": ("2025-01-01", "2026-01-01")}


def expected(found, unit, period):
    """By hand, from the reader's own list and the history."""
    start, end = PERIODS[period]
    closed = {r: at for r, at in server.psql("SELECT record_id, (at AT TIME ZONE 'Asia/Shanghai')::date FROM juxin.history WHERE"
                                             " to_state = 'finished'")}
    mine = [r for r in found if lies_in(r, unit)]
    day = lambda r: str((datetime.datetime.fromisoformat(r["created_at"].replace("Z", "+00:00"))
                         + datetime.timedelta(hours=8)).date())
    return {"works.begun": sum(start <= day(r) < end for r in mine),
            "works.cost": sum(r["cost"] for r in mine if r["kind"] == "repair" and start <= r["starts"] < end),
            "works.open": sum(day(r) < end and not closed.get(r["id"], "9999") < end for r in mine)}


def test_numbers_are_those_of_the_readers_lists():
    for login, units in (("officer", ["k", "s1", "c3"]), ("street", ["s1", "c1"])):
        found = records(login)
        for unit in units:
            for period in PERIODS:
                told = indicators(login, unit=unit, period=period)
                assert {n: i["number"] for n, i in told.items()} == expected(found, unit, period), (login, unit, period)
    assert expected(records("officer"), "k", "2026-03")["works.open"] > 5


def test_each_number_comes_with_its_definition():
    told = indicators("officer")
    assert list(told) == ["works.begun", "works.cost", "works.open"]
    cost = told["works.cost"]
    assert cost["label"] == {"zh-CN": "维修费用", "en": "Cost of repairs"} and cost["unit_of_measure"]["zh-CN"] == "元"
    assert cost["definition"]["en"] == "Cost of repairs that start in the period" and cost["kind"] == "money"
    assert told["works.open"]["over"] == "end" and told["works.begun"]["over"] == "period"
    assert list(indicators("officer", indicator="works.open,nothing")) == ["works.open"]


def test_who_only_counts_learns_what_is_counted():
    told = indicators("counter")
    assert told["works.begun"]["withheld"] and told["works.begun"]["number"] is None and told["works.begun"]["definition"]
    assert indicators("leader") == {}


def test_wrong_questions():
    for period in ("2026-13", "2026-Q5", "26-01", "2026-1", "2026-00", "", "2026-Q", "1969"):
        refused("officer", 422, "period", "GET", f"/indicators?period={period}")
    refused("street", 404, "not_found", "GET", "/indicators?unit=s2")


def test_where_the_plugin_does_not_run_there_is_no_number():
    rule = server.ctl_json("plugin", "policy", "one", "works", "--unit", "s2", "--rule", "off", "--reach", "subtree", "--reason", "x")
    try:
        told = indicators("officer", unit="s2", period="2026")["works.begun"]
        assert told["plugin_off"] and told["number"] is None
        mine = [r for r in records("officer") if not lies_in(r, "s2")]
        assert indicators("officer", period="2026")["works.begun"]["number"] == len(mine)
    finally:
        server.ctl("plugin", "policy", "one", "works", "--end", rule["id"])


# ---- the way of a report --------------------------------------------------------------------------------------------------

def counted(report, login="officer"):
    return harness.wait_until(lambda: (r := call(login, "GET", f"/reports/{report}").json)["state"] != "computing" and r, 60,
                              "the counting")


def make(unit="k", period="2026-Q2", definition="works.work", login="officer"):
    made = call(login, "POST", "/reports", {"definition": definition, "unit": ids[unit], "period": period}).json["id"]
    counted(made, login)
    return made


def step(login, report, name, body=None, status=200):
    tag = call("officer", "GET", f"/reports/{report}").headers["ETag"]
    return call(login, "POST", f"/reports/{report}/{name}", body or {}, status, headers={"If-Match": tag})


def freeze(report):
    for login, name in (("officer", "check"), ("chief", "sign-off"), ("chief", "freeze")):
        step(login, report, name)
    return report


def numbers(report, login="officer"):
    return {n["indicator"]: n["number"] for n in call(login, "GET", f"/reports/{report}").json["numbers"]}


def test_from_the_counting_to_the_frozen_one_and_its_correction():
    report = make()
    told = call("officer", "GET", f"/reports/{report}").json
    assert told["state"] == "computed" and told["version"] == 1 and told["latest"] and told["computed_at"]
    right = expected(records("officer"), "k", "2026-Q2")
    assert numbers(report) == right
    assert all(n["definition"]["zh-CN"] and n["unit_of_measure"]["en"] for n in told["numbers"])
    refused("officer", 409, "report_exists", "POST", "/reports", {"definition": "works.work", "unit": ids["k"], "period": "2026-Q2"})

    step("chief", report, "sign-off", status=409)  # not checked yet
    step("chief", report, "check")
    answer = step("chief", report, "sign-off", status=403)
    assert answer.json["code"] == "same_person", answer
    step("officer", report, "return", {"reason": "第三项存疑"})
    assert call("officer", "GET", f"/reports/{report}").json["note"] == "第三项存疑"
    step("officer", report, "compute")
    counted(report)
    step("officer", report, "check")
    step("officer", report, "compute", status=409)
    step("officer", report, "sign-off", status=403)  # no right to
    step("chief", report, "freeze", status=409)
    step("chief", report, "sign-off")
    step("chief", report, "freeze")
    told = call("officer", "GET", f"/reports/{report}").json
    assert (told["checked"]["by"], told["signed_off"]["by"], told["frozen"]["by"]) == ("officer 同志", "chief 同志", "chief 同志")
    for name in ("compute", "check", "sign-off", "freeze"):
        step("admin", report, name, status=409)
    step("admin", report, "return", {"reason": "x"}, status=409)

    # What is written later changes the records, and not the report.
    more = call("officer", "POST", "/works/item", {"title": "补录", "unit": ids["k"], "starts": "2026-05-01", "cost": 7,
                                                   "kind": "repair"}).json["id"]
    server.psql(f"UPDATE px_works.item SET created_at = '2026-05-01 12:00+08' WHERE id = '{more}'")
    assert indicators("officer", period="2026-Q2")["works.begun"]["number"] == right["works.begun"] + 1
    assert numbers(report) == right
    refused("officer", 422, "length", "POST", f"/reports/{report}/correct", {"reason": ""})
    second = call("officer", "POST", f"/reports/{report}/correct", {"reason": "补录一件"}).json["id"]
    told = counted(second)
    assert told["version"] == 2 and told["reason"] == "补录一件" and told["latest"]
    assert numbers(second)["works.begun"] == right["works.begun"] + 1 and numbers(report) == right
    old = call("officer", "GET", f"/reports/{report}").json
    assert not old["latest"] and old["state"] == "frozen"
    refused("officer", 409, "not_correctable", "POST", f"/reports/{report}/correct", {"reason": "再"})
    refused("officer", 409, "not_correctable", "POST", f"/reports/{second}/correct", {"reason": "未冻结"})
    freeze(second)
    listed = call("officer", "GET", "/reports?period=2026-Q2&definition=works.work").json["items"]
    assert [r["version"] for r in listed] == [2, 1]
    assert [r["version"] for r in call("officer", "GET", "/reports?period=2026-Q2&latest=true").json["items"]] == [2]
    actions = [a for (a,) in server.psql("SELECT action FROM juxin.audit WHERE object_kind = 'report' ORDER BY id")]
    assert {"report.create", "report.computed", "report.compute", "report.check", "report.sign_off", "report.freeze",
            "report.return", "report.correct"} <= set(actions), actions


def test_the_database_itself_keeps_numbers():
    """The application's role has no right to change or delete one."""
    for statement in ("UPDATE juxin.report_number SET number = 0", "DELETE FROM juxin.report_number"):
        done = server.psql("SELECT has_table_privilege('juxin_app', 'juxin.report_number', '" + statement.split()[0] + "')")
        assert done == [["f"]], statement


def test_who_signs_signs_what_they_have_seen():
    report = make("s2", "2026-05")
    old = call("officer", "GET", f"/reports/{report}").headers["ETag"]
    step("officer", report, "compute")
    counted(report)
    assert call("officer", "POST", f"/reports/{report}/check", {}, 412, headers={"If-Match": old})
    call("officer", "POST", f"/reports/{report}/check", {}, 428)


def test_who_may_what():
    report = make("s1", "2026-05")
    for login in ("visitor",):
        refused(login, 404, "not_found", "GET", f"/reports/{report}")
        refused(login, 404, "not_found", "POST", f"/reports/{report}/check", {}, headers={"If-Match": '"2"'})
        assert report not in call(login, "GET", "/reports").text
    assert report in call("street", "GET", "/reports").text
    refused("street", 403, "forbidden", "POST", f"/reports/{report}/check", {}, headers={"If-Match": '"2"'})
    refused("street", 403, "forbidden", "POST", f"/reports/{report}/correct", {"reason": "x"})
    answer = call("street", "POST", "/reports", {"definition": "works.work", "unit": ids["s1"], "period": "2026"}, (403, 422))
    assert answer.status in (403, 422), answer
    refused("officer", 422, "unknown", "POST", "/reports", {"definition": "works.nothing", "unit": ids["k"], "period": "2026"})
    refused("officer", 422, "period", "POST", "/reports", {"definition": "works.yearly", "unit": ids["k"], "period": "2026-Q1"})
    refused("officer", 422, "period", "POST", "/reports", {"definition": "works.yearly", "unit": ids["k"], "period": "2026-Q7"})


def test_a_report_of_ones_own():
    refused("officer", 422, "unknown", "POST", "/report-definitions", {"label_zh": "甲", "label_en": "A",
                                                                       "indicators": ["works.nothing"]})
    refused("street", 403, "forbidden", "POST", "/report-definitions", {"label_zh": "甲", "label_en": "A",
                                                                        "indicators": ["works.open"]})
    own = call("officer", "POST", "/report-definitions", {"label_zh": "本级快报", "label_en": "Brief", "periods": ["month"],
                                                          "indicators": ["works.open", "works.begun"]}).json["id"]
    listed = {d["name"]: d for d in call("leader", "GET", "/report-definitions").json["items"]}
    assert set(listed) == {"works.work", "works.yearly", own}
    assert listed[own]["own"] and listed[own]["periods"] == ["month"] and listed["works.yearly"]["periods"] == ["year"]
    report = make("s1", "2026-06", own)
    call("officer", "DELETE", f"/report-definitions/{own}")
    assert list(numbers(report)) == ["works.open", "works.begun"]  # stays what it was
    refused("officer", 404, "not_found", "DELETE", f"/report-definitions/{own}")
    refused("officer", 422, "unknown", "POST", "/reports", {"definition": own, "unit": ids["k"], "period": "2026-06"})


# ---- small numbers ----------------------------------------------------------------------------------------------------------

def test_who_may_not_see_the_records_sees_no_small_number():
    begun = {p: indicators("officer", period=p)["works.begun"]["number"] for p in ("2026-03", "2026-07", "2026")}
    small = make("k", "2026-03", "works.work")
    assert begun["2026-03"] >= 5 and numbers(small, "leader")["works.begun"] == begun["2026-03"]
    # One made in July: alone in its month, and found out by the quarter that has nothing else.
    made = call("officer", "POST", "/works/item", {"title": "七月", "unit": ids["k"], "kind": "purchase"}).json["id"]
    server.psql(f"UPDATE px_works.item SET created_at = '2026-07-05 12:00+08' WHERE id = '{made}'")
    july = make("k", "2026-07")
    assert numbers(july)["works.begun"] == 1
    told = {n["indicator"]: n for n in call("leader", "GET", f"/reports/{july}").json["numbers"]}
    assert told["works.begun"]["hidden"] and told["works.begun"]["number"] is None
    # The reports of a part, to who also reads those of the whole: nothing that could be subtracted.
    street = make("s1", "2026-03")
    assert set(numbers(street, "leader").values()) == {None}
    assert numbers(street, "street") == numbers(street)


def test_a_quarter_that_would_give_a_month_away_is_hidden_too():
    for month in ("2026-08", "2026-09"):
        for n in range(6):
            made = call("officer", "POST", "/works/item", {"title": "夏季", "unit": ids["k"]}).json["id"]
            server.psql(f"UPDATE px_works.item SET created_at = '{month}-1{n} 12:00+08' WHERE id = '{made}'")
        assert numbers(make("k", month), "leader")["works.begun"] == 6
    quarter = make("k", "2026-Q3")
    assert numbers(quarter)["works.begun"] == 13 and numbers(quarter, "leader")["works.begun"] is None
    for report in call("officer", "GET", "/reports?period=2026-07").json["items"]:
        server.psql(f"UPDATE juxin.report SET state = 'computing' WHERE id = '{report['id']}'")  # as if never counted
    assert numbers(quarter, "leader")["works.begun"] == 13


# ---- files ------------------------------------------------------------------------------------------------------------------

DOCX = """
import io, json, sys, docx
d = docx.Document(io.BytesIO(sys.stdin.buffer.read()))
json.dump({"title": d.paragraphs[0].text, "style": d.paragraphs[0].style.name, "lines": [p.text for p in d.paragraphs],
           "rows": [[c.text for c in r.cells] for r in d.tables[0].rows], "tables": len(d.tables)}, sys.stdout)
"""


def read_docx(data):
    done = subprocess.run([sheets.DEBIAN, "-c", DOCX], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_as_xlsx_and_docx():
    report = make("s1", "2026-04")
    draft = call("officer", "GET", f"/reports/{report}/document?format=docx")
    assert any("草稿" in line for line in read_docx(draft.body)["lines"])
    freeze(report)
    told = call("officer", "GET", f"/reports/{report}").json
    for language, heads, checked in (("zh-CN", ["指标", "数值", "计量单位", "口径"], "审核：officer 同志"),
                                     ("en", ["Indicator", "Number", "Unit", "Definition"], "Checked by: officer 同志")):
        rows = [heads]
        for n in told["numbers"]:
            value = f"{n['number'] / 100:.2f}" if n["kind"] == "money" else str(n["number"])
            rows.append([n["label"][language], value, n["unit_of_measure"][language], n["definition"][language]])
        document = call("officer", "GET", f"/reports/{report}/document?format=docx&language={language}")
        assert document.headers["Content-Type"].endswith("wordprocessingml.document")
        assert "attachment" in document.headers["Content-Disposition"] and ".docx" in document.headers["Content-Disposition"]
        seen = read_docx(document.body)
        assert seen["rows"] == rows and seen["title"] == told["label"][language] and seen["style"] == "Title", seen
        assert any("S1" in line and "2026-04" in line for line in seen["lines"]) and any(checked in l for l in seen["lines"])
        assert not any("草稿" in line or "Draft" in line for line in seen["lines"])
        sheet = sheets.read_xlsx(call("officer", "GET", f"/reports/{report}/document?language={language}").body)
        at = next(i for i, row in enumerate(sheet) if row[0] == heads[0])
        assert sheet[0][0] == told["label"][language] and sheet[at] == heads
        assert [[a, f"{b:.2f}" if c in ("元", "yuan") else str(b), c, d] for a, b, c, d in sheet[at + 1:at + 4]] == rows[1:]
        assert any(row[0] and checked in row[0] for row in sheet[at + 4:])
    assert server.psql(f"SELECT count(*) FROM juxin.audit WHERE action = 'report.download' AND object_id = '{report}'") == [["5"]]
    refused("officer", 422, "not_one_of", "GET", f"/reports/{report}/document?format=pdf")


def test_a_file_says_what_is_hidden():
    listed = call("leader", "GET", "/reports?period=2026-Q3").json["items"][0]["id"]
    server.psql("UPDATE juxin.report SET state = 'computed' WHERE state = 'computing'")
    seen = read_docx(call("leader", "GET", f"/reports/{listed}/document?format=docx").body)
    assert seen["rows"][1][1] == "不显示" and any("少于 5" in line for line in seen["lines"]), seen


# ---- above the tenant ---------------------------------------------------------------------------------------------------------

def rollup(*arguments):
    return {(r["tenant"], r["indicator"]): r["number"] for r in server.ctl_json("report", "rollup", *arguments)}


def test_counts_of_all_tenants():
    server.ctl("plugin", "policy", "two", "works", "--unit", "k", "--rule", "on", "--reach", "subtree", "--reason", "x")
    server.psql("INSERT INTO juxin.report_figure SELECT 2, '2026-Q2', 'works.begun', '新增事项', 'Items begun', '件', 'items', 41, 1,"
                " now()")
    report = max((r for r in call("officer", "GET", "/reports?period=2026-Q2&latest=true").json["items"]), key=lambda r: r["version"])
    begun, opened = (numbers(report["id"])[n] for n in ("works.begun", "works.open"))
    assert report["state"] == "frozen" and begun >= 5
    told = rollup("--period", "2026-Q2")
    assert told == {("one", "works.begun"): str(begun), ("one", "works.open"): str(opened), ("two", "works.begun"): "41"}, told
    assert rollup("--period", "2026-05") == {}  # nothing frozen
    assert server.ctl("report", "rollup", "--period", "2026-5", check=False).returncode == 2
    for name, read in (("r.csv", sheets.read_csv), ("r.xlsx", sheets.read_xlsx)):
        path = os.path.join(server.directory, name)
        server.ctl("report", "rollup", "--period", "2026-Q2", "--english", "--out", path)
        with open(path, "rb") as file:
            rows = read(file.read())
        assert [str(v) for v in rows[1][:7]] == ["one", "one", "works.begun", "Items begun", str(begun), "items", "2"], rows
    assert server.ctl("report", "rollup", "--period", "2026-Q2", "--out", "r.txt", check=False).returncode == 2


def test_small_numbers_do_not_leave_the_tenant():
    """July has one item; August and September have six each; the quarter would give July away."""
    small = next(r["id"] for r in call("officer", "GET", "/reports?period=2026-07").json["items"])
    quarter = next(r["id"] for r in call("officer", "GET", "/reports?period=2026-Q3").json["items"])
    for month in ("2026-08", "2026-09"):
        freeze(next(r["id"] for r in call("officer", "GET", f"/reports?period={month}").json["items"]))
    freeze(quarter)
    assert rollup("--period", "2026-Q3")["one", "works.begun"] == "13"
    freeze(small)
    assert rollup("--period", "2026-07")["one", "works.begun"] == "hidden"
    assert rollup("--period", "2026-Q3")["one", "works.begun"] == "hidden"
    assert rollup("--period", "2026-08")["one", "works.begun"] == "6"
    kept = dict(server.psql("SELECT period, coalesce(number::text, '-') FROM juxin.report_figure WHERE tenant_id = 1 AND indicator ="
                            " 'works.begun'"))
    assert kept["2026-07"] == kept["2026-Q3"] == "-", kept
    assert server.psql("SELECT count(*) FROM juxin.report_figure WHERE indicator = 'works.cost'") == [["0"]]  # counts only


def test_two_that_are_frozen_at_once_know_of_each_other():
    """October has two items: the quarter would give them away, and is frozen at the same moment."""
    reports = {}
    for month, count in (("10", 2), ("11", 6), ("12", 6)):
        for n in range(count):
            made = call("officer", "POST", "/works/item", {"title": "冬季", "unit": ids["k"]}).json["id"]
            server.psql(f"UPDATE px_works.item SET created_at = '2025-{month}-1{n} 12:00+08' WHERE id = '{made}'")
    for period in ("2025-10", "2025-11", "2025-12", "2025-Q4"):
        reports[period] = make("k", period)
        step("officer", reports[period], "check")
        step("chief", reports[period], "sign-off")
    for period in ("2025-11", "2025-12"):
        step("chief", reports[period], "freeze")
    other, tags = postgres.Session(server.database), {p: call("officer", "GET", f"/reports/{r}").headers["ETag"] for p, r in reports.items()}
    other.run("BEGIN; LOCK TABLE juxin.report_figure IN SHARE ROW EXCLUSIVE MODE")
    both = [Once(lambda p=p: people["chief"].post(f"{A}/reports/{reports[p]}/freeze", {}, headers={"If-Match": tags[p]}))
            for p in ("2025-10", "2025-Q4")]
    try:
        harness.wait_until(lambda: server.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
                                               " wait_event_type = 'Lock'")[0][0] == "2", 60, "both to wait")
    finally:
        other.run("ROLLBACK")
    assert [b.result().status for b in both] == [200, 200]
    assert rollup("--period", "2025-Q4")["one", "works.begun"] == rollup("--period", "2025-10")["one", "works.begun"] == "hidden"


def test_the_role_above_tenants_can_read_nothing_else():
    """By its own connection: every table of the server's and of plugins, all tenants, any tenant."""
    tables = [t for (t,) in server.psql("SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE"
                                        " c.relkind IN ('r', 'p', 'v', 'm', 'S') AND (n.nspname = 'juxin' OR n.nspname ~ '^px_')")]
    assert len(tables) > 40 and "px_works.item" in tables
    told = as_aggregate([f"SELECT count(*) FROM {t}" for t in tables])
    assert all("permission denied" in said for said in told if not said.isdigit()), told
    assert {t for t, said in zip(tables, told) if said.isdigit()} == {"juxin.report_figure", "juxin.tenant"}
    for said in as_aggregate(["UPDATE juxin.report_figure SET number = 1", "DELETE FROM juxin.report_figure",
                              "CREATE TABLE juxin.x ()", "INSERT INTO juxin.tenant (slug, name) VALUES ('x', 'x')",
                              "SET ROLE juxin_app", "SET ROLE juxin_owner"]):
        assert "permission denied" in said, said


def as_aggregate(statements):
    """What each is answered to the role, by its own connection."""
    script = "SET juxin.tenant = '1';\n" + "".join(f"\\echo NEXT\n{s};\n" for s in statements)
    done = subprocess.run(["psql", "-XAtq", "-d", server.config["database"]["aggregate"]], input=script, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told = [said.strip() for said in done.stdout.split("NEXT\n")[1:]]
    assert len(told) == len(statements), done.stdout
    return told


# ---- events -------------------------------------------------------------------------------------------------------------------

def listening(login):
    client = people[login]
    cookie = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    return Stream(server.plain_port, A + "/events?topics=report,record", {"Cookie": cookie})


def test_who_may_read_a_report_hears_of_it():
    with listening("street") as near, listening("visitor") as far:
        for stream in (near, far):
            harness.wait_until(lambda: stream.read() and stream.blocks, 30, "where it begins")
        mine, other = make("s1", "2026-01"), make("s2", "2026-01")
        harness.wait_until(lambda: mine in near.ids(), 60, "the event")
        harness.wait_until(lambda: other in far.ids(), 60, "the event")
        assert other not in near.ids() and mine not in far.ids()


if __name__ == "__main__":
    harness.main()
