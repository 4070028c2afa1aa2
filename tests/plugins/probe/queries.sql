-- name: titles
-- params: uuid
SELECT title FROM px_probe.thing WHERE tenant_id = $1 AND unit_id = $2 ORDER BY id

-- name: rename_all
-- params: text
UPDATE px_probe.thing SET secret = $2 WHERE tenant_id = $1

-- name: mark_tally
UPDATE px_probe.thing SET secret = coalesce(secret, '') || 'x' WHERE tenant_id = $1 AND title = 'tally'
