#!/usr/bin/env python3
# sent
"""People come in by an act of their own: invitations and codes sent to phones, as a gateway gets them; who withdrew is not
invited again, and nobody learns who is here."""
import statistics
import time
import uuid

from lib import harness
from lib.gateways import Gateways
from lib.harness import wait_until
from lib.ledger import works_server
from lib.plugins import install
from lib.server import certificate

T = "/t/one/api/v1"
server = gateways = None
people, units = {}, {}
numbers = iter(range(13800001000, 13800009999))


def account(login, *roles, unit="k"):
    made = server.ctl_json("user", "create", "one", login, "--name", login.upper(), "--generate")
    for role in roles:
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", unit, "--reach", "subtree")
    client = server.client()
    answer = client.post(T + "/session", {"login": login, "password": made["password"]})
    assert answer.status == 201, answer
    client.csrf, client.account = answer.json["csrf_token"], answer.json["account"]
    people[login] = client
    return client


def setup():
    global server, gateways
    gateways = Gateways()
    server = works_server(workers=2, more_plugins=lambda directory: install(directory, "register", "visits"),
                          config={"outgoing": {"allow": "localhost", "ca_file": certificate()[0]},
                                  "limits": {"sign_ins_per_minute": 100000}})
    for code, id in server.psql("SELECT u.code, u.id FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id WHERE t.slug = 'one'"):
        units[code] = id
    account("worker", "administrator")
    account("elsewhere", "administrator", unit="s1")
    account("clerk", "register_reader")
    publish("visits")
    gateway()


def teardown():
    gateways.close()


def gateway():
    """The district's, turned on."""
    made = people["worker"].post(T + "/channels", {
        "name": "短信", "kind": "sms", "secrets": {"key": "Key-1+=&"}, "receiver_per_hour": 1000, "config": {
            "url": gateways.url("/sms"), "headers": {"X-Key": "{secret.key}"},
            "json": {"PhoneNumbers": "{to}", "TemplateCode": "{template}", "TemplateParam": "{params}"},
            "templates": {"code": {"id": "SMS_1", "parameters": ["code", "minutes"]},
                          "invitation": {"id": "SMS_2", "parameters": ["unit", "code"]}},
            "success": {"pointer": "/Code", "equals": ["OK"]}}})
    assert made.status == 201, made
    on = people["worker"].patch(f"{T}/channels/{made.json['id']}", {"active": True}, headers={"If-Match": '"1"'})
    assert on.status == 200, on


def publish(purpose, **more):
    answer = people["worker"].post(T + "/notices", {"purpose": purpose, "title_zh": "告知书", "title_en": "Notice", "text_zh":
                                                    f"为{purpose}收集。", "text_en": f"For {purpose}.", **more})
    assert answer.status == 201, answer
    return answer.json["id"]


def number():
    return str(next(numbers))


def told(answer, status, code=None):
    assert answer.status == status and (code is None or answer.json["code"] == code), answer
    return answer.json


def refused(answer, pointer, code):
    assert answer.status == 422, answer
    found = [e for e in answer.json["errors"] if e["pointer"] == pointer]
    assert found and found[0]["code"] == code, answer


def messages(phone, kind=None):
    """What the gateway was asked to send there, parameters only."""
    template = {"code": "SMS_1", "invitation": "SMS_2"}.get(kind)
    return [params for body, params in gateways.got("/sms") if body["PhoneNumbers"] == phone and template in (None, body["TemplateCode"])]


def quiet():
    """All that was to be sent was handed over."""
    wait_until(lambda: server.psql("SELECT count(*) FROM juxin.job WHERE kind IN ('phone.code', 'own.invite') AND state IN "
                                   "('waiting', 'running')") == [["0"]] and server.psql("SELECT count(*) FROM juxin.message WHERE state IN "
                                   "('waiting', 'sending')") == [["0"]], 60, "the messages to be handed over")


