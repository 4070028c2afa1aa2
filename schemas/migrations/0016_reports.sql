-- Reports of periods: numbers that were counted once, checked, signed off and then stay as they are.

-- What a tenant puts together itself; plugins declare theirs.
CREATE TABLE juxin.report_definition (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    label_zh text NOT NULL,
    label_en text NOT NULL,
    indicators text NOT NULL, -- names with commas between
    periods text NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
SELECT juxin.protect('juxin.report_definition');
GRANT SELECT, INSERT, DELETE ON juxin.report_definition TO juxin_app;

-- One of a definition, a unit and a period; a correction is a further version. It keeps what its definition said, since that
-- may change or go.
CREATE TABLE juxin.report (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    definition text NOT NULL, -- plugin.name, or the id of a tenant's own
    label_zh text NOT NULL,
    label_en text NOT NULL,
    indicators text NOT NULL,
    unit_id uuid NOT NULL,
    unit_name text NOT NULL,
    period text NOT NULL CHECK (period ~ '^[0-9]{4}(-Q[1-4]|-[01][0-9])?$'),
    version int NOT NULL CHECK (version > 0),
    reason text NOT NULL DEFAULT '', -- why it corrects the version before
    note text NOT NULL DEFAULT '', -- why it was sent back
    state text NOT NULL CHECK (state IN ('computing', 'computed', 'checked', 'signed_off', 'frozen')),
    computation int NOT NULL, -- whose numbers are its own
    revision bigint NOT NULL,
    job_id uuid,
    created_by uuid,
    created_at timestamptz NOT NULL,
    computed_at timestamptz,
    checked_by uuid,
    checked_at timestamptz,
    signed_by uuid,
    signed_at timestamptz,
    frozen_by uuid,
    frozen_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, definition, unit_id, period, version),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    CHECK ((state = 'frozen') = (frozen_at IS NOT NULL)),
    CHECK (signed_by IS NULL OR checked_by IS NULL OR signed_by <> checked_by)
);
CREATE INDEX ON juxin.report (tenant_id, unit_id, period, id DESC);
SELECT juxin.protect('juxin.report');
GRANT SELECT, INSERT, UPDATE ON juxin.report TO juxin_app;

-- The numbers of each time a report was counted, with their definitions. Nobody changes or deletes one: the application has no
-- right to.
CREATE TABLE juxin.report_number (
    tenant_id int NOT NULL,
    report_id uuid NOT NULL,
    computation int NOT NULL,
    position int NOT NULL,
    indicator text NOT NULL,
    label_zh text NOT NULL,
    label_en text NOT NULL,
    measure_zh text NOT NULL,
    measure_en text NOT NULL,
    definition_zh text NOT NULL,
    definition_en text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('count', 'sum', 'money')),
    over text NOT NULL CHECK (over IN ('period', 'end')),
    number bigint, -- NULL: the plugin ran nowhere in the unit
    records bigint, -- how many stand behind it
    PRIMARY KEY (tenant_id, report_id, computation, position),
    FOREIGN KEY (tenant_id, report_id) REFERENCES juxin.report (tenant_id, id),
    CHECK ((number IS NULL) = (records IS NULL))
);
SELECT juxin.protect('juxin.report_number');
GRANT SELECT, INSERT ON juxin.report_number TO juxin_app;

-- What goes out above the tenant: counts of the whole district in frozen reports. A small one is not in here at all, nor one by
-- which it could be found out.
CREATE TABLE juxin.report_figure (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    period text NOT NULL,
    indicator text NOT NULL,
    label_zh text NOT NULL,
    label_en text NOT NULL,
    measure_zh text NOT NULL,
    measure_en text NOT NULL,
    number bigint, -- NULL: hidden
    version int NOT NULL,
    frozen_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, period, indicator)
);
SELECT juxin.protect('juxin.report_figure');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.report_figure TO juxin_app;
CREATE POLICY aggregate ON juxin.report_figure FOR SELECT TO juxin_aggregate USING (true);
GRANT SELECT ON juxin.report_figure TO juxin_aggregate;
