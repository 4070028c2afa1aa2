"""Webhooks against a mock that answers as it is told: signatures, order, attempts, rates, and what a bad endpoint comes to."""
import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
import uuid

from lib import harness
from lib.harness import wait_until
from lib.ledger import works_server
from lib.mocks import Mock
from lib.people import make_people
from lib.server import certificate

R = "works/item"
server = mock = hanging = None
people = {}


def setup():
    global server, mock, hanging
    mock = Mock()
    server = works_server(workers=2, start=False, config={"outgoing": {"allow": "localhost", "ca_file": certificate()[0]}})
    for tenant in ("one", "two"):
        people[tenant] = make_people(server, tenant, "admin")["admin"]
        for role in ("administrator", "works_all"):
            server.ctl("grant", "add", tenant, "--user", "admin", "--role", role, "--unit", "k", "--reach", "subtree")
    people["street"] = make_people(server, "one", "street")["street"]
    server.ctl("grant", "add", "one", "--user", "street", "--role", "administrator", "--unit", "s1", "--reach", "subtree")
    server.start()
    hanging = Endpoint("/hang")  # for test_bad_endpoints, meanwhile
    mock.script("/hang", mock.hang, then=mock.hang)
    create()


def teardown():
    mock.close()


def unit(code, tenant=1):
    return server.psql(f"SELECT id FROM juxin.unit WHERE code = '{code}' AND tenant_id = {tenant}")[0][0]


def create(code="s1", who="one"):
    made = people[who].post(R, {"title": "秘密标题" + uuid.uuid4().hex[:8], "unit": unit(code, 1 if who == "one" else 2)})
    assert made.status == 201, made
    return made.json["id"]


class Endpoint:
    """One of the district's; removed at the end."""

    def __init__(self, path, events=("works.item",), who="one", url=None, **more):
        self.path, self.who = path, who
        # It hears what gets its number from now on, so nothing of what a test before it did waits for one.
        wait_until(lambda: server.psql("SELECT count(*) FROM juxin.event WHERE seq IS NULL") == [["0"]], 60, "numbers of events")
        made = people[who].post("endpoints", {"name": "名" + path, "url": url or mock.url(path), "events": list(events), **more})
        assert made.status == 201 and made.json["secret"].startswith("whsec_"), made
        self.id, self.secrets = made.json["id"], [made.json["secret"]]

    def seen(self):
        answer = people[self.who].get(f"endpoints/{self.id}")
        assert answer.status == 200, answer
        return answer.json

    def change(self, **members):
        answer = people[self.who].request("PATCH", f"endpoints/{self.id}", members, headers={"If-Match": f'"{self.seen()["version"]}"'})
        assert answer.status == 200, answer

    def test(self):
        answer = people[self.who].post(f"endpoints/{self.id}/test")
        assert answer.status == 200, answer
        return answer.json

    def log(self):
        answer = people[self.who].get(f"endpoints/{self.id}/deliveries?limit=200")
        assert answer.status == 200, answer
        return answer.json["items"]

    def sql(self, assignments):
        """Time passes, in the database."""
        server.psql(f"UPDATE juxin.endpoint SET {assignments} WHERE id = '{self.id}'")

    def messages(self):
        """What came, verified as a receiver does, as (id, event)."""
        return [(r.headers["webhook-id"], self.verified(r)) for r in mock.requests(self.path)]

    def verified(self, request):
        headers, body = request.headers, request.body
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300, headers
        assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8", headers
        given = headers["webhook-signature"].split(" ")
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        own = ["v1," + base64.b64encode(hmac.new(base64.b64decode(s[6:]), signed, hashlib.sha256).digest()).decode() for s in self.secrets]
        assert given == own[-len(given):][::-1], (given, own)
        event = json.loads(body)
        assert event["specversion"] == "1.0" and event["id"] == headers["webhook-id"], event
        return event

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        people[self.who].request("DELETE", f"endpoints/{self.id}")


