/*
 * feed_formats.sql
 *
 * What kind of post a post is, in one letter, and how much of what viewers do
 * falls on each kind: what the feed compares a viewer with (feature format).
 *
 * share = E_f / sum E_f over the engagements of 30 days, weighed by
 * engagement_weights; of a device (E_df + k share_f) / (E_d + k), shrunk toward
 * everybody's by k = "formats" of the setting feed_shrinkage (Buehlmann and
 * Straub 1970).
 */
CREATE FUNCTION influence_internal.post_format(kind text, duration_ms int)
RETURNS "char"
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE kind WHEN 'photo' THEN 'p' WHEN 'story' THEN 't' WHEN 'live' THEN 'b'
		ELSE CASE WHEN duration_ms OPERATOR(pg_catalog.<=) 60000 THEN 's' WHEN duration_ms OPERATOR(pg_catalog.>) 60000 THEN 'l' ELSE 'v' END END::"char"
$$;
COMMENT ON FUNCTION influence_internal.post_format(text, int) IS
'The format of a post in one letter: p photo, v video of unknown length, s short video (up to a minute), l long video, t story, b live.';

CREATE FUNCTION influence_internal.sound_key(sound text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.hashtextextended(nullif(sound, ''), 0)
$$;
COMMENT ON FUNCTION influence_internal.sound_key(text) IS 'A hash of the sound of a post, by which posts of the same sound are recognised; NULL for none.';

CREATE FUNCTION influence_internal.device_key(device text)
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.hashtext(nullif(device, ''))
$$;
COMMENT ON FUNCTION influence_internal.device_key(text) IS 'A hash of what an engagement was made with, which tells whether it was the same as another; NULL for none.';

CREATE FUNCTION influence_internal.refresh_feed_formats(as_of timestamptz DEFAULT now())
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	strength float8 := (influence_internal.setting_value('feed_shrinkage') ->> 'formats')::float8;
	drift float8 := (influence_internal.setting_value('feed_shrinkage') ->> 'drift')::float8;
	weights jsonb := influence_internal.setting_value('engagement_weights');
	written bigint;
BEGIN
	-- counts first: what is added up then is the same for every order of the rows
	WITH counted AS MATERIALIZED (
		SELECT i.program_id, nullif(e.device, '') COLLATE "C" AS device, i.format, e.kind, count(*) AS events
		  FROM influence.engagement e
		  JOIN influence.feed_item i ON i.post_id = e.post_id
		 WHERE e.occurred_at > $1 - interval '30 days' AND e.occurred_at <= $1 AND e.kind IN ('smile', 'unsmile', 'comment', 'share', 'save', 'click')
		 GROUP BY 1, 2, 3, 4
	), engaged AS (
		SELECT c.program_id, d.device, c.format, greatest(0, sum(c.events * coalesce((weights ->> c.kind)::float8, 0) ORDER BY c.device, c.kind)) AS amount
		  FROM counted c
		 CROSS JOIN LATERAL (SELECT '' UNION ALL SELECT c.device WHERE octet_length(c.device) <= 100) d(device)
		 GROUP BY 1, 2, 3
	), total AS MATERIALIZED (
		SELECT e.program_id, e.device, sum(e.amount ORDER BY e.format) AS amount,
			   row_number() OVER (PARTITION BY e.program_id ORDER BY e.device <> '', sum(e.amount ORDER BY e.format) DESC, e.device) AS place
		  FROM engaged e
		 GROUP BY 1, 2
	), everybody AS MATERIALIZED (
		SELECT t.program_id, f.format, f.place, coalesce(e.amount, 0) / t.amount AS share
		  FROM total t
		 CROSS JOIN unnest('{p,v,s,l,t,b}'::"char"[]) WITH ORDINALITY f(format, place)
		  LEFT JOIN engaged e ON e.program_id = t.program_id AND e.device = '' AND e.format = f.format
		 WHERE t.device = '' AND t.amount > 0
	), said AS MATERIALIZED (
		SELECT t.program_id, t.device,
			   array_agg(CASE WHEN t.device = '' THEN a.share ELSE (coalesce(e.amount, 0) + strength * a.share) / (t.amount + strength) END ORDER BY a.place) AS shares
		  FROM total t
		  JOIN everybody a ON a.program_id = t.program_id
		  LEFT JOIN engaged e ON e.program_id = t.program_id AND e.device = t.device AND e.format = a.format
		 WHERE t.device = '' OR (t.place <= 51 AND t.amount >= strength)
		 GROUP BY 1, 2
	), gone AS (
		DELETE FROM influence.feed_format f
		 WHERE NOT EXISTS (SELECT FROM said s WHERE (s.program_id, s.device) = (f.program_id, f.device))
		RETURNING f.program_id
	), stored AS (
		INSERT INTO influence.feed_format AS f (program_id, device, shares)
		SELECT s.program_id, s.device, s.shares FROM said s
		ON CONFLICT ON CONSTRAINT feed_format_pkey DO UPDATE SET shares = excluded.shares
		 WHERE EXISTS (SELECT FROM unnest(f.shares, excluded.shares) x(before, after) WHERE abs(x.before - x.after) > drift * least(x.before, x.after))
		RETURNING f.program_id
	)
	SELECT count(*) INTO written FROM (SELECT FROM gone UNION ALL SELECT FROM stored) x;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_feed_formats(timestamptz) IS
'Recomputes feed_format, how much of the engagement of the 30 days before a moment falls on each format, of everybody and of the 50 devices with most (each with "formats" of the setting feed_shrinkage at least, shrunk toward everybody by as much); a row is written when a share moved by more than "drift", and goes when there is nothing that it could be of. Returns how many rows were written or went.';
