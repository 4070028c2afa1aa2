#!/usr/bin/env python3
# sent
"""Statistics over HTTP: counts and sums against the very lists the same reader gets; periods; what is refused; the policy; and small
groups before those who may count but not see. With the plugin that is a declaration only (tests/fixtures/plugins/works)."""
import collections
import contextlib
import datetime
import json
import os
import random
import shutil
import urllib.parse

from lib import harness
from lib.server import ROOT, Server

T = "/t/one/api/v1"
R = T + "/works/item"
UNITS = [("k", "county", None), ("s1", "street", "k"), ("s2", "street", "k"), ("c1", "community", "s1"), ("p1", "park", "s1"),
         ("c2", "community", "s1"), ("c3", "community", "s2"), ("c4", "community", "s2"), ("e1", "community", "k")]
PARENT = {code: parent for code, _, parent in UNITS}
LEVEL = {code: level for code, level, _ in UNITS}
READERS = ["county", "s1", "c1", "two", "member", "dept", "nobody"]
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
    server.ctl("tenant", "create", "one", "--name", "壹")
    tree = os.path.join(server.directory, "tree.json")
    with open(tree, "w", encoding="utf-8") as out:
        json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
    server.ctl("unit", "import", "one", tree)
    server.ctl("department", "create", "one", "d1", "--name", "住建", "--unit", "k")
    grants = {"county": [("works_all", "k", "subtree")], "s1": [("works_all", "s1", "subtree")],
              "c1": [("works_all", "c1", "self")], "two": [("works_reader", "c2", "self"), ("works_reader", "s2", "subtree"),
                                                           ("works_submitter", "c1", "self")],
              "member": [("works_submitter", "c1", "self")], "dept": [("works_department", "k", "self")],
              "counter": [("works_counter", "k", "subtree")], "nobody": []}
    passwords = {}
    for login, given in grants.items():
        passwords[login] = server.ctl_json("user", "create", "one", login, "--name", login, "--generate")["password"]
        for role, unit, reach in given:
            server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", reach)
    server.ctl("department", "add", "one", "d1", "dept")
    server.start()
    for login, password in passwords.items():
        client = people[login] = server.client()
        answer = client.post(T + "/session", {"login": login, "password": password})
        assert answer.status == 201, answer
        client.csrf = answer.json["csrf_token"]
    ids.update({code: i for code, i in server.psql("SELECT code, id FROM juxin.unit")})
    codes.update({i: code for code, i in ids.items()})
    fill()


def create(login, **body):
    answer = people[login].post(R, body)
    assert answer.status == 201, answer
    return answer.json


def take(login, record, name, body=None):
    path = f"{R}/{record['id']}"
    answer = people[login].post(f"{path}/transitions/{name}", body or {},
                                headers={"If-Match": people[login].get(path).headers["ETag"]})
    assert answer.status == 200, answer
    return answer.json


def fill():
    """Records of everybody, at every unit, some with a department, some passed up and so seen by who passed them."""
    rng = random.Random(6)
    department = server.psql("SELECT id FROM juxin.department")[0][0]
    for n in range(160):
        unit = rng.choice([c for c, _, _ in UNITS])
        login = "member" if unit == "c1" and n % 2 else "county"
        body = {"title": f"事项{n}", "unit": unit, "quantity": rng.randrange(9), "urgent": rng.random() < 0.3}
        if rng.random() < 0.7:
            body["kind"] = rng.choice(["repair", "purchase"])
        if rng.random() < 0.6:
            body["cost"] = rng.randrange(100000)
        if rng.random() < 0.8:
            body["starts"] = str(datetime.date(2025, 11, 1) + datetime.timedelta(days=rng.randrange(400)))
        if rng.random() < 0.5:
            body["place"] = ids[rng.choice([c for c, _, _ in UNITS])]
        made = create(login, **body)
        if n % 5 == 0:
            take("county", made, "assign", {"lead": department, "days": 3})
        elif n % 7 == 0 and unit != "k":
            take("county", made, "pass_up")
        elif n in (1, 2, 3):
            take("county", made, "assign", {"lead": department, "days": 3})
            take("dept", made, "finish", {"note_of_lead": "已办"})
        elif n % 23 == 0:
            record = people["county"].get(f"{R}/{made['id']}")
            assert people["county"].delete(f"{R}/{made['id']}", headers={"If-Match": record.headers["ETag"]}).status == 204
    server.psql("UPDATE px_works.item SET created_at = created_at - interval '37 days' * (quantity % 4)")


