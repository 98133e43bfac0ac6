/*
 * decay_log2_core.c
 *	  The logarithm of an exact decayed sum: its limbs are carried upwards once,
 *	  and the highest digits are the mantissa.
 */
#include <math.h>

#include "decay_state.h"

/* The digits that matter while carrying upwards: the highest five so far. */
typedef struct TopDigits
{
	int128_decay top;			/* limb of the highest digit that is not zero */
	uint128_decay mantissa;		/* that digit in bits 96..119, four below it */
} TopDigits;

static void
push_digit(TopDigits *t, int128_decay limb, uint64_t digit)
{
	if (digit == 0)
		return;
	if (t->mantissa == 0 || limb - t->top >= 5)
		t->mantissa = 0;
	else
		t->mantissa >>= (int) (limb - t->top) * LIMB_BITS;
	t->mantissa |= (uint128_decay) digit << (4 * LIMB_BITS);
	t->top = limb;
}

/*
 * Carry through the limbs without an entry, from `from` up to but without `to`.
 * After a few steps the carry is 0 or -1 and stays: then the digits are all
 * zeros or all ones, and of those only the last five can matter.
 */
static int128_decay
push_gap(TopDigits *t, int128_decay from, int128_decay to, int128_decay carry)
{
	while (from < to && carry != 0)
	{
		if (carry == -1 && to - from > 5)
			from = to - 5;
		push_digit(t, from, (uint64_t) carry & LIMB_MASK);
		carry >>= LIMB_BITS;
		from++;
	}
	return carry;
}

DecayStatus
decay_state_log2(const uint8_t *state, double *result)
{
	DecayHeader h = load_header(state);
	TopDigits	t = {0, 0};
	int128_decay carry = 0;
	int128_decay next = 0;
	int			exponent;
	uint32_t	i;

	if (!decay_entries_are_valid(state))
		return DECAY_CORRUPT;

	for (i = 0; i < h.count; i++)
	{
		DecayEntry	e = load_entry(state, i);

		carry = push_gap(&t, next, e.limb, carry) + e.sum;
		push_digit(&t, e.limb, (uint64_t) carry & LIMB_MASK);
		carry >>= LIMB_BITS;
		next = (int128_decay) e.limb + 1;
	}

	/* what is left above the last entry is the sign or more digits */
	while (carry > 0)
	{
		push_digit(&t, next, (uint64_t) carry & LIMB_MASK);
		carry >>= LIMB_BITS;
		next++;
	}

	if (carry < 0 || t.mantissa == 0)
	{
		*result = -HUGE_VAL;
		return DECAY_OK;
	}

	/* sum = mantissa * 2^(24 * (top - 4) - 68), mantissa in [2^96, 2^120) */
	exponent = 127 - __builtin_clzll((uint64_t) (t.mantissa >> 64));
	*result = (double) (LIMB_BITS * (t.top - 4) -
						(DECAY_WEIGHT_BITS + POWER_BITS) + exponent) +
		log2(ldexp((double) t.mantissa, -exponent));
	return DECAY_OK;
}
