"""Nothing answers where a plugin does not run: every operation of the server's own OpenAPI document, with everything it can
name; every hook, provider, action and deadline; jobs, events, the document itself. The calls are made ready while the
plugins run, sent where they have ceased to, and sent once more, as they are, when they run again: then they work.

What is to come is met here by itself or fails the walk until it is taught. Under a resource's path it is walked without a line
here: beside a record it has to refuse, beside a list (an export, say) to leave out. Any other operation that SURFACES does not
know fails, and so does an answer that is not JSON, a parameter that tests/lib/walk.py does not know, a hook point, provider
kind or table of plugin.h that tests/plugins/every does not use, a kind of job, a topic of events."""
import contextlib
import io
import json
import os
import re
import urllib.parse
import zipfile

from lib import harness
from lib.people import make_people
from lib.server import ROOT
from lib.streams import Stream
from lib.twins import Twins
from lib.walk import Untaught, Walker, kind_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FROZEN = ("s1", "c1", "c2")  # a street and its communities; the others go on
PLUGINS = ("works", "suggestions", "probe", "every", "rider")
twins = a = walker = guest = None
prepared = []

# What an operation does about a unit where the plugin does not run. REFUSES: it is about one unit, or a record of one: 403.
# LEAVES_OUT: the same when it names the unit; what it says of more than that has nothing of it. NO_RECORDS: it shows none.
# THE_EXPORT is the exception: it has these records and no others. It and EVENTS have tests of their own below.
# OWN: what is held about oneself is held wherever plugins run (test_own.py).
REFUSES, LEAVES_OUT, NO_RECORDS, THE_EXPORT, EVENTS = "refuses", "leaves out", "no records", "the export", "events"
OWN = "own"
SURFACES = [
    (r"GET /P/R/exports/\{export\}/content", REFUSES),
    (r"POST /P/R/exports", LEAVES_OUT),
    (r"\w+ /P/R/exports(/.*)?", NO_RECORDS),
    (r"POST /P/R/batches", LEAVES_OUT),
    (r"\w+ /P/R/batches(/.*)?", NO_RECORDS),  # which records, by number, and what came of it; each asks for itself
    (r"\w+ /P/R/imports(/.*)?", NO_RECORDS),  # what somebody sent; each row that comes in asks for itself
    (r"GET /P/R(/\w+)?", LEAVES_OUT),  # a list, and whatever else is about many
    (r"POST /P/R", REFUSES),
    (r"POST /P/R/transitions/\{name\}", REFUSES),  # of many: each of them
    (r"\w+ /P/R/\{id\}(/.*)?", REFUSES),  # one, and whatever is beside it
    (r"\w+ /P/.*", LEAVES_OUT),  # plugins' own routes: each is about a unit
    (r"\w+ /(reports|report-definitions)(/.*)?", NO_RECORDS),  # numbers that were counted once, and stay
    (r"GET /indicators", NO_RECORDS),  # numbers, none where the plugin does not run: test_reports
    (r"GET /provided/\{kind\}", LEAVES_OUT),
    (r"\w+ /(accounts?|channels|departments|dictionaries|endpoints|explain|fields|grants|jobs|labels|notifications|notification-preferences|permissions|roles|sessions?|tokens|units|views|notices|consents|posts|councils|unit-events)(/.*)?", NO_RECORDS),
    (r"\w+ /(invitations?|registrations)(/.*)?", NO_RECORDS),
    (r"GET /(meta|openapi\.json|plugins|plugins/\{plugin\}/why)", NO_RECORDS),
    (r"\w+ /plugins/\{plugin\}/policies(/.*)?", NO_RECORDS),
    (r"GET /frozen/\{resource\}", THE_EXPORT),
    (r"GET /events", EVENTS),
    (r"\w+ /handovers(/.*)?", NO_RECORDS),  # which records, by number: test_handover
    (r"\w+ /(me|data-requests|breach)(/.*)?", OWN),
]


def surface(operation):
    path, plugin = operation.path, operation.path.split("/")[1]
    if operation.resource:
        path = "/P/R" + path[len(operation.resource) + 1:]
    elif plugin in PLUGINS:
        path = "/P/" + path[len(plugin) + 2:]
    for pattern, what in SURFACES:
        if re.fullmatch(pattern, f"{operation.method} {path}") and not (operation.resource and pattern == r"\w+ /P/.*"):
            return what
    raise Untaught(f"{operation} is a new surface: say in SURFACES what it does where a plugin does not run")


