#!/usr/bin/env python3
# sent
"""What a district says in its own words: labels, dictionaries, fields of its own; and what nobody may record. Two districts, so
that the words of the one are not the other's; two workers, so that what one was told the other knows."""
import json
import os
import shutil
import uuid

from lib import harness, sheets
from lib.people import make_people
from lib.server import ROOT, Server

UNITS = [("k", "county", None), ("s1", "street", "k")]
FIRM, MEMBER = "roster/firm", "roster/member"
server = None
people = {}


def setup():
    global server
    server = Server(config={}, database=False, workers=2)
    plugins = os.path.join(server.directory, "plugins")
    shutil.copytree(ROOT / "tests/fixtures/custom", plugins)
    server.config["plugins"]["directory"] = plugins
    server.write_config()
    server.make_database()
    for slug in ("one", "two"):
        server.ctl("tenant", "create", slug, "--name", slug)
        tree = os.path.join(server.directory, slug + ".json")
        with open(tree, "w", encoding="utf-8") as out:
            json.dump({"units": [{"code": c, "name": c.upper(), "level": l, "parent": p} for c, l, p in UNITS]}, out)
        server.ctl("unit", "import", slug, tree)
    people.update(make_people(server, "one", "admin", "second", "officer", "reader", "member", "nobody"))
    people["other"] = make_people(server, "two", "boss")["boss"]
    for login, role in (("admin", "administrator"), ("second", "administrator"), ("officer", "roster_officer"),
                        ("admin", "roster_officer"), ("reader", "roster_reader"), ("member", "roster_member")):
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", "k", "--reach", "subtree")
    for role in ("administrator", "roster_officer"):
        server.ctl("grant", "add", "two", "--user", "boss", "--role", role, "--unit", "k", "--reach", "subtree")
    server.ctl("dictionary", "import", str(ROOT / "schemas/dictionaries/gbt4754-2017.json"))
    server.start()


def mark():
    return uuid.uuid4().hex[:8]


def problem(answer, status, code, pointer=None):
    assert answer.status == status, answer
    if pointer is None:
        assert answer.json["code"] == code, answer
    else:
        assert code in [e["code"] for e in answer.json["errors"] if e["pointer"] == pointer], answer
    return answer.json


def made(answer):
    assert answer.status == 201, answer
    return answer.json["id"]


def good(answer):
    assert answer.status in (200, 204), answer
    return answer.json if answer.body else None


def field(name=None, **more):
    return dict({"resource": "roster.firm", "name": name or "x_" + mark(), "type": "text", "label": {"zh-CN": "自定义", "en": "Own"}}, **more)


def meta(resource="firm", login="officer"):
    answer = good(people[login].get("meta"))
    found = [r for p in answer["plugins"] for r in p["resources"] if r["name"] == resource][0]
    return dict(found, fields={f["name"]: f for f in found["fields"]})


def firm(login="officer", **fields):
    return made(people[login].post(FIRM, dict({"title": "企业 " + mark(), "unit": "s1"}, **fields)))


def read(record, resource=FIRM, login="officer"):
    return good(people[login].get(f"{resource}/{record}"))


def change(record, resource=FIRM, login="officer", **fields):
    version = read(record, resource)["version"]
    return people[login].patch(f"{resource}/{record}", fields, headers={"If-Match": f'"{version}"'})


def act(login, name, word, version):
    return people[login].post(f"fields/{name}/{word}", headers={"If-Match": f'"{version}"'})


# ---- what nobody may record ------------------------------------------------------------------------------------------

