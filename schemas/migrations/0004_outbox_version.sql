-- Which change of what the key names: the order of a record's changes, whatever the clocks of the servers say that made them.
ALTER TABLE juxin.outbox ADD COLUMN version bigint NOT NULL DEFAULT 0;
ALTER TABLE juxin.event ADD COLUMN version bigint NOT NULL DEFAULT 0;