def plugin_of(operation):
    return operation.path.split("/")[1] if operation.path.split("/")[1] in PLUGINS else None


class Ask:
    """A call made ready. named: it is about something that will be frozen, and by that alone."""

    def __init__(self, call, named):
        self.call, self.operation, self.named = call, call.operation, named

    def send(self):
        return self.call.send(a.boss, a.prefix)


def setup():
    global twins, a, walker, guest
    twins = Twins(slugs=("alpha",), plugins=("every", "rider"), workers=2)
    guest = make_people(twins.server, "alpha", "guest")["guest"]
    twins.start()
    a = twins.a
    walker = Walker(a)
    case = a.fresh_record("every/case", unit="c3")
    for resource in a.records:  # what goes on elsewhere
        a.fresh_record(resource, unit="c3", **({"about": case} if resource == "rider/remark" else {}))
    take_part()
    prepare()
    make_ready()


def take_part():
    """The guest made a record of each resource in c1, and may do nothing there by now."""
    role = a.one("SELECT id FROM juxin.role WHERE tenant_id = {t} AND name = 'alpha-all'")
    grant = a.call("POST", "/grants", {"account": guest.account, "role": role, "unit": a.units["c1"], "reach": "self"}).json
    guest.made = {}
    for resource in a.records:
        made = guest.post(resource, dict(a.record(resource), unit=a.units["c1"]))
        assert made.status == 201, made
        guest.made[resource] = made.json["id"]
    a.call("DELETE", f"/grants/{grant['id']}")


def prepare():
    for operation in walker.operations:
        if operation.path.endswith("/{id}/transitions/{name}") and not operation.transition:
            continue  # resources without transitions have the path all the same
        what, made = surface(operation), []
        if what in (THE_EXPORT, EVENTS, OWN) or (what == NO_RECORDS and operation.method != "GET"):
            continue
        for walker.choice in range(4 if operation.transition else 1):
            with contextlib.suppress(AssertionError):  # a step on the way there that this choice does not allow
                made += variants(operation, what)
        walker.choice = 0
        assert made, f"{operation}: no call could be made ready"
        prepared.extend(made)


def variants(operation, what):
    call, query = walker.working(operation), operation.parameters["query"]
    if what == NO_RECORDS:
        return [Ask(call, False)] + [Ask(call.but("query", "unit", a.units["c1"]), False)] * ("unit" in query)
    if "unit" in operation.parameters["path"]:
        return [Ask(call.but("path", "unit", a.units["c1"]), True)]
    if "unit" not in query:
        assert operation.resource, f"{operation} of a plugin is about no unit: teach this walk what it shows"
        return [Ask(call, True)]
    named = not operation.path.startswith("/provided/")
    asks = [Ask(call.but("query", "unit", unit), named) for unit in (a.units["c1"], a.units["s1"], "alpha-c1")]
    if operation.method == "GET":
        asks.append(Ask(call, False))
    if operation.resource:
        kinds = {name: kind_of(operation, "query", name) for name in query}
        asks += [Ask(call.but("query", name, walker.existing(operation, "query", name, kind)), False)
                 for name, kind in kinds.items()
                 if kind in ("filter", "group") or (kind == "words" and operation.resource in searchable())]
        asks += [Ask(call.but("query", f"{name}.id", "eq." + a.records[target]), False)
                 for name, target in references(operation.resource)]
        asks += [Ask(call.but("query", name, value), False) for name, value in
                 (("id", "eq." + a.records[operation.resource]), ("limit", "200"), ("count", "exact"), ("count", "capped"))
                 if name in query]
    return asks


def searchable():
    return {o.resource for o in walker.operations if o.resource and o.path == "/" + o.resource and "q" in o.parameters["query"]}


def content_of(answer):
    """What stands in it: of a table, in its parts."""
    if answer.headers.get("Content-Type") != XLSX:
        return answer.body
    with zipfile.ZipFile(io.BytesIO(answer.body)) as table:
        return b"".join(table.read(name) for name in table.namelist())


