#!/usr/bin/env bash
# Tells the story of a program in the database that PGHOST, PGPORT, PGUSER and
# PGDATABASE name: without the extension, pg_cron may be created in it.
#
#   story.sh             with generated creators and orders
#   story.sh DIR         with DIR/creators/influencers_2022.csv and
#                        DIR/orders/online_retail_10k.csv (columns: README.md)
#   story.sh --load DIR  only loads the files and reconciles: nothing is made up
#
# Three roles act: the service writes, the operator sets up and pays, the jobs
# run as a third; see roles.sql. Exits with 1 if anything is not as it should be.

set -u -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning -c timezone=UTC" PGCLIENTENCODING=UTF8 LC_ALL=C.UTF-8
load_only=
if [ "${1:-}" = --load ]; then
	load_only=1
	shift
fi
data=${1:-}
round=1
began=$EPOCHREALTIME
step_began=$began

fail() { printf '\n*** %s ***\n' "$1" >&2; exit 1; }

# as USER [psql options]: one psql; an error ends the story
as()
{
	local user=$1
	shift
	psql -qX -v ON_ERROR_STOP=1 -v round="$round" -U "$user" "$@" || fail "the step failed"
}
value() { as "${2:-shop_operator}" -At -c "$1"; }
owner=$PGUSER

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }
# step TEXT: the progress line of what was just done
step()
{
	printf '[%5s s] %s (%s s)\n' "$(seconds_since "$began")" "$1" "$(seconds_since "$step_began")"
	step_began=$EPOCHREALTIME
}
# counted PATTERN: how often which calls of this round were answered how
counted()
{
	value "SELECT string_agg(call || ' ' || n, ', ' ORDER BY at) FROM (
			SELECT call, min(at) AS at, string_agg(to_char(n, 'FM999,999') || CASE WHEN status = 'recorded' THEN '' ELSE ' ' || status END, ' + ') AS n
			  FROM (SELECT call, status, sum(calls) AS n, min(answer_id) AS at FROM demo.answer
					 WHERE round = $round AND calls > 0 AND call ~ '^($1)' GROUP BY 1, 2) x
			 GROUP BY call) y"
}

# Files ---------------------------------------------------------------------

creator_columns="platform period handle name category country followers views_avg likes_avg comments_avg shares_avg eng_auth_avg eng_avg"
order_columns="invoice_no is_credit stock_code description quantity invoice_ts unit_price customer_id country"

check_file()
{
	local file=$1 columns=$2 header column missing=

	if [ ! -r "$file" ] || [ ! -f "$file" ]; then
		fail "$file is missing: a CSV file with the columns ${columns// /, }"
	fi
	header=$(LC_ALL=C head -n 1 "$file" | LC_ALL=C tr -d '\000\r"' | LC_ALL=C sed 's/^\xef\xbb\xbf//')
	for column in $columns; do
		case ",$header," in *",$column,"*) ;; *) missing="$missing $column" ;; esac
	done
	[ -z "$missing" ] || fail "$file lacks the columns$missing (expected: ${columns// /, })"
}

# The bytes of a file, one line a row, whatever they are: bytes are read as
# LATIN1, a NUL becomes a control character (which is rejected later).
copy_lines()
{
	LC_ALL=C tr '\000' '\001' <"$2" | LC_ALL=C sed -e 's/\\/\\\\/g' -e 's/\t/\\t/g' -e 's/\r/\\r/g' -e "s/^/$1\t/" |
		PGCLIENTENCODING=LATIN1 as shop_service -c '\copy demo.source_line (file, text) FROM pstdin'
}

