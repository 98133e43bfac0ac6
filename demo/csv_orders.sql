/*
 * csv_orders.sql
 *
 * Records of orders.csv become orders and returns; each gets a class, and the
 * classes add up to the file. Returns carry no order number: a line of a credit
 * note takes pieces back from the latest earlier purchases of the same customer
 * and stock code that have pieces left.
 */
CREATE TABLE demo.source_order AS
SELECT r.line_no, r.problem, btrim(r.fields[h.invoice]) AS invoice, lower(btrim(r.fields[h.credit])) AS credit, btrim(r.fields[h.sku]) AS sku,
	   btrim(r.fields[h.description]) AS description, btrim(r.fields[h.quantity]) AS quantity_text, btrim(r.fields[h.price]) AS price_text,
	   demo.read_time(btrim(r.fields[h.at])) AS at, btrim(r.fields[h.at]) AS at_text, btrim(r.fields[h.customer]) AS customer, btrim(r.fields[h.country]) AS country,
	   NULL::bigint AS quantity, NULL::bigint AS price, NULL::bigint AS pence, NULL::text AS class, NULL::int AS position, NULL::text AS reason
  FROM demo.source_record r
 CROSS JOIN (SELECT array_position(fields, 'invoice_no') AS invoice, array_position(fields, 'is_credit') AS credit,
					array_position(fields, 'stock_code') AS sku, array_position(fields, 'description') AS description,
					array_position(fields, 'quantity') AS quantity, array_position(fields, 'invoice_ts') AS at,
					array_position(fields, 'unit_price') AS price, array_position(fields, 'customer_id') AS customer,
					array_position(fields, 'country') AS country
			   FROM demo.source_record WHERE file = 'orders' AND line_no = 1) h
 WHERE r.file = 'orders' AND r.line_no > 1;
ALTER TABLE demo.source_order ADD PRIMARY KEY (line_no);
ANALYZE demo.source_order;

UPDATE demo.source_order s SET problem = nullif(concat_ws('; ',
	CASE WHEN invoice = '' THEN 'no invoice number' WHEN length(invoice) > 100 THEN 'the invoice number is longer than 100 characters' END,
	CASE WHEN credit <> ALL ('{t,f,true,false,1,0}') THEN format('is_credit "%s" is neither t nor f', left(credit, 40)) END,
	CASE WHEN sku = '' THEN 'no stock code' WHEN length(sku) > 200 THEN 'the stock code is longer than 200 characters' END,
	CASE WHEN quantity_text !~ '^-?\d{1,9}$' THEN format('quantity "%s" is not a whole number', left(quantity_text, 40)) END,
	CASE WHEN price_text !~ '^-?\d{1,7}(\.\d{1,9})?$' THEN format('unit_price "%s" is not a price', left(price_text, 40))
		 WHEN price_text::numeric * 100 <> trunc(price_text::numeric * 100) THEN format('unit_price "%s" is not in whole pence', price_text) END,
	CASE WHEN at IS NULL THEN format('invoice_ts "%s" is not a time', left(at_text, 40)) END), '')
 WHERE problem IS NULL;
UPDATE demo.source_order s SET problem = format('the invoice is of customer "%s" on line %s', f.customer, f.line_no)
  FROM (SELECT DISTINCT ON (invoice) invoice, customer, line_no FROM demo.source_order WHERE problem IS NULL AND customer <> '' ORDER BY invoice, line_no) f
 WHERE f.invoice = s.invoice AND s.problem IS NULL AND s.customer <> '' AND s.customer <> f.customer;

UPDATE demo.source_order s SET customer = f.customer
  FROM (SELECT invoice, max(customer) AS customer FROM demo.source_order WHERE problem IS NULL GROUP BY invoice) f
 WHERE f.invoice = s.invoice AND s.customer = '' AND f.customer <> '' AND s.problem IS NULL;

UPDATE demo.source_order SET quantity = quantity_text::bigint, price = (price_text::numeric * 100)::bigint, credit = left(translate(credit, '10', 'tf'), 1)
 WHERE problem IS NULL;
UPDATE demo.source_order SET pence = quantity * price,
	   class = CASE WHEN credit = 'f' AND quantity > 0 AND price > 0 THEN 'order line'
					WHEN credit = 'f' AND quantity > 0 AND price = 0 THEN 'order line at price 0'
					WHEN credit = 't' AND quantity < 0 AND price >= 0 THEN 'return'
					ELSE 'adjustment' END,
	   reason = CASE WHEN price < 0 THEN 'negative price' WHEN quantity = 0 THEN 'no pieces'
					 WHEN credit = 't' AND quantity > 0 THEN 'positive line on a credit note'
					 WHEN credit = 'f' AND quantity < 0 THEN 'negative line without credit note' END
 WHERE problem IS NULL;