def references(resource):
    """Fields that refer to records: (name, of which resource). A list can be asked by what they refer to."""
    return [(f["name"], f["reference"].replace(".", "/")) for f in walker.flows[resource]["fields"]
            if f.get("reference") and f.get("filterable")]


def make_ready():
    """Plugins have done what they do after a commit; each call knows the version it is about."""
    a.settle()
    for ask in prepared:
        if "id" in ask.call.path and ask.operation.method != "GET":
            seen = a.call("GET", f"/{ask.operation.resource}/{ask.call.path['id']}")
            assert seen.json["unit_id"] in [a.units[u] for u in FROZEN], f"{ask.call} went elsewhere: {seen.json['unit_name']}"
            ask.call.headers["If-Match"] = seen.headers["ETag"]


# ---- closing ----

@contextlib.contextmanager
def ruled(rule, *plugins):
    """At the street and below it."""
    made = []
    try:
        for plugin in plugins:
            body = {"unit": a.units["s1"], "rule": rule, "reason": "试"}
            made.append((plugin, a.call("POST", f"/plugins/{plugin}/policies", body).json["id"]))
        yield
    finally:
        for plugin, id in made:
            a.call("DELETE", f"/plugins/{plugin}/policies/{id}")


def states(plugin):
    return {name: next(p["state"] for p in a.call("GET", f"/plugins?unit={id}").json["items"] if p["id"] == plugin)
            for name, id in a.units.items()}


def table(resource):
    return "px_{}.\"{}\"".format(*resource.split("/"))


def rows(resource):
    return [json.loads(row) for (row,) in twins.server.psql(f"SELECT to_jsonb(t) FROM {table(resource)} t ORDER BY id")]


def canaries():
    """What stands in frozen records and nowhere else: their ids, and texts that are long enough to be told by."""
    frozen, others = set(), set()
    for resource in a.records:
        state = {a.units[name]: said for name, said in states(resource.split("/")[0]).items()}
        for row in rows(resource):
            at = frozen if state[row["unit_id"]] != "on" else others
            at.update(v for v in row.values() if isinstance(v, str) and len(v) >= 8 and not NOT_A_SECRET.match(v))
            at.add(row["id"])
    return {v.encode() for v in frozen - others}


def check_answer(ask, answer, secrets):
    content = answer.headers.get("Content-Type", "")
    assert not answer.body or content in ("application/json", "application/problem+json", "text/csv; charset=utf-8", XLSX, "image/png"), \
        f"{ask.call} answers with {content}: teach this walk to look into it"
    sent = urllib.parse.unquote_plus(ask.call.target()) + str(ask.call.body)
    shown = [s for s in secrets if s in content_of(answer) and s.decode() not in sent]
    assert not shown, f"{ask.call} shows {shown[:3]}: {answer}"


def code_of(answer):
    return answer.json.get("code") if answer.status >= 300 else None


def outcomes(answer):
    """(status, code) of the answer, or of each record of those it was about."""
    if answer.status == 200 and "items" in answer.json:
        return {(item.get("status"), json.dumps(item).partition('"code": "')[2].partition('"')[0]) for item in answer.json["items"]}
    return {(answer.status, code_of(answer))}


def send_all(plugins, refused):
    """All calls about the plugins; those that name what is frozen have to be refused so."""
    secrets, before, count = canaries(), [rows(r) for r in a.records], 0
    assert len(secrets) > 1, secrets
    for ask in prepared:
        plugin = plugin_of(ask.operation)
        if plugin is not None and plugin not in plugins:
            continue
        answer = ask.send()
        check_answer(ask, answer, secrets)
        if ask.named:
            count += 1
            assert outcomes(answer) <= refused - {(200, None)} and outcomes(answer), f"{ask.call}: {answer}"
        elif (200, None) in refused or plugin is None:
            assert answer.status in (200, 201), f"{ask.call}: {answer}"
    assert [rows(r) for r in a.records] == before, "something was changed"
    return len(prepared), count


