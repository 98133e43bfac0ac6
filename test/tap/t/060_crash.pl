# A server that is killed at random moments, twenty times over (a backend in the
# middle of a call, or the postmaster), while four services record and the jobs
# pay. What was acknowledged is there, nothing is half done or done twice, and
# retries lead to where a server without accidents comes.
#
# PGI_CRASHES=1000 kills that often.
use strict;
use warnings;
use Test::More;
use List::Util qw(first min shuffle);
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Traffic qw(start_durable found_traffic person_calls closing_sql nets_sql start_client is_at_work end_client kill_postmaster kill_backend);

my $crashes = $ENV{PGI_CRASHES} || ($ENV{PGI_LONG} ? 100 : 20);
my $clients = 4;
my $persons = 10 * $crashes;
# the jobs' clock goes on, so that there are months to pay until the end
my $as_of = sub { my $month = 4 + int(15 * $_[0] / $crashes); sprintf '%d-%02d-10', 2024 + int($month / 12), 1 + $month % 12 };
my ($last_month, $the_end) = ('2025-09', '2025-10-10');
my $clean = 'SELECT * FROM influence.check_books()';
my $seed = $ENV{PGI_SEED} || 20240229;

note "seed $seed";
srand $seed;

my $node = start_durable('crash');
$node->safe_psql('postgres', found_traffic());

# Each client has persons of its own, and makes in each round the calls that were not acknowledged before and new ones.
my @queues = map { [] } 1 .. $clients;
push @{ $queues[ $_ % $clients ] }, person_calls($_) for 1 .. $persons;
my $calls = 0;
$calls += @$_ for @queues;
my ($lost, $foreign, $interrupted, $unknown, $killed, $calls_a_second) = (0, '', 0, 0, 0, 100);
my %before;					# of the calls that ended without an answer
my @dirty;

for my $round (1 .. $crashes)
{
	my $of_postmaster = $round % 2 == 0;
	my (@started, @acknowledged);
	my $begin = time;
	my $jobs = join "\n", map { sprintf "SELECT count(*) FROM influence.settle_tiers(); CALL influence.run_due('%s');", $as_of->($round) } 1 .. 20;

	for my $c (0 .. $clients - 1)
	{
		# more than its share, so that it is at work when the server is killed
		my $last = min($#{ $queues[$c] }, int(3 * @{ $queues[$c] } / ($crashes - $round + 1)));

		push @started, start_client($node, "client$c", @{ $queues[$c] }[ 0 .. $last ]);
	}
	my $background = start_client($node, 'jobs', [ 'jobs', $jobs ]);

	# when about their share is done, as far as we know
	my $share = 0;
	$share += @$_ / ($crashes - $round + 1) for @queues;
	usleep(1e6 * (0.05 + rand(2) * $share / $calls_a_second));
	my $seconds = time - $begin;
	if ($of_postmaster)
	{
		kill_postmaster($node);
		$killed++;
	}
	else
	{
		# a client that is still at work, the jobs among them
		$killed++ if first { is_at_work($_) and kill_backend($node, $_) } shuffle @started, $background;
	}
	for my $c (0 .. $clients - 1)
	{
		my ($answers, $complaints) = end_client($started[$c]);

		$foreign .= $complaints if $complaints =~ /ERROR/;
		for my $answer (@$answers)
		{
			my $call = shift @{ $queues[$c] };

			die "$answer->[0] was answered, $call->[0] was asked" if $call->[0] ne $answer->[0];
			push @acknowledged, $call;
			if (delete $before{ $call->[0] })
			{
				# its first answer got lost with the server: either nothing of it was there, or all
				$answer->[1] eq 'duplicate' ? $unknown++ : $interrupted++;
			}
			elsif ($answer->[1] !~ /^(recorded|parked)$/)
			{
				$foreign .= "@$answer\n";
			}
		}
		$before{ $queues[$c][0][0] } = 1 if $complaints ne '' and @{ $queues[$c] };
	}
	my (undef, $complaints) = end_client($background);
	$foreign .= $complaints if $complaints =~ /ERROR|WARNING:  job/;
	$calls_a_second = 0.5 * $calls_a_second + 0.5 * @acknowledged / $seconds if @acknowledged > 10;

	push @dirty, map { "round $round: $_" } split /\n/, $node->safe_psql('postgres', $clean);
	my ($again) = end_client(start_client($node, 'again', @acknowledged));
	$lost += @acknowledged - grep { $_->[1] eq 'duplicate' } @$again;
	note sprintf 'round %d (%s): %d calls acknowledged, %d there', $round, $of_postmaster ? 'postmaster' : 'backend', scalar @acknowledged, scalar @$again;
}
# what is left, in peace
for my $queue (@queues)
{
	my ($answers, $complaints) = end_client(start_client($node, 'rest', @$queue));
	$foreign .= $complaints;
	delete $before{ $_->[0] } and ($_->[1] eq 'duplicate' ? $unknown++ : $interrupted++) for @$answers;
	splice @$queue, 0, @$answers;
}
$node->safe_psql('postgres', closing_sql($the_end));

cmp_ok($killed, '>=', $crashes * 0.9, "the server was killed ($killed of $crashes)");
cmp_ok($interrupted, '>', $crashes / 4, "calls were interrupted ($interrupted undone, $unknown done and not acknowledged)");
is($lost, 0, 'what was acknowledged was there after each restart');
is($foreign, '', 'and no call failed otherwise');
is(join("\n", @dirty), '', 'nothing was half done: the books were clean each time');
is(join(' ', map { scalar @$_ } @queues), join(' ', (0) x $clients), "all $calls calls are recorded");
is($node->safe_psql('postgres', $clean), '', 'the books are clean in the end');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT order_ref) FROM influence.orders'), "$persons|$persons", 'no order is there twice');
is($node->safe_psql('postgres', "SELECT count(*) FROM influence.plan_payouts(2, '$last_month', '$the_end') WHERE verdict = 'pay'"), '0', 'what is due is reserved');
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM influence.payout'), 't', 'and something was');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT stage, ' ' ORDER BY stage) FROM influence.settlement"), 'after_lock bonus budget tier', 'months were settled');
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM influence.credit WHERE superseded_by IS NOT NULL'), 't', 'orders were attributed again');

# The same story without accidents.
my $calm = start_durable('calm', 'fsync = off');
$calm->safe_psql('postgres', found_traffic());
my @at_work = map { my $c = $_; start_client($calm, "calm$c", map { $_ % $clients == $c ? person_calls($_) : () } 1 .. $persons) } 0 .. $clients - 1;
is(join('', map { (end_client($_))[1] } @at_work), '', 'a server without accidents');
$calm->safe_psql('postgres', closing_sql($the_end));
my @want = split /\n/, $calm->safe_psql('postgres', nets_sql());
my %have = map { $_ => 1 } my @have = split /\n/, $node->safe_psql('postgres', nets_sql());
my %wanted = map { $_ => 1 } @want;
is(join("\n", (map { "missing: $_" } grep { not $have{$_} } @want), (map { "beyond: $_" } grep { not $wanted{$_} } @have)), '', 'comes to the same nets');
cmp_ok(scalar @want, '>', 8 * $persons, sprintf '(%d of them)', scalar @want);

$node->stop;
command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'the checksums of all pages are right');

done_testing();
