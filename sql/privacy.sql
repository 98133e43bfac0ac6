-- Forgetting persons: every column that may hold somebody's data is decided upon; what is counted stays, what says who it
-- was goes, and nothing leads from the old key to the new one.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh
-- plans of views over next to nothing are not worth compiling
SET jit = off;

-- the registry: a column that may hold a person's data has a row of its own in it, other tables at least one
CREATE TEMP VIEW field AS
SELECT c.relname::text AS relation, a.attname::text AS column_name,
	   format_type(a.atttypid, NULL) IN ('text', 'uuid', 'jsonb', 'json', 'bytea', 'text[]', 'uuid[]', 'character varying')
	   AND NOT (a.attname = 'currency') OR a.attname ~ '(^|_)(visitor|creator|party|owner|member|giver|friend|shopper|person|buyer|agent|blocked)(_id)?$' AS may_tell,
	   bool_or(a.atttypid = 'uuid'::regtype OR a.attname IN ('creator_id', 'party_id', 'owner_id', 'member_id', 'giver_id')) OVER (PARTITION BY c.oid) AS of_persons
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
CREATE TEMP VIEW undecided AS
SELECT f.relation, f.column_name
  FROM field f
 WHERE NOT EXISTS (SELECT FROM influence_internal.privacy_registry() r
					WHERE r.relation = f.relation
					  AND CASE WHEN f.of_persons THEN NOT f.may_tell OR r.column_name = f.column_name ELSE NOT f.may_tell OR r.column_name IN ('*', f.column_name) END);
SELECT * FROM undecided ORDER BY 1, 2;
-- and what it decides is there
SELECT r.relation, r.column_name
  FROM influence_internal.privacy_registry() r
 WHERE to_regclass(format('influence.%I', r.relation)) IS NULL
	OR (r.column_name <> '*' AND NOT EXISTS (SELECT FROM field f WHERE f.relation = r.relation AND f.column_name = r.column_name))
	OR r.of NOT IN ('shopper', 'creator', 'both', 'nobody') OR length(r.why) = 0
	OR (r.action IN ('change', 'retain', 'other')) <> (r.value IS NOT NULL) AND r.action NOT IN ('delete', 'key')
 ORDER BY 1, 2;
SELECT DISTINCT r.of, r.action FROM influence_internal.privacy_registry() r ORDER BY 1, 2;
-- it does find what is new
BEGIN;
CREATE TABLE influence.stranger (stranger_id bigint PRIMARY KEY, visitor_id uuid, about jsonb, n int);
CREATE TABLE influence.harmless (name text PRIMARY KEY);
ALTER TABLE influence.touch ADD COLUMN fingerprint text, ADD COLUMN height int;
SELECT * FROM undecided ORDER BY 1, 2;
ROLLBACK;

-- A person of two visitors, with something everywhere. Whatever words it gave begin with SECRET, in any case.
SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{"model": "linear", "coupon_rule": "none"}', '{"hold": "10 days"}');
SELECT influence.create_category('All'), influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
SELECT influence.add_product('p' || n, 'Product ' || n, 1, price => 1000 * n, currency => 'EUR', stock => 9, brand => 'Acme', valid_from => '2020-01-01') FROM generate_series(1, 3) n;
SELECT influence.create_topic('topic ' || n) FROM generate_series(1, 6) n;
SELECT pg_temp.new_creator('anna'), pg_temp.new_creator('bea', pg_temp.visitor(2));
SELECT influence.publish_post(1, c, 'post ' || c, 'photo', '[{"product_id": 1}]', 'topic 1', published_at => '2024-05-01') FROM generate_series(1, 2) c;
SELECT influence.create_membership_plan('prime', 'Prime', 1000, 'EUR', 3);
SELECT influence.register_shopper(pg_temp.visitor(n), CASE n WHEN 1 THEN 'SECRET' ELSE 's' || n END, 'DE', 'de') FROM generate_series(1, 4) n;
SELECT influence.set_display_name(pg_temp.visitor(1), 'Secret Name');
SELECT influence.set_interests(pg_temp.visitor(1), ARRAY(SELECT 'topic ' || n FROM generate_series(1, 5) n));
SELECT influence.record_membership(pg_temp.visitor(1), 'prime', '2024-01-01', '2025-01-01', 1);
SELECT influence.add_to_cohort('beta', 'shopper', pg_temp.visitor(1)::text, '2024-01-01');
SELECT influence.follow(pg_temp.visitor(1), 1), influence.follow(pg_temp.visitor(1), topic => 'topic 2'), influence.mute(pg_temp.visitor(1), topic => 'topic 3');
SELECT influence.block(pg_temp.visitor(1), 2), influence.block(pg_temp.visitor(5), 2, 'by_creator');
SELECT influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(3)), influence.accept_friend(pg_temp.visitor(3), pg_temp.visitor(1)),
	   influence.block_shopper(pg_temp.visitor(4), pg_temp.visitor(1));