def ask(login, **query):
    """Names with a dot are written with two underscores."""
    pairs = [(name.replace("__", "."), value) for name, value in query.items()]
    return people[login].get(f"{R}/statistics?{urllib.parse.urlencode(pairs)}")


def told(login, **query):
    answer = ask(login, **query)
    assert answer.status == 200, answer
    return answer.json


def refused(login, status, code, name=None, **query):
    answer = ask(login, **query)
    assert answer.status == status, answer
    if status != 400:
        assert answer.json["code"] == code, answer
        return
    assert answer.json["errors"][0]["code"] == code and name in (None, answer.json["errors"][0]["pointer"]), answer


def listed(login, **query):
    """Every record the reader's list has."""
    found, cursor = [], None
    while True:
        pairs = [(name.replace("__", "."), value) for name, value in query.items()] + [("limit", "200")]
        page = people[login].get(f"{R}?{urllib.parse.urlencode(pairs + ([('cursor', cursor)] if cursor else []))}")
        assert page.status == 200, page
        found += page.json["items"]
        cursor = page.json["next"]
        if not cursor:
            return found


# ---- what a record is counted under, in plain words ----------------------------------------------------------------------

def within(unit, level):
    code = codes.get(unit)
    while code and LEVEL[code] != level:
        code = PARENT[code]
    return code and ids[code]


