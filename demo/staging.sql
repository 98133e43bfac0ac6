/*
 * staging.sql
 *
 * What the service knows before it calls the program: its own creators,
 * products, orders and events. A source (generate.sql or csv_*.sql) fills
 * plan, creators, products, orders and returns; society.sql adds what happens
 * between creators and shoppers; the calls in load_*.sql are the same for all.
 *
 * Everything here is derived from texts by hashing: a run repeats itself.
 */
CREATE FUNCTION demo.u(seed text)
RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (hashtextextended(seed, 2026) & 9007199254740991) / 9007199254740992.0::float8 $$;
COMMENT ON FUNCTION demo.u(text) IS 'A number in [0, 1) that depends on the text alone.';

CREATE FUNCTION demo.zipf(u float8, n bigint)
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT least(n, floor(exp(u * ln(n + 1.0::float8))))::int $$;
COMMENT ON FUNCTION demo.zipf(float8, bigint) IS 'A rank from 1 to n, rank k about as often as 1/k.';

CREATE TABLE demo.plan (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	program_id bigint,
	name text NOT NULL,
	currency text NOT NULL,
	time_zone text NOT NULL,
	attribution jsonb NOT NULL,
	payout jsonb NOT NULL,
	set_up_at timestamptz NOT NULL,		-- rules, rates, prices hold from here
	applied_at timestamptz NOT NULL,	-- creators apply in the week from here
	posts_from timestamptz NOT NULL,
	posts_to timestamptz NOT NULL,
	feed_at timestamptz NOT NULL,		-- the moment the feeds are looked at
	voices int NOT NULL,				-- at most so many creators post
	posts int NOT NULL,
	touches int NOT NULL
);

CREATE TABLE demo.category (n serial PRIMARY KEY, name text UNIQUE NOT NULL, parent text, rate numeric, is_topic boolean NOT NULL,
	category_id bigint);
CREATE TABLE demo.rule (n serial PRIMARY KEY, metric text NOT NULL, threshold numeric NOT NULL, platform text NOT NULL DEFAULT '',
	vertical text NOT NULL DEFAULT '');
CREATE TABLE demo.product (n serial PRIMARY KEY, sku text UNIQUE NOT NULL, title text NOT NULL, category text NOT NULL, brand text,
	price bigint NOT NULL, stock bigint NOT NULL, sold_out boolean NOT NULL, popularity int NOT NULL, product_id bigint);
CREATE TABLE demo.creator (n serial PRIMARY KEY, ref text UNIQUE NOT NULL, name text NOT NULL, country text, vertical text NOT NULL,
	own_key text, creator_id bigint, application text, decided_at timestamptz);
CREATE TABLE demo.channel (n serial PRIMARY KEY, creator_ref text NOT NULL, platform text NOT NULL, handle text NOT NULL,
	verified boolean NOT NULL, channel_id bigint, creator_id bigint, UNIQUE (platform, handle));
CREATE TABLE demo.metric (n serial PRIMARY KEY, platform text NOT NULL, handle text NOT NULL, measured_at timestamptz NOT NULL,
	followers bigint, posts bigint NOT NULL, views bigint, likes bigint, comments bigint, shares bigint, interactions bigint, source text);
CREATE TABLE demo.visitor (n serial PRIMARY KEY, key text UNIQUE NOT NULL, registered boolean NOT NULL, country text,
	favourites text[], visitor_id uuid, interests text[], weights float8[]);
CREATE TABLE demo.orders (n serial PRIMARY KEY, order_ref text UNIQUE NOT NULL, buyer text NOT NULL, ordered_at timestamptz NOT NULL,
	country text);
CREATE TABLE demo.line (order_ref text, line_no int, sku text NOT NULL, quantity bigint NOT NULL, price bigint NOT NULL,
	PRIMARY KEY (order_ref, line_no));
CREATE TABLE demo.return (n serial PRIMARY KEY, order_ref text NOT NULL, line_no int NOT NULL, return_ref text NOT NULL,
	quantity bigint, amount bigint, returned_at timestamptz NOT NULL, early boolean NOT NULL, UNIQUE (order_ref, line_no, return_ref));

