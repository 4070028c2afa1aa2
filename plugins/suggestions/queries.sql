-- The plugin's own statements; $1 is the tenant, filled in by the host.

-- name: counts
-- params: text
-- Every suggestion of a subtree ('' is the whole district), by handling unit, state and outcome. One row a combination:
-- the plugin adds up, leaving out units where it does not run.
SELECT unit_id, state, coalesce(outcome, ''), coalesce(answered_on_time, false), answered_on IS NOT NULL, count(*)
FROM px_suggestions.suggestion
WHERE tenant_id = $1 AND deleted_at IS NULL
  AND ($2 = '' OR unit_id = nullif($2, '')::uuid OR a1 = nullif($2, '')::uuid OR a2 = nullif($2, '')::uuid
       OR a3 = nullif($2, '')::uuid OR a4 = nullif($2, '')::uuid)
GROUP BY 1, 2, 3, 4, 5

-- name: similar
-- params: text, uuid
-- Other suggestions with the same title, the newest first; the plugin takes the first that lies where it runs.
SELECT id, unit_id FROM px_suggestions.suggestion
WHERE tenant_id = $1 AND title = $2 AND id <> $3 AND deleted_at IS NULL
ORDER BY id DESC LIMIT 50
