/*
 * commissions.sql
 *
 * From credits to earnings. What an order's commissions have in common (are
 * they earned yet, from when on are they available), and the booking: for each
 * moment of availability the difference between what should be there and what
 * is there. So whatever comes late, in whatever order, the sums end the same.
 */
CREATE FUNCTION influence_internal.hold_end(at timestamptz, hold interval, hold_after_month_end int, time_zone text)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	-- months and days count in the program's time zone, never the session's; the rest is elapsed time
	SELECT CASE WHEN hold_after_month_end IS NULL THEN influence_internal.calendar_add(at, hold, time_zone)
				ELSE pg_catalog.timezone(time_zone, pg_catalog.date_trunc('month', pg_catalog.timezone(time_zone, at))
						OPERATOR(pg_catalog.+) pg_catalog.make_interval(months => 1, days => hold_after_month_end)) END
$$;
COMMENT ON FUNCTION influence_internal.hold_end(timestamptz, interval, int, text) IS
'When a hold that begins at a moment is over: hold counts from that moment, hold_after_month_end (days; NULL: hold counts) from the end of its month.';

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
	available_at := influence_internal.hold_end($2, p.hold, p.hold_after_month_end, p.time_zone);
END
$$;
COMMENT ON FUNCTION influence_internal.hold_until(bigint, timestamptz, int) IS
'When what is earned at a moment becomes available under the payout policy of that moment (or a given version), with its version and rounding.';

