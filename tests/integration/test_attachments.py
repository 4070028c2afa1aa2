"""Files beside records: who may, what is taken, what comes back, and what is left of what failed."""
import json
import os
import socket
import subprocess
import time
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor

from lib import files, harness, postgres
from lib.files import attach, attached, content
from lib.harness import wait_until
from lib.ledger import works_server
from lib.server import prefix

T = "/t/one/api/v1"
R = T + "/works/item"
server = None
people, units = {}, {}


def person(login, role=None, unit="s1", tenant="one"):
    made = server.ctl_json("user", "create", tenant, login, "--name", login.upper(), "--generate")
    if role:
        server.ctl("grant", "add", tenant, "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")
    return sign_in(login, made["password"], tenant)


def sign_in(login, password, tenant="one"):
    client = server.client()
    answer = client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": password})
    assert answer.status == 201, answer
    client.csrf, client.account = answer.json["csrf_token"], answer.json["account"]
    return client


def setup():
    global server
    server = works_server(workers=2)
    for tenant in ("one", "two"):
        people[tenant] = sign_in("writer", server.passwords[tenant], tenant)
        units[tenant] = server.psql("SELECT u.id FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id WHERE u.code"
                                    f" = 's1' AND t.slug = '{tenant}'")[0][0]
    people["member"] = person("member", "works_submitter")
    people["stranger"] = person("stranger", "works_submitter")
    people["reader"] = person("reader", "works_reader")


def problem(answer, status, code):
    assert answer.status == status and answer.json["code"] == code, answer
    return answer.json


def record(login="one", tenant="one"):
    path = f"/t/{tenant}/api/v1/works/item"
    answer = people[login].post(path, {"title": "事项 " + uuid.uuid4().hex[:8], "unit": units[tenant]})
    assert answer.status == 201, answer
    return f"{path}/{answer.json['id']}"


def store():
    """All files the server keeps, temporary ones too."""
    return [os.path.join(at, name) for at, _, names in os.walk(os.path.join(server.directory, "files")) for name in names]


def unfinished():
    return [path for path in store() if os.path.basename(os.path.dirname(path)) == "tmp"]


def test_a_file_comes_back_as_it_was():
    path, client = record(), people["one"]
    for name, data, media in (("说明.txt", files.TEXT, "text/plain"), ("plan.pdf", files.PDF, "application/pdf"),
                              ("图.png", files.png(), "image/png")):
        made = attach(client, path, name, data)
        assert made.status == 201, made
        assert made.headers["Location"] == f"{path}/attachments/{made.json['id']}", made.headers
        assert (made.json["name"], made.json["type"], made.json["size"]) == (name, media, len(data)), made
        assert made.json["created_by"] == client.account and made.json["created_by_name"] == "W", made
        got = content(client, path, made.json["id"])
        assert got.status == 200 and got.body == data, got
        assert got.headers["Content-Type"] == media and got.headers["Content-Length"] == str(len(data)), got.headers
        assert got.headers["Content-Disposition"].startswith("attachment; filename="), got.headers
        assert got.headers["X-Content-Type-Options"] == "nosniff" and got.headers["Cache-Control"] == "no-store"
        policy = got.headers["Content-Security-Policy"]
        assert "sandbox" in policy and "default-src 'none'" in policy, policy
        assert client.get(f"{path}/attachments/{made.json['id']}").json == made.json
    listed = client.get(path + "/attachments").json["items"]
    assert [f["name"] for f in listed] == ["说明.txt", "plan.pdf", "图.png"], listed
    text, pdf, picture = (f["id"] for f in listed)
    # Only what holds nothing that acts is shown in a page.
    for file, shown in ((picture, True), (pdf, False), (text, False)):
        got = content(client, path, file, "?inline=true").headers["Content-Disposition"]
        assert got.startswith("inline" if shown else "attachment"), got
    assert "filename*=UTF-8''%E5%9B%BE.png" in content(client, path, picture).headers["Content-Disposition"]
    head = client.request("HEAD", f"{path}/attachments/{pdf}/content")
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == str(len(files.PDF)), head
    assert client.delete(f"{path}/attachments/{pdf}").status == 204
    assert client.delete(f"{path}/attachments/{pdf}").status == 404
    assert content(client, path, pdf).status == 404
    assert [f["name"] for f in client.get(path + "/attachments").json["items"]] == ["说明.txt", "图.png"]
    assert not unfinished()


