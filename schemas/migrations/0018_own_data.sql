-- People's own data: what they ask about it, and until when they are answered.

-- Whom it is about asks for it; who may decide such requests at unit_id answers. changes holds what a correction asks for, as
-- JSON, and is emptied when that is decided; fields keeps the names. kept says what was not deleted and why, as JSON. due_on is
-- fifteen working days on.
CREATE TABLE juxin.own_request (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    what text NOT NULL CHECK (what IN ('correct', 'delete', 'close')),
    resource text,
    record_id uuid,
    unit_id uuid NOT NULL,
    fields text NOT NULL DEFAULT '',
    changes text,
    reason text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'refused', 'cancelled')),
    due_on date NOT NULL,
    answer text NOT NULL DEFAULT '',
    kept text NOT NULL DEFAULT '[]',
    erased bigint,
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, decided_by) REFERENCES juxin.account (tenant_id, id),
    CHECK ((what = 'close') = (record_id IS NULL)),
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK (state = 'open' OR changes IS NULL)
);
CREATE INDEX ON juxin.own_request (tenant_id, account_id, id DESC);
CREATE INDEX ON juxin.own_request (tenant_id, state, due_on, id);
SELECT juxin.protect('juxin.own_request');
GRANT SELECT, INSERT, UPDATE ON juxin.own_request TO juxin_app;

-- What somebody wrote and uploaded is found by who they are.
CREATE INDEX comment_author ON juxin.comment (tenant_id, created_by, id);
CREATE INDEX attachment_author ON juxin.attachment (tenant_id, created_by, id);

-- Own data may be taken out as JSON, too.
ALTER TABLE juxin.export DROP CONSTRAINT export_format_check;
ALTER TABLE juxin.export ADD CONSTRAINT export_format_check CHECK (format IN ('xlsx', 'csv', 'json'));
