/*
 * orders.sql
 *
 * record_order: stores an order, attributes its lines, books the base
 * commission and copies it to the ledger, in one transaction under the lock of
 * the person. Parked returns and events of the order are applied on
 * the way. What of a line earns follows from the commission
 * policy and the exchange rate in force when the order was placed, and is frozen with it.
 *
 * The short way of most orders: one that nothing has happened to yet, in a
 * program whose settings ask nothing unusual, needs no look at what was booked
 * before and no explanation of its touches. record_order() finds out by one
 * statement that it is one, reads what it needs and writes it without a
 * statement, with the results of credit_lines() and book_order(): plain_order.h. All others, and
 * all that comes later, go through these, beginning with record_any_order().
 */
CREATE FUNCTION influence_internal.record_order(program_id bigint, visitor_id uuid, order_ref text, lines jsonb,
	ordered_at timestamptz DEFAULT NULL, currency text DEFAULT NULL, details jsonb DEFAULT '{}')
RETURNS TABLE (status text, line_count int, amount bigint, credited bigint, unattributed bigint, commission bigint,
			   clawed_back bigint, creators int, refused_returns int, remarks text)
AS 'MODULE_PATHNAME', 'program_record_order'
LANGUAGE C VOLATILE;
COMMENT ON FUNCTION influence_internal.record_order(bigint, uuid, text, jsonb, timestamptz, text, jsonb) IS
'Records an order, attributes it and books the base commission as pending. lines: [{"line_no", "product_id" or "sku", "quantity", "paid_price" per piece, ...}] with the columns of the table order_line, amounts in minor units of the order''s currency (NULL: the program''s). What of a line earns is quantity x paid_price less what the commission policy''s base_less names (discounts, tax, shipping, points and gift cards unless set), or base_amount, if the line states it; in another currency it is converted at details.fx_rate (units of the program''s currency for one of the order''s), else at the exchange rate in force, and all that follows is in the program''s currency. ordered_at NULL = now; details: coupon, country, device, experiment, variant, holdout, gift, fx_rate, fx_source. Natural key: program_id and order_ref, which belongs to one person, and to one program of a dedup_group. A coupon that is unknown or not valid when ordered is ignored, and so is a creator''s code while the policy''s coupon_rule is none; remarks say so. -> status recorded | duplicate, line_count, amount (sum of base amounts in the program''s currency), credited to creators, unattributed, commission (of creators), clawed_back (by returns that came first), creators, refused_returns (that came first, and name another visitor, no line, or more than it has: see table order_return), remarks (NULL, or why lines are unattributed, commissions 0 and the coupon ignored: unattributed: no_touch | outside_window | late | consumed | excluded; not earned: no_rate | not_admitted | creator_suspended | creator_banned | not_paying | replacement; not earned yet: waits for shipped | delivered). IN002 (also: no exchange rate), IN003, IN004, IN006.';

CREATE FUNCTION influence_internal.record_any_order(program_id bigint, visitor_id uuid, order_ref text, lines jsonb,
	ordered_at timestamptz, currency text, details jsonb)
