#!/usr/bin/env python3
# Rights as a matrix made from the declarations: every role × the level it is granted at × its reach × every action of every
# declared resource, asked at a unit of each level. What the server answers to the act itself, what `explain` says, and
# what follows from the role's list of permissions and the tree must be one and the same.
import json
import os
import pathlib
import sys
import uuid

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.client import Client
from lib.demo import Demo
from lib.harness import main
from lib.server import prefix

BASE = "/t/shangcheng/api/v1"
# Where a role is granted, and how far it reaches: what lies below, beside and above it differs.
PLACES = [(at, reach) for at in ("county", "street") for reach in ("self", "children", "subtree")] + \
    [("community", "self"), ("park", "subtree")]
demo = admin = subject = account = None
units = {}      # name: unit
roles = {}      # name: (id, permissions)
resources = {}  # full name: declaration


def api(method, path, body=None, client=None, **headers):
    return (client or admin).request(method, BASE + path, body, headers=headers)


def ok(answer):
    assert answer.status < 300, answer
    return answer.json if answer.body else None


def operator(*arguments):
    return demo.ctl(*arguments).stdout


def setup():
    global demo, admin, subject, account
    demo = Demo(workers=1)
    for login in ("matrix-admin", "matrix"):
        demo.ctl("user", "create", "shangcheng", login, "--name", login, "--unit", "330102", "--password-stdin",
                 input="Rechte-und-Baum-2026!\n")
    demo.start()
    pick_units()
    for login, role in everybody_who_prepares():
        demo.ctl("grant", "add", "shangcheng", "--user", login, "--role", role, "--unit", "330102", "--reach", "subtree")
    admin, subject = sign_in("matrix-admin"), sign_in("matrix")
    account = ok(api("GET", "/session", client=subject))["account"]
    for role in ok(api("GET", "/roles"))["items"]:
        roles[role["name"]] = (role["id"], set(role["permissions"]))
    for path in sorted(pathlib.Path(prefix()).glob("lib/juxin/plugins/*/resources/*.json")):
        declared = json.loads(path.read_text(encoding="utf-8"))
        resources[f"{path.parent.parent.name}.{declared['resource']}"] = declared
    assert resources and len(roles) >= 5


def everybody_who_prepares():
    names = [line.split()[0] for line in operator("role", "list", "shangcheng").splitlines()[1:] if line.strip()]
    return [("matrix-admin", name) for name in names]


def sign_in(login):
    client = Client(demo.plain_port)
    answer = client.post(BASE + "/session", {"login": login, "password": "Rechte-und-Baum-2026!"})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def pick_units():
    """One unit of each level on one branch, a neighbour of each, and the park under the county."""
    rows = demo.psql("SELECT u.id, u.code, u.level, coalesce(u.parent_id::text, '') FROM juxin.unit u JOIN juxin.tenant t"
                     " ON t.id = u.tenant_id WHERE t.slug = 'shangcheng' AND u.closed_at IS NULL ORDER BY u.code")
    county = next(r for r in rows if r[2] == "county")
    streets = [r for r in rows if r[2] == "street"][:2]
    communities = [next(r for r in rows if r[3] == s[0]) for s in streets]
    park = next(r for r in rows if r[2] == "park")
    for name, row in (("county", county), ("street", streets[0]), ("other street", streets[1]),
                      ("community", communities[0]), ("other community", communities[1]), ("park", park)):
        units[name] = dict(id=row[0], code=row[1], level=row[2], parent=row[3])


def reaches(granted, reach, at):
    """Is the unit within (granted, reach)? From the rows of the tree alone."""
    above, walk = [], at
    while walk:
        above.append(walk["id"])
        walk = next((u for u in units.values() if u["id"] == walk["parent"]), None)
    if reach == "self":
        return at["id"] == granted["id"]
    if reach == "children":
        return at["parent"] == granted["id"]
    return granted["id"] in above


def values(declared):
    """The least a record of the resource needs. No two are alike, so that no plugin takes one for another's double."""
    made = {}
    for name, field in declared["fields"].items():
        if field.get("required"):
            made[name] = {"enum": lambda f=field: f["values"][0]["value"], "integer": lambda: 1,
                          "boolean": lambda: True, "date": lambda: "2026-12-31"}.get(field["type"], lambda: "值" + uuid.uuid4().hex)()
    return made


