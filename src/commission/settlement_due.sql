/*
 * settlement_due.sql
 *
 * Which months have to be settled again: those that facts or settings reach
 * which the job has not seen. A fact brings the months of the creators whom it
 * concerns, a setting all months of its validity, and where there are many
 * creators the month as a whole (creator 0).
 */
CREATE FUNCTION influence_internal.fact_months(program_id bigint, range tstzrange DEFAULT '(,)')
RETURNS TABLE (month text)
LANGUAGE plpgsql STABLE
ROWS 12
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	zone text;
	first_at timestamptz;
	last_at timestamptz;
BEGIN
	SELECT g.time_zone INTO zone FROM influence.program g WHERE g.program_id = $1;
	-- each of them one probe of an index
	first_at := least((SELECT min(e.ordered_at) FROM influence.earning e WHERE e.program_id = $1),
					  (SELECT min(o.ordered_at) FROM influence.orders o WHERE o.program_id = $1 AND o.coupon IS NOT NULL));
	last_at := greatest((SELECT max(e.ordered_at) FROM influence.earning e WHERE e.program_id = $1),
						(SELECT max(o.ordered_at) FROM influence.orders o WHERE o.program_id = $1 AND o.coupon IS NOT NULL));
	IF first_at IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT to_char(m.at, 'YYYY-MM')
	  FROM generate_series(date_trunc('month', greatest(first_at, lower($2)) AT TIME ZONE zone),
						   least(last_at, upper($2)) AT TIME ZONE zone, interval '1 month') m(at)
	 WHERE tstzrange(influence_internal.first_instant(m.at, zone), influence_internal.first_instant(m.at + interval '1 month', zone)) && $2;
END
$$;
COMMENT ON FUNCTION influence_internal.fact_months(bigint, tstzrange) IS
'The months (YYYY-MM in the program''s time zone) that a range of time touches, from the first to the last that has earnings or orders with a coupon.';

CREATE FUNCTION influence_internal.settled_together(program_id bigint, month text)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	months text[] := ARRAY[$2];
	span tstzrange;
	grown tstzrange;
BEGIN
	LOOP
		SELECT tstzrange(min(b.starts_at), max(b.ends_at)) INTO span
		  FROM unnest(months) m CROSS JOIN LATERAL influence_internal.period_bounds($1, m) b;
		SELECT range_merge(range_agg(b.valid) + span::tstzmultirange) INTO grown
		  FROM influence.commission_budget b WHERE b.program_id = $1 AND b.valid && span;
		EXIT WHEN grown IS NULL OR grown <@ span
			OR months @> ARRAY(SELECT f.month FROM influence_internal.fact_months($1, grown) f);
		months := ARRAY(SELECT f.month FROM influence_internal.fact_months($1, grown) f UNION SELECT unnest(months) ORDER BY 1);
	END LOOP;
	RETURN months;
END
$$;
COMMENT ON FUNCTION influence_internal.settled_together(bigint, text) IS
'The months that have to be settled with a month, itself among them: those that budgets connect with it. Without a budget, only itself.';

CREATE FUNCTION influence_internal.due_settlements(last_seen pg_snapshot, only_program bigint DEFAULT NULL)
RETURNS TABLE (program_id bigint, month text, creator_id bigint)
LANGUAGE plpgsql STABLE
ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	-- of more creators a month is settled as a whole
	many constant int := 5000;
	this_program bigint;
	months text[];
	starts timestamptz[];
	whole int[];
	others int[];
