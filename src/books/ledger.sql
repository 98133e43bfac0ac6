/*
 * ledger.sql
 *
 * From earnings (kept by visitor) to the ledger (kept by party). The copy is
 * idempotent on the natural key, so it can run in the order's transaction and
 * again in the minute job for rows that came in by COPY.
 */
CREATE FUNCTION influence_internal.earning_entry_key(entry_id uuid, order_ref text, line_no int, kind text, seq int, revision int)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- the only part of free form stands last: two earnings never share a key; no concat(), which is only STABLE: this would not be inlined
	SELECT kind OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) seq::pg_catalog.text
		   OPERATOR(pg_catalog.||) CASE WHEN revision OPERATOR(pg_catalog.>) 0 THEN ':' OPERATOR(pg_catalog.||) revision::pg_catalog.text ELSE '' END
		   OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) line_no::pg_catalog.text
		   OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) entry_id::pg_catalog.text
		   OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) order_ref
$$;
COMMENT ON FUNCTION influence_internal.earning_entry_key(uuid, text, int, text, int, int) IS 'The ledger''s natural key of an earning: kind, seq (and revision after the first), line, the earning''s entry_id, order_ref. It says nothing about the visitor: the ledger keeps it for good.';

CREATE FUNCTION influence_internal.earning_accounts(creator_id bigint, kind text)
-- a set of one row, which can be inlined
RETURNS TABLE (cost text, owed text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
ROWS 1
AS $$
	SELECT CASE kind WHEN 'write_off' THEN 'write_off' ELSE 'expense' END,
		   -- party 0 is the platform: its cut is its revenue, and nobody is paid
		   CASE creator_id WHEN 0 THEN 'platform_revenue' ELSE 'payable' END
$$;
COMMENT ON FUNCTION influence_internal.earning_accounts(bigint, text) IS
'The accounts between which earnings of a kind move: what is earned goes from cost to owed, what is taken back from owed to cost.';

CREATE FUNCTION influence_internal.book_order_earnings(program_id bigint, visitor_id uuid, order_ref text)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	booked int;
BEGIN
	INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
								  occurred_at, available_at, source, visitor_id, order_ref, line_no)
	SELECT e.creator_id, e.program_id,
		   influence_internal.earning_entry_key(e.entry_id, e.order_ref, e.line_no, e.kind, e.seq, e.revision),
		   -- a later attribution, or a reversal, may take a commission back, or a clawback
		   CASE WHEN (e.amount < 0) = (e.kind = 'clawback') THEN e.kind ELSE e.kind || '_correction' END,
		   CASE WHEN e.amount > 0 THEN a.cost ELSE a.owed END, CASE WHEN e.amount > 0 THEN a.owed ELSE a.cost END,
		   abs(e.amount), e.currency, e.occurred_at, e.available_at, 'line', e.visitor_id, e.order_ref, e.line_no
	  FROM influence.earning e
	 CROSS JOIN LATERAL influence_internal.earning_accounts(e.creator_id, e.kind) a
	 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.amount <> 0
	 ORDER BY e.creator_id, e.line_no, e.kind, e.seq, e.revision
	-- a number that is given twice is no entry that is there already
	ON CONFLICT ON CONSTRAINT ledger_pkey DO NOTHING;
	GET DIAGNOSTICS booked = ROW_COUNT;
	RETURN booked;
END
$$;
COMMENT ON FUNCTION influence_internal.book_order_earnings(bigint, uuid, text) IS 'Copies the earnings of an order to the ledger by natural key; returns how many were new.';

CREATE FUNCTION influence_internal.book_earnings()
RETURNS TABLE (status text, orders bigint, booked bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
	item record;
BEGIN
	-- whose earnings are found now keeps its name until they are booked
	PERFORM influence_internal.share_key('forgetting shoppers');
	SELECT * INTO mark FROM influence_internal.open_watermark('book_earnings');
	orders := 0;
	booked := 0;
	FOR item IN
		SELECT DISTINCT e.program_id, e.visitor_id, e.order_ref
		  FROM influence.earning e
		 WHERE influence_internal.is_fresh(e.xact, mark.last_seen, mark.upper)
	LOOP
		orders := orders + 1;
		booked := booked + influence_internal.book_order_earnings(item.program_id, item.visitor_id, item.order_ref);
	END LOOP;
	PERFORM influence_internal.close_watermark('book_earnings', mark.current);
	status := CASE WHEN booked > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.book_earnings() IS
'Copies earnings that are not in the ledger yet (record_order and record_return book their own) by natural key. -> status recorded | duplicate, orders looked at, entries booked. Not while a shopper is being forgotten. IN005 in REPEATABLE READ and SERIALIZABLE.';