def test_refused_subjects_are_refused_everywhere():
    admin = people["admin"]
    for more, where in (({"name": "x_religion"}, "/name"), ({"label": {"zh-CN": "民 族", "en": "Group"}}, "/label"),
                        ({"label": {"zh-CN": "备注", "en": "Political views"}}, "/label")):
        problem(admin.post("fields", field(**more)), 422, "refused_subject", where)
    person = {"resource": "roster.member", "purpose": "评选推荐使用", "retention": "P1Y"}
    problem(admin.post("fields", field(**person, label={"zh-CN": "积分", "en": "Points"})), 422, "refused_subject", "/label")
    problem(admin.request("PUT", "labels", {"resource": "roster.member", "place": "/fields/name", "label": {"zh-CN": "思想动态", "en": "x"}}),
            422, "refused_subject", "/label")
    problem(admin.post("dictionaries", {"name": "x_" + mark(), "label": {"zh-CN": "宗教信仰", "en": "x"}}), 422, "refused_subject",
            "/label")
    name = "x_" + mark()
    good(admin.post("dictionaries", {"name": name, "label": {"zh-CN": "群组", "en": "Groups"}}))
    problem(admin.request("PUT", f"dictionaries/{name}/entries", {"entries": [{"code": "1", "label": {"zh-CN": "汉族", "en": "Han"}}]}),
            422, "refused_subject", "/entries/0/label")
    # Of a table that somebody brings in, mapped or not: nothing of it is kept.
    for header, refused in (("民族", True), ("配偶宗教信仰", True), ("年收入（元）", True), ("评分", False), ("意见建议", False)):
        answer = sheets.send(people["officer"], people["officer"].base + FIRM, "a.csv",
                             sheets.write_csv([["机构代码", "名称", header], ["s1", "甲", "x"]]))
        if refused:
            assert header in problem(answer, 422, "refused_subject")["detail"] or "header" in str(answer.json)
        else:
            assert answer.status == 201, answer
    problem(sheets.send(people["officer"], people["officer"].base + MEMBER, "a.csv", sheets.write_csv([["姓名", "评分"], ["甲", "1"]])),
            422, "refused_subject")


# ---- labels ----------------------------------------------------------------------------------------------------------

def test_labels_are_the_districts_own():
    admin, before = people["admin"], firm(kind="foreign")
    said = {"": "市场主体", "/fields/kind": "经济成分", "/fields/kind/values/foreign": "外商投资", "/states/open": "存续",
            "/transitions/close": "办理注销"}
    version = read(before)["version"]
    try:
        for place, label in said.items():
            good(admin.request("PUT", "labels", {"resource": "roster.firm", "place": place, "label": {"zh-CN": label, "en": "E " + label}}))
        now = meta()
        assert now["label"]["zh-CN"] == "市场主体" and now["fields"]["kind"]["label"] == {"zh-CN": "经济成分", "en": "E 经济成分"}, now
        assert [v["label"]["zh-CN"] for v in now["fields"]["kind"]["values"]] == ["民营企业", "外商投资"]
        assert now["states"][0]["label"]["zh-CN"] == "存续" and now["transitions"][0]["label"]["zh-CN"] == "办理注销"
        assert meta(login="other")["label"]["zh-CN"] == "企业", "the other district's"
        assert read(before)["version"] == version, "renaming touches no record"
        listed = {i["place"]: i for i in good(people["reader"].get("labels?resource=roster.firm"))["items"]}
        assert listed["/states/open"]["label"]["zh-CN"] == "存续" and listed["/states/open"]["declared"]["zh-CN"] == "在册", listed
        titles = sheets.read_csv(people["officer"].get(FIRM + "/imports/template?format=csv").body)[0]
        assert "经济成分" in titles and "类型" not in titles, titles
        assert good(people["officer"].get("openapi.json"))["components"]["schemas"]["roster.firm"]["description"] == "市场主体"
        assert good(people["other"].get("openapi.json"))["components"]["schemas"]["roster.firm"]["description"] == "企业"
        assert export(FIRM, f"id=eq.{before}", "kind,state")[1] == ["外商投资", "存续"]
        counted = good(people["officer"].get(FIRM + "/statistics?group=kind"))
        assert "外商投资" in json.dumps(counted, ensure_ascii=False), counted
    finally:
        for place in said:
            good(admin.request("PUT", "labels", {"resource": "roster.firm", "place": place, "label": None}))
    assert meta()["label"]["zh-CN"] == "企业"
    problem(admin.request("PUT", "labels", {"resource": "roster.firm", "place": "/fields/none", "label": None}), 422, "unknown", "/place")
    problem(admin.request("PUT", "labels", {"resource": "roster.none", "place": "", "label": None}), 422, "unknown", "/resource")
    problem(admin.request("PUT", "labels", {"resource": "roster.firm", "place": "/fields/kind"}), 422, "required", "/label")
    problem(people["officer"].request("PUT", "labels", {"resource": "roster.firm", "place": "", "label": None}), 403, "forbidden")
    problem(people["nobody"].get("labels?resource=roster.firm"), 404, "not_found")
    assert server.psql("SELECT count(*) FROM juxin.audit WHERE action = 'label.set' AND fields = '/fields/kind'") == [["1"]]