def code_of(phone, kind="code", n=1):
    return wait_until(lambda: len(messages(phone, kind)) >= n and messages(phone, kind)[-1]["code"], 60, f"{kind} to {phone}")


def invite(phone=None, login="worker", unit="s1", **more):
    answer = people[login].post(T + "/invitations", {"unit": units[unit], "purpose": "visits", **({"phone": phone} if phone else {}),
                                                     **more})
    assert answer.status == 201, answer
    return answer.json


def notice_of(client, invitation):
    return told(client.post(T + "/invitation", {"invitation": invitation}), 200)


def accept(client, invitation, phone, name="韦小泉", notice=None):
    n = len(messages(phone, "code"))
    shown = notice_of(client, invitation)
    assert client.post(T + "/invitation/code", {"invitation": invitation, "phone": phone}).status == 204
    return client.post(T + "/invitation/accept", {"invitation": invitation, "notice": notice or shown["notice"]["id"], "display_name":
                                                  name, "code": code_of(phone, n=n + 1)})


def registered(phone, **more):
    client = server.client()
    answer = told(accept(client, invite()["code"], phone, **more), 201)
    client.csrf, client.account = answer["csrf_token"], answer["account"]
    return client


def withdraw(client):
    for consent in client.get(T + "/me/consents").json["items"]:
        if not consent["ended_at"]:
            assert client.delete(f"{T}/me/consents/{consent['id']}").status == 204


def sign_in(phone, client=None):
    client = client or server.client()
    n = len(messages(phone, "code"))
    assert client.post(T + "/session/code", {"phone": phone}).status == 204
    answer = client.post(T + "/session/by-code", {"code": code_of(phone, n=n + 1)})
    if answer.status == 201:
        client.csrf, client.account = answer.json["csrf_token"], answer.json["account"]
    return answer


def test_a_printed_code_is_used_once_by_the_person():
    made, phone, client = invite(), number(), server.client()
    assert len(made["code"].replace("-", "")) == 16
    shown = notice_of(client, made["code"].lower().replace("-", " "))
    assert (shown["unit_name"], shown["how"], shown["notice"]["purpose"]) == ("S1", "qr", "visits"), shown
    assert server.psql(f"SELECT count(*) FROM juxin.account WHERE phone = '{phone}'") == [["0"]]
    other = publish("other")
    told(accept(client, made["code"], phone, notice=other), 404)
    answer = told(accept(client, made["code"], phone), 201)
    client.csrf = answer["csrf_token"]
    assert told(client.get(T + "/session"), 200)["account"] == answer["account"]
    consents = told(client.get(T + "/me/consents"), 200)["items"]
    assert [(c["purpose"], c["how"], c["sha256"]) for c in consents] == [("visits", "qr", shown["notice"]["sha256"])], consents
    own = client.get(T + "/me/data/account").json["items"][0]
    assert (own["display_name"], own["phone"]) == ("韦小泉", phone), own
    told(server.client().post(T + "/invitation", {"invitation": made["code"]}), 404, "no_invitation")
    listed = [i for i in people["worker"].get(T + "/invitations?state=used").json["items"] if i["id"] == made["id"]]
    assert listed and listed[0]["phone"] is None, listed
    row = server.psql(f"SELECT token_hash, phone_mac, phone FROM juxin.invitation WHERE id = '{made['id']}'")[0]
    assert row == ["", "", ""], row
    assert made["code"] not in server.log() and phone not in server.log()


