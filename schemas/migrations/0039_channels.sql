-- Ways to people outside of the server, a district's own: SMS gateways, mail servers, robots of groups, service accounts.

-- config is JSON and holds no secret; secrets is one sealed value (db/cipher.h). Of the kinds that reach single people one at a time is
-- on. blocked_until: the other side asked for a pause.
CREATE TABLE juxin.channel (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sms', 'email', 'wecom_robot', 'wecom_app', 'dingtalk_robot', 'wechat')),
    unit_id uuid NOT NULL, -- of a robot: whose notices it tells, there and below; else the root
    state text NOT NULL CHECK (state IN ('on', 'off', 'failed')),
    reason text, -- why it failed, a code
    config text NOT NULL,
    secrets text,
    rate_per_minute int NOT NULL CHECK (rate_per_minute > 0),
    receiver_per_hour int NOT NULL CHECK (receiver_per_hour > 0),
    blocked_until timestamptz,
    failing_since timestamptz,
    version bigint NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES juxin.account (tenant_id, id)
);
CREATE UNIQUE INDEX channel_on ON juxin.channel (tenant_id, kind)
    WHERE state = 'on' AND kind IN ('sms', 'email', 'wecom_app', 'wechat');
SELECT juxin.protect('juxin.channel');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.channel TO juxin_app;

-- Thousandths of a message that may go out, as of `at`: of the channel as a whole (key ''), and to one receiver (a keyed hash).
CREATE TABLE juxin.channel_bucket (
    tenant_id int NOT NULL,
    channel_id uuid NOT NULL,
    key text NOT NULL,
    tokens bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, key),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES juxin.channel (tenant_id, id)
);
CREATE INDEX channel_bucket_old ON juxin.channel_bucket (tenant_id, at);
SELECT juxin.protect('juxin.channel_bucket');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.channel_bucket TO juxin_app;

-- One message to one receiver, and what became of it. address and content are sealed, and emptied once it is done with. A message
-- is 'sending' from before its first byte leaves until its outcome is known: one that is found there later may have arrived, and
-- is not sent again. accepted: by the other side; that it arrived is not known.
CREATE TABLE juxin.message (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    what text NOT NULL, -- a notice's kind, or what else it is: code, digest, test
    account_id uuid,    -- whom it is for, where that is an account
    address text,
    content text,
    masked text NOT NULL DEFAULT '',
    receiver text NOT NULL DEFAULT '', -- the receiver's key in channel_bucket
    state text NOT NULL CHECK (state IN ('waiting', 'sending', 'accepted', 'refused', 'unknown', 'dead')),
    attempts int NOT NULL,
    next_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL, -- of no use afterwards
    status int,  -- of the protocol, when there was an answer
    reason text, -- a code
    ms int,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES juxin.channel (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
CREATE INDEX message_due ON juxin.message (tenant_id, next_at, id) WHERE state IN ('waiting', 'sending');
CREATE INDEX message_of_channel ON juxin.message (tenant_id, channel_id, id DESC);
CREATE INDEX message_of_account ON juxin.message (tenant_id, account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX message_old ON juxin.message (tenant_id, ended_at) WHERE ended_at IS NOT NULL;
SELECT juxin.protect('juxin.message');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.message TO juxin_app;
CREATE POLICY dispatch ON juxin.message FOR SELECT TO juxin_dispatch USING (true);
GRANT SELECT (tenant_id, state, next_at) ON juxin.message TO juxin_dispatch;
