#!/usr/bin/env python3
# sent
"""People's own data: what is held about somebody is seen, taken away, corrected and deleted by them, and by nobody else."""
import base64
import hashlib
import io
import json
import os
import threading
import uuid
import zipfile

from lib import files, harness, postgres
from lib.files import attached
from lib.harness import wait_until
from lib.ledger import works_server
from lib.plugins import install

T = "/t/one/api/v1"
P, V = T + "/register/person", T + "/visits/visit"
server = None
people, units = {}, {}


def account(login, *roles, unit="s1"):
    made = server.ctl_json("user", "create", "one", login, "--name", login.upper(), "--generate")
    for role in roles:
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")
    people[login] = sign_in(login, made["password"])
    return people[login]


def sign_in(login, password, tenant="one"):
    client = server.client()
    answer = client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf, client.account, client.password = answer.json["csrf_token"], answer.json["account"], password
    return client


def setup():
    global server
    server = works_server(workers=2, more_plugins=lambda directory: install(directory, "register", "visits"))
    units["s1"] = server.psql("SELECT u.id FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id WHERE u.code = 's1' AND "
                              "t.slug = 'one'")[0][0]
    account("officer", "register_all", "visits_all")
    account("member")
    account("stranger", "register_reader", unit="k")
    account("secretary", "administrator", unit="k")
    account("auditor", "auditor", unit="k")
    agree("member", publish("visits"))
    account("nobody")


def publish(purpose, status=201, login="secretary", **more):
    answer = people[login].post(T + "/notices", {"purpose": purpose, "title_zh": "告知书", "title_en": "Notice", "text_zh":
                                                  f"为{purpose}收集姓名和手机号。", "text_en": f"For {purpose}.", **more})
    assert answer.status == status, answer
    return answer.json.get("id")


def agree(login, notice):
    answer = people[login].post(T + "/me/consents", {"notice": notice})
    assert answer.status == 201, answer
    return f"{T}/me/consents/{answer.json['id']}"


def made(path, **fields):
    answer = people["officer"].post(path, {"unit": units["s1"], **fields})
    assert answer.status == 201, answer
    return f"{path}/{answer.json['id']}"


def person(login="member", **more):
    return made(P, **{"account": people[login].account, "name": "韦小泉", "phone": "13987650021", "post": "经理", **more})


def key(path):
    return path.rsplit("/", 1)[1]


def section(login, name):
    answer = people[login].get(f"{T}/me/data/{name}?limit=200")
    assert answer.status == 200, answer
    return answer.json["items"]


def told(answer, status, code=None):
    assert answer.status == status and (code is None or answer.json["code"] == code), answer
    return answer.json


def refused(answer, pointer, code):
    assert answer.status == 422, answer
    found = [e for e in answer.json["errors"] if e["pointer"] == pointer]
    assert found and found[0]["code"] == code, answer


def bare(answer):
    return answer.status, {k: v for k, v in answer.json.items() if k != "instance"}


def correct(login, path, changes, **more):
    resource = "register.person" if P in path else "visits.visit"
    return people[login].post(T + "/me/corrections", {"resource": resource, "record": key(path), "changes": changes, **more})


def decide(id, login="officer", **more):
    return people[login].post(f"{T}/data-requests/{id}/decide", more)


def test_everything_held_about_oneself():
    path = person()
    visit = made(V, whom=key(path), matter="谈及子女入学")
    other = person("stranger", name="另一人")
    people["officer"].post(path + "/comments", {"body": "已核实。"})
    answer = people["member"].get(T + "/me/data")
    assert answer.status == 200, answer
    found = {s["name"]: s for s in answer.json["sections"]}
    assert {"account", "sessions", "tokens", "departments", "grants", "comments", "files", "views", "exports", "jobs", "requests", "endpoints",
            "invitations", "acts", "register.person", "visits.visit"} <= set(found), found.keys()
    assert "works.item" not in found, "not about persons"
    own = found["register.person"]
    assert [i["id"] for i in own["items"]] == [key(path)] and own["items"][0]["phone"] == "13987650021", "unmasked to oneself"
    fields = {f["name"]: f for f in own["fields"]}
    assert fields["phone"]["purpose"] == "联系本人" and fields["phone"]["retention"] == "P1Y"
    assert [fields[f]["correction"] for f in ("phone", "name", "grade")] == ["direct", "request", "no"], fields
    assert [i["matter"] for i in found["visits.visit"]["items"]] == ["谈及子女入学"]
    assert found["account"]["items"][0]["login"] == "member" and len(found["sessions"]["items"]) == 1
    assert key(other) not in answer.text and "另一人" not in answer.text
    # The person reads such a record where everybody reads records, with all that is beside it; nobody else comes to it this way.
    for what in ("", "/timeline", "/comments", "/history", "/attachments"):
        for record in (path, visit) if what in ("", "/timeline", "/history") else (path,):
            assert people["member"].get(record + what).status == 200, (record, what)
            assert people["nobody"].get(record + what).status == 404, (record, what)
    assert people["member"].get(path).json["phone"] == "13987650021"
    assert people["stranger"].get(path).json["phone"] == "139****0021", "a reader is no person it is about"
    assert "已核实" in people["member"].get(path + "/timeline").text
    assert people["member"].patch(path, {"name": "x"}, headers={"If-Match": '"1"'}).status == 403
    assert told(people["member"].get(T + "/me/data/nothing"), 404)
    assert people["nobody"].get(T + "/me/data/register.person").json["items"] == []