def china_day(moment):
    return (datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")) + datetime.timedelta(hours=8)).date()


def plain_key(record, group):
    field, _, member = group.partition(".")
    value = record["unit_id"] if field == "unit" else record.get(field)
    if member == "level":
        return LEVEL[codes[value]] if value else None
    if member:
        return within(value, member)
    return str(value).lower() if isinstance(value, bool) else value


GROUPS = ["state", "kind", "urgent", "unit", "unit.level", "unit.street", "unit.community", "unit.park", "unit.county", "place",
          "place.street", "place.level", "lead"]
FILTERS = [{}, {"kind": "eq.repair"}, {"unit": "s1"}, {"unit": "s1", "reach": "self"}, {"urgent": "is.null"},
           {"or": "(quantity.gt.5,cost.is.null)"}, {"unit": "k", "state": "in.(open,assigned)"}, {"q": "事项"},
           {"place__level": "eq.street"}]


def compare(login, groups, conditions):
    answer = ask(login, group=",".join(groups), sum="cost,quantity", **conditions)
    if answer.status == 404:  # a unit of which the reader sees nothing
        assert people[login].get(f"{R}?{urllib.parse.urlencode(conditions)}").status == 404
        return 0
    assert answer.status == 200, answer
    table, expected = answer.json, collections.defaultdict(lambda: [0, 0, 0])
    records = listed(login, **conditions)
    for record in records:
        key = tuple(plain_key(record, g) for g in groups)
        for k in ([key, *[(key, i) for i in range(2)]] if len(groups) == 2 else [key]):
            at = expected[k if k == key else (k[1], key[k[1]])]
            at[0] += 1
            at[1] += record["cost"] or 0
            at[2] += record["quantity"] or 0
    found = {tuple(c["key"]): [c["count"], *c["sums"]] for c in table["cells"]}
    for i, margin in enumerate(table.get("margins", [])):
        found.update({(i, c["key"][0]): [c["count"], *c["sums"]] for c in margin})
    assert found == dict(expected), (login, groups, conditions)
    assert [table["total"]["count"], *table["total"]["sums"]] == [
        len(records), sum(r["cost"] or 0 for r in records), sum(r["quantity"] or 0 for r in records)]
    assert table["minimum"] is None and not table["withheld"]
    values = [{v["value"] for v in g["values"]} for g in table["groups"]]
    assert all(k in values[i] for c in table["cells"] for i, k in enumerate(c["key"])), table["groups"]
    return len(records)


def test_counts_are_those_of_the_readers_lists():
    rng, compared, records = random.Random(66), 0, 0
    for login in READERS:
        for conditions in FILTERS:
            groups = rng.sample(GROUPS, rng.choice([1, 2, 2]))
            records += compare(login, groups, conditions)
            compared += 1
    for group in GROUPS:
        records += compare(rng.choice(["county", "s1", "two"]), [group], {})
    assert records > 2000, records
    print(f"       {compared + len(GROUPS)} tables over {records} records")


def test_without_groups_there_is_a_total():
    table = told("county", sum="cost")
    records = listed("county")
    assert table["cells"] == [] and table["groups"] == [] and "margins" not in table
    assert table["total"] == {"count": len(records), "sums": [sum(r["cost"] or 0 for r in records)]}
    assert told("nobody")["total"] == {"count": 0}


def test_every_number_has_its_definition():
    table = told("county", group="kind,unit.street", sum="cost", unit="s1", state="eq.open")
    assert "S1" in table["count"]["definition"]["zh-CN"] and "state=eq.open" in table["count"]["definition"]["en"]
    assert "分" in table["sums"][0]["definition"]["zh-CN"] and table["sums"][0]["label"]["zh-CN"] == "费用"
    assert all(g["label"]["zh-CN"] and g["definition"]["zh-CN"] and g["definition"]["en"] for g in table["groups"])
    assert {"value": "repair", "label": {"zh-CN": "维修", "en": "Repair"}} in table["groups"][0]["values"]
    street = next(v for v in table["groups"][1]["values"] if v["value"] == ids["s1"])
    assert street["code"] == "s1" and street["label"]["zh-CN"] == "S1"
    assert "街道" in table["groups"][1]["definition"]["zh-CN"]


# ---- periods -------------------------------------------------------------------------------------------------------------

def period_of(day, period):
    return {"month": f"{day.year:04}-{day.month:02}", "quarter": f"{day.year:04}-Q{(day.month + 2) // 3}", "year": f"{day.year:04}"}[
        period]


def test_periods():
    for login in ("county", "s1", "two"):
        for period in ("month", "quarter", "year"):
            for field in ("created_at", "starts"):
                table = told(login, group="kind", period=f"{period}.{field}", **{"from": "2025-02-03", "until": "2026-12-31"})
                expected = collections.Counter()
                for record in listed(login):
                    day = record[field] and (china_day(record[field]) if field == "created_at"
                                             else datetime.date.fromisoformat(record[field]))
                    if day and (2025, 1 if period == "year" else 1 if period == "quarter" else 2) <= (day.year, day.month):
                        expected[(record["kind"], period_of(day, period))] += 1
                assert {tuple(c["key"]): c["count"] for c in table["cells"]} == dict(expected), (login, period, field)
                values = [v["value"] for v in table["groups"][1]["values"]]
                assert values == sorted(values) and len(values) == {"month": 23, "quarter": 8, "year": 2}[period], values


def test_a_day_begins_in_china():
    made = create("county", unit="c4", title="跨年")
    other = create("county", unit="c4", title="年末")
    server.psql(f"UPDATE px_works.item SET created_at = '2023-12-31 16:00:00Z' WHERE id = '{made['id']}'")
    server.psql(f"UPDATE px_works.item SET created_at = '2023-12-31 15:59:59.999999Z' WHERE id = '{other['id']}'")
    table = told("county", period="month", **{"from": "2023-12-01", "until": "2024-01-31"})
    assert {c["key"][0]: c["count"] for c in table["cells"]} == {"2023-12": 1, "2024-01": 1}, table["cells"]


def test_twelve_periods_up_to_now_by_default():
    table = told("county", period="month")
    values = [v["value"] for v in table["groups"][0]["values"]]
    now = server.psql("SELECT to_char(now() AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM')")[0][0]
    assert len(values) == 12 and values[-1] == now, values


# ---- what is refused -----------------------------------------------------------------------------------------------------

def test_no_statistics_by_person():
    for group in ("owner", "parent", "contact_phone"):  # an account; records that hold personal data; what tells who submitted
        refused("county", 400, "person", "group", group=group)
    for group in ("created_by", "title", "id", "number", "starts", "quantity", "helpers", "extra", "kind.x",
                  "unit.x", "unit.street.x", "", "state,", "nothing", "tenant_id"):
        refused("county", 400, "not_groupable", "group", group=group)


def test_what_is_asked_wrongly():
    refused("county", 400, "too_many", "group", group="state,kind,urgent")
    refused("county", 400, "too_many", group="state,kind", period="month")
    for field in ("title", "starts", "nothing", "contact_phone", ""):
        refused("county", 400, "not_summable", "sum", sum=field)
    refused("county", 400, "too_many", "sum", sum="cost,cost,cost,cost,cost")
    for period in ("day", "month.title", "month.quantity", "month.nothing", ""):
        refused("county", 400, "period", "period", period=period)
    refused("county", 400, "date", "from", period="month", **{"from": "2026-13-01"})
    refused("county", 400, "range", "from", period="month", **{"from": "2026-02-01", "until": "2026-01-01"})
    refused("county", 400, "range", "from", period="month", **{"from": "1900-01-01"})
    refused("county", 400, "required", "period", **{"from": "2026-01-01"})
    for tree in ("", "later", "2026-02-30"):
        refused("county", 400, "tree", "tree", tree=tree)
    for name in ("order", "limit", "cursor", "count", "fields"):
        refused("county", 400, "not_here", name, **{name: "1"})
    refused("county", 400, "not_filterable", nothing="eq.1")
    assert ask("county", unit="nowhere").status == 404
    assert ask("c1", unit="s2").status == 404
    assert server.client().get(R + "/statistics").status == 401


@contextlib.contextmanager
def rules(**units):
    made = [server.ctl_json("plugin", "policy", "one", "works", "--unit", unit, "--rule", rule, "--reason", "试验")["id"]
            for unit, rule in units.items()]
    try:
        yield
    finally:
        for rule in made:
            server.ctl("plugin", "policy", "one", "works", "--end", rule)


def test_where_the_plugin_does_not_run_nothing_is_counted():
    before = told("county", group="unit")
    with rules(s2="off"):
        table = told("county", group="unit")
        off = {ids["s2"], ids["c3"], ids["c4"]}
        assert {c["key"][0]: c["count"] for c in table["cells"]} == {
            c["key"][0]: c["count"] for c in before["cells"] if c["key"][0] not in off}
        assert off & {c["key"][0] for c in before["cells"]}
        answer = ask("county", unit="c3")
        assert answer.status == 403 and answer.json["code"] == "plugin_disabled", answer
    assert told("county", group="unit")["cells"] == before["cells"]


# ---- the tree as it was --------------------------------------------------------------------------------------------------

def parents():
    """unit: [(from, until, parent)], the first from the beginning of time."""
    found = collections.defaultdict(list)
    for unit, parent, start, end in server.psql(
            "SELECT unit_id, coalesce(parent_id::text, ''), extract(epoch FROM valid_from), coalesce(extract(epoch FROM "
            "valid_until)::text, 'inf') FROM juxin.unit_parent ORDER BY unit_id, valid_from"):
        found[unit].append((float(start) if found[unit] else -1e18, float(end), parent or None))
    return found


def street_at(history, unit, moment):
    while unit and LEVEL[codes[unit]] != "street":
        unit = next(parent for start, end, parent in history[unit] if start <= moment < end)
    return unit


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def counted(login, **query):
    return {c["key"][0]: c["count"] for c in told(login, group="unit.street", **query)["cells"]}


@contextlib.contextmanager
def moved(unit, parent, renamed, days_ago):
    """That many days ago the unit was moved there, and its street got a new name."""
    old = server.psql(f"SELECT p.code FROM juxin.unit u JOIN juxin.unit p ON p.id = u.parent_id WHERE u.code = '{unit}'")[0][0]
    for table in ("unit_parent", "unit_name"):  # as if nothing had ever changed
        server.psql(f"DELETE FROM juxin.{table} WHERE valid_until IS NOT NULL; UPDATE juxin.{table} SET valid_from = '2020-01-01'")
    server.ctl("unit", "move", "one", unit, "--parent", parent, "--yes")
    server.ctl("unit", "rename", "one", old, "--name", renamed)
    at = f"now() - interval '{days_ago} days'"
    for table in ("unit_parent", "unit_name"):
        server.psql(f"UPDATE juxin.{table} SET valid_until = {at} WHERE valid_until IS NOT NULL;"
                    f"UPDATE juxin.{table} n SET valid_from = {at} WHERE valid_until IS NULL AND EXISTS (SELECT 1 FROM "
                    f"juxin.{table} o WHERE o.unit_id = n.unit_id AND o.valid_until IS NOT NULL)")
    try:
        yield
    finally:
        server.ctl("unit", "move", "one", unit, "--parent", old, "--yes")


def test_as_it_was_then_and_as_it_is_now():
    with moved("c2", "s2", "新名", 50):
        history, records = parents(), listed("county")
        now = collections.Counter(street_at(history, r["unit_id"], 4e9) for r in records)
        then = collections.Counter(street_at(history, r["unit_id"], seconds(r["created_at"])) for r in records)
        assert counted("county") == counted("county", tree="now") == dict(now)
        assert counted("county", tree="then") == dict(then) and now != then
        day = datetime.date.today() - datetime.timedelta(days=60)
        before = collections.Counter(street_at(history, r["unit_id"], seconds(f"{day}T15:59:59+00:00")) for r in records)
        assert counted("county", tree=str(day)) == dict(before) != dict(now)
        later = datetime.date.today() - datetime.timedelta(days=40)
        assert counted("county", tree=str(later)) == dict(now)
        # By another date of the records, to the end of that day.
        starts = collections.Counter()
        for r in records:
            if r["starts"] and r["starts"] >= "2026-01-01":
                starts[street_at(history, r["unit_id"], seconds(r["starts"] + "T15:59:59+00:00")), r["starts"][:4]] += 1
        table = told("county", group="unit.street", period="year.starts", tree="then", **{"from": "2026-01-01"})
        assert {tuple(c["key"]): c["count"] for c in table["cells"] if c["key"][1] == "2026"} == {
            k: n for k, n in starts.items() if k[1] == "2026"}


def test_a_unit_as_it_was():
    with moved("c2", "s2", "又名", 50):
        history, records = parents(), listed("county")
        for unit in ("s1", "s2"):
            expected = [r for r in records if street_at(history, r["unit_id"], seconds(r["created_at"])) == ids[unit]]
            assert told("county", unit=unit, tree="then")["total"]["count"] == len(expected) > 0
            assert told("county", unit=unit)["total"]["count"] == len(listed("county", unit=unit))
        # Who reads the street today counts what they may read today: nothing that has gone elsewhere.
        mine = [r for r in listed("s1") if street_at(history, r["unit_id"], seconds(r["created_at"])) == ids["s1"]]
        assert told("s1", unit="s1", tree="then")["total"]["count"] == len(mine)
        assert ask("s1", unit="s2", tree="then").status == 404


def test_names_as_they_were():
    with moved("c2", "s2", "改后", 50):
        name = lambda **q: next(v["label"]["zh-CN"] for v in told("county", group="unit.street", **q)["groups"][0]["values"]
                                if v["value"] == ids["s1"])
        assert name() == "改后"
        assert name(tree=str(datetime.date.today() - datetime.timedelta(days=60))) != "改后"
        assert name(tree=str(datetime.date.today() - datetime.timedelta(days=40))) == "改后"
        told_by = told("county", group="unit.street", tree="2026-10-01")["groups"][0]["definition"]
        assert "2026-10-01" in told_by["zh-CN"] and "2026-10-01" in told_by["en"]


# ---- who may count but not see --------------------------------------------------------------------------------------------

def test_who_may_only_count_sees_no_small_group():
    assert listed("counter") == []
    seen = hidden = 0
    for groups in ("state", "kind", "unit.street", "state,kind", "kind,unit.street", "urgent,state", "state,unit.street"):
        exact, table = told("county", group=groups), told("counter", group=groups, sum="cost")
        numbers = {tuple(c["key"]): c["count"] for c in exact["cells"]}
        assert table["minimum"] == 5 and table["total"]["count"] == exact["total"]["count"]
        for cell in table["cells"]:
            n = numbers[tuple(cell["key"])]
            if cell.get("hidden"):
                assert "count" not in cell and "sums" not in cell
            else:
                assert cell["count"] == n >= 5, cell
            hidden += cell.get("hidden", False)
            seen += not cell.get("hidden")
    assert seen > 10 and hidden > 5, (seen, hidden)


def test_a_total_below_the_minimum_is_hidden():
    with rules(k="off", e1="on"):
        while told("county")["total"]["count"] > 4:
            record = listed("county")[0]
            tag = people["county"].get(f"{R}/{record['id']}").headers["ETag"]
            assert people["county"].delete(f"{R}/{record['id']}", headers={"If-Match": tag}).status == 204
        assert 0 < told("county")["total"]["count"] < 5
        assert told("counter")["total"] == {"hidden": True}
        assert all(c == {"key": c["key"], "hidden": True} for c in told("counter", group="state")["cells"])


def test_who_may_only_count_asks_no_way_to_tell_groups_apart():
    for query in ({"state": "eq.open"}, {"unit": "s1"}, {"q": "事项"}, {"group": "unit.community"}, {"group": "unit"},
                  {"group": "unit.level"}, {"period": "year"}, {"period": "month", "until": "2026-01-01"}, {"tree": "then"},
                  {"or": "(kind.is.null,urgent.eq.true)"}):
        refused("counter", 403, "counts_only", **query)
    assert told("counter", period="month", group="kind")["minimum"] == 5


def test_reading_goes_before_counting():
    """Who also reads counts what they read: what they know would give away the rest."""
    server.ctl("grant", "add", "one", "--user", "c1", "--role", "works_counter", "--unit", "k", "--reach", "subtree")
    table = told("c1", group="unit")
    assert table["minimum"] is None and table["total"]["count"] == len(listed("c1"))


if __name__ == "__main__":
    harness.main()
