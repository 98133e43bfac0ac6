/*
 * commission_tier_state_core.c
 *	  The state of tiered_commission: the sum of the amounts, how many they are,
 *	  and the tiers that all of them must have.
 *
 * The sum is an integer of 128 bits, so neither the order of the rows nor their
 * division among workers shows in the bytes.  A state without rows knows no
 * tiers and agrees with any.
 */
#include "commission_tier_core.h"

#define TIER_MAGIC 0x50495443 /* PITC: pg_influence tiered commission */
#define TIER_VERSION 1

/* so many rows that a sum of two states stays far from 2^127 */
#define TIER_MAX_ROWS (UINT64_C(1) << 61)

/* followed by n thresholds and n rates */
typedef struct TierState
{
	FlatHeader	header;
	__int128	sum;
	uint64_t	rows;
	uint32_t	mode;
	uint32_t	n;
} TierState;

static TierState
frame_of(const uint8_t *state)
{
	TierState	frame;

	memcpy(&frame, state, sizeof(frame));
	return frame;
}

static void
set_frame(uint8_t *state, const TierState *frame)
{
	memcpy(state, frame, sizeof(*frame));
}

size_t
commission_tier_state_size(size_t n)
{
	return sizeof(TierState) + n * 2 * sizeof(int64_t);
}

/* Without rows; tiers may be NULL. */
void
commission_tier_state_init(uint8_t *state, const CommissionTiers *tiers)
{
	TierState	frame;

	memset(&frame, 0, sizeof(frame));
	if (tiers != NULL)
	{
		frame.mode = (uint32_t) tiers->mode;
		frame.n = (uint32_t) tiers->n;
		memcpy(state + sizeof(frame), tiers->thresholds, tiers->n * sizeof(int64_t));
		memcpy(state + sizeof(frame) + tiers->n * sizeof(int64_t), tiers->rates,
			   tiers->n * sizeof(int64_t));
	}
	frame.header = flat_header(TIER_MAGIC, TIER_VERSION,
							   commission_tier_state_size(frame.n));
	set_frame(state, &frame);
}

/*
 * All but the tiers.  No row means no tiers: a state gets them with its first
 * row, and no sum of so many int64 is larger.
 */
bool
commission_tier_state_has_frame(const uint8_t *state, size_t size)
{
	TierState	frame;
	__int128	largest;

	if (size < sizeof(frame) ||
		!flat_header_matches(state, size, TIER_MAGIC, TIER_VERSION))
		return false;
	frame = frame_of(state);
	if (frame.n > COMMISSION_MAX_TIERS || size != commission_tier_state_size(frame.n) ||
		(frame.mode != COMMISSION_GRADUATED && frame.mode != COMMISSION_VOLUME) ||
		frame.rows > TIER_MAX_ROWS || (frame.rows == 0) != (frame.n == 0))
		return false;
	largest = (__int128) frame.rows << 63;
	return frame.sum >= -largest && frame.sum <= largest - (__int128) frame.rows;
}

bool
commission_tier_state_is_valid(const uint8_t *state, size_t size)
{
	const uint8_t *entry = state + sizeof(TierState);
	int64_t		before = -1;
	size_t		n;
	size_t		i;

	if (!commission_tier_state_has_frame(state, size))
		return false;
	n = frame_of(state).n;
	for (i = 0; i < 2 * n; i++, entry += sizeof(int64_t))
	{
		int64_t		value;

		memcpy(&value, entry, sizeof(value));
		if (value < 0 || (i == 0 && value != 0) || (i < n && value <= before))
			return false;
		before = value;
	}
	return true;
}

bool
commission_tier_state_is_empty(const uint8_t *state)
{
	return frame_of(state).rows == 0;
}

size_t
commission_tier_state_count(const uint8_t *state)
{
	return frame_of(state).n;
}

bool
commission_tier_state_has_tiers(const uint8_t *state, const CommissionTiers *tiers)
{
	TierState	frame = frame_of(state);
	size_t		half = tiers->n * sizeof(int64_t);

	return frame.mode == (uint32_t) tiers->mode && frame.n == tiers->n &&
		memcmp(state + sizeof(frame), tiers->thresholds, half) == 0 &&
		memcmp(state + sizeof(frame) + half, tiers->rates, half) == 0;
}

/* Both have rows. */
bool
commission_tier_states_agree(const uint8_t *a, const uint8_t *b)
{
	TierState	frame = frame_of(a);
	TierState	other = frame_of(b);

	return frame.mode == other.mode && frame.n == other.n &&
		memcmp(a + sizeof(frame), b + sizeof(frame),
			   commission_tier_state_size(frame.n) - sizeof(frame)) == 0;
}

/* The caller has made sure of the tiers. */
void
commission_tier_state_add(uint8_t *state, int64_t amount)
{
	TierState	frame = frame_of(state);

	frame.sum += amount;
	frame.rows++;
	set_frame(state, &frame);
}

/* False when the state can't have had the row; true and empty: make a new one. */
bool
commission_tier_state_remove(uint8_t *state, int64_t amount)
{
	TierState	frame = frame_of(state);

	if (frame.rows == 0)
		return false;
	frame.sum -= amount;
	frame.rows--;
	set_frame(state, &frame);
	return frame.rows > 0 || frame.sum == 0;
}

void
commission_tier_state_merge(uint8_t *into, const uint8_t *from)
{
	TierState	frame = frame_of(into);
	TierState	other = frame_of(from);

	frame.sum += other.sum;
	frame.rows += other.rows;
	set_frame(into, &frame);
}

__int128
commission_tier_state_read(const uint8_t *state, CommissionTiers *tiers)
{
	TierState	frame = frame_of(state);
	size_t		half = (size_t) frame.n * sizeof(int64_t);

	tiers->mode = (CommissionTierMode) frame.mode;
	memcpy(tiers->thresholds, state + sizeof(frame), half);
	memcpy(tiers->rates, state + sizeof(frame) + half, half);
	commission_tiers_prepare(tiers);
	return frame.sum;
}
