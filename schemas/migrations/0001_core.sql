-- The core's tables. Rules (docs/architecture.md, Isolation): every tenant table is led by tenant_id in every key, has
-- row-level security enabled and forced, and enumerations are text with CHECK, since only leakproof comparisons reach an
-- index under row-level security. Tenant 0 is the deployment itself: some tables hold rows of its own.

-- Entering a tenant lasts to the end of the transaction. SET LOCAL, not set_config(): it reaches Citus workers too.
CREATE FUNCTION juxin.enter(tenant int) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('SET LOCAL juxin.tenant = %L', tenant);
END
$$;
REVOKE ALL ON FUNCTION juxin.enter(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION juxin.enter(int) TO juxin_app, juxin_dispatch, juxin_aggregate;

-- Called by migrations and by the DDL of declared resources, for every tenant table.
CREATE FUNCTION juxin.protect(t regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant ON %s'
        ' USING (tenant_id = NULLIF(current_setting(''juxin.tenant'', true), '''')::int)'
        ' WITH CHECK (tenant_id = NULLIF(current_setting(''juxin.tenant'', true), '''')::int)', t);
END
$$;
REVOKE ALL ON FUNCTION juxin.protect(regclass) FROM PUBLIC;

-- Reference tables: the deployment's.

CREATE TABLE juxin.tenant (
    id int GENERATED ALWAYS AS IDENTITY (START 1) PRIMARY KEY CHECK (id > 0),
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]{1,62}$'),
    name text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON juxin.tenant TO juxin_app;
GRANT USAGE ON SEQUENCE juxin.tenant_id_seq TO juxin_app;
GRANT SELECT ON juxin.tenant TO juxin_dispatch, juxin_aggregate;

CREATE TABLE juxin.deployment_epoch (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    n bigint NOT NULL
);
INSERT INTO juxin.deployment_epoch (n) VALUES (1);
GRANT SELECT, UPDATE ON juxin.deployment_epoch TO juxin_app;

CREATE TABLE juxin.deployment_policy (
    id uuid PRIMARY KEY,
    plugin text NOT NULL,
    rule text NOT NULL CHECK (rule IN ('on', 'off', 'mandatory', 'forbidden')),
    levels text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    actor uuid,
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON juxin.deployment_policy (plugin);
GRANT SELECT, INSERT, UPDATE ON juxin.deployment_policy TO juxin_app;

CREATE TABLE juxin.deployment_setting (
    plugin text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    locked boolean NOT NULL DEFAULT false,
    PRIMARY KEY (plugin, key)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.deployment_setting TO juxin_app;

-- What the tables of a resource were last made from; the next declaration is compared with it.
CREATE TABLE juxin.declaration (
    plugin text NOT NULL,
    resource text NOT NULL,
    version text NOT NULL,
    json text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plugin, resource)
);
GRANT SELECT ON juxin.declaration TO juxin_app;

-- Days that differ from the week: holidays, and weekend days worked instead. A year without a row is not published yet.
CREATE TABLE juxin.calendar_year (
    year int PRIMARY KEY,
    source text NOT NULL DEFAULT ''
);
CREATE TABLE juxin.calendar_day (
    day date PRIMARY KEY,
    is_workday boolean NOT NULL,
    name text NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.calendar_year, juxin.calendar_day TO juxin_app;

-- Who alone does a duty of the whole deployment (sealing, sequencing, dispatching), and until when.
CREATE TABLE juxin.lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.lease TO juxin_app;

-- Tenant tables: organisation.

CREATE TABLE juxin.epoch (
    tenant_id int NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);
SELECT juxin.protect('juxin.epoch');
GRANT SELECT, INSERT, UPDATE ON juxin.epoch TO juxin_app;

-- a1 … a4: the ancestor (or the unit itself) at depth 1 to 4, NULL below its own depth. The root is depth 0.
CREATE TABLE juxin.unit (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    parent_id uuid,
    code text NOT NULL,
    name text NOT NULL,
    level text NOT NULL CHECK (level IN ('county', 'street', 'community', 'park')),
    depth smallint NOT NULL CHECK (depth BETWEEN 0 AND 4),
    a1 uuid,
    a2 uuid,
    a3 uuid,
    a4 uuid,
    version bigint NOT NULL DEFAULT 1,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES juxin.unit (tenant_id, id),
    CHECK ((depth = 0) = (parent_id IS NULL)),
    CHECK ((a1 IS NOT NULL) = (depth >= 1) AND (a2 IS NOT NULL) = (depth >= 2) AND (a3 IS NOT NULL) = (depth >= 3)
        AND (a4 IS NOT NULL) = (depth >= 4))
);
CREATE UNIQUE INDEX unit_one_root ON juxin.unit (tenant_id) WHERE parent_id IS NULL;
CREATE INDEX ON juxin.unit (tenant_id, parent_id);
SELECT juxin.protect('juxin.unit');
GRANT SELECT, INSERT, UPDATE ON juxin.unit TO juxin_app;

CREATE TABLE juxin.unit_parent (
    tenant_id int NOT NULL,
    unit_id uuid NOT NULL,
    parent_id uuid,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    PRIMARY KEY (tenant_id, unit_id, valid_from),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE UNIQUE INDEX unit_parent_now ON juxin.unit_parent (tenant_id, unit_id) WHERE valid_until IS NULL;
SELECT juxin.protect('juxin.unit_parent');
GRANT SELECT, INSERT, UPDATE ON juxin.unit_parent TO juxin_app;

CREATE TABLE juxin.unit_name (
    tenant_id int NOT NULL,
    unit_id uuid NOT NULL,
    name text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    PRIMARY KEY (tenant_id, unit_id, valid_from),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE UNIQUE INDEX unit_name_now ON juxin.unit_name (tenant_id, unit_id) WHERE valid_until IS NULL;
SELECT juxin.protect('juxin.unit_name');
GRANT SELECT, INSERT, UPDATE ON juxin.unit_name TO juxin_app;

CREATE TABLE juxin.department (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    unit_id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE INDEX ON juxin.department (tenant_id, unit_id);
SELECT juxin.protect('juxin.department');
GRANT SELECT, INSERT, UPDATE ON juxin.department TO juxin_app;

-- Tenant tables: accounts and rights.

CREATE TABLE juxin.account (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    login text NOT NULL,
    display_name text NOT NULL,
    unit_id uuid, -- whose administrators see the account; NULL is the root
    phone text,
    kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service')),
    is_active boolean NOT NULL DEFAULT true,
    password_hash text,
    must_change_password boolean NOT NULL DEFAULT true,
    password_changed_at timestamptz,
    last_login_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, login),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE INDEX ON juxin.account (tenant_id, unit_id);
CREATE INDEX ON juxin.account (tenant_id, phone) WHERE phone IS NOT NULL;
SELECT juxin.protect('juxin.account');
GRANT SELECT, INSERT, UPDATE ON juxin.account TO juxin_app;

CREATE TABLE juxin.department_member (
    tenant_id int NOT NULL,
    department_id uuid NOT NULL,
    account_id uuid NOT NULL,
    is_head boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, department_id, account_id),
    FOREIGN KEY (tenant_id, department_id) REFERENCES juxin.department (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
CREATE INDEX ON juxin.department_member (tenant_id, account_id);
SELECT juxin.protect('juxin.department_member');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.department_member TO juxin_app;

-- Tokens are kept as SHA-256 in hex: they have 256 random bits, so no slow hash is due.
CREATE TABLE juxin.session (
    tenant_id int NOT NULL,
    token_hash text NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    csrf_hash text,
    authenticated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    idle_until timestamptz NOT NULL,
    absolute_until timestamptz NOT NULL,
    client text NOT NULL DEFAULT '',
    ended_at timestamptz,
    PRIMARY KEY (tenant_id, token_hash),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
CREATE INDEX ON juxin.session (tenant_id, account_id);
CREATE INDEX ON juxin.session (tenant_id, absolute_until);
SELECT juxin.protect('juxin.session');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.session TO juxin_app;

CREATE TABLE juxin.api_token (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    name text NOT NULL,
    token_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id)
);
CREATE INDEX ON juxin.api_token (tenant_id, account_id);
SELECT juxin.protect('juxin.api_token');
GRANT SELECT, INSERT, UPDATE ON juxin.api_token TO juxin_app;

CREATE TABLE juxin.role (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    name text NOT NULL,
    label_zh text NOT NULL,
    label_en text NOT NULL,
    is_builtin boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
SELECT juxin.protect('juxin.role');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.role TO juxin_app;

CREATE TABLE juxin.role_permission (
    tenant_id int NOT NULL,
    role_id uuid NOT NULL,
    permission text NOT NULL,
    PRIMARY KEY (tenant_id, role_id, permission),
    FOREIGN KEY (tenant_id, role_id) REFERENCES juxin.role (tenant_id, id)
);
SELECT juxin.protect('juxin.role_permission');
GRANT SELECT, INSERT, DELETE ON juxin.role_permission TO juxin_app;

CREATE TABLE juxin.access_grant (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    account_id uuid,
    department_id uuid,
    role_id uuid NOT NULL,
    unit_id uuid NOT NULL,
    reach text NOT NULL CHECK (reach IN ('self', 'children', 'subtree')),
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    granted_by uuid,
    ended_by uuid,
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CHECK (num_nonnulls(account_id, department_id) = 1),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, department_id) REFERENCES juxin.department (tenant_id, id),
    FOREIGN KEY (tenant_id, role_id) REFERENCES juxin.role (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE INDEX ON juxin.access_grant (tenant_id, account_id);
CREATE INDEX ON juxin.access_grant (tenant_id, department_id) WHERE department_id IS NOT NULL;
CREATE INDEX ON juxin.access_grant (tenant_id, unit_id);
CREATE INDEX ON juxin.access_grant (tenant_id, role_id);
SELECT juxin.protect('juxin.access_grant');
GRANT SELECT, INSERT, UPDATE ON juxin.access_grant TO juxin_app;

CREATE TABLE juxin.plugin_policy (
    tenant_id int NOT NULL,
    id uuid NOT NULL,
    unit_id uuid NOT NULL,
    plugin text NOT NULL,
    rule text NOT NULL CHECK (rule IN ('on', 'off', 'mandatory', 'forbidden')),
    reach text NOT NULL CHECK (reach IN ('self', 'subtree')),
    levels text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    actor uuid,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE INDEX ON juxin.plugin_policy (tenant_id, plugin, unit_id);
SELECT juxin.protect('juxin.plugin_policy');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.plugin_policy TO juxin_app;

CREATE TABLE juxin.plugin_setting (
    tenant_id int NOT NULL,
    unit_id uuid NOT NULL,
    plugin text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    reach text NOT NULL DEFAULT 'subtree' CHECK (reach IN ('self', 'subtree')),
    locked boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, plugin, unit_id, key),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
SELECT juxin.protect('juxin.plugin_setting');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.plugin_setting TO juxin_app;

-- Where a plugin was told that it is enabled; compared with where it is effective, it says what it has to be told next.
CREATE TABLE juxin.plugin_unit (
    tenant_id int NOT NULL,
    plugin text NOT NULL,
    unit_id uuid NOT NULL,
    told_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, plugin, unit_id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
SELECT juxin.protect('juxin.plugin_unit');
GRANT SELECT, INSERT, DELETE ON juxin.plugin_unit TO juxin_app;

-- Attempts per key (login:NAME, sms:HASH …) and window.
CREATE TABLE juxin.rate_limit (
    tenant_id int NOT NULL,
    key text NOT NULL,
    window_start timestamptz NOT NULL,
    count int NOT NULL,
    blocked_until timestamptz,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX ON juxin.rate_limit (tenant_id, window_start);
SELECT juxin.protect('juxin.rate_limit');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.rate_limit TO juxin_app;

-- status is NULL while the first request runs. Never the body: it holds personal data.
CREATE TABLE juxin.idempotency (
    tenant_id int NOT NULL,
    account_id uuid NOT NULL,
    key text NOT NULL,
    request_hash text NOT NULL,
    status int,
    object_id uuid,
    version bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, key)
);
CREATE INDEX ON juxin.idempotency (tenant_id, created_at);
SELECT juxin.protect('juxin.idempotency');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.idempotency TO juxin_app;

-- Tenant tables: what every declared resource uses.

-- holder: an account, a department or a unit.
CREATE TABLE juxin.participant (
    tenant_id int NOT NULL,
    holder uuid NOT NULL,
    resource text NOT NULL,
    record_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, holder, resource, record_id, role)
);
CREATE INDEX ON juxin.participant (tenant_id, resource, record_id);
SELECT juxin.protect('juxin.participant');
GRANT SELECT, INSERT, DELETE ON juxin.participant TO juxin_app;

-- The timeline. May hold personal values (changes, note), so it can be erased; audit cannot.
CREATE TABLE juxin.history (
    tenant_id int NOT NULL,
    resource text NOT NULL,
    record_id uuid NOT NULL,
    version bigint NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    actor uuid,
    actor_kind text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('create', 'update', 'delete', 'transition', 'move', 'erase')),
    transition text,
    from_state text,
    to_state text,
    unit_id uuid,
    note text,
    changes text,
    basis text,
    PRIMARY KEY (tenant_id, resource, record_id, version, id)
);
SELECT juxin.protect('juxin.history');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.history TO juxin_app;

CREATE TABLE juxin.sequence_number (
    tenant_id int NOT NULL,
    key text NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
SELECT juxin.protect('juxin.sequence_number');
GRANT SELECT, INSERT, UPDATE ON juxin.sequence_number TO juxin_app;
