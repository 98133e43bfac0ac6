# The demo's loader: whatever is in the CSV files ends up in the program or in
# the list, to the penny; the real files too, when they are there.
use strict;
use warnings;
use utf8;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $story = abs_path(dirname(__FILE__) . '/../../../demo/story.sh');
my $node = PostgreSQL::Test::Cluster->new('demo');
$node->init;
$node->start;
my $user = $node->safe_psql('postgres', 'SELECT current_user');

sub write_file
{
	my ($path, $bytes) = @_;
	mkdir dirname($path);
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $bytes;
	close $out;
	return;
}

# Runs the loader into a database of its own; exit status and all it said.
sub load
{
	my ($database, $dir) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($node->host, $node->port, $user, $database);
	my $said = '';
	my $status = IPC::Run::run([ 'bash', $story, '--load', $dir ], '>&', \$said);
	return ($status, $said);
}

sub utf8_of
{
	my $text = $node->safe_psql('tiny', shift);
	utf8::decode($text);
	return $text;
}

my $creator_header = 'period,platform,handle,followers,name,category,category2,country,views_avg,likes_avg,comments_avg,shares_avg,eng_auth_avg,eng_avg';
my $order_header = 'country,invoice_no,is_credit,stock_code,description,quantity,invoice_ts,unit_price,customer_id,note';
my $dir = PostgreSQL::Test::Utils::tempdir();

# Files that are not there, or not these ------------------------------------

my ($ok, $said) = load('none', $dir);
ok(!$ok, 'a missing file stops the loader');
like($said, qr/influencers_2022\.csv is missing: a CSV file with the columns platform, period, handle/, 'and it says what belongs there');
write_file("$dir/creators/influencers_2022.csv", "$creator_header\n");
write_file("$dir/orders/online_retail_10k.csv", "invoice_no,quantity\n");
($ok, $said) = load('columns', $dir);
ok(!$ok, 'a file without its columns stops the loader');
like($said, qr/lacks the columns is_credit stock_code description invoice_ts unit_price customer_id country/, 'and it names them');

# Every trap in a few lines -------------------------------------------------

my $creators = "\xef\xbb\xbf" . join("\r\n", $creator_header,
	'2022-03,instagram,anna,12000000,Anna,Food,,Germany,,,,,100,300000',                  # 2
	'2022-03,instagram,anna,12000000,Anna,Food,,Germany,,,,,100,300000',                  # 3 exact repeat
	'2022-03,instagram,anna,12000001,Anna,Food,,Germany,,,,,100,300000',                  # 4 conflict
	'2022-06,instagram,anna,12500000,"Anna ""A"" O\'Neil, jr.",Food,,Atlantis,,,,,,1000', # 5
	'2022-06,tiktok,anna,6000000,,,,-,1000000,90000,100,200,,',                           # 6 another creator
	'2022-06,youtube,"new' . "\n" . 'line",7000000,Кружка ☕,,,0,,,,,,',                   # 7 and 8
	'2022-06,youtube,big,10.2M,Big,,,India,,,,,,',                                        # 9
	'2022-06,myspace,tom,1,Tom,,,India,,,,,,',                                            # 10
	'2022-13,youtube,bad,1,Bad,,,India,,,,,,',                                            # 11
	'2022-06,youtube,,1,Nobody,,,India,,,,,,',                                            # 12
	'2022-06,youtube,short,1',                                                            # 13
	'2022-06,youtube,neg,-5,Neg,,,India,,,,,,') . "\n";                                   # 14
utf8::encode($creators);
$creators =~ s/^\xc3\xaf\xc2\xbb\xc2\xbf/\xef\xbb\xbf/;
write_file("$dir/creators/influencers_2022.csv", $creators);

