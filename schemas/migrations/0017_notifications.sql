-- What people are told about records: a kind, which names the template, and parameters. Both are ids, numbers, names of
-- transitions and days, never personal values; the text is made when it is read.
CREATE TABLE juxin.notification (
    tenant_id int NOT NULL,
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    resource text, -- plugin.resource; NULL: about no record
    record_id uuid,
    unit_id uuid NOT NULL, -- that handled it then: where the plugin is not effective, the notice is not shown
    params text NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    PRIMARY KEY (tenant_id, account_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id),
    CHECK ((resource IS NULL) = (record_id IS NULL))
);
CREATE INDEX notification_unread ON juxin.notification (tenant_id, account_id, id) WHERE read_at IS NULL;
CREATE INDEX notification_old ON juxin.notification (tenant_id, created_at);
SELECT juxin.protect('juxin.notification');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.notification TO juxin_app;

-- What somebody does not want to be told.
CREATE TABLE juxin.notification_mute (
    tenant_id int NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (tenant_id, account_id, kind),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
SELECT juxin.protect('juxin.notification_mute');
GRANT SELECT, INSERT, DELETE ON juxin.notification_mute TO juxin_app;