CREATE FUNCTION influence_internal.order_terms(program_id bigint, visitor_id uuid, order_ref text, known_at timestamptz DEFAULT NULL,
	OUT ordered_at timestamptz, OUT country text, OUT currency text, OUT paying boolean, OUT earned boolean, OUT waits_for text,
	OUT available_at timestamptz, OUT payout_policy_version int, OUT rounding text, OUT rounding_scope text, OUT replacement boolean,
	OUT cancelled_at timestamptz, OUT claws_until timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	o record;
	hold_from timestamptz;
BEGIN
	SELECT x.ordered_at, x.country, g.currency::text AS currency, g.paying, g.time_zone, y.version, y.rounding, y.rounding_scope, y.earns_at,
		   y.hold_from, y.hold, y.hold_after_month_end, y.max_clawback_age, life.*,
		   EXISTS (SELECT FROM influence.order_event e
					WHERE e.program_id = $1 AND e.replacement_ref = $3 AND e.state = 'counted'
					  AND (e.visitor_id = $2 OR e.visitor_id = ANY (influence_internal.person_visitors($2)))) AS replacement
	  INTO STRICT o
	  FROM influence.orders x
	  JOIN influence.program g ON g.program_id = x.program_id
	  -- the policy that was first booked under stays
	  JOIN influence.payout_policy y ON y.program_id = x.program_id AND y.version = coalesce(
			(SELECT min(e.payout_policy_version) FROM influence.earning e
			  WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.kind = 'commission'),
			(SELECT v.version FROM influence.payout_policy v WHERE v.program_id = $1 AND v.valid @> x.ordered_at))
	 CROSS JOIN (SELECT min(e.occurred_at) FILTER (WHERE e.kind = 'shipped') AS shipped,
						min(e.occurred_at) FILTER (WHERE e.kind = 'delivered') AS delivered,
						min(e.occurred_at) FILTER (WHERE e.kind = 'cancelled') AS cancelled
				   FROM influence.order_event e
				  WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.state = 'counted'
					AND ($4 IS NULL OR e.received_at <= $4)) life
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3;
	-- what was delivered has been shipped, no later than then
	o.shipped := least(o.shipped, o.delivered);
	ordered_at := o.ordered_at;
	country := o.country;
	currency := o.currency;
	paying := o.paying;
	earned := CASE o.earns_at WHEN 'shipped' THEN o.shipped IS NOT NULL WHEN 'delivered' THEN o.delivered IS NOT NULL ELSE true END;
	waits_for := CASE WHEN NOT earned THEN o.earns_at END;
	hold_from := CASE o.hold_from WHEN 'shipped' THEN o.shipped WHEN 'delivered' THEN o.delivered ELSE o.ordered_at END;
	available_at := coalesce(influence_internal.hold_end(hold_from, o.hold, o.hold_after_month_end, o.time_zone), 'infinity');
	payout_policy_version := o.version;
	rounding := o.rounding;
	rounding_scope := o.rounding_scope;
	replacement := o.replacement;
	cancelled_at := o.cancelled;
	claws_until := influence_internal.calendar_add(o.ordered_at, o.max_clawback_age, o.time_zone);
END
$$;
COMMENT ON FUNCTION influence_internal.order_terms(bigint, uuid, text, timestamptz) IS
'What an order''s commissions have in common: the program''s currency, whether they are earned yet (else the event that they wait for), from when on they are available (infinity: not known yet), the payout policy (the one first booked under), whether the order replaces another one of the person (and so earns nothing), when it was cancelled, and until when a return costs the creators (NULL: for ever). known_at: with the order events received by then.';

CREATE FUNCTION influence_internal.book_commissions(program_id bigint, visitor_id uuid, order_ref text, o record, attribution int DEFAULT NULL)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	returned boolean;
	booked int;
BEGIN
	returned := EXISTS (SELECT FROM influence.order_return r
						 WHERE r.visitor_id = $2 AND r.program_id = $1 AND r.order_ref = $3 AND r.state = 'applied');
	IF NOT returned AND NOT EXISTS (SELECT FROM influence.earning e WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3) THEN
		-- the first booking has nothing to compare with
		INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id,
									   rate_version, rate, flat_amount, rounding, amount, currency, directness, customer_kind, boost, tier_id,
									   ordered_at, occurred_at, available_at, payout_policy_version, hold_reason, revision)
		SELECT $2, $1, $3, w.line_no, w.creator_id, 'commission', 0, w.base, w.rate_id, w.rate_version, w.rate, w.flat_amount, w.rounding,
			   w.amount, o.currency, w.directness, w.customer_kind, w.boost, w.tier_id, o.ordered_at, o.ordered_at, o.available_at,
			   o.payout_policy_version, w.hold_reason, greatest($5, 0)
		  FROM influence_internal.wanted_commissions($1, $2, $3, o) w;
		GET DIAGNOSTICS booked = ROW_COUNT;
		RETURN booked;
	END IF;
	INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id,
								   rate_version, rate, flat_amount, rounding, amount, currency, directness, customer_kind, boost, tier_id,
								   ordered_at, occurred_at, available_at, payout_policy_version, hold_reason, return_ref, revision)
	WITH w AS MATERIALIZED (
		SELECT x.* FROM influence_internal.wanted_commissions($1, $2, $3, o) x
	), wanted AS MATERIALIZED (
		SELECT w.line_no, w.creator_id, 'commission' AS kind, 0 AS seq, w.base, w.amount, o.ordered_at AS occurred_at, NULL AS return_ref,
			   true AS always,
			   -- a row of 0 where a creator came or went with a base of 0, for the statistics
			   $5 IS NOT NULL AND w.creator_id <> 0 AND EXISTS (
					SELECT FROM influence.credit x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = w.line_no AND x.revision = $5)
				AND w.credited = NOT EXISTS (
					SELECT FROM influence.credit x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = w.line_no
					   AND x.creator_id = w.creator_id AND x.superseded_by IS NOT NULL AND x.xact = pg_current_xact_id())
			   -- and where what earned 0 is barred now: the settlement asks for the reason
			   OR (o.replacement AND w.amount = 0 AND NOT EXISTS (
					SELECT FROM influence.earning x
					 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = w.line_no
					   AND x.creator_id = w.creator_id AND x.kind = 'commission' AND x.hold_reason IS NOT NULL)) AS changed
		  FROM w
		UNION ALL
		SELECT w.line_no, w.creator_id, c.kind, c.seq, c.base, c.amount, c.returned_at, c.return_ref, w.credited AND c.kind = 'clawback', false
		  FROM w
		 CROSS JOIN LATERAL influence_internal.wanted_clawbacks($1, $2, $3, w.line_no, w.base, w.amount, w.rounding, o.claws_until) c
		 WHERE returned
	), booked AS MATERIALIZED (
		SELECT e.line_no, e.creator_id, e.kind, e.seq, e.available_at, sum(e.base)::bigint AS base, sum(e.amount)::bigint AS amount,
			   max(max(e.revision)) OVER (PARTITION BY e.line_no, e.creator_id, e.kind, e.seq) AS last
		  FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3
		 GROUP BY e.line_no, e.creator_id, e.kind, e.seq, e.available_at
	), missing AS (
		SELECT n.line_no, n.creator_id, n.kind, n.seq, o.available_at, n.base - coalesce(b.base, 0) AS base, n.amount - coalesce(b.amount, 0) AS amount,
			   k.last, n.occurred_at, n.return_ref, n.changed OR (n.always AND k.last IS NULL) AS always
		  FROM wanted n
		  LEFT JOIN booked b ON b.line_no = n.line_no AND b.creator_id = n.creator_id AND b.kind = n.kind AND b.seq = n.seq
				AND b.available_at = o.available_at
		  LEFT JOIN (SELECT DISTINCT x.line_no, x.creator_id, x.kind, x.seq, x.last FROM booked x) k
				ON k.line_no = n.line_no AND k.creator_id = n.creator_id AND k.kind = n.kind AND k.seq = n.seq
		UNION ALL
		-- what was available from another moment on
		SELECT b.line_no, b.creator_id, b.kind, b.seq, b.available_at, -b.base, -b.amount, b.last, n.occurred_at, n.return_ref, false
		  FROM booked b
		  JOIN wanted n ON n.line_no = b.line_no AND n.creator_id = b.creator_id AND n.kind = b.kind AND n.seq = b.seq
		 WHERE b.available_at <> o.available_at
	)
	SELECT $2, $1, $3, m.line_no, m.creator_id, m.kind, m.seq, m.base, w.rate_id, w.rate_version, w.rate, w.flat_amount, w.rounding, m.amount,
		   o.currency, x.directness, x.customer_kind, x.boost, x.tier_id, o.ordered_at, m.occurred_at, m.available_at, o.payout_policy_version,
		   x.hold_reason, m.return_ref,
		   greatest($5, m.last + 1, 0)
		   + row_number() OVER (PARTITION BY m.line_no, m.creator_id, m.kind, m.seq ORDER BY m.available_at = o.available_at, m.available_at)::int - 1
	  FROM missing m
	  JOIN w ON w.line_no = m.line_no AND w.creator_id = m.creator_id
	  LEFT JOIN w x ON x.line_no = m.line_no AND x.creator_id = m.creator_id AND m.kind = 'commission'
	 WHERE (m.base, m.amount) <> (0, 0) OR m.always;
	GET DIAGNOSTICS booked = ROW_COUNT;
	RETURN booked;
