--
-- install() and uninstall(): what they make, for whom, and that the extension
-- owns code and never data.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- Again: nothing to do, the steps that are there.
SELECT step, name, status FROM influence.install();
SELECT count(*), count(DISTINCT step), bool_and(extension_version = influence.version()) AS of_this_version
FROM influence.schema_version;

-- Uninstalling asks for a text that names the database.
SELECT pg_temp.error_of('SELECT influence.uninstall(NULL)');
SELECT pg_temp.error_of('SELECT influence.uninstall(''yes'')');
SELECT pg_temp.error_of('SELECT influence.uninstall(''drop all influence data in another'')');
SELECT to_regclass('influence.ledger') IS NOT NULL AS still_there;

-- Owners: not a superuser, not another one than the one installed.
SELECT pg_temp.error_of(format('SELECT influence.install(%L)', current_user)) ~ '^IN004 the tables belong to role "influence_owner" already$';
SELECT pg_temp.error_of('SELECT influence.install(''influence_test_owner'')');
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'influence_test%';

-- After uninstall() no table, no published function and no dependent object is left, only the code.
SELECT influence.uninstall('drop all influence data in ' || current_database()) > 0 AS dropped;
SELECT count(*) AS relations FROM pg_class WHERE relnamespace = 'influence'::regnamespace;
SELECT count(*) AS definer_functions FROM pg_proc WHERE pronamespace = 'influence'::regnamespace AND prosecdef;
SELECT pg_temp.error_of('SELECT influence.record_order(1, gen_random_uuid(), ''o'', ''[]'')') ~ '^42883' AS not_published;
SELECT pg_temp.error_of('SELECT * FROM influence.' || call)
FROM unnest('{plan_payouts(1),check_books(),schedule_jobs(true),adopt_cluster()}'::text[]) call;
SELECT pg_temp.error_of('CALL influence.run_due()');
SELECT pg_temp.error_of('SELECT influence_internal.program_facts(1)') ~ '^42P01' AS internals_are_bare;
-- twice does no harm
SELECT influence.uninstall('drop all influence data in ' || current_database());

-- A role that is a superuser can't own the tables, whichever of the four it is.
CREATE ROLE influence_test_owner SUPERUSER;
SELECT pg_temp.error_of('SELECT influence.install(''influence_test_owner'')');
ALTER ROLE influence_test_owner NOSUPERUSER;
CREATE ROLE influence_test_writer SUPERUSER;
SELECT pg_temp.error_of('SELECT influence.install(''influence_test_owner'')');
ALTER ROLE influence_test_writer NOSUPERUSER;

-- Roles of one's own.
SELECT count(*) FROM influence.install('influence_test_owner') WHERE status = 'applied';
SELECT DISTINCT status FROM influence.install();
SELECT pg_temp.error_of('SELECT influence.install(''influence_owner'')');
SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname LIKE 'influence\_test\_%' ORDER BY 1;
SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'influence'::regnamespace;
SELECT influence.uninstall('drop all influence data in ' || current_database()) > 0 AS dropped;
DROP OWNED BY influence_test_owner, influence_test_writer, influence_test_reader, influence_test_operator;
DROP ROLE influence_test_owner, influence_test_writer, influence_test_reader, influence_test_operator;

-- The session's role is as before, whether install() was called as oneself or under SET ROLE.
SELECT count(*) FROM influence.install();
SELECT current_user = session_user AS same;

-- Tables that do not fit the code, and tables that are gone.
BEGIN;
DELETE FROM influence.schema_version WHERE step = (SELECT max(s.step) FROM influence.schema_version s);
SELECT pg_temp.refused('create_category(''c'')');
ROLLBACK;
BEGIN;
DROP TABLE influence.schema_version;
SELECT pg_temp.refused('create_category(''c'')');
SELECT pg_temp.refused('get_feed(1, gen_random_uuid())');
ROLLBACK;

-- Published functions: who may call what. Service functions that only read are for readers, too, but not the one
-- that turns customer keys into visitors.
SELECT grantees, string_agg(name, ' ' ORDER BY name) AS functions
FROM (
	SELECT p.proname AS name, string_agg(replace(pg_get_userbyid(a.grantee), 'influence_', ''), ' ' ORDER BY pg_get_userbyid(a.grantee)) AS grantees
	FROM pg_proc p, aclexplode(p.proacl) a
	WHERE p.pronamespace = 'influence'::regnamespace AND p.prosecdef AND a.grantee <> p.proowner AND a.privilege_type = 'EXECUTE'
	GROUP BY p.oid, p.proname) g
