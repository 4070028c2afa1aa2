#!/usr/bin/env python3
# sent
"""Channels against a server that plays the other sides: what they are sent, what comes of what they answer, and nothing twice."""
import contextlib
import datetime
import json
import os
import re
import signal
import threading
import uuid

from lib import harness
from lib.gateways import Gateways, MailServer, answer
from lib.harness import wait_until
from lib.ledger import works_server
from lib.people import make_people
from lib.server import certificate, free_port

NUMBER = "13800001234"
server = gateways = hanging = mail = department = None
people = {}
waiting = []  # requests to what hangs, while other tests run


def setup():
    global server, gateways, mail, department
    gateways, mail = Gateways(), MailServer()
    server = works_server(workers=2, start=False, config={"outgoing": {"allow": "localhost", "ca_file": certificate()[0]}})
    for tenant in ("one", "two"):
        people[tenant] = make_people(server, tenant, "admin")["admin"]
        for role in ("administrator", "works_all"):
            server.ctl("grant", "add", tenant, "--user", "admin", "--role", role, "--unit", "k", "--reach", "subtree")
    people.update(make_people(server, "one", "street", "clerk", "deputy"))
    server.ctl("grant", "add", "one", "--user", "street", "--role", "administrator", "--unit", "s1", "--reach", "subtree")
    server.ctl("department", "create", "one", "d1", "--name", "D1", "--unit", "k")
    server.ctl("department", "add", "one", "d1", "clerk")
    department = server.psql("SELECT id FROM juxin.department WHERE code = 'd1'")[0][0]
    server.start()
    wait_for_what_hangs()


def teardown():
    gateways.close()
    mail.close()


def unit(code):
    return server.psql(f"SELECT id FROM juxin.unit WHERE code = '{code}' AND tenant_id = 1")[0][0]


def assign():
    """The clerk is told of one more."""
    made = people["one"].post("works/item", {"title": "秘密标题" + uuid.uuid4().hex[:6], "unit": unit("s1")})
    assert made.status == 201, made
    done = people["one"].post(f"works/item/{made.json['id']}/transitions/assign", {"lead": department, "helpers": [], "days": 5},
                              headers={"If-Match": '"1"'})
    assert done.status == 200, done
    return made.json["id"]


def sms(path="/sms", **more):
    return dict({"url": gateways.url(path), "headers": {"X-Key": "{secret.key}"}, "query": {"out": "{id}&{to}"},
                 "json": {"PhoneNumbers": "{to}", "TemplateCode": "{template}", "TemplateParam": "{params}", "SignName": "某区"},
                 "templates": {"code": {"id": "SMS_1", "parameters": ["code", "minutes"]}, "bad": {"id": "SMS_9"}},
                 "success": {"pointer": "/Code", "equals": ["OK"], "throttled": ["isv.BUSINESS_LIMIT_CONTROL"]}}, **more)


class Channel:
    """One of the district's; removed at the end."""

    def __init__(self, kind, config, secrets=None, who="one", **more):
        self.who = who
        made = people[who].post("channels", {"name": "通道" + uuid.uuid4().hex[:6], "kind": kind, "config": config,
                                             "secrets": secrets or {}, **more})
        assert made.status == 201, made
        self.id = made.json["id"]

    def seen(self):
        answer = people[self.who].get(f"channels/{self.id}")
        assert answer.status == 200, answer
        return answer.json

    def change(self, status=200, **members):
        answer = people[self.who].request("PATCH", f"channels/{self.id}", members, headers={"If-Match": f'"{self.seen()["version"]}"'})
        assert answer.status == status, answer
        return answer

    def test(self, status=200, **body):
        answer = people[self.who].post(f"channels/{self.id}/test", body)
        assert answer.status == status, answer
        return answer.json

    def log(self):
        answer = people[self.who].get(f"channels/{self.id}/messages?limit=200")
        assert answer.status == 200, answer
        return answer.json["items"]

    def sql(self, assignments):
        """Time passes, in the database."""
        server.psql(f"UPDATE juxin.channel SET {assignments} WHERE id = '{self.id}'")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        people[self.who].request("DELETE", f"channels/{self.id}")


class Hanging(threading.Thread):
    """Tries one that hangs, while other tests run."""

    def __init__(self, what, kind, config, secrets, to):
        super().__init__(daemon=True)
        self.what, self.channel, self.to, self.answer = what, Channel(kind, config, secrets), to, None
        self.person = make_people(server, "one", "p" + uuid.uuid4().hex[:8])
        (self.person,) = self.person.values()
        server.ctl("grant", "add", "one", "--user", self.person.login, "--role", "administrator", "--unit", "k", "--reach", "subtree")
        self.start()

    def run(self):
        self.answer = self.person.post(f"channels/{self.channel.id}/test", {"to": self.to, "what": "code", "params": {"code": "1"}})


