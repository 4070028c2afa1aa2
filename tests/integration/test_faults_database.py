#!/usr/bin/env python3
# long
# PostgreSQL killed, restarted, frozen and long away, under load: nothing acknowledged is missing, nothing hangs, and
# soon after the database is back the server serves again by itself.
import http.client
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib.cluster import Cluster
from lib.harness import main, wait_until
from lib.ledger import Ledger, answers, sign_in, works_path, works_server

# Short deadlines, so that what ends at them ends soon.
CONFIG = {"database": {"fast_timeout_ms": 1000, "slow_timeout_ms": 3000}, "limits": {"request_ms": 5000}}
BACK_GOAL_S = 5

pg = juxin = None


def setup():
    global pg, juxin
    pg = Cluster()
    juxin = works_server(workers=2, cluster=pg, config=CONFIG)


def back_again(ledger, what, since):
    took = wait_until(lambda: ledger.first_after(since), 60, f"an acknowledged write after {what}")
    wait_until(juxin.ready, 20, "readiness")
    print(f"       {what}: writes again after {took:.2f} s (goal {BACK_GOAL_S} s)")
    return took


def only_expected(ledger):
    """Whoever was in the middle of something learns that it has to be asked again, not that the server is broken."""
    seen = ledger.outcomes()
    bad = {s: n for s, n in seen.items() if s not in (200, 201, 409, 503, 504)}
    assert not bad, seen
    print(f"       {dict(seen)}")


def verify(ledger):
    print("       " + ledger.stop().verify())


def test_a_killed_backend():
    ledger = Ledger(juxin).start()
    for _ in range(3):
        ledger.progress()
        os.kill(pg.backend(juxin.database), signal.SIGKILL)  # the postmaster restarts them all
        assert back_again(ledger, "kill -9 of a backend", time.monotonic()) < 2 * BACK_GOAL_S
    verify(ledger)
    only_expected(ledger)


def test_killed_and_restarted():
    ledger = Ledger(juxin).start()
    took = []
    for what, end in (("kill -9 of PostgreSQL", pg.kill), ("immediate stop", lambda: pg.stop("immediate")),
                      ("fast stop", pg.stop)):
        ledger.progress()
        end()
        pg.start()
        took.append(back_again(ledger, what, time.monotonic()))
    ledger.progress()
    verify(ledger)
    only_expected(ledger)
    assert max(took) < 2 * BACK_GOAL_S, took


def read(client, answered):
    """One request on a connection of its own; its status and how long it took go to the list."""
    began = time.monotonic()
    try:
        status = client.get(works_path("one") + "?limit=1", timeout=60).status
    except (OSError, http.client.HTTPException) as error:
        status = repr(error)
    answered.append((status, time.monotonic() - began))


# Work left for the COMMIT, so that the test can meet it there.
LONG_COMMIT = """CREATE FUNCTION public.take_long() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER take_long AFTER INSERT ON px_works.item DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.take_long()"""


def commits_under_way():
    return pg.psql(f"SELECT pid FROM pg_stat_activity WHERE datname = '{juxin.database}' AND state = 'active' AND"
                   " query = 'COMMIT'", check=False)


def test_killed_between_commit_and_its_answer():
    juxin.psql(LONG_COMMIT)
    ledger = Ledger(juxin).start()
    for _ in range(3):
        ledger.progress(2)
        wait_until(commits_under_way, 20, "a COMMIT under way")
        pg.kill()
        pg.start()
        back_again(ledger, "kill -9 during a COMMIT", time.monotonic())
    ledger.stop()
    juxin.psql("DROP TRIGGER take_long ON px_works.item; DROP FUNCTION public.take_long()")
    assert ledger.outcomes()[503] >= 3, ledger.outcomes()
    verify(ledger)
    only_expected(ledger)


def ended_since(ledger, moment):
    """What became of the writes that were under way then or began later: one list for each writer."""
    return [[(s, e - max(b, moment)) for b, e, s in list(w.attempts) if e > moment] for w in ledger.writers]


def metric(name):
    text = juxin.admin().get("/metrics").text
    return next(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))


def freeze_and_look(ledger, client):
    """What readers and writers are told while the database stands still."""
    froze = time.monotonic()
    reads = []
    threads = [threading.Thread(target=read, args=(client, reads)) for _ in range(40)]
    for thread in threads:
        thread.start()

    def all_told():
        assert juxin.client().get("/livez", timeout=5).status == 200
        told = [{s for s, _ in ended} & {503, 504} for ended in ended_since(ledger, froze)]
        return all(told) and len(reads) == len(threads)

    # At the first deadline that passes, not when the connections are given up for lost.
    wait_until(lambda: not juxin.ready(), 8, "readiness to be withdrawn")
    # The writes under way wait for their statement's deadline and then for the rollback; nobody hangs.
    wait_until(all_told, 40, "an answer to everybody who asked while the database was frozen")
    writes = [w for ended in ended_since(ledger, froze) for w in ended]
    longest = max(t for _, t in reads), max(t for _, t in writes)
    print(f"       frozen: answered within {longest[0]:.1f} s (reads), {longest[1]:.1f} s (writes)")
    assert {s for s, _ in reads} <= {503, 504}, reads
    assert longest[0] < 10 and longest[1] < 20, longest


def test_frozen():
    ledger = Ledger(juxin).start()
    client = sign_in(juxin)
    ledger.progress()
    pg.freeze()
    try:
        freeze_and_look(ledger, client)
    finally:
        pg.thaw()
    took = back_again(ledger, "SIGCONT", time.monotonic())
    wait_until(lambda: answers(client), 20, "an answer to a read")
    ledger.progress()
    verify(ledger)
    wait_until(lambda: metric("juxin_http_in_flight") <= 1, 20, "all requests to have ended")
    only_expected(ledger)
    assert took < 2 * BACK_GOAL_S, took


def test_long_away():
    """Long enough for the pauses between attempts to have grown to what they may be."""
    client = sign_in(juxin)
    pg.stop("immediate")
    away = time.monotonic()
    seen = set()
    while time.monotonic() - away < 8:
        answer = client.get(works_path("one") + "?limit=1", timeout=20)
        seen.add(answer.status)
        assert answer.status == 503 and answer.headers["Retry-After"], answer
        assert not juxin.ready()
    pg.start()
    back = time.monotonic()
    wait_until(lambda: answers(client), 60, "an answer")
    took = time.monotonic() - back
    print(f"       8 s away: answers again after {took:.2f} s (goal {BACK_GOAL_S} s)")
    assert took < BACK_GOAL_S + 1, took


def test_started_before_its_database():
    juxin.stop()
    pg.stop()
    juxin.start_without_waiting()
    wait_until(lambda: juxin.log().count("migrate.waiting_for_database") >= 2, 60, "some attempts")
    pg.start()
    back = time.monotonic()
    wait_until(juxin.ready, 60, "readiness")
    took = time.monotonic() - back
    print(f"       started before its database: ready {took:.2f} s after it (goal {BACK_GOAL_S} s)")
    assert took < 2 * BACK_GOAL_S, took


if __name__ == "__main__":
    main()
