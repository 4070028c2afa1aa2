# All SQL of the project as text: migrations and other .sql files, string literals of C that begin with a command of SQL,
# plugins' named statements. What C builds from pieces is not here; test_sent.py sees it on its way to the database.
import re

from lib.server import ROOT

VERBS = ("SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|CREATE|ALTER|DROP|GRANT|REVOKE|SET|RESET|BEGIN|COMMIT|ROLLBACK|SAVEPOINT"
         "|RELEASE|COPY|LOCK|TRUNCATE|DO|CALL|LISTEN|NOTIFY|VACUUM|ANALYZE|REINDEX|COMMENT|PREPARE|EXECUTE|DECLARE|FETCH")
IS_SQL = re.compile(rf"\s*\(?(?:{VERBS})\b(?!:)")
COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|/\*.*?\*/|//[^\n]*', re.S)
PIECE = r'(?:"(?:[^"\\\n]|\\.)*"|\b[A-Z][A-Z0-9_]{3,}\b)'
LITERALS = re.compile(rf'"(?:[^"\\\n]|\\.)*"(?:\s*{PIECE})*|\b[A-Z][A-Z0-9_]{{3,}}\b(?:\s*"(?:[^"\\\n]|\\.)*")(?:\s*{PIECE})*')
ONE = re.compile(r'"((?:[^"\\\n]|\\.)*)"|([A-Z][A-Z0-9_]{3,})')
MACRO = re.compile(r'#define\s+([A-Z][A-Z0-9_]+)\s+((?:\\\s*\n|[ \t]|"(?:[^"\\\n]|\\.)*")+)\n')
CONVERSION = re.compile(r"%(?:\.\*)?[-0-9.]*(?:l{1,2}|z)?([sducx%])")
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "0": "\0"}


class Sql:
    """One text and where it stands. is_whole: it can be parsed as it is; else it is built from pieces at run time."""

    def __init__(self, path, name, text, kind):
        self.path, self.name, self.text, self.kind = str(path), name, text, kind

    def __str__(self):
        return f"{self.path}{': ' + self.name if self.name else ''}: {' '.join(self.text.split())[:160]}"


def without_comments(source):
    return COMMENT.sub(lambda m: m.group() if m.group()[0] in "\"'" else " ", source)


def unescape(text):
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), text, flags=re.S)


def c_files():
    return [p for p in sorted((ROOT / "core").rglob("*.[ch]"))]


def c_macros():
    found = {}
    for path in c_files():
        for name, body in MACRO.findall(without_comments(path.read_text(encoding="utf-8"))):
            found[name] = "".join(literal for literal, _ in ONE.findall(body))
    return found


def c_literals():
    """(path, line, text) of every string literal of the core, neighbours joined, macros of text put in."""
    macros = c_macros()
    for path in c_files():
        source = without_comments(path.read_text(encoding="utf-8"))
        source = re.sub(r"^\s*#\s*(?:include|define)\b(?:[^\n\\]|\\.)*(?:\\\n[^\n]*)*", "", source, flags=re.M)
        for match in LITERALS.finditer(source):
            pieces = ONE.findall(match.group())
            if all(literal or macro in macros for literal, macro in pieces) or any(literal for literal, _ in pieces):
                text = "".join(unescape(literal) if literal else macros.get(macro, "") for literal, macro in pieces)
                yield path.relative_to(ROOT), match.group(), text


def c_statements():
    """Every literal that begins with a command of SQL; a format's conversions stand for a name or a number."""
    for path, _, text in c_literals():
        if IS_SQL.match(text):
            filled = CONVERSION.sub(lambda m: {"s": "x_", "%": "%", "x": "a"}.get(m.group(1), "1"), text)
            kind = "format" if filled != text else "c"
            yield Sql(path, "", filled, kind)


def sql_files():
    """Migrations and what operators run."""
    for directory in ("schemas", "deploy"):
        for path in sorted((ROOT / directory).rglob("*.sql")):
            if path.name != "queries.sql":
                yield Sql(path.relative_to(ROOT), "", path.read_text(encoding="utf-8"), "migration")


def plugin_statements():
    for path in sorted(ROOT.rglob("queries.sql")):
        if {"build", "build-test", "node_modules"} & set(path.relative_to(ROOT).parts):
            continue
        source = path.read_text(encoding="utf-8").replace("@NAME@", "name")
        for block in re.split(r"^-- name: *", source, flags=re.M)[1:]:
            name, _, text = block.partition("\n")
            yield Sql(path.relative_to(ROOT), name.strip(), text, "plugin")


def everything():
    yield from sql_files()
    yield from c_statements()
    yield from plugin_statements()
