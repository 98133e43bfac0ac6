# Journeys that were stored come back: through a dump, through binary COPY, after
# a restart. Bytes from outside that are no journey are refused, whatever they are.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my $origin = PostgreSQL::Test::Cluster->new('origin');
$origin->init;
$origin->start;
my $dir = $origin->basedir;

# 400 journeys of up to 60 events over all times and ids, an empty one, one of rejected rows, a NULL, and one that is stored out of line
$origin->safe_psql('postgres', <<'EOS');
CREATE EXTENSION pg_influence;
CREATE TABLE kept (visitor bigint PRIMARY KEY, journey influence.journey DEFAULT 'journey1()');
SELECT setseed(0.2026);
INSERT INTO kept
SELECT v, influence.journey(
		CASE WHEN random() < 0.1 THEN NULL ELSE timestamptz '2026-01-01 00:00+00' + (random() - 0.1) * power(10, random() * 6) * interval '1 day' END,
		(ARRAY['view', 'click', 'cart', 'coupon', 'conversion'])[1 + e % 5], (power(-2, (random() * 62)::int) + e)::bigint,
		nullif((random() * 9)::bigint, 0), (random() * 1e12 - 1e11)::bigint, nullif((random() * 3)::bigint, 0),
		nullif((random() * 5)::bigint, 0), nullif((random() * 5)::bigint, 0), nullif('direct', CASE WHEN random() < 0.5 THEN 'direct' END),
		random()::numeric(9, 9), (SELECT array_agg(x) FROM generate_series(e, e + 3) x))
  FROM generate_series(1, 400) v, generate_series(1, 1 + v % 60) e GROUP BY v;
INSERT INTO kept (visitor) VALUES (1001);
INSERT INTO kept VALUES (1002, 'journey1(rejected=9223372036854775807)'), (1003, NULL),
	(1004, (SELECT influence.journey(timestamptz '2026-01-01 00:00+00' + hashtextextended(e::text, 0) % 10000000 * interval '1 second', 'click',
									 hashtextextended(e::text, 1), e, NULL, NULL, NULL, NULL, NULL, NULL, NULL) FROM generate_series(1::bigint, 50000) e));
CREATE INDEX ON kept USING hash (journey);
CREATE VIEW twice AS SELECT journey, count(*) FROM kept GROUP BY journey HAVING count(*) > 1;
EOS
my $contents = q{SELECT count(journey), md5(string_agg(coalesce(md5(influence_internal.journey_send(journey)), '-'), ' ' ORDER BY visitor)) FROM kept};
my $want = $origin->safe_psql('postgres', $contents);
like($want, qr/^403\|/, 'journeys are stored');
$origin->restart;
is($origin->safe_psql('postgres', $contents), $want, 'and there after a restart');

# a dump is text
command_ok([ 'pg_dump', '-f', "$dir/kept.sql", $origin->connstr('postgres') ], 'a table of journeys is dumped');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init;
$copy->start;
$copy->safe_psql('postgres', 'CREATE DATABASE shop');
command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/kept.sql", $copy->connstr('shop') ], 'and restored');
is($copy->safe_psql('shop', $contents), $want, 'the copy has the same bytes');
is($copy->safe_psql('shop', 'SELECT count(*) FROM twice'), '0', 'what compares journeys came along');
$copy->stop('fast');

# binary COPY
$origin->safe_psql('postgres', "COPY kept TO '$dir/kept.bin' (FORMAT binary); DELETE FROM kept; COPY kept FROM '$dir/kept.bin' (FORMAT binary)");
is($origin->safe_psql('postgres', $contents), $want, 'binary COPY gives the same bytes');

# Bytes from outside: a bytea in a binary file is read as a journey. What is
# accepted is canonical, so its text says the same; the rest is 22P03.
$origin->safe_psql('postgres', <<"EOS");
CREATE TABLE received (journey influence.journey);
CREATE FUNCTION receive(bytes bytea) RETURNS text LANGUAGE plpgsql AS \$\$
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', bytes, '$dir/one.bin');
	DELETE FROM received;
	EXECUTE format('COPY received FROM %L (FORMAT binary)', '$dir/one.bin');
	IF (SELECT influence_internal.journey_send(journey) = bytes AND influence_internal.journey_send(journey::text::influence.journey) = bytes FROM received) THEN
		PERFORM influence.attribute_journey(journey, 'linear') FROM received;
		PERFORM influence.journey_events(journey) FROM received;
		RETURN 'kept';
	END IF;
	RETURN 'changed';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END \$\$;
EOS
my %hostile = (
	'\x' => 'no byte', '\x00' => 'version 0', '\x02000000' => 'version 2', '\x010000' => 'cut header', '\x0100000000' => 'a byte too many',
	'\x0100000001' . '0000' => 'a touch for a conversion', '\x01000100' . '050000' => 'a sixth kind', '\x01000200' . '010002' . '010000' => 'ids descend',
	'\x01000200' . '010200' . '010100' => 'times descend', '\x01000100' . '01800000' => 'a padded number', '\x01008080808010' . '00010000' => 'more events than bytes',
	'\x01000001' . '8400000102' . '00' => 'excluded twice', '\x01000100' . '01ffffffffffffffffff01' . '00' => 'a time out of range');
for my $bytes (sort keys %hostile)
{
	is($origin->safe_psql('postgres', "SELECT receive('$bytes')"), '22P03', "$hostile{$bytes} is refused");
}
is($origin->safe_psql('postgres', q{SELECT string_agg(receive(b), ' ') FROM unnest('{"\\\\x01000000","\\\\x01000200010000010000"}'::bytea[]) b}), 'kept kept', 'what is valid is kept');
is($origin->safe_psql('postgres', <<'EOS'), 't|t|0', 'a journey with a byte changed or cut off is another one or none');
WITH bytes AS (SELECT influence_internal.journey_send(journey) AS b, visitor FROM kept WHERE visitor <= 400 AND visitor % 4 = 0),
outcomes AS (SELECT receive(CASE n % 3 WHEN 0 THEN substr(b, 1, floor(length(b) * draw)::int)
								 ELSE set_byte(b, floor(length(b) * draw)::int, get_byte(b, floor(length(b) * draw)::int) # (1 << (n % 8))) END) AS outcome
			   FROM (SELECT *, abs(hashtextextended(visitor || ' ' || n, 1) % 1000000) / 1000000.0 AS draw FROM bytes, generate_series(1, 12) n) x)
SELECT count(*) FILTER (WHERE outcome = 'kept') > 100, count(*) FILTER (WHERE outcome = '22P03') > 400, count(*) FILTER (WHERE outcome NOT IN ('kept', '22P03')) FROM outcomes;
EOS
is($origin->safe_psql('postgres', $contents), $want, 'the others are untouched');

# Work over one long journey can be cancelled
$origin->safe_psql('postgres', <<'EOS');
CREATE TABLE long AS SELECT influence.journey(timestamptz '2026-01-01 00:00+00' + e * interval '1 second', CASE e % 3 WHEN 0 THEN 'conversion' ELSE 'click' END, e, e % 100, 1,
	NULL, NULL, NULL, NULL, NULL, NULL) FROM generate_series(1::bigint, 60000) e;
EOS
for my $work ("influence.attribute_journey(journey, 'linear')", "influence.journey_paths(journey, 'first')")
{
	my ($code, $out, $error) = $origin->psql('postgres', "SET statement_timeout = '300ms'; SELECT count(*) FROM long, $work");
	like($error, qr/canceling statement due to statement timeout/, "$work answers a cancel");
}
$origin->stop('fast');

done_testing();
