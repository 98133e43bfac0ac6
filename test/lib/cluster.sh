# shellcheck shell=bash
# Staged installations and throw-away clusters, all below PGI_WORK.
#
# stage_build NAME [make variable...]   builds a copy and installs it below PGI_WORK/stage-NAME
# stage_settings NAME                   prints the settings with which a server finds it
# cluster_start NAME STAGE [setting...] starts a cluster that sees that stage; sets PGHOST, PGPORT, PGUSER
# cluster_use NAME                      sets PGHOST, PGPORT, PGUSER to a running one
# cluster_stop NAME
# cluster_stop_all                      stops every server below PGI_WORK, also those of tests that died
#
# Servers listen on a Unix socket in PGI_WORK only: whatever else runs on the
# machine is neither seen nor disturbed. Each cluster has an empty database "shop".

# Settings for a cluster with pg_cron living in that database
# shellcheck disable=SC2034	# for the scripts that read this file
CLUSTER_WITH_CRON=("shared_preload_libraries = 'pg_cron'" "cron.database_name = 'shop'"
	"cron.use_background_workers = on")

stage_build()
{
	local name=$1 build=$PGI_WORK/build-$1
	shift

	cp -r "$PGI_TREE" "$build" &&
		make -s -C "$build" -j "${PGI_JOBS:-1}" "$@" all &&
		make -s -C "$build" "$@" DESTDIR="$PGI_WORK/stage-$name" install
}

stage_settings()
{
	local stage=$PGI_WORK/stage-$1 known

	known=$("$PGI_BIN/postgres" --describe-config | cut -f 1)
	if grep -qx extension_destdir <<<"$known"; then
		# Debian's patch: a prefix for control files, scripts and libraries
		echo "extension_destdir = '$stage'"
	elif grep -qx extension_control_path <<<"$known"; then
		# PostgreSQL 18
		echo "extension_control_path = '$stage$("$PG_CONFIG" --sharedir):\$system'"
		echo "dynamic_library_path = '$stage$("$PG_CONFIG" --pkglibdir):\$libdir'"
	else
		echo "this PostgreSQL can't load an extension from outside its own directories;" >&2
		echo "use make install and make installcheck" >&2
		return 1
	fi
}

# The cluster that all others are copies of
cluster_template()
{
	local template=$PGI_WORK/template

	mkdir -p "$PGI_WORK/sockets"
	[ ! -d "$template" ] || return 0
	{
		"$PGI_BIN/initdb" --pgdata="$template" --username=postgres --auth=trust --encoding=UTF8 \
			--locale=C.UTF-8 --no-sync --no-instructions &&
			echo 'CREATE DATABASE shop' | "$PGI_BIN/postgres" --single -F -D "$template" postgres
	} >"$PGI_WORK/initdb.log" 2>&1 || { cat "$PGI_WORK/initdb.log" >&2; return 1; }
}

cluster_start()
{
	local name=$1 stage=$2 dir=$PGI_WORK/cluster-$1 port=5501 setting
	shift 2

	cluster_template || return 1
	cp -r "$PGI_WORK/template" "$dir"
	chmod 700 "$dir"
	# whoever makes the directory has the port
	until mkdir "$PGI_WORK/sockets/$port" 2>/dev/null; do
		port=$((port + 1))
	done
	{
		cat <<-END
			listen_addresses = ''
			unix_socket_directories = '$PGI_WORK/sockets'
			port = $port
			fsync = off
			shared_buffers = 64MB
			max_worker_processes = 16
			log_line_prefix = '%m [%p] %d '
		END
		stage_settings "$stage"
		for setting in "$@"; do
			echo "$setting"
		done
	} >>"$dir/postgresql.conf"
	echo "$port" >"$dir.port"
	if ! "$PGI_BIN/pg_ctl" -D "$dir" -l "$dir.log" -s -w -t 60 start; then
		tail -n 20 "$dir.log" >&2
		return 1
	fi
	cluster_use "$name"
}

cluster_use()
{
	PGHOST=$PGI_WORK/sockets
	PGPORT=$(cat "$PGI_WORK/cluster-$1.port")
	PGUSER=postgres
	export PGHOST PGPORT PGUSER
}

cluster_stop()
{
	"$PGI_BIN/pg_ctl" -D "$PGI_WORK/cluster-$1" -m fast -s -w stop
}

cluster_stop_all()
{
	local pidfile

	find "$PGI_WORK" -name postmaster.pid 2>/dev/null | while IFS= read -r pidfile; do
		"$PGI_BIN/pg_ctl" -D "${pidfile%/*}" -m "${1:-immediate}" -s -w stop >/dev/null 2>&1
	done
}
