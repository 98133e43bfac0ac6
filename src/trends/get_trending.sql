/*
 * get_trending.sql
 *
 * What is talked about and bought now, against what is usual for it. The best of
 * a scope by their decayed counter C (a stretch of an index of trend_state) are
 * compared with what they had in the long run: of a steady stream of events a
 * counter of half-life h holds h / 30 d of what that of 30 days holds, so
 *
 *	baseline E = C(30 d) x h / 30 d,	z = (C - E) / sqrt(E + 1)
 *
 * (the standard score of a Poisson count with one event of doubt), and
 *
 *	score = log2(1 + C) + log2(1 + max(z, 0))
 *
 * orders them: twice the events are as good as twice the surprise.
 */
CREATE FUNCTION influence_internal.trend_best(program_id bigint, kind text, scope bigint, half_life text, most int)
RETURNS TABLE (item_id bigint, score float8, long_score float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	items boolean := $2 IN ('post', 'product');
	lists bigint[] := ARRAY[$3];
	score text := CASE $2 WHEN 'post' THEN 'score_' ELSE 'other_score_' END;
	-- all but posts: down the steps, which are in an index, and within each by score
	downward text := CASE $2 WHEN 'post' THEN '' ELSE format('t.%I DESC, ', 'step_' || $4) END || format('t.%I DESC, t.item_id DESC', score || $4);
	above text := format('t.scope_id = 0 AND t.%I IS NOT NULL', CASE $2 WHEN 'post' THEN 'score_' ELSE 'step_' END || $4);
BEGIN
	-- planned with the arguments, so that the condition of an index is seen to hold, and how much there is in a list
	IF $3 = 0 AND $2 <> 'category' THEN
		RETURN QUERY EXECUTE format($q$
			SELECT t.item_id, t.%I, t.%I FROM influence.trend_state t
			 WHERE t.program_id = $1 AND t.kind = $2 AND %s
			 ORDER BY %s LIMIT $3 $q$, score || $4, score || '30d', above, downward)
		  USING $1, $2, $5;
		RETURN;
	END IF;
	IF items THEN
		lists := ARRAY(SELECT k.category_id FROM influence.category k WHERE $3 = ANY (k.path));
	END IF;
	RETURN QUERY EXECUTE format(
		-- a small branch is read and sorted (creators have a counter of their own in it), a large one is met often enough on the
		-- way down the order of all
		CASE WHEN $2 = 'creator' OR (SELECT count(*) FROM (SELECT FROM influence.trend_state t
														   WHERE t.program_id = $1 AND t.kind = $2 AND t.list_id = ANY (lists) LIMIT 4001) x) <= 4000 THEN $q$
		SELECT c.item_id, c.score, c.long_score
		  FROM (SELECT t.item_id, t.%1$I AS score, t.%2$I AS long_score FROM influence.trend_state t
				 WHERE t.program_id = $1 AND t.kind = $2 AND t.list_id = ANY ($3) OFFSET 0) c
		 WHERE c.score IS NOT NULL
		 ORDER BY c.score DESC, c.item_id DESC LIMIT $4 $q$
		ELSE $q$
		SELECT t.item_id, t.%1$I, t.%2$I FROM influence.trend_state t
		 WHERE t.program_id = $1 AND t.kind = $2 AND %3$s AND t.list_id = ANY ($3)
		 ORDER BY %4$s LIMIT $4 $q$ END, score || $4, score || '30d', above, downward)
	  USING $1, $2, lists, $5;
END
$$;
COMMENT ON FUNCTION influence_internal.trend_best(bigint, text, bigint, text, int) IS
'The best of a scope by their counter of one half-life: its score (as in trend_rank), and that of 30 days.';

CREATE FUNCTION influence_internal.trend_candidates(program_id bigint, kind text, scope bigint, half_life text, moment timestamptz)
RETURNS TABLE (item_id bigint, events float8, baseline float8, z float8, score float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	most int := (influence_internal.setting_value('trending') ->> 'candidates')::int;
	since float8 := extract(epoch FROM $5 - timestamptz '2000-01-01 00:00:00+00');
	span float8 := extract(epoch FROM influence_internal.trend_half_life($4));
	longest float8 := extract(epoch FROM influence_internal.trend_half_life('30d'));
BEGIN
	RETURN QUERY
	SELECT x.item_id, x.events, x.baseline, x.z, (ln(1 + x.events) + ln(1 + greatest(x.z, 0))) / ln(2::float8)
	  FROM (SELECT c.item_id, c.events, c.baseline, (c.events - c.baseline) / sqrt(c.baseline + 1) AS z, c.rank
			  FROM (-- powers within the range of float8, also for moments long before or after all events
					SELECT r.item_id, r.score AS rank, power(2::float8, greatest(-500, least(500, r.score - since / span))) AS events,
						   CASE WHEN $4 <> '30d' THEN power(2::float8, greatest(-500, least(500, coalesce(r.long_score, '-Infinity') - since / longest))) * span / longest END AS baseline
					  FROM (SELECT b.item_id, b.score, b.long_score, max(b.score) OVER () AS best
							  FROM influence_internal.trend_best($1, $2, $3, $4, most) b) r
					 WHERE r.score >= r.best - 64) c) x
	 ORDER BY 5 DESC, x.rank DESC, x.item_id DESC;
END
$$;
COMMENT ON FUNCTION influence_internal.trend_candidates(bigint, text, bigint, text, timestamptz) IS
'The best of a scope by their counter as of a moment (events), so many as the setting trending says, with baseline and z (NULL for half-life 30d), best score first. What has less than 2^-64 of the best is left out.';

CREATE FUNCTION influence_internal.trend_half_life(name text)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE name WHEN '6h' THEN interval '6 hours' WHEN '3d' THEN interval '3 days' WHEN '30d' THEN interval '30 days' END $$;
COMMENT ON FUNCTION influence_internal.trend_half_life(text) IS 'The half-life of a decayed counter by its name: 6h, 3d, 30d; NULL for others.';

CREATE FUNCTION influence_internal.trend_shown(program_id bigint, kind text, item_ids bigint[], viewer_id uuid, as_of timestamptz)
RETURNS TABLE (item_id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	viewers uuid[];
BEGIN
	IF $2 = 'post' THEN
		RETURN QUERY SELECT e.post_id FROM influence_internal.feed_eligible($1, $4, $3, $5) e WHERE e.verdict = 'eligible';
	ELSIF $2 = 'product' THEN
		RETURN QUERY
		SELECT u FROM unnest($3) u
		 WHERE influence_internal.stock_at(u, $5) > 0
		   AND u NOT IN (SELECT b.product_id FROM influence_internal.tagging_bars($1, NULL, $3, $5) b);
	ELSIF $2 = 'creator' THEN
		viewers := influence_internal.person_visitors($4);
		RETURN QUERY
		SELECT u FROM unnest($3) u
		 WHERE influence_internal.creator_status_at(u, $5) = 'active'
		   AND NOT EXISTS (SELECT FROM influence.block b WHERE b.visitor_id = ANY (viewers) AND b.creator_id = u)
		   AND NOT EXISTS (SELECT FROM influence.mute m
							WHERE m.visitor_id = ANY (viewers) AND m.target_kind = 'creator' AND m.target_id = u AND (m.until IS NULL OR m.until > $5))
		   AND NOT EXISTS (SELECT FROM influence.hidden h
							WHERE h.visitor_id = ANY (viewers) AND h.target_kind = 'creator' AND h.target_id = u AND h.since <= $5
							  AND (h.kind <> 'see_less' OR h.since > $5 - interval '14 days'));
	ELSE
		RETURN QUERY SELECT unnest($3);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.trend_shown(bigint, text, bigint[], uuid, timestamptz) IS
'Which of some posts, products, creators or categories a viewer (NULL = a guest) may be shown at a moment: posts by the rules of the feed; products in stock that the program may show; creators who are active, not blocked, muted or hidden; all categories.';

CREATE FUNCTION influence_internal.get_trending(program_id bigint, kind text DEFAULT 'post', scope bigint DEFAULT 0, half_life text DEFAULT '3d',
	page_size int DEFAULT 20, cursor text DEFAULT NULL, as_of timestamptz DEFAULT now(), viewer_id uuid DEFAULT NULL)
RETURNS TABLE (rank int, item_id bigint, name text, creator_id bigint, score float8, events float8, baseline float8, z float8, next_cursor text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	reader uuid := coalesce($8, '00000000-0000-0000-0000-000000000000');
	moment timestamptz := $7;
	list text := format('trending:%s:%s:%s', $2, $3, $4);
	delivered bigint[] := '{}';
	items bigint[];
	makers bigint[];					-- of posts, in the order of items
	scores float8[];					-- and what is said of items
	events float8[];
	baselines float8[];
	zs float8[];
	shown bigint[];
	page bigint[] := '{}';
	page_makers bigint[] := '{}';
	waiting bigint[] := '{}';			-- posts of creators who have one among the first ten
	first_makers bigint[] := '{}';
	place int;
	next text;
	secret bytea := (SELECT s.seal_secret FROM influence.program_secret s WHERE s.program_id = $1);
BEGIN
	PERFORM influence_internal.program_facts($1);
	IF secret IS NULL THEN
		PERFORM influence_internal.raise_no_secret($1);		-- what cursors are sealed with
	END IF;
	PERFORM influence_internal.require_arguments('kind', $2, 'scope', $3::text, 'half_life', $4, 'as_of', $7::text);
	PERFORM influence_internal.require_finite('as_of', $7);
	IF $2 NOT IN ('post', 'product', 'creator', 'category') THEN
		PERFORM influence_internal.raise_invalid(format('kind "%s" is not known', $2), NULL, 'Use post, product, creator or category.');
	ELSIF influence_internal.trend_half_life($4) IS NULL THEN
		PERFORM influence_internal.raise_invalid(format('half-life "%s" is not known', $4), NULL, 'Use 6h, 3d or 30d.');
	ELSIF $5 IS NULL OR $5 NOT BETWEEN 1 AND 100 THEN
		PERFORM influence_internal.raise_invalid('page_size is out of range', format('page_size: %s', $5), 'Ask for 1 to 100 rows a page.');
	ELSIF $3 <> 0 AND NOT EXISTS (SELECT FROM influence.category k WHERE k.category_id = $3) THEN
		PERFORM influence_internal.raise_unknown('category', $3::text, 'Use a category of the catalogue as scope, or 0 for all.');
	END IF;
	IF $6 IS NOT NULL THEN
		-- an intent of its own: a cursor of the feed, whatever its surface is called, is none of trends, nor the other way
		SELECT c.as_of, c.delivered INTO moment, delivered FROM influence_internal.feed_cursor_decode(secret, $1, reader, $6, list, 'trending') c;
		moment := least(moment, $7);
	END IF;
	PERFORM influence_internal.require_capability($1, 'read', $8, $7, NULL, NULL);
	SELECT array_agg(c.item_id ORDER BY c.n), array_agg(coalesce(f.creator_id, 0) ORDER BY c.n), array_agg(c.score ORDER BY c.n),
		   array_agg(c.events ORDER BY c.n), array_agg(c.baseline ORDER BY c.n), array_agg(c.z ORDER BY c.n)
	  INTO items, makers, scores, events, baselines, zs
	  FROM influence_internal.trend_candidates($1, $2, $3, $4, moment) WITH ORDINALITY c(item_id, events, baseline, z, score, n)
	  LEFT JOIN influence.feed_item f ON $2 = 'post' AND f.post_id = c.item_id
	 WHERE c.item_id <> ALL (delivered);
	IF $2 = 'post' THEN
		SELECT coalesce(array_agg(f.creator_id), '{}') INTO first_makers
		  FROM influence.feed_item f WHERE f.post_id = ANY (delivered[1:10]);
	END IF;
	FOR i IN 1 .. coalesce(cardinality(items), 0) LOOP
		IF i % 50 = 1 THEN
			shown := ARRAY(SELECT s.item_id FROM influence_internal.trend_shown($1, $2, items[i : i + 49], $8, $7) s);
		END IF;
		CONTINUE WHEN items[i] <> ALL (shown);
		place := cardinality(delivered) + cardinality(page);
		IF place >= 10 AND cardinality(waiting) > 0 THEN
			page := page || waiting;		-- they are better than what comes
			waiting := '{}';
		END IF;
		IF $2 = 'post' AND place < 10 AND makers[i] = ANY (first_makers) THEN
			waiting := waiting || items[i];
		ELSE
			page := page || items[i];
			first_makers := first_makers || makers[i];
		END IF;
		EXIT WHEN cardinality(page) >= $5;
	END LOOP;
	page := (page || waiting)[1:$5];		-- where there are no more creators, those there are have the rest
	IF cardinality(page) = $5 AND cardinality(delivered) + $5 <= 500 THEN
		next := influence_internal.feed_cursor_encode(secret, $1, reader, moment, delivered || page, list, 'trending');
	END IF;
	RETURN QUERY
	SELECT (cardinality(delivered) + p.n)::int, p.item_id,
		   CASE $2 WHEN 'post' THEN (SELECT x.post_ref FROM influence.post x WHERE x.post_id = p.item_id)
				   WHEN 'product' THEN (SELECT x.title FROM influence.product x WHERE x.product_id = p.item_id)
				   WHEN 'creator' THEN (SELECT x.name FROM influence.creator x WHERE x.creator_id = p.item_id)
				   ELSE (SELECT x.name FROM influence.category x WHERE x.category_id = p.item_id) END,
		   CASE $2 WHEN 'post' THEN (SELECT x.creator_id FROM influence.post x WHERE x.post_id = p.item_id) WHEN 'creator' THEN p.item_id END,
		   c.score, c.events, c.baseline, c.z, next
	  FROM unnest(page) WITH ORDINALITY p(item_id, n)
	  JOIN unnest(items, scores, events, baselines, zs) c(item_id, score, events, baseline, z) ON c.item_id = p.item_id
	 ORDER BY p.n;
END
$$;
COMMENT ON FUNCTION influence_internal.get_trending(bigint, text, bigint, text, int, text, timestamptz, uuid) IS
'What is talked about and bought now in a program, against what is usual for it: posts, products, creators or categories (kind), of a branch of the catalogue (scope: a category with all below it, 0 = all; categories: those right below it), by counters of half-life 6h, 3d or 30d. events: the decayed sum of its events as of now (setting trend_weights for products and categories, engagement_weights for posts and creators); baseline: what it would be at the rate of the long run; z = (events - baseline) / sqrt(baseline + 1); score = log2(1 + events) + log2(1 + max(z, 0)) orders them (30d has no baseline). Posts by the rules of the feed, at most one per creator among the first ten as long as there are others; products in stock; creators who are active; nothing that the viewer (NULL = a guest) blocked, muted or hid. name: post_ref, title or name. Pass next_cursor for the next page: pages never repeat an item. Counters are as of the last minute job; as_of in the past looks at the same counters, in which what came after it weighs more than one. Figures of counters end at 2^-500 and 2^500, some 500 half-lives before or after the events: beyond them (half-life 6h: four months) only the order still says something. IN001 where the program''s secret is gone, IN002, IN003 no such program or category, IN005 a capability (read).';