def export(resource, query, fields, login="officer"):
    base = people[login].base + resource
    done = sheets.export(people[login], base, "?" + query, format="csv", fields=fields.split(","))
    return sheets.read_csv(sheets.content(people[login], base, done).body)


# ---- dictionaries ----------------------------------------------------------------------------------------------------

def test_industries_are_those_of_the_standard():
    found = good(people["reader"].get("dictionaries/gbt4754"))
    codes = {e["code"]: e for e in found["entries"]}
    assert found["source"].startswith("GB/T 4754-2017") and not found["own"] and len(codes) == 117, found["count"]
    assert [c for c in codes if c.isalpha()] == list("ABCDEFGHIJKLMNOPQRST")
    assert codes["65"]["parent"] == "I" and codes["65"]["label"]["zh-CN"] == "软件和信息技术服务业", codes["65"]
    values = meta()["fields"]["industry"]
    assert values["dictionary"] == "gbt4754" and len(values["values"]) == 117
    record = firm(industry="65")
    listed = good(people["officer"].get(f"{FIRM}?industry=eq.65&fields=industry"))["items"]
    assert record in [i["id"] for i in listed] and {i["industry"] for i in listed} == {"65"}
    problem(people["officer"].post(FIRM, {"title": "x", "unit": "s1", "industry": "999"}), 422, "not_one_of", "/industry")
    assert export(FIRM, f"id=eq.{record}", "industry") == [["行业"], ["软件和信息技术服务业"]]


def test_a_code_that_is_out_of_use_stays_where_it_is():
    """As the deployment has it: a new edition of the file without the code."""
    path = os.path.join(server.directory, "trades.json")
    entry = {"a": {"code": "a", "label": {"zh-CN": "甲类", "en": "A"}}, "b": {"code": "b", "label": {"zh-CN": "乙类", "en": "B"}}}

    def bring(*codes):
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"dictionary": "trades", "label": {"zh-CN": "行当", "en": "Trades"}, "entries": [entry[c] for c in codes]}, out)
        assert server.ctl_json("dictionary", "import", path) == {"dictionary": "trades", "entries": len(codes)}

    bring("a", "b")
    name = own_field(type="enum", dictionary="trades", filterable=True)
    old = firm(**{name: "a"})
    bring("b")
    problem(people["officer"].post(FIRM, {"title": "x", "unit": "s1", name: "a"}), 422, "not_current", f"/{name}")
    assert read(old)[name] == "a" and good(change(old, title="改名")) and read(old)[name] == "a"
    assert old in [i["id"] for i in good(people["officer"].get(f"{FIRM}?{name}=eq.a"))["items"]]
    assert export(FIRM, f"id=eq.{old}", name)[1] == ["甲类"]
    values = {v["value"]: v["current"] for v in meta()["fields"][name]["values"]}
    assert values == {"a": False, "b": True}, values
    good(change(old, **{name: "b"}))
    problem(change(old, **{name: "a"}), 422, "not_current", f"/{name}")
    for bad in ({"entries": []}, {"dictionary": "x_own", "entries": [entry["a"]]}, {"entries": [entry["a"], entry["a"]]},
                {"entries": [dict(entry["a"], parent="zz")]}, {"entries": [dict(entry["a"], valid_until="soon")]}):
        with open(path, "w", encoding="utf-8") as out:
            json.dump(dict({"dictionary": "trades", "label": {"zh-CN": "行当", "en": "Trades"}}, **bad), out)
        assert server.ctl("dictionary", "import", path, check=False).returncode != 0, bad


