"""Jobs of a plugin's own and files beside records, through the host's tables of version 1.1 (tests/plugins/clerk)."""
import contextlib
import json
import os
import shutil
import signal

from lib import harness
from lib.harness import wait_until
from lib.ledger import works_server
from lib.people import make_people
from lib.plugins import install

ENOENT, EACCES, EEXIST, EINVAL, E2BIG, ENOTSUP = -2, -13, -17, -22, -7, -95
server = unit = None
people = {}


def setup():
    global server, unit

    def more(directory):
        beside = install(os.path.join(os.path.dirname(directory), "more"), "clerk")
        shutil.copytree(os.path.join(beside, "clerk"), os.path.join(directory, "clerk"))

    server = works_server(workers=2, start=False, more_plugins=more)
    people.update(make_people(server, "one", "clerk", "reader"))
    for login, *roles in (("clerk", "clerk_user", "works_all"), ("reader", "clerk_user")):
        for role in roles:
            server.ctl("grant", "add", "one", "--user", login, "--role", role, "--unit", "k", "--reach", "subtree")
    server.start()
    unit = server.psql("SELECT id FROM juxin.unit WHERE code = 's1' AND tenant_id = 1")[0][0]


def ask(what, login="clerk", **body):
    answer = people[login].post(f"clerk/{what}", {k: str(v) for k, v in body.items()})
    assert answer.status == 200, answer
    return answer.json


def begin(login="clerk", key=None, name="copy", **given):
    body = {"name": name, "input": json.dumps(dict({"unit": unit}, **given), separators=(",", ":"))}
    return ask("begin", login, **body, **({"key": key} if key else {}))


def job(id, login="clerk"):
    answer = people[login].get(f"jobs/{id}")
    assert answer.status == 200, answer
    return answer.json


def ended(id):
    wait_until(lambda: job(id)["state"] not in ("waiting", "running"), 90, f"the end of job {id}")
    return job(id)


def made(title):
    return [t for (t,) in server.psql(f"SELECT title FROM px_works.item WHERE title LIKE '{title} %' AND deleted_at IS NULL")]


def record():
    answer = people["clerk"].post("works/item", {"title": "有附件", "unit": unit})
    assert answer.status == 201, answer
    return answer.json["id"]


def files(id, login="clerk"):
    return json.loads(ask("list", login, record=id)["list"])["items"]


def test_a_job_is_done_step_by_step_and_tells_how_far_it_is():
    item = record()
    answer = begin(steps=7, title="誊写", record=item)
    seen = ended(answer["job"])
    assert (seen["state"], seen["done"], seen["total"], seen["result"]) == ("done", 7, 7, {"made": 7}), seen
    assert seen["kind"] == "clerk.copy" and seen["attempts"] == 1, seen
    assert sorted(made("誊写")) == [f"誊写 {i}" for i in range(7)]
    creators = server.psql("SELECT DISTINCT created_by FROM px_works.item WHERE title LIKE '誊写 %'")
    assert creators == [[people["clerk"].account]], "for whoever added it"
    (file,) = files(item)
    assert file["name"] == "结果.txt" and file["created_by"] == people["clerk"].account, file
    # One step that fails is done again, alone.
    answer = begin(steps=4, title="再写", mode="error")
    wait_until(lambda: job(answer["job"])["attempts"] == 1 and job(answer["job"])["state"] == "waiting", 60, "its failure")
    due(answer["job"])
    assert ended(answer["job"])["state"] == "done" and sorted(made("再写")) == [f"再写 {i}" for i in range(4)]


def test_what_is_refused():
    assert begin(name="unheard_of", steps=1, title="x")["error"] == ENOENT
    assert ask("begin", name="copy", input="[1]")["error"] == EINVAL and ask("begin", name="copy", input="{")["error"] == EINVAL
    assert ask("begin", name="copy", input='{"a":"' + "x" * 17000 + '"}')["error"] == EINVAL
    assert ask("outside", x=1)["error"] == ENOTSUP
    # With the rights of whoever added it, at that moment: who may not make records makes none.
    answer = begin("reader", steps=1, title="无权")
    seen = wait_until(lambda: job(answer["job"], "reader")["state"] == "failed" and job(answer["job"], "reader"), 60, "its end")
    assert "error -13" in json.dumps(seen) and made("无权") == [], seen
    # One of a key; somebody else's job, and another's, are not there.
    with held():
        first = begin(steps=2, title="钥匙", key="one")
        assert first["error"] == 0 and begin(steps=2, title="钥匙", key="one")["error"] == EEXIST
        assert ask("stop", "reader", job=first["job"])["error"] == ENOENT
        other = server.psql("SELECT id FROM juxin.job WHERE tenant_id = 1 AND kind NOT LIKE 'clerk.%' LIMIT 1")[0][0]
        assert ask("stop", job=other)["error"] == ENOENT
    due(first["job"])
    assert ended(first["job"])["state"] == "done" and len(made("钥匙")) == 2


