#!/usr/bin/env python3
# long
"""Imports: what is understood, what is refused and why, that no row is done twice, and that it can be taken back."""
import io
import json
import os
import signal
import socket
import uuid
import zipfile

from lib import files, harness, sheets
from lib.harness import wait_until
from lib.ledger import works_server

T = "/t/one/api/v1"
R = T + "/works/item"
server = None
people = {}


def sign_in(login, password):
    client = server.client()
    answer = client.post(T + "/session", {"login": login, "password": password})
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
    people["street"] = person("street", ["works_all"])
    people["reader"] = person("reader", ["works_reader"])


def problem(answer, status, code):
    assert answer.status == status and answer.json["code"] == code, answer
    assert answer.json.get("detail"), answer
    return answer.json


def count(where):
    return int(server.psql(f"SELECT count(*) FROM px_works.item WHERE deleted_at IS NULL AND {where}")[0][0])


def workers():
    told = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    gone = {e["worker_pid"] for e in told if e.get("event") in ("worker.died", "worker.ended")}
    return [e["worker_pid"] for e in told if e.get("event") == "worker.ready" and e["worker_pid"] not in gone]


def mark():
    return uuid.uuid4().hex[:8]


def letters():
    return "".join(chr(65 + int(c, 16) % 26) for c in uuid.uuid4().hex[:2])


def test_a_template_goes_round():
    client, m = people["writer"], mark()
    answer = client.get(R + "/imports/template")
    assert answer.status == 200 and "%E5%AF%BC%E5%85%A5" in answer.headers["Content-Disposition"], answer
    titles = sheets.read_xlsx(answer.body)[0]
    assert titles[0] == "机构代码" and {"标题", "编码", "数量", "费用", "开始日期", "类别", "联系电话"} <= set(titles), titles
    assert not {"主办部门", "工作日"} & set(titles), "fields that only a transition sets"
    assert sheets.read_csv(client.get(R + "/imports/template?format=csv&language=en").body)[0][:2] == ["Unit code", "Title"]
    problem(people["reader"].get(R + "/imports/template"), 403, "forbidden")
    row = {"机构代码": "s1", "标题": f"{m} 甲", "编码": letters() + str(int(m, 16)), "数量": 7, "费用": 12.5, "开始日期":
           {"date": "2026-12-05"}, "类别": "维修", "联系电话": 13800001111, "紧急": "是", "内容": "'=不是公式",
           "发生时间": "2026-11-01 08:30", "地点": "K"}
    made = sheets.sent(client, R, "事项.xlsx", sheets.write_xlsx([titles, [row.get(t) for t in titles]]))
    assert made["state"] == "uploaded" and made["headers"] == titles, made
    assert made["columns"][:2] == ["unit", "title"] and "" not in made["columns"], made
    made = sheets.do(client, R, made, "check")
    assert (made["state"], made["good"], made["bad"]) == ("checked", 1, 0), (made, sheets.faults(client, R, made))
    assert count(f"title = '{m} 甲'") == 0, "a check brings nothing in"
    made = sheets.do(client, R, made, "run")
    assert (made["state"], made["good"], made["bad"]) == ("imported", 1, 0), made
    seen = client.get(f"{R}?title=eq.{m}%20%E7%94%B2").json["items"]
    assert len(seen) == 1, seen
    got = seen[0]
    assert (got["quantity"], got["cost"], got["starts"], got["kind"], got["contact_phone"], got["urgent"], got["body"]) == (
        7, 1250, "2026-12-05", "repair", "13800001111", True, "=不是公式"), got
    assert got["happened"] == "2026-11-01T00:30:00.000000Z" and got["unit_name"] == "S1" and got["version"] == 1, got
    assert got["created_by"] == client.account and got["number"].startswith("SX"), got
    history = client.get(f"{R}/{got['id']}/history").json["items"]
    assert [h["action"] for h in history] == ["create"] and history[0]["changes"]["quantity"] == {"old": None, "new": 7}, history
    audit = server.psql(f"SELECT action, actor_kind FROM juxin.audit WHERE object_id = '{got['id']}'")
    assert audit == [["works.item.create", "account"]], audit
    assert client.get(f"{R}?q={m}").json["items"], "it is found by words"
    server.ctl("audit", "verify", "one")