def test_a_districts_own_words_in_a_dictionary():
    admin, old = people["admin"], firm(industry="70")
    version = read(old)["version"]
    good(admin.request("PUT", "dictionaries/gbt4754/entries", {"entries": [
        {"code": "70", "label": {"zh-CN": "房产开发与经营", "en": "Property"}},
        {"code": "I-9", "label": {"zh-CN": "直播电商", "en": "Live commerce"}, "parent": "I"},
        {"code": "06", "label": {"zh-CN": "煤炭开采和洗选业", "en": "Coal"}, "valid_until": "2020-12-31"}]}))
    values = {v["value"]: v for v in meta()["fields"]["industry"]["values"]}
    assert values["70"]["label"]["zh-CN"] == "房产开发与经营" and values["I-9"]["parent"] == "I" and not values["06"]["current"]
    assert {v["value"] for v in meta(login="other")["fields"]["industry"]["values"]} & {"I-9"} == set()
    assert read(old)["version"] == version and export(FIRM, f"id=eq.{old}", "industry")[1] == ["房产开发与经营"]
    firm(industry="I-9")
    problem(people["officer"].post(FIRM, {"title": "x", "unit": "s1", "industry": "06"}), 422, "not_current", "/industry")
    assert people["other"].post(FIRM, {"title": "x", "unit": "s1", "industry": "06"}).status == 201
    name = "x_" + mark()
    good(admin.post("dictionaries", {"name": name, "label": {"zh-CN": "专题", "en": "Topics"}}))
    problem(admin.post("dictionaries", {"name": name, "label": {"zh-CN": "专题", "en": "Topics"}}), 409, "conflict")
    good(admin.patch(f"dictionaries/{name}", {"label": {"zh-CN": "年度专题", "en": "Topics"}}))
    assert good(people["reader"].get(f"dictionaries/{name}"))["label"]["zh-CN"] == "年度专题"
    problem(people["other"].get(f"dictionaries/{name}"), 404, "not_found")
    problem(people["officer"].post("dictionaries", {"name": "x_no", "label": {"zh-CN": "x", "en": "x"}}), 403, "forbidden")
    for entry, where, code in (({"code": "a b", "label": {"zh-CN": "x", "en": "x"}}, "code", "code"),
                               ({"code": "a", "label": {"zh-CN": "x"}}, "label", "label"),
                               ({"code": "a", "label": {"zh-CN": "x", "en": "x"}, "parent": "none"}, "parent", "unknown")):
        problem(admin.request("PUT", f"dictionaries/{name}/entries", {"entries": [entry]}), 422, code, f"/entries/0/{where}")
    backwards = {"code": "a", "label": {"zh-CN": "x", "en": "x"}, "valid_from": "2026-02-01", "valid_until": "2026-01-31"}
    problem(admin.request("PUT", f"dictionaries/{name}/entries", {"entries": [backwards]}), 422, "range", "/entries/0/valid_until")


def test_a_full_dictionary_can_still_be_put_in_other_words():
    admin, name = people["admin"], "x_" + mark()
    good(admin.post("dictionaries", {"name": name, "label": {"zh-CN": "专题", "en": "Topics"}}))

    def put(first, count, word="x"):
        entries = [{"code": str(i), "label": {"zh-CN": word, "en": word}} for i in range(first, first + count)]
        return admin.request("PUT", f"dictionaries/{name}/entries", {"entries": entries})

    for first in range(0, 2000, 500):
        good(put(first, 500))
    good(put(1990, 10, "y"))
    assert [e["label"]["en"] for e in good(admin.get(f"dictionaries/{name}"))["entries"] if int(e["code"]) > 1988] == ["x"] + ["y"] * 10
    problem(put(1999, 2), 422, "range", "/entries")


# ---- fields ----------------------------------------------------------------------------------------------------------

def own_field(**more):
    body = field(**more)
    made(people["admin"].post("fields", body))
    return body["name"]


