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
		signal text NOT NULL,
		case_ref text NOT NULL CHECK (length(case_ref) BETWEEN 1 AND 200),
		evidence jsonb NOT NULL,
		score float8 NOT NULL,
		found_at timestamptz NOT NULL DEFAULT now(),
		hold_ref text,
		state text NOT NULL CHECK (state IN ('open', 'held', 'cleared', 'confirmed')),
		decided_at timestamptz,
		actor text,
		note text,
		PRIMARY KEY (creator_id, signal, case_ref)
	);
	COMMENT ON TABLE influence.fraud_case IS 'What a signal found about a creator, with the evidence as it was then, the hold that it led to, and the decision.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_fraud() IS
'Step 16 of install(): fraud cases and the views of the signals.';