def test_rows_that_are_not_good():
    """Each with its row, its column and the reason; the others come in; the rest as a table to mend and send again."""
    client, m = people["writer"], mark()
    code = letters() + str(int(m, 16))
    rows = [["标题", "编码", "数量", "开始日期", "类别", "机构代码", "无关", "联系电话"],
            [f"{m} 1", code, 5, "2026/1/5", "维修", "s1", "x", "13800001111"],
            [f"{m} 2", code, 5, None, None, "s1", None, None],            # the code is there already
            [f"{m} 3", None, "五", None, None, "s1", None, None],         # no number
            [f"{m} 4", None, 5, "2026-02-30", None, "s1", None, None],    # no day
            [f"{m} 5", None, 5, None, "修理", "s1", None, None],          # no choice
            [f"{m} 6", None, 5, None, None, "s9", None, None],            # no unit
            [None, None, 5, None, None, "s1", None, None],                # required
            [f"{m} 8", None, 5000, None, None, "s1", None, "12"],         # two faults
            [f"{m} 9", None, 5, None, None, None, None, 1.3800001111e25]]  # digits are gone; and no unit
    made = sheets.checked(client, R, "a.xlsx", sheets.write_xlsx(rows))
    assert (made["good"], made["bad"], made["has_errors_file"]) == (1, 8, True), (made, sheets.faults(client, R, made))
    said = {(f["row"], f["header"]): f["code"] for f in sheets.faults(client, R, made)}
    assert said == {(3, "编码"): "taken", (4, "数量"): "type", (5, "开始日期"): "type", (6, "类别"): "not_one_of",
                    (7, "机构代码"): "unknown_unit", (8, "标题"): "required", (9, "数量"): "too_large", (9, "联系电话"): "pattern",
                    (10, "联系电话"): "digits_lost"}, said
    paged, after = [], 0
    while after is not None:  # in pages of one, which no row is cut by
        answer = client.get(f"{R}/imports/{made['id']}/faults?limit=1&after={after}")
        paged, after = paged + answer.json["items"], answer.json["next"]
    assert paged == sheets.faults(client, R, made), paged
    answer = client.get(f"{R}/imports/{made['id']}/errors")
    assert answer.status == 200 and "%E9%94%99%E8%AF%AF" in answer.headers["Content-Disposition"], answer
    table = sheets.read_xlsx(answer.body)
    assert table[0] == ["行号", "原因"] + rows[0] and [r[0] for r in table[1:]] == [3, 4, 5, 6, 7, 8, 9, 10], table
    assert "维修、采购" in table[4][1] and table[4][2] == f"{m} 5", table[4]
    problem(client.post(f"{R}/imports/{made['id']}/run", {"mode": "all"}), 409, "rows_bad")
    assert count(f"title LIKE '{m}%'") == 0
    made = sheets.do(client, R, made, "run", {"mode": "good"})
    assert (made["state"], made["good"], made["bad"]) == ("imported", 1, 8) and count(f"title LIKE '{m}%'") == 1, made
    assert client.get(f"{R}?code=eq.{code}").json["items"][0]["starts"] == "2026-01-05"
    problem(client.post(f"{R}/imports/{made['id']}/run", {}), 409, "import_state")
    problem(client.post(f"{R}/imports/{made['id']}/check", {}), 409, "import_state")