BEGIN
	IF pg_snapshot_xmin($1) = '1'::xid8 THEN
		-- nothing was seen yet
		RETURN QUERY
		SELECT g.program_id, f.month, 0::bigint
		  FROM influence.program g CROSS JOIN LATERAL influence_internal.fact_months(g.program_id) f
		 WHERE g.program_id = coalesce($2, g.program_id);
		RETURN;
	END IF;
	RETURN QUERY
	SELECT s.program_id, f.month, 0::bigint
	  FROM (SELECT y.program_id, y.valid FROM influence.commission_policy y WHERE influence_internal.is_fresh(y.xact, $1, NULL)
			UNION ALL
			SELECT y.program_id, y.valid FROM influence.payout_policy y WHERE influence_internal.is_fresh(y.xact, $1, NULL)
			UNION ALL
			-- one that was ended: what lay behind its end, too
			SELECT b.program_id, b.stated FROM influence.commission_budget b WHERE influence_internal.is_fresh(b.xact, $1, NULL)
			UNION ALL
			SELECT b.program_id, b.stated FROM influence.bonus_rule b WHERE influence_internal.is_fresh(b.xact, $1, NULL)) s
	 CROSS JOIN LATERAL influence_internal.fact_months(s.program_id, s.valid) f
	 WHERE s.program_id = coalesce($2, s.program_id);

	FOR this_program IN
		SELECT DISTINCT e.program_id FROM influence.earning e
		 WHERE influence_internal.is_fresh(e.xact, $1, NULL) AND e.program_id = coalesce($2, e.program_id)
	LOOP
		SELECT array_agg(f.month ORDER BY f.month), array_agg(b.starts_at ORDER BY f.month) INTO months, starts
		  FROM influence_internal.fact_months(this_program) f
		 CROSS JOIN LATERAL influence_internal.period_bounds(this_program, f.month) b;
		-- a month that got very many lines is settled as a whole; looking for their creators would take longer
		SELECT coalesce(array_agg(n.nth) FILTER (WHERE n.lines > 20 * many), '{}'), coalesce(array_agg(n.nth) FILTER (WHERE n.lines <= 20 * many), '{}')
		  INTO whole, others
		  FROM (SELECT width_bucket(e.ordered_at, starts) AS nth, count(*) AS lines
				  FROM influence.earning e
				 WHERE influence_internal.is_fresh(e.xact, $1, NULL) AND e.program_id = this_program AND e.creator_id <> 0
				 GROUP BY 1) n;
		RETURN QUERY SELECT this_program, months[w], 0::bigint FROM unnest(whole) w;
		CONTINUE WHEN others = '{}';
		RETURN QUERY
		SELECT this_program, months[n.nth], unnest(CASE WHEN count(*) > many THEN '{0}' ELSE array_agg(n.creator_id) END)
		  FROM (SELECT DISTINCT e.creator_id, width_bucket(e.ordered_at, starts) AS nth
				  FROM influence.earning e
				 WHERE influence_internal.is_fresh(e.xact, $1, NULL) AND e.program_id = this_program AND e.creator_id <> 0) n
		 WHERE n.nth = ANY (others)
		 GROUP BY n.nth;
	END LOOP;
	-- a return has its clawbacks as a rule, which are found above
	RETURN QUERY
	SELECT DISTINCT r.program_id, to_char(e.ordered_at AT TIME ZONE g.time_zone, 'YYYY-MM'), e.creator_id
	  FROM influence.order_return r
	  JOIN influence.program g ON g.program_id = r.program_id
	 CROSS JOIN LATERAL (SELECT x.creator_id, x.ordered_at FROM influence.earning x
						  WHERE x.visitor_id = r.visitor_id AND x.program_id = r.program_id AND x.order_ref = r.order_ref
							AND x.line_no = r.line_no AND x.kind = 'commission' AND x.creator_id <> 0
							AND NOT EXISTS (SELECT FROM influence.earning k
											 WHERE k.visitor_id = r.visitor_id AND k.program_id = r.program_id AND k.order_ref = r.order_ref
											   AND k.line_no = r.line_no AND k.creator_id = x.creator_id AND k.kind = 'clawback' AND k.seq = r.seq
											   AND k.xact = r.xact) OFFSET 0) e
	 WHERE influence_internal.is_fresh(r.xact, $1, NULL) AND r.program_id = coalesce($2, r.program_id);

	IF EXISTS (SELECT FROM influence.coupon c WHERE c.fixed_credit IS NOT NULL) THEN
		RETURN QUERY SELECT d.* FROM influence_internal.due_coupon_credits($1, $2) d;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.due_settlements(pg_snapshot, bigint) IS
'The months and creators (0 = all) of a program, or of all, that facts and settings reach which a snapshot does not show. It takes all that is visible: what the job sees now and a snapshot taken before it does not, it sees once more.';

