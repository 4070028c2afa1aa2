-- Work on more records than a request can take.

-- A batch is its maker's alone, and only until it expires. What it is made of is frozen first (batch_item), then begun by its
-- maker and done by a job with the rights that they have at that moment. input and query may hold personal values and go
-- when all is done; the job holds the batch's id only.
CREATE TABLE juxin.batch (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('transition', 'handover')),
    resource text NOT NULL DEFAULT '', -- of transition
    transition text,
    input text, -- the values that the transition takes
    query text, -- the conditions of the list it is taken from
    from_account uuid, -- of handover
    to_account uuid,
    state text NOT NULL CHECK (state IN ('freezing', 'ready', 'running', 'done')),
    total bigint, -- items; NULL while they are being frozen
    left_out bigint NOT NULL DEFAULT 0, -- held, but not for its maker to hand over
    job_id uuid,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, from_account) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, to_account) REFERENCES juxin.account (tenant_id, id),
    CHECK ((kind = 'handover') = (from_account IS NOT NULL))
);
CREATE INDEX ON juxin.batch (tenant_id, created_by, id DESC);
CREATE INDEX ON juxin.batch (tenant_id, expires_at);
SELECT juxin.protect('juxin.batch');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.batch TO juxin_app;

-- status is NULL until it was tried; a code that stands there already is what is expected of it. Texts are the program's own.
CREATE TABLE juxin.batch_item (
    tenant_id int NOT NULL,
    batch_id uuid NOT NULL,
    n int NOT NULL, -- in which order they are done
    kind text NOT NULL CHECK (kind IN ('record', 'member')),
    resource text NOT NULL,
    record_id uuid NOT NULL, -- of a member: the department
    part text NOT NULL DEFAULT '', -- the field that names its holder; of a member: head
    version bigint, -- that was frozen
    number text,
    status int,
    code text,
    detail_en text,
    detail_zh text,
    new_version bigint,
    new_state text,
    PRIMARY KEY (tenant_id, batch_id, n),
    FOREIGN KEY (tenant_id, batch_id) REFERENCES juxin.batch (tenant_id, id)
);
CREATE INDEX batch_item_open ON juxin.batch_item (tenant_id, batch_id, n) WHERE status IS NULL;
SELECT juxin.protect('juxin.batch_item');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.batch_item TO juxin_app;
