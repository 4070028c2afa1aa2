"""The database's own catalogue, after all migrations and with the tables of plugins: every tenant table has forced row-level
security, a policy that checks, and keys led by tenant_id; the application's role owns nothing and may not touch what it must
not; what is indexed can be found through the policy; every named statement of the core can be prepared by that role."""
import json
import os
import pathlib
import re
import subprocess

import sqlrules
import withplugins
from lib import harness, postgres
from lib.server import ROOT

TENANT_EXPRESSION = "(tenant_id = (NULLIF(current_setting('juxin.tenant'::text, true), ''::text))::integer)"
STATEMENT = re.compile(r'struct db_stmt\s+(\w+)\s*=\s*\{\s*("[^"]*")\s*,((?:\s*(?:"(?:[^"\\]|\\.)*"|[A-Z_]+))+)\s*\}', re.S)
MACRO = re.compile(r'#define\s+([A-Z_]+)\s+((?:\\\s*\n|\s|"(?:[^"\\\n]|\\.)*")+)\n')
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"|([A-Z_]{4,})')
OUR_TABLES = "c.relkind IN ('r', 'p') AND (n.nspname = 'juxin' OR n.nspname ~ '^px_')"
server = None


def sql(text, role=None):
    options = f"SET ROLE {role};" if role else ""
    return postgres.psql(options + text, server.database)


def setup():
    global server
    server = withplugins.server()


def tables():
    """(schema, name, has tenant_id) of every table outside the system's schemas."""
    return sql("""SELECT n.nspname, c.relname, a.attname IS NOT NULL FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND (n.nspname = 'juxin' OR n.nspname ~ '^px_') ORDER BY 1, 2""")


def test_tables_without_tenant_are_known():
    unknown = {t for s, t, tenant in tables() if tenant == "f" and s == "juxin"} - sqlrules.REFERENCE
    assert not unknown, f"tables without tenant_id, not listed as reference tables: {sorted(unknown)}"
    assert len([1 for _, _, tenant in tables() if tenant == "t"]) >= 20
    assert {"px_suggestions", "px_works"} <= {schema for schema, _, _ in tables()}


def test_row_level_security_is_enabled_and_forced():
    open_tables = sql("""SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p')
        AND n.nspname !~ '^pg_' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)""")
    assert not open_tables, open_tables


def by_table(rows):
    """{(schema, table): [the rest of each row]}"""
    found = {}
    for schema, name, *rest in rows:
        found.setdefault((schema, name), []).append(rest)
    return found


def test_every_tenant_table_has_the_policy_with_check():
    policies = by_table(sql("""SELECT n.nspname, c.relname, polname, polcmd, polpermissive, polroles = '{0}',
        pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
        FROM pg_policy JOIN pg_class c ON c.oid = polrelid JOIN pg_namespace n ON n.oid = c.relnamespace"""))
    for schema, name, tenant in tables():
        rows = policies.get((schema, name), [])
        main = [r for r in rows if r[0] == "tenant"]
        assert tenant != "t" or main == [["tenant", "*", "t", "t", TENANT_EXPRESSION, TENANT_EXPRESSION]], (schema, name, rows)
        # Whoever else has a policy may only read, and is not the application.
        for other in rows:
            if other[0] != "tenant":
                assert (other[0], other[1]) in (("dispatch", "r"), ("aggregate", "r")), (schema, name, other)
    roles = sql("SELECT DISTINCT polname, unnest(polroles)::regrole FROM pg_policy WHERE polname <> 'tenant' ORDER BY 1")
    assert roles == [["aggregate", "juxin_aggregate"], ["dispatch", "juxin_dispatch"]], roles


def test_tenant_id_is_a_mandatory_integer():
    wrong = sql("""SELECT a.attrelid::regclass FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND NOT (a.attnotnull AND a.atttypid = 'int4'::regtype)""")
    assert not wrong, wrong


def test_primary_and_unique_keys_are_led_by_tenant():
    keys = by_table(sql("""SELECT n.nspname, c.relname, i.indexrelid::regclass, i.indisprimary, a.attname FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indisunique OR i.indisprimary"""))
    for schema, name, tenant in tables():
        if tenant == "t":
            found = keys.get((schema, name), [])
            assert any(k[1] == "t" for k in found), f"{schema}.{name} has no primary key"
            assert all(k[2] == "tenant_id" for k in found), (schema, name, found)


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


