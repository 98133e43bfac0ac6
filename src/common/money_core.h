/*
 * money_core.h
 *	  Exact money: int64 minor units, rates in billionths, 128-bit products.
 *
 * Pure C without PostgreSQL, so that unit tests and fuzzers link it alone.
 * Every function is odd in the amount, f(-x) = -f(x), and none uses a float.
 */
#ifndef PG_INFLUENCE_MONEY_CORE_H
#define PG_INFLUENCE_MONEY_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MONEY_RATE_SCALE INT64_C(1000000000)	/* rates have nine decimals */

typedef enum MoneyStatus
{
	MONEY_OK = 0,
	MONEY_OVERFLOW,				/* the result does not fit in int64 */
	MONEY_BAD_WEIGHTS,			/* none, a negative one, all zero, or sum > 2^63-1 */
	MONEY_BAD_BASE,				/* negative base or negative return */
	MONEY_OVER_RETURN			/* returned more than the base */
} MoneyStatus;

typedef enum MoneyRounding
{
	MONEY_HALF_UP,				/* half away from zero */
	MONEY_HALF_EVEN,
	MONEY_DOWN					/* toward zero */
} MoneyRounding;

/* scratch of money_split, one entry per weight */
typedef struct MoneyRemainder
{
	uint64_t	remainder;		/* of |amount| * weight modulo the sum */
	size_t		position;
} MoneyRemainder;

/* round(a * b / d), d > 0 */
extern MoneyStatus money_mul_div(int64_t a, int64_t b, int64_t d,
								 MoneyRounding rounding, int64_t *result);

/* Split an amount over n weights by largest remainder, ties to the earlier. */
extern MoneyStatus money_split(int64_t amount, const int64_t *weights, size_t n,
							   int64_t *shares, MoneyRemainder *scratch);

#endif							/* PG_INFLUENCE_MONEY_CORE_H */
