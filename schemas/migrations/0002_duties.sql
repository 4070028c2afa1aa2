-- Audit and its seal, outbox, events, jobs: what is written with a change and worked on after the commit.

-- Ids and field names, never values. mac is over all columns, under the key key_id. The application may insert and read.
CREATE TABLE juxin.audit (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    action text NOT NULL,
    object_kind text NOT NULL DEFAULT '',
    object_id uuid,
    unit_id uuid,
    fields text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    result text NOT NULL DEFAULT 'ok',
    key_id text NOT NULL,
    mac text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON juxin.audit (tenant_id, object_id, id);
CREATE INDEX ON juxin.audit (tenant_id, actor_id, id);
SELECT juxin.protect('juxin.audit');
GRANT SELECT, INSERT ON juxin.audit TO juxin_app;

CREATE TABLE juxin.audit_pending (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
SELECT juxin.protect('juxin.audit_pending');
-- UPDATE is for FOR UPDATE.
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.audit_pending TO juxin_app;

-- Batch n of a tenant: root is the Merkle root over its members' MACs, head chains it to the batch before. Unique by
-- (tenant_id, n), so two sealers cannot fork the chain.
CREATE TABLE juxin.audit_seal (
    tenant_id int NOT NULL,
    n bigint NOT NULL CHECK (n > 0),
    count int NOT NULL CHECK (count > 0),
    first_id uuid NOT NULL,
    last_id uuid NOT NULL,
    root text NOT NULL,
    previous text NOT NULL,
    head text NOT NULL,
    at timestamptz NOT NULL,
    key_id text NOT NULL,
    signature text NOT NULL,
    PRIMARY KEY (tenant_id, n)
);
SELECT juxin.protect('juxin.audit_seal');
GRANT SELECT, INSERT ON juxin.audit_seal TO juxin_app;

CREATE TABLE juxin.audit_member (
    tenant_id int NOT NULL,
    n bigint NOT NULL,
    position int NOT NULL,
    audit_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, n, position),
    UNIQUE (tenant_id, audit_id)
);
SELECT juxin.protect('juxin.audit_member');
GRANT SELECT, INSERT ON juxin.audit_member TO juxin_app;

-- The last seal of every tenant, signed once a day; a copy is kept outside. Reference: the deployment's.
CREATE TABLE juxin.audit_digest (
    day date PRIMARY KEY,
    document text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON juxin.audit_digest TO juxin_app;

-- Actions of plugins. seq is assigned after the commit, by one sequencer: any order by id or time loses late commits.
CREATE TABLE juxin.outbox (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    seq bigint,
    topic text NOT NULL,
    plugin text NOT NULL,
    key text NOT NULL,
    payload text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'dead')),
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX outbox_unsequenced ON juxin.outbox (tenant_id, id) WHERE seq IS NULL;
CREATE INDEX outbox_order ON juxin.outbox (tenant_id, plugin, key, seq) WHERE state = 'pending';
CREATE INDEX outbox_due ON juxin.outbox (tenant_id, seq) WHERE state = 'pending';
SELECT juxin.protect('juxin.outbox');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.outbox TO juxin_app;

-- What SSE streams and webhooks follow by seq.
CREATE TABLE juxin.event (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    seq bigint,
    topic text NOT NULL,
    key text NOT NULL,
    payload text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, seq)
);
CREATE INDEX event_unsequenced ON juxin.event (tenant_id, id) WHERE seq IS NULL;
SELECT juxin.protect('juxin.event');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.event TO juxin_app;

-- The last number given, for outbox and events together. Its row is the sequencer's lock.
CREATE TABLE juxin.event_head (
    tenant_id int NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);
SELECT juxin.protect('juxin.event_head');
GRANT SELECT, INSERT, UPDATE ON juxin.event_head TO juxin_app;

-- The dispatcher's role: which tenants have work waiting, and nothing else of it.
CREATE POLICY dispatch ON juxin.audit_pending FOR SELECT TO juxin_dispatch USING (true);
CREATE POLICY dispatch ON juxin.outbox FOR SELECT TO juxin_dispatch USING (true);
CREATE POLICY dispatch ON juxin.event FOR SELECT TO juxin_dispatch USING (true);
GRANT SELECT (tenant_id) ON juxin.audit_pending TO juxin_dispatch;
GRANT SELECT (tenant_id, seq, state, next_at) ON juxin.outbox TO juxin_dispatch;
GRANT SELECT (tenant_id, seq) ON juxin.event TO juxin_dispatch;