def wait_for_what_hangs():
    gateways.script("/hang", gateways.hang, then=gateways.hang)
    for what, at, replies in (("end of DATA", {}, [MailServer.hang]), ("QUIT", {"QUIT": MailServer.hang}, [])):
        other = MailServer()
        other.at = {verb: lambda connection, server=other: server.hang(connection) for verb in at}
        other.replies = [lambda connection, server=other: server.hang(connection) for _ in replies]
        waiting.append(Hanging(what, "email", postbox(other), {"password": "p w"}, "a@example.cn"))
        waiting[-1].server = other
    waiting.append(Hanging("gateway", "sms", sms("/hang"), {"key": "k"}, NUMBER))


def code(channel, to=NUMBER, what="code", **params):
    return channel.test(to=to, what=what, params={"code": "424242", **params})


def test_sms_is_sent_as_the_settings_say():
    with Channel("sms", sms(), {"key": "Key-1+=&"}) as channel:
        assert channel.seen()["state"] == "off" and channel.seen()["secrets"] == ["key"]
        hostile = '"},"x":{"'
        said = code(channel, to="+86 138-0000-1234", minutes=hostile, more="not in the template")
        assert said == {"outcome": "accepted", "status": 200, "reason": None}, said
        (body, params), = gateways.got("/sms")
        assert params == {"code": "424242", "minutes": hostile}, params
        assert body["PhoneNumbers"] == NUMBER and body["SignName"] == "某区" and set(body) == {"PhoneNumbers", "TemplateCode", "TemplateParam", "SignName"}
        request = gateways.requests("/sms")[0]
        assert request.path.endswith(f"?out={channel.log()[0]['id']}%26{NUMBER}"), request.path
        # As a form, with a number for abroad.
        gateways.script("/form", answer({"r": {"code": 0}}))
        channel.change(secrets={"key": "s&t"}, config={
            "url": gateways.url("/form") + "?v=1", "number": "e164", "form": {"to": "{to}", "text": "{param.code}", "key": "{secret.key}"},
            "query": {"a": "b c"}, "templates": {"code": {"id": "1"}}, "success": {"pointer": "/r/code", "equals": ["0"]}})
        assert code(channel, code="1&2=3 %\r\n中")["outcome"] == "accepted"
        request = gateways.requests("/form")[0]
        assert request.path == "/form?v=1&a=b%20c" and request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.body.decode() == f"to=%2B86{NUMBER}&text=1%262%3D3%20%25%0D%0A%E4%B8%AD&key=s%26t", request.body
        log = channel.log()
        assert [(m["state"], m["to"], m["what"], m["attempts"]) for m in log] == [("accepted", "138****1234", "code", 1)] * 2, log
        stored = json.dumps(server.psql("SELECT row_to_json(m), row_to_json(h) FROM juxin.message m, juxin.channel h"), ensure_ascii=False)
        for secret in ("Key-1+=&", "s&t", "424242", NUMBER):
            assert secret not in stored and secret not in server.log() and secret not in json.dumps(log), secret


# path, what it answers, outcome, reason: each asked once, and once only
def cases():
    return [("/refused", answer({"Code": "isv.OUT_OF_SERVICE"}), "refused", "isv.OUT_OF_SERVICE"),
            ("/limit", answer({"Code": "isv.BUSINESS_LIMIT_CONTROL"}), "later", "throttled"),
            ("/number", answer({"Code": "bad 13800001234"}), "refused", "code"),
            ("/429", (429, {"Retry-After": "600"}), "later", "throttled"),
            ("/500", 500, "unknown", "status"),
            ("/503", (503, {"Retry-After": "1"}), "unknown", "status"),
            ("/403", 403, "refused", "status"),
            ("/loop", (302, {"Location": f"https://127.0.0.1:{gateways.port}/inner"}), "refused", "redirect"),
            ("/nonsense", (200, {}, b"<html>"), "unknown", "answer"),
            ("/nothing", answer({"Message": "OK"}), "unknown", "answer"),
            ("/pour", gateways.pour, "unknown", "too_large"),
            ("/cut", lambda handler: handler.connection.close(), "unknown", "broken_off")]


