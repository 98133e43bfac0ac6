/*
 * settlement.sql
 *
 * settle_tiers: books what a month's settlement should be less what is booked,
 * so that the end depends on the facts alone, not on their order or on when it
 * runs. One settlement of a program at a time.
 */
CREATE FUNCTION influence_internal.settlement_entry_key(month text, stage text, ref bigint, seq int)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.concat('settle/', month, '/', stage, '/', ref, '/', seq) $$;
COMMENT ON FUNCTION influence_internal.settlement_entry_key(text, text, bigint, int) IS 'The ledger''s natural key of a settlement row.';

CREATE FUNCTION influence_internal.settlement_differences(program_id bigint, months text[], creators bigint[] DEFAULT NULL)
RETURNS TABLE (creator_id bigint, month text, stage text, ref bigint, seq int, amount bigint, available_at timestamptz, ends_at timestamptz,
			   wanted bigint)
LANGUAGE plpgsql STABLE
ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	-- sums and no joins: how many rows there are is not known to the planner
	RETURN QUERY
	WITH m AS MATERIALIZED (
		SELECT x.month, t.available_at, t.ends_at
		  FROM unnest($2) x(month) CROSS JOIN LATERAL influence_internal.settlement_terms($1, x.month) t
	), known AS (
		SELECT k.creator_id, k.month, k.stage, k.ref, k.available_at, max(k.ends_at) AS ends_at, sum(k.wanted)::bigint AS wanted,
			   sum(k.wanted - k.booked)::bigint AS amount, max(k.seq) AS seq
		  FROM (SELECT w.creator_id, w.month, w.stage, w.ref, m.available_at, m.ends_at, w.amount AS wanted, 0 AS booked, -1 AS seq
				  FROM influence_internal.wanted_settlements($1, $2, $3) w JOIN m ON m.month = w.month
				UNION ALL
				SELECT s.creator_id, s.month, s.stage, s.ref, s.available_at, m.ends_at, 0, s.amount, s.seq
				  FROM influence.settlement s JOIN m ON m.month = s.month
				 WHERE s.program_id = $1 AND s.month = ANY ($2) AND ($3 IS NULL OR s.creator_id = ANY ($3))) k
		 GROUP BY k.creator_id, k.month, k.stage, k.ref, k.available_at
	), numbered AS (
		SELECT k.*, max(k.seq) OVER (PARTITION BY k.creator_id, k.month, k.stage, k.ref) AS last FROM known k
	)
	SELECT n.creator_id, n.month, n.stage, n.ref,
		   (n.last + row_number() OVER (PARTITION BY n.creator_id, n.month, n.stage, n.ref ORDER BY n.available_at))::int,
		   n.amount, n.available_at, n.ends_at, n.wanted
	  FROM numbered n
	 WHERE n.amount <> 0;
END
$$;
COMMENT ON FUNCTION influence_internal.settlement_differences(bigint, text[], bigint[]) IS
'The settlement rows that are missing so that months (of some creators, or of all) have what wanted_settlements() says at the moment when it becomes available; should that moment have changed, what is booked at another one is taken back there.';

CREATE FUNCTION influence_internal.book_settlements(program_id bigint, months text[], creators bigint[] DEFAULT NULL,
	OUT creator_count bigint, OUT entries bigint, OUT amount numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
BEGIN
	SELECT f.currency INTO money FROM influence_internal.program_facts($1) f;
	-- one statement, one snapshot
	WITH missing AS (
		SELECT d.* FROM influence_internal.settlement_differences($1, $2, $3) d
	), settled AS (
		INSERT INTO influence.settlement (creator_id, program_id, month, stage, ref, seq, amount, currency, available_at)
		SELECT d.creator_id, $1, d.month, d.stage, d.ref, d.seq, d.amount, money, d.available_at
		  FROM missing d
	), booked AS (
		INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source, note)
		SELECT d.creator_id, $1, influence_internal.settlement_entry_key(d.month, d.stage, d.ref, d.seq), 'settlement_' || d.stage,
			   CASE WHEN d.amount > 0 THEN 'expense' ELSE 'payable' END, CASE WHEN d.amount > 0 THEN 'payable' ELSE 'expense' END,
			   abs(d.amount), money, d.ends_at - interval '1 microsecond', d.available_at, 'adjustment',
			   -- what a reader of a statement looks up
			   CASE d.stage WHEN 'tier' THEN format('tier table %s', d.ref) WHEN 'budget' THEN format('budget %s', d.ref)
							WHEN 'bonus' THEN (SELECT b.name FROM influence.bonus_rule b WHERE b.program_id = $1 AND b.bonus_id = d.ref) END
		  FROM missing d
	)
	SELECT count(DISTINCT d.creator_id), count(*), coalesce(sum(d.amount), 0) INTO creator_count, entries, amount
	  FROM missing d;
