-- What happens to a record besides its own transitions: a duplicate was merged into it, or is not any more; what one person
-- held went to another; its deadline was counted anew. Rows that are there satisfy the narrower check.
ALTER TABLE juxin.history DROP CONSTRAINT history_kind_check;
ALTER TABLE juxin.history ADD CONSTRAINT history_kind_check CHECK (kind IN ('create', 'update', 'delete', 'transition',
    'move', 'erase', 'merge', 'unmerge', 'handover', 'deadline')) NOT VALID;
