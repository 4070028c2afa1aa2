-- Where single people may be reached outside of the server, as they said and confirmed themselves, and what they want to be told there.

-- The token that some other sides want with every request, kept for all workers: got once, and while somebody gets the next others wait.
-- n counts them, version is the channel's that it was got for.
CREATE TABLE juxin.channel_token (
    tenant_id int NOT NULL,
    channel_id uuid NOT NULL,
    n bigint NOT NULL,
    token text, -- sealed
    until_at timestamptz,
    version bigint,
    claimed_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES juxin.channel (tenant_id, id)
);
SELECT juxin.protect('juxin.channel_token');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.channel_token TO juxin_app;

-- address is sealed; code is a keyed hash of the one that was sent there.
CREATE TABLE juxin.contact (
    tenant_id int NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sms', 'email', 'wecom_app', 'wechat')),
    id uuid NOT NULL,
    address text NOT NULL,
    masked text NOT NULL,
    code text,
    code_until timestamptz,
    code_tries int NOT NULL DEFAULT 0,
    confirmed_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, account_id, kind),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id),
    CHECK (confirmed_at IS NOT NULL OR code IS NOT NULL)
);
SELECT juxin.protect('juxin.contact');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.contact TO juxin_app;

-- What somebody wants to be told over a channel of that kind: a notice's kind, or * for those not named. What is not said is not told.
CREATE TABLE juxin.contact_wish (
    tenant_id int NOT NULL,
    account_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('sms', 'email', 'wecom_app', 'wechat')),
    kind text NOT NULL,
    how text NOT NULL CHECK (how IN ('now', 'digest', 'off')),
    PRIMARY KEY (tenant_id, account_id, channel, kind),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
SELECT juxin.protect('juxin.contact_wish');
GRANT SELECT, INSERT, DELETE ON juxin.contact_wish TO juxin_app;

-- When: minutes of the day in the district's time. quiet_from = quiet_until: never quiet. digest_at: when the digest of the day is sent.
CREATE TABLE juxin.contact_hours (
    tenant_id int NOT NULL,
    account_id uuid NOT NULL,
    quiet_from int NOT NULL CHECK (quiet_from BETWEEN 0 AND 1439),
    quiet_until int NOT NULL CHECK (quiet_until BETWEEN 0 AND 1439),
    digest_at int NOT NULL CHECK (digest_at BETWEEN 0 AND 1439),
    language text NOT NULL CHECK (language IN ('zh-CN', 'en')),
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
SELECT juxin.protect('juxin.contact_hours');
GRANT SELECT, INSERT, UPDATE ON juxin.contact_hours TO juxin_app;

-- One digest a day to somebody over a channel: until_at is a day behind the time it is due at.
CREATE UNIQUE INDEX message_digest ON juxin.message (tenant_id, channel_id, account_id, until_at) WHERE what = 'digest';

-- How far a tenant's notices have become messages: a row where there is a channel.
CREATE TABLE juxin.channel_cursor (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    after_seq bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);
SELECT juxin.protect('juxin.channel_cursor');
GRANT SELECT, INSERT, UPDATE ON juxin.channel_cursor TO juxin_app;
CREATE POLICY dispatch ON juxin.channel_cursor FOR SELECT TO juxin_dispatch USING (true);
GRANT SELECT (tenant_id, after_seq) ON juxin.channel_cursor TO juxin_dispatch;
