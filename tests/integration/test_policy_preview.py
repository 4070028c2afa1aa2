"""What would happen is what then happens: random changes of policies, tree, grants, roles and memberships are asked about,
made, and what people can really do before and after is compared with what was said. JUXIN_SEED=N repeats a run."""
import json
import os
import pathlib
import random
import time
import uuid

from lib import harness
from lib.people import make_people
from lib.plugins import install
from lib.server import Server

TREE = [("1", "county", None), ("11", "street", "1"), ("111", "community", "11"), ("112", "community", "11"),
        ("12", "street", "1"), ("121", "community", "12"), ("13", "street", "1"), ("P1", "park", "1"),
        ("P11", "community", "P1")]
PLUGINS = ("every", "rider")
PEOPLE = ("p1", "p2", "p3", "p4", "p5", "gone")
STEPS = ["policy", "grant", "policy", "member", "move", "end policy", "role", "policy", "end grant", "move", "end member",
         "grant"]
# What roles of the tenant's own are made of: what people can be seen to do, and what that takes.
BUNDLES = [["core.unit.read"], ["every.use"], ["every.case.read"], ["every.case.read", "every.case.finish"],
           ["rider.remark.read", "rider.remark.create", "rider.remark.update"]]
CUSTOM = [f"custom{n}" for n in range(8)]
ROUNDS = 3
OPEN = {"every.case": 2, "rider.remark": 1}  # records of make_records, at every unit that has any
seed = int(os.environ.get("JUXIN_SEED", 20260101))
chance = random.Random(seed)
server = None
people, units, roles, records = {}, {}, {}, {}
department = None
policies, grants, members = [], [], {"p4", "p5", "gone"}


def setup():
    global server, department
    work = pathlib.Path(harness.scratch())
    directory = install(work / "plugins", "every", "rider")
    server = Server(workers=2, config={"plugins": {"directory": str(directory)}})
    tree = work / "tree.json"
    tree.write_text(json.dumps({"units": [{"code": c, "name": c, "level": l, **({"parent": p} if p else {})}
                                          for c, l, p in TREE]}))
    server.ctl("tenant", "create", "one", "--name", "one")
    server.ctl("unit", "import", "one", tree)
    people.update(make_people(server, "one", "boss", "maker", *PEOPLE))
    for login, role in (("boss", "administrator"), ("maker", "every_all"), ("maker", "rider_all")):
        server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", "1", "--reach", "subtree")
    server.ctl("department", "create", "one", "D", "--name", "D", "--unit", "1")
    for login in sorted(members):
        server.ctl("department", "add", "one", "D", login)
    for name in CUSTOM:
        own_role(name, sum(chance.sample(BUNDLES, 2), []))
    server.start()
    units.update({u["code"]: u["id"] for u in boss().get("units").json["items"]})
    roles.update({r["name"]: r["id"] for r in boss().get("roles").json["items"]})
    department = boss().get("departments").json["items"][0]["id"]
    make_records()
    server.ctl("user", "disable", "one", "gone", "--yes")
    for login in ("p1", "p2"):  # somebody is there to begin with
        give({"account": people[login].account, "role": roles["every_worker"], "unit": units["11"], "reach": "subtree"})
    give({"department": department, "role": roles["every_worker"], "unit": units["12"], "reach": "subtree"})
    print(f"  seed {seed} (JUXIN_SEED)")


def own_role(name, permissions):
    """Through the database: its author would have to hold all of it, everywhere, and nothing would ever be unattended."""
    id = str(uuid.uuid4())
    server.psql(f"INSERT INTO juxin.role (tenant_id, id, name, label_zh, label_en) SELECT id, '{id}', '{name}', '试', 'x' FROM"
                f" juxin.tenant; INSERT INTO juxin.role_permission SELECT t.id, '{id}', p FROM juxin.tenant t,"
                f" unnest('{{{','.join(sorted(set(permissions)))}}}'::text[]) p")


def boss():
    return people["boss"]


