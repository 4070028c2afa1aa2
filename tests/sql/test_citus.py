"""deploy/citus/distribute.sql. There is no Citus in Debian: what it decides is looked at on plain PostgreSQL, and what it would
do against functions of Citus's names that write down how they were called and refuse what Citus refuses."""
import subprocess

import withplugins
from lib import harness
from lib.server import ROOT

SCRIPT = ROOT / "deploy/citus/distribute.sql"
# What Citus 13 has under these names, as far as the script uses it. A table whose foreign key points to one that is spread in
# no way, or a tenant's table before the reference table it points to, is refused there too.
STUB = """
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char", repmodel "char", colocated text);
CREATE TABLE public.calls (n int GENERATED ALWAYS AS IDENTITY, what text, relation regclass, colocated text);
CREATE FUNCTION public.parents_are_spread(t regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = t AND k.confrelid <> t AND NOT EXISTS
        (SELECT FROM pg_dist_partition p WHERE p.logicalrelid = k.confrelid AND (p.partmethod, p.repmodel) IN (('h', 's'), ('n', 't'))))
    THEN RAISE EXCEPTION '% has a foreign key to a local table', t; END IF;
END $$;
CREATE FUNCTION pg_catalog.create_reference_table(t regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.parents_are_spread(t);
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = t AND partmethod = 'h') OR EXISTS (SELECT FROM pg_dist_partition
        WHERE logicalrelid = t AND repmodel = 't') THEN RAISE EXCEPTION '% is spread already', t; END IF;
    INSERT INTO pg_dist_partition VALUES (t, 'n', 't', '')
        ON CONFLICT (logicalrelid) DO UPDATE SET partmethod = 'n', repmodel = 't';
    INSERT INTO public.calls (what, relation) VALUES ('reference', t);
    -- Local tables with a key to it are noted down.
    INSERT INTO pg_dist_partition SELECT DISTINCT conrelid::regclass, 'n'::"char", 's'::"char", '' FROM pg_constraint
        WHERE contype = 'f' AND confrelid = t ON CONFLICT DO NOTHING;
END $$;
CREATE FUNCTION pg_catalog.create_distributed_table(t regclass, by text, colocate_with text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.parents_are_spread(t);
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = t AND partmethod = 'h') THEN
        RAISE EXCEPTION '% is spread already', t; END IF;
    IF colocate_with <> 'none' AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass
        AND partmethod = 'h') THEN RAISE EXCEPTION '% is not there to be colocated with', colocate_with; END IF;
    IF EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = t AND a.attname = by WHERE i.indrelid = t
        AND i.indisunique AND NOT a.attnum = ANY (i.indkey)) THEN RAISE EXCEPTION '% has a key without %', t, by; END IF;
    INSERT INTO pg_dist_partition VALUES (t, 'h', 's', colocate_with)
        ON CONFLICT (logicalrelid) DO UPDATE SET partmethod = 'h', repmodel = 's', colocated = EXCLUDED.colocated;
    INSERT INTO public.calls (what, relation, colocated) VALUES ('distributed by ' || by, t, colocate_with);
END $$;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    VALUES (4000000000, 'citus', 10, 'pg_catalog'::regnamespace, false, '13.0');
"""
server = None


def setup():
    global server
    server = withplugins.server()


def run(then="", script=None, check=True):
    """The script, then more SQL in its session; (rows, what it said)."""
    text = (script or SCRIPT.read_text(encoding="utf-8")) + then
    done = subprocess.run(["psql", "-XAtq", "-F", "|", "-v", "ON_ERROR_STOP=1", "-d", server.cluster.conninfo(server.database)],
                          input=text, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()], done.stderr


def plan():
    return run("SELECT relation, kind FROM distribution ORDER BY place;")[0]


def schema():
    return server.psql("""SELECT c.oid::regclass, c.relkind, c.relacl, a.attname, a.atttypid FROM pg_class c JOIN pg_attribute a
        ON a.attrelid = c.oid WHERE c.relnamespace::regnamespace::text !~ '^pg_' ORDER BY 1, a.attnum""") + \
        server.psql("SELECT rolname, rolconfig FROM pg_roles ORDER BY 1") + \
        server.psql("SELECT setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2")


