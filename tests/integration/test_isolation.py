#!/usr/bin/env python3
# long
"""Two districts full of canaries: every endpoint of the server's own OpenAPI document is called as the one with ids, codes,
cursors and tokens of the other. No canary comes back, and the answer is the one for what does not exist."""
import json
import re
import urllib.parse

from lib import harness, rowsecurity
from lib.server import ROOT
from lib.twins import HEX, SENTENCE, UUID, Twins, tenant_tables
from lib.walk import BY_PHONE, PUBLIC, Walker, near, slots

twins = a = b = None
walker = other = None
texts = ids = None


def setup():
    global twins, a, b, walker, other, texts, ids
    twins = Twins(plugins=("register",), workers=2)
    twins.start()
    a, b = twins.a, twins.b
    walker, other = Walker(a), Walker(b)
    texts, ids = b.canaries(a)
    assert len(ids) > 150, len(ids)


def without(said, sent):
    """What was sent may come back to who sent it: as it is, in an address, in JSON."""
    each = sent if isinstance(sent, list) else [sent]
    values = [v["id"] if isinstance(v, dict) and "id" in v else v for v in each]
    for value in values:
        for form in (str(value), urllib.parse.quote(str(value), safe=""), json.dumps(value, ensure_ascii=False)):
            said = said.replace(form.encode(), b"<sent>")
    return said


def leaks(answer, sent=""):
    """What of the other district's the answer holds."""
    said = without(answer.body + str(answer.headers).encode(), sent)
    return [t for t in texts if t in said] + [i for i in UUID.findall(said) + HEX.findall(said) if i in ids]


def told(answer, sent=""):
    """All that a client can tell an answer by; the request's own number and the time are in every one. The length is that of the
    body, which may repeat what was sent."""
    headers = sorted(k.lower() + ":" + v for k, v in answer.headers.items()
                     if k.lower() not in ("date", "x-request-id", "content-length"))
    number = answer.headers["X-Request-Id"].encode()
    body = re.sub(rb'"computed_at":"[^"]*"', b"", answer.body.replace(number, b""))
    return answer.status, *(without(said, sent) for said in ("\n".join(headers).encode(), body))


def client_for(operation):
    """A stranger where one need not be signed in, so that nobody's cookies change."""
    return a.client() if (operation.method, operation.path) in PUBLIC else a.boss


def works(operation):
    """The operation's own call succeeds: otherwise comparing its refusals would prove nothing."""
    refused = []
    for walker.choice in range(4):
        try:
            call = walker.working(operation)
            client = a.sign_in() if (operation.method, operation.path) == ("DELETE", "/session") else client_for(operation)
            answer = call.send(client, a.prefix)
            if 200 <= answer.status < 300:
                return None
            refused.append(f"{call}: {answer}")
        except AssertionError as why:  # a step on the way there
            refused.append(str(why))
    return f"{operation}: {refused[-1]}"


def takes_nothing(operation):
    """Resources without transitions have the path all the same; and a code is on a phone."""
    return operation.path.endswith("/{id}/transitions/{name}") and not operation.transition or (
        operation.method, operation.path) in BY_PHONE


def test_every_operation_works_for_its_own():
    failed = [why for why in map(works, (o for o in walker.operations if not takes_nothing(o))) if why]
    walker.choice = 0
    assert not failed, "\n".join(failed)


def pairs():
    """The operation's own call with one value replaced: by the other district's, and by nobody's."""
    for operation in walker.operations:
        for where, name, kind in slots(operation):
            foreign = other.existing(operation, where, name, kind)
            nobodys = near(foreign)
            made = [walker.working(operation) for _ in range(2 if operation.method != "GET" else 1)]
            for call in made:
                if operation.path.startswith("/grants") and name in ("department", "post") and where == "body":
                    call.body.pop("account")
                if operation.path == "/posts" and name in ("council", "department") and where == "body":
                    call.body["kind"] = {"council": "council", "department": "duty"}[name]
            yield operation, name, foreign, nobodys, made[0].but(where, name, foreign), made[-1].but(where, name, nobodys)


def shape(answer):
    """Of what was made: which members it has. Their ids, times and numbers are new each time."""
    def of(value):
        if isinstance(value, dict):
            return {k: of(v) for k, v in value.items()}
        return [of(v) for v in value] if isinstance(value, list) else "value"
    return answer.status, of(answer.json) if answer.body else None