def make_records():
    """Two open cases, a closed one and a remark at every unit but the park, where the plugin does not apply."""
    for plugin in PLUGINS:
        made = boss().post(f"plugins/{plugin}/policies", {"unit": units["1"], "rule": "on"})
        assert made.status == 201, made
        policies.append((plugin, made.json["id"]))
    for code, level, _ in TREE:
        for title in ("one", "two", "done") if level != "park" else ():
            record = people["maker"].post("every/case", {"title": title, "unit": units[code]})
            assert record.status == 201, record
            records.setdefault(code, []).append(record.json["id"])
        if level != "park":
            assert people["maker"].post("rider/remark", {"text": code, "unit": units[code]}).status == 201
    server.psql("UPDATE px_every.case SET state = 'done' WHERE title = 'done'")
    for grant in boss().get("grants").json["items"]:
        if grant["account"] == people["maker"].account:
            assert boss().delete(f"grants/{grant['id']}").status == 204


def give(body):
    made = boss().post("grants", body)
    assert made.status == 201, made
    grants.append(made.json["id"])


# ---- what is really so ----

def states():
    """{(plugin, unit's code): state}"""
    return {(p["id"], code): p["state"] for code, unit in units.items()
            for p in boss().get(f"plugins?unit={unit}").json["items"]}


def listed(person, path):
    """The codes of the units whose records are in the list."""
    by_id = {id: code for code, id in units.items()}
    return {by_id[item["unit_id"]] for item in person.get(path + "?limit=200").json.get("items", [])}


def works(login):
    """What a person can really do: (what, unit's code)."""
    person = people[login]
    can = {("see", u["code"]) for u in person.get("units?limit=1000").json.get("items", [])}
    can |= {("remark", code) for code in listed(person, "rider/remark")}
    can |= {("use", code) for code in units if person.get(f"every/titles?unit={code}").status == 200}
    for code in listed(person, "every/case"):
        can.add(("read", code))
        if "finish" in person.get(f"every/case/{records[code][0]}").json["transitions"]:
            can.add(("finish", code))
    return can


def observe():
    return {"states": states(), "can": {login: works(login) for login in PEOPLE if login != "gone"}}


def open_records(resource, codes):
    return OPEN[resource] * len([code for code in codes if code in records])


def stranded(before, after, resource, plugin, acting):
    """Open records where the plugin no longer runs, and where it does but nobody is left who can act on them."""
    is_on = [{code for code in units if seen["states"][plugin, code] == "on"} for seen in (before, after)]
    staffed = [{code for login in seen["can"] for what, code in seen["can"][login] if what == acting}
               for seen in (before, after)]
    found = {"frozen": open_records(resource, is_on[0] - is_on[1]),
             "unattended": open_records(resource, (is_on[0] & is_on[1]) & (staffed[0] - staffed[1]))}
    return {resource: found} if any(found.values()) else {}


def difference(before, after):
    """What happened, in the words of a preview."""
    old, new = before["states"], after["states"]
    gaining = {login for login in before["can"] if after["can"][login] - before["can"][login]}
    losing = {login for login in before["can"] if before["can"][login] - after["can"][login]}
    return {"flips": {(p, units[c], old[p, c], new[p, c]) for p, c in old if old[p, c] != new[p, c]},
            "turned_on": sum(new[k] == "on" != old[k] for k in old),
            "turned_off": sum(old[k] == "on" != new[k] for k in old),
            "gaining": gaining, "losing": losing, "people": len(gaining | losing),
            "stranded": {**stranded(before, after, "every.case", "every", "finish"),
                         **stranded(before, after, "rider.remark", "rider", "remark")}}


def told(preview):
    by_name = {p["name"]: p for p in preview["who"]}
    assert len(by_name) == preview["people"], preview
    return {"flips": {(f["plugin"], f["unit"], f["before"], f["after"]) for f in preview["flips"]},
            "turned_on": preview["turned_on"], "turned_off": preview["turned_off"],
            "gaining": {n for n, p in by_name.items() if p["gains"]},
            "losing": {n for n, p in by_name.items() if p["loses"]}, "people": preview["people"],
            "stranded": {s["resource"]: {k: s[k] for k in ("frozen", "unattended")} for s in preview["stranded"]}}


