/*
 * decay_weight_core.c
 *	  Weight of a touch under time decay, rounded exactly.
 *
 * w = round(2^31 * 2^(-age/h)).  Write age = q * h + r with 0 <= r < h.
 *
 * Ties.  For r = 0 the value is the power 2^(31 - q): an integer up to q = 31,
 * and at q = 32 the only tie there is, 1/2, which goes to the even zero.  For
 * r > 0 it is irrational (2^(r/h) = a/b in lowest terms would mean
 * 2^r * b^h = a^h, where the exponent of 2 is a multiple of h on one side only),
 * so there is no tie; between 31 and 32 half lives the value lies in (1/2, 1)
 * and gives 1, beyond 32 it gives 0.  What is left is to know on which side of
 * a half it lies.
 *
 * Fast path.  h < 2^bits, R = floor((2^(63+bits) - 1) / h) is less than
 * 2^(63+bits) / h by at most 1, and age < 32 * h < 2^(bits+5) is shifted to
 * a = age * 2^(59-bits) < 2^64, losing less than 1 where bits > 59.  Then
 *
 *		x = floor(a * R / 2^64)
 *
 * is less than age/h * 2^58 by less than 3: 1 each for a, R (both at most 2^64)
 * and the floor.  Of x = whole * 2^58 + fraction, 2^(-fraction/2^58) comes from
 * two digits of six bits by table and the rest, below 2^-12, by
 * 1 - t + t^2/2 - t^3/6.  Errors in units of 2^-62, which is how the power is
 * kept: x less than 3 * 2^4 * ln 2 < 34; table entries and their product 1 1/2;
 * the series, with 64 bits behind the point, 4 truncations and the next term,
 * t^4/24 < 2^-54.6, together less than 170; the last product 1.  The sum is below
 * FAST_ERROR.  Unless a half is as close as that, the rounded result is right;
 * at random one call in four million finds it so close.
 *
 * Weights of a path.  Of its touches the power of the age against one moment is
 * known, p = 2^(-f) with an error below FAST_ERROR, and the whole half lives k.
 * Where e is the newest, 2^(-(age - age_e)/h) is 2 p n / 2^(k - k_e), n = 2^(-(1 - f_e)),
 * whose error is below FAST_ERROR, too: f_e is too small by as much as before, 1 - f_e
 * too large.  As p and n are at most 1, their product is off by less than 2 FAST_ERROR,
 * 1 for their errors' product and 1 each for the two times that it is cut off: below
 * PRODUCT_ERROR.  Whether a half is as close as that is looked at again.
 *
 * Slow path.  2^(-r/h) with 256 bits behind the point, its error below 2^-237;
 * see exact_power.  That is always enough.  The halves are c/2, c odd and below
 * 2^32, so the question is how close a fraction age/h, h < 2^64, can come to
 * 32 - log2(c).  The continued fractions of all 2^31 logarithms, with 190 bits
 * and more, say that |h * log2(c) - a| >= 2^-96.3 for all integers a and
 * 0 < h < 2^64.  (Least: c = 3901027285, h = 15942958621302068998, as chance
 * would have it: 2^31 logarithms come within about 2^-64 / 2^31.)  So the
 * exponents differ by more than 2^-160.3, the power from the half's by more than
 * ln 2 / 2 of it, 2^-162, which is 2^75 times the error.
 */
#include "decay_weight_core.h"

#include <stdbool.h>

typedef unsigned __int128 uint128_weight;

#define AGE_BITS 59				/* of a half life; five more of an age */
#define FRACTION_BITS 58		/* of an age in half lives; whole ones above */
#define DIGIT_BITS 6
#define DIGIT_MASK ((UINT64_C(1) << DIGIT_BITS) - 1)
#define FRACTION_MASK ((UINT64_C(1) << FRACTION_BITS) - 1)
#define REST_BITS (FRACTION_BITS - 2 * DIGIT_BITS)
#define POWER_BITS 62			/* behind the point of the fast path's power */
#define FAST_ERROR 256			/* bound of its error, in units of 2^-62 */
#define PRODUCT_ERROR (2 * FAST_ERROR + 4)

/* round(2^64 * ln 2) */
#define LN2_64 UINT64_C(0xB17217F7D1CF79AC)