# What a record refers to, times, words of the declaration, and numbers, of which one may begin like another.
NOT_A_SECRET = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|\d{4}-\d\d-\d\d|[a-z_]+$|[A-Z]{2}\d{4}-\d+$")
DISABLED = {(403, "plugin_disabled"), (200, None)}  # and 200 for what is about more than the frozen


def check_lists(plugins):
    """A list has and counts what is elsewhere, all of it."""
    for resource in a.records:
        plugin = resource.split("/")[0]
        state = states(plugin)
        if plugin in plugins:
            expected = {r["id"] for r in rows(resource) if not r["deleted_at"]
                        and state[next(n for n, u in a.units.items() if u == r["unit_id"])] == "on"}
            said = a.call("GET", f"/{resource}?limit=200&count=exact").json
            assert {i["id"] for i in said["items"]} == expected and said["count"]["value"] == len(expected), (resource, said)
            assert expected, resource
            counted = a.call("GET", f"/{resource}/statistics?group=unit").json
            assert counted["total"]["count"] == len(expected), (resource, counted)
            if resource == "suggestions/suggestion":  # counted by a statement of the plugin's own
                assert a.call("GET", "/suggestions/summary").json["received"] == len(expected)
            mine = guest.get(f"{resource}?limit=200&count=exact")
            assert mine.status == 200 and mine.json["items"] == [] and mine.json["count"]["value"] == 0, mine
            one = guest.get(f"{resource}/{guest.made[resource]}")
            assert one.status == 403 and one.json["code"] == "plugin_disabled", one


def test_no_operation_answers_where_a_rule_turned_it_off():
    for rule in ("off", "forbidden"):
        with ruled(rule, *PLUGINS):
            assert all(states(p)[u] == "off" for p in PLUGINS for u in FROZEN)
            sent, named = send_all(PLUGINS, DISABLED)
            check_lists(PLUGINS)
            print(f"       {rule}: {len(walker.operations)} operations, {sent} calls, {named} of them about frozen ones")


def test_nor_where_another_plugin_that_it_needs_is_off():
    with ruled("off", "every"):
        assert {states("rider")[u] for u in FROZEN} == {"blocked"}
        send_all(("every", "rider"), DISABLED)
        check_lists(("every", "rider"))


@contextlib.contextmanager
def moved(id, unit):
    """A case that got to where none can be made."""
    sql = ("UPDATE px_every.case r SET unit_id = u.id, a1 = u.a1, a2 = u.a2, a3 = u.a3, a4 = u.a4 FROM juxin.unit u"
           f" WHERE r.id = '{id}' AND u.id = ")
    twins.server.psql(f"{sql} '{a.units[unit]}'")
    try:
        yield
    finally:
        twins.server.psql(f"{sql} '{a.units['c1']}'")


def test_nor_where_it_does_not_apply():
    """A park has no cases: one that got there all the same is shown by nothing but the export."""
    id = a.fresh_record("every/case")
    a.settle()
    with moved(id, "p1"):
        assert states("every")["p1"] == "not_applicable"
        for method, path in (("GET", ""), ("GET", "/history"), ("GET", "/transitions"), ("PATCH", ""), ("DELETE", ""),
                             ("POST", "/transitions/finish")):
            answer = a.boss.request(method, f"{a.prefix}/every/case/{id}{path}",
                                    None if method in ("GET", "DELETE") else {}, headers={"If-Match": '"1"'})
            assert answer.status == 403 and answer.json["code"] == "plugin_disabled", (method, path, answer)
        send_all((), DISABLED)  # the core's
        for ask in prepared:
            if ask.operation.path == "/every/case" and ask.operation.method == "GET":
                check_answer(ask, ask.send(), {id.encode()})
        assert [r["id"] for r in export("every/case")[0]] == [id]


def test_no_condition_is_met_by_what_is_frozen():
    """A remark that goes on, about a case that does not: nobody finds out about the case by asking for remarks."""
    frozen, live = (a.fresh_record("every/case", unit=u, title=f"a case in {u}") for u in ("c1", "c3"))
    a.settle()
    about = {c: a.fresh_record("rider/remark", unit="c3", about=c) for c in (frozen, live)}

    def found(query):
        return {i["id"] for i in a.call("GET", f"/rider/remark?{urllib.parse.urlencode(query)}").json["items"]}

    def refers(case):
        return a.boss.post(a.prefix + "/rider/remark", {"text": "x", "about": case, "unit": a.units["c3"]}).status

    asked = [({"about.title": f"eq.a case in {u}"}, about[c]) for c, u in ((frozen, "c1"), (live, "c3"))]
    assert all(found(query) == {remark} for query, remark in asked), asked
    with ruled("off", "every", "rider"):
        assert found(asked[0][0]) == set() and found(asked[1][0]) == {about[live]}
        assert (refers(frozen), refers(live)) == (422, 201)


