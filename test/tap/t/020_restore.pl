# A dump restored elsewhere, and a standby: the numbers stay, and nobody pays
# twice.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(start_node found_program record_story ask outcome contents_sql);

my $origin = start_node('origin');
my $super = $ENV{USER} // (getpwuid $<)[0];

# facts on both sides of the last refresh, and of transactions that a new cluster has not counted to yet
$origin->safe_psql('postgres', found_program() . record_story(1, 20));
$origin->safe_psql('postgres', 'SELECT influence.refresh_stats()');
$origin->safe_psql('postgres', 'DO $$ BEGIN FOR i IN 1 .. 3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
$origin->safe_psql('postgres', record_story(21, 30));
$origin->safe_psql('postgres', "SELECT influence.run_payouts(1, '2024-02', '2024-03-02'); SELECT influence.confirm_payout(1, 1, '2024-02', 'SEPA 1', paid_at => '2024-03-03')");
my $clean = 'SELECT count(*) FROM influence.check_books()';
is($origin->safe_psql('postgres', $clean), '0', 'the books of the origin are clean');

# A standby serves what only reads, and answers the same.
$origin->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($origin, 'b', has_streaming => 1);
$standby->start;
$origin->wait_for_catchup('standby', 'replay', $origin->lsn('write'));
my $reads = <<'EOS';
SELECT rank, post_id, creator_id, score, sources, products, next_cursor FROM influence.get_feed(1, '00000000-0000-0000-0000-000000000003', 2, as_of => '2024-04-01 00:00+00');
SELECT f.post_id FROM influence.get_feed(1, '00000000-0000-0000-0000-000000000003', 2, as_of => '2024-04-01 00:00+00') p, influence.get_feed(1, '00000000-0000-0000-0000-000000000003', 2, p.next_cursor) f WHERE p.rank = 2;
SELECT item, name FROM influence.explain_feed(1, '00000000-0000-0000-0000-000000000003', 1);
SELECT * FROM influence.explain_attribution(1, 'order 3');
SELECT * FROM influence.explain_commission(1, 'order 3');
SELECT * FROM influence.creator_statement(1, 1, '2024-02');
SELECT * FROM influence.simulate_program(1, '2024-02', '[{"rate": 0.07}]', '[{"measure": "orders", "mode": "graduated", "thresholds": [0, 2], "rates": [0.07, 0.1]}]', '{"model": "first_touch"}', '{"month_cap": 1000}');
SELECT * FROM influence.plan_payouts(1, '2024-03', '2024-04-02');
SELECT * FROM influence.check_books();
EOS
my $answer = ask($origin, 'postgres', $super, $reads);
like($answer, qr/order line.*\|total\|/s, 'the origin answers');
is(ask($standby, 'postgres', $super, $reads), $answer, 'a standby answers the same');
is(join(' ', outcome($standby, 'postgres', $super, "SELECT influence.record_touch(1, gen_random_uuid(), 't')",
	"SELECT influence.record_order(1, gen_random_uuid(), 'o', '[{\"line_no\": 1, \"product_id\": 1, \"quantity\": 1, \"paid_price\": 5}]')",
	"SELECT influence.run_payouts(1, '2024-03', '2024-04-02')", "SELECT influence.refresh_stats()")),
	'25006 25006 IN005 25006', 'and writes nothing');
$standby->stop('fast');

# A logical dump with its roles.
my $dir = $origin->basedir;
command_ok([ 'pg_dumpall', '--roles-only', '-f', "$dir/roles.sql", '-d', $origin->connstr('postgres') ], 'the roles are dumped');
command_ok([ 'pg_dump', '-Fc', '-f', "$dir/shop.dump", $origin->connstr('postgres') ], 'the database is dumped');
my $copy = start_node('copy');
$copy->run_log([ 'psql', '-qX', '-f', "$dir/roles.sql", $copy->connstr('postgres') ]);
$copy->safe_psql('postgres', 'CREATE DATABASE shop');
command_ok([ 'pg_restore', '-e', '-d', $copy->connstr('shop'), "$dir/shop.dump" ], 'it is restored into another cluster without an error');
is($copy->safe_psql('shop', contents_sql()), $origin->safe_psql('postgres', contents_sql()), 'every table is the same');
is($copy->safe_psql('shop', $clean), '0', 'the books of the copy are clean');
is($copy->safe_psql('shop', 'SELECT DISTINCT status FROM influence.install()'), 'present', 'install() finds everything');
my $acl = <<'EOS';
SELECT p.oid::regprocedure, pg_get_userbyid(proowner), prosecdef, proconfig, string_agg(CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END || ' ' || privilege_type, ', ' ORDER BY pg_get_userbyid(grantee))
FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
WHERE p.pronamespace IN ('influence'::regnamespace, 'influence_internal'::regnamespace) AND grantee <> 10 AND proowner <> 10 GROUP BY p.oid ORDER BY p.oid::regprocedure::text
EOS
is($copy->safe_psql('shop', $acl), $origin->safe_psql('postgres', $acl), 'so are the rights of the published functions');
is(ask($copy, 'shop', $super, "SET ROLE influence_owner; UPDATE influence.ledger SET amount = amount"), '42501', 'and those of the ledger');

# The copy may not pay until somebody says so.
is(join(' ', outcome($copy, 'shop', $super, "SELECT influence.run_payouts(1, '2024-02', '2024-03-02')", "SELECT influence.run_payouts(1, '2024-03', '2024-04-02')",
	"SELECT influence.confirm_payout(1, 2, '2024-02', 'SEPA 2')")), 'IN009 IN009 IN009', 'a restored copy does not pay');
$copy->psql('shop', "CALL influence.run_due('2024-04-10')");
is($copy->safe_psql('shop', "SELECT DISTINCT job = 'payouts', status, substring(detail FROM '\\((IN\\d+)\\)') FROM influence.job_run WHERE as_of = '2024-04-10' ORDER BY 1"),
	"f|succeeded|\nt|failed|IN009", 'its jobs do everything else');
is($copy->safe_psql('shop', 'SELECT count(*), sum(amount) FROM influence.payout'), $origin->safe_psql('postgres', 'SELECT count(*), sum(amount) FROM influence.payout'), 'nothing was paid');
# what was written after the last refresh on the origin is counted on the copy
$origin->safe_psql('postgres', 'SELECT influence.refresh_stats()');
my $hours = 'SELECT count(*), sum(clicks), sum(lines), md5(string_agg(h::text, $$,$$ ORDER BY h)) FROM (SELECT creator_id, bucket_start, clicks, lines, revenue, returned, commission, clawed_back FROM influence.creator_hour) h';
my $ranks = 'SELECT post_id, quality FROM influence.feed_item ORDER BY 1';
is($copy->safe_psql('shop', $hours), $origin->safe_psql('postgres', $hours), 'the hours of the copy are those of the origin');
is($copy->safe_psql('shop', $ranks), $origin->safe_psql('postgres', $ranks), 'so are its ranks');
is($copy->safe_psql('shop', 'SELECT influence.adopt_cluster(); SELECT influence.adopt_cluster()'), "(recorded)\n(duplicate)" =~ s/[()]//gr, 'it is adopted');
is($copy->safe_psql('shop', "SELECT status, payouts FROM influence.run_payouts(1, '2024-02', '2024-03-02')"), 'duplicate|0', 'what the origin paid is not paid again');
$copy->safe_psql('shop', "CALL influence.run_due('2024-04-10')");
is($copy->safe_psql('shop', <<'EOS'), "2024-02|3\n2024-03|3", 'what is due is paid');
SELECT period, count(*) FROM influence.payout GROUP BY 1 ORDER BY 1
EOS
is($copy->safe_psql('shop', "SELECT sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) FROM influence.ledger WHERE source = 'line' AND available_at < '2024-03-31 22:00+00'"),
	$copy->safe_psql('shop', 'SELECT sum(amount) FROM influence.payout'), 'once: payouts are what was available');
is($copy->safe_psql('shop', $clean), '0', 'and the books are clean');
# the story goes on there
is($copy->safe_psql('shop', record_story(1, 40)), '1|40', 'the story is repeated and continued on the copy');
is($copy->safe_psql('shop', 'SELECT count(*) FROM influence.orders'), '40', 'without a double order');
is($copy->safe_psql('shop', $clean), '0', 'and the books are clean');

done_testing();