read_source()
{
	if [ -z "$data" ]; then
		as shop_service -f "$here/generate.sql"
		step "generated: $(value "SELECT format('%s creators, %s products, %s shoppers, %s orders, %s returns', (SELECT count(*) FROM demo.creator),
			(SELECT count(*) FROM demo.product), (SELECT count(*) FROM demo.visitor), (SELECT count(*) FROM demo.orders), (SELECT count(*) FROM demo.return))")"
		return
	fi
	copy_lines creators "$data/creators/influencers_2022.csv"
	copy_lines orders "$data/orders/online_retail_10k.csv"
	as shop_service -f "$here/csv_read.sql" -f "$here/csv_creators.sql" -f "$here/csv_orders.sql"
	step "read: $(value "SELECT format('%s creators in %s snapshots, %s orders with %s lines, %s products', (SELECT count(*) FROM demo.creator),
		(SELECT count(*) FROM demo.metric), (SELECT count(*) FROM demo.orders), (SELECT count(*) FROM demo.line), (SELECT count(*) FROM demo.product))")"
}

# Steps ---------------------------------------------------------------------

load()
{
	as shop_operator -f "$here/load_setup.sql"
	[ -n "$1" ] && step "set up: $(counted 'create_|set_|add_products')"
	as shop_service -f "$here/load_creators.sql"
	as "$owner" -c ANALYZE		# as autovacuum does within the next minute
	as shop_service -f "$here/load_applications.sql"
	[ -n "$1" ] && step "creators: $(counted 'register_creator|add_channel|record_channel|apply')"
	if [ "$round" -eq 1 ] && [ -z "$load_only" ]; then
		as shop_service -f "$here/society.sql"
		step "made up what happens between creators and shoppers"
	fi
	as shop_service -f "$here/load_society.sql"
	as "$owner" -c ANALYZE
	[ -n "$1" ] && step "happened: $(counted 'publish|register_shopper|set_int|follow|record_tou|record_o|record_r|react|block')"
	return 0
}

