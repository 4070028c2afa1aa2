-- name: titles
-- params: uuid
SELECT title, secret FROM px_kept_1_0.thing WHERE tenant_id = $1 AND unit_id = $2 AND deleted_at IS NULL ORDER BY id

-- name: retag
-- params: uuid, text
UPDATE px_kept_1_0.thing SET tag = $3 WHERE tenant_id = $1 AND id = $2
