#!/usr/bin/env python3
# juxinctl tenant import: many tenants from one file, each whole or not at all, and as often as one likes.
import json
import os
import pty
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.harness import main, scratch, start_process, wait_until
from lib.server import Server, prefix

server = None
COUNTS = "SELECT t.slug, t.name, count(u.id) FROM juxin.tenant t LEFT JOIN juxin.unit u ON u.tenant_id = t.id"
STATE = ("SELECT t.slug, e.n, (SELECT count(*) FROM juxin.unit u WHERE u.tenant_id = t.id),"
         " (SELECT count(*) FROM juxin.role r WHERE r.tenant_id = t.id),"
         " (SELECT count(*) FROM juxin.audit a WHERE a.tenant_id = t.id)"
         " FROM juxin.tenant t JOIN juxin.epoch e ON e.tenant_id = t.id")


def setup():
    global server
    server = Server()


def tenant(slug, streets=2, communities=3, name="某区"):
    code = slug.removeprefix("t-")
    units = [{"code": code, "name": name, "level": "county", "parent": None}]
    for s in range(streets):
        street = f"{code}{s:03d}"
        units.append({"code": street, "name": f"第{s}街道", "level": "street", "parent": code})
        units += [{"code": f"{street}{c:03d}", "name": f"第{c}社区", "level": "community", "parent": street}
                  for c in range(communities)]
    return {"slug": slug, "name": name, "units": units}


