# Statistics under writers that commit late and out of sequence: no event is lost,
# none is counted twice, and nobody waits for a transaction of another database.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(start_node found_program);

my $seconds = $ENV{PGI_LONG} ? 120 : 24;
my $writers = 16;
my $node = start_node('late', 'max_connections = 60', 'autovacuum = off');
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
$node->safe_psql('postgres', found_program() . <<'EOS');
SELECT status FROM influence.create_category('other');
SELECT status FROM influence.add_product('vase', 'Vase', 2, 500, 'EUR', 10, valid_from => '2024-01-01');
SELECT count(c.*) FROM generate_series(1, 5) i, influence.register_creator('creator ' || i, 'Creator ' || i) c;
SELECT count(a.*) FROM generate_series(1, 5) i, influence.apply_creator(1, i, '2024-01-02') a;
SELECT count(p.*) FROM generate_series(1, 5) i, influence.publish_post(1, i, 'post ' || i, 'photo', '[{"product_id": 1}]', published_at => '2024-02-01') p;
CREATE TABLE written (writer int, events int, is_long boolean);
-- a first run takes all there is; the others are to be told what is new
SELECT status FROM influence.refresh_stats();
EOS

# start_psql(db, file, text): a session that runs a script
sub start_psql
{
	my ($db, $name, $text) = @_;
	my $file = $node->basedir . "/$name.sql";
	my $session = { err => '' };

	append_to_file($file, $text);
	$session->{psql} = IPC::Run::start([ 'psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $file ],
		'<', \undef, '>', \$session->{out}, '2>', \$session->{err});
	return $session;
}

# Each writer records batches in transactions of its own until its time is over, one of ten lasting a second, and some in
# two steps with a pause between, so that they commit in another order than they begin. The events of a batch lie in a few
# hours of two days, so that writers meet in the same buckets. It notes what it wrote in the same transaction.
my $end = time() + $seconds;
my @sessions = map { my $n = $_; start_psql('postgres', "writer$n", "SELECT setseed(0.$n);\n" . <<"EOS") } 1 .. $writers;
SET client_min_messages = warning;
DO \$\$
DECLARE
	batch int := 0;
	size int;
	slow boolean;
BEGIN
	WHILE clock_timestamp() < to_timestamp($end) LOOP
		batch := batch + 1;
		size := 1 + (random() * 8)::int;
		slow := random() < 0.1;
		INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, product_id, category_id)
		SELECT ('00000000-0000-0000-0000-' || lpad((random() * 40)::int::text, 12, '0'))::uuid, '2024-05-01'::timestamptz + random() * interval '36 hours', format('t/%s/%s/%s', $n, batch, i), 1,
			   (ARRAY['view', 'click', 'cart', 'coupon'])[1 + (random() * 3)::int], nullif((random() * 5)::int, 0), 1 + p, 1 + p
		  FROM generate_series(1, size) i CROSS JOIN LATERAL (SELECT (random() + 0 * i)::int) r(p);
		IF slow THEN
			PERFORM pg_sleep(1);
		END IF;
		INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id)
		SELECT ('00000000-0000-0000-0000-' || lpad((random() * 40)::int::text, 12, '0'))::uuid, '2024-05-01'::timestamptz + random() * interval '36 hours', format('e/%s/%s/%s', $n, batch, i),
			   (ARRAY['smile', 'share', 'save', 'click'])[1 + (random() * 3)::int], 1 + (random() * 4)::int
		  FROM generate_series(1, size) i;
		IF batch % 7 = 0 THEN
			PERFORM influence.record_order(1, ('00000000-0000-0000-0000-' || lpad((random() * 40)::int::text, 12, '0'))::uuid, format('o/%s/%s', $n, batch),
				format('[{"line_no": 1, "product_id": %s, "quantity": 2, "paid_price": 1000}]', 1 + batch % 2)::jsonb, '2024-05-01'::timestamptz + random() * interval '36 hours');
		END IF;
		INSERT INTO written VALUES ($n, 2 * size, slow);
		COMMIT;
		PERFORM pg_sleep(0.02 + random() * 0.1);
	END LOOP;
