# What SQL has to keep to so that the same text runs on one PostgreSQL and on shards, and no tenant reaches another's rows
# (docs/scale.md lists the rules by these names). Read off PostgreSQL's own parse tree (pglast).
import re

from pglast import ast, enums, parse_sql

# Tables without tenant_id, one by one: a new one has to be thought about.
REFERENCE = {"tenant", "deployment_epoch", "deployment_policy", "deployment_setting", "declaration", "calendar_year",
             "calendar_day", "dictionary", "dictionary_entry", "lease", "migration", "audit_digest"}
ALONE = re.compile(r"^(pg_notify|pg_(try_)?advisory_\w+)$")
MAKES_IDS = {"gen_random_uuid", "uuid_generate_v1", "uuid_generate_v4", "nextval", "random"}
# Of PostgreSQL 15's pg_proc, provolatile = 'v', what somebody might write; test_rules.py holds it against the catalogue.
VOLATILE = MAKES_IDS | {"clock_timestamp", "timeofday", "setval", "lastval", "currval",
                        "pg_sleep", "set_config", "random_normal", "setseed", "pg_notify"}
JUXIN_TENANT = "juxin.tenant"


def text_of(node):
    return getattr(node, "sval", node)


def children(node):
    if isinstance(node, (tuple, list)):
        yield from node
    elif isinstance(node, ast.Node):
        for slot in node.__slots__:
            value = getattr(node, slot, None)
            if isinstance(value, (ast.Node, tuple, list)):
                yield value


def walk(node, into=lambda n: True):
    """The node and all below; into(node) says whether to go below."""
    if isinstance(node, ast.Node):
        yield node
    if into(node):
        for child in children(node):
            yield from walk(child, into)


def names(node):
    return tuple(text_of(part) for part in node or ())


def function_name(call):
    return names(call.funcname)[-1].lower()


def is_tenant_table(relation):
    schema, name = relation.schemaname, relation.relname
    return bool(schema) and (schema == "juxin" and name not in REFERENCE or schema.startswith("px_"))


def is_value(node):
    """A parameter or a constant, cast or not."""
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return isinstance(node, (ast.ParamRef, ast.A_Const))


def tenant_column(node):
    """The alias ('' for none) of a reference to tenant_id; None for anything else."""
    if not isinstance(node, ast.ColumnRef):
        return None
    parts = [text_of(f) for f in node.fields]
    if parts[-1] != "tenant_id":
        return None
    return parts[-2] if len(parts) > 1 else ""


def conjuncts(node):
    if isinstance(node, ast.BoolExpr) and node.boolop == enums.BoolExprType.AND_EXPR:
        for arg in node.args:
            yield from conjuncts(arg)
    elif node is not None:
        yield node


def equality(node):
    """(left, right) of a = b."""
    if isinstance(node, ast.A_Expr) and node.kind == enums.A_Expr_Kind.AEXPR_OP and names(node.name) == ("=",):
        return node.lexpr, node.rexpr
    return None


