# A server that is killed, twenty times over, in the middle of what moves money:
# payout runs (two schedulers at once), confirmations, failed transfers, closings,
# rollups. Each (program, party, currency, period) is paid once, a month is paid
# whole or not at all, and in the end everything is as on a server that nobody
# killed.
#
# PGI_CRASHES=1000 kills that often.
use strict;
use warnings;
use Test::More;
use List::Util qw(first min shuffle);
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(found_program);
use Traffic qw(start_durable start_client is_at_work end_client kill_postmaster kill_backend);

my $crashes = $ENV{PGI_CRASHES} || ($ENV{PGI_LONG} ? 100 : 20);
my $seed = $ENV{PGI_SEED} || 20240229;
my $months = 20;				# of a program; there are as many programs as the kills need
my $creators = 30;
my $clean = 'SELECT * FROM influence.check_books()';
my $begin = time;

note "seed $seed";
srand $seed;

# the n-th month since January 2020, as text, and a moment in it
sub month { sprintf '%d-%02d', 2020 + int($_[0] / 12), 1 + $_[0] % 12 }
sub moment { "'" . month($_[0]) . "-$_[1] 12:00+00'" }

# A program: every creator gets something each month. Its payouts wait for nothing.
sub found
{
	my ($program) = @_;
	my $last = $months - 1;

	return ($program > 1 ? '' : found_program() . <<"EOS") . <<"EOS";
SELECT count(r.*) FROM generate_series(1, $creators) n, influence.register_creator('creator ' || n, 'Creator ' || n) r;
EOS
SELECT status FROM influence.create_program('Program $program', 'EUR', 'Europe/Berlin', '{"model": "linear"}', '{"hold": "0"}');
SELECT r.status FROM influence.program g, influence.set_admission_rule(g.program_id, 'channels', '>=', 0, valid_from => '2020-01-01') r WHERE g.name = 'Program $program';
SELECT count(a.*) FROM influence.program g, generate_series(1, $creators) n, influence.apply_creator(g.program_id, n, '2019-12-01') a WHERE g.name = 'Program $program';
SELECT count(b.*) FROM influence.program g, generate_series(0, $last) m, generate_series(1, $creators) n,
	influence.record_bonus(g.program_id, n, 100 + m * 7 + n, 'month ' || m, 'bonus', '2020-01-05 12:00+00'::timestamptz + m * interval '1 month') b WHERE g.name = 'Program $program';
EOS
}

# What is done in a round for the month m of a program, as clients: two schedulers, the bank's answers for the month
# before (every seventh transfer fails, some of them after they were confirmed), the closing of the one before that,
# events and rollups. All of it can be repeated.
sub work
{
	my ($node, $g, $m, $name) = @_;
	my ($now, $last) = (moment($m + 1, 10), month($m - 1));
	my $jobs = "CALL influence.run_due($now);";
	my (@bank, @clients);

	for my $party ($m > 0 ? (1 .. $creators) : ())
	{
		my $answer = ($party + $m) % 7;

		# a transfer that came back after it was confirmed is not confirmed again
		push @bank, [ "$party", "SELECT c.status FROM influence.payout p CROSS JOIN LATERAL influence.confirm_payout($g, $party, '$last', 'SEPA $party $last', paid_at => " . moment($m + 1, 11) . ') c '
			. "WHERE p.program_id = $g AND p.party_id = $party AND p.period = '$last' AND p.state <> 'failed';" ] if $answer != 0;
		push @bank, [ "$party", "SELECT influence.fail_payout($g, $party, '$last', 'account closed', failed_at => " . moment($m + 1, 12) . ", actor => 'bank');" ] if $answer < 2;
	}
	# transfers of the month before, half of them by each of two clients; what is said of one transfer keeps its order
	push @clients, start_client($node, "${name}scheduler$_", [ 'jobs', $jobs ]) for 1, 2;
	for my $half (0, 1)
	{
		my @answers = grep { $_->[0] % 2 == $half } @bank;
		push @clients, start_client($node, "${name}bank$half", @answers) if @answers;
	}
	push @clients, start_client($node, "${name}closing", [ 'close', "SELECT influence.close_period($g, '" . month($m - 2) . "', $now, 'controller');" ]) if $m > 1;
	push @clients, start_client($node, "${name}rollups", map { [ 'event', join "\n",
		"SELECT influence.record_touch($g, '00000000-0000-0000-0000-" . sprintf('%012d', $g * 1000 + $m) . "', 'touch $_', 'click', " . (1 + $_) . ', ' . moment($m, 10 + $_ % 10) . ');',
		$_ % 5 ? () : 'SELECT influence.refresh_stats();' ] } 1 .. 10);
	return @clients;
}