class Held:
    """An answer that waits until it is let go; the path's next ones are 200."""

    def __init__(self, path):
        self.path, self.gone = path, threading.Event()
        mock.script(path, self.answer)

    def answer(self, handler):
        self.gone.wait(60)
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def __enter__(self):
        return self

    def wait(self):
        wait_until(lambda: mock.requests(self.path), 60, "the request that is held")

    def __exit__(self, *unused):
        self.gone.set()


def decide_anew():
    """Somebody changes the tenant: what was decided is looked at again."""
    server.psql("UPDATE juxin.epoch SET n = n + 1 WHERE tenant_id = 1")


def types(endpoint, record):
    return [e["type"] for _, e in endpoint.messages() if e.get("subject") == record]


def test_events_arrive_signed_and_in_order():
    with Endpoint("/order") as endpoint, Endpoint("/only", ["works.item.update"]) as only:
        records = [create() for _ in range(3)]
        for record in records:
            assert people["one"].request("PATCH", f"{R}/{record}", {"title": "改" + record[:8]}, headers={"If-Match": '"1"'}).status == 200
        wait_until(lambda: len(endpoint.messages()) == 6 and len(only.messages()) == 3, 60, "six messages and three")
        for record in records:
            assert types(endpoint, record) == ["works.item.create", "works.item.update"], endpoint.messages()
            assert types(only, record) == ["works.item.update"]
        numbers = [int(e["sequence"]) for _, e in endpoint.messages()]
        assert numbers == sorted(set(numbers)), numbers
        event = endpoint.messages()[0][1]
        assert event["source"] == "/t/one" and set(event["data"]) == {"resource", "id", "unit", "version", "action"}, event
        everything = b"".join(r.body for r in mock.requests())
        assert "秘密".encode() not in everything and people["one"].account.encode() not in everything
        wait_until(lambda: len(endpoint.log()) == 6, 60, "notes of all")
        log = endpoint.log()
        assert [d["outcome"] for d in log] == ["delivered"] * 6 and {d["status"] for d in log} == {200}, log
        assert [d["message"] for d in log][::-1] == [id for id, _ in endpoint.messages()]
        # One that was made later hears nothing of before; one that is off hears of it when it is on again.
        with Endpoint("/later") as later:
            later.change(active=False)
            record = create()
            wait_until(lambda: types(endpoint, record), 60, "the message at the others")
            assert later.messages() == [] and later.seen()["state"] == "off"
            later.change(active=True)
            wait_until(lambda: types(later, record), 60, "the message")
            assert len(later.messages()) == 1


def test_what_is_not_taken_is_tried_again_and_then_left():
    with Endpoint("/bad") as endpoint:
        mock.script("/bad", 500, (302, {"Location": mock.url("/elsewhere")}), (429, {"Retry-After": "600"}))
        first, second = create(), create()
        for attempt in (1, 2, 3):
            wait_until(lambda: len(endpoint.log()) == attempt and endpoint.seen()["attempts"] == attempt, 60, "an attempt")
            assert types(endpoint, second) == [], "the next one waits its turn"
            wait = float(server.psql(f"SELECT extract(epoch FROM next_at - now()) FROM juxin.endpoint WHERE id = '{endpoint.id}'")[0][0])
            assert wait > (540 if attempt == 3 else 0), wait  # as it was asked to
            endpoint.sql("next_at = now()")
        wait_until(lambda: types(endpoint, second) and len(endpoint.log()) == 5, 60, "the next message")
        ids = [id for id, e in endpoint.messages() if e["subject"] == first]
        assert len(ids) == 4 and len(set(ids)) == 1, ids  # the same message
        assert mock.requests("/elsewhere") == []
        log = [(d["outcome"], d.get("status"), d["attempt"]) for d in reversed(endpoint.log())]
        assert log == [("failed", 500, 1), ("failed", 302, 2), ("failed", 429, 3), ("delivered", 200, 4), ("delivered", 200, 1)], log
        assert endpoint.seen()["failing_since"] is None and endpoint.seen()["state"] == "on"
        mock.script("/bad", 503)
        endpoint.sql("attempts = 7")
        third = create()
        wait_until(lambda: endpoint.log()[0]["outcome"] == "dead", 60, "the last attempt")
        assert endpoint.log()[0]["attempt"] == 8
        endpoint.sql("next_at = now()")
        fourth = create()
        wait_until(lambda: types(endpoint, fourth), 60, "what comes behind it")
        assert types(endpoint, third) == ["works.item.create"]  # once: it was left
        dead = next(d for d in endpoint.log() if d["outcome"] == "dead")
        again = people["one"].post(f"endpoints/{endpoint.id}/deliveries/{dead['id']}/resend")
        assert again.status == 200 and again.json["delivered"] is True, again
        assert types(endpoint, third) == ["works.item.create"] * 2 and len({i for i, e in endpoint.messages() if e["subject"] == third}) == 1


