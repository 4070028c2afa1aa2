-- People come in by an act of their own: invitations, codes sent to phones, and who is not invited again.

-- Secrets of the tenant's that never change, sealed with the server's current key: what they make (a keyed digest of a phone number)
-- can still be found after that key has been replaced.
CREATE TABLE juxin.tenant_key (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    name text NOT NULL,
    sealed text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
SELECT juxin.protect('juxin.tenant_key');
GRANT SELECT, INSERT, UPDATE ON juxin.tenant_key TO juxin_app;

-- Who signs in by a phone number is one account.
CREATE UNIQUE INDEX account_by_phone ON juxin.account (tenant_id, phone) WHERE phone IS NOT NULL;

-- phone_mac and phone are there while it is open, and only where a number was given. No phone: it is printed, and whoever has it may
-- use it once. token_hash is NULL until the token has been made.
CREATE TABLE juxin.invitation (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    unit_id uuid NOT NULL,
    purpose text NOT NULL,
    how text NOT NULL CHECK (how IN ('sms', 'qr')),
    state text NOT NULL CHECK (state IN ('open', 'used', 'revoked')),
    token_hash text,
    phone_mac text,
    phone text, -- sealed
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES juxin.account (tenant_id, id),
    CHECK ((state = 'open') = (ended_at IS NULL)),
    CHECK (state = 'open' OR (phone IS NULL AND phone_mac IS NULL AND token_hash IS NULL))
);
CREATE INDEX ON juxin.invitation (tenant_id, unit_id, id DESC);
CREATE INDEX ON juxin.invitation (tenant_id, created_by, created_at);
CREATE INDEX ON juxin.invitation (tenant_id, expires_at);
SELECT juxin.protect('juxin.invitation');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.invitation TO juxin_app;

-- Whom not to invite: a keyed digest of the number, and the purpose they withdrew from ('' for all). No number is kept.
CREATE TABLE juxin.suppression (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    phone_mac text NOT NULL,
    purpose text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, phone_mac, purpose)
);
SELECT juxin.protect('juxin.suppression');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.suppression TO juxin_app;

-- A code that was asked for, for the browser that asked (binding_hash: of what its cookie holds). code is sealed until it has been
-- sent, code_mac is what an answer is compared with. subject_id: the invitation or account it is about.
CREATE TABLE juxin.phone_code (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('sign_in', 'invitation', 'own_data', 'number')),
    binding_hash text NOT NULL,
    subject_id uuid,
    phone text NOT NULL, -- sealed
    code text, -- sealed
    code_mac text NOT NULL,
    tries int NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, binding_hash)
);
CREATE INDEX ON juxin.phone_code (tenant_id, expires_at);
SELECT juxin.protect('juxin.phone_code');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.phone_code TO juxin_app;

-- Consent by a code sent to a phone and by a printed invitation; when a paper was signed, and its scan.
ALTER TABLE juxin.consent DROP CONSTRAINT consent_how_check;
ALTER TABLE juxin.consent ADD CONSTRAINT consent_how_check CHECK (how IN ('online', 'paper', 'sms', 'qr'));
ALTER TABLE juxin.consent ADD COLUMN signed_on date;
ALTER TABLE juxin.consent ADD COLUMN scan_sha256 text;
ALTER TABLE juxin.consent ADD COLUMN scan_name text;
ALTER TABLE juxin.consent ADD COLUMN scan_type text;
ALTER TABLE juxin.consent ADD COLUMN scan_size bigint;
CREATE INDEX consent_scan ON juxin.consent (tenant_id, scan_sha256) WHERE scan_sha256 IS NOT NULL;