def counts(happened):
    """As numbers, those of stranded records added up."""
    return {**{k: v if isinstance(v, int) else len(v) for k, v in happened.items() if k != "stranded"},
            **{k: sum(s[k] for s in happened["stranded"].values()) for k in ("frozen", "unattended")}}


def epoch():
    """Goes up by one with every change of the tenant, and with nothing else."""
    return int(server.psql("SELECT n FROM juxin.epoch")[0][0])


# ---- changes: how each is asked about, and how it is made ----

def some_policy():
    plugin, rule = chance.choice(PLUGINS), chance.choice(["on", "on", "off", "mandatory", "forbidden"])
    body = {"unit": units[chance.choice(list(units))], "rule": rule, "reason": "试",
            "reach": chance.choice(["self", "subtree", "subtree"]),
            "levels": chance.choice(["", "", "street", "community,county", "street,park"])}
    path = f"plugins/{plugin}/policies"
    return f"{plugin} {body}", ("POST", path + "/preview", body), ("POST", path, body), \
        lambda made: policies.append((plugin, made.json["id"]))


def end_policy():
    if not policies:
        return some_policy()
    plugin, rule = chance.choice(policies)
    path = f"plugins/{plugin}/policies/{rule}"
    return f"end of {plugin} {rule}", ("GET", path + "/preview", None), ("DELETE", path, None), \
        lambda made: policies.remove((plugin, rule))


def some_move():
    code, parent = chance.choice(list(units)[1:]), chance.choice(list(units))
    path, body = f"units/{units[code]}/move", {"parent": units[parent]}
    return f"{code} to {parent}", ("POST", path + "/preview", body), ("POST", path, body), None


def some_grant():
    holder = chance.choice([{"account": people[p].account} for p in PEOPLE] + [{"department": department}])
    body = {**holder, "role": roles[chance.choice(["every_reader", "every_user", "every_worker", "rider_all", *CUSTOM])],
            "unit": units[chance.choice(list(units))], "reach": chance.choice(["self", "children", "subtree"])}
    return f"{body}", ("POST", "grants/preview", body), ("POST", "grants", body), \
        lambda made: grants.append(made.json["id"])


def end_grant():
    if not grants:
        return some_grant()
    grant = chance.choice(grants)
    return f"end of {grant}", ("GET", f"grants/{grant}/preview", None), ("DELETE", f"grants/{grant}", None), \
        lambda made: grants.remove(grant)


def some_role():
    """The tenant's own lose what they have, or all but what their author holds."""
    path, body = f"roles/{roles[chance.choice(CUSTOM)]}", {"permissions": chance.choice([[], ["core.unit.read"]])}
    return f"{path} {body}", ("POST", path + "/preview", body), ("PATCH", path, body), None


def some_member():
    login = chance.choice(PEOPLE)
    path, body = f"departments/{department}/members/{people[login].account}", {"is_head": chance.choice([True, False])}
    return f"{login} into D", ("POST", path + "/preview", body), ("PUT", path, body), lambda made: members.add(login)


def end_member():
    """Of somebody who is in it, or is not."""
    login = chance.choice(sorted(members) + ["p1"])
    path = f"departments/{department}/members/{people[login].account}"
    return f"{login} out of D", ("GET", path + "/preview", None), ("DELETE", path, None), lambda made: members.discard(login)


KINDS = {"policy": some_policy, "end policy": end_policy, "move": some_move, "grant": some_grant, "end grant": end_grant,
         "role": some_role, "member": some_member, "end member": end_member}


def ask(method, path, body):
    headers = {}
    if path.endswith("/move"):
        headers["If-Match"] = boss().get(path.removesuffix("/move")).headers["ETag"]
    if method == "PATCH":
        headers["If-Match"] = boss().get(path).headers["ETag"]
    return boss().request(method, path, body, headers=headers)


def effect(preview):
    return len(preview["flips"]) + preview["people"] + sum(r["frozen"] + r["unattended"] for r in preview["stranded"])