SELECT influence.create_list('shopper', pg_temp.visitor(1)::text, 'SECRET-list', 'wish', 'SECRET wishes', 'public'),
	   influence.create_list('shopper', pg_temp.visitor(3)::text, 'l3', 'wish', 'Wishes', 'public'),
	   influence.create_list('shopper', pg_temp.visitor(3)::text, 'l4', 'gift', 'For a friend', for_person => 'SECRET', for_visitor => pg_temp.visitor(1));
SELECT influence.add_list_item(1, 1, 'SECRET note', 3), influence.add_list_item(2, 1, NULL, 5);
SELECT g.state, h.state FROM influence.reserve_list_item(1, 1, pg_temp.visitor(3), 'g1') g, influence.reserve_list_item(2, 1, pg_temp.visitor(1), 'SECRET g2') h;
-- visitor 5 is a guest who turns out to be visitor 1; two of the touches share their moment
SELECT influence.record_touch(1, pg_temp.visitor(t.v), t.ref, t.kind, t.creator, t.at::timestamptz, 1, NULL,
		'{"link": "SECRET link", "sub_id": "SECRET", "landing_page": "SECRET", "referrer": "SECRET", "device": "SECRET", "app_version": "SECRET", "language": "secret", "consent": "SECRET", "session_id": "SECRET", "surface": "app", "country": "DE", "channel": "feed"}')
  FROM (VALUES (1, 'SECRET a', 'click', 1, '2024-06-01 10:00+00'), (1, 'SECRET b', 'click', 2, '2024-06-01 10:00+00'), (5, 'SECRET a', 'click', 1, '2024-06-02 10:00+00'),
			   (5, 'SECRET c', 'view', 2, '2024-06-02 11:00+00'), (1, 'SECRET d', 'cart', 2, '2024-07-01 11:00+00')) t(v, ref, kind, creator, at);
SELECT influence.record_touch(1, pg_temp.visitor(3), 'other', 'click', 1, '2024-06-02 10:00+00', 1);
SELECT status, credited, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 3, "paid_price": 999}, {"line_no": 2, "product_id": 2, "quantity": 1, "paid_price": 2000}]',
		'2024-06-03 12:00+00', NULL, '{"device": "SECRET", "country": "DE", "experiment": "e", "variant": "a"}');
SELECT status, credited, commission FROM influence.record_order(1, pg_temp.visitor(3), 'o2', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 999}]', '2024-06-03 12:00+00');
SELECT influence.record_gift_purchase(2, 1, pg_temp.visitor(1), 'SECRET g3', 1, 'o1');
SELECT influence.record_return(1, pg_temp.visitor(1), 'o1', 1, 'r1', 1, returned_at => '2024-06-05', reason => 'SECRET reason'),
	   influence.record_order_event(1, pg_temp.visitor(1), 'o1', 'shipped', '2024-06-04');