END
$$;
COMMENT ON FUNCTION influence_internal.book_settlements(bigint, text[], bigint[]) IS
'Books settlement_differences() with their ledger entries; returns for how many creators, how many rows and their sum in minor units. The caller holds the program''s lock.';

CREATE FUNCTION influence_internal.settle_months(program_id bigint, months text[], creators bigint[], shared boolean, attempt int,
	OUT creator_count bigint, OUT entries bigint, OUT amount numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	who bigint[] := creators;
	half record;
	failure text;
	middle int;
BEGIN
	BEGIN
		SELECT b.* INTO creator_count, entries, amount FROM influence_internal.book_settlements($1, $2, $3) b;
		RETURN;
	EXCEPTION WHEN data_exception OR SQLSTATE 'IN000' THEN
		failure := format('%s (%s)', SQLERRM, SQLSTATE);
	END;
	creator_count := 0;
	entries := 0;
	amount := 0;
	IF who IS NULL AND NOT shared THEN
		SELECT array_agg(DISTINCT x.creator_id) INTO who
		  FROM (SELECT e.creator_id
				  FROM unnest($2) m
				 CROSS JOIN LATERAL influence_internal.period_bounds($1, m) b
				  JOIN influence.earning e ON e.program_id = $1 AND e.ordered_at >= b.starts_at AND e.ordered_at < b.ends_at AND e.creator_id <> 0
				UNION ALL
				SELECT s.creator_id FROM influence.settlement s WHERE s.program_id = $1 AND s.month = ANY ($2)
				UNION ALL
				SELECT c.creator_id FROM influence.coupon c WHERE c.program_id = $1 AND c.fixed_credit IS NOT NULL) x;
	END IF;
	IF coalesce(cardinality(who), 0) < 2 THEN
		INSERT INTO influence.settlement_due (program_id, month, creator_id, failures, error)
		SELECT $1, m, coalesce(who[1], 0), $5, failure FROM unnest($2) m;
		RETURN;
	END IF;
	-- one creator's facts do not keep the others' from being settled
	middle := cardinality(who) / 2;
	FOR half IN
		SELECT d.* FROM (VALUES (who[:middle]), (who[middle + 1:])) h(creators)
		 CROSS JOIN LATERAL influence_internal.settle_months($1, $2, h.creators, false, $5) d
	LOOP
		creator_count := creator_count + half.creator_count;
		entries := entries + half.entries;
		amount := amount + half.amount;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.settle_months(bigint, text[], bigint[], boolean, int) IS
'book_settlements() of months (of some creators, or of all). Where amounts leave the range, it halves the creators until those are found who cannot be settled: their months stay in settlement_due with the error and the number of attempts; of what budgets share nothing is settled then.';

CREATE FUNCTION influence_internal.settle_program(program_id bigint, month text DEFAULT NULL, OUT creators bigint, OUT entries bigint,
	OUT amount numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	due record;
	done record;
	together text[];
	shared boolean;
	failures int;
BEGIN
	PERFORM influence_internal.lock_key('settle ' || $1);
	creators := 0;
	entries := 0;
	amount := 0;
	FOR due IN
		SELECT d.month, CASE WHEN bool_or(d.creator_id = 0) THEN NULL ELSE array_agg(d.creator_id) END AS creators
		  FROM influence.settlement_due d
		 WHERE d.program_id = $1 AND d.month = coalesce($2, d.month)
		 GROUP BY d.month
		 ORDER BY d.month
	LOOP
		-- it may have been settled with another one
		CONTINUE WHEN NOT EXISTS (SELECT FROM influence.settlement_due d WHERE d.program_id = $1 AND d.month = due.month);
		together := influence_internal.settled_together($1, due.month);
		shared := EXISTS (SELECT FROM influence.commission_budget b
						   CROSS JOIN LATERAL influence_internal.period_bounds($1, due.month) m
						   WHERE b.program_id = $1 AND b.valid && tstzrange(m.starts_at, m.ends_at));
		IF shared THEN
			due.creators := NULL;		-- a budget is everybody's
		END IF;
		SELECT max(d.failures) INTO failures FROM influence.settlement_due d WHERE d.program_id = $1 AND d.month = ANY (together);
		DELETE FROM influence.settlement_due d
		 WHERE d.program_id = $1 AND d.month = ANY (together);
		SELECT * INTO done FROM influence_internal.settle_months($1, together, due.creators, shared, failures + 1);
		creators := creators + done.creator_count;
		entries := entries + done.entries;
		amount := amount + done.amount;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.settle_program(bigint, text) IS
'Settles the months of a program (or one month) that stand in settlement_due, month by month, or together what budgets connect.';

CREATE FUNCTION influence_internal.settle_tiers(program_id bigint DEFAULT NULL, period text DEFAULT NULL)
RETURNS TABLE (status text, creators bigint, entries bigint, amount numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item bigint;
	done record;
BEGIN
	IF $1 IS NOT NULL THEN
		PERFORM influence_internal.period_bounds($1, coalesce($2, '2000-01'));
	ELSIF $2 IS NOT NULL THEN
		PERFORM influence_internal.raise_invalid('a period without a program', format('period: %s.', $2), 'Give program_id too.');
	END IF;
	PERFORM influence_internal.require_read_committed();
	PERFORM influence_internal.queue_settlements();
	IF $2 IS NOT NULL THEN
		-- whoever names a month wants it looked at
		INSERT INTO influence.settlement_due (program_id, month, creator_id) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING;
	END IF;
	creators := 0;
	entries := 0;
	amount := 0;
	FOR item IN
		SELECT DISTINCT d.program_id FROM influence.settlement_due d WHERE d.program_id = coalesce($1, d.program_id) ORDER BY 1
	LOOP
		SELECT * INTO done FROM influence_internal.settle_program(item, $2);
		creators := creators + done.creators;
		entries := entries + done.entries;
		amount := amount + done.amount;
	END LOOP;
	status := CASE WHEN entries > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.settle_tiers(bigint, text) IS
'Settles the months of a program (NULL = of all) that facts or settings reached since they were last settled; with a period (YYYY-MM) that month, whatever was seen of it. Books the differences between what tiers, caps, budgets, bonuses and coupons make of a creator''s month and what is booked, as ledger entries settlement_*, available at the month''s lock. The jobs and run_payouts do so by themselves. -> status recorded | duplicate (nothing to book), creators and entries booked, sum in minor units. IN002, IN003, IN006.';

CREATE FUNCTION influence_internal.queue_settlements()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
	queued bigint;
BEGIN
	PERFORM influence_internal.lock_key('settlements');
	SELECT * INTO mark FROM influence_internal.open_watermark('settle_tiers');
	INSERT INTO influence.settlement_due (program_id, month, creator_id)
	SELECT d.program_id, d.month, d.creator_id FROM influence_internal.due_settlements(mark.last_seen) d
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS queued = ROW_COUNT;
	PERFORM influence_internal.close_watermark('settle_tiers', mark.current);
	RETURN queued;
END
$$;
COMMENT ON FUNCTION influence_internal.queue_settlements() IS
'Adds to settlement_due what new facts and settings reach and moves the watermark; returns how many rows were added. One session at a time.';

CREATE FUNCTION influence_internal.settle_due(batch int DEFAULT 24, OUT creators bigint, OUT entries bigint, OUT amount numeric,
	OUT failed bigint, OUT waiting bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- days are 24 hours in what is elapsed, whoever calls
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	item record;
	done record;
BEGIN
	PERFORM influence_internal.queue_settlements();
	creators := 0;
	entries := 0;
	amount := 0;
	PERFORM influence_internal.progress_phase('months', (SELECT least($1, count(DISTINCT (d.program_id, d.month))) FROM influence.settlement_due d));
	FOR item IN
		SELECT d.program_id, d.month
		  FROM influence.settlement_due d
		 GROUP BY d.program_id, d.month
		 ORDER BY max(d.failures), d.program_id, d.month LIMIT $1
	LOOP
		-- what cannot be settled in one program does not stop the others
		BEGIN
			SELECT * INTO done FROM influence_internal.settle_program(item.program_id, item.month);
			creators := creators + done.creators;
			entries := entries + done.entries;
			amount := amount + done.amount;
			PERFORM influence_internal.progress_step(1);
		EXCEPTION WHEN OTHERS THEN
			UPDATE influence.settlement_due d SET failures = d.failures + 1, error = format('%s (%s)', SQLERRM, SQLSTATE)
			 WHERE d.program_id = item.program_id AND d.month = item.month;
		END;
	END LOOP;
	SELECT count(DISTINCT (d.program_id, d.month)), count(DISTINCT (d.program_id, d.month)) FILTER (WHERE d.failures > 0)
	  INTO waiting, failed
	  FROM influence.settlement_due d;
END
$$;
COMMENT ON FUNCTION influence_internal.settle_due(int) IS
'The job settle_tiers: queues what new facts reach and settles at most so many months of the queue; a month that fails stays in it with its error, and comes last.';
