/*
 * refresh.sql
 *
 * refresh_stats: brings the buckets that new facts reach to what all their facts
 * say, and has the room trends do its part. Running it again, or over facts in
 * another order, gives the same rows; unchanged rows are not written.
 * seal_stats: what is old enough stays as it is.
 *
 * Events are added to the hours, each once: when its transaction is new by the
 * watermark. That is exact as long as the hours are what the watermark shows.
 * They may not be after a first run in a cluster, which takes all there is: what
 * committed while it ran, and, in a restored database, facts with transaction
 * ids that this cluster has not counted to yet. All these will be new once more.
 * Where there are such, hours are counted anew until the watermark is past them
 * (recount_until), once more from what it shows and nothing else, and from then
 * on added to.
 */
CREATE FUNCTION influence_internal.hours_method(last_seen pg_snapshot, upper pg_snapshot)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	stored record;
BEGIN
	IF $2 IS NULL THEN
		RETURN 'recount';
	END IF;
	SELECT w.recount_until, w.moved_at INTO stored FROM influence.watermark w WHERE w.name = 'refresh_stats';
	IF stored.recount_until IS NULL THEN
		RETURN 'add';
	END IF;
	-- a run before in this transaction may have counted what the transaction wrote
	RETURN CASE WHEN pg_snapshot_xmin($1) > stored.recount_until AND stored.moved_at <> now() THEN 'settle' ELSE 'recount' END;
END
$$;
COMMENT ON FUNCTION influence_internal.hours_method(pg_snapshot, pg_snapshot) IS
'How the job refresh_stats brings its new events into the hours: add, settle (count the hours they reach anew, from what upper shows; afterwards add is exact) or recount (anew from all there is).';

CREATE FUNCTION influence_internal.close_hours(method text, upper pg_snapshot, seen pg_snapshot)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	taken xid8;
BEGIN
	IF $1 = 'recount' AND $2 IS NOT NULL THEN
		RETURN;
	END IF;
	IF $2 IS NULL THEN
		-- mostly none
		SELECT greatest(max(m.xact), pg_current_xact_id()) INTO taken
		  FROM (SELECT x.xact FROM influence.touch x WHERE influence_internal.is_fresh(x.xact, $3, NULL)
				UNION ALL
				SELECT x.xact FROM influence.engagement x WHERE influence_internal.is_fresh(x.xact, $3, NULL)
				UNION ALL
				SELECT x.xact FROM influence.impression x WHERE influence_internal.is_fresh(x.xact, $3, NULL)
				UNION ALL
				-- sales in hours are always counted anew, but counters add them
				SELECT x.xact FROM influence.order_line x WHERE influence_internal.is_fresh(x.xact, $3, NULL)) m
		HAVING count(*) > 0;
	END IF;
	UPDATE influence.watermark w SET recount_until = taken
	 WHERE w.name = 'refresh_stats' AND w.recount_until IS DISTINCT FROM taken;
END
$$;
COMMENT ON FUNCTION influence_internal.close_hours(text, pg_snapshot, pg_snapshot) IS
'Notes in the watermark of refresh_stats whether hours and counters are what it shows, at the end of a run by a method (hours_method) up to upper, of which the watermark will show seen.';

