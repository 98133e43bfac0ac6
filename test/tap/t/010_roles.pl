# Who may do what: a service, an operator, a reader, somebody without a role, and
# a service that puts objects of its own before everybody's.
use strict;
use warnings;
use Test::More;
use Story qw(start_node found_program record_story ask outcome contents_sql);

my $node = start_node('roles');
$node->safe_psql('postgres', found_program());
$node->safe_psql('postgres', <<'EOS');
CREATE ROLE service LOGIN IN ROLE influence_writer;
CREATE ROLE clerk LOGIN IN ROLE influence_operator;
CREATE ROLE analyst LOGIN IN ROLE influence_reader;
CREATE ROLE stranger LOGIN;
EOS

# The service runs the whole story.
is(ask($node, 'postgres', 'service', record_story(1, 40)), '1|40', 'a service records the story');
like(ask($node, 'postgres', 'service', "SELECT count(*) FROM influence.explain_attribution(1, 'order 3')"), qr/^4$/, 'it explains an order');
like(ask($node, 'postgres', 'service', "SELECT count(*) > 0 FROM influence.get_feed(1, '00000000-0000-0000-0000-000000000001', as_of => '2024-04-01')"), qr/^t$/, 'it serves a feed');
like(ask($node, 'postgres', 'service', "SELECT influence.visitor_key(1, 'customer') = influence.visitor_key(1, 'customer')"), qr/^t$/, 'it keys its customers');

# It touches no table by itself: each of them, each way.
my $denied = <<'EOS';
DO $$
DECLARE
	t regclass;
	statement text;
	tried int := 0;
	open text := '';
BEGIN
	FOR t IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'influence' AND c.relkind IN ('r', 'p') LOOP
		FOREACH statement IN ARRAY ARRAY['SELECT FROM %s', 'INSERT INTO %s DEFAULT VALUES', 'DELETE FROM %s', 'TRUNCATE %s', 'LOCK TABLE %s', 'ALTER TABLE %s ADD x int'] LOOP
			tried := tried + 1;
			BEGIN
				EXECUTE format(statement, t);
				open := open || format(statement, t) || '; ';
			EXCEPTION WHEN insufficient_privilege THEN
				NULL;
			WHEN OTHERS THEN
				open := open || format(statement, t) || ' ' || SQLSTATE || '; ';
			END;
		END LOOP;
	END LOOP;
	IF open <> '' OR tried < 300 THEN
		RAISE EXCEPTION 'tried %, open: %', tried, open;
	END IF;
END $$;
EOS
is(ask($node, 'postgres', $_, $denied), '', "no table is open to $_") for qw(service stranger);
is(ask($node, 'postgres', 'service', "UPDATE influence.$_->[0] SET $_->[1] = $_->[1]"), '42501', "nor can it update $_->[0]")
  for [ 'payout_secret', 'destination_salt' ], [ 'payout_destination', 'hash' ], [ 'payout_hold', 'released_at' ], [ 'ledger', 'amount' ], [ 'earning', 'amount' ], [ 'program_secret', 'visitor_salt' ], [ 'payout', 'amount' ], [ 'shopper', 'country' ], [ 'commission_rate', 'rate' ];

my @operations = (
	"SELECT influence.run_payouts(1, '2024-02', '2024-03-02')", "SELECT influence.confirm_payout(1, 1, '2024-02', 'x')",
	"SELECT influence.set_commission_rate(1, 0.9)", "SELECT influence.set_payout_policy(1, '{}')", "SELECT influence.set_attribution_policy(1, '{}')",
	"SELECT influence.set_admission_rule(1, 'channels', '>=', 0)", "SELECT influence.set_creator_status(1, 'banned', 'r', 'me')",
	"SELECT influence.create_program('X', 'EUR')", "SELECT influence.create_category('x')", "SELECT influence.add_product('x', 'X', 1)",
	"SELECT influence.set_price(1, 1, 'EUR')", "SELECT influence.set_stock(1, 1)", "SELECT influence.refresh_stats()", "SELECT influence.book_earnings()",
	"SELECT influence.set_payout_destination(1, 'sepa', 'DE89370400440532013000', 'me')", "SELECT influence.record_tax_profile(1, 'company', 'DE', 'me')",
	"SELECT influence.create_tax_authority('X', 'X', 'DE', 'UTC')", "SELECT influence.set_tax_rule('X', 'vat', 0.1)", "SELECT influence.hold_payouts(1, 'r', 'h', 'me')",
	"SELECT influence.release_hold('h', 'n', 'me')", "SELECT influence.create_brand_account(1, 'X')", "SELECT influence.record_funding(1, 'X', 1, 'w')");