END \$\$;
EOS
# a transaction with an id in another database, longer than most of the run
my $elsewhere = start_psql('elsewhere', 'elsewhere', 'BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(20); COMMIT;');

# The job, each 150 ms; how long it takes, and how far it has come while the other database still writes.
my $job = start_psql('postgres', 'job', <<"EOS");
CREATE TABLE runs (began timestamptz, took interval, written bigint, counted_before bigint, added boolean);
DO \$\$
DECLARE
	began timestamptz;
	known bigint;
BEGIN
	WHILE clock_timestamp() < to_timestamp($end + 0.5) LOOP
		began := clock_timestamp();
		SELECT count(*) INTO known FROM influence.touch WHERE creator_id IS NOT NULL;
		COMMIT;
		PERFORM influence.refresh_stats(days => random() < 0.1);
		COMMIT;
		-- what was committed before the run is in its buckets
		INSERT INTO runs SELECT began, clock_timestamp() - began, known, (SELECT sum(views + clicks + carts + coupons) FROM influence.creator_hour),
			(SELECT recount_until IS NULL FROM influence.watermark WHERE name = 'refresh_stats');
		COMMIT;
		PERFORM pg_sleep(0.15);
	END LOOP;
END \$\$;
EOS
my $overlap = 0;
while (time() < $end)
{
	$overlap++ if $node->safe_psql('elsewhere', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'elsewhere' AND wait_event = 'PgSleep'") eq '1';
	usleep(500000);
}
for my $session (@sessions, $job, $elsewhere)
{
	$session->{psql}->finish;
	is($session->{err}, '', 'a session ended well');
}
cmp_ok($overlap, '>', 20, 'the other database had its transaction open nearly all the time');
my $events = $node->safe_psql('postgres', 'SELECT sum(events) FROM written');
cmp_ok($events, '>', 2000, "the writers wrote ($events events)");
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM written WHERE is_long'), '>', 30, 'some in transactions of a second');
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM influence.touch) + (SELECT count(*) FROM influence.engagement)'), $events, 'every event is there');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM runs'), '>', 20, 'the job ran often');
is($node->safe_psql('postgres', 'SELECT count(*) FROM runs WHERE counted_before < written'), '0',
	'each run counted what was committed before it began: it waited for no open transaction');
is($node->safe_psql('postgres', 'SELECT count(*) FROM runs WHERE NOT added'), '0', 'and added it to the hours');
note($node->safe_psql('postgres', "SELECT format('%s runs, the longest %s', count(*), max(took)) FROM runs"));

# Nothing is lost, nothing is counted twice: each table sums to its facts.
$node->safe_psql('postgres', 'SELECT influence.refresh_stats()');
my $tables = join ', ', map { ("${_}_hour", "${_}_day") } qw(creator product category post);
my %sums = (
	creator => "SELECT sum(views + clicks + carts + coupons) || ' ' || sum(lines) || ' ' || sum(revenue) FROM influence.creator_%s",
	product => "SELECT sum(views + clicks + carts + coupons) || ' ' || sum(lines) || ' ' || sum(revenue) FROM influence.product_%s",
	category => "SELECT sum(views + clicks + carts + coupons) || ' ' || sum(units) || ' ' || sum(revenue) FROM influence.category_%s",
	post => 'SELECT sum(smiles + shares + saves + clicks) FROM influence.post_%s');
my %facts = (
	creator => "SELECT (SELECT count(*) FROM influence.touch WHERE creator_id IS NOT NULL) || ' ' || (SELECT count(*) FROM (SELECT DISTINCT order_ref, line_no, creator_id FROM influence.credit WHERE creator_id IS NOT NULL AND superseded_by IS NULL) c) || ' ' || (SELECT sum(base) FROM influence.earning WHERE creator_id <> 0)",
	product => "SELECT (SELECT count(*) FROM influence.touch) || ' ' || (SELECT count(*) || ' ' || sum(base_amount) FROM influence.order_line)",
	category => "SELECT (SELECT count(*) FROM influence.touch) || ' ' || (SELECT sum(quantity) || ' ' || sum(base_amount) FROM influence.order_line)",
	post => 'SELECT count(*) FROM influence.engagement');
