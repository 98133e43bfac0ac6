#!/usr/bin/env python3
"""Random programs (reports_story.py), of whose shoppers random ones are forgotten: all views, statistics and books say what they said.

Everything is compared in one transaction, so that now() is one moment: rows of every view and of the tables of figures as JSON,
before and after, with the random keys named as the old ones (of a person they are in the same order). Between the two all figures
are thrown away and counted anew, and all jobs look at everything again. No old key is found in any table, no word that its owner gave.
Then what orders of the forgotten still have comes back, told by order_ref under a visitor who does not exist, beside a program in
which nobody was forgotten: both end with the same books.
"""

import random

from pg import settings
from reports_story import Story, visitor
from tap import Tap

HELPERS = r"""
CREATE FUNCTION pg_temp.told() RETURNS TABLE (relation text, told text) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN
		SELECT v.name FROM influence_internal.installed_views() v WHERE v.name NOT IN ('jobs')
		UNION ALL SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
			AND c.relname ~ '_(hour|day|rank|score)$|^(settlement|payout|statement|post_total|post_sale|trend_return)$'
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L::text, (to_jsonb(x) - ''{touch_ref,session_id,entry_key}''::text[])::text FROM influence.%I x', relation, relation);
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.found(words text) RETURNS TABLE (relation text, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition LOOP
		EXECUTE format('SELECT count(*) FROM influence.%I x WHERE x::text ~ $1', relation) INTO rows USING words;
		IF rows > 0 THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.count_anew() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM influence.watermark;
	PERFORM influence_internal.reattribute_due();
	PERFORM influence.book_earnings();
	PERFORM influence_internal.settle_due();
	PERFORM influence.refresh_stats();
END $$;
CREATE TEMP TABLE renamed (old uuid PRIMARY KEY, new uuid NOT NULL);
CREATE FUNCTION pg_temp.forget(visitors uuid[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	one uuid;
	people uuid[];
	forgotten int := 0;
BEGIN
	FOREACH one IN ARRAY visitors LOOP
		people := influence_internal.person_visitors(one);
		IF (SELECT status FROM influence.forget_shopper(one)) = 'recorded' THEN
			forgotten := forgotten + 1;
			INSERT INTO renamed
			SELECT o.id, n.id FROM (SELECT p.id, row_number() OVER (ORDER BY p.id) AS place FROM unnest(people) p(id)) o
			  JOIN (SELECT f.visitor_id AS id, row_number() OVER (ORDER BY f.visitor_id) AS place FROM influence.forgotten_visitor f WHERE f.visitor_id NOT IN (SELECT r.new FROM renamed r)) n USING (place);
		END IF;
	END LOOP;
	RETURN forgotten;
END $$;
-- the random keys by their old names
CREATE FUNCTION pg_temp.by_old_names(told text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	key text;
BEGIN
	FOR key IN SELECT DISTINCT m[1] FROM regexp_matches(told, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g') m LOOP
		told := replace(told, key, coalesce((SELECT r.old::text FROM renamed r WHERE r.new = key::uuid), key));
	END LOOP;
	RETURN told;
END $$;
"""
RETURNS = """SELECT count(*) FILTER (WHERE status = 'recorded') FROM (
	SELECT x.status FROM (SELECT l.program_id, l.order_ref, l.line_no, l.order_amount, coalesce(sum(r.order_amount) FILTER (WHERE r.kind IN ('return', 'chargeback')), 0) AS back,
		coalesce(bool_or(r.kind IN ('chargeback_reversed', 'cancelled')), false) AS odd
		FROM influence.order_line l LEFT JOIN influence.order_return r ON r.visitor_id = l.visitor_id AND r.program_id = l.program_id AND r.order_ref = l.order_ref AND r.line_no = l.line_no AND r.state = 'applied'
		WHERE l.visitor_id IN (SELECT %s FROM renamed) GROUP BY l.program_id, l.order_ref, l.line_no, l.order_amount ORDER BY 1, 2, 3) l
	CROSS JOIN LATERAL influence.record_return(l.program_id, %s, l.order_ref, l.line_no, 'last', amount => ((l.order_amount - l.back) / 2)::bigint, returned_at => '2026-05-20', reason => 'SECRET') x
	WHERE NOT l.odd AND l.order_amount - l.back > 1) y"""