-- a guest's order, after which the guest is known; what was late for the order is credited now
SELECT status, credited FROM influence.record_order(1, pg_temp.visitor(5), 'o3', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 500}]', now() - interval '1 hour');
SELECT influence.record_touch(1, pg_temp.visitor(1), 'SECRET late', 'click', 1, now() - interval '2 hours');
SELECT status FROM influence.identify(pg_temp.visitor(5), pg_temp.visitor(1));
SELECT a.status, b.status FROM influence.react(pg_temp.visitor(1), 1, 'smile', 'SECRET smile', '2024-06-01 10:00+00', 'app', 'SECRET') a, influence.react(pg_temp.visitor(5), 1, 'share', 'SECRET share', NULL, 'app', 'SECRET') b;
SELECT influence.vote_product(pg_temp.visitor(1), 1, 1, surface => 'app', device => 'SECRET');
SELECT status, state FROM influence.comment_on_post(pg_temp.visitor(1), 1, 'SECRET comment', 'SECRET words', device => 'SECRET');
INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, request_id, post_id, creator_id, rank, score, features, profile, profile_version, sources, propensity, disclosure, device)
VALUES (pg_temp.visitor(1), '2024-06-01', 4711, 1, 'SECRET', 1, 1, 1, 0, '{1,2}', 'standard', 1, '{follow,interest: SECRET}', 1, 'affiliate', 'SECRET');
INSERT INTO influence.hidden VALUES (pg_temp.visitor(1), 'topic', 4, 'see_less', '2024-06-01');
INSERT INTO influence.seen_filter VALUES (pg_temp.visitor(5), 1, 1, '2024-06-01', 1, '\x00');
SELECT c.status FROM influence.create_sponsored_campaign(1, 'ad', 'Acme', 'Ad', '{1}', 100000, 'impression', 1000, now(), now() + interval '1 day') c;
INSERT INTO influence.sponsored_charge (sponsored_campaign_id, kind, impression_id, program_id, visitor_id, post_id, occurred_at) VALUES (1, 'impression', 4711, 1, pg_temp.visitor(1), 1, now());
INSERT INTO influence.sponsored_pending (sponsored_campaign_id, kind, impression_id, occurred_at) SELECT sponsored_campaign_id, kind, impression_id, occurred_at FROM influence.sponsored_charge;
INSERT INTO influence.fraud_case (creator_id, signal, case_ref, evidence, score, state) VALUES (1, 'brushing', 'x', jsonb_build_object('strongest', jsonb_build_array(pg_temp.visitor(1), pg_temp.visitor(3))), 0.5, 'open');
SELECT changed FROM influence_internal.reattribute_due();
SELECT count(*) > 0 AS counted FROM influence.refresh_stats();

-- what all views and statistics say, and what all tables hold, but for which random names stand for what
CREATE FUNCTION pg_temp.told() RETURNS TABLE (relation text, told jsonb) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN
		SELECT v.name FROM influence_internal.installed_views() v
		UNION ALL SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ '_(hour|day|rank|score)$|^(settlement|payout|statement)$'
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L::text, to_jsonb(x) - ''{touch_ref,session_id}''::text[] FROM influence.%I x', relation, relation);
	END LOOP;
