"""What is asked of more records than a request takes: frozen, shown, begun, done by a job, each with its result."""
# sent
import uuid

from lib import harness
from lib.matters import R, Matters, problem

m = None
B = R + "/batches"


def setup():
    global m
    m = Matters()


def made(login, transition, query="", **body):
    answer = m.people[login].post(B + query, dict({"transition": transition}, **body))
    assert answer.status == 201, answer
    return ready(login, answer.json["id"])


def ready(login, batch):
    def frozen():
        found = m.people[login].get(f"{B}/{batch}").json
        return found if found["state"] != "freezing" else None

    found = harness.wait_until(frozen, 60, "what a batch is made of")
    assert found["state"] == "ready", found
    return found


def done(login, batch, state="done"):
    begun = m.people[login].post(f"{B}/{batch['id']}/start")
    assert begun.status == 200, begun
    m.job_done(begun.json["job"], login)
    found = m.people[login].get(f"{B}/{batch['id']}").json
    assert found["state"] == state and found["open"] == 0, found
    return found


def items(login, batch, query=""):
    answer = m.people[login].get(f"{B}/{batch['id']}/items{query}")
    assert answer.status == 200, answer
    return answer.json["items"]


def test_more_than_a_request_takes():
    mark = uuid.uuid4().hex[:8]
    m.server.psql("INSERT INTO px_matters.matter (tenant_id, id, unit_id, a1, a2, origin_unit_id, version, state, state_since, created_at, "
                  "updated_at, title) SELECT 1, gen_random_uuid(), u.id, u.a1, u.a2, u.id, 1, 'new', now(), now(), now(), "
                  f"'{mark}' || n FROM generate_series(1, 260) AS g(n), juxin.unit u WHERE u.tenant_id = 1 AND u.code = 'c1'")
    batch = made("county", "not_accept", "?state=eq.new&unit=c1&limit=1", values={"reason": "重复登记"})
    assert batch["total"] >= 260 and [s["kind"] for s in batch["items"]] == ["record"], batch
    late = m.create("c1", "c1")  # what comes later is not in it
    found = done("county", batch)
    assert (found["done"], found["refused"]) == (batch["total"], 0), found
    assert m.seen(late)["state"] == "new"
    told = m.server.psql(f"SELECT count(*), count(DISTINCT h.id) FROM px_matters.matter r JOIN juxin.history h ON h.record_id = r.id AND "
                         f"h.transition = 'not_accept' WHERE r.title LIKE '{mark}%' AND r.state = 'refused' AND r.version = 2")
    assert told == [["260", "260"]], told
    assert m.server.psql("SELECT count(*) FROM juxin.audit WHERE action = 'matters.matter.not_accept'") == [[str(batch["total"])]]
    assert m.server.psql(f"SELECT input, query FROM juxin.batch WHERE id = '{batch['id']}'") == [["", ""]]
    table = m.people["county"].get(f"{B}/{batch['id']}/content")
    assert table.status == 200 and table.headers["Content-Type"].startswith("text/csv"), table
    assert table.body.decode("utf-8-sig").count("\r\n") == batch["total"] + 1
    problem(m.people["county"].post(f"{B}/{batch['id']}/start"), 409, "begun_already")


def test_each_item_asks_what_one_request_asks():
    plain, changed, screened, off = (m.create("county", u) for u in ("c1", "c1", "c1", "c3"))
    unseen, absent = m.create("county", "k"), str(uuid.uuid4())
    m.take("county", screened, "screen")
    listed = [(plain, 1), (changed, 1), (screened, 2), (unseen, 1), (absent, 1)]
    batch = made("c1", "screen", items=[{"id": r, "version": v} for r, v in listed])
    assert batch["total"] == 5 and {i["status"] for i in items("c1", batch)} == {None}
    m.server.psql(f"UPDATE px_matters.matter SET version = 2 WHERE id = '{changed}'")
    found = done("c1", batch)
    assert (found["done"], found["refused"]) == (1, 4), found
    by = {i["id"]: (i["status"], i["code"], i["new_state"]) for i in items("c1", batch)}
    assert by == {plain: (200, None, "screened"), changed: (412, "stale", None), screened: (409, "wrong_state", None),
                  unseen: (404, "not_found", None), absent: (404, "not_found", None)}, by
    assert [i["id"] for i in items("c1", batch, "?which=done")] == [plain]
    assert len(items("c1", batch, "?which=refused&limit=3")) == 3
    batch = made("county", "screen", items=[{"id": off, "version": 1}])
    with m.off("c3"):
        done("county", batch)
        assert items("county", batch) == []  # nothing of what is frozen
    assert [(i["status"], i["code"]) for i in items("county", batch)] == [(403, "plugin_disabled")]


