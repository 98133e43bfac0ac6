# What many services do to one program at once: calls of many persons, made by
# several clients, each call with a key of its own, so that a test knows which
# of them were acknowledged. The end depends on the set of calls alone, whatever
# was lost, repeated or done at once: nets_sql() says what it is.
package Traffic;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);
use Story qw(found_program);

our @EXPORT_OK = qw(start_durable found_traffic person_calls closing_sql nets_sql start_client is_at_work end_client children_of kill_postmaster kill_backend);

my $creators = 8;
my @months = ('2024-02', '2024-03', '2024-04');

# start_durable(name, setting...): a running server that keeps what it acknowledges, and notices when it does not
sub start_durable
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => ['--data-checksums']);
	$node->append_conf('postgresql.conf', join("\n", 'fsync = on', 'full_page_writes = on', 'restart_after_crash = on',
		'max_connections = 60', 'log_statement = none', "timezone = 'UTC'", @settings, ''));
	$node->start;
	return $node;
}

# Two programs: in the first nothing is locked yet, so that late touches and merges count; in the second a hold of a day
# lets the jobs pay. Both have tiers and a budget that is soon used up.
sub found_traffic
{
	my $of_program = join '', map { <<"EOS" } 1, 2;
SELECT status FROM influence.set_tier_table($_, 'revenue', 'graduated', '{0,100000,400000}', '{0.05,0.06,0.08}', valid_from => '2020-01-01');
SELECT status FROM influence.set_commission_budget($_, 4000, valid_from => '2024-01-01');
SELECT status FROM influence.set_bonus_rule($_, 'frequency', 'every fifth order', 5, 100, '2024-01-01', '2030-01-01');
EOS
	my $of_creator = join '', map { my $n = $_; <<"EOS" . join '', map { "SELECT status FROM influence.apply_creator($_, $n, '2024-01-02');\n" } 1, 2 } 1 .. $creators;
SELECT status FROM influence.register_creator('creator $n', 'Creator $n');
EOS

	return found_program() . <<'EOS' . $of_creator . $of_program;
SELECT status FROM influence.set_payout_policy(1, '{"hold": "10 years", "earns_at": "shipped", "hold_from": "shipped"}', '2024-01-01');
SELECT status FROM influence.create_program('Outlet', 'EUR', 'Europe/Berlin', '{"model": "linear"}', '{"hold": "1 day"}');
SELECT status FROM influence.set_admission_rule(2, 'channels', '>=', 0, valid_from => '2020-01-01');
SELECT status FROM influence.set_commission_rate(2, 0.04, valid_from => '2020-01-01');
EOS
}

# person_calls(n): what happens to the n-th person, as [key, statement] in an order that its client keeps. Three of ten
# sell for creator 1. A return may come before its order, and after the lock of its month.
sub person_calls
{
	my ($n) = @_;
	my $outlet = $n % 5 == 0;
	my ($program, $month, $day) = ($outlet ? 2 : 1, $months[ $n % 3 ], 1 + $n * 7 % 20);
	my ($who, $guest) = map { sprintf '%08d-0000-0000-0000-%012d', $_, $n } 0, 1;
	my ($seller, $other) = ($n % 10 < 3 ? 1 : 2 + $n % ($creators - 1), 2 + $n * 3 % ($creators - 1));
	my ($pieces, $price) = (1 + $n % 4, 1000 + $n * 37 % 500);
	my $at = sub { sprintf "'%s-%02d %s+00'", $month, $day + $_[0], $_[1] };
	my $call = sub { my ($key, $f, @args) = @_; [ "$n $key", "SELECT '$n $key', status FROM influence.$f(" . join(', ', @args) . ');' ] };
	my $order = "'order $n'";
	my $lines = qq('[{"line_no": 1, "sku": "lamp", "quantity": $pieces, "paid_price": $price}, {"line_no": 2, "sku": "rake", "quantity": 1, "paid_price": 999}]');
	my @touches = (
		$call->('seen', 'record_touch', $program, $outlet ? "'$who'" : "'$guest'", "'seen'", "'click'", $other, $at->(0, '09:00'), 1),
		$call->('click', 'record_touch', $program, "'$who'", "'click'", "'click'", $seller, $at->(0, '10:00'), 1));
	my @order = $call->('order', 'record_order', $program, "'$who'", $order, $lines, $at->(0, '12:00'));
	my (@events, @back);

	push @events, $call->('shipped', 'record_order_event', $program, "'$who'", $order, "'shipped'", $at->(1, '08:00')) if $n % 4;
	push @events, $call->('delivered', 'record_order_event', $program, "'$who'", $order, "'delivered'", $at->(2, '08:00')) if $n % 3;
	push @events, $call->('cancelled', 'record_order_event', $program, "'$who'", $order, "'cancelled'", $at->(3, '08:00')) if $n % 11 == 0;
	push @back, $call->('return', 'record_return', $program, "'$who'", $order, 1, "'back'", 1, 'NULL', $at->(4, '08:00') . ($outlet ? "::timestamptz + interval '40 days'" : '')) if $n % 3 == 1;
	push @back, $call->('chargeback', 'record_return', $program, "'$who'", $order, 2, "'bank'", 'NULL', 500, $at->(5, '08:00'), "'chargeback'") if $n % 7 < 2;
	push @back, $call->('reversed', 'record_return', $program, "'$who'", $order, 2, "'won'", 'NULL', 200, $at->(6, '08:00'), "'chargeback_reversed'") if $n % 7 == 1;
	# what the first program learns late; in the second the order may be locked by then
	my @late = $outlet ? () : (
		$n % 2 ? () : $call->('late', 'record_touch', $program, "'$who'", "'late'", "'click'", $other, $at->(0, '11:00'), 1),
		$n % 3 ? () : $call->('identify', 'identify', "'$guest'", "'$who'"));

	return $n % 2 ? (@touches, @order, @late, @events, @back) : (@touches, @events, @back, @order, @late);
}