END $$;
-- rows of all tables with a word in them
CREATE FUNCTION pg_temp.found(word text) RETURNS TABLE (relation text, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname LOOP
		EXECUTE format('SELECT count(*) FROM influence.%I x WHERE x::text ~* $1', relation) INTO rows USING word;
		IF rows > 0 THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;
-- everywhere there is something to forget
SELECT count(*) > 30 AS with_the_key FROM pg_temp.found('0{8}-0{4}-0{4}-0{4}-0{11}[15]\y');
SELECT string_agg(relation, ' ') AS with_words FROM pg_temp.found('secret');

BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT * FROM pg_temp.told();
CREATE TEMP TABLE fresh ON COMMIT DROP AS SELECT count(*) AS rows FROM influence.touch t, influence.watermark w WHERE w.name = 'refresh_stats' AND NOT pg_visible_in_snapshot(t.xact, w.last_seen);
SELECT status, visitors FROM influence.forget_shopper(pg_temp.visitor(5));
SELECT count(*) - (SELECT rows FROM fresh) AS new_to_the_job FROM influence.touch t, influence.watermark w WHERE w.name = 'refresh_stats' AND NOT pg_visible_in_snapshot(t.xact, w.last_seen);
-- and all that is counted is counted anew
DELETE FROM influence.watermark w WHERE w.name IN ('refresh_stats', 'reattribute', 'book_earnings');
SELECT count(*) > 0 AS counted FROM influence.refresh_stats();
SELECT changed FROM influence_internal.reattribute_due();
SELECT booked FROM influence.book_earnings();
-- the lesser of the old keys has the lesser of the new ones
CREATE TEMP TABLE after ON COMMIT DROP AS
SELECT t.relation, replace(replace(t.told::text, k.a, pg_temp.visitor(1)::text), k.b, pg_temp.visitor(5)::text)::jsonb AS told
  FROM pg_temp.told() t, (SELECT min(f.visitor_id::text COLLATE "C") AS a, max(f.visitor_id::text COLLATE "C") AS b FROM influence.forgotten_visitor f) k;
SELECT 'gone' AS what, x.* FROM (SELECT * FROM before EXCEPT ALL SELECT * FROM after) x
UNION ALL
SELECT 'new', x.* FROM (SELECT * FROM after EXCEPT ALL SELECT * FROM before) x;
SELECT (SELECT count(*) FROM before) > 100 AS many, (SELECT count(DISTINCT relation) FROM before) > 30 AS of_many;
COMMIT;
SELECT * FROM pg_temp.found('0{8}-0{4}-0{4}-0{4}-0{11}[15]\y');
SELECT * FROM pg_temp.found('secret');
SELECT * FROM influence.check_books();
-- without the words: what is left of each row
SELECT DISTINCT touch_ref, link = min(link) OVER () AS one_link, session_id IS NULL AS no_session, concat(sub_id, landing_page, referrer, device, app_version, language, consent) AS told, surface, country FROM influence.touch WHERE visitor_id <> pg_temp.visitor(3) ORDER BY 1, 2;
SELECT event_ref, kind FROM influence.engagement ORDER BY 1;
SELECT body, status FROM influence.post_comment c JOIN influence.comment_status s USING (visitor_id, comment_id) ORDER BY since;
SELECT owner_kind, kind, title, for_person, for_visitor FROM influence.list ORDER BY list_id;
SELECT state, quantity FROM influence.list_gift;
SELECT external_key, country, language, personalised, discoverable, display_name FROM influence.shopper ORDER BY created_at, external_key;
SELECT request_id, sources, impression_id <> 4711 AS renamed FROM influence.impression;
-- the charge has an id and a key that nothing else has, also where it is pending
SELECT c.impression_id <> 4711 AS renamed, (SELECT count(*) FROM influence.impression i WHERE i.impression_id = c.impression_id) AS impressions, (SELECT count(*) FROM influence.sponsored_pending p WHERE p.impression_id = c.impression_id) AS pending, c.visitor_id IN (SELECT f.visitor_id FROM influence.forgotten_visitor f) AS findable, (SELECT count(*) FROM pg_temp.found(c.visitor_id::text)) AS tables FROM influence.sponsored_charge c;
SELECT evidence FROM influence.fraud_case;
SELECT kind, forgotten_on = (now() AT TIME ZONE 'UTC')::date AS today, changed_rows > 20 AS changed, deleted_rows > 10 AS deleted FROM influence.forgetting;
-- a touch, its credit and the runner-up that another credit names have one name
SELECT c.line_no, c.touch_ref, c.credit, c.snapshot #>> '{runner_up,touch_ref}' AS runner_up, t.touched_at, t.creator_id = c.creator_id AS same
  FROM influence.credit c LEFT JOIN influence.touch t ON t.visitor_id = c.touch_visitor_id AND t.touch_ref = c.touch_ref WHERE c.order_ref = 'o1' AND c.superseded_by IS NULL ORDER BY 1, 2, 5;

-- again: there is nothing left of either visitor, nor of who was never known; and nobody is not forgotten
SELECT n, f.* FROM generate_series(1, 9, 4) n, influence.forget_shopper(pg_temp.visitor(n)) f;
SELECT f.* FROM influence.forgotten_visitor v, influence.forget_shopper(v.visitor_id) f;
SELECT count(*) FROM influence.forgetting;
SELECT * FROM pg_temp.not_refused('IN002', 'forget_shopper(NULL)');
SELECT pg_temp.refused(format('identify(%L, %L)', v.visitor_id, pg_temp.visitor(3))), pg_temp.refused(format('identify(%L, %L)', pg_temp.visitor(8), v.visitor_id)) FROM influence.forgotten_visitor v;

-- orders of the forgotten: retries are retries, returns and events come by order_ref, whatever visitor they name
SELECT status, credited, commission, clawed_back FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 3, "paid_price": 999}, {"line_no": 2, "product_id": 2, "quantity": 1, "paid_price": 2000}]',
		'2024-06-03 12:00+00', NULL, '{"device": "SECRET", "country": "DE", "experiment": "e", "variant": "a"}');
