-- What a tenant says in its own words: labels, dictionaries, fields of its own.

-- Over the label that a declaration gives. place is a pointer into the declaration: '' for the resource itself, /fields/topic,
-- /fields/topic/values/law, /states/new, /transitions/accept.
CREATE TABLE juxin.custom_label (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    resource text NOT NULL,
    place text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    PRIMARY KEY (tenant_id, resource, place)
);
SELECT juxin.protect('juxin.custom_label');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.custom_label TO juxin_app;

-- Lists of codes with labels. Those of the deployment are the same for all tenants, as `juxinctl dictionary import` left them; a
-- code may be chosen from valid_from to valid_until, both included, and is read for ever.
CREATE TABLE juxin.dictionary (
    name text PRIMARY KEY,
    zh text NOT NULL,
    en text NOT NULL,
    source text NOT NULL DEFAULT ''
);
CREATE TABLE juxin.dictionary_entry (
    dictionary text NOT NULL REFERENCES juxin.dictionary (name),
    code text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    parent text NOT NULL DEFAULT '',
    position int NOT NULL,
    valid_from date,
    valid_until date,
    PRIMARY KEY (dictionary, code)
);
GRANT SELECT, INSERT, UPDATE ON juxin.dictionary, juxin.dictionary_entry TO juxin_app;

-- A tenant's own dictionaries (x_…), and what it says of codes: of its own, or over those of the deployment, where NULL is "as
-- there".
CREATE TABLE juxin.own_dictionary (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    name text NOT NULL CHECK (name LIKE 'x\_%'),
    zh text NOT NULL,
    en text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    PRIMARY KEY (tenant_id, name)
);
SELECT juxin.protect('juxin.own_dictionary');
GRANT SELECT, INSERT, UPDATE ON juxin.own_dictionary TO juxin_app;
CREATE TABLE juxin.own_dictionary_entry (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    dictionary text NOT NULL,
    code text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    parent text,
    position int,
    valid_from date,
    valid_until date,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    PRIMARY KEY (tenant_id, dictionary, code)
);
SELECT juxin.protect('juxin.own_dictionary_entry');
GRANT SELECT, INSERT, UPDATE ON juxin.own_dictionary_entry TO juxin_app;

-- A tenant's own field of a declared resource, named x_…. One about a person is only asked for until somebody else approves it,
-- and so is each change of it (`change`, a merge patch). Retired: read, not written any more; never deleted.
CREATE TABLE juxin.custom_field (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    resource text NOT NULL,
    name text NOT NULL CHECK (name LIKE 'x\_%'),
    type text NOT NULL CHECK (type IN ('text', 'longtext', 'integer', 'money', 'boolean', 'date', 'enum')),
    zh text NOT NULL,
    en text NOT NULL,
    is_required boolean NOT NULL DEFAULT false,
    is_filterable boolean NOT NULL DEFAULT false,
    max_length int,
    min bigint,
    max bigint,
    dictionary text CHECK ((type = 'enum') = (dictionary IS NOT NULL)),
    mask text NOT NULL DEFAULT 'none',
    is_about_person boolean NOT NULL,
    purpose text,
    retention text,
    state text NOT NULL CHECK (state IN ('asked', 'active', 'refused', 'retired')),
    asked_by uuid,
    approved_by uuid,
    change text,
    change_by uuid,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, asked_by) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, approved_by) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, change_by) REFERENCES juxin.account (tenant_id, id),
    CHECK (NOT is_about_person OR (purpose IS NOT NULL AND retention IS NOT NULL)),
    CHECK (NOT is_about_person OR state IN ('asked', 'refused') OR (approved_by IS NOT NULL AND approved_by <> asked_by))
);
CREATE UNIQUE INDEX custom_field_name ON juxin.custom_field (tenant_id, resource, name) WHERE state <> 'refused';
SELECT juxin.protect('juxin.custom_field');
GRANT SELECT, INSERT, UPDATE ON juxin.custom_field TO juxin_app;

-- One value of one record's, in the column of its field's type. Only the first three are found by what they hold.
CREATE TABLE juxin.custom_value (
    tenant_id int NOT NULL,
    record_id uuid NOT NULL,
    field_id uuid NOT NULL,
    text_value text,
    number_value bigint,
    date_value date,
    long_value text,
    PRIMARY KEY (tenant_id, record_id, field_id),
    CHECK (num_nonnulls(text_value, number_value, date_value, long_value) = 1),
    FOREIGN KEY (tenant_id, field_id) REFERENCES juxin.custom_field (tenant_id, id)
);
CREATE INDEX custom_value_text ON juxin.custom_value (tenant_id, field_id, text_value, record_id) WHERE text_value IS NOT NULL;
CREATE INDEX custom_value_number ON juxin.custom_value (tenant_id, field_id, number_value, record_id) WHERE number_value IS NOT NULL;
CREATE INDEX custom_value_date ON juxin.custom_value (tenant_id, field_id, date_value, record_id) WHERE date_value IS NOT NULL;
SELECT juxin.protect('juxin.custom_value');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.custom_value TO juxin_app;