def file_of(name, *lines):
    path = os.path.join(scratch(), name)
    with open(path, "w", encoding="utf-8") as out:
        for line in lines:
            out.write((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n")
    return path


def units_of(like):
    return {r[0]: int(r[2]) for r in server.psql(f"{COUNTS} WHERE t.slug LIKE '{like}' GROUP BY 1, 2")}


def test_tenants_come_with_units_and_roles():
    path = file_of("three", tenant("t-a1", name="甲区"), tenant("t-a2", name="乙区"), tenant("t-a3", 0, 0, "丙县"))
    answer = server.ctl_json("tenant", "import", path)
    assert answer == {"tenants": 3, "created": 3, "changed": 0, "unchanged": 0, "failed": 0, "units": 19}, answer
    assert server.psql(f"{COUNTS} WHERE t.slug LIKE 't-a%' GROUP BY 1, 2 ORDER BY 1") == [
        ["t-a1", "甲区", "9"], ["t-a2", "乙区", "9"], ["t-a3", "丙县", "1"]]
    parents = server.psql("SELECT u.code, p.code, u.depth FROM juxin.unit u JOIN juxin.tenant t ON t.id = u.tenant_id"
                          " JOIN juxin.unit p ON p.tenant_id = u.tenant_id AND p.id = u.parent_id"
                          " WHERE t.slug = 't-a1' ORDER BY 1 LIMIT 2")
    assert parents == [["a1000", "a1", "1"], ["a1000000", "a1000", "2"]], parents
    # What every tenant has is there too: the roles, and the audit row of the import.
    server.ctl("user", "create", "t-a1", "admin", "--name", "管理员", "--generate")
    server.ctl("grant", "add", "t-a1", "--user", "admin", "--role", "administrator", "--unit", "a1", "--reach", "subtree")
    assert server.psql("SELECT a.action, a.actor_kind FROM juxin.audit a JOIN juxin.tenant t ON t.id = a.tenant_id"
                       " WHERE t.slug = 't-a2' ORDER BY a.id") == [["tenant.create", "operator"], ["unit.import", "operator"]]
    server.ctl("audit", "verify", "t-a2")


def test_again_changes_nothing():
    path = file_of("again", tenant("t-b1"), tenant("t-b2"))
    server.ctl("tenant", "import", path)
    before = server.psql(STATE + " ORDER BY 1")
    answer = server.ctl_json("tenant", "import", path)
    assert (answer["created"], answer["unchanged"], answer["units"]) == (0, 2, 0), answer
    assert server.psql(STATE + " ORDER BY 1") == before


def test_what_is_missing_is_added():
    server.ctl("tenant", "create", "t-c1", "--name", "某区")
    few = tenant("t-c2")
    few["units"] = few["units"][:2]
    server.ctl("tenant", "import", file_of("few", few))
    answer = server.ctl_json("tenant", "import", "-", input=json.dumps(tenant("t-c1")) + "\n\n" + json.dumps(tenant("t-c2")))
    assert (answer["created"], answer["changed"], answer["units"]) == (0, 2, 16), answer
    assert units_of("t-c%") == {"t-c1": 9, "t-c2": 9}


def test_a_wrong_tenant_is_named_and_holds_up_nobody():
    wrong = tenant("t-d2")
    wrong["units"][4]["parent"] = "nowhere"
    path = file_of("wrong", tenant("t-d1"), wrong, "{not json", {"slug": "Bad Slug", "name": "x", "units": []},
                   {"name": "没有标识", "units": []}, {"slug": "t-d4", "name": "", "units": []},
                   dict(tenant("t-d5"), colour="red"), tenant("t-d6"))
    done = server.ctl("tenant", "import", path, check=False)
    assert done.returncode == 4, done
    for line in ("line 2, t-d2", "/units/4/parent", "line 3", "line 4, Bad Slug", "line 5", "line 6, t-d4",
                 "line 7, t-d5", "colour"):
        assert line in done.stderr, (line, done.stderr)
    assert "2 created" in done.stdout and "6 failed" in done.stdout, done.stdout
    assert units_of("t-d%") == {"t-d1": 9, "t-d6": 9}, "a tenant with a fault leaves nothing behind"
    answer = json.loads(server.ctl("tenant", "import", path, "--json", check=False).stdout)
    assert (answer["failed"], answer["unchanged"]) == (6, 2), answer


def test_dry_run_writes_nothing():
    before = server.psql(STATE + " ORDER BY 1")
    done = server.ctl("tenant", "import", file_of("dry", tenant("t-e1"), tenant("t-b1")), "--dry-run")
    assert "would be" in done.stdout and "1 created" in done.stdout, done.stdout
    assert server.psql(STATE + " ORDER BY 1") == before


def test_killed_and_run_again():
    """At no moment has a tenant some of its units; what was done stays done, the rest is done by the next run."""
    count, units = 120, 1 + 10 + 10 * 20
    path = file_of("many", *[tenant(f"t-f{n:03d}", 10, 20) for n in range(count)])
    process = start_process([prefix() + "/bin/juxinctl", "--config", server.config_file, "tenant", "import", path],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=server.environment)
    wait_until(lambda: len(units_of("t-f%")) >= 10, 60, "ten tenants")
    process.kill()
    process.wait()
    done = units_of("t-f%")
    assert 10 <= len(done) < count and set(done.values()) == {units}, done
    answer = server.ctl_json("tenant", "import", path)
    assert answer["unchanged"] >= len(done) and answer["created"] + answer["unchanged"] == count, (len(done), answer)
    assert set(units_of("t-f%").values()) == {units} and len(units_of("t-f%")) == count


def test_progress_on_a_terminal_and_elsewhere():
    path = file_of("progress", *[tenant(f"t-g{n:03d}") for n in range(40)])
    # A sanitizer may have a warning of its own about fibers, in front.
    lines = [line for line in server.ctl("tenant", "import", path).stderr.splitlines() if not line.startswith("==")]
    assert 2 <= len(lines) <= 12 and all("%" in line and "\r" not in line for line in lines), lines
    assert "100 %" in lines[-1] and "40 tenants" in lines[-1], lines
    ours, theirs = pty.openpty()
    process = start_process([prefix() + "/bin/juxinctl", "--config", server.config_file, "tenant", "import", path],
                            stdout=subprocess.PIPE, stderr=theirs, env=server.environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    assert process.wait() == 0 and b"40 unchanged" in process.stdout.read()
    shown = re.sub(rb"==\d+==WARNING[^\n]*\n", b"", shown)
    assert shown.count(b"\n") == 1 and b"\r" in shown and b"[####################] 100 %" in shown, shown


def test_no_such_file():
    done = server.ctl("tenant", "import", os.path.join(scratch(), "nowhere"), check=False)
    assert done.returncode == 3 and "nowhere" in done.stderr, done


def test_making_a_tenant_is_audited():
    server.ctl("tenant", "create", "t-h1", "--name", "某区")
    assert server.psql("SELECT a.action, a.actor_kind, a.fields FROM juxin.audit a JOIN juxin.tenant t"
                       " ON t.id = a.tenant_id WHERE t.slug = 't-h1'") == [["tenant.create", "operator", "slug,name"]]


def test_a_slug_is_explained():
    done = server.ctl("tenant", "create", "1st", "--name", "x", check=False)
    assert done.returncode == 2 and "begin with a letter" in done.stderr, done


if __name__ == "__main__":
    main()