def look_for(kind):
    """Of a few changes of the kind, the one with the greatest effect; those that are refused are refused alike."""
    best, tries = None, 0
    while best is None or tries < 4:
        tries += 1
        what, question, change, keep = KINDS[kind]()
        preview = ask(*question)
        if preview.status != 200:
            made = ask(*change)
            assert (preview.status, preview.json["code"]) == (made.status, made.json["code"]), (what, preview, made)
        elif best is None or effect(preview.json) > effect(best[1]):
            best = what, preview.json, change, keep
    return best


def test_what_would_happen_is_what_happens():
    totals, world, done, was = {}, observe(), 0, epoch()
    for kind in STEPS * ROUNDS:
        what, preview, change, keep = look_for(kind)
        made = ask(*change)
        assert made.status in (200, 201, 204), (what, preview, made)
        if keep:
            keep(made)
        after = observe()
        happened, world = difference(world, after), after
        assert told(preview) == happened, f"{what}: said\n{told(preview)}\nhappened\n{happened}"
        done += effect(preview) > 0
        totals = {key: totals.get(key, 0) + n for key, n in counts(happened).items()}
    print(f"  {len(STEPS * ROUNDS)} changes, {done} with an effect: {totals}")
    assert epoch() == was + len(STEPS * ROUNDS), "asking changed something"
    assert all(totals[key] > 0 for key in ("flips", "turned_on", "turned_off", "gaining", "losing", "frozen")), totals


# ---- cases that chance seldom makes ----

def start_over():
    for plugin, rule in list(policies):
        boss().delete(f"plugins/{plugin}/policies/{rule}")
    for grant in list(grants):
        boss().delete(f"grants/{grant}")
    policies.clear()
    grants.clear()
    for code, _, parent in TREE[1:]:
        ask("POST", f"units/{units[code]}/move", {"parent": units[parent]})
    made = boss().post("plugins/every/policies", {"unit": units["1"], "rule": "on"})
    assert made.status == 201, made
    policies.append(("every", made.json["id"]))


def test_the_last_one_at_a_unit_leaves_its_records_behind():
    start_over()
    give({"account": people["p1"].account, "role": roles["every_worker"], "unit": units["11"], "reach": "children"})
    give({"account": people["p2"].account, "role": roles["every_worker"], "unit": units["112"], "reach": "self"})
    give({"account": people["gone"].account, "role": roles["every_worker"], "unit": units["1"], "reach": "subtree"})
    before = observe()
    said = boss().get(f"grants/{grants[0]}/preview").json
    assert said["stranded"] == [{"resource": "every.case", "frozen": 0, "unattended": 2}], said  # of 111; 112 has p2
    assert boss().delete(f"grants/{grants[0]}").status == 204
    assert told(said) == difference(before, observe()), said
    # Asked in the same way by the operator, about the other one.
    same = server.ctl_json("grant", "end", "one", grants[1], "--preview")
    assert same == dict(boss().get(f"grants/{grants[1]}/preview").json, at=same["at"]), same
    moved = boss().post(f"units/{units['112']}/move/preview", {"parent": units["12"]}).json
    same = server.ctl_json("unit", "move", "one", "112", "--parent", "12", "--preview")
    assert same == dict(moved, at=same["at"]) and moved["people"] == 0, (same, moved)
    given = boss().post("grants/preview", {"account": people["p3"].account, "role": roles["every_reader"],
                                           "unit": units["12"], "reach": "self"}).json
    same = server.ctl_json("grant", "add", "one", "--user", "p3", "--role", "every_reader", "--unit", "12",
                           "--reach", "self", "--preview")
    assert same == dict(given, at=same["at"]) and given["gaining"] == 1, (same, given)


def differs_as_said(question, change):
    """What was said, when it is what then happened."""
    before, said = observe(), ask(*question).json
    made = ask(*change)
    assert made.status in (200, 204), made
    assert told(said) == difference(before, observe()), said
    return said


