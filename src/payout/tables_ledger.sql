/*
 * tables_ledger.sql
 *
 * Step 5 of install(): the ledger and the payouts made from it, both kept by
 * party. A ledger row is a transfer with both legs in it, so every row is
 * zero-sum by construction; it is never updated or deleted.
 */
CREATE FUNCTION influence_internal.install_ledger()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.ledger (
		party_id bigint NOT NULL,
		program_id bigint NOT NULL REFERENCES influence.program,
		entry_key text NOT NULL,
		kind text NOT NULL,
		debit_account text NOT NULL,
		credit_account text NOT NULL,
		amount bigint NOT NULL CHECK (amount > 0),
		currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
		occurred_at timestamptz NOT NULL,
		booked_at timestamptz NOT NULL DEFAULT now(),
		available_at timestamptz NOT NULL,
		source text NOT NULL CHECK (source IN ('order', 'line', 'payout', 'adjustment')),
		visitor_id uuid,
		order_ref text,
		line_no int,
		note text,
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (party_id, program_id, entry_key),
		CHECK (debit_account <> credit_account),
		CHECK (debit_account IN ('expense', 'payable', 'reserved', 'in_transit', 'paid', 'withheld', 'clawback_receivable', 'held',
			'brand_receivable', 'platform_revenue', 'shopper_credit', 'fx', 'rounding', 'write_off')),
		CHECK (credit_account IN ('expense', 'payable', 'reserved', 'in_transit', 'paid', 'withheld', 'clawback_receivable', 'held',
			'brand_receivable', 'platform_revenue', 'shopper_credit', 'fx', 'rounding', 'write_off'))
	);
	CREATE INDEX ledger_available ON influence.ledger (program_id, party_id, available_at);
	CREATE INDEX ledger_xact ON influence.ledger (xact);
	COMMENT ON TABLE influence.ledger IS 'Transfers between accounts of a party in minor units, append-only: a commission debits expense and credits payable; a clawback the reverse; a payout moves payable to reserved and reserved to paid. Pending becomes available by available_at alone; nothing is booked when time passes. entry_key is the natural key.';

	CREATE TABLE influence.payout (
		party_id bigint NOT NULL,
		program_id bigint NOT NULL REFERENCES influence.program,
		currency char(3) NOT NULL,
		period text NOT NULL CHECK (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
		state text NOT NULL CHECK (state IN ('reserved', 'paid')),
		amount bigint NOT NULL CHECK (amount > 0),
		withheld bigint NOT NULL DEFAULT 0 CHECK (withheld >= 0),
		destination text,
		run_at timestamptz NOT NULL,
		paid_at timestamptz,
		bank_ref text,
		payout_policy_version int NOT NULL,
		PRIMARY KEY (party_id, program_id, currency, period),
		CHECK ((state = 'paid') = (paid_at IS NOT NULL AND bank_ref IS NOT NULL))
	);
	COMMENT ON TABLE influence.payout IS 'One payout per party, program, currency and period (YYYY-MM, month in the program''s time zone): reserved by run_payouts(), paid by confirm_payout().';

	CREATE TABLE influence.payout_line (
		party_id bigint NOT NULL,
		program_id bigint NOT NULL,
		currency char(3) NOT NULL,
		period text NOT NULL,
		entry_key text NOT NULL,
		amount bigint NOT NULL,
		PRIMARY KEY (party_id, program_id, currency, period, entry_key),
		UNIQUE (party_id, program_id, entry_key),
		FOREIGN KEY (party_id, program_id, currency, period) REFERENCES influence.payout
	);
	COMMENT ON TABLE influence.payout_line IS 'The ledger entries a payout pays, signed; an entry is paid once.';
	-- rows are booked once and stay, for the owner role too; so no foreign key can point at the ledger, since
	-- its row lock asks for the UPDATE right, and check_books() proves that reference instead
	REVOKE UPDATE, DELETE, TRUNCATE ON influence.ledger, influence.payout_line FROM CURRENT_USER;
END
$$;
COMMENT ON FUNCTION influence_internal.install_ledger() IS
'Step 5 of install(): ledger, payouts and their lines.';
