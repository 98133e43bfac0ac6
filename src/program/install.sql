/*
 * install.sql
 *
 * The installer. CREATE EXTENSION brings code only; influence.install() creates
 * the program's tables as ordinary tables of an ordinary role, in numbered steps
 * that it records in influence.schema_version, and publishes the functions of
 * influence_internal that services and operators call as narrow SECURITY DEFINER
 * functions of that role. So DROP EXTENSION never drops money, and pg_dump, RLS
 * and partitions work as on any table.
 */

CREATE FUNCTION influence_internal.install_steps()
RETURNS TABLE (step int, name text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	VALUES (1, 'reference'),
		   (2, 'creators'),
		   (3, 'visitors'),
		   (4, 'orders'),
		   (5, 'ledger'),
		   (6, 'stats'),
		   (7, 'jobs'),
		   (8, 'attribution'),
		   (9, 'commissions'),
		   (10, 'payouts'),
		   (11, 'admissions'),
		   (12, 'agreements'),
		   (13, 'storefronts'),
		   (14, 'social'),
		   (15, 'scores'),
		   (16, 'fraud'),
		   (17, 'reports'),
		   (18, 'feed'),
		   (19, 'feedback'),
		   (20, 'trends'),
		   (21, 'neighbors'),
		   (22, 'sponsors'),
		   (23, 'privacy')
$$;
COMMENT ON FUNCTION influence_internal.install_steps() IS
'The steps of install() in order; step "x" is influence_internal.install_x(). Steps are only ever appended.';

CREATE FUNCTION influence_internal.code_step()
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 23 $$;
COMMENT ON FUNCTION influence_internal.code_step() IS 'The last of install_steps(), as a constant that costs nothing.';

CREATE FUNCTION influence_internal.installed_step()
RETURNS int
AS 'MODULE_PATHNAME', 'program_installed_step'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.installed_step() IS 'The last step that the tables of this database have; NULL without tables.';

CREATE FUNCTION influence_internal.published()
RETURNS TABLE (name text, audience text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	VALUES ('set_setting', 'operator'),
		   ('create_program', 'operator'),
		   ('rotate_seal_secret', 'operator'),
		   ('set_attribution_policy', 'operator'),
		   ('set_payout_policy', 'operator'),
		   ('create_category', 'operator'),
		   ('create_topic', 'operator'),
		   ('add_product', 'operator'),
		   ('add_products', 'operator'),
		   ('set_price', 'operator'),
		   ('set_stock', 'operator'),
		   ('set_commission_policy', 'operator'),
		   ('set_commission_rate', 'operator'),
		   ('end_commission_rate', 'operator'),
		   ('set_exchange_rate', 'operator'),
		   ('record_adjustment', 'operator'),
		   ('import_balance', 'operator'),
		   ('close_period', 'operator'),
		   ('accrual_ageing', 'reader'),
		   ('run_payouts', 'operator'),
		   ('confirm_payout', 'operator'),
		   ('fail_payout', 'operator'),
		   ('explain_payout', 'reader'),
		   ('write_off_balance', 'operator'),
		   ('set_payout_destination', 'operator'),
		   ('record_tax_profile', 'operator'),
		   ('create_tax_authority', 'operator'),
		   ('set_tax_rule', 'operator'),
		   ('end_tax_rule', 'operator'),
		   ('hold_payouts', 'operator'),
		   ('release_hold', 'operator'),
		   ('create_brand_account', 'operator'),
		   ('record_funding', 'operator'),
		   ('brand_funds', 'reader'),
		   ('set_coupon', 'operator'),
		   ('set_tier_table', 'operator'),
		   ('end_tier_table', 'operator'),
		   ('set_commission_budget', 'operator'),
		   ('end_commission_budget', 'operator'),
		   ('set_bonus_rule', 'operator'),
		   ('end_bonus_rule', 'operator'),
		   ('record_bonus', 'operator'),
		   ('settle_tiers', 'operator'),
		   ('tier_progress', 'reader'),
		   ('simulate_program', 'operator'),
		   ('reattribute', 'operator'),
		   ('refresh_stats', 'operator'),
		   ('seal_stats', 'operator'),
		   ('book_earnings', 'operator'),
		   ('due_periods', 'owner'),
		   ('start_job', 'owner'),
		   ('do_job', 'owner'),
		   ('end_job', 'owner'),
		   ('register_creator', 'writer'),
		   ('add_channel', 'writer'),
		   ('record_channel_metrics', 'writer'),
		   ('visitor_key', 'writer'),
		   ('register_shopper', 'writer'),
		   ('update_shopper', 'writer'),
		   ('set_interests', 'writer'),
		   ('record_touch', 'writer'),
		   ('record_touches', 'writer'),
		   ('record_order', 'writer'),
		   ('record_return', 'writer'),
		   ('record_order_event', 'writer'),
		   ('get_feed', 'reader'),
		   ('explain_attribution', 'reader'),
		   ('explain_missing_sale', 'reader'),
		   ('explain_commission', 'reader'),
		   ('creator_statement', 'reader'),
		   ('balances', 'reader'),
		   ('stat_progress', 'reader'),
		   -- admission
		   ('update_creator', 'writer'),
		   ('verify_channel', 'writer'),
		   ('record_quality_score', 'writer'),
		   ('admission_metrics', 'reader'),
		   ('set_admission_rule', 'operator'),
		   ('end_admission_rule', 'operator'),
		   ('apply_creator', 'writer'),
		   ('decide_application', 'operator'),
		   ('replay_application', 'reader'),
		   ('explain_application', 'reader'),
		   ('simulate_admission', 'operator'),
		   -- agreements
		   ('set_brand_rule', 'operator'),
		   ('end_brand_rule', 'operator'),
		   ('authorise_seller', 'operator'),
		   ('end_authorisation', 'operator'),
		   ('agree_exclusivity', 'operator'),
		   ('end_exclusivity', 'operator'),
		   ('set_quota', 'operator'),
		   ('send_sample', 'operator'),
		   ('return_sample', 'operator'),
		   ('sample_eligible', 'reader'),
		   ('make_offer', 'operator'),
		   ('withdraw_offer', 'operator'),
		   ('decide_offer', 'writer'),
		   ('set_creator_status', 'operator'),
		   ('record_strike', 'operator'),
		   ('lift_strike', 'operator'),
		   -- storefront
		   ('create_storefront', 'writer'),
		   ('rename_storefront', 'writer'),
		   ('update_storefront', 'writer'),
		   ('create_list', 'writer'),
		   ('update_list', 'writer'),
		   ('remove_list', 'writer'),
		   ('add_list_item', 'writer'),
		   ('update_list_item', 'writer'),
		   ('move_list_item', 'writer'),
		   ('remove_list_item', 'writer'),
		   ('set_list_items', 'writer'),
		   ('reserve_list_item', 'writer'),
		   ('release_gift', 'writer'),
		   ('record_gift_purchase', 'writer'),
		   ('set_display_name', 'writer'),
		   ('add_friend', 'writer'),
		   ('accept_friend', 'writer'),
		   ('unfriend', 'writer'),
		   ('block_shopper', 'writer'),
		   ('set_product_location', 'writer'),
		   ('resolve_slug', 'reader'),
		   ('get_lists', 'reader'),
		   ('get_list', 'reader'),
		   ('my_gifts', 'reader'),
		   ('get_friends', 'reader'),
		   ('find_friends', 'reader'),
		   ('nearby_products', 'reader'),
		   -- social
		   ('publish_post', 'writer'),
		   ('set_post_status', 'writer'),
		   ('follow', 'writer'),
		   ('unfollow', 'writer'),
		   ('block', 'writer'),
		   ('react', 'writer'),
		   ('mute', 'writer'),
		   ('unmute', 'writer'),
		   ('comment_on_post', 'writer'),
		   ('set_comment_status', 'writer'),
		   ('set_moderation', 'operator'),
		   ('get_comments', 'reader'),
		   ('vote_product', 'writer'),
		   ('product_vote_score', 'reader'),
		   ('create_membership_plan', 'operator'),
		   ('record_membership', 'writer'),
		   ('end_membership', 'writer'),
		   ('membership_at', 'reader'),
		   ('add_to_cohort', 'operator'),
		   ('remove_from_cohort', 'operator'),
		   ('set_capability', 'operator'),
		   ('end_capability', 'operator'),
		   ('may', 'reader'),
		   -- engagement
		   ('record_channel_post', 'writer'),
		   ('record_channel_posts', 'writer'),
		   ('record_channel_topics', 'writer'),
		   ('set_size_tier', 'operator'),
		   ('set_category_topic', 'operator'),
		   ('refresh_scores', 'operator'),
		   ('creator_signals', 'reader'),
		   ('creator_ranking', 'reader'),
		   ('explain_score', 'reader'),
		   -- fraud
		   ('find_fraud', 'operator'),
		   ('decide_case', 'operator'),
		   -- reports
		   ('create_campaign', 'operator'),
		   ('end_campaign', 'operator'),
		   ('add_campaign_products', 'operator'),
		   ('record_campaign_cost', 'operator'),
		   ('record_survey', 'writer'),
		   -- feed
		   ('explain_feed', 'reader'),
		   -- feedback
		   ('create_feed_profile', 'operator'),
		   ('assign_feed_profile', 'operator'),
		   ('end_feed_assignment', 'operator'),
		   ('record_impressions', 'writer'),
		   ('give_feedback', 'writer'),
		   ('withdraw_feedback', 'writer'),
		   -- trends
		   ('get_trending', 'reader'),
		   ('rebuild_trends', 'operator'),
		   -- neighbors
		   ('refresh_neighbors', 'operator'),
		   -- evaluation
		   ('fit_feed_profile', 'operator'),
		   -- sponsors
		   ('create_sponsored_campaign', 'operator'),
		   ('set_sponsored_budget', 'operator'),
		   ('set_sponsored_status', 'operator'),
		   ('charge_sponsors', 'operator'),
		   ('refund_sponsored', 'operator'),
		   ('record_sponsor_payment', 'operator'),
		   -- forgetting
		   ('forget_shopper', 'operator'),
		   ('forget_creator', 'operator'),
		   ('end_retention', 'operator'),
		   ('identify', 'writer')
$$;
COMMENT ON FUNCTION influence_internal.published() IS
'The functions of influence_internal that install() publishes in influence, and for whom: writer = services, operator = people who set up programs and pay (who may call all of them), reader = services and analysts, owner = the jobs.';

CREATE FUNCTION influence_internal.installed_views()
RETURNS TABLE (name text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	VALUES ('balance'), ('creator_income'), ('payout_line'), ('tax_withheld'), ('jobs'),
		   -- admission
		   ('admission_history'), ('admission'), ('review_queue'), ('admission_fairness'),
		   -- agreements
		   ('exclusivity_breach'), ('quota_status'), ('sample_status'), ('offer_report'), ('creator_standing'),
		   -- social
		   ('moderation_queue'), ('vote_weight'), ('product_votes'), ('vote_brigades'),
		   -- reports
		   ('visitor_person'), ('unearned_return'), ('sale_event'), ('creator_line'), ('line_sale'), ('order_credits'), ('order_window'), ('exposure'), ('creator_now'), ('creator_daily'),
		   ('creator_scorecard'), ('creator_hours'), ('post_report'), ('campaign_report'), ('campaign_product_report'), ('roi_report'), ('funnel_daily'), ('use_case_matrix'),
		   ('experiment_report'), ('cohort_report'), ('vertical_supply'), ('creator_month'), ('program_health'), ('market_report'), ('member_value'), ('product_praise'),
		   -- fraud
		   ('click_counts'), ('fraud_self_purchases'), ('fraud_related_accounts'), ('fraud_click_floods'), ('fraud_brushing'), ('fraud_impossible_engagement'),
		   -- trends
		   ('trend_rank'), ('trend_now'), ('post_brigades'),
		   -- sponsors
		   ('sponsored_report'), ('sponsored_status'), ('sponsor_balance')
$$;
COMMENT ON FUNCTION influence_internal.installed_views() IS 'The views that install() makes and uninstall() drops, each after those that it is made of.';

CREATE FUNCTION influence_internal.require_install()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done int;
	wanted int;
BEGIN
	IF to_regclass('influence.schema_version') IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'IN001',
			MESSAGE = 'the tables of pg_influence are not installed',
			HINT = 'Run SELECT influence.install() as a superuser.';
	END IF;
	SELECT max(v.step), (SELECT max(s.step) FROM influence_internal.install_steps() s) INTO done, wanted FROM influence.schema_version v;
	IF done IS DISTINCT FROM wanted THEN
		RAISE EXCEPTION USING ERRCODE = 'IN001',
			MESSAGE = 'the tables of pg_influence do not fit its code',
			DETAIL = format('The tables are at step %s, the code at step %s.', coalesce(done, 0), wanted),
			HINT = 'Run SELECT influence.install() after ALTER EXTENSION pg_influence UPDATE.';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_install() IS
'Raises IN001 with the statement that mends it when the tables are missing or at another step than the code.';

CREATE FUNCTION influence_internal.role_names(owner_role text,
	OUT owner_name text, OUT writer_name text, OUT reader_name text, OUT operator_name text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT owner_role, stem || '_writer', stem || '_reader', stem || '_operator'
	  FROM pg_catalog.regexp_replace(owner_role, '_owner$', '') AS stem
$$;
COMMENT ON FUNCTION influence_internal.role_names(text) IS
'The four roles that belong to an owner role: x_owner gives x_writer, x_reader and x_operator.';

CREATE FUNCTION influence_internal.installed_owner()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.rolname::text
	  FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
	 WHERE c.oid = to_regclass('influence.schema_version')
$$;
COMMENT ON FUNCTION influence_internal.installed_owner() IS
'The role that owns the program''s tables, NULL before install().';

CREATE FUNCTION influence_internal.ensure_role(role_name text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name AND r.rolsuper) THEN
		RAISE EXCEPTION USING ERRCODE = 'IN002',
			MESSAGE = format('role "%s" is a superuser', role_name),
			DETAIL = 'The published functions run with the rights of the owner role.',
			HINT = 'Name a role that is not a superuser, or one that does not exist yet: SELECT influence.install(''influence_owner'').';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
		EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
	END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
	NULL;						-- another database of the cluster made it meanwhile
END
$$;
COMMENT ON FUNCTION influence_internal.ensure_role(text) IS
'Creates a NOLOGIN role unless it is there; refuses superusers (IN002).';

CREATE FUNCTION influence_internal.places_of(problem text, arguments jsonb)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		WITH RECURSIVE part(place, value, depth) AS (
			SELECT a.key, a.value, 1 FROM jsonb_each($2) a
			UNION ALL
			SELECT concat(x.step, ' of ', p.place), x.value, p.depth + 1
			  FROM part p
			 CROSS JOIN LATERAL (
				SELECT o.key AS step, o.value FROM jsonb_each(CASE WHEN jsonb_typeof(p.value) = 'object' THEN p.value ELSE '{}' END) o
				 UNION ALL
				SELECT 'item ' || e.n, e.value FROM jsonb_array_elements(CASE WHEN jsonb_typeof(p.value) = 'array' THEN p.value ELSE '[]' END) WITH ORDINALITY e(value, n)) x
			 WHERE p.depth < 6)
		-- PostgreSQL quotes what it could not read; the beginning of a long text is enough, so that all of it is not looked for in all of it
		SELECT string_agg(f.place, ', ')
		  FROM (SELECT p.place FROM part p CROSS JOIN LATERAL (SELECT p.value #>> '{}' AS said OFFSET 0) v
				 WHERE position('"' || left(v.said, 200) || CASE WHEN length(v.said) <= 200 THEN '"' ELSE '' END in left($1, 1000)) > 0
				 ORDER BY p.depth DESC, p.place LIMIT 3) f);
END
$$;
COMMENT ON FUNCTION influence_internal.places_of(text, jsonb) IS
'Where in arguments (name -> value, JSON ones with all that is in them) the values are that an error message of PostgreSQL quotes, as "price of item 2 of touches", three at most; NULL: nowhere.';

CREATE FUNCTION influence_internal.raise_impossible(code text, problem text, relation text, condition text, arguments jsonb, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- messages about tables quote the names of tables
	places text := CASE WHEN coalesce($3, '') = '' THEN influence_internal.places_of($2, $5) END;
	demanded text := (SELECT pg_get_expr(k.conbin, k.conrelid, true) FROM pg_constraint k
					   WHERE k.conrelid = to_regclass('influence.' || quote_ident($3)) AND k.conname = $4 AND k.contype = 'c');
BEGIN
	RAISE EXCEPTION USING ERRCODE = $1,
		MESSAGE = CASE $1 WHEN 'IN006' THEN 'a number is out of range' ELSE 'an argument has a value that is not possible' END,
		DETAIL = left($2, 1000) || '.',
		HINT = concat('Mend ' || places || '. ', 'What is stored must be ' || demanded || '. ',
			CASE WHEN strpos($2, 'uuid') > 0
				 THEN 'Visitors and shoppers are uuids; influence.visitor_key(program_id, your_key) makes one of a key of yours.'
				 ELSE $6 END);
END
$$;
COMMENT ON FUNCTION influence_internal.raise_impossible(text, text, text, text, jsonb, text) IS
'Raises IN002 or IN006 for a value that a type or a CHECK refused, with PostgreSQL''s message as detail; the hint says where it is in the arguments, or what the CHECK demands.';

CREATE FUNCTION influence_internal.publish(function_name text, audience text, roles text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	inner_oid oid;
	outer_oid oid;
	arguments text;
	identity text;
	result text;
	volatility text;
	returns text;
	calls text;
	given text;
	body text;
	remark text;
BEGIN
	SELECT p.oid, pg_get_function_arguments(p.oid), pg_get_function_identity_arguments(p.oid),
		   pg_get_function_result(p.oid), CASE p.provolatile WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
		   CASE WHEN p.proretset THEN 'RETURN QUERY SELECT * FROM' ELSE 'RETURN' END,
		   (SELECT string_agg('$' || i, ', ' ORDER BY i) FROM generate_series(1, p.pronargs) i),
		   (SELECT string_agg(format('%L, $%s', p.proargnames[i], i), ', ' ORDER BY i) FROM generate_series(1, p.pronargs) i),
		   obj_description(p.oid, 'pg_proc')
	  INTO STRICT inner_oid, arguments, identity, result, volatility, returns, calls, given, remark
	  FROM pg_proc p
	 WHERE p.pronamespace = 'influence_internal'::regnamespace AND p.proname = function_name;

	SELECT p.oid INTO outer_oid
	  FROM pg_proc p
	 WHERE p.pronamespace = 'influence'::regnamespace AND p.proname = function_name;
	IF outer_oid IS NOT NULL
	   AND (pg_get_function_identity_arguments(outer_oid), pg_get_function_result(outer_oid))
		   IS DISTINCT FROM (identity, result) THEN
		EXECUTE format('DROP FUNCTION %s', outer_oid::regprocedure);
	END IF;

	body := format($body$BEGIN
	IF influence_internal.installed_step() IS DISTINCT FROM influence_internal.code_step() THEN
		PERFORM influence_internal.require_install();
	END IF;
	%s influence_internal.%I(%s);
$body$, returns, function_name, calls);
	IF volatility = 'VOLATILE' AND audience <> 'owner' THEN
		-- what a column's type or CHECK refuses is the caller's mistake too
		body := format($body$DECLARE
	in_relation text;
	in_constraint text;
%1$sEXCEPTION%4$s
	WHEN numeric_value_out_of_range THEN
		PERFORM influence_internal.raise_impossible('IN006', SQLERRM, NULL, NULL, jsonb_build_object(%2$s), 'Amounts are minor units and fit in bigint.');
	WHEN data_exception OR check_violation OR not_null_violation OR program_limit_exceeded THEN
		GET STACKED DIAGNOSTICS in_relation = TABLE_NAME, in_constraint = CONSTRAINT_NAME;
		PERFORM influence_internal.raise_impossible('IN002', SQLERRM, in_relation, in_constraint, jsonb_build_object(%2$s), %3$L);
$body$, body, given, format(E'Amounts are whole minor units (1999 for 19.99). See \\df+ influence.%s in psql, or docs/reference/functions.md.', function_name),
			CASE WHEN function_name = 'record_order' THEN $body$
	-- COPY brought the order after this had looked for it: now it is seen
	WHEN unique_violation THEN
		RETURN QUERY SELECT * FROM influence_internal.record_any_order($1, $2, $3, $4, $5, $6, $7);$body$ ELSE '' END);
	END IF;
	EXECUTE format(
		'CREATE OR REPLACE FUNCTION influence.%I(%s) RETURNS %s LANGUAGE plpgsql %s SECURITY DEFINER '
		'SET search_path = pg_catalog, pg_temp SET timezone = ''UTC'' SET datestyle = ''ISO, YMD'' SET intervalstyle = ''postgres'' '
		'SET extra_float_digits = 1 %s AS %L',
		function_name, arguments, result, volatility,
		'SET jit = off' || CASE WHEN audience IN ('writer', 'reader') THEN ' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off' ELSE '' END,
		body || 'END');
	EXECUTE format('REVOKE ALL ON FUNCTION influence.%I(%s) FROM PUBLIC', function_name, identity);
	EXECUTE format('GRANT EXECUTE ON FUNCTION influence.%I(%s) TO %s', function_name, identity,
				   (SELECT string_agg(quote_ident(r), ', ') FROM unnest(roles) r));
	EXECUTE format('COMMENT ON FUNCTION influence.%I(%s) IS %L', function_name, identity, remark);
END
$$;
COMMENT ON FUNCTION influence_internal.publish(text, text, text[]) IS
'Creates influence.f as a SECURITY DEFINER wrapper of influence_internal.f with a fixed search_path, time zone and way to read and write moments, intervals and numbers (nothing that is stored or returned depends on the session''s), executable by the roles given and nobody else. For writers and readers its statements keep one plan that goes by indexes; planning a probe of all monthly partitions anew for each call costs eight times the probe, and a plan made while a table was empty would scan it ever after. Nothing is compiled just in time: a plan that cannot avoid what is switched off looks dear enough to be compiled, which takes a thousand times what it does. Runs as the owner role.';

CREATE FUNCTION influence_internal.grant_reads(reader_name text, operator_name text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN
		SELECT c.oid::regclass
		  FROM pg_class c
		 WHERE c.relnamespace = 'influence'::regnamespace
		   AND c.relkind IN ('r', 'p', 'v')
		   AND c.relname NOT IN ('program_secret', 'payout_secret')
		   AND pg_get_userbyid(c.relowner) = current_user
	LOOP
		EXECUTE format('GRANT SELECT ON %s TO %I, %I', relation, reader_name, operator_name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.grant_reads(text, text) IS
'Lets the reader and operator roles read every table of the program but those that hold secrets. Runs as the owner role.';

CREATE FUNCTION influence_internal.run_as(role_name text, query text)
RETURNS text
AS 'MODULE_PATHNAME', 'program_run_as'
LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION influence_internal.run_as(text, text) FROM PUBLIC;
COMMENT ON FUNCTION influence_internal.run_as(text, text) IS
'Runs a query that answers one text, with the rights of a role of which the caller is a member. Unlike after SET ROLE, nothing that runs then, as a trigger of that role, can go back to the caller''s rights.';

CREATE FUNCTION influence_internal.install_as_owner(roles text[])
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owner_name constant text := roles[1];
	writer_name constant text := roles[2];
	reader_name constant text := roles[3];
	operator_name constant text := roles[4];
	status text;
	done jsonb := '[]';
	item record;
BEGIN
	IF to_regclass('influence.schema_version') IS NULL THEN
		CREATE TABLE influence.schema_version (
			step int PRIMARY KEY,
			name text NOT NULL,
			applied_at timestamptz NOT NULL DEFAULT now(),
			extension_version text NOT NULL
		);
		COMMENT ON TABLE influence.schema_version IS 'The steps of influence.install() that this database has, with the version of the code that applied each.';
	END IF;
	FOR item IN SELECT s.step, s.name FROM influence_internal.install_steps() s ORDER BY s.step
	LOOP
		status := 'present';
		IF NOT EXISTS (SELECT FROM influence.schema_version v WHERE v.step = item.step) THEN
			EXECUTE format('SELECT influence_internal.%I()', 'install_' || item.name);
			INSERT INTO influence.schema_version (step, name, extension_version)
			VALUES (item.step, item.name, influence.version());
			status := 'applied';
		END IF;
		done := done || jsonb_build_object('step', item.step, 'name', item.name, 'status', status);
	END LOOP;
	FOR item IN
		SELECT p.name, p.audience FROM influence_internal.published() p
	LOOP
		PERFORM influence_internal.publish(item.name, item.audience,
			CASE item.audience WHEN 'owner' THEN ARRAY[owner_name]
							   WHEN 'operator' THEN ARRAY[operator_name]
							   WHEN 'writer' THEN ARRAY[writer_name, operator_name]
							   ELSE ARRAY[writer_name, operator_name, reader_name] END);
	END LOOP;
	PERFORM influence_internal.grant_reads(reader_name, operator_name);
	RETURN done::text;
END
$$;
COMMENT ON FUNCTION influence_internal.install_as_owner(text[]) IS
'The part of install() that the owner role does, which everything made by it belongs to: the steps, the published functions and what readers may read. Takes the owner, writer, reader and operator roles; returns the steps as a JSON array.';

CREATE FUNCTION influence.install(owner_role text DEFAULT NULL)
RETURNS TABLE (step int, name text, status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	roles record;
	chosen text;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('pg_influence install', 0));
	chosen := coalesce(install.owner_role, influence_internal.installed_owner(), 'influence_owner');
	IF length(chosen) NOT BETWEEN 1 AND 54 THEN
		PERFORM influence_internal.raise_invalid('the name of the owner role is too long', format('Role: %s.', chosen), 'Use at most 54 characters.');
	ELSIF influence_internal.installed_owner() <> chosen THEN
		RAISE EXCEPTION USING ERRCODE = 'IN004',
			MESSAGE = format('the tables belong to role "%s" already', influence_internal.installed_owner()),
			HINT = 'Run SELECT influence.install() without an argument, or change the owner with REASSIGN OWNED first.';
	END IF;
	SELECT * INTO roles FROM influence_internal.role_names(chosen);
	PERFORM influence_internal.ensure_role(r)
	   FROM unnest(ARRAY[roles.owner_name, roles.writer_name, roles.reader_name, roles.operator_name]) r;
	EXECUTE format('GRANT USAGE, CREATE ON SCHEMA influence TO %I', roles.owner_name);
	EXECUTE format('GRANT USAGE ON SCHEMA influence TO %I, %I, %I',
				   roles.writer_name, roles.reader_name, roles.operator_name);
	EXECUTE format('GRANT USAGE ON SCHEMA influence_internal TO %I, %I, %I',
				   roles.owner_name, roles.reader_name, roles.operator_name);
	EXECUTE format('GRANT EXECUTE ON FUNCTION influence.check_books(bigint), '
				   'influence.plan_payouts(bigint, text, timestamptz), '
				   'influence.reconcile(bigint, text, text, text) TO %I, %I, %I',
				   roles.owner_name, roles.reader_name, roles.operator_name);
	EXECUTE format('GRANT EXECUTE ON ROUTINE influence.run_due(timestamptz), influence.adopt_cluster(), '
				   'influence.schedule_jobs(boolean), influence.unschedule_jobs() TO %I', roles.owner_name);
	EXECUTE format('GRANT EXECUTE ON FUNCTION influence.doctor(), influence_internal.token_hash() TO %I, %I, %I',
				   roles.owner_name, roles.reader_name, roles.operator_name);

	-- everything is made by, and belongs to, the owner role; what its members left there must not run with the rights of who calls this
	RETURN QUERY
	SELECT r.step, r.name, r.status
	  FROM jsonb_to_recordset(influence_internal.run_as(roles.owner_name,
				format('SELECT influence_internal.install_as_owner(%L)',
					   ARRAY[roles.owner_name, roles.writer_name, roles.reader_name, roles.operator_name]))::jsonb) r(step int, name text, status text)
	 ORDER BY r.step;
END
$$;
REVOKE ALL ON FUNCTION influence.install(text) FROM PUBLIC;
COMMENT ON FUNCTION influence.install(text) IS
'Creates or migrates the program''s tables in schema influence and publishes its functions; returns a row per step (applied or present). Idempotent, safe to run at once from two sessions (advisory lock). Creates the NOLOGIN roles x_owner, x_writer, x_reader and x_operator when missing (default x = influence; the owner may not be a superuser: IN002; another owner than the one installed: IN004). Call it after CREATE EXTENSION and after every ALTER EXTENSION UPDATE.';

CREATE FUNCTION influence.uninstall(confirm text)
RETURNS TABLE (dropped bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted text := 'drop all influence data in ' || current_database();
	item record;
	tables text;
	table_count bigint;
BEGIN
	IF uninstall.confirm IS DISTINCT FROM wanted THEN
		RAISE EXCEPTION USING ERRCODE = 'IN005',
			MESSAGE = 'the confirmation does not match',
			DETAIL = 'This drops every table of the program with its ledger.',
			HINT = format('Run SELECT influence.uninstall(%L).', wanted);
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended('pg_influence install', 0));
	dropped := 0;
	FOR item IN
		SELECT format('DROP FUNCTION influence.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS command
		  FROM pg_proc p
		  JOIN influence_internal.published() w ON w.name = p.proname
		 WHERE p.pronamespace = 'influence'::regnamespace AND p.prosecdef
	LOOP
		EXECUTE item.command;
		dropped := dropped + 1;
	END LOOP;
	FOR item IN
		SELECT format('DROP VIEW influence.%I', v.name) AS command
		  FROM influence_internal.installed_views() WITH ORDINALITY v(name, place)
		 WHERE to_regclass('influence.' || v.name) IS NOT NULL
		 ORDER BY v.place DESC
	LOOP
		EXECUTE item.command;
		dropped := dropped + 1;
	END LOOP;
	-- all at once and without CASCADE: what others built on these tables stops it
	SELECT string_agg(c.oid::regclass::text, ', '), count(*) INTO tables, table_count
	  FROM pg_class c
	 WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	   AND pg_get_userbyid(c.relowner) = influence_internal.installed_owner();
	IF tables IS NOT NULL THEN
		EXECUTE 'DROP TABLE ' || tables;
		dropped := dropped + table_count;
	END IF;
	RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION influence.uninstall(text) FROM PUBLIC;
COMMENT ON FUNCTION influence.uninstall(text) IS
'Drops what install() made in this database, data included, and returns the number of objects dropped; asks for a confirmation text that names the database (IN005 shows it). Views and tables of others that depend on the program''s tables stop it. Roles belong to the whole cluster and stay, and so do the extension and the job in pg_cron: run unschedule_jobs() first.';
