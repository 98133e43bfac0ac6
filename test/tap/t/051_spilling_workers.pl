# Several sessions attribute at once, with parallel workers and more than their
# memory holds. Whoever of a run leaves its shared memory last removes the
# temporary files; a worker that did so when its process had all but ended took
# the server down, which needs processors that are busy.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my ($clients, $runs) = (4, 20);
my $node = PostgreSQL::Test::Cluster->new('spilling');
$node->init;
$node->append_conf('postgresql.conf', "max_worker_processes = 16\nmax_parallel_workers = 16\nrestart_after_crash = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_influence');

# Each visitor, 0 to 9,999, has 100 touches, one each 10,000 seconds, and 10 orders from the eleventh day on: each has its
# credit, from touches of the days before.
$node->safe_psql('postgres', <<'EOS');
CREATE TABLE touches AS SELECT i AS touch_id, i % 10000 AS visitor, timestamptz '2024-01-01 00:00+00' + i * interval '1 second' AS touched_at, i % 1000 AS creator_id
  FROM generate_series(0::bigint, 999999) i;
CREATE TABLE orders AS SELECT i AS conversion_id, i % 10000 AS visitor, timestamptz '2024-01-11 00:00+00' + i * interval '1 second' AS converted_at, 1000::bigint AS amount
  FROM generate_series(0::bigint, 99999) i;
ANALYZE;
EOS
my $settings = "SET work_mem = '1MB';";
my $run = "SELECT sum(conversions)::bigint, sum(credit) FROM influence.attribute_totals('SELECT visitor, touched_at, touch_id, creator_id FROM touches', "
  . "'SELECT visitor, converted_at, conversion_id, amount FROM orders', model => 'linear');";
# the answer of each run, and how it was come by
my $told = 'SELECT credit_processes > 1 AND spilled_bytes > 0 FROM influence.last_attribution_stats();';
my $script = $settings . ($run . $told) x $runs;

my @started;
for my $client (1 .. $clients)
{
	my ($in, $out, $err) = ($script, '', '');
	push @started, { out => \$out, err => \$err,
		handle => IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err) };
}
$_->{handle}->finish for @started;
is(join('', map { ${ $_->{err} } } @started), '', 'no session was cut off');
my @answers = split /\n/, join '', map { ${ $_->{out} } } @started;
is(scalar(grep { $_ eq '100000|100000000' } @answers), $clients * $runs, 'each run credits each order in full');
cmp_ok(scalar(grep { $_ eq 't' } @answers), '>', $clients * $runs / 2, 'most of them with workers and spilled');
ok(slurp_file($node->logfile) !~ /terminated by signal/, 'no process crashed');
$node->stop;
done_testing();
