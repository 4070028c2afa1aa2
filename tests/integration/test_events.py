#!/usr/bin/env python3
# long
# Event streams: what happens reaches whoever may see it now, in order and not again, goes on where it broke off, says so where
# it cannot, and ends with the session. Streams take neither fibers nor places for requests, and a reader that does not read
# takes nothing from others.
import json
import os
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import streams
from lib.demo import Demo
from lib.harness import main, wait_until
from lib.proxies import Haproxy, Nginx

demo = None
ids, people = {}, {}
T = "/t/shangcheng/api/v1"
S = T + "/suggestions/suggestion"
CHECKED_S = 60  # credentials are looked at every 10 s; a machine may be slow


def setup():
    global demo
    demo = Demo(workers=2, config={"limits": {"sign_ins_per_minute": 1000, "write_ms": 5000}})
    demo.start()
    ids["tenant"] = demo.psql("SELECT id FROM juxin.tenant WHERE slug = 'shangcheng'")[0][0]
    ids.update((login, account) for login, account in demo.psql(
        f"SELECT login, id FROM juxin.account WHERE tenant_id = {ids['tenant']}"))
    ids.update((code, unit) for code, unit in demo.psql(
        f"SELECT code, id FROM juxin.unit WHERE tenant_id = {ids['tenant']}"))


def sign_in(login, tenant="shangcheng"):
    """With a session of its own; who() for one that others use too."""
    client = demo.client()
    answer = client.post(f"/t/{tenant}/api/v1/session", {"login": login, "password": demo.logins[(tenant, login)]})
    assert answer.status == 201, answer
    client.csrf = answer.json["csrf_token"]
    return client


def who(login):
    if login not in people:
        people[login] = sign_in(login)
    return people[login]


def listen(client, query="", last=None, **more):
    return streams.open_stream(demo, client, T + "/events", query, last, **more)


def submit(client, title):
    answer = client.post(S, {"title": title, "content": "内容", "topic": "other"})
    assert answer.status == 201, answer
    return answer.json["id"]


def publish(topic, payload, count=1):
    """Events as they stand once a change is committed; the sequencer of the server numbers them. NUMBER counts, ANY is an id."""
    demo.psql("INSERT INTO juxin.event (tenant_id, id, topic, key, version, payload)"
              f" SELECT {ids['tenant']}, gen_random_uuid(), '{topic}', '', n,"
              f" replace(replace('{json.dumps(payload)}', 'NUMBER', n::text), 'ANY', gen_random_uuid()::text)"
              f" FROM generate_series(1, {count}) n")


def happened(unit, resource="suggestions.suggestion"):
    """An event about a record of the unit; returns the record's id."""
    record = str(uuid.uuid4())
    publish("record", {"resource": resource, "id": record, "unit": ids[unit], "version": 1, "action": "update",
                       "created_by": None})
    return record


def mark(*listeners):
    """A job of each of the accounts, numbered behind all that was published before. When its news is there, what is not there
    does not come."""
    for login, stream in listeners:
        job = str(uuid.uuid4())
        wait_until(lambda: demo.psql("SELECT count(*) FROM juxin.event WHERE seq IS NULL")[0][0] == "0", 30, "their numbers")
        publish("job", {"id": job, "kind": "mark", "state": "done", "created_by": ids[login]})
        wait_until(lambda: job in stream.ids(), 30, f"the mark of {login}")


def settle():
    """Nothing of earlier tests is on its way any more: no action of a plugin that would change a record, no event."""
    wait_until(lambda: demo.psql("SELECT (SELECT count(*) FROM juxin.outbox WHERE state = 'pending') + (SELECT count(*) FROM"
                                 " juxin.event WHERE seq IS NULL)")[0][0] == "0", 60, "the end of what is on its way")


def head():
    return int(demo.psql(f"SELECT n FROM juxin.event_head WHERE tenant_id = {ids['tenant']}")[0][0])