def names_something(value):
    """Numbers, dates and the like are nobody's."""
    return isinstance(value, list) or bool(re.search(r"[0-9a-f-]{36}|" + b.slug + "|" + b.letters, str(value)))


def test_nothing_of_the_other_district_comes_back():
    wrong, asked = [], 0
    before = state_of(b)
    for operation, name, foreign, nobodys, call, alike in pairs():
        client = client_for(operation)
        first, second = (c.send(client, a.prefix) for c in (call, alike))
        asked += 1
        found = leaks(first, foreign)
        if found:
            wrong.append(f"{operation}: {name}={foreign}: canaries {found} in {first}")
        if operation.method != "GET" and first.status < 300:
            if shape(first) != shape(second):
                wrong.append(f"{operation}: {name}: {first} is not {second}")
        elif names_something(foreign) and told(first, foreign) != told(second, nobodys):
            wrong.append(f"{operation}: {name}={foreign}: {first} {first.headers} is not {second} {second.headers}")
    print(f"       {len(walker.operations)} operations, {asked} values replaced")
    after = state_of(b)
    assert not wrong, "\n".join(wrong)
    changed = {t: sorted(set(before[t]) ^ set(after[t])) for t in before if before[t] != after[t]}
    assert not changed, changed


def state_of(district):
    """Every row of the district's, but what its own background work and its own session move on."""
    tables = [t for (t,) in tenant_tables(twins.server) if not re.search(r"audit|outbox|event|plugin_unit", t)]
    return {t: sorted(r for (r,) in twins.server.psql(
        f"SELECT to_jsonb(x) - 'last_seen_at' - 'idle_until' FROM {t} x WHERE tenant_id = {district.id}")) for t in tables}


def holding(name, value):
    client = a.client()
    client.cookies, client.csrf = {name: value}, "none"
    return client


def test_the_other_districts_credentials_are_none():
    """Cookies and tokens of the one at the addresses of the other, for every operation: as ones that were never given out."""
    ours, theirs = "__Host-jx-" + a.slug, "__Host-jx-" + b.slug
    cookie, token = b.boss.cookies[theirs], b.token["token"]
    cases = [
        (a, "a token", a.client(token=token), a.client(token=near(token))),
        (a, "a session under our name", holding(ours, cookie), holding(ours, near(cookie))),
        (a, "a session under its own", holding(theirs, cookie), holding(theirs, near(cookie))),
        (b, "our session", holding(ours, a.boss.cookies[ours]), holding(ours, near(cookie))),
        (b, "our token", a.client(token=a.token["token"]), a.client(token=near(token))),
    ]
    for operation in walker.operations:
        if (operation.method, operation.path) in PUBLIC:
            continue
        for district, what, stranger, nobody in cases:
            path = {n: other.existing(operation, "path", n, k) for w, n, k in slots(operation) if w == "path"}
            target = re.sub(r"\{(\w+)\}", lambda m: path.get(m[1], "works"), operation.path)
            body = None if operation.method in ("GET", "DELETE") else {}
            first, second = (c.request(operation.method, district.prefix + target, body, {"If-Match": '"1"'})
                             for c in (stranger, nobody))
            assert first.status == 401, (operation, what, first)
            assert told(first) == told(second) and not leaks(first), (operation, what, first, second)
    mixed = holding(ours, a.boss.cookies[ours])
    answers = []
    for mixed.csrf in (b.boss.csrf, near(b.boss.csrf)):
        answers.append(mixed.post(a.prefix + "/works/item", {"title": "x"}))
    assert answers[0].status == 403 and told(answers[0]) == told(answers[1]), answers


def test_a_key_is_the_districts():
    """An Idempotency-Key that the other district has used is a new one here, and stays used there."""
    body = {"title": "一样的事项", "unit": a.units["c1"]}
    first, again = (a.call("POST", "/works/item", body, headers=b.key) for _ in range(2))
    assert first.status == 201 and "replayed" not in first.json, first
    assert again.json["replayed"] is True and again.json["id"] == first.json["id"], again
    theirs = b.boss.post(b.prefix + "/works/item", dict(body, unit=b.units["c1"]), headers=b.key)
    assert theirs.status == 422 and theirs.json["code"] == "idempotency_key_reused", theirs


