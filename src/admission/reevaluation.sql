/*
 * reevaluation.sql
 *
 * Applications that are decided anew without being submitted again: those under
 * review about which nothing is in doubt any more, and rejected ones that would
 * pass now. The job 'admissions' does it once a day.
 */
CREATE FUNCTION influence_internal.reevaluate_applications(as_of timestamptz)
RETURNS TABLE (looked_at bigint, admitted bigint, rejected bigint, skipped boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	soon boolean := coalesce((influence_internal.setting_value('reevaluate_rejected') #>> '{}')::boolean, false);
	queue text;
	ids bigint[];
	program record;
	batch record;
	found jsonb := '[]';
BEGIN
	looked_at := 0;
	admitted := 0;
	rejected := 0;
	skipped := false;
	PERFORM influence_internal.require_read_committed();
	-- most stay as they are: who does not is found without keeping anybody off
	FOR program IN SELECT p.program_id FROM influence.program p ORDER BY p.program_id LOOP
		FOREACH queue IN ARRAY '{review,rejected}'::text[] LOOP
			ids := influence_internal.waiting_applicants(program.program_id, queue, $1, soon, NULL);
			looked_at := looked_at + coalesce(cardinality(ids), 0);
			ids := ARRAY(SELECT j.creator_id FROM influence_internal.judged_creators(program.program_id, ids, $1) j
						  WHERE j.decision = 'admitted' OR (queue = 'review' AND j.decision = 'rejected'));
			IF ids <> '{}' THEN
				found := found || jsonb_build_object('program_id', program.program_id, 'queue', queue, 'ids', ids);
			END IF;
		END LOOP;
	END LOOP;
	-- who waited for the lock would keep off everybody who applies after
	IF found <> '[]' AND NOT pg_try_advisory_xact_lock(hashtextextended('pg_influence applications', 0)) THEN
		skipped := true;
		found := '[]';
	END IF;
	FOR batch IN SELECT x.program_id, x.queue, x.ids FROM jsonb_to_recordset(found) x(program_id bigint, queue text, ids bigint[]) LOOP
		PERFORM influence_internal.share_key('admission rules ' || batch.program_id);
		ids := influence_internal.waiting_applicants(batch.program_id, batch.queue, $1, soon, batch.ids);
		SELECT admitted + count(*) FILTER (WHERE d.decision = 'admitted'), rejected + count(*) FILTER (WHERE d.decision = 'rejected')
		  INTO admitted, rejected
		  FROM influence_internal.decide_creators(batch.program_id, ids, $1, 'job',
				CASE batch.queue WHEN 'review' THEN '{admitted,rejected}'::text[] ELSE '{admitted}' END) d;
	END LOOP;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.reevaluate_applications(timestamptz) IS
'Decides anew, as applications of as_of by actor job: applications under review that the rules now admit or reject, unless a person put them there, and those that the rules rejected and would admit now, once reapply_after has passed (with the setting reevaluate_rejected: at once). -> applications looked at, admitted, rejected; skipped: others were being decided.';

CREATE FUNCTION influence_internal.waiting_applicants(program_id bigint, decision text, as_of timestamptz, soon boolean, among bigint[])
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN ARRAY(
		SELECT s.creator_id
		  FROM (SELECT DISTINCT ON (h.creator_id) h.creator_id, h.decision, h.by_hand, h.decided_at, h.reapply_after
				  FROM influence.admission_history h
				 WHERE h.program_id = $1 AND ($5 IS NULL OR h.creator_id = ANY ($5))
				 ORDER BY h.creator_id, h.decided_at DESC, h.recorded_at DESC) s
		 WHERE s.decision = $2 AND NOT s.by_hand AND s.decided_at <= $3
		   AND ($2 <> 'rejected' OR $4 OR s.reapply_after <= $3)
		 ORDER BY s.creator_id);
END
$$;
COMMENT ON FUNCTION influence_internal.waiting_applicants(bigint, text, timestamptz, boolean, bigint[]) IS
'The creators (among some, or NULL: all) whose latest decision in a program is one of the rules, review or rejected, and who may be looked at again at a moment.';
