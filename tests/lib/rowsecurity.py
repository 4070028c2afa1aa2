# What row-level security promises of a table, asked of the database itself as the application's role: without a tenant no
# row; within one its own rows and no other's, to read, to change and to make. The statements here do not say tenant_id,
# as the server's do: what holds, holds by the policies alone.
from .twins import tenant_tables

FAULTS = """
CREATE FUNCTION pg_temp.refused(what text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN what || ' was accepted';
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN CASE WHEN sqlerrm LIKE '%row-level security%' THEN NULL ELSE what || ': ' || sqlerrm END;
    WHEN OTHERS THEN
        RETURN what || ' was only stopped by: ' || sqlerrm;
END $$;

CREATE FUNCTION pg_temp.touched(what text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN CASE WHEN n > 0 THEN what || ' reached ' || n || ' rows' END;
EXCEPTION WHEN OTHERS THEN
    RETURN what || ' was only stopped by: ' || sqlerrm;
END $$;

CREATE FUNCTION pg_temp.seen(t regclass, role text, tenant text, expected bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE format('SET LOCAL juxin.tenant = %L', tenant);
    EXECUTE format('SELECT count(*) FROM %s', t) INTO n;
    RESET ROLE;
    RETURN CASE WHEN n <> expected THEN format('%s in tenant "%s" sees %s rows of %s', role, tenant, n, expected) END;
END $$;

-- Everything wrong with the table, for tenants a and b that both have rows in it.
CREATE FUNCTION pg_temp.faults(t regclass, a int, b int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    rows_a bigint; rows_b bigint; others text; found text[]; owner name;
BEGIN
    EXECUTE format('SELECT count(*) FILTER (WHERE tenant_id = $1), count(*) FILTER (WHERE tenant_id = $2) FROM %s', t)
        INTO rows_a, rows_b USING a, b;
    IF rows_a = 0 OR rows_b = 0 THEN
        RETURN ARRAY['has no rows of both tenants: nothing is proved'];
    END IF;
    SELECT string_agg(quote_ident(attname), ', ') INTO others FROM pg_attribute
        WHERE attrelid = t AND attnum > 0 AND NOT attisdropped AND attname <> 'tenant_id' AND attgenerated = '';
    SELECT pg_get_userbyid(relowner) INTO owner FROM pg_class WHERE oid = t;
    found := ARRAY[pg_temp.seen(t, 'juxin_app', '', 0), pg_temp.seen(t, owner, '', 0), pg_temp.seen(t, 'juxin_app', '2147483647', 0),
        pg_temp.seen(t, 'juxin_app', a::text, rows_a), pg_temp.seen(t, 'juxin_app', b::text, rows_b),
        pg_temp.seen(t, owner, a::text, rows_a)];
    SET LOCAL ROLE juxin_app;
    EXECUTE format('SET LOCAL juxin.tenant = %L', a);
    found := found || pg_temp.refused('a row for the other', format(
        'INSERT INTO %s (tenant_id, %s) SELECT %s, %s FROM %s LIMIT 1', t, others, b, others, t));
    IF has_table_privilege('juxin_app', t, 'UPDATE') THEN
        found := found || pg_temp.refused('a row given to the other', format('UPDATE %s SET tenant_id = %s', t, b))
            || pg_temp.touched('an update', format('UPDATE %s SET tenant_id = tenant_id WHERE tenant_id = %s', t, b));
    END IF;
    IF has_table_privilege('juxin_app', t, 'DELETE') THEN
        found := found || pg_temp.touched('a deletion', format('DELETE FROM %s WHERE tenant_id = %s', t, b));
    END IF;
    RESET ROLE;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = t AND attnum > 0
               AND has_column_privilege('juxin_dispatch', t, attnum, 'SELECT')) THEN
        found := found || pg_temp.across(t, 'juxin_dispatch', a, b);
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = t AND attnum > 0
               AND has_column_privilege('juxin_aggregate', t, attnum, 'SELECT')) THEN
        found := found || pg_temp.across(t, 'juxin_aggregate', a, b);
    END IF;
    RETURN array_remove(found, NULL);
END $$;

-- Where the dispatcher, or who counts above tenants, may look at all, they find both tenants.
CREATE FUNCTION pg_temp.across(t regclass, role text, a int, b int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    SET LOCAL juxin.tenant = '';
    EXECUTE format('SELECT count(DISTINCT tenant_id) FROM %s WHERE tenant_id IN (%s, %s)', t, a, b) INTO n;
    RESET ROLE;
    RETURN CASE WHEN n <> 2 THEN role || ' finds ' || n || ' of two tenants' END;
END $$;
"""

