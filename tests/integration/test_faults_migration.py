#!/usr/bin/env python3
# PostgreSQL is killed in the middle of migrations: nothing stays half applied, and the next run completes them.
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import harness
from lib.cluster import Cluster
from lib.harness import main, wait_until
from lib.ledger import works_server
from lib.server import prefix

# Waits in the middle for as long as somebody holds the lock of the test; its first half must not stay without the rest.
IN_TRANSACTION = """CREATE TABLE juxin.half (id int PRIMARY KEY);
INSERT INTO juxin.half SELECT generate_series(1, 1000);
SELECT count(*) FROM juxin.gate;
CREATE TABLE juxin.other_half (id int PRIMARY KEY);
"""
ALONE = "-- juxin:no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS half_ix ON juxin.half (id);\n"

pg = juxin = None


def setup():
    global pg, juxin
    pg = Cluster()
    juxin = works_server(workers=1, cluster=pg, start=False, tenants=())
    directory = os.path.join(juxin.directory, "migrations")
    shutil.copytree(juxin.config["migrations"], directory)
    juxin.config["migrations"] = directory
    juxin.write_config()
    owner = juxin.psql("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'juxin'")[0][0]
    juxin.psql(f"CREATE TABLE juxin.gate (id int); ALTER TABLE juxin.gate OWNER TO {owner}")


def add_migration(name, sql):
    with open(os.path.join(juxin.config["migrations"], name), "w", encoding="utf-8") as out:
        out.write(sql)


class Hold:
    """A session that has run the statements and keeps its transaction open."""

    def __init__(self, sql):
        self.process = harness.start_process(["psql", "-XAtq", "-d", pg.conninfo(juxin.database)],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(f"BEGIN; {sql};\n\\echo held\n")
        self.process.stdin.flush()
        while self.process.stdout.readline() != "held\n":
            assert self.process.poll() is None

    def release(self):
        self.process.kill()
        self.process.wait()


def migrate_in_background():
    return harness.start_process([prefix() + "/bin/juxinctl", "--config", juxin.config_file, "migrate"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=juxin.environment)


def waits_for(pattern):
    """A session that waits for a lock in a statement like that."""
    return pg.psql("SELECT pid FROM pg_stat_activity WHERE datname = '%s' AND wait_event_type = 'Lock' AND query LIKE '%s'"
                   % (juxin.database, pattern))


def applied():
    return [row[0] for row in juxin.psql("SELECT name FROM juxin.migration WHERE scope = 'core' ORDER BY name")]


def tables():
    return [row[0] for row in juxin.psql("SELECT relname FROM pg_class WHERE relnamespace = 'juxin'::regnamespace AND"
                                         " relname IN ('half', 'other_half') ORDER BY 1")]


def index_is_valid(name):
    return juxin.psql(f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{name}'::regclass") == [["t"]]


def test_killed_inside_a_transaction():
    before = applied()
    add_migration("0900_half.sql", IN_TRANSACTION)
    gate = Hold("LOCK TABLE juxin.gate")
    running = migrate_in_background()
    wait_until(lambda: waits_for("%juxin.gate%"), 20, "the migration to stand in its middle")
    pg.kill()
    output = running.communicate(timeout=30)[0]
    gate.release()
    assert running.returncode == 5 and "0900_half.sql" in output, (running.returncode, output)
    pg.start()
    assert tables() == [] and applied() == before
    done = juxin.ctl("migrate")
    assert tables() == ["half", "other_half"] and applied() == before + ["0900_half.sql"], done.stdout
    assert juxin.psql("SELECT count(*) FROM juxin.half") == [["1000"]]


def test_killed_in_an_index_build():
    add_migration("0901_index.sql", ALONE)
    reader = Hold("SELECT count(*) FROM juxin.half; INSERT INTO juxin.half VALUES (0)")
    running = migrate_in_background()
    wait_until(lambda: waits_for("%half_ix%"), 20, "the index build to wait for the reader")
    pg.kill()
    output = running.communicate(timeout=30)[0]
    reader.release()
    assert running.returncode == 5, (running.returncode, output)
    pg.start()
    assert not index_is_valid("juxin.half_ix"), "the kill came too late: nothing was left half done"
    assert "0901_index.sql" not in applied()
    juxin.ctl("migrate")
    assert index_is_valid("juxin.half_ix") and "0901_index.sql" in applied()


def test_killed_before_it_was_noted():
    """The index is complete, the note in juxin.migration is not there: the kill came between the two."""
    add_migration("0902_index.sql", ALONE.replace("half_ix", "noted_ix"))
    juxin.psql("CREATE INDEX noted_ix ON juxin.half (id)")
    juxin.ctl("migrate")
    assert index_is_valid("juxin.noted_ix") and "0902_index.sql" in applied()
    add_migration("0903_index.sql", ALONE.replace("half_ix", "once_ix").replace("IF NOT EXISTS ", ""))
    refused = juxin.ctl("migrate", check=False)
    assert refused.returncode == 1 and "0903_index.sql" in refused.stderr + refused.stdout, refused
    assert "IF NOT EXISTS" in refused.stderr + refused.stdout, refused
    os.unlink(os.path.join(juxin.config["migrations"], "0903_index.sql"))


def declare(**fields):
    path = os.path.join(juxin.config["plugins"]["directory"], "works/resources/item.json")
    with open(path, encoding="utf-8") as text:
        item = json.load(text)
    item["fields"].update(fields)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(item, out, ensure_ascii=False)


def test_killed_in_a_resources_index_build():
    declare(colour={"type": "text", "label": {"zh-CN": "颜色", "en": "Colour"}, "filterable": True, "max_length": 20})
    reader = Hold("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM juxin.half")
    running = migrate_in_background()
    wait_until(lambda: waits_for("%item_colour_ix%"), 20, "the index build to wait for the reader")
    pg.kill()
    running.communicate(timeout=30)
    reader.release()
    assert running.returncode == 5, running.returncode
    pg.start()
    assert not index_is_valid("px_works.item_colour_ix"), "the kill came too late: nothing was left half done"
    juxin.ctl("migrate")
    assert index_is_valid("px_works.item_colour_ix")


def test_a_starting_server_waits_and_tries_again():
    add_migration("0904_half.sql", IN_TRANSACTION.replace("half", "third"))
    gate = Hold("LOCK TABLE juxin.gate")
    juxin.start_without_waiting()
    wait_until(lambda: waits_for("%juxin.gate%"), 20, "the migration to stand in its middle")
    pg.kill()
    gate.release()
    wait_until(lambda: "migrate.waiting_for_database" in juxin.log(), 20, "the master's notice")
    assert juxin.process.poll() is None, juxin.tail()
    pg.start()
    wait_until(juxin.ready, 30, "readiness")
    assert "0904_half.sql" in applied()
    # One that is running keeps serving meanwhile.
    add_migration("0905_half.sql", IN_TRANSACTION.replace("half", "fourth"))
    gate = Hold("LOCK TABLE juxin.gate")
    juxin.process.send_signal(signal.SIGHUP)
    wait_until(lambda: waits_for("%juxin.gate%"), 20, "the migration to stand in its middle")
    pg.kill()
    gate.release()
    assert juxin.client().get("/livez").status == 200
    pg.start()
    wait_until(lambda: "0905_half.sql" in applied(), 30, "the migration")
    wait_until(lambda: juxin.ready() and juxin.admin().get("/readyz").json["generation"] == 2, 30, "the new generation")
    assert juxin.psql("SELECT count(*) FROM juxin.fourth") == [["1000"]]


if __name__ == "__main__":
    main()
