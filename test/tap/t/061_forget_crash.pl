# A server that is killed in the middle of forgetting a shopper, and a creator: a
# lock on a table that the call writes to late holds it there, whatever it has
# done before, and then its backend, or the whole server, gets kill -9. All is as
# it was, and the next call forgets wholly.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Story qw(found_program record_story);
use Traffic qw(start_durable start_client end_client kill_postmaster kill_backend);

my $shopper = '00000000-0000-0000-0000-000000000003';
my $node = start_durable('forget');
$node->safe_psql('postgres', found_program() . record_story(1, 6) . <<"EOS");
SELECT status FROM influence.register_creator('SECRET', 'SECRET name', visitor_id => '00000000-0000-0000-0000-000000000005');
SELECT status FROM influence.apply_creator(1, 4, '2024-01-02');
SELECT status FROM influence.create_storefront(4, 'secret-shop', 'SECRET page');
SELECT status FROM influence.publish_post(1, 4, 'SECRET post', 'photo', '[{"product_id": 1}]', published_at => '2024-02-01');
SELECT status FROM influence.comment_on_post('$shopper', 1, 'SECRET comment', 'c');
SELECT status FROM influence.record_touch(1, '$shopper', 'SECRET touch', 'click', 4, '2024-03-01', 1);
SELECT status FROM influence.record_order(1, '$shopper', 'order of anna', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1999}]', '2024-03-02');
EOS

# every row of every table
my $contents = <<'EOS';
SELECT string_agg(format('%s %s', c.relname, md5(query_to_xml(format('SELECT t::text AS r FROM influence.%I t ORDER BY 1', c.relname), true, true, '')::text)), E'\n' ORDER BY c.relname)
FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
EOS
# tables in which a word is
my $found = sub { my ($word) = @_; return <<"EOS" };
SELECT string_agg(c.relname, ' ' ORDER BY c.relname)
FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND query_to_xml(format('SELECT FROM influence.%I t WHERE strpos(lower(t::text), lower(''$word'')) > 0 LIMIT 1', c.relname), false, true, '')::text ~ 'row'
EOS
my $clean = 'SELECT count(*) FROM influence.check_books()';
my %call = (shopper => "SELECT 'forget', status FROM influence.forget_shopper('$shopper');", creator => "SELECT 'forget', status FROM influence.forget_creator(4);");
my $before = $node->safe_psql('postgres', $contents);

for my $stop ([ 'shopper', 'orders', 'backend' ], [ 'shopper', 'forgotten_visitor', 'postmaster' ], [ 'creator', 'post_status', 'postmaster' ], [ 'creator', 'forgetting', 'backend' ])
{
	my ($whom, $table, $what) = @$stop;
	my $holder = start_client($node, 'holder', [ 'hold', "BEGIN; LOCK TABLE influence.$table IN SHARE MODE; SELECT pg_sleep(60);" ]);

	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'influence.$table'::regclass AND mode = 'ShareLock' AND granted)") or die;
	my $client = start_client($node, 'forgetting', [ 'forget', $call{$whom} ]);
	# it waits for the lock, and has written something
	ok($node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%forget_$whom(%' AND wait_event_type = 'Lock' AND backend_xid IS NOT NULL AND pid <> pg_backend_pid())"),
		"forget_$whom is held at $table");
	$what eq 'backend' ? kill_backend($node, $client) : kill_postmaster($node);
	my ($answers) = end_client($client);
	end_client($holder);
	is(scalar @$answers, 0, "the $what is killed before it answers");
	is($node->safe_psql('postgres', $contents), $before, 'and all is as it was');
}
is($node->safe_psql('postgres', $clean), '0', 'the books are clean');

for my $whom ('shopper', 'creator')
{
	is($node->safe_psql('postgres', $call{$whom}), 'forget|recorded', "the next call forgets the $whom");
	is($node->safe_psql('postgres', $call{$whom}), 'forget|duplicate', 'once');
}
is($node->safe_psql('postgres', $found->($shopper)), '', 'the key of the shopper is nowhere');
# who it was stays until the retention ends: it is owed something
is($node->safe_psql('postgres', $found->('SECRET')), 'creator', 'nor are words of both, but for the name of the creator');
is($node->safe_psql('postgres', $clean), '0', 'and the books are clean');

done_testing();