def test_one_that_fails_for_a_day_is_turned_off_and_its_owner_told():
    with Endpoint("/gone") as endpoint:
        mock.script("/gone", 500, then=500)
        create()
        wait_until(lambda: endpoint.seen()["attempts"] == 1, 60, "a failure")
        endpoint.sql("failing_since = now() - interval '25 hours', next_at = now()")
        wait_until(lambda: endpoint.seen()["state"] == "failed", 60, "the end of it")
        assert endpoint.seen()["reason"] == "status"
        told = people["one"].get("notifications?limit=1").json["items"][0]
        assert told["kind"] == "endpoint_failed" and "名/gone" in told["text"]["zh-CN"] and told["record"] is None, told
        count = len(mock.requests("/gone"))
        endpoint.sql("next_at = now()")
        mock.script("/gone", 410)
        endpoint.change(active=True)
        wait_until(lambda: endpoint.seen()["state"] == "failed", 60, "the end of it, at once")
        assert endpoint.seen()["reason"] == "gone" and len(mock.requests("/gone")) == count + 1
        endpoint.change(active=True)
        wait_until(lambda: endpoint.log()[0]["outcome"] == "delivered", 60, "what had waited")


def test_where_it_may_point():
    def refused(url, code):
        answer = people["one"].post("endpoints", {"name": "x", "url": url, "events": ["*"]})
        assert answer.status == 422 and [e["code"] for e in answer.json["errors"] if e["pointer"] == "/url"] == [code], (url, answer)

    for url in (f"https://127.0.0.1:{mock.port}/", "https://10.1.2.3/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://127.1/",
                "https://2130706433/", "https://169.254.169.254/latest", "http://example.com/"):
        refused(url, "not_allowed")
    for url in ("ftp://localhost/", "file:///etc/passwd", "nonsense", "https://u:p@localhost/", "https://local host/", ""):
        refused(url, "url")
    # A name that resolves to a private address is found out when it is asked, whatever it looked like.
    with Endpoint("/x", url=f"https://localhost.localdomain:{mock.port}/x") as endpoint:
        result = endpoint.test()
        assert result["delivered"] is False and result["reason"] in ("address_not_allowed", "unreachable"), result
        assert mock.requests("/x") == []
    for body, pointer in (({"events": []}, "/events"), ({"events": ["works.nothing"]}, "/events/0"), ({"events": ["*", 1]}, "/events/1"),
                          ({"rate_per_minute": 0}, "/rate_per_minute"), ({"rate_per_minute": 6001}, "/rate_per_minute"), ({"name": ""}, "/name")):
        answer = people["one"].post("endpoints", {"name": "x", "url": mock.url("/y"), "events": ["*"], **body})
        assert answer.status == 422 and pointer in [e["pointer"] for e in answer.json["errors"]], (body, answer)


