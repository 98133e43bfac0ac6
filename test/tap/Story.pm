# A small program with creators, shoppers and orders, for tests that need servers
# of their own.
package Story;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT_OK = qw(start_node found_program record_story ask outcome contents_sql);

# start_node(name, setting...): a running server
sub start_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', join("\n", 'fsync = off', "timezone = 'UTC'", @settings, ''));
	$node->start;
	return $node;
}

# What a call answers as one role: rows as psql -At prints them, or the SQLSTATE.
sub ask
{
	my ($node, $db, $role, $sql) = @_;
	my ($status, $out, $err) = $node->psql(
		$db, "SET client_min_messages = warning; SET TimeZone = 'UTC';\n\\set VERBOSITY sqlstate\n$sql",
		extra_params => [ '-U', $role, '-q' ], on_error_stop => 1);

	return $status == 0 ? $out : $err =~ /ERROR:\s+(\w{5})/ ? $1 : $err;
}

# The same for a list of statements, each of which may fail.
sub outcome
{
	my ($node, $db, $role, @statements) = @_;
	return map { ask($node, $db, $role, $_) } @statements;
}

# The program, its rates and catalogue, made by operators: monthly payouts without hold.
sub found_program
{
	return <<'EOS';
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_influence;
SELECT count(*) FROM influence.install();
SELECT status FROM influence.create_program('Shop', 'EUR', 'Europe/Berlin', '{"model": "linear"}', '{"hold": "1 day", "minimums": {"EUR": 10}}');
SELECT status FROM influence.set_admission_rule(1, 'channels', '>=', 0, valid_from => '2020-01-01');
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.add_product('lamp', 'Lamp', 1, 1999, 'EUR', 10, valid_from => '2024-01-01');
SELECT status FROM influence.add_product('rake', 'Rake', 1, 999, 'EUR', 10, valid_from => '2024-01-01');
SELECT count(t.*) FROM unnest('{art,bikes,cats,dogs,eggs}'::text[]) n, influence.create_topic(n) t;
SELECT status FROM influence.set_commission_rate(1, 0.05, valid_from => '2020-01-01');
EOS
}

# What services record: three creators with posts, and orders of visitors first..last through spring 2024. Two touches
# by different creators before each order; every third order comes back in part. Repeating it changes nothing.
sub record_story
{
	my ($first, $last) = @_;
	return <<"EOS" . <<'EOS';
SELECT set_config('story.first', '$first', false), set_config('story.last', '$last', false);
EOS
DO $story$
DECLARE
	n int;
	who uuid;
	at timestamptz;
BEGIN
	FOR n IN 1 .. 3 LOOP
		PERFORM influence.register_creator('creator ' || n, 'Creator ' || n);
		PERFORM influence.apply_creator(1, n, '2024-01-02');
		PERFORM influence.publish_post(1, n, 'post ' || n, 'photo', '[{"product_id": 1}]', (ARRAY['art', 'bikes', 'cats'])[n], published_at => '2024-02-01');
	END LOOP;
	FOR n IN current_setting('story.first')::int .. current_setting('story.last')::int LOOP
		who := ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
		at := '2024-02-10 12:00+00'::timestamptz + n * interval '31 hours';
		PERFORM influence.register_shopper(who);
		PERFORM influence.set_interests(who, '{art,bikes,cats,dogs,eggs}');
		PERFORM influence.follow(who, 1 + n % 3);
		PERFORM influence.react(who, 1 + n % 3, occurred_at => at - interval '3 hours');
		PERFORM influence.record_touch(1, who, 'a', 'click', 1 + n % 3, at - interval '2 hours', 1);
		PERFORM influence.record_touch(1, who, 'b', 'click', 1 + (n + 1) % 3, at - interval '1 hour', 1);
		PERFORM influence.record_order(1, who, 'order ' || n, jsonb_build_array(
			jsonb_build_object('line_no', 1, 'sku', 'lamp', 'quantity', 1 + n % 4, 'paid_price', 1999),
			jsonb_build_object('line_no', 2, 'sku', 'rake', 'quantity', 1, 'paid_price', 999 - n % 7)), at);
		IF n % 3 = 0 THEN
			PERFORM influence.record_return(1, who, 'order ' || n, 1, 'back', 1, returned_at => at + interval '9 days');
		END IF;
	END LOOP;
END $story$;
EOS
}

# A statement that answers name and content hash of every table with money or people in it, but for what the server's
# clock says and for keys that it draws (earning.entry_id).
sub contents_sql
{
	return <<'EOS';
SELECT string_agg(format('%s %s', c.relname, md5(query_to_xml(format(
	'SELECT regexp_replace((to_jsonb(t) - ''{xact,received_at,recorded_at,created_at,booked_at,applied_at,since,known_at,seen,dropped_at,built_at}''::text[])::text,
			''[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'', ''random'', ''g'') AS r FROM influence.%I t ORDER BY 1', c.relname), true, true, '')::text)), E'\n' ORDER BY c.relname)
FROM pg_class c
WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND c.relname NOT IN ('job_run', 'job_period', 'watermark', 'adopted_cluster', 'sealed_until');
EOS
}

1;