def test_what_is_indexed_is_compared_without_leaking():
    """Under row-level security only leakproof operators reach an index: those of text, integers, uuid, dates and times."""
    wrong = sql(f"""SELECT i.indexrelid::regclass, a.attname, a.atttypid::regtype, am.amname
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am am ON am.oid = x.relam
        CROSS JOIN LATERAL unnest(i.indkey::int[], i.indclass::oid[]) AS k(attnum, opclass)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        LEFT JOIN pg_opclass o ON o.oid = k.opclass
        WHERE {OUR_TABLES} AND (am.amname <> 'btree' OR k.attnum = 0 OR EXISTS (
            SELECT FROM pg_amop p JOIN pg_operator op ON op.oid = p.amopopr JOIN pg_proc f ON f.oid = op.oprcode
            WHERE p.amopfamily = o.opcfamily AND p.amoplefttype = o.opcintype AND p.amoprighttype = o.opcintype
            AND NOT f.proleakproof))""")
    assert not wrong, wrong


def test_types():
    """Enumerations are text with CHECK, money is bigint; json only where nothing filters by it."""
    wrong = sql(f"""SELECT a.attrelid::regclass, a.attname, a.atttypid::regtype FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid WHERE {OUR_TABLES} AND a.attnum > 0 AND NOT a.attisdropped
        AND (t.typtype = 'e' OR t.typcategory = 'A' OR t.typname IN ('numeric', 'float4', 'float8', 'json', 'tsvector',
            'ltree', 'varchar') OR t.typname = 'jsonb' AND n.nspname = 'juxin')""")
    assert not wrong, wrong


def declared_filters():
    """(table, column) of every field that lists may filter or sort by."""
    directory = pathlib.Path(server.config["plugins"]["directory"])
    for path in sorted(directory.glob("*/resources/*.json")):
        declaration = json.loads(path.read_text(encoding="utf-8"))
        for name, field in declaration["fields"].items():
            if field.get("filterable") or field.get("sortable"):
                yield f'px_{path.parents[1].name}."{declaration["resource"]}"', name


def fill(table, rows=3000):
    """Rows whose columns all differ as their types allow, past keys to other tables."""
    columns = sql(f"""SELECT quote_ident(a.attname), a.atttypid::regtype, a.attname, (SELECT pg_get_constraintdef(k.oid)
        FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum])
        FROM pg_attribute a WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped""")
    values = {"text": "md5(i::text)", "uuid": "md5(i::text)::uuid", "bigint": "i", "integer": "i", "boolean": "i % 2 = 0",
              "date": "date '2020-01-01' + i % 999", "timestamp with time zone": "now() - i * interval '1 minute'",
              "jsonb": "'{}'::jsonb"}
    picked = []
    for _, kind, name, check in columns:
        allowed = re.findall(r"'([a-z0-9_]+)'", check)
        value = {"tenant_id": "1", "deleted_at": "NULL"}.get(name, values[kind])
        picked.append(f"(ARRAY{allowed})[1 + i % {len(allowed)}]" if allowed else value)
    sql(f"TRUNCATE {table}; SET session_replication_role = replica; INSERT INTO {table} ({', '.join(c[0] for c in columns)})"
        f" SELECT {', '.join(picked)} FROM generate_series(1, {rows}) i; ANALYZE {table}")


def test_every_declared_filter_reaches_its_index():
    filters = list(declared_filters())
    for table in {t for t, _ in filters}:
        fill(table)
    plans = sql("BEGIN; SET LOCAL enable_seqscan = off; SELECT juxin.enter(1);" + "".join(
        f"SELECT '@'; EXPLAIN SELECT id FROM {table} WHERE tenant_id = 1 AND deleted_at IS NULL AND \"{column}\" ="
        f" (SELECT \"{column}\" FROM {table} WHERE tenant_id = 1 LIMIT 1);" for table, column in filters), "juxin_app")
    plans = "\n".join(row[0] for row in plans).split("@\n")[1:]
    wrong = [f"{table}.{column}:\n{plan}" for (table, column), plan in zip(filters, plans, strict=True)
             if not re.search(rf'Index Cond: .*\b{column}\b"? = ', plan)]
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(filters) >= 10, filters
    print(f"       {len(filters)} declared filters")


def test_a_subtree_comes_off_an_index_in_order():
    indexes = by_table(sql("SELECT schemaname, tablename, indexdef FROM pg_indexes WHERE schemaname ~ '^px_'"))
    records = sql("""SELECT DISTINCT n.nspname, c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname ~ '^px_' AND c.relkind = 'r' AND a.attname = 'a4'""")
    assert len(records) >= 2, records
    for schema, name in records:
        for depth in ("unit_id", "a1", "a2", "a3", "a4"):
            assert any(f"(tenant_id, {depth}, id DESC)" in text for (text,) in indexes[(schema, name)]), (schema, name, depth)