/* entry n of table g: round(2^63 * 2^(-n / 64^(g+1))) */
static const uint64_t power_table[2][1 << DIGIT_BITS] = {
	{
		UINT64_C(0x8000000000000000), UINT64_C(0x7E9F06067A4360BA), UINT64_C(0x7D41D96DB915019D), UINT64_C(0x7BE86FB985689DDC),
		UINT64_C(0x7A92BE8A92436616), UINT64_C(0x7940BB9E2CFFD89D), UINT64_C(0x77F25CCDEE6D7AE6), UINT64_C(0x76A7980F6CCA15C2),
		UINT64_C(0x75606373EE921C97), UINT64_C(0x741CB5281E25EE34), UINT64_C(0x72DC8373BE41A454), UINT64_C(0x719FC4B95F452D29),
		UINT64_C(0x70666F76154A7089), UINT64_C(0x6F307A412F074892), UINT64_C(0x6DFDDBCBED791BAB), UINT64_C(0x6CCE8AE13C57EBDB),
		UINT64_C(0x6BA27E656B4EB57A), UINT64_C(0x6A79AD55E7F6FD10), UINT64_C(0x69540EC8F895722D), UINT64_C(0x683199ED779592CA),
		UINT64_C(0x6712460A8FC24072), UINT64_C(0x65F60A7F79393E2E), UINT64_C(0x64DCDEC3371793D1), UINT64_C(0x63C6BA6455DCD8AE),
		UINT64_C(0x62B39508AA836D6F), UINT64_C(0x61A3666D124BB204), UINT64_C(0x6096266533384A2B), UINT64_C(0x5F8BCCDB3D398841),
		UINT64_C(0x5E8451CFAC061B5F), UINT64_C(0x5D7FAD59099F22FE), UINT64_C(0x5C7DD7A3B17DCF75), UINT64_C(0x5B7EC8F19468BBC9),
		UINT64_C(0x5A827999FCEF3242), UINT64_C(0x5988E20954889245), UINT64_C(0x5891FAC0E95612C8), UINT64_C(0x579DBC56B48521BA),
		UINT64_C(0x56AC1F752150A563), UINT64_C(0x55BD1CDAD49F699C), UINT64_C(0x54D0AD5A753E077C), UINT64_C(0x53E6C9DA74B29AB5),
		UINT64_C(0x52FF6B54D8A89C75), UINT64_C(0x521A8AD704F3404F), UINT64_C(0x513821818624B40C), UINT64_C(0x50582887DCB8A7E1),
		UINT64_C(0x4F7A993048D088D7), UINT64_C(0x4E9F6CD3967FDBA8), UINT64_C(0x4DC69CDCEAA72A9C), UINT64_C(0x4CF022C9905BFD32),
		UINT64_C(0x4C1BF828C6DC54B8), UINT64_C(0x4B4A169B900C2D00), UINT64_C(0x4A7A77D47F7B84B1), UINT64_C(0x49AD159789F37496),
		UINT64_C(0x48E1E9B9D588E19B), UINT64_C(0x4818EE218A3358EE), UINT64_C(0x47521CC5A2E6A9E0), UINT64_C(0x468D6FADBF2DD4F3),
		UINT64_C(0x45CAE0F1F545EB73), UINT64_C(0x450A6ABAA4B77ECD), UINT64_C(0x444C0740496D4294), UINT64_C(0x438FB0CB4F468808),
		UINT64_C(0x42D561B3E6243D8A), UINT64_C(0x421D1461D66F2023), UINT64_C(0x4166C34C5615D0EC), UINT64_C(0x40B268F9DE0183BA)
	},
	{
		UINT64_C(0x8000000000000000), UINT64_C(0x7FFA748DFF8DC61F), UINT64_C(0x7FF4E9597BED93AB), UINT64_C(0x7FEF5E6272758C21),
		UINT64_C(0x7FE9D3A8E07BF086), UINT64_C(0x7FE4492CC3571F68), UINT64_C(0x7FDEBEEE185D94DD), UINT64_C(0x7FD934ECDCE5EA7D),
		UINT64_C(0x7FD3AB290E46D769), UINT64_C(0x7FCE21A2A9D73041), UINT64_C(0x7FC89859ACEDE72A), UINT64_C(0x7FC30F4E14E20BC6),
		UINT64_C(0x7FBD867FDF0ACB3B), UINT64_C(0x7FB7FDEF08BF7027), UINT64_C(0x7FB2759B8F5762AA), UINT64_C(0x7FACED85702A285D),
		UINT64_C(0x7FA765ACA88F6453), UINT64_C(0x7FA1DE1135DED717), UINT64_C(0x7F9C56B315705EAE), UINT64_C(0x7F96CF92449BF692),
		UINT64_C(0x7F9148AEC0B9B7B1), UINT64_C(0x7F8BC2088721D86F), UINT64_C(0x7F863B9F952CACA0), UINT64_C(0x7F80B573E832A58B),
		UINT64_C(0x7F7B2F857D8C51E5), UINT64_C(0x7F75A9D452925DD4), UINT64_C(0x7F702460649D92EA), UINT64_C(0x7F6A9F29B106D825),
		UINT64_C(0x7F651A30352731EE), UINT64_C(0x7F5F9573EE57C218), UINT64_C(0x7F5A10F4D9F1C7DD), UINT64_C(0x7F548CB2F54E9FDF),
		UINT64_C(0x7F4F08AE3DC7C426), UINT64_C(0x7F4984E6B0B6CC1D), UINT64_C(0x7F44015C4B756C94), UINT64_C(0x7F3E7E0F0B5D77BC),
		UINT64_C(0x7F38FAFEEDC8DD26), UINT64_C(0x7F33782BF011A9C2), UINT64_C(0x7F2DF5960F9207E1), UINT64_C(0x7F28733D49A43F2D),
		UINT64_C(0x7F22F1219BA2B4AE), UINT64_C(0x7F1D6F4302E7EAC6), UINT64_C(0x7F17EDA17CCE812E), UINT64_C(0x7F126C3D06B134FA),
		UINT64_C(0x7F0CEB159DEAE091), UINT64_C(0x7F076A2B3FD67BB2), UINT64_C(0x7F01E97DE9CF1B6E), UINT64_C(0x7EFC690D992FF22A),
		UINT64_C(0x7EF6E8DA4B544F9A), UINT64_C(0x7EF168E3FD97A0C6), UINT64_C(0x7EEBE92AAD557001), UINT64_C(0x7EE669AE57E964ED),
		UINT64_C(0x7EE0EA6EFAAF4479), UINT64_C(0x7EDB6B6C9302F0DF), UINT64_C(0x7ED5ECA71E4069A1), UINT64_C(0x7ED06E1E99C3CB8B),
		UINT64_C(0x7ECAEFD302E950AF), UINT64_C(0x7EC571C4570D5067), UINT64_C(0x7EBFF3F2938C3F4F), UINT64_C(0x7EBA765DB5C2AF49),
		UINT64_C(0x7EB4F905BB0D4F78), UINT64_C(0x7EAF7BEAA0C8EC3E), UINT64_C(0x7EA9FF0C64526F40), UINT64_C(0x7EA4826B0306DF5F)
	}
};