def test_a_field_of_ones_own_is_one_like_others():
    names = {t: own_field(type=t, filterable=t != "longtext", label={"zh-CN": "自定义" + t, "en": t})
             for t in ("text", "longtext", "integer", "money", "boolean", "date")}
    values = {"text": "甲 \"乙\\", "longtext": "长" * 3000, "integer": -7, "money": 1234567, "boolean": True, "date": "2026-12-05"}
    record = firm(**{names[t]: v for t, v in values.items()})
    other = firm()
    seen = read(record)
    assert {t: seen[names[t]] for t in names} == values, seen
    assert all(read(other)[names[t]] is None for t in names)
    fields = meta()["fields"]
    assert fields[names["date"]]["custom"] and fields[names["date"]]["filterable"] and not fields[names["date"]].get("sortable")
    assert not set(names.values()) & set(meta(login="other")["fields"])
    problem(people["other"].post(FIRM, {"title": "x", "unit": "s1", names["text"]: "x"}), 422, "unknown_field", "/" + names["text"])
    shape = good(people["officer"].get("openapi.json"))["components"]["schemas"]["roster.firm-create"]["properties"]
    assert shape[names["date"]]["format"] == "date", shape[names["date"]]
    # Changed, emptied, with its history.
    good(change(record, **{names["integer"]: 8, names["text"]: None}))
    seen = read(record)
    assert seen[names["integer"]] == 8 and seen[names["text"]] is None and seen[names["money"]] == 1234567, seen
    told = good(people["officer"].get(f"{FIRM}/{record}/history"))["items"]
    assert told[-1]["changes"] == {names["text"]: {"old": values["text"], "new": None}, names["integer"]: {"old": -7, "new": 8}}
    assert good(people["officer"].get(f"{FIRM}/{record}"))["version"] == 2
    same = change(record, **{names["integer"]: 8})
    assert same.status == 200 and same.json["version"] == 2, "nothing changed"
    # Lists: chosen, filtered.
    for query, hit in ((f"{names['integer']}=eq.8", True), (f"{names['integer']}=gt.8", False), (f"{names['integer']}=in.(1,8)", True),
                       (f"{names['money']}=gte.1234567", True), (f"{names['boolean']}=eq.true", True),
                       (f"{names['date']}=lt.2027-01-01", True), (f"{names['date']}=neq.2026-12-05", False),
                       (f"{names['text']}=is.null", True), (f"{names['date']}=is.null", False), (f"{names['date']}=is.notnull", True),
                       (f"or=({names['integer']}.eq.1,and({names['boolean']}.eq.true,kind.eq.private))", True)):
        found = good(people["officer"].get(f"{FIRM}?id=eq.{record}&count=exact&fields=title,{names['money']}&{query}"))
        assert [i["id"] for i in found["items"]] == ([record] if hit else []), (query, found)
        assert not hit or found["items"][0].keys() == {"id", "version", "title", names["money"]}, found
        assert found["count"]["value"] == hit
    problem(people["officer"].get(f"{FIRM}?{names['integer']}=eq.x"), 400, "invalid_query")
    problem(people["officer"].get(f"{FIRM}?{names['longtext']}=eq.x"), 400, "invalid_query")
    problem(people["officer"].get(f"{FIRM}?order={names['date']}"), 400, "invalid_query")
    problem(people["officer"].get(f"{FIRM}/statistics?group={names['boolean']}"), 400, "invalid_query")
    # Bad values, each at its place.
    for t, bad, code in (("text", "x" * 201, "too_long"), ("integer", "8", "type"), ("date", "2026-13-01", "type"), ("boolean", 1, "type")):
        problem(change(record, **{names[t]: bad}), 422, code, "/" + names[t])
    # A transition leaves them, and does not set them.
    version = read(record)["version"]
    path = f"{FIRM}/{record}/transitions/close"
    problem(people["officer"].post(path, {"note_on_close": "x", names["integer"]: 1}, headers={"If-Match": f'"{version}"'}), 422,
            "not_settable", "/" + names["integer"])
    good(people["officer"].post(path, {"note_on_close": "x"}, headers={"If-Match": f'"{version}"'}))
    assert read(record)[names["integer"]] == 8
    for name in names.values():
        retire(name)