GROUP BY grantees ORDER BY grantees;

-- Of the definer functions, any that PUBLIC may call, that run with a search_path of the caller's, or as somebody
-- other than the owner of the tables: none. Nor is there one in the extension itself.
SELECT p.oid::regprocedure
FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace) AND p.prosecdef
	AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0)
		OR NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
		OR r.rolsuper OR r.rolcanlogin OR r.rolname <> 'influence_owner'
		OR p.pronamespace <> 'influence'::regnamespace);
SELECT count(*) AS definer_functions, count(*) = (SELECT count(*) FROM influence_internal.published()) AS all_published
FROM pg_proc p WHERE p.pronamespace = 'influence'::regnamespace AND p.prosecdef;
-- the retry of a function must see its first call's row: only readers are STABLE
SELECT w.name, o.provolatile, i.provolatile
FROM influence_internal.published() w
JOIN pg_proc o ON o.proname = w.name AND o.pronamespace = 'influence'::regnamespace
JOIN pg_proc i ON i.proname = w.name AND i.pronamespace = 'influence_internal'::regnamespace
WHERE o.provolatile <> i.provolatile OR pg_get_function_arguments(o.oid) <> pg_get_function_arguments(i.oid)
	OR pg_get_function_result(o.oid) <> pg_get_function_result(i.oid);
SELECT name, has_function_privilege('public', oid, 'EXECUTE') AS public_may
FROM (SELECT p.oid, p.proname AS name FROM pg_proc p WHERE p.pronamespace = 'influence'::regnamespace AND p.proname IN ('install', 'uninstall')) f
ORDER BY 1;

-- Tables: the reader and the operator read all but the secrets, the writer nothing, nobody but the owner writes; the
-- owner itself can't change what is booked.
SELECT role, string_agg(DISTINCT privilege, ' ' ORDER BY privilege) AS can,
	count(DISTINCT c.oid) = (SELECT count(*) - 2 FROM pg_class x WHERE x.relnamespace = 'influence'::regnamespace
		AND x.relkind IN ('r', 'p') AND NOT x.relispartition) AS all_but_two,
	string_agg(c.relname::text, ' ') FILTER (WHERE c.relname IN ('program_secret', 'payout_secret')) AS secrets
FROM pg_class c,
	unnest('{influence_writer,influence_reader,influence_operator,public}'::text[]) role,
	unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) privilege
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND CASE role WHEN 'public' THEN EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0)
		ELSE has_table_privilege(role, c.oid, privilege) END
GROUP BY role ORDER BY role;
SELECT c.relname AS not_readable FROM pg_class c
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND NOT has_table_privilege('influence_reader', c.oid, 'SELECT')
ORDER BY 1;
SELECT c.relname, string_agg(privilege, ' ' ORDER BY privilege) AS owner_can
FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) privilege
WHERE c.relnamespace = 'influence'::regnamespace AND c.relname IN ('ledger', 'payout', 'statement', 'adjustment', 'closed_period')
	AND has_table_privilege('influence_owner', c.oid, privilege)
GROUP BY c.relname ORDER BY c.relname;
SELECT role, count(*) AS sequences FROM pg_class c, unnest('{influence_writer,influence_reader,influence_operator}'::text[]) role
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind = 'S'
	AND (has_sequence_privilege(role, c.oid, 'USAGE') OR has_sequence_privilege(role, c.oid, 'UPDATE'))
GROUP BY role;
SELECT role, has_schema_privilege(role, 'influence', 'USAGE') AS uses, has_schema_privilege(role, 'influence', 'CREATE') AS creates,
	has_schema_privilege(role, 'influence_internal', 'USAGE') AS uses_internal, has_schema_privilege(role, 'influence_internal', 'CREATE') AS creates_internal
FROM unnest('{influence_owner,influence_writer,influence_reader,influence_operator}'::text[]) role ORDER BY role;

-- The owner can't forge or undo an entry either.
SET ROLE influence_owner;
SELECT pg_temp.error_of('UPDATE influence.ledger SET amount = 1') ~ '^42501' AS refused;
SELECT pg_temp.error_of('DELETE FROM influence.statement') ~ '^42501' AS refused;
RESET ROLE;

-- Every object says what it is: none is listed here.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace)
	AND coalesce(obj_description(p.oid, 'pg_proc'), '') = '';
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
	AND coalesce(obj_description(c.oid, 'pg_class'), '') = '';
