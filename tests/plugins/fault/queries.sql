-- name: all
SELECT count(*) FROM px_fault.thing WHERE tenant_id = $1

-- name: reach
-- params: uuid
SELECT title FROM px_fault.thing WHERE tenant_id = $1 AND id = $2

-- name: reach_write
-- params: uuid
UPDATE px_fault.thing SET secret = 'reached' WHERE tenant_id = $1 AND id = $2

-- name: divide
SELECT 1 / (count(*) - count(*)) FROM px_fault.thing WHERE tenant_id = $1
