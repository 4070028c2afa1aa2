# Searching a million people of one district by two characters and by initials, as an officer of the whole district, as a
# street's worker and as a community's; and building what search finds by.
import os
import pathlib
import shutil
import time

import dataset
import world
from lib import harness
from tools import median, request_line, wrk

PEOPLE = pathlib.Path(__file__).resolve().parent / "plugins/people"
LIST = "/t/shangcheng/api/v1/people/person"
READERS = {"district": dataset.COUNTY, "street": dataset.STREET, "community": dataset.COMMUNITY}
CLIENTS = 4
# Surnames and given names about as common as they are: the first of each list are frequent.
SURNAMES = ("王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
            "廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤单区查翟仇")
GIVEN = ("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅鑫宇浩然子轩梓涵欣怡佳琪雨桐思源嘉诚文博一诺志远建国永春晓东海燕新月"
         "立群少康国庆学文德胜光明振兴家豪俊峰雪莹婷婷慧敏小龙天佑乐天清扬景行若曦如意安然长青")
READER = """
INSERT INTO juxin.account (tenant_id, id, login, display_name, must_change_password)
    VALUES (1, md5('account {name}')::uuid, 'bench.{name}', '压测', false);
INSERT INTO juxin.api_token (tenant_id, id, account_id, name, token_hash) VALUES (1, md5('token {name}')::uuid,
    md5('account {name}')::uuid, 'bench', encode(sha256(convert_to('{token}', 'UTF8')), 'hex'));
INSERT INTO juxin.access_grant (tenant_id, id, account_id, role_id, unit_id, reach, valid_from) SELECT 1, md5('grant {name}')::uuid,
    md5('account {name}')::uuid, r.id, u.id, 'subtree', now() FROM juxin.role r, juxin.unit u
    WHERE r.tenant_id = 1 AND r.name = 'people_reader' AND u.tenant_id = 1 AND u.code = '{unit}';
"""
STANDARD = "tenant_id, id, unit_id, a1, a2, a3, a4, origin_unit_id, version, state, state_since, created_at, updated_at"
ROWS = """
SELECT setseed(0.5);
CREATE UNLOGGED TABLE public.bench_unit AS SELECT u.*, row_number() OVER (ORDER BY u.code) - 1 AS k FROM juxin.unit u
    WHERE u.tenant_id = 1 AND u.level = 'community';
ALTER TABLE public.bench_unit ADD PRIMARY KEY (k);
ANALYZE public.bench_unit;
SET session_replication_role = replica;
INSERT INTO px_people.company ({standard}, name, kind)
    SELECT 1, ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, c.id, c.a1, c.a2, c.a3, c.a4, c.id, 1, 'active',
        now(), now(), now(), '第' || n || '公司', (ARRAY['private','private','private','private','foreign','state'])[1 + n % 6]
    FROM generate_series(0, {companies} - 1) n JOIN public.bench_unit c ON c.k = n % {units};
INSERT INTO px_people.person ({standard}, name, role, joined, employer)
    SELECT 1, ('{record}' || lpad(to_hex(n), 12, '0'))::uuid, c.id, c.a1, c.a2, c.a3, c.a4, c.id, 1, 'active', now(), now(), now(),
        substr('{surnames}', 1 + floor(power(random(), 2) * {surname_count})::int, 1) ||
        substr('{given}', 1 + floor(power(random(), 1.5) * {given_count})::int, 1) ||
        CASE WHEN random() < 0.8 THEN substr('{given}', 1 + floor(power(random(), 1.5) * {given_count})::int, 1) ELSE '' END,
        (ARRAY['manager','engineer','engineer','freelancer'])[1 + n % 4], date '2020-01-01' + n % 2000,
        ('01900000-0000-7000-9000-' || lpad(to_hex(n % {companies}), 12, '0'))::uuid
    FROM generate_series(0, {rows} - 1) n JOIN public.bench_unit c ON c.k = n % {units};
DROP TABLE public.bench_unit;
"""
# What people would type: two characters of a name, two or three initials, in the proportion in which they occur.
WORDS = """
SELECT s.token FROM juxin.search s TABLESAMPLE BERNOULLI ({percent}) REPEATABLE (1) WHERE char_length(s.token) = 2
    AND s.resource = 'people.person' LIMIT 1500;
SELECT DISTINCT a.token || substr(b.token, 2) FROM juxin.search a TABLESAMPLE BERNOULLI ({percent}) REPEATABLE (2)
    JOIN juxin.search b ON b.tenant_id = 1 AND b.resource = a.resource AND b.record_id = a.record_id AND b.token ~ '^[a-z]{{2}}$'
    AND left(b.token, 1) = right(a.token, 1) AND b.token >= right(a.token, 1) AND b.token < chr(ascii(right(a.token, 1)) + 1)
    WHERE a.resource = 'people.person' AND a.token ~ '^[a-z]{{2}}$' LIMIT 500;
"""


