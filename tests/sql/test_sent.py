"""What the server really sends: tests that say "# sent" run on a PostgreSQL that logs every statement. What C builds from
pieces is held to the rules of SQL as a whole, each piece is seen at least once, and every statement of the application stands
in a unit of work: BEGIN, juxin.enter(), statements, COMMIT or ROLLBACK."""
import collections
import os
import re
import subprocess
import sys

import sqlrules
import sqlsource
from lib import harness
from lib.cluster import Cluster
from lib.server import ROOT
from pglast import parse_sql
from pglast.parser import ParseError

PREFIX = re.compile(r"^(\d+)\|([^|]*)\|([^|]*)\|(\w+): +(?:execute [^:]+: |statement: )?(.*)$", re.S)
# What the server may send outside of a unit of work: a duty's or a health check's look at the database itself.
ALONE = re.compile(r"SELECT (1|pg_is_in_recovery\(\))\s*$|SET |SHOW |DEALLOCATE ")
# On a connection of its own, which looks whether a role can sign in and is closed (core/db/admin.c).
OF_ADMIN = "SET client_min_messages = warning; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'"
# Literals that begin like SQL and are none, or name what a piece is put in front of.
NO_SQL = re.compile(r"core/(http|plugin)/|core/db/(admin|bootstrap|tx)\.c")
Sent = collections.namedtuple("Sent", "pid user text")
sent = []


def entries(log):
    """Log entries: a line begins with the prefix, and goes on in lines that begin with a tab."""
    entry = ""
    for line in log.splitlines():
        if line.startswith("\t"):
            entry += "\n" + line[1:]
        else:
            yield entry
            entry = line
    yield entry


def read_log(text):
    for entry in entries(text):
        match = PREFIX.match(entry)
        if match and match.group(4) == "LOG" and ("execute " in entry[:200] or "statement: " in entry[:200]):
            yield Sent(int(match.group(1)), match.group(2), match.group(5).strip())


def setup():
    cluster = Cluster(settings=("log_statement = all", "log_line_prefix = '%p|%u|%d|'", "log_parameter_max_length = 0",
                                "log_min_error_statement = panic", "max_connections = 120"))
    for path in sorted((ROOT / "tests/integration").glob("test_*.py")):
        if path.read_text(encoding="utf-8").splitlines()[1] != "# sent":
            continue
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=400,
                              env=dict(os.environ, JUXIN_TEST_PG=cluster.conninfo(), PYTHONDONTWRITEBYTECODE="1"))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        print(f"       {path.stem}: {done.stdout.splitlines()[-1]}")
    with open(cluster.log_file, encoding="utf-8", errors="replace") as log:
        sent.extend(read_log(log.read()))


def of_application():
    return [s for s in sent if re.search(r"_app(_|$)|_dispatch(_|$)", s.user)]


def test_what_is_sent_keeps_the_rules():
    wrong, texts = [], {s.text: s.user for s in of_application()}
    for text, user in texts.items():
        try:
            found = sqlrules.lint(text)
        except ParseError as fault:
            found = [("syntax", str(fault))]
        if text == "SELECT nextval(pg_get_serial_sequence('juxin.tenant', 'id'))":
            continue  # a tenant's number, of the reference table; see EXCEPTIONS in test_rules.py
        if text == OF_ADMIN:
            continue
        if "dispatch" in user:  # finds tenants with work; may read nothing else (test_catalogue.py)
            found = [f for f in found if f[0] != "tenant-predicate"]
        wrong += [f"{' '.join(text.split())[:300]}\n    {rule}: {message}" for rule, message in found]
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(texts) > 100, len(texts)
    print(f"       {len(of_application())} statements, {len(texts)} texts")


def test_what_migrations_send_keeps_the_rules():
    """Tables of declared resources."""
    texts = {s.text for s in sent if re.search(r"_owner(_|$)", s.user) and "px_" in s.text}
    wrong = [f"{' '.join(text.split())[:300]}\n    {found}" for text in texts if (found := sqlrules.lint(text))]
    assert not wrong, "\n" + "\n".join(wrong)
    made = {t for t in texts if t.startswith("CREATE TABLE")}
    assert made and any(t.startswith("CREATE INDEX") for t in texts), texts
    unprotected = [t[:80] for t in made if f"SELECT juxin.protect('{t.split()[2]}')" not in texts]
    assert not unprotected, unprotected


def longest_piece(text):
    return max(re.split(r"x_+|\b1\b|\$\d+", text), key=len).strip()


def test_every_piece_was_seen():
    """Texts of C that are no statement by themselves were part of one that was checked."""
    everything = "\n".join({s.text for s in sent})
    unseen = []
    for sql in sqlsource.c_statements():
        if NO_SQL.match(sql.path):
            continue
        try:
            parse_sql(sql.text)
        except ParseError:
            if longest_piece(sql.text) not in everything:
                unseen.append(f"{sql}: {longest_piece(sql.text)}")
    assert not unseen, "\n" + "\n".join(unseen)


def units_of_work(statements):
    """(what stands outside of one, how many there are)"""
    state, wrong, units = {}, [], 0
    for s in statements:
        now = state.get(s.pid)
        if re.match(r"BEGIN\b", s.text):
            state[s.pid] = "begun"
        elif re.match(r"(COMMIT|ROLLBACK)$", s.text):
            state[s.pid] = None
            units += now == "entered"
        elif s.text.startswith("SELECT juxin.enter("):
            if now != "begun":
                wrong.append(f"entered without BEGIN: {s}")
            state[s.pid] = "entered"
        elif now != "entered" and not ALONE.match(s.text):
            wrong.append(f"outside of a tenant: {s}")
    return wrong, units


def test_every_statement_stands_in_a_unit_of_work():
    wrong, units = units_of_work(of_application())
    assert not wrong, "\n" + "\n".join(wrong[:20])
    assert units > 200, units
    print(f"       {units} units of work")


def test_the_reader_and_the_check_find_what_they_are_for():
    log = ("7|juxin_x_app|d|LOG:  execute s1: BEGIN\n7|juxin_x_app|d|LOG:  execute s2: SELECT juxin.enter($1)\n"
           "8|juxin_x_app|d|LOG:  execute s3: SELECT id\n\tFROM juxin.unit\n8|juxin_x_app|d|ERROR:  none\n"
           "7|juxin_x_app|d|LOG:  execute <unnamed>: SELECT id FROM juxin.unit WHERE tenant_id = $1\n"
           "7|juxin_x_app|d|LOG:  statement: COMMIT\n7|juxin_x_app|d|LOG:  execute s4: DELETE FROM juxin.unit\n")
    read = list(read_log(log))
    assert [s.pid for s in read] == [7, 7, 8, 7, 7, 7] and read[2].text == "SELECT id\nFROM juxin.unit", read
    wrong, units = units_of_work(read)
    assert units == 1 and len(wrong) == 2 and "SELECT id\\nFROM" in wrong[0] and "DELETE" in wrong[1], wrong


if __name__ == "__main__":
    harness.main()