SELECT pg_temp.refused($$record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 2, "paid_price": 999}]', '2024-06-03 12:00+00')$$);
SELECT r.* FROM influence.record_return(1, pg_temp.visitor(1), 'o1', 1, 'r1', 1, returned_at => '2024-06-05', reason => 'SECRET reason') r;
SELECT r.* FROM influence.record_return(1, pg_temp.visitor(9), 'o1', 1, 'r2', 1, returned_at => '2024-06-06', reason => 'SECRET, too') r;
SELECT r.* FROM influence.record_return(1, pg_temp.visitor(1), 'o1', 1, 'r2', 1, returned_at => '2024-06-06', reason => 'SECRET, too') r;
SELECT pg_temp.refused($$record_return(1, pg_temp.visitor(1), 'o1', 1, 'r3', 2)$$), pg_temp.refused($$record_return(1, pg_temp.visitor(1), 'o2', 1, 'r1', 1)$$);
SELECT e.* FROM influence.record_order_event(1, pg_temp.visitor(1), 'o1', 'shipped', '2024-06-04') e;
SELECT e.* FROM influence.record_order_event(1, pg_temp.visitor(7), 'o1', 'cancelled', '2024-06-07') e;
SELECT reason, stated -> 4 AS stated FROM influence.order_return WHERE return_ref <> 'cancelled';
SELECT status FROM influence.reattribute(1, 'o3');
SELECT status, visitors FROM influence.forget_shopper(pg_temp.visitor(1));
SELECT * FROM pg_temp.found('0{8}-0{4}-0{4}-0{4}-0{11}[1579]\y');
SELECT * FROM pg_temp.found('secret');
SELECT * FROM influence.check_books();

