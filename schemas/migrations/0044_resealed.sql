-- Which key everything of the tenant's was found to be sealed by, when a look through all of it found nothing older.
CREATE TABLE juxin.resealed (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    key_id text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
);
SELECT juxin.protect('juxin.resealed');
GRANT SELECT, INSERT, UPDATE ON juxin.resealed TO juxin_app;
