-- A payout run over many parties, beside the plainest sum over the same lines: what test/bench/payouts.py runs. n lines in the
-- ledger (two to an order, one in fifty a clawback), of p creators, all of them due at the end of March.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SELECT count(*) FROM influence.install();
SELECT influence.create_program('Shop', 'EUR', 'Europe/Berlin', payout => '{"hold": "10 days", "minimums": {"EUR": 1000}}');
SET session_replication_role = replica;
INSERT INTO influence.party (kind) SELECT 'creator' FROM generate_series(1, :p);
INSERT INTO influence.creator (creator_id, creator_ref, kind, name, country, content_hash)
SELECT i, 'c' || i, 'person', 'Creator ' || i, 'DE', '' FROM generate_series(1, :p) i;
INSERT INTO influence.creator_status (creator_id, since, status, actor)
SELECT i, '2024-01-01', CASE WHEN i % 1000 = 1 THEN 'suspended' ELSE 'active' END, 'ops' FROM generate_series(1, :p, 10) i;
-- ids as the programs that shops have give them: orders in the order of time, of visitors and creators in none
INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash)
SELECT md5(i::text)::uuid, 1, 'A-' || 100000000 + i, '2024-03-01'::timestamptz + i * (interval '20 days' / (:n / 2)), 'EUR', ''
  FROM generate_series(1, :n / 2) i;
INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at, available_at,
							  source, visitor_id, order_ref, line_no)
SELECT 1 + (hashint8(i * 7)::bigint & 2147483647) % (:p), 1,
	   influence_internal.earning_entry_key(v, r, 1 + i % 2, k, 0, 0), k,
	   CASE k WHEN 'commission' THEN 'expense' ELSE 'payable' END, CASE k WHEN 'commission' THEN 'payable' ELSE 'expense' END,
	   1 + (hashint8(i * 5)::bigint & 2147483647) % 400, 'EUR', t, t + interval '10 days', 'line', v, r, 1 + i % 2
  FROM generate_series(0, :n - 1) i
 CROSS JOIN LATERAL (SELECT md5((1 + i / 2)::text)::uuid, 'A-' || 100000001 + i / 2, CASE WHEN i % 50 = 0 THEN 'clawback' ELSE 'commission' END,
							'2024-03-01'::timestamptz + (1 + i / 2) * (interval '20 days' / (:n / 2))) o(v, r, k, t);
RESET session_replication_role;
VACUUM ANALYZE influence.ledger, influence.orders, influence.creator, influence.creator_status, influence.party;
CREATE TABLE plain (party_id bigint, currency char(3), amount numeric);