def test_seals_are_unique_by_tenant_and_number():
    key = sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'juxin.audit_seal'::regclass AND contype = 'p'")
    assert key == [["PRIMARY KEY (tenant_id, n)"]], key


def test_no_trigger_and_no_number_that_the_database_makes():
    assert not sql(f"""SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OUR_TABLES} AND NOT t.tgisinternal""")
    wrong = sql(f"""SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE {OUR_TABLES} AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) ~ 'nextval|random')""")
    assert wrong == [["tenant", "id"]], wrong


def test_the_rules_know_the_volatile_functions():
    volatile = {row[0] for row in sql("SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v'")}
    stable = {row[0] for row in sql("SELECT DISTINCT proname FROM pg_proc WHERE provolatile <> 'v'")} - volatile
    assert not sqlrules.VOLATILE & stable, sqlrules.VOLATILE & stable
    named = {n for n in volatile if re.search(r"^(gen_random|clock_|timeofday|random|nextval|setval|pg_sleep$|set_config)", n)}
    assert named <= sqlrules.VOLATILE | {"pg_sleep"}, named - sqlrules.VOLATILE


def test_the_aggregate_role_only_reads():
    wrong = sql("""SELECT table_schema, table_name, privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'juxin_aggregate' AND privilege_type <> 'SELECT'""")
    assert not wrong, wrong
    seen = sql("""SELECT DISTINCT table_name FROM information_schema.role_column_grants WHERE grantee = 'juxin_aggregate'
        ORDER BY 1""")
    assert seen == [["report_figure"], ["tenant"]], seen


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
    assert {c for _, c in seen} <= {"tenant_id", "state", "next_at", "seq", "n", "run_at", "lease_until", "after_seq"}, seen


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
    done = subprocess.run(["psql", "-XAtq", "-d", postgres.conninfo(server.database)], text=True, stdout=subprocess.PIPE,
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
    ("ALTER TABLE juxin.unit ADD m jsonb", "ALTER TABLE juxin.unit DROP m", test_types),
    ("CREATE INDEX m ON juxin.unit (tenant_id, (depth::numeric))", "DROP INDEX juxin.m",
     test_what_is_indexed_is_compared_without_leaking),
    ("CREATE INDEX m ON juxin.history USING brin (tenant_id, at)", "DROP INDEX juxin.m",
     test_what_is_indexed_is_compared_without_leaking),
    ("ALTER TABLE juxin.unit ADD m numeric; CREATE INDEX m ON juxin.unit (tenant_id, m)", "ALTER TABLE juxin.unit DROP m",
     test_what_is_indexed_is_compared_without_leaking),
    ("ALTER INDEX px_suggestions.suggestion_topic_ix RENAME TO m; CREATE INDEX suggestion_topic_ix ON px_suggestions.suggestion"
     " (tenant_id, id) WHERE deleted_at IS NULL AND topic <> ''; DROP INDEX px_suggestions.m",
     "DROP INDEX px_suggestions.suggestion_topic_ix; CREATE INDEX suggestion_topic_ix ON px_suggestions.suggestion"
     " (tenant_id, topic, id) WHERE deleted_at IS NULL", test_every_declared_filter_reaches_its_index),
    ("DROP INDEX px_suggestions.suggestion_a2__ix", "CREATE INDEX suggestion_a2__ix ON px_suggestions.suggestion"
     " (tenant_id, a2, id DESC) WHERE deleted_at IS NULL AND a2 IS NOT NULL", test_a_subtree_comes_off_an_index_in_order),
    ("ALTER TABLE juxin.audit_seal DROP CONSTRAINT audit_seal_pkey, ADD PRIMARY KEY (tenant_id, n, head)",
     "ALTER TABLE juxin.audit_seal DROP CONSTRAINT audit_seal_pkey, ADD PRIMARY KEY (tenant_id, n)",
     test_seals_are_unique_by_tenant_and_number),
    ("ALTER TABLE juxin.unit ADD m uuid DEFAULT gen_random_uuid()", "ALTER TABLE juxin.unit DROP m",
     test_no_trigger_and_no_number_that_the_database_makes),
    ("GRANT INSERT ON juxin.tenant TO juxin_aggregate", "REVOKE INSERT ON juxin.tenant FROM juxin_aggregate",
     test_the_aggregate_role_only_reads),
    ("GRANT SELECT (login) ON juxin.account TO juxin_aggregate", "REVOKE SELECT (login) ON juxin.account FROM juxin_aggregate",
     test_the_aggregate_role_only_reads),
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
