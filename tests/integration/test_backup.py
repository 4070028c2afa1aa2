#!/usr/bin/env python3
# Backup and restore: a restored deployment equals the saved one, and nothing is overwritten without being asked.
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import postgres
from lib.harness import main, scratch
from lib.server import Server

saved = os.path.join(scratch(), "saved")
source = target = None


def setup():
    global source, target
    source = Server(workers=1)
    source.psql("INSERT INTO juxin.tenant (slug, name) VALUES ('one', '一'), ('two', '二');"
                "SET juxin.tenant = '1'; INSERT INTO juxin.epoch VALUES (1, 1), (2, 1);"
                "INSERT INTO juxin.calendar_year VALUES (2026, 'test');"
                "INSERT INTO juxin.calendar_day SELECT d::date, false, '假' FROM generate_series('2026-01-01'::date,"
                " '2026-12-31', '1 day') d;")
    target = Server(workers=1)


def superuser():
    return postgres.conninfo()


def rows(of, table):
    return of.psql(f"SELECT * FROM {table} ORDER BY 1")


def test_backup_is_whole():
    source.start()  # a server that runs does not mind
    answer = source.ctl_json("backup", saved, "--superuser", superuser())
    source.stop()
    assert answer["tables"] > 20, answer
    with open(saved + "/manifest.json", encoding="utf-8") as text:
        manifest = json.load(text)
    assert {f["file"] for f in manifest["files"]} >= {"database.dump", "config.json"}, manifest["files"]
    counts = {t["table"]: t["rows"] for t in manifest["tables"]}
    assert counts["juxin.tenant"] == 2 and counts["juxin.calendar_day"] == 365, counts
    assert counts["juxin.epoch"] == 2, "row-level security hid rows from the backup"
    for name in os.listdir(saved):
        assert os.stat(os.path.join(saved, name)).st_mode & 0o077 == 0, name
    assert os.stat(saved).st_mode & 0o077 == 0


def test_a_database_that_is_there_is_not_taken():
    found = json.load(open(target.config_file, encoding="utf-8"))
    with open(target.config_file + ".other", "w", encoding="utf-8") as text:
        json.dump({k: v for k, v in found.items() if k != "database"}, text)
    done = target.ctl("--config", target.config_file + ".other", "database", "init", "--superuser", superuser(),
                      "--name", target.database, check=False)
    assert done.returncode == 4 and "--yes" in done.stderr, done
    target.ctl("tenant", "list")  # its roles kept their passwords


def test_backup_does_not_overwrite():
    assert source.ctl("backup", saved, "--superuser", superuser(), check=False).returncode == 4


def test_restore_asks_first():
    before = rows(target, "juxin.tenant")
    done = target.ctl("restore", saved, "--superuser", superuser(), check=False)
    assert done.returncode == 4 and "--yes" in done.stderr, done
    assert rows(target, "juxin.tenant") == before == []


def test_restore_equals_what_was_saved():
    answer = json.loads(target.ctl("--yes", "restore", saved, "--superuser", superuser(), "--json").stdout)
    assert answer["tables"] > 20
    for table in ("juxin.tenant", "juxin.epoch", "juxin.calendar_day", "juxin.migration"):
        assert rows(target, table) == rows(source, table), table
    rings = [json.load(open(s.directory + "/keys.json", encoding="utf-8")) for s in (source, target)]
    assert rings[0] == rings[1], "without the saved keys the audit would look altered"
    policies = "SELECT schemaname, tablename, policyname, qual, with_check, roles FROM pg_policies ORDER BY 1, 2, 3"
    assert target.psql(policies) == source.psql(policies)
    rls = ("SELECT relname, relrowsecurity, relforcerowsecurity, relacl::text, relowner::regrole FROM pg_class"
           " WHERE relnamespace = 'juxin'::regnamespace ORDER BY 1")
    assert target.psql(rls) == source.psql(rls)
    target.start()
    assert target.client().get("/readyz").status == 200
    refused = target.ctl("--yes", "restore", saved, "--superuser", superuser(), check=False)
    assert refused.returncode == 4 and "stop it first" in refused.stderr, refused
    target.stop()


def test_a_damaged_backup_is_refused():
    damaged = os.path.join(scratch(), "damaged")
    shutil.copytree(saved, damaged)
    with open(damaged + "/database.dump", "r+b") as dump:
        dump.seek(2000)
        dump.write(b"x")
    done = target.ctl("--yes", "restore", damaged, "--superuser", superuser(), check=False)
    assert done.returncode == 1 and "is not what was saved" in done.stderr, done
    assert rows(target, "juxin.tenant") == rows(source, "juxin.tenant")
    os.unlink(damaged + "/manifest.json")
    assert target.ctl("--yes", "restore", damaged, "--superuser", superuser(), check=False).returncode == 3


if __name__ == "__main__":
    main()