def test_who_may_only_count_counts_what_runs():
    counter = holder("counter", (["every.case.statistics", "core.unit.read"], "k", "subtree"))
    for _ in range(5):  # smaller groups are hidden
        a.fresh_record("every/case", unit="c3")
    a.settle()
    count = "SELECT count(*) FROM px_every.case WHERE deleted_at IS NULL"
    with ruled("off", "every"):
        live = int(a.one(f"{count} AND unit_id <> ALL('{{{{{','.join(a.units[u] for u in FROZEN)}}}}}'::uuid[])"))
        assert counter.get("every/case/statistics").json["total"]["count"] == live
    assert counter.get("every/case/statistics").json["total"]["count"] == int(a.one(count)) > live


# ---- the one way out ----

def export(resource, who=None, **query):
    """(the records, the number of pages), by following Link to its end."""
    path, lines, pages = f"{a.prefix}/frozen/{resource.replace('/', '.')}?{urllib.parse.urlencode(query)}", [], 0
    while path:
        answer = (who or a.boss).get(path)
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson", answer
        lines += [json.loads(line) for line in answer.text.splitlines()]
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        path, pages = link and link[1], pages + 1
    return lines, pages


def exports():
    return int(a.one("SELECT count(*) FROM juxin.audit WHERE tenant_id = {t} AND action ~ 'export_frozen'"))


def test_what_is_frozen_can_be_taken_out():
    """A line is what the list said of the record while the plugin ran; each page leaves its row in the audit trail."""
    ids = {a.units[u]: u for u in FROZEN}
    for resource in a.records:
        listed = a.call("GET", f"/{resource}?limit=200&order=id.asc").json["items"]
        # What is told to those who submitted a duplicate is of another record.
        expected = [{k: v for k, v in item.items() if k != "follows"} for item in listed if item["unit_id"] in ids]
        assert len(expected) >= 3 and export(resource)[0] == [], resource
        with ruled("off", *PLUGINS):
            quiet, before = len(twins.server.log()), exports()
            taken = export(resource, unit=a.units["k"])[0]
            assert taken == expected, [(x, y) for x, y in zip(taken, expected) if x != y]
            lines, pages = export(resource, limit=2)
            assert lines == expected and pages == (len(expected) + 1) // 2, (resource, pages)
            assert exports() == before + pages + 1
            c1 = [item for item in expected if ids[item["unit_id"]] == "c1"]
            assert export(resource, unit="alpha-c1")[0] == c1 and export(resource, unit="alpha-c3")[0] == []
            assert entered(quiet, "c1") == set()
        assert export(resource)[0] == []
    assert a.one(f"SELECT actor_id FROM juxin.audit WHERE tenant_id = {a.id} AND action = 'every.case.export_frozen'"
                 f" AND unit_id = '{a.units['c1']}' AND object_kind = 'every.case'") == a.boss.account
    done = twins.server.ctl("audit", "verify", "alpha", check=False)
    assert done.returncode == 0, done


def holder(login, *roles):
    """A person with these roles: (permissions, unit, reach)."""
    person = make_people(twins.server, "alpha", login)[login]
    for n, (permissions, unit, reach) in enumerate(roles):
        role = a.call("POST", "/roles", {"name": f"{login}-{n}", "label_zh": login, "permissions": permissions}).json["id"]
        a.call("POST", "/grants", {"account": person.account, "role": role, "unit": a.units[unit], "reach": reach})
    return person


