-- name: titles
-- params: uuid
SELECT title FROM px_every.case WHERE tenant_id = $1 AND unit_id = $2 ORDER BY id
