/*
 * fit_profile.sql
 *
 * The weights of the feed's score, learned from what a program's viewers were
 * shown and what they did then.
 */

-- Impressions as rows of a regression: $1 program, $2 from, $3 to, $4 clip
CREATE FUNCTION influence_internal.profile_rows(program_id bigint, since timestamptz, until timestamptz, clip float8)
RETURNS TABLE (positive boolean, features float8[], weight float8, shown_at timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(i.clicked, false) OR EXISTS (
			   SELECT FROM influence.engagement e
				WHERE e.visitor_id = i.visitor_id AND e.post_id = i.post_id
				  AND e.kind IN ('smile', 'comment', 'share', 'save', 'click')
				  AND e.occurred_at >= i.shown_at AND e.occurred_at < i.shown_at + interval '1 day'),
		   i.features, least(1 / i.propensity, $4), i.shown_at
	  FROM influence.impression i
	 WHERE i.program_id = $1 AND i.shown_at >= $2 AND i.shown_at < $3
	   AND i.seen AND i.sponsored_campaign_id IS NULL
	   AND cardinality(i.features) = (SELECT count(*) FROM influence.feed_features())
	   AND NOT (i.features && '{NaN,Infinity,-Infinity}')
$$;
COMMENT ON FUNCTION influence_internal.profile_rows(bigint, timestamptz, timestamptz, float8) IS
'Impressions that were seen and are not sponsored, as rows of a logistic regression: positive when clicked, or smiled at, commented, shared, saved or clicked within a day; weighted by the inverse of the propensity, at most clip.';

CREATE FUNCTION influence_internal.fit_logistic(program_id bigint, since timestamptz, until timestamptz, clip float8, l2 float8, mask float8[], score float8[])
RETURNS float8[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	coefficients float8[];
	better float8[];
	sums float8[];
	loss float8;
	best float8 := 'Infinity';
	known float8[];
BEGIN
	coefficients := array_fill(0::float8, ARRAY[CASE WHEN $7 IS NULL THEN cardinality($6) ELSE 2 END]);
	FOR step IN 1 .. 60 LOOP
		SELECT influence.logistic_agg(r.positive, influence_internal.profile_features(r.features, $6, $7), coefficients, r.weight) INTO sums
		  FROM influence_internal.profile_rows($1, $2, $3, $4) r;
		loss := sums[3] + $5 / 2 * (SELECT sum(c * c) FROM unnest(coefficients) c);
		IF loss > best THEN
			-- too far: half the way back; known are the coefficients that are better
			coefficients := (SELECT array_agg((a + b) / 2 ORDER BY n) FROM unnest(coefficients, known) WITH ORDINALITY AS u (a, b, n));
			EXIT WHEN (SELECT max(abs(a - b)) FROM unnest(coefficients, known) AS u (a, b)) < 1e-12;
			CONTINUE;
		END IF;
		best := loss;
		known := coefficients;
		better := influence.logistic_step(sums, coefficients, $5);
		EXIT WHEN (SELECT max(abs(a - b)) FROM unnest(coefficients, better) AS u (a, b)) < 1e-9;
		coefficients := better;
	END LOOP;
	RETURN known;
END
$$;
COMMENT ON FUNCTION influence_internal.fit_logistic(bigint, timestamptz, timestamptz, float8, float8, float8[], float8[]) IS
'Coefficients of the logistic regression over profile_rows() by Newton''s steps, halved where the loss grows: of the features times mask, or with score (a profile''s weights) of an intercept and that profile''s score.';

CREATE FUNCTION influence_internal.profile_features(features float8[], mask float8[], score float8[])
RETURNS float8[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN $3 IS NULL THEN (SELECT array_agg(f * m ORDER BY n) FROM unnest($1, $2) WITH ORDINALITY AS u (f, m, n))
		   ELSE ARRAY[1, (SELECT sum(f * s * m ORDER BY n) FROM unnest($1, $3, $2) WITH ORDINALITY AS u (f, s, m, n))] END
$$;
COMMENT ON FUNCTION influence_internal.profile_features(float8[], float8[], float8[]) IS
'The features times mask, or with score 1 and the sum of features times score.';

CREATE FUNCTION influence_internal.fit_feed_profile(program_id bigint, profile text, since timestamptz, until timestamptz, l2 float8 DEFAULT 1, clip float8 DEFAULT 10)
RETURNS TABLE (status text, version int, rows_fitted bigint, rows_tested bigint, log_loss_rate float8, log_loss_before float8, log_loss_after float8, weights jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	old float8[];
	mask float8[];
	fitted float8[];
	scaled float8[];
	split timestamptz;
	sums float8[];
	share float8;
BEGIN
	PERFORM influence_internal.require_arguments('program_id', $1::text, 'profile', $2, 'since', $3::text, 'until', $4::text, 'l2', $5::text, 'clip', $6::text);
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_finite('since', $3), influence_internal.require_finite('until', $4);
	IF NOT ($5 > 0 AND $5 <= 1e9) OR NOT ($6 >= 1 AND $6 <= 1e9) THEN
		PERFORM influence_internal.raise_invalid('l2 or clip is out of range', format('l2 %s, clip %s', $5, $6), 'Give an l2 above 0, and a clip of 1 or more.');
	END IF;
	SELECT p.weights INTO old FROM influence.feed_profile p WHERE p.profile = $2 ORDER BY p.version DESC LIMIT 1;
	IF old IS NULL THEN
		SELECT p.weights INTO old FROM influence.feed_profile p WHERE p.profile = 'standard' ORDER BY p.version DESC LIMIT 1;
	END IF;
	-- a draw teaches nothing; its weight stays as it is
	mask := (SELECT array_agg(CASE WHEN f.name = 'exploration' THEN 0::float8 ELSE 1 END ORDER BY f.ordinal) FROM influence.feed_features() f);

	-- the last fifth of the impressions, by time, is held out
	SELECT percentile_disc(0.8) WITHIN GROUP (ORDER BY r.shown_at) INTO split FROM influence_internal.profile_rows($1, $3, $4, $6) r;
	SELECT count(*), avg(CASE WHEN r.positive THEN 1 ELSE 0 END) INTO rows_fitted, share FROM influence_internal.profile_rows($1, $3, split, $6) r;
	SELECT count(*) INTO rows_tested FROM influence_internal.profile_rows($1, split, $4, $6) r;
	IF rows_fitted < 100 OR rows_tested < 20 OR share <= 0 OR share >= 1 THEN
		PERFORM influence_internal.raise_refused('there is too little to learn from', format('%s to fit and %s to test, of which %s were engaged with', influence_internal.counted(rows_fitted, 'impression'), coalesce(rows_tested, 0), coalesce(round(share::numeric, 4), 0)),
			'Take a longer time: at least 100 impressions and 20 later ones, some with engagement and some without.');
	END IF;

	fitted := influence_internal.fit_logistic($1, $3, split, $6, $5, mask, NULL);
	scaled := influence_internal.fit_logistic($1, $3, split, $6, $5, mask, old);
	SELECT influence.logistic_agg(r.positive, influence_internal.profile_features(r.features, mask, NULL), fitted, r.weight) INTO sums
	  FROM influence_internal.profile_rows($1, split, $4, $6) r;
	log_loss_after := sums[3] / sums[2];
	SELECT influence.logistic_agg(r.positive, influence_internal.profile_features(r.features, mask, old), scaled, r.weight) INTO sums
	  FROM influence_internal.profile_rows($1, split, $4, $6) r;
	log_loss_before := sums[3] / sums[2];
	SELECT sum(r.weight * CASE WHEN r.positive THEN 1 ELSE 0 END) / sum(r.weight) INTO share FROM influence_internal.profile_rows($1, $3, split, $6) r;
	SELECT sum(-r.weight * CASE WHEN r.positive THEN ln(share) ELSE ln(1 - share) END) / sum(r.weight) INTO log_loss_rate FROM influence_internal.profile_rows($1, split, $4, $6) r;

	-- the intercept orders nothing: the bias stays, which keeps scores above zero
	weights := (SELECT jsonb_object_agg(f.name, CASE WHEN f.name IN ('bias', 'exploration') THEN old[f.ordinal]
													 ELSE greatest(least(fitted[f.ordinal], 1000), -1000) END)
				  FROM influence.feed_features() f);
	SELECT c.status, c.version INTO status, version
	  FROM influence_internal.create_feed_profile($2, weights, format('fitted to program %s, %s to %s: log loss %s, before %s', $1, $3, $4,
			round(log_loss_after::numeric, 5), round(log_loss_before::numeric, 5))) c;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.fit_feed_profile(bigint, text, timestamptz, timestamptz, float8, float8) IS
'Learns the weights of the feed''s score from a program''s own impressions of [since, until) by logistic regression, and writes them as a new version of the profile; nothing uses it until it is assigned. Impressions count that were seen and are not sponsored; positive are those clicked, or smiled at, commented, shared, saved or clicked within a day. Each weighs 1 / propensity, at most clip (inverse propensity scoring, clipped). l2: how strongly weights are drawn to 0 (a feature that was never there gets 0).
Fitted to the first four fifths of the impressions by time; the rest is the test: log_loss_rate (always the mean rate), log_loss_before (the profile''s newest version, or that of standard, its score scaled to a chance on the same first part) and log_loss_after, natural logarithms per weight. The bias and the weight of exploration stay as they were: they are no matter of taste.
-> status recorded | duplicate, version, rows, losses, weights. IN002, IN003, IN005 (fewer than 100 impressions to fit or 20 to test, or all alike).';