def test_taking_out_needs_the_right_and_the_right_to_read():
    case = {"title": "masked", "phone": "13911112222", "unit": a.units["c1"]}
    made = a.call("POST", "/every/case", case).json["id"]
    beside = a.fresh_record("every/case", unit="c2")  # what the right at c1 is no right to
    a.settle()
    take, read, see = ["core.frozen.export"], ["every.case.read"], ["core.unit.read"]
    neither, reader = holder("neither", (see, "k", "subtree")), holder("reader", (read + see, "k", "subtree"))
    taker = holder("taker", (take + see, "k", "subtree"))
    both = holder("both", (take, "c1", "self"), (read + see, "k", "subtree"))
    path = "frozen/every.case"
    with ruled("off", "every"):
        for who in (neither, reader):
            for unit in ("", f"?unit={a.units['c1']}"):
                answer = who.get(path + unit)
                assert answer.status == 403 and answer.json["code"] == "forbidden", (who.login, answer)
        assert export("every/case", taker) == ([], 1)
        assert {made, beside} <= {line["id"] for line in export("every/case")[0]}
        assert taker.get(f"{path}?unit={a.units['c1']}").status == 404
        lines, _ = export("every/case", both)
        assert {line["unit_id"] for line in lines} == {a.units["c1"]} and made in {line["id"] for line in lines}
        assert export("every/case", both, unit=a.units["s1"])[0] == lines
        assert both.get(f"{path}?unit={a.units['c2']}").status == 403
        phone = {line["id"]: line["phone"] for line in lines}[made]
        assert phone == "139****2222", phone  # masked, as it was to this person
        assert guest.get(path).status == 403 and a.client().get(f"{a.prefix}/{path}").status == 401
        for wrong, status in (("frozen/every.nothing", 404), ("frozen/every", 404),
                              (path + "?unit=nothing", 404), (path + "?limit=1001", 422), (path + "?cursor=x", 400)):
            answer = a.boss.get(f"{a.prefix}/{wrong}")
            assert answer.status == status, (wrong, answer)


# ---- what plugins are entered by ----

def header():
    return (ROOT / "core/include/juxin/plugin.h").read_text(encoding="utf-8")


def names_of(enum):
    body = re.search(rf"enum {enum} \{{(.*?)\}};", header(), re.S)[1]
    return {name.lower() for name in re.findall(r"JX_(\w+) = \d+", body)}


def entered(since, unit):
    """What of `every` was entered for the unit: filters, actions, routes, providers."""
    return {m[1] for m in re.finditer(rf'"every\.entered"[^\n]*"detail":"(\w+) alpha-{unit}"', twins.server.log()[since:])}


def provided(kind, unit):
    said = a.call("GET", f"/provided/{kind}?unit={a.units[unit]}").json
    assert said["failed"] == [] or kind == "card", said
    return {item["plugin"] for item in said["items"]}


def told(plugin):
    """The units that the plugin was told it runs at."""
    return {u for (u,) in twins.server.psql(f"SELECT unit_id FROM juxin.plugin_unit WHERE tenant_id = {a.id}"
                                            f" AND plugin = '{plugin}'")}


def test_no_plugin_is_entered_where_it_does_not_run():
    due = a.fresh_record("every/case", unit="c2")
    a.settle()
    with ruled("off", *PLUGINS):
        harness.wait_until(lambda: not told("every") & {a.units[u] for u in FROZEN}, 60, "the plugin to be told")
        quiet = len(twins.server.log())
        send_all(("every",), DISABLED)
        for kind in names_of("jx_provider_kind"):
            assert provided(kind, "c1") == set(), kind
        done = twins.server.ctl("jobs", "run", "--as-of", "2031-06-30", "--yes", check=False)
        assert done.returncode == 0, done
        assert a.one(f"SELECT state FROM px_every.case WHERE id = '{due}'") == "open"
        assert not any(entered(quiet, unit) for unit in FROZEN), [entered(quiet, unit) for unit in FROZEN]


