"""The database's own catalogue, after all migrations: every tenant table has forced row-level security, a policy that
checks, and keys led by tenant_id; the application's role owns nothing and may not touch what it must not; and every
named statement of the core can be prepared by that role. Runs on whatever else is in the database too (plugins' tables)."""
import os
import re
import subprocess
import uuid

from lib import harness, postgres
from lib.server import ROOT

DATABASE = "catalogue_" + uuid.uuid4().hex[:8]
TENANT_EXPRESSION = "(tenant_id = (NULLIF(current_setting('juxin.tenant'::text, true), ''::text))::integer)"
# Reference tables, one by one: a new table without tenant_id has to be thought about.
REFERENCE = {"tenant", "deployment_epoch", "deployment_policy", "deployment_setting",
             "declaration", "calendar_year", "calendar_day", "lease", "migration",
             "audit_digest"}
STATEMENT = re.compile(r'struct db_stmt\s+(\w+)\s*=\s*\{\s*("[^"]*")\s*,((?:\s*(?:"(?:[^"\\]|\\.)*"|[A-Z_]+))+)\s*\}', re.S)
MACRO = re.compile(r'#define\s+([A-Z_]+)\s+((?:\\\s*\n|\s|"(?:[^"\\\n]|\\.)*")+)\n')
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"|([A-Z_]{4,})')


def sql(text, role=None):
    options = f"SET ROLE {role};" if role else ""
    return postgres.psql(options + text, DATABASE)


