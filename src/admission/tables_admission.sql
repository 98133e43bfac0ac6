/*
 * tables_admission.sql
 *
 * Step 11 of install(): what changes about a creator, so that a decision can be
 * replayed; what a decision knew; decisions by hand; the views of the room.
 *
 * Every fact that a decision can read carries recorded_at and xact. A decision
 * keeps its moment (known_at) and its snapshot (seen): was_known() tells by them
 * which facts it had. The tables are only added to.
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
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (creator_id, since)
	);
	COMMENT ON TABLE influence.creator_profile IS 'What changed about a creator since it was registered; the latest row at a moment holds, before the first one what table creator says.';

	CREATE TABLE influence.channel_verification (
		creator_id bigint NOT NULL,
		channel_id bigint NOT NULL,
		since timestamptz NOT NULL CHECK (isfinite(since)),
		verified boolean NOT NULL,
		actor text NOT NULL,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (creator_id, channel_id, since),
		FOREIGN KEY (creator_id, channel_id) REFERENCES influence.channel
	);
	COMMENT ON TABLE influence.channel_verification IS 'Whether a channel was found to be the creator''s own, since when; the latest row at a moment holds, before the first one what table channel says.';

	CREATE TABLE influence.quality_score (
		creator_id bigint NOT NULL REFERENCES influence.creator,
		score_ref text NOT NULL CHECK (length(score_ref) BETWEEN 1 AND 200),
		scored_at timestamptz NOT NULL CHECK (isfinite(scored_at)),
		score numeric NOT NULL CHECK (score BETWEEN 0 AND 1),
		source text NOT NULL,
		note text,
		content_hash bytea NOT NULL,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (creator_id, score_ref)
	);
	CREATE INDEX quality_score_time ON influence.quality_score (creator_id, scored_at);
	COMMENT ON TABLE influence.quality_score IS 'How good a creator''s content is, from 0 to 1, by whoever judges it (a person or a model, source); the latest at a moment holds.';

	ALTER TABLE influence.channel
		ALTER COLUMN created_at SET DEFAULT clock_timestamp(),
		ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
	COMMENT ON COLUMN influence.channel.verified IS 'As it was added; what changed since is in channel_verification.';
	COMMENT ON COLUMN influence.creator.country IS 'As it was registered; what changed since is in creator_profile. So is vertical.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_admissions() IS
'Step 11 of install(): profiles and verifications with history, quality of content.';
