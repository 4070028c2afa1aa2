-- What juxin.search was built by, per resource: rules, readings of characters, searchable fields. Where that is not what the
-- server works by, a job builds it anew.
CREATE TABLE juxin.search_state (
    tenant_id int NOT NULL,
    resource text NOT NULL,
    spec text NOT NULL,
    built_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, resource)
);
SELECT juxin.protect('juxin.search_state');
GRANT SELECT, INSERT, UPDATE ON juxin.search_state TO juxin_app;
