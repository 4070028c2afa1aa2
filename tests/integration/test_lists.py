"""Lists over HTTP: conditions against an oracle, conditions on what a record refers to, words, orders and pages; and that none
of them tells anybody of what they may not see. With the plugin that is a declaration only (tests/fixtures/plugins/works)."""
import json
import os
import random
import shutil
import urllib.parse
import uuid

from lib import harness
from lib.server import ROOT, Server

T = "/t/one/api/v1"
R = T + "/works/item"
UNITS = [("k", "county", None), ("s1", "street", "k"), ("s2", "street", "k"), ("c1", "community", "s1"),
         ("c2", "community", "s1"), ("c3", "community", "s2"), ("c4", "community", "s2")]
server = None
people = {}


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
    grants = {"county": ("works_all", "k", "subtree"), "c1": ("works_all", "c1", "self"), "c2": ("works_all", "c2", "self"),
              "s1": ("works_all", "s1", "subtree"), "s2": ("works_all", "s2", "subtree"), "c4": ("works_all", "c4", "self"),
              "member": ("works_submitter", "c1", "self"), "dept": ("works_department", "k", "self")}
    passwords = {}
    for login, (role, unit, reach) in grants.items():
        passwords[login] = server.ctl_json("user", "create", "one", login, "--name", login, "--generate")["password"]
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", reach)
    for login, unit in (("county", "k"), ("s1", "s1")):
        server.ctl("grant", "add", "one", "--user", login, "--role", "administrator", "--unit", unit, "--reach", "subtree")
    passwords["nobody"] = server.ctl_json("user", "create", "one", "nobody", "--name", "nobody", "--generate")["password"]
    server.ctl("department", "add", "one", "d1", "dept")
    server.start()
    for login, password in passwords.items():
        client = people[login] = server.client()
        answer = client.post(T + "/session", {"login": login, "password": password})
        assert answer.status == 201, answer
        client.csrf = answer.json["csrf_token"]


def create(login, **body):
    answer = people[login].post(R, body)
    assert answer.status == 201, answer
    return answer.json


def create_refused(login, **body):
    answer = people[login].post(R, body)
    assert answer.status == 422, answer
    return [e["code"] for e in answer.json["errors"]]


def ask(login, **query):
    """The answer of a list; names with a dot are written with two underscores."""
    pairs = [(name.replace("__", "."), value) for name, value in query.items()]
    return people[login].get(f"{R}?{urllib.parse.urlencode(pairs)}")


def found(login, **query):
    answer = ask(login, limit=200, count="exact", **query)
    assert answer.status == 200, answer
    ids = {item["id"] for item in answer.json["items"]}
    assert answer.json["count"]["value"] == len(answer.json["items"]) == len(ids), answer.json["count"]
    return ids


def refused(login, code, name=None, **query):
    answer = ask(login, **query)
    assert answer.status == 400 and answer.json["code"] == "invalid_query", answer
    told = answer.json["errors"][0]
    assert told["code"] == code and (name is None or told["pointer"] == name) and told["detail"], answer
    return told


def take(login, record, name, body=None):
    path = f"{R}/{record['id']}"
    answer = people[login].post(f"{path}/transitions/{name}", body or {},
                                headers={"If-Match": people[login].get(path).headers["ETag"]})
    assert answer.status == 200, answer
    return answer.json


# ---- conditions --------------------------------------------------------------------------------------------------------