def test_who_may():
    """Who reads the record reads its files; attaching is a permission; what may not be seen is not there."""
    path = record("member")
    file = attached(people["member"], path, "a.txt", files.TEXT)["id"]
    assert content(people["one"], path, file).body == files.TEXT
    assert content(people["reader"], path, file).body == files.TEXT
    problem(attach(people["reader"], path, "b.txt", files.TEXT), 403, "forbidden")
    problem(people["reader"].delete(f"{path}/attachments/{file}"), 403, "forbidden")
    for ask in (lambda p, f: content(people["stranger"], p, f), lambda p, f: people["stranger"].get(f"{p}/attachments"),
                lambda p, f: people["stranger"].get(f"{p}/attachments/{f}"),
                lambda p, f: people["stranger"].delete(f"{p}/attachments/{f}"),
                lambda p, f: attach(people["stranger"], p, "c.txt", files.TEXT)):
        told = [ask(p, f) for p, f in ((path, file), (f"{R}/{uuid.uuid4()}", str(uuid.uuid4())))]
        assert [a.status for a in told] == [404, 404], told
        assert without_instance(told[0]) == without_instance(told[1]), told
    # A file is one record's: under another record that one may see it is not there.
    assert content(people["member"], record("member"), file).status == 404
    assert attach(server.client(), path, "d.txt", files.TEXT).status == 401


def without_instance(answer):
    return json.dumps({k: v for k, v in answer.json.items() if k != "instance"}, ensure_ascii=False)


def test_another_tenants_file_is_none():
    mine, theirs = record(), record("two", "two")
    same = [attached(people[t], p, "same.txt", files.TEXT) for t, p in (("one", mine), ("two", theirs))]
    assert same[0]["sha256"] == same[1]["sha256"]
    rows = server.psql("SELECT tenant_id, count(*) FROM juxin.file WHERE sha256 = '" + same[0]["sha256"] + "' GROUP BY 1")
    assert len(rows) == 2, "each tenant has its own"
    for ask in (lambda f: content(people["one"], mine, f), lambda f: people["one"].get(f"{mine}/attachments/{f}"),
                lambda f: people["one"].delete(f"{mine}/attachments/{f}")):
        told = [ask(f) for f in (same[1]["id"], str(uuid.uuid4()))]
        assert told[0].status == 404 and without_instance(told[0]) == without_instance(told[1]), told
    assert content(people["one"], theirs, same[1]["id"]).status == 401
    assert content(people["two"], theirs, same[1]["id"]).body == files.TEXT


def test_where_the_plugin_is_off_its_files_are_frozen():
    path, client = record(), people["one"]
    file = attached(client, path, "a.txt", files.TEXT)["id"]
    asks = (lambda: client.get(path + "/attachments"), lambda: client.get(f"{path}/attachments/{file}"),
            lambda: content(client, path, file), lambda: attach(client, path, "b.txt", files.TEXT),
            lambda: client.delete(f"{path}/attachments/{file}"))
    rule = server.ctl_json("plugin", "policy", "one", "works", "--unit", "s1", "--rule", "off", "--reason", "a test")["id"]
    try:
        for ask in asks:
            problem(wait_until(lambda: (a := ask()).status == 403 and a, 20, "the policy"), 403, "plugin_disabled")
    finally:
        server.ctl("plugin", "policy", "one", "works", "--end", rule)
    wait_until(lambda: content(client, path, file).status == 200, 20, "the policy's end")
    assert not unfinished()