def test_mapping_and_encodings():
    client, m = people["writer"], mark()
    rows = [["名称", "件数", "title"], [f"{m} 张三", "3", "x"]]
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        made = sheets.sent(client, R, "a.csv", sheets.write_csv(rows, encoding))
        assert made["headers"] == rows[0] and made["columns"] == ["", "", "title"], made
    path = f"{R}/imports/{made['id']}/check"
    problem(client.post(path, {"mapping": {"名称": "title"}, "unit": "s1"}), 422, "invalid")  # two go to one
    problem(client.post(path, {"mapping": {"没有": "title"}, "unit": "s1"}), 422, "invalid")
    problem(client.post(path, {"mapping": {"名称": "lead"}, "unit": "s1"}), 422, "invalid")
    problem(client.post(path, {"mapping": {"title": None}, "unit": "s1"}), 422, "invalid")  # nothing goes to what is required
    problem(client.post(path, {"unit": "nowhere"}), 422, "invalid")
    problem(client.post(path, {"key": "title"}), 422, "invalid")
    problem(client.post(path, {"maping": {"名称": "title"}, "unit": "s1"}), 422, "invalid")
    problem(client.post(path.replace("/check", "/run"), {"mod": "all"}), 422, "invalid")
    made = sheets.do(client, R, made, "check", {"mapping": {"名称": "title", "件数": "quantity", "title": None}, "unit": "s1"})
    assert (made["good"], made["columns"]) == (1, ["title", "quantity", ""]), (made, sheets.faults(client, R, made))
    sheets.do(client, R, made, "run")
    assert client.get(f"{R}?title=eq.{m}%20%E5%BC%A0%E4%B8%89").json["items"][0]["quantity"] == 3


def test_duplicates():
    """Told again by a unique field: refused, or passed over, so that a file may be sent once more with more rows in it."""
    client, m = people["writer"], mark()
    base = letters() + str(int(m, 16))
    rows = [["title", "code"]] + [[f"{m} {n}", f"{base}{n}"] for n in range(3)]
    made = sheets.checked(client, R, "a.csv", sheets.write_csv(rows), unit="s1", key="code", duplicates="skip")
    assert sheets.do(client, R, made, "run")["good"] == 3
    rows += [[f"{m} 3", f"{base}3"], [f"{m} again", f"{base}3"]]
    made = sheets.checked(client, R, "b.csv", sheets.write_csv(rows), unit="s1", key="code", duplicates="skip")
    assert (made["good"], made["skipped"], made["bad"]) == (1, 4, 0), made
    made = sheets.checked(client, R, "b.csv", sheets.write_csv(rows), unit="s1", key="code")
    assert (made["good"], made["skipped"], made["bad"]) == (1, 0, 4), made
    made = sheets.checked(client, R, "b.csv", sheets.write_csv(rows), unit="s1", key="code", duplicates="skip")
    made = sheets.do(client, R, made, "run")
    assert (made["good"], made["skipped"]) == (1, 4) and count(f"title LIKE '{m}%'") == 4, made
    # Far apart, so that the rows are not in one batch.
    rows = [["title", "code"], [f"{m} far", f"{base}99"]] + [[f"{m} far", ""]] * 700 + [[f"{m} far", f"{base}99"]]
    made = sheets.checked(client, R, "c.csv", sheets.write_csv(rows), unit="s1")
    assert (made["good"], made["bad"]) == (701, 1) and sheets.faults(client, R, made)[0]["row"] == 703, made


def test_what_a_job_works_on_is_not_said_to_be_done():
    """Who sees "checked" may go on: between a job's last step and its end there is no answer that promises too much."""
    client, m = people["writer"], mark()
    made = sheets.checked(client, R, "a.csv", sheets.write_csv([["title"], [m]]), unit="s1")
    path, job = f"{R}/imports/{made['id']}", made["job"]
    server.psql("UPDATE juxin.job SET state = 'running', lease_holder = 'test', lease_until = now() + interval '5 minutes'"
                f" WHERE id = '{job}'")
    try:
        assert client.get(path).json["state"] == "checking", client.get(path)
        problem(client.post(path + "/run", {}), 409, "import_busy")
    finally:
        server.psql(f"UPDATE juxin.job SET state = 'done', lease_holder = NULL, lease_until = NULL WHERE id = '{job}'")
    assert client.get(path).json["state"] == "checked"
    assert sheets.do(client, R, made, "run")["state"] == "imported"


