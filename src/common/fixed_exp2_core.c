/*
 * fixed_exp2_core.c
 *	  2^x for 0 <= x < 1 in integers: the same bits on every machine.
 *
 * libm's exp2 may differ in its last bit between machines and versions, which
 * integer weights and exact accumulators must not.  The fraction is cut into
 * four hexadecimal digits and a rest r < 2^-16:
 *
 *		2^x = 2^(d1/16) * 2^(d2/16^2) * 2^(d3/16^3) * 2^(d4/16^4) * e^(r ln 2)
 *
 * The first four factors come from tables (entry n of table g is
 * round(2^62 * 2^(n / 16^(g+1)))), the last is 1 + t + t^2/2 + t^3/6.
 *
 * Error, in units of 2^-62 relative to the value: four table entries and four
 * rounded products at 1/2 each; the series is computed with 64 bits behind the
 * point, where four truncations lose less than 4 * 2^-64 and the next term,
 * t^4/24, less than 2^-70: below 1 1/8.  Together below 5 1/8, less than the
 * 2^-59 promised.
 */
#include "fixed_exp2_core.h"

typedef unsigned __int128 uint128_fixed;

#define EXP2_DIGITS 4			/* table lookups, each of four bits */
#define EXP2_REST_BITS (FIXED_EXP2_MAX_BITS - 4 * EXP2_DIGITS)

/* round(2^64 * ln 2) */
#define LN2_64 UINT64_C(0xB17217F7D1CF79AC)

static const uint64_t exp2_table[EXP2_DIGITS][16] = {
	{
		UINT64_C(0x4000000000000000), UINT64_C(0x42D561B3E6243D8A), UINT64_C(0x45CAE0F1F545EB73), UINT64_C(0x48E1E9B9D588E19B),
		UINT64_C(0x4C1BF828C6DC54B8), UINT64_C(0x4F7A993048D088D7), UINT64_C(0x52FF6B54D8A89C75), UINT64_C(0x56AC1F752150A563),
		UINT64_C(0x5A827999FCEF3242), UINT64_C(0x5E8451CFAC061B5F), UINT64_C(0x62B39508AA836D6F), UINT64_C(0x6712460A8FC24072),
		UINT64_C(0x6BA27E656B4EB57A), UINT64_C(0x70666F76154A7089), UINT64_C(0x75606373EE921C97), UINT64_C(0x7A92BE8A92436616)
	},
	{
		UINT64_C(0x4000000000000000), UINT64_C(0x402C6BE96AF2FB58), UINT64_C(0x4058F6A7ECCCD5B6), UINT64_C(0x4085A050EC0A036A),
		UINT64_C(0x40B268F9DE0183BA), UINT64_C(0x40DF50B846EF302B), UINT64_C(0x410C57A1B9FE12F6), UINT64_C(0x41397DCBD952C4A6),
		UINT64_C(0x4166C34C5615D0EC), UINT64_C(0x41942838F07E22A3), UINT64_C(0x41C1ACA777DB771B), UINT64_C(0x41EF50ADCAA0D899),
		UINT64_C(0x421D1461D66F2023), UINT64_C(0x424AF7D9981F7E98), UINT64_C(0x4278FB2B1BCE0D15), UINT64_C(0x42A71E6C7CE464AF)
	},
	{
		UINT64_C(0x4000000000000000), UINT64_C(0x4002C5D7BFF71DAF), UINT64_C(0x40058BCE410147E8), UINT64_C(0x400851E384739941),
		UINT64_C(0x400B18178BA33B14), UINT64_C(0x400DDE6A57E56584), UINT64_C(0x4010A4DBEA8F5F7E), UINT64_C(0x40136B6C44F67EB5),
		UINT64_C(0x4016321B687027A8), UINT64_C(0x4018F8E95651CDA2), UINT64_C(0x401BBFD60FF0F2B5), UINT64_C(0x401E86E196A327C3),
		UINT64_C(0x40214E0BEBBE0C77), UINT64_C(0x4024155510974F4B), UINT64_C(0x4026DCBD0684AD86), UINT64_C(0x4029A443CEDBF33F)
	},
	{
		UINT64_C(0x4000000000000000), UINT64_C(0x40002C5C955DD701), UINT64_C(0x400058B9497B8152), UINT64_C(0x400085161C591443),
		UINT64_C(0x4000B1730DF6A524), UINT64_C(0x4000DDD01E544947), UINT64_C(0x40010A2D4D7215FB), UINT64_C(0x4001368A9B502092),
		UINT64_C(0x400162E807EE7E5B), UINT64_C(0x40018F45934D44A8), UINT64_C(0x4001BBA33D6C88CA), UINT64_C(0x4001E801064C6010),
		UINT64_C(0x4002145EEDECDFCD), UINT64_C(0x400240BCF44E1D50), UINT64_C(0x40026D1B19702DEB), UINT64_C(0x400299795D5326F0)
	}
};

uint64_t
fixed_exp2(uint64_t fraction, int bits)
{
	uint64_t	x = fraction << (FIXED_EXP2_MAX_BITS - bits);
	uint64_t	rest = x & ((UINT64_C(1) << EXP2_REST_BITS) - 1);
	uint64_t	value = exp2_table[0][(x >> 59) & 15];
	uint64_t	t;
	uint64_t	square;
	uint64_t	cube;
	uint64_t	series;
	int			digit;

	for (digit = 1; digit < EXP2_DIGITS; digit++)
	{
		uint64_t	factor = exp2_table[digit][(x >> (59 - 4 * digit)) & 15];

		value = (uint64_t) (((uint128_fixed) value * factor +
							 (UINT64_C(1) << 61)) >> 62);
	}

	/* 64 bits behind the point: t < 2^47.5, square < 2^30, cube < 2^13 */
	t = (uint64_t) (((uint128_fixed) rest * LN2_64) >> FIXED_EXP2_MAX_BITS);
	square = (uint64_t) (((uint128_fixed) t * t) >> 65);
	cube = (uint64_t) (((uint128_fixed) square * t) >> 64) / 3;
	series = t + square + cube;

	return value + (uint64_t) (((uint128_fixed) value * series +
								(UINT64_C(1) << 63)) >> 64);
}