def test_a_number_is_invited():
    phone, client = number(), server.client()
    made = invite("+86 " + phone)
    assert made["code"] is None
    token = code_of(phone, "invitation")
    row = server.psql(f"SELECT token_hash, phone_mac, phone FROM juxin.invitation WHERE id = '{made['id']}'")[0]
    assert phone not in str(row) and token not in str(row) and row[2].startswith("$A256GCM$"), row
    shown = told(people["worker"].get(f"{T}/invitations/{made['id']}"), 200)
    assert (shown["state"], shown["phone"]) == ("open", f"{phone[:3]}****{phone[-4:]}"), shown
    # Another number than the invited one gets nothing, and the answer does not say so.
    other = number()
    assert client.post(T + "/invitation/code", {"invitation": token, "phone": other}).status == 204
    quiet()
    assert messages(other) == []
    told(accept(client, token, phone), 201)
    assert told(server.client().post(T + "/invitation", {"invitation": token}), 404)["code"] == "no_invitation"


def test_what_is_no_invitation():
    client = server.client()
    for bad in ("", "x", "AAAA-BBBB-CCCC-DDDD", "A" * 41, "☃"):
        assert client.post(T + "/invitation", {"invitation": bad}).status == 404, bad
    over, revoked = invite(), invite()
    server.psql(f"UPDATE juxin.invitation SET expires_at = now() - interval '1 minute' WHERE id = '{over['id']}'")
    assert people["worker"].delete(f"{T}/invitations/{revoked['id']}").status == 204
    told(people["worker"].delete(f"{T}/invitations/{revoked['id']}"), 409, "ended")
    for made, state in ((over, "expired"), (revoked, "revoked")):
        for path, more in (("", {}), ("/code", {"phone": number()}), ("/accept", {"notice": str(uuid.uuid4()), "code": "000000",
                                                                                 "display_name": "x"})):
            told(client.post(T + "/invitation" + path, {"invitation": made["code"], **more}), 404, "no_invitation")
        assert made["id"] in [i["id"] for i in people["worker"].get(f"{T}/invitations?state={state}").json["items"]]
    # Units: who may not invite there neither makes nor sees them.
    root = invite(unit="k")
    assert people["elsewhere"].get(f"{T}/invitations/{root['id']}").status == 404
    assert people["elsewhere"].delete(f"{T}/invitations/{root['id']}").status == 404
    assert people["elsewhere"].get(f"{T}/invitations?unit=k").status == 404
    assert root["id"] not in people["elsewhere"].get(T + "/invitations?limit=200").text
    refused(people["elsewhere"].post(T + "/invitations", {"unit": units["k"], "purpose": "visits"}), "/unit", "unknown")
    assert people["clerk"].post(T + "/invitations", {"unit": units["s1"], "purpose": "visits"}).status == 403
    refused(people["worker"].post(T + "/invitations", {"unit": units["s1"], "purpose": "nothing"}), "/purpose", "unknown")
    refused(people["worker"].post(T + "/invitations", {"unit": units["s1"], "purpose": "visits", "phone": "12"}), "/phone", "pattern")
    for days in (0, 31):
        refused(people["worker"].post(T + "/invitations", {"unit": units["s1"], "purpose": "visits", "days": days}), "/days", "range")

    def purged():
        server.psql("UPDATE juxin.job SET run_at = now() WHERE kind = 'own.retain' AND state = 'waiting'")
        return server.psql(f"SELECT count(*) FROM juxin.invitation WHERE id = '{over['id']}'") == [["0"]]

    wait_until(purged, 60, "what is over to be purged")
    assert server.psql(f"SELECT count(*) FROM juxin.invitation WHERE id = '{root['id']}'") == [["1"]]


def seen(answer):
    """Of an invitation: all that its worker can tell it by, but what is its own."""
    return answer.status, {k: v if v is None or k == "how" else k for k, v in answer.json.items()}


