/*
 * settings.sql
 *
 * What settings may say. A setting is a JSON value, or an object of values, in
 * versions of which the greatest holds. setting_rules() names each key with its
 * kind and range: set_setting() refuses by it with words, a CHECK of the table
 * that is made of it (setting_check) refuses what is written past the function,
 * and docs/reference/settings.md is generated from it. So whoever reads a setting
 * finds every key, with a value that can be meant.
 */
CREATE FUNCTION influence_internal.setting_rules()
RETURNS TABLE (name text, key text, kind text, lowest text, highest text, optional boolean, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
ROWS 100
AS $$
	-- keys with one rule stand in one row; no key: the value itself
	SELECT v.name, coalesce(k.key, ''), v.kind, v.lowest, v.highest, v.optional, v.meaning
	  FROM (VALUES
		('engagement_weights', 'publish', 'number', '0.001', '1000000', false, 'what the publication of a post weighs in its rank'),
		('engagement_weights', 'smile comment share save click', 'number', '0', '1000000', false, 'what one weighs in ranks, trends and the history of a viewer'),
		('engagement_weights', 'unsmile', 'number', '-1000000', '0', false, 'what takes a smile back'),
		('engagement_weights', 'vote', 'number', '0', '1000000', false, 'a vote on a product, in trends and the history of a viewer'),
		('engagement_weights', 'purchase', 'number', '0', '1000000', false, 'an order line in the history of a viewer'),
		('rank_half_life', '', 'elapsed', '1 minute', '3650 days', false, 'after so long an engagement counts half in the rank of a post'),
		('reapply_after', '', 'time', '0', '100 years', false, 'how long a rejected creator waits before it applies again'),
		('minimum_interests', '', 'count', '0', '1000', false, 'how many topics a shopper has to choose'),
		('destination_cooling_off', '', 'time', '0', '1 year', false, 'how long nothing is reserved after a payout destination changed'),
		('retention', 'touch engagement impression', 'time', '0', '100 years', true, 'after so long a month of them may be dropped; null: never'),
		('retention', 'sponsored_charge', 'time', '60 days', '100 years', true, 'after so long impressions and clicks of campaigns are dropped, and can be refunded no more; null: never'),
		('story_lifetime', '', 'time', '1 minute', '100 years', false, 'how long a story is shown'),
		('vote_weights', 'young', 'number', '0', '1', false, 'what a vote of a young account weighs'),
		('vote_weights', 'young_age', 'time', '0', '100 years', false, 'how long an account is young'),
		('vote_weights', 'hour_votes', 'number', '1', '1000000000', false, 'so many votes of an hour in one direction count in full'),
		('vote_weights', 'hour_factor', 'number', '0', '1000000', false, 'or so many times as many as in the mean hour of the week before'),
		('vote_weights', 'prior_votes', 'number', '0.001', '1000000000', false, 'how many votes the mean of a category is worth'),
		('sample_minimum_followers', '', 'count', '0', '1000000000000', false, 'how many followers here a creator needs to be sent samples'),
		('strike_limits', 'suspend ban', 'count', '1', '1000000', true, 'from so many points on a creator is; null: never'),
		('strike_limits', 'expires', 'time', '1 second', '100 years', true, 'how long a strike counts; null: for ever'),
		('click_dedup', '', 'time', '0', '1 year', false, 'after so long a pause a click of the same visitor counts again'),
		('fraud_days', '', 'count', '1', '100000', false, 'how many days the views of fraud look back'),
		('fraud_thresholds', 'flood_clicks brushing_orders', 'count', '1', '1000000000', true, 'so many are a sign; null: never'),
		('fraud_thresholds', 'flood_share brushing_cheap brushing_share drop_share', 'number', '0', '1', true, 'such a share is a sign; null: never'),
		('fraud_thresholds', 'brushing_orders_per_buyer jump_factor', 'number', '1', '1000000', true, 'so many times as many are a sign; null: never'),
		('fraud_thresholds', 'reciprocal_orders', 'count', '1', '1000000000', true, 'orders of each from the other; null: never'),
		('fraud_thresholds', 'session_visitors', 'count', '2', '1000000', true, 'a session of more visitors is none; null: none is'),
		('fraud_thresholds', 'jump_followers', 'count', '0', '1000000000000', true, 'so many more, or fewer, are a sign; null: never'),
		('fraud_thresholds', 'jump_days', 'count', '1', '36500', true, 'within so many days; null: never'),
		('fraud_case_scores', 'self_purchases related_accounts click_floods brushing impossible_engagement', 'number', '0', '1', true, 'from this score on a case is opened; null: never'),
		('fraud_hold_scores', 'self_purchases related_accounts click_floods brushing impossible_engagement', 'number', '0', '1', true, 'from this score on payouts wait; null: never'),
		('influence_days', '', 'count', '1', '36500', false, 'how many days of sales the influence of a creator is counted from'),
		('scores_kept', '', 'time', '0', '100 years', true, 'how long scores are kept; null: for ever'),
		('score_cell_minimum', '', 'count', '1', '1000000', false, 'how many channels a platform, vertical and tier needs to be compared within'),
		('gift_reservation', '', 'time', '1 minute', '100 years', false, 'how long a gift is reserved'),
		('friend_similarity', '', 'number', '0', '1', false, 'the lowest similarity of a name that find_friends() answers'),
		('reevaluate_rejected', '', 'flag', '', '', false, 'whether rejected creators are admitted as soon as they pass, without applying again'),
		('feed_candidates', 'per_creator per_item per_product product_posts', 'count', '0', '100', false, 'posts looked at of one creator, post, product, product bought; 0: none'),
		('feed_candidates', 'follow_creators neighbor_items neighbor_products explore_places topics', 'count', '0', '1000', false, 'creators, posts, products, places, topics looked at; 0: none'),
		('feed_candidates', 'per_topic trending popular explore intent_posts', 'count', '0', '10000', false, 'posts looked at of a topic, of what is trending, popular, explored, or fits the intent; 0: none'),
		('feed_candidates', 'explore_days', 'count', '0', '10000', false, 'how old a post may be that is explored; 0: none is'),
		('feed_candidates', 'history_days', 'count', '1', '10000', false, 'how old a post of the feed may be'),
		('feed_history_half', '', 'number', '0.01', '1000000', false, 'an engagement weighs half when so many came after it'),
		('feed_neighbor_half', '', 'number', '0.01', '1000000', false, 'an engagement weighs half when so many came after it, where neighbours of what it was about are looked for'),
		('feed_caps', 'post creator', 'count', '1', '10000', false, 'how often a viewer may see a post in a week, and a creator in a day'),
		('feed_intent_window', '', 'time', '1 minute', '100 years', false, 'how far intent buy looks back'),
		('report_limit', '', 'count', '1', '1000000', true, 'so many reports make a post wait for moderation; null: none do'),
		('feed_shrinkage', 'impressions', 'number', '1', '1000000000', false, 'how many impressions the mean of a program is worth'),
		('feed_shrinkage', 'formats', 'number', '1', '1000000000', false, 'how many engagements the formats of everybody are worth in those of a device'),
		('feed_shrinkage', 'drift', 'number', '0', '100', false, 'the share by which a mean moves before posts are counted anew'),
		('trend_weights', 'view click cart coupon sale', 'number', '0', '1000000', false, 'what one weighs in the trends of products'),
		('trending', 'candidates', 'count', '1', '10000', false, 'how many of a scope are compared'),
		('feed_neighbors', 'post_days product_days', 'count', '1', '36500', false, 'how far choices look back'),
		('feed_neighbors', 'neighbors', 'count', '1', '1000', false, 'how many neighbours of an item are kept'),
		('feed_neighbors', 'shrink', 'number', '0', '1000000000', false, 'how many common shoppers a similarity is shrunk by'),
		('feed_neighbors', 'max_history', 'count', '1', '100000', false, 'how many of a shopper''s choices count'),
		('feed_neighbors', 'merge_shoppers merge_people', 'count', '0', '1000000000', false, 'how many the job of each minute looks at'),
		('feed_neighbors', 'merge_change', 'number', '0', '1', false, 'how large a share of them is new when it does'),
		('tax_retention', '', 'time', '0', '100 years', false, 'how long tax law wants a creator''s data after the end of the year')
		) v(name, keys, kind, lowest, highest, optional, meaning)
	  LEFT JOIN LATERAL pg_catalog.string_to_table(v.keys, ' ') k(key) ON true
$$;
COMMENT ON FUNCTION influence_internal.setting_rules() IS
'What each setting may say: key ('''' = the value itself is it), kind (count: a whole number; number; time: an interval; elapsed: one without months and years; flag: true or false), lowest and highest, optional (null is possible, too), meaning.';

CREATE FUNCTION influence_internal.setting_range(kind text, lowest text, highest text, optional boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.concat(CASE kind WHEN 'count' THEN 'a whole number' WHEN 'number' THEN 'a number' WHEN 'time' THEN 'an interval in quotes'
									   WHEN 'elapsed' THEN 'an interval in quotes, without months and years,' ELSE 'true or false' END,
							 CASE WHEN kind OPERATOR(pg_catalog.<>) 'flag' THEN pg_catalog.concat(' from ', lowest, ' to ', highest) END,
							 CASE WHEN optional THEN ', or null' END)
$$;
COMMENT ON FUNCTION influence_internal.setting_range(text, text, text, boolean) IS 'In words what a rule of setting_rules() lets through.';

CREATE FUNCTION influence_internal.setting_test(value text, kind text, lowest text, highest text, optional boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- of built-in functions only, since it stands in a CHECK; CASE, since casts come after the tests of what they cast
	SELECT pg_catalog.format(CASE kind
			WHEN 'count' THEN 'CASE WHEN pg_catalog.jsonb_typeof(%1$s) = ''number'' AND %1$s::text ~ ''^-?[0-9]+$'' THEN %1$s::text::numeric BETWEEN %2$L AND %3$L ELSE %4$s END'
			WHEN 'number' THEN 'CASE WHEN pg_catalog.jsonb_typeof(%1$s) = ''number'' THEN %1$s::text::numeric BETWEEN %2$L AND %3$L '
							  'AND %1$s::text::float8 IS NOT NULL ELSE %4$s END'		-- as readers have it
			WHEN 'time' THEN 'CASE WHEN pg_catalog.jsonb_typeof(%1$s) = ''string'' THEN (%1$s #>> ''{}'')::interval BETWEEN %2$L AND %3$L ELSE %4$s END'
			WHEN 'elapsed' THEN 'CASE WHEN pg_catalog.jsonb_typeof(%1$s) = ''string'' THEN (%1$s #>> ''{}'')::interval BETWEEN %2$L AND %3$L '
								'AND pg_catalog.date_trunc(''month'', (%1$s #>> ''{}'')::interval) = ''0'' ELSE %4$s END'
			ELSE 'coalesce(pg_catalog.jsonb_typeof(%1$s) = ''boolean'', false)' END,
		value, lowest, highest, CASE WHEN optional THEN pg_catalog.format('coalesce(pg_catalog.jsonb_typeof(%s) = ''null'', false)', value) ELSE 'false' END)
$$;
COMMENT ON FUNCTION influence_internal.setting_test(text, text, text, text, boolean) IS 'An expression that says whether a JSON value (an expression, too) is what a rule of setting_rules() lets through; what is no interval at all raises 22007, what is too near to 0 for float8 22003.';

CREATE FUNCTION influence_internal.setting_check()
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT format('CASE name %s ELSE false END', string_agg(format('WHEN %L THEN %s', s.name, s.test), ' ' ORDER BY s.name))
			  FROM (SELECT r.name,
						   CASE WHEN bool_or(r.key = '') THEN string_agg(influence_internal.setting_test('value', r.kind, r.lowest, r.highest, r.optional), ' AND ')
								ELSE format('CASE WHEN pg_catalog.jsonb_typeof(value) = ''object'' THEN value - %L::text[] = ''{}'' AND %s ELSE false END',
											array_agg(r.key ORDER BY r.key),
											string_agg(influence_internal.setting_test(format('(value -> %L)', r.key), r.kind, r.lowest, r.highest, r.optional), ' AND ' ORDER BY r.key))
						   END AS test
					  FROM influence_internal.setting_rules() r
					 GROUP BY r.name) s);
END
$$;
COMMENT ON FUNCTION influence_internal.setting_check() IS 'The CHECK of the table setting: all keys of setting_rules() are there, no other ones, and their values are possible.';

CREATE FUNCTION influence_internal.require_setting(name text, value jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	keys text[] := ARRAY(SELECT r.key FROM influence_internal.setting_rules() r WHERE r.name = $1 ORDER BY r.key);
	missing text;
	rule record;
	part jsonb;
	possible boolean;
BEGIN
	PERFORM influence_internal.require_arguments('name', $1, 'value', $2::text);
	IF keys = '{}' THEN
		PERFORM influence_internal.raise_unknown('setting', $1,
			format('Use one of: %s.', (SELECT string_agg(DISTINCT r.name, ', ' ORDER BY r.name) FROM influence_internal.setting_rules() r)));
	ELSIF keys <> '{""}' THEN
		PERFORM influence_internal.check_keys($2, keys, format('the setting %s', $1));
		SELECT string_agg(k, ', ' ORDER BY k) INTO missing FROM unnest(keys) k WHERE NOT $2 ? k;
		IF missing IS NOT NULL THEN
			PERFORM influence_internal.raise_invalid(format('the setting %s lacks keys', $1), format('Missing: %s.', missing),
				format('Give all of its keys; what holds now: %s.', influence_internal.setting_value($1)));
		END IF;
	END IF;
	FOR rule IN SELECT r.* FROM influence_internal.setting_rules() r WHERE r.name = $1 ORDER BY r.key LOOP
		part := CASE WHEN rule.key = '' THEN $2 ELSE $2 -> rule.key END;
		BEGIN
			EXECUTE 'SELECT ' || influence_internal.setting_test('$1', rule.kind, rule.lowest, rule.highest, rule.optional) INTO possible USING part;
		EXCEPTION WHEN data_exception THEN
			possible := false;
		END;
		IF possible IS NOT TRUE THEN
			PERFORM influence_internal.raise_invalid(format('the setting %s has a value that is not possible', $1), format('%s: %s.', coalesce(nullif(rule.key, ''), 'value'), part),
				format('%s is %s.', coalesce(nullif(rule.key, ''), 'It'), influence_internal.setting_range(rule.kind, rule.lowest, rule.highest, rule.optional)));
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.require_setting(text, jsonb) IS 'Raises IN003 for a setting that is not there, IN002 unless its value has all of its keys, no other ones, and each a possible value.';

CREATE FUNCTION influence_internal.set_setting(name text, value jsonb)
RETURNS TABLE (status text, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	newest record;
BEGIN
	PERFORM influence_internal.require_setting($1, $2);
	PERFORM influence_internal.lock_key('setting ' || $1);
	SELECT s.version, s.value INTO newest FROM influence.setting s WHERE s.name = $1 ORDER BY s.version DESC LIMIT 1;
	IF newest.value = $2 THEN
		RETURN QUERY SELECT 'duplicate', newest.version;
		RETURN;
	END IF;
	INSERT INTO influence.setting AS s (name, version, value) VALUES ($1, coalesce(newest.version, 0) + 1, $2)
	RETURNING s.version INTO version;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_setting(text, jsonb) IS
'Gives a setting of the whole installation a new value from now on: a JSON value (''5'', ''"30 days"'', ''true''), or an object with all of its keys; docs/reference/settings.md lists each with its range. Earlier versions stay in the table setting. What holds already is a duplicate. -> status recorded | duplicate, version. IN002 (keys unknown or missing, a value out of range), IN003 no such setting, IN005 in REPEATABLE READ and SERIALIZABLE.';
