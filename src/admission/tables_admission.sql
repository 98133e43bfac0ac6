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
		vertical text NOT NULL DEFAULT '' CHECK (length(vertical) <= 200),
		actor text NOT NULL CHECK (length(actor) <= 200),
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
		actor text NOT NULL CHECK (length(actor) <= 200),
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
		source text NOT NULL CHECK (length(source) <= 1000),
		note text CHECK (length(note) <= 2000),
		content_hash bytea NOT NULL,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (creator_id, score_ref)
	);
	CREATE INDEX quality_score_time ON influence.quality_score (creator_id, scored_at);
	COMMENT ON TABLE influence.quality_score IS 'How good a creator''s content is, from 0 to 1, by whoever judges it (a person or a model, source); the latest at a moment holds.';

	ALTER TABLE influence.admission_rule
		ADD COLUMN effect text NOT NULL DEFAULT 'reject' CHECK (effect IN ('reject', 'review', 'none')),
		ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
	ALTER TABLE influence.admission_rule RENAME COLUMN created_at TO recorded_at;
	ALTER TABLE influence.admission_rule ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();
	COMMENT ON COLUMN influence.admission_rule.effect IS 'What an applicant who fails gets: reject or review; none: with this version the rule ends.';

	ALTER TABLE influence.application
		ADD COLUMN known_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		ADD COLUMN seen pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
		ADD COLUMN country text,
		ADD COLUMN vertical text NOT NULL DEFAULT '',
		ADD COLUMN tier text,
		ADD COLUMN followers bigint;
	COMMENT ON TABLE influence.application IS 'Applications as the rules decided them (actor rules; job when they were looked at again), with what the applicant was then: country, vertical, followers of the best channel, size tier, and each channel in metrics. known_at and seen say what the decision knew; what people decided afterwards is in application_decision.';
	ALTER TABLE influence.application_reason
		ADD COLUMN platform text NOT NULL DEFAULT '',
		ADD COLUMN effect text NOT NULL DEFAULT 'reject' CHECK (effect IN ('reject', 'review'));

	CREATE TABLE influence.application_decision (
		creator_id bigint NOT NULL,
		application_id bigint NOT NULL,
		seq int NOT NULL CHECK (seq > 0),
		program_id bigint NOT NULL REFERENCES influence.program,
		decided_at timestamptz NOT NULL CHECK (isfinite(decided_at)),
		decision text NOT NULL CHECK (decision IN ('admitted', 'rejected', 'review', 'withdrawn')),
		actor text NOT NULL CHECK (length(actor) <= 200),
		note text CHECK (length(note) <= 2000),
		reapply_after timestamptz,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (creator_id, application_id, seq),
		FOREIGN KEY (creator_id, application_id) REFERENCES influence.application
	);
	CREATE INDEX application_decision_program ON influence.application_decision (creator_id, program_id, decided_at);
	CREATE INDEX application_decision_xact ON influence.application_decision (xact);
	COMMENT ON TABLE influence.application_decision IS 'Decisions by hand about an application, over the rules'' or earlier ones: each holds from decided_at until the next decision about the creator in the program. Rows are only added.';

	INSERT INTO influence.setting (name, value) VALUES ('reevaluate_rejected', 'false');

	ALTER TABLE influence.channel
		ALTER COLUMN created_at SET DEFAULT clock_timestamp(),
		ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
	COMMENT ON COLUMN influence.channel.verified IS 'As it was added; what changed since is in channel_verification.';
	COMMENT ON COLUMN influence.creator.country IS 'As it was registered; what changed since is in creator_profile. So is vertical.';

	PERFORM influence_internal.create_admission_views();
END
$$;
COMMENT ON FUNCTION influence_internal.install_admissions() IS
'Step 11 of install(): profiles and verifications with history, quality of content.';