my @administration = (
	"SELECT influence.install()", "SELECT influence.uninstall('drop all influence data in postgres')", "SELECT influence.adopt_cluster()", "CALL influence.run_due()",
	"SET ROLE influence_owner", "CREATE FUNCTION influence.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE TABLE influence.t ()",
	"ALTER FUNCTION influence.record_order SET search_path = public", "DROP TABLE influence.ledger", "DROP EXTENSION pg_influence",
	"SELECT influence_internal.book_order(1, '00000000-0000-0000-0000-000000000001', 'order 1')",
	"SELECT influence_internal.upkeep(now())", "SELECT influence_internal.close_watermark('refresh_stats', '1:1:')");
my $refused = sub { my ($role, @s) = @_; my @got = outcome($node, 'postgres', $role, @s); return join ', ', map { $got[$_] eq '42501' ? () : "$s[$_]: $got[$_]" } 0 .. $#s; };
is($refused->('service', @operations, @administration), '', 'a service can neither operate nor administer');
is($refused->('stranger', @operations, @administration, "SELECT influence.get_feed(1, gen_random_uuid())", "SELECT influence.record_touch(1, gen_random_uuid(), 't')"), '', 'without a role nothing is allowed');

# The operator sets up and pays, and reads; it writes no table.
like(ask($node, 'postgres', 'clerk', "SELECT status, payouts FROM influence.run_payouts(1, '2024-02', '2024-03-02')"), qr/^recorded\|3$/, 'an operator pays');
like(ask($node, 'postgres', 'clerk', "SELECT count(*) FROM influence.check_books()"), qr/^0$/, 'an operator checks the books');
like(ask($node, 'postgres', 'clerk', "SELECT count(*) > 0 FROM influence.plan_payouts(1, '2024-03', '2024-04-02')"), qr/^t$/, 'an operator plans');
# It says where creators are paid, and never sees the salt that would find an account by trying.
is(ask($node, 'postgres', 'clerk', "SELECT status, label FROM influence.set_payout_destination(1, 'sepa', 'DE89 3704 0044 0532 0130 00', 'clerk')"), 'recorded|...3000', 'an operator sets a destination');
is(ask($node, 'postgres', 'clerk', "SELECT length(hash), label FROM influence.payout_destination"), '32|...3000', 'and sees its hash and label');
is($refused->('clerk', @administration, "INSERT INTO influence.ledger SELECT * FROM influence.ledger", "DELETE FROM influence.payout", "SELECT * FROM influence.program_secret",
	"SELECT * FROM influence.payout_secret", "TABLE influence.payout_secret", "UPDATE influence.payout_secret SET destination_salt = ''", "UPDATE influence.payout_hold SET released_at = now()",
	"INSERT INTO influence.payout_destination SELECT * FROM influence.payout_destination", "DELETE FROM influence.tax_rule", "UPDATE influence.tax_profile SET vat_id = NULL",
	"INSERT INTO influence.brand_funding SELECT * FROM influence.brand_funding",
	"UPDATE influence.adopted_cluster SET system_identifier = 1"), '', 'an operator writes no table and does not administer');

# The reader reads everything but the salts, and changes nothing by any way.
like(ask($node, 'postgres', 'analyst', "SELECT count(*) > 0 FROM influence.ledger"), qr/^t$/, 'a reader reads the ledger');
like(ask($node, 'postgres', 'analyst', "SELECT count(*) FROM influence.check_books()"), qr/^0$/, 'a reader checks the books');
like(ask($node, 'postgres', 'analyst', "SELECT count(*) > 0 FROM influence.creator_statement(1, 1, '2024-02')"), qr/^t$/, 'a reader reads a statement');
is(ask($node, 'postgres', 'analyst', "SELECT count(*) FROM influence.tax_withheld"), '0', 'a reader reads what was withheld');
is(ask($node, 'postgres', 'analyst', "SELECT count(*) FROM influence.brand_funds(1)"), '0', 'and the funds of brands');
is($refused->('analyst', @operations, @administration, "SELECT * FROM influence.program_secret", "SELECT * FROM influence.payout_secret", "INSERT INTO influence.topic (name) VALUES ('x')",
	"SELECT influence.record_touch(1, gen_random_uuid(), 't')", "SELECT influence.visitor_key(1, 'customer')", "DELETE FROM influence.job_run"), '', 'a reader writes nothing');

# A hostile service: whatever name the functions might look up without a schema is there before the real one.
my $hostile = <<'EOS';
CREATE SCHEMA evil AUTHORIZATION service;
SET ROLE service;
CREATE FUNCTION evil.strike() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
DO $do$
DECLARE
	f text;
	t text;
	o text;
BEGIN
	FOREACH f IN ARRAY '{now,clock_timestamp}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION evil.%I() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.strike(); END $$', f);
	END LOOP;
	FOREACH f IN ARRAY '{length,lower,upper,btrim,concat,format,sha256,to_regclass,jsonb_typeof,num_nonnulls,cardinality,isfinite,hashtextextended,abs,sum,count,max,min,coalesce_,date_trunc,set_config,to_jsonb,unnest,greatest_}'::text[] LOOP
		FOREACH t IN ARRAY '{text,bigint,numeric,jsonb,timestamptz}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.strike(); END $$', f, t, t);
		END LOOP;
	END LOOP;
	FOREACH o IN ARRAY '{=,<>,<,<=,>,>=}'::text[] LOOP
		FOREACH t IN ARRAY '{text,bigint,integer,uuid,timestamptz,boolean,bytea,numeric,jsonb}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION evil.%I(%s, %s) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.strike(); END $$', 'op' || o, t, t);
			EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.%I, LEFTARG = %s, RIGHTARG = %s)', o, 'op' || o, t, t);
		END LOOP;
	END LOOP;
	FOREACH o IN ARRAY '{+,-,*,/,||}'::text[] LOOP
		FOREACH t IN ARRAY '{text,bigint,integer,numeric,jsonb}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION evil.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.strike(); END $$', 'op' || o, t, t, t);
			EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.%I, LEFTARG = %s, RIGHTARG = %s)', o, 'op' || o, t, t);
		END LOOP;
	END LOOP;
