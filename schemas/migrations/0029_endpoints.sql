-- Where other systems want to be told of what happens (webhooks). Secrets are not here: they are derived from the server's keys.

-- An endpoint is told of the events of the tenant's sequence behind after_seq, one after the other. attempts: failed ones of the
-- event that is next; tokens: thousandths of a request that may go out, as of tokens_at.
CREATE TABLE juxin.endpoint (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    events text NOT NULL, -- resources, or resource.action, with commas; * for all
    unit_id uuid NOT NULL, -- what happens there and below
    state text NOT NULL CHECK (state IN ('on', 'off', 'failed')),
    reason text, -- why it failed, a code
    rate_per_minute int NOT NULL CHECK (rate_per_minute > 0),
    key_id text NOT NULL,
    secret_n int NOT NULL,
    old_secret_until timestamptz, -- until then the secret before signs as well
    after_seq bigint NOT NULL,
    attempts int NOT NULL,
    failing_since timestamptz,
    next_at timestamptz NOT NULL,
    tokens bigint NOT NULL,
    tokens_at timestamptz NOT NULL,
    version bigint NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES juxin.account (tenant_id, id)
);
CREATE INDEX endpoint_due ON juxin.endpoint (tenant_id, next_at) WHERE state = 'on';
SELECT juxin.protect('juxin.endpoint');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.endpoint TO juxin_app;
CREATE POLICY dispatch ON juxin.endpoint FOR SELECT TO juxin_dispatch USING (true);
GRANT SELECT (tenant_id, id, state, after_seq, next_at) ON juxin.endpoint TO juxin_dispatch;

-- What was sent, and what came of it; no bodies.
CREATE TABLE juxin.delivery (
    tenant_id int NOT NULL,
    endpoint_id uuid NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL, -- the event's; the same at each attempt
    seq bigint, -- NULL: a test
    type text NOT NULL,
    attempt int NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('delivered', 'failed', 'dead')), -- failed: it is tried again
    status int, -- of HTTP, when there was an answer
    reason text, -- a code
    ms int NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id, id),
    FOREIGN KEY (tenant_id, endpoint_id) REFERENCES juxin.endpoint (tenant_id, id)
);
CREATE INDEX delivery_old ON juxin.delivery (tenant_id, at);
SELECT juxin.protect('juxin.delivery');
GRANT SELECT, INSERT, DELETE ON juxin.delivery TO juxin_app;