def test_what_comes_of_an_answer():
    for path, said, outcome, reason in cases():
        gateways.script(path, said, then=said)
        with Channel("sms", sms(path), {"key": "k"}) as channel:
            result = code(channel)
            assert (result["outcome"], result["reason"]) == (outcome, reason), (path, result)
            state = {"later": "dead"}.get(outcome, outcome)  # a test is not tried again
            assert [(m["state"], m["reason"]) for m in channel.log()] == [(state, reason)], (path, channel.log())
            blocked = channel.seen()["blocked_until"]
            assert bool(blocked) == (reason == "throttled"), (path, blocked)
            if path == "/429":
                wait = float(server.psql(f"SELECT extract(epoch FROM blocked_until - now()) FROM juxin.channel WHERE id = '{channel.id}'")[0][0])
                assert 540 < wait <= 600, wait
        assert len(gateways.requests(path)) == 1, (path, "once")
    assert gateways.requests("/inner") == [] and gateways.poured < 64 << 20
    # Nobody there, a certificate of somebody else's, an address that the name turns out to have.
    for url, reasons in ((f"https://localhost:{free_port()}/", ("unreachable",)),
                         (gateways.url("/x", host="localhost.localdomain"), ("address_not_allowed", "unreachable", "certificate"))):
        with Channel("sms", sms(url=url), {"key": "k"}) as channel:
            result = code(channel)
            assert result["outcome"] == "later" and result["reason"] in reasons, (url, result)
    assert gateways.requests("/x") == []
    assert NUMBER not in server.log()


def test_settings_and_secrets():
    with Channel("sms", sms(), {"key": "Key-1+=&", "other": "x"}) as channel:
        assert channel.change(secrets={"other": None}) and channel.seen()["secrets"] == ["key"]
        # Another address forgets the secrets: who may change settings does not get to see them so.
        wrong = channel.change(422, config=sms("/elsewhere"))
        assert [e["pointer"] for e in wrong.json["errors"]] == ["/config/headers"], wrong
        assert channel.change(config=sms("/elsewhere"), secrets={"key": "fresh"}) and channel.seen()["secrets"] == ["key"]
        assert channel.change(name="新名") and "fresh" not in json.dumps(channel.seen())
        for to in ("12345", "", "13800001234\r\nX: y", "name@example.com"):
            assert channel.test(422, to=to, what="code")["errors"][0]["pointer"] == "/to"
        result = code(channel, what="unheard-of")
        assert result == {"outcome": "refused", "reason": "no_template"}, result
        channel.change(config=sms("/elsewhere", headers={"X-Key": "{secret.key}{param.code}"}))
        assert code(channel, code="1\r\nInjected: yes")["outcome"] in ("refused", "later") and gateways.requests("/elsewhere") == []
    for config, pointer in ((sms(url="https://10.1.2.3/"), "/config/url"), (sms(url="http://example.com/"), "/config/url"),
                            (sms(json={"a": "{nothing}"}), "/config/json"), (sms(method="DELETE"), "/config/method"),
                            (sms(success={}), "/config/success"), (sms(more=1), "/config/more")):
        made = people["one"].post("channels", {"name": "x", "kind": "sms", "config": config, "secrets": {"key": "k"}})
        assert made.status == 422 and [e["pointer"] for e in made.json["errors"]] == [pointer], (pointer, made)


def test_rates_of_a_number_and_of_the_gateway():
    with Channel("sms", sms(), {"key": "Key-1+=&"}, receiver_per_hour=2, rate_per_minute=3) as channel:
        assert [code(channel)["outcome"] for _ in range(2)] == ["accepted"] * 2
        asked = len(gateways.requests("/sms"))
        assert channel.test(429, to=NUMBER, what="code")["code"] == "rate"
        assert code(channel, to="13900001234")["outcome"] == "accepted"  # another number
        assert channel.test(429, to="13700001234", what="code")["code"] == "rate"  # the gateway's own
        assert len(gateways.requests("/sms")) == asked + 1


