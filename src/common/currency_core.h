/*
 * currency_core.h
 *	  ISO 4217: how many decimals a currency has, and amounts as text.
 *
 * Pure C without PostgreSQL.
 */
#ifndef PG_INFLUENCE_CURRENCY_CORE_H
#define PG_INFLUENCE_CURRENCY_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sign, 19 digits, a leading zero, point, terminator, rounded up */
#define CURRENCY_TEXT_SIZE 32

/* three upper-case ASCII letters? */
extern bool currency_code_is_valid(const char *code, size_t length);

/* Decimals of the minor unit; code is valid. */
extern int	currency_minor_digits(const char *code);

/* Write amount / 10^digits, 0 <= digits <= 4; returns the length. */
extern size_t currency_format(int64_t amount, int digits,
							  char out[CURRENCY_TEXT_SIZE]);

#endif							/* PG_INFLUENCE_CURRENCY_CORE_H */
