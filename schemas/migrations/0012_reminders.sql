-- Who was reminded of which deadline: each kind of reminder is given once for one day on which a record is due.
CREATE TABLE juxin.reminder (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    resource text NOT NULL,
    record_id uuid NOT NULL,
    due_at date NOT NULL,
    kind text NOT NULL, -- due_soon, overdue, or the transition that time has taken
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, resource, record_id, due_at, kind)
);
SELECT juxin.protect('juxin.reminder');
GRANT SELECT, INSERT ON juxin.reminder TO juxin_app;