def test_what_is_not_taken():
    path, client = record(), people["one"]
    before = set(store())
    for name, data in (("a.html", files.HTML), ("a.txt", files.HTML), ("a.svg", files.SVG), ("a.pdf", b"MZ" + b"\0" * 500),
                       ("a.zip", files.archive()), ("a.sh", b"#!/bin/sh\nrm -rf /\n")):
        assert problem(attach(client, path, name, data), 415, "file_type")["detail"]
    for name in ("../a.txt", "a/b.txt", "c:\\a.txt", "a\u202etxt.exe", "a\n.txt", "\x01.txt", "..", ".", "", " a.txt", "a.txt ",
                 "x" * 151, "字" * 151, "a\u2066b.txt"):
        told = problem(attach(client, path, name, files.TEXT), 422, "invalid")
        assert told["errors"][0]["pointer"] == "Content-Disposition" and told["errors"][0]["code"] == "file_name", told
    for field, code in (("attachment", "required"), ("attachment; filename=", "file_name"), ("x", "required"), (";", "file_name"),
                        ("attachment; filename=a.txt; filename=b.txt", "file_name"),
                        ("attachment; filename*=UTF-8''%ff.txt", "file_name"),
                        ("attachment; filename*=UTF-8''%00.txt", "file_name"),
                        ("attachment; filename*=latin1''a.txt", "file_name")):
        told = client.post(path + "/attachments", files.TEXT, headers={"Content-Disposition": field})
        assert told.status == 422 and told.json["errors"][0]["code"] == code, (field, told)
    problem(client.post(path + "/attachments", b"", headers={"Content-Disposition": files.disposition("a.txt")}), 422, "invalid")
    problem(attach(client, path, "large.txt", b"x" * 1000001), 413, "file_too_large")
    wait_until(lambda: not unfinished(), 20, "nothing half-written")
    assert client.get(path + "/attachments").json["items"] == [] and set(store()) == before
    # In chunks nobody says beforehand how long it is.
    chunked = send_raw(path, "chunked.txt", b"x" * 1000001, chunked=True)
    assert b" 413 " in chunked.split(b"\r\n")[0] and b"file_too_large" in chunked, chunked
    told = client.post(path + "/attachments", b"x" * 1000001, headers={
        "Content-Disposition": files.disposition("a.txt"), "Accept-Language": "en"})
    assert "1000000 bytes" in told.json["detail"], told
    wait_until(lambda: not unfinished(), 20, "nothing half-written")
    # A name that says another kind than the content gets the right ending.
    assert attached(client, path, "scan.exe", files.png(noise=b"1"))["name"] == "scan.exe.png"
    attached(client, path, "x" * 150, files.TEXT)


def head(path, name, more=b""):
    client = people["one"]
    cookies = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    return (f"POST {path}/attachments HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nX-CSRF-Token: {client.csrf}\r\n"
            f"Content-Disposition: {files.disposition(name)}\r\n").encode() + more + b"\r\n"


def send_raw(path, name, data, chunked=False):
    if not chunked:
        return server.exchange(head(path, name, b"Connection: close\r\nContent-Length: %d\r\n" % len(data)) + data)
    parts = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (data[i:i + 7777] for i in range(0, len(data), 7777)))
    return server.exchange(head(path, name, b"Connection: close\r\nTransfer-Encoding: chunked\r\n") + parts + b"0\r\n\r\n")


