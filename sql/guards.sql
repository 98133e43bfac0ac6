-- Guards against what one bad value could do to everybody: events out of time, a
-- rate of 800 %, smiles dated backwards, a suspension dodged by a past as_of, a
-- forged cursor. And two explanations that support needs.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{"hold": "1 day"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.create_topic('art');
SELECT status FROM influence.add_product('lamp', 'Lamp', 1, 1000, 'USD', 5, valid_from => '2024-01-01');
SELECT status FROM influence.set_commission_rate(1, 0.10, valid_from => '2024-01-01');
SELECT status FROM influence.publish_post(1, pg_temp.creator('anna'), 'now', 'photo', '[{"product_id": 1}]', 'art', published_at => '2024-05-01');
SELECT status FROM influence.publish_post(1, pg_temp.creator('anna'), 'embargo', 'photo', '[{"product_id": 1}]', 'art', published_at => now() + interval '30 days');

-- events before 1990 or more than a day ahead; rates above 1
SELECT * FROM pg_temp.not_refused('IN002',
	format('record_touch(1, %L, %L, %L, 1, %L)', pg_temp.visitor(1), 't', 'click', '294276-12-31 23:30+00'),
	format('record_touch(1, %L, %L, %L, 1, %L)', pg_temp.visitor(1), 't', 'click', '0001-01-01'),
	format('react(%L, 1, occurred_at => %L)', pg_temp.visitor(1), now() + interval '2 days'),
	format('record_order(1, %L, %L, %L, %L)', pg_temp.visitor(1), 'o', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', now() + interval '2 days'),
	format('record_return(1, %L, %L, 1, %L, 1, returned_at => %L)', pg_temp.visitor(1), 'o', 'r', '1066-10-14'),
	$$set_commission_rate(1, 8, valid_from => '2024-02-01')$$, $$set_commission_rate(1, 1.000000001, valid_from => '2024-02-01')$$);

-- a smile is a state also for events that come in backwards: one of the hundred counts
SELECT r.status, count(*) FROM generate_series(1, 100) g, influence.react(pg_temp.visitor(1), 1, occurred_at => timestamptz '2024-05-05 00:00+00' - g * interval '1 second') r GROUP BY 1 ORDER BY 1;
SELECT status FROM influence.refresh_stats();
SELECT smiles FROM influence.post_hour;

-- a touch that comes after the order it precedes in time
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 'first', 'click', pg_temp.creator('anna'), '2024-05-01 10:00+00');
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-05-02 10:00+00');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 'late', 'click', pg_temp.creator('bert'), '2024-05-02 09:00+00');
SELECT touch_ref, credit, verdict FROM influence.explain_attribution(1, 'o');

-- a past as_of does not pay who is suspended now; commission 100 waits
SELECT status FROM influence.set_creator_status(pg_temp.creator('anna'), 'suspended', 'fraud', 'desk', since => '2024-10-15');
SELECT amount, verdict FROM influence.plan_payouts(1, '2024-05', '2024-06-05');
SELECT payouts, carried FROM influence.run_payouts(1, '2024-05', '2024-06-05');
-- nor does a past cursor show her posts, or a future one what is not published
SELECT count(*) FROM influence.get_feed(1, pg_temp.visitor(9), cursor => influence_internal.feed_cursor_encode((SELECT seal_secret FROM influence.program_secret), 1, pg_temp.visitor(9), '2024-05-26', '{}'));
SELECT status FROM influence.set_creator_status(pg_temp.creator('anna'), 'active', 'cleared', 'desk', since => '2024-10-16');
SELECT post_id FROM influence.get_feed(1, pg_temp.visitor(9), cursor => influence_internal.feed_cursor_encode((SELECT seal_secret FROM influence.program_secret), 1, pg_temp.visitor(9), now() + interval '31 days', '{}'), as_of => '2024-06-20');

-- an application of the past cannot overtake the latest one, and an admission is final
SELECT status, decision FROM influence.apply_creator(1, pg_temp.creator('anna'), '2023-01-01');
SELECT * FROM influence.check_books();

-- an order says at once why it brought nothing
SELECT remarks FROM influence.record_order(1, pg_temp.visitor(2), 'p', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-05-02 10:00+00');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(3), 'c', 'click', pg_temp.creator('anna'), '2024-10-15 10:00+00');
SELECT commission, remarks FROM influence.record_order(1, pg_temp.visitor(3), 'q', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]', '2024-10-15 12:00+00');

-- where in the arguments a value is that PostgreSQL quotes; a long one is looked for by its beginning, at once (all of it in each of 20,000 would take minutes)
SELECT influence_internal.places_of('invalid input syntax for type bigint: "1.5"', '{"touches": [{"price": 1}, {"price": "1.5"}], "more": {"price": null, "old": "1.5"}}') AS two,
	influence_internal.places_of('invalid input syntax for type bigint: ""', '{"touches": [{"price": ""}], "currency": null}') AS empty, influence_internal.places_of('other', '{"price": "x"}') AS nowhere;
BEGIN;
SET LOCAL statement_timeout = '20s';
SELECT influence_internal.places_of(format('invalid input syntax for type bigint: "%s"', repeat('y', 5000000)), jsonb_build_object('touches',
	(SELECT jsonb_agg(jsonb_build_object('price', CASE i WHEN 7 THEN repeat('y', 5000000) ELSE i::text END)) FROM generate_series(1, 20000) i))) AS long;
COMMIT;

-- a key that is not there is quoted in the message: all of it, or the beginning of one that is longer than keys are
SELECT pg_temp.refused($$set_tax_rule('the taxman', 'vat', 0.2)$$) AS short,
	pg_temp.refused(format($$set_tax_rule(%L, 'vat', 0.2)$$, repeat('k', 200))) = format('IN003 tax authority "%s" does not exist', repeat('k', 200)) AS longest,
	pg_temp.refused(format('record_order(1, %L, %L, %L)', pg_temp.visitor(9), 'x', jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', repeat('s', 1000000), 'quantity', 1, 'paid_price', 1))))
		= format('IN003 product "%s..." does not exist', repeat('s', 200)) AS endless,
	pg_temp.refused('set_commission_rate(NULL, 0.1)') AS missing;
