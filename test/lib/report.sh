# shellcheck shell=bash
# Counting and printing results.
#
# report_part NAME             starts a part
# report_result NAME P F S     one test file: points passed, failed, skipped
# report_point NAME STATUS     one point: STATUS 0 passed; yields whether it did
# report_tap NAME LOG STATUS   counts the TAP in LOG of a program that exited with STATUS
# report_regress LOG STATUS    counts the tests in the output of pg_regress or pg_isolation_regress
# report_show FILE [LINES]     quotes the end of a file
# report_end                   the table and the last line; fails if anything did, or nothing ran

report_passed=0
report_failed=0
report_skipped=0
report_rows=()
report_failures=()
report_name=
report_base=(0 0 0)

report_part()
{
	report_close
	report_name=$1
	report_base=("$report_passed" "$report_failed" "$report_skipped")
	report_since=$SECONDS
	printf '== %s\n' "$1"
}

report_close()
{
	if [ -n "$report_name" ]; then
		report_rows+=("$(printf '%-10s %6d passed %4d failed %4d skipped %5d s' "$report_name" \
			$((report_passed - report_base[0])) $((report_failed - report_base[1])) \
			$((report_skipped - report_base[2])) $((SECONDS - report_since)))")
	fi
	report_name=
}

report_result()
{
	local verdict=ok

	report_passed=$((report_passed + $2))
	report_failed=$((report_failed + $3))
	report_skipped=$((report_skipped + $4))
	if [ "$3" -gt 0 ]; then
		verdict=FAILED
		report_failures+=("$report_name: $1")
	elif [ "$2" -eq 0 ]; then
		verdict=skipped
	fi
	printf '%-8s %-44s %6d passed' "$verdict" "$1" "$2"
	[ "$3" -eq 0 ] || printf ', %d failed' "$3"
	[ "$4" -eq 0 ] || printf ', %d skipped' "$4"
	printf '\n'
}

report_point()
{
	if [ "$2" -eq 0 ]; then
		report_result "$1" 1 0 0
	else
		report_result "$1" 0 1 0
		return 1
	fi
}

# A missing plan, a plan that was not kept and a bad exit are failures too.
report_tap()
{
	local name=$1 log=$2 status=$3 counts

	counts=$(awk '
		/^1\.\.[0-9]+/ { planned = substr($1, 4) + 0; plan = 1; all = /# *[Ss][Kk][Ii][Pp]/ }
		/^ok/ { seen++; if (/# *[Ss][Kk][Ii][Pp]/) skipped++; else passed++ }
		/^not ok/ { seen++; if (/# *[Tt][Oo][Dd][Oo]/) skipped++; else failed++ }
		/^Bail out!/ { failed++ }
		END {
			if (all && planned == 0) skipped++
			else if (!plan || planned == 0) failed++
			else if (planned > seen) failed += planned - seen
			else if (planned < seen) failed++
			print passed + 0, failed + 0, skipped + 0
		}' "$log")
	# shellcheck disable=SC2086	# three numbers
	set -- $counts
	if [ "$status" -ne 0 ] && [ "$2" -eq 0 ]; then
		set -- "$1" 1 "$3"
	fi
	report_result "$name" "$1" "$2" "$3"
	if [ "$2" -gt 0 ]; then
		[ "$status" -ne 124 ] || echo "    it took longer than PGI_TIMEOUT"
		grep -v '^ok' "$log" >"$log.failing"
		report_show "$log.failing" 60
		return 1
	fi
}

# "test name ... ok 12 ms" up to PostgreSQL 15, "ok 1 - name 12 ms" from 16 on
report_regress()
{
	local log=$1 status=$2 name verdict any=0 failed=0

	while read -r name verdict; do
		any=1
		if [ "$verdict" = ok ]; then
			report_result "$name" 1 0 0
		else
			failed=1
			report_result "$name" 0 1 0
		fi
	done < <(sed -nE \
		-e 's/^(test )? *([^ ]+) +\.\.\. +(ok|FAILED|failed).*/\2 \3/p' \
		-e 's/^ok [0-9]+ +[-+] +([^ ]+).*/\1 ok/p' \
		-e 's/^not ok [0-9]+ +[-+] +([^ ]+).*/\1 FAILED/p' "$log")
	if [ "$any" -eq 0 ] || { [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; }; then
		report_result "$report_name" 0 1 0
		report_show "$log"
		return 1
	fi
	return "$failed"
}

report_show()
{
	[ -s "$1" ] && tail -n "${2:-40}" "$1" | cut -c 1-500 | sed 's/^/    /'
}

report_end()
{
	local row

	report_close
	printf '\n'
	for row in "${report_rows[@]}"; do
		printf '%s\n' "$row"
	done
	if [ "${#report_failures[@]}" -gt 0 ]; then
		printf '\nfailed:\n'
		printf '    %s\n' "${report_failures[@]}"
	fi
	if [ -z "${PGI_DATA:-}" ]; then
		printf '\n*** NO REAL DATA: the oracles that need it were skipped. ***\n'
		printf '*** Set PGI_DATA, or put it into ../shared/data.       ***\n'
	fi
	printf '\n%d passed, %d failed' "$report_passed" "$report_failed"
	[ "$report_skipped" -eq 0 ] || printf ', %d skipped' "$report_skipped"
	printf '\n'
	[ "$report_failed" -eq 0 ] && [ "$report_passed" -gt 0 ]
}
