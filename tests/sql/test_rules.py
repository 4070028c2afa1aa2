"""The rules of SQL that can be read off its text, over all SQL of the project; each rule finds what is made wrong on purpose,
and `juxinctl plugin check` refuses in a plugin's statements what the rules refuse."""
import json
import pathlib
import re
import subprocess

import sqlrules
import sqlsource
from lib import harness
from lib.server import ROOT, prefix
from pglast import parse_sql
from pglast.parser import ParseError

# What may break a rule, and why. One that is not needed any more is a fault too.
EXCEPTIONS = {
    ("core/db/work.c", "tenant-predicate"): "the dispatcher's role finds tenants with work, and reads nothing else of them",
    ("core/api/hub_follow.c", "tenant-predicate"): "the same role looks at how far the events of some tenants are",
    ("core/access/job_run.c", "tenant-predicate"): "likewise, for jobs",
    ("core/notify/courier.c", "tenant-predicate"): "likewise, for endpoints",
    ("core/notify/carrier.c", "tenant-predicate"): "likewise, for messages",
    ("core/ctl/report_rollup.c", "tenant-predicate"): "the role for counts above tenants reads one table of them, and nothing else",
    ("core/db/admin.c", "session-set"): "the short-lived session of a migrator or of juxinctl, which serves no request",
    ("core/db/migrate.c", "session-set"): "likewise: a migration that is run outside of a transaction",
    ("core/ctl/restore.c", "session-set"): "likewise, behind pg_restore",
    ("core/tenant/tenants.c", "volatile"): "a tenant's number, of the reference table `tenant`; on the coordinator",
}
COMPARES = re.compile(r"\b(strstr|strcasestr|str(?:n?case)?n?cmp|memcmp|text_is\w*|text_eq|text_has_prefix|regexec|fnmatch)"
                      r"\s*\(([^;]*)")
MESSAGE = re.compile(r"(?:->|\.)message\b|PQ\w*[eE]rrorMessage|PG_DIAG_MESSAGE")
NAMES_OF_OBJECTS = re.compile(r"PG_DIAG_(?:CONSTRAINT|TABLE|COLUMN|DATATYPE|SCHEMA)_NAME|PG_DIAG_MESSAGE_DETAIL")