def metric(name):
    text = demo.admin().get("/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(name) and not line.startswith("#"))


def no_streams():
    wait_until(lambda: streams.open_count(demo) == 0, 30, "every stream to be given back")


# ---- who sees what ---------------------------------------------------------------------------------------------------

def test_a_change_reaches_those_who_may_see_it():
    member, officer, elsewhere = who("member1"), who("officer"), who("hubin.street")
    with listen(member) as mine, listen(officer) as all_of_it, listen(elsewhere) as other_street, \
            listen(officer, "?topics=job") as jobs, listen(officer, "?unit=330102003") as other_unit, \
            listen(officer, "?unit=330102001&topics=record&resource=suggestions.suggestion") as its_unit:
        assert all_of_it.headers["content-type"] == "text/event-stream"
        assert all_of_it.headers["cache-control"] == "no-store" and "content-length" not in all_of_it.headers
        began = time.monotonic()
        record = submit(member, "事件")
        wait_until(lambda: all(record in s.ids() for s in (mine, all_of_it, its_unit)), 30, "the event")
        print(f"       reached in {(time.monotonic() - began) * 1000:.0f} ms, the request included")
        _, name, data = all_of_it.events[-1]
        assert name == "record" and data["action"] == "create" and data["resource"] == "suggestions.suggestion", data
        assert "created_by" not in data and "事件" not in json.dumps(data, ensure_ascii=False), data
        mark(("hubin.street", other_street), ("officer", jobs), ("officer", other_unit))
        assert all(record not in s.ids() for s in (other_street, jobs, other_unit))


def test_another_district_sees_nothing():
    stranger = sign_in("admin", "lianhu")
    path = "/t/lianhu/api/v1/events"
    tenant = demo.psql("SELECT id FROM juxin.tenant WHERE slug = 'lianhu'")[0][0]
    with streams.open_stream(demo, stranger, path) as theirs, listen(who("officer")) as ours:
        record = submit(who("member1"), "本区")
        wait_until(lambda: record in ours.ids(), 30, "the event")
        job = str(uuid.uuid4())
        demo.psql("INSERT INTO juxin.event (tenant_id, id, topic, key, payload) SELECT t.id, gen_random_uuid(), 'job', '',"
                  f" '{{\"id\": \"{job}\", \"state\": \"done\", \"created_by\": \"' || a.id || '\"}}' FROM juxin.tenant t JOIN"
                  f" juxin.account a ON a.tenant_id = t.id AND a.login = 'admin' WHERE t.id = {tenant}")
        wait_until(lambda: job in theirs.ids(), 30, "their own event")
        assert theirs.ids() == [job]
    for query in (f"?unit={ids['330102001']}", f"?unit={uuid.uuid4()}"):
        with streams.Stream(demo.port, path + query, streams.who(stranger), stranger.certificate) as refused:
            assert refused.status == 404
    mixed = demo.client(token="jx_" + "x" * 43)
    with streams.Stream(demo.port, path, streams.who(mixed), mixed.certificate) as refused:
        assert refused.status == 401


def test_a_plugin_that_is_off_is_not_heard_of():
    officer = who("officer")
    with listen(officer) as stream:
        off, on = happened("330102008"), happened("330102001")
        unknown = happened("330102001", "no.such")
        mark(("officer", stream))
        assert on in stream.ids() and off not in stream.ids() and unknown not in stream.ids()


def test_rights_are_those_of_the_moment():
    watcher, admin = who("qingbo.street"), who("officer")
    with listen(watcher) as stream, listen(admin) as other:
        before = happened("330102001051")
        wait_until(lambda: before in stream.ids(), 30, "what may be seen still")
        demo.ctl("grant", "end", "shangcheng", grant_of("qingbo.street"))
        after = happened("330102001051")
        mark(("qingbo.street", stream))
        assert after not in stream.ids() and stream.read()
        wait_until(lambda: after in other.ids(), 30, "what another one may see")
        demo.ctl("grant", "add", "shangcheng", "--user", "qingbo.street", "--role", "worker", "--unit", "330102001",
                 "--reach", "subtree")
        again = happened("330102001051")
        wait_until(lambda: again in stream.ids(), 30, "what may be seen again")


def grant_of(login):
    return demo.psql(f"SELECT id FROM juxin.access_grant WHERE account_id = '{ids[login]}'")[0][0]


def test_who_takes_part_is_told():
    """A record passed on from a unit is still its business."""
    member, street = who("member1"), who("hubin.street")
    record = submit(member, "移交")
    with listen(street) as stream:
        demo.psql("INSERT INTO juxin.participant (tenant_id, resource, record_id, holder, role) VALUES"
                  f" ({ids['tenant']}, 'suggestions.suggestion', '{record}', '{ids['330102003']}', 'origin')")
        seen = member.get(f"{S}/{record}")
        changed = member.patch(f"{S}/{record}", {"content": "改过"}, headers={"If-Match": seen.headers["ETag"]})
        assert changed.status == 200, changed
        wait_until(lambda: record in stream.ids(), 30, "the change")


def test_a_jobs_progress_reaches_its_maker():
    """And who manages jobs. What a job tells while it runs is held by tests/db/test_job.c."""
    officer, other, manager = who("officer"), who("member2"), who("member3")
    demo.ctl("grant", "add", "shangcheng", "--user", "member3", "--role", "administrator", "--unit", "330102",
             "--reach", "subtree")
    job = str(uuid.uuid4())
    demo.psql("INSERT INTO juxin.job (tenant_id, id, kind, plugin, key, input, attempts_max, run_at, created_by, created_at)"
              f" VALUES ({ids['tenant']}, '{job}', 'unknown', '', '', '{{}}', 1, now() + interval '1 day',"
              f" '{ids['officer']}', now())")
    with listen(officer, "?topics=job") as mine, listen(other, "?topics=job") as not_theirs, listen(manager) as everybodys:
        assert officer.post(f"{T}/jobs/{job}/cancel").status == 204
        wait_until(lambda: job in mine.ids() and job in everybodys.ids(), 30, "the job's end")
        assert mine.seen("job")[-1]["state"] == "cancelled", mine.events
        demo.psql(f"UPDATE juxin.job SET state = 'failed' WHERE id = '{job}'")
        assert officer.post(f"{T}/jobs/{job}/retry").status == 204
        wait_until(lambda: mine.seen("job")[-1]["state"] == "waiting", 30, "its new beginning")
        mark(("member2", not_theirs))
        assert job not in not_theirs.ids()
        assert all("created_by" not in data for data in mine.seen())
    demo.psql(f"DELETE FROM juxin.job WHERE id = '{job}'")  # nobody knows how to do it


# ---- where it goes on ------------------------------------------------------------------------------------------------

def test_a_stream_goes_on_where_it_broke_off():
    member, officer = who("member1"), who("officer")
    with listen(officer) as stream:
        first = submit(member, "一")
        wait_until(lambda: first in stream.ids(), 30, "the first event")
        last = stream.last
    missed = [submit(member, f"其间{i}") for i in range(3)]
    with listen(officer, last=last) as again:
        wait_until(lambda: missed[-1] in again.ids(), 30, "what was missed")
        assert [i for i in again.ids() if i in missed] == missed and first not in again.ids()
        numbers = [n for n, _, _ in again.events]
        assert numbers == sorted(set(numbers)) and numbers[0] > last


def test_a_stream_says_where_it_begins():
    """So that a client that is cut off before the first event misses none either."""
    member, officer = who("member1"), who("officer")
    with listen(officer) as stream:
        last = stream.last
        assert last is not None and not stream.events
    missed = submit(member, "未及见")
    with listen(officer, last=last) as again:
        wait_until(lambda: missed in again.ids(), 30, "what was missed")


def test_changes_of_one_record_are_told_once_to_who_comes_back():
    officer = who("officer")
    with listen(officer) as stream:
        last = stream.last
    record = str(uuid.uuid4())
    publish("record", {"resource": "suggestions.suggestion", "id": record, "unit": ids["330102001"], "version": "NUMBER",
                       "action": "update"}, 20)
    wait_until(lambda: head() >= last + 20, 30, "their numbers")
    with listen(officer, last=last) as again:
        wait_until(lambda: record in again.ids(), 30, "the last of them")
        mark(("officer", again))
        assert [d["version"] for d in again.seen("record") if d["id"] == record] == ["20"], again.events


def is_reset(last):
    with listen(who("officer"), last=last) as stream:
        mark(("officer", stream))
        names = [name for _, name, _ in stream.events]
        assert names.count("reset") <= 1 and (not names.count("reset") or names[0] == "reset"), names
        assert "reset" not in names or stream.events[0][0] >= last or last > head()
        return "reset" in names


def test_who_cannot_be_told_all_is_told_so():
    happened("330102001")
    settle()
    now = head()
    assert not is_reset(now)
    assert is_reset(10 ** 15), "a number nobody gave"
    demo.psql(f"UPDATE juxin.event_head SET n = n + 5001 WHERE tenant_id = {ids['tenant']}")
    assert is_reset(now), "5,001 behind"
    recent = head()
    happened("330102001")
    wait_until(lambda: head() > recent, 30, "its number")
    demo.psql(f"DELETE FROM juxin.event WHERE tenant_id = {ids['tenant']} AND seq IS NOT NULL")
    assert is_reset(recent), "not kept"
    assert not is_reset(head())


def test_a_stream_that_falls_behind_is_told_so():
    settle()
    with listen(who("officer")) as stream:
        demo.psql(f"UPDATE juxin.event_head SET n = n + 5001 WHERE tenant_id = {ids['tenant']}")
        wait_until(lambda: stream.seen("reset"), 30, "reset")
        assert stream.last == head()


def test_proxies_hand_events_on_as_they_come():
    """Asked in HTTP/1.0, since both would otherwise cut the answer into chunks of their own; they ask the server in 1.1."""
    token = who("officer").post(T + "/tokens", {"name": "proxy"}).json["token"]
    for proxy in (Nginx("nginx", demo.plain_port), Haproxy("haproxy", demo.plain_port)):
        try:
            with streams.Stream(proxy.port, T + "/events", {"Authorization": "Bearer " + token}, version="1.0") as stream:
                assert stream.status == 200, (proxy.name, stream.headers, stream.rest)
                for _ in range(3):
                    record = happened("330102001")
                    wait_until(lambda: record in stream.ids() or stream.ended, 30, f"the event through {proxy.name}")
                    assert record in stream.ids(), f"{proxy.name} ended the stream"
            no_streams()  # the proxy lets go of it, too
        finally:
            proxy.stop()


# ---- its end ---------------------------------------------------------------------------------------------------------

def test_a_stream_ends_with_its_session():
    officer = sign_in("officer")
    with listen(officer) as stream:
        assert officer.delete(T + "/session").status == 204
        after = happened("330102001")
        stream.await_end()
        assert after not in stream.ids()


def test_a_stream_ends_with_its_token():
    officer = who("officer")
    issued = officer.post(T + "/tokens", {"name": "t"}).json
    by_token = demo.client(token=issued["token"])
    with listen(by_token) as stream, listen(officer) as stays:
        seen = happened("330102001")
        wait_until(lambda: seen in stream.ids(), 30, "an event by token")
        assert officer.delete(f"{T}/tokens/{issued['id']}").status == 204
        after = happened("330102001")
        stream.await_end()
        assert after not in stream.ids()
        wait_until(lambda: after in stays.ids(), 30, "the event by session")


def test_a_stream_ends_with_its_time_and_its_account():
    """Though nothing happens that would be told, and in the first case nothing moves the epoch."""
    officer, member = sign_in("officer"), who("member2")
    with listen(officer) as idle, listen(member) as disabled:
        demo.psql("UPDATE juxin.session SET idle_until = now() - interval '1 s' WHERE id = (SELECT id FROM juxin.session"
                  f" WHERE account_id = '{ids['officer']}' ORDER BY created_at DESC LIMIT 1)")
        demo.ctl("user", "disable", "shangcheng", "member2")
        idle.await_end(CHECKED_S)
        disabled.await_end(CHECKED_S)
    with streams.Stream(demo.port, T + "/events", streams.who(member), member.certificate) as refused:
        assert refused.status == 401


def test_a_reload_ends_streams_at_once_and_loses_nothing():
    member, officer = who("member1"), who("officer")
    with listen(officer) as stream:
        before = submit(member, "重载之前")
        wait_until(lambda: before in stream.ids(), 30, "an event")
        demo.ctl("reload")
        stream.await_end()
        last = stream.last
    meanwhile = submit(member, "重载之中")
    with listen(officer, last=last) as again:
        wait_until(lambda: meanwhile in again.ids(), 30, "what was missed")
        assert before not in again.ids()


# ---- what it takes ---------------------------------------------------------------------------------------------------

def test_what_is_refused():
    officer = who("officer")

    def answer(query="", client=officer, **more):
        with streams.Stream(demo.port, T + "/events" + query, streams.who(client), client.certificate, **more) as stream:
            return stream.status, stream.body().get("code") if stream.status != 200 else None
    assert answer(client=demo.client()) == (401, "unauthenticated")
    for query, status in (("?topics=thoughts", 422), ("?topics=", 422), ("?resource=no.such", 422), ("?unit=999", 404)):
        assert answer(query)[0] == status, query
    for last in ("x", "-1", "1.5", ""):
        assert answer(last=last)[0] == 422, last
    assert answer(method="HEAD") == (200, None)
    no_streams()


def test_an_account_opens_only_so_many():
    officer, opened = who("officer"), []
    try:
        for _ in range(60):
            opened.append(streams.Stream(demo.port, T + "/events", streams.who(officer), officer.certificate))
            if opened[-1].status != 200:
                break
        assert opened[-1].status == 429 and opened[-1].body()["code"] == "too_many_streams"
        assert len(opened) > 20
        wait_until(lambda: streams.open_count(demo) == len(opened) - 1, 30, "the figure of streams")
        wait_until(lambda: metric("juxin_http_in_flight") == 0, 30, "no place for requests being taken")
        assert metric("juxin_fibers") < 30, demo.admin().get("/metrics").text
    finally:
        for stream in opened:
            stream.close()
    no_streams()
    listen(officer).close()


def test_a_reader_that_does_not_read_is_let_go():
    """And another one, who reads, gets all there is, though it is far more than is sent in one go."""
    officer = who("officer")
    with listen(officer, "?topics=job", room=4096) as deaf, listen(officer, "?topics=job") as other:
        publish("job", {"id": "ANY", "stage": "x" * 2000, "created_by": ids["officer"]}, 4000)
        mark(("officer", other))
        told = [data["id"] for data in other.seen("job") if data.get("stage", "").startswith("xx")]
        assert len(set(told)) == len(told) == 4000 and not other.seen("reset"), len(told)
        wait_until(lambda: streams.open_count(demo) == 1, 60, "the end of the reader that does not read")
        deaf.await_end()


def asking():
    """How many connections of the role that looks for work are used within two seconds."""
    def used():
        return {tuple(row) for row in demo.psql("SELECT pid, state_change FROM pg_stat_activity"
                                                " WHERE datname = current_database() AND usename LIKE '%dispatch'")}
    before = used()
    time.sleep(2)  # duties look several times a second
    return len(used() - before)


def test_nobody_listens_and_nothing_is_asked():
    """Only while there are streams does anybody look for their events."""
    no_streams()
    asking()  # a last look of one that has just ended
    usual = asking()
    with listen(who("officer")):
        assert asking() > usual
    no_streams()
    wait_until(lambda: asking() == usual, 60, "nobody to ask any more")


if __name__ == "__main__":
    main()
