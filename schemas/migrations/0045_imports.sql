-- Imports, faster.

-- Each step that writes rows of an import also counts them in the import's own row and gives up where that is gone, so the
-- foreign key only looked it up once more for every row.
ALTER TABLE juxin.import_row DROP CONSTRAINT import_row_tenant_id_import_id_fkey;

-- Rows that changed a record which was there already, told by the declaration's import key: counted apart, and left by an undo.
ALTER TABLE juxin.import ADD COLUMN updated bigint NOT NULL DEFAULT 0;
ALTER TABLE juxin.import DROP CONSTRAINT import_duplicates_check;
ALTER TABLE juxin.import ADD CONSTRAINT import_duplicates_check CHECK (duplicates IN ('refuse', 'skip', 'update'));
ALTER TABLE juxin.import_row ADD COLUMN is_update boolean NOT NULL DEFAULT false;
CREATE INDEX import_row_updated ON juxin.import_row (tenant_id, import_id, record_id) WHERE is_update;