BOOKS = """SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (
	SELECT concat_ws(' ', party_id, program_id, order_ref, line_no, kind, debit_account, credit_account, amount, occurred_at, available_at) FROM influence.ledger WHERE source = 'line') l(x)"""


def main():
    tap, (rounds, seed) = Tap(), settings()
    for number in range(1 if rounds == 1 else 8):
        rng = random.Random(seed + 77 * number)
        story = Story(rng, 60)
        people = [visitor(n) for n in range(1, 41)]
        chosen = rng.sample(people, rng.choice([5, 20, 40]))
        s = story.script
        s.sql("SET jit = off")
        s.sql(HELPERS)
        s.sql("UPDATE influence.touch SET referrer = 'SECRET', session_id = 'SECRET' || visitor_id, link = 'SECRET' || touch_ref")
        s.sql("BEGIN")
        s.sql("SELECT pg_temp.count_anew()")
        s.sql("CREATE TEMP TABLE before ON COMMIT DROP AS SELECT * FROM pg_temp.told()")
        s.sql("SAVEPOINT unforgotten")
        s.query("forgotten", "SELECT pg_temp.forget('{%s}')" % ",".join(chosen))
        s.sql("SELECT pg_temp.count_anew()")
        s.sql("CREATE TEMP TABLE after ON COMMIT DROP AS SELECT t.relation, pg_temp.by_old_names(t.told) AS told FROM pg_temp.told() t")
        s.query("rows", "SELECT count(*), count(DISTINCT relation) FROM before")
        s.query("differences", "SELECT * FROM (SELECT 'gone', * FROM (SELECT * FROM before EXCEPT ALL SELECT * FROM after) x UNION ALL "
                "SELECT 'new', * FROM (SELECT * FROM after EXCEPT ALL SELECT * FROM before) x) d LIMIT 9")
        s.query("found", "SELECT f.* FROM (SELECT string_agg(r.old::text, '|') AS old FROM renamed r) k CROSS JOIN LATERAL pg_temp.found(k.old) f WHERE k.old IS NOT NULL")
        s.query("words", "SELECT count(*) FROM influence.touch WHERE visitor_id IN (SELECT new FROM renamed) AND (referrer, session_id, link, touch_ref)::text ~ 'SECRET|touch'")
        s.query("kept", "SELECT count(*) FROM influence.orders WHERE visitor_id IN (SELECT new FROM renamed)")
        s.query("returned", RETURNS % ("new", "gen_random_uuid()"))
        s.query("books", "SELECT * FROM influence.check_books()")
        s.query("ledger", BOOKS)
        s.sql("ROLLBACK TO unforgotten")
        s.sql("INSERT INTO renamed SELECT v, v FROM (SELECT unnest(influence_internal.person_visitors(c)) FROM unnest('{%s}'::uuid[]) c) x(v) ON CONFLICT DO NOTHING" % ",".join(chosen))
        s.query("returned beside", RETURNS % ("old", "(SELECT o.visitor_id FROM influence.orders o WHERE o.program_id = l.program_id AND o.order_ref = l.order_ref)"))
        s.query("ledger beside", BOOKS)
        s.sql("ROLLBACK")
        s.query("dropped", "SELECT influence.uninstall('drop all influence data in ' || current_database())")
        answers = s.run()
        count = int(answers["forgotten"][0][0])
        tap.ok(count > 2 and int(answers["kept"][0][0]) > 3, "%d of %d were persons, with %s orders" % (count, len(chosen), answers["kept"][0][0]))
        tap.ok(int(answers["rows"][0][0]) > 500 and int(answers["rows"][0][1]) > 25, "%s rows of %s views and tables are compared" % tuple(answers["rows"][0]))
        for name in ("differences", "found", "books"):
            tap.ok(not answers.get(name), "no %s" % name, answers.get(name))
        tap.ok(answers["words"][0][0] == "0", "no words are left")
        tap.ok(answers["returned"] == answers["returned beside"] and int(answers["returned"][0][0]) > 3, "%s lines come back" % answers["returned"][0][0], answers["returned beside"])
        tap.ok(answers["ledger"] == answers["ledger beside"], "and both have the same books")
    tap.done()


if __name__ == "__main__":
    main()
