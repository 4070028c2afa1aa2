"""Which index a list comes off, for every filter and order that the plugins declare, as the planner has it at 1,000,000 rows.

25,000 rows are made and looked at by ANALYZE; then the files are lengthened with empty pages and the numbers of rows and pages
multiplied by 40. What the planner goes by, file sizes, rows a page and the spread of values, is then that of 1,000,000 rows,
without the minute that those and their indexes take. The plans are those of the server's own statements, written down by
auto_explain when they ran; once as they are, once with plans that know no values (as after some repetitions)."""
import json
import os
import pathlib
import re
import shutil
import urllib.parse

from lib import harness
from lib.cluster import Cluster
from lib.server import ROOT, Server, prefix

T = "/t/one/api/v1"
ROWS, FACTOR = 25000, 40
SETTINGS = ["session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_format = json",
            "autovacuum = off", "max_parallel_workers_per_gather = 0"]
PLAN = re.compile(r"duration: [0-9.]+ ms  plan:\n(\t\{\n(?:\t .*\n)+\t\}\n)")  # whole ones: the next is being written
OF_A_JOB = re.compile(r"SELECT r\.id(?!, r\.unit_id)")  # deadlines, reminders, retention: some fields of records in the order of ids
STANDARD = ["tenant_id", "id", "unit_id", "a1", "a2", "a3", "a4", "origin_unit_id", "version", "state", "state_since", "due_at",
            "number", "created_at", "updated_at"]
# Fields of the district's own: type, column, index, a value of i.
OWN = {"x_word": ("text", "text_value", "custom_value_text", "'VV' || (i * 7919 % 50000)"),
       "x_count": ("integer", "number_value", "custom_value_number", "i * 31 % 20000"),
       "x_day": ("date", "date_value", "custom_value_date", "date '1990-01-01' + i % 12000"),
       "x_yes": ("boolean", "text_value", None, "(i % 2 = 0)::text")}
STREET, COMMUNITY = "330102001", "330102001051"
cluster = server = officer = worker = None
resources = []


class Resource:
    def __init__(self, plugin, path):
        self.declared = json.loads(path.read_text(encoding="utf-8"))
        self.plugin, self.name = plugin, self.declared["resource"]
        self.fields = self.declared["fields"]
        self.table, self.path = f'px_{plugin}."{self.name}"', f"{T}/{plugin}/{self.name}"

    def indexed(self):
        return [n for n, f in self.fields.items() if f.get("filterable") or f.get("sortable")]

    def value(self, name):
        """An SQL expression over i, which is different in as many rows as there would be values."""
        field = self.fields[name]
        made = {"text": "'VV' || (i * 7919 %% 50000)", "integer": "i %% 1000", "money": "i %% 90000", "boolean": "i %% 2 = 0",
                "date": "date '2020-01-01' + i %% 2000", "datetime": "timestamptz '2026-01-01' + i * interval '1 minute'",
                "department": "md5((i %% 200)::text)::uuid", "account": "md5((i %% 5000)::text)::uuid",
                "unit": "md5((i %% 300)::text)::uuid", "reference": "('01900000-0000-7000-8000-' || lpad(to_hex(i * 31 %% %d), 12, "
                "'0'))::uuid" % ROWS, "enum": "(ARRAY[%s])[1 + i %% %d]" % (
                    ", ".join(f"'{v['value']}'" for v in field.get("values", [])), len(field.get("values", [1])))}
        if field["type"] not in made:
            return "NULL"
        made = made[field["type"]].replace("%%", "%")
        return made if field.get("required") else f"CASE WHEN i % 10 <> 9 THEN {made} END"

    def fill(self):
        columns = STANDARD + list(self.fields)
        names = list(self.declared.get("states", ["active"]))
        states = f"(ARRAY[{', '.join(map(repr, names))}])[1 + i % {len(names)}]"
        values = ["1", "('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid", "u.id", "u.a1", "u.a2", "u.a3", "u.a4",
                  "u.id", "1", states, "now()", "date '2026-01-01' + i % 300", "'N' || i",
                  "timestamptz '2026-01-01' + i * interval '1 minute'", "now()"] + [self.value(n) for n in self.fields]
        server.psql(f"SET session_replication_role = replica; INSERT INTO {self.table} ({', '.join(columns)}) SELECT "
                    f"{', '.join(values)} FROM generate_series(0, {ROWS - 1}) i JOIN (SELECT *, row_number() OVER (ORDER BY code) - 1"
                    " AS k FROM juxin.unit WHERE level = 'community') u ON u.k = i % (SELECT count(*) FROM juxin.unit WHERE level ="
                    " 'community')")
        if self.searchable():
            server.psql(f"INSERT INTO juxin.search SELECT 1, '{self.plugin}.{self.name}', t, id FROM {self.table},"
                        " unnest(ARRAY['s' || right(id::text, 1), 'xq']) t")

    def searchable(self):
        return any(f.get("searchable") for f in self.fields.values())


