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

/* scratch of a split, one entry per weight; its content is the core's own */
typedef struct MoneyRemainder
{
	uint64_t	remainder;		/* of |amount| * weight modulo the sum */
	uint64_t	candidate;		/* a remainder still in question */
} MoneyRemainder;

typedef enum MoneySplitPhase
{
	MONEY_SPLIT_SUM,
	MONEY_SPLIT_QUOTAS,
	MONEY_SPLIT_EVENLY,
	MONEY_SPLIT_COUNT,
	MONEY_SPLIT_NARROW,
	MONEY_SPLIT_GIVE,
	MONEY_SPLIT_END
} MoneySplitPhase;

#define MONEY_SPLIT_DIGIT_BITS 6
#define MONEY_SPLIT_DIGITS (1 << MONEY_SPLIT_DIGIT_BITS)

/* a split under way, of money_split_core.c */
typedef struct MoneySplit
{
	MoneyStatus status;			/* the result, once a step answered false */

	/* private to the core */
	MoneySplitPhase phase;
	bool		negative;
	int64_t		amount;
	const int64_t *weights;
	int64_t    *shares;
	MoneyRemainder *scratch;
	size_t		n;
	size_t		next;			/* where the phase goes on */
	uint64_t	whole;			/* |amount| */
	uint64_t	sum;			/* of the weights */
	uint64_t	all;			/* bits set in a weight */
	uint64_t	differing;		/* bits in which a weight differs from the first */
	uint64_t	flaws;			/* bits set in a partial sum */
	uint64_t	left;			/* units to hand out, at most one each */
	size_t		candidates;
	int			shift;			/* of the digit they are told apart by */
	uint64_t	digit;			/* of those that stay */
	size_t		kept;			/* their number, and the bits set and clear in any */
	uint64_t	set_in_one;
	uint64_t	clear_in_one;
	uint64_t	threshold;		/* the least remainder that gets a unit */
	size_t		count[MONEY_SPLIT_DIGITS];
} MoneySplit;

/* round(a * b / d), d > 0 */
extern MoneyStatus money_mul_div(int64_t a, int64_t b, int64_t d,
								 MoneyRounding rounding, int64_t *result);

/* Split an amount over n weights by largest remainder, ties to the earlier. */
extern MoneyStatus money_split(int64_t amount, const int64_t *weights, size_t n,
							   int64_t *shares, MoneyRemainder *scratch);

/*
 * The same in steps of bounded cost, for a caller who must not stay away long:
 *
 *		money_split_start(&split, amount, weights, n, shares, scratch);
 *		while (money_split_step(&split))
 *			... check for interrupts ...
 *
 * and then split.status says how it went.  The memory is the caller's and must
 * stay as it is between the steps.
 */
extern void money_split_start(MoneySplit *split, int64_t amount,
							  const int64_t *weights, size_t n,
							  int64_t *shares, MoneyRemainder *scratch);
extern bool money_split_step(MoneySplit *split);

#endif							/* PG_INFLUENCE_MONEY_CORE_H */
