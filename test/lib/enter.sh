# shellcheck shell=bash
# Runs a script in a private copy of the tree, as a user who may run a server.
#
# enter LEVEL "$0" "$@"
#
# The first time: sees to the programs (deps.sh), copies the checkout into a
# fresh temporary directory, and runs the same script in the copy with a clean
# environment: as root under the server's user, since initdb refuses root. When
# that has ended, however it ended, the directory goes (unless PGI_KEEP=1) and
# the script exits. In the copy: returns at once, with PGI_WORK (the temporary
# directory) and PGI_TREE (the copy) set.
#
# A script that writes files of the checkout names them in the array
# enter_brings; where it made or changed them and ended well (0, or 3: what was
# measured misses a bar), they are brought back from the copy.

. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"

enter_brings=()

enter()
{
	local level=$1 script top base user status

	if [ -n "${PGI_INSIDE:-}" ]; then
		return 0
	fi
	script=$(cd "$(dirname "$2")" && pwd -P)/$(basename "$2")
	shift 2

	top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
	base=${TMPDIR:-/tmp}
	if [ "$(id -u)" = 0 ]; then
		# The server's user sees neither root's home nor root's TMPDIR.
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		base=/tmp
	elif [ "${#base}" -gt 60 ]; then
		base=/tmp				# the path of a socket has 107 bytes
	fi
	deps_need "$level"

	enter_as=()
	user=$(id -un)
	if [ "$(id -u)" = 0 ]; then
		user=${PGI_USER:-postgres}
		if ! id "$user" >/dev/null 2>&1; then
			echo "a server does not run as root, and there is no user \"$user\": set PGI_USER" >&2
			exit 1
		fi
		enter_as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
	fi

	enter_work=$(mktemp -d "$base/pg_influence.XXXXXX") || exit 1
	enter_pid=
	trap enter_cleanup EXIT
	trap 'enter_stop; exit 130' INT
	trap 'enter_stop; exit 143' TERM HUP

	mkdir "$enter_work/tree" "$enter_work/home"
	enter_copy_tree "$top" "$enter_work/tree" || exit 1
	enter_find_data "$top"
	if [ "$(id -u)" = 0 ]; then
		chown -R "$user:" "$enter_work"
	fi

	# A clean environment: no PG* of the caller, no MAKEFLAGS of the make that
	# started us, no git variables of a hook.
	cd "$enter_work/tree" || exit 1
	"${enter_as[@]}" env -i \
		PATH="$PGI_BIN:$PATH" HOME="$enter_work/home" USER="$user" LOGNAME="$user" \
		LC_ALL=C.UTF-8 TMPDIR="$base" TERM="${TERM:-dumb}" CI="${CI:-}" \
		PG_CONFIG="$PG_CONFIG" PGI_BIN="$PGI_BIN" PGI_CLANG="$PGI_CLANG" \
		PGI_INSIDE=1 PGI_WORK="$enter_work" PGI_TREE="$enter_work/tree" PGI_DATA="$PGI_DATA" \
		PGI_LONG="${PGI_LONG:-}" PGI_CRASHES="${PGI_CRASHES:-}" PGI_SEED="${PGI_SEED:-}" PGI_COMMISSION_OPERATIONS="${PGI_COMMISSION_OPERATIONS:-}" PGI_PAYOUT_STORIES="${PGI_PAYOUT_STORIES:-}" PGI_COVERAGE="${PGI_COVERAGE:-}" \
		PGI_TIMEOUT="${PGI_TIMEOUT:-}" PGI_JOBS="${PGI_JOBS:-$(nproc)}" PGI_DEMO="${PGI_DEMO:-}" \
		bash "$enter_work/tree/${script#"$top"/}" "$@" </dev/null &
	enter_pid=$!
	wait "$enter_pid"
	status=$?
	enter_pid=
	case $status in
		0 | 3) enter_bring_back "$top" || status=1 ;;
	esac
	exit "$status"
}

enter_bring_back()
{
	local file

	for file in "${enter_brings[@]}"; do
		if [ -e "$enter_work/tree/$file" ] && ! cmp -s "$enter_work/tree/$file" "$1/$file"; then
			cat "$enter_work/tree/$file" >"$1/$file" || return 1
		fi
	done
}

# Files git knows or would add; without git, all but .git.
enter_copy_tree()
{
	local top=$1 to=$2 list=$enter_work/files file

	if git -c safe.directory="$top" -C "$top" ls-files -coz --exclude-standard >"$list" 2>/dev/null &&
		[ -s "$list" ]; then
		# the index may name files that are deleted in the work tree
		(cd "$top" && while IFS= read -r -d '' file; do
			[ -e "$file" ] && printf '%s\0' "$file"
		done) <"$list" | sort -zu >"$list.there"
	else
		(cd "$top" && find . -path ./.git -prune -o -type f -print0) >"$list.there"
	fi
	tar -C "$top" --null -T "$list.there" -cf - | tar -C "$to" -xf - --no-same-owner
	rm -f "$list" "$list.there"
}

# PGI_DATA: real data for the oracles, beside the checkout if not said otherwise.
# What the server's user may not read is copied.
enter_find_data()
{
	PGI_DATA=${PGI_DATA:-$1/../shared/data}
	if [ ! -d "$PGI_DATA" ]; then
		PGI_DATA=
	elif [ -n "$("${enter_as[@]}" find "$PGI_DATA" ! -readable -print -quit 2>&1)" ]; then
		cp -r "$PGI_DATA" "$enter_work/data"
		PGI_DATA=$enter_work/data
	else
		PGI_DATA=$(cd "$PGI_DATA" && pwd -P)
	fi
}

enter_stop()
{
	if [ -n "$enter_pid" ]; then
		kill -TERM "$enter_pid" 2>/dev/null
		wait "$enter_pid"
		enter_pid=
	fi
}

enter_cleanup()
{
	if [ -n "${PGI_KEEP:-}" ]; then
		echo "kept: $enter_work" >&2
	else
		rm -rf "$enter_work"
	fi
}
