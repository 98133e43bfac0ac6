/*
 * errors.h
 *	  SQLSTATEs of pg_influence: class IN, one code per kind of mistake a
 *	  caller can make and mend.
 *
 * PL/pgSQL raises the same codes by number (USING ERRCODE = 'IN003'); the list
 * for users is docs/reference/errors.md.
 */
#ifndef PG_INFLUENCE_ERRORS_H
#define PG_INFLUENCE_ERRORS_H

#include "utils/elog.h"

/* tables are missing or older than the code: SELECT influence.install() */
#define ERRCODE_INFLUENCE_NOT_INSTALLED MAKE_SQLSTATE('I', 'N', '0', '0', '1')
/* an argument has a value that cannot be meant */
#define ERRCODE_INFLUENCE_INVALID_ARGUMENT MAKE_SQLSTATE('I', 'N', '0', '0', '2')
/* a program, creator, product, ... that is not there */
#define ERRCODE_INFLUENCE_UNKNOWN_OBJECT MAKE_SQLSTATE('I', 'N', '0', '0', '3')
/* the natural key is known with other content */
#define ERRCODE_INFLUENCE_KEY_CONFLICT MAKE_SQLSTATE('I', 'N', '0', '0', '4')
/* a rule of the program refuses it */
#define ERRCODE_INFLUENCE_REFUSED MAKE_SQLSTATE('I', 'N', '0', '0', '5')
/* an amount leaves the range of bigint */
#define ERRCODE_INFLUENCE_MONEY_OVERFLOW MAKE_SQLSTATE('I', 'N', '0', '0', '6')
/* more is returned than was bought */
#define ERRCODE_INFLUENCE_OVER_RETURN MAKE_SQLSTATE('I', 'N', '0', '0', '7')
/* a query argument lacks a column or has it with another type */
#define ERRCODE_INFLUENCE_QUERY_SHAPE MAKE_SQLSTATE('I', 'N', '0', '0', '8')
/* this server may not pay: SELECT influence.adopt_cluster() */
#define ERRCODE_INFLUENCE_NOT_ADOPTED MAKE_SQLSTATE('I', 'N', '0', '0', '9')
/* part of the contract, not built yet */
#define ERRCODE_INFLUENCE_NOT_SUPPORTED MAKE_SQLSTATE('I', 'N', '0', '1', '0')
/* validity ranges of equal rules overlap */
#define ERRCODE_INFLUENCE_OVERLAP MAKE_SQLSTATE('I', 'N', '0', '1', '1')

#endif							/* PG_INFLUENCE_ERRORS_H */
