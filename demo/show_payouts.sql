/*
 * show_payouts.sql
 *
 * What the jobs did: payouts by month, one creator's statement, the runs.
 */
\pset footer off
\pset null '-'
\echo
\echo 'Payouts by month (run by pg_cron through influence.run_due)'
SELECT p.period, count(*) AS creators, lpad(influence.format_minor(sum(p.amount)::bigint, l.currency), 12) AS amount,
	   count(*) FILTER (WHERE p.state = 'paid') AS confirmed, lpad(influence.format_minor(max(p.amount), l.currency), 9) AS greatest
  FROM demo.plan l JOIN influence.payout p ON p.program_id = l.program_id GROUP BY l.currency, p.period ORDER BY p.period;

-- a month with commissions, a clawback and a payout that still fits a screen
SELECT x.party_id AS shown_party, x.period AS shown_period, c.name AS shown_name FROM (
	SELECT w.party_id, to_char(w.occurred_at AT TIME ZONE l.time_zone, 'YYYY-MM') AS period, count(*) AS entries, bool_or(w.kind = 'clawback') AS claws
	  FROM demo.plan l JOIN influence.ledger w ON w.program_id = l.program_id WHERE 'payable' IN (w.debit_account, w.credit_account)
	 GROUP BY 1, 2) x
  JOIN influence.creator c ON c.creator_id = x.party_id
 ORDER BY EXISTS (SELECT FROM influence.payout p WHERE p.party_id = x.party_id) DESC, entries BETWEEN 5 AND 14 DESC, claws DESC, abs(entries - 9), x.party_id, x.period LIMIT 1 \gset
\if :{?shown_party}
\echo 'The statement of' :shown_name 'for' :shown_period '(influence.creator_statement)'
SELECT s.entry_no AS "#", to_char(s.occurred_at, 'MM-DD HH24:MI') AS at, s.kind, s.order_ref AS order, s.line_no AS line,
	   lpad(influence.format_minor(s.amount::bigint, s.currency), 9) AS amount, lpad(influence.format_minor(s.balance::bigint, s.currency), 9) AS balance,
	   to_char(s.available_at, 'YYYY-MM-DD') AS available
  FROM demo.plan l, LATERAL influence.creator_statement(l.program_id, :shown_party, :'shown_period') s ORDER BY s.entry_no;
SELECT to_char(max(p.run_at) AT TIME ZONE l.time_zone, 'YYYY-MM') AS paid_period
  FROM demo.plan l JOIN influence.payout p ON p.program_id = l.program_id AND p.party_id = :shown_party GROUP BY l.time_zone \gset
\endif
\if :{?paid_period}
\echo 'and for the month in which the jobs paid'
SELECT s.entry_no AS "#", s.kind, lpad(influence.format_minor(s.amount::bigint, s.currency), 9) AS amount,
	   lpad(influence.format_minor(s.balance::bigint, s.currency), 9) AS balance, s.note
  FROM demo.plan l, LATERAL influence.creator_statement(l.program_id, :shown_party, :'paid_period') s ORDER BY s.entry_no;
\endif
\echo 'Jobs run'
SELECT j.job, j.status, count(*) AS runs, min(j.period) AS "from", max(j.period) AS "to", max(j.detail) FILTER (WHERE j.last) AS "last of them"
  FROM (SELECT r.*, row_number() OVER (PARTITION BY r.job, r.status ORDER BY r.detail LIKE '0 %', r.run_id DESC) = 1 AS last FROM influence.job_run r) j
 GROUP BY j.job, j.status ORDER BY min(j.run_id);