#define LIMBS 4					/* of 64 bits, the most significant first */

/* e^-z by its series to z^14/14!, z < 2^-16: the rest is below 2^-264 */
#define SERIES_TERMS 14
#define SQUARINGS 16

/* floor(2^256 * ln 2) */
static const uint64_t ln2_256[LIMBS] = {
	UINT64_C(0xB17217F7D1CF79AB), UINT64_C(0xC9E3B39803F2F6AF),
	UINT64_C(0x40F343267298B62D), UINT64_C(0x8A0D175B8BAAFA2B)
};

/* floor(a * b) of fractions; product may be a or b */
static void
multiply(uint64_t *product, const uint64_t *a, const uint64_t *b)
{
	uint64_t	digits[2 * LIMBS] = {0};
	int			i;
	int			j;

	for (i = LIMBS - 1; i >= 0; i--)
	{
		uint64_t	carry = 0;

		for (j = LIMBS - 1; j >= 0; j--)
		{
			uint128_weight sum = (uint128_weight) a[i] * b[j] +
				digits[i + j + 1] + carry;

			digits[i + j + 1] = (uint64_t) sum;
			carry = (uint64_t) (sum >> 64);
		}
		digits[i] = carry;
	}
	for (i = 0; i < LIMBS; i++)
		product[i] = digits[i];
}

