-- Streams follow the sequence: one look tells which of many tenants have something new.
CREATE POLICY dispatch ON juxin.event_head FOR SELECT TO juxin_dispatch USING (true);
GRANT SELECT (tenant_id, n) ON juxin.event_head TO juxin_dispatch;