def token(name):
    return ("jx_people_" + name).ljust(46, "-")


def plugins():
    """A directory with this plugin alone."""
    directory = os.path.join(harness.scratch(), "people_plugins")
    if not os.path.isdir(directory):
        shutil.copytree(PEOPLE, directory + "/people")
        for where, _, files in os.walk(directory):
            os.chmod(where, 0o755)
            for name in files:
                os.chmod(os.path.join(where, name), 0o644)
    return directory


def fill(server, rows):
    units = int(server.psql("SELECT count(*) FROM juxin.unit WHERE tenant_id = 1 AND level = 'community'")[0][0])
    with dataset.without_indexes(server, "px_people", rows):
        server.psql(ROWS.format(standard=STANDARD, companies=max(rows // 500, 10), units=units, rows=rows, record=dataset.RECORD,
                                surnames=SURNAMES, given=GIVEN, surname_count=len(SURNAMES), given_count=len(GIVEN)))
    server.psql("VACUUM ANALYZE; CHECKPOINT")


def built(server):
    return server.psql("SELECT count(*) FROM juxin.search_state WHERE tenant_id = 1") == [["2"]]


def district(rows):
    """A running server on Shangcheng with so many people, all of whom can be found."""
    server = world.Bench(dataset.database("people", rows), config={"plugins": {"directory": plugins()}})
    if not server.is_new:
        return server.start()
    world.say(f"making the district with {rows:,} people")
    server.ctl("tenant", "create", "shangcheng", "--name", "上城区")
    server.ctl("unit", "import", "shangcheng", dataset.ROOT / "deploy/demo/330102.json")
    server.psql("".join(READER.format(name=n, token=token(n), unit=u) for n, u in READERS.items()) +
                "UPDATE juxin.epoch SET n = n + 1;")
    fill(server, rows)
    began = time.monotonic()
    server.start()
    harness.wait_until(lambda: time.sleep(0.5) or built(server), 1800, "the job that builds search")
    seconds = time.monotonic() - began
    world.say(f"  search built in {seconds:.0f} s")
    server.psql("VACUUM ANALYZE; CHECKPOINT")
    dataset.done(server, {"seconds": round(seconds, 1)})
    return server


def measure(size):
    server = district(size.rows)
    words = [w for (w,) in server.psql(WORDS.format(percent=min(100, 2e6 / size.rows / 10)))]
    assert len(words) > 200, len(words)
    found, note = {}, []
    for name in READERS:
        requests = [request_line(f"{LIST}?q={dataset.quote(w)}", token(name)) for w in words]
        for _ in range(2):  # in either worker
            wrk(server.plain_port, requests, size.seconds, CLIENTS)
        found[name] = median([wrk(server.plain_port, requests, size.latency_seconds, CLIENTS).p99 for _ in range(size.rounds)])
        note.append(f"{name} {found[name] / 1000:.1f}")
    seconds = dataset.facts(server)["seconds"]
    server.stop()
    return {"search": (max(found.values()) / 1000, ", ".join(note)),
            "search_build": (size.rows / seconds, f"{seconds:.0f} s, while the data set was made")}