def test_secrets_and_the_test_button():
    with Endpoint("/secret") as endpoint:
        assert endpoint.test()["delivered"] is True
        assert [e["type"] for _, e in endpoint.messages()] == ["core.endpoint.test"]
        answer = people["one"].post(f"endpoints/{endpoint.id}/rotate-secret")
        assert answer.status == 200 and answer.json["secret"] not in endpoint.secrets, answer
        assert len(mock.requests("/secret")[0].headers["webhook-signature"].split(" ")) == 1
        endpoint.secrets.append(answer.json["secret"])
        assert endpoint.test()["delivered"] is True
        last = mock.requests("/secret")[-1]
        assert len(last.headers["webhook-signature"].split(" ")) == 2 and endpoint.verified(last)
        endpoint.sql("old_secret_until = now()")
        assert endpoint.test()["delivered"] is True
        last = mock.requests("/secret")[-1]
        assert len(last.headers["webhook-signature"].split(" ")) == 1 and endpoint.verified(last)
        mock.script("/secret", 404)
        assert {k: v for k, v in endpoint.test().items() if k != "ms"} == {"delivered": False, "status": 404, "reason": "status"}
        stored = json.dumps(server.psql(f"SELECT row_to_json(e) FROM juxin.endpoint e WHERE id = '{endpoint.id}'"))
        for secret in endpoint.secrets:
            assert secret[6:] not in stored and secret not in json.dumps(endpoint.seen()) and secret not in server.log()
        assert mock.url("/secret") not in server.log()  # keys in URLs are not logged


def test_rates():
    with Endpoint("/rate", rate_per_minute=3) as endpoint:
        records = [create() for _ in range(5)]
        wait_until(lambda: len(endpoint.messages()) >= 3, 60, "as many as may go out")
        wait = lambda: server.psql(f"SELECT after_seq < (SELECT n FROM juxin.event_head WHERE tenant_id = 1), next_at > now() FROM juxin.endpoint"
                                   f" WHERE id = '{endpoint.id}'")[0]
        wait_until(lambda: wait() == ["t", "t"], 60, "its pause")
        assert len(endpoint.messages()) == 3, "no more than three in the first seconds of a minute"
        answer = people["one"].post(f"endpoints/{endpoint.id}/test")
        assert answer.status == 429 and answer.json["code"] == "rate", answer
        endpoint.sql("tokens_at = now() - interval '1 minute', next_at = now()")
        wait_until(lambda: len(endpoint.messages()) == 5, 60, "the rest")
        assert [e["subject"] for _, e in endpoint.messages()] == records


def test_whose_they_are():
    """By the rights of who made it, at that moment; for who may manage them at its unit; of the own district alone."""
    with Endpoint("/one") as endpoint, Endpoint("/two", who="two") as other, Endpoint("/unit", unit=unit("s1")) as below:
        above, here = create("k"), create("s1")
        wait_until(lambda: types(endpoint, here) and types(endpoint, above) and types(below, here), 60, "messages")
        assert types(below, above) == [] and other.messages() == []
        assert [e["id"] for e in people["street"].get("endpoints").json["items"]] == [below.id]
        missing = people["one"].get(f"endpoints/{uuid.uuid4()}")
        for who, id in (("two", endpoint.id), ("street", endpoint.id)):
            for method, path in (("GET", ""), ("GET", "/deliveries"), ("POST", "/test"), ("POST", "/rotate-secret"), ("DELETE", "")):
                answer = people[who].request(method, f"endpoints/{id}{path}")
                assert (answer.status, answer.json["code"]) == (missing.status, missing.json["code"]) == (404, "not_found"), answer
        grant = server.psql("SELECT g.id FROM juxin.access_grant g JOIN juxin.role r ON r.tenant_id = g.tenant_id AND r.id = g.role_id WHERE r.name ="
                            f" 'works_all' AND g.account_id = '{people['one'].account}'")[0][0]
        role_less = create()
        wait_until(lambda: types(endpoint, role_less), 60, "the last message")
        server.ctl("grant", "end", "one", grant)
        try:
            made = server.psql("SELECT n FROM juxin.event_head WHERE tenant_id = 1")[0][0]
            writer = make_people(server, "one", "other")["other"]
            server.ctl("grant", "add", "one", "--user", "other", "--role", "works_all", "--unit", "k", "--reach", "subtree")
            hidden = writer.post(R, {"title": "不可见", "unit": unit("s1")}).json["id"]
            wait_until(lambda: int(server.psql(f"SELECT after_seq FROM juxin.endpoint WHERE id = '{endpoint.id}'")[0][0]) > int(made), 60,
                       "it was looked at")
            assert types(endpoint, hidden) == []
        finally:
            server.ctl("grant", "add", "one", "--user", "admin", "--role", "works_all", "--unit", "k", "--reach", "subtree")


