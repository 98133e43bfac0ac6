/*
 * common.sql
 *	  Schemas, version and currencies.
 */

/* a schema that somebody else prepared could lend its objects to this script */
DO $$
DECLARE
	owner_name pg_catalog.name;
BEGIN
	SELECT r.rolname INTO owner_name
	  FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
	 WHERE n.nspname OPERATOR(pg_catalog.=) 'influence'
	   AND NOT r.rolsuper AND r.rolname OPERATOR(pg_catalog.<>) current_user;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'IN005',
			MESSAGE = pg_catalog.format('schema "influence" belongs to role "%s"', owner_name),
			HINT = 'Look at what is in it, then run ALTER SCHEMA influence OWNER TO CURRENT_USER, and create the extension again.';
	END IF;
END
$$;

CREATE SCHEMA influence_internal;
REVOKE ALL ON SCHEMA influence_internal FROM PUBLIC;
GRANT USAGE ON SCHEMA influence TO PUBLIC;

COMMENT ON SCHEMA influence IS
'pg_influence: functions for everybody, and the tables and views that influence.install() creates';
COMMENT ON SCHEMA influence_internal IS
'pg_influence: helpers of the functions in schema influence; not for direct use, may change in any version';

CREATE FUNCTION influence.version() RETURNS text
AS 'MODULE_PATHNAME', 'influence_version'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.version() IS
'version of the pg_influence library that is loaded, as 0.1.0; differs from pg_extension.extversion until ALTER EXTENSION pg_influence UPDATE has run';

CREATE FUNCTION influence.minor_unit_digits(currency text) RETURNS int
AS 'MODULE_PATHNAME', 'influence_minor_unit_digits'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.minor_unit_digits(text) IS
'decimals of a currency''s minor unit by ISO 4217: 0 for JPY and 16 others, 3 for KWD and 6 others, 4 for CLF and UYW, else 2; IN002 when currency is not three upper-case letters';

CREATE FUNCTION influence.format_minor(amount bigint, currency text) RETURNS text
AS 'MODULE_PATHNAME', 'influence_format_minor'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.format_minor(bigint, text) IS
'amount in minor units as text with the currency''s decimals: (1234, EUR) is 12.34, (-5, USD) is -0.05, (12, JPY) is 12; IN002 when currency is not three upper-case letters';