UPDATE demo.source_order SET class = 'rejected', reason = problem WHERE problem IS NOT NULL;
UPDATE demo.source_order s SET position = n.position
  FROM (SELECT line_no, row_number() OVER (PARTITION BY invoice ORDER BY line_no) AS position FROM demo.source_order WHERE class LIKE 'order line%') n
 WHERE n.line_no = s.line_no;

-- Whole years later, so that the creators are admitted when the orders come in
CREATE TABLE demo.order_shift AS
SELECT make_interval(years => greatest(0, 2025 - extract(year FROM max(at))::int)) AS shift, min(at) AS first_at, max(at) AS last_at
  FROM demo.source_order WHERE class <> 'rejected';

INSERT INTO demo.plan (name, currency, time_zone, attribution, payout, set_up_at, applied_at, posts_from, posts_to, feed_at, voices,
					   posts, touches)
SELECT 'Creators of the gift shop', 'GBP', 'Europe/London',
	   '{"model": "position_based", "lookback": "30 days", "view_lookback": "1 day"}', '{"hold": "14 days", "minimums": {"GBP": 1000}}',
	   (d.first_day - interval '61 days') AT TIME ZONE 'Europe/London', (d.first_day - interval '56 days') AT TIME ZONE 'Europe/London',
	   (d.first_day - interval '26 days') AT TIME ZONE 'Europe/London', (s.last_at + s.shift) AT TIME ZONE 'Europe/London',
	   (date_trunc('day', s.last_at) + s.shift + interval '33 hours') AT TIME ZONE 'Europe/London', 300, 1500, 6000
  FROM demo.order_shift s, LATERAL (SELECT date_trunc('day', s.first_at) + s.shift AS first_day) d;

-- The file has no categories: these go by words of the description
CREATE TEMP TABLE shelf (place serial, name text, words text, rate numeric);
INSERT INTO shelf (name, words, rate) VALUES
	('Services', NULL, 0),
	('Seasonal', 'CHRISTMAS|ADVENT|EASTER|XMAS|SNOWFLAKE|REINDEER', 0.05), ('Bags', 'BAG|PURSE|SHOPPER|WALLET|UMBRELLA', 0.09),
	('Lights and candles', 'LIGHT|LAMP|CANDLE|LANTERN|CHANDELIER', 0.08), ('Kitchen', 'MUG|CAKE|TEA|PLATE|BOWL|JAR|KITCHEN|LUNCH|BOTTLE|CUP|EGG|CUTLERY|TRAY|TIN', 0.065),
	('Paper', 'CARD|PAPER|WRAP|NOTEBOOK|PEN|PENCIL|STICKER|RIBBON|TAPE|TISSUE', 0.06), ('Toys', 'TOY|GAME|DOLL|CHILD|GIRL|BOY|PLAY|FELT|SKIPPING|JIGSAW', 0.07),
	('Jewellery', 'BRACELET|NECKLACE|EARRING|RING|DIAMANTE|BLING|BEAD', 0.11), ('Home', 'CUSHION|FRAME|CLOCK|MIRROR|DOORMAT|SIGN|HOOK|DRAWER|WALL|HANGER|DOOR|GARDEN|CABINET', 0.075),
	('Other gifts', '', 0.05);
INSERT INTO demo.category (name, rate, is_topic) SELECT name, rate, name <> 'Services' FROM shelf ORDER BY place;

INSERT INTO demo.product (sku, title, category, price, stock, sold_out, popularity)
SELECT q.sku, q.title, q.category, q.price, q.pieces * 3, q.category <> 'Services' AND demo.u('sold out ' || q.sku) < 0.05,
	   row_number() OVER (PARTITION BY q.category ORDER BY q.lines DESC, q.sku)
  FROM (SELECT p.*, s.name AS category
		  FROM (SELECT sku, coalesce((array_agg(description ORDER BY line_no) FILTER (WHERE description <> ''))[1], sku) AS title,
					   max(price) AS price, sum(quantity) AS pieces, count(*) AS lines, min(line_no) AS first_line
				  FROM demo.source_order WHERE class LIKE 'order line%' GROUP BY sku) p
		 CROSS JOIN LATERAL (SELECT s.name FROM shelf s
							  WHERE CASE WHEN s.words IS NULL THEN p.sku !~ '\d{4}' ELSE p.title ~* ('\m(' || s.words || ')') END
							  ORDER BY s.place LIMIT 1) s) q
 ORDER BY q.first_line;