my @order = (
	[ q{United Kingdom,A1,f,S1,"Mug, ""big""",10,2024-03-01 10:00:00,2.55,C1,}, 'order line', 2550 ],
	[ q{United Kingdom,A1,f,S1,"Mug, ""big""",10,2024-03-01 10:00:00,2.55,C1,}, 'order line', 2550 ],
	[ qq{United Kingdom,A1,f,S2,"two\nlines",3,2024-03-01 10:00:00,1.0,C1,}, 'order line', 300 ],
	[ q{United Kingdom,A1,f,S3,free,5,2024-03-01 10:00:00,0,C1,}, 'order line at price 0', 0 ],
	[ q{United Kingdom,A2,f,S1,'); DROP TABLE demo.plan; --,4,2024-03-02 09:00:00,2.50,C1,}, 'order line', 1000 ],
	[ qq{United Kingdom,A2,f,S4,lost\\t\t,-5,2024-03-02 09:00:00,0.0,C1,}, 'adjustment', 0 ],
	[ q{United Kingdom,A2,f,S4,lost,-2,2024-03-02 09:00:00,1.5,C1,}, 'adjustment', -300 ],
	[ q{Germany,A3,f,S5,Кружка ☕,2,2024-03-02 11:00:00,7,,}, 'order line', 1400 ],
	[ q{EIRE,A4,f,S1,x,ten,2024-03-02 12:00:00,1.00,C2,}, 'rejected', undef, 'quantity "ten" is not a whole number' ],
	[ q{EIRE,A4,f,S1,x,1,2024-03-02 12:00:00,1.005,C2,}, 'rejected', undef, 'unit_price "1.005" is not in whole pence' ],
	[ q{EIRE,A4,f,S1,x,1}, 'rejected', undef, '6 fields, the header has 10' ],
	[ q{EIRE,A4,f,S1,x,1,2024-02-30 12:00:00,1.00,C2,}, 'rejected', undef, 'invoice_ts "2024-02-30 12:00:00" is not a time' ],
	[ q{EIRE,A4,f,S2,ok,6,2024-03-02 12:00:00,1.00,C2,}, 'order line', 600 ],
	[ q{EIRE,A4,f,S2,BYTES,6,2024-03-02 12:00:00,1.00,C2,}, 'rejected', undef, 'not UTF-8' ],
	[ q{EIRE,A4,f,S2,x,6,2024-03-02 12:00:00,1.00,C9,}, 'rejected', undef, 'the invoice is of customer "C2" on line 15' ],
	[ q{EIRE,K1,t,S2,exact,-3,2024-03-03 10:00:00,1.00,C1,}, 'return, matched', -300 ],
	# 4 pieces of A2, then 8 of the second line of A1
	[ q{EIRE,K1,t,S1,over several,-12,2024-03-03 10:00:00,2.50,C1,}, 'return, matched', -3000 ],
	# 2 more of the second line of A1 and the 10 of its first; 8 are nobody's
	[ q{EIRE,K2,t,S1,in part,-20,2024-03-04 10:00:00,2.50,C1,}, 'return, matched in part', -5000, 'only 12 of 20 pieces were bought before' ],
	[ q{EIRE,K3,t,S9,never bought,-1,2024-03-04 10:00:00,9.99,C1,}, 'return, unmatched', -999, 'no earlier purchase by this customer in the file' ],
	[ q{EIRE,K4,t,S5,no customer,-1,2024-03-04 10:00:00,7.00,,}, 'return, unmatched', -700, 'no customer' ],
	[ q{EIRE,K5,t,S2,too early,-1,2024-03-01 09:00:00,1.00,C1,}, 'return, unmatched', -100, 'no earlier purchase by this customer in the file' ],
	[ q{EIRE,K6,t,S1,nothing left,-1,2024-03-05 09:00:00,1.00,C1,}, 'return, unmatched', -100, 'the earlier purchases in the file have nothing left' ],
	[ q{EIRE,K7,t,S2,dearer,-1,2024-03-05 10:00:00,5.00,C2,}, 'return, matched', -500 ],
	[ q{EIRE,K7,t,S2,the money is gone,-1,2024-03-05 10:00:00,5.00,C2,}, 'return, unmatched', -500, 'the earlier purchases in the file have nothing left' ],
	[ q{EIRE,K8,t,S2,gives,2,2024-03-05 10:00:00,1.00,C2,}, 'adjustment', 200, 'positive line on a credit note' ],
	[ q{EIRE,A5,f,S1,negative price,1,2024-03-05 08:00:00,-5.00,C2,}, 'adjustment', -500, 'negative price' ],
	[ q{EIRE,A6,f,S1,bad"quo"te,1,2024-03-05 08:00:00,5.00,C2,}, 'rejected', undef, 'quotes do not match' ],
	[ q{EIRE,A6,maybe,S1,x,1,2024-03-05 08:00:00,5.00,C2,}, 'rejected', undef, 'is_credit "maybe" is neither t nor f' ],
	[ q{EIRE,,f,,x,1,2024-03-05 08:00:00,5.00,C2,}, 'rejected', undef, 'no invoice number; no stock code' ],
	# the last one: it swallows what follows
	[ q{EIRE,A7,f,S1,"never closed,1,2024-03-05 08:00:00,5.00,C2,}, 'rejected', undef, 'a quote is opened and never closed (lines 32 to 33)' ]);
my $orders = join("\n", $order_header, (map { $_->[0] } @order[ 0 .. $#order - 1 ]), $order[-1][0], 'EIRE,A8,f,S1,swallowed,1,2024-03-05 08:00:00,5.00,C2,') . "\n";
utf8::encode($orders);
$orders =~ s/BYTES/\xff\xfe/;
write_file("$dir/orders/online_retail_10k.csv", $orders);

($ok, $said) = load('tiny', $dir);
ok($ok, 'the file with every trap loads and reconciles') or diag($said);
my $line = 2;
my ($expected, %lines, %pence) = ('');
for my $o (@order)
{
	my ($text, $class, $pence, $reason) = @$o;
	$reason //= 'negative line without credit note' if $class eq 'adjustment';
	$expected .= join('|', $line, $class, $pence // '', $reason // '') . "\n";
	$lines{$class}++;
	$pence{$class} += $pence // 0;
	$line += 1 + ($text =~ tr/\n//);
}
chomp $expected;
is($node->safe_psql('tiny', 'SELECT line_no, class, pence, reason FROM demo.source_order ORDER BY line_no'), $expected, 'every line has its class, amount and reason');
is($node->safe_psql('tiny', 'SELECT class, source_lines, coalesce(source_pence, 0)::bigint FROM demo.reconciled ORDER BY class COLLATE "C"'),
	join("\n", map { "$_|$lines{$_}|$pence{$_}" } sort keys %lines), 'the classes add up to the file');
is($node->safe_psql('tiny', 'SELECT class, entries, loaded_pence::bigint, listed_lines, listed_pence::bigint FROM demo.reconciled WHERE class LIKE \'return%\' ORDER BY class'),
	"return, matched|4|-3800|0|\nreturn, matched in part|2|-3000|1|-2000\nreturn, unmatched|0||5|-2399", 'returns: what is in the program and what in the list');
is($node->safe_psql('tiny', 'SELECT return_ref, order_ref, line_no, quantity, amount FROM influence.order_return WHERE state = \'applied\' ORDER BY return_ref, order_ref DESC, line_no DESC'),
	"K1/18|A1|3|3|300\nK1/19|A2|1|4|1000\nK1/19|A1|2|8|2000\nK2/20|A1|2|2|500\nK2/20|A1|1|10|2500\nK7/25|A4|1|1|500",
	'a credit note is taken from the latest earlier purchases that have pieces left');
is($node->safe_psql('tiny', 'SELECT count(*), sum(base_amount) FROM influence.order_line'), '7|8400', 'the order lines');
is($node->safe_psql('tiny', 'SELECT o.order_ref, v.key, v.registered, o.country, o.ordered_at AT TIME ZONE \'Europe/London\' FROM influence.orders o JOIN demo.visitor v USING (visitor_id) ORDER BY 1'),
	"A1|customer C1|t|GB|2025-03-01 10:00:00\nA2|customer C1|t|GB|2025-03-02 09:00:00\nA3|invoice A3|f|DE|2025-03-02 11:00:00\nA4|customer C2|t|IE|2025-03-02 12:00:00",
	'an invoice without a customer is a guest; times are moved by whole years');
is(utf8_of(q{SELECT title FROM influence.product WHERE sku IN ('S1', 'S2', 'S5') ORDER BY sku}), "Mug, \"big\"\ntwo\nlines\nКружка ☕", 'texts arrive as they are');

is($node->safe_psql('tiny', q{SELECT line_no, class, reason FROM demo.listed WHERE file = 'creators' ORDER BY line_no}), join("\n",
	'3|exact repeat|instagram/anna of 2022-03 is on line 2 already', '4|conflict|instagram/anna of 2022-03 is on line 2 already',
	'9|rejected|followers "10.2M" is not a count', '10|rejected|platform "myspace" is not known', '11|rejected|period "2022-13" is not YYYY-MM',
	'12|rejected|no handle', '13|rejected|4 fields, the header has 14', '14|rejected|followers "-5" is not a count'), 'creators: what is listed and why');
is(utf8_of('SELECT c.creator_ref, c.name, c.country, c.vertical, m.measured_at AT TIME ZONE \'UTC\', m.followers, m.interactions, m.likes, m.posts
	FROM influence.creator c JOIN influence.channel_metric m USING (creator_id) ORDER BY c.creator_id, m.measured_at'),
	"instagram/anna|Anna \"A\" O'Neil, jr.|DE|Food|2022-03-31 00:00:00|12000000|300000||1\n"
	. "instagram/anna|Anna \"A\" O'Neil, jr.|DE|Food|2022-06-30 00:00:00|12500000|1000||1\n"
	. "tiktok/anna|anna|||2022-06-30 00:00:00|6000000||90000|1\n"
	. "youtube/new\nline|Кружка ☕|||2022-06-30 00:00:00|7000000|||1", 'creators, their newest description and their snapshots');
is($node->safe_psql('tiny', 'SELECT c.creator_ref, a.decision FROM influence.application a JOIN influence.creator c USING (creator_id) ORDER BY c.creator_id'),
	"instagram/anna|rejected\ntiktok/anna|admitted\nyoutube/new\nline|review", 'their applications are decided');
is($node->safe_psql('tiny', 'SELECT count(*) FROM influence.check_books()'), '0', 'the books are right');

# The real files, against a calculation that shares nothing with the loader --------

sub read_csv
{
	my ($path) = @_;
	open my $in, '<:raw', $path or die "$path: $!";
	local $/ = undef;
	my $text = <$in>;
	close $in;
	my (@rows, @row);
	while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\z)/g)
	{
		my ($quoted, $plain, $end) = ($1, $2, $3);
		my $field = defined $quoted ? $quoted =~ s/""/"/gr : $plain;
		last if $end eq '' && !@row && $field eq '';
		push @row, $field;
		next if $end eq ',';
		push @rows, [@row];
		@row = ();
	}
	my $names = shift @rows;
	return map { my %r; @r{@$names} = @$_; \%r } @rows;
}

SKIP:
{
	my $data = $ENV{PGI_DATA} // '';
	if (!-d $data)
	{
		diag('*** NO REAL DATA: set PGI_DATA; the real files are not tested ***');
		skip('no data', 8);
	}
	($ok, $said) = load('real', $data);
	ok($ok, 'the real files load and reconcile') or diag($said);

	my (%sum, %count, @purchases, $total);
	my $no = 1;
	my @rows = map { { %$_, no => ++$no } } read_csv("$data/orders/online_retail_10k.csv");
	for my $r (@rows)
	{
		$r->{unit_price} =~ /^(-?\d+)(?:\.(\d{1,2}))?$/ or die "price $r->{unit_price}";
		$r->{pence} = ($1 * 100 + (defined $2 ? substr("${2}0", 0, 2) : 0));
		$total += $r->{pence} * $r->{quantity};
		my $class = $r->{is_credit} eq 't' ? 'credit' : $r->{quantity} < 0 ? 'adjustment' : 'order line';
		$count{$class}++;
		$sum{$class} += $r->{pence} * $r->{quantity};
		push @purchases, $r if $class eq 'order line';
		$r->{left} = $r->{quantity};
	}
	is(scalar(@rows) . "|$total", '10000|18066775', 'the file has 10,000 lines and 18,066,775 pence');
	is($node->safe_psql('real', 'SELECT count(*), sum(base_amount) FROM influence.order_line'), "$count{'order line'}|$sum{'order line'}", 'every positive line is an order line');
	is($node->safe_psql('real', 'SELECT sum(source_lines), sum(source_pence)::bigint, sum(loaded_pence)::bigint + sum(listed_pence)::bigint, max(abs(difference))::bigint, max(abs(lines_lost)) FROM demo.reconciled'),
		"10000|$total|$total|0|0", 'nothing is lost');
	my ($matched, $matched_pence) = (0, 0);
	my $nth = 0;
	for my $c (sort { $a->{invoice_ts} cmp $b->{invoice_ts} || $a->{no} <=> $b->{no} } grep { $_->{is_credit} eq 't' && $_->{customer_id} ne '' } @rows)
	{
		my $need = -$c->{quantity};
		for my $p (reverse sort { $a->{invoice_ts} cmp $b->{invoice_ts} || $a->{no} <=> $b->{no} }
			grep { $_->{customer_id} eq $c->{customer_id} && $_->{stock_code} eq $c->{stock_code} && $_->{invoice_ts} lt $c->{invoice_ts} } @purchases)
		{
			my $take = $p->{left} < $need ? $p->{left} : $need;
			next if $take == 0;
			die 'a dearer return: this calculation does not know it' if $c->{pence} > $p->{pence};
			$p->{left} -= $take;
			$need -= $take;
			$matched++;
			$matched_pence += $take * $c->{pence};
		}
	}
	is($node->safe_psql('real', q{SELECT count(*), sum(amount) FROM influence.order_return WHERE state = 'applied'}), "$matched|$matched_pence", 'the same returns are matched');
	is($node->safe_psql('real', q{SELECT sum(pence) FROM demo.listed WHERE file = 'orders' AND class LIKE 'return%'}), $sum{credit} + $matched_pence, 'the others are listed');

	my (%key, %creator);
	my $repeats = 0;
	my @creators = read_csv("$data/creators/influencers_2022.csv");
	for my $r (@creators)
	{
		$key{"$r->{platform}/$r->{period}/$r->{handle}"}++ and $repeats++;
		$creator{"$r->{platform}/$r->{handle}"} = 1;
	}
	is($node->safe_psql('real', q{SELECT (SELECT count(*) FROM influence.creator), (SELECT count(*) FROM influence.channel_metric), (SELECT count(*) FROM demo.listed WHERE file = 'creators')}),
		join('|', scalar(keys %creator), scalar(keys %key), $repeats), 'every creator and every snapshot, the repeated keys listed');
	is($node->safe_psql('real', 'SELECT count(*) FROM influence.check_books()'), '0', 'the books are right');
}

done_testing();