-- made by society.sql
CREATE TABLE demo.voice (creator_id bigint PRIMARY KEY, ref text NOT NULL, rank int UNIQUE NOT NULL, topic text NOT NULL,
	topic_rank int NOT NULL, topic_voices int NOT NULL);
CREATE TABLE demo.post (n serial PRIMARY KEY, creator_id bigint NOT NULL, post_ref text NOT NULL, kind text NOT NULL, topic text NOT NULL,
	published_at timestamptz NOT NULL, skus text[] NOT NULL, place int NOT NULL, post_id bigint);
CREATE TABLE demo.follow (n serial PRIMARY KEY, key text NOT NULL, creator_id bigint, topic text, since timestamptz NOT NULL);
CREATE TABLE demo.touch (n serial PRIMARY KEY, key text NOT NULL, kind text NOT NULL, creator_id bigint, channel text,
	touched_at timestamptz NOT NULL, sku text, post int);
CREATE TABLE demo.reaction (n serial PRIMARY KEY, key text NOT NULL, post int NOT NULL, kind text NOT NULL, occurred_at timestamptz NOT NULL);
CREATE TABLE demo.block (n serial PRIMARY KEY, key text NOT NULL, creator_id bigint NOT NULL, direction text NOT NULL);

-- the lines of CSV files, byte by byte; see csv_read.sql
CREATE TABLE demo.source_line (seq bigint GENERATED ALWAYS AS IDENTITY, file text NOT NULL, text text NOT NULL);

-- what the program answered to the calls of each round
CREATE TABLE demo.answer (answer_id serial PRIMARY KEY, round int NOT NULL, call text NOT NULL, status text NOT NULL,
	calls bigint NOT NULL, ms float8 NOT NULL);

CREATE PROCEDURE demo.call(round int, name text, items bigint, size int, query text, keep text DEFAULT 'SELECT 1')
LANGUAGE plpgsql
AS $$
DECLARE
	since timestamptz;
BEGIN
	FOR i IN 0 .. (items - 1) / size LOOP
		since := clock_timestamp();
		EXECUTE format('WITH r AS MATERIALIZED (%s), kept AS (%s) '
					   'INSERT INTO demo.answer (round, call, status, calls, ms) '
					   'SELECT $3, $4, r.status, sum(r.calls), 0 FROM r GROUP BY r.status', query, keep)
		  USING i * size + 1, (i + 1) * size, round, name;
		INSERT INTO demo.answer (round, call, status, calls, ms)
		VALUES (round, name, '', 0, 1000 * extract(epoch FROM clock_timestamp() - since));
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE demo.call(int, text, bigint, int, text, text) IS
'Runs a query of API calls for the items $1 to $2, size at a time, with a commit after each batch; counts the answers. The query gives status and calls, and whatever keep wants to store.';

CREATE TABLE demo.fingerprint (moment text, relation text, row_count bigint NOT NULL, digest text NOT NULL, PRIMARY KEY (moment, relation));
CREATE PROCEDURE demo.take_fingerprint(moment text)
LANGUAGE plpgsql
AS $$
DECLARE
	item record;
BEGIN
	DELETE FROM demo.fingerprint f WHERE f.moment = take_fingerprint.moment;
	FOR item IN
		SELECT c.relname FROM pg_class c
		 WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		   -- secrets are not ours to read; these two are written by every run of a job, whatever it did
		   AND c.relname NOT IN ('program_secret', 'payout_secret', 'job_run', 'watermark')
	LOOP
		EXECUTE format('INSERT INTO demo.fingerprint SELECT %L, %L, count(*), coalesce(md5(string_agg(md5(x::text), '''' ORDER BY md5(x::text))), '''') '
					   'FROM influence.%I x', moment, item.relname, item.relname);
	END LOOP;
	-- what a load may touch of the ledger, apart from what the payouts book
	INSERT INTO demo.fingerprint
	SELECT moment, 'ledger but payouts', count(*), coalesce(md5(string_agg(md5(x::text), '' ORDER BY md5(x::text))), '') FROM influence.ledger x WHERE x.source <> 'payout';
END
$$;
COMMENT ON PROCEDURE demo.take_fingerprint(text) IS 'Row counts and digests of all rows of the program''s tables; for a role that may read them.';