def row_of(name):
    return [f for f in good(people["admin"].get("fields?resource=roster.firm"))["items"] if f["name"] == name][0]


def retire(name):
    row = row_of(name)
    good(act("admin", row["id"], "retire", row["version"]))


def test_own_fields_go_through_tables():
    name = own_field(type="enum", dictionary="gbt4754", label={"zh-CN": "次要行业" + mark(), "en": "Second " + mark()})
    number = own_field(type="integer", label={"zh-CN": "技术人员数", "en": "Technicians " + mark()}, min=0, max=5000)
    zh = meta()["fields"][name]["label"]["zh-CN"]
    titles = sheets.read_csv(people["officer"].get(FIRM + "/imports/template?format=csv").body)[0]
    assert zh in titles and "技术人员数" in titles, titles
    m = mark()
    rows = [["机构代码", "名称", zh, "技术人员数"], ["s1", m + " 甲", "软件和信息技术服务业", "120"], ["s1", m + " 乙", "没有的", "1"],
            ["s1", m + " 丙", "", "9999"]]
    client, base = people["officer"], people["officer"].base + FIRM
    sent = sheets.sent(client, base, "企业.csv", sheets.write_csv(rows))
    checked = sheets.do(client, base, sent, "check")
    assert (checked["good"], checked["bad"]) == (1, 2), checked
    sheets.do(client, base, sent, "run")
    found = good(people["officer"].get(f"{FIRM}?{'title=eq.' + m + '%20%E7%94%B2'}"))["items"]
    assert [(i[name], i[number]) for i in found] == [("65", 120)], found
    assert export(FIRM, f"id=eq.{found[0]['id']}", f"title,{name},{number}") == [
        ["名称", zh, "技术人员数"], [m + " 甲", "软件和信息技术服务业", "120"]]
    retire(name)
    retire(number)


def test_a_retired_field_keeps_what_it_holds():
    name = own_field(filterable=True)
    record, empty = firm(**{name: "值"}), firm()
    retire(name)
    assert read(record)[name] == "值" and name not in read(empty)
    problem(change(record, **{name: "新"}), 422, "not_settable", "/" + name)
    good(change(record, title="改"))
    assert read(record)[name] == "值"
    assert record in [i["id"] for i in good(people["officer"].get(f"{FIRM}?{name}=eq.%E5%80%BC"))["items"]]
    assert meta()["fields"][name]["retired"]
    problem(people["admin"].post("fields", field(name)), 409, "conflict")
    row = row_of(name)
    good(act("admin", row["id"], "restore", row["version"]))
    good(change(record, **{name: "新"}))
    assert read(record)[name] == "新"
    assert server.psql(f"SELECT action FROM juxin.audit WHERE object_id = '{row['id']}' ORDER BY at") == [
        ["field.create"], ["field.retire"], ["field.restore"]]
    retire(name)


