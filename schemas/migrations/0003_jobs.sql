-- Jobs: what is done later, or takes longer than a request may. input, checkpoint and result hold ids, names of fields
-- and numbers, never personal values.

-- checkpoint, done and total are written in the unit of work of the step they describe, so that a job that was broken off
-- goes on behind its last step and does none twice. attempts and lease_holder fence off a holder that was paused.
CREATE TABLE juxin.job (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    plugin text NOT NULL DEFAULT '', -- where it is not effective at the unit, the job waits
    unit_id uuid,
    key text NOT NULL DEFAULT '', -- at most one open job of a kind and key
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'dead')),
    input text NOT NULL DEFAULT '{}',
    checkpoint text,
    result text,
    stage text,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    attempts int NOT NULL DEFAULT 0,
    attempts_max int NOT NULL DEFAULT 5,
    run_at timestamptz NOT NULL,
    lease_holder text,
    lease_until timestamptz,
    cancel_requested boolean NOT NULL DEFAULT false,
    error_code text,
    error_en text,
    error_zh text,
    created_by uuid,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES juxin.unit (tenant_id, id)
);
CREATE UNIQUE INDEX job_open_key ON juxin.job (tenant_id, kind, key) WHERE key <> '' AND state IN ('waiting', 'running');
CREATE INDEX job_due ON juxin.job (tenant_id, run_at, id) WHERE state = 'waiting';
CREATE INDEX job_lease ON juxin.job (tenant_id, lease_until) WHERE state = 'running';
CREATE INDEX job_owner ON juxin.job (tenant_id, created_by, id DESC);
CREATE INDEX job_ended ON juxin.job (tenant_id, ended_at) WHERE ended_at IS NOT NULL;
SELECT juxin.protect('juxin.job');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.job TO juxin_app;
CREATE POLICY dispatch ON juxin.job FOR SELECT TO juxin_dispatch USING (true);
GRANT SELECT (tenant_id, state, run_at, lease_until) ON juxin.job TO juxin_dispatch;