def test_a_body_in_chunks_and_one_that_waits_to_be_asked():
    path = record()
    assert b" 201 " in send_raw(path, "chunks.txt", files.TEXT * 1000, chunked=True).split(b"\r\n")[0]
    with server.raw() as connection:
        connection.sendall(head(path, "expected.txt", b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(files.TEXT)))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 "), "asked to go on"
        # Another request right behind the body is answered after it, on the same connection.
        connection.sendall(files.TEXT + b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        said = b""
        while part := connection.recv(65536):
            said += part
    assert said.startswith(b"HTTP/1.1 201 ") and said.endswith(b"ok\n"), said
    sizes = [f["size"] for f in people["one"].get(path + "/attachments").json["items"]]
    assert sizes == [len(files.TEXT) * 1000, len(files.TEXT)], sizes


def test_as_many_as_the_record_may_have():
    path, client = record(), people["one"]
    for n in range(4):
        attached(client, path, f"{n}.txt", files.TEXT + b"%d" % n)
    assert "4" in problem(attach(client, path, "5.txt", files.TEXT), 409, "too_many_files")["detail"]
    client.delete(f"{path}/attachments/{client.get(path + '/attachments').json['items'][0]['id']}")
    attached(client, path, "5.txt", files.TEXT)


def test_a_name_that_is_there_already():
    """The same file again is there already; another one gets a number."""
    path, client = record(), people["one"]
    first = attached(client, path, "报告.txt", files.TEXT)
    again = attach(client, path, "报告.txt", files.TEXT)
    assert again.status == 200 and again.json == first, again
    assert attached(client, path, "报告.txt", files.TEXT + b"2")["name"] == "报告 (2).txt"
    assert attached(client, path, "报告.txt", files.TEXT + b"3")["name"] == "报告 (3).txt"


def test_once_with_a_key():
    path, client = record(), people["one"]
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = attach(client, path, "a.txt", files.TEXT, **key)
    again = attach(client, path, "a.txt", files.TEXT, **key)
    assert first.status == again.status == 201 and again.json["replayed"] and again.json["id"] == first.json["id"], again
    problem(attach(client, path, "a.txt", files.TEXT + b"x", **key), 422, "idempotency_key_reused")


def test_cut_short():
    """A client that goes away at 99 %, or stops there: nothing of it stays, and others are served meanwhile."""
    path, client = record(), people["one"]
    data = files.TEXT * 10000
    with server.raw() as connection:
        connection.sendall(head(path, "cut.txt", b"Content-Length: %d\r\n" % len(data)) + data[:len(data) * 99 // 100])
        wait_until(unfinished, 20, "the beginning of it in the store")
        attached(client, path, "meanwhile.txt", files.TEXT)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: not unfinished(), 20, "nothing half-written")
    assert [f["name"] for f in client.get(path + "/attachments").json["items"]] == ["meanwhile.txt"]


def test_parts_of_a_file():
    """RFC 9110, ranges: one part at a time; what is malformed, of other units or of several parts is answered in full."""
    path, client = record(), people["one"]
    data = bytes(range(32, 127)) * 3000
    made = attached(client, path, "a.txt", data)
    size = len(data)
    etag = content(client, path, made["id"]).headers["ETag"]
    assert etag == f'"{made["sha256"][:32]}"' and content(client, path, made["id"]).headers["Accept-Ranges"] == "bytes"
    for said, first, last in (("bytes=0-9", 0, 9), ("bytes=100-", 100, size - 1), ("bytes=-7", size - 7, size - 1),
                              (f"bytes={size - 1}-{size + 99}", size - 1, size - 1), (f"bytes=-{size * 2}", 0, size - 1),
                              ("BYTES = 5-5 ", 5, 5), (f"bytes=131071-131073", 131071, 131073),
                              ("bytes=3-99999999999999999999", 3, size - 1)):
        got = content(client, path, made["id"], Range=said)
        assert got.status == 206 and got.body == data[first:last + 1], (said, got.status, len(got.body))
        assert got.headers["Content-Range"] == f"bytes {first}-{last}/{size}", (said, got.headers)
    for said in ("bytes=9-5", "bytes=a-b", "bytes=", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=--1", "0-5", "bytes=1-2-3"):
        got = content(client, path, made["id"], Range=said)
        assert got.status == 200 and got.body == data, (said, got.status)
    for said in (f"bytes={size}-", "bytes=-0", "bytes=99999999999999999999-"):
        got = content(client, path, made["id"], Range=said)
        problem(got, 416, "range_not_satisfiable")
        assert got.headers["Content-Range"] == f"bytes */{size}", got.headers
    assert content(client, path, made["id"], Range="bytes=0-9", **{"If-Range": etag}).status == 206
    for other in ('"x"', "W/" + etag, "Thu, 26 Nov 2026 00:00:00 GMT"):
        assert content(client, path, made["id"], Range="bytes=0-9", **{"If-Range": other}).status == 200, other
    for tags in (etag, "W/" + etag, '"a", ' + etag, "*"):
        got = content(client, path, made["id"], **{"If-None-Match": tags})
        assert got.status == 304 and got.body == b"" and got.headers["ETag"] == etag, (tags, got)
    assert content(client, path, made["id"], **{"If-None-Match": '"x"'}).status == 200
    assert client.request("HEAD", f"{path}/attachments/{made['id']}/content", headers={"Range": "bytes=0-9"}).status == 200


def run_collection():
    """The job that comes by itself every few hours, now."""
    jobs = "juxin.job WHERE kind = 'files.collect' AND tenant_id = 1"
    server.psql(f"UPDATE {jobs.replace(' WHERE', ' SET run_at = now() WHERE')}")
    wait_until(lambda: server.psql(f"SELECT 1 FROM {jobs} AND state = 'waiting' AND run_at > now()"), 30, "its end")


def grow_old(*paths):
    for path in paths:
        os.utime(path, (1, 1))


def stored(sha256):
    found = [path for path in store() if os.path.basename(path) == sha256 and f"/1/{sha256[:2]}/" in path]
    return found[0] if found else None


def test_what_nobody_wants_is_collected():
    path, client = record(), people["one"]
    kept, dropped, shared = (attached(client, path, f"{n}.txt", n.encode() * 99) for n in ("kept", "dropped", "shared"))
    elsewhere, gone = record(), record()
    attached(client, elsewhere, "too.txt", b"shared" * 99)
    with_it = attached(client, gone, "with.txt", b"with the record" * 99)
    assert client.delete(gone, headers={"If-Match": client.get(gone).headers["ETag"]}).status == 204
    assert client.get(f"{gone}/attachments/{with_it['id']}/content").status == 404
    for file in (dropped, shared):
        assert client.delete(f"{path}/attachments/{file['id']}").status == 204
    assert stored(dropped["sha256"]), "for a day it stays"
    folder = os.path.dirname(stored(kept["sha256"]))
    orphan = os.path.join(folder, kept["sha256"][:2] + "0" * 62)
    fresh = os.path.join(folder, kept["sha256"][:2] + "1" * 62)
    torn, going_on = (os.path.join(server.directory, "files", "1", "tmp", name) for name in ("torn", "going-on"))
    for made in (orphan, fresh, torn, going_on):
        with open(made, "wb") as out:
            out.write(b"x")
    run_collection()
    assert stored(dropped["sha256"]) and all(map(os.path.exists, (orphan, fresh, torn, going_on))), "too young"
    grow_old(orphan, torn, *(stored(f["sha256"]) for f in (kept, dropped, shared, with_it)))
    server.psql("UPDATE juxin.file SET wanted_at = now() - interval '2 days' WHERE tenant_id = 1")
    run_collection()
    assert not stored(with_it["sha256"]), "a record that is deleted takes its files along"
    assert not stored(dropped["sha256"]) and not os.path.exists(orphan) and not os.path.exists(torn)
    assert os.path.exists(fresh) and os.path.exists(going_on)
    assert server.psql(f"SELECT 1 FROM juxin.file WHERE sha256 IN ('{dropped['sha256']}', '{kept['sha256'][:2] + '0' * 62}')") == []
    for file in (kept, shared):
        assert stored(file["sha256"]), "somebody wants it"
    assert content(client, path, kept["id"]).body == b"kept" * 99
    os.unlink(fresh), os.unlink(going_on)
    # What was dropped may come again.
    again = attached(client, path, "again.txt", b"dropped" * 99)
    assert again["sha256"] == dropped["sha256"] and content(client, path, again["id"]).body == b"dropped" * 99


def test_who_wants_what_is_being_collected_waits():
    """The collector has the row and removes the content; an upload of the same content that comes meanwhile puts it back."""
    path, client = record(), people["one"]
    data = uuid.uuid4().bytes.hex().encode()
    sha256 = attached(client, path, "first.txt", data)["sha256"]
    row = f"tenant_id = 1 AND sha256 = '{sha256}'"
    with ThreadPoolExecutor(1) as pool:
        collector = postgres.Session(server.database)
        try:
            collector.run(f"BEGIN; SELECT sha256 FROM juxin.file WHERE {row} FOR UPDATE")
            coming = pool.submit(attach, client, path, "second.txt", data)
            wait_until(lambda: server.psql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE"
                                           " 'INSERT INTO juxin.file%' AND datname = current_database()"), 20, "its waiting")
            os.unlink(stored(sha256))
            collector.run("COMMIT")
        finally:
            collector.close()
        made = coming.result(30)
    assert made.status == 201 and content(client, path, made.json["id"]).body == data, made


def media(*arguments, data):
    return subprocess.run([prefix() + "/lib/juxin/juxin-media", *arguments], input=data, capture_output=True, timeout=60)


def thumbnail(client, path, file):
    return client.get(f"{path}/attachments/{file}/thumbnail")


def test_thumbnails():
    path, client = record(), people["one"]
    made = attached(client, path, "图.png", files.png(1000, 500))
    assert made["has_thumbnail"], made
    got = thumbnail(client, path, made["id"])
    assert got.status == 200 and got.headers["Content-Type"] == "image/jpeg", got.headers
    assert files.jpeg_size(got.body) == (320, 160), files.jpeg_size(got.body)
    assert got.headers["Content-Disposition"].startswith("inline") and "sandbox" in got.headers["Content-Security-Policy"]
    # What a telephone says of place and owner does not come along; how it was held is obeyed.
    place = b"GPS 30.2500N 120.1700E Owner Wei"
    photo = files.with_exif(got.body, 6, place)
    made = attached(client, path, "photo.jpg", photo)
    assert content(client, path, made["id"]).body == photo
    small = thumbnail(client, path, made["id"]).body
    assert files.jpeg_size(small) == (160, 320) and b"Exif" not in small and b"GPS" not in small and b"Wei" not in small
    torn = files.png(600, 600)
    for name, data in (("a.txt", files.TEXT), ("torn.png", torn[:50] + b"\0" * 100 + torn[150:])):
        made = attached(client, path, name, data)
        assert not made["has_thumbnail"] and thumbnail(client, path, made["id"]).status == 404, made
    assert thumbnail(people["stranger"], path, made["id"]).status == 404
    assert not unfinished()


def test_a_picture_that_would_take_all_memory():
    """It claims 900 million pixels: kept as a file, and nobody tries to look at it."""
    path, client = record(), people["one"]
    bomb = bytearray(files.png(16, 16))
    bomb[16:24] = (30000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    began = time.monotonic()
    made = attached(client, path, "bomb.png", bytes(bomb))
    took = time.monotonic() - began
    assert not made["has_thumbnail"] and took < 10, (made, took)
    done = media("thumbnail", "png", data=bytes(bomb))
    assert done.returncode == 1 and done.stdout == b"", done


def test_who_looks_into_files_can_do_nothing_else():
    """While juxin-media waits for the rest of a picture: no new privileges, a filter of system calls, little memory."""
    program = harness.start_process([prefix() + "/lib/juxin/juxin-media", "thumbnail", "png"], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
    try:
        program.stdin.write(files.png()[:40])
        program.stdin.flush()

        def status():
            with open(f"/proc/{program.pid}/status", encoding="ascii") as text:
                return dict(line.split(":\t", 1) for line in text.read().splitlines() if ":\t" in line)

        if os.environ.get("JUXIN_TEST_SANITIZED") != "1":
            wait_until(lambda: status()["Seccomp"] == "2", 20, "the filter")
        wait_until(lambda: status()["NoNewPrivs"] == "1", 20, "no new privileges")
        with open(f"/proc/{program.pid}/limits", encoding="ascii") as text:
            limits = {line[:25].strip(): line[26:].split()[0] for line in text.read().splitlines()[1:]}
        assert limits["Max cpu time"] == "8" and limits["Max core file size"] == "0", limits
        assert os.environ.get("JUXIN_TEST_SANITIZED") == "1" or limits["Max address space"] == str(512 << 20), limits
    finally:
        program.kill()
        program.wait()
    # Whatever is thrown at it, it answers or says that it cannot.
    for data in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", files.png()[:60], files.TEXT, os.urandom(5000)):
        for arguments in (("type",), ("thumbnail", "png"), ("thumbnail", "jpeg")):
            done = media(*arguments, data=data)
            assert done.returncode in (0, 1), (arguments, data[:20], done)


def test_a_content_that_is_gone_is_told():
    path, client = record(), people["one"]
    file = attached(client, path, "a.txt", uuid.uuid4().bytes.hex().encode())
    os.unlink(stored(file["sha256"]))
    problem(content(client, path, file["id"]), 503, "file_unavailable")
    assert '"files.unreadable"' in server.log()


if __name__ == "__main__":
    harness.main()