COMPARE = {"eq": lambda a, b: a == b, "neq": lambda a, b: a != b, "gt": lambda a, b: a > b, "gte": lambda a, b: a >= b,
           "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b}
VALUES = {"quantity": range(6), "cost": [100, 200, 300, None], "kind": ["repair", "purchase", None],
          "title": ['甲,乙', '丙"丁', "戊(己)", "庚.辛", "in.(壬)"], "starts": ["2026-12-01", "2026-12-05", None],
          "urgent": [True, False], "parent": None}


def quoted(value, always=False):
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if always or any(c in text for c in ',()"'):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def random_condition(rng, rows, depth=0):
    """(text, predicate) of a condition over rows and over what they refer to; at most nine comparisons."""
    if depth < 2 and rng.random() < 0.4:
        parts = [random_condition(rng, rows, depth + 1) for _ in range(rng.randint(1, 3))]
        word, holds = rng.choice([("and", all), ("or", any)])
        return f"{word}({','.join(t for t, _ in parts)})", lambda row: holds(p(row) for _, p in parts)
    field = rng.choice([f for f in VALUES if f != "parent"])
    pick = lambda: rng.choice([v for v in VALUES[field] if v is not None])
    kind = rng.random()
    if kind < 0.2:
        word = rng.choice(["null", "notnull"])
        text, predicate = f"is.{word}", lambda v: (v is None) == (word == "null")
    elif kind < 0.4:
        values = [pick() for _ in range(rng.randint(1, 3))]
        text, predicate = f"in.({','.join(quoted(v) for v in values)})", lambda v: v in values
    else:
        ordered = field not in ("kind", "title", "urgent")  # of texts the order is the database's
        op, value = rng.choice(list(COMPARE) if ordered else ["eq", "neq"]), pick()
        text, predicate = f"{op}.{quoted(value, rng.random() < 0.2)}", lambda v: v is not None and COMPARE[op](v, value)
    if rng.random() < 0.15:
        return f"parent.{field}.{text}", lambda row: row["parent"] is not None and predicate(rows[row["parent"]][field])
    return f"{field}.{text}", lambda row: predicate(row[field])


def test_conditions_as_an_oracle_has_them():
    rng, rows = random.Random(4), {}
    for _ in range(60):
        body = {f: rng.choice(v) for f, v in VALUES.items() if v}
        body["parent"] = rng.choice([None, *rows]) if rows else None
        made = create("county", unit="c2", **{k: v for k, v in body.items() if v is not None})
        rows[made["id"]] = made
    asked, sizes = 0, set()
    while asked < 150:
        text, predicate = random_condition(rng, rows)
        if text.count("parent.") > 4 or text.count("and(") + text.count("or(") > 6:
            continue
        expected = {i for i, row in rows.items() if predicate(row)}
        assert found("c2", **{"or": f"({text})"}) == expected, text
        asked += 1
        sizes.add(len(expected))
    assert len(sizes) > 15, sizes
    print(f"       {asked} conditions, {min(sizes)} to {max(sizes)} of {len(rows)} records")


def test_several_at_once():
    made = [create("s2", unit="c3", title="一起", quantity=n, cost=n * 10) for n in range(8)]
    ids = [m["id"] for m in made]
    answer = people["s2"].get(f"{R}?quantity=gte.2&quantity=lt.6&or=(cost.eq.30,cost.eq.50,cost.eq.70)&title=eq." +
                              urllib.parse.quote("一起"))
    assert {i["id"] for i in answer.json["items"]} == {ids[3], ids[5]}, answer
    assert found("s2", id=f"in.({ids[0]},{ids[7]})") == {ids[0], ids[7]}
    assert found("s2", number=f"eq.{made[1]['number']}") == {ids[1]}
    assert found("s2", created_at=f"gte.{made[6]['created_at']}", title="eq.一起") == {ids[6], ids[7]}


def test_too_much_is_refused():
    refused("county", "too_many", "quantity", quantity="in.(" + ",".join(["1"] * 101) + ")")
    refused("county", "too_deep", "or", **{"or": "(or(or(or(cost.gt.1))))"})
    many = "&".join(["cost=gt.1"] * 21)
    assert people["county"].get(f"{R}?{many}").json["errors"][0]["code"] == "too_many"
    huge = people["county"].get(f"{R}?quantity=in.({','.join(['1'] * 10000)})")
    assert huge.status in (400, 414, 431), huge
    nested = people["county"].get(f"{R}?or=" + "(or" * 2000 + ")" * 2000)
    assert nested.status in (400, 414, 431), nested
    refused("county", "too_long", "q", q="字" * 21)
    in_english = people["county"].get(f"{R}?or=(cost.gt.1", headers={"Accept-Language": "en"}).json["errors"][0]
    assert "double quotes" in in_english["detail"] or "(field" in in_english["detail"], in_english


def test_values_are_values():
    """What would be SQL, or the end of a literal, is looked for as it stands."""
    evil = ["' OR '1'='1", "'; DROP TABLE px_works.item; --", "\\", "{}", '{"a"}', "$1", "%", "NULL", "a\\'b", "))) OR 1=1"]
    made = {text: create("s2", unit="c3", title=f"x{text}"[:40])["id"] for text in evil}
    for text, record in made.items():
        title = f"x{text}"[:40]
        assert found("s2", title=f"eq.{title}") == {record}, text
        assert found("s2", title=f"in.({quoted(title, True)})") == {record}, text
        assert found("s2", **{"or": f"(title.eq.{quoted(title, True)})"}) == {record}, text
    for text in evil:
        assert ask("s2", q=text).status in (200, 400), text
        assert ask("s2", **{text: "eq.x"}).status == 400 and ask("s2", order=text).status == 400, text
        assert ask("s2", parent__title=f"eq.{text}").status in (200, 400), text


# ---- what a record refers to -------------------------------------------------------------------------------------------

def test_units_of_records():
    mark = uuid.uuid4().hex[:8]
    made = {code: create("county", unit=code, title=f"单位{mark}", place="%s" % unit_id("c3"))["id"] for code in ("k", "s1", "c1")}
    title = f"eq.单位{mark}"
    assert found("county", title=title, unit__level="eq.county") == {made["k"]}
    assert found("county", title=title, unit__level="neq.county") == {made["s1"], made["c1"]}
    assert found("county", title=title, unit__level="in.(street,community)") == {made["s1"], made["c1"]}
    assert found("s1", title=title, unit__level="eq.county") == set()
    assert found("county", title=title, unit__code="eq.c1") == {made["c1"]}
    assert found("county", title=title, place__code="eq.c3") == set(made.values())
    assert found("county", title=title, place__level="eq.street") == set()


def unit_id(code):
    return server.psql(f"SELECT id FROM juxin.unit WHERE tenant_id = 1 AND code = '{code}'")[0][0]


def test_a_condition_tells_nothing_of_what_is_not_seen():
    """A record that one sees refers to one that one does not: no condition on that one holds, whatever it asks."""
    secret = create("county", unit="c3", title="密事", quantity=77, kind="repair")
    shown = create("county", unit="c1", title="明事", parent=secret["id"])["id"]
    questions = ["parent.title.eq.密事", "parent.title.neq.别的", "parent.quantity.eq.77", "parent.quantity.neq.78",
                 "parent.quantity.gte.0", "parent.cost.is.null", "parent.kind.is.notnull", "parent.state.eq.open",
                 "parent.number.is.notnull", f"parent.id.eq.{secret['id']}", "parent.created_at.gte.2020-01-01T00:00:00Z"]
    for question in questions:
        for text in (f"({question})", f"({question},title.eq.没有)", f"(and({question},title.eq.明事))"):
            assert shown in found("county", **{"or": text}), question
            assert shown not in found("c1", **{"or": text}), question
            assert shown not in found("c1", **{"and": f"({question})"}), question
    assert found("c1", title="eq.明事") == {shown}
    # Seen by taking part: the one who made it, and a department that it is assigned to.
    own = people["member"].post(R, {"title": "自己的事", "quantity": 78}).json
    child = create("county", unit="c2", title="下级", parent=own["id"])["id"]
    assert found("c2", parent__quantity="eq.78") == set() and found("county", parent__quantity="eq.78") == {child}
    take("county", secret, "assign", {"lead": department(), "days": 5})
    led = create("county", unit="k", title="同部门", parent=secret["id"])
    take("county", led, "assign", {"lead": department(), "days": 5})
    assert found("dept", parent__quantity="eq.77") == {led["id"]}  # and not the one at c1, which dept does not see


def department():
    return server.psql("SELECT id FROM juxin.department WHERE tenant_id = 1 AND code = 'd1'")[0][0]


def test_what_is_deleted_or_switched_off_meets_no_condition():
    gone = create("county", unit="c2", title="将删", quantity=55)
    child = create("county", unit="c1", title="其下", parent=gone["id"])["id"]
    assert found("county", parent__quantity="eq.55") == {child}
    server.ctl("plugin", "policy", "one", "works", "--unit", "c2", "--rule", "off", "--reason", "停用")
    try:
        harness.wait_until(lambda: found("county", parent__quantity="eq.55") == set(), 20, "the plugin is off at c2")
        assert found("county", title="eq.其下") == {child}
    finally:
        rule = server.psql("SELECT id FROM juxin.plugin_policy WHERE plugin = 'works' AND reason = '停用'")[0][0]
        server.ctl("plugin", "policy", "one", "works", "--end", rule)
    harness.wait_until(lambda: found("county", parent__quantity="eq.55") == {child}, 20, "the plugin is on again")
    path = f"{R}/{gone['id']}"
    assert people["county"].delete(path, headers={"If-Match": people["county"].get(path).headers["ETag"]}).status == 204
    assert found("county", parent__quantity="eq.55") == set() and found("county", title="eq.其下") == {child}


# ---- words -------------------------------------------------------------------------------------------------------------

def test_words_and_initials():
    names = ["张三丰", "张珊", "曾国藩", "欧阳修建议", "老旧小区加装电梯", "ＡＢＣ大厦５Ｇ基站", "阿卜杜·拉希德"]
    made = {name: create("c1", title=name)["id"] for name in names}

    def hits(words, who="c1"):
        got = found(who, q=words)
        return {name for name, record in made.items() if record in got}
    expected = {
        "zs": {"张三丰", "张珊"}, "zsf": {"张三丰"}, "ZSF": {"张三丰"}, "张三": {"张三丰"}, "三丰": {"张三丰"},
        "张": {"张三丰", "张珊"}, "cgf": {"曾国藩"}, "zgf": {"曾国藩"}, "oyx": {"欧阳修建议"}, "小区": {"老旧小区加装电梯"},
        "小区 电梯": {"老旧小区加装电梯"}, "小区 zs": set(), "老旧小区加装电梯": {"老旧小区加装电梯"}, "小区电梯": set(),
        "xq dt": {"老旧小区加装电梯"}, "abc": {"ＡＢＣ大厦５Ｇ基站"}, "ABC大厦": {"ＡＢＣ大厦５Ｇ基站"}, "5g基站": {"ＡＢＣ大厦５Ｇ基站"},
        "拉希": {"阿卜杜·拉希德"}, "阿卜杜·拉希德": {"阿卜杜·拉希德"}, "丰": set(), "基站　": {"ＡＢＣ大厦５Ｇ基站"}}
    for words, names in expected.items():
        assert hits(words) == names, (words, hits(words))
    assert hits("zs", "county") == hits("zs", "s1") == {"张三丰", "张珊"}
    assert hits("zs", "c2") == hits("zs", "s2") == set()
    assert found("c1", q="zs", quantity="gt.1") & set(made.values()) == set()
    for words in ("", " ", "！", "、"):
        refused("c1", "words", "q", q=words)


def test_words_follow_the_record():
    record = create("c1", title="会展中心停车")
    path, client = f"{R}/{record['id']}", people["c1"]
    assert record["id"] in found("c1", q="停车") and record["id"] in found("c1", q="hz")
    changed = client.patch(path, {"title": "会展中心绿化"}, headers={"If-Match": '"1"'})
    assert changed.status == 200, changed
    assert record["id"] not in found("c1", q="停车") and record["id"] in found("c1", q="绿化") & found("c1", q="会展")
    assert client.delete(path, headers={"If-Match": changed.headers["ETag"]}).status == 204
    assert record["id"] not in found("c1", q="绿化")
    left = server.psql(f"SELECT token FROM juxin.search WHERE record_id = '{record['id']}'")
    assert left == [], left  # nothing is kept of what was deleted
    refused_one = client.post(R, {"title": "会展中心失败", "code": "zz"})
    assert refused_one.status == 422 and found("c1", q="失败") == set()
    tokens = {t for (t,) in server.psql("SELECT DISTINCT s.token FROM juxin.search s WHERE NOT EXISTS (SELECT FROM"
                                        " px_works.item r WHERE r.id = s.record_id AND r.deleted_at IS NULL)")}
    assert not tokens, tokens


def test_what_was_there_before_is_found_after_a_restart():
    """Records of before the upgrade, or of before a field was searchable, and what was found by other rules."""
    kept = create("c1", title="此前已有的事项")["id"]
    server.psql("INSERT INTO juxin.search SELECT 1, 'works.item', '旧的', id FROM px_works.item;"
                "UPDATE juxin.search_state SET spec = 'other rules';"
                "SET session_replication_role = replica; INSERT INTO px_works.item (tenant_id, id, unit_id, a1, a2, origin_unit_id,"
                " version, state, state_since, created_at, updated_at, title) SELECT u.tenant_id, ('01910000-0000-7000-8000-' ||"
                " lpad(n::text, 12, '0'))::uuid, u.id, u.a1, u.a2, u.id, 1, 'open', now(), now(), now(), '升级之前' || n"
                " FROM juxin.unit u, generate_series(1, 1100) n WHERE u.code = 'c1'")
    assert found("c1", q="旧的") and not found("c1", q="升级之前")
    server.stop()
    server.start()
    harness.wait_until(lambda: ask("c1", q="sjzq", count="exact").json["count"]["value"] == 1100, 60, "the job that builds search")
    harness.wait_until(lambda: server.psql("SELECT count(*) FROM juxin.job WHERE kind = 'search.build' AND state <> 'done'")
                       == [["0"]], 60, "the job's end")
    assert found("c1", q="升级之前1100") and not found("c1", q="旧的") and kept in found("c1", q="此前已有")
    spec = server.psql("SELECT spec FROM juxin.search_state WHERE resource = 'works.item'")[0][0]
    assert "title:text" in spec, spec
    missing = server.psql("SELECT count(*) FROM px_works.item r WHERE deleted_at IS NULL AND NOT EXISTS (SELECT FROM"
                          " juxin.search s WHERE s.record_id = r.id)")
    assert missing == [["0"]], missing
    server.psql("DELETE FROM px_works.item WHERE title LIKE '升级之前%'; DELETE FROM juxin.search WHERE record_id::text LIKE"
                " '01910000%'")


def test_hidden_and_masked_values_are_not_found():
    own = people["member"].post(R, {"title": "匿名事项", "contact_phone": "13911122233"}).json
    take("county", own, "assign", {"lead": department(), "days": 5})
    for login in ("county", "c1", "dept", "member"):
        for words in ("13911122233", "1391", "2233", "91", "member"):
            assert found(login, q=words) == set(), (login, words)
        refused(login, "not_filterable", "contact_phone", contact_phone="eq.13911122233")
        refused(login, "not_filterable", "or", **{"or": "(contact_phone.is.null,cost.gt.1)"})
        refused(login, "not_filterable", "parent.contact_phone", parent__contact_phone="is.null")
        refused(login, "not_sortable", "order", order="contact_phone.asc")
        refused(login, "not_filterable", "created_by", created_by=f"eq.{uuid.uuid4()}")
    assert own["id"] in found("dept", q="匿名") and own["id"] not in found("c2", q="匿名")


# ---- orders and pages --------------------------------------------------------------------------------------------------

def pages(login, order):
    """Every record of the list, page by page; between two pages something new comes in front, in the middle and behind."""
    cursor, ids = {}, []
    while True:
        answer = ask(login, order=order, limit=7, **cursor)
        assert answer.status == 200, answer
        ids += [item["id"] for item in answer.json["items"]]
        if not answer.json["next"]:
            return ids
        cursor = {"cursor": answer.json["next"]}
        n = (0, 3, 900)[len(ids) // 7 % 3]
        if len(ids) < 30:
            create(login, title=f"新来{n}", quantity=n, cost=n, starts="2026-12-03", kind="repair")


def test_a_page_goes_on_behind_a_value_that_is_out_of_form():
    """As after a declaration has become stricter than what is stored: here, a code without its form."""
    old = create("c4", title="旧式编码", code="XZ1")["id"]
    create("c4", title="新式编码", code="XZ2")
    server.psql(f"UPDATE px_works.item SET code = '旧|XZ' WHERE id = '{old}'")
    assert create_refused("c4", title="旧式编码", code="旧|XZ") == ["pattern"]
    for order in ("code.asc", "code.desc"):
        ids, cursor = [], {}
        while cursor is not None:
            answer = ask("c4", order=order, limit=1, **cursor)
            assert answer.status == 200, answer
            ids += [item["id"] for item in answer.json["items"]]
            cursor = {"cursor": answer.json["next"]} if answer.json["next"] else None
        assert old in ids and set(ids) == found("c4") and len(ids) == len(set(ids)), (order, ids)
    server.psql(f"UPDATE px_works.item SET code = 'XZ1' WHERE id = '{old}'")


def test_every_indexed_field_is_an_order():
    """Without a row twice or lost, in the order that was asked for, while rows are added; missing values come last."""
    rng, made = random.Random(7), {}
    for n in range(24):
        more = {"cost": n % 4, "starts": f"2026-12-0{1 + n % 5}", "kind": ["repair", "purchase"][n % 2], "code": f"XU{n}",
                "happened": f"2026-11-0{1 + n % 3}T08:00:00Z", "place": unit_id("c1")}
        record = create("c4", title=f"序{n % 7}", quantity=rng.randrange(5), urgent=bool(n % 2),
                        **{k: v for k, v in more.items() if rng.random() < 0.7})
        made[record["id"]] = record
    for field in ("id", "number", "state", "created_at", "due_at", "title", "code", "quantity", "cost", "urgent", "starts",
                  "happened", "kind", "parent", "owner", "place", "lead"):
        for way in ("asc", "desc"):
            ids = pages("c4", f"{field}.{way}")
            kept = [i for i in ids if i in made]
            assert len(ids) == len(set(ids)) and set(kept) == set(made), (field, way, len(ids), len(kept))
            values = [made[i][field] for i in kept]
            present = [v for v in values if v is not None]
            assert values[len(present):] == [None] * (len(values) - len(present)), (field, way, values)
            if field != "title":  # the order of Chinese text is the database's
                assert present == sorted(present, reverse=way == "desc"), (field, way, present)
            server.psql("DELETE FROM px_works.item WHERE title LIKE '新来%'")
    refused("c4", "not_sortable", "order", order="body.asc")
    refused("c4", "not_sortable", "order", order="contact_phone.desc")


def test_chosen_members():
    """A list with fields= is the list without it, less what was not asked for: masks and hidden submitters as they were,
    whatever they depend on is asked for or not."""
    for named in (True, False):
        own = people["member"].post(R, {"title": "选列", "contact_phone": "13812345678", "named": named}).json
        take("county", own, "assign", {"lead": department(), "days": 5})
    rng = random.Random(3)
    always, with_due = ("id", "version", "hidden"), "due_is_provisional"  # comes with due_at, when it is
    names = [name for name in people["county"].get(f"{R}?limit=1").json["items"][0] if name not in (*always, with_due)]
    for login in ("county", "c1", "dept", "member"):
        whole = ask(login, q="选列").json["items"]
        assert len(whole) == 2, (login, whole)
        for _ in range(40):
            chosen = rng.sample(names, rng.randrange(1, len(names)))
            order = rng.choice(("id.desc", "cost.asc", "title.desc"))
            answer = ask(login, q="选列", fields=",".join(chosen), order=order)
            assert answer.status == 200, answer
            for item in answer.json["items"]:
                full = next(w for w in whole if w["id"] == item["id"])
                want = {k: v for k, v in full.items()
                        if k in (*chosen, "id", "version") or (k == with_due and "due_at" in chosen)}
                hidden = [name for name in full.get("hidden", ()) if name in chosen]
                assert item == (want | {"hidden": hidden} if hidden else want), (login, chosen, item, full)
    assert any("contact_phone" in item.get("hidden", ()) for item in ask("dept", q="选列", fields="contact_phone").json["items"])
    first = ask("county", fields="state", order="title.asc", limit=1).json
    assert ask("county", fields="state", order="title.asc", limit=1, cursor=first["next"]).json["items"] != first["items"]
    assert set(ask("county", fields="id").json["items"][0]) == {"id", "version"}
    for bad in ("colour", "", "title,", "title,,state", "tenant_id", "deleted_at", "a1"):
        refused("county", "unknown_field", "fields", fields=bad)


def test_counts_stop():
    """A count goes no further than 1,000, of words as of everything."""
    server.psql("SET session_replication_role = replica; INSERT INTO px_works.item (tenant_id, id, unit_id, a1, a2, origin_unit_id,"
                " version, state, state_since, created_at, updated_at, title) SELECT u.tenant_id, ('01900000-0000-7000-8000-' ||"
                " lpad(n::text, 12, '0'))::uuid, u.id, u.a1, u.a2, u.id, 1, 'open', now(), now(), now(), '数不尽' FROM juxin.unit u,"
                " generate_series(1, 1200) n WHERE u.code = 'c3'; INSERT INTO juxin.search SELECT 1, 'works.item', '数不', id FROM"
                " px_works.item WHERE title = '数不尽'")
    for query in ({}, {"q": "数不"}, {"title": "eq.数不尽"}):
        assert ask("county", count="capped", limit=1, **query).json["count"] == {"value": 1000, "capped": True}, query
    assert ask("county", count="exact", limit=1, q="数不").json["count"] == {"value": 1200, "capped": False}
    assert ask("c1", count="capped", limit=1, q="数不").json["count"] == {"value": 0, "capped": False}


# ---- saved views -------------------------------------------------------------------------------------------------------

def save(login, name, status=201, **more):
    answer = people[login].post(T + "/views", {"resource": "works.item", "name": name, **more})
    assert answer.status == status, answer
    return answer.json


def views(login):
    answer = people[login].get(T + "/views?resource=works.item")
    assert answer.status == 200, answer
    return {v["name"]: v for v in answer.json["items"]}


def role_id(name):
    return server.psql(f"SELECT id FROM juxin.role WHERE tenant_id = 1 AND name = '{name}'")[0][0]


def test_a_view_is_ones_own_a_roles_or_a_units():
    columns, query = ["number", "title", "unit_name"], "or=(kind.eq.repair,cost.gt.5)&order=cost.desc&q=%E5%B0%8F%E5%8C%BA"
    own = save("c1", "自己的", query=query, columns=columns)["id"]
    save("county", "全体", role=role_id("works_all"))
    save("county", "提出人", role=role_id("works_submitter"))
    save("s1", "一街", unit=unit_id("s1"))
    save("s1", "一街一社区", unit=unit_id("c1"), default=True)
    assert set(views("c1")) == {"自己的", "全体", "一街一社区"}, views("c1")
    assert set(views("s1")) == {"全体", "一街", "一街一社区"} and set(views("s2")) == {"全体"}
    assert set(views("member")) == {"提出人"}  # who reads nothing by a grant has what the role has
    assert set(views("county")) == {"全体", "提出人", "一街", "一街一社区"}
    mine = views("c1")["自己的"]
    assert (mine["query"], mine["columns"], mine["account"] is not None, mine["may_change"]) == (query, columns, True, True), mine
    assert not views("c1")["一街一社区"]["may_change"] and views("s1")["一街一社区"]["default"]
    assert people["c1"].get(f"{R}?{mine['query']}").status == 200
    for login in ("s1", "county", "nobody"):
        answers = [people[login].get(f"{T}/views/{i}") for i in (own, uuid.uuid4())]
        assert answers[0].status == answers[1].status == 404 and answers[0].json["code"] == answers[1].json["code"], answers
    for resource in ("works.item", "works.nothing"):
        assert people["nobody"].get(f"{T}/views?resource={resource}").status == 404


def test_who_may_change_a_view():
    view = save("s1", "社区共用", unit=unit_id("c2"))["id"]
    path, tag = f"{T}/views/{view}", {"If-Match": '"1"'}
    assert people["c2"].get(path).json["name"] == "社区共用"
    assert people["c2"].patch(path, {"name": "改名"}, headers=tag).status == 403
    assert people["c2"].delete(path).status == 403 and people["c1"].delete(path).status == 404
    assert people["s1"].patch(path, {"name": "改名"}).status == 428
    assert people["s1"].patch(path, {"name": "改名", "columns": []}, headers=tag).status == 200
    assert people["s1"].patch(path, {"name": "再改"}, headers=tag).status == 412
    assert people["s1"].delete(path).status == 204 and people["c2"].get(path).status == 404
    save("s1", "全区", 403, role=role_id("works_all"))  # core.view.manage at the root is asked for
    save("s1", "别街", 422, unit=unit_id("c3"))
    save("c1", "本社区", 422, unit=unit_id("c1"))
    first, second = (save("c2", n, default=True)["id"] for n in ("甲", "乙"))
    kept = {n: v["default"] for n, v in views("c2").items() if v["id"] in (first, second)}
    assert kept == {"甲": False, "乙": True}, kept
    save("c2", "乙", 409)


def test_a_view_holds_what_a_list_understands():
    for body, pointer in (({"query": "colour=eq.red"}, "/query"), ({"query": "contact_phone=eq.13800138000"}, "/query"),
                          ({"query": "cursor=x"}, "/query"), ({"query": "%zz"}, "/query"), ({"query": "unit=c3"}, "/query"),
                          ({"query": "unit=nowhere"}, "/query"), ({"query": "title=eq." + "x" * 2000}, "/query"),
                          ({"columns": ["secret"]}, "/columns"), ({"columns": "title"}, "/columns"),
                          ({"columns": ["title,state"]}, "/columns/0"), ({"name": ""}, "/name"), ({"name": "字" * 61}, "/name"),
                          ({"unit": unit_id("s1"), "role": role_id("works_all")}, "/unit"), ({"role": str(uuid.uuid4())}, "/role")):
        answer = people["s1"].post(T + "/views", {"resource": "works.item", "name": "不可", **body})
        assert answer.status == 422 and [e["pointer"] for e in answer.json["errors"]] == [pointer], (body, answer)
    hidden, absent = (people["s1"].post(T + "/views", {"resource": "works.item", "name": "x", "query": f"unit={u}"})
                      for u in ("c3", "nowhere"))
    assert hidden.json["errors"] == absent.json["errors"], (hidden, absent)
    assert people["s1"].post(T + "/views", {"resource": "works.nothing", "name": "x"}).status == 404
    server.psql("INSERT INTO juxin.saved_view (tenant_id, id, resource, name, account_id, created_at, updated_at) SELECT 1,"
                " gen_random_uuid(), 'works.item', 'n' || n, id, now(), now() FROM juxin.account, generate_series(1, 100) n"
                " WHERE login = 's2'")
    save("s2", "第一百零一", 409)


if __name__ == "__main__":
    harness.main()
