/*
 * attribution_orders_core.h
 *	  The lines of a visitor as orders: when each happened, and what the
 *	  earlier ones left of the visitor's touches.
 *
 * Pure C without PostgreSQL. The caller sorts, so that it can stay
 * interruptible:
 *
 *		sort lines by attribution_line_compare_order
 *		attribution_orders_date(lines, n)		-> converted_at, order_first_id
 *		sort lines by attribution_line_compare_time
 *		attribution_orders_number(lines, n)		-> order_number, path_start
 *		sort pointers to the lines by attribution_line_compare_product
 *		attribution_orders_carts(pointers, n)	-> cart_start
 *
 * The first two are needed where orders have several lines, the last two where
 * orders consume touches and there are carts.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_ORDERS_CORE_H
#define PG_INFLUENCE_ATTRIBUTION_ORDERS_CORE_H

#include "attribution_core.h"

/* for qsort over AttributionConversion */
extern int	attribution_line_compare_order(const void *a, const void *b);
extern int	attribution_line_compare_time(const void *a, const void *b);

/* for qsort over AttributionConversion * */
extern int	attribution_line_compare_product(const void *a, const void *b);

extern void attribution_orders_date(AttributionConversion *lines, size_t n);
extern void attribution_orders_number(AttributionConversion *lines, size_t n);
extern void attribution_orders_carts(AttributionConversion **lines, size_t n);

#endif							/* PG_INFLUENCE_ATTRIBUTION_ORDERS_CORE_H */