def test_notices_and_consent():
    client = account("consenter")
    path = person("consenter")
    first = publish("visits-x")
    publish("visits-x", 403, "officer")
    for bad in ("", "X", "a b", "a" * 41):
        refused(people["secretary"].post(T + "/notices", {"purpose": bad, **{k: "x" for k in (
            "title_zh", "title_en", "text_zh", "text_en")}}), "/purpose", "pattern")
    notice = told(client.get(f"{T}/notices/{first}"), 200)
    digest = hashlib.sha256(f"visits-x\n1\n{notice['text_zh']}\n{notice['text_en']}\n".encode()).hexdigest()
    assert (notice["version"], notice["sha256"], notice["agreed"]) == (1, digest, False), notice
    # Nothing about somebody who has not agreed; nothing more once they withdrew, in one call.
    current = [n for n in client.get(T + "/notices").json["items"] if n["purpose"] == "visits"][0]
    body = {"unit": units["s1"], "whom": key(path), "matter": "走访"}
    refused(people["officer"].post(V, body), "/whom", "no_consent")
    consent = agree("consenter", current["id"])
    told(client.post(T + "/me/consents", {"notice": current["id"]}), 409, "agreed")
    visit = made(V, whom=key(path), matter="走访")
    assert people["nobody"].delete(consent).status == 404
    assert client.delete(consent).status == 204
    assert client.delete(consent).status == 404
    tag = {"If-Match": people["officer"].get(visit).headers["ETag"]}
    told(people["officer"].patch(visit, {"matter": "再写"}, headers=tag), 409, "consent_withdrawn")
    refused(people["officer"].post(V, body), "/whom", "no_consent")
    told(correct("consenter", visit, {"matter": "不是这样"}), 200)
    # Another version keeps what was agreed to; another purpose ends it, and an old version is agreed to no more.
    again = agree("consenter", current["id"])
    second = publish("visits")
    tag = {"If-Match": people["officer"].get(visit).headers["ETag"]}
    assert people["officer"].patch(visit, {"matter": "第二版"}, headers=tag).status == 200
    told(people["nobody"].post(T + "/me/consents", {"notice": current["id"]}), 409, "outdated")
    third = publish("visits", new_purpose=True)
    agree("member", third)
    ledger = told(client.get(T + "/me/consents"), 200)["items"]
    assert [(c["id"], c["version"], c["ended_why"]) for c in ledger] == [(key(again), 1, "purpose"), (key(consent), 1, "withdrawn")]
    assert [c["sha256"] for c in ledger] == [current["sha256"]] * 2
    assert second != third
    # On paper, by who may record it, with where the paper is.
    told(people["officer"].post(T + "/consents", {"account": client.account, "notice": third, "filed": "档案柜"}), 404)
    refused(people["secretary"].post(T + "/consents", {"account": client.account, "notice": third, "filed": ""}), "/filed", "length")
    told(people["secretary"].post(T + "/consents", {"account": client.account, "notice": third, "filed": "档案柜 3-12"}), 201)
    made(V, whom=key(path), matter="纸质同意后")
    assert [(c["how"], c["filed"]) for c in section("consenter", "consents")][-1] == ("paper", "档案柜 3-12")


