# shellcheck shell=bash
# Finds the PostgreSQL to test with, and the programs the scripts need.
#
# deps_need LEVEL   LEVEL is "demo" (build and run), "check" (also the tools
#                   of the tests) or "bench" (also those of the benchmark). As
#                   root on Debian, what is missing is installed; otherwise the
#                   command that would is printed.
#
# Sets and exports PG_CONFIG, PGI_BIN (its bindir) and PGI_CLANG.

# The pg_config asked for, or the first that is there; else Debian's 15.
deps_find_postgres()
{
	local found

	if [ -n "${PG_CONFIG:-}" ]; then
		found=$(command -v "$PG_CONFIG") || { echo "PG_CONFIG=$PG_CONFIG: no such program" >&2; exit 1; }
	elif [ -x /usr/lib/postgresql/15/bin/pg_config ]; then
		found=/usr/lib/postgresql/15/bin/pg_config
	else
		found=$(command -v pg_config || true)
	fi
	# one that answers: Debian's wrapper may be there without a server behind it
	if [ -n "$found" ] && ! "$found" --version >/dev/null 2>&1; then
		found=
	fi
	PG_CONFIG=$found
	PGI_BIN=$([ -z "$found" ] || "$found" --bindir)
}

deps_major()
{
	local version=${PG_CONFIG:+$("$PG_CONFIG" --version)}

	version=${version#PostgreSQL }
	version=${version%%[!0-9]*}
	echo "${version:-15}"
}

deps_find_clang()
{
	local name

	for name in ${PGI_CLANG:-} clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19; do
		command -v "$name" && return 0
	done
	return 1
}

deps_header() { echo "#include <$1>" | gcc -E -o /dev/null - 2>/dev/null; }
deps_pg_file() { [ -n "$PG_CONFIG" ] && [ -e "$("$PG_CONFIG" "$1")/$2" ]; }
# Debian's client package has PGXS, and not the headers that it needs
deps_pgxs() { [ -n "$PG_CONFIG" ] && [ -e "$("$PG_CONFIG" --pgxs)" ] && deps_pg_file --includedir-server postgres.h; }
deps_python() { python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; }
deps_perl() { perl -MTest::More -MIPC::Run -e 1 2>/dev/null; }

# Names of the Debian packages whose files are not there, one a line.
deps_missing()
{
	local level=$1 v package probe

	v=$(deps_major)
	while IFS='|' read -r when package probe; do
		[ "$when" = demo ] || [ "$when" = "$level" ] || continue
		$probe >/dev/null || echo "$package"
	done <<-END
		demo|gcc|command -v gcc
		demo|libc6-dev|deps_header stdio.h
		demo|make|command -v make
		demo|pkg-config|command -v pkg-config
		demo|libxxhash-dev|deps_header xxhash.h
		demo|procps|command -v ps
		demo|postgresql-$v|deps_pg_file --bindir initdb
		demo|postgresql-server-dev-$v|deps_pgxs
		demo|postgresql-$v-cron|deps_pg_file --pkglibdir pg_cron.so
		check|python3|deps_python
		check|libipc-run-perl|deps_perl
		check|clang-14|deps_find_clang
		bench|python3|deps_python
		bench|nodejs|command -v node
		bench|npm|command -v npm
	END
}

# In a subshell, so that its trap is its own.
deps_install()
(
	dropin=/etc/postgresql-common/createcluster.d/zz-pg_influence-check.conf
	log=$(mktemp)
	apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300
		-o Acquire::Retries=3)

	echo "installing: $*"
	trap 'rm -f "$dropin" "$log"' EXIT
	trap 'exit 143' INT TERM HUP
	# The packages would create and start a cluster of their own. Nobody asked
	# for one: say no for the time of this installation.
	mkdir -p "${dropin%/*}"
	echo "create_main_cluster = false" >"$dropin"
	if ! "${apt[@]}" update >"$log" 2>&1 </dev/null ||
		! "${apt[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		exit 1
	fi
)

deps_need()
{
	local level=$1 missing

	deps_find_postgres
	missing=$(deps_missing "$level" | tr '\n' ' ')
	if [ -n "$missing" ]; then
		if ! command -v apt-get >/dev/null; then
			echo "missing (names of Debian's packages): $missing" >&2
			exit 1
		elif [ "$(id -u)" != 0 ]; then
			echo "missing packages; install them with" >&2
			echo "    sudo apt-get install -y --no-install-recommends $missing" >&2
			exit 1
		fi
		# shellcheck disable=SC2086	# a list of words
		deps_install $missing || { echo "could not install: $missing" >&2; exit 1; }
		hash -r
		deps_find_postgres
		missing=$(deps_missing "$level" | tr '\n' ' ')
		[ -z "$missing" ] || { echo "still missing after installing: $missing" >&2; exit 1; }
	fi
	PGI_CLANG=$(deps_find_clang || true)
	export PG_CONFIG PGI_BIN PGI_CLANG
}
