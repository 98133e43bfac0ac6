-- How long the settlement of a month takes, beside the plainest sum over the
-- same earnings: what test/bench/settle.py runs, once per round. n lines of
-- n / 50 creators, a line in fifty partly returned, one tier table of revenue.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SELECT count(*) FROM influence.install();
SELECT influence.create_program('Shop', 'EUR', 'Europe/Berlin', payout => '{"hold": "10 days"}');
SELECT influence.create_category('all');
SELECT influence.add_product('lamp', 'Lamp', 1);
SELECT influence.set_tier_table(1, 'revenue', 'graduated', '{0,20000,40000}', '{0.04,0.06,0.08}', valid_from => '2020-01-01');
-- as if the job had run before the lines came
SELECT influence.settle_tiers();
SET session_replication_role = replica;
INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id, rate_version, rate, rounding, amount,
							   currency, occurred_at, available_at, payout_policy_version, ordered_at, tier_id)
SELECT lpad(to_hex(hashint8(i)::bigint & 4294967295) || to_hex(i), 32, '0')::uuid, 1, 'o' || i, 1, 1 + (hashint8(i * 7)::bigint & 2147483647) % (:n / 50),
	   'commission', 0, b, 1, 1, 0.04, 'half_up', round(b * 0.04), 'EUR', at, '2024-04-30', 1, at, 1
  FROM generate_series(1, :n) i
 CROSS JOIN LATERAL (SELECT '2024-03-01'::timestamptz + (i % 2500000) * interval '1 second', 1000 + i % 9000) t(at, b);
INSERT INTO influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, base_amount, order_amount)
SELECT e.visitor_id, 1, e.order_ref, 1, 1, '{1}', 1, e.base, e.base, e.base FROM influence.earning e;
INSERT INTO influence.order_return (visitor_id, program_id, order_ref, line_no, return_ref, kind, amount, order_amount, returned_at, state, seq, stated)
SELECT e.visitor_id, 1, e.order_ref, 1, 'r', 'return', e.base / 2, e.base / 2, e.ordered_at + interval '9 days', 'applied', 1, '[]'
  FROM influence.earning e WHERE substr(e.order_ref, 2)::int % 50 = 0;
INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id, rate_version, rate, rounding, amount,
							   currency, occurred_at, available_at, payout_policy_version, ordered_at, tier_id, return_ref)
SELECT e.visitor_id, 1, e.order_ref, 1, e.creator_id, 'clawback', 1, -r.amount, 1, 1, 0.04, 'half_up', -round(r.amount * 0.04), 'EUR', r.returned_at,
	   '2024-04-30', 1, e.ordered_at, 1, 'r'
  FROM influence.order_return r
  JOIN influence.earning e ON (e.visitor_id, e.program_id, e.order_ref, e.line_no) = (r.visitor_id, r.program_id, r.order_ref, r.line_no);
VACUUM ANALYZE influence.earning, influence.order_line, influence.order_return;
CREATE TABLE plain (creator_id bigint, month text, base numeric, amount numeric);