def waiting():
    return int(server.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")[0][0])


def test_no_consent_slips_past_the_end_of_its_purpose():
    """Somebody agrees while the next version, for another purpose, is published: whichever is first, no consent to the old stands."""
    client, other = account("agrees"), postgres.Session(server.database)
    notice, answers = publish("slips"), {}
    other.run("BEGIN; INSERT INTO juxin.consent (tenant_id, id, account_id, notice_id, purpose, how, given_at) SELECT tenant_id, "
              f"gen_random_uuid(), '{client.account}', id, purpose, 'online', now() FROM juxin.notice WHERE id = '{notice}'")
    agreeing = threading.Thread(target=lambda: answers.update(given=client.post(T + "/me/consents", {"notice": notice})))
    publishing = threading.Thread(target=lambda: answers.update(published=publish("slips", new_purpose=True)))
    try:
        agreeing.start()
        wait_until(lambda: waiting() == 1, 30, "who agrees to wait for the other's row")
        publishing.start()
        wait_until(lambda: waiting() == 2 or not publishing.is_alive(), 30, "who publishes")
    finally:
        other.run("ROLLBACK")
        agreeing.join(60)
        publishing.join(60)
    assert answers["given"].status == 201 and answers["published"], answers
    assert [(c["notice"], c["ended_why"]) for c in client.get(T + "/me/consents").json["items"]] == [(notice, "purpose")]


def test_held_where_the_plugin_is_off():
    path = person(post="停用前")
    rule = server.ctl_json("plugin", "policy", "one", "register", "--unit", "s1", "--rule", "off", "--reason", "停用")["id"]
    try:
        wait_until(lambda: people["member"].get(path).status == 403, 20, "the plugin to be off")
        assert "停用前" in [i["post"] for i in section("member", "register.person")]
        # Nothing is written there past the plugin; what has to be asked anyway is asked.
        told(correct("member", path, {"phone": "13800000009"}), 403, "plugin_disabled")
        asked = told(correct("member", path, {"post": "停用后"}), 200)
        assert asked["applied"] == [] and asked["request"], asked
        assert people["member"].post(f"{T}/me/requests/{asked['request']}/cancel", {}).status == 204
    finally:
        server.ctl("plugin", "policy", "one", "register", "--end", rule)
    wait_until(lambda: people["member"].get(path).status == 200, 20, "the plugin to be on")


def test_pages():
    account("paged")
    paths = [person("paged", name=f"第{n}条") for n in range(5)]
    found, cursor = [], ""
    while cursor is not None:
        page = people["paged"].get(f"{T}/me/data/register.person?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        found += [i["id"] for i in page["items"]]
        cursor = page["next"]
    assert found == [key(p) for p in paths]
    refused(people["paged"].get(f"{T}/me/data/register.person?cursor=x"), "cursor", "cursor")


def test_corrections():
    path = person()
    done = told(correct("member", path, {"phone": "13800000001", "name": "韦晓泉", "post": "总经理"}, reason="写错了"), 200)
    assert done["applied"] == ["phone"] and done["request"], done
    seen = people["officer"].get(path).json
    assert (seen["name"], seen["post"]) == ("韦小泉", "经理")
    assert people["member"].get(path).json["phone"] == "13800000001"
    history = people["member"].get(path + "/history").json["items"]
    assert history[-1]["action"] == "update" and history[-1]["actor"] == people["member"].account
    asked = told(people["officer"].get(f"{T}/data-requests/{done['request']}"), 200)
    assert (asked["what"], asked["state"], asked["changes"]) == ("correct", "open", {"name": "韦晓泉", "post": "总经理"}), asked
    assert asked["days_left"] == 15 and not asked["is_overdue"] and asked["reason"] == "写错了"
    mine = told(people["member"].get(T + "/me/requests?state=open"), 200)["items"]
    assert done["request"] in [r["id"] for r in mine]
    for login in ("stranger", "nobody"):
        assert people[login].get(f"{T}/data-requests/{done['request']}").status == 404
        assert decide(done["request"], login, accept=True).status == 404
        assert people[login].get(T + "/data-requests").json["items"] == []
    refused(decide(done["request"], accept=False), "/answer", "required")
    decided = told(decide(done["request"], accept=True, answer="已更正"), 200)
    assert decided["state"] == "done" and decided["changes"] is None and decided["fields"] == ["name", "post"], decided
    seen = people["officer"].get(path).json
    assert (seen["name"], seen["post"]) == ("韦晓泉", "总经理")
    told(decide(done["request"], accept=True), 409, "decided")
    # What is masked in the record is masked in what is asked for it.
    masked, decider = told(correct("member", path, {"nickname": "阿泉哥"}), 200)["request"], account("decider", "register_decider")
    for client, said in ((people["member"], "阿泉哥"), (people["officer"], "阿泉哥"), (decider, "阿**")):
        assert told(client.get(f"{T}/data-requests/{masked}"), 200)["changes"] == {"nickname": said}
    assert "阿泉哥" not in decider.get(T + "/data-requests").text
    assert people["member"].post(f"{T}/me/requests/{masked}/cancel", {}).status == 204
    # Nobody decides what they asked for themselves.
    own = told(correct("officer", person("officer"), {"name": "自己改"}), 200)["request"]
    told(decide(own, accept=True), 409, "same_person")
    assert told(decide(own, "decider", accept=False, answer="与证件不符"), 200)["state"] == "refused"
    # Refused, taken back, and what cannot be asked.
    again = told(correct("member", path, {"name": "别的"}), 200)["request"]
    assert told(decide(again, accept=False, answer="与证件不符"), 200)["state"] == "refused"
    assert people["officer"].get(path).json["name"] == "韦晓泉"
    third = told(correct("member", path, {"name": "第三个"}), 200)["request"]
    assert people["nobody"].post(f"{T}/me/requests/{third}/cancel", {}).status == 404
    assert people["member"].post(f"{T}/me/requests/{third}/cancel", {}).status == 204
    told(decide(third, accept=True), 409, "decided")
    refused(correct("member", path, {"grade": 3}), "/changes/grade", "not_correctable")
    refused(correct("member", path, {"phone": "12"}), "/changes/phone", "pattern")
    refused(correct("member", path, {"nme": "x"}), "/changes/nme", "unknown_field")
    refused(correct("member", path, {"name": None}), "/changes/name", "required")
    refused(correct("member", path, {}), "/changes", "required")
    nothing = correct("member", P + "/" + str(uuid.uuid4()), {"name": "x"})
    assert nothing.status == 404 and bare(correct("nobody", path, {"name": "x"})) == bare(nothing)
    assert bare(people["member"].post(T + "/me/corrections", {"resource": "works.item", "record": key(path), "changes":
                                                              {"title": "x"}})) == bare(nothing)


def test_deadlines():
    path = person()
    id = told(correct("member", path, {"name": "期限"}), 200)["request"]
    assert id not in [r["id"] for r in people["officer"].get(T + "/data-requests?overdue=true").json["items"]]
    server.psql(f"UPDATE juxin.own_request SET due_on = '2020-01-02' WHERE id = '{id}'")
    found = [r for r in people["officer"].get(T + "/data-requests?overdue=true").json["items"] if r["id"] == id]
    assert found and found[0]["is_overdue"] and found[0]["days_left"] < 0, found
    told(decide(id, accept=False, answer="不符"), 200)


def exported(login, **more):
    answer = people[login].post(T + "/me/exports", more)
    assert answer.status == 201, answer
    path = f"{T}/me/exports/{answer.json['id']}"
    wait_until(lambda: people[login].get(path).json["state"] in ("done", "failed"), 60, "the export")
    assert people[login].get(path).json["state"] == "done", people[login].get(path)
    return path


def test_taking_it_away():
    path = person(post="=1+1")
    made(V, whom=key(path), matter="走访内容甲")
    json_path = exported("member", format="json", language="en")
    got = people["member"].get(json_path + "/content")
    document = json.loads(got.body)
    sections = {s["name"]: s for s in document["sections"]}
    assert document["account"] == people["member"].account
    assert key(path) in [i["id"] for i in sections["register.person"]["items"]]
    assert "走访内容甲" in [i["matter"] for i in sections["visits.visit"]["items"]]
    assert {s["name"] for s in people["member"].get(T + "/me/data").json["sections"]} == set(sections)
    sheet_path = exported("member")
    book = zipfile.ZipFile(io.BytesIO(people["member"].get(sheet_path + "/content").body))
    text = "".join(book.read(n).decode() for n in book.namelist() if n.endswith(".xml"))
    for word in ("13987650021", "走访内容甲", "联系本人", "P1Y", "member"):
        assert word in text, word
    assert "<f>" not in text and "'=1+1" in text.replace("&apos;", "'"), "no formula"
    for who in ("officer", "nobody"):
        for what in (json_path, json_path + "/content"):
            assert people[who].get(what).status == 404
    assert {i["id"] for i in people["member"].get(T + "/me/exports").json["items"]} >= {key(json_path), key(sheet_path)}
    acts = [a["action"] for a in section("member", "acts")]
    assert "own_data.export" in acts and "own_data.export_download" in acts, acts


def holds(text):
    """Tables in which the text stands."""
    tables = server.psql("SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                         "c.relkind = 'r' AND (n.nspname = 'juxin' OR n.nspname ~ '^px_')")
    return [t for (t,) in server.psql(" UNION ALL ".join(
        f"SELECT '{t}' WHERE EXISTS (SELECT 1 FROM {t} t WHERE t::text LIKE '%{text}%')" for (t,) in tables))]


def test_a_record_deleted_everywhere():
    word = "欧阳" + uuid.uuid4().hex[:8]
    path = person(name=word, post=word)
    people["officer"].post(path + "/comments", {"body": f"{word} 已核实", "mentions": [people["member"].account]})
    attached(people["officer"], path, f"{word}.txt", files.TEXT)
    made_export = people["officer"].post(P + "/exports", {"format": "csv"}).json["id"]
    wait_until(lambda: people["officer"].get(f"{P}/exports/{made_export}").json["state"] == "done", 60, "an export of it")
    assert {"px_register.person", "juxin.history", "juxin.comment", "juxin.attachment"} <= set(holds(word)), holds(word)
    assert server.psql(f"SELECT 1 FROM juxin.search WHERE record_id = '{key(path)}' LIMIT 1")
    asked = people["member"].post(T + "/me/requests", {"resource": "register.person", "record": key(path), "reason": "不再参加"})
    assert asked.status == 201 and asked.json["what"] == "delete" and asked.json["days_left"] == 15, asked
    told(people["member"].post(T + "/me/requests", {"resource": "register.person", "record": key(path)}), 409, "request_open")
    refused(decide(asked.json["id"], accept=True, kept=[{"resource": "register.person", "reason": "x"}]), "/kept", "not_here")
    wanted = told(correct("member", path, {"name": word + "更正"}), 200)["request"]
    done = told(decide(asked.json["id"], accept=True), 200)
    assert done["state"] == "done" and done["erased"] == 1, done
    assert holds(word) == [], holds(word)
    assert told(people["member"].get(f"{T}/data-requests/{wanted}"), 200)["state"] == "cancelled", "nothing to correct any more"
    assert not server.psql(f"SELECT 1 FROM juxin.search WHERE record_id = '{key(path)}' LIMIT 1")
    assert people["officer"].get(f"{P}/exports/{made_export}").status == 404, "a copy on its way out"
    assert not server.psql(f"SELECT 1 FROM juxin.attachment WHERE record_id = '{key(path)}' AND sha256 IS NOT NULL")
    for login in ("officer", "member"):
        assert people[login].get(path).status == 404
    kinds = server.psql(f"SELECT kind, changes IS NULL FROM juxin.history WHERE record_id = '{key(path)}' ORDER BY version, id")
    assert [k for k, _ in kinds][-1] == "erase" and all(e == "t" for _, e in kinds), kinds
    assert server.ctl("audit", "verify", "one").returncode == 0, "the trail is whole"


def test_what_is_sensitive_is_sealed():
    secret = "1101011990" + str(uuid.uuid4().int)[:8]
    path = person(id_number=secret)
    assert holds(secret) == [], "in no table, history included"
    stored = server.psql(f"SELECT id_number FROM px_register.person WHERE id = '{key(path)}'")[0][0]
    assert stored.startswith("$A256GCM$"), stored
    made_export = people["officer"].post(P + "/exports", {"format": "csv"}).json["id"]
    wait_until(lambda: people["officer"].get(f"{P}/exports/{made_export}").json["state"] == "done", 60, "an export of it")
    for where in (path, path + "/history", path + "/timeline", f"{P}?id=eq.{key(path)}", f"{P}/exports/{made_export}/content"):
        answer = people["officer"].get(where)
        assert answer.status == 200 and secret not in answer.text and stored not in answer.text, (where, answer)
        assert "****" in answer.text, where
    for query in ("?id_number=eq.x", "?order=id_number.asc", f"?q={secret}"):
        answer = people["officer"].get(P + query)
        assert answer.status == 400 or (query.startswith("?q") and answer.json["items"] == []), (query, answer)
    # What is shown goes back without harm; what is taken is sealed anew.
    tag = {"If-Match": people["officer"].get(path).headers["ETag"]}
    refused(people["officer"].patch(path, {"id_number": "****"}, headers=tag), "/id_number", "masked")
    refused(people["officer"].patch(path, {"id_number": stored}, headers=tag), "/id_number", "too_long")
    assert people["officer"].patch(path, {"grade": 7}, headers=tag).status == 200
    assert server.psql(f"SELECT id_number FROM px_register.person WHERE id = '{key(path)}'") == [[stored]]
    # One record at a time, with a reason, seen by the person.
    refused(people["officer"].post(path + "/reveal", {"reason": ""}), "/reason", "required")
    refused(people["officer"].post(path + "/reveal", {"reason": "核对", "fields": ["grade"]}), "/fields", "unknown_field")
    refused(people["officer"].post(path + "/reveal", {"reason": "核对", "fields": ["phone", "phone"]}), "/fields", "twice")
    assert people["stranger"].post(path + "/reveal", {"reason": "看看"}).status == 403
    assert people["nobody"].post(path + "/reveal", {"reason": "看看"}).status == 404
    assert section("member", "reveals") == [], "nothing was shown so far"
    shown = told(people["officer"].post(path + "/reveal", {"reason": "核对身份", "fields": ["id_number"]}), 200)
    assert shown["values"] == {"id_number": secret}, shown
    assert set(told(people["officer"].post(path + "/reveal", {"reason": "联系"}), 200)["values"]) == {"phone", "id_number", "nickname"}
    seen = section("member", "reveals")
    assert [(r["fields"], r["reason"], r["actor_name"]) for r in seen] == [
        ("id_number", "核对身份", "OFFICER"), ("phone,id_number,nickname", "联系", "OFFICER")], seen
    assert server.psql(f"SELECT fields FROM juxin.audit WHERE action = 'register.person.reveal' AND object_id = '{key(path)}' "
                       "ORDER BY id") == [["id_number"], ["phone,id_number,nickname"]]
    # The person sees it, corrects it, takes it away.
    own = [i for i in section("member", "register.person") if i["id"] == key(path)][0]
    assert own["id_number"] == secret
    assert told(correct("member", path, {"id_number": secret[:-1] + "X"}), 200)["applied"] == ["id_number"]
    assert secret[:-1] + "X" in people["member"].get(exported("member", format="json") + "/content").text
    # Moved to another record it does not open: nothing is shown, and it says so.
    other = person(id_number="别人的证件号")
    server.psql(f"UPDATE px_register.person SET id_number = '{stored}' WHERE id = '{key(other)}'")
    told(people["officer"].post(other + "/reveal", {"reason": "核对"}), 503, "not_readable")
    server.psql(f"UPDATE px_register.person SET id_number = NULL WHERE id = '{key(other)}'")


def test_kept_no_longer_than_declared():
    word = "闻人" + uuid.uuid4().hex[:8]
    old, fresh = (person(name=word, id_number="1101" + uuid.uuid4().hex[:8]) for _ in range(2))
    tag = {"If-Match": people["officer"].get(old).headers["ETag"]}
    assert people["officer"].patch(old, {"phone": "13700000099"}, headers=tag).status == 200
    server.psql(f"UPDATE px_register.person SET updated_at = now() - interval '2 years' WHERE id = '{key(old)}'")
    before = server.psql("SELECT count(*) FROM px_register.person WHERE phone IS NOT NULL")[0][0]

    def again():
        server.psql("UPDATE juxin.job SET run_at = now() WHERE kind = 'own.retain' AND state = 'waiting'")
        return server.psql(f"SELECT phone IS NULL AND id_number IS NULL FROM px_register.person WHERE id = '{key(old)}'") == [["t"]]

    wait_until(again, 60, "what is over to be erased")
    assert people["officer"].get(old).json["name"] == word, "P3Y is not over"
    assert server.psql("SELECT count(*) FROM px_register.person WHERE phone IS NOT NULL")[0][0] == str(int(before) - 1)
    assert people["member"].get(fresh).json["phone"] == "13987650021"
    assert "13700000099" not in people["member"].get(old + "/history").text and holds("13700000099") == []
    history = people["officer"].get(old + "/history").json["items"]
    assert (history[-1]["action"], history[-1]["actor_kind"]) == ("erase", "system"), history[-1]


def test_deleted_records_are_kept_no_longer_either():
    """One was deleted long ago, one is being deleted while the job comes to it; neither keeps it from the third."""
    gone, going, third = (person(phone="1370000010" + str(n)) for n in range(3))
    tag = {"If-Match": people["officer"].get(gone).headers["ETag"]}
    assert people["officer"].delete(gone, headers=tag).status == 204
    old = "', '".join(key(p) for p in (gone, going, third))
    server.psql(f"UPDATE px_register.person SET updated_at = now() - interval '2 years' WHERE id IN ('{old}')")
    other = postgres.Session(server.database)
    other.run(f"BEGIN; UPDATE px_register.person SET deleted_at = now() WHERE id = '{key(going)}'")
    try:
        server.psql("UPDATE juxin.job SET run_at = now() WHERE kind = 'own.retain' AND state = 'waiting'")
        wait_until(lambda: waiting() >= 1, 60, "the job to come to it")
    finally:
        other.run("COMMIT")
    wait_until(lambda: server.psql(f"SELECT count(phone) FROM px_register.person WHERE id IN ('{old}')") == [["0"]], 60, "all three")
    assert holds("1370000010") == []
    assert people["officer"].get(gone).status == 404 and people["officer"].get(third).status == 200
    kinds = server.psql(f"SELECT kind FROM juxin.history WHERE record_id = '{key(gone)}' ORDER BY version, id")
    assert [k for (k,) in kinds] == ["create", "delete", "erase"], kinds
    assert not server.psql(f"SELECT 1 FROM juxin.search WHERE record_id = '{key(gone)}' LIMIT 1")


def test_who_was_affected():
    clerk = account("clerk", "register_all", "visits_all")
    first, second = person("member"), person("stranger")
    person("nobody")
    for path in (first, second):
        tag = {"If-Match": clerk.get(path).headers["ETag"]}
        assert clerk.patch(path, {"grade": 3}, headers=tag).status == 200
    assert clerk.post(first + "/reveal", {"reason": "x"}).status == 200
    asked = f"{T}/breach/affected?account={clerk.account}&from=2020-01-01T00:00:00Z"
    found = told(people["auditor"].get(asked), 200)
    assert [(p["account"], p["records"], p["shown"]) for p in sorted(found["persons"], key=lambda p: -p["shown"])] == [
        (people["member"].account, 1, 1), (people["stranger"].account, 1, 0)], found
    assert found["complete"] and found["persons"][0]["name"]
    assert told(people["auditor"].get(asked + "&until=2020-01-02T00:00:00Z"), 200)["persons"] == []
    assert people["secretary"].get(asked).status == 403
    assert "breach.affected" in [a["action"] for a in section("auditor", "acts")]


def remove(*paths):
    for path in paths:
        tag = {"If-Match": people["officer"].get(path).headers["ETag"]}
        assert people["officer"].delete(path, headers=tag).status == 204


def test_what_was_deleted_before_goes_with_the_account():
    word = "上官" + uuid.uuid4().hex[:8]
    client = account("gone.before", unit="k")
    agree("gone.before", [n for n in client.get(T + "/notices").json["items"] if n["purpose"] == "visits"][0]["id"])
    path = person("gone.before", name=word)
    remove(made(V, whom=key(path), matter=word), path)
    server.ctl("grant", "add", "one", "--user", "gone.before", "--role", "register_reader", "--unit", "s1", "--reach", "self")
    told(client.post(T + "/views", {"resource": "register.person", "name": word, "query": "order=id.desc"}), 201)
    assert {"px_register.person", "px_visits.visit", "juxin.saved_view"} <= set(holds(word)), holds(word)
    assert client.get(T + "/me/data/register.person").json["items"] == []
    asked = told(client.post(T + "/me/requests", {"reason": "注销"}), 201)
    root = account("root.decider", "register_all", unit="k")
    done = told(root.post(f"{T}/data-requests/{asked['id']}/decide", {"accept": True}), 200)
    assert done["erased"] == 2 and holds(word) == [], (done, holds(word))


def test_who_was_affected_by_the_operator():
    person("member")
    query = f"account={people['officer'].account}&from=2020-01-01T00:00:00Z"
    said = told(people["auditor"].get(f"{T}/breach/affected?{query}"), 200)["persons"]
    found = server.ctl_json("breach", "one", "--account", "officer", "--from", "2020-01-01")
    assert [(p["account"], int(p["records"]), int(p["shown"])) for p in found["persons"]] == [
        (p["account"], p["records"], p["shown"]) for p in said] and found["complete"], (found, said)
    assert server.psql("SELECT actor_kind FROM juxin.audit WHERE action = 'breach.affected' ORDER BY id DESC LIMIT 1") == [["operator"]]
    assert server.ctl_json("breach", "one", "--account", "officer", "--until", "2020-01-01")["persons"] == []
    assert server.ctl("breach", "one", "--account", "nobody.here", check=False).returncode != 0


def rewrite_keys(change):
    """In place: whose file it is stays; then workers of a new generation serve."""
    with open(server.config["keys"]["file"], "r+", encoding="utf-8") as file:
        ring = json.load(file)
        change(ring)
        file.seek(0)
        json.dump(ring, file)
        file.truncate()
    server.ctl("reload")


def test_a_replaced_key_seals_nothing_any_more():
    secret, before = "1101011991" + str(uuid.uuid4().int)[:8], "1101011992" + str(uuid.uuid4().int)[:8]
    path = person(id_number=before)
    tag = {"If-Match": people["officer"].get(path).headers["ETag"]}
    assert people["officer"].patch(path, {"id_number": secret}, headers=tag).status == 200
    seen = people["officer"].get(path)
    with open(server.config["keys"]["file"], encoding="utf-8") as file:
        old = json.load(file)["current"]
    others = server.psql(f"SELECT count(*) FROM px_register.person WHERE id_number LIKE '$A256GCM${old}$%'")[0][0]
    assert int(others) >= 1 and holds(f"$A256GCM${old}$") != []
    kept = {}
    rewrite_keys(lambda ring: (ring["keys"].update(new=base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")),
                               ring.update(current="new")))
    wait_until(lambda: server.psql("SELECT id_number FROM px_register.person WHERE id = '"
                                   f"{key(person(id_number=before))}'")[0][0].startswith("$A256GCM$new$"), 60, "the new key")

    def marked():
        server.psql("UPDATE juxin.job SET run_at = now() WHERE kind = 'own.reseal' AND state = 'waiting'")
        return server.psql("SELECT count(*) FROM juxin.resealed WHERE key_id = 'new'") == [["2"]]

    wait_until(marked, 90, "a look through both districts that found nothing older")
    assert holds(f"$A256GCM${old}$") == [], holds(f"$A256GCM${old}$")
    assert people["officer"].get(path).headers["ETag"] == seen.headers["ETag"], "nobody's version is stale"
    rewrite_keys(lambda ring: kept.update({old: ring["keys"].pop(old)}))
    try:
        shown = wait_until(lambda: (a := people["officer"].post(path + "/reveal", {"reason": "换密钥后"})).status == 200 and a, 60,
                           "the value without the old key")
        assert shown.json["values"]["id_number"] == secret
        changes = server.psql(f"SELECT changes FROM juxin.history WHERE record_id = '{key(path)}' AND version = 2")[0][0]
        assert changes.count("$A256GCM$new$") == 2, changes
        assert "****" in people["officer"].get(path + "/history").text
    finally:
        rewrite_keys(lambda ring: ring["keys"].update(kept))
    assert server.ctl("audit", "verify", "one").returncode == 0


def on_paper(login="secretary", whose="member", **more):
    return people[login].post(T + "/data-requests", {"account": people[whose].account, "filed": "档案柜 7-1", "signed_on": "2026-01-06",
                                                     **more})


def test_a_scan_of_the_paper():
    consent = told(people["secretary"].post(T + "/consents", {"account": people["nobody"].account, "notice": publish("scanned"), "filed":
                                                               "档案柜 9", "signed_on": "2026-01-07"}), 201)["id"]
    path, picture = f"{T}/consents/{consent}/scan", files.png(64, 48, b"scan")
    headers = {"Content-Disposition": files.disposition("同意书.png")}
    assert people["secretary"].get(path).status == 404
    for login in ("officer", "nobody"):
        nothing = people[login].post(f"{T}/consents/{uuid.uuid4()}/scan", picture, headers=headers)
        assert nothing.status == 404 and bare(people[login].post(path, picture, headers=headers)) == bare(nothing)
    told(people["secretary"].post(path, b"just words, no paper", headers=headers), 415, "file_type")
    assert people["secretary"].post(path, picture, headers=headers).status == 204
    told(people["secretary"].post(path, files.png(64, 48, b"another"), headers=headers), 409, "no_scan")
    assert people["secretary"].get(path).body == picture
    mine = [c for c in people["nobody"].get(T + "/me/consents").json["items"] if c["id"] == consent][0]
    assert mine["has_scan"] and people["nobody"].get(f"{T}/me/consents/{consent}/scan").body == picture
    assert people["member"].get(f"{T}/me/consents/{consent}/scan").status == 404 and people["nobody"].get(path).status == 404
    # What has a scan is no content that nobody wants.
    server.psql("UPDATE juxin.file SET wanted_at = now() - interval '2 days'")
    server.psql("UPDATE juxin.job SET run_at = now() - interval '1 second' WHERE kind = 'files.collect' AND state = 'waiting'")
    wait_until(lambda: server.psql("SELECT 1 FROM juxin.job WHERE kind = 'files.collect' AND (state <> 'waiting' OR run_at < now())") == [],
               60, "the collection")
    assert people["secretary"].get(path).body == picture


def test_asked_on_paper():
    path = person(post="旧职务")
    about = {"resource": "register.person", "record": key(path)}
    asked = told(on_paper(**about, changes={"post": "新职务", "phone": "13700000011"}, reason="书面申请"), 201)["id"]
    assert people["officer"].get(path).json["post"] == "旧职务", "nothing is done at once"
    mine = [r for r in section("member", "requests") if r["id"] == asked][0]
    assert (mine["what"], mine["filed"], mine["signed_on"], mine["fields"]) == ("correct", "档案柜 7-1", "2026-01-06", "post,phone"), mine
    assert "own_recorded" in [n["kind"] for n in people["member"].get(T + "/notifications").json["items"]]
    seen = told(people["secretary"].get(f"{T}/data-requests/{asked}"), 200)
    assert (seen["recorded_by"], seen["account"]) == (people["secretary"].account, people["member"].account), seen
    assert server.psql(f"SELECT actor_id FROM juxin.audit WHERE object_id = '{asked}'") == [[people["secretary"].account]]
    told(decide(asked, accept=True), 200)
    assert people["officer"].get(path).json["post"] == "新职务"
    # As for the person: what is no field, not correctable, not theirs; and who may not record, or without a paper.
    refused(on_paper(**about, changes={"grade": 3}), "/changes/grade", "not_correctable")
    refused(on_paper(**about, changes={"phone": "1"}), "/changes/phone", "pattern")
    refused(on_paper(changes={"post": "x"}), "/changes", "required")
    refused(on_paper(**about, filed=""), "/filed", "length")
    refused(on_paper(**about, signed_on="2999-01-01"), "/signed_on", "range")
    told(on_paper(whose="nobody", **about), 404)
    told(on_paper("officer", **about), 403)
    told(on_paper("nobody", **about), 403)
    # The same twice, and the person's own in between.
    told(on_paper(**about), 201)
    told(people["member"].post(T + "/me/requests", about), 409, "request_open")
    gone = [r["id"] for r in people["member"].get(T + "/me/requests?state=open").json["items"] if r["record"] == key(path)]
    told(decide(gone[0], accept=True), 200)
    assert people["officer"].get(path).status == 404


def test_who_decides_is_reminded():
    ids = [told(correct("member", person(), {"name": f"提醒{n}"}), 200)["request"] for n in range(2)]
    server.psql(f"UPDATE juxin.own_request SET due_on = '2020-01-02' WHERE id = '{ids[0]}'")
    server.psql(f"UPDATE juxin.own_request SET due_on = current_date + 1 WHERE id = '{ids[1]}'")

    def kinds(login):
        return [n["kind"] for n in people[login].get(T + "/notifications?limit=200").json["items"] if n["kind"].startswith("own_")]

    def ran():
        server.psql("UPDATE juxin.job SET run_at = now() WHERE kind = 'own.deadlines' AND state = 'waiting'")
        return {"own_overdue", "own_due_soon"} <= set(kinds("officer"))

    wait_until(ran, 60, "the reminders")
    before = sorted(kinds("officer"))
    server.psql("UPDATE juxin.job SET run_at = now() - interval '1 second' WHERE kind = 'own.deadlines' AND state = 'waiting'")
    wait_until(lambda: server.psql("SELECT 1 FROM juxin.job WHERE kind = 'own.deadlines' AND state = 'waiting' AND run_at > now()"), 60,
               "the next turn")
    assert sorted(kinds("officer")) == before, "once each"
    # What is near is told to those nearest, what is over to all who decide there.
    assert "own_overdue" in kinds("secretary") and "own_due_soon" not in kinds("secretary"), kinds("secretary")
    assert kinds("stranger") == [] and kinds("nobody") == []
    text = [n["text"] for n in people["officer"].get(T + "/notifications").json["items"] if n["kind"] == "own_overdue"][0]
    assert "2020-01-02" in str(text), text


def test_closing_an_account():
    word = "司徒" + uuid.uuid4().hex[:8]
    client = account("leaver")
    current = [n for n in client.get(T + "/notices").json["items"] if n["purpose"] == "visits"][0]
    agree("leaver", current["id"])
    paths = [person("leaver", name=word) for _ in range(3)]
    visits = [made(V, whom=key(paths[0]), matter=word) for _ in range(2)]
    remove(person("leaver", name=word), made(V, whom=key(paths[1]), matter=word + "已删"))
    own = client.get(T + "/me/data/account").json["items"][0]
    asked = told(client.post(T + "/me/requests", {"reason": "注销"}), 201)
    assert asked["what"] == "close" and asked["record"] is None, asked
    root = account("root.officer", "register_all", "visits_all", unit="k")
    assert decide(asked["id"], accept=True).status == 404, "an account of no unit is the root's"
    for kept, code in (([{"resource": "works.item", "reason": "x"}], "unknown_resource"), ([{"resource": "visits.visit"}],
                                                                                              "reason")):
        refused(root.post(f"{T}/data-requests/{asked['id']}/decide", {"accept": True, "kept": kept}), "/kept/0", code)
    kept = [{"resource": "visits.visit", "reason": "走访台账依法保存三年"}]
    done = root.post(f"{T}/data-requests/{asked['id']}/decide", {"accept": True, "kept": kept})
    assert done.status == 200, done
    assert done.json["erased"] == 4 and done.json["kept"] == kept, done
    assert set(holds(word)) == {"px_visits.visit", "juxin.history"}, holds(word)
    assert people["officer"].get(visits[0]).status == 200
    assert client.get(T + "/session").status == 401, "signed out"
    assert server.client().post(T + "/session", {"login": "leaver", "password": client.password}).status == 401
    assert server.psql(f"SELECT login ~ '^erased-', display_name, is_active FROM juxin.account WHERE id = '{own['id']}'") == [
        ["t", "已注销", "f"]]


if __name__ == "__main__":
    harness.main()