@contextlib.contextmanager
def held():
    """What is added waits an hour."""
    server.psql("CREATE FUNCTION juxin.later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.run_at = now() + interval ''1 hour''; RETURN NEW; END';"
                "CREATE TRIGGER later BEFORE INSERT ON juxin.job FOR EACH ROW EXECUTE FUNCTION juxin.later()")
    try:
        yield
    finally:
        server.psql("DROP TRIGGER later ON juxin.job; DROP FUNCTION juxin.later()")


def due(id):
    server.psql(f"UPDATE juxin.job SET run_at = now() WHERE id = '{id}'")


def test_where_the_plugin_is_off_its_job_waits():
    with held():
        answer = begin(steps=2, title="停用")
    rule = server.ctl_json("plugin", "policy", "one", "clerk", "--unit", "k", "--rule", "off", "--reason", "测试")["id"]
    try:
        due(answer["job"])
        wait_until(lambda: server.psql(f"SELECT 1 FROM juxin.job WHERE id = '{answer['job']}' AND state = 'waiting' AND run_at > now()"), 60, "its putting off")
        assert made("停用") == []
    finally:
        server.ctl("plugin", "policy", "one", "clerk", "--end", rule)
    due(answer["job"])
    assert ended(answer["job"])["state"] == "done" and len(made("停用")) == 2


def test_files_go_by_the_records_permission():
    item = record()
    content = "第一行\n" + "x" * 5000
    answer = ask("add", resource="works.item", record=item, name="说明.txt", content=content)
    assert answer["error"] == 0, answer
    got = people["clerk"].get(f"works/item/{item}/attachments/{answer['file']}/content")
    assert got.status == 200 and got.body == content.encode(), got
    assert ask("read", record=item, file=answer["file"], offset=0, max=9)["content"] == "第一行"
    assert ask("read", record=item, file=answer["file"], offset=10, max=99999)["content"] == "x" * 5000
    assert ask("read", record=item, file=answer["file"], offset=99999, max=9)["content"] == ""
    again = ask("add", resource="works.item", record=item, name="说明.txt", content=content)
    assert again["file"] == answer["file"] and len(files(item)) == 1, "the same file is there already"
    for login, what, more, error in (
            ("reader", "list", {"record": item}, ENOENT), ("reader", "read", {"record": item, "file": answer["file"], "offset": 0, "max": 9}, ENOENT),
            ("reader", "add", {"resource": "works.item", "record": item, "name": "a.txt", "content": "x"}, ENOENT),
            ("clerk", "read", {"record": item, "file": item, "offset": 0, "max": 9}, ENOENT),
            ("clerk", "add", {"resource": "works.nothing", "record": item, "name": "a.txt", "content": "x"}, ENOENT),
            ("clerk", "add", {"resource": "works.item", "record": item, "name": "../a.txt", "content": "x"}, EINVAL),
            ("clerk", "add", {"resource": "works.item", "record": item, "name": "a.txt", "content": "y" * 1000001}, E2BIG),
            ("clerk", "add", {"resource": "works.item", "record": item, "name": "a.html", "content": "<html><script>x</script></html>"}, EINVAL)):
        assert ask(what, login, **more)["error"] == error, (login, what, more if "content" not in more else more["name"])
    for i in range(3):
        assert ask("add", resource="works.item", record=item, name=f"{i}.txt", content=f"{i}{i}\n")["error"] == 0
    assert ask("add", resource="works.item", record=item, name="fifth.txt", content="five\n")["error"] == EINVAL, "four at most"
    ids = ", ".join(f"'{f['id']}'" for f in files(item))
    assert server.psql(f"SELECT count(*) FROM juxin.audit WHERE object_id IN ({ids}) AND action = 'works.item.attach'") == [["4"]]


def test_a_job_is_cancelled_between_two_steps():
    answer = begin(steps=2000, title="太长")
    wait_until(lambda: job(answer["job"])["done"] > 3, 60, "its beginning")
    assert ask("stop", job=answer["job"])["error"] == 0
    seen = ended(answer["job"])
    assert seen["state"] == "cancelled" and len(made("太长")) < 2000, seen


def test_what_a_kill_breaks_off_goes_on_behind_its_last_step():
    answer = begin(steps=150, title="打断")
    wait_until(lambda: len(made("打断")) > 10, 60, "its beginning")
    with open(f"/proc/{server.process.pid}/task/{server.process.pid}/children", encoding="ascii") as children:
        for pid in children.read().split():
            os.kill(int(pid), signal.SIGKILL)
    before = len(made("打断"))
    wait_until(server.ready, 60, "readiness")
    people["clerk"]._kept = None
    server.psql(f"UPDATE juxin.job SET lease_until = now() WHERE id = '{answer['job']}'")
    assert ended(answer["job"])["state"] == "done" and before < 150, before
    assert sorted(made("打断")) == sorted(f"打断 {i}" for i in range(150)), "each once"


if __name__ == "__main__":
    harness.main()