def test_who_withdrew_is_not_invited_again():
    phone, fresh = number(), number()
    client = registered(phone)
    withdraw(client)
    assert phone not in str(server.psql("SELECT phone_mac, purpose FROM juxin.suppression"))
    answers = [people["worker"].post(T + "/invitations", {"unit": units["s1"], "purpose": "visits", "phone": p}) for p in (phone, fresh)]
    code_of(fresh, "invitation")
    quiet()
    assert messages(phone, "invitation") == [], "nobody who withdrew is invited"
    assert seen(answers[0]) == seen(answers[1])
    shown = [told(people["worker"].get(f"{T}/invitations/{a.json['id']}"), 200) for a in answers]
    assert [{k: s[k] for k in ("state", "how", "purpose", "unit")} for s in shown] == [
        {"state": "open", "how": "sms", "purpose": "visits", "unit": units["s1"]}] * 2, shown
    # For another purpose they may be; by an act of their own they are back.
    publish("elsewhere")
    invite(phone, purpose="elsewhere")
    code_of(phone, "invitation")
    told(accept(server.client(), invite()["code"], phone), 201)
    server.psql("UPDATE juxin.invitation SET created_at = created_at - interval '2 days'")
    invite(phone)
    code_of(phone, "invitation", 2)


def test_a_number_is_not_written_to_twice_in_a_day():
    phone = number()
    answers = [people[login].post(T + "/invitations", {"unit": units["s1"], "purpose": "visits", "phone": phone})
               for login in ("worker", "elsewhere")]
    code_of(phone, "invitation")
    quiet()
    assert len(messages(phone)) == 1 and seen(answers[0]) == seen(answers[1]), messages(phone)


def test_signed_paper():
    phone, notice = number(), [n for n in people["worker"].get(T + "/notices").json["items"] if n["purpose"] == "visits"][0]["id"]
    body = {"unit": units["s1"], "notice": notice, "display_name": "闻人语", "phone": phone, "filed": "档案柜 3-12", "signed_on": "2026-01-05"}
    made = told(people["worker"].post(T + "/registrations", body), 201)
    refused(people["worker"].post(T + "/registrations", dict(body, filed="")), "/filed", "length")
    refused(people["worker"].post(T + "/registrations", dict(body, signed_on="2999-01-01")), "/signed_on", "range")
    refused(people["worker"].post(T + "/registrations", dict(body, signed_on="x")), "/signed_on", "type")
    told(people["worker"].post(T + "/registrations", body), 409, "agreed")
    client = server.client()
    assert sign_in(phone, client).status == 201
    assert client.account == made["id"]
    consent = client.get(T + "/me/consents").json["items"][0]
    assert (consent["id"], consent["how"], consent["filed"], consent["signed_on"]) == (made["consent"], "paper", "档案柜 3-12", "2026-01-05")
    # An older paper does not undo a withdrawal, and says no more than that the number cannot be used.
    withdraw(client)
    told(people["worker"].post(T + "/registrations", body), 409, "phone_unusable")
    del body["signed_on"]
    told(people["worker"].post(T + "/registrations", body), 201)
    # Of somebody who belongs elsewhere nothing is told either.
    taken, gone = number(), number()
    told(people["worker"].post(T + "/registrations", dict(body, unit=units["k"], phone=taken)), 201)
    withdraw(registered(gone))
    answers = [people["elsewhere"].post(T + "/registrations", dict(body, phone=p, signed_on="2026-01-05")) for p in (taken, gone)]
    assert [(a.status, a.json["code"], a.json["detail"]) for a in answers][0] == [
        (a.status, a.json["code"], a.json["detail"]) for a in answers][1] and answers[0].status == 409, answers
    assert people["clerk"].post(T + "/registrations", body).status == 403


