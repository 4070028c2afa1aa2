-- Statements on the plugin's own tables; $1 is the tenant, filled in by the host.

-- name: count_by_state
-- params: uuid
-- How many notes of a unit are in each state.
SELECT state, count(*)
FROM px_@NAME@.note
WHERE tenant_id = $1 AND unit_id = $2 AND deleted_at IS NULL
GROUP BY state
ORDER BY state
