/*
 * fixed_exp2_core.h
 *	  2^x for 0 <= x < 1 in integers: the same bits on every machine.
 *
 * Pure C without PostgreSQL.  Needs a compiler with unsigned __int128.
 */
#ifndef PG_INFLUENCE_FIXED_EXP2_CORE_H
#define PG_INFLUENCE_FIXED_EXP2_CORE_H

#include <stdint.h>

#define FIXED_EXP2_MIN_BITS 32
#define FIXED_EXP2_MAX_BITS 63

/* the result has 62 bits behind the point: 2^62 stands for 1 */
#define FIXED_EXP2_RESULT_BITS 62

/*
 * 2^(fraction / 2^bits), FIXED_EXP2_MIN_BITS <= bits <= FIXED_EXP2_MAX_BITS and
 * fraction < 2^bits.  The result lies in [2^62, 2^63]; its relative error is
 * below 2^-59.
 */
extern uint64_t fixed_exp2(uint64_t fraction, int bits);

#endif							/* PG_INFLUENCE_FIXED_EXP2_CORE_H */