END
$$;
COMMENT ON FUNCTION influence_internal.book_commissions(bigint, uuid, text, record, int) IS
'Books what is missing so that each line and credited creator has, from when on the order''s terms say, the commission of wanted_commissions() and the clawbacks of wanted_clawbacks(); what was booked as available from another moment on is taken back there. o: the order_terms() of an order that is earned. attribution: the revision of credits that was just written, if any. Returns the number of rows.';

CREATE FUNCTION influence_internal.book_order(program_id bigint, visitor_id uuid, order_ref text, attribution int DEFAULT NULL)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	terms record;
	booked int := 0;
BEGIN
	SELECT * INTO terms FROM influence_internal.order_terms($1, $2, $3);
	IF terms.cancelled_at IS NOT NULL THEN
		PERFORM influence_internal.cancel_lines($1, $2, $3, terms.cancelled_at);
	END IF;
	-- nothing before it is earned
	IF terms.earned THEN
		LOCK TABLE ONLY influence.touch IN ACCESS SHARE MODE;		-- as in credit_lines(): a rate may ask whether a touch was boosted
		booked := influence_internal.book_commissions($1, $2, $3, terms, $4);
	END IF;
	IF booked > 0 THEN
		PERFORM influence_internal.book_order_earnings($1, $2, $3);
	END IF;
	RETURN booked;
END
$$;
COMMENT ON FUNCTION influence_internal.book_order(bigint, uuid, text, int) IS
'Books everything that follows from an order, its events, returns and credits as they are now: what a cancellation takes back, the earnings, their entries in the ledger. Returns how many earnings were new. The caller holds the person''s lock.';