# rule → texts that break it. T is a table of a plugin.
BAD = {
    "tenant-predicate": [
        "SELECT id FROM T", "SELECT id FROM T WHERE id = $1", "UPDATE T SET a = 1 WHERE id = $2", "DELETE FROM T",
        "SELECT id FROM T WHERE tenant_id = $1 OR a = 1", "SELECT id FROM T WHERE NOT tenant_id = $1",
        "SELECT id FROM T WHERE (tenant_id = $1 OR true) AND a = 1", "SELECT id FROM T WHERE tenant_id > $1",
        "SELECT a.id FROM T a JOIN T b ON b.id = a.id WHERE a.tenant_id = $1",
        "SELECT a.id FROM T a JOIN T b ON a.tenant_id = b.tenant_id WHERE b.tenant_id = a.tenant_id",
        "SELECT a.id FROM T a LEFT JOIN T b ON a.tenant_id = $1 AND b.tenant_id = $1",
        "SELECT a.id FROM T a RIGHT JOIN T b ON a.tenant_id = $1 AND b.tenant_id = $1",
        "SELECT a.id FROM T a FULL JOIN T b ON a.tenant_id = $1 AND b.tenant_id = $1",
        "SELECT a.id FROM T a LEFT JOIN (SELECT 1) x ON a.tenant_id = $1",
        "SELECT id FROM T WHERE CASE WHEN a = 1 AND tenant_id = $1 AND b = 2 THEN true ELSE true END",
        "SELECT id FROM T WHERE a BETWEEN false AND tenant_id = $1",
        "SELECT id FROM T WHERE tenant_id = $1 IS NOT NULL", "SELECT id FROM T WHERE a = 1 AND tenant_id = $1 OR b = 2",
        "SELECT a.id FROM T a WHERE a.tenant_id = $1 AND a.id IN (SELECT a.id FROM T a) AND a.tenant_id = $1",
        "SELECT a.id FROM T a WHERE NOT EXISTS (SELECT 1 FROM T b WHERE b.tenant_id = $1 AND b.tenant_id = a.tenant_id)",
        "SELECT id FROM T WHERE tenant_id = $1 UNION SELECT id FROM T",
        "SELECT id FROM T WHERE tenant_id = $1 AND id IN (SELECT id FROM T)",
        "SELECT (SELECT count(*) FROM T b WHERE b.id = a.id) FROM T a WHERE a.tenant_id = $1",
        "SELECT x.id FROM (SELECT id, tenant_id FROM T) x WHERE x.tenant_id = $1",
        "WITH x AS (SELECT id FROM T) SELECT id FROM x",
        "WITH RECURSIVE x AS (SELECT id FROM T WHERE tenant_id = $1 UNION ALL SELECT t.id FROM T t JOIN x ON t.up = x.id) "
        "SELECT id FROM x",
        "UPDATE T a SET a = 1 FROM T b WHERE a.tenant_id = $1 AND b.id = a.id",
        "DELETE FROM T a USING T b WHERE a.tenant_id = $1 AND b.id = a.id",
        "INSERT INTO T (id, tenant_id) VALUES ($2, $1)", "INSERT INTO T VALUES ($1)",
        "INSERT INTO T (tenant_id, id) VALUES (a, $1)", "INSERT INTO T (tenant_id) SELECT id FROM T RETURNING id",
        "INSERT INTO T (tenant_id, id) VALUES ($1, $2), (now(), $3)",
    ],
    "session-set": ["SET work_mem = '1GB'", "RESET ALL", "SET SESSION juxin.tenant = '1'", "SET LOCAL juxin.tenant = '1'",
                    "SELECT set_config('juxin.tenant', '1', true)",
                    "SELECT id FROM T WHERE tenant_id = set_config('a', $1, true)::int"],
    "volatile": ["UPDATE T SET a = clock_timestamp() WHERE tenant_id = $1", "UPDATE T SET a = random() WHERE tenant_id = $1",
                 "UPDATE T SET a = 1 WHERE tenant_id = $1 AND b < timeofday()",
                 "INSERT INTO T (tenant_id, id) VALUES ($1, gen_random_uuid())",
                 "CREATE TABLE T (tenant_id int NOT NULL, id uuid DEFAULT gen_random_uuid(), PRIMARY KEY (tenant_id, id))",
                 "CREATE TABLE T (tenant_id int NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (tenant_id, n))"],
    "lock": ["SELECT a.id FROM T a JOIN T b ON b.tenant_id = a.tenant_id WHERE a.tenant_id = $1 FOR UPDATE SKIP LOCKED",
             "SELECT id FROM T WHERE tenant_id = (SELECT 1) FOR UPDATE"],
    "alone": ["SELECT pg_notify('x', id::text) FROM T WHERE tenant_id = $1",
              "SELECT pg_advisory_xact_lock(1) FROM T WHERE tenant_id = $1",
              "INSERT INTO T (tenant_id, id) SELECT $1, $2 WHERE pg_try_advisory_lock(1) RETURNING id"],
    "insert-select": ["INSERT INTO T (tenant_id, id) SELECT $1, id FROM T WHERE tenant_id = $1",
                      "INSERT INTO T (tenant_id, id) SELECT $1, s.id FROM T s WHERE s.tenant_id = $1"],
    "values-subquery": ["INSERT INTO T (tenant_id, id) VALUES ($1, (SELECT id FROM T WHERE tenant_id = $1))"],
    "merge": ["MERGE INTO T a USING T b ON a.id = b.id WHEN MATCHED THEN DELETE"],
    "rollup": ["SELECT a, count(*) FROM T WHERE tenant_id = $1 GROUP BY ROLLUP (a)",
               "SELECT a, b, count(*) FROM T WHERE tenant_id = $1 GROUP BY GROUPING SETS ((a), (b))"],
    "alter-one": ["ALTER TABLE T ADD a text, ADD b text"],
    "trigger": ["CREATE TRIGGER a AFTER INSERT ON T FOR EACH ROW EXECUTE FUNCTION f()"],
    "fk-action": ["CREATE TABLE T (tenant_id int NOT NULL, id uuid, PRIMARY KEY (tenant_id, id), "
                  "FOREIGN KEY (tenant_id, id) REFERENCES juxin.unit (tenant_id, id) ON DELETE CASCADE)",
                  "ALTER TABLE T ADD CONSTRAINT a FOREIGN KEY (tenant_id, a) REFERENCES juxin.unit (tenant_id, id) "
                  "ON UPDATE SET NULL"],
    "identity": ["ALTER TABLE T ADD n bigint GENERATED ALWAYS AS IDENTITY", "ALTER TABLE T ADD n bigserial",
                 "ALTER TABLE T ALTER n ADD GENERATED ALWAYS AS IDENTITY"],
    "tenant-key": ["CREATE TABLE T (tenant_id int NOT NULL, id uuid PRIMARY KEY)", "CREATE TABLE T (id uuid PRIMARY KEY)",
                   "CREATE TABLE T (tenant_id int NOT NULL, id uuid, PRIMARY KEY (id, tenant_id))",
                   "CREATE TABLE T (tenant_id bigint NOT NULL, id uuid, PRIMARY KEY (tenant_id, id))",
                   "CREATE TABLE T (tenant_id int, id uuid, UNIQUE (tenant_id, id))",
                   "CREATE TABLE T (tenant_id int NOT NULL, id uuid, PRIMARY KEY (tenant_id, id), UNIQUE (id))",
                   "CREATE TABLE T (tenant_id int NOT NULL, a uuid REFERENCES juxin.unit (id))",
                   "CREATE TABLE T (tenant_id int NOT NULL, a uuid, FOREIGN KEY (a) REFERENCES juxin.unit (id))",
                   "CREATE UNIQUE INDEX a ON T (login)", "CREATE INDEX a ON T (at, tenant_id)",
                   "ALTER TABLE T ADD CONSTRAINT a UNIQUE (login)"],
    "global-unique": ["INSERT INTO T (tenant_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                      "INSERT INTO T (tenant_id, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
                      "INSERT INTO T (tenant_id, id) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING"],
    "view": ["CREATE VIEW px_a.v AS SELECT id FROM T WHERE tenant_id = 1",
             "CREATE VIEW px_a.v WITH (security_invoker = false) AS SELECT id FROM T WHERE tenant_id = 1",
             "CREATE MATERIALIZED VIEW px_a.v AS SELECT id FROM T WHERE tenant_id = 1"],
    "grant": ["GRANT ALL ON T TO juxin_app", "GRANT SELECT, TRUNCATE ON T TO juxin_app", "TRUNCATE T"],
    "copy": ["COPY T FROM STDIN"],
    "policy": ["ALTER TABLE T DISABLE ROW LEVEL SECURITY", "ALTER TABLE T NO FORCE ROW LEVEL SECURITY",
               "CREATE POLICY a ON T USING (true)", "CREATE POLICY a ON T FOR SELECT TO juxin_app USING (true)",
               "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"],
    "leakproof": ["CREATE INDEX a ON T USING gin (tenant_id, words)"],
    "select-star": ["SELECT * FROM T WHERE tenant_id = $1", "SELECT t.* FROM T t WHERE t.tenant_id = $1"],
}
GOOD = [
    "SELECT id FROM T WHERE tenant_id = $1 AND (a = 1 OR b = 2)", "SELECT id FROM T t WHERE t.tenant_id = 7::int",
    "SELECT a.id FROM T a JOIN T b ON b.tenant_id = a.tenant_id AND b.id = a.id WHERE a.tenant_id = $1",
    "SELECT a.id FROM T a LEFT JOIN T b ON b.tenant_id = $1 AND b.id = a.id WHERE a.tenant_id = $1",
    "SELECT id FROM T WHERE tenant_id = $1 AND EXISTS (SELECT FROM T u WHERE u.tenant_id = $1)",
    "SELECT x.id FROM (SELECT id FROM T WHERE tenant_id = $1) x", "SELECT x.* FROM (SELECT id FROM T WHERE tenant_id = $1) x",
    "SELECT a.id FROM T a CROSS JOIN LATERAL (SELECT b.id FROM T b WHERE b.tenant_id = a.tenant_id LIMIT 1) x WHERE a.tenant_id = $1",
    "WITH x AS (SELECT id FROM T WHERE tenant_id = $1) SELECT id FROM x",
    "WITH x AS MATERIALIZED (SELECT a FROM T WHERE tenant_id = $1) SELECT a, count(*) FROM x GROUP BY ROLLUP (a)",
    "WITH RECURSIVE x AS (SELECT id FROM T WHERE tenant_id = $1 UNION ALL SELECT t.id FROM T t JOIN x ON t.up = x.id "
    "WHERE t.tenant_id = $1) SELECT id FROM x",
    "INSERT INTO T (tenant_id, id) VALUES ($1, $2), ($1, $3) ON CONFLICT (tenant_id, id) DO NOTHING",
    "INSERT INTO T (tenant_id, id) SELECT u.tenant_id, $2 FROM juxin.unit u WHERE u.tenant_id = $1 FOR KEY SHARE RETURNING id",
    "INSERT INTO T (tenant_id, id) SELECT $1, x FROM unnest($2::uuid[]) x RETURNING id",
    "UPDATE T a SET a = now() FROM T b WHERE a.tenant_id = $1 AND b.tenant_id = $1 AND a.id = b.id",
    "DELETE FROM T WHERE tenant_id = $1 AND id IN (SELECT id FROM T WHERE tenant_id = $1 LIMIT 9)",
    "SELECT id FROM T WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED", "SELECT pg_advisory_xact_lock($1)", "SELECT clock_timestamp()",
    "SELECT id FROM juxin.tenant WHERE slug = $1", "SET LOCAL statement_timeout = 5000",
    "CREATE TABLE T (tenant_id int NOT NULL REFERENCES juxin.tenant (id), id uuid NOT NULL, a uuid, PRIMARY KEY (tenant_id, id), "
    "FOREIGN KEY (tenant_id, a) REFERENCES juxin.unit (tenant_id, id))",
    "CREATE INDEX a ON T (tenant_id, b)", "ALTER TABLE T ADD a text", "GRANT SELECT, INSERT ON T TO juxin_app",
    "GRANT ALL ON SCHEMA px_a TO juxin_owner", "REVOKE ALL ON T FROM PUBLIC", "COPY T TO STDOUT",
    "CREATE VIEW px_a.v WITH (security_invoker = true) AS SELECT id FROM T WHERE tenant_id = 1",
    "CREATE POLICY dispatch ON T FOR SELECT TO juxin_dispatch USING (true)",
]


def on_table(text, table="px_a.t"):
    return re.sub(r"\bT\b", table, text)


def parses(text):
    try:
        parse_sql(text)
        return True
    except ParseError:
        return False


def test_all_texts_keep_the_rules():
    wrong, used, count = [], set(), {}
    for sql in sqlsource.everything():
        if not parses(sql.text):
            assert sql.kind in ("c", "format"), f"cannot be parsed: {sql}"  # pieces: seen whole by test_sent.py
            continue
        count[sql.kind] = count.get(sql.kind, 0) + 1
        found = sqlrules.lint(sql.text)
        if sql.kind == "migration":
            found += sqlrules.protects_what_it_makes(sql.text)
        for rule, message in found:
            if (sql.path, rule) in EXCEPTIONS:
                used.add((sql.path, rule))
            else:
                wrong.append(f"{sql}\n    {rule}: {message}")
    assert not wrong, "\n" + "\n".join(wrong)
    assert used == set(EXCEPTIONS), f"exceptions that nothing needs: {set(EXCEPTIONS) - used}"
    assert count["c"] > 150 and count["format"] > 15 and count["migration"] >= 3 and count["plugin"] >= 4, count
    print("      ", ", ".join(f"{n} of kind {kind}" for kind, n in sorted(count.items())))


def test_each_rule_finds_what_it_is_for():
    missed = [f"{rule}: {text}" for rule, texts in BAD.items() for text in texts
              if rule not in {r for r, _ in sqlrules.lint(on_table(text))}]
    assert not missed, "\n" + "\n".join(missed)
    print(f"       {sum(len(t) for t in BAD.values())} bad texts for {len(BAD)} rules")


def test_what_is_right_is_not_refused():
    wrong = [f"{text}: {found}" for text in GOOD if (found := sqlrules.lint(on_table(text)))]
    assert not wrong, "\n" + "\n".join(wrong)


def test_a_table_made_without_protection_is_found():
    made = "CREATE TABLE px_a.t (tenant_id int NOT NULL, id uuid, PRIMARY KEY (tenant_id, id));"
    assert sqlrules.protects_what_it_makes(made)
    assert not sqlrules.protects_what_it_makes(made + "SELECT juxin.protect('px_a.t')")


def compares_messages(source):
    source = sqlsource.without_comments(source)
    return [m.group(0)[:100] for m in COMPARES.finditer(source) if MESSAGE.search(m.group(2).split(";")[0])] + \
        NAMES_OF_OBJECTS.findall(source)


def test_errors_are_told_apart_by_sqlstate_only():
    """Names gain a shard's number, and texts are translated."""
    wrong = [f"{path.relative_to(ROOT)}: {found}" for path in sqlsource.c_files()
             for found in compares_messages(path.read_text(encoding="utf-8"))]
    assert not wrong, "\n" + "\n".join(wrong)
    for bad in ('if (strstr(e->message, "unique"))', "strcmp(PQerrorMessage(pg), a) == 0",
                "PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME)"):
        assert compares_messages(bad), bad
    assert not compares_messages('if (strcmp(e->sqlstate, "23505") == 0)')


def plugin_check(statements):
    """What `juxinctl plugin check` says of a plugin with these statements: {name: message}."""
    directory = pathlib.Path(harness.scratch()) / "lint"
    (directory / "resources").mkdir(parents=True, exist_ok=True)
    (directory / "plugin.json").write_text(json.dumps(
        {"id": "lint", "version": "0.1.0", "label": {"zh-CN": "检", "en": "Lint"}, "levels": ["county"]}), encoding="utf-8")
    text = "".join(f"-- name: {name}\n-- params: {', '.join(['text'] * (highest(sql) - 1))}\n{sql}\n\n"
                   for name, sql in statements.items())
    (directory / "queries.sql").write_text(text, encoding="utf-8")
    done = subprocess.run([prefix() + "/bin/juxinctl", "plugin", "check", str(directory), "--json"], capture_output=True, text=True)
    said = {}
    for fault in json.loads(done.stdout or "[]"):
        name, _, message = fault["message"].partition(": ")
        said.setdefault(name, message)
    return said, done


def highest(sql):
    return max([int(n) for n in re.findall(r"\$(\d+)", sql)] or [1])


def test_plugin_check_refuses_what_the_rules_refuse():
    """Statements only: tables are made from declarations."""
    bad = {f"{rule.replace('-', '_')}_{n}": on_table(text, "px_lint.t") for rule, texts in BAD.items()
           for n, text in enumerate(texts) if text.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE")}
    said, done = plugin_check(bad)
    passed = {name: sql for name, sql in bad.items() if name not in said}
    assert not passed and done.returncode != 0, "\n" + "\n".join(f"{n}: {s}" for n, s in passed.items())
    print(f"       {len(bad)} bad statements refused")


def test_plugin_check_accepts_what_is_right():
    good = {f"good_{n}": on_table(text, "px_lint.t") for n, text in enumerate(GOOD)
            if text.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE") and "juxin." not in text
            and not re.search(r"LATERAL|x\.\*|unnest|advisory|clock_timestamp|7::int", text)}
    said, done = plugin_check(good)
    assert not said and done.returncode == 0, (said, done.stderr)
    assert len(good) >= 8


if __name__ == "__main__":
    harness.main()