def enlarge(tables):
    """The tables and their indexes as if they had FACTOR times the rows."""
    server.psql("VACUUM ANALYZE; CHECKPOINT")
    names = ", ".join(f"'{t}'::regclass" for t in tables)
    relations = server.psql(f"SELECT oid, pg_relation_filepath(oid) FROM pg_class WHERE oid IN ({names}) UNION SELECT indexrelid,"
                            f" pg_relation_filepath(indexrelid) FROM pg_index WHERE indrelid IN ({names})")
    for _, path in relations:
        path = os.path.join(cluster.directory, "data", path)
        size = os.path.getsize(path) * FACTOR
        assert size < 1 << 30, path  # a file holds no more
        os.truncate(path, size)
    server.psql("UPDATE pg_class SET reltuples = reltuples * %d, relpages = relpages * %d, relallvisible = relallvisible * %d"
                " WHERE oid IN (%s)" % (FACTOR, FACTOR, FACTOR, ", ".join(oid for oid, _ in relations)))


def setup():
    global cluster, server, officer, worker
    cluster = Cluster(settings=SETTINGS)
    server = Server(workers=1, config={}, database=False, cluster=cluster)
    plugins = os.path.join(server.directory, "plugins")
    shutil.copytree(os.path.join(prefix(), "lib/juxin/plugins"), plugins)
    shutil.copytree(ROOT / "tests/fixtures/plugins/works", plugins + "/works")
    server.config["plugins"]["directory"] = plugins
    server.write_config()
    server.make_database()
    server.ctl("tenant", "create", "one", "--name", "壹")
    server.ctl("unit", "import", "one", ROOT / "deploy/demo/330102.json")
    for path in sorted(pathlib.Path(plugins).glob("*/resources/*.json")):
        resources.append(Resource(path.parents[1].name, path))
        server.ctl("plugin", "policy", "one", path.parents[1].name, "--unit", "330102", "--rule", "on", "--reach", "subtree",
                   "--reason", "计划", check=False)
    passwords = {}
    for login, unit in (("officer", "330102"), ("worker", STREET)):
        passwords[login] = server.ctl_json("user", "create", "one", login, "--name", login, "--generate")["password"]
        role = "md5('%s')::uuid" % login
        server.psql(f"INSERT INTO juxin.role (tenant_id, id, name, label_zh, label_en) VALUES (1, {role}, 'all-{login}', 'x', 'x')")
        for r in resources:
            server.psql(f"INSERT INTO juxin.role_permission VALUES (1, {role}, '{r.plugin}.{r.name}.read')")
        server.ctl("grant", "add", "one", "--user", login, "--role", f"all-{login}", "--unit", unit, "--reach", "subtree")
    for name, (kind, _, _, _) in OWN.items():
        server.psql("INSERT INTO juxin.custom_field (tenant_id, id, resource, name, type, zh, en, is_filterable, is_about_person, state,"
                    f" created_at, updated_at) VALUES (1, gen_random_uuid(), 'works.item', '{name}', '{kind}', 'x', 'x', true, false,"
                    " 'active', now(), now())")
    server.start()
    searched = str(len([r for r in resources if r.searchable()]))
    harness.wait_until(lambda: server.psql("SELECT count(*) FROM juxin.search_state") == [[searched]], 30, "nothing to build")
    for r in resources:
        r.fill()
    for name, (_, column, _, value) in OWN.items():
        server.psql(f"INSERT INTO juxin.custom_value (tenant_id, record_id, field_id, {column}) SELECT 1, ('01900000-0000-7000-8000-' ||"
                    f" lpad(to_hex(i), 12, '0'))::uuid, f.id, {value} FROM generate_series(0, {ROWS - 1}) i, juxin.custom_field f WHERE"
                    f" f.name = '{name}'")
    enlarge([r.table for r in resources] + ["juxin.search", "juxin.custom_value"])
    officer, worker = (sign_in(login, passwords[login]) for login in passwords)