RETURNS TABLE (status text, line_count int, amount bigint, credited bigint, unattributed bigint, commission bigint,
			   clawed_back bigint, creators int, refused_returns int, remarks text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	moment timestamptz;
	people uuid[];
	f record;
	known record;
	money text;
	fx_rate numeric;
	fx_source text;
BEGIN
	IF ($2 IS NOT NULL AND length($3) BETWEEN 1 AND 200 AND jsonb_typeof(lines) = 'array' AND ($5 IS NULL OR $5 BETWEEN '1990-01-01 00:00:00+00' AND clock_timestamp() + interval '1 day')
		AND jsonb_typeof(details) = 'object'
		AND details - '{coupon,country,device,experiment,variant,holdout,gift,fx_rate,fx_source}'::text[] = '{}') IS NOT TRUE THEN
		PERFORM influence_internal.check_order($1, $2, $3, lines, $5, details);
	END IF;
	hash := influence_internal.content_hash(jsonb_build_array(lines, $5, $6, details));
	PERFORM influence_internal.lock_person($2);
	moment := coalesce($5, now());
	SELECT g.currency::text, influence_internal.scope_programs($1) AS scope, c.version AS commission_policy_version, c.base_less INTO f
	  FROM influence.program g
	  JOIN influence.commission_policy c ON c.program_id = g.program_id AND c.valid @> moment
	 WHERE g.program_id = $1;
	IF NOT FOUND THEN
		PERFORM influence_internal.program_facts($1);
	END IF;
	people := influence_internal.person_visitors($2);
	-- not locked, to keep bulk loads within the lock table: check_books() reports two at the same instant
	SELECT o.program_id, o.visitor_id, o.content_hash, o.visitor_id = ANY (people) AS own INTO known
	  FROM influence.orders o
	 WHERE o.program_id = ANY (f.scope) AND o.order_ref = $3
	 ORDER BY o.program_id = $1 DESC, o.visitor_id = ANY (people) DESC, o.visitor_id = $2 DESC, o.program_id, o.visitor_id LIMIT 1;
	IF FOUND THEN
		IF known.program_id = $1 AND (known.own OR influence_internal.is_forgotten_order($1, known.visitor_id, known.content_hash, hash)) THEN
			IF known.own AND known.content_hash <> hash THEN
				PERFORM influence_internal.raise_conflict('order', $3);
			END IF;
			RETURN QUERY SELECT 'duplicate', s.* FROM influence_internal.order_summary($1, known.visitor_id, $3) s;
			RETURN;
		ELSIF known.program_id = $1 THEN
			PERFORM influence_internal.raise_other_visitor($3);		-- it would be paid twice
		ELSIF known.program_id IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'IN004',
				MESSAGE = format('order "%s" is recorded in another program of the dedup_group', $3),
				DETAIL = format('Program %s has it: touches of all programs of the group took part in its attribution.', known.program_id),
				HINT = 'Record an order in one program of a group; see influence.explain_attribution() there.';
		END IF;
	END IF;
	IF jsonb_array_length(lines) = 0 THEN
		PERFORM influence_internal.raise_invalid('the order has no lines', NULL, 'Give lines as [{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1999}].');
	ELSIF details ->> 'country' !~ '^[A-Z]{2}$' THEN
		PERFORM influence_internal.raise_invalid(format('country "%s" is not a code', details ->> 'country'), NULL,
			'Use two upper-case letters (ISO 3166-1).');
	END IF;
	money := coalesce($6, f.currency);
	IF money <> f.currency OR details ?| '{fx_rate,fx_source}' THEN
		PERFORM influence.minor_unit_digits(money);
		SELECT x.rate, x.source INTO fx_rate, fx_source
		  FROM influence_internal.order_exchange_rate(money, f.currency, moment, (details ->> 'fx_rate')::numeric,
				details ->> 'fx_source') x;
	END IF;
	PERFORM influence_internal.store_order($1, $2, $3, moment, lines, details, hash, money, f.currency, fx_rate, fx_source,
		f.commission_policy_version, f.base_less);
	PERFORM influence_internal.credit_lines($1, $2, $3, people => people, scope => f.scope);
	PERFORM influence_internal.take_in_parked($1, $2, $3);
	PERFORM influence_internal.book_order($1, $2, $3);
	status := 'recorded';
	SELECT * INTO line_count, amount, credited, unattributed, commission, clawed_back, creators, refused_returns, remarks
	  FROM influence_internal.order_summary($1, $2, $3);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_any_order(bigint, uuid, text, jsonb, timestamptz, text, jsonb) IS
'record_order() of an order that is not plain, or is not right: it says what is wrong with the arguments, one by one, answers a retry, and stores, credits and books the order step by step.';

CREATE FUNCTION influence_internal.check_order(program_id bigint, visitor_id uuid, order_ref text, lines jsonb, ordered_at timestamptz, details jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('visitor_id', $2::text);
	PERFORM influence_internal.require_key('order_ref', $3);
	PERFORM influence_internal.require_array(lines, 'lines');
	PERFORM influence_internal.require_event_time('ordered_at', $5);
	IF details -> 'currency' IS NOT NULL THEN
		PERFORM influence_internal.raise_invalid('currency is no detail of an order', NULL, 'It is an argument of the function: currency => ''EUR''.');
	END IF;
	PERFORM influence_internal.check_keys(details, ARRAY['coupon', 'country', 'device', 'experiment', 'variant', 'holdout', 'gift', 'fx_rate', 'fx_source'],
		'details');
END
$$;
COMMENT ON FUNCTION influence_internal.check_order(bigint, uuid, text, jsonb, timestamptz, jsonb) IS
'Says what is wrong with the arguments of record_order(): IN002, IN003.';

CREATE FUNCTION influence_internal.store_order(program_id bigint, visitor_id uuid, order_ref text, ordered_at timestamptz, lines jsonb,
	details jsonb, content_hash bytea, currency text, program_currency text, fx_rate numeric, fx_source text, policy_version int, base_less text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	total numeric;
BEGIN
	IF NOT influence_internal.has_plain_lines(lines) THEN
		PERFORM influence_internal.check_lines(lines);
	END IF;
	-- one statement: with each, the server prepares the CHECKs of the table anew
	WITH placed AS (
		INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, coupon, country, device, experiment, variant,
									  holdout, gift, content_hash, commission_policy_version)
		VALUES ($2, $1, $3, $4, $8, details ->> 'coupon', details ->> 'country', details ->> 'device', details ->> 'experiment',
				details ->> 'variant', (details ->> 'holdout')::boolean, (details ->> 'gift')::boolean, $7, $12)
	), stored AS (
		INSERT INTO influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity,
			list_price, paid_price, discount_seller, discount_platform, tax, shipping, points, gift_card, seller, cost,
			new_customer, membership, renewal_no, order_amount, base_amount, fx_rate, fx_source)
		SELECT $2, $1, $3, l.line_no, p.product_id, h.path, l.quantity, l.list_price, coalesce(l.paid_price, 0),
			   coalesce(l.discount_seller, 0), coalesce(l.discount_platform, 0), coalesce(l.tax, 0), coalesce(l.shipping, 0),
			   coalesce(l.points, 0), coalesce(l.gift_card, 0), l.seller, l.cost, l.new_customer, l.membership, l.renewal_no,
			   a.order_amount, CASE WHEN $10 IS NULL THEN a.order_amount
									ELSE influence_internal.line_base(l.item, a.order_amount, $8, $9, $10) END, $10, $11
		  FROM ROWS FROM (jsonb_to_recordset(lines) AS (line_no int, product_id bigint, sku text, quantity bigint, list_price bigint,
								paid_price bigint, discount_seller bigint, discount_platform bigint, tax bigint, shipping bigint, points bigint,
								gift_card bigint, seller text, cost bigint, new_customer boolean, membership text, renewal_no int,
								base_amount bigint),
						  jsonb_array_elements(lines))
				AS l(line_no, product_id, sku, quantity, list_price, paid_price, discount_seller, discount_platform, tax, shipping, points,
					 gift_card, seller, cost, new_customer, membership, renewal_no, base_amount, item)
		 CROSS JOIN LATERAL (SELECT coalesce(l.product_id, (SELECT x.product_id FROM influence.product x WHERE x.sku = l.sku)) AS product_id
							 OFFSET 0) p
		  LEFT JOIN LATERAL (SELECT x.path FROM influence.product_category x
							  WHERE x.product_id = p.product_id AND x.valid_from <= $4
							  ORDER BY x.valid_from DESC LIMIT 1) h ON true
		 CROSS JOIN LATERAL (
			   SELECT CASE WHEN h.path IS NOT NULL AND t.usable AND t.total <= 9223372036854775807 THEN t.total::bigint
						   ELSE influence_internal.raise_line(l.item, h.path IS NOT NULL, t.usable) END AS order_amount
				 FROM (SELECT l.line_no > 0 AND l.quantity > 0 AND (l.paid_price IS NOT NULL OR l.base_amount IS NOT NULL)
							  AND least(l.list_price, l.paid_price, l.discount_seller, l.discount_platform, l.tax, l.shipping, l.points,
										l.gift_card, l.base_amount) >= 0 AS usable,
							  coalesce(l.base_amount, greatest(0, l.quantity::numeric * l.paid_price
							  - CASE WHEN 'discount_seller' = ANY ($13) THEN coalesce(l.discount_seller, 0) ELSE 0 END
							  - CASE WHEN 'discount_platform' = ANY ($13) THEN coalesce(l.discount_platform, 0) ELSE 0 END
							  - CASE WHEN 'tax' = ANY ($13) THEN coalesce(l.tax, 0) ELSE 0 END
							  - CASE WHEN 'shipping' = ANY ($13) THEN coalesce(l.shipping, 0) ELSE 0 END
							  - CASE WHEN 'points' = ANY ($13) THEN coalesce(l.points, 0) ELSE 0 END
							  - CASE WHEN 'gift_card' = ANY ($13) THEN coalesce(l.gift_card, 0) ELSE 0 END)) AS total OFFSET 0) t OFFSET 0) a
		RETURNING order_amount, base_amount)
	SELECT greatest(sum(s.order_amount), sum(s.base_amount)) INTO total FROM stored s;
	IF total > 9223372036854775807 THEN
		RAISE EXCEPTION USING ERRCODE = 'IN006', MESSAGE = 'the amount of the order is out of range',
			HINT = 'Amounts are minor units, and an order''s sum fits in bigint.';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.store_order(bigint, uuid, text, timestamptz, jsonb, jsonb, bytea, text, text, numeric, text, int, text[]) IS
'Stores an order and its lines given as JSON, each with what of it earns, in the order''s currency and, at the exchange rate (NULL: the same currency), in the program''s. base_less: what the commission policy takes off quantity x paid_price. IN002, IN003, IN006.';

CREATE FUNCTION influence_internal.has_plain_lines(lines jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME', 'program_has_plain_lines'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.has_plain_lines(jsonb) IS
'Whether check_lines() has nothing to say about an array: its elements are objects with the keys of an order line, not both product_id and sku, and whole numbers as line_no, each once. False may also mean that it takes a closer look.';

CREATE FUNCTION influence_internal.check_lines(lines jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item jsonb;
BEGIN
	-- a number given as text may be written in several ways
	IF EXISTS (SELECT FROM jsonb_array_elements(lines) e
				GROUP BY CASE WHEN e ->> 'line_no' ~ '^[[:space:]]*[+-]?[0-9]+[[:space:]]*$' THEN (e ->> 'line_no')::numeric::text ELSE e ->> 'line_no' END
			   HAVING count(*) > 1) THEN
		PERFORM influence_internal.raise_invalid('two lines have the same line_no', NULL, 'Number the lines of an order 1, 2, 3, ...');
	END IF;
	FOR item IN SELECT e FROM jsonb_array_elements(lines) e LOOP
		PERFORM influence_internal.check_keys(item, ARRAY['line_no', 'product_id', 'sku', 'quantity', 'list_price', 'paid_price',
			'discount_seller', 'discount_platform', 'tax', 'shipping', 'points', 'gift_card', 'seller', 'cost', 'new_customer',
			'membership', 'renewal_no', 'base_amount'], 'an order line');
		IF item ->> 'product_id' IS NOT NULL AND item ? 'sku' THEN
			PERFORM influence_internal.raise_invalid('an order line names its product twice', item::text, 'Give product_id or sku.');
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.check_lines(jsonb) IS 'Says what is wrong with the form of an order''s lines, if anything is; IN002.';

CREATE FUNCTION influence_internal.raise_line(item jsonb, has_product boolean, usable boolean)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT has_product THEN
		PERFORM influence_internal.raise_unknown('product', coalesce(item ->> 'product_id', item ->> 'sku'),
			'Add it with influence.add_product(sku, title, category_id).');
	ELSIF usable THEN
		RAISE EXCEPTION USING ERRCODE = 'IN006', MESSAGE = 'the amount of an order line is out of range', DETAIL = item::text,
			HINT = 'Amounts are minor units and fit in bigint.';
	END IF;
	PERFORM influence_internal.raise_invalid('an order line is not usable', item::text,
		'line_no and quantity are 1 or more, amounts 0 or more minor units, and paid_price or base_amount is there; use record_return for what comes back.');
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.raise_line(jsonb, boolean, boolean) IS
'Raises what is wrong with an order line: its product is not there (IN003), a value is not possible (IN002), or, where it is usable, its amount is out of range (IN006).';

CREATE FUNCTION influence_internal.line_base(item jsonb, order_amount bigint, currency text, program_currency text, fx_rate numeric)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	base numeric := influence_internal.convert_minor(order_amount, currency, program_currency, fx_rate);
BEGIN
	IF base > 9223372036854775807 THEN
		PERFORM influence_internal.raise_line(item, true, true);
	END IF;
	RETURN base;
END
$$;
COMMENT ON FUNCTION influence_internal.line_base(jsonb, bigint, text, text, numeric) IS
'What of an order line earns in the program''s currency: the amount in the order''s at an exchange rate; IN006.';

CREATE FUNCTION influence_internal.complete_order(program_id bigint, visitor_id uuid, order_ref text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	UPDATE influence.orders x
	   SET commission_policy_version = influence_internal.order_commission_policy($1, $2, $3)
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.commission_policy_version IS NULL;
	UPDATE influence.order_line l SET order_amount = l.base_amount
	 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.order_amount IS NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.complete_order(bigint, uuid, text) IS
'Freezes what an order that came by COPY left open: its commission policy, and the amount of its lines in the order''s currency (the program''s, if nothing else is said).';

CREATE FUNCTION influence_internal.order_summary(program_id bigint, visitor_id uuid, order_ref text)
RETURNS TABLE (line_count int, amount bigint, credited bigint, unattributed bigint, commission bigint, clawed_back bigint,
			   creators int, refused_returns int, remarks text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	remarkable boolean;
BEGIN
	SELECT l.line_count, l.amount, c.credited, c.unattributed, c.creators, e.commission, e.clawed_back, r.refused,
		   c.unattributed_rows OR e.held OR (c.creators > 0 AND e.commission = 0) OR o.coupon IS NOT NULL
	  INTO line_count, amount, credited, unattributed, creators, commission, clawed_back, refused_returns, remarkable
	  FROM influence.orders o
	 CROSS JOIN (SELECT count(*) AS line_count, sum(l.base_amount) AS amount
				   FROM influence.order_line l WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3) l
	 CROSS JOIN (SELECT coalesce(sum(c.credit) FILTER (WHERE c.creator_id IS NOT NULL), 0) AS credited,
						coalesce(sum(c.credit) FILTER (WHERE c.creator_id IS NULL), 0) AS unattributed,
						count(DISTINCT c.creator_id) AS creators, coalesce(bool_or(c.reason <> 'credited'), false) AS unattributed_rows
				   FROM influence.credit c
				  WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.superseded_by IS NULL) c
	 CROSS JOIN (SELECT coalesce(sum(e.amount) FILTER (WHERE e.kind = 'commission'), 0) AS commission,
						coalesce(-sum(e.amount) FILTER (WHERE e.kind IN ('clawback', 'write_off')), 0) AS clawed_back,
						coalesce(bool_or(e.hold_reason IS NOT NULL), false) AS held
				   FROM influence.earning e
				  WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.creator_id <> 0) e
	 CROSS JOIN (SELECT count(*) AS refused FROM influence.order_return r
				  WHERE r.program_id = $1 AND r.order_ref = $3 AND r.state = 'refused') r
	 WHERE o.visitor_id = $2 AND o.program_id = $1 AND o.order_ref = $3;
	IF NOT remarkable THEN
		RETURN NEXT;
		RETURN;
	END IF;
	-- why something was not credited or not earned: unattributed: no_touch, not earned: no_rate, ...
	SELECT string_agg(DISTINCT x.remark, '; ' ORDER BY x.remark) INTO remarks
	  FROM (SELECT 'unattributed: ' || c.reason AS remark FROM influence.credit c
			 WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.superseded_by IS NULL AND c.reason <> 'credited'
			UNION ALL
			SELECT 'not earned: ' || e.hold_reason FROM influence.earning e
			 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.hold_reason IS NOT NULL
			   -- by its line: of an order of many lines a join would read all credits for each
			   AND EXISTS (SELECT FROM influence.credit c
							WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.line_no = e.line_no
							  AND c.creator_id = e.creator_id AND c.superseded_by IS NULL OFFSET 0)
			UNION ALL
			SELECT 'not earned yet: waits for ' || t.waits_for
			  FROM influence_internal.order_terms($1, $2, $3) t
			 WHERE creators > 0 AND commission = 0 AND NOT t.earned
			UNION ALL
			SELECT CASE WHEN p.coupon_rule <> 'none' THEN k.remark
						WHEN k.creator_id IS NOT NULL AND k.fixed_credit IS NULL THEN 'coupon ignored: coupon_rule is none' END
			  FROM influence.orders o
			  JOIN influence.attribution_policy p ON p.program_id = o.program_id
					AND p.version = influence_internal.order_policy_version($1, $2, $3)
			 CROSS JOIN LATERAL influence_internal.order_coupon(o.program_id, o.coupon, o.ordered_at) k
			 WHERE o.visitor_id = $2 AND o.program_id = $1 AND o.order_ref = $3) x;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.order_summary(bigint, uuid, text) IS 'What an order brought so far, in minor units of the program''s currency; commissions are those of creators.';