-- who has no customer number is a guest of one invoice
CREATE TEMP TABLE invoice AS
SELECT s.invoice, min(s.at) AS at, CASE WHEN s.customer = '' THEN 'invoice ' || s.invoice ELSE 'customer ' || s.customer END AS buyer,
	   s.customer <> '' AS registered, (array_agg(c.code ORDER BY s.line_no) FILTER (WHERE c.code IS NOT NULL))[1] AS country
  FROM demo.source_order s LEFT JOIN demo.country c ON c.name = s.country
 WHERE s.class LIKE 'order line%'
 GROUP BY s.invoice, s.customer;
INSERT INTO demo.visitor (key, registered, country)
SELECT buyer, registered, (array_agg(country ORDER BY at, invoice) FILTER (WHERE country IS NOT NULL))[1]
  FROM invoice GROUP BY buyer, registered ORDER BY min(at), buyer;
INSERT INTO demo.orders (order_ref, buyer, ordered_at, country)
SELECT i.invoice, i.buyer, (i.at + d.shift) AT TIME ZONE 'Europe/London', i.country
  FROM invoice i, demo.order_shift d ORDER BY i.at, i.invoice;
INSERT INTO demo.line (order_ref, line_no, sku, quantity, price)
SELECT invoice, position, sku, quantity, price FROM demo.source_order WHERE class LIKE 'order line%' ORDER BY line_no;

-- What of each purchase is left to take back, and the matching
CREATE TABLE demo.return_part (line_no bigint, order_ref text, order_line int, pieces bigint, pence bigint, PRIMARY KEY (line_no, order_ref, order_line));
DO $$
DECLARE
	c record;
	p record;
	open_pieces bigint;
	take bigint;
BEGIN
	CREATE TEMP TABLE purchase AS
	SELECT customer, sku, at, invoice, position, quantity AS pieces, pence FROM demo.source_order WHERE class LIKE 'order line%' AND customer <> '';
	CREATE INDEX ON purchase (customer, sku, at);
	FOR c IN SELECT * FROM demo.source_order WHERE class = 'return' AND customer <> '' ORDER BY at, invoice, line_no LOOP
		open_pieces := -c.quantity;
		FOR p IN
			SELECT x.ctid, x.* FROM purchase x
			 WHERE x.customer = c.customer AND x.sku = c.sku AND x.at < c.at AND x.pieces > 0
			 ORDER BY x.at DESC, x.invoice DESC, x.position DESC
		LOOP
			-- never more money than the purchase brought in
			take := least(open_pieces, p.pieces, CASE WHEN c.price > 0 THEN p.pence / c.price ELSE open_pieces END);
			CONTINUE WHEN take <= 0;
			INSERT INTO demo.return_part VALUES (c.line_no, p.invoice, p.position, take, take * c.price);
			UPDATE purchase x SET pieces = x.pieces - take, pence = x.pence - take * c.price WHERE x.ctid = p.ctid;
			open_pieces := open_pieces - take;
			EXIT WHEN open_pieces = 0;
		END LOOP;
	END LOOP;
END
$$;
UPDATE demo.source_order s
   SET class = CASE WHEN coalesce(m.pieces, 0) = -s.quantity THEN 'return, matched' WHEN m.pieces > 0 THEN 'return, matched in part' ELSE 'return, unmatched' END,
	   reason = CASE WHEN s.customer = '' THEN 'no customer' WHEN m.pieces IS NULL AND EXISTS (SELECT FROM demo.source_order b WHERE b.customer = s.customer AND b.sku = s.sku AND b.class LIKE 'order line%' AND b.at < s.at)
						 THEN 'the earlier purchases in the file have nothing left'
					 WHEN m.pieces IS NULL THEN 'no earlier purchase by this customer in the file'
					 WHEN m.pieces < -s.quantity THEN format('only %s of %s pieces were bought before', m.pieces, -s.quantity) END
  FROM demo.source_order x
  LEFT JOIN (SELECT line_no, sum(pieces) AS pieces FROM demo.return_part GROUP BY line_no) m ON m.line_no = x.line_no
 WHERE x.line_no = s.line_no AND s.class = 'return';

INSERT INTO demo.return (order_ref, line_no, return_ref, quantity, amount, returned_at, early)
SELECT m.order_ref, m.order_line, s.invoice || '/' || s.line_no, m.pieces, m.pence, (s.at + (SELECT shift FROM demo.order_shift)) AT TIME ZONE 'Europe/London', false
  FROM demo.return_part m JOIN demo.source_order s ON s.line_no = m.line_no
 ORDER BY s.at, s.line_no, m.order_ref, m.order_line;

INSERT INTO demo.listed (file, line_no, class, pence, reason)
SELECT 'orders', s.line_no, s.class, s.pence + coalesce((SELECT sum(m.pence) FROM demo.return_part m WHERE m.line_no = s.line_no), 0)::bigint, s.reason
  FROM demo.source_order s WHERE s.reason IS NOT NULL;
