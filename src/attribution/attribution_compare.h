/*
 * attribution_compare.h
 *	  Values as they are compared in the orders of paths, orders and journeys.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_COMPARE_H
#define PG_INFLUENCE_ATTRIBUTION_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

static inline int
compare_int64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static inline int
compare_uint64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static inline int
compare_nullable(bool has_a, int64_t a, bool has_b, int64_t b)
{
	if (has_a != has_b)
		return has_a ? -1 : 1;	/* NULL last, as in ORDER BY */
	return has_a ? compare_int64(a, b) : 0;
}

#endif							/* PG_INFLUENCE_ATTRIBUTION_COMPARE_H */
