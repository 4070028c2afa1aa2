-- Tables that people bring in.

-- An import is its maker's alone. headers and mapping are lists as JSON: what stands in the first row, and which field each
-- column goes to ("" for none). While a job works on it, job_id says which; the counts are those of the last check or run.
CREATE TABLE juxin.import (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    resource text NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    headers text NOT NULL,
    mapping text NOT NULL,
    state text NOT NULL CHECK (state IN ('uploaded', 'checking', 'checked', 'importing', 'imported', 'undoing', 'undone')),
    job_id uuid,
    mode text NOT NULL DEFAULT 'good' CHECK (mode IN ('good', 'all')),
    duplicates text NOT NULL DEFAULT 'refuse' CHECK (duplicates IN ('refuse', 'skip')),
    key text NOT NULL DEFAULT '',
    unit_id uuid,
    good bigint NOT NULL DEFAULT 0, -- rows found good, or brought in
    bad bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    undone bigint NOT NULL DEFAULT 0,
    left_alone bigint NOT NULL DEFAULT 0,
    errors_sha256 text, -- the bad rows with their reasons, as a table
    errors_size bigint,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, sha256) REFERENCES juxin.file (tenant_id, sha256),
    FOREIGN KEY (tenant_id, errors_sha256) REFERENCES juxin.file (tenant_id, sha256)
);
CREATE INDEX ON juxin.import (tenant_id, resource, created_by, id DESC);
CREATE INDEX ON juxin.import (tenant_id, expires_at);
CREATE INDEX ON juxin.import (tenant_id, sha256);
CREATE INDEX ON juxin.import (tenant_id, errors_sha256) WHERE errors_sha256 IS NOT NULL;
SELECT juxin.protect('juxin.import');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.import TO juxin_app;

-- Which row became which record: what an undo goes by.
CREATE TABLE juxin.import_row (
    tenant_id int NOT NULL,
    import_id uuid NOT NULL,
    row int NOT NULL,
    record_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, import_id, row),
    FOREIGN KEY (tenant_id, import_id) REFERENCES juxin.import (tenant_id, id)
);
SELECT juxin.protect('juxin.import_row');
GRANT SELECT, INSERT, DELETE ON juxin.import_row TO juxin_app;

-- What is wrong with a row, or why an undo left its record alone. No values: those are in the file.
CREATE TABLE juxin.import_fault (
    tenant_id int NOT NULL,
    import_id uuid NOT NULL,
    row int NOT NULL,
    n int NOT NULL,
    header text NOT NULL,
    code text NOT NULL,
    en text NOT NULL,
    zh text NOT NULL,
    PRIMARY KEY (tenant_id, import_id, row, n),
    FOREIGN KEY (tenant_id, import_id) REFERENCES juxin.import (tenant_id, id)
);
SELECT juxin.protect('juxin.import_fault');
GRANT SELECT, INSERT, DELETE ON juxin.import_fault TO juxin_app;
