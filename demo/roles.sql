/*
 * roles.sql
 *
 * Done once by a superuser: the roles of the demo. The service writes what
 * happens, the operator sets up and pays, the third one runs the jobs; none of
 * them owns a table of the program.
 */
DO $$
BEGIN
	IF to_regrole('shop_service') IS NULL THEN
		CREATE ROLE shop_service LOGIN IN ROLE influence_writer;
		CREATE ROLE shop_operator LOGIN IN ROLE influence_operator;
		CREATE ROLE shop_jobs LOGIN IN ROLE influence_owner;
	END IF;
END
$$;
CREATE SCHEMA demo AUTHORIZATION shop_service;
GRANT USAGE, CREATE ON SCHEMA demo TO shop_operator;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_service IN SCHEMA demo GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop_operator;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_service IN SCHEMA demo GRANT USAGE ON SEQUENCES TO shop_operator;
