# Who may pay: the server that was adopted, and no copy of it, however it was
# made. A physical copy on the same machine, a promoted standby, a server without
# the token; and the original goes on through restarts and crashes.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(start_node found_program record_story ask outcome contents_sql);

my $super = $ENV{USER} // (getpwuid $<)[0];
my $origin = start_node('origin');
my $clean = 'SELECT count(*) FROM influence.check_books()';
my $total = 'SELECT period, count(*), sum(amount) FROM influence.payout GROUP BY 1 ORDER BY 1';
my $may_pay = "SELECT status, detail FROM influence.doctor() WHERE check_name = 'may pay'";
my @pay = ("SELECT influence.run_payouts(1, '2024-03', '2024-04-02')", "SELECT influence.confirm_payout(1, 2, '2024-02', 'SEPA 2', paid_at => '2024-03-03')");

$origin->safe_psql('postgres', found_program() . record_story(1, 40));
$origin->safe_psql('postgres', "SELECT influence.run_payouts(1, '2024-02', '2024-03-02'); SELECT influence.confirm_payout(1, 1, '2024-02', 'SEPA 1', paid_at => '2024-03-03')");
like($origin->safe_psql('postgres', $may_pay), qr/^ok\|this server was adopted; without a token/, 'the origin may pay');

# A copy of the files, taken while the origin runs, started beside it.
$origin->backup('b');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($origin, 'b');
$copy->start;
is($copy->safe_psql('postgres', contents_sql()), $origin->safe_psql('postgres', contents_sql()), 'a physical copy has the same tables');
is($copy->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'), $origin->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'),
	'and the same system identifier');
is(join(' ', outcome($copy, 'postgres', $super, @pay)), 'IN009 IN009', 'but it does not pay');
like($copy->safe_psql('postgres', $may_pay), qr/^failure\|.*physical copy/, 'and says why');
$copy->psql('postgres', "CALL influence.run_due('2024-05-10')");
is($copy->safe_psql('postgres', "SELECT DISTINCT job = 'payouts', status, substring(detail FROM '\\((IN\\d+)\\)') FROM influence.job_run ORDER BY 1"),
	"f|succeeded|\nt|failed|IN009", 'its jobs do everything else');
is($copy->safe_psql('postgres', $total), $origin->safe_psql('postgres', $total), 'nothing was paid');
like($copy->safe_psql('postgres', "SELECT status, hint FROM influence.doctor() WHERE check_name = 'failing jobs'"), qr/^warning\|.*adopt_cluster/, 'doctor() says what to do');
# three refusals later it is tried less often, until somebody adopts
$copy->psql('postgres', "CALL influence.run_due('2024-05-10')") for 1 .. 4;
is($copy->safe_psql('postgres', "SELECT DISTINCT failures, retry_at > now() FROM influence.job_failure"), '4|t', 'what is refused again and again is not tried each minute');

# While the copy is refused, the origin goes on, and after a crash and restarts, too.
is(ask($origin, 'postgres', $super, 'SELECT status FROM influence.adopt_cluster()'), 'duplicate', 'the origin is the one that was adopted');
$origin->stop('immediate');
$origin->start;
$origin->restart;
$origin->safe_psql('postgres', "CALL influence.run_due('2024-05-10')");
is($origin->safe_psql('postgres', 'SELECT string_agg(DISTINCT period, $$ $$ ORDER BY period) FROM influence.payout'), '2024-02 2024-03 2024-04', 'the origin pays after a crash and a restart');

# Adopted, the copy pays what the origin paid, and not what was paid before it was taken.
is($copy->safe_psql('postgres', 'SELECT status FROM influence.adopt_cluster()'), 'recorded', 'the copy is adopted');
$copy->safe_psql('postgres', "CALL influence.run_due('2024-05-10')");
is($copy->safe_psql('postgres', $total), $origin->safe_psql('postgres', $total), 'then it pays, to the cent what the origin paid');
is($copy->safe_psql('postgres', 'SELECT count(*) FROM influence.job_failure'), '0', 'and nothing is left of the failures');
is($copy->safe_psql('postgres', $clean), '0', 'its books are clean');
$copy->stop;

