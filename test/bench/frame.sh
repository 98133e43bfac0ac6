# shellcheck shell=bash
# What the benches have in common. Sourced after test/lib/enter.sh; the first two
# before `enter`, which passes on arguments and not variables.

# bench_numbers NAMES VALUE...: ends the bench where a value is no positive number.
bench_numbers() {
	local names=$1 number
	shift
	for number in "$@"; do
		[[ $number =~ ^[1-9][0-9]*$ ]] || { echo "$names are numbers, not \"$number\"" >&2; exit 2; }
	done
}

# bench_size SIZE: 200k, 10M or a bare number, as digits.
bench_size() {
	[[ $1 =~ ^[1-9][0-9]*[kM]?$ ]] || { echo "SIZE is a number like 200k or 10M, not \"$1\"" >&2; return 2; }
	local digits=${1/k/000}
	echo "${digits/M/000000}"
}

# bench_document SIZE KEPT: sets doc to where the report goes, which enter brings
# back: DOC, or performance.md at the size whose figures are kept, else nowhere.
bench_document() {
	doc=${DOC-}
	if [ -z "${DOC+set}" ] && [ "$1" = "$2" ]; then
		doc=docs/reference/performance.md
	fi
	if [[ $doc = /* || $doc = *..* ]]; then
		echo "DOC is a path inside the checkout, not \"$doc\"" >&2
		exit 2
	fi
	# shellcheck disable=SC2034	# for enter
	[ -z "$doc" ] || enter_brings=("$doc")
}

# bench_huge_pages MB "$0" "$@": with HUGE_PAGES=1, for as long as the bench takes,
# sets so much memory aside in huge pages, which the server uses where there are
# any; needs root. Without it the machine stays as it is.
bench_huge_pages() {
	local megabytes=$1 pages=/proc/sys/vm/nr_hugepages before wanted status
	shift
	[ "${HUGE_PAGES:-}" = 1 ] && [ -z "${BENCH_HUGE_PAGES_SET:-}" ] || return 0
	[ -w "$pages" ] || { echo "HUGE_PAGES=1 needs root: it writes $pages" >&2; exit 2; }
	before=$(cat "$pages")
	# shellcheck disable=SC2064	# the number as it is now
	trap "echo $before >$pages" EXIT
	wanted=$((before + megabytes * 1024 / $(awk '/^Hugepagesize/ {print $2}' /proc/meminfo)))
	# what the caches of files hold is in the way
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/compact_memory
	echo "$wanted" >"$pages"
	[ "$(cat "$pages")" -ge "$wanted" ] || { echo "the machine has no $megabytes MB left for huge pages" >&2; exit 2; }
	BENCH_HUGE_PAGES_SET=1 "$@"
	status=$?
	exit "$status"
}

# bench_build: the extension as users get it, without bitcode.
bench_build() {
	if ! stage_build plain PG_CONFIG="$PG_CONFIG" with_llvm=no >"$PGI_WORK/build.log" 2>&1; then
		cat "$PGI_WORK/build.log" >&2
		exit 1
	fi
}

# bench_packages: DuckDB.
bench_packages() {
	if ! (cd "$PGI_TREE/test/bench" && npm ci --no-audit --no-fund) >"$PGI_WORK/npm.log" 2>&1; then
		cat "$PGI_WORK/npm.log" >&2
		echo "DuckDB could not be installed through npm" >&2
		exit 1
	fi
}

# bench_server DATABASE SETTING...: a server that has nothing else to do, and a
# database with the extension, which PGDATABASE names (none for "").
bench_server() {
	local database=$1
	shift
	cluster_start bench plain "autovacuum = off" "max_wal_size = 16GB" "wal_level = minimal" "max_wal_senders = 0" "timezone = 'UTC'" \
		"$@" || exit 1
	PGI_SERVER_PID=$(head -n 1 "$PGI_WORK/cluster-bench/postmaster.pid")
	export PGI_SERVER_PID
	if [ -n "$database" ]; then
		psql -qX -d postgres -c "CREATE DATABASE $database" && psql -qX -d "$database" -c 'CREATE EXTENSION pg_influence' || exit 1
		export PGDATABASE=$database
	fi
}