def test_signing_in_by_a_code():
    phone = number()
    registered(phone)
    client, thief = server.client(), server.client()
    assert client.post(T + "/session/code", {"phone": phone}).status == 204
    code = code_of(phone, n=2)
    assert len(code) == 6 and code.isdigit()
    stored = str(server.psql("SELECT * FROM juxin.phone_code"))
    assert code not in stored.replace(phone, "") and phone not in stored, "nothing of it is in the database"
    refused(thief.post(T + "/session/by-code", {"code": code}), "/code", "wrong_code")
    wrong = f"{(int(code) + 1) % 1000000:06}"
    for _ in range(4):
        refused(client.post(T + "/session/by-code", {"code": wrong}), "/code", "wrong_code")
    answer = client.post(T + "/session/by-code", {"code": code})
    assert answer.status == 201, answer
    assert client.get(T + "/session").status == 200
    refused(client.post(T + "/session/by-code", {"code": code}), "/code", "wrong_code")  # used
    # Five tries are all there are, and five minutes.
    assert client.post(T + "/session/code", {"phone": phone}).status == 204
    code = code_of(phone, n=3)
    wrong = f"{(int(code) + 1) % 1000000:06}"
    for _ in range(5):
        refused(client.post(T + "/session/by-code", {"code": wrong}), "/code", "wrong_code")
    refused(client.post(T + "/session/by-code", {"code": code}), "/code", "wrong_code")
    assert client.post(T + "/session/code", {"phone": phone}).status == 204
    code = code_of(phone, n=4)
    server.psql("UPDATE juxin.phone_code SET expires_at = now() - interval '1 second' WHERE used_at IS NULL")
    refused(client.post(T + "/session/by-code", {"code": code}), "/code", "wrong_code")
    assert code not in server.log() and phone not in server.log()


def test_nobody_learns_who_is_here():
    """From answers; and not from the time that they take, which is printed: nothing is looked up before the answer."""
    known, unknown = number(), number()
    registered(known)
    took, answers = {known: [], unknown: []}, {known: [], unknown: []}
    for phone in (known, unknown) * 4:
        began = time.monotonic()
        answer = server.client().post(T + "/session/code", {"phone": phone})
        took[phone].append(time.monotonic() - began)
        answers[phone].append((answer.status, sorted(k.lower() for k in answer.headers.keys())))
    assert answers[known] == answers[unknown] and answers[known][0][0] == 204, answers
    print(f"       {statistics.median(took[known]) * 1000:.1f} ms known, {statistics.median(took[unknown]) * 1000:.1f} ms not")
    quiet()
    assert messages(unknown) == []


def test_numbers_have_a_limit():
    phone = number()
    status = [server.client().post(T + "/session/code", {"phone": phone}).status for _ in range(5)]
    assert status[:3] == [204] * 3 and 429 in status, status


def test_officers_need_more_than_a_phone():
    phone = number()
    client = registered(phone)
    server.ctl("grant", "add", "one", "--user", server.psql(f"SELECT login FROM juxin.account WHERE phone = '{phone}'")[0][0],
               "--role", "register_reader", "--unit", "s1", "--reach", "self")
    assert server.client().post(T + "/session/code", {"phone": phone}).status == 204
    quiet()
    assert len(messages(phone, "code")) == 1, "that of the registration"


def test_own_name_and_number():
    phone, fresh, taken = number(), number(), number()
    client = registered(phone)
    registered(taken)
    assert client.patch(T + "/me/account", {"display_name": "韦大泉"}).status == 204
    refused(client.patch(T + "/me/account", {"display_name": ""}), "/display_name", "required")
    refused(client.patch(T + "/me/account", {}), "/display_name", "required")
    assert client.post(T + "/me/account/code", {"phone": taken}).status == 204
    quiet()
    assert len(messages(taken, "code")) == 1
    assert client.post(T + "/me/account/code", {"phone": fresh}).status == 204
    refused(client.patch(T + "/me/account", {"code": "000000"}), "/code", "wrong_code")
    assert client.patch(T + "/me/account", {"code": code_of(fresh)}).status == 204
    own = client.get(T + "/me/data/account").json["items"][0]
    assert (own["display_name"], own["phone"]) == ("韦大泉", fresh), own
    assert client.get(T + "/session").json["display_name"] == "韦大泉"
    assert sign_in(fresh).status == 201


if __name__ == "__main__":
    harness.main()
