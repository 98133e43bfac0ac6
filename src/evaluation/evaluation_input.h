/*
 * evaluation_input.h
 *	  The queries of evaluate_ranking(): interactions, and items with their
 *	  creator and categories.
 */
#ifndef PG_INFLUENCE_EVALUATION_INPUT_H
#define PG_INFLUENCE_EVALUATION_INPUT_H

#include "utils/palloc.h"

#include "../common/id_map.h"
#include "evaluation_core.h"

/* allocates in the current memory context */
extern const EvaluationHost evaluation_host;

/* Runs both queries as the caller; items may be NULL. */
extern void evaluation_input_read(EvaluationData *data, const char *interactions, const char *items);

#endif							/* PG_INFLUENCE_EVALUATION_INPUT_H */