CREATE FUNCTION influence_internal.due_coupon_credits(last_seen pg_snapshot, only_program bigint DEFAULT NULL)
RETURNS TABLE (program_id bigint, month text, creator_id bigint)
LANGUAGE plpgsql STABLE
ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	-- whose a code is, and whether the owner may earn
	RETURN QUERY
	SELECT DISTINCT c.program_id, f.month, c.creator_id
	  FROM influence.coupon c
	 CROSS JOIN LATERAL influence_internal.fact_months(c.program_id, c.valid) f
	 WHERE c.fixed_credit IS NOT NULL AND c.program_id = coalesce($2, c.program_id)
	   AND (influence_internal.is_fresh(c.xact, $1, NULL)
			OR EXISTS (SELECT FROM influence.creator_status s
						WHERE s.creator_id = c.creator_id AND influence_internal.is_fresh(s.xact, $1, NULL))
			OR EXISTS (SELECT FROM influence.application a
						WHERE a.creator_id = c.creator_id AND a.program_id = c.program_id AND influence_internal.is_fresh(a.xact, $1, NULL))
			OR EXISTS (SELECT FROM influence.application_decision d
						WHERE d.creator_id = c.creator_id AND d.program_id = c.program_id AND influence_internal.is_fresh(d.xact, $1, NULL)));
	-- a range that was cut: what lay behind the cut, too
	RETURN QUERY
	SELECT DISTINCT c.program_id, f.month, c.creator_id
	  FROM influence.coupon c
	 CROSS JOIN LATERAL influence_internal.fact_months(c.program_id, c.stated) f
	 WHERE influence_internal.is_fresh(c.xact, $1, NULL) AND c.valid <> c.stated AND c.fixed_credit IS NOT NULL
	   AND c.program_id = coalesce($2, c.program_id);
	-- orders, and what may take the credit from them: returns, events, the buyer who turns out to be the owner
	RETURN QUERY
	SELECT DISTINCT o.program_id, to_char(o.ordered_at AT TIME ZONE g.time_zone, 'YYYY-MM'), c.creator_id
	  FROM (SELECT x.program_id, x.visitor_id, x.order_ref FROM influence.orders x
			 WHERE x.coupon IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, NULL)
			UNION
			SELECT r.program_id, r.visitor_id, r.order_ref FROM influence.order_return r WHERE influence_internal.is_fresh(r.xact, $1, NULL)
			UNION
			SELECT x.program_id, x.visitor_id, x.order_ref
			  FROM influence.order_event v
			  JOIN influence.orders x ON x.program_id = v.program_id AND x.order_ref IN (v.order_ref, v.replacement_ref)
			 WHERE influence_internal.is_fresh(v.xact, $1, NULL)
			UNION
			SELECT x.program_id, x.visitor_id, x.order_ref
			  FROM (SELECT a.visitor_id FROM influence.visitor_alias a WHERE influence_internal.is_fresh(a.xact, $1, NULL)
					UNION
					SELECT c.visitor_id FROM influence.creator c WHERE c.visitor_id IS NOT NULL AND influence_internal.is_fresh(c.xact, $1, NULL)) p
			 CROSS JOIN LATERAL unnest(influence_internal.person_visitors(p.visitor_id)) v(visitor_id)
			  JOIN influence.orders x ON x.visitor_id = v.visitor_id AND x.coupon IS NOT NULL) n
	  JOIN influence.orders o ON o.program_id = n.program_id AND o.visitor_id = n.visitor_id AND o.order_ref = n.order_ref
	  JOIN influence.program g ON g.program_id = o.program_id
	  JOIN influence.coupon c ON c.program_id = o.program_id AND c.code = influence_internal.coupon_code(o.coupon) AND c.valid @> o.ordered_at
	 WHERE c.fixed_credit IS NOT NULL AND o.program_id = coalesce($2, o.program_id);
END
$$;
COMMENT ON FUNCTION influence_internal.due_coupon_credits(pg_snapshot, bigint) IS
'The part of due_settlements() about coupons with a fixed_credit.';
