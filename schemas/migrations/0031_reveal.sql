-- Who was shown what of whom, and why: the person reads it. person_id is the account the record was about at that time.
CREATE TABLE juxin.reveal (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    resource text NOT NULL,
    record_id uuid NOT NULL,
    person_id uuid,
    actor_id uuid,
    fields text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON juxin.reveal (tenant_id, person_id, id);
CREATE INDEX ON juxin.reveal (tenant_id, resource, record_id, id);
SELECT juxin.protect('juxin.reveal');
GRANT SELECT, INSERT ON juxin.reveal TO juxin_app;
