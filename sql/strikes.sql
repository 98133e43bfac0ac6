--
-- Strikes, and the status they lead to: 3 points suspend, 6 ban, each counts
-- for 365 days.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator('anna');
SELECT pg_temp.new_creator('bert');
SELECT pg_temp.new_creator('cleo');
CREATE FUNCTION pg_temp.history(creator bigint) RETURNS TABLE (since timestamptz, status text, strikes int, reason text, actor text) LANGUAGE sql AS
$$ SELECT since, status, strikes, reason, actor FROM influence.creator_status WHERE creator_id = creator ORDER BY since $$;

SELECT * FROM influence.record_strike(1, 's1', 'no disclosure', 'ops', '2024-01-01', program_id => 1);
SELECT * FROM influence.record_strike(1, 's1', 'no disclosure', 'ops', '2024-01-01', program_id => 1);
SELECT status FROM influence.record_strike(1, 's2', 'stolen picture', 'ops', '2024-02-01', 2);
SELECT * FROM pg_temp.history(1);
-- which is what orders and posts go by, from that moment
SELECT at, influence_internal.earning_bar(1, 1, at) FROM unnest('{2024-01-31 23:59:59.999999,2024-02-01}'::timestamptz[]) at;
SELECT pg_temp.refused($$publish_post(1, 1, 'p', 'photo', published_at => '2024-02-02')$$) ~ '^IN005' AS may_not_post;
-- reinstated by hand, struck again; three more in one day ban, and so do those of one moment
SELECT status FROM influence.set_creator_status(1, 'active', 'promised', 'ops', '2024-03-01');
SELECT status FROM influence.record_strike(1, 's3', 'again', 'ops', '2024-04-01');
SELECT status FROM influence.record_strike(1, 's4', 'and again', 'ops', '2024-04-01');
SELECT status FROM influence.record_strike(1, 's5', 'abuse', 'ops', '2024-04-01');
SELECT * FROM pg_temp.history(1);
SELECT * FROM pg_temp.not_refused('IN004', $$record_strike(1, 's1', 'other', 'ops', '2024-01-01', program_id => 1)$$, $$record_strike(1, 's1', 'no disclosure', 'ops', '2024-01-01', 2, 1)$$, $$record_strike(1, 's1', 'no disclosure', 'ops', '2024-01-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_strike(1, NULL, 'r', 'ops')$$, $$record_strike(1, 'x', NULL, 'ops')$$, $$record_strike(1, 'x', '', 'ops')$$, $$record_strike(1, 'x', 'r', NULL)$$, $$record_strike(1, 'x', 'r', 'ops', 'infinity')$$,
	$$record_strike(1, 'x', 'r', 'ops', points => 0)$$, $$record_strike(1, 'x', 'r', 'ops', points => -1)$$, $$record_strike(1, 'x', 'r', 'ops', points => NULL)$$, $$record_strike(1, 'x', 'r', 'ops', points => 1001)$$,
	$$lift_strike(1, 's1', NULL, 'n')$$, $$lift_strike(1, 's1', 'ops', NULL)$$, $$lift_strike(1, 's1', 'ops', '')$$, $$lift_strike(1, NULL, 'ops', 'n')$$, $$lift_strike(1, 's1', 'ops', 'n', '2023-12-31')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_strike(99, 'x', 'r', 'ops')$$, $$record_strike(NULL, 'x', 'r', 'ops')$$, $$record_strike(1, 'x', 'r', 'ops', program_id => 99)$$, $$lift_strike(1, 'x', 'ops', 'n')$$, $$lift_strike(99, 's1', 'ops', 'n')$$);

-- Lifted: what strikes led to shrinks with them (6 points banned, 5 suspend, 2 do neither).
SELECT status FROM influence.lift_strike(1, 's5', 'ops', 'it was a joke', '2024-05-01');
SELECT status FROM influence.lift_strike(1, 's5', 'ops', 'it was a joke', '2024-05-01');
SELECT * FROM pg_temp.not_refused('IN004', $$lift_strike(1, 's5', 'ops', 'it was not', '2024-05-01')$$, $$lift_strike(1, 's5', 'other', 'it was a joke', '2024-05-01')$$, $$lift_strike(1, 's5', 'ops', 'it was a joke', '2024-05-02')$$);
SELECT status FROM influence.lift_strike(1, 's4', 'ops', 'and so was that', '2024-06-01');
SELECT status FROM influence.lift_strike(1, 's2', 'ops', 'own picture', '2024-07-01');
SELECT * FROM pg_temp.history(1) WHERE since >= '2024-05-01';
-- a ban by hand is not lifted with a strike
SELECT status FROM influence.set_creator_status(2, 'banned', 'court order', 'legal', '2024-01-01');
SELECT status FROM influence.record_strike(2, 's1', 'late', 'ops', '2024-01-02', 4);
SELECT status FROM influence.lift_strike(2, 's1', 'ops', 'not late', '2024-01-03');
SELECT * FROM pg_temp.history(2);

-- A strike of the year before counts no more on the day that it expires; told late, it counts at its moment.
SELECT status FROM unnest('{2023-01-01,2023-01-02,2024-01-01}'::timestamptz[]) WITH ORDINALITY x(at, n), influence.record_strike(3, 's' || n, 'r' || n, 'ops', at) s;
SELECT * FROM pg_temp.history(3);
SELECT status FROM influence.record_strike(3, 's0', 'told late', 'ops', '2023-06-01');
SELECT * FROM pg_temp.history(3);

-- The view and the answers say what is in force now. Other limits hold for strikes from then on; without a limit nothing follows.
SELECT * FROM influence.record_strike(3, 's9', 'now', 'ops', now() - interval '10 days', 2);
SELECT * FROM influence.lift_strike(3, 's9', 'ops', 'n');
SELECT creator_id, name, status, reason, actor, points, strikes, next_expiry FROM influence.creator_standing ORDER BY 1;
INSERT INTO influence.setting (name, version, value) VALUES ('strike_limits', 2, '{"suspend": null, "ban": 2, "expires": null}');
SELECT pg_temp.new_creator('dora');
SELECT status, points_in_force, creator_status FROM unnest('{2020-02-01,2024-02-01}'::timestamptz[]) WITH ORDINALITY x(at, n), influence.record_strike(4, 's' || n, 'r', 'ops', at);
SELECT creator_id, status, since, points, strikes, next_expiry FROM influence.creator_standing WHERE creator_id = 4;
SELECT * FROM pg_temp.not_refused('IN002', 'set_setting(''strike_limits'', ''{"suspend": 0, "ban": 2, "expires": null}'')', 'set_setting(''strike_limits'', ''{"suspends": 3, "ban": 6, "expires": null}'')');

-- In whatever order strikes are told, the status at any moment is the worst that the points at a strike until then asked for.
INSERT INTO influence.setting (name, version, value) VALUES ('strike_limits', 5, '{"suspend": 3, "ban": 6, "expires": "20 days"}');
SELECT count(pg_temp.new_creator('r' || i)) FROM generate_series(1, 30) i;
CREATE TEMP TABLE told AS
SELECT c.creator_id, n, '2024-01-01'::timestamptz + (hashint8extended(c.creator_id * 100 + n, 1) & 63) * interval '1 day' AS at,
	(1 + (hashint8extended(c.creator_id * 100 + n, 2) & 1))::int AS points, hashint8extended(c.creator_id * 100 + n, 3) AS place
FROM influence.creator c, generate_series(1, 8) n WHERE c.creator_ref ~ '^r';
DO $$
DECLARE t record;
BEGIN
	FOR t IN SELECT * FROM told ORDER BY place LOOP
		PERFORM influence.record_strike(t.creator_id, 's' || t.n, 'r', 'ops', t.at, t.points);
	END LOOP;
END $$;
SELECT count(DISTINCT m.creator_id) AS creators, count(*) FILTER (WHERE m.worst >= 6) > 100 AS some_banned, count(*) FILTER (WHERE m.worst BETWEEN 3 AND 5) > 100 AS some_suspended,
	count(*) FILTER (WHERE m.worst < 3) > 100 AS some_active,
	count(*) FILTER (WHERE influence_internal.creator_status_at(m.creator_id, m.at) <> CASE WHEN m.worst >= 6 THEN 'banned' WHEN m.worst >= 3 THEN 'suspended' ELSE 'active' END) AS wrong
FROM (SELECT c.creator_id, d.at, coalesce(max((SELECT sum(b.points) FROM told b WHERE b.creator_id = c.creator_id AND b.at <= a.at AND b.at > a.at - interval '20 days')), 0) AS worst
	FROM (SELECT DISTINCT creator_id FROM told) c CROSS JOIN (SELECT '2024-01-01'::timestamptz + i * interval '1 day' + interval '1 hour' AS at FROM generate_series(-1, 65) i) d
	LEFT JOIN told a ON a.creator_id = c.creator_id AND a.at <= d.at GROUP BY c.creator_id, d.at) m;

-- Limits that are changed restate nothing: raised ones do not end a suspension, lowered ones make none of an old strike.
SELECT pg_temp.new_creator('emil'), pg_temp.new_creator('finn');
SELECT status FROM influence.record_strike(pg_temp.creator('emil'), 's1', 'r', 'ops', '2024-02-01', 3);
INSERT INTO influence.setting (name, version, value) VALUES ('strike_limits', 6, '{"suspend": 10, "ban": 20, "expires": "20 days"}');
SELECT status FROM influence.record_strike(pg_temp.creator('emil'), 's2', 'told late', 'ops', '2024-01-25');
SELECT since, status FROM pg_temp.history(pg_temp.creator('emil'));
SELECT status FROM influence.record_strike(pg_temp.creator('finn'), 's1', 'r', 'ops', '2024-02-01');
INSERT INTO influence.setting (name, version, value) VALUES ('strike_limits', 7, '{"suspend": 1, "ban": 20, "expires": "20 days"}');
SELECT status FROM influence.set_creator_status(pg_temp.creator('finn'), 'active', 'welcome', 'ops', '2024-01-01');
SELECT since, status FROM pg_temp.history(pg_temp.creator('finn'));

-- reasons and notes as long as they may be: the history keeps the beginning of the sentence that it makes of them
SELECT pg_temp.new_creator('gina');
SELECT status, creator_status FROM influence.record_strike(pg_temp.creator('gina'), repeat('s', 200), repeat('r', 2000), 'ops', '2024-02-01', 3);
SELECT status, creator_status FROM influence.lift_strike(pg_temp.creator('gina'), repeat('s', 200), 'ops', repeat('n', 2000), '2024-02-02');
SELECT status, left(reason, 40), length(reason) FROM influence.creator_status WHERE creator_id = pg_temp.creator('gina') ORDER BY since;
