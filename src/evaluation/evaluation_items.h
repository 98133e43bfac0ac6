/*
 * evaluation_items.h
 *	  The items of evaluate_ranking(), for evaluation_input.c.
 */
#ifndef PG_INFLUENCE_EVALUATION_ITEMS_H
#define PG_INFLUENCE_EVALUATION_ITEMS_H

#include "../common/id_map.h"
#include "evaluation_core.h"

/*
 * Fills the groups of data by the query's rows: creators and rarest categories
 * of the items that are in the map; number_of gives an item's number by the
 * order it came in.
 */
extern void evaluation_items_read(EvaluationData *data, const char *text, const IdMap *items, const uint32 *number_of);

#endif							/* PG_INFLUENCE_EVALUATION_ITEMS_H */