# What brings the story to its end: the jobs, until there is nothing left to do.
sub closing_sql
{
	my ($as_of) = @_;
	return <<"EOS";
CALL influence.run_due('$as_of');
SELECT count(*) FROM influence.settle_tiers();
CALL influence.run_due('$as_of');
EOS
}

# What the calls come to, a line per net: ledger, earnings, credits, returns, settlements.
sub nets_sql
{
	return <<'EOS';
SELECT concat_ws(' ', 'ledger', l.program_id, l.party_id, l.available_at, a.account, sum(a.amount))
  FROM influence.ledger l
 CROSS JOIN LATERAL (VALUES (l.debit_account, -l.amount), (l.credit_account, l.amount)) a(account, amount)
 WHERE l.source <> 'payout'
 GROUP BY l.program_id, l.party_id, l.available_at, a.account HAVING sum(a.amount) <> 0
UNION ALL
SELECT concat_ws(' ', 'earning', e.program_id, e.order_ref, e.line_no, e.creator_id, e.kind, sum(e.base), sum(e.amount))
  FROM influence.earning e
 GROUP BY e.program_id, e.order_ref, e.line_no, e.creator_id, e.kind HAVING sum(e.base) <> 0 OR sum(e.amount) <> 0
UNION ALL
SELECT concat_ws(' ', 'credit', c.program_id, c.order_ref, c.line_no, c.touch_ref, c.touch_visitor_id, c.creator_id, c.credit, c.reason)
  FROM influence.credit c WHERE c.superseded_by IS NULL
UNION ALL
SELECT concat_ws(' ', 'return', r.program_id, r.order_ref, r.line_no, r.return_ref, r.state, r.amount) FROM influence.order_return r
UNION ALL
SELECT concat_ws(' ', 'settlement', s.program_id, s.creator_id, s.month, s.stage, s.ref, sum(s.amount))
  FROM influence.settlement s
 GROUP BY s.program_id, s.creator_id, s.month, s.stage, s.ref HAVING sum(s.amount) <> 0
 ORDER BY 1
EOS
}

# start_client(node, name, call...): a session that makes these calls one after the other and stops at the first that fails.
# is_at_work(client): it has not ended. end_client(client) waits for it and answers what was acknowledged, [key, status] each,
# and what it complained about.
sub start_client
{
	my ($node, $name, @calls) = @_;
	my $file = $node->basedir . "/$name";
	my $client = { out => '', err => '' };

	unlink "$file.pid";
	unlink "$file.sql";
	append_to_file("$file.sql", join("\n", "SELECT pg_backend_pid() \\g $file.pid", (map { $_->[1] } @calls), ''));
	$client->{psql} = IPC::Run::start([ 'psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$file.sql" ],
		'<', \undef, '>', \$client->{out}, '2>', \$client->{err});
	$client->{pid_file} = "$file.pid";
	return $client;
}

sub is_at_work
{
	my ($client) = @_;

	$client->{psql}->pump_nb if $client->{psql}->pumpable;
	return $client->{psql}->pumpable;
}

sub end_client
{
	my ($client) = @_;

	$client->{psql}->finish;
	return ([ map { [ split /\|/ ] } split /\n/, $client->{out} ], $client->{err});
}

sub children_of
{
	my ($parent) = @_;
	my @children;

	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $file, '<', $stat or next;
		my ($pid, $its_parent) = (<$file> // '') =~ /^(\d+) \(.*\) \S (\d+) / or next;
		push @children, $pid if $its_parent == $parent;
	}
	return @children;
}

# Ends the postmaster at once, waits until all of its children are gone too, and starts the server again.
sub kill_postmaster
{
	my ($node) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	kill 'STOP', $postmaster;		# so that it has no more children than we see
	my @pids = ($postmaster, children_of($postmaster));
	$node->kill9;
	for my $pid (@pids)
	{
		usleep(1000) while -e "/proc/$pid";
	}
	$node->start;
}

# Ends one backend at once; true when it was still there. The postmaster then ends all others and starts anew.
sub kill_backend
{
	my ($node, $client) = @_;
	my $pid;

	usleep(500) until -s $client->{pid_file} and ($pid) = slurp_file($client->{pid_file}) =~ /^(\d+)\n/;
	return 0 unless grep { $_ == $pid } children_of(slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/) and kill 'KILL', $pid;
	# once the postmaster has fetched its exit status, it lets nobody in before recovery
	usleep(1000) while kill 0, $pid;
	for my $try (1 .. 18000)
	{
		return 1 if system('pg_isready', '-q', '-h', $node->host, '-p', $node->port) == 0;
		usleep(10000);
	}
	die 'the server did not come back';
}

1;
