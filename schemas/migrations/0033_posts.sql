-- Posts and who holds them when: leaders, seats of councils, duties in departments.

-- A body whose posts are filled by terms: the council of an association.
CREATE TABLE juxin.council (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    unit_id uuid NOT NULL,
    name text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE INDEX ON juxin.council (tenant_id, unit_id);
SELECT juxin.protect('juxin.council');
GRANT SELECT, INSERT, UPDATE ON juxin.council TO juxin_app;

-- Times are where days begin in the district: valid_until is the beginning of the day behind the last one.
CREATE TABLE juxin.term (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    council_id uuid NOT NULL,
    number int NOT NULL CHECK (number > 0),
    name text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    created_at timestamptz NOT NULL,
    created_by uuid,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, council_id, number),
    FOREIGN KEY (tenant_id, council_id) REFERENCES juxin.council (tenant_id, id),
    CHECK (valid_until > valid_from)
);
SELECT juxin.protect('juxin.term');
GRANT SELECT, INSERT, UPDATE ON juxin.term TO juxin_app;

-- seats: how many hold it at the same time.
CREATE TABLE juxin.post (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    unit_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('leader', 'council', 'duty')),
    council_id uuid,
    department_id uuid,
    title text NOT NULL,
    seats int NOT NULL CHECK (seats BETWEEN 1 AND 500),
    version bigint NOT NULL DEFAULT 1,
    closed_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((kind = 'council') = (council_id IS NOT NULL)),
    CHECK ((kind = 'duty') = (department_id IS NOT NULL)),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id),
    FOREIGN KEY (tenant_id, council_id) REFERENCES juxin.council (tenant_id, id),
    FOREIGN KEY (tenant_id, department_id) REFERENCES juxin.department (tenant_id, id)
);
CREATE INDEX ON juxin.post (tenant_id, unit_id);
CREATE INDEX ON juxin.post (tenant_id, council_id) WHERE council_id IS NOT NULL;
CREATE INDEX ON juxin.post (tenant_id, department_id) WHERE department_id IS NOT NULL;
SELECT juxin.protect('juxin.post');
GRANT SELECT, INSERT, UPDATE ON juxin.post TO juxin_app;

-- Who held a post and when; ended, never removed. One that never began has valid_until = valid_from.
CREATE TABLE juxin.tenure (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    post_id uuid NOT NULL,
    account_id uuid NOT NULL,
    term_id uuid,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    created_at timestamptz NOT NULL,
    created_by uuid,
    ended_at timestamptz,
    ended_by uuid,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id),
    CHECK (valid_until >= valid_from),
    FOREIGN KEY (tenant_id, post_id) REFERENCES juxin.post (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES juxin.account (tenant_id, id),
    FOREIGN KEY (tenant_id, term_id) REFERENCES juxin.term (tenant_id, id)
);
CREATE INDEX ON juxin.tenure (tenant_id, post_id, valid_from);
CREATE INDEX ON juxin.tenure (tenant_id, account_id, id);
CREATE INDEX ON juxin.tenure (tenant_id, valid_until);
SELECT juxin.protect('juxin.tenure');
GRANT SELECT, INSERT, UPDATE ON juxin.tenure TO juxin_app;

-- What is granted to a post is its holders' for as long as they hold it.
ALTER TABLE juxin.access_grant ADD COLUMN post_id uuid;
ALTER TABLE juxin.access_grant DROP CONSTRAINT access_grant_check;
ALTER TABLE juxin.access_grant ADD CONSTRAINT access_grant_check CHECK (num_nonnulls(account_id, department_id, post_id) = 1);
ALTER TABLE juxin.access_grant ADD CONSTRAINT access_grant_post_fkey FOREIGN KEY (tenant_id, post_id)
    REFERENCES juxin.post (tenant_id, id);
CREATE INDEX ON juxin.access_grant (tenant_id, post_id) WHERE post_id IS NOT NULL;
