# shellcheck shell=bash
# Tests side by side: as many lanes as the machine has processors, at most four.
#
# lanes_count            how many
# lanes_run RUN REPORT   for each test of standard input: RUN TEST LANE in one of the lanes (1, 2, ...), then, in the
#                        order of the input, REPORT TEST STATUS LANE
#
# A lane is a process: what RUN sets is gone afterwards, what it writes to files stays. Each lane takes the next test
# that no other one has taken; making a directory is what decides who has.

lanes_count() { echo $((${PGI_JOBS:-1} < 4 ? ${PGI_JOBS:-1} : 4)); }

lanes_run()
{
	local run=$1 report=$2 taken lane test place tests=()

	mapfile -t tests
	taken=$(mktemp -d "$PGI_WORK/lanes.XXXXXX")
	lanes_pids=()
	for ((lane = 1; lane <= $(lanes_count); lane++)); do
		(
			trap 'kill ${job:-} 2>/dev/null; exit 143' TERM HUP
			trap - EXIT
			for test in "${tests[@]}"; do
				place=$taken/${test//\//_}
				mkdir "$place" 2>/dev/null || continue
				"$run" "$test" "$lane"
				echo "$? $lane" >"$place/new" && mv "$place/new" "$place/status"
			done
		) &
		lanes_pids+=($!)
	done
	for test in "${tests[@]}"; do
		place=$taken/${test//\//_}
		# a lane that died leaves no status
		while [ ! -e "$place/status" ] && kill -0 "${lanes_pids[@]}" 2>/dev/null; do
			sleep 0.2
		done
		[ -e "$place/status" ] || { wait "${lanes_pids[@]}"; [ -e "$place/status" ] || echo "143 1" >"$place/status"; }
		read -r status lane <"$place/status"
		"$report" "$test" "$status" "$lane"
	done
	wait "${lanes_pids[@]}"
	lanes_pids=()
}

lanes_stop() { [ "${#lanes_pids[@]}" -eq 0 ] || kill "${lanes_pids[@]}" 2>/dev/null; }
lanes_pids=()
