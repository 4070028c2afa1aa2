-- Merges and splits of units: dated events, and what became of whom.

-- state: asked (a second person is to approve), carrying (the tree is changed, open records are being carried over), done,
-- refused. version is the event's; plan is the version of the plan that was previewed, request the body it was made from.
CREATE TABLE juxin.unit_event (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('merge', 'split')),
    into_id uuid NOT NULL,
    request text NOT NULL,
    plan bigint NOT NULL,
    reason text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('asked', 'carrying', 'done', 'refused')),
    version bigint NOT NULL DEFAULT 1,
    carried bigint NOT NULL DEFAULT 0,
    left_behind bigint NOT NULL DEFAULT 0, -- open records whose value, unique in a unit, was taken where they should go
    job_id uuid,
    asked_by uuid,
    asked_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    at timestamptz,
    done_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, into_id) REFERENCES juxin.unit (tenant_id, id),
    CHECK ((at IS NOT NULL) = (state IN ('carrying', 'done')))
);
SELECT juxin.protect('juxin.unit_event');
GRANT SELECT, INSERT, UPDATE ON juxin.unit_event TO juxin_app;

-- Units that an event retires; into_id is where their open records went, at that time.
CREATE TABLE juxin.unit_successor (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    unit_id uuid NOT NULL,
    into_id uuid NOT NULL,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, unit_id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, into_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, event_id) REFERENCES juxin.unit_event (tenant_id, id)
);
CREATE INDEX ON juxin.unit_successor (tenant_id, event_id);
CREATE INDEX ON juxin.unit_successor (tenant_id, into_id);
SELECT juxin.protect('juxin.unit_successor');
GRANT SELECT, INSERT, UPDATE ON juxin.unit_successor TO juxin_app;

-- Each record that was carried over: what statistics of the time before are asked with.
CREATE TABLE juxin.unit_carried (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    record_id uuid NOT NULL,
    event_id uuid NOT NULL,
    resource text NOT NULL,
    from_id uuid NOT NULL,
    into_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, record_id, event_id),
    FOREIGN KEY (tenant_id, event_id) REFERENCES juxin.unit_event (tenant_id, id)
);
SELECT juxin.protect('juxin.unit_carried');
GRANT SELECT, INSERT ON juxin.unit_carried TO juxin_app;

-- What a tenant decides about how it works.
CREATE TABLE juxin.tenant_setting (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    key text NOT NULL,
    value text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
SELECT juxin.protect('juxin.tenant_setting');
GRANT SELECT, INSERT, UPDATE ON juxin.tenant_setting TO juxin_app;