END $do$;
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.strike() IS NULL);
CREATE DOMAIN evil.uuid AS pg_catalog.uuid CHECK (evil.strike() IS NULL);
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.strike() IS NULL);
CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (evil.strike() IS NULL);
CREATE DOMAIN evil.pg_snapshot AS pg_catalog.pg_snapshot CHECK (evil.strike() IS NULL);
CREATE DOMAIN evil.record_ AS pg_catalog.text;
RESET ROLE;
EOS
$node->safe_psql('postgres', $hostile);
# tables that stand in for the program's and the catalog's, in the temporary schema of the session
my $shadows = join "\n", map { "CREATE TEMP TABLE $_ (x pg_catalog.int4);" }
  qw(program ledger earning orders order_line credit touch payout payout_line creator job_run job_period schema_version pg_class pg_proc pg_roles pg_namespace);
my $path = "SET search_path = evil, pg_temp, pg_catalog, public;\n$shadows\n";
my $before = $node->safe_psql('postgres', contents_sql());
my $spring = record_story(1, 40);
$spring =~ s/SELECT set_config.*\n//;
is(ask($node, 'postgres', 'service', "SET story.first = 1; SET story.last = 40;\n$spring") , '', 'the story once more');
is($node->safe_psql('postgres', contents_sql()), $before, 'changes nothing');

