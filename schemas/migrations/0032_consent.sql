-- What people are told before data about them is kept, and what they agreed to.

-- The text that people agree to, for one purpose, as it was published: never changed, followed by the next version. sha256 is over
-- purpose, version and both texts. With is_new_purpose what was agreed to before does not hold any more.
CREATE TABLE juxin.notice (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose ~ '^[a-z][a-z0-9_-]{0,39}$'),
    version int NOT NULL CHECK (version > 0),
    title_zh text NOT NULL,
    title_en text NOT NULL,
    text_zh text NOT NULL,
    text_en text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    is_new_purpose boolean NOT NULL,
    published_at timestamptz NOT NULL,
    published_by uuid,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, purpose, version)
);
SELECT juxin.protect('juxin.notice');
GRANT SELECT, INSERT ON juxin.notice TO juxin_app;

-- The ledger: a row for each time somebody agreed, which is ended and never removed. filed says where a signed paper is.
CREATE TABLE juxin.consent (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    notice_id uuid NOT NULL,
    purpose text NOT NULL,
    how text NOT NULL CHECK (how IN ('online', 'paper')),
    filed text NOT NULL DEFAULT '',
    given_at timestamptz NOT NULL,
    recorded_by uuid,
    ended_at timestamptz,
    ended_why text CHECK (ended_why IN ('withdrawn', 'purpose', 'closed')),
    ended_by uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, notice_id) REFERENCES juxin.notice (tenant_id, id),
    CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CHECK ((how = 'paper') = (filed <> ''))
);
CREATE UNIQUE INDEX consent_open ON juxin.consent (tenant_id, account_id, purpose) WHERE ended_at IS NULL;
CREATE INDEX ON juxin.consent (tenant_id, purpose, notice_id) WHERE ended_at IS NULL;
CREATE INDEX ON juxin.consent (tenant_id, account_id, id);
SELECT juxin.protect('juxin.consent');
GRANT SELECT, INSERT, UPDATE ON juxin.consent TO juxin_app;