def test_whose_they_are():
    with Channel("sms", sms(), {"key": "k"}) as channel, Channel("sms", sms(), {"key": "k"}, who="two"):
        missing = people["one"].get(f"channels/{uuid.uuid4()}")
        for who in ("two", "street"):
            for method, path, body in (("GET", "", None), ("GET", "/messages", None), ("POST", "/test", {"to": NUMBER}), ("DELETE", "", None)):
                answer = people[who].request(method, f"channels/{channel.id}{path}", body)
                assert (answer.status, answer.json["code"]) == (missing.status, missing.json["code"]) == (404, "not_found"), (who, path, answer)
        assert people["street"].get("channels").json["items"] == []
        unit = server.psql("SELECT id FROM juxin.unit WHERE code = 's1' AND tenant_id = 1")[0][0]
        made = people["street"].post("channels", {"name": "x", "kind": "sms", "config": sms(), "secrets": {"key": "k"}, "unit": unit})
        assert made.status == 422 and made.json["errors"][0]["pointer"] == "/unit", made
        # Of those that reach single people one is on.
        with Channel("sms", sms(), {"key": "k"}) as second:
            channel.change(active=True)
            second.change(active=True)
            assert (channel.seen()["state"], second.seen()["state"]) == ("off", "on")


def test_a_trial_is_sent_once_whatever_the_tenant_does_meanwhile():
    """Whatever is decided anew, what was written down to be sent is sent, and nothing beside it."""
    server.psql("CREATE FUNCTION juxin.meanwhile() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN UPDATE juxin.epoch SET"
                " n = n + 1 WHERE tenant_id = NEW.tenant_id; RETURN NULL; END';"
                "CREATE TRIGGER meanwhile AFTER INSERT ON juxin.message FOR EACH ROW EXECUTE FUNCTION juxin.meanwhile()")
    gateways.script("/trial", answer({"Code": "OK"}))
    try:
        with Channel("sms", sms("/trial"), {"key": "k"}) as channel:
            assert code(channel)["outcome"] == "accepted"
            assert [m["state"] for m in channel.log()] == ["accepted"] and len(gateways.requests("/trial")) == 1, channel.log()
    finally:
        server.psql("DROP TRIGGER meanwhile ON juxin.message; DROP FUNCTION juxin.meanwhile()")


# ---- e-mail ----

def postbox(server=None, **more):
    return dict({"url": (server or mail).url(), "from": "notice@district.example.cn", "from_name": "某区“通知”中心\r\nBcc: x@example.com",
                 "user": "robot", "link": "https://district.example.cn/me"}, **more)