def sign_in(login, password):
    client = server.client()
    assert client.post(T + "/session", {"login": login, "password": password}).status == 201
    return client


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def plans_of(client, resource, query, below=""):
    """The answer, and the plans of the statements on the resource's table that it took."""
    with open(cluster.log_file, encoding="utf-8") as log:
        log.seek(0, os.SEEK_END)
        answer = client.get(f"{resource.path}{below}?{query}")
        assert answer.status == 200, (query, answer)
        text = ""

        def found():
            nonlocal text
            text += log.read()
            made = [json.loads(p.replace("\n\t", "\n")) for p in PLAN.findall(text)]
            return [p["Plan"] for p in made if f"FROM {resource.table}" in p["Query Text"] and "LIMIT" in p["Query Text"]
                    and not OF_A_JOB.match(p["Query Text"])]
        return answer, harness.wait_until(found, 20, f"the plan of {query}")


def check(resource, query, column, index=None, client=None):
    """None of its statements reads or sorts the whole table; the column is looked up in an index, or the index gives the
    order."""
    answer, plans = plans_of(client or officer, resource, query)
    text = json.dumps(plans, indent=1, ensure_ascii=False)
    for plan in plans:
        for node in nodes(plan):
            assert node["Node Type"] != "Seq Scan" or node["Relation Name"] not in (resource.name, "search", "custom_value"), (query, text)
            assert not index or node["Node Type"] != "Sort" or node["Plan Rows"] < 1000, (query, text)
    conditions = [n.get("Index Cond", "") for plan in plans for n in nodes(plan)]
    used = [n.get("Index Name", "") for plan in plans for n in nodes(plan)]
    if index:
        assert index in used, (query, text)
    elif column:
        assert any(re.search(rf'\b{column}\b"? (=|>|<|IS)', c) for c in conditions), (query, text)
    return answer


def literal(value):
    return urllib.parse.quote(str(value).lower() if isinstance(value, bool) else str(value))


def sample(resource, name):
    """A value that some record has."""
    row = server.psql(f'SELECT CASE WHEN pg_typeof("{name}") = \'timestamptz\'::regtype THEN to_char("{name}"::text::timestamptz AT TIME'
                      f' ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') ELSE "{name}"::text END FROM {resource.table} WHERE "{name}" IS NOT'
                      " NULL LIMIT 1")
    return {"t": "true", "f": "false"}.get(row[0][0], row[0][0]) if resource.fields.get(name, {}).get("type") == "boolean" else row[0][0]


def each(fields):
    asked = 0
    for resource in resources:
        for name in fields(resource):
            yield resource, name
            asked += 1
    print(f"       {asked} fields")
    assert asked > 5, asked


def filters(resource):
    return [n for n in resource.indexed() if resource.fields[n].get("filterable")] + ["state", "number"]


def check_filters():
    for resource, name in each(filters):
        value = literal(sample(resource, name))
        check(resource, f"{name}=eq.{value}", name)
        check(resource, f"{name}=in.({value})&count=capped", None)
        check(resource, f"{name}=is.null&or=({name}.eq.{value},{name}.is.null)", None)
    for resource, name in each(lambda r: [n for n in r.indexed() + ["due_at", "created_at"] if ordered(r, n)]):
        value = literal(sample(resource, name))
        check(resource, f"{name}=gte.{value}&{name}=lte.{value}&order={name}", name)


def ordered(resource, name):
    return resource.fields.get(name, {"type": "date"})["type"] in ("integer", "money", "date", "datetime")


