-- Requests that a worker records for somebody who asked on paper, and who is reminded of those that are due.

-- recorded_by: the worker; filed and signed_on: where the paper is, and its day. The person reads all three.
ALTER TABLE juxin.own_request ADD COLUMN recorded_by uuid;
ALTER TABLE juxin.own_request ADD COLUMN filed text NOT NULL DEFAULT '';
ALTER TABLE juxin.own_request ADD COLUMN signed_on date;
ALTER TABLE juxin.own_request ADD CONSTRAINT own_request_recorded_by FOREIGN KEY (tenant_id, recorded_by)
    REFERENCES juxin.account (tenant_id, id);
ALTER TABLE juxin.own_request ADD CONSTRAINT own_request_paper CHECK ((recorded_by IS NULL) = (filed = ''));

-- When those who decide were told that the deadline is near, and that it is over.
ALTER TABLE juxin.own_request ADD COLUMN soon_told_at timestamptz;
ALTER TABLE juxin.own_request ADD COLUMN overdue_told_at timestamptz;
