/*
 * tables_admission.sql
 *
 * Step 11 of install(): what changes about a creator (so that a decision can be
 * replayed), and what people say beside the rules.
 */
CREATE FUNCTION influence_internal.install_admissions()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.creator_profile (
		creator_id bigint NOT NULL REFERENCES influence.creator,
		since timestamptz NOT NULL CHECK (isfinite(since)),
		country text CHECK (country ~ '^[A-Z]{2}$'),
		vertical text NOT NULL DEFAULT '',
		actor text NOT NULL,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (creator_id, since)
	);
	COMMENT ON TABLE influence.creator_profile IS 'What changed about a creator since it was registered; the latest row at a moment holds, before the first one what table creator says.';

	CREATE TABLE influence.quality_score (
		creator_id bigint NOT NULL REFERENCES influence.creator,
		score_ref text NOT NULL CHECK (length(score_ref) BETWEEN 1 AND 200),
		scored_at timestamptz NOT NULL CHECK (isfinite(scored_at)),
		score numeric NOT NULL CHECK (score BETWEEN 0 AND 1),
		source text NOT NULL,
		note text,
		content_hash bytea NOT NULL,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (creator_id, score_ref)
	);
	COMMENT ON TABLE influence.quality_score IS 'How good a creator''s content is, from 0 to 1, by whoever judges it (a person or a model, source); the latest at a moment holds.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_admissions() IS
'Step 11 of install(): profiles with history, quality of content.';
