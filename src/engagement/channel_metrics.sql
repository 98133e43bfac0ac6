/*
 * channel_metrics.sql
 *
 * Metric snapshots of channels: what a platform says of a channel as a whole.
 * Posts one by one are in channel_posts.sql.
 */
CREATE FUNCTION influence_internal.require_channel(creator_id bigint, channel_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM influence.channel c WHERE c.creator_id = $1 AND c.channel_id = $2) THEN
		PERFORM influence_internal.raise_unknown('channel', $2::text, 'Add it with influence.add_channel(creator_id, platform, handle).');
	ELSIF EXISTS (SELECT FROM influence.forgotten_creator f WHERE f.creator_id = $1) THEN
		PERFORM influence_internal.require_remembered($1);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_channel(bigint, bigint) IS 'Raises IN003 unless the creator has the channel, IN005 if it was forgotten.';

CREATE FUNCTION influence_internal.record_channel_metrics(creator_id bigint, channel_id bigint, measured_at timestamptz,
	followers bigint DEFAULT NULL, posts bigint DEFAULT 1, views bigint DEFAULT NULL, likes bigint DEFAULT NULL,
	comments bigint DEFAULT NULL, shares bigint DEFAULT NULL, saves bigint DEFAULT NULL, interactions bigint DEFAULT NULL,
	reach bigint DEFAULT NULL, source text DEFAULT NULL, impressions bigint DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	f record;
	wrong record;
	known record;
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.require_arguments('measured_at', record_channel_metrics.measured_at::text,
		'posts', record_channel_metrics.posts::text);
	PERFORM influence_internal.require_event_time('measured_at', record_channel_metrics.measured_at);
	PERFORM influence_internal.require_channel(record_channel_metrics.creator_id, record_channel_metrics.channel_id);
	SELECT m.name, m.value INTO wrong
	  FROM (VALUES ('followers', $4, 0), ('posts', $5, 1), ('views', $6, 0), ('likes', $7, 0), ('comments', $8, 0), ('shares', $9, 0), ('saves', $10, 0),
				   ('interactions', $11, 0), ('reach', $12, 0), ('impressions', $14, 0)) m(name, value, least_value)
	 WHERE m.value < m.least_value LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_invalid(format('%s of channel %s is too low', wrong.name, $2), format('%s: %s.', wrong.name, wrong.value),
			'Counts are 0 or more, posts is 1 or more; leave out what the platform does not say.');
	END IF;
	SELECT record_channel_metrics.followers, record_channel_metrics.posts, record_channel_metrics.views,
		   record_channel_metrics.likes, record_channel_metrics.comments, record_channel_metrics.shares,
		   record_channel_metrics.saves, record_channel_metrics.interactions, record_channel_metrics.reach,
		   record_channel_metrics.source, record_channel_metrics.impressions
	  INTO f;
	known_at := influence_internal.creator_fact_time(record_channel_metrics.creator_id);
	INSERT INTO influence.channel_metric (creator_id, channel_id, measured_at, followers, posts, views, likes, comments,
										  shares, saves, interactions, reach, source, impressions, received_at)
	VALUES (record_channel_metrics.creator_id, record_channel_metrics.channel_id, record_channel_metrics.measured_at,
			f.followers, f.posts, f.views, f.likes, f.comments, f.shares, f.saves, f.interactions, f.reach, f.source,
			f.impressions, known_at)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		SELECT m.followers, m.posts, m.views, m.likes, m.comments, m.shares, m.saves, m.interactions, m.reach, m.source,
			   m.impressions
		  INTO known
		  FROM influence.channel_metric m
		 WHERE m.creator_id = record_channel_metrics.creator_id AND m.channel_id = record_channel_metrics.channel_id
		   AND m.measured_at = record_channel_metrics.measured_at;
		IF known IS DISTINCT FROM f THEN
			PERFORM influence_internal.raise_conflict('metrics of channel',
				format('%s at %s', record_channel_metrics.channel_id, record_channel_metrics.measured_at));
		END IF;
		status := 'duplicate';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_channel_metrics(bigint, bigint, timestamptz, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, text, bigint) IS
'Records a metric snapshot of a channel: followers at measured_at; views, likes, comments, shares, saves, interactions (for sources that give only their sum) reach and impressions as totals over the newest "posts" posts, or as averages with posts = 1. Natural key: channel and measured_at. -> status recorded | duplicate. IN002, IN003, IN004.';