def test_who_may():
    m = mark()
    data = sheets.write_csv([["title", "unit"], [f"{m} 1", "s1"], [f"{m} 2", "k"]])
    problem(sheets.send(people["reader"], R, "a.csv", data), 403, "forbidden")
    made = sheets.checked(people["street"], R, "a.csv", data)
    said = [(f["row"], f["header"]) for f in sheets.faults(people["street"], R, made)]
    assert (made["good"], made["bad"]) == (1, 1) and said == [(3, "unit")], (made, said)
    for who in ("writer", "reader"):
        for path in ("", "/faults", "/errors"):
            answers = [people[who].get(f"{R}/imports/{i}{path}") for i in (made["id"], uuid.uuid4())]
            assert [a.status for a in answers] == [404, 404], answers
        assert made["id"] not in str(people[who].get(R + "/imports").json)
    for what in ("check", "run", "undo"):
        problem(people["writer"].post(f"{R}/imports/{made['id']}/{what}", {}), 404, "not_found")
    # With the rights of the moment in which it runs.
    server.ctl("plugin", "policy", "one", "works", "--unit", "s1", "--rule", "off", "--reach", "subtree", "--reason", "x")
    try:
        after = sheets.do(people["street"], R, made, "run")
        assert (after["good"], after["bad"]) == (0, 2) and count(f"title LIKE '{m}%'") == 0, after
    finally:
        policy = server.psql("SELECT p.id FROM juxin.plugin_policy p JOIN juxin.tenant t ON t.id = p.tenant_id WHERE t.slug = 'one'"
                             " AND p.plugin = 'works' AND p.rule = 'off'")[0][0]
        server.ctl("plugin", "policy", "one", "works", "--end", policy)


def test_rows_need_the_rights_at_their_unit():
    """Seeing a unit is not enough: a row comes in where its maker may create and import; elsewhere it is refused by name."""
    if "viewer" not in server.ctl("role", "list", "one").stdout:
        made = server.ctl_json("user", "create", "one", "chief", "--name", "C", "--generate")
        server.ctl("grant", "add", "one", "--user", "chief", "--role", "administrator", "--unit", "k", "--reach", "subtree")
        role = {"name": "viewer", "label_zh": "查看员", "permissions": ["core.unit.read"]}
        assert sign_in("chief", made["password"]).post(T + "/roles", role).status == 201
    sees, m = person("sees", ["works_all"]), mark()
    server.ctl("grant", "add", "one", "--user", "sees", "--role", "viewer", "--unit", "k", "--reach", "self")
    data = sheets.write_csv([["title", "unit"], [f"{m} 1", "s1"], [f"{m} 2", "k"]])
    problem(sees.post(R, {"title": f"{m} 0", "unit": "k"}), 403, "forbidden")
    made = sheets.checked(sees, R, "a.csv", data)
    said = [(f["row"], f["code"], f["en"]) for f in sheets.faults(sees, R, made)]
    assert (made["good"], made["bad"]) == (1, 1), (made, said)
    assert said == [(3, "forbidden", "This needs the permission works.item.create here.")], said
    after = sheets.do(sees, R, made, "run")
    assert (after["good"], after["bad"]) == (1, 1) and count(f"title LIKE '{m}%'") == 1, after
    # May create at k, and import at s1 only.
    server.ctl("grant", "add", "one", "--user", "sees", "--role", "works_submitter", "--unit", "k", "--reach", "self")
    assert sees.post(R, {"title": f"{m} 3", "unit": "k"}).status == 201
    after = sheets.do(sees, R, sheets.checked(sees, R, "a.csv", data), "run")
    said = [(f["row"], f["code"], f["en"]) for f in sheets.faults(sees, R, after)]
    assert (after["good"], after["bad"]) == (1, 1) and count(f"title = '{m} 2'") == 0, after
    assert said == [(3, "forbidden", "This needs the permission works.item.import here.")], said


