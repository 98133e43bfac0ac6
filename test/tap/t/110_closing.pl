# A closing outlives a crash in its middle and a move to another cluster: nothing is half closed, no entry is lost or in
# two closings, and COPY with any sha256 gives the digests and hashes that the tables hold.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use IPC::Run;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(start_node found_program record_story);
use Traffic qw(kill_postmaster);

my $origin = start_node('origin');
my $clean = 'SELECT count(*) FROM influence.check_books()';
my $closings = "SELECT string_agg(period || ' ' || entry_count, ', ' ORDER BY period) FROM influence.closed_period";
my $in_none = <<'EOS';
SELECT count(*) FILTER (WHERE n = 0), count(*) FILTER (WHERE n > 1)
  FROM (SELECT (SELECT count(*) FROM influence.closed_period p WHERE p.entries @> l.entry_no) AS n FROM influence.ledger l WHERE l.occurred_at < '2024-05-31 22:00+00') x
EOS

$origin->safe_psql('postgres', found_program() . record_story(1, 20) . 'SELECT influence.settle_tiers()');

# The server is killed between a closing and its commit.
my $session = IPC::Run::start([ 'psql', '-XqAt', '-d', $origin->connstr('postgres'), '-c', "BEGIN; SELECT influence.close_period(1, '2024-02'); SELECT 'here' FROM pg_sleep(600)" ],
	'<', \undef, '>', \my $out, '2>', \my $err);
ok($origin->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), 'a closing waits for its commit');
kill_postmaster($origin);
$session->finish;
is($origin->safe_psql('postgres', 'SELECT (SELECT count(*) FROM influence.closed_period), (SELECT count(*) FROM influence.closed_balance)'), '0|0', 'nothing of it is left');
is($origin->safe_psql('postgres', "SELECT status FROM influence.close_period(1, '2024-02')"), 'recorded', 'it is closed anew');
is($origin->safe_psql('postgres', "SELECT status FROM influence.close_period(1, '2024-02')"), 'duplicate', 'once');

# Late facts here, then the dump; late facts there, before the next closing.
$origin->safe_psql('postgres', record_story(21, 26));
my $dir = $origin->basedir;
command_ok([ 'pg_dumpall', '--roles-only', '-f', "$dir/roles.sql", '-d', $origin->connstr('postgres') ], 'the roles are dumped');
command_ok([ 'pg_dump', '-Fc', '-f', "$dir/shop.dump", $origin->connstr('postgres') ], 'the database is dumped');
my $copy = start_node('copy');
$copy->run_log([ 'psql', '-qX', '-f', "$dir/roles.sql", $copy->connstr('postgres') ]);
$copy->safe_psql('postgres', 'CREATE DATABASE shop');
command_ok([ 'pg_restore', '-e', '-d', $copy->connstr('shop'), "$dir/shop.dump" ], 'it is restored into another cluster without an error');
is($copy->safe_psql('shop', $closings), $origin->safe_psql('postgres', $closings), 'its closings are the same');
is($copy->safe_psql('shop', $clean), '0', 'and proven again');
$copy->safe_psql('shop', record_story(27, 34) . 'SELECT influence.book_earnings(); SELECT influence.settle_tiers()');
my @months = split /\n/, $copy->safe_psql('shop', "SELECT DISTINCT to_char(occurred_at AT TIME ZONE 'Europe/Berlin', 'YYYY-MM') FROM influence.ledger WHERE occurred_at >= '2024-02-29 23:00+00' AND occurred_at < '2024-05-31 22:00+00' UNION SELECT '2024-05' ORDER BY 1");
is($copy->safe_psql('shop', "SELECT status FROM influence.close_period(1, '$_')"), 'recorded', "$_ is closed there") for @months;
is($copy->safe_psql('shop', $in_none), '0|0', 'every entry is in one closing');
is($copy->safe_psql('shop', $clean), '0', 'the books are clean');

# What anybody can compute who may read.
$ENV{PGTZ} = 'UTC';
$ENV{PGDATESTYLE} = 'ISO';
$ENV{PGCLIENTENCODING} = 'UTF8';
my $copied = sub { return sha256_hex(join '', map { my ($lines) = run_command([ 'psql', '-XqAt', '-d', $copy->connstr('shop'), '-c', "COPY ($_) TO STDOUT" ]); $lines eq '' ? '' : "$lines\n" } @_); };
my $wrong = 0;
my $digests = 0;
for (split /\n/, $copy->safe_psql('shop', "SELECT period, party_id, currency, encode(digest, 'hex') FROM influence.closed_balance ORDER BY 1, 2, 3"))
{
	my ($period, $party, $currency, $digest) = split /\|/;
	$digests++;
	$wrong++ if $digest ne $copied->(<<"EOS");
SELECT l.entry_key, l.kind, l.debit_account, l.credit_account, l.amount, l.occurred_at, l.booked_at, l.available_at, l.source, l.note
  FROM influence.ledger l JOIN influence.closed_period p ON p.program_id = l.program_id AND p.entries @> l.entry_no
 WHERE p.program_id = 1 AND p.period = '$period' AND l.party_id = $party AND l.currency = '$currency' ORDER BY l.entry_key COLLATE "C"
EOS
}
cmp_ok($digests, '>', 5, 'there are digests');
is($wrong, 0, 'each is the sha256 of what COPY writes');
for (split /\n/, $copy->safe_psql('shop', "SELECT period, encode(hash, 'hex') FROM influence.closed_period ORDER BY 1"))
{
	my ($period, $hash) = split /\|/;
	is($copied->("SELECT encode(previous_hash, 'hex'), program_id, period, closed_at, closed_by, entry_count, return_rate, return_reserve FROM influence.closed_period WHERE program_id = 1 AND period = '$period'",
		"SELECT party_id, currency, entry_count, opening, closing, not_due, due_30, due_60, due_90, due_older, reserved, encode(digest, 'hex') FROM influence.closed_balance WHERE program_id = 1 AND period = '$period' ORDER BY party_id, currency COLLATE \"C\""),
		$hash, "so is the hash of $period");
}

done_testing();
