/*
 * tables_fraud.sql
 *
 * Step 16 of install(): what looks like fraud, with its evidence, and what was
 * decided about it.
 */
CREATE FUNCTION influence_internal.install_fraud()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.fraud_case (
		creator_id bigint NOT NULL REFERENCES influence.creator,
		signal text NOT NULL CHECK (signal IN ('self_purchases', 'related_accounts', 'click_floods', 'brushing', 'impossible_engagement')),
		case_ref text NOT NULL CHECK (length(case_ref) BETWEEN 1 AND 200),
		program_id bigint REFERENCES influence.program,
		evidence jsonb NOT NULL,
		score float8 NOT NULL CHECK (score BETWEEN 0 AND 1),
		found_at timestamptz NOT NULL DEFAULT now(),
		last_found_at timestamptz NOT NULL DEFAULT now(),
		hold_ref text REFERENCES influence.payout_hold,
		state text NOT NULL CHECK (state IN ('open', 'held', 'cleared', 'confirmed')),
		decided_at timestamptz,
		actor text CHECK (length(actor) <= 200),
		note text CHECK (length(note) <= 2000),
		PRIMARY KEY (creator_id, signal, case_ref),
		CHECK ((state IN ('cleared', 'confirmed')) = (decided_at IS NOT NULL)),
		CHECK ((decided_at IS NULL) = (actor IS NULL) AND (decided_at IS NULL) = (note IS NULL)),
		CHECK (state <> 'held' OR hold_ref IS NOT NULL)
	);
	CREATE INDEX fraud_case_undecided ON influence.fraud_case (state, score DESC) WHERE decided_at IS NULL;
	COMMENT ON TABLE influence.fraud_case IS 'What a signal found about a creator: to be looked at, not proven. Evidence and score are those of the last finding before the decision; score is how far the signal reaches on a scale from 0 to 1, not a probability. held: payouts wait under hold_ref. program_id NULL: not of one program. A decided case is not opened again.';

	CREATE TABLE influence.fraud_decision (
		creator_id bigint NOT NULL,
		signal text NOT NULL,
		case_ref text NOT NULL,
		decision_no int NOT NULL CHECK (decision_no > 0),
		decided_at timestamptz NOT NULL DEFAULT now(),
		confirmed boolean NOT NULL,
		actor text NOT NULL CHECK (length(actor) <= 200),
		note text NOT NULL CHECK (length(note) <= 2000),
		evidence jsonb NOT NULL,
		score float8 NOT NULL,
		held text,
		released text,
		PRIMARY KEY (creator_id, signal, case_ref, decision_no),
		FOREIGN KEY (creator_id, signal, case_ref) REFERENCES influence.fraud_case
	);
	COMMENT ON TABLE influence.fraud_decision IS 'Every decision about a case, with the evidence that it was made on and the hold that it opened (held) or ended (released). Rows are only added.';
	REVOKE UPDATE, DELETE, TRUNCATE ON influence.fraud_decision FROM CURRENT_USER;
	-- but for who is forgotten
	GRANT UPDATE (evidence, note) ON influence.fraud_decision TO CURRENT_USER;

	INSERT INTO influence.setting (name, value) VALUES
		('click_dedup', '"30 minutes"'),
		('fraud_days', '90'),
		('fraud_thresholds', '{"flood_clicks": 100, "flood_share": 0.8, "brushing_orders": 10, "brushing_orders_per_buyer": 3, "brushing_cheap": 0.25, "brushing_share": 0.5, "reciprocal_orders": 3, "session_visitors": 5, "jump_factor": 2, "jump_followers": 1000, "jump_days": 7, "drop_share": 0.2}'),
		('fraud_case_scores', '{"self_purchases": 0.5, "related_accounts": 0.5, "click_floods": 0.3, "brushing": 0.6, "impossible_engagement": 0.4}'),
		('fraud_hold_scores', '{"self_purchases": 0.8, "related_accounts": 0.8, "click_floods": null, "brushing": 0.8, "impossible_engagement": null}');

	PERFORM influence_internal.install_fraud_views();
END
$$;
COMMENT ON FUNCTION influence_internal.install_fraud() IS
'Step 16 of install(): fraud cases, decisions and the views of the signals.';
