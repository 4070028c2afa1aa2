#!/usr/bin/env python3
# sent
"""Channels against a server that plays the other sides: what they are sent, what comes of what they answer, and nothing twice."""
import json
import threading
import uuid

from lib import harness
from lib.gateways import Gateways, answer
from lib.ledger import works_server
from lib.people import make_people
from lib.server import certificate, free_port

NUMBER = "13800001234"
server = gateways = hanging = None
people = {}


def setup():
    global server, gateways, hanging
    gateways = Gateways()
    server = works_server(workers=2, start=False, config={"outgoing": {"allow": "localhost", "ca_file": certificate()[0]}})
    for tenant in ("one", "two"):
        people[tenant] = make_people(server, tenant, "admin")["admin"]
        for role in ("administrator", "works_all"):
            server.ctl("grant", "add", tenant, "--user", "admin", "--role", role, "--unit", "k", "--reach", "subtree")
    people["street"] = make_people(server, "one", "street")["street"]
    server.ctl("grant", "add", "one", "--user", "street", "--role", "administrator", "--unit", "s1", "--reach", "subtree")
    server.start()
    hanging = Hanging()


def teardown():
    gateways.close()


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
    """Asks one that hangs, while other tests run."""

    def __init__(self):
        super().__init__(daemon=True)
        gateways.script("/hang", gateways.hang, then=gateways.hang)
        self.person = make_people(server, "one", "patient")["patient"]
        server.ctl("grant", "add", "one", "--user", "patient", "--role", "administrator", "--unit", "k", "--reach", "subtree")
        self.channel, self.answer = Channel("sms", sms("/hang"), {"key": "k"}), None
        self.start()

    def run(self):
        self.answer = self.person.post(f"channels/{self.channel.id}/test", {"to": NUMBER, "what": "code", "params": {}})


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


def test_one_that_hangs_is_waited_for_ten_seconds_and_not_asked_again():
    with hanging.channel as channel:
        hanging.join(60)
        assert (hanging.answer.json["outcome"], hanging.answer.json["reason"]) == ("unknown", "timeout"), hanging.answer
        assert len(gateways.requests("/hang")) == 1 and channel.log()[0]["state"] == "unknown"


if __name__ == "__main__":
    harness.main()