SELECT n.nspname FROM pg_namespace n
WHERE n.nspname IN ('influence', 'influence_internal') AND coalesce(obj_description(n.oid, 'pg_namespace'), '') = '';
SELECT t.oid::regtype FROM pg_type t
WHERE t.typnamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace) AND t.typtype IN ('b', 'd', 'e', 'r') AND t.typelem = 0
	AND coalesce(obj_description(t.oid, 'pg_type'), '') = '';

-- PL/pgSQL runs under a path of its own; run_due() can't, since it commits.
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace) AND l.lanname = 'plpgsql'
	AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
ORDER BY 1;
-- and every error that one of them raises has a hint: none is listed
SELECT p.oid::regprocedure
FROM pg_proc p
WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace)
	AND (SELECT count(*) FROM regexp_matches(p.prosrc, 'RAISE EXCEPTION', 'g'))
		> (SELECT count(*) FROM regexp_matches(p.prosrc, '\mHINT = ', 'g'));

-- The extension owns code, the tables stand without it: built-in types only, no default, check, index or view that
-- needs a function of the extension, no table that is a member, and nothing in the internal schema but types.
SELECT a.attrelid::regclass, a.attname, a.atttypid::regtype
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND a.atttypid >= 16384;
WITH member AS (
	SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_influence')
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS object, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS needs
FROM pg_depend d JOIN member m ON (m.classid, m.objid) = (d.refclassid, d.refobjid)
WHERE NOT EXISTS (SELECT FROM member x WHERE (x.classid, x.objid) = (d.classid, d.objid))
	-- what an operator class consists of, and the arrays of a type, are no members of their own
	AND d.classid NOT IN ('pg_amop'::regclass, 'pg_amproc'::regclass) AND (d.classid, d.deptype) <> ('pg_type'::regclass, 'i')
	AND NOT (d.classid = 'pg_class'::regclass AND d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass)
UNION ALL
SELECT pg_describe_object(m.classid, m.objid, 0), 'is a member' FROM member m WHERE m.classid = 'pg_class'::regclass;
SELECT count(*) FROM pg_class WHERE relnamespace = 'influence_internal'::regnamespace AND relkind <> 'c';
-- views ask the caller's rights
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind = 'v' AND NOT coalesce(c.reloptions::text ~ 'security_invoker=(true|on|1)', false);
-- whatever is money is a bigint, whatever is a rate a numeric: no float but weights, scores and places in pictures
SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) AS floats
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0
	AND a.atttypid IN ('float4'::regtype, 'float8'::regtype)
GROUP BY c.relname ORDER BY c.relname;

-- DROP EXTENSION leaves the money where it is, and the next CREATE EXTENSION goes on with it.
SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator('anna');
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.add_product('sku', 'Thing', 1, 1000, 'EUR', 5, valid_from => '2024-01-01');
SELECT status FROM influence.set_commission_rate(1, 0.05, valid_from => '2024-01-01');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't1', 'click', 1, '2024-03-01 10:00');
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "sku": "sku", "quantity": 2, "paid_price": 1000}]', '2024-03-01 11:00');
SELECT status, amount FROM influence.run_payouts(1, '2024-03', '2024-04-01');
SELECT count(*) AS violations FROM influence.check_books();
SELECT pg_temp.contents('{}') AS before \gset
DROP EXTENSION pg_influence;
SELECT pg_temp.contents('{}') = :'before' AS untouched, (SELECT sum(amount) FROM influence.ledger) AS ledger;
CREATE EXTENSION pg_influence;
SELECT DISTINCT status FROM influence.install();
SELECT pg_temp.contents('{}') = :'before' AS untouched;
SELECT count(*) AS violations FROM influence.check_books();
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "sku": "sku", "quantity": 2, "paid_price": 1000}]', '2024-03-01 11:00');
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o2', '[{"line_no": 1, "sku": "sku", "quantity": 3, "paid_price": 1000}]', '2024-03-01 12:00');
SELECT status, amount FROM influence.run_payouts(1, '2024-03', '2024-04-01');
SELECT status, amount FROM influence.run_payouts(1, '2024-04', '2024-05-01');
SELECT has_function_privilege('influence_writer', 'influence.record_return(bigint,uuid,text,integer,text,bigint,bigint,timestamptz,text,text)', 'EXECUTE') AS writer_may,
	has_schema_privilege('influence_reader', 'influence_internal', 'USAGE') AS reader_uses_internal;
