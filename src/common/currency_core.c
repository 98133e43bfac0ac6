/*
 * currency_core.c
 *	  ISO 4217: how many decimals a currency has, and amounts as text.
 *
 * Only the currencies whose minor unit is not a hundredth are listed (ISO 4217
 * list one, maintained by SIX).  An unlisted code has two decimals: the
 * standard adds and retires codes more often than this file can follow, and
 * nearly every one of them has two.
 */
#include "currency_core.h"

#include <string.h>

typedef struct CurrencyDigits
{
	char		code[4];
	int			digits;
} CurrencyDigits;

static const CurrencyDigits unusual_digits[] = {
	{"BIF", 0}, {"CLP", 0}, {"DJF", 0}, {"GNF", 0}, {"ISK", 0}, {"JPY", 0},
	{"KMF", 0}, {"KRW", 0}, {"PYG", 0}, {"RWF", 0}, {"UGX", 0}, {"UYI", 0},
	{"VND", 0}, {"VUV", 0}, {"XAF", 0}, {"XOF", 0}, {"XPF", 0},
	{"BHD", 3}, {"IQD", 3}, {"JOD", 3}, {"KWD", 3}, {"LYD", 3}, {"OMR", 3},
	{"TND", 3},
	{"CLF", 4}, {"UYW", 4}
};

bool
currency_code_is_valid(const char *code, size_t length)
{
	size_t		i;

	if (length != 3)
		return false;
	for (i = 0; i < 3; i++)
	{
		if (code[i] < 'A' || code[i] > 'Z')
			return false;
	}
	return true;
}

int
currency_minor_digits(const char *code)
{
	size_t		i;

	for (i = 0; i < sizeof(unusual_digits) / sizeof(unusual_digits[0]); i++)
	{
		if (memcmp(code, unusual_digits[i].code, 3) == 0)
			return unusual_digits[i].digits;
	}
	return 2;
}

/*
 * Digits are written from the last one backwards, at least one of them before
 * the point; 19 digits, a point, a zero and a sign stay below the size.
 */
size_t
currency_format(int64_t amount, int digits, char out[CURRENCY_TEXT_SIZE])
{
	char		reversed[CURRENCY_TEXT_SIZE];
	uint64_t	rest = amount < 0 ? UINT64_C(0) - (uint64_t) amount : (uint64_t) amount;
	size_t		length = 0;
	size_t		i;
	int			written = 0;

	while (rest > 0 || written <= digits)
	{
		if (written == digits && digits > 0)
			reversed[length++] = '.';
		reversed[length++] = (char) ('0' + rest % 10);
		rest /= 10;
		written++;
	}
	if (amount < 0)
		reversed[length++] = '-';

	for (i = 0; i < length; i++)
		out[i] = reversed[length - 1 - i];
	out[length] = '\0';
	return length;
}