# What it comes to, a line per fact, without what depends on when a row was written (hashes cover that, and
# check_books() recomputes them) and on who of two came first (the numbers of statements).
sub facts
{
	my ($node) = @_;
	return split /\n/, $node->safe_psql('postgres', <<'EOS');
SELECT concat_ws(' ', 'payout', program_id, party_id, currency, period, state, amount, net, run_at, paid_at, bank_ref, failed_at) FROM influence.payout
UNION ALL
SELECT concat_ws(' ', 'entry', program_id, party_id, entry_key, kind, debit_account, credit_account, amount, occurred_at, available_at) FROM influence.ledger
UNION ALL
SELECT concat_ws(' ', 'statement', program_id, kind, cancels IS NULL, party_id, period, amount, issued_at) FROM influence.statement
UNION ALL
SELECT concat_ws(' ', 'closing', program_id, period, party_id, entry_count, opening, closing, not_due, due_30, due_60, due_90, due_older, reserved) FROM influence.closed_balance
UNION ALL
SELECT concat_ws(' ', 'hour', program_id, creator_id, bucket_start, clicks, visitors) FROM influence.creator_hour
UNION ALL
SELECT concat_ws(' ', 'done', job, program_id, period) FROM influence.job_period WHERE job = 'payouts'
ORDER BY 1
EOS
}

# a month is reserved for everybody or for nobody, and is booked as done if and only if it is; every second reserve
# entry of a key, or a payout without one, would be a second or half a payment
my $whole = <<"EOS";
SELECT 'half a month: ' || p.program_id || ' ' || p.period FROM influence.payout p GROUP BY p.program_id, p.period HAVING count(*) <> $creators
UNION ALL
SELECT 'not done: ' || p.program_id || ' ' || p.period FROM influence.payout p
 WHERE NOT EXISTS (SELECT FROM influence.job_period d WHERE d.job = 'payouts' AND d.program_id = p.program_id AND d.period = p.period)
UNION ALL
SELECT 'done and not paid: ' || d.program_id || ' ' || d.period FROM influence.job_period d
 WHERE d.job = 'payouts' AND NOT EXISTS (SELECT FROM influence.payout p WHERE p.program_id = d.program_id AND p.period = d.period)
UNION ALL
SELECT 'not reserved once: ' || p.program_id || ' ' || p.party_id || ' ' || p.period FROM influence.payout p
 WHERE (SELECT count(*) FROM influence.ledger l WHERE l.party_id = p.party_id AND l.program_id = p.program_id AND l.kind = 'payout_reserve'
		AND l.entry_key LIKE 'payout/' || p.period || '/%' AND l.amount = p.amount) <> 1
UNION ALL
SELECT 'paid twice: ' || l.party_id || ' ' || x.entry_no
  FROM influence.payout l CROSS JOIN LATERAL unnest(l.entry_nos) x(entry_no) GROUP BY l.program_id, l.party_id, x.entry_no HAVING count(*) > 1
UNION ALL
SELECT 'a gap in the statements of ' || s.program_id FROM influence.statement s GROUP BY s.program_id HAVING count(*) <> max(s.statement_no)
EOS

# what was written outlives the processes without fsync, too; recovery would begin with an fsync of each file
my $node = start_durable('crash', 'fsync = off', 'shared_buffers = 32MB');
my $foreign = '';
my @dirty;
my ($killed, $at_work, %of) = (0, 0);
my $took = 1;
my $g;