def setup():
    postgres.psql(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    harness.on_exit(lambda: postgres.psql(f"DROP DATABASE {DATABASE} WITH (FORCE)"))
    for role in ("owner", "app", "dispatch", "aggregate"):
        postgres.psql(f"DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'juxin_{role}') THEN "
                      f"CREATE ROLE juxin_{role}; END IF; END$$")
    sql(f"""ALTER DATABASE {DATABASE} OWNER TO juxin_owner;
        CREATE SCHEMA juxin AUTHORIZATION juxin_owner;
        GRANT USAGE ON SCHEMA juxin TO juxin_app, juxin_dispatch, juxin_aggregate""")
    sql("""CREATE TABLE juxin.migration (scope text NOT NULL, name text NOT NULL, checksum text NOT NULL,
        ms bigint NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (scope, name));
        GRANT SELECT ON juxin.migration TO juxin_app""", "juxin_owner")
    for path in sorted((ROOT / "schemas/migrations").glob("*.sql")):
        sql("BEGIN;" + path.read_text(encoding="utf-8") + ";COMMIT", "juxin_owner")


def tables():
    """(schema, name, has tenant_id) of every table outside the system's schemas."""
    return sql("""SELECT n.nspname, c.relname, a.attname IS NOT NULL FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND (n.nspname = 'juxin' OR n.nspname ~ '^px_') ORDER BY 1, 2""")


def test_tables_without_tenant_are_known():
    unknown = {t for s, t, tenant in tables() if tenant == "f" and s == "juxin"} - REFERENCE
    assert not unknown, f"tables without tenant_id, not listed as reference tables: {sorted(unknown)}"
    assert len([1 for _, _, tenant in tables() if tenant == "t"]) >= 20


def test_row_level_security_is_enabled_and_forced():
    open_tables = sql("""SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p')
        AND n.nspname !~ '^pg_' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)""")
    assert not open_tables, open_tables


def test_every_tenant_table_has_the_policy_with_check():
    for schema, name, tenant in tables():
        if tenant != "t":
            continue
        rows = sql(f"SELECT polname, polcmd, polpermissive, polroles = '{{0}}', pg_get_expr(polqual, polrelid), "
                   f"pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE polrelid = '{schema}.{name}'::regclass")
        main = [r for r in rows if r[0] == "tenant"]
        assert main == [["tenant", "*", "t", "t", TENANT_EXPRESSION, TENANT_EXPRESSION]], (schema, name, rows)
        # Whoever else has a policy may only read, and is not the application.
        for other in rows:
            if other[0] != "tenant":
                assert (other[0], other[1]) == ("dispatch", "r"), (schema, name, other)
    roles = sql("SELECT DISTINCT unnest(polroles)::regrole FROM pg_policy WHERE polname <> 'tenant'")
    assert roles in ([], [["juxin_dispatch"]]), roles


def test_tenant_id_is_a_mandatory_integer():
    wrong = sql("""SELECT a.attrelid::regclass FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND NOT (a.attnotnull AND a.atttypid = 'int4'::regtype)""")
    assert not wrong, wrong


def test_primary_and_unique_keys_are_led_by_tenant():
    for schema, name, tenant in tables():
        if tenant != "t":
            continue
        keys = sql(f"""SELECT i.indexrelid::regclass, i.indisprimary, a.attname FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = '{schema}.{name}'::regclass AND (i.indisunique OR i.indisprimary)""")
        assert any(k[1] == "t" for k in keys), f"{schema}.{name} has no primary key"
        assert all(k[2] == "tenant_id" for k in keys), (schema, name, keys)


def test_every_index_is_led_by_tenant():
    wrong = sql("""SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_attribute t ON t.attrelid = i.indrelid
        AND t.attname = 'tenant_id' JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relkind IN ('r', 'p') AND i.indkey[0] <> t.attnum""")
    assert not wrong, wrong


def test_foreign_keys_carry_the_tenant():
    keys = sql("""SELECT c.conname, c.conrelid::regclass, c.confrelid::regclass, f.relname,
        (SELECT attname FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = c.conkey[1]),
        (SELECT attname FROM pg_attribute WHERE attrelid = c.confrelid AND attnum = c.confkey[1]),
        c.confdeltype, c.confupdtype
        FROM pg_constraint c JOIN pg_class f ON f.oid = c.confrelid
        JOIN pg_attribute t ON t.attrelid = c.conrelid AND t.attname = 'tenant_id' WHERE c.contype = 'f'""")
    assert len(keys) >= 15
    for name, table, target, short, own, theirs, on_delete, on_update in keys:
        assert own == "tenant_id", (name, table)
        assert theirs == ("id" if short == "tenant" else "tenant_id"), (name, target)
        assert (on_delete, on_update) == ("a", "a"), f"{name}: foreign keys take no action"


def test_nothing_filterable_has_a_leaky_type():
    wrong = sql("""SELECT a.attrelid::regclass, a.attname, a.atttypid::regtype FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid
        WHERE (n.nspname = 'juxin' OR n.nspname ~ '^px_') AND c.relkind IN ('r', 'p') AND a.attnum > 0
        AND NOT a.attisdropped AND (t.typtype = 'e' OR t.typcategory = 'A'
            OR t.typname IN ('numeric', 'float4', 'float8', 'json', 'jsonb', 'tsvector', 'ltree', 'varchar'))""")
    assert not wrong, wrong


def test_roles_have_no_power():
    assert not sql("SELECT rolname FROM pg_roles WHERE rolname ~ '^juxin_(owner|app|dispatch|aggregate)$' AND "
                   "(rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)")
    assert not sql("SELECT relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
                   "WHERE r.rolname IN ('juxin_app', 'juxin_dispatch', 'juxin_aggregate')")


def test_application_rights():
    rows = sql("""SELECT table_name, privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'juxin_app' AND table_schema = 'juxin'""")
    rights = {}
    for table, right in rows:
        rights.setdefault(table, set()).add(right)
    for table, granted in rights.items():
        assert granted <= {"SELECT", "INSERT", "UPDATE", "DELETE"}, (table, granted)
    for table in ("audit", "audit_seal", "audit_member", "audit_digest"):
        assert rights[table] == {"SELECT", "INSERT"}, (table, rights[table])
    for table in ("migration", "declaration"):
        assert rights[table] == {"SELECT"}, (table, rights[table])
    assert not sql("SELECT 1 FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC' AND table_schema = 'juxin'")
    assert not sql("SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'juxin' "
                   "AND (proname <> 'enter') AND has_function_privilege('juxin_app', p.oid, 'EXECUTE')")


def test_dispatcher_sees_no_content():
    seen = sql("""SELECT table_name, column_name FROM information_schema.role_column_grants
        WHERE grantee = 'juxin_dispatch' AND table_schema = 'juxin' AND table_name <> 'tenant'""")
    assert {c for _, c in seen} <= {"tenant_id", "state", "next_at", "seq", "run_at", "lease_until"}, seen


def test_views_and_functions_that_run_as_their_owner():
    assert not sql("SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                   "WHERE n.nspname = 'juxin' AND c.relkind IN ('v', 'm')")
    assert not sql("SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
                   "WHERE n.nspname = 'juxin' AND prosecdef")


def statements():
    """(file, variable, sql) of every named statement whose text is made of literals."""
    macros = {}
    files = [p for p in sorted((ROOT / "core").rglob("*.[ch]"))]
    sources = {p: re.sub(r"/\*.*?\*/", "", p.read_text(encoding="utf-8"), flags=re.S) for p in files}
    for source in sources.values():
        for name, body in MACRO.findall(source):
            macros[name] = "".join(t for t, _ in LITERAL.findall(body))
    for path, source in sources.items():
        for variable, _, body in STATEMENT.findall(source):
            text = "".join(literal if literal else macros[macro] for literal, macro in LITERAL.findall(body))
            yield path.relative_to(ROOT), variable, text.replace('\\"', '"').replace("\\\\", "\\").replace("\\n", "\n")


def test_every_statement_can_be_prepared():
    """By the application's role, against the tables as they are: no column that is not there, no right that is missing."""
    script, texts = [], []
    for path, variable, text in statements():
        if re.match(r"\s*(BEGIN|COMMIT|ROLLBACK)\b", text):
            continue
        role = "juxin_dispatch" if os.path.basename(path) == "work.c" and "juxin.tenant" not in text else "juxin_app"
        # PREPARE checks names and types; rights are checked when it is planned: EXPLAIN with all parameters NULL.
        parameters = max([int(n) for n in re.findall(r"\$(\d+)", text)] or [0])
        arguments = "(" + ", ".join(["NULL"] * parameters) + ")" if parameters else ""
        explain = f"EXPLAIN EXECUTE s{arguments};" if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", text) else ""
        script.append(f"\\echo STATEMENT {len(texts)}\nSET ROLE {role}; PREPARE s AS {text}; {explain} DEALLOCATE s;")
        texts.append(f"{path}: {variable}: {text}")
    done = subprocess.run(["psql", "-XAtq", "-d", postgres.conninfo(DATABASE)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, input="SET juxin.tenant = '1';\n" + "\n".join(script))
    wrong, at = [], 0
    for line in done.stdout.splitlines():
        if line.startswith("STATEMENT "):
            at = int(line.split()[1])
        elif "ERROR:" in line and 'statement "s"' not in line:
            wrong.append(f"{line.split('ERROR:')[1].strip()}: {texts[at]}")
    count = len(texts)
    assert not wrong, "\n" + "\n".join(wrong)
    assert count > 20, count


# What each check is there to find, done on purpose and undone.
MUTATIONS = [
    ("ALTER TABLE juxin.unit DISABLE ROW LEVEL SECURITY", "ALTER TABLE juxin.unit ENABLE ROW LEVEL SECURITY",
     test_row_level_security_is_enabled_and_forced),
    ("ALTER TABLE juxin.history NO FORCE ROW LEVEL SECURITY", "ALTER TABLE juxin.history FORCE ROW LEVEL SECURITY",
     test_row_level_security_is_enabled_and_forced),
    ("ALTER POLICY tenant ON juxin.account WITH CHECK (true)",
     f"ALTER POLICY tenant ON juxin.account WITH CHECK {TENANT_EXPRESSION}",
     test_every_tenant_table_has_the_policy_with_check),
    ("CREATE POLICY more ON juxin.account USING (true)", "DROP POLICY more ON juxin.account",
     test_every_tenant_table_has_the_policy_with_check),
    ("CREATE TABLE juxin.m (tenant_id int NOT NULL, id uuid PRIMARY KEY)", "DROP TABLE juxin.m",
     test_primary_and_unique_keys_are_led_by_tenant),
    ("CREATE UNIQUE INDEX m ON juxin.account (login)", "DROP INDEX juxin.m",
     test_primary_and_unique_keys_are_led_by_tenant),
    ("CREATE INDEX m ON juxin.history (at)", "DROP INDEX juxin.m", test_every_index_is_led_by_tenant),
    ("CREATE TABLE juxin.m (tenant_id int NOT NULL, id uuid, a int REFERENCES juxin.calendar_year (year), "
     "PRIMARY KEY (tenant_id, id))", "DROP TABLE juxin.m", test_foreign_keys_carry_the_tenant),
    ("CREATE TABLE juxin.m (id int)", "DROP TABLE juxin.m", test_tables_without_tenant_are_known),
    ("ALTER TABLE juxin.unit ADD m jsonb", "ALTER TABLE juxin.unit DROP m", test_nothing_filterable_has_a_leaky_type),
    ("CREATE TABLE juxin.m (); ALTER TABLE juxin.m OWNER TO juxin_app", "DROP TABLE juxin.m", test_roles_have_no_power),
    ("GRANT DELETE ON juxin.audit TO juxin_app", "REVOKE DELETE ON juxin.audit FROM juxin_app", test_application_rights),
    ("GRANT TRUNCATE ON juxin.unit TO juxin_app", "REVOKE TRUNCATE ON juxin.unit FROM juxin_app", test_application_rights),
    ("GRANT SELECT ON juxin.unit TO PUBLIC", "REVOKE SELECT ON juxin.unit FROM PUBLIC", test_application_rights),
    ("GRANT SELECT (payload) ON juxin.outbox TO juxin_dispatch", "REVOKE SELECT (payload) ON juxin.outbox FROM juxin_dispatch",
     test_dispatcher_sees_no_content),
    ("CREATE VIEW juxin.m AS SELECT * FROM juxin.unit", "DROP VIEW juxin.m",
     test_views_and_functions_that_run_as_their_owner),
    ("ALTER TABLE juxin.department RENAME code TO m", "ALTER TABLE juxin.department RENAME m TO code",
     test_every_statement_can_be_prepared),
]


def test_each_check_finds_what_it_is_for():
    missed = []
    for mutate, undo, check in MUTATIONS:
        sql(mutate)
        try:
            check()
            missed.append(mutate)
        except AssertionError:
            pass
        finally:
            sql(undo)
        check()
    assert not missed, missed


if __name__ == "__main__":
    harness.main()