/* floor(r / h + a / h) of an integer r < h and a fraction a, in place */
static void
divide(uint64_t *a, uint64_t r, uint64_t h)
{
	int			i;

	for (i = 0; i < LIMBS; i++)
	{
		uint128_weight part = ((uint128_weight) r << 64) | a[i];

		a[i] = (uint64_t) (part / h);
		r = (uint64_t) (part % h);
	}
}

/* 1 - a, a above zero */
static void
complement(uint64_t *a)
{
	bool		borrow = true;
	int			i;

	for (i = LIMBS - 1; i >= 0; i--)
	{
		a[i] = ~a[i] + borrow;
		borrow = borrow && a[i] == 0;
	}
}

/*
 * 2^(-r/h), 0 < r < h, as e^-z raised to the 2^16th by squaring,
 * z = r/h * ln 2 / 2^16.
 *
 * Errors in units of 2^-256: r/h 1, its product with ln 2 less than 3, so z
 * 1 + 3/2^16.  The series is 1 - z(1 - z/2(1 - z/3(...))): the outermost product
 * is off by 1 for its own rounding and by the error of z, everything inside it
 * and the terms left out count 2^-16 of their 3 at most: together less than
 * 2 1/2.  A squaring at most doubles the error and adds 1 (and its square), so
 * sixteen leave less than 2^16 * 3 1/2 + 2^16 < 2^19 units.
 */
static void
exact_power(uint64_t *power, uint64_t r, uint64_t h)
{
	uint64_t	z[LIMBS] = {0};
	int			i;

	divide(z, r, h);
	multiply(z, z, ln2_256);
	for (i = LIMBS - 1; i > 0; i--)
		z[i] = (z[i] >> SQUARINGS) | (z[i - 1] << (64 - SQUARINGS));
	z[0] >>= SQUARINGS;

	for (i = 0; i < LIMBS; i++)
		power[i] = z[i];
	for (i = SERIES_TERMS; i > 1; i--)
	{
		divide(power, 0, (uint64_t) i);
		complement(power);
		multiply(power, power, z);
	}
	complement(power);

	for (i = 0; i < SQUARINGS; i++)
		multiply(power, power, power);
}

/* age_us < 31 half lives */
static uint64_t
exact_weight(uint64_t age_us, uint64_t half_life_us)
{
	uint64_t	whole = age_us / half_life_us;
	uint64_t	rest = age_us % half_life_us;
	uint64_t	power[LIMBS];

	if (rest == 0)
		return (uint64_t) DECAY_WEIGHT_WHOLE >> whole;

	/* one bit more than the weight has, then round half up: no tie is left */
	exact_power(power, rest, half_life_us);
	return ((power[0] >> (32 + whole)) + 1) >> 1;
}

void
decay_rate_init(DecayRate *rate, uint64_t half_life_us)
{
	int			bits = 64 - __builtin_clzll(half_life_us);
	uint128_weight dividend = ((uint128_weight) 1 << (63 + bits)) - 1;

	rate->half_life_us = half_life_us;
	rate->reciprocal = (uint64_t) (dividend / half_life_us);
	rate->left = bits < AGE_BITS ? AGE_BITS - bits : 0;
	rate->right = bits > AGE_BITS ? bits - AGE_BITS : 0;
}

/* 2^(-fraction / 2^58), see above */
static inline uint64_t
fast_power(uint64_t fraction)
{
	uint64_t	first = power_table[0][(fraction >> (FRACTION_BITS - DIGIT_BITS)) & DIGIT_MASK];
	uint64_t	second = power_table[1][(fraction >> REST_BITS) & DIGIT_MASK];
	uint64_t	rest = fraction & ((UINT64_C(1) << REST_BITS) - 1);
	uint64_t	power = (uint64_t) (((uint128_weight) first * second) >> 64);
	uint64_t	t;
	uint64_t	square;
	uint64_t	cube;

	/* 64 bits behind the point: t < 2^51.5, square < 2^38, cube < 2^24 */
	t = (uint64_t) (((uint128_weight) (rest << (64 - FRACTION_BITS)) * LN2_64) >> 64);
	square = (uint64_t) (((uint128_weight) t * t) >> 65);
	cube = (uint64_t) (((uint128_weight) square * t) >> 64) / 3;

	return power - (uint64_t) (((uint128_weight) power * (t - square + cube)) >> 64);
}

