-- A filter and a set of columns of one resource's lists under a name: one account's own, or for all who hold a role or work at
-- a unit. query is what stands behind the ? of a list, columns are names with commas between.
CREATE TABLE juxin.saved_view (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    resource text NOT NULL,
    name text NOT NULL,
    account_id uuid,
    role_id uuid,
    unit_id uuid,
    query text NOT NULL DEFAULT '',
    columns text NOT NULL DEFAULT '',
    is_default boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    created_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (num_nonnulls(account_id, role_id, unit_id) = 1),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, role_id) REFERENCES juxin.role (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE UNIQUE INDEX saved_view_account ON juxin.saved_view (tenant_id, account_id, resource, name) WHERE account_id IS NOT NULL;
CREATE UNIQUE INDEX saved_view_role ON juxin.saved_view (tenant_id, role_id, resource, name) WHERE role_id IS NOT NULL;
CREATE UNIQUE INDEX saved_view_unit ON juxin.saved_view (tenant_id, unit_id, resource, name) WHERE unit_id IS NOT NULL;
CREATE INDEX saved_view_resource ON juxin.saved_view (tenant_id, resource, account_id);
SELECT juxin.protect('juxin.saved_view');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.saved_view TO juxin_app;