def test_everything_a_plugin_can_take_part_in_is_seen_here():
    """By its code being entered where it runs: the silence above is none of a plugin that would not have spoken."""
    offered = set(re.findall(r"uint32_t (\w+)_count, \1_size;", header()))
    # Of jobs test_plugin_jobs.test_where_the_plugin_is_off_its_job_waits.
    assert offered == {"filter", "action", "provider", "route", "lifecycle", "job"}, f"{offered}: teach `every` and this walk"
    filters = {p for p in names_of("jx_point") if not p.startswith("after_")}
    actions = names_of("jx_point") - filters
    source = (ROOT / "tests/plugins/every/every.c").read_text(encoding="utf-8")
    assert all(f"JX_{p.upper()}" in source for p in filters | actions), "a point of plugin.h that `every` does not use"
    since = len(twins.server.log())
    id = a.fresh_record("every/case")
    a.settle()
    for method, path, body in (("PATCH", "", {"title": "changed"}), ("POST", "/transitions/finish", {})):
        seen = a.call("GET", f"/every/case/{id}")
        a.call(method, f"/every/case/{id}{path}", body, headers={"If-Match": seen.headers["ETag"]})
    gone = a.fresh_record("every/case")
    a.settle()
    a.call("DELETE", f"/every/case/{gone}", headers={"If-Match": a.call("GET", f"/every/case/{gone}").headers["ETag"]})
    a.call("GET", f"/every/titles?unit={a.units['c1']}")
    a.settle()
    for kind in names_of("jx_provider_kind"):
        assert "every" in provided(kind, "c1"), f"`every` provides no {kind}"
    assert entered(since, "c1") == filters | {"action", "provider", "route"}, entered(since, "c1")


# ---- what happens by itself ----

def sources_with(text):
    return {p.name for p in (ROOT / "core").rglob("*.c") if text in p.read_text(encoding="utf-8")}


# Kinds of jobs, and what each does about frozen records. That a job of a plugin waits where it is off is asked in
# tests/db/test_job.c; these are nobody's, and show no records.
KINDS_OF_JOBS = {"unit.carry": "records follow a merge whatever plugin policy says, none is shown",
                 "search.build": "finds by words what the lists then leave out", "files.collect": "contents that no record has",
                 # Not met here yet: that what these read, write and take on is gated is asked by tests of their own or nowhere.
                 "report.compute": "counts nothing there: test_reports",
                 "resource.deadlines": "", "resource.export": "", "export.expire": "", "import.check": "", "import.run": "",
                 "resource.calendar": "waits there: test_flow",
                 "resource.freeze": "leaves them out, as lists do", "resource.batch": "each record asks for itself: test_batches",
                 "batch.expire": "", "import.undo": "", "import.expire": "", "own.export": "what is held about its maker, wherever plugins run",
                 "own.retain": "what is over is over wherever plugins run"}
KINDS_OF_JOBS.update({"phone.code": "no records", "own.invite": "no records", "own.deadlines": "no records",
                      "own.reseal": "shows nothing: what is sealed stays sealed"})


def test_every_kind_of_job_is_known_here():
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "core").rglob("*.c"))
    kinds = set(re.findall(r'struct job_kind \w+ = \{\s*\.name = "([^"]+)"', source)) - {"unknown"}
    assert kinds == KINDS_OF_JOBS.keys(), f"{kinds}: a kind of job, to be met here at a frozen unit"


def listen(last=None):
    return Stream(twins.server.plain_port, a.prefix + "/events", {"Authorization": "Bearer " + a.token["token"]}, last=last)


def heard(last, mark):
    """All that a stream tells from there to an event about the record."""
    with listen(last) as stream:
        harness.wait_until(lambda: mark in stream.ids(), 60, "the event")
        return set(stream.ids())


def test_events_tell_nothing_of_frozen_records():
    """Nor what was not told before they were frozen."""
    topics = {t for (t,) in twins.server.psql("SELECT DISTINCT topic FROM juxin.event")}
    assert topics <= {"job", "record", "notice", "report"}, f"{topics}: events of a new kind, to be met here"
    for (payload,) in twins.server.psql("SELECT payload FROM juxin.event WHERE topic = 'notice'"):
        assert set(json.loads(payload)) == {"kind", "accounts", "notices", "unit"}, payload  # nothing of a record
    publishers = sources_with("event_publish(") - {"outbox.c"}
    assert publishers == {"change.c", "job.c", "notice.c", "report_tell.c"}, f"{publishers}: who publishes what, to be met here"
    with listen() as stream:
        harness.wait_until(lambda: stream.read() and stream.blocks, 30, "where it begins")
        last = stream.last
    made = {a.fresh_record(resource) for resource in a.records}
    a.settle()
    with ruled("off", *PLUGINS):
        told = heard(last, a.fresh_record("every/case", unit="c3"))
        assert not told & made, told & made
    assert made <= heard(last, a.fresh_record("every/case", unit="c3"))


