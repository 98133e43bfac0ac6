# Sixteen services at once, three of ten sales on one creator, under budgets and
# while the jobs run: nobody waits for ever, nothing fails, nothing is lost or
# counted twice, and the end is that of two services with time on their hands.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Traffic qw(start_durable found_traffic person_calls closing_sql nets_sql start_client is_at_work end_client);

my $clients = 16;
my $persons = $ENV{PGI_LONG} ? 3000 : 300;
my $as_of = '2024-06-10';

my $node = start_durable('hot');
$node->safe_psql('postgres', found_traffic());

# Every person is served by one client, every fourth by a second one at the same time.
my @lists = map { [] } 1 .. $clients;
my %asked;
for my $n (1 .. $persons)
{
	my @calls = person_calls($n);

	$asked{ $_->[0] }++ for @calls;
	push @{ $lists[ $n % $clients ] }, @calls;
	push @{ $lists[ ($n + 5) % $clients ] }, @calls unless $n % 4;
}
my @jobs = ([ jobs => 'SELECT count(*) FROM influence.settle_tiers();' ], [ jobs => "CALL influence.run_due('$as_of');" ]);
my @at_work = map { start_client($node, "client$_", @{ $lists[$_] }) } 0 .. $clients - 1;
my ($rounds, $complaints) = (0, '');
while (grep { is_at_work($_) } @at_work)
{
	$complaints .= (end_client(start_client($node, 'jobs', @jobs)))[1];
	$rounds++;
}
is($complaints, '', "the jobs ran meanwhile ($rounds times)");

my %recorded;
my %answers;
for my $c (0 .. $clients - 1)
{
	my ($answers, $said) = end_client($at_work[$c]);

	$complaints .= $said;
	$answers{ $_->[1] }++ for @$answers;
	$recorded{ $_->[0] }++ for grep { $_->[1] =~ /^(recorded|parked)$/ } @$answers;
	is(scalar @$answers, scalar @{ $lists[$c] }, "client $c has an answer to each call") if @$answers != @{ $lists[$c] };
}
is($complaints, '', 'sixteen clients at once, without an error');
is(join(', ', grep { ($recorded{$_} // 0) != 1 } sort keys %asked), '', sprintf 'each of %d calls was recorded once', scalar keys %asked);
is(join(' ', sort keys %answers), 'duplicate parked recorded', 'the others are duplicates');
is($node->safe_psql('postgres', 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'), '0', 'no deadlock');

$node->safe_psql('postgres', closing_sql($as_of));
is($node->safe_psql('postgres', 'SELECT * FROM influence.check_books()'), '', 'the books are clean');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT order_ref) FROM influence.orders'), "$persons|$persons", 'every order is there once');
is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM influence.settlement WHERE stage = 'budget'"), 't', 'the budget was used up');
my $share = "SELECT round(10.0 * count(*) FILTER (WHERE c.creator_id = 1) / count(*)) FROM influence.credit c WHERE c.touch_ref = 'click' AND c.superseded_by IS NULL";
is($node->safe_psql('postgres', $share), '3', 'three of ten sales are the hot creator\'s');

# The same calls, two services that never meet.
my $calm = start_durable('calm', 'fsync = off');
$calm->safe_psql('postgres', found_traffic());
my @two = map { my $c = $_; start_client($calm, "calm$c", map { $_ % 2 == $c ? person_calls($_) : () } 1 .. $persons) } 0, 1;
is(join('', map { (end_client($_))[1] } @two), '', 'two services with time');
$calm->safe_psql('postgres', closing_sql($as_of));
my %have = map { $_ => 1 } my @have = split /\n/, $node->safe_psql('postgres', nets_sql());
my %want = map { $_ => 1 } my @want = split /\n/, $calm->safe_psql('postgres', nets_sql());
is(join("\n", (map { "missing: $_" } grep { not $have{$_} } @want), (map { "beyond: $_" } grep { not $want{$_} } @have)), '', 'come to the same nets');
cmp_ok(scalar @want, '>', 8 * $persons, sprintf '(%d of them)', scalar @want);

done_testing();