-- what waits to be attributed is attributed before, for the last time: a purchase by the creator herself stays one
SELECT influence.record_touch(1, pg_temp.visitor(2), 't' || n, 'click', n, now() - n * interval '1 hour') FROM generate_series(1, 2) n;
SELECT status, credited, unattributed FROM influence.record_order(1, pg_temp.visitor(2), 'own', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', now() - interval '30 minutes');
SELECT influence.record_touch(1, pg_temp.visitor(2), 't3', 'click', 1, now() - interval '40 minutes');
SELECT status, visitors FROM influence.forget_shopper(pg_temp.visitor(2));
SELECT creator_ref, visitor_id FROM influence.creator ORDER BY 1;
DELETE FROM influence.watermark w WHERE w.name = 'reattribute';
SELECT changed FROM influence_internal.reattribute_due();
SELECT creator_id, reason, credit, superseded_by IS NULL AS in_force FROM influence.credit WHERE order_ref = 'own' ORDER BY revision, touched_at NULLS LAST;
SELECT * FROM influence.check_books();

-- A creator, with something everywhere. What only the program needed goes at once.
SELECT pg_temp.new_creator('SECRET ref', pg_temp.visitor(6));
SELECT pg_temp.creator('SECRET ref') AS c \gset
UPDATE influence.creator SET name = 'SECRET Carla', country = 'DE', residence = 'FR' WHERE creator_id = :c;
SELECT influence.add_channel(:c, 'instagram', 'secret.carla'), influence.record_channel_metrics(:c, 1, '2024-05-01', 1000, source => 'api');
SELECT influence.record_channel_posts(:c, 1, '[{"post_ref": "SECRET post", "measured_at": "2024-05-01", "published_at": "2024-04-01", "likes": 9}]'), influence.record_quality_score(:c, 'SECRET score', 0.5, 'model', '2024-05-01', 'SECRET note');
SELECT influence.create_storefront(:c, 'Secret.Carla', 'SECRET title', 'SECRET bio'), influence.rename_storefront(:c, 'secret-two');
SELECT influence.create_list('creator', :'c', 'SECRET list', 'idea', 'SECRET ideas', 'public', program_id => 1);
SELECT influence.add_list_item((SELECT max(list_id) FROM influence.list), 1, 'SECRET');
SELECT influence.publish_post(1, :c, 'SECRET post', 'photo', '[{"product_id": 1}]', 'topic 1', 'SECRET body', 'SECRET media', '2024-05-01');
SELECT influence.set_coupon(1, 'SECRET10', :c, '2024-01-01', fixed_credit => 25);
SELECT influence.record_strike(:c, 's1', 'SECRET reason', 'kim', '2024-05-01'), influence.send_sample(1, :c, 'sample1', 1, 'kim', note => 'SECRET'), influence.agree_exclusivity(:c, 'x1', 'Brand', 'kim', note => 'SECRET');
SELECT influence.set_payout_destination(:c, 'iban', 'DE00 1234 SECRET', 'kim', '2024-01-01'), influence.record_tax_profile(:c, 'individual', 'FR', 'kim', 'SECRET form', vat_id => 'SECRET', valid_from => '2024-01-01');
SELECT influence.record_touch(1, pg_temp.visitor(3), 'for carla', 'click', :c, '2024-06-02 11:00+00', 1, 3);
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(3), 'o4', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-06-03 12:00+00', details => '{"coupon": "secret10"}');
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(6), 'o5', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', now() - interval '1 day');
SELECT settled > 0 AS settled FROM (SELECT entries AS settled FROM influence_internal.settle_due()) s;
SELECT count(*) > 0 AS counted FROM influence.refresh_stats();
SELECT string_agg(relation, ' ') AS with_words FROM pg_temp.found('secret');
BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT * FROM pg_temp.told();
SELECT status, retained_until = make_date(extract(year FROM now() AT TIME ZONE 'UTC')::int + 11, 1, 1) AS eleven_years, deleted_rows FROM influence.forget_creator(:c);
CREATE TEMP TABLE after ON COMMIT DROP AS SELECT * FROM pg_temp.told();
-- what is shown of it, and where it stands, changes; no figure does
SELECT string_agg(DISTINCT x.relation, ' ') FROM ((SELECT * FROM before EXCEPT ALL SELECT * FROM after) UNION ALL (SELECT * FROM after EXCEPT ALL SELECT * FROM before)) x;
COMMIT;
SELECT * FROM pg_temp.found('secret');
SELECT admission.decision, actor FROM influence.admission WHERE creator_id = :c;
SELECT status, retained_until > now() AS later, changed_rows FROM influence.forget_creator(:c);
SELECT visitor_id IS NULL AS identity FROM influence.creator WHERE creator_id = :c;
-- counting anew does not bring its posts back
BEGIN;
SELECT status FROM influence.rebuild_trends();
SELECT (SELECT count(*) FROM influence.post WHERE creator_id = :c) > 0 AS posts, (SELECT count(*) FROM influence.feed_item WHERE creator_id = :c) AS in_the_feed;
ROLLBACK;
SELECT * FROM influence.check_books();
-- its names stay taken, and nothing more is recorded of it
SELECT pg_temp.refused($$create_storefront(1, 'secret.carla', 'Page')$$), pg_temp.refused($$create_storefront(1, 'Secret-Two', 'Page')$$), pg_temp.refused($$create_storefront(1, 'secret.car1a', 'Page')$$);
SELECT * FROM pg_temp.not_refused('IN005', format($$publish_post(1, %s, 'p', 'photo', '[{"product_id": 1}]')$$, :c), format('add_channel(%s, ''x'', ''h'')', :c), format('create_storefront(%s, ''other'', ''Page'')', :c),
	format('apply_creator(1, %s)', :c), format('update_creator(%s, ''kim'', ''DE'')', :c), format('set_coupon(1, ''NEW'', %s)', :c), format('record_channel_metrics(%s, 1, ''2024-06-01'', 1)', :c),
	format('create_list(''creator'', ''%s'', ''l'', ''idea'', ''Ideas'', ''public'', program_id => 1)', :c), format('send_sample(1, %s, ''x'', 1, ''kim'')', :c));
SELECT * FROM pg_temp.not_refused('IN003', 'forget_creator(999)');
SELECT * FROM pg_temp.not_refused('IN002', 'forget_creator(NULL)', 'end_retention(''infinity'')', 'end_retention(now() + interval ''1 year'')');
-- sales after that earn nothing; what is owed is paid, returns take back
SELECT influence.record_touch(1, pg_temp.visitor(4), 'late for carla', 'click', :c, now() - interval '1 minute', 1);
SELECT status, commission, remarks FROM influence.record_order(1, pg_temp.visitor(4), 'o6', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', now() + interval '1 second');
SELECT status, clawed_back FROM influence.record_return(1, pg_temp.visitor(3), 'o4', 1, 'r4', amount => 500, returned_at => '2024-06-10');
SELECT entries FROM influence_internal.settle_due();
SELECT * FROM influence.end_retention();
UPDATE influence.forgotten_creator SET retained_until = '2025-01-01', forgotten_on = '2014-01-01' WHERE creator_id = :c;
SELECT * FROM influence.end_retention();
SELECT retained_until > now() AS put_off FROM influence.forgotten_creator WHERE creator_id = :c;
-- ten years later: nothing is booked in the last ten, and nothing owed (no setting can say so; the clock is the server's)
ALTER TABLE influence.setting DROP CONSTRAINT setting_is_possible;
INSERT INTO influence.setting (name, version, value) VALUES ('tax_retention', 2, '"-2 years"');
UPDATE influence.forgotten_creator SET retained_until = '2025-01-01' WHERE creator_id = :c;
SELECT * FROM influence.end_retention();
SELECT party_id = :c AS of_carla, amount FROM influence.balance WHERE account = 'payable' AND party_id = :c;
SELECT count(*) FROM influence.run_payouts(1, '2024-06', now());
SELECT count(*) FROM influence.run_payouts(1, '2024-07', now());
SELECT p.status FROM influence.confirm_payout(1, :c, '2024-06', 'bank 1') p UNION ALL SELECT p.status FROM influence.confirm_payout(1, :c, '2024-07', 'bank 2') p;
SELECT close_period.status FROM influence.close_period(1, '2024-06', now());
SELECT status, creators, waiting FROM influence.end_retention();
UPDATE influence.creator SET visitor_id = NULL WHERE creator_id = :c;
SELECT status, creators, waiting FROM influence.end_retention();
SELECT creator_ref = 'forgotten ' || creator_id AS ref, name = 'forgotten ' || creator_id AS name, country, residence, visitor_id FROM influence.creator WHERE creator_id = :c;
SELECT * FROM pg_temp.found('secret');
SELECT label, method FROM influence.payout_destination;
SELECT (c.code = o.coupon) AS one_name, c.code ~ '^FORGOTTEN-' AS renamed FROM influence.coupon c, influence.orders o WHERE o.order_ref = 'o4';
SELECT entries FROM influence_internal.settle_due();
SELECT kind, forgotten_on = (now() AT TIME ZONE 'UTC')::date AS today FROM influence.forgetting ORDER BY forgetting_id;
SELECT * FROM influence.check_books();
-- who was never paid is forgotten at once
SELECT pg_temp.new_creator('SECRET dora');
SELECT status, retained_until = (now() AT TIME ZONE 'UTC')::date AS today FROM influence.forget_creator(pg_temp.creator('SECRET dora'));
SELECT * FROM pg_temp.found('secret');

-- One's own purchases bring nothing by one's own code, also when it is forgotten whose they were: erin is forgotten as a shopper, fred as a creator, gus as
-- an agent of gina. Each code brings 7.00 for the order of somebody else, and stays at that.
SELECT pg_temp.new_creator(v.who, pg_temp.visitor(v.n)) FROM (VALUES ('erin', 91), ('fred', 92), ('gina', NULL)) v(who, n);
SELECT pg_temp.creator('erin') AS erin, pg_temp.creator('fred') AS fred, pg_temp.creator('gina') AS gina \gset
SELECT pg_temp.new_creator('gus', pg_temp.visitor(93), 'agency', ARRAY[pg_temp.creator('gina')]);
SELECT count(*) FROM (VALUES ('erin', 'ERIN7'), ('fred', 'FRED7'), ('gina', 'GINA7')) v(who, code), influence.set_coupon(1, v.code, pg_temp.creator(v.who), '2024-01-01', fixed_credit => 700);
SELECT count(*) FROM (VALUES (91, 'erin7'), (92, 'FRED7'), (93, 'gina7'), (94, 'erin7'), (95, 'fred7'), (96, 'gina7')) v(n, code), influence.record_order(1, pg_temp.visitor(v.n), 'code ' || v.n,
	'[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-10 12:00+00', details => jsonb_build_object('coupon', v.code)) o WHERE o.status = 'recorded';
SELECT count(*) FROM influence_internal.settle_due();
SELECT CASE s.creator_id WHEN :erin THEN 'erin' WHEN :fred THEN 'fred' WHEN :gina THEN 'gina' END AS who, sum(s.amount) FROM influence.settlement s WHERE s.stage = 'coupon' AND s.creator_id IN (:erin, :fred, :gina) GROUP BY s.creator_id ORDER BY 1;
SELECT status, changed_rows > 0 AS changed FROM influence.forget_shopper(pg_temp.visitor(91));
SELECT status FROM influence.forget_creator(pg_temp.creator('fred'));
SELECT status FROM influence.forget_shopper(pg_temp.visitor(93));
SELECT * FROM influence.check_books();
SELECT status, entries FROM influence.settle_tiers(1, '2024-05');
SELECT CASE s.creator_id WHEN :erin THEN 'erin' WHEN :fred THEN 'fred' WHEN :gina THEN 'gina' END AS who, sum(s.amount) FROM influence.settlement s WHERE s.stage = 'coupon' AND s.creator_id IN (:erin, :fred, :gina) GROUP BY s.creator_id ORDER BY 1;
-- the codes of other people's orders stay
SELECT count(*) FILTER (WHERE coupon IS NULL) AS own, count(*) FILTER (WHERE coupon IS NOT NULL) AS others FROM influence.orders WHERE order_ref LIKE 'code %';
SELECT * FROM influence.check_books();
-- The same when the retention of an agency ends: hank acts for ivy, whose purchase with his code brought him nothing, and afterwards nothing says for whom
-- he acted. The order of somebody else brought 7.00, which are paid; its code gets the random name that the coupon gets.
SELECT pg_temp.new_creator('ivy', pg_temp.visitor(97));
SELECT pg_temp.new_creator('hank', NULL, 'agency', ARRAY[pg_temp.creator('ivy')]);
SELECT pg_temp.creator('hank') AS hank \gset
SELECT status FROM influence.set_coupon(1, 'HANK7', :hank, '2024-01-01', fixed_credit => 700);
SELECT count(*) FROM (VALUES (97), (98)) v(n), influence.record_order(1, pg_temp.visitor(v.n), 'hank ' || v.n,
	'[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-10 12:00+00', details => '{"coupon": "hank7"}') o WHERE o.status = 'recorded';
SELECT count(*) FROM influence_internal.settle_due();
SELECT sum(s.amount) FROM influence.settlement s WHERE s.stage = 'coupon' AND s.creator_id = :hank;
SELECT count(*) FROM influence.run_payouts(1, '2024-08', now());
SELECT p.status FROM influence.confirm_payout(1, :hank, '2024-08', 'bank 3') p;
SELECT status, retained_until <= now() AS ends_at_once FROM influence.forget_creator(:hank);
SELECT agency_of, ended_on IS NOT NULL AS ended FROM influence.forgotten_creator f JOIN influence.creator c USING (creator_id) WHERE creator_id = :hank;
SELECT o.order_ref, o.coupon IS NULL AS taken_off, o.coupon = c.code AS one_name FROM influence.orders o, influence.coupon c WHERE o.order_ref LIKE 'hank %' AND c.creator_id = :hank ORDER BY 1;
SELECT status, entries FROM influence.settle_tiers(1, '2024-05');
SELECT sum(s.amount) FROM influence.settlement s WHERE s.stage = 'coupon' AND s.creator_id = :hank;
SELECT * FROM influence.check_books();
