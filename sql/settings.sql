-- Settings: what each may say is checked when it is set, whoever writes it.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- Every setting has its rules, and every rule its setting.
SELECT name FROM influence.setting EXCEPT SELECT name FROM influence_internal.setting_rules();
SELECT name FROM influence_internal.setting_rules() EXCEPT SELECT name FROM influence.setting;

-- A new value is a new version; what holds is a duplicate.
SELECT * FROM influence.set_setting('feed_caps', '{"creator": 10, "post": 3}');
SELECT * FROM influence.set_setting('feed_caps', '{"post": 3, "creator": 10}');
SELECT * FROM influence.set_setting('feed_caps', '{"post": 3, "creator": 20}');
SELECT * FROM influence.set_setting('report_limit', 'null');
SELECT version, value FROM influence.setting WHERE name = 'feed_caps' ORDER BY 1;

-- What is refused says what is possible.
CREATE FUNCTION pg_temp.says(setting text, value jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM influence.set_setting(setting, value);
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN format('%s %s. %s %s', SQLSTATE, message, detail, hint);
END $$;
\pset format unaligned
SELECT pg_temp.says(s, v) FROM (VALUES ('feed_caps', '{"post": 3}'::jsonb), ('feed_caps', '{"post": 3, "creator": 20, "day": 1}'), ('feed_caps', '[3, 20]'), ('feed_caps', NULL),
	('feed_caps', '{"post": 0, "creator": 20}'), ('feed_caps', '{"post": "3", "creator": 20}'), ('rank_half_life', '"1 month"'), ('rank_half_life', '"soon"'), ('tax_retention', '"-2 years"'),
	('fraud_case_scores', '{"brushing": 1.5, "click_floods": null, "self_purchases": 0, "related_accounts": 1, "impossible_engagement": null}'), ('reevaluate_rejected', '"yes"'), ('feed_cap', '1')) x(s, v);
\pset format aligned

-- Of every key: what is missing, of another kind or out of range is refused by the function, and past it by the table; the ends of the range are possible.
CREATE FUNCTION pg_temp.with_part(setting text, key text, part jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT CASE WHEN key = '' THEN part ELSE jsonb_set(s.value, ARRAY[key], part) END FROM influence.setting s WHERE s.name = setting AND s.version = 1 $$;
CREATE FUNCTION pg_temp.written(setting text, value jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.error_of(format('INSERT INTO influence.setting (name, version, value) VALUES (%L, 1000, %L)', setting, value)) $$;
CREATE TEMP TABLE planted AS
SELECT r.name, r.key, b.part, pg_temp.with_part(r.name, r.key, b.part) AS value
  FROM influence_internal.setting_rules() r
 CROSS JOIN LATERAL (
		SELECT p::jsonb AS part FROM unnest('{"\"many\"","\"\"","[]","{}","[1]"}'::text[]) p
		UNION ALL SELECT 'null' WHERE NOT r.optional
		UNION ALL SELECT '7' WHERE r.kind IN ('time', 'elapsed', 'flag')
		UNION ALL SELECT 'true' WHERE r.kind <> 'flag'
		UNION ALL SELECT '"1 month"' WHERE r.kind = 'elapsed'
		UNION ALL SELECT to_jsonb(r.lowest) WHERE r.kind IN ('count', 'number')
		UNION ALL SELECT '1e-400' WHERE r.kind = 'number' AND r.lowest = '0'
		UNION ALL SELECT p::jsonb FROM unnest(ARRAY[r.lowest || '.5', r.lowest || '.0']) p WHERE r.kind = 'count'
		UNION ALL SELECT to_jsonb(x) FROM unnest(CASE WHEN r.kind IN ('count', 'number') THEN ARRAY[r.lowest::numeric - 1, r.highest::numeric + 1, 1e300, -1e300] END) x
		UNION ALL SELECT to_jsonb(x) FROM unnest(CASE WHEN r.kind IN ('time', 'elapsed') THEN ARRAY[r.lowest::interval - '1 microsecond', r.highest::interval + '1 microsecond'] END) x) b
UNION ALL
SELECT r.name, r.key, NULL, (SELECT s.value - r.key FROM influence.setting s WHERE s.name = r.name AND s.version = 1)
  FROM influence_internal.setting_rules() r WHERE r.key <> ''
UNION ALL
SELECT DISTINCT r.name, '', 'null'::jsonb, 'null'::jsonb FROM influence_internal.setting_rules() r WHERE r.key <> '';
SELECT count(*) > 1000 AS many, count(DISTINCT name) AS settings FROM planted;
SELECT p.* FROM planted p, LATERAL (SELECT pg_temp.refused(format('set_setting(%L, %L)', p.name, p.value))) r(got) WHERE got !~ '^IN002' OR got ~ 'NO HINT';
SELECT p.*, w.got FROM planted p, pg_temp.written(p.name, p.value) w(got) WHERE w.got !~ '^(23514|22003|22007|22008) ';
CREATE TEMP TABLE ends AS
SELECT r.name, r.key, pg_temp.with_part(r.name, r.key, e.part) AS value
  FROM influence_internal.setting_rules() r
 CROSS JOIN LATERAL (
		SELECT x::jsonb AS part FROM unnest(ARRAY[r.lowest, r.highest]) x WHERE r.kind IN ('count', 'number')
		UNION ALL SELECT to_jsonb(x) FROM unnest(ARRAY[r.lowest, r.highest]) x WHERE r.kind IN ('time', 'elapsed')
		UNION ALL SELECT x::jsonb FROM unnest('{true,false}'::text[]) x WHERE r.kind = 'flag'
		UNION ALL SELECT 'null' WHERE r.optional) e;
SELECT e.*, w.got FROM ends e, LATERAL (SELECT pg_temp.refused(format('set_setting(%L, %L)', e.name, e.value))) w(got) WHERE w.got <> 'no error';

-- Nobody but the owner writes past the function, which operators may call.
SELECT r, has_table_privilege(r, 'influence.setting', 'INSERT') AS writes, has_function_privilege(r, 'influence.set_setting(text,jsonb)', 'EXECUTE') AS sets
  FROM unnest('{influence_owner,influence_operator,influence_writer,influence_reader}'::text[]) r;
-- The table's CHECK needs no extension.
SELECT count(*) AS functions_of_ours FROM pg_depend d JOIN pg_constraint c ON c.oid = d.objid AND d.classid = 'pg_constraint'::regclass
 WHERE c.conname = 'setting_is_possible' AND d.refclassid = 'pg_proc'::regclass;
