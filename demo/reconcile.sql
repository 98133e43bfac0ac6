/*
 * reconcile.sql
 *
 * The file against the program's own tables, class by class, to the penny. The
 * source side is computed from the texts of the file, the other side is read
 * back from influence.order_line and influence.order_return. Leaves the table
 * demo.reconciled; the story stops unless every difference is 0.
 */
DROP TABLE IF EXISTS demo.reconciled;
CREATE TABLE demo.reconciled AS
WITH source AS (
	SELECT s.class, count(*) AS lines, sum(s.quantity_text::numeric * s.price_text::numeric * 100) FILTER (WHERE s.class <> 'rejected') AS pence
	  FROM demo.source_order s GROUP BY s.class
), loaded AS (
	SELECT CASE WHEN l.paid_price > 0 THEN 'order line' ELSE 'order line at price 0' END AS class, o.order_ref || '#' || l.line_no AS line, l.base_amount AS pence
	  FROM demo.plan p
	  JOIN influence.orders o ON o.program_id = p.program_id
	  JOIN influence.order_line l ON l.visitor_id = o.visitor_id AND l.program_id = o.program_id AND l.order_ref = o.order_ref
	UNION ALL
	SELECT s.class, r.return_ref, -r.amount
	  FROM demo.plan p
	  JOIN influence.order_return r ON r.program_id = p.program_id AND r.state = 'applied'
	  JOIN demo.source_order s ON s.line_no = substring(r.return_ref FROM '\d+$')::bigint
), program AS (
	SELECT class, count(*) AS entries, count(DISTINCT line) AS lines, sum(pence) AS pence FROM loaded GROUP BY class
), listed AS (
	SELECT class, count(*) AS lines, sum(pence) AS pence FROM demo.listed WHERE file = 'orders' GROUP BY class
)
SELECT coalesce(s.class, p.class, l.class) AS class, coalesce(s.lines, 0) AS source_lines, s.pence AS source_pence,
	   coalesce(p.entries, 0) AS entries, p.pence AS loaded_pence, coalesce(l.lines, 0) AS listed_lines, l.pence AS listed_pence,
	   coalesce(s.pence, 0) - coalesce(p.pence, 0) - coalesce(l.pence, 0) AS difference,
	   -- a line matched in part is in the program and in the list
	   coalesce(s.lines, 0) - CASE WHEN coalesce(s.class, p.class, l.class) = 'return, matched in part' THEN greatest(p.lines, l.lines)
								   ELSE coalesce(p.lines, 0) + coalesce(l.lines, 0) END AS lines_lost
  FROM source s FULL JOIN program p ON p.class = s.class FULL JOIN listed l ON l.class = coalesce(s.class, p.class);
