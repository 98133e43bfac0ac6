/*
 * engagement_fuzz.c
 *	  engagement_core: no bytes harm it as a state, sums are exact however rows
 *	  are shared out, and Wilson's bound stays a lower bound.
 */
#include "fuzz.h"

#include <math.h>

#include "../../src/engagement/engagement_core.h"

typedef __int128 int128_fuzz;

/* A state on an odd address, as behind a short varlena header. */
static uint8_t *
unaligned(uint8_t *block)
{
	return block + 1;
}

/* Any bytes; most often with a header that fits, so that the rest is reached. */
static void
check_forged(FuzzInput *in)
{
	bool		framed = take_u8(in) % 8 != 0;
	size_t		size = framed && take_u8(in) % 8 != 0 ? ENGAGEMENT_STATE_SIZE : take_below(in, 255);
	uint8_t    *a = fuzz_alloc(size + 1);
	uint8_t    *b = fuzz_alloc(ENGAGEMENT_STATE_SIZE + 1);
	double		rate;

	take_bytes(in, unaligned(a), size);
	engagement_state_init(unaligned(b));
	if (framed && size >= sizeof(FlatHeader))
	{
		memcpy(unaligned(a), unaligned(b), sizeof(FlatHeader));
		if (take_u8(in) % 8 == 0)
			unaligned(a)[take_below(in, sizeof(FlatHeader) - 1)] ^= take_u8(in);
	}
	if (engagement_state_is_valid(unaligned(a), size))
	{
		MUST(size == ENGAGEMENT_STATE_SIZE);
		memcpy(unaligned(b), unaligned(a), size);
		if (engagement_state_rate(unaligned(a), &rate))
			MUST(rate >= 0 && isfinite(rate));
		engagement_state_merge(unaligned(b), unaligned(a));
		engagement_state_add(unaligned(a), INT64_MAX, INT64_MAX);
		if (engagement_state_is_valid(unaligned(a), size) &&
			engagement_state_is_valid(unaligned(b), size))
			engagement_state_merge(unaligned(a), unaligned(b));
	}
	free(a);
	free(b);
}

static void
check_sums(FuzzInput *in)
{
	uint8_t    *parts[3];
	int128_fuzz interactions = 0;
	int128_fuzz base = 0;
	double		rate = 0;
	int			i;

	for (i = 0; i < 3; i++)
	{
		parts[i] = fuzz_alloc(ENGAGEMENT_STATE_SIZE + 1);
		engagement_state_init(unaligned(parts[i]));
	}
	while (in->left > 0)
	{
		int64_t		likes = take_positive(in);
		int64_t		seen = take_positive(in);

		if (seen == 0)
			continue;
		engagement_state_add(unaligned(parts[take_below(in, 2)]), likes, seen);
		interactions += likes;
		base += seen;
	}
	engagement_state_merge(unaligned(parts[1]), unaligned(parts[2]));
	engagement_state_merge(unaligned(parts[0]), unaligned(parts[1]));
	MUST(engagement_state_is_valid(unaligned(parts[0]), ENGAGEMENT_STATE_SIZE));
	MUST(engagement_state_rate(unaligned(parts[0]), &rate) == (base > 0));
	if (base > 0)
		MUST(rate == (double) interactions / (double) base);
	for (i = 0; i < 3; i++)
		free(parts[i]);
}

static void
check_wilson(FuzzInput *in)
{
	int64_t		trials = take_positive(in);
	int64_t		positives = take_positive(in);
	double		confidence = ldexp((double) (take_u64(in) >> 11) + 0.5, -53);
	double		bound;

	if (positives > trials)
		positives = trials == INT64_MAX ? trials : positives % (trials + 1);
	if (take_u8(in) % 16 == 0)
		confidence = take_u8(in) % 2 == 0 ? nextafter(1.0, 0.0) : nextafter(0.0, 1.0);
	if (!(confidence > 0.0 && confidence < 1.0))
		return;

	bound = engagement_wilson_lower(positives, trials, confidence);
	MUST(bound >= 0.0 && bound <= 1.0);
	if (positives > 0)
		MUST(bound <= (double) positives / (double) trials);
	else
		MUST(bound == 0.0);

	/* its definition: p - x = z sqrt(x (1 - x) / n), where floats can tell */
	if (positives > 0 && trials < 1000000 && confidence > 1e-6 && confidence < 0.999999)
	{
		double		p = (double) positives / (double) trials;
		double		z = engagement_normal_z(confidence);

		MUST(fabs(p - bound - z * sqrt(bound * (1 - bound) / (double) trials)) < 1e-9);
		/* two-sided: 1 - confidence lies beyond z on both sides */
		MUST(fabs(erfc(z / sqrt(2.0)) - (1.0 - confidence)) < 1e-14);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	switch (take_below(&in, 2))
	{
		case 0:
			check_forged(&in);
			break;
		case 1:
			check_sums(&in);
			break;
		case 2:
			check_wilson(&in);
			break;
	}
	return 0;
}