def test_every_table_has_its_place():
    planned = plan()
    kinds = dict(planned)
    with_tenant = {row[0] for row in server.psql("""SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind = 'r' AND a.attname = 'tenant_id' AND c.relnamespace::regnamespace::text ~ '^(juxin|px_.*)$'""")}
    assert {t for t, kind in planned if kind == "distributed"} == with_tenant and len(with_tenant) > 20
    assert {t for t, kind in planned if kind == "reference"} == {
        "juxin." + t for t in ("tenant", "deployment_epoch", "deployment_policy", "deployment_setting", "declaration",
                               "calendar_year", "calendar_day", "dictionary", "dictionary_entry", "lease", "migration", "audit_digest")}
    assert len(kinds) == len(planned) and {"px_suggestions.suggestion", "px_works.item"} < with_tenant
    order = [t for t, _ in planned]
    keys = server.psql("SELECT conrelid::regclass, confrelid::regclass FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid")
    late = [(child, parent) for child, parent in keys if order.index(child) < order.index(parent)]
    assert keys and not late, late
    print(f"       {len(with_tenant)} distributed tables, {len(planned) - len(with_tenant)} reference tables")


def test_without_the_extension_nothing_happens():
    before = schema()
    for _ in range(2):
        _, said = run()
        assert "nothing to do" in said, said
    assert schema() == before


def test_with_it_each_table_is_spread_once():
    server.psql(STUB)
    planned = plan()  # runs it, too
    calls = server.psql("SELECT relation, what, colocated FROM calls ORDER BY n")
    assert [c[:1] + [c[1].split()[0]] for c in calls] == planned, calls
    assert {c[1] for c in calls if c[1] != "reference"} == {"distributed by tenant_id"}
    first = next(c for c in calls if c[1] != "reference")
    assert first[0] == "juxin.epoch" and first[2] == "none", first
    assert {c[2] for c in calls if c[1] != "reference" and c != first} == {"juxin.epoch"}
    before = schema()
    _, said = run()
    assert "becomes" not in said and server.psql("SELECT count(*) FROM calls") == [[str(len(calls))]] and schema() == before, said


def test_whoever_enters_a_tenant_has_the_setting():
    roles = server.psql("""SELECT r.rolname FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole JOIN pg_database d
        ON d.oid = s.setdatabase WHERE d.datname = current_database() AND 'citus.propagate_set_commands=local' = ANY (s.setconfig)""")
    logins = server.psql("""SELECT DISTINCT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g
        ON g.oid = m.roleid WHERE r.rolcanlogin AND g.rolname IN ('juxin_app', 'juxin_dispatch', 'juxin_aggregate')""")
    assert roles and sorted(roles) == sorted(logins), (roles, logins)


def test_a_table_that_comes_later_is_spread_by_the_next_run():
    server.psql("CREATE TABLE px_works.later (tenant_id int NOT NULL, id uuid NOT NULL, item uuid, PRIMARY KEY (tenant_id, id),"
                " FOREIGN KEY (tenant_id, item) REFERENCES px_works.item (tenant_id, id)); SELECT juxin.protect('px_works.later')")
    _, said = run()
    assert said.count("becomes") == 1 and "px_works.later becomes a distributed table" in said, said


def test_the_stub_refuses_what_is_wrong():
    """Else the tests above would prove little."""
    script = SCRIPT.read_text(encoding="utf-8")
    server.psql("SET allow_system_table_mods = on; DELETE FROM pg_catalog.pg_dist_partition; DELETE FROM public.calls")
    for good, bad in (("ORDER BY place LOOP", "ORDER BY place DESC LOOP"), ("(ORDER BY o.has_tenant, max(d.n), o.oid <>", "(ORDER BY o.oid <>"),
                      ("= 'juxin.epoch'::regclass", "= 'juxin.tenant'::regclass")):
        assert script.count(good) == 1, good
        _, said = run(script=script.replace(good, bad), check=False)
        assert "ERROR" in said, (bad, said)
        assert server.psql("SELECT count(*) FROM calls") == [["0"]]
    server.psql("ALTER TABLE px_works.later DROP CONSTRAINT later_pkey; ALTER TABLE px_works.later ADD PRIMARY KEY (id)")
    _, said = run(check=False)
    assert "later has a key without tenant_id" in said, said


if __name__ == "__main__":
    harness.main()
