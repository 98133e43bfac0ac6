/*
 * show_input.sql
 *
 * What became of every line of the files. Ends the session with an error when
 * the program's tables do not agree with the file.
 */
\pset footer off
\pset null '-'
\echo
\echo 'Creators: every record of the file'
SELECT v.what, lpad(to_char(v.n, 'FM999,990'), 9) AS records, v.remark
  FROM demo.creator_report r
 CROSS JOIN LATERAL (VALUES (1, 'metric snapshots recorded', r.snapshots, format('of %s creators with a channel each', to_char(r.creators, 'FM999,990'))),
							(2, 'exact repeats', r.repeats, 'same key, same content: listed'), (3, 'conflicts', r.conflicts, 'same key, other content: the first record counts, these are listed'),
							(4, 'rejected', r.rejected, 'listed with the reason'), (5, 'together', r.snapshots + r.repeats + r.conflicts + r.rejected, format('the file has %s', to_char(r.records, 'FM999,990')))) v(k, what, n, remark)
 ORDER BY v.k;
SELECT format('Snapshots are dated with the last day of the month in their label. Countries are names in the file: %s creators keep none (%s records name no country that is known).',
			  to_char(without_country, 'FM999,990'), strange_countries) AS line_one,
	   format('Authentic engagement (eng_auth_avg, on %s records) is ignored: only eng_avg counts, which Instagram gives as the sum of interactions.', to_char(authentic, 'FM999,990')) AS line_two
  FROM demo.creator_report \gset
\echo :line_one
\echo :line_two
\echo
\echo 'Orders: the file against the tables of the program, in pence'
SELECT r.class, to_char(r.source_lines, '999,990') AS lines, to_char(r.source_pence, '999,999,990') AS "in the file",
	   to_char(r.entries, '999,990') AS entries, to_char(r.loaded_pence, '999,999,990') AS "in the program", to_char(r.listed_lines, '999,990') AS listed,
	   to_char(r.listed_pence, '999,999,990') AS "in the list", to_char(r.difference, '999,990') AS difference
  FROM (SELECT 1 AS k, x.* FROM demo.reconciled x
		UNION ALL
		SELECT 2, 'together', sum(source_lines), sum(source_pence), sum(entries), sum(loaded_pence), sum(listed_lines), sum(listed_pence), sum(difference), sum(lines_lost) FROM demo.reconciled) r
 ORDER BY r.k, r.class;
SELECT format('%s lines repeat the invoice and stock code of another one (%s of them in every field): each is a line of its own. %s invoices have no customer: guests.',
			  (SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM demo.source_order WHERE class <> 'rejected' GROUP BY invoice, sku) x),
			  (SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM demo.source_record WHERE file = 'orders' AND line_no > 1 GROUP BY fields) x),
			  (SELECT count(DISTINCT invoice) FROM demo.source_order WHERE class <> 'rejected' AND customer = '')) AS line_one,
	   (SELECT format('Times are %s later than in the file, so that the creators are admitted when the orders come in.', shift) FROM demo.order_shift) AS line_two \gset
\echo :line_one
\echo :line_two
\echo
\echo 'Lines that are listed (the first of each kind; all are in the table demo.listed)'
SELECT file, line_no AS line, class, lpad(to_char(pence / 100.0, 'FM999,990.00'), 10) AS amount, left(reason, 90) AS reason, of AS "of these"
  FROM (SELECT l.*, row_number() OVER (PARTITION BY l.file, l.kind ORDER BY l.line_no) AS k, count(*) OVER (PARTITION BY l.file, l.kind) AS of
		  FROM (SELECT x.*, CASE WHEN x.class = 'rejected' THEN regexp_replace(x.reason, '".*"|\d+', '', 'g')
								 WHEN x.file = 'orders' THEN x.class || regexp_replace(x.reason, '\d+', '', 'g') ELSE x.class END AS kind FROM demo.listed x) l) y
 WHERE k <= 3 ORDER BY file, class, line_no LIMIT 40;
\echo 'No public data says which creators led these customers to these orders: posts, follows and touches from here on are GENERATED from the orders.'
DO $$
BEGIN
	IF EXISTS (SELECT FROM demo.reconciled r WHERE r.difference <> 0 OR r.lines_lost <> 0)
	   OR EXISTS (SELECT FROM demo.creator_report r WHERE r.records <> r.snapshots + r.repeats + r.conflicts + r.rejected) THEN
		RAISE EXCEPTION 'the program does not agree with the files';
	END IF;
END
$$;