def test_mail_is_in_order_encrypted_and_signed_in():
    implicit = MailServer(implicit=True)
    for server_ in (mail, implicit):
        with Channel("email", postbox(server_), {"password": "p w"}) as channel:
            assert channel.test(to="member@example.cn", what="code", params={"code": "424242"})["outcome"] == "accepted"
            envelope, message = server_.mails.pop()
            assert envelope == {"auth": True, "MAIL": "notice@district.example.cn", "RCPT": "member@example.cn"}, envelope
            assert message["From"].addresses[0].display_name.split() == ["某区“通知”中心", "Bcc:", "x@example.com"], message["From"]
            assert message["Bcc"] is None and message["Reply-To"] is None
            assert message["Subject"] == "验证码 / Code" and message["Auto-Submitted"] == "auto-generated"
            assert message["List-Unsubscribe"] is None and "424242" in message.get_content()  # nobody unsubscribes from codes
            assert message["Message-ID"] == f"<{channel.log()[0]['id']}@district.example.cn>"
            assert abs((message["Date"].datetime - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 300
            assert channel.log()[0]["to"] == "m****@example.cn"
        assert server_.faults == [], server_.faults
    implicit.close()


def test_what_comes_of_a_mail_servers_reply():
    def end(connection):
        connection.close()

    cases = [({"RCPT": "550 5.1.1 no such user"}, [], "refused", "status", 550), ({"RCPT": "451 4.7.1 greylisted"}, [], "later", "status", 451),
             ({"MAIL": "421 4.7.0 too many"}, [], "later", "throttled", 421), ({"AUTH": "535 5.7.8 no"}, [], "later", "login", 535),
             ({}, ["554 5.7.1 spam"], "refused", "status", 554), ({}, ["452 4.3.1 full"], "later", "status", 452),
             ({}, [end], "unknown", "broken_off", None), ({"DATA": end}, [], "later", "broken_off", None),
             ({"EHLO": "250 mock"}, [], "later", "certificate", None), ({"greeting": "554 go away"}, [], "later", None, None)]
    for at, replies, outcome, reason, status in cases:
        other = MailServer()
        other.at, other.replies = at, list(replies)
        with Channel("email", postbox(other), {"password": "p w"}) as channel:
            result = channel.test(to="a@example.cn", what="code", params={"code": "1"})
            assert result["outcome"] == outcome and (reason is None or result["reason"] == reason), (at, replies, result)
            assert status is None or result.get("status") == status, (at, result)
            assert other.asked == 1 and other.mails == [] and other.faults == [], (at, other.asked, other.faults)
            assert bool(channel.seen()["blocked_until"]) == (reason == "throttled")
        other.close()
    with Channel("email", postbox(url=mail.url().replace("localhost", "localhost.localdomain")), {"password": "p w"}) as channel:
        result = channel.test(to="a@example.cn", what="code", params={})
        assert result["outcome"] == "later" and result["reason"] in ("address_not_allowed", "unreachable"), result
        for to in ("a@example.cn\r\nRCPT TO:<b@example.cn>", "a@b", "a b@example.cn", "a@example.cn>", "用户@example.cn"):
            assert channel.test(422, to=to)["errors"][0]["pointer"] == "/to", to
    for config, pointer in (({"url": "smtp://10.1.2.3"}, "/config/url"), ({"url": "https://localhost"}, "/config/url"),
                            ({"url": "smtp://localhost/x"}, "/config/url"), ({"from": "a@b\r\n"}, "/config/from"),
                            ({"link": "https://x/\r\nBcc: a"}, "/config/link")):
        made = people["one"].post("channels", {"name": "x", "kind": "email", "config": postbox(**config), "secrets": {"password": "p"}})
        assert made.status == 422 and [e["pointer"] for e in made.json["errors"]] == [pointer], (config, made)


# ---- WeCom, DingTalk, WeChat ----

ROBOT = ("wecom_robot", {"kinds": ["*"]}, {"key": "robot&key"}, "/cgi-bin/webhook/send")
DING = ("dingtalk_robot", {"kinds": ["assigned"], "language": "en"}, {"access_token": "ding", "secret": "SECtest"}, "/robot/send")
APP = ("wecom_app", {"corpid": "ww1", "agentid": 7}, {"secret": "s=1"}, "/cgi-bin/message/send")
WECHAT = ("wechat", {"appid": "wx1", "link": "https://district.example.cn/me", "templates": {
    "code": {"id": "TM1", "parameters": ["code"]}, "assigned": {"id": "TM2", "parameters": ["what", "unit"]}}}, {"secret": "s=2"},
    "/cgi-bin/message/template/send")


def opened(which, **more):
    kind, config, secrets, path = which
    return Channel(kind, dict(config, url=gateways.url("")), secrets, **more)


def test_what_comes_of_an_errcode():
    for which, to, cases in ((ROBOT, None, ((45009, "later", "throttled"), (93000, "refused", "errcode_93000"), (-1, "later", "busy"))),
                             (DING, None, ((130101, "later", "throttled"), (310000, "refused", "errcode_310000"))),
                             (APP, "zhang.san", ((81013, "refused", "receiver"),)), (WECHAT, "openid-1", ((45009, "later", "throttled"),))):
        path, code_ = which[3], {} if to is None else {"to": to}
        with opened(which) as channel:
            assert channel.test(**code_, what="code", params={"code": "1"}) == {"outcome": "accepted", "status": 200, "reason": None}, which
            assert len(gateways.got(path)) == 1
            for errcode, outcome, reason in cases:
                asked = len(gateways.requests(path))
                gateways.script(path, answer({"errcode": errcode, "errmsg": NUMBER}))
                channel.sql("blocked_until = NULL")
                result = channel.test(**code_, what="code", params={"code": "1"})
                assert (result["outcome"], result["reason"]) == (outcome, reason), (which, result)
                assert bool(channel.seen()["blocked_until"]) == (reason == "throttled")
                assert len(gateways.requests(path)) == asked + 1
            for said, outcome in (((200, {}, b"nonsense"), "unknown"), (answer({"errmsg": "ok"}), "unknown"), (500, "unknown")):
                gateways.script(path, said)
                assert channel.test(**code_, what="code", params={"code": "1"})["outcome"] == outcome, said
        gateways.taken.clear()
    with opened(APP) as channel:
        assert channel.test(to="stranger")["reason"] == "invaliduser"
        assert channel.test(422, to="a|b")["errors"][0]["pointer"] == "/to"  # one member, not several
    with opened(WECHAT) as channel:
        assert channel.test(to="left", what="code", params={"code": "1"})["reason"] == "not_subscribed"
    for secret in ("robot&key", "robot%26key", "SECtest", "s=1", "s%3D2", "access_token="):
        assert secret not in server.log(), secret


def test_a_token_is_got_once_for_all_and_again_when_it_is_not_believed():
    before = dict(gateways.renewed)
    with opened(APP) as channel:
        answers, threads = [], []
        clients = [make_people(server, "one", "w" + uuid.uuid4().hex[:8]) for _ in range(4)]
        for client in (c for made in clients for c in made.values()):
            server.ctl("grant", "add", "one", "--user", client.login, "--role", "administrator", "--unit", "k", "--reach", "subtree")
            threads.append(threading.Thread(target=lambda client=client: answers.append(
                client.post(f"channels/{channel.id}/test", {"to": "zhang.san"}).json)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [a["outcome"] for a in answers] == ["accepted"] * 4, answers
        assert gateways.renewed["wecom"] == before["wecom"] + 1, "once, over two workers"
        gateways.tokens["wecom"] = "ended by somebody else"
        asked = len(gateways.requests(APP[3]))
        assert channel.test(to="zhang.san")["outcome"] == "accepted"
        assert gateways.renewed["wecom"] == before["wecom"] + 2 and len(gateways.requests(APP[3])) == asked + 2
        gateways.script("/cgi-bin/gettoken", answer({"errcode": 40001}))
        gateways.tokens["wecom"] = "again"
        assert channel.test(to="zhang.san") == {"outcome": "refused", "status": 200, "reason": "errcode_40001"}
        stored = json.dumps(server.psql("SELECT row_to_json(t) FROM juxin.channel_token t"))
        assert "wecom/token" not in stored and "A256GCM" in stored


# ---- people ----

def confirm(login, kind, address, codes):
    """codes(): what arrived there so far."""
    before = len(codes())
    assert people[login].request("PUT", f"me/contacts/{kind}", {"address": address}).status == 204
    wait_until(lambda: len(codes()) > before, 60, f"a code by {kind}")
    right = re.search(r"\d{6}", codes()[-1])[0]
    wrong = f"{(int(right) + 1) % 1000000:06}"
    assert people[login].post(f"me/contacts/{kind}/confirm", {"code": wrong}).json["code"] == "code_wrong"
    assert people[login].post(f"me/contacts/{kind}/confirm", {"code": right}).status == 204


def mails(to):
    return [m.get_content() for envelope, m in mail.mails if envelope["RCPT"] == to]


def sms_codes():
    return [p["code"] for _, p in gateways.got("/sms") if "code" in p]


def wishes(login, *items, **hours):
    body = dict({"wishes": [dict(zip(("channel", "kind", "how"), item)) for item in items]}, **hours)
    answer = people[login].request("PUT", "me/contact-preferences", body)
    assert answer.status == 204, answer
    seen = people[login].get("me/contact-preferences").json
    assert len(seen["wishes"]) == len(items), seen


def messages(what, channel=None):
    return [m for m in (channel.log() if channel else []) if m["what"] == what]


@contextlib.contextmanager
def everything_on():
    templates = {"code": {"id": "SMS_1", "parameters": ["code", "minutes"]}, "assigned": {"id": "SMS_2", "parameters": ["what", "unit"]}}
    with contextlib.ExitStack() as stack:
        made = {"sms": Channel("sms", sms(templates=templates), {"key": "Key-1+=&"}, receiver_per_hour=1000),
                "email": Channel("email", postbox(), {"password": "p w"}, receiver_per_hour=1000)}
        made.update({which[0]: opened(which, receiver_per_hour=1000) for which in (ROBOT, DING, APP, WECHAT)})
        for channel in made.values():
            stack.enter_context(channel)
            channel.change(active=True)
        yield made


def test_notices_reach_people_as_they_wish_once():
    gateways.taken.clear()
    with everything_on() as channels:
        confirm("clerk", "email", "clerk@example.cn", lambda: mails("clerk@example.cn"))
        confirm("clerk", "sms", NUMBER, sms_codes)
        confirm("clerk", "wecom_app", "zhang.san", lambda: [text for _, text in gateways.got(APP[3])])
        confirm("clerk", "wechat", "openid-1", lambda: [data["code"] for _, data in gateways.got(WECHAT[3])])
        seen = people["clerk"].get("me/contacts").json["items"]
        assert [(c["kind"], c["address"], c["confirmed"]) for c in seen] == [
            ("email", "c****@example.cn", True), ("sms", "138****1234", True), ("wechat", "op****", True), ("wecom_app", "zh****", True)], seen
        assert people["deputy"].get("me/contacts").json["items"] == []
        record = assign()  # nobody wished for anything yet: the robots alone tell of it
        wait_until(lambda: gateways.got(ROBOT[3]) and gateways.got(DING[3]), 60, "the robots")
        assert gateways.got(ROBOT[3]) == ["事项已交由您办理（S1）。"] or "S1" in gateways.got(ROBOT[3])[0], gateways.got(ROBOT[3])
        assert "assigned to you" in gateways.got(DING[3])[0]
        wishes("clerk", ("email", "*", "now"), ("sms", "assigned", "now"), ("wecom_app", "assigned", "now"), ("wechat", "assigned", "now"))
        record = assign()
        for kind in ("email", "sms", "wecom_app", "wechat"):
            wait_until(lambda: [m["state"] for m in messages("assigned", channels[kind])] == ["accepted"], 60, f"the notice by {kind}")
        envelope, message = mail.mails[-1]
        assert envelope["RCPT"] == "clerk@example.cn" and message["Subject"] == "交办" and "交由您办理" in message.get_content()
        assert message["List-Unsubscribe"] == "<https://district.example.cn/me>" and message.get_content().rstrip().endswith("/me")
        assert gateways.got("/sms")[-1][1]["unit"] == "S1" and gateways.got(WECHAT[3])[-1][1]["unit"] == "S1"
        wait_until(lambda: len(gateways.got(ROBOT[3])) == 2 and len(gateways.got(DING[3])) == 2, 60, "the robots")
        stored = json.dumps(server.psql("SELECT row_to_json(t) FROM juxin.contact t UNION ALL SELECT row_to_json(m) FROM juxin.message m"))
        everything = stored + server.log()
        for secret in ("clerk@example.cn", NUMBER, "zhang.san", "openid-1", "秘密标题", record):
            assert secret not in everything.replace(record, "") or secret == record, secret
        held = people["clerk"].get("me/data").json["sections"]
        assert {s["name"] for s in held} >= {"contacts", "messages"} and "****" in json.dumps(held)
        quiet_and_digest(channels)
        tried_again(channels)


def quiet_and_digest(channels):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)
    hour = lambda hours: (now + datetime.timedelta(hours=hours)).strftime("%H:%M")
    wishes("clerk", ("email", "assigned", "now"), ("sms", "*", "digest"), ("wecom_app", "assigned", "digest"), quiet_from=hour(-2), quiet_until=hour(2),
           digest_at=hour(3), language="en")
    before = len(mails("clerk@example.cn"))
    records = [assign(), assign()]
    wait_until(lambda: len(messages("assigned", channels["email"])) == 3 and messages("digest", channels["wecom_app"]), 60, "messages")
    assert [m["state"] for m in messages("assigned", channels["email"])] == ["waiting", "waiting", "accepted"]
    waits = server.psql("SELECT round(extract(epoch FROM m.next_at - m.created_at) / 3600) FROM juxin.message m WHERE m.state = 'waiting' AND"
                        f" m.channel_id = '{channels['email'].id}'")
    assert [int(w[0]) for w in waits] == [2, 2], waits
    assert len(messages("digest", channels["wecom_app"])) == 1, "one for both"
    # One of the two is read meanwhile: it is not told any more.
    told = [n["id"] for n in people["clerk"].get("notifications").json["items"] if n["record"] == records[0]]
    assert people["clerk"].post(f"notifications/{told[0]}/read").status == 204
    server.psql(f"UPDATE juxin.message SET next_at = now() WHERE state = 'waiting' AND tenant_id = 1")
    wait_until(lambda: all(m["ended_at"] for m in channels["email"].log() + channels["wecom_app"].log()), 60, "all of them")
    outcomes = [(m["state"], m["reason"]) for m in messages("assigned", channels["email"])[:2]]
    assert sorted(outcomes, key=str) == [("accepted", None), ("dead", "read")], outcomes
    assert len(mails("clerk@example.cn")) == before + 1 and "assigned to you" in mails("clerk@example.cn")[-1]
    digest = gateways.got(APP[3])[-1][1]
    assert digest.startswith("You have 3 unread notices:\n1. ") or digest.startswith("You have"), digest
    assert digest.count("\n") == int(digest.split(" ")[2]), digest


def tried_again(channels):
    """Greylisted, then taken; an address that is not there; one that was withdrawn."""
    wishes("clerk", ("email", "assigned", "now"))
    before, asked = len(mails("clerk@example.cn")), mail.asked
    mail.replies = ["451 4.7.1 later"]
    assign()
    wait_until(lambda: [m for m in messages("assigned", channels["email"]) if m["reason"] == "status"], 60, "a first attempt")
    assert messages("assigned", channels["email"])[0]["state"] == "waiting" and len(mails("clerk@example.cn")) == before
    server.psql("UPDATE juxin.message SET next_at = now() WHERE state = 'waiting' AND tenant_id = 1")
    wait_until(lambda: messages("assigned", channels["email"])[0]["state"] == "accepted", 60, "the second")
    assert messages("assigned", channels["email"])[0]["attempts"] == 2 and mail.asked == asked + 2 and len(mails("clerk@example.cn")) == before + 1
    channels["email"].sql("blocked_until = now() + interval '1 hour'")
    assign()
    wait_until(lambda: messages("assigned", channels["email"])[0]["state"] == "waiting", 60, "one that waits")
    assert people["clerk"].request("DELETE", "me/contacts/email").status == 204
    assert [messages("assigned", channels["email"])[0][k] for k in ("state", "reason")] == ["dead", "withdrawn"]
    channels["email"].sql("blocked_until = NULL")
    assert people["clerk"].request("DELETE", "me/contacts/email").status == 404


def test_codes_are_guessed_five_times():
    with everything_on():
        assert people["deputy"].request("PUT", "me/contacts/sms", {"address": "13700001234"}).status == 204
        codes = lambda: [p["code"] for b, p in gateways.got("/sms") if b["PhoneNumbers"] == "13700001234"]
        wait_until(codes, 60, "a code")
        wrong = f"{(int(codes()[0]) + 1) % 1000000:06}"
        for code_ in [wrong] * 5 + codes():
            assert people["deputy"].post("me/contacts/sms/confirm", {"code": code_}).status == 422
        assert people["deputy"].get("me/contacts").json["items"][0]["confirmed"] is False
        for _ in range(4):
            assert people["deputy"].request("PUT", "me/contacts/sms", {"address": "13700001234"}).status == 204
        assert people["deputy"].request("PUT", "me/contacts/sms", {"address": "13700001234"}).status == 429
        for kind, address in (("sms", "1"), ("email", "a\r\n@example.cn"), ("pigeon", "x")):
            assert people["deputy"].request("PUT", f"me/contacts/{kind}", {"address": address}).status in (404, 422)
    answer = people["deputy"].request("PUT", "me/contacts/email", {"address": "a@example.cn"})
    assert answer.status == 503 and answer.json["code"] == "no_channel", answer
    for body in ({"wishes": [{"channel": "sms", "kind": "gossip", "how": "now"}]}, {"wishes": [{"channel": "post", "kind": "*", "how": "now"}]},
                 {"wishes": [], "quiet_from": "25:00"}, {"wishes": [], "language": "fr"}, {}):
        assert people["deputy"].request("PUT", "me/contact-preferences", body).status == 422, body


def test_what_hangs_is_waited_for_its_time_and_not_asked_again():
    expected = {"gateway": ("unknown", "timeout"), "end of DATA": ("unknown", "timeout"), "QUIT": ("accepted", None)}
    for hanging in waiting:
        with hanging.channel as channel:
            hanging.join(90)
            assert (hanging.answer.json["outcome"], hanging.answer.json["reason"]) == expected[hanging.what], (hanging.what, hanging.answer)
            assert len(channel.log()) == 1 and channel.log()[0]["state"] == expected[hanging.what][0]
        if hanging.what != "gateway":
            assert hanging.server.asked == 1
            hanging.server.close()
    assert len(gateways.requests("/hang")) == 1


def test_what_a_killed_worker_was_sending_is_not_sent_again():
    """It may have arrived: that is said, and nothing more done."""
    gateways.script(ROBOT[3], gateways.hang)
    with opened(ROBOT) as robot:
        robot.change(active=True)
        asked = len(gateways.requests(ROBOT[3]))
        assign()
        wait_until(lambda: len(gateways.requests(ROBOT[3])) == asked + 1, 60, "the request")
        with open(f"/proc/{server.process.pid}/task/{server.process.pid}/children", encoding="ascii") as children:
            for pid in children.read().split():
                os.kill(int(pid), signal.SIGKILL)
        wait_until(server.ready, 60, "readiness")
        people["one"]._kept = None
        server.psql("UPDATE juxin.message SET next_at = now() - interval '1 s' WHERE state = 'sending'; UPDATE juxin.lease SET until = now()")
        wait_until(lambda: robot.log()[0]["state"] == "unknown", 90, "its end")
        assert robot.log()[0]["reason"] == "interrupted" and len(gateways.requests(ROBOT[3])) == asked + 1


if __name__ == "__main__":
    harness.main()
