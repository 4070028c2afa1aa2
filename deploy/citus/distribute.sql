-- Spreads the tables over the nodes of a Citus cluster, every tenant's rows on one node. Run by a superuser, in the database,
-- after `juxinctl migrate`, and again after each later one (docs/scale.md, "Sharding"):
--     psql -X -v ON_ERROR_STOP=1 -d juxin -f deploy/citus/distribute.sql
-- Without the extension it does nothing; what is spread already is left alone.

-- What becomes of each table: with tenant_id it is distributed by it, together with all others; without, it is the
-- deployment's, and every node has a copy. A table comes after those that its foreign keys point to; juxin.epoch comes first
-- of the distributed ones, which all lie where its rows lie.
CREATE OR REPLACE TEMPORARY VIEW distribution WITH (security_invoker = true) AS
WITH RECURSIVE ours AS (
    SELECT c.oid, EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
            AND NOT a.attisdropped) AS has_tenant
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND (n.nspname = 'juxin' OR n.nspname ~ '^px_')
), keys AS (
    SELECT DISTINCT k.conrelid AS child, k.confrelid AS parent FROM pg_catalog.pg_constraint k
    WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
), depth AS (
    SELECT o.oid, 0 AS n FROM ours o
    UNION
    SELECT k.child, d.n + 1 FROM depth d JOIN keys k ON k.parent = d.oid WHERE d.n < 32
)
SELECT o.oid::pg_catalog.regclass AS relation, CASE WHEN o.has_tenant THEN 'distributed' ELSE 'reference' END AS kind,
    max(d.n) AS depth,
    pg_catalog.row_number() OVER (ORDER BY o.has_tenant, max(d.n), o.oid <> pg_catalog.to_regclass('juxin.epoch'),
        o.oid::pg_catalog.regclass::text COLLATE "C") AS place
FROM ours o JOIN depth d ON d.oid = o.oid
GROUP BY o.oid, o.has_tenant;

DO $$
DECLARE
    step record;
    done boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus') THEN
        RAISE NOTICE 'this database has no extension citus: nothing to do';
        RETURN;
    END IF;
    FOR step IN SELECT relation, kind FROM distribution ORDER BY place LOOP
        -- A local table that Citus has only noted down, for its keys to a reference table, is not spread yet.
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1 AND CASE WHEN $2 THEN'
            ' partmethod = ''h'' ELSE partmethod = ''n'' AND repmodel = ''t'' END)'
            INTO done USING step.relation, step.kind = 'distributed';
        CONTINUE WHEN done;
        RAISE NOTICE '% becomes a % table', step.relation, step.kind;
        IF step.kind = 'reference' THEN
            EXECUTE 'SELECT pg_catalog.create_reference_table($1)' USING step.relation;
        ELSE
            EXECUTE 'SELECT pg_catalog.create_distributed_table($1, ''tenant_id'', colocate_with => $2)'
                USING step.relation, CASE WHEN step.relation = 'juxin.epoch'::regclass THEN 'none' ELSE 'juxin.epoch' END;
        END IF;
    END LOOP;
    -- SET LOCAL, by which juxin.enter() says which tenant it is, reaches the nodes: for all who may enter.
    FOR step IN SELECT DISTINCT r.rolname FROM pg_catalog.pg_auth_members m
        JOIN pg_catalog.pg_roles r ON r.oid = m.member JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
        WHERE r.rolcanlogin AND g.rolname IN ('juxin_app', 'juxin_dispatch', 'juxin_aggregate') ORDER BY 1 LOOP
        EXECUTE pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET citus.propagate_set_commands = ''local''', step.rolname,
            pg_catalog.current_database());
    END LOOP;
END
$$;