/* age / h in units of 2^-58, age below 32 h; see above */
static inline uint64_t
half_lives(const DecayRate *rate, uint64_t age_us)
{
	uint64_t	aligned = age_us << rate->left >> rate->right;

	return (uint64_t) (((uint128_weight) aligned * rate->reciprocal) >> 64);
}

static inline uint64_t
weight_at(const DecayRate *rate, uint64_t age_us)
{
	uint64_t	x;
	uint64_t	power;
	uint64_t	rounded;
	int			whole;
	int			shift;

	if (age_us / DECAY_WEIGHT_HALF_LIVES >= rate->half_life_us)
		return 0;

	x = half_lives(rate, age_us);
	whole = (int) (x >> FRACTION_BITS);
	if (whole == DECAY_WEIGHT_HALF_LIVES - 1)
		return 1;

	power = fast_power(x & FRACTION_MASK);

	/* the weight is power / 2^shift, 31 <= shift <= 61 */
	shift = POWER_BITS - 31 + whole;
	rounded = power + (UINT64_C(1) << (shift - 1));
	if (((rounded + FAST_ERROR) & ((UINT64_C(1) << shift) - 1)) <= 2 * FAST_ERROR)
		return exact_weight(age_us, rate->half_life_us);
	return rounded >> shift;
}

uint64_t
decay_weight_at(const DecayRate *rate, uint64_t age_us)
{
	return weight_at(rate, age_us);
}

uint64_t
decay_weight(uint64_t age_us, uint64_t half_life_us)
{
	DecayRate	rate;

	decay_rate_init(&rate, half_life_us);
	return weight_at(&rate, age_us);
}

void
decay_weights(const DecayRate *rate, int64_t newest, const int64_t *touched_at,
			  int64_t *weights, size_t n)
{
	size_t		i;

	/* the difference of two int64 fits in uint64, whatever their signs */
	for (i = 0; i < n; i++)
		weights[i] = (int64_t) weight_at(rate, (uint64_t) newest - (uint64_t) touched_at[i]);
}

/* An age as half lives and a rest whose power is kept: any age. */
static inline uint64_t
split_age(const DecayRate *rate, uint64_t age_us, uint64_t *whole)
{
	uint64_t	x;

	*whole = 0;
	if (age_us / DECAY_WEIGHT_HALF_LIVES >= rate->half_life_us)
	{
		*whole = age_us / rate->half_life_us;
		age_us %= rate->half_life_us;
	}
	x = half_lives(rate, age_us);
	*whole += x >> FRACTION_BITS;
	return x & FRACTION_MASK;
}

void
decay_powers(const DecayRate *rate, int64_t moment, const int64_t *touched_at,
			 DecayPower *powers, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
		powers[i].power = fast_power(split_age(rate, (uint64_t) moment - (uint64_t) touched_at[i],
											   &powers[i].whole)) << 1;
}

uint64_t
decay_path_weights(const DecayRate *rate, int64_t moment, const int64_t *touched_at,
				   const DecayPower *powers, uint32_t *weights, size_t n)
{
	const uint64_t newest = (uint64_t) touched_at[n - 1];
	const int	shift = POWER_BITS - 32;	/* the product has half the power of age 0 */
	uint64_t	whole;
	uint64_t	rest = split_age(rate, (uint64_t) moment - newest, &whole);
	uint64_t	inverse = rest == 0 ? UINT64_C(1) << POWER_BITS :
		fast_power((FRACTION_MASK + 1) - rest) << 1;
	uint64_t	sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint64_t	halvings = powers[i].whole - whole;
		uint64_t	rounded;
		uint64_t	weight = 0;

		if (halvings <= DECAY_WEIGHT_HALF_LIVES + 1)
		{
			rounded = ((uint64_t) (((uint128_weight) powers[i].power * inverse) >> 64) >> halvings) +
				(UINT64_C(1) << (shift - 1));
			if (((rounded + PRODUCT_ERROR) & ((UINT64_C(1) << shift) - 1)) <= 2 * PRODUCT_ERROR)
				weight = weight_at(rate, newest - (uint64_t) touched_at[i]);
			else
				weight = rounded >> shift;
		}
		weights[i] = (uint32_t) weight;
		sum += weight;
	}
	return sum;
}
