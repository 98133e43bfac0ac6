/*
 * money_sql.h
 *	  The way of money between SQL and the core: rates, rounding, weights and
 *	  errors.
 */
#ifndef PG_INFLUENCE_MONEY_SQL_H
#define PG_INFLUENCE_MONEY_SQL_H

#include "utils/array.h"
#include "utils/numeric.h"

#include "money_core.h"

/* more shares than this are refused: splitting does not check interrupts */
#define MONEY_MAX_WEIGHTS 1000000

/* A rate in units of 10^-9; what names it in errors, as "rate". */
extern int64 money_rate_from_numeric(Numeric rate, const char *what);

/* A weight in units of 10^-9, at most 2^63-1 of them. */
extern int64 money_weight_from_numeric(Numeric weight);

/* half_up, half_even or down */
extern MoneyRounding money_rounding_from_text(text *rounding);

/* Raise the error a status stands for, return if it is MONEY_OK. */
extern void money_check(MoneyStatus status);

/*
 * The weights of a numeric[] as integers on one common scale, in palloc'd
 * memory: none negative, their sum between 1 and 2^63-1.
 */
extern int64 *money_weights_from_array(ArrayType *weights, int *n);

#endif							/* PG_INFLUENCE_MONEY_SQL_H */
