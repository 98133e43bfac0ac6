# pg_cron as it is: ticks that are lost when the server is killed, that come
# twice, that cannot connect, that come from a restored copy, that wait behind a
# long job, and a launcher that is gone. Each month is paid once all the same, and
# doctor() says what is wrong. The clusters wait for their minutes together.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(start_node found_program record_story ask);

plan skip_all => 'pg_cron is not installed' unless -e (qx(pg_config --pkglibdir) =~ s/\n//r) . '/pg_cron.so';

my $super = $ENV{USER} // (getpwuid $<)[0];
my @settings = ("shared_preload_libraries = 'pg_cron'", "cron.database_name = 'postgres'");
my $roles = 'CREATE EXTENSION pg_cron; CREATE ROLE ticker LOGIN IN ROLE influence_owner; GRANT USAGE ON SCHEMA cron TO ticker; CREATE ROLE stranger LOGIN IN ROLE influence_owner; CREATE ROLE watcher LOGIN IN ROLE influence_reader;';
my $schedule = 'SELECT status FROM influence.schedule_jobs()';
my $begin = time;

# start(name, setting...): a cluster with pg_cron and a program that has three months to pay
sub start
{
	my ($name, @more) = @_;
	my $node = start_node($name, @settings, @more);

	$node->safe_psql('postgres', found_program() . record_story(1, 40) . $roles);
	return $node;
}

# what doctor() says about a thing, "status|detail|hint"
sub diagnosis
{
	my ($node, $check) = @_;
	return $node->safe_psql('postgres', "SELECT status, detail, hint FROM influence.doctor() WHERE check_name = '$check'");
}

# every month that is due was paid by one run, to every creator once, and the books are right
sub paid_once
{
	my ($node, $name) = @_;

	is($node->safe_psql('postgres', <<'EOS'), "2024-02|3|1\n2024-03|3|1\n2024-04|3|1", "$name: each month is paid once");
SELECT p.period, count(*), (SELECT count(*) FROM influence.job_run r WHERE r.job = 'payouts' AND r.period = p.period AND r.status = 'succeeded')
  FROM influence.payout p GROUP BY p.period ORDER BY p.period
EOS
	is($node->safe_psql('postgres', 'SELECT count(*) FROM influence.check_books()'), '0', "$name: the books are clean");
}

my $paid = "SELECT count(DISTINCT period) = 3 FROM influence.job_run WHERE job = 'payouts' AND period <= '2024-04' AND status = 'succeeded'";
my $ticks = sub { "SELECT count(*) >= $_[0] FROM cron.job_run_details WHERE command ~ 'run_due' AND status = '$_[1]'" };

my $killed = start('killed', 'cron.use_background_workers = on', 'restart_after_crash = on');
my $refused = start('refused', 'cron.use_background_workers = off');
my $blocked = start('blocked', 'cron.use_background_workers = on');

# Scheduled by two roles, both call in the same second; and killed before the first tick.
is(ask($killed, 'postgres', 'ticker', $schedule), 'scheduled', 'a role schedules');
like(ask($killed, 'postgres', 'stranger', $schedule), qr/^IN005$/, 'not one that may not use pg_cron');
is(ask($killed, 'postgres', 'watcher', "SELECT string_agg(check_name, ',' ORDER BY check_name) FROM influence.doctor() WHERE check_name ~ 'cron' AND status = 'skipped'"), 'pg_cron job,pg_cron launcher',
	'whoever may not look there is told so by doctor()');
my $jobid = $killed->safe_psql('postgres', 'SELECT jobid FROM cron.job');
is(ask($killed, 'postgres', 'ticker', $schedule), 'scheduled', 'twice');
is($killed->safe_psql('postgres', 'SELECT jobid FROM cron.job'), $jobid, 'which changes nothing');
is(ask($killed, 'postgres', $super, $schedule), 'scheduled by role ticker already', 'a superuser sees that');
like(diagnosis($killed, 'pg_cron job'), qr/^ok\|scheduled once/, 'and so does doctor()');
$killed->safe_psql('postgres', q{SELECT cron.schedule('mine', '* * * * *', 'CALL influence.run_due()')});
like(diagnosis($killed, 'pg_cron job'), qr/^warning\|scheduled 2 times/, 'which finds a second one');
my @at_once = map { my ($out, $err) = ('', ''); [ IPC::Run::start([ 'psql', '-qXAt', '-U', 'ticker', '-d', $killed->connstr('postgres'), '-c', $schedule ], '>', \$out, '2>', \$err), \$out, \$err ] } 1 .. 4;
$_->[0]->finish for @at_once;
is(join('', map { ${ $_->[1] } . ${ $_->[2] } } @at_once), "scheduled\n" x 4, 'four sessions schedule at once');
is($killed->safe_psql('postgres', "SELECT count(*) FROM cron.job WHERE username = 'ticker'"), '1', 'once');
$killed->stop('immediate');
$killed->start;

# No password for localhost, and nobody listens there: every tick fails, without a word to anybody.
is(ask($refused, 'postgres', 'influence_owner', $schedule) =~ /not permitted to log in/ ? 'no' : 'yes', 'no', 'the owner role does not log in');
is(ask($refused, 'postgres', $super, "SET ROLE influence_owner; $schedule"), 'IN005', 'so it schedules nothing that would fail each minute');
is(ask($refused, 'postgres', 'ticker', $schedule), 'scheduled', 'what cannot connect is scheduled like anything else');

# A long job that starts first.
$blocked->safe_psql('postgres', q{SELECT cron.schedule('a long one', '* * * * *', 'SELECT pg_sleep(65)')});
is(ask($blocked, 'postgres', 'ticker', $schedule), 'scheduled', 'a job is scheduled beside a long one');

# The first tick.
ok($killed->poll_query_until('postgres', $paid), 'what was missed while the server was down is caught up by the first tick');
ok($killed->poll_query_until('postgres', $ticks->(2, 'succeeded')), 'both jobs ticked');
paid_once($killed, 'two ticks at once');
like(diagnosis($killed, $_->[0]), $_->[1], "doctor() says that $_->[0] is well") for [ 'pg_cron runs', qr/^ok/ ], [ 'pg_cron ticks', qr/^ok/ ], [ 'pg_cron launcher', qr/^ok/ ], [ 'pg_cron role', qr/^ok/ ], [ 'pg_cron target', qr/^ok/ ], [ 'jobs are called', qr/^ok/ ];
ok($refused->poll_query_until('postgres', $ticks->(1, 'failed')), 'the tick that cannot connect fails');
like(diagnosis($refused, 'pg_cron runs'), qr/^failure\|.*connect.*\|.*use_background_workers/s, 'and doctor() knows why');
is($refused->safe_psql('postgres', 'SELECT count(*) FROM influence.payout'), '0', 'nothing was paid');
like(diagnosis($refused, 'payouts are run'), qr/^failure\|due and not done: \d+ months, first 2024-02 of program 1/, 'as doctor() says, too');

# Mended: the job goes over the socket. A row keeps the host that it was scheduled with, so it is scheduled again.
$refused->append_conf('postgresql.conf', "cron.host = '" . $refused->host . "'");
$refused->restart;
is(ask($refused, 'postgres', 'ticker', $schedule), 'scheduled', 'it is scheduled again');
is($refused->safe_psql('postgres', 'SELECT count(*), min(nodename) FROM cron.job'), '1|' . $refused->host, 'and points at the socket');
# A copy of this server, whose rows point at the original: its launcher calls the original too.
$refused->backup('b');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($refused, 'b');
$copy->start;
like(diagnosis($copy, 'pg_cron target'), qr/^failure\|.*this server has port/, 'doctor() finds the rows that a copy brought along');
like(diagnosis($copy, 'may pay'), qr/^failure\|/, 'and that it may not pay');

# A launcher that was killed comes back with the server; one that was ended does not.
my $launcher = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_cron launcher'";
my $pid = $killed->safe_psql('postgres', $launcher);
kill 'KILL', $pid;
usleep(10000) while kill 0, $pid;
ok($killed->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($launcher) l WHERE pid <> $pid"), 'a launcher that is killed comes back');
$pid = $killed->safe_psql('postgres', $launcher);
kill 'TERM', $pid;
usleep(10000) while kill 0, $pid;
like(diagnosis($killed, 'pg_cron launcher'), qr/^failure\|its process is gone\|.*restart the server/, 'one that ended does not, which doctor() notices');
$killed->restart;
ok($killed->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($launcher) l"), 'until the server is restarted');

# The second tick.
ok($refused->poll_query_until('postgres', $paid), 'what could not connect is caught up');
ok($copy->poll_query_until('postgres', $ticks->(1, 'succeeded')), 'the launcher of the copy ticked');
ok($refused->poll_query_until('postgres', $ticks->(1, 'succeeded')), 'so did that of the original');
paid_once($refused, 'a tick of its own and one of the copy');
like(diagnosis($refused, 'pg_cron runs'), qr/^ok/, 'doctor() is content');
is($copy->safe_psql('postgres', 'SELECT (SELECT count(*) FROM influence.job_run) + (SELECT count(*) FROM influence.payout)'), '0', 'nothing ran on the copy');
is(ask($copy, 'postgres', 'ticker', $schedule), 'scheduled', 'scheduled anew there');
is($copy->safe_psql('postgres', 'SELECT count(*), min(nodeport) FROM cron.job'), '1|' . $copy->port, 'the job points at the copy');
like(diagnosis($copy, 'pg_cron target'), qr/^ok/, 'as doctor() says');
is(ask($copy, 'postgres', $super, 'SELECT status FROM influence.unschedule_jobs(); SELECT status FROM influence.unschedule_jobs()'), "unscheduled\nwas not scheduled", 'a superuser takes it away');

# Whoever waits behind a long job has its turn later, and nothing is lost or done twice.
ok($blocked->poll_query_until('postgres', $paid), 'behind a long job the jobs have their turn');
paid_once($blocked, 'behind a long job');
note sprintf '%.0f s', time - $begin;

done_testing();