def test_bad_endpoints():
    """One that hangs, sends to loopback or answers ten gigabytes holds up nobody and gets nothing."""
    bad = (("/pour", mock.pour, "too_large"),
           ("/loop", (302, {"Location": f"https://127.0.0.1:{mock.port}/inner"}), "status"))
    with contextlib.ExitStack() as stack:
        endpoints = {path: stack.enter_context(Endpoint(path)) for path, _, _ in bad}
        good = stack.enter_context(Endpoint("/good"))
        for path, answer, _ in bad:
            mock.script(path, answer, then=answer)
        record = create()
        wait_until(lambda: types(good, record), 60, "the message at the other")
        assert types(hanging, record) == [], "that one still waits for an answer"
        wait_until(hanging.log, 60, "the end of its patience")
        assert {(d["reason"], d["outcome"]) for d in hanging.log()} == {("timeout", "failed")}, hanging.log()
        for path, _, reason in bad:
            wait_until(endpoints[path].log, 60, "the outcome")
            assert {(d["reason"], d["outcome"]) for d in endpoints[path].log()} == {(reason, "failed")}, endpoints[path].log()
    assert mock.poured < 64 << 20, mock.poured
    assert mock.requests("/inner") == []


def test_who_points_it_elsewhere_lends_it_their_own_rights():
    """Whoever manages endpoints is told nothing with the rights of another who made one."""
    with Endpoint("/lent", unit=unit("s1")) as endpoint:
        first = create()
        wait_until(lambda: types(endpoint, first), 60, "what its maker may read")
        endpoint.who = "street"
        endpoint.change(name="改名", rate_per_minute=120)
        assert endpoint.seen()["created_by"] == people["one"].account, "as it was told before"
        endpoint.change(url=mock.url("/own"))
        assert endpoint.seen()["created_by"] == people["street"].account, endpoint.seen()
        second = create()
        number = f"SELECT seq FROM juxin.event WHERE payload LIKE '%{second}%'"
        wait_until(lambda: server.psql(f"SELECT after_seq >= ({number}) FROM juxin.endpoint WHERE id = '{endpoint.id}'") == [["t"]], 60, "it")
        assert mock.requests("/own") == [] and types(endpoint, second) == [], "not for who manages endpoints to read"
        log = endpoint.log()
        resent = people["street"].post(f"endpoints/{endpoint.id}/deliveries/{log[-1]['id']}/resend")
        assert resent.status == 410, resent
        # Whose maker is disabled is told nothing, by hand neither.
        endpoint.who = "one"
        endpoint.change(active=True)
        assert endpoint.seen()["created_by"] == people["one"].account
        server.psql(f"UPDATE juxin.account SET is_active = false WHERE id = '{people['one'].account}'")
        try:
            resent = people["street"].post(f"endpoints/{endpoint.id}/deliveries/{log[-1]['id']}/resend")
            assert resent.status == 410 and mock.requests("/own") == [], resent
        finally:
            server.psql(f"UPDATE juxin.account SET is_active = true WHERE id = '{people['one'].account}'")


def test_what_is_sent_by_hand_is_sent_once():
    with Endpoint("/hand") as endpoint:
        answers = []
        with Held("/hand") as held:
            thread = threading.Thread(target=lambda: answers.append(endpoint.test()))
            thread.start()
            held.wait()
            decide_anew()
        thread.join(60)
        assert answers and answers[0]["delivered"] is True, answers
        assert len(mock.requests("/hand")) == 1, endpoint.messages()
        assert [d["outcome"] for d in endpoint.log()] == ["delivered"], endpoint.log()


