-- name: reach
SELECT count(*), coalesce(max(title), '') FROM px_fault.thing WHERE tenant_id = $1 OR true

-- name: reach_by_id
-- params: uuid
SELECT title FROM px_fault.thing WHERE tenant_id = $1 OR id = $2

-- name: reach_write
UPDATE px_fault.thing SET secret = 'reached' WHERE tenant_id = $1 OR true

-- name: pause
SELECT count(*) FROM px_fault.thing WHERE tenant_id = $1

-- name: divide
SELECT 1 / (count(*) - count(*)) FROM px_fault.thing WHERE tenant_id = $1
