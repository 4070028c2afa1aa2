-- Lists: what records are found by.

-- A record has a row for every two characters that stand side by side in its searchable fields, for the initials of their
-- pinyin, and for the first character of each run (core/resource/search.h). The key is the index that lists read: per token
-- the records in the order of their ids. It holds pieces of personal values, so it is written and erased with the record.
CREATE TABLE juxin.search (
    tenant_id int NOT NULL,
    resource text NOT NULL,
    token text COLLATE "C" NOT NULL,
    record_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, resource, token, record_id)
);
SELECT juxin.protect('juxin.search');
GRANT SELECT, INSERT, DELETE ON juxin.search TO juxin_app;
