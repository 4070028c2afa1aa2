-- Tables that people take out.

-- An export is its maker's alone, and only until it expires: then the row goes, and the content with it. query holds the
-- conditions of the list as they were asked for, so it may hold personal values; the job that works on it holds its id only.
CREATE TABLE juxin.export (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    resource text NOT NULL,
    format text NOT NULL CHECK (format IN ('xlsx', 'csv')),
    language text NOT NULL CHECK (language IN ('zh-CN', 'en')),
    query text NOT NULL,
    fields text NOT NULL,
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    rows bigint, -- NULL while it is being made
    left_out bigint,
    units text, -- ids of those whose records are in it: while the plugin is off at one of them, the file stays here
    size bigint,
    sha256 text,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, sha256) REFERENCES juxin.file (tenant_id, sha256),
    CHECK ((rows IS NULL) = (sha256 IS NULL) AND (size IS NULL) = (sha256 IS NULL))
);
CREATE INDEX ON juxin.export (tenant_id, resource, created_by, id DESC);
CREATE INDEX ON juxin.export (tenant_id, expires_at);
CREATE INDEX ON juxin.export (tenant_id, sha256) WHERE sha256 IS NOT NULL;
SELECT juxin.protect('juxin.export');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.export TO juxin_app;
