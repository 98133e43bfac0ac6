/*
 * tables_attribution.sql
 *
 * Step 8 of install(): who is whom (aliases), whose coupon codes are whose, and
 * what attributing an order again needs: credits and earnings get a revision,
 * so that what was decided before stays beside what is decided now.
 */
CREATE FUNCTION influence_internal.install_attribution()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.visitor_alias (
		visitor_id uuid NOT NULL,
		shopper_id uuid NOT NULL CHECK (shopper_id <> visitor_id),
		since timestamptz NOT NULL DEFAULT now(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (visitor_id, shopper_id),
		UNIQUE (visitor_id)
	);
	CREATE INDEX visitor_alias_shopper ON influence.visitor_alias (shopper_id);
	CREATE INDEX visitor_alias_xact ON influence.visitor_alias (xact);
	COMMENT ON TABLE influence.visitor_alias IS 'The shopper that a visitor turned out to be; a shopper may be another''s visitor in turn. The person is the end of the chain. Rows are only added: keys of touches and orders stay as they are, and readers expand the aliases.';

	CREATE TABLE influence.coupon (
		program_id bigint NOT NULL REFERENCES influence.program,
		code text NOT NULL CHECK (length(code) BETWEEN 1 AND 200),
		creator_id bigint NOT NULL REFERENCES influence.creator,
		valid tstzrange NOT NULL CHECK (NOT isempty(valid)),
		stated tstzrange NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (program_id, code, valid),
		-- the code by 63 bits of its hash: text has no range type
		CONSTRAINT coupon_overlap EXCLUDE USING gist (
			int8range(program_id, program_id, '[]') WITH &&,
			int8range(hashtextextended(code, 0) / 2, hashtextextended(code, 0) / 2, '[]') WITH &&,
			valid WITH &&)
	);
	COMMENT ON TABLE influence.coupon IS 'Whose a coupon code is, and when: an order with the code placed within the range is the creator''s as the policy''s coupon_rule says. Codes are kept in upper case (ASCII); ranges of one code never overlap. stated is the range that was asked for, valid what a later owner left of it.';

	CREATE TABLE influence.reattribution (
		visitor_id uuid PRIMARY KEY,
		since timestamptz NOT NULL,
		queued_at timestamptz NOT NULL DEFAULT now(),
		failures int NOT NULL DEFAULT 0,
		error text
	);
	COMMENT ON TABLE influence.reattribution IS 'Persons whose orders from a moment on wait for the job reattribute: a late touch, a merge or an order that came by COPY reaches them. A row that keeps failing says why.';

	-- the same touch may be credited in each revision, and two visitors of one person may use one touch_ref
	ALTER TABLE influence.credit ADD COLUMN revision int NOT NULL DEFAULT 0, ADD COLUMN touch_visitor_id uuid;
	UPDATE influence.credit c SET touch_visitor_id = c.visitor_id;
	ALTER TABLE influence.credit ALTER COLUMN touch_visitor_id SET NOT NULL, DROP CONSTRAINT credit_pkey,
		ADD PRIMARY KEY (visitor_id, program_id, order_ref, line_no, touch_ref, touch_visitor_id, revision);
	COMMENT ON TABLE influence.credit IS 'The share of a line''s base amount that each touch got; unattributed lines have one row with touch_ref '''' and the reason. Credits of a line that are not superseded sum to its base amount (model participation apart). revision counts the attributions of the order; superseded_by is the moment at which a later one took a row''s place. touch_visitor_id is whose touch it was (an alias of the order''s visitor; all zero for the order''s own coupon). snapshot: the touch and its runner-up.';
	ALTER TABLE influence.earning ADD COLUMN revision int NOT NULL DEFAULT 0, DROP CONSTRAINT earning_pkey,
		ADD PRIMARY KEY (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, revision);
	COMMENT ON TABLE influence.earning IS 'What a creator earns by a line (commission, seq 0) and loses by its returns (clawback, base and amount negative, seq = the return''s), in minor units with the frozen rate. A commission of 0 carries its reason in hold_reason: not_paying, not_admitted, creator_suspended, creator_banned or no_rate. When an order is attributed again, rows with its revision hold the differences: the net of a key is the sum over its revisions.';
	CREATE INDEX order_line_xact ON influence.order_line (xact);

	IF EXISTS (SELECT FROM influence.orders) THEN
		-- what there is was attributed when it came: the job begins with what comes from now on
		INSERT INTO influence.watermark (name, last_seen, system_identifier)
		SELECT 'reattribute', pg_current_snapshot(), h.system_identifier FROM influence_internal.this_database() h;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.install_attribution() IS
'Step 8 of install(): aliases, coupons, revisions of credits and earnings, the queue of re-attribution.';
