/*
 * currency_test.c
 *	  currency_core: ISO 4217 decimals and amounts as text; and fixed_exp2_core,
 *	  against values computed with 50 digits in Python.
 */
#include "tap.h"

#include "../../src/common/currency_core.h"
#include "../../src/common/fixed_exp2_core.h"

static void
test_digits(void)
{
	static const struct
	{
		int			digits;
		const char *codes;
	}			cases[] = {
		{0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
		{2, "EUR USD GBP CHF SEK INR BRL HUF AAA ZZZ"},
		{3, "BHD IQD JOD KWD LYD OMR TND"},
		{4, "CLF UYW"}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		bool		right = true;

		for (const char *code = cases[i].codes;; code += 4)
		{
			right = currency_minor_digits(code) == cases[i].digits && right;
			if (code[3] == '\0')
				break;
		}
		ok(right, cases[i].codes);
	}

	ok(currency_code_is_valid("EUR", 3), "EUR is a code");
	ok(!currency_code_is_valid("eur", 3), "lower case is none");
	ok(!currency_code_is_valid("EURO", 4), "four letters are none");
	ok(!currency_code_is_valid("EU", 2), "two letters are none");
	ok(!currency_code_is_valid("E1R", 3), "digits are none");
}

static void
test_format(void)
{
	static const struct
	{
		int64_t		amount;
		int			digits;
		const char *want;
	}			cases[] = {
		{1234, 2, "12.34"}, {-5, 2, "-0.05"}, {12, 0, "12"}, {0, 2, "0.00"},
		{0, 0, "0"}, {-100, 2, "-1.00"}, {7, 3, "0.007"}, {-12345, 4, "-1.2345"},
		{INT64_MAX, 2, "92233720368547758.07"},
		{INT64_MIN, 4, "-922337203685477.5808"},
		{INT64_MIN, 0, "-9223372036854775808"}
	};
	char		text[CURRENCY_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t		length = currency_format(cases[i].amount, cases[i].digits, text);

		is_str(text, cases[i].want, cases[i].want);
		if (length != strlen(cases[i].want))
			ok(false, "length of the text");
	}
}

/* |got / want - 1| < 2^-59 */
static bool
is_close(uint64_t got, uint64_t want)
{
	uint64_t	off = got > want ? got - want : want - got;

	return off < want >> 59;
}

static void
test_exp2(void)
{
	uint64_t	previous = 0;
	int			wrong = 0;

	ok(fixed_exp2(0, 63) == UINT64_C(1) << 62, "2^0 is exactly 1");
	ok(is_close(fixed_exp2(UINT64_C(1) << 31, 32), UINT64_C(6521908912666391106)), "2^(1/2)");
	ok(is_close(fixed_exp2(UINT64_C(1) << 62, 63), UINT64_C(6521908912666391106)), "2^(1/2) of 63 bits");
	ok(is_close(fixed_exp2(UINT64_C(3074457345618258602), 63), UINT64_C(5810360290122541960)), "2^(1/3)");
	ok(is_close(fixed_exp2(0xFFFFFFFF, 32), UINT64_C(9223372035366253572)), "2^(1 - 2^-32)");
	ok(is_close(fixed_exp2(UINT64_C(0x123456789ABCDEF), 60), UINT64_C(4844693523008358481)), "2^0.0711...");
	ok(fixed_exp2((UINT64_C(1) << 63) - 1, 63) <= UINT64_C(1) << 63, "never above 2");

	for (uint64_t i = 0; i < 100000; i++)
	{
		uint64_t	value = fixed_exp2(i * UINT64_C(92233720368547), 63);

		if (value < previous)
			wrong++;
		previous = value;
	}
	is_i64(wrong, 0, "100,000 steps never fall");
}

int
main(void)
{
	test_digits();
	test_format();
	test_exp2();
	return done_testing();
}