for my $round (0 .. $crashes - 1)
{
	my ($program, $m) = (1 + int($round / $months), $round % $months);

	if ($m == 0)
	{
		$node->safe_psql('postgres', found($program));
		$g = $node->safe_psql('postgres', "SELECT program_id FROM influence.program WHERE name = 'Program $program'");
	}
	my $since = time;
	my @clients = work($node, $g, $m, 'a');

	usleep(1e6 * (0.02 + rand() * min($took, 2)));
	if ($round % 2)
	{
		$at_work++ if first { is_at_work($_) } @clients;
		kill_postmaster($node);
		$killed++;
	}
	elsif (my $victim = first { is_at_work($_) and kill_backend($node, $_) } shuffle @clients)
	{
		$killed++;
		$at_work++;
		$of{ $victim->{pid_file} =~ /a([a-z]+)\d?\.pid$/ ? $1 : '?' }++;
	}
	for my $client (@clients)
	{
		my (undef, $complaints) = end_client($client);
		$foreign .= "round $round: $complaints" if $complaints =~ /ERROR|WARNING:  job/ and $complaints !~ /a moment later/;
	}
	my $up = time;
	push @dirty, map { "round $round: $_" } split /\n/, $node->safe_psql('postgres', "SELECT * FROM influence.check_books($g)");
	push @dirty, map { "round $round: $_" } split /\n/, $node->safe_psql('postgres', $whole);
	# the same again, in peace
	my $again = time;
	for my $client (work($node, $g, $m, 'b'))
	{
		my (undef, $complaints) = end_client($client);
		$foreign .= "round $round, again: $complaints" if $complaints ne '';
	}
	$took = time - $again;
	note sprintf 'round %d: %d payouts, %s runs crashed; %.1f + %.1f + %.1f s', $round, split(/\|/, $node->safe_psql('postgres',
		"SELECT (SELECT count(*) FROM influence.payout), (SELECT count(*) FROM influence.job_run WHERE status = 'crashed')")), $up - $since, $again - $up, $took;
}
$node->safe_psql('postgres', 'SELECT influence.refresh_stats()');

cmp_ok($killed, '>=', $crashes * 0.9, "the server was killed ($killed of $crashes; " . join(', ', map { "$of{$_} of $_" } sort keys %of) . ')');
cmp_ok($at_work, '>=', $crashes * 0.7, "in the middle of its work ($at_work)");
is($foreign, '', 'nothing failed otherwise, then or when it was repeated');
is(join("\n", @dirty), '', 'after each kill the books were clean, no month half paid, nobody paid twice');
is($node->safe_psql('postgres', $clean) . $node->safe_psql('postgres', $whole), '', 'nor in the end');
is($node->safe_psql('postgres', "SELECT count(*) FROM influence.payout WHERE state <> 'reserved'") > 0, 1, 'the bank answered');

# The same on a server that nobody kills, one thing after the other.
my $calm = start_durable('calm', 'fsync = off');
for my $round (0 .. $crashes - 1)
{
	my ($program, $m) = (1 + int($round / $months), $round % $months);

	if ($m == 0)
	{
		$calm->safe_psql('postgres', found($program));
		$g = $calm->safe_psql('postgres', "SELECT program_id FROM influence.program WHERE name = 'Program $program'");
	}
	end_client($_) for work($calm, $g, $m, 'c');
}
$calm->safe_psql('postgres', 'SELECT influence.refresh_stats()');
my %have = map { $_ => 1 } my @have = facts($node);
my %want = map { $_ => 1 } my @want = facts($calm);
my @differences = ((map { "missing: $_" } grep { not $have{$_} } @want), (map { "beyond: $_" } grep { not $want{$_} } @have));
is(scalar @differences, 0, 'everything is as on a server without accidents');
diag($_) for @differences[ 0 .. min($#differences, 20) ];
cmp_ok(scalar @want, '>', $crashes * $creators, sprintf '(%d facts)', scalar @want);
note sprintf '%.0f s', time - $begin;

$node->stop;
command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'the checksums of all pages are right');

done_testing();
