/*
 * commission_tier_core.h
 *	  Commission by tiers: one rate per range of an amount, exact to the last
 *	  unit, and the state of the aggregate that sums before it applies them.
 *
 * Pure C without PostgreSQL.  Amounts are minor units, rates billionths.  A
 * state is a block of bytes without alignment; functions that take one have
 * checked it with commission_tier_state_has_frame (what adds to it) or
 * commission_tier_state_is_valid (what reads its tiers), or made it.
 */
#ifndef PG_INFLUENCE_COMMISSION_TIER_CORE_H
#define PG_INFLUENCE_COMMISSION_TIER_CORE_H

#include "../common/flat_state.h"
#include "../common/money_core.h"

#define COMMISSION_MAX_TIERS 1000

/* In memory that is only aligned for int64, as palloc's. */
typedef __int128 CommissionWide __attribute__((aligned(8)));
typedef unsigned __int128 CommissionProduct __attribute__((aligned(8)));

typedef enum CommissionTierMode
{
	COMMISSION_GRADUATED,		/* each slice at the rate of its tier */
	COMMISSION_VOLUME			/* everything at the rate of the reached tier */
} CommissionTierMode;

typedef enum CommissionTierFault
{
	COMMISSION_TIERS_OK,
	COMMISSION_TIERS_NONE,
	COMMISSION_TIERS_TOO_MANY,
	COMMISSION_TIERS_FIRST,		/* the first threshold is not 0 */
	COMMISSION_TIERS_ORDER		/* a threshold is not above the one before */
} CommissionTierFault;

/* The tiers in the order of their thresholds; 0 <= rate < 2^63. */
typedef struct CommissionTiers
{
	CommissionTierMode mode;
	size_t		n;
	int64_t    *thresholds;		/* lower bounds */
	int64_t    *rates;
	CommissionProduct *below;	/* what all slices below a threshold earn */
} CommissionTiers;

/* A running sum and its commission; zeroed at the start. */
typedef struct CommissionTierRun
{
	CommissionWide sum;
	CommissionWide commission;
} CommissionTierRun;

/* Tiers in a block of the caller, which fills mode, thresholds and rates ... */
extern size_t commission_tiers_size(size_t n);
extern CommissionTiers *commission_tiers_place(void *memory, size_t n);

/* ... has the thresholds checked (at: the position of the fault) ... */
extern CommissionTierFault commission_tiers_check(const int64_t *thresholds,
												  size_t n, size_t *at);

/* ... and makes them ready for use. */
extern void commission_tiers_prepare(CommissionTiers *tiers);

/* A copy in another block of commission_tiers_size(from->n) bytes. */
extern CommissionTiers *commission_tiers_copy(void *memory,
											  const CommissionTiers *from);
extern bool commission_tiers_equal(const CommissionTiers *a,
								   const CommissionTiers *b);

/* How many thresholds an amount reaches: 0 below the first. */
extern size_t commission_tiers_reached(const int64_t *thresholds, size_t n,
									   int64_t amount);

/* f(amount); the result has to fit in int64 */
extern MoneyStatus commission_tiers_apply(const CommissionTiers *tiers,
										  __int128 amount,
										  MoneyRounding rounding,
										  int64_t *result);

/* f(sum + amount) - f(sum), half up; the run moves on */
extern MoneyStatus commission_tiers_step(const CommissionTiers *tiers,
										 CommissionTierRun *run,
										 int64_t amount, int64_t *marginal);

/* The state; without tiers as long as it has no row. */
extern size_t commission_tier_state_size(size_t n);
extern void commission_tier_state_init(uint8_t *state,
									   const CommissionTiers *tiers);
extern bool commission_tier_state_has_frame(const uint8_t *state, size_t size);
extern bool commission_tier_state_is_valid(const uint8_t *state, size_t size);
extern bool commission_tier_state_is_empty(const uint8_t *state);
extern bool commission_tier_state_has_tiers(const uint8_t *state,
											const CommissionTiers *tiers);
extern bool commission_tier_states_agree(const uint8_t *a, const uint8_t *b);

/* Add a row, take one away again, add the rows of another state. */
extern void commission_tier_state_add(uint8_t *state, int64_t amount);
extern bool commission_tier_state_remove(uint8_t *state, int64_t amount);
extern void commission_tier_state_merge(uint8_t *into, const uint8_t *from);

/* Its sum and its tiers, ready for use; n of the block is the state's. */
extern size_t commission_tier_state_count(const uint8_t *state);
extern __int128 commission_tier_state_read(const uint8_t *state,
										   CommissionTiers *tiers);

#endif							/* PG_INFLUENCE_COMMISSION_TIER_CORE_H */
