"""Dead letters: what plugins gave up is seen by the operator and delivered again, one or all."""
import json
import pathlib

from lib import harness
from lib.people import make_people
from lib.plugins import install
from lib.server import Server

server = boss = None


def setup():
    global server, boss
    work = pathlib.Path(harness.scratch())
    directory = install(work / "plugins", "every")
    server = Server(workers=1, config={"plugins": {"directory": str(directory)}})
    tree = work / "tree.json"
    tree.write_text(json.dumps({"units": [{"code": "1", "name": "甲县", "level": "county"}]}))
    for slug in ("one", "two"):
        server.ctl("tenant", "create", slug, "--name", slug)
        server.ctl("unit", "import", slug, tree)
        server.ctl("plugin", "policy", slug, "every", "--unit", "1", "--rule", "on")
    boss = make_people(server, "one", "boss")["boss"]
    server.ctl("grant", "add", "one", "--user", "boss", "--role", "every_all", "--unit", "1", "--reach", "subtree")
    server.start()


def outbox(*words, check=True):
    return server.ctl_json("outbox", *words, check=check)


def given_up(title):
    """A case whose action asks to be heard again later, until it has been tried often enough."""
    made = boss.post("every/case", {"title": "later " + title}).json["id"]
    key = f"every.case/{made}"

    def dead():
        server.psql(f"UPDATE juxin.outbox SET attempts = 11, next_at = now() WHERE key = '{key}' AND seq IS NOT NULL"
                    " AND state = 'pending' AND next_at > now()")
        return server.psql(f"SELECT id FROM juxin.outbox WHERE key = '{key}' AND state = 'dead'")
    return made, key, harness.wait_until(dead, 60, "the last attempt")[0][0]


def seen(record):
    return boss.get(f"every/case/{record}").json["seen"] == 1


def audit(action):
    return server.psql(f"SELECT actor_kind, coalesce(object_id::text, ''), fields FROM juxin.audit WHERE action = '{action}'"
                       " ORDER BY id")


def test_one_is_delivered_again():
    record, key, id = given_up("one")
    listed = outbox("list", "one")
    assert [(r["id"], r["plugin"], r["about"], r["attempts"]) for r in listed] == [(id, "every", key, "12")], listed
    assert listed[0]["error"] and outbox("list", "two") == [] and outbox("list", "one", "--plugin", "other") == []
    assert outbox("list", "one", "--pending") == []
    server.psql(f"UPDATE px_every.case SET title = 'now' WHERE id = '{record}'")  # what kept it from being done
    assert server.ctl("outbox", "revive", "two", id, check=False).returncode == 3
    server.ctl("outbox", "revive", "one", id)
    harness.wait_until(lambda: seen(record), 60, "its effect")
    assert outbox("list", "one") == []
    assert server.ctl("outbox", "revive", "one", id, check=False).returncode == 3
    assert audit("outbox.revive") == [["operator", id, "state"]], audit("outbox.revive")


def test_all_are_after_being_asked():
    made = [given_up(f"all {n}") for n in range(3)]
    for record, _, _ in made:
        server.psql(f"UPDATE px_every.case SET title = 'now' WHERE id = '{record}'")
    said = outbox("revive", "one", "--all", "--preview")
    assert [(r["plugin"], r["dead"]) for r in said] == [("every", "3")], said
    asked = server.ctl("outbox", "revive", "one", "--all", input="", check=False)
    assert asked.returncode == 4 and "every" in asked.stdout, asked
    assert len(outbox("list", "one")) == 3 and audit("outbox.revive_all") == []
    server.psql(f"UPDATE juxin.outbox SET plugin = 'other' WHERE id = '{made[0][2]}'")  # one that is not there: it waits
    assert server.ctl_json("outbox", "revive", "one", "--all", "--plugin", "other", "--yes") == {"revived": 1}
    assert {r["id"] for r in outbox("list", "one")} == {made[1][2], made[2][2]}
    server.psql(f"UPDATE juxin.outbox SET plugin = 'every', next_at = now() WHERE id = '{made[0][2]}'")
    assert server.ctl_json("outbox", "revive", "one", "--all", "--yes") == {"revived": 2}
    assert server.ctl_json("outbox", "revive", "one", "--all", "--yes") == {"revived": 0}
    for record, _, _ in made:
        harness.wait_until(lambda: seen(record), 60, "its effect")
    assert outbox("list", "one") == [] and audit("outbox.revive_all") == [["operator", "", "state"]] * 2


def test_what_makes_no_sense_is_told():
    for words in (["one"], ["one", "x", "--all"], ["one", "x", "--preview"]):
        assert server.ctl("outbox", "revive", *words, check=False).returncode == 2, words
    assert server.ctl("outbox", "revive", "one", "x", check=False).returncode in (1, 4)
    assert server.ctl("outbox", "list", "nowhere", check=False).returncode == 3


if __name__ == "__main__":
    harness.main()
