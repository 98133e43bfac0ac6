/*
 * tables_order.sql
 *
 * Step 4 of install(): orders with their lines and returns, the credits that
 * attribution gave each line, and the earnings that follow from them. All are
 * kept by visitor and never updated in amount: a return adds rows.
 */
CREATE FUNCTION influence_internal.install_orders()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.orders (
		visitor_id uuid NOT NULL,
		program_id bigint NOT NULL REFERENCES influence.program,
		order_ref text NOT NULL CHECK (length(order_ref) BETWEEN 1 AND 200),
		ordered_at timestamptz NOT NULL CHECK (isfinite(ordered_at)),
		currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
		coupon text CHECK (length(coupon) <= 200),
		country text CHECK (country ~ '^[A-Z]{2}$'),
		device text CHECK (octet_length(device) <= 100),
		experiment text CHECK (octet_length(experiment) <= 100),
		variant text CHECK (octet_length(variant) <= 100),
		holdout boolean,
		gift boolean,
		content_hash bytea NOT NULL,
		received_at timestamptz NOT NULL DEFAULT now(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (visitor_id, program_id, order_ref)
	);
	CREATE INDEX orders_ref ON influence.orders (program_id, order_ref);
	CREATE INDEX orders_xact ON influence.orders (xact);
	CREATE INDEX orders_time ON influence.orders (program_id, ordered_at);
	COMMENT ON TABLE influence.orders IS 'Orders; order_ref is the service''s own key. The same order_ref under two visitors is a violation that check_books() reports.';

	CREATE TABLE influence.order_line (
		visitor_id uuid NOT NULL,
		program_id bigint NOT NULL,
		order_ref text NOT NULL,
		line_no int NOT NULL CHECK (line_no > 0),
		product_id bigint NOT NULL REFERENCES influence.product,
		category_path bigint[] NOT NULL,
		quantity bigint NOT NULL CHECK (quantity > 0),
		list_price bigint CHECK (list_price >= 0),
		paid_price bigint NOT NULL CHECK (paid_price >= 0),
		discount_seller bigint NOT NULL DEFAULT 0 CHECK (discount_seller >= 0),
		discount_platform bigint NOT NULL DEFAULT 0 CHECK (discount_platform >= 0),
		tax bigint NOT NULL DEFAULT 0 CHECK (tax >= 0),
		shipping bigint NOT NULL DEFAULT 0 CHECK (shipping >= 0),
		points bigint NOT NULL DEFAULT 0 CHECK (points >= 0),
		gift_card bigint NOT NULL DEFAULT 0 CHECK (gift_card >= 0),
		seller text CHECK (length(seller) <= 200),
		cost bigint,
		new_customer boolean,
		membership text CHECK (length(membership) <= 200),
		renewal_no int,
		base_amount bigint NOT NULL CHECK (base_amount >= 0),
		fx_rate numeric,
		fx_source text CHECK (length(fx_source) <= 1000),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (visitor_id, program_id, order_ref, line_no),
		-- a visitor's key changes when the person is forgotten, and never else
		FOREIGN KEY (visitor_id, program_id, order_ref) REFERENCES influence.orders ON UPDATE CASCADE
	);
	CREATE INDEX order_line_product ON influence.order_line (product_id);
	COMMENT ON TABLE influence.order_line IS 'Order lines in minor units: paid_price per piece as charged; base_amount, the sum that earns, is quantity x paid_price less the discounts, tax, shipping, points and gift cards stated as contained in it, never below 0, unless the service states it. category_path is that of the time of the order.';

	CREATE TABLE influence.order_return (
		visitor_id uuid NOT NULL,
		program_id bigint NOT NULL,
		order_ref text NOT NULL,
		line_no int NOT NULL,
		return_ref text NOT NULL CHECK (length(return_ref) BETWEEN 1 AND 200),
		kind text NOT NULL CHECK (kind IN ('return', 'chargeback', 'chargeback_reversed', 'goodwill')),
		quantity bigint CHECK (quantity > 0),
		amount bigint CHECK (amount >= 0),
		returned_at timestamptz NOT NULL CHECK (isfinite(returned_at)),
		reason text CHECK (length(reason) <= 2000),
		state text NOT NULL CHECK (state IN ('applied', 'parked', 'refused')),
		seq int,
		stated jsonb NOT NULL,
		received_at timestamptz NOT NULL DEFAULT now(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (visitor_id, program_id, order_ref, line_no, return_ref),
		UNIQUE (visitor_id, program_id, order_ref, line_no, seq),
		CHECK ((state = 'applied') = (seq IS NOT NULL)),
		CHECK (state <> 'applied' OR amount IS NOT NULL)
	);
	CREATE INDEX order_return_ref ON influence.order_return (program_id, order_ref);
	CREATE INDEX order_return_xact ON influence.order_return (xact);
	CREATE INDEX order_return_time ON influence.order_return (program_id, returned_at);
	COMMENT ON TABLE influence.order_return IS 'Returns of order lines in minor units; parked = its order is not there yet, refused = its order came and had less left. seq counts a line''s applied returns.';

	CREATE TABLE influence.credit (
		visitor_id uuid NOT NULL,
		program_id bigint NOT NULL,
		order_ref text NOT NULL,
		line_no int NOT NULL,
		touch_ref text NOT NULL,
		creator_id bigint,
		weight float8 NOT NULL,
		credit bigint NOT NULL,
		reason text NOT NULL,
		policy_version int NOT NULL,
		touched_at timestamptz,
		touch_position int,
		path_length int NOT NULL,
		snapshot jsonb,
		ordered_at timestamptz NOT NULL,
		superseded_by timestamptz,
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (visitor_id, program_id, order_ref, line_no, touch_ref),
		FOREIGN KEY (visitor_id, program_id, order_ref, line_no) REFERENCES influence.order_line ON UPDATE CASCADE
	);
	CREATE INDEX credit_creator ON influence.credit (creator_id, ordered_at);
	CREATE INDEX credit_xact ON influence.credit (xact);
	COMMENT ON TABLE influence.credit IS 'The share of a line''s base amount that each touch got; unattributed lines have one row with touch_ref '''' and the reason. Credits of a line sum to its base amount. snapshot: the touch and its runner-up.';

	CREATE TABLE influence.earning (
		visitor_id uuid NOT NULL,
		program_id bigint NOT NULL,
		order_ref text NOT NULL,
		line_no int NOT NULL,
		creator_id bigint NOT NULL,
		kind text NOT NULL CHECK (kind IN ('commission', 'clawback')),
		seq int NOT NULL,
		base bigint NOT NULL,
		rate_id bigint,
		rate_version int,
		rate numeric,
		flat_amount bigint,
		rounding text NOT NULL,
		amount bigint NOT NULL,
		currency char(3) NOT NULL,
		directness text,
		occurred_at timestamptz NOT NULL,
		available_at timestamptz NOT NULL,
		payout_policy_version int NOT NULL,
		hold_reason text,
		return_ref text,
		-- what the ledger knows the row by: the ledger is never changed, and has to say nothing about who bought
		entry_id uuid NOT NULL DEFAULT gen_random_uuid(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq),
		FOREIGN KEY (visitor_id, program_id, order_ref, line_no) REFERENCES influence.order_line ON UPDATE CASCADE
	);
	CREATE INDEX earning_creator ON influence.earning (creator_id, program_id, occurred_at);
	CREATE INDEX earning_xact ON influence.earning (xact);
	COMMENT ON TABLE influence.earning IS 'What a creator earns by a line (commission, seq 0) and loses by its returns (clawback, base and amount negative, seq = the return''s), in minor units with the frozen rate. A commission of 0 carries its reason in hold_reason: not_paying, not_admitted, creator_suspended, creator_banned or no_rate.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_orders() IS
'Step 4 of install(): orders, lines, returns, credits, earnings.';