def test_a_role_and_a_membership():
    start_over()
    for login in sorted(members):
        assert boss().delete(f"departments/{department}/members/{people[login].account}").status == 204
    members.clear()
    own = boss().post("roles", {"name": "seer", "label_zh": "见", "permissions": ["core.unit.read"]}).json["id"]
    for login, unit in (("p1", "11"), ("p2", "121")):
        give({"account": people[login].account, "role": own, "unit": units[unit], "reach": "subtree"})
    path, body = f"roles/{own}", {"permissions": []}
    said = differs_as_said(("POST", path + "/preview", body), ("PATCH", path, body))
    assert (said["losing"], said["gaining"], {w["name"] for w in said["who"]}) == (2, 0, {"p1", "p2"}), said
    give({"department": department, "role": roles["every_worker"], "unit": units["11"], "reach": "subtree"})
    path = f"departments/{department}/members/{people['p4'].account}"
    said = differs_as_said(("POST", path + "/preview", {}), ("PUT", path, {}))
    assert (said["gaining"], said["losing"], said["stranded"]) == (1, 0, []), said
    again = ask("POST", path + "/preview", {"is_head": True}).json
    assert again["people"] == 0, again
    said = differs_as_said(("GET", path + "/preview", None), ("DELETE", path, None))
    assert said["losing"] == 1 and said["stranded"] == [{"resource": "every.case", "frozen": 0, "unattended": 6}], said
    assert ask("GET", path + "/preview", None).status == 404


def test_what_begins_later_is_looked_at_then():
    start_over()
    give({"account": people["p1"].account, "role": roles["every_worker"], "unit": units["11"], "reach": "subtree"})
    before = observe()
    begins = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
    body = {"unit": units["11"], "rule": "off", "reason": "试", "from": begins}
    said = boss().post("plugins/every/policies/preview", body).json
    assert said["at"].startswith(begins[:-1]) and said["turned_off"] == 3 and said["losing"] == 1, said
    made = boss().post("plugins/every/policies", body)
    assert made.status == 201, made
    policies.append(("every", made.json["id"]))
    assert observe() == before, "it began too early"
    why = boss().get("plugins/every/why?unit=111").json
    assert why["state"] == "on" and why["next_change"].startswith(begins[:-1]), why
    harness.wait_until(lambda: boss().get("plugins/every/why?unit=111").json["state"] == "off", 20, "the beginning")
    assert told(said) == difference(before, observe()), said


def test_the_deployment_adds_up():
    start_over()
    give({"account": people["p1"].account, "role": roles["every_worker"], "unit": units["11"], "reach": "subtree"})
    before = observe()
    words = ("every", "--rule", "forbidden", "--reason", "试", "--levels", "community")
    said = server.ctl_json("plugin", "policy", "-", *words, "--preview")
    made = server.ctl_json("plugin", "policy", "-", *words)["id"]
    happened = difference(before, observe())
    assert said == [{"tenant": "one", **{k: str(counts(happened)[k]) for k in
                     ("turned_on", "turned_off", "gaining", "losing", "frozen", "unattended")}}], (said, happened)
    assert happened["turned_off"] == 4 and happened["losing"] == {"p1"}, happened
    server.ctl("plugin", "policy", "-", "every", "--end", made)
    assert observe() == before


def test_who_sees_nobody_is_told_numbers_only():
    """p5 may turn plugins off at street 11, and see no accounts and no units but its own."""
    start_over()
    body = {"name": "switcher", "label_zh": "开关", "permissions": ["core.policy.write", "core.policy.read"]}
    assert boss().post("roles", body).status == 201
    server.ctl("grant", "add", "one", "--user", "p5", "--role", "switcher", "--unit", "11", "--reach", "subtree")
    give({"account": people["p1"].account, "role": roles["every_worker"], "unit": units["11"], "reach": "subtree"})
    said = people["p5"].post("plugins/every/policies/preview", {"unit": units["11"], "rule": "off", "reason": "试"})
    assert said.status == 200, said
    assert (said.json["turned_off"], said.json["losing"]) == (3, 1), said
    assert said.json["flips"] == [] and said.json["who"] == [], said


if __name__ == "__main__":
    harness.main()