def records():
    """{(resource, unit name): id}: one in its initial state everywhere, made by somebody else."""
    made = {}
    for name, declared in resources.items():
        for at, unit in units.items():
            if unit["level"] in declared.get("levels", [unit["level"]]):
                answer = api("POST", "/" + name.replace(".", "/"), dict(values(declared), unit=unit["id"]))
                if answer.status == 201:
                    made[name, at] = answer.json["id"]
    assert len({r for r, _ in made}) == len(resources), made
    return made


def explained(permission, unit):
    answer = api("GET", f"/explain?account={account}&permission={permission}&unit={unit['id']}")
    return ok(answer)["may"]


def allowed(answer, what):
    """Not refused for want of rights: what else is wrong with the request is another matter."""
    assert answer.status < 500, (what, answer)
    return answer.status not in (401, 403, 404)


class Cell:
    """One granted role; compares every action at every unit."""

    def __init__(self, role, granted, reach, made):
        self.permissions, self.granted, self.reach, self.made = roles[role][1], granted, reach, made
        self.checked, self.name = 0, f"{role} at {granted['level']}, {reach}"
        self.id = ok(api("POST", "/grants", {"account": account, "role": roles[role][0], "unit": granted["id"],
                                             "reach": reach}))["id"]

    def end(self):
        assert api("DELETE", f"/grants/{self.id}").status == 204

    def holds(self, permission, unit):
        return permission in self.permissions and reaches(self.granted, self.reach, unit)

    def compare(self, what, unit, permission, expected, answer):
        may = allowed(answer, what)
        assert may == expected, f"{self.name}: {what} at {unit['code']}: expected {expected}: {answer}"
        said = explained(permission, unit)
        assert said == self.holds(permission, unit), f"{self.name}: explain says {said} of {permission} at {unit['code']}"
        self.checked += 1

    def resource(self, name):
        path, declared = "/" + name.replace(".", "/"), resources[name]
        for at, unit in units.items():
            if (name, at) not in self.made:
                continue
            one = f"{path}/{self.made[name, at]}"
            sees = self.holds(f"{name}.read", unit)
            self.compare("read", unit, f"{name}.read", sees, api("GET", one, client=subject))
            listed = [r["id"] for r in ok(api("GET", f"{path}?id=eq.{self.made[name, at]}", client=subject))["items"]]
            assert (self.made[name, at] in listed) == sees, f"{self.name}: the list of {name} at {unit['code']}"
            # A member that does not exist is looked at once rights are settled: nothing is changed.
            self.compare("update", unit, f"{name}.update", sees and self.holds(f"{name}.update", unit),
                         api("PATCH", one, {"no_such_member": 1}, client=subject, **{"If-Match": '"1"'}))
            for transition, t in declared.get("transitions", {}).items():
                permission = t.get("permission") or transition
                permission = permission if "." in permission else f"{name}.{permission}"
                theirs = not t.get("by") and not t.get("holder")  # it is neither the submitter's nor a holder's
                self.compare(transition, unit, permission, sees and theirs and self.holds(permission, unit),
                             api("POST", f"{one}/transitions/{transition}", {"no_such_member": 1}, client=subject,
                                 **{"If-Match": '"1"'}))

    def create(self, name):
        declared = resources[name]
        for at, unit in units.items():
            if (name, at) in self.made:
                answer = api("POST", "/" + name.replace(".", "/"), dict(values(declared), unit=unit["id"]),
                             client=subject, **{"Idempotency-Key": str(uuid.uuid4())})
                may = self.holds(f"{name}.create", unit)
                assert (answer.status == 201) == may, f"{self.name}: create at {unit['code']}: {may}: {answer}"
                assert answer.status in (201, 403, 422), answer
                self.checked += 1


def test_every_role_at_every_level():
    made, checked, cells = records(), 0, 0
    for role in sorted(roles):
        if not any(p.split(".", 2)[:2] == r.split(".") for p in roles[role][1] for r in resources):
            continue
        for at, reach in PLACES:
            cell = Cell(role, units[at], reach, made)
            for name in resources:
                cell.resource(name)
            cell.end()
            checked, cells = checked + cell.checked, cells + 1
    assert cells >= 12 and checked > 1000, (cells, checked)
    print(f"       {cells} grants, {checked} acts compared with the answer and with explain")


def test_creating():
    """Apart, since whoever makes a record takes part in it."""
    made, checked = records(), 0
    for role in sorted(roles):
        for at, reach in PLACES:
            cell = Cell(role, units[at], reach, made)
            for name in resources:
                cell.create(name)
            cell.end()
            checked += cell.checked
    print(f"       {checked} records asked for")


if __name__ == "__main__":
    main()