def test_rights_are_those_at_that_moment():
    record = m.create("county", "s2")
    batch = made("s2", "screen", f"?id=eq.{record}")
    assert batch["total"] == 1, batch
    grant = m.server.psql(f"SELECT id FROM juxin.access_grant WHERE account_id = '{m.accounts['s2']}'")[0][0]
    m.server.ctl("grant", "end", "one", grant)
    m.grant("s2", "matters_officer", "c3")  # not there any more
    done("s2", batch)
    assert [(i["status"], i["code"]) for i in items("s2", batch)] == [(404, "not_found")], items("s2", batch)
    m.grant("s2", "matters_officer", "s2")


def test_what_is_asked_is_checked():
    record, county = m.create("c1", "c1"), m.people["county"]
    problem(county.post(B, {"transition": "no_such"}), 422, "unknown_transition", "/transition")
    problem(county.post(B, {}), 422, "required", "/transition")
    problem(county.post(B, {"transition": "merge"}), 422, "not_in_batches", "/transition")
    problem(county.post(B, {"transition": "return_to"}), 422, "not_in_batches", "/transition")
    problem(county.post(B, {"transition": "countersign"}), 403, "forbidden")
    problem(county.post(B + "?nothing=eq.1", {"transition": "screen"}), 400, "invalid_query")
    problem(county.post(B, {"transition": "screen", "items": [{"id": record, "version": 1}] * 2}), 422, "twice", "/items/1")
    problem(county.post(B + "?unit=c1", {"transition": "screen", "items": [{"id": record, "version": 1}]}), 422, "both", "/items")
    problem(county.post(B, {"transition": "screen", "values": []}), 422, "type", "/values")
    batch = made("county", "screen", f"?id=eq.{record}")
    for ask in (lambda p: p.get(f"{B}/{batch['id']}"), lambda p: p.post(f"{B}/{batch['id']}/start"),
                lambda p: p.get(f"{B}/{batch['id']}/items"), lambda p: p.get(f"{B}/{batch['id']}/content"),
                lambda p: p.delete(f"{B}/{batch['id']}")):
        problem(ask(m.people["c1"]), 404, "not_found")  # its maker's alone
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (county.post(B, {"transition": "screen", "items": [{"id": record, "version": 1}]}, headers=key) for _ in range(2))
    assert first.status == 201 and again.json["replayed"] is True, again
    assert county.delete(f"{B}/{batch['id']}").status == 204
    problem(county.get(f"{B}/{batch['id']}"), 404, "not_found")
    with m.off("k"):
        problem(county.post(B, {"transition": "screen"}), 403, "plugin_disabled")


def test_cancelled_it_can_be_begun_again():
    records = [m.create("c1", "c1") for _ in range(3)]
    batch = made("c1", "screen", items=[{"id": r, "version": 1} for r in records])
    begun = m.people["c1"].post(f"{B}/{batch['id']}/start").json
    m.people["c1"].post(f"jobs/{begun['job']}/cancel")
    ended = harness.wait_until(lambda: (lambda s: s if s not in ("waiting", "running") else None)(
        m.people["c1"].get(f"jobs/{begun['job']}").json["state"]), 60, "the job's end")
    found = m.people["c1"].get(f"{B}/{batch['id']}").json
    assert found["state"] == ended and ended in ("cancelled", "done"), found
    if ended == "cancelled":
        done("c1", batch)
    assert [m.seen(r)["version"] for r in records] == [2, 2, 2]


if __name__ == "__main__":
    harness.main()
