#!/usr/bin/env bash
# What cppcheck and clang-tidy find in the C files; behind "make lint".
# Each runs if it is installed; neither being there is a failure.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
status=0
ran=0

if command -v cppcheck >/dev/null; then
	ran=1
	# Without PostgreSQL's headers: with them it takes minutes and finds their faults.
	# It does not know that ereport(ERROR) never returns, nor that a callee fills what it is given.
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=unknownMacro --suppress=nullPointerArithmetic --error-exitcode=1 \
		--suppress=nullPointer:src/common/query_shape.c --suppress=uninitvar:src/feed/feed_history.c \
		--suppress=ctuuninitvar:src/attribution/attribution_decay_core.c --suppress=ctuArrayIndex:src/feed/feed_token_core.c \
		--template='{file}:{line}: {severity}: {message} [{id}]' -Isrc src || status=1
fi
if command -v clang-tidy >/dev/null; then
	ran=1
	find src -name '*.c' -print0 | xargs -0 -r -I '{}' -P "$(nproc)" clang-tidy --quiet '{}' \
		--checks='-*,clang-analyzer-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-macro-parentheses,-bugprone-narrowing-conversions,-bugprone-branch-clone,-bugprone-assignment-in-if-condition,-bugprone-not-null-terminated-result,-bugprone-implicit-widening-of-multiplication-result,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' \
		--warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option -- -std=gnu11 -Isrc \
		'-DPG_INFLUENCE_VERSION="0"' -D_GNU_SOURCE \
		"-I$("${PG_CONFIG:-pg_config}" --includedir-server)" 2>/dev/null || status=1
fi
if [ "$ran" -eq 0 ]; then
	echo "neither cppcheck nor clang-tidy is installed" >&2
	status=1
fi
exit "$status"