def test_nothing_of_any_district_is_told_to_operators_tools():
    """Health, metrics and the log: no names, no texts, of nobody."""
    said = [twins.server.admin().get(path).text for path in ("/livez", "/readyz", "/metrics")] + [twins.server.log()]
    for district in (a, b):
        for secret in (district.phone, SENTENCE, f"{district.slug} ", f"{district.slug}.boss", district.token["token"],
                       *district.boss.cookies.values(), *district.passwords.values()):
            assert all(secret not in text for text in said), secret


def test_the_document_names_every_query_parameter():
    """What a handler reads from the query stands in its route: only so do the walks above know it."""
    wrong = []
    for path in sorted((ROOT / "core/api").glob("*.c")):
        source = path.read_text(encoding="utf-8")
        told_of = {n for names in re.findall(r'\.query = "([^"]*)"', source) for n in names.split(",")}
        read = set(re.findall(r'\b(?:request_query|query_unit|id_arg)\((?:c, )?r, "(\w+)"', source))
        if path.name not in ("input.c", "records.c", "batch_routes.c"):  # told of by whose routes they are
            wrong += [f"{path.name}: {name}" for name in sorted(read - told_of)]
    assert not wrong, wrong


# What answers with a secret acts again instead: its answer cannot be given twice. A preview changes nothing.
NOT_TOLD_AGAIN = PUBLIC | {("DELETE", "/session"), ("POST", "/me/account/code"), ("PATCH", "/me/account"), ("POST", "/invitations"), ("POST", "/accounts"), ("POST", "/tokens"),
                  ("POST", "/account/password"), ("POST", "/register/person/{id}/reveal"), ("POST", "/accounts/{account}/reset-password"), ("POST", "/endpoints"),
                  ("POST", "/channels/{channel}/test"), ("POST", "/me/contacts/{contact}/confirm"), ("POST", "/endpoints/{endpoint}/rotate-secret"), ("POST", "/endpoints/{endpoint}/test"),
                  ("POST", "/endpoints/{endpoint}/deliveries/{delivery}/resend")}


def test_every_change_is_told_again_to_who_repeats_it():
    """Each operation that changes something, twice with one key: done once, and told the same."""
    wrong, told_again = [], 0
    for operation in walker.operations:
        if operation.method == "GET" or takes_nothing(operation) or operation.path.endswith("/preview"):
            continue
        if (operation.method, operation.path) in NOT_TOLD_AGAIN:
            continue
        call = walker.working(operation)
        call.headers["Idempotency-Key"] = f"twice-{operation}".replace(" ", "-")
        first, again = (call.send(a.boss, a.prefix) for _ in range(2))
        vetoed = first.status == again.status == 409  # by a plugin: not remembered
        replayed = first.status < 300 and first.status == again.status and (not again.body or again.json.get("replayed"))
        told_again += bool(replayed)
        if not replayed and not vetoed:
            wrong.append(f"{call}: {first}, then {again}")
    print(f"       {told_again} operations")
    assert not wrong, "\n".join(wrong)


# ---- the database alone; last, since the server is stopped for it ----------------------------------------------------

def test_row_security_holds_for_every_table():
    twins.server.stop()
    rowsecurity.fill(twins.server, (a, b))
    tables = [t for (t,) in tenant_tables(twins.server)]
    assert len(tables) >= 30 and {"px_works.item", "px_suggestions.suggestion", "px_probe.thing"} <= set(tables), tables
    fresh = "".join(f"SELECT '{t}', count(*) FROM {t};" for t in tables)
    counts = twins.server.psql("SET ROLE juxin_app;" + fresh)  # where no tenant was ever set
    assert [r for r in counts if r[1] != "0"] == [], counts
    found = rowsecurity.faults(twins.server, a, b, [(t, t, "SELECT 1") for t in tables])
    assert set(found) == set(tables), set(tables) ^ set(found)
    assert not any(found.values()), found


def test_losing_any_protection_is_noticed():
    """Each policy dropped in turn, opened in turn, …: the checks above find every one."""
    changes = list(rowsecurity.mutations(twins.server))
    found = rowsecurity.faults(twins.server, a, b, changes)
    missed = [what for what, _, _ in changes if not found[what]]
    print(f"       {len(changes)} protections taken away")
    assert not missed, missed


if __name__ == "__main__":
    harness.main()
