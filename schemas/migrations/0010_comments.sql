-- What people say beside records, and whom they speak to.

-- body is NULL once its author has deleted it.
CREATE TABLE juxin.comment (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    resource text NOT NULL,
    record_id uuid NOT NULL,
    body text,
    is_internal boolean NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES juxin.account (tenant_id, id),
    CHECK ((deleted_at IS NULL) = (body IS NOT NULL))
);
CREATE INDEX ON juxin.comment (tenant_id, resource, record_id, id);
SELECT juxin.protect('juxin.comment');
GRANT SELECT, INSERT, UPDATE ON juxin.comment TO juxin_app;

-- Whom a comment speaks to.
CREATE TABLE juxin.mention (
    tenant_id int NOT NULL,
    comment_id uuid NOT NULL,
    account_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, comment_id, account_id),
    FOREIGN KEY (tenant_id, comment_id) REFERENCES juxin.comment (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
CREATE INDEX ON juxin.mention (tenant_id, account_id, comment_id);
SELECT juxin.protect('juxin.mention');
GRANT SELECT, INSERT, DELETE ON juxin.mention TO juxin_app;