# Rows for what no walk through the API fills. {t}: the tenant; {unit}, {account}: its own.
SAMPLES = {
    "juxin.plugin_setting": "(tenant_id, unit_id, plugin, key, value) VALUES ({t}, '{unit}', 'probe', 'greeting', 'x')",
    "juxin.plugin_unit": "(tenant_id, plugin, unit_id) VALUES ({t}, 'probe', '{unit}') ON CONFLICT DO NOTHING",
    "juxin.rate_limit": "(tenant_id, key, window_start, count) VALUES ({t}, 'x', now(), 1)",
    "juxin.part": "(tenant_id, resource, record_id, role, holder, state, opened_at) VALUES ({t}, 'works.item', gen_random_uuid(), 'co',"
                  " gen_random_uuid(), 'open', now())",
    "juxin.provisional": "(tenant_id, resource, record_id, due_at, from_day, days) VALUES ({t}, 'works.item', gen_random_uuid(), "
                         "'2026-12-01', '2026-11-01', 20)",
    "juxin.reminder": "(tenant_id, resource, record_id, due_at, kind, at) VALUES ({t}, 'works.item', gen_random_uuid(), '2026-12-01',"
                      " 'overdue', now())",
    "juxin.notification_mute": "(tenant_id, account_id, kind) SELECT {t}, a.id, 'progress' FROM juxin.account a WHERE a.tenant_id = {t}"
                               " LIMIT 1",
    "juxin.reveal": "(tenant_id, id, at, resource, record_id, fields, reason) VALUES ({t}, gen_random_uuid(), now(), 'works.item',"
                    " gen_random_uuid(), 'phone', 'x')",
    "juxin.channel_token": "(tenant_id, channel_id, n, claimed_until) SELECT {t}, h.id, 0, now() FROM juxin.channel h WHERE h.tenant_id = {t}"
                           " LIMIT 1",
    "juxin.channel_cursor": "(tenant_id, after_seq) VALUES ({t}, 0)",
    "juxin.contact": "(tenant_id, account_id, kind, id, address, masked, confirmed_at, created_at) SELECT {t}, a.id, 'wechat', gen_random_uuid(),"
                     " 'x', 'x', now(), now() FROM juxin.account a WHERE a.tenant_id = {t} LIMIT 1",
    "juxin.contact_wish": "(tenant_id, account_id, channel, kind, how) SELECT {t}, a.id, 'sms', '*', 'off' FROM juxin.account a WHERE a.tenant_id"
                          " = {t} LIMIT 1",
    "juxin.contact_hours": "(tenant_id, account_id, quiet_from, quiet_until, digest_at, language) SELECT {t}, a.id, 0, 0, 0, 'en' FROM"
                           " juxin.account a WHERE a.tenant_id = {t} LIMIT 1",
    "juxin.channel_bucket": "(tenant_id, channel_id, key, tokens, at) SELECT {t}, h.id, 'x', 1, now() FROM juxin.channel h WHERE h.tenant_id = {t}"
                            " LIMIT 1",
    "juxin.outbox": "(tenant_id, id, topic, plugin, key, payload) VALUES ({t}, gen_random_uuid(), 'x', 'x', 'x', '{{}}')",
    "juxin.event": "(tenant_id, id, topic, key, payload) VALUES ({t}, gen_random_uuid(), 'x', 'x', '{{}}')",
    "juxin.import_row": "(tenant_id, import_id, row, record_id) SELECT {t}, i.id, 1, gen_random_uuid() FROM juxin.import i"
                        " WHERE i.tenant_id = {t} LIMIT 1",
    "juxin.report_figure": "(tenant_id, period, indicator, label_zh, label_en, measure_zh, measure_en, number, version, frozen_at)"
                           " VALUES ({t}, '2026', 'works.begun', 'x', 'x', 'x', 'x', 7, 1, now())",
    "juxin.tenant_key": "(tenant_id, name, sealed, created_at) VALUES ({t}, 'x', 'x', now())",
    "juxin.resealed": "(tenant_id, key_id, at) VALUES ({t}, 'x', now()) ON CONFLICT DO NOTHING",
    "juxin.suppression": "(tenant_id, phone_mac, purpose, since) VALUES ({t}, 'x', '', now())",
    "juxin.phone_code": "(tenant_id, id, purpose, binding_hash, phone, code_mac, tries, created_at, expires_at) VALUES ({t},"
                        " gen_random_uuid(), 'sign_in', 'x', 'x', 'x', 0, now(), now())",
    "juxin.audit_pending": "(tenant_id, id) VALUES ({t}, gen_random_uuid())",
}


def mutations(server):
    """(what, table, sql): each way in which the protection of a table can be lost."""
    for (table,) in tenant_tables(server):
        for (policy,) in server.psql(f"SELECT polname FROM pg_policy WHERE polrelid = '{table}'::regclass ORDER BY 1"):
            yield f"{table}: policy {policy} dropped", table, f"DROP POLICY {policy} ON {table}"
        yield f"{table}: USING (true)", table, f"ALTER POLICY tenant ON {table} USING (true)"
        yield f"{table}: WITH CHECK (true)", table, f"ALTER POLICY tenant ON {table} WITH CHECK (true)"
        yield f"{table}: another policy", table, f"CREATE POLICY open ON {table} TO juxin_app USING (true)"
        yield f"{table}: not forced", table, f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
        yield f"{table}: disabled", table, f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"


def fill(server, districts):
    """Every tenant table has rows of both districts; a table nobody fills is an error to be seen to in SAMPLES."""
    for (table,) in tenant_tables(server):
        for d in districts:
            if server.psql(f"SELECT 1 FROM {table} WHERE tenant_id = {d.id} LIMIT 1"):
                continue
            assert table in SAMPLES, f"{table} has no row of {d.slug}: give tests/lib/rowsecurity.py one to insert"
            server.psql(f"INSERT INTO {table} " + SAMPLES[table].format(t=d.id, unit=d.units["c1"]))


def faults(server, a, b, changes):
    """{what: faults found} for each (what, table, sql), every one in a transaction of its own that is rolled back."""
    script = [FAULTS]
    for what, table, sql in changes:
        script.append(f"BEGIN; {sql}; SELECT '{what}', array_to_string(pg_temp.faults('{table}', {a.id}, {b.id}), '; '); ROLLBACK;")
    return {row[0]: row[1] for row in server.psql("\n".join(script)) if len(row) == 2}
