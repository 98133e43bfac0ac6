/*
 * money_fuzz.c
 *	  money_core, commission_core and currency_core against plain definitions:
 *	  signed 128-bit arithmetic, and the largest remainder method by search.
 */
#include "fuzz.h"

#include "../../src/commission/commission_core.h"
#include "../../src/common/currency_core.h"
#include "../../src/common/money_core.h"

typedef __int128 int128_fuzz;

#define MAX_WEIGHTS 40

static int128_fuzz
round_quotient(int128_fuzz product, int64_t divisor, MoneyRounding rounding)
{
	int128_fuzz quotient = product / divisor;
	int128_fuzz rest = product % divisor;
	int128_fuzz away = product < 0 ? -1 : 1;

	if (rest < 0)
		rest = -rest;
	if (rounding == MONEY_HALF_UP && rest >= divisor - rest)
		return quotient + away;
	if (rounding == MONEY_HALF_EVEN &&
		(rest > divisor - rest || (rest == divisor - rest && quotient % 2 != 0)))
		return quotient + away;
	return quotient;
}

static void
check_mul_div(FuzzInput *in)
{
	int64_t		a = take_i64(in);
	int64_t		b = take_i64(in);
	int64_t		d = take_i64(in);
	MoneyRounding rounding = (MoneyRounding) take_below(in, 2);
	int64_t		result = 42;
	MoneyStatus status = money_mul_div(a, b, d, rounding, &result);
	int128_fuzz wanted;

	if (d <= 0)
	{
		MUST(status == MONEY_BAD_BASE);
		return;
	}
	wanted = round_quotient((int128_fuzz) a * b, d, rounding);
	if (wanted < INT64_MIN || wanted > INT64_MAX)
		MUST(status == MONEY_OVERFLOW);
	else
		MUST(status == MONEY_OK && result == wanted);
}

static void
check_split(FuzzInput *in)
{
	int64_t		amount = take_i64(in);
	size_t		n = (size_t) take_below(in, MAX_WEIGHTS);
	uint8_t		size = take_u8(in);
	int64_t    *weights = fuzz_alloc(n * sizeof(int64_t));
	int64_t    *shares = fuzz_alloc(n * sizeof(int64_t));
	MoneyRemainder *scratch = fuzz_alloc(n * sizeof(MoneyRemainder));
	int128_fuzz whole = amount < 0 ? -(int128_fuzz) amount : amount;
	MoneySplit	split;
	int128_fuzz wanted[MAX_WEIGHTS];
	int128_fuzz rest[MAX_WEIGHTS];
	int128_fuzz sum = 0;
	int128_fuzz left = whole;
	bool		bad = false;
	MoneyStatus status;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		weights[i] = size % 3 == 0 ? take_i64(in)
			: size % 3 == 1 ? take_positive(in) / (int64_t) n
			: take_u8(in) % 8;
		bad = bad || weights[i] < 0;
		sum += weights[i];
	}
	bad = bad || sum == 0 || sum > INT64_MAX;

	status = money_split(amount, weights, n, shares, scratch);
	if (bad)
		MUST(status == MONEY_BAD_WEIGHTS);
	else
	{
		MUST(status == MONEY_OK);
		for (i = 0; i < n; i++)
		{
			wanted[i] = whole * weights[i] / sum;
			rest[i] = whole * weights[i] % sum;
			left -= wanted[i];
		}
		for (; left > 0; left--)
		{
			size_t		best = 0;

			for (i = 1; i < n; i++)
			{
				if (rest[i] > rest[best])
					best = i;
			}
			wanted[best]++;
			rest[best] = -1;
		}
		for (i = 0; i < n; i++)
			MUST(shares[i] == (amount < 0 ? -wanted[i] : wanted[i]));

		memset(shares, 0, n * sizeof(int64_t));
		money_split_start(&split, amount, weights, n, shares, scratch);
		while (money_split_step(&split))
			;
		MUST(split.status == MONEY_OK);
		for (i = 0; i < n; i++)
			MUST(shares[i] == (amount < 0 ? -wanted[i] : wanted[i]));
	}
	free(weights);
	free(shares);
	free(scratch);
}

/* Pieces of a return take back what one return of their sum does. */
static void
check_clawback(FuzzInput *in)
{
	int64_t		commission = take_i64(in);
	int64_t		base = take_i64(in);
	MoneyRounding rounding = (MoneyRounding) take_below(in, 2);
	int64_t		returned = 0;
	int128_fuzz taken = 0;
	int64_t		whole;
	int64_t		piece;
	int			i;

	for (i = 0; i < 4; i++)
	{
		int64_t		now = take_i64(in);
		MoneyStatus status;

		if (base > 0 && now >= 0 && now % 5 != 0)
			now %= base;
		status = commission_clawback(commission, base, returned, now, rounding, &piece);
		if (base < 0 || now < 0)
			MUST(status == MONEY_BAD_BASE);
		else if ((int128_fuzz) returned + now > base)
			MUST(status == MONEY_OVER_RETURN);
		else
		{
			MUST(status == MONEY_OK);
			returned += now;
			taken += piece;
		}
	}
	if (base >= 0)
	{
		MUST(commission_clawback(commission, base, 0, returned, rounding, &whole) == MONEY_OK);
		MUST(whole == taken);
		MUST(commission_clawback(commission, base, returned, base - returned, rounding, &piece) == MONEY_OK);
		MUST(base == 0 ? piece == 0 : taken + piece == commission);
	}
}

/* The text of an amount says the amount, with that many decimals. */
static void
check_format(FuzzInput *in)
{
	int64_t		amount = take_i64(in);
	int			digits = (int) take_below(in, 4);
	char	   *text = fuzz_alloc(CURRENCY_TEXT_SIZE);
	size_t		length = currency_format(amount, digits, text);
	int128_fuzz value = 0;
	size_t		i;

	MUST(length == strlen(text) && length < CURRENCY_TEXT_SIZE);
	MUST((text[0] == '-') == (amount < 0));
	for (i = text[0] == '-'; i < length; i++)
	{
		if (digits > 0 && i == length - 1 - (size_t) digits)
			MUST(text[i] == '.');
		else
		{
			MUST(text[i] >= '0' && text[i] <= '9');
			value = value * 10 + (text[i] - '0');
		}
	}
	MUST(value == (amount < 0 ? -(int128_fuzz) amount : amount));
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	switch (take_below(&in, 3))
	{
		case 0:
			check_mul_div(&in);
			break;
		case 1:
			check_split(&in);
			break;
		case 2:
			check_clawback(&in);
			break;
		case 3:
			check_format(&in);
			break;
	}
	return 0;
}
