--
-- Friends: requests, blocks that are not told, and the search by name.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT bool_and(status = 'recorded') FROM generate_series(1, 9) i, influence.register_shopper(pg_temp.visitor(i), discoverable => i <> 4);
SELECT n.name, s.* FROM (VALUES (1, U&'  \FF21nna   M\00FCller '), (2, 'Anna Miller'), (3, 'anne muller'), (4, 'Anna Mueller'), (5, 'Bob'), (6, U&'Anna M\00FCller-Schmidt'), (7, 'Anna'), (8, 'Zed')) n(id, name),
	influence.set_display_name(pg_temp.visitor(n.id), n.name) s ORDER BY n.id;
SELECT status FROM influence.set_display_name(pg_temp.visitor(2), ' Anna  Miller');
SELECT status, stored_name FROM influence.set_display_name(pg_temp.visitor(8), NULL);
SELECT * FROM pg_temp.not_refused('IN002', $$set_display_name(pg_temp.visitor(8), '!!!')$$, $$set_display_name(pg_temp.visitor(8), repeat('x', 81))$$, $$set_display_name(pg_temp.visitor(8), repeat('x', 1000))$$, $$set_display_name(pg_temp.visitor(8), U&'a\202Eb')$$, $$set_display_name(pg_temp.visitor(8), E'a\x01b')$$,
	$$find_friends(pg_temp.visitor(1), NULL)$$, $$find_friends(pg_temp.visitor(1), '')$$, $$find_friends(pg_temp.visitor(1), '%')$$, $$find_friends(pg_temp.visitor(1), repeat('x', 201))$$, $$find_friends(pg_temp.visitor(1), 'x', 0)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_display_name(pg_temp.visitor(99), 'x')$$, $$find_friends(pg_temp.visitor(99), 'x')$$, $$get_friends(pg_temp.visitor(99))$$, $$add_friend(pg_temp.visitor(1), pg_temp.visitor(99))$$, $$add_friend(NULL, pg_temp.visitor(1))$$,
	$$accept_friend(pg_temp.visitor(1), pg_temp.visitor(2))$$, $$unfriend(pg_temp.visitor(1), pg_temp.visitor(99))$$, $$block_shopper(pg_temp.visitor(1), pg_temp.visitor(99))$$);

-- Similarity as pg_trgm has it. By hand: "anna miller" has 12 trigrams ("  a", " an", "ann", "nna", "na ", "  m", " mi", "mil", "ill", "lle", "ler", "er ").
-- "anna" has 5 of those: 5/12. "anne muller" has 12, 7 of them in common: 7/17. "anna müller" 9 of 12: 9/15. "anna müller-schmidt" 20, 9 in common: 9/23.
SELECT display_name, round(similarity::numeric, 6) AS similarity FROM influence.find_friends(pg_temp.visitor(5), 'anna miller');
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(5), 'anna miller', 2);
-- where pg_trgm is at hand: every pair of names gives its figure
CREATE FUNCTION pg_temp.differences() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	found bigint;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
		RETURN 0;
	END IF;
	CREATE SCHEMA trgm;
	CREATE EXTENSION pg_trgm SCHEMA trgm;
	SELECT count(*) INTO found FROM (SELECT s.display_name FROM influence.shopper s WHERE s.display_name IS NOT NULL) a, influence.find_friends(pg_temp.visitor(9), a.display_name) f
	WHERE abs(trgm.similarity(a.display_name, f.display_name) - f.similarity) > 1e-6;
	DROP EXTENSION pg_trgm;
	DROP SCHEMA trgm;
	RETURN found;
END $$;
SELECT pg_temp.differences();

-- Asking, agreeing, both asking, declining, ending.
SELECT * FROM influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(2));
SELECT * FROM influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(2));
SELECT friend_id, display_name, state FROM influence.get_friends(pg_temp.visitor(2));
SELECT * FROM pg_temp.not_refused('IN003', $$accept_friend(pg_temp.visitor(1), pg_temp.visitor(2))$$);
SELECT * FROM influence.accept_friend(pg_temp.visitor(2), pg_temp.visitor(1));
SELECT * FROM influence.accept_friend(pg_temp.visitor(2), pg_temp.visitor(1));
SELECT * FROM influence.accept_friend(pg_temp.visitor(1), pg_temp.visitor(2));
SELECT * FROM influence.add_friend(pg_temp.visitor(2), pg_temp.visitor(1));
SELECT * FROM influence.add_friend(pg_temp.visitor(3), pg_temp.visitor(1));
SELECT * FROM influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(3));
SELECT * FROM influence.add_friend(pg_temp.visitor(7), pg_temp.visitor(1));
SELECT display_name, state FROM influence.get_friends(pg_temp.visitor(1));
SELECT display_name, state FROM influence.find_friends(pg_temp.visitor(1), 'anna');
SELECT * FROM influence.unfriend(pg_temp.visitor(1), pg_temp.visitor(7));
SELECT * FROM influence.unfriend(pg_temp.visitor(1), pg_temp.visitor(7));
SELECT count(*) FROM influence.get_friends(pg_temp.visitor(7));
SELECT * FROM influence.unfriend(pg_temp.visitor(3), pg_temp.visitor(1));
SELECT display_name, state FROM influence.get_friends(pg_temp.visitor(1));
SELECT status FROM influence.identify(pg_temp.visitor(9), pg_temp.visitor(8));
SELECT * FROM pg_temp.not_refused('IN002', $$add_friend(pg_temp.visitor(1), pg_temp.visitor(1))$$, $$add_friend(pg_temp.visitor(9), pg_temp.visitor(8))$$, $$block_shopper(pg_temp.visitor(1), pg_temp.visitor(1))$$, $$block_shopper(pg_temp.visitor(1), pg_temp.visitor(2), NULL)$$);

