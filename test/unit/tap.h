/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  Smallest useful TAP producer for the unit tests of the pure cores.
 *
 * A test is one C program: call plan(n) first or leave it out, make checks,
 * and end main with "return done_testing();", which prints the plan when
 * there was none and returns 0 only if every check passed and the number of
 * checks is the planned one.  Each macro evaluates its arguments once.
 *
 *	  ok(condition, name)			condition holds
 *	  is_i64(got, want, name)		equal integers (int64_t)
 *	  is_u64(got, want, name)		equal integers (uint64_t)
 *	  is_i128(got, want, name)		equal integers (__int128)
 *	  is_dbl(got, want, tol, name)	|got - want| <= tol, or both the same inf/nan
 *	  is_str(got, want, name)		equal strings, NULL allowed
 *	  is_mem(got, want, len, name)	equal bytes
 *	  diag(format, ...)				a comment line
 *	  skip_all(reason)				the program does not apply here; exits
 *
 * They yield true when the check passed, so that a loop over thousands of
 * cases can keep its own tally and make one check of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	tap_planned = -1;
static int	tap_run = 0;
static int	tap_failed = 0;

#define TAP_UNUSED __attribute__((unused))

TAP_UNUSED __attribute__((format(printf, 1, 2))) static void
diag(const char *format, ...)
{
	va_list		args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

TAP_UNUSED static void
plan(int checks)
{
	/* line by line, so that nothing is lost when a check crashes */
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_planned = checks;
	printf("1..%d\n", checks);
}

TAP_UNUSED static void
skip_all(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	exit(0);
}

TAP_UNUSED static bool
tap_check(bool passed, const char *name, const char *file, int line)
{
	if (tap_run == 0 && tap_planned < 0)
		setvbuf(stdout, NULL, _IOLBF, 0);
	tap_run++;
	printf("%sok %d - %s\n", passed ? "" : "not ", tap_run, name);
	if (!passed)
	{
		tap_failed++;
		diag("failed at %s:%d", file, line);
	}
	return passed;
}

TAP_UNUSED static bool
tap_is_i64(int64_t got, int64_t want, const char *name, const char *file, int line)
{
	bool		passed = tap_check(got == want, name, file, line);

	if (!passed)
		diag("got %" PRId64 ", want %" PRId64, got, want);
	return passed;
}

TAP_UNUSED static bool
tap_is_u64(uint64_t got, uint64_t want, const char *name, const char *file, int line)
{
	bool		passed = tap_check(got == want, name, file, line);

	if (!passed)
		diag("got %" PRIu64 ", want %" PRIu64, got, want);
	return passed;
}

TAP_UNUSED static bool
tap_is_i128(__int128 got, __int128 want, const char *name, const char *file, int line)
{
	bool		passed = tap_check(got == want, name, file, line);

	if (!passed)
		diag("got high %" PRId64 " low %" PRIu64 ", want high %" PRId64 " low %" PRIu64,
			 (int64_t) (got >> 64), (uint64_t) got, (int64_t) (want >> 64), (uint64_t) want);
	return passed;
}

TAP_UNUSED static bool
tap_is_dbl(double got, double want, double tolerance, const char *name, const char *file, int line)
{
	bool		same;
	bool		passed;

	if (isnan(want))
		same = isnan(got);
	else if (isinf(want))
		same = (got == want);
	else
		same = fabs(got - want) <= tolerance;
	passed = tap_check(same, name, file, line);
	if (!passed)
		diag("got %.17g, want %.17g within %g", got, want, tolerance);
	return passed;
}

TAP_UNUSED static bool
tap_is_str(const char *got, const char *want, const char *name, const char *file, int line)
{
	bool		same = (got == NULL || want == NULL) ? got == want : strcmp(got, want) == 0;
	bool		passed = tap_check(same, name, file, line);

	if (!passed)
		diag("got \"%s\", want \"%s\"", got ? got : "(null)", want ? want : "(null)");
	return passed;
}

TAP_UNUSED static bool
tap_is_mem(const void *got, const void *want, size_t len, const char *name, const char *file,
		   int line)
{
	const unsigned char *g = got;
	const unsigned char *w = want;
	size_t		at = 0;
	bool		passed;

	while (at < len && g[at] == w[at])
		at++;
	passed = tap_check(at == len, name, file, line);
	if (!passed)
		diag("byte %zu of %zu: got 0x%02x, want 0x%02x", at, len, g[at], w[at]);
	return passed;
}

#define ok(condition, name) tap_check((condition), (name), __FILE__, __LINE__)
#define is_i64(got, want, name) tap_is_i64((got), (want), (name), __FILE__, __LINE__)
#define is_u64(got, want, name) tap_is_u64((got), (want), (name), __FILE__, __LINE__)
#define is_i128(got, want, name) tap_is_i128((got), (want), (name), __FILE__, __LINE__)
#define is_dbl(got, want, tol, name) tap_is_dbl((got), (want), (tol), (name), __FILE__, __LINE__)
#define is_str(got, want, name) tap_is_str((got), (want), (name), __FILE__, __LINE__)
#define is_mem(got, want, len, name) tap_is_mem((got), (want), (len), (name), __FILE__, __LINE__)

TAP_UNUSED static int
done_testing(void)
{
	if (tap_planned < 0)
		printf("1..%d\n", tap_run);
	else if (tap_planned != tap_run)
		diag("planned %d checks but ran %d", tap_planned, tap_run);
	return (tap_failed == 0 && (tap_planned < 0 || tap_planned == tap_run)) ? 0 : 1;
}

#endif							/* TAP_H */
