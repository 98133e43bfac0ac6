/*
 * tally_write.h
 *	  What a tally adds goes into tables of hourly buckets.
 */
#ifndef PG_INFLUENCE_TALLY_WRITE_H
#define PG_INFLUENCE_TALLY_WRITE_H

#include "tally.h"

/*
 * Adds the buckets of a key to a table (post_hour, creator_hour, product_hour, category_hour); returns how many rows that wrote.
 * columns: where kinds and then, if they are counted, visitors go. After tally_finish().
 */
extern int64 tally_write(const Tally *tally, int place, const char *table, char *const *columns, int nkinds);

#endif							/* PG_INFLUENCE_TALLY_WRITE_H */