class Level:
    """One query's own tables and what ties their tenants down."""

    def __init__(self, outer=()):
        self.outer = set(outer)   # aliases of queries around this one: tied down there, or told of there
        self.tables = {}          # alias -> RangeVar of a tenant table
        self.derived = set()      # aliases of subqueries, functions, CTEs
        self.ties = []            # (alias, alias or VALUE)
        self.inner = []           # subqueries to look at

    def add_from(self, item, ctes):
        if isinstance(item, ast.RangeVar):
            alias = item.alias.aliasname if item.alias else item.relname
            if not item.schemaname and item.relname in ctes or not is_tenant_table(item):
                self.derived.add(alias)
            else:
                self.tables[alias] = item
        elif isinstance(item, ast.JoinExpr):
            self.add_from(item.larg, ctes)
            before = set(self.tables)
            self.add_from(item.rarg, ctes)
            # What an outer join says in ON does not keep rows of the side that is kept whole.
            only = None if item.jointype == enums.JoinType.JOIN_INNER else set(self.tables) - before
            if item.jointype in (enums.JoinType.JOIN_FULL, enums.JoinType.JOIN_RIGHT):
                only = set()
            for condition in conjuncts(item.quals):
                self.add_condition(condition, only)
            if "tenant_id" in names(item.usingClause):
                for right in set(self.tables) - before:
                    self.ties += [(right, left) for left in before]
        elif isinstance(item, ast.RangeSubselect):
            self.derived.add(item.alias.aliasname if item.alias else "")
            self.inner.append((item.subquery, bool(item.lateral)))
        elif item is not None:
            if getattr(item, "alias", None):
                self.derived.add(item.alias.aliasname)

    def add_condition(self, node, only=None):
        sides = equality(node)
        if not sides:
            return
        for this, that in (sides, sides[::-1]):
            alias = tenant_column(this)
            if alias is None:
                continue
            if alias == "":
                alias = next(iter(self.tables)) if len(self.tables) == 1 else None
            if alias not in self.tables or only is not None and alias not in only:
                continue
            other = tenant_column(that)
            if is_value(that):
                self.ties.append((alias, "=VALUE"))
            elif other in self.tables or other in self.outer:
                self.ties.append((alias, other))

    def bound(self):
        bound = {"=VALUE"} | self.outer - set(self.tables)
        while True:
            more = {a for a, b in self.ties if b in bound}
            if more <= bound:
                return bound
            bound |= more

    def bound_directly(self):
        return {a for a, b in self.ties if b == "=VALUE"}


