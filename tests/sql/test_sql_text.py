"""Rules of the database that can be read off the text of the project's SQL: migrations, named statements in C, plugins."""
import re

from lib import harness
from lib.server import ROOT

LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
STATEMENT = re.compile(r'struct db_stmt\s+(\w+)\s*(?:\[\])?\s*=\s*\{(.*?)\};', re.S)
# What would break on a sharded database, leak between requests, or cross tenants (docs/architecture.md, isolation).
FORBIDDEN = {
    r"\bset_config\s*\(": "set_config() is not carried to other nodes; juxin.enter() is the one way in",
    r"\bMERGE\s+INTO\b": "MERGE does not work on distributed tables",
    r"\bGRANT\s+ALL\b": "GRANT ALL includes TRUNCATE, which ignores row-level security",
    r"\bCREATE\s+MATERIALIZED\b": "a materialised view has no row-level security",
    r"\bON\s+DELETE\s+(CASCADE|SET)": "foreign keys take no action",
    r"\bVALUES\s*\([^)]*\bSELECT\b": "no subquery inside VALUES",
    r"\bjsonb?\b\s+NOT NULL.*INDEX": "nothing filterable is json",
}


def unescape(text):
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")


def c_statements():
    """(file, variable, sql) of every named statement in the core."""
    for path in sorted((ROOT / "core").rglob("*.c")):
        source = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
        for name, body in STATEMENT.findall(source):
            parts = [unescape(p) for p in LITERAL.findall(body)]
            if parts:
                yield path.relative_to(ROOT), name, " ".join(parts[1:])


def migrations():
    for path in sorted((ROOT / "schemas/migrations").glob("*.sql")):
        yield path.relative_to(ROOT), re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))


def plugin_statements():
    for path in sorted((ROOT / "plugins").rglob("queries.sql")):
        for block in re.split(r"^-- name: *", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            name, _, sql = block.partition("\n")
            yield path.relative_to(ROOT), name.strip(), re.sub(r"--[^\n]*", "", sql)


def tenant_tables():
    tables = set()
    for _, sql in migrations():
        for name, body in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(juxin\.\w+)\s*\((.*?)\n\)", sql, re.S):
            if re.search(r"^\s*tenant_id\s", body, re.M) and not re.search(r"\btenant_id\s+int[^,]*IDENTITY", body):
                tables.add(name)
    return tables


def test_there_is_something_to_read():
    assert len(list(c_statements())) > 30
    assert len(tenant_tables()) > 15, tenant_tables()
    assert list(plugin_statements())


def test_every_statement_names_its_tenant():
    tables, wrong = tenant_tables(), []
    for path, name, sql in c_statements():
        used = [t for t in tables if re.search(re.escape(t) + r"\b", sql)]
        if used and "tenant_id" not in sql:
            wrong.append(f"{path}: {name} reads or writes {', '.join(used)} without tenant_id")
    for path, name, sql in plugin_statements():
        if "tenant_id = $1" not in sql and "tenant_id, " not in sql:
            wrong.append(f"{path}: {name} does not say tenant_id = $1")
    assert not wrong, "\n".join(wrong)


def test_nothing_forbidden():
    wrong = []
    texts = [(p, n, s) for p, n, s in c_statements()] + [(p, "", s) for p, s in migrations()] + list(plugin_statements())
    for path, name, sql in texts:
        for pattern, why in FORBIDDEN.items():
            if re.search(pattern, sql, re.I | re.S):
                wrong.append(f"{path} {name}: {why}")
    assert not wrong, "\n".join(wrong)


def test_keys_of_tenant_tables_are_led_by_tenant_id():
    wrong = []
    for path, sql in migrations():
        for table, body in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(juxin\.\w+)\s*\((.*?)\n\)", sql, re.S):
            if table not in tenant_tables():
                continue
            for kind, columns in re.findall(r"\b(PRIMARY KEY|UNIQUE|FOREIGN KEY)\s*\(([^)]*)\)", body):
                if not columns.strip().startswith("tenant_id"):
                    wrong.append(f"{path}: {table} {kind} ({columns})")
    assert not wrong, "\n".join(wrong)


if __name__ == "__main__":
    harness.main()