def check_orders():
    for resource, name in each(lambda r: r.indexed() + ["id", "state", "due_at", "created_at"]):
        index = {"state": "state", "due_at": "due", "created_at": "created"}.get(name)
        # Two indexes of ids are as good.
        index = f"{resource.name}_{index}__ix" if index else f"{resource.name}_{name}_ix"
        for way in ("asc", "desc"):
            order = f"order={name}.{way}"
            answer = check(resource, order, None, index if name != "id" else None)
            check(resource, f"{order}&cursor={answer.json['next']}", "id" if name == "id" else None, index if name != "id" else None)


def test_every_declared_filter_has_its_index():
    check_filters()


def test_every_order_comes_off_its_index():
    check_orders()


def check_own():
    item = next(r for r in resources if r.name == "item")
    for name, (_, column, index, _) in OWN.items():
        value = server.psql(f"SELECT v.{column} FROM juxin.custom_value v JOIN juxin.custom_field f ON f.id = v.field_id WHERE f.name ="
                            f" '{name}' LIMIT 1")[0][0]
        check(item, f"{name}=eq.{value}", column if index else None, index)
        check(item, f"{name}=eq.{value}&unit={STREET}", None)
        check(item, f"{name}=in.({value})&count=capped", None)
        check(item, f"{name}=eq.{value}", None, client=worker)


def test_own_fields_are_found_by_what_they_hold():
    check_own()


def test_a_subtree_comes_off_its_index():
    for resource in resources:
        check(resource, f"unit={STREET}", "a1")
        check(resource, f"unit={COMMUNITY}", "a2")
        check(resource, "limit=50", "a1", client=worker)


def test_what_is_referred_to_is_found_by_its_key():
    for resource, name in [(r, n) for r in resources for n in filters(r) if r.fields.get(n, {}).get("type") == "reference"]:
        check(resource, f"{name}.number=eq.N77", name)
        check(resource, f"{name}.state=neq.nothing".replace("nothing", next(iter(resource.declared["states"]))), None)
    for resource in resources:
        check(resource, "unit.level=eq.county", None)
        check(resource, "unit.level=eq.community", None)
        check(resource, f"unit.code=eq.{COMMUNITY}", "unit_id")


def test_words_come_off_the_list_of_their_token():
    """Rare and common ones, for who sees everything and for who does not."""
    for resource in (r for r in resources if r.searchable()):
        for words in ("s0", "xq", "s0 xq"):
            for client, more in ((officer, ""), (officer, f"&unit={STREET}"), (worker, ""), (worker, "&order=created_at.desc")):
                check(resource, f"q={urllib.parse.quote(words)}{more}", None, client=client)


def test_statistics_can_be_read_from_one_index():
    """By units, states and fields with fixed values, for who sees all and for who sees a street. Whether that is cheaper than the
    table hangs on how many rows share an entry, which is not that of 1,000,000 rows here: so reading the table is made dear."""
    server.psql(f"ALTER DATABASE {server.database} SET enable_seqscan = off")
    server.stop()
    server.start()
    try:
        for resource in resources:
            fixed = [n for n, f in resource.fields.items() if f["type"] in ("enum", "boolean")]
            for client, unit in ((officer, ""), (officer, f"&unit={STREET}"), (worker, "")):
                for group in ("unit.street,state", *(f"state,{n}" for n in fixed[:6])):
                    _, plans = plans_of(client, resource, f"group={group}{unit}", "/statistics")
                    scans = [(n["Node Type"], n.get("Index Name")) for p in plans for n in nodes(p)
                             if n.get("Relation Name") == resource.name]
                    assert scans[0] == ("Index Only Scan", f"{resource.name}_stat__ix"), (group, unit, scans)
    finally:
        server.psql(f"ALTER DATABASE {server.database} RESET enable_seqscan")
        server.stop()
        server.start()


def test_plans_that_know_no_values():
    server.psql(f"ALTER DATABASE {server.database} SET plan_cache_mode = force_generic_plan")
    server.stop()
    server.start()
    try:
        assert server.psql("SELECT count(*) FROM juxin.job WHERE kind = 'search.build'") == [["0"]]
        check_orders()
        for resource, name in each(filters):
            check(resource, f"{name}=eq.{literal(sample(resource, name))}", name)
        check_own()
        test_words_come_off_the_list_of_their_token()
    finally:
        server.psql(f"ALTER DATABASE {server.database} RESET plan_cache_mode")


if __name__ == "__main__":
    harness.main()
