/*
 * commissions.sql
 *
 * From credits to commissions and what returns take back: earnings that are
 * frozen with their rate and available after their hold. Both writers book
 * differences: what should be there less what is there.
 */
CREATE FUNCTION influence_internal.hold_until(program_id bigint, at timestamptz, policy_version int DEFAULT NULL, OUT available_at timestamptz, OUT version int,
	OUT rounding text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
BEGIN
	SELECT y.*, g.time_zone INTO STRICT p
	  FROM influence.payout_policy y JOIN influence.program g ON g.program_id = y.program_id
	 WHERE y.program_id = $1 AND CASE WHEN $3 IS NULL THEN y.valid @> $2 ELSE y.version = $3 END;
	version := p.version;
	rounding := p.rounding;
	-- months and days count in the program's time zone, never the session's; the rest is elapsed time
	IF p.hold_after_month_end IS NOT NULL THEN
		available_at := (date_trunc('month', $2 AT TIME ZONE p.time_zone) + interval '1 month'
						 + make_interval(days => p.hold_after_month_end)) AT TIME ZONE p.time_zone;
	ELSE
		available_at := influence_internal.calendar_add($2, p.hold, p.time_zone);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.hold_until(bigint, timestamptz, int) IS
'When what is earned at a moment becomes available under the payout policy of that moment (or a given version), with its version and rounding.';

CREATE FUNCTION influence_internal.order_terms(program_id bigint, visitor_id uuid, order_ref text, OUT ordered_at timestamptz, OUT country text,
	OUT currency text, OUT paying boolean, OUT earned boolean, OUT available_at timestamptz, OUT payout_policy_version int, OUT rounding text,
	OUT rounding_scope text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT x.ordered_at, x.country, g.currency::text, g.paying, true, h.available_at, h.version, h.rounding, y.rounding_scope
	  INTO STRICT ordered_at, country, currency, paying, earned, available_at, payout_policy_version, rounding, rounding_scope
	  FROM influence.orders x
	  JOIN influence.program g ON g.program_id = x.program_id
	 -- what was first booked stays: rounding and hold are frozen with it
	 CROSS JOIN LATERAL influence_internal.hold_until(x.program_id, x.ordered_at,
			(SELECT min(e.payout_policy_version) FROM influence.earning e
			  WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.kind = 'commission')) h
	  JOIN influence.payout_policy y ON y.program_id = x.program_id AND y.version = h.version
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3;
END
$$;
COMMENT ON FUNCTION influence_internal.order_terms(bigint, uuid, text) IS
'What an order''s commissions have in common: the program''s currency, whether they are earned yet, from when on they are available, and the payout policy (the one first booked under).';

CREATE FUNCTION influence_internal.book_commissions(program_id bigint, visitor_id uuid, order_ref text, revision int DEFAULT 0)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o record;
BEGIN
	SELECT * INTO o FROM influence_internal.order_terms($1, $2, $3);
	INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id,
								   rate_version, rate, flat_amount, rounding, amount, currency, directness, customer_kind, boost, tier_id,
								   ordered_at, occurred_at, available_at, payout_policy_version, hold_reason, revision)
	WITH booked AS MATERIALIZED (
		SELECT x.line_no, x.creator_id, sum(x.base)::bigint AS base, sum(x.amount)::bigint AS amount
		  FROM influence.earning x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.kind = 'commission'
		 GROUP BY x.line_no, x.creator_id
	)
	SELECT $2, $1, $3, w.line_no, w.creator_id, 'commission', 0, w.base - coalesce(b.base, 0), w.rate_id, w.rate_version, w.rate,
		   w.flat_amount, w.rounding, w.amount - coalesce(b.amount, 0), o.currency, w.directness, w.customer_kind, w.boost, w.tier_id,
		   o.ordered_at, o.ordered_at, o.available_at, o.payout_policy_version, w.hold_reason, $4
	  FROM influence_internal.wanted_commissions($1, $2, $3) w
	  LEFT JOIN booked b ON b.line_no = w.line_no AND b.creator_id = w.creator_id
	 WHERE b.line_no IS NULL OR (w.base, w.amount) <> (b.base, b.amount)
		-- also where a creator came or went with a base of 0, for the statistics
		OR (EXISTS (SELECT FROM influence.credit x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = b.line_no AND x.revision = $4)
			AND w.credited = NOT EXISTS (
					SELECT FROM influence.credit x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = b.line_no
					   AND x.creator_id = b.creator_id AND x.superseded_by IS NOT NULL AND x.xact = pg_current_xact_id()));
END
$$;
COMMENT ON FUNCTION influence_internal.book_commissions(bigint, uuid, text, int) IS
'Books what is missing so that each line and credited creator has the commission that wanted_commissions() says: one row at first, differences under a later revision.';

CREATE FUNCTION influence_internal.book_clawbacks(program_id bigint, visitor_id uuid, order_ref text, revision int DEFAULT 0)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id,
								   rate_version, rate, flat_amount, rounding, amount, currency, occurred_at, available_at,
								   payout_policy_version, return_ref, revision, ordered_at)
	WITH returns AS MATERIALIZED (
		SELECT r.line_no, r.seq, r.amount, r.return_ref, r.returned_at,
			   (sum(r.amount) OVER (PARTITION BY r.line_no ORDER BY r.seq) - r.amount)::bigint AS before
		  FROM influence.order_return r
		 WHERE r.visitor_id = $2 AND r.program_id = $1 AND r.order_ref = $3 AND r.state = 'applied'
	), earned AS MATERIALIZED (
		SELECT e.line_no, e.creator_id, sum(e.base)::bigint AS base, sum(e.amount)::bigint AS amount, min(e.rate_id) AS rate_id,
			   min(e.rate_version) AS rate_version, min(e.rate) AS rate, min(e.flat_amount) AS flat_amount, min(e.rounding) AS rounding,
			   min(e.currency::text) AS currency, min(e.available_at) AS available_at, min(e.payout_policy_version) AS policy, min(e.ordered_at) AS ordered_at,
			   EXISTS (SELECT FROM influence.credit c
						WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.line_no = e.line_no
						  AND c.creator_id = e.creator_id AND c.superseded_by IS NULL) AS present
		  FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.kind = 'commission'
		 GROUP BY e.line_no, e.creator_id
	), clawed AS MATERIALIZED (
		SELECT e.line_no, e.creator_id, e.seq, sum(e.base)::bigint AS base, sum(e.amount)::bigint AS amount
		  FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.kind = 'clawback'
		 GROUP BY e.line_no, e.creator_id, e.seq
	)
	SELECT $2, $1, $3, e.line_no, e.creator_id, 'clawback', r.seq, d.base, e.rate_id, e.rate_version, e.rate, e.flat_amount, e.rounding,
		   d.amount, e.currency, r.returned_at, e.available_at, e.policy, r.return_ref, $4, e.ordered_at
	  FROM earned e
	  JOIN returns r ON r.line_no = e.line_no
	  JOIN influence.order_line l ON l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = e.line_no
	  LEFT JOIN clawed k ON k.line_no = e.line_no AND k.creator_id = e.creator_id AND k.seq = r.seq
	 CROSS JOIN LATERAL (
			SELECT -influence.clawback_minor(e.base, l.base_amount, r.before, r.amount, e.rounding) - coalesce(k.base, 0) AS base,
				   -influence.clawback_minor(e.amount, l.base_amount, r.before, r.amount, e.rounding) - coalesce(k.amount, 0) AS amount) d
	 WHERE (k.seq IS NULL AND e.present) OR d.base <> 0 OR d.amount <> 0;
END
$$;
COMMENT ON FUNCTION influence_internal.book_clawbacks(bigint, uuid, text, int) IS
'Books what is missing so that each return has taken back its share of every commission of its line: the k-th round(C R_k / N) - round(C R_(k-1) / N), differences under a later revision; available when the commission is.';