for my $what (sort keys %sums)
{
	is($node->safe_psql('postgres', sprintf $sums{$what}, $_), $node->safe_psql('postgres', $facts{$what}), "${what}_$_ has every fact once") for qw(hour day);
}

# The same facts in another order and in other batches give the same buckets, row by row.
my $hash = join ' || ', map { "(SELECT coalesce(md5(string_agg(b::text, ',' ORDER BY b::text)), '-') FROM influence.$_ b)" } split /, /, $tables . ', feed_item';
my $buckets = $node->safe_psql('postgres', "SELECT $hash");
my $truncate = "TRUNCATE " . join(', ', map { "influence.$_" } split(/, /, $tables), 'feed_item', 'watermark') . ';';
$node->safe_psql('postgres', "$truncate SELECT influence.refresh_stats()");
is($node->safe_psql('postgres', "SELECT $hash"), $buckets, 'all at once they give the same rows');
$node->safe_psql('postgres', <<"EOS");
CREATE TABLE t AS SELECT *, row_number() OVER (ORDER BY md5(touch_ref)) AS n FROM influence.touch;
CREATE TABLE e AS SELECT *, row_number() OVER (ORDER BY md5(event_ref)) AS n FROM influence.engagement;
ALTER TABLE t DROP COLUMN xact; ALTER TABLE e DROP COLUMN xact;
$truncate
TRUNCATE influence.touch, influence.engagement;
DO \$\$
DECLARE
	columns_t text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'n');
	columns_e text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = 'e'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'n');
	at int := 0;
	size int := 1;
BEGIN
	WHILE at <= greatest((SELECT count(*) FROM t), (SELECT count(*) FROM e)) LOOP
		EXECUTE format('INSERT INTO influence.touch (%1\$s) SELECT %1\$s FROM t WHERE n > \$1 AND n <= \$2 ORDER BY n DESC', columns_t) USING at, at + size;
		EXECUTE format('INSERT INTO influence.engagement (%1\$s) SELECT %1\$s FROM e WHERE n > \$1 AND n <= \$2', columns_e) USING at, at + size;
		COMMIT;
		PERFORM influence.refresh_stats(days => at % 2 = 0);
		COMMIT;
		at := at + size;
		size := size * 3 % 401 + 1;
	END LOOP;
	PERFORM influence.refresh_stats();
END \$\$;
EOS
is($node->safe_psql('postgres', "SELECT $hash"), $buckets, 'so they do in another order, in other batches');

# With sealing on the way it is the sums over the parts that are the same.
my $keys = 'creator_id, program_id, bucket_start';
my $over_parts = "SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM (SELECT $keys, sum(views), sum(clicks), sum(carts), sum(coupons), sum(visitors), sum(lines), sum(revenue) FROM influence.creator_%s GROUP BY $keys) r";
my %summed = map { $_ => $node->safe_psql('postgres', sprintf $over_parts, $_) } qw(hour day);
$node->safe_psql('postgres', <<"EOS");
$truncate
TRUNCATE influence.touch;
DO \$\$
DECLARE
	columns_t text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'n');
BEGIN
	FOR i IN 0 .. 9 LOOP
		EXECUTE format('INSERT INTO influence.touch (%1\$s) SELECT %1\$s FROM t WHERE n %% 10 = \$1', columns_t) USING i;
		COMMIT;
		PERFORM influence.refresh_stats(days => i % 3 = 0);
		PERFORM influence.seal_stats('2024-06-10 12:00+00'::timestamptz + i * interval '2 hours');
		COMMIT;
	END LOOP;
	PERFORM influence.refresh_stats();
END \$\$;
EOS
cmp_ok($node->safe_psql('postgres', 'SELECT max(part) FROM influence.creator_hour'), '>', 5, 'sealed on the way, buckets have parts');
is($node->safe_psql('postgres', sprintf $over_parts, $_), $summed{$_}, "whose sums are the same (${_}s)") for qw(hour day);
is($node->safe_psql('postgres', 'SELECT count(*) FROM influence.check_books()'), '0', 'and the books are clean');

done_testing();
