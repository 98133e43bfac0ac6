# The whole story at once: three sessions record the same events call by call,
# each in its own order of visitors, while a fourth runs the jobs. The end state
# is that of one session that recorded everything once.
use strict;
use warnings;
use Test::More;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(start_node found_program contents_sql);

my $visitors = 60;
my $setup = found_program() . join '', map {
	"SELECT status FROM influence.register_creator('creator $_', 'Creator $_');\n"
	  . "SELECT status FROM influence.apply_creator(1, $_, '2024-01-02');\n"
	  . "SELECT status FROM influence.publish_post(1, $_, 'post $_', 'photo', '[{\"product_id\": 1}]', 'art', published_at => '2024-02-01');\n"
} 1 .. 3;

# what happens to one visitor, call by call: every second return comes before its order
sub visitor_calls
{
	my ($n) = @_;
	my $who = sprintf '00000000-0000-0000-0000-%012d', $n;
	my $day = sprintf '2024-%02d-%02d', 2 + $n % 2, 1 + $n % 28;
	my ($a, $b, $pieces, $price) = (1 + $n % 3, 1 + ($n + 1) % 3, 1 + $n % 4, 1000 + 37 * $n);
	my $order = qq(SELECT status FROM influence.record_order(1, '$who', 'order $n', '[{"line_no": 1, "sku": "lamp", "quantity": $pieces, "paid_price": $price}, {"line_no": 2, "sku": "rake", "quantity": 1, "paid_price": 999}]', '$day 12:00+00'));
	my $return = qq(SELECT status FROM influence.record_return(1, '$who', 'order $n', 1, 'back', 1, returned_at => '$day 18:00+00'));

	return (
		qq(SELECT status FROM influence.register_shopper('$who')),
		qq(SELECT status FROM influence.follow('$who', $a)),
		qq(SELECT status FROM influence.react('$who', $a, occurred_at => '$day 08:00+00')),
		qq(SELECT status FROM influence.record_touch(1, '$who', 'a', 'click', $a, '$day 09:00+00', 1)),
		qq(SELECT status FROM influence.record_touch(1, '$who', 'b', 'click', $b, '$day 10:00+00', 1)),
		$n % 2 ? ($order, $return) : ($return, $order));
}

# run(node, visitors...): starts a session that makes the calls of these visitors
sub run
{
	my ($node, @order) = @_;
	my ($in, $out, $err) = (join(";\n", map { visitor_calls($_) } @order) . ";\n", '', '');
	my $psql = IPC::Run::start([ 'psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err);

	return { psql => $psql, out => \$out, err => \$err };
}

sub finish
{
	my ($session) = @_;

	$session->{psql}->finish;
	return ${ $session->{err} };
}

my $alone = start_node('alone');
$alone->safe_psql('postgres', $setup);
is(finish(run($alone, 1 .. $visitors)), '', 'one session records the story');
$alone->safe_psql('postgres', "CALL influence.run_due('2024-05-10')");

my $together = start_node('together');
$together->safe_psql('postgres', $setup);
my @sessions = (run($together, 1 .. $visitors), run($together, reverse 1 .. $visitors),
	run($together, sort { $a * 7 % 61 <=> $b * 7 % 61 } 1 .. $visitors));
my ($jobs, $noise) = (join("\n", map { 'SELECT count(*) FROM influence.refresh_stats(); SELECT count(*) FROM influence.book_earnings();' } 1 .. 20), '');
my $stats = IPC::Run::start([ 'psql', '-qXAt', '-d', $together->connstr('postgres') ], '<', \$jobs, '>', \my $ignored, '2>', \$noise);
is(finish($_), '', 'three sessions record it at once') for @sessions;
$stats->finish;
is($noise, '', 'while the jobs run');
$together->safe_psql('postgres', "CALL influence.run_due('2024-05-10')");

my @answers = map { my $s = $_; my %n; $n{$_}++ for split /\n/, ${ $s->{out} }; \%n } @sessions;
my ($recorded) = map { my $sum = 0; $sum += ($_->{recorded} // 0) + ($_->{parked} // 0) for @answers; $sum } 1;
is($recorded, 7 * $visitors, 'each call was recorded by one session');
is($together->safe_psql('postgres', 'SELECT count(*) FROM influence.check_books()'), '0', 'the books are clean');
my %want = split /[ \n]/, $alone->safe_psql('postgres', contents_sql());
my %have = split /[ \n]/, $together->safe_psql('postgres', contents_sql());
delete @{$_}{qw(program_secret payout_secret)} for \%want, \%have;		# random by design
is(join(' ', grep { $have{$_} ne $want{$_} } sort keys %want), '', 'and every table is as if one session had recorded it');
cmp_ok(scalar keys %want, '>', 35, 'of all tables');
is($together->safe_psql('postgres', "SELECT count(*) > 0 FROM influence.payout"), 't', 'payouts included');

done_testing();