def test_a_field_about_a_person_takes_two():
    admin, second = people["admin"], people["second"]
    body = field(resource="roster.member", label={"zh-CN": "专业特长", "en": "Skill"}, mask="all")
    problem(admin.post("fields", body), 422, "required", "/purpose")
    problem(admin.post("fields", dict(body, purpose="安排志愿服务")), 422, "required", "/retention")
    body.update(purpose="安排志愿服务", retention="P2Y")
    problem(admin.post("fields", dict(body, about_person=False)), 422, "about_person", "/about_person")
    problem(admin.post("fields", dict(body, required=True)), 422, "not_here", "/required")
    # Where departments are not told who sent it, they do not find out by a filter either.
    tip = dict(body, resource="roster.tip", about_person=True, filterable=True, mask="none")
    problem(admin.post("fields", tip), 422, "not_here", "/filterable")
    made(admin.post("fields", dict(tip, about_person=False)))
    one, name = made(admin.post("fields", body)), body["name"]
    assert name not in meta("member")["fields"], "not before it is approved"
    problem(act("admin", one, "approve", 1), 409, "same_person")
    problem(act("officer", one, "approve", 1), 404, "not_found")
    problem(act("second", one, "approve", 7), 412, "stale")
    good(act("second", one, "approve", 1))
    said = meta("member")["fields"][name]
    assert (said["purpose"], said["retention"], said["mask"], said["personal"]) == ("安排志愿服务", "P2Y", "all", True), said
    # The person sees it, though it is masked for others.
    record = made(people["member"].post(MEMBER, {"name": "张三", "unit": "s1", name: "书法"}))
    assert read(record, MEMBER, "member")[name] == "书法" and read(record, MEMBER, "reader")[name] == "****"
    # A change of it waits for another person too.
    assert good(admin.patch(f"fields/{one}", {"purpose": "安排志愿服务和培训"}, headers={"If-Match": '"2"'}))["version"] == 3
    assert meta("member")["fields"][name]["purpose"] == "安排志愿服务"
    problem(act("admin", one, "approve", 3), 409, "same_person")
    good(act("second", one, "approve", 3))
    assert meta("member")["fields"][name]["purpose"] == "安排志愿服务和培训"
    problem(act("second", one, "approve", 4), 409, "state")
    good(second.patch(f"fields/{one}", {"label": {"zh-CN": "特长", "en": "Skill"}}, headers={"If-Match": '"4"'}))
    good(act("second", one, "refuse", 5))
    row = good(admin.get(f"fields/{one}"))
    assert (row["label"]["zh-CN"], row["change"], row["state"]) == ("专业特长", None, "active"), row
    problem(admin.patch(f"fields/{one}", {"label": {"zh-CN": "收入", "en": "x"}}, headers={"If-Match": '"6"'}), 422, "refused_subject",
            "/label")
    # Refused, it can be asked for anew; of what is not about a person nobody else is asked.
    again = dict(body, name="x_" + mark())
    two = made(admin.post("fields", again))
    good(act("second", two, "refuse", 1))
    made(admin.post("fields", again))
    wrong = server.psql("SELECT count(*) FROM juxin.custom_field WHERE is_about_person AND state = 'active' AND approved_by = asked_by")
    assert wrong == [["0"]]


def test_who_may_and_how_many():
    problem(people["officer"].post("fields", field()), 403, "forbidden")
    problem(people["officer"].get("fields"), 403, "forbidden")
    problem(people["other"].get("fields/" + row_of(own_field())["id"]), 404, "not_found")
    for more, where, code in (({"name": "own"}, "/name", "name"), ({"type": "json"}, "/type", "not_one_of"),
                              ({"type": "enum"}, "/dictionary", "required"), ({"type": "enum", "dictionary": "none"}, "/dictionary", "unknown"),
                              ({"dictionary": "gbt4754"}, "/dictionary", "not_here"), ({"min": 1}, "/min", "not_here"),
                              ({"max_length": 501}, "/max_length", "range"), ({"mask": "all", "filterable": True}, "/filterable", "not_here"),
                              ({"resource": "roster.none"}, "/resource", "unknown"), ({"label": {"zh-CN": "", "en": "x"}}, "/label", "label"),
                              ({"required": 1}, "/required", "type")):
        problem(people["admin"].post("fields", field(**more)), 422, code, where)
    count = len([f for f in good(people["other"].get("fields"))["items"]])
    assert count == 0
    for _ in range(20):
        made(people["other"].post("fields", field()))
    problem(people["other"].post("fields", field()), 409, "too_many")
    record = made(people["other"].post(FIRM, {"title": "满", "unit": "s1"}))
    assert good(people["other"].get(f"{FIRM}/{record}"))["title"] == "满"


def test_required_of_new_records_only():
    old = firm()
    name = own_field(required=True)
    try:
        problem(people["officer"].post(FIRM, {"title": "x", "unit": "s1"}), 422, "required", "/" + name)
        good(change(old, title="仍可改"))
        good(change(old, **{name: "有"}))
        problem(change(old, **{name: None}), 422, "required", "/" + name)
    finally:
        retire(name)
    firm()


if __name__ == "__main__":
    harness.main()