# the same calls by an honest session and by the hostile one, each for a visitor and a creator of its own
my $calls = <<'EOS';
SELECT status FROM influence.register_creator('KEY', 'Name');
SELECT status, decision FROM influence.apply_creator(1, CREATOR, '2024-02-05 00:00+00');
SELECT status FROM influence.publish_post(1, CREATOR, 'KEY', 'photo', '[{"product_id": 1}]', 'art', published_at => '2024-04-01 12:00+00');
SELECT * FROM influence.record_touch(1, VISITOR, 'KEY', 'click', CREATOR, '2024-04-01 10:00+00', 1);
SELECT * FROM influence.record_order(1, VISITOR, 'KEY', '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 1999}]', '2024-04-01 11:00+00');
SELECT * FROM influence.record_return(1, VISITOR, 'KEY', 1, 'r', 1, returned_at => '2024-04-02 11:00+00');
SELECT * FROM influence.react(VISITOR, 1, occurred_at => '2024-03-20 00:00+00');
SELECT line_no, touch_ref, credit, verdict FROM influence.explain_attribution(1, 'KEY');
SELECT fact, value FROM influence.explain_commission(1, 'KEY');
SELECT entry_no, kind, amount, balance FROM influence.creator_statement(1, 1, '2024-02');
SELECT post_id, sources FROM influence.get_feed(1, '00000000-0000-0000-0000-000000000001', as_of => '2024-03-03 00:00+00');
SELECT influence.visitor_key(1, 'customer');
EOS
my %as = (honest => [ 4, 98 ], hostile => [ 5, 99 ]);
my %answer;
for my $who ('honest', 'hostile')
{
	my ($creator, $visitor) = @{ $as{$who} };
	my $script = $calls =~ s/KEY/$who/gr =~ s/CREATOR/$creator/gr =~ s/VISITOR/'00000000-0000-0000-0000-0000000000$visitor'/gr;

	$answer{$who} = ask($node, 'postgres', 'service', ($who eq 'hostile' ? $path : '') . $script) =~ s/$who/KEY/gr;
}
like($answer{honest}, qr/recorded\|1999\|100\|1999/, 'an honest session works');
is($answer{hostile}, $answer{honest}, 'shadowing objects change no result of a service call');
my $owner_calls = <<'EOS';
SELECT * FROM influence.check_books();
SELECT party_id, amount, verdict FROM influence.plan_payouts(1, '2024-03', '2024-04-20 00:00+00');
SELECT * FROM influence.adopt_cluster();
SELECT step, status FROM influence.install();
CALL influence.run_due('2024-04-20 00:00+00');
SELECT job, period, status FROM influence.job_run ORDER BY run_id;
SELECT job_name, command FROM influence.schedule_jobs(true);
EOS
my $owner = ask($node, 'postgres', $ENV{USER} // (getpwuid $<)[0], "$path$owner_calls");
unlike($owner, qr/hijacked|^[0-9A-Z]{5}$/, 'a superuser is not hijacked either');
like($owner, qr/payouts\|2024-03\|succeeded/, 'and its jobs do their work');
is($node->safe_psql('postgres', 'SELECT count(*) FROM influence.check_books()'), '0', 'the books are clean');

# A hostile member of the owner role: what it leaves where install() looks wants the superuser's rights back, at once and at the end of the
# transaction.
$node->safe_psql('postgres', <<'EOS');
CREATE ROLE mover LOGIN IN ROLE influence_owner;
SET SESSION AUTHORIZATION mover;
SET ROLE influence_owner;
CREATE FUNCTION influence.strike() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', 'none', false);
	EXECUTE 'ALTER ROLE mover SUPERUSER';
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	PERFORM set_config('search_path', 'nowhere', false);
	RETURN true;
END $$;
ALTER TABLE influence.schema_version RENAME TO steps;
CREATE VIEW influence.schema_version AS SELECT * FROM influence.steps WHERE influence.strike();
EOS
is($node->safe_psql('postgres', "SELECT count(*) FROM influence.install(); SELECT current_user = session_user, current_setting('search_path')"),
	qq(23\nt|"\$user", public), 'install() does its work');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mover'"), 'f', 'and a view of the owner role takes nothing over');
$node->safe_psql('postgres', <<'EOS');
DROP VIEW influence.schema_version;
ALTER TABLE influence.steps RENAME TO schema_version;
DELETE FROM influence.schema_version WHERE step = 23;
DELETE FROM influence.setting WHERE name = 'tax_retention';
DROP TABLE influence.forgetting, influence.forgotten_visitor, influence.forgotten_key, influence.forgotten_creator CASCADE;
SET SESSION AUTHORIZATION mover;
SET ROLE influence_owner;
CREATE FUNCTION influence.strike_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM influence.strike(); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON influence.schema_version DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION influence.strike_late();
EOS
like(ask($node, 'postgres', $ENV{USER} // (getpwuid $<)[0], 'SELECT count(*) FROM influence.install()'), qr/^42501$/, 'a deferred trigger is refused');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mover'"), 'f', 'and takes nothing over');
$node->safe_psql('postgres', 'DROP TRIGGER strike ON influence.schema_version');
is($node->safe_psql('postgres', 'SELECT count(*) FROM influence.install()'), '23', 'without it install() goes on');

done_testing();