-- Who blocks is not found and does not find, hears of no request, and who asks is answered as by anybody else.
SELECT * FROM influence.block_shopper(pg_temp.visitor(2), pg_temp.visitor(1));
SELECT * FROM influence.block_shopper(pg_temp.visitor(2), pg_temp.visitor(1));
SELECT a.id, (SELECT count(*) FROM influence.get_friends(pg_temp.visitor(a.id))) AS friends, (SELECT string_agg(f.display_name, ', ') FROM influence.find_friends(pg_temp.visitor(a.id), 'anna miller') f) AS found FROM generate_series(1, 2) a(id);
SELECT a.status, a.state, b.status, b.state FROM influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(2)) a, influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(5)) b;
SELECT a.status, a.state, b.status, b.state FROM influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(2)) a, influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(5)) b;
SELECT friend_id, state FROM influence.get_friends(pg_temp.visitor(1));
SELECT count(*) AS heard FROM influence.get_friends(pg_temp.visitor(2));
SELECT * FROM pg_temp.not_refused('IN005', $$add_friend(pg_temp.visitor(2), pg_temp.visitor(1))$$);
SELECT * FROM pg_temp.not_refused('IN003', $$accept_friend(pg_temp.visitor(2), pg_temp.visitor(1))$$);
SELECT * FROM influence.block_shopper(pg_temp.visitor(2), pg_temp.visitor(1), false);
SELECT * FROM influence.block_shopper(pg_temp.visitor(2), pg_temp.visitor(1), false);
SELECT * FROM influence.add_friend(pg_temp.visitor(1), pg_temp.visitor(2));
SELECT friend_id, state FROM influence.get_friends(pg_temp.visitor(2));
-- a block reaches every account of a person
SELECT status FROM influence.set_display_name(pg_temp.visitor(8), 'Zed Zebra');
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(1), 'zed zebra');
SELECT status FROM influence.block_shopper(pg_temp.visitor(9), pg_temp.visitor(1));
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(1), 'zed zebra');
-- opting out and in
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(5), 'anna mueller') f WHERE f.display_name = 'Anna Mueller';
SELECT status FROM influence.update_shopper(pg_temp.visitor(4), discoverable => true);
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(5), 'anna mueller') f WHERE f.display_name = 'Anna Mueller';
SELECT status FROM influence.update_shopper(pg_temp.visitor(4), discoverable => false);
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(5), 'anna mueller') f WHERE f.display_name = 'Anna Mueller';

-- Two accounts of one person are one friend: what one of them agreed to, the other sees and ends.
SELECT bool_and(status = 'recorded') FROM unnest('{21,22,31,32}'::int[]) i, influence.register_shopper(pg_temp.visitor(i));
SELECT a.status, b.status FROM influence.add_friend(pg_temp.visitor(21), pg_temp.visitor(31)) a, influence.accept_friend(pg_temp.visitor(31), pg_temp.visitor(21)) b;
SELECT status FROM influence.create_list('shopper', pg_temp.visitor(22)::text, 'f', 'wish', 'For friends', 'friends');
SELECT bool_and(status = 'recorded') FROM (VALUES (21, 22), (31, 32)) a(account, person), influence.identify(pg_temp.visitor(a.account), pg_temp.visitor(a.person));
SELECT a.id, (SELECT string_agg(right(f.friend_id::text, 2) || ' ' || f.state, ', ') FROM influence.get_friends(pg_temp.visitor(a.id)) f) AS friends FROM unnest('{21,22,31,32}'::int[]) a(id);
SELECT * FROM influence.add_friend(pg_temp.visitor(32), pg_temp.visitor(22));
SELECT v.id, (SELECT count(*) FROM influence.get_lists('shopper', pg_temp.visitor(22)::text, pg_temp.visitor(v.id))) AS lists FROM unnest('{31,32}'::int[]) v(id);
SELECT * FROM influence.unfriend(pg_temp.visitor(22), pg_temp.visitor(32));
SELECT v.id, (SELECT count(*) FROM influence.get_lists('shopper', pg_temp.visitor(22)::text, pg_temp.visitor(v.id))) AS lists FROM unnest('{31,32}'::int[]) v(id);
SELECT a.state, b.status FROM influence.add_friend(pg_temp.visitor(31), pg_temp.visitor(21)) a, influence.accept_friend(pg_temp.visitor(22), pg_temp.visitor(32)) b;
SELECT right(friend_id::text, 2) AS friend, state FROM influence.get_friends(pg_temp.visitor(32));
-- a block is taken back by the person, too
SELECT a.status, b.status FROM influence.block_shopper(pg_temp.visitor(21), pg_temp.visitor(31)) a, influence.block_shopper(pg_temp.visitor(22), pg_temp.visitor(32), false) b;
SELECT status, state FROM influence.add_friend(pg_temp.visitor(22), pg_temp.visitor(32));
-- who opts out by one account is not found by the other
SELECT status FROM influence.set_display_name(pg_temp.visitor(31), 'Quentin');
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(5), 'quentin');
SELECT status FROM influence.update_shopper(pg_temp.visitor(32), discoverable => false);
SELECT count(*) FROM influence.find_friends(pg_temp.visitor(5), 'quentin');
