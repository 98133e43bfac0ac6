/*
 * fraud.sql
 *
 * From signals to cases: what the views found is written down with its evidence,
 * what is strong enough lets payouts wait, and a person decides. A case that is
 * decided stays decided; the same thing found in a later month is another case.
 */
CREATE FUNCTION influence_internal.fraud_findings(as_of timestamptz)
RETURNS TABLE (creator_id bigint, signal text, case_ref text, program_id bigint, score float8, evidence jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- all views in one statement: compiling it takes longer than most of them
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	-- evidence is bounded: the strongest twenty pieces, and how many there are
	RETURN QUERY
	SELECT f.creator_id, f.signal, f.case_ref, f.program_id,
		   -- what ties two creators in several ways ties them more: as independent signs; elsewhere more of the same is not more
		   CASE f.signal WHEN 'related_accounts' THEN round((1 - exp(sum(ln(1 - least(f.score, 0.999999)))))::numeric, 5)::float8 ELSE max(f.score) END,
		   jsonb_build_object('pieces', count(*), 'strongest', (array_agg(f.piece ORDER BY f.score DESC, f.piece::text COLLATE "C"))[1:20])
	  FROM (SELECT s.creator_id, 'self_purchases' AS signal, format('%s %s', s.program_id, s.period) AS case_ref, s.program_id, s.score,
				   to_jsonb(s) - ARRAY['creator_id', 'program_id', 'period'] AS piece
			  FROM influence.fraud_self_purchases s WHERE s.ordered_at <= $1
			UNION ALL
			SELECT r.creator_id, 'related_accounts', format('creator %s', r.related_creator_id), NULL, r.score, to_jsonb(r) - ARRAY['creator_id', 'related_creator_id']
			  FROM influence.fraud_related_accounts r
			UNION ALL
			SELECT c.creator_id, 'click_floods', format('%s %s', c.program_id, to_char(c.day, 'YYYY-MM')), c.program_id, c.score, to_jsonb(c) - ARRAY['creator_id', 'program_id']
			  FROM influence.fraud_click_floods c WHERE c.first_click_at <= $1
			UNION ALL
			SELECT b.creator_id, 'brushing', format('%s %s', b.program_id, b.period), b.program_id, b.score, to_jsonb(b) - ARRAY['creator_id', 'program_id', 'period']
			  FROM influence.fraud_brushing b WHERE b.first_order_at <= $1
			UNION ALL
			SELECT e.creator_id, 'impossible_engagement', format('channel %s %s', e.channel_id, to_char(e.measured_at AT TIME ZONE 'UTC', 'YYYY-MM')), NULL, e.score,
				   to_jsonb(e) - ARRAY['creator_id', 'channel_id']
			  FROM influence.fraud_impossible_engagement e WHERE e.measured_at <= $1) f (creator_id, signal, case_ref, program_id, score, piece)
	 GROUP BY f.creator_id, f.signal, f.case_ref, f.program_id;
END
$$;
COMMENT ON FUNCTION influence_internal.fraud_findings(timestamptz) IS
'What the signals'' views show that began by a moment, as cases would have it: per creator, signal and program month (pair of creators, channel month), with the greatest score (of related accounts: 1 - the product of 1 - score of each sign) and up to twenty pieces of evidence as JSON. Related accounts are those of now.';

CREATE FUNCTION influence_internal.hold_for_case(creator_id bigint, signal text, case_ref text, actor text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	subject record;
	ref text;
BEGIN
	SELECT c.program_id, c.evidence, c.score INTO STRICT subject
	  FROM influence.fraud_case c WHERE c.creator_id = $1 AND c.signal = $2 AND c.case_ref = $3;
	-- a hold that was released stays so: each has a number
	ref := format('fraud %s %s %s %s', $1, $2, left($3, 100),
				  1 + (SELECT count(*) FROM influence.fraud_decision d WHERE d.creator_id = $1 AND d.signal = $2 AND d.case_ref = $3));
	PERFORM influence_internal.hold_payouts($1, format('case %s %s', $2, $3), ref, $4, 'fraud', subject.program_id,
		jsonb_build_object('signal', $2, 'case', $3, 'score', subject.score, 'evidence', subject.evidence));
	RETURN ref;
END
$$;
COMMENT ON FUNCTION influence_internal.hold_for_case(bigint, text, text, text) IS 'Opens a hold with the evidence of a case and returns its hold_ref.';

CREATE FUNCTION influence_internal.find_fraud(as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, opened int, changed int, held int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	open_from jsonb := influence_internal.setting_value('fraud_case_scores');
	hold_from jsonb := influence_internal.setting_value('fraud_hold_scores');
	finding record;
	known record;
	ref text;
BEGIN
	PERFORM influence_internal.require_arguments('as_of', $1::text);
	PERFORM influence_internal.require_finite('as_of', $1);
	-- evidence names visitors
	PERFORM influence_internal.share_key('forgetting shoppers');
	PERFORM influence_internal.lock_key('fraud cases');
	opened := 0;
	changed := 0;
	held := 0;
	FOR finding IN
		SELECT f.* FROM influence_internal.fraud_findings($1) f
		 WHERE f.score >= (open_from ->> f.signal)::float8
		 ORDER BY f.creator_id, f.signal COLLATE "C", f.case_ref COLLATE "C"
	LOOP
		SELECT c.state, c.evidence, c.score, c.hold_ref INTO known
		  FROM influence.fraud_case c
		 WHERE c.creator_id = finding.creator_id AND c.signal = finding.signal AND c.case_ref = finding.case_ref;
		IF NOT FOUND THEN
			INSERT INTO influence.fraud_case (creator_id, signal, case_ref, program_id, evidence, score, state)
			VALUES (finding.creator_id, finding.signal, finding.case_ref, finding.program_id, finding.evidence, finding.score, 'open');
			opened := opened + 1;
		ELSIF known.state NOT IN ('open', 'held') THEN
			CONTINUE;
		ELSIF (known.evidence, known.score) IS DISTINCT FROM (finding.evidence, finding.score) THEN
			UPDATE influence.fraud_case c SET evidence = finding.evidence, score = finding.score, last_found_at = now()
			 WHERE c.creator_id = finding.creator_id AND c.signal = finding.signal AND c.case_ref = finding.case_ref;
			changed := changed + 1;
		END IF;
		IF finding.score >= (hold_from ->> finding.signal)::float8 AND coalesce(known.state, 'open') = 'open' THEN
			ref := influence_internal.hold_for_case(finding.creator_id, finding.signal, finding.case_ref, 'find_fraud');
			UPDATE influence.fraud_case c SET state = 'held', hold_ref = ref
			 WHERE c.creator_id = finding.creator_id AND c.signal = finding.signal AND c.case_ref = finding.case_ref;
			held := held + 1;
		END IF;
	END LOOP;
	status := CASE WHEN opened + changed + held > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.find_fraud(timestamptz) IS
'Looks at the fraud_* views and opens a case for what reaches the score of its signal in the setting fraud_case_scores; from the score in fraud_hold_scores up (null there: never) payouts to the creator are held, with the evidence. Cases that are not decided get the evidence of today, decided ones are left alone. The daily job fraud calls it. -> status recorded | duplicate (nothing new), cases opened, cases with other evidence, holds opened. IN002.';

CREATE FUNCTION influence_internal.decide_case(creator_id bigint, signal text, case_ref text, confirmed boolean, note text, actor text)
RETURNS TABLE (status text, state text, hold_ref text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	new_state text := CASE WHEN $4 THEN 'confirmed' ELSE 'cleared' END;
	holding boolean;
	released_ref text;
	opened_ref text;
BEGIN
	PERFORM influence_internal.require_arguments('confirmed', $4::text, 'note', $5, 'actor', $6);
	PERFORM influence_internal.require_key('actor', $6);
	IF length($5) NOT BETWEEN 1 AND 2000 THEN
		PERFORM influence_internal.raise_invalid('the note is not usable', format('It has %s characters.', length($5)),
			'Say in 1 to 2000 characters why.');
	END IF;
	PERFORM influence_internal.lock_key('fraud cases');
	SELECT c.state, c.evidence, c.score, c.hold_ref, c.actor, c.note INTO known
	  FROM influence.fraud_case c WHERE c.creator_id = $1 AND c.signal = $2 AND c.case_ref = $3;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown(format('case of creator %s', $1), format('%s/%s', $2, $3), 'See influence.fraud_case for those there are.');
	ELSIF known.state = new_state THEN
		IF (known.actor, known.note) IS DISTINCT FROM ($6, $5) THEN
			PERFORM influence_internal.raise_conflict('decision about case', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.state, known.hold_ref;
		RETURN;
	END IF;
	-- somebody may have released it by hand, or be about to
	SELECT h.released_at IS NULL INTO holding FROM influence.payout_hold h WHERE h.hold_ref = known.hold_ref FOR UPDATE;
	holding := coalesce(holding, false);
	hold_ref := known.hold_ref;
	IF NOT $4 AND holding THEN
		PERFORM influence_internal.release_hold(known.hold_ref, $5, $6);
		released_ref := known.hold_ref;
	ELSIF $4 AND NOT holding AND (known.hold_ref IS NULL OR known.state = 'cleared') THEN
		opened_ref := influence_internal.hold_for_case($1, $2, $3, $6);
		hold_ref := opened_ref;
	END IF;
	UPDATE influence.fraud_case c SET state = new_state, decided_at = now(), actor = $6, note = $5, hold_ref = decide_case.hold_ref
	 WHERE c.creator_id = $1 AND c.signal = $2 AND c.case_ref = $3;
	INSERT INTO influence.fraud_decision (creator_id, signal, case_ref, decision_no, confirmed, actor, note, evidence, score, held, released)
	SELECT $1, $2, $3, 1 + count(*), $4, $6, $5, known.evidence, known.score, opened_ref, released_ref
	  FROM influence.fraud_decision d WHERE d.creator_id = $1 AND d.signal = $2 AND d.case_ref = $3;
	status := 'recorded';
	state := new_state;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.decide_case(bigint, text, text, boolean, text, text) IS
'A person decides about a case: confirmed => false clears it and ends its hold, so that the next run pays what waited; true confirms it, and payouts are (or stay) held until somebody ends that. May be changed (an appeal): every decision is kept in fraud_decision with the evidence it was made on. Nothing else follows: strikes, suspension and adjustments are decisions of their own. -> status recorded | duplicate, state cleared | confirmed, hold_ref. IN002, IN003 no such case, IN004 decided so by somebody else or with another note.';