class Lint:
    def __init__(self, volatile=VOLATILE):
        self.volatile = volatile
        self.found = []  # (rule, message)

    def flag(self, rule, message):
        self.found.append((rule, message))

    def check(self, text):
        for raw in parse_sql(text):
            self.statement(raw.stmt)
        return self.found

    # ---- queries: who says tenant_id, and where ----

    def query(self, node, outer=(), ctes=()):
        if isinstance(node, ast.SelectStmt):
            self.select(node, outer, ctes)
        elif isinstance(node, ast.InsertStmt):
            self.insert(node, outer, ctes)
        elif isinstance(node, (ast.UpdateStmt, ast.DeleteStmt)):
            self.change(node, outer, ctes)
        elif isinstance(node, ast.MergeStmt):
            self.flag("merge", "MERGE does not work on sharded tables")

    def with_clause(self, node, outer, ctes):
        clause = getattr(node, "withClause", None)
        known = set(ctes)
        for cte in clause.ctes if clause else ():
            if clause.recursive:
                known.add(cte.ctename)
            self.query(cte.ctequery, outer, known)
            known.add(cte.ctename)
        return known

    def select(self, node, outer, ctes):
        ctes = self.with_clause(node, outer, ctes)
        if node.op != enums.SetOperation.SETOP_NONE:
            self.query(node.larg, outer, ctes)
            self.query(node.rarg, outer, ctes)
            return
        level = Level(outer)
        for item in node.fromClause or ():
            level.add_from(item, ctes)
        for condition in conjuncts(node.whereClause):
            level.add_condition(condition)
        self.settle(level, node, ctes, (node.targetList, node.fromClause, node.whereClause, node.groupClause,
                                        node.havingClause, node.sortClause, node.valuesLists, node.limitCount))
        if node.lockingClause:
            self.must_be_direct(level, "FOR UPDATE or FOR SHARE")
        self.grouping(node, level)
        for row in node.valuesLists or ():
            if any(isinstance(n, ast.SubLink) for n in walk(row)):
                self.flag("values-subquery", "a subquery inside VALUES")

    def change(self, node, outer, ctes):
        ctes = self.with_clause(node, outer, ctes)
        level = Level(outer)
        level.add_from(node.relation, ctes)
        for item in getattr(node, "fromClause", None) or getattr(node, "usingClause", None) or ():
            level.add_from(item, ctes)
        for condition in conjuncts(node.whereClause):
            level.add_condition(condition)
        self.settle(level, node, ctes, (getattr(node, "targetList", None), getattr(node, "fromClause", None),
                                        getattr(node, "usingClause", None), node.whereClause, node.returningList))
        if isinstance(node, ast.UpdateStmt):
            self.no_volatile(node)

    def settle(self, level, node, ctes, places):
        """Every table tied down; then the queries inside, for which this one's tables are."""
        bound = level.bound()
        for alias, table in level.tables.items():
            if alias not in bound:
                self.flag("tenant-predicate", f"nothing says {alias}.tenant_id = $n ({table.schemaname}.{table.relname})")
        for target in getattr(node, "targetList", None) or ():
            if isinstance(target, ast.ResTarget) and isinstance(target.val, ast.ColumnRef) and \
                    isinstance(target.val.fields[-1], ast.A_Star):
                qualifier = text_of(target.val.fields[0]) if len(target.val.fields) > 1 else None
                if level.tables and (qualifier is None or qualifier in level.tables):
                    self.flag("select-star", "SELECT * of a table: a column that is added later comes along")
        seen = level.outer | set(level.tables)
        for query, lateral in level.inner:
            self.query(query, seen if lateral else level.outer, ctes)
        for sub in self.subqueries(places):
            self.query(sub, seen, ctes)

    @staticmethod
    def subqueries(places):
        """Subqueries in expressions; those in FROM are in level.inner."""
        def into(node):
            return not isinstance(node, (ast.SubLink, ast.RangeSubselect))

        for node in walk(places, into):
            if isinstance(node, ast.SubLink):
                yield node.subselect
                yield from Lint.subqueries((node.testexpr,) if node.testexpr else ())

    def must_be_direct(self, level, what):
        for alias in set(level.tables) - level.bound_directly():
            self.flag("lock", f"{what} needs {alias}.tenant_id = a parameter or a literal")

    def grouping(self, node, level):
        if any(isinstance(n, ast.GroupingSet) for n in node.groupClause or ()) and level.tables:
            self.flag("rollup", "ROLLUP over a table: over a materialised CTE instead")

    def insert(self, node, outer, ctes):
        ctes = self.with_clause(node, outer, ctes)
        if not is_tenant_table(node.relation):
            if node.selectStmt:
                self.query(node.selectStmt, outer, ctes)
            return
        columns = [c.name for c in node.cols or ()]
        if not columns or columns[0] != "tenant_id":
            self.flag("tenant-predicate", "the first column of an INSERT is tenant_id")
        self.insert_source(node, outer, ctes)
        self.conflict(node)
        for sub in self.subqueries((node.returningList, node.onConflictClause)):
            self.query(sub, {node.relation.relname}, ctes)

    def insert_source(self, node, outer, ctes):
        source = node.selectStmt
        if source is None:
            return self.flag("tenant-predicate", "INSERT of DEFAULT VALUES")
        self.query(source, outer, ctes)
        if source.valuesLists:
            if not all(is_value(row[0]) for row in source.valuesLists):
                self.flag("tenant-predicate", "the first value of an INSERT is the tenant, a parameter")
            return None
        first = source.targetList[0].val if source.targetList else None
        if not is_value(first) and tenant_column(first) is None:
            self.flag("tenant-predicate", "what an INSERT selects first is the tenant")
        if not node.returningList and not node.onConflictClause:
            self.flag("insert-select", "INSERT … SELECT needs RETURNING or ON CONFLICT")
        return None

    def conflict(self, node):
        clause = node.onConflictClause
        if not clause:
            return
        target = clause.infer
        elements = [e.name for e in target.indexElems or ()] if target else []
        if not elements or elements[0] != "tenant_id":
            self.flag("global-unique", "ON CONFLICT names the columns of a key that begins with tenant_id")

    # ---- functions ----

    def no_volatile(self, node):
        for call in walk(node):
            if isinstance(call, ast.FuncCall) and function_name(call) in self.volatile:
                self.flag("volatile", f"{function_name(call)}() in an UPDATE gives another value on each node")

    def functions(self, node):
        has_table = any(isinstance(n, ast.RangeVar) for n in walk(node))
        for call in walk(node):
            if not isinstance(call, ast.FuncCall):
                continue
            name = function_name(call)
            if name == "set_config":
                self.flag("session-set", "set_config() is not carried to other nodes: juxin.enter() is the one way in")
            if name in MAKES_IDS:
                self.flag("volatile", f"{name}(): ids come from the server, as parameters")
            if ALONE.match(name) and has_table:
                self.flag("alone", f"{name}() inside a query on a table is lost on workers")

    # ---- statements ----

    def statement(self, node):
        self.query(node)
        self.functions(node)
        check = getattr(self, "on_" + type(node).__name__, None)
        if check:
            check(node)

    def on_VariableSetStmt(self, node):
        if not node.is_local:
            self.flag("session-set", f"SET {node.name or ''} of a session leaks into the next request: SET LOCAL")
        elif (node.name or "").lower() == JUXIN_TENANT:
            self.flag("session-set", "juxin.enter() is the one way into a tenant")

    def on_CreateStmt(self, node):
        columns = [e for e in node.tableElts or () if isinstance(e, ast.ColumnDef)]
        tenant = next((c for c in columns if c.colname == "tenant_id"), None)
        if not tenant:
            if is_tenant_table(node.relation):
                self.flag("tenant-key", f"{node.relation.relname} has no tenant_id and is no reference table")
            columns = []
        for column in columns:
            self.column(node.relation, column)
        for constraint in (e for e in node.tableElts or () if isinstance(e, ast.Constraint) and tenant):
            self.table_constraint(constraint)

    def column(self, relation, column):
        kinds = [c.contype for c in column.constraints or ()]
        kind = enums.ConstrType
        if column.colname == "tenant_id" and (names(column.typeName.names)[-1] != "int4" or
                                              kind.CONSTR_NOTNULL not in kinds and kind.CONSTR_PRIMARY not in kinds):
            self.flag("tenant-key", "tenant_id is int NOT NULL")
        for constraint in column.constraints or ():
            if constraint.contype in (kind.CONSTR_PRIMARY, kind.CONSTR_UNIQUE) and column.colname != "tenant_id":
                self.flag("tenant-key", f"a key of {column.colname} alone: keys begin with tenant_id")
            if constraint.contype == kind.CONSTR_FOREIGN:
                self.foreign_key(constraint, [column.colname])
            if constraint.contype == kind.CONSTR_IDENTITY and is_tenant_table(relation):
                self.flag("volatile", "an identity column: ids come from the server")
            if constraint.contype == kind.CONSTR_DEFAULT:
                self.functions(constraint.raw_expr)

    def table_constraint(self, constraint):
        kind = enums.ConstrType
        if constraint.contype in (kind.CONSTR_PRIMARY, kind.CONSTR_UNIQUE) and \
                names(constraint.keys)[:1] != ("tenant_id",):
            self.flag("tenant-key", f"the key ({', '.join(names(constraint.keys))}) does not begin with tenant_id")
        if constraint.contype == kind.CONSTR_FOREIGN:
            self.foreign_key(constraint, names(constraint.fk_attrs))

    def foreign_key(self, constraint, columns):
        to_tenant = constraint.pktable.relname == "tenant"
        if tuple(columns)[:1] != ("tenant_id",) or not to_tenant and names(constraint.pk_attrs)[:1] != ("tenant_id",):
            self.flag("tenant-key", f"the foreign key ({', '.join(columns)}) does not carry tenant_id")
        if {constraint.fk_del_action, constraint.fk_upd_action} - {"a", "\0", None}:
            self.flag("fk-action", "foreign keys take no action")

    def on_IndexStmt(self, node):
        if is_tenant_table(node.relation) and node.indexParams[0].name != "tenant_id":
            self.flag("tenant-key", f"an index of {node.relation.relname} does not begin with tenant_id")
        if node.accessMethod not in (None, "btree"):
            self.flag("leakproof", f"an index by {node.accessMethod} is not used under row-level security")

    def on_AlterTableStmt(self, node):
        if len(node.cmds) > 1:
            self.flag("alter-one", "one action per ALTER")
        for command in node.cmds:
            definition = command.def_
            if command.subtype == enums.AlterTableType.AT_AddIdentity:
                self.flag("identity", "identity columns only at CREATE TABLE")
            if isinstance(definition, ast.ColumnDef):
                kinds = [c.contype for c in definition.constraints or ()]
                if enums.ConstrType.CONSTR_IDENTITY in kinds or "serial" in names(definition.typeName.names)[-1]:
                    self.flag("identity", "identity columns only at CREATE TABLE")
                self.column(node.relation, definition)
            if isinstance(definition, ast.Constraint) and is_tenant_table(node.relation):
                self.table_constraint(definition)
            if command.subtype in (enums.AlterTableType.AT_DisableRowSecurity, enums.AlterTableType.AT_NoForceRowSecurity):
                self.flag("policy", "row-level security stays enabled and forced")

    def on_CreateTrigStmt(self, node):
        self.flag("trigger", "no triggers: the server writes history, audit and outbox")

    def on_CreatePolicyStmt(self, node):
        roles = {r.rolename for r in node.roles or ()}
        if roles - {"juxin_dispatch", "juxin_aggregate"} or node.cmd_name != "select":
            self.flag("policy", "juxin.protect() makes the policy; others only let dispatch or aggregate read")

    def on_ViewStmt(self, node):
        options = {o.defname: str(getattr(o.arg, "sval", getattr(o.arg, "boolval", o.arg))).lower()
                   for o in node.options or ()}
        if options.get("security_invoker") not in ("true", "on", "1"):
            self.flag("view", "a view without security_invoker shows every tenant's rows")

    def on_CreateTableAsStmt(self, node):
        if node.objtype == enums.ObjectType.OBJECT_MATVIEW:
            self.flag("view", "a materialised view has no row-level security")

    def on_GrantStmt(self, node):
        if not node.is_grant or node.objtype != enums.ObjectType.OBJECT_TABLE:
            return
        rights = {p.priv_name for p in node.privileges or ()}
        if not rights or rights & {"truncate", "trigger", "references"}:
            self.flag("grant", "GRANT ALL or TRUNCATE: row-level security does not hold them")

    def on_TruncateStmt(self, node):
        self.flag("grant", "TRUNCATE ignores row-level security")

    def on_CopyStmt(self, node):
        if node.is_from:
            self.flag("copy", "COPY FROM does not work under row-level security: rows by unnest()")

    def on_CreateFunctionStmt(self, node):
        for option in node.options or ():
            if option.defname == "security" and getattr(option.arg, "boolval", False):
                self.flag("policy", "a function that runs as its owner")


def protects_what_it_makes(text):
    """A file that makes tenant tables calls juxin.protect() for each."""
    made, protected = [], set()
    for raw in parse_sql(text):
        if isinstance(raw.stmt, ast.CreateStmt) and is_tenant_table(raw.stmt.relation):
            made.append(f"{raw.stmt.relation.schemaname}.{raw.stmt.relation.relname}")
        for call in walk(raw.stmt):
            if isinstance(call, ast.FuncCall) and names(call.funcname) == ("juxin", "protect"):
                protected.add(call.args[0].val.sval.replace('"', ""))
    return [("policy", f"{table} is made without juxin.protect()") for table in made if table not in protected]


def lint(text, volatile=VOLATILE):
    return Lint(volatile).check(text)
