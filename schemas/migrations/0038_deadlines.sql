-- Where an item of a handover lay: while the plugin is off there nothing is told of it.
ALTER TABLE juxin.batch_item ADD COLUMN unit_id uuid;

-- Deadlines that were counted across a year whose holidays were not published: from which day, and how many working days. Once
-- the year is there they are counted anew, as long as the record still has that deadline.
CREATE TABLE juxin.provisional (
    tenant_id int NOT NULL REFERENCES juxin.tenant (id),
    resource text NOT NULL,
    record_id uuid NOT NULL,
    due_at date NOT NULL,
    from_day date NOT NULL,
    days int NOT NULL,
    PRIMARY KEY (tenant_id, resource, record_id)
);
SELECT juxin.protect('juxin.provisional');
GRANT SELECT, INSERT, UPDATE, DELETE ON juxin.provisional TO juxin_app;

-- Whoever was told of a record is part of its timeline.
CREATE INDEX notification_record ON juxin.notification (tenant_id, resource, record_id, created_at DESC) WHERE record_id IS NOT NULL;