CREATE FUNCTION influence_internal.refresh_stats(days boolean DEFAULT true)
RETURNS TABLE (status text, post_hours bigint, creator_hours bigint, product_hours bigint, category_hours bigint, days_written bigint, post_ranks bigint,
	feed_items bigint, trends bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
	day_mark record;
	method text;
	bound pg_snapshot;
	counted pg_snapshot;
	-- a larger import, and what passes maintenance_work_mem, is counted by sorting its hours, in the memory of a sort
	max_added int := 100000;
	-- of which only the buckets take memory
	max_shown int := 2147483647;
	-- to the hours of posts: only then what is new can be added to their totals, too
	added boolean;
	touched record;
	creators bigint;
	products bigint;
	categories bigint;
BEGIN
	PERFORM influence_internal.require_arguments('days', $1::text);
	-- sales of posts and returns get the visitors of their lines
	PERFORM influence_internal.share_key('forgetting shoppers');
	-- rows that move into their partition are waited for before a statement sees anything
	LOCK TABLE ONLY influence.touch, ONLY influence.engagement, ONLY influence.impression IN ACCESS SHARE MODE;
	SELECT * INTO mark FROM influence_internal.open_watermark('refresh_stats');
	PERFORM influence_internal.progress_start('refresh_stats', NULL, 'hours of posts');
	method := influence_internal.hours_method(mark.last_seen, mark.upper);
	bound := CASE WHEN method <> 'recount' THEN mark.upper END;
	IF method = 'add' THEN
		post_hours := influence_internal.add_engagements(mark.last_seen, mark.upper, max_added);
	END IF;
	added := post_hours IS NOT NULL;
	IF NOT added THEN
		post_hours := influence_internal.refresh_post_hours(mark.last_seen, mark.upper, bound);
	END IF;
	post_hours := post_hours + coalesce(CASE WHEN method = 'add' THEN influence_internal.add_impressions(mark.last_seen, mark.upper, max_shown) END,
										influence_internal.refresh_impression_hours(mark.last_seen, mark.upper, bound));
	PERFORM influence_internal.progress_phase('hours of touches');
	SELECT a.* INTO touched FROM influence_internal.add_touches(mark.last_seen, mark.upper, max_added) a WHERE method = 'add';
	creators := touched.creators;
	products := touched.products;
	categories := touched.categories;
	IF creators IS NULL THEN
		creators := influence_internal.refresh_touch_hours('creator', mark.last_seen, mark.upper, bound);
		products := influence_internal.refresh_touch_hours('product', mark.last_seen, mark.upper, bound);
		categories := influence_internal.refresh_touch_hours('category', mark.last_seen, mark.upper, bound);
	END IF;
	PERFORM influence_internal.progress_phase('hours of sales');
	creator_hours := creators + influence_internal.refresh_earning_hours(mark.last_seen, mark.upper);
	product_hours := products + influence_internal.refresh_sale_hours('product', mark.last_seen, mark.upper);
	category_hours := categories + influence_internal.refresh_sale_hours('category', mark.last_seen, mark.upper);
	IF method = 'settle' THEN
		-- what was new twice was added twice to counters and ranks: once all anew
		DELETE FROM influence.trend_basis;
	END IF;
	-- until then from all there is, once a day and where other settings make them anew: upper does not show what came from elsewhere
	counted := CASE WHEN method <> 'recount' OR NOT ($1 OR influence_internal.trend_settings() IS DISTINCT FROM (SELECT b.settings FROM influence.trend_basis b)) THEN mark.upper END;
	PERFORM influence_internal.progress_phase('items of the feed');
	SELECT i.post_ranks, i.feed_items INTO post_ranks, feed_items FROM influence_internal.refresh_feed_items(mark.last_seen, counted, added) i;
	PERFORM influence_internal.progress_phase('trends');
	trends := influence_internal.refresh_trends(mark.last_seen, counted, touched.sums);
	PERFORM influence_internal.close_hours(method, mark.upper, mark.current);
	days_written := 0;
	IF $1 THEN
		PERFORM influence_internal.progress_phase('days');
		SELECT * INTO day_mark FROM influence_internal.open_watermark('refresh_days');
		-- no further than the hours, of which they are the sums
		day_mark.upper := CASE WHEN day_mark.upper IS NOT NULL THEN mark.current END;
		days_written := influence_internal.refresh_post_days(day_mark.last_seen, day_mark.upper)
			+ influence_internal.refresh_impression_days(day_mark.last_seen, day_mark.upper)
			+ (SELECT sum(influence_internal.refresh_touch_days(k, day_mark.last_seen, day_mark.upper)
						  + influence_internal.refresh_sale_days(k, day_mark.last_seen, day_mark.upper))
				 FROM unnest('{creator,product,category}'::text[]) k);
		PERFORM influence_internal.close_watermark('refresh_days', mark.current);
		feed_items := feed_items + influence_internal.refresh_feed_tags() + influence_internal.refresh_feed_means();
		PERFORM influence_internal.refresh_feed_formats();
	END IF;
	PERFORM influence_internal.close_watermark('refresh_stats', mark.current);
	PERFORM influence_internal.progress_end();
	status := CASE WHEN post_hours + creator_hours + product_hours + category_hours + days_written + post_ranks + feed_items + trends > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_stats(boolean) IS
'Brings up to date all hourly buckets and ranks that facts written since the last run reach, so that they say what all their facts say; with days (the default; the minute job leaves them to the daily one) the daily buckets too. -> status recorded | duplicate (nothing changed), rows written per kind (creators, products and categories: touches and sales of a row count apart; posts: engagements and impressions). post_ranks: posts whose rank (quality in feed_item) changed, or that are new to the feed; feed_items: posts whose other columns there did; trends: rows of trend_state. One run at a time; nothing is lost that commits late, and no transaction elsewhere is waited for but forget_shopper(). IN002, IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.seal_stats(as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, buckets bigint, hours_before timestamptz, days_before timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	over_by timestamptz;
	target text;
	before timestamptz;
	written bigint;
BEGIN
	PERFORM influence_internal.require_arguments('as_of', $1::text);
	PERFORM influence_internal.require_finite('as_of', $1);
	PERFORM influence_internal.require_past($1);
	-- nobody writes buckets meanwhile
	PERFORM influence_internal.open_watermark('refresh_stats');
	SELECT $1 - greatest(interval '1 hour', max(y.seal_after)) INTO over_by
	  FROM influence.payout_policy y
	 WHERE NOT isempty(y.valid) AND (upper_inf(y.valid) OR upper(y.valid) > $1);
	over_by := coalesce(over_by, $1 - interval '40 days');
	-- a bucket is over at its end: what begins in the last hour or day before that moment is not
	hours_before := date_trunc('hour', over_by);
	days_before := date_trunc('day', over_by);
	buckets := 0;
	FOREACH target IN ARRAY '{post_hour,creator_hour,product_hour,category_hour,post_day,creator_day,product_day,category_day}'::text[] LOOP
		before := CASE WHEN target LIKE '%hour' THEN hours_before ELSE days_before END;
		EXECUTE format('UPDATE influence.%I b SET sealed = true WHERE NOT b.sealed AND b.bucket_start < $1', target) USING before;
		GET DIAGNOSTICS written = ROW_COUNT;
		buckets := buckets + written;
	END LOOP;
	INSERT INTO influence.sealed_until AS s (span, bucket_start) VALUES ('hour', hours_before), ('day', days_before)
	ON CONFLICT ON CONSTRAINT sealed_until_pkey DO UPDATE SET bucket_start = excluded.bucket_start, sealed_at = now()
	 WHERE s.bucket_start < excluded.bucket_start;
	status := CASE WHEN buckets > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.seal_stats(timestamptz) IS
'Seals the buckets that ended the longest seal_after of the programs'' payout policies (at least an hour) before as_of: they never change again, and what comes later makes a further part. -> status recorded | duplicate (there was nothing to seal), how many rows, and the moments before which hours and days are sealed. IN002, IN005 as_of in the future.';