def test_an_answer_is_not_taken_back():
    """The tenant changes while a file comes in that turns out to be none: what was said of it stands when it is decided anew."""
    client = people["writer"]
    cookies = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    head = (f"Host: x\r\nCookie: {cookies}\r\nX-CSRF-Token: {client.csrf}\r\n")
    uploads = os.path.join(server.directory, "files")

    def under_way():
        return [n for at, _, names in os.walk(uploads) if os.path.basename(at) == "tmp" for n in names]

    with socket.create_connection(("127.0.0.1", server.plain_port)) as s:
        s.settimeout(60)
        s.sendall(f"GET {R}?limit=1 HTTP/1.1\r\n{head}\r\n".encode())  # so that this worker knows the session
        got = b""
        while b"\r\n\r\n" not in got or len(got.split(b"\r\n\r\n", 1)[1]) < int(
                got.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            got += s.recv(65536)
        assert got.startswith(b"HTTP/1.1 200"), got
        before = set(under_way())
        s.sendall((f"POST {R}/imports HTTP/1.1\r\n{head}Content-Type: application/octet-stream\r\n"
                   "Content-Disposition: attachment; filename=a.csv\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode())
        wait_until(lambda: set(under_way()) - before, 60, "the upload to begin")
        server.ctl("grant", "add", "one", "--user", "reader", "--role", "works_counter", "--unit", "k", "--reach", "self")
        s.sendall(b"0\r\n\r\n")
        got = b""
        while piece := s.recv(65536):
            got += piece
    assert got.startswith(b"HTTP/1.1 422") and b'"empty_file"' in got, got


def test_undo():
    client, m = people["writer"], mark()
    rows = [["title"]] + [[f"{m} {n}"] for n in range(120)]
    made = sheets.checked(client, R, "a.csv", sheets.write_csv(rows), unit="s1")
    problem(client.post(f"{R}/imports/{made['id']}/undo", {}), 409, "import_state")
    sheets.do(client, R, made, "run")
    found = {i["title"]: i for i in client.get(f"{R}?title=gte.{m}&title=lt.{m}z&limit=200").json["items"]}
    assert len(found) == 120
    touched, gone, filed = (found[f"{m} {n}"]["id"] for n in (7, 8, 9))
    assert client.patch(f"{R}/{touched}", {"quantity": 9}, headers={"If-Match": '"1"'}).status == 200
    assert client.delete(f"{R}/{gone}", headers={"If-Match": '"1"'}).status == 204
    files.attached(client, f"{R}/{filed}", "a.txt", files.TEXT)
    made = sheets.do(client, R, made, "undo")
    assert (made["state"], made["undone"], made["left_alone"]) == ("undone", 118, 2), made
    assert count(f"title LIKE '{m}%'") == 2
    assert [(f["row"], f["code"]) for f in sheets.faults(client, R, made)] == [(9, "stale"), (11, "has_files")]
    history = server.psql(f"SELECT count(*) FROM juxin.history WHERE kind = 'delete' AND record_id = '{found[m + ' 1']['id']}'")
    assert history == [["1"]]


def zip_with(source, change):
    """An XLSX file with some of its parts changed: {name: bytes}."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in change:
                new.writestr(name, old.read(name))
        for name, data in change.items():
            new.writestr(name, data)
    return out.getvalue()


def bomb():
    """Some tens of kilobytes that expand a thousandfold."""
    out = io.BytesIO()
    good = sheets.write_xlsx([["title"]])
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in old.namelist():
            if name != "xl/worksheets/sheet1.xml":
                new.writestr(name, old.read(name))
        with new.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(b"<worksheet><sheetData><row><c t='inlineStr'><is><t>title</t></is></c></row>")
            for _ in range(60):
                part.write(b" " * (1 << 20))
    return out.getvalue()


def claims(source, part, size):
    """The file's directory says that one of its parts has so many bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.getinfo(part).file_size = size
    return out.getvalue()


def peak():
    """Of the workers' memory, in kilobytes."""
    return {pid: int(open(f"/proc/{pid}/status", encoding="ascii").read().split("VmHWM:")[1].split()[0]) for pid in workers()}


def test_ten_gigabytes_in_ten_kilobytes():
    """Whatever a file of some kilobytes says of itself, or comes to: a message, and no memory."""
    client, before, count_before = people["writer"], peak(), count("true")
    for part in ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"):
        data = claims(sheets.write_xlsx([["title"], ["x"]]), part, 10 << 30)
        assert len(data) < 10_000
        answer = sheets.send(client, R, "a.xlsx", data)
        if answer.status == 201:
            made = sheets.do(client, R, answer.json, "check", {"unit": "s1"})
            assert made["state"] == "failed" and made["error_code"] in ("sheet_expands", "sheet_damaged") and made["error_zh"], made
        else:
            assert answer.status == 422 and answer.json["code"] in ("sheet_expands", "sheet_damaged"), answer
    made = sheets.checked(client, R, "a.xlsx", bomb(), unit="s1")
    assert made["error_code"] == "sheet_expands", made
    more = max(now - before.get(pid, now) for pid, now in peak().items())
    assert more < (64 << 10) * (4 if os.environ.get("JUXIN_TEST_SANITIZED") == "1" else 1) and count("true") == count_before, more


def test_files_that_are_refused():
    client, before = people["writer"], count("true")
    good = sheets.write_xlsx([["title"], ["x"]])
    sheet = "xl/worksheets/sheet1.xml"

    def worksheet(rows, head=b""):
        return zip_with(good, {sheet: head + b"<worksheet><sheetData>" + rows + b"</sheetData></worksheet>"})

    row = b"<row r='%d'><c t='inlineStr'><is><t>title</t></is></c></row>"
    for code, data in (("sheet_macros", zip_with(good, {"xl/vbaProject.bin": b"x"})),
                       ("sheet_external", zip_with(good, {"xl/externalLinks/externalLink1.xml": b"<x/>"})),
                       ("sheet_doctype", worksheet(row % 1, b"<!DOCTYPE a [<!ENTITY b 'c'>]>")),
                       ("sheet_columns", worksheet(b"<row><c r='XFE1' t='inlineStr'><is><t>title</t></is></c></row>")),
                       ("sheet_damaged", good[:len(good) * 99 // 100]),
                       ("sheet_old", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
                       ("sheet_kind", bytes(100)),
                       ("sheet_encoding", "标题,内容\n张三李四王五,".encode() + b"\xff\xff\n"),
                       ("sheet_empty", sheets.write_xlsx([])),
                       ("duplicate_header", sheets.write_csv([["标题", "标题"]])),
                       ("too_many_columns", sheets.write_csv([[f"c{n}" for n in range(201)]])),
                       ("no_headers", sheets.write_csv([[" ", " *"], ["a", "b"]]))):
        problem(sheets.send(client, R, "a.xlsx", data), 422, code)
    # What only shows further down is told by the check, with the row.
    for code, data in (("sheet_order", worksheet(row % 3 + row % 2)), ("sheet_damaged", worksheet(row % 1 + b"<row><c>")),
                       ("sheet_expands", bomb()), ("sheet_quote", b"title\nx\n\"y\n")):
        made = sheets.checked(client, R, "a.xlsx", data, unit="s1")
        assert (made["state"], made["error_code"]) == ("failed", code), (code, made)
        assert made["error_zh"] and made["error_en"], made
        problem(client.post(f"{R}/imports/{made['id']}/run", {}), 409, "import_state")
    assert len(bomb()) < 100_000 and count("true") == before, "something was written"


def test_an_upload_that_is_cut():
    """At 99 %: nothing is kept of it."""
    client = people["writer"]
    data = sheets.write_csv([["title"]] + [["x" * 50]] * 2000)
    before = server.psql("SELECT count(*) FROM juxin.import")
    cookies = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    head = (f"POST {R}/imports HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\nX-CSRF-Token: {client.csrf}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.csv\r\nContent-Length: {len(data)}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.plain_port)) as s:
        s.sendall(head.encode() + data[:len(data) * 99 // 100])
        s.shutdown(socket.SHUT_WR)
        s.settimeout(60)
        while s.recv(4096):
            pass
    assert server.psql("SELECT count(*) FROM juxin.import") == before
    unfinished = os.path.join(server.directory, "files")
    wait_until(lambda: not [n for at, _, names in os.walk(unfinished) if os.path.basename(at) == "tmp" for n in names], 60,
               "that nothing is left of the upload")


def test_a_thousand_wrong_rows_and_kill_9():
    """Workers are killed while 20,000 rows come in, 1,000 of them wrong: each good row once, each wrong one with its reason."""
    client, m = people["writer"], mark()
    rows = [["title", "quantity"]] + [[f"{m} {n:05}", 5000 if n % 20 == 0 else n % 1000] for n in range(20000)]
    made = sheets.checked(client, R, "a.csv", sheets.write_csv(rows), unit="s1")
    assert (made["good"], made["bad"]) == (19000, 1000), made
    assert client.post(f"{R}/imports/{made['id']}/run", {}).status == 200
    kills = 0
    for share in (2000, 8000):
        wait_until(lambda: count(f"title LIKE '{m}%'") >= share, 120, f"{share} rows")
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
            kills += 1

    def ended():
        try:
            seen = client.get(f"{R}/imports/{made['id']}")
        except OSError:
            return None
        return seen.json if seen.status == 200 and seen.json["state"] != "importing" else None

    after = wait_until(ended, 240, "the end of the import")
    assert (after["state"], after["good"], after["bad"]) == ("imported", 19000, 1000), after
    said = server.psql(f"SELECT count(*), count(DISTINCT title) FROM px_works.item WHERE title LIKE '{m}%' AND deleted_at IS NULL")
    assert said == [["19000", "19000"]], said
    rows = server.psql(f"SELECT count(*), count(DISTINCT row), count(DISTINCT record_id) FROM juxin.import_row WHERE import_id = '{made['id']}'")
    assert rows == [["19000"] * 3], rows
    audit = server.psql("SELECT count(*) FROM juxin.audit a JOIN juxin.import_row i ON i.tenant_id = a.tenant_id AND i.record_id = "
                        f"a.object_id WHERE i.import_id = '{made['id']}' AND a.action = 'works.item.create'")
    assert audit == [["19000"]], audit
    table = sheets.read_xlsx(client.get(f"{R}/imports/{made['id']}/errors").body)
    assert [r[0] for r in table[1:]] == list(range(2, 20002, 20)), table[:3]
    print(f"  {kills} workers killed")


def test_all_or_nothing():
    client, m = people["writer"], mark()
    base = letters() + str(int(m, 16))
    rows = [["title", "code"]] + [[f"{m} {n}", f"{base}{n}"] for n in range(1500)]
    made = sheets.checked(client, R, "a.csv", sheets.write_csv(rows), unit="s1")
    assert made["good"] == 1500, made
    # Somebody takes one of the last values between the check and the run.
    answer = client.post(R, {"title": "taken", "unit": "s1", "code": f"{base}1499"})
    assert answer.status == 201, answer
    after = sheets.do(client, R, made, "run", {"mode": "all"})
    assert (after["state"], after["error_code"]) == ("failed", "rows_bad") and count(f"title LIKE '{m}%'") == 0, after
    assert client.delete(f"{R}/{answer.json['id']}", headers={"If-Match": '"1"'}).status == 204
    after = sheets.do(client, R, made, "run", {"mode": "all"})
    assert (after["state"], after["good"]) == ("imported", 1500) and count(f"title LIKE '{m}%'") == 1500, after
    # The worker died behind the step that brought them in, before the one that says so: the job is taken up once more.
    server.psql(f"UPDATE juxin.import SET state = 'importing' WHERE id = '{made['id']}';"
                f" UPDATE juxin.job SET state = 'waiting', run_at = now(), ended_at = NULL, result = NULL WHERE id = '{after['job']}'")
    after = sheets.ended(client, f"{R}/imports/{made['id']}", ("imported", "failed", "cancelled"))
    assert (after["state"], after["good"]) == ("imported", 1500) and count(f"title LIKE '{m}%'") == 1500, after


if __name__ == "__main__":
    harness.main()