# same BEFORE AFTER FILTER: whether two fingerprints agree
same()
{
	local changed

	changed=$(value "SELECT coalesce(string_agg(coalesce(a.relation, b.relation), ', '), '')
		FROM (SELECT * FROM demo.fingerprint WHERE moment = '$1') a
		FULL JOIN (SELECT * FROM demo.fingerprint WHERE moment = '$2') b ON b.relation = a.relation
		WHERE (a.row_count, a.digest) IS DISTINCT FROM (b.row_count, b.digest) AND $3")
	[ -z "$changed" ] || fail "a repetition changed: $changed"
}

check_books()
{
	local violations

	violations=$(value "SELECT count(*) FROM influence.check_books()")
	if [ "$violations" != 0 ]; then
		as shop_operator -c "SELECT * FROM influence.check_books() LIMIT 20"
		fail "check_books() found $violations violations"
	fi
	step "influence.check_books(): no violation"
}

load_again()
{
	as shop_operator -c "CALL demo.take_fingerprint('loaded')"
	round=2
	load ''
	as shop_operator -c "CALL demo.take_fingerprint('loaded twice')"
	# the payouts may have run meanwhile, and they are not part of this
	same loaded 'loaded twice' "coalesce(a.relation, b.relation) NOT IN ('ledger', 'payout', 'payout_line', 'payout_tax', 'statement', 'job_period')"
	value "SELECT 'x' FROM demo.answer WHERE round = 2 AND calls > 0 AND status NOT IN ('duplicate', 'parked') LIMIT 1" | grep -q x &&
		fail "a repeated call was not answered with \"duplicate\""
	step "every call of the load again: $(value "SELECT to_char(sum(calls), 'FM999,999') FROM demo.answer WHERE round = 2") times \"duplicate\", $(
		value "SELECT format('%s tables with %s rows are the same byte for byte', count(*), to_char(sum(row_count), 'FM999,999,999')) FROM demo.fingerprint
			WHERE moment = 'loaded' AND relation NOT IN ('ledger', 'payout', 'payout_line', 'payout_tax', 'statement', 'job_period')")"
	load_again_done=1
}

pay_again()
{
	as shop_operator -c "CALL demo.take_fingerprint('paid')"
	as shop_operator -c "SELECT FROM influence.book_earnings()" -c "SELECT FROM influence.refresh_stats()" \
		-c "SELECT FROM demo.plan l, (SELECT DISTINCT program_id, period FROM influence.payout) p, LATERAL influence.run_payouts(p.program_id, p.period) x" \
		-c "$confirm" -o /dev/null
	as shop_jobs -c "CALL influence.run_due()"
	as shop_operator -c "CALL demo.take_fingerprint('paid twice')"
	same paid 'paid twice' "coalesce(a.relation, b.relation) <> 'job_period'"
	step "every job, payout and confirmation again: nothing changed"
}

schedule_jobs()
{
	as "$owner" -c "CREATE EXTENSION pg_cron" -c "GRANT USAGE ON SCHEMA cron TO shop_jobs"
	value "SELECT format('%s: %s every minute', status, command) FROM influence.schedule_jobs()" shop_jobs >/dev/null
	step "pg_cron calls influence.run_due() every minute from now on"
}

# pg_cron calls a run succeeded at its first commit: ask the jobs themselves
tick_done()
{
	[ "$(value "SELECT EXISTS (SELECT FROM influence.job_run WHERE job = 'refresh_stats' AND status = 'succeeded')
			AND NOT EXISTS (SELECT FROM influence.job_run WHERE finished_at IS NULL)
			AND NOT EXISTS (SELECT FROM influence_internal.due_periods('payouts', now()))" "$owner")" = t ]
}
wait_for_tick()
{
	local waited=0

	until tick_done; do
		[ "$waited" -lt 150 ] || {
			as "$owner" -c "SELECT status, return_message FROM cron.job_run_details" -c "SELECT job, status, detail FROM influence.job_run"
			fail "pg_cron did not run the job"
		}
		[ $((waited % 10)) -ne 0 ] || printf '[%5s s] waiting for the minute of pg_cron ...\n' "$(seconds_since "$began")"
		sleep 1
		waited=$((waited + 1))
	done
	step "the minute came, the job ran"
}

# The story -----------------------------------------------------------------

if [ -n "$data" ]; then
	check_file "$data/creators/influencers_2022.csv" "$creator_columns"
	check_file "$data/orders/online_retail_10k.csv" "$order_columns"
fi
as "$owner" -c "CREATE EXTENSION pg_influence" -c "SELECT FROM influence.install()" -f "$here/roles.sql" -o /dev/null
as shop_service -f "$here/staging.sql"
step "CREATE EXTENSION pg_influence; SELECT influence.install()"
read_source
load_began=$EPOCHREALTIME
load aloud
load_took=$(seconds_since "$load_began")
if [ -n "$data" ]; then
	as shop_operator -f "$here/reconcile.sql"
	as shop_operator -f "$here/show_input.sql"
fi
[ -z "$load_only" ] || exit 0

as shop_operator -c "SELECT FROM influence.refresh_stats()" -o /dev/null
step "influence.refresh_stats()"
schedule_jobs
as shop_operator -f "$here/show_program.sql"
as shop_operator -f "$here/show_feeds.sql"
step_began=$EPOCHREALTIME
step "influence.refresh_scores(): $(value "SELECT format('%s channels and %s creators scored', s.channels, s.creators) FROM demo.plan p, LATERAL influence.refresh_scores(p.feed_at) s")"
as shop_operator -f "$here/show_creators.sql"
step_began=$EPOCHREALTIME

# The wait is good for the repetition, if it ends before the minute does
load_again_done=
left=$((60 - 10#$(date +%S)))
if awk -v left="$left" -v took="$load_took" 'BEGIN { exit !(left > took + 4) }'; then
	load_again
fi
wait_for_tick
confirm="SELECT FROM demo.plan l JOIN influence.payout p ON p.program_id = l.program_id AND p.period = (SELECT min(period) FROM influence.payout),
	LATERAL influence.confirm_payout(p.program_id, p.party_id, p.period, 'SEPA-' || p.party_id, paid_at => greatest(p.run_at, '2026-10-05 12:00+00')) c"
as shop_operator -c "$confirm" -o /dev/null
as shop_operator -f "$here/show_payouts.sql"
step_began=$EPOCHREALTIME
check_books
[ -n "$load_again_done" ] || load_again
pay_again
check_books
printf '[%5s s] the end. Next: README.md for the five-minute story by hand, demo/README.md for what was made up here.\n' "$(seconds_since "$began")"