def test_a_frozen_double_is_passed_over():
    """The hint at a similar suggestion leads to the newest one where the plugin runs, and its absence is no failure."""
    title = "一样的标题"
    old = a.fresh_record("suggestions/suggestion", unit="c3", title=title)
    newer = a.fresh_record("suggestions/suggestion", unit="c1", title=title)
    a.settle()
    with ruled("off", "suggestions"):
        made = a.fresh_record("suggestions/suggestion", unit="s2", title=title)
        a.settle()
        assert a.call("GET", f"/suggestions/suggestion/{made}").json["similar_to"] == old
    alone = a.fresh_record("suggestions/suggestion", unit="c1", title="只有这一处")
    a.settle()
    with ruled("off", "suggestions"):
        made = a.fresh_record("suggestions/suggestion", unit="c3", title="只有这一处")
        a.settle()
        assert a.call("GET", f"/suggestions/suggestion/{made}").json["similar_to"] is None
    again = a.fresh_record("suggestions/suggestion", unit="c3", title="只有这一处")
    a.settle()
    assert a.call("GET", f"/suggestions/suggestion/{again}").json["similar_to"] == made
    assert newer and alone


# ---- what the server says of itself ----

def described(client, prefix):
    """Plugins that have an operation or a schema in the document, and those in meta."""
    document = client.get(prefix + "/openapi.json").json
    named = {p.split("/")[1] for p in document["paths"]} | {s.split(".")[0] for s in document["components"]["schemas"]}
    return named & set(PLUGINS), {p["id"] for p in client.get(prefix + "/meta").json["plugins"]}


def test_the_document_has_what_runs_somewhere():
    ctl = twins.server.ctl
    ctl("tenant", "create", "bare", "--name", "bare")
    ctl("unit", "import", "bare", f"{twins.server.directory}/alpha.json")
    somebody = make_people(twins.server, "bare", "somebody")["somebody"]
    usual = {"works"}  # by its manifest
    assert described(somebody, "/t/bare/api/v1") == (usual, usual)
    made = twins.server.ctl_json("plugin", "policy", "bare", "every", "--unit", "alpha-c1", "--rule", "on", "--reach", "self")
    assert described(somebody, "/t/bare/api/v1") == (usual | {"every"},) * 2
    ctl("plugin", "policy", "bare", "every", "--end", made["id"])
    assert described(somebody, "/t/bare/api/v1") == (usual, usual)
    assert described(a.boss, a.prefix) == (set(PLUGINS), set(PLUGINS)), "another tenant's document changed"


def test_a_plugin_out_of_order_answers_nothing():
    """And is no part of the document, though its paths say what is the matter."""
    library = f"{twins.server.directory}/plugins/every/every.so"
    ask = next(x for x in prepared if x.operation.path == "/every/case" and x.operation.method == "GET")
    os.rename(library, library + ".away")
    try:
        twins.server.ctl("reload")
        harness.wait_until(lambda: ask.send().status == 503, 30, "the plugin to be gone")
        refused = {(503, "plugin_unavailable"), (403, "plugin_disabled"), (404, "not_found")}
        send_all(("every", "rider"), refused)
        assert described(a.boss, a.prefix) == (set(PLUGINS) - {"every", "rider"},) * 2
    finally:
        os.rename(library + ".away", library)
        twins.server.ctl("reload")
        harness.wait_until(lambda: ask.send().status != 503, 30, "the plugin to be back")


def test_the_same_calls_work_where_it_runs():
    """Last, since each works once: what was refused above was refused for nothing but the plugin being off."""
    make_ready()
    answered, refused = set(), {}
    for ask in prepared:
        answer = ask.send()
        if answer.status < 300:
            answered.add(repr(ask.operation))
        refused.setdefault(repr(ask.operation), f"{ask.call}: {answer}")
    assert not set(refused) - answered, "\n".join(refused[o] for o in sorted(set(refused) - answered))


if __name__ == "__main__":
    harness.main()