# A standby refuses to run the jobs; promoted, it does not pay until it is adopted.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($origin, 'b', has_streaming => 1);
$standby->start;
$origin->safe_psql('postgres', record_story(41, 60));
$origin->wait_for_catchup('standby', 'replay', $origin->lsn('write'));
is(join(' ', outcome($standby, 'postgres', $super, 'CALL influence.run_due()', 'SELECT influence.schedule_jobs()', 'SELECT influence.adopt_cluster()')), 'IN005 IN005 IN005', 'a standby refuses the jobs');
like(($standby->psql('postgres', 'CALL influence.run_due()'))[2], qr/HINT:  Call it on the primary\..*adopt_cluster/, 'with a hint');
like($standby->safe_psql('postgres', "SELECT status, hint FROM influence.doctor() WHERE check_name = 'standby'"), qr/^warning\|.*primary/, 'which doctor() gives, too');
is($standby->safe_psql('postgres', 'SELECT count(*) = (SELECT count(*) FROM influence_internal.job_list()) FROM influence.jobs'), 't', 'the view jobs answers there');
$standby->promote;
is(join(' ', outcome($standby, 'postgres', $super, "SELECT influence.run_payouts(1, '2024-05', '2024-06-02')")), 'IN009', 'promoted, it does not pay');
is($standby->safe_psql('postgres', 'SELECT status FROM influence.adopt_cluster()'), 'recorded', 'until it is adopted');
is(ask($standby, 'postgres', $super, "SELECT status FROM influence.run_payouts(1, '2024-05', '2024-06-02')"), 'recorded', 'then it does');
$standby->stop;

# The token: what is on this machine and in no copy, not even of the disk.
my $token = $origin->basedir . '/token';
my $configure = sub {
	$origin->append_conf('postgresql.conf', "pg_influence.token_file = '$_[0]'");
	$origin->reload;
	# a new session reads it before it loads the library, an old one after
	return ask($origin, 'postgres', $super, 'SELECT status FROM ' . ($_[1] // "influence.run_payouts(1, '2024-05', '2024-06-02')"));
};
append_to_file($token, "0123456789abcdef0123456789abcdef\n");
is($configure->($token), 'IN009', 'a server that gets a token does not pay');
like($origin->safe_psql('postgres', $may_pay), qr/^failure\|.*without a token, this one has one/, 'as doctor() says');
is($configure->($token, 'influence.adopt_cluster()'), 'recorded', 'until it is adopted with it');
is($configure->($token), 'recorded', 'then it does');
like($origin->safe_psql('postgres', $may_pay), qr/^ok\|.*with its token/, 'as doctor() says');
$origin->restart;
is(ask($origin, 'postgres', $super, "SELECT status FROM influence.run_payouts(1, '2024-05', '2024-06-02')"), 'duplicate', 'after a restart as well');
append_to_file($token, 'x');
is($configure->($token), 'IN009', 'another token is another server');
is($configure->(''), 'IN009', 'and none is another one, too');
is($configure->("$token.missing"), 'IN009', 'a file that is not there is no token');
like($origin->safe_psql('postgres', $may_pay), qr/^failure\|.*No such file or directory/, 'doctor() says why');
is($configure->('token'), 'IN009', 'nor is a relative path');
is($configure->($origin->data_dir . '/PG_VERSION'), 'IN009', 'or one that a copy has, too');
is($configure->('/dev/zero'), 'IN009', 'or what is no file');
append_to_file("$token.short", 'short');
is($configure->("$token.short"), 'IN009', 'or one that could be guessed');
is($configure->("$token.short", 'influence.adopt_cluster()'), 'IN009', 'nor can such a one be adopted');
like($origin->safe_psql('postgres', $may_pay), qr/^failure\|.*wrong length/, 'doctor() says why');
unlink $token;
append_to_file($token, "0123456789abcdef0123456789abcdef\n");
is($configure->($token), 'duplicate', 'the right one again');
# nobody but who writes the configuration says which file it is, before or after the library is loaded
append_to_file("$token.other", 'another token of another server');
is(ask($origin, 'postgres', $super, "SET pg_influence.token_file = '$token.other'; SELECT status FROM influence.run_payouts(1, '2024-05', '2024-06-02')"), 'duplicate', 'a session that set it before is not heard');
is(ask($origin, 'postgres', $super, "SELECT count(*) FROM influence.plan_payouts(1, '2024-05', '2024-06-02'); SELECT influence.version(); SET pg_influence.token_file = '$token.other'"), '55P02', 'and refused afterwards');
# what a database says hides the configured value from a library that is loaded later: then nothing is paid
$origin->safe_psql('postgres', "ALTER DATABASE postgres SET pg_influence.token_file = '$token.other'");
is(ask($origin, 'postgres', $super, "SELECT status FROM influence.run_payouts(1, '2024-05', '2024-06-02')"), 'IN009', 'the setting of a database is not heard either');
is(ask($origin, 'postgres', $super, 'SELECT status FROM influence.adopt_cluster(); SELECT token_hash IS NULL FROM influence.adopted_cluster'), "recorded\nt", 'and cannot name another token');
$origin->safe_psql('postgres', 'ALTER DATABASE postgres RESET pg_influence.token_file');
is(ask($origin, 'postgres', $super, "SELECT status FROM influence.adopt_cluster(); SELECT status FROM influence.run_payouts(1, '2024-05', '2024-06-02')"), "recorded\nduplicate", 'without it the configured one holds again');
is($origin->safe_psql('postgres', $clean), '0', 'the books are clean');

done_testing();
