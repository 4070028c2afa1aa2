-- Files beside records.

-- A content that the store holds for the tenant, by its SHA-256. Which comes first: the content is under its name before
-- this row is committed, and this row before the attachment; what no attachment names any more is collected in the order
-- back, under a lock on this row, once a day has passed since somebody wanted it.
CREATE TABLE juxin.file (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size bigint NOT NULL CHECK (size >= 0),
    wanted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, sha256)
);
CREATE INDEX ON juxin.file (tenant_id, wanted_at);
SELECT juxin.protect('juxin.file');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.file TO juxin_app;

-- A deleted one keeps its row for the timeline, without the content.
CREATE TABLE juxin.attachment (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    resource text NOT NULL,
    record_id uuid NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    size bigint NOT NULL,
    sha256 text,
    thumbnail text, -- the SHA-256 of a small picture of it
    created_at timestamptz NOT NULL,
    created_by uuid,
    deleted_at timestamptz,
    deleted_by uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, sha256) REFERENCES juxin.file (tenant_id, sha256),
    FOREIGN KEY (tenant_id, thumbnail) REFERENCES juxin.file (tenant_id, sha256),
    CHECK ((deleted_at IS NULL) = (sha256 IS NOT NULL)),
    CHECK (deleted_at IS NULL OR thumbnail IS NULL)
);
CREATE UNIQUE INDEX attachment_name ON juxin.attachment (tenant_id, resource, record_id, name) WHERE deleted_at IS NULL;
CREATE INDEX ON juxin.attachment (tenant_id, resource, record_id, id);
CREATE INDEX ON juxin.attachment (tenant_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX ON juxin.attachment (tenant_id, thumbnail) WHERE thumbnail IS NOT NULL;
SELECT juxin.protect('juxin.attachment');
GRANT SELECT, INSERT, UPDATE ON juxin.attachment TO juxin_app;