def test_a_change_holds_from_the_next_message_on():
    with Endpoint("/before") as endpoint, Endpoint("/after", ["works.item.delete"]):
        with Held("/before") as held:
            records = [create() for _ in range(3)]
            held.wait()
            endpoint.change(url=mock.url("/after"))
        wait_until(lambda: len(mock.requests("/after")) == 2, 60, "the others where it points now")
        assert len(mock.requests("/before")) == 1
        assert [json.loads(r.body)["subject"] for r in mock.requests("/before") + mock.requests("/after")] == records
        wait_until(lambda: [d["outcome"] for d in endpoint.log()] == ["delivered"] * 3, 60, "notes of all")
    with Endpoint("/rights") as endpoint:
        with Held("/rights") as held:
            records = [create() for _ in range(3)]
            held.wait()
            mine = f"SELECT g.id FROM juxin.access_grant g WHERE g.account_id = '{people['one'].account}'"
            ended = [i for (i,) in server.psql(mine + " AND g.valid_until IS NULL")]
            listed = "', '".join(ended)
            server.psql(f"UPDATE juxin.access_grant SET valid_until = now() WHERE id IN ('{listed}')")
            decide_anew()
        number = f"SELECT seq FROM juxin.event WHERE payload LIKE '%{records[-1]}%'"
        try:
            wait_until(lambda: server.psql(f"SELECT after_seq >= ({number}) FROM juxin.endpoint WHERE id = '{endpoint.id}'") == [["t"]], 60, "it")
            assert len(mock.requests("/rights")) == 1, "the rights ended while the first was on its way"
        finally:
            server.psql(f"UPDATE juxin.access_grant SET valid_until = NULL WHERE id IN ('{listed}')")
            decide_anew()


def test_a_kill_in_the_middle_loses_nothing():
    with Endpoint("/kill") as endpoint:
        mock.script("/kill", mock.hang, then=200)
        record = create()
        wait_until(lambda: types(endpoint, record), 60, "the first message")
        server.ctl("reload")
        wait_until(lambda: len(types(endpoint, record)) == 2, 90, "the message again")
        assert len({id for id, _ in endpoint.messages()}) == 1
        wait_until(lambda: endpoint.log() and endpoint.log()[0]["outcome"] == "delivered", 60, "its note")


def test_too_many_at_once_is_no_failure():
    """What others' requests take up is no fault of an endpoint's."""
    server.config["outgoing"]["side_by_side"] = 1
    server.write_config()
    carrier = "SELECT holder FROM juxin.lease WHERE name = 'endpoints' AND until > now()"
    before = server.psql(carrier)
    hanging.__exit__()
    server.ctl("reload")
    wait_until(lambda: server.psql(carrier) not in ([], before), 60, "a worker of the new generation to carry")
    assert people["one"].get("endpoints").status == 200  # on a connection to it
    with Endpoint("/full") as full, Endpoint("/waits", ["works.item.update"]) as waits:
        turns = set()
        with Held("/full") as held:
            record = create()
            held.wait()
            changed = people["one"].request("PATCH", f"{R}/{record}", {"title": "改动"}, headers={"If-Match": '"1"'})
            assert changed.status == 200, changed

            def looked_at():
                turns.add(server.psql(f"SELECT next_at FROM juxin.endpoint WHERE id = '{waits.id}'")[0][0])
                return len(turns) > 4

            wait_until(looked_at, 60, "it to have had its turn")
            assert mock.requests("/waits") == [] and waits.log() == [] and waits.seen()["attempts"] == 0, waits.log()
        wait_until(lambda: types(waits, record) and waits.log() and full.log(), 60, "both")
        assert [d["outcome"] for d in waits.log()] == ["delivered"] and waits.seen()["failing_since"] is None


if __name__ == "__main__":
    harness.main()
