# Jobs under real conditions: pg_cron's ticks, many sessions at once, and
# backends that are killed in the middle.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(start_node found_program record_story ask outcome contents_sql);

# After a kill -9: the server notices, restarts its processes and is ready again. A session that had ended before the
# kill leaves nothing to notice, but may be caught on its way out: then the log says so within a moment.
sub wait_for_restart
{
	my ($server, $pid, $log_end, $survived) = @_;
	my $tries = $survived ? 500 : 100000;

	usleep(1000) until not kill 0, $pid;
	while ($tries-- > 0)
	{
		my $log = slurp_file($server->logfile, $log_end);
		my $noticed = $log =~ /PID $pid\) was terminated by signal 9/;

		return if $noticed and $log =~ /signal 9.*ready to accept connections/s;
		$tries = 100000 if $noticed and $tries < 1000;
		usleep(1000);
	}
	die 'the server did not come back' unless $survived;
}

my $super = $ENV{USER} // (getpwuid $<)[0];
my $clean = 'SELECT count(*) FROM influence.check_books()';

# pg_cron lives in database postgres, one program there and one in database shop. The tick is waited for at the end.
my $cron;
my $has_cron = -e (qx(pg_config --pkglibdir) =~ s/\n//r) . '/pg_cron.so';
if ($has_cron)
{
	$cron = start_node('cron', "shared_preload_libraries = 'pg_cron'", "cron.database_name = 'postgres'", 'cron.use_background_workers = on');
	$cron->safe_psql('postgres', 'CREATE DATABASE shop');
	$cron->safe_psql($_, found_program() . record_story(1, 6)) for qw(postgres shop);
	$cron->safe_psql('postgres', 'CREATE EXTENSION pg_cron; CREATE ROLE ticker LOGIN IN ROLE influence_owner; GRANT USAGE ON SCHEMA cron TO ticker;');
	is(ask($cron, 'postgres', 'ticker', 'SELECT schedule, command, status FROM influence.schedule_jobs(true)'), '* * * * *|CALL influence.run_due()|dry run', 'a dry run says what it would do');
	is($cron->safe_psql('postgres', 'SELECT count(*) FROM cron.job'), '0', 'and does not');
	is(ask($cron, 'postgres', 'ticker', 'SELECT status FROM influence.schedule_jobs(); SELECT status FROM influence.schedule_jobs()'), "scheduled\nscheduled", 'a member of the owner role schedules the jobs, twice');
	is($cron->safe_psql('postgres', 'SELECT count(*), min(username), min(database) FROM cron.job'), '1|ticker|postgres', 'once');
	my $said = ask($cron, 'shop', $super, 'SELECT status FROM influence.schedule_jobs()');
	like($said, qr/^pg_cron lives in database postgres: run this there: SELECT cron\.schedule_in_database\(.*;$/, 'another database gets the statement to run');
	$said =~ s/.*there: //;
	$cron->safe_psql('postgres', $said);
	is($cron->safe_psql('postgres', "SELECT count(*) FROM cron.job WHERE database = 'shop' AND active"), '1', 'which works');
	like(ask($cron, 'shop', $super, 'SELECT status FROM influence.unschedule_jobs()'), qr/cron\.unschedule/, 'and the statement to take it away');
}

my $node = start_node('jobs', 'restart_after_crash = on');
$node->safe_psql('postgres', found_program() . record_story(1, 40));

# Several sessions run what is due at once: three months, three creators, each paid once.
my @sessions = map { my ($out, $err) = ('', ''); [ IPC::Run::start([ 'psql', '-qX', '-d', $node->connstr('postgres'), '-c', "CALL influence.run_due('2024-05-10')" ], '>', \$out, '2>', \$err), \$err ] } 1 .. 5;
$_->[0]->finish for @sessions;
is(join('', map { ${ $_->[1] } } @sessions), '', 'five sessions call run_due() at once without an error');
$node->safe_psql('postgres', "CALL influence.run_due('2024-05-10')");
is($node->safe_psql('postgres', "SELECT period, count(*) FROM influence.payout GROUP BY 1 ORDER BY 1"), "2024-02|3\n2024-03|3\n2024-04|3", 'every month is paid once');
is($node->safe_psql('postgres', "SELECT count(*) - count(DISTINCT period) FROM influence.job_run WHERE job = 'payouts' AND status = 'succeeded'"), '0', 'by one of them');
is($node->safe_psql('postgres', "SELECT count(*) FROM influence.job_run WHERE status IN ('failed', 'crashed')"), '0', 'and no run failed');
is($node->safe_psql('postgres', $clean), '0', 'the books are clean');

# What is to be paid by the end of October.
my $due = "SELECT sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) FROM influence.ledger WHERE source = 'line' AND available_at < '2024-10-31 23:00+00'";

# Backends are killed at a random moment of recording orders and of paying; the service and the cron tick repeat.
srand 20240229;
my $kills = 0;
for my $round (1 .. 10)
{
	my ($first, $last) = (41 + 8 * int(($round - 1) / 2), 48 + 8 * int(($round - 1) / 2));
	my $file = $node->basedir . "/work$round";
	my ($out, $err, $pid) = ('', '');

	# odd rounds record, even rounds pay for one month more, what the round before recorded
	my $work = $round % 2 ? record_story($first, $last) : sprintf("CALL influence.run_due('2024-%02d-10');\n", 6 + $round / 2);
	append_to_file("$file.sql", "SELECT pg_backend_pid() \\g $file.pid\n$work");
	my $session = IPC::Run::start([ 'psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$file.sql" ], '>', \$out, '2>', \$err);
	usleep(200) until -s "$file.pid" and ($pid) = slurp_file("$file.pid") =~ /^(\d+)\n/;
	usleep(5000 + rand 120000);
	my $log_end = -s $node->logfile;
	kill 'KILL', $pid;
	my $survived = $session->finish;
	$kills++ unless $survived;
	wait_for_restart($node, $pid, $log_end, $survived);
	my $books = $node->safe_psql('postgres', $clean);
	note("round $round: " . $node->safe_psql('postgres', "SELECT format('%s of %s orders, %s payouts, jobs crashed: %s', (SELECT count(*) FROM influence.orders), $last, (SELECT count(*) FROM influence.payout), (SELECT string_agg(job, ' ') FROM influence.job_run WHERE status = 'crashed'))"));
	is($books, '0', "round $round: the books are clean after the crash") if $books ne '0' or $round == 10;
	# the retry
	$node->safe_psql('postgres', record_story($first, $last));
}
cmp_ok($kills, '>', 3, "backends were killed in the middle ($kills of 10)");
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT order_ref) FROM influence.orders'), '80|80', 'after the retries every order is there once');
$node->safe_psql('postgres', "CALL influence.run_due('2024-11-20')") for 1 .. 2;
is($node->safe_psql('postgres', 'SELECT sum(amount) FROM influence.payout'), $node->safe_psql('postgres', $due), 'what was available is paid, once');
is($node->safe_psql('postgres', $clean), '0', 'and the books are clean');
is($node->safe_psql('postgres', "SELECT count(*) FROM influence.job_run WHERE status = 'crashed' AND finished_at IS NOT NULL"), '0', 'a crashed run has no end');
# the same facts, recorded without accidents, are the same
my $calm = start_node('calm');
$calm->safe_psql('postgres', found_program() . record_story(1, 80));
my $facts = "SELECT md5(string_agg(format('%s %s %s %s %s %s', order_ref, line_no, kind, seq, base, amount), ',' ORDER BY order_ref, line_no, creator_id, kind, seq)) FROM influence.earning";
is($node->safe_psql('postgres', $facts), $calm->safe_psql('postgres', $facts), 'and so are the earnings of a life without accidents');

# The tick: at most one minute and a half after scheduling.
SKIP:
{
	skip 'pg_cron is not installed', 5 unless $has_cron;
	my $ticked = "SELECT count(*) > 0 FROM influence.job_run WHERE job = 'payouts' AND period = '2024-03' AND status = 'succeeded'";

	for my $db (qw(postgres shop))
	{
		ok($cron->poll_query_until($db, $ticked), "pg_cron's tick runs the jobs in $db");
		is($cron->safe_psql($db, $clean), '0', "the books of $db are clean");
	}
	is(ask($cron, 'postgres', 'ticker', 'SELECT status FROM influence.unschedule_jobs()'), 'unscheduled', 'the jobs are taken away');
	is($cron->safe_psql('postgres', "SELECT count(*) FROM cron.job WHERE database = 'postgres'"), '0', 'from pg_cron, too');
}

done_testing();
