-- What a record's way needs beside its history.

-- What a department or a person is asked for on a record, besides whoever leads it: open until they have done it. Its text
-- is in the record's fields and history, under done_version.
CREATE TABLE juxin.part (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    resource text NOT NULL,
    record_id uuid NOT NULL,
    role text NOT NULL,
    holder uuid NOT NULL, -- a department or an account
    state text NOT NULL CHECK (state IN ('open', 'done')),
    opened_at timestamptz NOT NULL,
    done_at timestamptz,
    done_by uuid,
    done_version bigint,
    PRIMARY KEY (tenant_id, resource, record_id, role, holder),
    CHECK ((state = 'done') = (done_at IS NOT NULL))
);
CREATE INDEX part_open ON juxin.part (tenant_id, holder, resource, record_id) WHERE state = 'open';
SELECT juxin.protect('juxin.part');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.part TO juxin_app;
